import {
  Badge,
  Button,
  Card,
  Checkbox,
  Group,
  Modal,
  NumberInput,
  Stack,
  Table,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  CopyText,
  EmptyState,
  ErrorAlert,
  Loading,
  Moment,
  Scroll,
  SecretOnce,
  StatusBadge,
  fieldError,
  useClosing,
} from "@/components/ui";
import { formatNumber, identifierRule } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import type { PanelProps } from "../types";
import { Commands } from "./Commands";
import { CreateKey, RevokeKey, type Details, type Key } from "./queries";
import { useAcme, usePages } from "./useAcme";

export default function EabKeys({ configuration: c, partitionId, editable }: PanelProps) {
  const mayIssue = useCan(partitionId)("certificate:issue");
  const { acme, root, waiting } = useAcme(c.id);
  const { query, pages, total } = usePages(c.id, "keys", (a) => a.externalKeys);
  const queryClient = useQueryClient();
  const [creating, setCreating] = useState(false);
  const [ending, setEnding] = useState<Key>();
  const revoke = useMutation({
    mutationFn: (id: string) => request(RevokeKey, { input: { id } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["protocol"] });
      setEnding(undefined);
    },
  });
  if (!acme) return waiting;
  if (!query.data)
    return query.error ? <ErrorAlert error={query.error} retry={() => void query.refetch()} /> : <Loading lines={3} />;
  const create = editable && (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setCreating(true)}>
      Create EAB Key
    </Button>
  );
  return (
    <>
      {total === 0 ? (
        <EmptyState icon={<IconKey />} title="No EAB key yet" action={create}>
          A client makes its account with a key of external account binding (EAB).{" "}
          {editable
            ? "Create one for each team or host, and give its identifier and HMAC key to the client. For devices that cannot give one, such as Apple's, create one without binding."
            : "An Owner, a CA Administrator or a Protocol Operator creates the first one."}
        </EmptyState>
      ) : (
        <>
          <Group justify="space-between" mb="md">
            <Text size="sm" c="dimmed" maw={620}>
              A client makes its account with one; devices that cannot give one, such as Apple's, come under a key
              without binding. A revoked key ends its accounts too: they order nothing more.
            </Text>
            {create}
          </Group>
          <Card withBorder>
            <Scroll label="EAB keys">
              <Table miw={760}>
                <Table.Thead>
                  <Table.Tr>
                    {[
                      "Friendly name",
                      "EAB Identifier",
                      "Status",
                      "Allowed",
                      "Accounts",
                      "Expires",
                      "Last use",
                      "",
                    ].map((h) => (
                      <Table.Th key={h} aria-label={h || "Actions"}>
                        {h}
                      </Table.Th>
                    ))}
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {pages
                    .flatMap((p) => p.nodes)
                    .map((k) => (
                      <Table.Tr key={k.id}>
                        <Table.Td>
                          <Text size="sm" fw={600} ff="monospace">
                            {k.friendlyName}
                          </Text>
                          <Text size="xs" c="dimmed">
                            by {k.createdBy}
                          </Text>
                        </Table.Td>
                        <Table.Td miw={150}>
                          {k.withoutBinding ? (
                            <Text size="sm" c="dimmed">
                              none: devices give no key
                            </Text>
                          ) : (
                            <CopyText value={k.id} />
                          )}
                        </Table.Td>
                        <Table.Td>
                          <StatusBadge status={k.state} />
                        </Table.Td>
                        <Table.Td>
                          <Text size="sm" lineClamp={3} style={{ overflowWrap: "anywhere" }}>
                            {k.allowedIdentifiers.join(", ") || "all names"}
                          </Text>
                          {k.needsNoChallenge && (
                            <Badge
                              variant="light"
                              color="gray"
                              tt="none"
                              styles={{ root: { color: "var(--mantine-color-text)" } }}
                            >
                              no challenge
                            </Badge>
                          )}
                          {k.withoutBinding && (
                            <Badge
                              variant="light"
                              color="gray"
                              tt="none"
                              styles={{ root: { color: "var(--mantine-color-text)" } }}
                            >
                              devices without binding
                            </Badge>
                          )}
                        </Table.Td>
                        <Table.Td>
                          {formatNumber(k.accountCount)}
                          {k.maxAccounts > 0 && ` of ${formatNumber(k.maxAccounts)}`}
                        </Table.Td>
                        <Table.Td>{k.expiresAt ? <Moment at={k.expiresAt} /> : "never"}</Table.Td>
                        <Table.Td>{k.lastUsedAt ? <Moment at={k.lastUsedAt} /> : "never"}</Table.Td>
                        <Table.Td>
                          {editable && k.state !== "REVOKED" && (
                            <Button
                              size="compact-xs"
                              variant="subtle"
                              color="red"
                              onClick={() => {
                                revoke.reset();
                                setEnding(k);
                              }}
                              aria-label={`Revoke ${k.friendlyName}`}
                            >
                              Revoke
                            </Button>
                          )}
                        </Table.Td>
                      </Table.Tr>
                    ))}
                </Table.Tbody>
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
        </>
      )}
      <Modal
        opened={!!ending}
        onClose={() => setEnding(undefined)}
        title={<Text fw={650}>Revoke {ending?.friendlyName}</Text>}
      >
        <Stack>
          <Text size="sm">
            For good. No account is made with it, and the {formatNumber(ending?.accountCount ?? 0)} accounts that were
            can order nothing more: their certificates stay valid, but are not renewed.
          </Text>
          <ErrorAlert error={revoke.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setEnding(undefined)} data-autofocus>
              Cancel
            </Button>
            <Button color="red" loading={revoke.isPending} onClick={() => revoke.mutate(ending!.id)}>
              Revoke
            </Button>
          </Group>
        </Stack>
      </Modal>
      {creating && (
        <CreateEabKey
          mayIssue={mayIssue}
          configurationId={c.id}
          identifier={c.identifier}
          acme={acme}
          root={root}
          onClose={() => setCreating(false)}
        />
      )}
    </>
  );
}

