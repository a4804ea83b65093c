import { Anchor, Button, Card, Drawer, Group, Menu, Modal, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconDeviceDesktop } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { CopyText, EmptyState, ErrorAlert, Facts, Loading, Moment, Scroll, StatusBadge } from "@/components/ui";
import { graphql } from "@/gql";
import type { EndEntityStatus } from "@/gql/graphql";
import { formatCounted, formatNumber } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";

const EndEntities = graphql(`
  query EndEntities($partition: ID!, $after: String, $search: String, $status: EndEntityStatus, $configuration: ID) {
    partition(id: $partition) {
      endEntities(first: 50, after: $after, search: $search, status: $status, protocolConfigurationId: $configuration) {
        totalCount
        pageInfo {
          hasNextPage
          endCursor
        }
        nodes {
          id
          identifier
          status
          createdAt
          expiresAt
        }
      }
    }
  }
`);
const OneEntity = graphql(`
  query EndEntity($id: ID!) {
    endEntity(id: $id) {
      id
      identifier
      status
      createdAt
      expiresAt
      certificates(first: 20) {
        totalCount
        nodes {
          id
          commonName
          subject
          status
          expired
          notAfter
        }
      }
    }
  }
`);
const Activate = graphql(`
  mutation Activate($id: ID!) {
    activateEndEntity(input: { id: $id }) {
      endEntity {
        id
      }
    }
  }
`);
const Deactivate = graphql(`
  mutation Deactivate($id: ID!) {
    deactivateEndEntity(input: { id: $id }) {
      endEntity {
        id
      }
    }
  }
`);
const Decommission = graphql(`
  mutation Decommission($id: ID!) {
    decommissionEndEntity(input: { id: $id }) {
      endEntity {
        id
      }
    }
  }
`);

/** What the address says of a list of end entities. */
export type EndEntitySearch = Partial<Record<"search" | "status", string | undefined>>;

