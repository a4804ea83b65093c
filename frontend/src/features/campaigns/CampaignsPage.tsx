import { Anchor, Button, Card, Progress, Table, Text } from "@mantine/core";
import { IconCalendarRepeat, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import {
  EmptyState,
  ErrorAlert,
  Loading,
  Moment,
  NotPermitted,
  PageHeader,
  Scroll,
  StatusBadge,
} from "@/components/ui";
import { graphql } from "@/gql";
import { formatNumber } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";

const CreateCampaign = lazy(() => import("./CreateCampaign").then((m) => ({ default: m.CreateCampaign })));

const Campaigns = graphql(`
  query RenewalCampaigns($partition: ID!, $after: String) {
    partition(id: $partition) {
      renewalCampaigns(first: 50, after: $after) {
        pageInfo {
          hasNextPage
          endCursor
        }
        nodes {
          id
          name
          state
          total
          beginsAt
          endsAt
          revokeAt
          createdBy
          progress {
            replaced
          }
        }
      }
    }
  }
`);

export function CampaignsPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/campaigns" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/campaigns" });
  const navigate = useNavigate({ from: "/p/$partitionId/campaigns" });
  const can = useCan(partitionId);
  const query = useInfiniteQuery({
    queryKey: ["campaigns", partitionId],
    queryFn: ({ pageParam }) => request(Campaigns, { partition: partitionId, after: pageParam }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) =>
      last.partition?.renewalCampaigns.pageInfo.hasNextPage
        ? last.partition.renewalCampaigns.pageInfo.endCursor
        : undefined,
    enabled: can("protocol:browse"),
    refetchInterval: 5_000,
  });
  if (!can("protocol:browse")) return <NotPermitted permission="protocol:browse" />;
  const list = query.data?.pages.flatMap((p) => p.partition?.renewalCampaigns.nodes ?? []) ?? [];
  const create = can("protocol:manage") && (
    <Button leftSection={<IconPlus size={16} />} onClick={() => void navigate({ search: { create: "true" } })}>
      Create Renewal Campaign
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Renewal Campaigns"
        description="Have the ACME clients of many certificates renew them within a time, spread evenly, without touching a client: before a CA is replaced, an algorithm is retired or a key is no longer trusted."
        actions={list.length > 0 && create}
      />
      <ErrorAlert error={query.error} retry={() => void query.refetch()} />
      {query.isPending && <Loading />}
      {query.data && list.length === 0 && (
        <EmptyState icon={<IconCalendarRepeat />} title="No renewal campaign yet" action={create}>
          {can("protocol:manage")
            ? "Choose certificates that were issued through ACME, and by when they are to be renewed. Clients that ask for renewal information (ARI) follow; the others are listed, and can be revoked at the end."
            : "An Owner, a CA Administrator or a Protocol Operator creates the first one."}
        </EmptyState>
      )}
      {list.length > 0 && (
        <Card withBorder>
          <Scroll label="Renewal campaigns">
            <Table miw={700}>
              <Table.Thead>
                <Table.Tr>
                  {["Name", "Status", "Renewed", "Begins", "Ends", "Revokes the rest"].map((h) => (
                    <Table.Th key={h}>{h}</Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {list.map((c) => (
                  <Table.Tr key={c.id}>
                    <Table.Td maw={260} style={{ overflowWrap: "anywhere" }}>
                      <Anchor
                        fw={600}
                        size="sm"
                        renderRoot={(p) => (
                          <Link to="/p/$partitionId/campaigns/$id" params={{ partitionId, id: c.id }} {...p} />
                        )}
                      >
                        {c.name}
                      </Anchor>
                      <Text size="xs" c="dimmed">
                        by {c.createdBy}
                      </Text>
                    </Table.Td>
                    <Table.Td>
                      <StatusBadge status={c.state} />
                    </Table.Td>
                    <Table.Td miw={140}>
                      <Text size="sm">
                        {formatNumber(c.progress.replaced)} of {formatNumber(c.total)}
                      </Text>
                      <Progress
                        value={c.total ? (100 * c.progress.replaced) / c.total : 0}
                        color="teal"
                        aria-label={`Renewed of ${c.name}`}
                      />
                    </Table.Td>
                    <Table.Td>
                      <Moment at={c.beginsAt} />
                    </Table.Td>
                    <Table.Td>
                      <Moment at={c.endsAt} />
                    </Table.Td>
                    <Table.Td>{c.revokeAt ? <Moment at={c.revokeAt} /> : "no"}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Scroll>
          {query.hasNextPage && (
            <Button
              mt="md"
              variant="default"
              fullWidth
              loading={query.isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              Show more
            </Button>
          )}
        </Card>
      )}
      {search.create === "true" && can("protocol:manage") && (
        <Suspense>
          <CreateCampaign partitionId={partitionId} onClose={() => void navigate({ search: {}, replace: true })} />
        </Suspense>
      )}
    </>
  );
}
