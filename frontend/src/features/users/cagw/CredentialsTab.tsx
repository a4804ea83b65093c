import { ActionIcon, Button, Card, Group, Menu, Stack, Table, Text, Tooltip } from "@mantine/core";
import { IconDots, IconPlugConnected, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { EmptyState, ErrorAlert, Loading, Moment, Scroll, StatusBadge } from "@/components/ui";
import { requestAll } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { CreateCredential, DeleteCredential, EditRoles, RenewCredential } from "./CredentialForms";
import { IssuedCredential } from "./IssuedCredential";
import { Credentials, roleLabel, type Credential, type Issued } from "./queries";
import { rowsOf } from "./RolesEditor";
import { UseCredential } from "./UseCredential";

type Deed = "roles" | "renew" | "delete";

export default function CredentialsTab({ partitionId, creating }: { partitionId: string; creating: boolean }) {
  const navigate = useNavigate({ from: "/p/$partitionId/users" });
  const editable = useCan(partitionId)("token:manage");
  const query = useQuery({
    queryKey: ["cagw", partitionId],
    queryFn: () => requestAll(Credentials, { partition: partitionId }, (r) => r.partition?.cagwCredentials),
    refetchInterval: 10_000,
  });
  const [shown, setShown] = useState<{ issued: Issued; renewed: boolean }>();
  const [deed, setDeed] = useState<{ what: Deed; credential: Credential }>();
  const open = (create?: string) => navigate({ search: { tab: "cagw", create }, replace: true });
  const partition = query.data?.partition;
  if (query.isPending) return <Loading />;
  if (!partition) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  const list = partition.cagwCredentials.nodes;
  const root = query.data?.deployment.tlsRootCertificate ?? null;
  if (shown)
    return (
      <IssuedCredential
        partitionId={partitionId}
        url={partition.cagwUrl}
        root={root}
        issued={shown.issued}
        renewed={shown.renewed}
        onDone={() => setShown(undefined)}
      />
    );
  const show = async (issued: Issued, renewed: boolean) => {
    setDeed(undefined);
    if (creating) await open(); // before the guard of what is shown next stands in the way
    setShown({ issued, renewed });
  };
  const add = editable && (
    <Button leftSection={<IconPlus size={14} />} size="sm" onClick={() => void open("true")}>
      Create CAGW Credential
    </Button>
  );
  return (
    <Stack>
      <ErrorAlert error={query.error} />
      {list.length === 0 ? (
        <EmptyState icon={<IconPlugConnected />} title="No CAGW credential yet" action={add}>
          Ansible, Vault, OpenBao and scripts issue and revoke through the CA Gateway API. Each signs in with a client
          certificate that has roles on the authorities you choose.
        </EmptyState>
      ) : (
        <Card withBorder>
          <Group justify="space-between" mb="xs">
            <Text size="sm" c="dimmed" maw={560}>
              Client certificates for the CA Gateway API, each with roles on the authorities you choose.
            </Text>
            {add}
          </Group>
          <Scroll label="CAGW credentials">
            <Table miw={820}>
              <Table.Thead>
                <Table.Tr>
                  {["Credential", "Roles", "Expires", "Last use", ...(editable ? [""] : [])].map((h) => (
                    <Table.Th key={h} aria-label={h || "Actions"}>
                      {h}
                    </Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {list.map((c) => (
                  <Table.Tr key={c.id}>
                    <Table.Td>
                      <Text size="sm" fw={600} ff="monospace">
                        {c.identifier}
                      </Text>
                      <Text size="sm">{c.friendlyName}</Text>
                      <Text size="xs" c="dimmed">
                        by {c.createdBy}
                      </Text>
                    </Table.Td>
                    <Table.Td>
                      <Roles credential={c} />
                    </Table.Td>
                    <Table.Td>
                      {c.status === "EXPIRED" && <StatusBadge status="EXPIRED" />} <Moment at={c.expiresAt} />
                      {c.previousEndsAt && (
                        <Text size="xs" c="dimmed" component="div">
                          previous file: until <Moment at={c.previousEndsAt} />
                        </Text>
                      )}
                    </Table.Td>
                    <Table.Td>
                      {c.lastUsedAt ? <Moment at={c.lastUsedAt} /> : "never"}
                      {c.lastUsedFrom && (
                        <Text size="xs" c="dimmed">
                          from {c.lastUsedFrom}
                        </Text>
                      )}
                    </Table.Td>
                    {editable && (
                      <Table.Td>
                        {c.mayChange ? (
                          <Menu position="bottom-end">
                            <Menu.Target>
                              <ActionIcon variant="subtle" color="gray" aria-label={`Actions of ${c.identifier}`}>
                                <IconDots size={18} />
                              </ActionIcon>
                            </Menu.Target>
                            <Menu.Dropdown>
                              <Menu.Item onClick={() => setDeed({ what: "roles", credential: c })}>
                                Edit Roles
                              </Menu.Item>
                              <Menu.Item onClick={() => setDeed({ what: "renew", credential: c })}>
                                Renew CAGW Credential
                              </Menu.Item>
                              <Menu.Item onClick={() => setDeed({ what: "delete", credential: c })}>Delete</Menu.Item>
                            </Menu.Dropdown>
                          </Menu>
                        ) : (
                          <Text size="xs" c="dimmed">
                            has permissions you do not have
                          </Text>
                        )}
                      </Table.Td>
                    )}
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Scroll>
        </Card>
      )}
      {list.length > 0 && (
        <UseCredential partitionId={partitionId} url={partition.cagwUrl} root={root} credentials={list} />
      )}
      {creating && editable && (
        <CreateCredential
          partitionId={partitionId}
          taken={list.map((c) => c.identifier)}
          onClose={() => void open()}
          onIssued={(i) => void show(i, false)}
        />
      )}
      {deed?.what === "roles" && (
        <EditRoles partitionId={partitionId} credential={deed.credential} onClose={() => setDeed(undefined)} />
      )}
      {deed?.what === "renew" && (
        <RenewCredential
          credential={deed.credential}
          onClose={() => setDeed(undefined)}
          onIssued={(i) => void show(i, true)}
        />
      )}
      {deed?.what === "delete" && <DeleteCredential credential={deed.credential} onClose={() => setDeed(undefined)} />}
    </Stack>
  );
}

const few = 3;

function Roles({ credential }: { credential: Credential }) {
  const rows = rowsOf(credential.roles);
  const deleted = new Set(credential.roles.filter((r) => r.ca.deletedAt).map((r) => r.ca.id));
  if (rows.length === 0)
    return (
      <Text size="sm" c="dimmed">
        none: its authorities are gone
      </Text>
    );
  return (
    <Stack gap={2}>
      {rows.slice(0, few).map((r) => (
        <Text key={r.caId} size="sm">
          {roleLabel[r.role]}{" "}
          <Text span size="sm" c="dimmed">
            on {r.name}
            {deleted.has(String(r.caId)) && " (deleted)"}
          </Text>
        </Text>
      ))}
      {rows.length > few && (
        <Tooltip
          multiline
          maw={360}
          label={rows
            .slice(few)
            .map((r) => `${roleLabel[r.role]} on ${r.name}`)
            .join(", ")}
          events={{ hover: true, focus: true, touch: true }}
        >
          <Text size="xs" c="dimmed" tabIndex={0} w="fit-content">
            and {rows.length - few} more
          </Text>
        </Tooltip>
      )}
    </Stack>
  );
}
