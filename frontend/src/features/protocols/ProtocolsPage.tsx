import { Anchor, Box, Button, Card, Group, Select, Stack, Table, Text, TextInput, Tooltip } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconAlertTriangle, IconPlugConnected, IconPlus } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import {
  EmptyState,
  ErrorAlert,
  Loading,
  Moment,
  NotPermitted,
  PageHeader,
  Scroll,
  StatusBadge,
  capital,
} from "@/components/ui";
import { graphql } from "@/gql";
import type { ProtocolConfigurationStatus, ProtocolType } from "@/gql/graphql";
import { formatNumber } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { protocols, protocolTypes } from "./types";

const CreateProtocol = lazy(() => import("./ProtocolForms").then((m) => ({ default: m.CreateProtocol })));

const Configurations = graphql(`
  query ProtocolConfigurations($partition: ID!, $after: String, $filter: ProtocolConfigurationFilter) {
    partition(id: $partition) {
      protocolConfigurations(first: 50, after: $after, filter: $filter) {
        totalCount
        pageInfo {
          hasNextPage
          endCursor
        }
        nodes {
          id
          identifier
          type
          description
          status
          problem
          createdAt
          offerings {
            id
            name
            ca {
              id
              identifier
              friendlyName
            }
          }
        }
      }
    }
  }
`);

