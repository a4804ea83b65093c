import { Anchor, Button, Card, Group, Menu, Modal, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconDeviceDesktop } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { EmptyState, ErrorAlert, Loading, Moment, PageHeader, Scroll, StatusBadge } from "@/components/ui";
import { graphql } from "@/gql";
import type { EndEntityStatus } from "@/gql/graphql";
import { formatCounted } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";

const EndEntities = graphql(`
  query EndEntities($partition: ID!, $after: String, $search: String, $status: EndEntityStatus) {
    partition(id: $partition) {
      endEntities(first: 50, after: $after, search: $search, status: $status) { totalCount pageInfo { hasNextPage endCursor } nodes { id identifier status createdAt expiresAt } }
    }
  }
`);
const Activate = graphql(`mutation Activate($id: ID!) { activateEndEntity(id: $id) { endEntity { id } } }`);
const Deactivate = graphql(`mutation Deactivate($id: ID!) { deactivateEndEntity(id: $id) { endEntity { id } } }`);
const Decommission = graphql(`mutation Decommission($id: ID!) { decommissionEndEntity(id: $id) { endEntity { id } } }`);

export function EndEntitiesPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/end-entities" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/end-entities" });
  const navigate = useNavigate({ from: "/p/$partitionId/end-entities" });
  const can = useCan(partitionId);
  const queryClient = useQueryClient();
  const [ending, setEnding] = useState<{ id: string; identifier: string }>();
  const set = (change: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const typed = useDebouncedCallback((v: string) => set({ search: v || undefined }), 250);
  const list = useInfiniteQuery({
    queryKey: ["end-entities", partitionId, search.search, search.status],
    queryFn: ({ pageParam }) => request(EndEntities, { partition: partitionId, after: pageParam, search: search.search ?? null, status: (search.status as EndEntityStatus) ?? null }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => (last.partition?.endEntities.pageInfo.hasNextPage ? last.partition.endEntities.pageInfo.endCursor : null),
  });
  const change = useMutation({
    mutationFn: ({ id, to }: { id: string; to: EndEntityStatus }) => (to === "ACTIVE" ? request(Activate, { id }) : to === "INACTIVE" ? request(Deactivate, { id }) : request(Decommission, { id })) as Promise<unknown>,
    onSuccess: () => {
      setEnding(undefined);
      void queryClient.invalidateQueries({ queryKey: ["end-entities"] });
    },
  });
  const rows = list.data?.pages.flatMap((p) => p.partition?.endEntities.nodes ?? []) ?? [];
  const filtered = !!(search.search || search.status);
  return (
    <>
      <PageHeader title="End Entities" description="The devices, services and people that certificates are issued to. To one that is not active, nothing is issued." />
      <Group mb="md" align="flex-end">
        <TextInput label="Search" placeholder="Identifier" defaultValue={search.search} onChange={(e) => typed(e.currentTarget.value)} />
        <Select label="Status" clearable placeholder="Any" data={[["ACTIVE", "Active"], ["INACTIVE", "Inactive"], ["DECOMMISSIONED", "Decommissioned"]].map(([value, label]) => ({ value: value!, label: label! }))} value={search.status ?? null} onChange={(s) => set({ status: s ?? undefined })} />
      </Group>
      <ErrorAlert error={list.error ?? change.error} />
      {list.isPending && <Loading />}
      {list.data && rows.length === 0 && (
        <EmptyState icon={<IconDeviceDesktop />} title={filtered ? "No end entity matches" : "No end entity yet"}>
          {filtered ? "Search for something else." : "Name one when you issue a certificate; it then appears here."}
        </EmptyState>
      )}
      {rows.length > 0 && (
        <Card withBorder>
          <Text size="sm" c="dimmed" role="status">
            {formatCounted(list.data?.pages[0]?.partition?.endEntities.totalCount ?? 0)} end entities
          </Text>
          <Scroll label="End entities">
            <Table miw={620}>
              <Table.Thead>
                <Table.Tr>
                  {["Identifier", "Status", "Known since", "Last certificate expires", ""].map((h) => (
                    <Table.Th key={h} aria-label={h || "Actions"}>{h}</Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map((e) => (
                  <Table.Tr key={e.id}>
                    <Table.Td>
                      <Anchor fw={600} size="sm" renderRoot={(p) => <Link to="/p/$partitionId/certificates" params={{ partitionId }} search={{ search: e.identifier }} {...p} />}>
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
                      {can("end-entity:manage") && e.status !== "DECOMMISSIONED" && (
                        <Menu position="bottom-end">
                          <Menu.Target>
                            <Button size="compact-xs" variant="default" aria-label={`Actions for ${e.identifier}`}>
                              Actions
                            </Button>
                          </Menu.Target>
                          <Menu.Dropdown>
                            {e.status === "ACTIVE" ? <Menu.Item onClick={() => change.mutate({ id: e.id, to: "INACTIVE" })}>Deactivate Entity</Menu.Item> : <Menu.Item onClick={() => change.mutate({ id: e.id, to: "ACTIVE" })}>Activate Entity</Menu.Item>}
                            <Menu.Item c="var(--mantine-color-error)" onClick={() => setEnding(e)}>
                              Decommission Entity
                            </Menu.Item>
                          </Menu.Dropdown>
                        </Menu>
                      )}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Scroll>
          {list.hasNextPage && (
            <Button mt="md" variant="default" fullWidth loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
              Show more
            </Button>
          )}
        </Card>
      )}
      <Modal opened={!!ending} onClose={() => setEnding(undefined)} title={<Text fw={650}>Decommission Entity</Text>}>
        <Stack>
          <Text size="sm">Nothing is ever issued to {ending?.identifier} again. Its certificates are not revoked by this.</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setEnding(undefined)} data-autofocus>
              Cancel
            </Button>
            <Button color="red" loading={change.isPending} onClick={() => ending && change.mutate({ id: ending.id, to: "DECOMMISSIONED" })}>
              Decommission
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
