import { Anchor, Box, Button, Group, SegmentedControl, Select, Switch, Table, Text, TextInput } from "@mantine/core";
import { IconBuildingBank, IconHierarchy3, IconList, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { EmptyState, ErrorAlert, Loading, PageHeader, Scroll, StatusBadge } from "@/components/ui";
import { graphql } from "@/gql";
import type { CasQuery } from "@/gql/graphql";
import { caStanding, caTypes } from "@/lib/ca";
import { formatNumber, formatRemaining, sentence, shorten } from "@/lib/format";
import { requestAll } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { Hierarchy } from "./Hierarchy";

const CreateCa = lazy(() => import("./CreateCa").then((m) => ({ default: m.CreateCa })));

const Cas = graphql(`
  query Cas($partition: ID!, $deleted: Boolean!, $after: String) {
    partition(id: $partition) {
      certificationAuthorities(includeDeleted: $deleted, first: 500, after: $after) {
        nodes {
          id
          identifier
          friendlyName
          type
          status
          signingAlgorithm
          subject
          expiresAt
          activeCertificates
          parent {
            id
          }
          brokenBy {
            id
            friendlyName
            status
          }
          certificate {
            serialNumber
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

export type CaRow = NonNullable<CasQuery["partition"]>["certificationAuthorities"]["nodes"][number];

const statuses = [
  "ACTIVE",
  "CREATING",
  "PENDING_CERTIFICATE",
  "DISABLED",
  "EXPIRED",
  "REVOKED",
  "FAILED",
  "DELETED",
  "CANNOT_BE_RELIED_ON",
];

export function CasPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/cas" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/cas" });
  const navigate = useNavigate({ from: "/p/$partitionId/cas" });
  const can = useCan(partitionId);
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const [typed, setTyped] = useState(search.search ?? "");
  const deleted = search.deleted === "true" || search.status === "DELETED";
  const cas = useQuery({
    queryKey: ["cas", partitionId, deleted],
    queryFn: () => requestAll(Cas, { partition: partitionId, deleted }, (r) => r.partition?.certificationAuthorities),
    refetchInterval: (q) =>
      q.state.data?.partition?.certificationAuthorities.nodes.some((c) => c.status === "CREATING") ? 700 : 10_000,
  });
  const all = cas.data?.partition?.certificationAuthorities.nodes ?? [];
  const wanted = (search.search ?? "").toLowerCase();
  const found = all.filter(
    (c) =>
      (!search.type || c.type === search.type) &&
      (!search.status || caStanding(c) === search.status) &&
      `${c.friendlyName} ${c.identifier} ${c.subject} ${c.certificate?.serialNumber ?? ""}`
        .toLowerCase()
        .includes(wanted),
  );
  const picture = search.view !== "list";
  const create = can("ca:create") && (
    <Button leftSection={<IconPlus size={16} />} onClick={() => set({ create: "true", parent: undefined })}>
      Create Authority
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Certificate Authorities"
        description="Roots certify intermediate and issuing CAs; issuing CAs certify everything else."
        actions={create}
      />
      <Group mb="md" gap="sm">
        <SegmentedControl
          aria-label="View"
          value={picture ? "picture" : "list"}
          onChange={(v) => set({ view: v === "list" ? "list" : undefined })}
          data={[
            {
              value: "picture",
              label: (
                <Group gap={6} wrap="nowrap">
                  <IconHierarchy3 size={16} /> Hierarchy
                </Group>
              ),
            },
            {
              value: "list",
              label: (
                <Group gap={6} wrap="nowrap">
                  <IconList size={16} /> List
                </Group>
              ),
            },
          ]}
        />
        {search.status !== "DELETED" && (
          <Switch
            label="Show deleted"
            checked={deleted}
            onChange={(e) => set({ deleted: e.currentTarget.checked ? "true" : undefined })}
          />
        )}
      </Group>
      <Group mb="md" gap="sm">
        <TextInput
          label="Search"
          placeholder="Name, identifier, subject, serial"
          value={typed}
          onChange={(e) => {
            setTyped(e.currentTarget.value);
            set({ search: e.currentTarget.value || undefined });
          }}
          style={{ flex: "2 1 220px" }}
        />
        <Select
          label="Type"
          placeholder="Any"
          clearable
          data={Object.entries(caTypes).map(([value, t]) => ({ value, label: t.label }))}
          value={search.type ?? null}
          onChange={(v) => set({ type: v ?? undefined })}
          style={{ flex: "1 1 200px" }}
        />
        <Select
          label="Status"
          placeholder="Any"
          clearable
          data={statuses.map((value) => ({ value, label: sentence(value) }))}
          value={search.status ?? null}
          onChange={(v) => set({ status: v ?? undefined })}
          style={{ flex: "1 1 160px" }}
        />
      </Group>
      <ErrorAlert error={cas.error} retry={() => void cas.refetch()} />
      {cas.isPending && <Loading />}
      {cas.data && all.length === 0 && (
        <EmptyState icon={<IconBuildingBank />} title="No certificate authority yet" action={create}>
          {can("ca:create")
            ? "Begin with a root. Then create an issuing CA below it, which issues certificates to servers, devices and people."
            : "An Owner or a CA Administrator creates the first one."}
        </EmptyState>
      )}
      {all.length > 0 && found.length === 0 && (
        <EmptyState
          icon={<IconBuildingBank />}
          title="No certificate authority matches"
          action={
            <Button
              variant="default"
              onClick={() => {
                setTyped("");
                set({ search: undefined, type: undefined, status: undefined });
              }}
            >
              Clear the filters
            </Button>
          }
        />
      )}
      {found.length > 0 &&
        (picture ? (
          <Hierarchy partitionId={partitionId} cas={found} />
        ) : (
          <Scroll label="Certificate authorities">
            <Table miw={760}>
              <Table.Thead>
                <Table.Tr>
                  {["Name", "Type", "Status", "Algorithm", "Active certificates", "Serial number", "Expiration"].map(
                    (h) => (
                      <Table.Th key={h}>{h}</Table.Th>
                    ),
                  )}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {found.map((c) => (
                  <Table.Tr key={c.id}>
                    <Table.Td>
                      <Anchor
                        fw={600}
                        renderRoot={(p) => (
                          <Link
                            to="/p/$partitionId/cas/$identifier"
                            params={{ partitionId, identifier: c.identifier }}
                            {...p}
                          />
                        )}
                      >
                        {c.friendlyName}
                      </Anchor>
                      <Text size="sm" c="dimmed" ff="monospace">
                        {c.identifier}
                      </Text>
                    </Table.Td>
                    <Table.Td>{caTypes[c.type].label}</Table.Td>
                    <Table.Td>
                      <StatusBadge status={caStanding(c)} />
                      {c.brokenBy && (
                        <Text size="xs" c="dimmed">
                          {c.brokenBy.friendlyName} above it is {c.brokenBy.status.toLowerCase()}
                        </Text>
                      )}
                    </Table.Td>
                    <Table.Td>{c.signingAlgorithm}</Table.Td>
                    <Table.Td>{formatNumber(c.activeCertificates)}</Table.Td>
                    <Table.Td ff="monospace">{c.certificate ? shorten(c.certificate.serialNumber) : ""}</Table.Td>
                    <Table.Td>Expires in {formatRemaining(c.expiresAt)}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Scroll>
        ))}
      {search.create === "true" && can("ca:create") && (
        <Suspense fallback={<Box />}>
          <CreateCa
            partitionId={partitionId}
            parentIdentifier={search.parent}
            cas={all}
            onClose={() => set({ create: undefined, parent: undefined })}
          />
        </Suspense>
      )}
    </>
  );
}
