import { Button } from "@mantine/core";
import { IconCertificate, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { CertificateTable } from "@/components/certificates";
import { IssueDrawer } from "@/components/IssueDrawer";
import { EmptyState, PageHeader } from "@/components/ui";
import { graphql } from "@/gql";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";

const CaNames = graphql(`
  query CaNames($partition: ID!) {
    partition(id: $partition) {
      certificationAuthorities(first: 500) {
        nodes {
          id
          identifier
          friendlyName
        }
      }
    }
  }
`);

export function CertificatesPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/certificates" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/certificates" });
  const navigate = useNavigate({ from: "/p/$partitionId/certificates" });
  const can = useCan(partitionId);
  const cas = useQuery({
    queryKey: ["ca-names", partitionId],
    queryFn: () => request(CaNames, { partition: partitionId }),
  });
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const issue = can("certificate:issue") && (
    <Button leftSection={<IconPlus size={16} />} onClick={() => set({ issue: "true" })}>
      Issue Certificate
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Certificates"
        description="Everything that was issued in this partition, by whatever way."
        actions={issue}
      />
      <CertificateTable
        partitionId={partitionId}
        search={search}
        onSearch={set}
        cas={cas.data?.partition?.certificationAuthorities.nodes ?? []}
        empty={
          <EmptyState icon={<IconCertificate />} title="No certificate yet" action={issue}>
            {can("certificate:issue")
              ? "Issue the first one from a certificate signing request, or let the server make the key."
              : "Certificates appear here once they are issued."}
          </EmptyState>
        }
      />
      {search.issue === "true" && can("certificate:issue") && (
        <IssueDrawer partitionId={partitionId} onClose={() => set({ issue: undefined })} />
      )}
    </>
  );
}