export function ProtocolsPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/protocols" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/protocols" });
  const navigate = useNavigate({ from: "/p/$partitionId/protocols" });
  const can = useCan(partitionId);
  const [cleared, setCleared] = useState(0);
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const typed = useDebouncedCallback((v: string) => set({ search: v || undefined }), 250);
  const filter = {
    search: search.search ?? null,
    type: (search.type as ProtocolType) ?? null,
    status: (search.status as ProtocolConfigurationStatus) ?? null,
  };
  const list = useInfiniteQuery({
    queryKey: ["protocols", partitionId, filter],
    queryFn: ({ pageParam }) => request(Configurations, { partition: partitionId, after: pageParam, filter }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) =>
      last.partition?.protocolConfigurations.pageInfo.hasNextPage
        ? last.partition.protocolConfigurations.pageInfo.endCursor
        : null,
    enabled: can("protocol:browse"),
    placeholderData: keepPreviousData,
  });
  if (!can("protocol:browse")) return <NotPermitted permission="protocol:browse" />;
  const rows = list.data?.pages.flatMap((p) => p.partition?.protocolConfigurations.nodes ?? []) ?? [];
  const total = list.data?.pages[0]?.partition?.protocolConfigurations.totalCount ?? 0;
  const filtered = !!(search.search || search.type || search.status);
  const create = can("protocol:manage") && (
    <Button leftSection={<IconPlus size={16} />} onClick={() => set({ create: "true" })}>
      Create Protocol Config
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Enrollment Protocols"
        description="Servers and devices get and renew their certificates by themselves. Each configuration has an address of its own, and offers certificates by one or more authorities and profiles."
        actions={(rows.length > 0 || filtered) && create}
      />
      {(rows.length > 0 || filtered) && (
        <Group mb="md" align="flex-end" gap="sm">
          <TextInput
            key={cleared}
            label="Search"
            placeholder="Identifier or description"
            defaultValue={search.search}
            onChange={(e) => typed(e.currentTarget.value)}
            style={{ flex: "2 1 220px", maxWidth: 340 }}
          />
          {protocolTypes.length > 1 && (
            <Select
              label="Type"
              clearable
              placeholder="Any"
              data={protocolTypes.map(([value, p]) => ({ value, label: p.label }))}
              value={search.type ?? null}
              onChange={(v) => set({ type: v ?? undefined })}
              style={{ flex: "1 1 140px", maxWidth: 200 }}
            />
          )}
          <Select
            label="Status"
            clearable
            placeholder="Any"
            data={[
              { value: "ACTIVE", label: "Active" },
              { value: "DISABLED", label: "Disabled" },
            ]}
            value={search.status ?? null}
            onChange={(v) => set({ status: v ?? undefined })}
            style={{ flex: "1 1 140px", maxWidth: 200 }}
          />
        </Group>
      )}
      <ErrorAlert error={list.error} retry={() => void list.refetch()} />
      {list.isPending && <Loading />}
      {list.data &&
        rows.length === 0 &&
        (filtered ? (
          <EmptyState
            icon={<IconPlugConnected />}
            title="No configuration matches"
            action={
              <Button
                variant="default"
                onClick={() => {
                  setCleared(cleared + 1);
                  set({ search: undefined, type: undefined, status: undefined });
                }}
              >
                Clear the filters
              </Button>
            }
          />
        ) : (
          <EmptyState icon={<IconPlugConnected />} title="No protocol configuration yet" action={create}>
            {can("protocol:manage")
              ? "Create one: choose the protocol, the authority that issues and the profile. It gets an address that you give to its clients."
              : "An Owner, a CA Administrator or a Protocol Operator creates the first one."}
          </EmptyState>
        ))}
      {rows.length > 0 && (
        <Card withBorder style={{ opacity: list.isPlaceholderData ? 0.6 : 1 }} aria-busy={list.isPlaceholderData}>
          <Text size="sm" c="dimmed" role="status">
            {total === 1 ? "1 configuration" : `${formatNumber(total)} configurations`}
          </Text>
          <Scroll label="Protocol configurations">
            <Table miw={680}>
              <Table.Thead>
                <Table.Tr>
                  {["Identifier", "Type", "Status", "Authority", "Offerings", "Created"].map((h) => (
                    <Table.Th key={h}>{h}</Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map((c) => (
                  <Table.Tr key={c.id}>
                    <Table.Td maw={280}>
                      <Anchor
                        fw={600}
                        ff="monospace"
                        size="sm"
                        renderRoot={(p) => (
                          <Link
                            to="/p/$partitionId/protocols/$identifier"
                            params={{ partitionId, identifier: c.identifier }}
                            {...p}
                          />
                        )}
                      >
                        {c.identifier}
                      </Anchor>
                      <Text size="sm" c="dimmed" lineClamp={2} style={{ overflowWrap: "anywhere" }}>
                        {c.description}
                      </Text>
                    </Table.Td>
                    <Table.Td>{protocols[c.type].label}</Table.Td>
                    <Table.Td>
                      <Group gap={4} wrap="nowrap">
                        <StatusBadge status={c.status} />
                        {c.problem && (
                          <Tooltip label={capital(c.problem)} multiline maw={320}>
                            <Box
                              component="span"
                              role="img"
                              aria-label={`Issues nothing: ${c.problem}`}
                              tabIndex={0}
                              style={{ display: "inline-flex", color: "var(--mantine-color-error)" }}
                            >
                              <IconAlertTriangle size={18} />
                            </Box>
                          </Tooltip>
                        )}
                      </Group>
                    </Table.Td>
                    <Table.Td>
                      <Stack gap={2}>
                        {[...new Map(c.offerings.map((o) => [o.ca.id, o.ca])).values()].map((ca) => (
                          <Anchor
                            key={ca.id}
                            size="sm"
                            renderRoot={(p) => (
                              <Link
                                to="/p/$partitionId/cas/$identifier"
                                params={{ partitionId, identifier: ca.identifier }}
                                {...p}
                              />
                            )}
                          >
                            {ca.friendlyName}
                          </Anchor>
                        ))}
                      </Stack>
                    </Table.Td>
                    <Table.Td style={{ overflowWrap: "anywhere" }}>
                      <Text size="sm">
                        {c.offerings
                          .slice(0, 3)
                          .map((o) => o.name)
                          .join(", ")}
                        {c.offerings.length > 3 && ` and ${c.offerings.length - 3} more`}
                      </Text>
                    </Table.Td>
                    <Table.Td>
                      <Moment at={c.createdAt} />
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Scroll>
          {list.hasNextPage && (
            <Button
              mt="md"
              variant="default"
              fullWidth
              loading={list.isFetchingNextPage}
              onClick={() => void list.fetchNextPage()}
            >
              Show more
            </Button>
          )}
        </Card>
      )}
      {search.create === "true" && can("protocol:manage") && (
        <Suspense>
          <CreateProtocol partitionId={partitionId} onClose={() => set({ create: undefined })} />
        </Suspense>
      )}
    </>
  );
}