/** End entities of the partition, or those of a configuration of an enrollment protocol, and what can be done with them. */
export function EndEntityTable({
  partitionId,
  configurationId,
  search,
  onSearch,
  empty,
}: {
  partitionId: string;
  configurationId?: string;
  search: EndEntitySearch;
  onSearch: (change: EndEntitySearch) => void;
  empty: ReactNode;
}) {
  const can = useCan(partitionId);
  const queryClient = useQueryClient();
  const [ending, setEnding] = useState<{ id: string; identifier: string }>();
  const [viewing, setViewing] = useState<string>();
  const [cleared, setCleared] = useState(0);
  const typed = useDebouncedCallback((v: string) => onSearch({ search: v || undefined }), 250);
  const list = useInfiniteQuery({
    queryKey: ["end-entities", partitionId, configurationId, search.search, search.status],
    queryFn: ({ pageParam }) =>
      request(EndEntities, {
        partition: partitionId,
        after: pageParam,
        search: search.search ?? null,
        status: (search.status as EndEntityStatus) ?? null,
        configuration: configurationId ?? null,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) =>
      last.partition?.endEntities.pageInfo.hasNextPage ? last.partition.endEntities.pageInfo.endCursor : null,
  });
  const change = useMutation({
    mutationFn: ({ id, to }: { id: string; to: EndEntityStatus }) =>
      (to === "ACTIVE"
        ? request(Activate, { id })
        : to === "INACTIVE"
          ? request(Deactivate, { id })
          : request(Decommission, { id })) as Promise<unknown>,
    onSuccess: () => {
      setEnding(undefined);
      void queryClient.invalidateQueries({ queryKey: ["end-entities"] });
    },
  });
  const rows = list.data?.pages.flatMap((p) => p.partition?.endEntities.nodes ?? []) ?? [];
  const total = list.data?.pages[0]?.partition?.endEntities.totalCount ?? 0;
  const filtered = !!(search.search || search.status);
  return (
    <>
      <Group mb="md" align="flex-end">
        <TextInput
          key={cleared}
          label="Search"
          placeholder="Identifier"
          defaultValue={search.search}
          onChange={(e) => typed(e.currentTarget.value)}
        />
        <Select
          label="Status"
          clearable
          placeholder="Any"
          data={[
            ["ACTIVE", "Active"],
            ["INACTIVE", "Inactive"],
            ["DECOMMISSIONED", "Decommissioned"],
          ].map(([value, label]) => ({ value: value!, label: label! }))}
          value={search.status ?? null}
          onChange={(s) => onSearch({ status: s ?? undefined })}
        />
      </Group>
      <ErrorAlert error={list.error ?? change.error} />
      {list.isPending && <Loading />}
      {list.data && rows.length === 0 && (
        <EmptyState
          icon={<IconDeviceDesktop />}
          title={filtered ? "No end entity matches" : "No end entity yet"}
          action={
            filtered && (
              <Button
                variant="default"
                onClick={() => {
                  setCleared(cleared + 1);
                  onSearch({ search: undefined, status: undefined });
                }}
              >
                Clear the filters
              </Button>
            )
          }
        >
          {filtered ? "Search for something else." : empty}
        </EmptyState>
      )}
      {rows.length > 0 && (
        <Card withBorder>
          <Text size="sm" c="dimmed" role="status">
            {total === 1 ? "1 end entity" : `${formatCounted(total)} end entities`}
          </Text>
          <Scroll label="End entities">
            <Table miw={620}>
              <Table.Thead>
                <Table.Tr>
                  {["Identifier", "Status", "Known since", "Last certificate expires", ""].map((h) => (
                    <Table.Th key={h} aria-label={h || "Actions"}>
                      {h}
                    </Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map((e) => (
                  <Table.Tr key={e.id}>
                    <Table.Td>
                      <Anchor
                        component="button"
                        type="button"
                        fw={600}
                        size="sm"
                        ta="left"
                        style={{ overflowWrap: "anywhere" }}
                        onClick={() => setViewing(e.id)}
                      >
                        {e.identifier}
                      </Anchor>
                    </Table.Td>
                    <Table.Td>
                      <StatusBadge status={e.status} />
                    </Table.Td>
                    <Table.Td>
                      <Moment at={e.createdAt} />
                    </Table.Td>
                    <Table.Td>{e.expiresAt ? <Moment at={e.expiresAt} /> : "none"}</Table.Td>
                    <Table.Td>
                      <Menu position="bottom-end">
                        <Menu.Target>
                          <Button size="compact-xs" variant="default" aria-label={`Actions for ${e.identifier}`}>
                            Actions
                          </Button>
                        </Menu.Target>
                        <Menu.Dropdown>
                          <Menu.Item onClick={() => setViewing(e.id)}>View Entity</Menu.Item>
                          {can("end-entity:manage") && e.status === "ACTIVE" && (
                            <Menu.Item onClick={() => change.mutate({ id: e.id, to: "INACTIVE" })}>
                              Deactivate Entity
                            </Menu.Item>
                          )}
                          {can("end-entity:manage") && e.status === "INACTIVE" && (
                            <Menu.Item onClick={() => change.mutate({ id: e.id, to: "ACTIVE" })}>
                              Activate Entity
                            </Menu.Item>
                          )}
                          {can("end-entity:manage") && e.status !== "DECOMMISSIONED" && (
                            <Menu.Item c="var(--mantine-color-error)" onClick={() => setEnding(e)}>
                              Decommission Entity
                            </Menu.Item>
                          )}
                        </Menu.Dropdown>
                      </Menu>
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
      <Viewed partitionId={partitionId} id={viewing} onClose={() => setViewing(undefined)} />
      <Modal opened={!!ending} onClose={() => setEnding(undefined)} title={<Text fw={650}>Decommission Entity</Text>}>
        <Stack>
          <Text size="sm">
            Nothing is ever issued to {ending?.identifier} again. Its certificates are not revoked by this.
          </Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setEnding(undefined)} data-autofocus>
              Cancel
            </Button>
            <Button
              color="red"
              loading={change.isPending}
              onClick={() => ending && change.mutate({ id: ending.id, to: "DECOMMISSIONED" })}
            >
              Decommission
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function Viewed({ partitionId, id, onClose }: { partitionId: string; id: string | undefined; onClose: () => void }) {
  const query = useQuery({
    queryKey: ["end-entities", "one", id],
    queryFn: () => request(OneEntity, { id: id! }),
    enabled: !!id,
  });
  const e = query.data?.endEntity;
  return (
    <Drawer opened={!!id} onClose={onClose} position="right" size="lg" title={<Text fw={650}>End entity</Text>}>
      <ErrorAlert error={query.error} retry={() => void query.refetch()} />
      {query.isPending && <Loading />}
      {e && (
        <Stack gap="lg">
          <Facts
            rows={[
              ["Identifier", <CopyText key="i" value={e.identifier} />],
              ["Activation", <StatusBadge key="s" status={e.status} />],
              ["Known since", <Moment key="c" at={e.createdAt} />],
              ["Expiration", e.expiresAt && <Moment key="e" at={e.expiresAt} />],
            ]}
          />
          <Stack gap="xs">
            <Text fw={650}>
              {e.certificates.totalCount === 1
                ? "1 certificate"
                : `${formatNumber(e.certificates.totalCount)} certificates`}
            </Text>
            {e.certificates.nodes.map((c) => (
              <Group key={c.id} justify="space-between" wrap="nowrap" gap="xs">
                <Stack gap={0} style={{ minWidth: 0 }}>
                  <Anchor
                    size="sm"
                    truncate
                    renderRoot={(p) => (
                      <Link to="/p/$partitionId/certificates/$id" params={{ partitionId, id: c.id }} {...p} />
                    )}
                  >
                    {c.commonName || c.subject || "no subject"}
                  </Anchor>
                  <Text size="xs" c="dimmed" component="div">
                    until <Moment at={c.notAfter} />
                  </Text>
                </Stack>
                <StatusBadge status={c.expired && c.status === "ISSUED" ? "EXPIRED" : c.status} />
              </Group>
            ))}
            {e.certificates.totalCount > e.certificates.nodes.length && (
              <Text size="xs" c="dimmed">
                The newest {e.certificates.nodes.length} are shown.
              </Text>
            )}
          </Stack>
        </Stack>
      )}
    </Drawer>
  );
}