/** A serial number as a pattern of identifiers. */
const device = (s: string) => (s.startsWith("device:") ? s : `device:${s}`);

function CreateEabKey({
  mayIssue,
  configurationId,
  identifier,
  acme,
  root,
  onClose,
}: {
  mayIssue: boolean;
  configurationId: string;
  identifier: string;
  acme: Details;
  root: string | null;
  onClose: () => void;
}) {
  const { directoryUrl, settings } = acme;
  const queryClient = useQueryClient();
  const [friendlyName, setFriendlyName] = useState("");
  const [allowed, setAllowed] = useState("");
  const [needsNoChallenge, setNeedsNoChallenge] = useState(false);
  const [withoutBinding, setWithoutBinding] = useState(false);
  const [maxAccounts, setMaxAccounts] = useState<number | string>("");
  const [expires, setExpires] = useState("");
  const listed = allowed.split(/[\s,]+/).filter(Boolean);
  const allowedIdentifiers = withoutBinding ? listed.map(device) : listed;
  const other = acme.externalKeys.nodes.find((k) => k.withoutBinding && k.state === "ACTIVE");
  const attested = settings.challenges.includes("device-attest-01") && settings.attestation.length > 0;
  const create = useMutation({
    mutationFn: () =>
      request(CreateKey, {
        input: {
          configurationId,
          friendlyName,
          allowedIdentifiers,
          needsNoChallenge: needsNoChallenge && !withoutBinding,
          withoutBinding,
          maxAccounts: Number(maxAccounts) || 0,
          expiresAt: expires ? new Date(expires).toISOString() : null,
        },
      }),
    gcTime: 0, // the secret is kept no longer than it is shown
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["protocol"] }),
  });
  const made = create.data?.createAcmeKey;
  const nameError =
    friendlyName && !identifierRule.test(friendlyName)
      ? "2 to 18 characters out of a-z, 0-9, hyphen and underscore"
      : undefined;
  const incomplete = (withoutBinding || needsNoChallenge) && allowedIdentifiers.length === 0;
  const first = allowedIdentifiers.find((a) => !/[:/]/.test(a))?.replace(/^\*\./, "www.");
  const { close, guarded } = useClosing(onClose);
  return (
    <Modal
      opened
      onClose={close}
      size="lg"
      title={<Text fw={650}>{made ? `EAB key ${made.key.friendlyName}` : "Create EAB Key"}</Text>}
      closeOnClickOutside={!made?.hmacKey}
    >
      {guarded(
        made && !made.hmacKey ? (
          <Stack>
            <Text size="sm">
              The devices that it lists get their certificates without an EAB key. Give them this, by your device
              management:
            </Text>
            <Commands
              only={["apple"]}
              enrolment={{
                directoryUrl,
                identifier,
                kid: made.key.id,
                hmacKey: "",
                domain: "%SerialNumber%",
                email: "",
                root,
              }}
            />
            <Button onClick={close}>Done</Button>
          </Stack>
        ) : made?.hmacKey ? (
          <Stack>
            <div>
              <Text size="sm" c="dimmed">
                EAB Identifier
              </Text>
              <CopyText value={made.key.id} />
            </div>
            <SecretOnce label="EAB HMAC Key" value={made.hmacKey} file={`eab-${made.key.friendlyName}.txt`} />
            <Text size="sm">With both filled in:</Text>
            <Commands
              enrolment={{
                directoryUrl,
                identifier,
                kid: made.key.id,
                hmacKey: made.hmacKey,
                domain: first ?? "www.example.com",
                email: "admin@example.com",
                root,
              }}
            />
            <Button onClick={close}>Done</Button>
          </Stack>
        ) : (
          <form
            onSubmit={(e) => {
              e.preventDefault();
              create.mutate();
            }}
          >
            <Stack>
              <TextInput
                label="Friendly name"
                description="2 to 18 of a-z, 0-9, hyphen and underscore: the team or host that gets it"
                required
                data-autofocus
                autoComplete="off"
                value={friendlyName}
                onChange={(e) => setFriendlyName(e.currentTarget.value)}
                error={nameError ?? fieldError(create.error, "friendlyName")}
              />
              <Checkbox
                label="For devices without binding"
                description={
                  !attested
                    ? "Needs device-attest-01 and a format of attestation: see the tab Settings"
                    : other
                      ? `${other.friendlyName} is for them already, and there is one such key: revoke it first`
                      : "For Apple devices, whose ACME payload has no field for an EAB key: there is no HMAC key, and only devices that are listed and prove it (device-attest-01) get certificates"
                }
                disabled={!attested || !!other}
                checked={withoutBinding}
                onChange={(e) => setWithoutBinding(e.currentTarget.checked)}
                error={fieldError(create.error, "withoutBinding")}
              />
              {withoutBinding ? (
                <Textarea
                  label="Serial numbers"
                  description="One a line, at most 1,000. The beginning of one allows all devices whose serial number begins so"
                  required
                  autosize
                  minRows={3}
                  maxRows={10}
                  ff="monospace"
                  value={allowed}
                  onChange={(e) => setAllowed(e.currentTarget.value)}
                  error={fieldError(create.error, "allowedIdentifiers")}
                />
              ) : (
                <>
                  <Textarea
                    label="Allowed identifiers"
                    description="One a line: host.example.com, *.example.com (everything below), 10.1.2.3, 10.1.0.0/16, device:SERIAL. Empty: all names"
                    autosize
                    minRows={2}
                    maxRows={6}
                    ff="monospace"
                    value={allowed}
                    onChange={(e) => setAllowed(e.currentTarget.value)}
                    error={fieldError(create.error, "allowedIdentifiers")}
                  />
                  {mayIssue && (
                    <Checkbox
                      label="Needs no challenge"
                      description="For closed networks that this server cannot reach: what is allowed above is issued to whoever has the key"
                      checked={needsNoChallenge}
                      onChange={(e) => setNeedsNoChallenge(e.currentTarget.checked)}
                    />
                  )}
                </>
              )}
              {needsNoChallenge && !withoutBinding && allowedIdentifiers.length === 0 && (
                <Text size="sm" c="var(--mantine-color-error)">
                  List the names that it is good for.
                </Text>
              )}
              <NumberInput
                label="Accounts at most"
                description={
                  withoutBinding
                    ? "Empty: no limit. Everyone who reaches this server can make one, before a device has proved anything"
                    : "Empty: no limit. 1 lets only the first host use it"
                }
                min={1}
                max={1_000_000}
                allowDecimal={false}
                value={maxAccounts}
                onChange={setMaxAccounts}
                error={fieldError(create.error, "maxAccounts")}
              />
              <TextInput
                type="datetime-local"
                label="Expires (optional)"
                description="Its accounts order nothing after that"
                value={expires}
                onChange={(e) => setExpires(e.currentTarget.value)}
                error={fieldError(create.error, "expiresAt")}
              />
              <ErrorAlert
                error={create.error}
                fields={["friendlyName", "allowedIdentifiers", "withoutBinding", "maxAccounts", "expiresAt"]}
              />
              <Group justify="flex-end">
                <Button variant="default" onClick={close}>
                  Cancel
                </Button>
                <Button
                  type="submit"
                  loading={create.isPending}
                  disabled={!identifierRule.test(friendlyName) || incomplete}
                >
                  Create
                </Button>
              </Group>
            </Stack>
          </form>
        ),
      )}
    </Modal>
  );
}
