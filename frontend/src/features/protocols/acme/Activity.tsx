import { Anchor, Button, Card, Stack, Table, Text } from "@mantine/core";
import { IconListCheck, IconUserPlus } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { EmptyState, ErrorAlert, Loading, Moment, Scroll, StatusBadge } from "@/components/ui";
import { formatNumber, shorten } from "@/lib/format";
import type { PanelProps } from "../types";
import { usePages } from "./useAcme";

function List({
  query,
  total,
  noun,
  headings,
  empty,
  children,
}: {
  query: ReturnType<typeof usePages>["query"];
  total: number;
  noun: [string, string];
  headings: string[];
  empty: ReactNode;
  children: ReactNode;
}) {
  if (query.isPending) return <Loading />;
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  if (total === 0) return empty;
  return (
    <Card withBorder>
      <Text size="sm" c="dimmed" role="status">
        {formatNumber(total)} {noun[total === 1 ? 0 : 1]}
      </Text>
      <Scroll label={noun[1]}>
        <Table miw={680}>
          <Table.Thead>
            <Table.Tr>
              {headings.map((h) => (
                <Table.Th key={h}>{h}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>{children}</Table.Tbody>
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
  );
}

export function Accounts({ configuration: c }: PanelProps) {
  const { query, pages, total } = usePages(c.id, "accounts", (a) => a.accounts);
  return (
    <List
      query={query as never}
      total={total}
      noun={["account", "accounts"]}
      headings={["Account", "Status", "Contact", "EAB key", "Created"]}
      empty={
        <EmptyState icon={<IconUserPlus />} title="No account yet">
          A client makes its account when it first runs with an EAB key: create a key in the tab EAB Keys, and copy a
          command from the Overview.
        </EmptyState>
      }
    >
      {pages
        .flatMap((p) => p.nodes)
        .map((a) => (
          <Table.Tr key={a.id}>
            <Table.Td>
              <Text size="sm" ff="monospace" title={a.thumbprint}>
                {shorten(a.thumbprint)}
              </Text>
            </Table.Td>
            <Table.Td>
              <StatusBadge status={a.status} />
            </Table.Td>
            <Table.Td style={{ overflowWrap: "anywhere" }}>
              {a.contact.map((m) => m.replace(/^mailto:/, "")).join(", ") || (
                <Text span size="sm" c="dimmed">
                  none
                </Text>
              )}
            </Table.Td>
            <Table.Td>
              {a.key.friendlyName}
              {a.key.state !== "ACTIVE" && ` (${a.key.state.toLowerCase()})`}
            </Table.Td>
            <Table.Td>
              <Moment at={a.createdAt} />
            </Table.Td>
          </Table.Tr>
        ))}
    </List>
  );
}

export function Orders({ configuration: c, partitionId }: PanelProps) {
  const { query, pages, total } = usePages(c.id, "orders", (a) => a.orders);
  return (
    <List
      query={query as never}
      total={total}
      noun={["order", "orders"]}
      headings={["Names", "Status", "EAB key", "Certificate or why not", "Created"]}
      empty={
        <EmptyState icon={<IconListCheck />} title="No order yet">
          Each certificate that a client asks for is an order. Those that fail say here why, in the words that the
          client was told.
        </EmptyState>
      }
    >
      {pages
        .flatMap((p) => p.nodes)
        .map((o) => (
          <Table.Tr key={o.id}>
            <Table.Td maw={260}>
              <Text size="sm" lineClamp={3} style={{ overflowWrap: "anywhere" }}>
                {o.identifiers.map((i) => i.value).join(", ")}
              </Text>
            </Table.Td>
            <Table.Td>
              <StatusBadge status={o.status} />
            </Table.Td>
            <Table.Td>{o.account.key.friendlyName}</Table.Td>
            <Table.Td maw={380}>
              {o.certificate && (
                <Anchor
                  size="sm"
                  ff="monospace"
                  renderRoot={(p) => (
                    <Link
                      to="/p/$partitionId/certificates/$id"
                      params={{ partitionId, id: o.certificate!.id }}
                      {...p}
                    />
                  )}
                >
                  {shorten(o.certificate.serialNumber)}
                </Anchor>
              )}
              {o.error && <Problem {...o.error} />}
              {!o.certificate && !o.error && o.approval && (
                <Anchor
                  size="sm"
                  renderRoot={(p) => (
                    <Link to="/p/$partitionId/approvals/$id" params={{ partitionId, id: o.approval!.id }} {...p} />
                  )}
                >
                  Waiting for approval
                </Anchor>
              )}
              {!o.certificate && !o.error && !o.approval && (
                <Text size="sm" c="dimmed">
                  {o.status === "PROCESSING" ? "Waiting for approval" : "Not finished"}
                </Text>
              )}
            </Table.Td>
            <Table.Td>
              <Moment at={o.createdAt} />
            </Table.Td>
          </Table.Tr>
        ))}
    </List>
  );
}

type Told = { type: string; detail: string; identifier: { value: string } | null; subproblems?: readonly Told[] };

function Problem({ type, detail, identifier, subproblems = [] }: Told) {
  return (
    <Stack gap={2}>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        {identifier && !detail.includes(identifier.value) && `${identifier.value}: `}
        {detail}{" "}
        <Text span size="xs" c="dimmed" ff="monospace">
          {type}
        </Text>
      </Text>
      {subproblems.map((p) => (
        <Problem key={p.detail + p.identifier?.value} {...p} />
      ))}
    </Stack>
  );
}
