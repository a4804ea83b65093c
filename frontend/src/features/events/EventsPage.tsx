import { Badge, Box, Button, Card, Code, Group, Select, Stack, Switch, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedCallback, useThrottledCallback } from "@mantine/hooks";
import { IconHistory, IconLink, IconLinkOff } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { ExportButtons } from "@/components/ExportButtons";
import { CopyText, EmptyState, ErrorAlert, Facts, Loading, Moment, PageHeader, StatusBadge } from "@/components/ui";
import { graphql } from "@/gql";
import type { AuditResult, EventsQuery } from "@/gql/graphql";
import { formatCounted, formatNumber } from "@/lib/format";
import { request, subscribe } from "@/lib/graphql";

const Events = graphql(`
  query Events($partition: ID!, $first: Int!, $after: String, $filter: AuditFilter) {
    partition(id: $partition) {
      auditEvents(first: $first, after: $after, filter: $filter) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes { sequence time action result actorKind actorName ipAddress requestId objectKind objectId objectName summary details hash }
      }
    }
  }
`);
const Verify = graphql(`query VerifyAudit($partition: ID!) { partition(id: $partition) { auditVerification { intact events brokenAt headHash } } }`);
const Live = graphql(`subscription LiveEvents($partition: ID!) { auditEvents(partitionId: $partition) { sequence } }`);

type Event = NonNullable<EventsQuery["partition"]>["auditEvents"]["nodes"][number];

export function EventsPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/events" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/events" });
  const navigate = useNavigate({ from: "/p/$partitionId/events" });
  const queryClient = useQueryClient();
  const [live, setLive] = useState(true);
  const set = (change: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const typed = useDebouncedCallback((v: string) => set({ search: v || undefined }), 250);
  const filter = { search: search.search ?? null, action: search.action ?? null, result: (search.result as AuditResult) ?? null, objectId: search.object ?? null };
  const list = useInfiniteQuery({
    queryKey: ["events", partitionId, filter],
    queryFn: ({ pageParam }) => request(Events, { partition: partitionId, first: 50, after: pageParam, filter }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => (last.partition?.auditEvents.pageInfo.hasNextPage ? last.partition.auditEvents.pageInfo.endCursor : null),
  });
  const verification = useQuery({ queryKey: ["audit-verification", partitionId], queryFn: () => request(Verify, { partition: partitionId }), staleTime: 60_000 });
  // A bulk run makes hundreds of events a second: the list follows once a second.
  const reload = useThrottledCallback(() => void queryClient.invalidateQueries({ queryKey: ["events", partitionId] }), 1000);
  useEffect(() => (live ? subscribe(Live, { partition: partitionId }, reload) : undefined), [live, partitionId, reload]);
  const events = list.data?.pages.flatMap((p) => p.partition?.auditEvents.nodes ?? []) ?? [];
  const total = list.data?.pages[0]?.partition?.auditEvents.totalCount ?? 0;
  const v = verification.data?.partition?.auditVerification;
  const filtered = !!(search.search || search.action || search.result || search.object);
  return (
    <>
      <PageHeader
        title="Events"
        description="Everything that was done here, and everything that was refused. Nothing can be altered or removed unseen: each event holds the hash of the one before it."
        actions={<ExportButtons path={`/export/${partitionId}/events`} query={filter} label="events" />}
      />
      <Group mb="md" align="flex-end">
        <TextInput label="Search" placeholder="Who, what or which" defaultValue={search.search} onChange={(e) => typed(e.currentTarget.value)} style={{ flex: "2 1 220px" }} />
        <Select label="About" clearable placeholder="Everything" data={[["certificate.", "Certificates"], ["ca.", "Certificate authorities"], ["crl.", "CRLs"], ["user.", "Users"], ["role.", "Roles"], ["token.", "API tokens"], ["end-entity.", "End entities"]].map(([value, label]) => ({ value: value!, label: label! }))} value={search.action ?? null} onChange={(a) => set({ action: a ?? undefined })} style={{ flex: "1 1 160px" }} />
        <Select label="Result" clearable placeholder="Any" data={[["SUCCESS", "Success"], ["REFUSED", "Refused"], ["FAILED", "Failed"]].map(([value, label]) => ({ value: value!, label: label! }))} value={search.result ?? null} onChange={(r) => set({ result: r ?? undefined })} style={{ flex: "1 1 120px" }} />
        <Switch label="Live" checked={live} onChange={(e) => setLive(e.currentTarget.checked)} mb={8} />
        {v && (
          <Badge size="lg" variant="light" tt="none" mb={6} color={v.intact ? "teal" : "red"} leftSection={v.intact ? <IconLink size={14} /> : <IconLinkOff size={14} />} styles={{ root: { color: "var(--mantine-color-text)" } }}>
            {v.intact ? `Chain of ${formatNumber(v.events)} events intact` : `Chain broken at event ${v.brokenAt}`}
          </Badge>
        )}
      </Group>
      <ErrorAlert error={list.error} retry={() => void list.refetch()} />
      <ErrorAlert error={verification.error} retry={() => void verification.refetch()} />
      {list.isPending && <Loading lines={8} />}
      {list.data && events.length === 0 && <EmptyState icon={<IconHistory />} title={filtered ? "No event matches" : "No event yet"} action={filtered && <Button variant="default" onClick={() => void navigate({ search: {}, replace: true })}>Clear the filters</Button>} />}
      {events.length > 0 && (
        <Card withBorder p={0}>
          <Text size="sm" c="dimmed" px="md" py="xs" role="status">
            {formatCounted(total)} events
          </Text>
          {events.map((e) => (
            <EventRow key={e.sequence} event={e} />
          ))}
          {list.hasNextPage && (
            <Box p="md">
              <Button variant="default" fullWidth loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                Show older events
              </Button>
            </Box>
          )}
        </Card>
      )}
    </>
  );
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
              ["Details", <Code key="d" block>{JSON.stringify(e.details, null, 2)}</Code>],
            ]}
          />
        </Box>
      )}
    </Box>
  );
}
