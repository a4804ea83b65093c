import { Box, Button, Card, Code, Group, Stack, Text, UnstyledButton } from "@mantine/core";
import { useThrottledCallback } from "@mantine/hooks";
import { IconHistory } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import { CopyText, EmptyState, ErrorAlert, Facts, Loading, Moment, StatusBadge } from "@/components/ui";
import { graphql } from "@/gql";
import type { AuditFilter, EventsQuery } from "@/gql/graphql";
import { formatCounted } from "@/lib/format";
import { request, subscribe } from "@/lib/graphql";

const Events = graphql(`
  query Events($partition: ID!, $first: Int!, $after: String, $filter: AuditFilter) {
    partition(id: $partition) {
      auditEvents(first: $first, after: $after, filter: $filter) {
        totalCount
        pageInfo {
          hasNextPage
          endCursor
        }
        nodes {
          sequence
          time
          action
          result
          actorKind
          actorName
          ipAddress
          requestId
          objectKind
          objectId
          objectName
          summary
          details
          hash
        }
      }
    }
  }
`);
const Live = graphql(`
  subscription LiveEvents($partition: ID!) {
    auditEvents(partitionId: $partition) {
      sequence
    }
  }
`);

type Event = NonNullable<EventsQuery["partition"]>["auditEvents"]["nodes"][number];

/** Events, newest first; each opens to what is known of it. `empty` is shown while there is none and nothing is filtered. */
export function EventList({
  partitionId,
  filter,
  live,
  filtered,
  onClear,
  empty,
}: {
  partitionId: string;
  filter: AuditFilter;
  live: boolean;
  filtered: boolean;
  onClear: () => void;
  empty?: ReactNode;
}) {
  const queryClient = useQueryClient();
  const list = useInfiniteQuery({
    queryKey: ["events", partitionId, filter],
    queryFn: ({ pageParam }) => request(Events, { partition: partitionId, first: 50, after: pageParam, filter }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) =>
      last.partition?.auditEvents.pageInfo.hasNextPage ? last.partition.auditEvents.pageInfo.endCursor : null,
  });
  // A bulk run makes hundreds of events a second: the list follows once a second.
  const reload = useThrottledCallback(
    () => void queryClient.invalidateQueries({ queryKey: ["events", partitionId] }),
    1000,
  );
  useEffect(
    () => (live ? subscribe(Live, { partition: partitionId }, reload) : undefined),
    [live, partitionId, reload],
  );
  const events = list.data?.pages.flatMap((p) => p.partition?.auditEvents.nodes ?? []) ?? [];
  const total = list.data?.pages[0]?.partition?.auditEvents.totalCount ?? 0;
  return (
    <>
      <ErrorAlert error={list.error} retry={() => void list.refetch()} />
      {list.isPending && <Loading lines={8} />}
      {list.data &&
        events.length === 0 &&
        (filtered || !empty ? (
          <EmptyState
            icon={<IconHistory />}
            title={filtered ? "No event matches" : "No event yet"}
            action={
              filtered && (
                <Button variant="default" onClick={onClear}>
                  Clear the filters
                </Button>
              )
            }
          />
        ) : (
          empty
        ))}
      {events.length > 0 && (
        <Card withBorder p={0}>
          <Text size="sm" c="dimmed" px="md" py="xs" role="status">
            {formatCounted(total)} event{total === 1 ? "" : "s"}
          </Text>
          {events.map((e) => (
            <EventRow key={e.sequence} event={e} />
          ))}
          {list.hasNextPage && (
            <Box p="md">
              <Button
                variant="default"
                fullWidth
                loading={list.isFetchingNextPage}
                onClick={() => void list.fetchNextPage()}
              >
                Show older events
              </Button>
            </Box>
          )}
        </Card>
      )}
    </>
  );
}

function endEntityOf(e: Event) {
  const of = (e.details as { endEntity?: unknown }).endEntity;
  return typeof of === "string" ? of : undefined;
}

function EventRow({ event: e }: { event: Event }) {
  const [open, setOpen] = useState(false);
  return (
    <Box style={{ borderTop: "1px solid var(--mantine-color-default-border)" }}>
      <UnstyledButton w="100%" px="md" py="xs" onClick={() => setOpen(!open)} aria-expanded={open}>
        <Group justify="space-between" gap="sm" wrap="nowrap" align="flex-start">
          <Stack gap={0} style={{ minWidth: 0 }}>
            <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
              {e.summary}
            </Text>
            <Text size="xs" c="dimmed" component="div">
              {e.actorName}
              {e.ipAddress && ` from ${e.ipAddress}`} · <Moment at={e.time} /> · {e.action}
              {endEntityOf(e) && ` · for ${endEntityOf(e)}`}
            </Text>
          </Stack>
          <StatusBadge status={e.result} />
        </Group>
      </UnstyledButton>
      {open && (
        <Box px="md" pb="md">
          <Facts
            rows={[
              ["Sequence", e.sequence],
              ["Actor", `${e.actorName} (${e.actorKind})`],
              ["Object", `${e.objectKind} ${e.objectName}`],
              ["Request", e.requestId && <CopyText value={e.requestId} />],
              ["Hash", <CopyText key="h" value={e.hash} />],
              [
                "Details",
                <Code key="d" block>
                  {JSON.stringify(e.details, null, 2)}
                </Code>,
              ],
            ]}
          />
        </Box>
      )}
    </Box>
  );
}
