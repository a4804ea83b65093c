import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { EndEntityTable } from "@/components/EndEntityTable";
import { PageHeader } from "@/components/ui";

export function EndEntitiesPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/end-entities" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/end-entities" });
  const navigate = useNavigate({ from: "/p/$partitionId/end-entities" });
  return (
    <>
      <PageHeader
        title="End Entities"
        description="The devices, services and people that certificates are issued to. To one that is not active, nothing is issued."
      />
      <EndEntityTable
        partitionId={partitionId}
        search={search}
        onSearch={(change) => void navigate({ search: (s) => ({ ...s, ...change }), replace: true })}
        empty="Name one when you issue a certificate; it then appears here."
      />
    </>
  );
}
