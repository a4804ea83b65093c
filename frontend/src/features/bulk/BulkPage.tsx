import {
  Alert,
  Anchor,
  Badge,
  Button,
  Card,
  FileInput,
  Group,
  Modal,
  Progress,
  Select,
  Stack,
  Table,
  Tabs,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { IconFiles, IconInfoCircle, IconPlayerPlay, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { ExportButtons } from "@/components/ExportButtons";
import { ProfileSelect } from "@/components/ProfileSelect";
import {
  ConfirmTyping,
  EmptyState,
  ErrorAlert,
  Facts,
  Loading,
  Moment,
  PageHeader,
  Scroll,
  Section,
  StatusBadge,
  fieldError,
} from "@/components/ui";
import { graphql } from "@/gql";
import type { BulkOperationQuery, BulkResult, CertificateStatus, RevocationReason } from "@/gql/graphql";
import { formatDate, formatNumber, words } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { upload } from "@/lib/upload";

const List = graphql(`
  query BulkOperations($partition: ID!) {
    partition(id: $partition) {
      bulkOperations(first: 50) {
        nodes {
          id
          name
          kind
          input
          state
          total
          pending
          done
          failed
          skipped
          createdBy
          createdAt
        }
      }
    }
  }
`);
const One = graphql(`
  query BulkOperation($id: ID!) {
    bulkOperation(id: $id) {
      id
      name
      kind
      input
      state
      failure
      reason
      profileId
      total
      pending
      done
      failed
      skipped
      createdBy
      createdAt
      startedBy
      startedAt
      finishedAt
      resultPath
      issuer {
        identifier
        friendlyName
      }
      findings {
        result
        count
        examples {
          position
          what
          note
          certificateId
          certificate {
            commonName
            subject
            notAfter
            expired
            issuer {
              friendlyName
            }
          }
        }
      }
    }
  }
`);
const Choices = graphql(`
  query BulkChoices($partition: ID!) {
    partition(id: $partition) {
      certificationAuthorities(first: 200) {
        nodes {
          id
          friendlyName
          status
          type
          profiles {
            id
            name
            description
            group {
              title
            }
          }
        }
      }
    }
  }
`);
const PrepareRevocation = graphql(`
  mutation PrepareBulkRevocation($input: PrepareBulkRevocationInput!) {
    prepareBulkRevocation(input: $input) {
      operation {
        id
      }
    }
  }
`);
const PrepareIssuance = graphql(`
  mutation PrepareBulkIssuance($input: PrepareBulkIssuanceInput!) {
    prepareBulkIssuance(input: $input) {
      operation {
        id
      }
    }
  }
`);
const Start = graphql(`
  mutation StartBulk($id: ID!) {
    startBulk(input: { id: $id }) {
      __typename
      ... on BulkOperationPayload {
        operation {
          id
          state
        }
      }
      ... on ApprovalPending {
        approvalId
        message
      }
    }
  }
`);
const Cancel = graphql(`
  mutation CancelBulk($id: ID!) {
    cancelBulk(input: { id: $id }) {
      operation {
        id
        state
      }
    }
  }
`);

const live = (state?: string) => (state === "RUNNING" ? 1000 : false);
const inputs: Record<string, string> = {
  SERIALS: "list of serial numbers",
  FILTER: "filter",
  KEYS: "public keys",
  CSV: "CSV of requests",
  ZIP: "ZIP of requests",
};

export function BulkPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/bulk" });
  const { id, make } = useSearch({ from: "/signed-in/p/$partitionId/bulk" });
  const navigate = useNavigate({ from: "/p/$partitionId/bulk" });
  const can = useCan(partitionId);
  const list = useQuery({
    queryKey: ["bulk", partitionId],
    queryFn: () => request(List, { partition: partitionId }),
    refetchInterval: (q) =>
      q.state.data?.partition?.bulkOperations.nodes.some((o) => o.state === "RUNNING") ? 2000 : false,
  });
  if (id) return <Operation partitionId={partitionId} id={id} />;
  const nodes = list.data?.partition?.bulkOperations.nodes ?? [];
  const actions = (
    <>
      {can("certificate:change-status") && (
        <Button color="red" variant="light" onClick={() => void navigate({ search: { make: "revoke" } })}>
          Revoke many
        </Button>
      )}
      {can("certificate:issue") && (
        <Button leftSection={<IconPlus size={16} />} onClick={() => void navigate({ search: { make: "issue" } })}>
          Issue many
        </Button>
      )}
    </>
  );
  return (
    <>
      <PageHeader
        title="Bulk Operations"
        description="Revoke or issue many certificates at once: counted first, then worked through in the background. It goes on after a restart, and nothing is done twice."
        actions={actions}
      />
      <ErrorAlert error={list.error} retry={() => void list.refetch()} />
      {list.isPending && <Loading />}
      {list.data && nodes.length === 0 && (
        <EmptyState icon={<IconFiles />} title="No bulk operation yet" action={<Group>{actions}</Group>}>
          {can("certificate:change-status")
            ? "Start with a list of serial numbers, a filter or a key. Nothing happens before you have seen the counts."
            : "Those who may issue or revoke prepare them."}
        </EmptyState>
      )}
      {nodes.length > 0 && (
        <Card withBorder>
          <Scroll label="Bulk operations">
            <Table miw={680}>
              <Table.Thead>
                <Table.Tr>
                  {["Name", "What", "State", "Progress", "Created"].map((h) => (
                    <Table.Th key={h}>{h}</Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {nodes.map((o) => (
                  <Table.Tr key={o.id}>
                    <Table.Td>
                      <Anchor
                        size="sm"
                        fw={600}
                        renderRoot={(props) => (
                          <Link to="/p/$partitionId/bulk" params={{ partitionId }} search={{ id: o.id }} {...props} />
                        )}
                      >
                        {o.name}
                      </Anchor>
                    </Table.Td>
                    <Table.Td>
                      {o.kind === "REVOKE" ? "Revocation" : "Issuance"} by {inputs[o.input]}
                    </Table.Td>
                    <Table.Td>
                      <StatusBadge status={o.state} />
                    </Table.Td>
                    <Table.Td miw={170}>
                      <Bar o={o} />
                    </Table.Td>
                    <Table.Td>
                      <Moment at={o.createdAt} /> by {o.createdBy}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Scroll>
        </Card>
      )}
      {make === "revoke" && can("certificate:change-status") && (
        <RevokeDialog partitionId={partitionId} onClose={() => void navigate({ search: {} })} />
      )}
      {make === "issue" && can("certificate:issue") && (
        <IssueDialog partitionId={partitionId} onClose={() => void navigate({ search: {} })} />
      )}
    </>
  );
}

type Counts = { name: string; total: number; done: number; failed: number; skipped: number; pending: number };

function Bar({ o }: { o: Counts }) {
  const part = (n: number) => (o.total ? (100 * n) / o.total : 0);
  const text = `${formatNumber(o.done)} done, ${formatNumber(o.failed)} failed, ${formatNumber(o.skipped)} skipped, ${formatNumber(o.pending)} pending`;
  return (
    <Stack gap={4}>
      <Progress.Root
        size="lg"
        role="progressbar"
        aria-label={`${o.name}: ${text}`}
        aria-valuemin={0}
        aria-valuemax={o.total}
        aria-valuenow={o.total - o.pending}
      >
        <Progress.Section withAria={false} value={part(o.done)} color="teal" />
        <Progress.Section withAria={false} value={part(o.failed)} color="red" />
        <Progress.Section withAria={false} value={part(o.skipped)} color="gray" />
      </Progress.Root>
      <Text size="xs" c="dimmed">
        {text}
      </Text>
    </Stack>
  );
}

const tones: Partial<Record<BulkResult, string>> = {
  WILL_REVOKE: "blue",
  WILL_ISSUE: "blue",
  REVOKED: "teal",
  ISSUED: "teal",
  ALREADY_REVOKED: "gray",
  DUPLICATE: "gray",
};

function Operation({ partitionId, id }: { partitionId: string; id: string }) {
  const can = useCan(partitionId);
  const queryClient = useQueryClient();
  const one = useQuery({
    queryKey: ["bulk-operation", id],
    queryFn: () => request(One, { id }),
    refetchInterval: (q) => live(q.state.data?.bulkOperation?.state),
  });
  const again = () =>
    Promise.all(
      ["bulk", "bulk-operation", "certificates"].map((k) => queryClient.invalidateQueries({ queryKey: [k] })),
    );
  const [confirming, setConfirming] = useState(false);
  const start = useMutation({
    mutationFn: () => request(Start, { id }),
    onSuccess: () => {
      setConfirming(false);
      return again();
    },
  });
  const cancel = useMutation({ mutationFn: () => request(Cancel, { id }), onSuccess: again });
  const o = one.data?.bulkOperation;
  if (one.isPending) return <Loading />;
  if (!o)
    return (
      <EmptyState icon={<IconFiles />} title="There is no such operation">
        Drafts that nobody starts are forgotten after 7 days.
      </EmptyState>
    );
  const may = can(o.kind === "REVOKE" ? "certificate:change-status" : "certificate:issue");
  const startable = may && (o.state === "DRAFT" || o.state === "FAILED") && o.pending > 0;
  const deed = `${o.kind === "REVOKE" ? "Revoke" : "Issue"} ${formatNumber(o.pending)} ${o.pending === 1 ? "certificate" : "certificates"}`;
  return (
    <>
      <PageHeader
        title={o.name}
        trail={[{ label: "Bulk Operations", to: `/p/${partitionId}/bulk` }]}
        description={
          <Group gap="xs">
            <StatusBadge status={o.state} />
            <span>
              {o.kind === "REVOKE" ? "Revocation" : "Issuance"} by {inputs[o.input]}
            </span>
          </Group>
        }
        actions={
          <>
            <ExportButtons path={o.resultPath} label="the results" />
            {may && ["DRAFT", "RUNNING", "FAILED"].includes(o.state) && (
              <Button variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>
                {o.state === "DRAFT" ? "Discard" : "Cancel the rest"}
              </Button>
            )}
            {startable && (
              <Button
                color={o.kind === "REVOKE" ? "red" : undefined}
                leftSection={<IconPlayerPlay size={16} />}
                loading={start.isPending}
                onClick={() => (o.kind === "REVOKE" ? setConfirming(true) : start.mutate())}
              >
                {o.state === "FAILED" ? "Go on" : deed}
              </Button>
            )}
          </>
        }
      />
      <ErrorAlert error={(confirming ? null : start.error) ?? cancel.error ?? one.error} />
      {o.state === "DRAFT" && (
        <Alert icon={<IconInfoCircle />} mb="md" title="Nothing has happened yet">
          {o.pending === 0
            ? "There is nothing to do: see below why."
            : `These are the counts of a dry run. ${o.kind === "REVOKE" ? "A revocation is for good; CRLs are published once, at the end." : ""}`}
        </Alert>
      )}
      {o.failure && (
        <Alert color="red" mb="md" role="alert" title="It stopped before the end">
          {o.failure}. What is done stays done; {formatNumber(o.pending)} are left and can go on.
        </Alert>
      )}
      <Section title="Progress">
        <div aria-live="polite" style={{ marginBottom: 16 }}>
          <Bar o={o} />
        </div>
        <Facts
          rows={[
            [
              "Prepared",
              <>
                <Moment at={o.createdAt} /> by {o.createdBy}
              </>,
            ],
            [
              "Started",
              o.startedAt && (
                <>
                  <Moment at={o.startedAt} /> by {o.startedBy}
                </>
              ),
            ],
            ["Finished", o.finishedAt && <Moment at={o.finishedAt} />],
            ...(o.kind === "REVOKE"
              ? [["Reason", words(o.reason ?? "")] as [string, string]]
              : ([
                  ["Authority", o.issuer?.friendlyName],
                  ["Profile", o.profileId],
                ] as [string, string | undefined][])),
          ]}
        />
      </Section>
      {confirming && (
        <ConfirmTyping
          opened
          size="xl"
          onClose={() => setConfirming(false)}
          title={deed}
          word={`revoke ${o.pending}`}
          action="Revoke"
          onConfirm={() => start.mutate()}
          busy={start.isPending}
          error={start.error}
        >
          <Text size="sm">
            {o.pending === 1 ? "This certificate" : `These ${formatNumber(o.pending)} certificates`} will be refused by
            everyone who checks. This cannot be undone.
          </Text>
          {o.findings
            .filter((f) => f.result === "WILL_REVOKE")
            .map((f) => (
              <Items key={f.result} partitionId={partitionId} f={f} label="Certificates that will be revoked" />
            ))}
        </ConfirmTyping>
      )}
      <Stack mt="md">
        {o.findings.map((f) => (
          <FindingCard key={f.result} partitionId={partitionId} f={f} />
        ))}
      </Stack>
    </>
  );
}

type Finding = NonNullable<BulkOperationQuery["bulkOperation"]>["findings"][number];

function FindingCard({ partitionId, f }: { partitionId: string; f: Finding }) {
  return (
    <Card withBorder>
      <Group gap="sm" mb="xs">
        <Badge
          size="lg"
          variant="light"
          tt="none"
          color={tones[f.result] ?? "red"}
          styles={{ root: { color: "var(--mantine-color-text)" } }}
        >
          {formatNumber(f.count)}
        </Badge>
        <Text component="h2" fz="md" fw={650} m={0}>
          {words(f.result)}
        </Text>
      </Group>
      <Items partitionId={partitionId} f={f} label={words(f.result)} />
    </Card>
  );
}

const expiry = (c: { expired: boolean; notAfter: string }) => (c.expired ? "Expired" : formatDate(c.notAfter));

/** The first of a finding, each by the name of its certificate where there is one. */
function Items({ partitionId, f, label }: { partitionId: string; f: Finding; label: string }) {
  const named = f.examples.some((i) => i.certificate);
  const noted = f.examples.some((i) => i.note);
  return (
    <>
      <Scroll label={label}>
        <Table miw={{ base: 240, sm: named ? 640 : 420 }}>
          {named && (
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Line</Table.Th>
                <Table.Th>Name</Table.Th>
                <Table.Th visibleFrom="sm">Authority</Table.Th>
                <Table.Th visibleFrom="sm">Expires</Table.Th>
                {noted && <Table.Th>Note</Table.Th>}
              </Table.Tr>
            </Table.Thead>
          )}
          <Table.Tbody>
            {f.examples.map(({ certificate: c, ...i }) => (
              <Table.Tr key={i.position}>
                <Table.Td w={70}>
                  <Text size="sm" c="dimmed">
                    {formatNumber(i.position)}
                  </Text>
                </Table.Td>
                <Table.Td>
                  {c && (
                    <Anchor
                      size="sm"
                      fw={600}
                      style={{ overflowWrap: "anywhere" }}
                      renderRoot={(props) => (
                        <Link
                          to="/p/$partitionId/certificates/$id"
                          params={{ partitionId, id: i.certificateId! }}
                          {...props}
                        />
                      )}
                    >
                      {c.commonName || c.subject || "no subject"}
                    </Anchor>
                  )}
                  {c && (
                    <Text size="xs" hiddenFrom="sm">
                      {c.issuer.friendlyName}, {c.expired ? "expired" : `expires ${formatDate(c.notAfter)}`}
                    </Text>
                  )}
                  <Text
                    size={c ? "xs" : "sm"}
                    c={c ? "dimmed" : undefined}
                    ff="monospace"
                    style={{ overflowWrap: "anywhere" }}
                  >
                    {i.what}
                  </Text>
                </Table.Td>
                {named && <Table.Td visibleFrom="sm">{c?.issuer.friendlyName}</Table.Td>}
                {named && <Table.Td visibleFrom="sm">{c && expiry(c)}</Table.Td>}
                {noted && <Table.Td>{i.note}</Table.Td>}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Scroll>
      {f.count > f.examples.length && (
        <Text size="sm" c="dimmed">
          and {formatNumber(f.count - f.examples.length)} more: see the result file.
        </Text>
      )}
    </>
  );
}

const reasons: RevocationReason[] = [
  "UNSPECIFIED",
  "KEY_COMPROMISE",
  "CA_COMPROMISE",
  "AFFILIATION_CHANGED",
  "SUPERSEDED",
  "CESSATION_OF_OPERATION",
  "PRIVILEGE_WITHDRAWN",
  "AA_COMPROMISE",
];

function useChoices(partitionId: string) {
  return (
    useQuery({ queryKey: ["bulk-choices", partitionId], queryFn: () => request(Choices, { partition: partitionId }) })
      .data?.partition?.certificationAuthorities.nodes ?? []
  );
}

function RevokeDialog({ partitionId, onClose }: { partitionId: string; onClose: () => void }) {
  const navigate = useNavigate({ from: "/p/$partitionId/bulk" });
  const cas = useChoices(partitionId);
  const [by, setBy] = useState<string | null>("serials");
  const [name, setName] = useState("");
  const [reason, setReason] = useState<RevocationReason>("UNSPECIFIED");
  const [serials, setSerials] = useState("");
  const [file, setFile] = useState<File | null>(null);
  const [keys, setKeys] = useState("");
  const [search, setSearch] = useState("");
  const [ca, setCa] = useState<string | null>(null);
  const [status, setStatus] = useState<string | null>(null);
  const prepare = useMutation({
    mutationFn: async () => {
      const input = { partitionId, name: name || null, reason };
      if (by === "filter")
        return request(PrepareRevocation, {
          input: {
            ...input,
            selection: {
              filter: { search: search || null, caId: ca, status: status ? [status as CertificateStatus] : null },
            },
          },
        });
      if (by === "keys")
        return request(PrepareRevocation, {
          input: {
            ...input,
            selection: {
              keys: keys.includes("-----BEGIN")
                ? (keys.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [keys])
                : keys.split(/[\s,;]+/).filter(Boolean),
            },
          },
        });
      return request(PrepareRevocation, {
        input: { ...input, selection: { uploadId: await upload(partitionId, "REVOKE", file ?? serials) } },
      });
    },
    onSuccess: (d) => void navigate({ search: { id: d.prepareBulkRevocation.operation.id } }),
  });
  const e = prepare.error;
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>Revoke many certificates</Text>}>
      <form
        onSubmit={(ev) => {
          ev.preventDefault();
          prepare.mutate();
        }}
      >
        <Stack>
          <Text size="sm" c="dimmed">
            First they are only counted: you see what would be revoked, and why the rest would not.
          </Text>
          <Tabs value={by} onChange={setBy} keepMounted={false}>
            <Tabs.List mb="sm">
              <Tabs.Tab value="serials">Serial numbers</Tabs.Tab>
              <Tabs.Tab value="filter">Filter</Tabs.Tab>
              <Tabs.Tab value="keys">Public key</Tabs.Tab>
            </Tabs.List>
            <Tabs.Panel value="serials">
              <Stack gap="sm">
                <FileInput
                  label="File"
                  description="CSV or text: a serial number a line; columns serialNumber and reason with a header. Up to 20 MB."
                  placeholder="Choose a file"
                  accept=".csv,.txt,text/csv,text/plain"
                  clearable
                  value={file}
                  onChange={setFile}
                  error={fieldError(e, "serialNumbers") ?? fieldError(e, "uploadId")}
                />
                {!file && (
                  <Textarea
                    label="Or paste them"
                    autosize
                    minRows={3}
                    maxRows={8}
                    value={serials}
                    onChange={(ev) => setSerials(ev.currentTarget.value)}
                    ff="monospace"
                  />
                )}
              </Stack>
            </Tabs.Panel>
            <Tabs.Panel value="filter">
              <Stack gap="sm">
                <TextInput
                  label="Search"
                  description="Part of the subject, a name or a serial number"
                  value={search}
                  onChange={(ev) => setSearch(ev.currentTarget.value)}
                  error={fieldError(e, "filter")}
                />
                <Select
                  label="Authority"
                  placeholder="Any"
                  clearable
                  searchable
                  data={cas.map((c) => ({ value: c.id, label: c.friendlyName }))}
                  value={ca}
                  onChange={setCa}
                />
                <Select
                  label="Status"
                  placeholder="Any"
                  clearable
                  data={["ISSUED", "SUSPENDED"].map((v) => ({ value: v, label: words(v) }))}
                  value={status}
                  onChange={setStatus}
                />
                {!search && !ca && !status && (
                  <Text size="sm" c="orange">
                    Without a filter, all certificates of the partition are meant.
                  </Text>
                )}
              </Stack>
            </Tabs.Panel>
            <Tabs.Panel value="keys">
              <Textarea
                label="Keys"
                description="SHA-256 of the public key (64 hexadecimal digits), or PEM of public keys or certificates"
                autosize
                minRows={4}
                maxRows={10}
                value={keys}
                onChange={(ev) => setKeys(ev.currentTarget.value)}
                error={fieldError(e, "keys")}
                ff="monospace"
              />
            </Tabs.Panel>
          </Tabs>
          <Select
            label="Reason"
            allowDeselect={false}
            data={reasons.map((r) => ({ value: r, label: words(r) }))}
            value={reason}
            onChange={(v) => setReason(v as RevocationReason)}
          />
          <TextInput
            label="Name"
            placeholder="Lost laptops of November"
            maxLength={100}
            value={name}
            onChange={(ev) => setName(ev.currentTarget.value)}
            error={fieldError(e, "name")}
          />
          <ErrorAlert error={e} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Close
            </Button>
            <Button type="submit" loading={prepare.isPending}>
              Count them
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function IssueDialog({ partitionId, onClose }: { partitionId: string; onClose: () => void }) {
  const navigate = useNavigate({ from: "/p/$partitionId/bulk" });
  const cas = useChoices(partitionId).filter((c) => c.status === "ACTIVE" && c.profiles.length > 0);
  const [ca, setCa] = useState<string | null>(null);
  const [profile, setProfile] = useState<string | null>(null);
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState("");
  const profiles = cas.find((c) => c.id === ca)?.profiles ?? [];
  const prepare = useMutation({
    mutationFn: async () => {
      const input = { partitionId, name: name || null, caId: ca!, profileId: profile ?? "" };
      return request(PrepareIssuance, { input: { ...input, uploadId: await upload(partitionId, "ISSUE", file!) } });
    },
    onSuccess: (d) => void navigate({ search: { id: d.prepareBulkIssuance.operation.id } }),
  });
  const e = prepare.error;
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>Issue many certificates</Text>}>
      <form
        onSubmit={(ev) => {
          ev.preventDefault();
          prepare.mutate();
        }}
      >
        <Stack>
          <Text size="sm" c="dimmed">
            Each request is checked against its profile first; nothing is issued before you have seen the counts.
          </Text>
          <Select
            label="Authority"
            required
            searchable
            data={cas.map((c) => ({ value: c.id, label: c.friendlyName }))}
            value={ca}
            onChange={(v) => {
              setCa(v);
              setProfile(null);
            }}
            error={fieldError(e, "caId")}
          />
          <ProfileSelect
            label="Profile"
            description="Unless a line of the CSV says otherwise"
            clearable
            profiles={profiles}
            value={profile}
            onChange={setProfile}
            disabled={!ca}
            error={fieldError(e, "profileId")}
          />
          <FileInput
            label="File"
            required
            description="ZIP of files with one request each, or CSV with the columns csr and, as needed, profile, subject, subjectAlternativeNames, notAfter, endEntity"
            placeholder="Choose a file"
            accept=".csv,.zip"
            clearable
            value={file}
            onChange={setFile}
            error={fieldError(e, "uploadId")}
          />
          <TextInput
            label="Name"
            placeholder="New sensors"
            maxLength={100}
            value={name}
            onChange={(ev) => setName(ev.currentTarget.value)}
            error={fieldError(e, "name")}
          />
          <ErrorAlert error={e} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Close
            </Button>
            <Button type="submit" disabled={!ca || !file} loading={prepare.isPending}>
              Check them
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
