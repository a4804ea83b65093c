import { Anchor, Button, Card, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { IconUserCheck } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import {
  capital,
  EmptyState,
  ErrorAlert,
  Loading,
  Moment,
  NotPermitted,
  PageHeader,
  StatusBadge,
} from "@/components/ui";
import { graphql } from "@/gql";
import type { ApprovalState } from "@/gql/graphql";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { ApprovalRules } from "./ApprovalRules";

const Approvals = graphql(`
  query Approvals($partition: ID!, $state: [ApprovalState!], $after: String) {
    partition(id: $partition) {
      approvals(state: $state, first: 30, after: $after) {
        nodes {
          id
          state
          summary
          requestedBy
          requestedAt
          expiresAt
          needed
          mayDecide
          votes {
            name
            approves
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
        totalCount
      }
    }
  }
`);

const views: Record<string, ApprovalState[]> = {
  waiting: ["PENDING", "APPROVED"],
  decided: ["DONE", "REJECTED", "WITHDRAWN", "EXPIRED", "FAILED"],
};

/** What waits for other people, what became of what did, and the rules that say what has to. */
export function ApprovalsPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/approvals" });
  const { view = "waiting" } = useSearch({ from: "/signed-in/p/$partitionId/approvals" });
  const navigate = useNavigate({ from: "/p/$partitionId/approvals" });
  const can = useCan(partitionId);
  const list = useInfiniteQuery({
    queryKey: ["approvals", partitionId, view],
    queryFn: ({ pageParam }) =>
      request(Approvals, { partition: partitionId, state: views[view] ?? null, after: pageParam }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) =>
      last.partition?.approvals.pageInfo.hasNextPage ? last.partition.approvals.pageInfo.endCursor : undefined,
    enabled: can("approval:browse") && view in views,
    refetchInterval: 10_000,
  });
  if (!can("approval:browse")) return <NotPermitted permission="approval:browse" />;
  const nodes = list.data?.pages.flatMap((p) => p.partition?.approvals.nodes ?? []) ?? [];
  return (
    <>
      <PageHeader
        title="Approvals"
        description="What one person asks for and others must agree to before it is done. Nobody approves their own."
      />
      <SegmentedControl
        mb="md"
        aria-label="View"
        value={view}
        onChange={(v) => void navigate({ search: v === "waiting" ? {} : { view: v } })}
        data={[
          { value: "waiting", label: "Waiting" },
          { value: "decided", label: "Decided" },
          { value: "rules", label: "Rules" },
        ]}
      />
      {view === "rules" ? (
        <ApprovalRules partitionId={partitionId} />
      ) : (
        <>
          <ErrorAlert error={list.error} retry={() => void list.refetch()} />
          {list.isPending && <Loading />}
          {list.data && nodes.length === 0 && (
            <EmptyState icon={<IconUserCheck />} title={view === "waiting" ? "Nothing waits" : "Nothing decided yet"}>
              {view === "waiting"
                ? "When somebody asks for what needs approval, it appears here and those who can approve it get a mail."
                : "What was approved, rejected, withdrawn or expired is kept here."}{" "}
              <Anchor
                inherit
                renderRoot={(props) => (
                  <Link to="/p/$partitionId/approvals" params={{ partitionId }} search={{ view: "rules" }} {...props} />
                )}
              >
                {can("approval:manage") ? "Say what needs approval" : "See what needs approval"}
              </Anchor>
            </EmptyState>
          )}
          <Stack gap="sm" component="ul" p={0} m={0} style={{ listStyle: "none" }}>
            {nodes.map((a) => (
              <Card
                key={a.id}
                component="li"
                withBorder
                padding="md"
                style={a.mayDecide ? { borderColor: "var(--mantine-color-yellow-6)" } : undefined}
              >
                <Group justify="space-between" align="flex-start" gap="xs">
                  <Stack gap={2} style={{ flex: "1 1 260px", minWidth: 0 }}>
                    <Anchor
                      fw={600}
                      style={{ overflowWrap: "anywhere" }}
                      renderRoot={(props) => (
                        <Link to="/p/$partitionId/approvals/$id" params={{ partitionId, id: a.id }} {...props} />
                      )}
                    >
                      {capital(a.summary)}
                    </Anchor>
                    <Text size="sm" c="dimmed" component="div" style={{ overflowWrap: "anywhere" }}>
                      {a.requestedBy}, <Moment at={a.requestedAt} />
                    </Text>
                  </Stack>
                  <Stack gap={4} align="flex-end">
                    <StatusBadge status={a.state} />
                    <Text size="sm">
                      {a.state === "PENDING"
                        ? a.mayDecide
                          ? "Waits for you"
                          : `${a.votes.filter((v) => v.approves).length} of ${a.needed} approved`
                        : null}
                    </Text>
                  </Stack>
                </Group>
              </Card>
            ))}
          </Stack>
          {list.hasNextPage && (
            <Group justify="center" mt="md">
              <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                Show more
              </Button>
            </Group>
          )}
        </>
      )}
    </>
  );
}
