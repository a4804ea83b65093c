import {
  Alert,
  Badge,
  Button,
  Checkbox,
  Group,
  Modal,
  NumberInput,
  Progress,
  SegmentedControl,
  SimpleGrid,
  Stack,
  Table,
  Text,
  Textarea,
} from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { capital, Command, CopyText, ErrorAlert, Facts, fieldError, Moment, Scroll, Section } from "@/components/ui";
import { graphql } from "@/gql";
import { formatNumber } from "@/lib/format";
import { request } from "@/lib/graphql";
import type { Ca } from "./CaPage";

const Publish = graphql(`
  mutation PublishCrl($id: ID!) {
    publishCrl(input: { caId: $id }) {
      certificationAuthority {
        id
      }
    }
  }
`);
const Configure = graphql(`
  mutation UpdateCrlSettings($input: UpdateCrlSettingsInput!) {
    updateCrlSettings(input: $input) {
      certificationAuthority {
        id
      }
    }
  }
`);
const Accept = graphql(`
  mutation AcceptHeldCrl($input: AcceptHeldCrlInput!) {
    acceptHeldCrl(input: $input) {
      certificationAuthority {
        id
      }
    }
  }
`);

const titles = {
  HELD: "The CRL is held back",
  KEY_AWAY: "The CRL of an earlier key is held back",
  CLOCK_BEHIND: "The clock of the server is behind",
};

/** Says so when a list is held back, and lets a person who knows why publish it. */
export function HeldCrl({ ca, mayAccept }: { ca: Ca; mayAccept: boolean }) {
  const queryClient = useQueryClient();
  const [accepting, setAccepting] = useState(false);
  const [reason, setReason] = useState("");
  const accept = useMutation({
    mutationFn: () => request(Accept, { input: { caId: ca.id, reason: reason.trim() } }),
    onSuccess: async () => {
      setAccepting(false);
      notifications.show({ message: "The CRL is published." });
      await queryClient.invalidateQueries({ queryKey: ["ca"] });
    },
  });
  const alarm = ca.crl?.alarm;
  if (!alarm) return null;
  return (
    <Alert role="alert" color="red" variant="light" icon={<IconAlertTriangle />} title={titles[alarm.kind]} mb="md">
      <Stack gap="xs" align="flex-start">
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {capital(alarm.reason).replace(/\.$/, "")}.{" "}
          {alarm.kind === "HELD" && `CRL ${ca.crl!.number} is still served; OCSP is not affected.`}
          {alarm.kind === "KEY_AWAY" && "Its last lists are still served."}
          {alarm.kind === "CLOCK_BEHIND" &&
            "Check the clocks of all servers. If this clock is right and the earlier CRLs were dated wrong, accept."}
        </Text>
        <Text size="sm" component="div">
          Since <Moment at={alarm.since} />. {alarm.kind !== "CLOCK_BEHIND" && "The server tries again every minute."}
        </Text>
        {mayAccept && alarm.acceptable && (
          <Button size="xs" variant="default" onClick={() => setAccepting(true)}>
            Accept and publish
          </Button>
        )}
      </Stack>
      <Modal
        opened={accepting}
        onClose={() => setAccepting(false)}
        title={
          <Text fw={650}>
            {alarm.kind === "CLOCK_BEHIND" ? "Publish CRLs with the present time" : "Publish the CRL that is held back"}
          </Text>
        }
      >
        <form
          onSubmit={(e) => {
            e.preventDefault();
            accept.mutate();
          }}
        >
          <Stack>
            <Text size="sm">
              {alarm.kind === "CLOCK_BEHIND"
                ? "The next CRLs bear the time of this clock. Do this only if the clock is right and the earlier CRLs were dated wrong."
                : "Relying parties will accept revoked certificates that are missing from the new list. Do this only if you know why they are missing."}
            </Text>
            <Textarea
              label="Reason"
              description="For the audit log"
              required
              rows={3}
              maxLength={500}
              value={reason}
              onChange={(e) => setReason(e.currentTarget.value)}
              error={fieldError(accept.error, "reason")}
              data-autofocus
            />
            <ErrorAlert error={accept.error} />
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setAccepting(false)}>
                Cancel
              </Button>
              <Button color="red" type="submit" disabled={!reason.trim()} loading={accept.isPending}>
                Publish
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </Alert>
  );
}

const megabytes = (n: number) =>
  n < 100_000 ? `${formatNumber(n)} bytes` : `${formatNumber(Math.round(n / 10_000) / 100)} MB`;

function Size({ bytes, limit, label }: { bytes: number; limit: number; label: string }) {
  const part = (bytes / limit) * 100;
  return (
    <Stack gap={4} miw={120}>
      <Text size="sm">
        {megabytes(bytes)} of {megabytes(limit)}
      </Text>
      <Progress.Root size="sm">
        <Progress.Section
          value={Math.min(100, Math.max(1, part))}
          color={part > 100 ? "red" : part > 75 ? "yellow" : "brand"}
          aria-label={`${label}: ${Math.round(part)} % of the limit`}
        />
      </Progress.Root>
    </Stack>
  );
}

export function StatusServices({ ca, publishable }: { ca: Ca; publishable: boolean }) {
  const queryClient = useQueryClient();
  const [editing, setEditing] = useState(false);
  const publish = useMutation({
    mutationFn: () => request(Publish, { id: ca.id }),
    onSuccess: () => {
      notifications.show({ message: "A new CRL is published." });
      void queryClient.invalidateQueries({ queryKey: ["ca"] });
    },
  });
  const s = ca.crlSettings;
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }}>
      <Section
        title="CRL"
        actions={
          publishable &&
          ca.crlEnabled &&
          ca.certificate && (
            <Group gap="xs">
              {s && (
                <Button size="xs" variant="default" onClick={() => setEditing(true)}>
                  Settings
                </Button>
              )}
              <Button size="xs" variant="default" loading={publish.isPending} onClick={() => publish.mutate()}>
                Publish now
              </Button>
            </Group>
          )
        }
      >
        <ErrorAlert error={publish.error} />
        {ca.crl ? (
          <Stack>
            {ca.crl.warning && (
              <Alert color="yellow" variant="light" icon={<IconAlertTriangle />} title="The list is large">
                {ca.crl.warning}
              </Alert>
            )}
            <Facts
              rows={[
                ["URL", ca.crlUrl && <CopyText value={ca.crlUrl} />],
                ["Number", String(ca.crl.number)],
                ["Entries", formatNumber(ca.crl.entries)],
                ["Size", <Size key="s" bytes={ca.crl.bytes} limit={ca.crl.limitBytes} label="Size of the CRL" />],
                ["This update", <Moment key="t" at={ca.crl.thisUpdate} />],
                ["Next update", <Moment key="n" at={ca.crl.nextUpdate} />],
                [
                  "New certificates",
                  s?.mode === "SHARDED"
                    ? `spread over ${formatNumber(s.shards)} shards`
                    : `carry the address of this list${s?.automaticShards ? ", until it grows large" : ""}`,
                ],
                ["Delta CRLs", s?.delta ? "Enabled" : "Disabled"],
              ]}
            />
            <Command>{`curl -s ${ca.crlUrl} | openssl crl -inform DER -noout -text`}</Command>
          </Stack>
        ) : (
          <Text c="dimmed">{ca.crlEnabled ? "Not published yet." : "This authority has no CRL."}</Text>
        )}
      </Section>
      <Section title="OCSP">
        {ca.ocspEnabled && ca.ocspUrl ? (
          <Stack>
            <Facts rows={[["URL", <CopyText key="u" value={ca.ocspUrl} />]]} />
            <Text size="sm" c="dimmed">
              Answers are signed by a delegated signer with a short life, which the authority renews by itself.
            </Text>
            <Command>{`openssl ocsp -issuer ${ca.identifier}.pem -cert certificate.pem -url ${ca.ocspUrl} -CAfile root.pem`}</Command>
          </Stack>
        ) : (
          <Text c="dimmed">This authority has no OCSP service.</Text>
        )}
      </Section>
      {ca.crl && (ca.crlLists?.length ?? 0) > 1 && (
        <div style={{ gridColumn: "1 / -1" }}>
          <Section title="Lists">
            <Scroll label="Lists">
              <Table verticalSpacing="xs">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>List</Table.Th>
                    <Table.Th>Number</Table.Th>
                    <Table.Th>Entries</Table.Th>
                    <Table.Th>Size</Table.Th>
                    <Table.Th>Next update</Table.Th>
                    <Table.Th>URL</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {ca.crlLists.map((l) => (
                    <Table.Tr key={l.url}>
                      <Table.Td>
                        <Group gap="xs" wrap="nowrap">
                          {l.shard === 0 ? "Authority" : `Shard ${l.shard}`}
                          {l.baseNumber != null && <Badge variant="light">delta to {l.baseNumber}</Badge>}
                          {l.open && l.baseNumber == null && (
                            <Badge color="green" variant="light">
                              new certificates
                            </Badge>
                          )}
                        </Group>
                      </Table.Td>
                      <Table.Td>{l.number}</Table.Td>
                      <Table.Td>{formatNumber(l.entries)}</Table.Td>
                      <Table.Td>
                        {l.baseNumber == null ? (
                          <Size
                            bytes={l.bytes}
                            limit={ca.crl!.limitBytes}
                            label={l.shard === 0 ? "Size of the list" : `Size of shard ${l.shard}`}
                          />
                        ) : (
                          megabytes(l.bytes)
                        )}
                      </Table.Td>
                      <Table.Td>
                        <Moment at={l.nextUpdate} />
                      </Table.Td>
                      <Table.Td>
                        <CopyText value={l.url} />
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Scroll>
          </Section>
        </div>
      )}
      {editing && s && <Settings ca={ca} onClose={() => setEditing(false)} />}
    </SimpleGrid>
  );
}

function Settings({ ca, onClose }: { ca: Ca; onClose: () => void }) {
  const queryClient = useQueryClient();
  const now = ca.crlSettings!;
  const [mode, setMode] = useState<string>(now.mode);
  const [shards, setShards] = useState<number | string>(now.shards || 16);
  const [delta, setDelta] = useState(now.delta);
  const [automaticShards, setAutomatic] = useState(now.automaticShards);
  const [complete, setComplete] = useState(now.complete);
  const save = useMutation({
    mutationFn: () =>
      request(Configure, {
        input: { caId: ca.id, delta, shards: mode === "SHARDED" ? Number(shards) : 0, automaticShards, complete },
      }),
    onSuccess: async () => {
      notifications.show({ message: "Saved. The new lists are being published." });
      await queryClient.invalidateQueries({ queryKey: ["ca"] });
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>CRL settings</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <Stack>
          <div>
            <Text size="sm" fw={500} id="crl-mode">
              New certificates
            </Text>
            <SegmentedControl
              aria-labelledby="crl-mode"
              value={mode}
              onChange={setMode}
              data={[
                { value: "FULL", label: "One list" },
                { value: "SHARDED", label: "Shards" },
              ]}
            />
            <Text size="sm" c="dimmed" mt={4}>
              Certificates issued before keep the address they carry, and it stays served.
            </Text>
          </div>
          {mode === "SHARDED" && (
            <NumberInput
              label="Number of shards"
              description="2 to 256; a new certificate goes to one of them by its serial number"
              min={2}
              max={256}
              allowDecimal={false}
              value={shards}
              onChange={setShards}
              error={fieldError(save.error, "shards")}
            />
          )}
          <Checkbox
            label="Delta CRLs"
            description="A change of status makes a small list of what changed; the complete lists follow daily. Clients that do not know delta CRLs hear of it then."
            checked={delta}
            onChange={(e) => setDelta(e.currentTarget.checked)}
          />
          <Checkbox
            label="Shards by themselves when a list grows large"
            description="New certificates go to new shards when a list reaches three quarters of the limit"
            checked={automaticShards}
            onChange={(e) => setAutomatic(e.currentTarget.checked)}
          />
          <Checkbox
            label="crl.crl names everything that is revoked"
            description="Without it, crl.crl names only the certificates that carry its address and says so; clients must understand issuing distribution points"
            checked={complete}
            onChange={(e) => setComplete(e.currentTarget.checked)}
          />
          <ErrorAlert error={save.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={save.isPending}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
