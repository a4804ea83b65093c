import {
  ActionIcon,
  Alert,
  Anchor,
  Button,
  Card,
  Checkbox,
  Drawer,
  Group,
  PasswordInput,
  Radio,
  Select,
  Stack,
  Table,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { IconBuildingBank, IconDownload, IconKey, IconPlus, IconTrash, IconUpload } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { downloadCertificate } from "@/components/certificates";
import { ProfileSelect } from "@/components/ProfileSelect";
import { SubjectEditor } from "@/components/SubjectEditor";
import { WhatIf, WhatIfResult } from "@/components/WhatIf";
import { EmptyState, ErrorAlert, Facts, SecretOnce, fieldError, useClosing, useKept } from "@/components/ui";
import { graphql } from "@/gql";
import type { SanType } from "@/gql/graphql";
import { download, fromBase64, words } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan, useDeployment } from "@/lib/session";
import type { BrowserKey } from "@/lib/x509";

const IssueChoices = graphql(`
  query IssueChoices($partition: ID!) {
    partition(id: $partition) {
      certificationAuthorities(first: 200) {
        nodes {
          id
          identifier
          friendlyName
          type
          status
          brokenBy {
            id
          }
          profiles {
            id
            name
            description
            serverSideKeys
            requiredSanTypes
            copiesCommonNameToSan
            group {
              title
            }
          }
        }
      }
    }
  }
`);
const Issue = graphql(`
  mutation Issue($input: IssueCertificateInput!) {
    issueCertificate(input: $input) {
      __typename
      ... on IssueCertificatePayload {
        certificate {
          id
          commonName
          serialNumber
        }
        decisions {
          rule
          outcome
          detail
        }
      }
      ... on ApprovalPending {
        approvalId
        message
      }
    }
  }
`);
const IssueP12 = graphql(`
  mutation IssueP12($input: IssuePkcs12Input!) {
    issuePkcs12(input: $input) {
      certificate {
        id
        commonName
        serialNumber
      }
      pkcs12
      warnings
      decisions {
        rule
        outcome
        detail
      }
    }
  }
`);

const sanTypes: SanType[] = [
  "DNS_NAME",
  "IP_ADDRESS",
  "EMAIL",
  "URI",
  "UPN",
  "DIRECTORY_NAME",
  "REGISTERED_ID",
  "OTHER_NAME",
];
const examples: Record<SanType, string> = {
  DNS_NAME: "www.example.com",
  IP_ADDRESS: "192.0.2.1 or 2001:db8::1",
  EMAIL: "alice@example.com",
  URI: "https://example.com/id",
  UPN: "alice@corp.example",
  DIRECTORY_NAME: "CN=Alice,O=Example",
  REGISTERED_ID: "1.2.3.4",
  OTHER_NAME: "1.2.3.4;UTF8:text",
};

type San = { type: SanType; value: string };
type Done = {
  id: string;
  name: string;
  decisions: readonly { rule: string; outcome: string; detail: string }[];
  p12?: string;
  warnings?: readonly string[];
};

export function IssueDrawer({
  partitionId,
  caId,
  onClose,
}: {
  partitionId: string;
  caId?: string;
  onClose: () => void;
}) {
  const [done, setDone] = useState<Done>();
  const [key, setKey] = useState<BrowserMade>();
  const { close, guarded } = useClosing(onClose);
  return (
    <Drawer
      opened
      onClose={close}
      size="xl"
      title={
        <Text fw={650} fz="lg">
          Issue Certificate
        </Text>
      }
      closeOnClickOutside={!done?.p12 && !key}
    >
      {guarded(
        done ? (
          <Result partitionId={partitionId} done={done} browserKey={key} onClose={close} />
        ) : (
          <Form
            partitionId={partitionId}
            caId={caId}
            onDone={setDone}
            onKey={setKey}
            browserKey={key}
            onClose={close}
          />
        ),
      )}
    </Drawer>
  );
}

/** A private key that was made in this browser, and whether its owner has it. */
type BrowserMade = { pem: string; kept: boolean };

const BrowserKeyOnce = ({ made, onKey }: { made: BrowserMade; onKey?: (made: BrowserMade) => void }) => (
  <SecretOnce
    label="Private key"
    value={made.pem}
    file="private-key.pem"
    alreadyKept={made.kept}
    onKept={() => onKey?.({ ...made, kept: true })}
  />
);

/** A link to where profiles are selected for an authority. */
const ToProfiles = ({ partitionId, ca, ...props }: { partitionId: string; ca: { identifier: string } }) => (
  <Link
    to="/p/$partitionId/cas/$identifier"
    params={{ partitionId, identifier: ca.identifier }}
    search={{ tab: "profiles", select: "true" }}
    {...props}
  />
);

/** Where nothing can be issued yet: what is missing, and the way there. */
function NothingToIssueWith({
  partitionId,
  cas,
}: {
  partitionId: string;
  cas: readonly { identifier: string; friendlyName: string }[];
}) {
  const can = useCan(partitionId);
  const empty = cas[0];
  const mine = can(empty ? "ca:select-profiles" : "ca:create");
  const link = empty ? (
    <Button renderRoot={(p) => <ToProfiles partitionId={partitionId} ca={empty} {...p} />}>
      Select profiles for {empty.friendlyName}
    </Button>
  ) : (
    <Button
      renderRoot={(p) => <Link to="/p/$partitionId/cas" params={{ partitionId }} search={{ create: "true" }} {...p} />}
    >
      Create Authority
    </Button>
  );
  return (
    <EmptyState
      icon={<IconBuildingBank />}
      title={empty ? `${empty.friendlyName} has no profiles` : "No authority can issue certificates yet"}
      action={mine && link}
    >
      {empty
        ? "An authority issues only under the profiles that are selected for it."
        : "Certificates are issued by a subordinate authority below a root."}
      {!mine && " Ask an Owner or a CA Administrator."}
    </EmptyState>
  );
}

function Form({
  partitionId,
  caId,
  onDone,
  onKey,
  browserKey,
  onClose,
}: {
  partitionId: string;
  caId: string | undefined;
  onDone: (d: Done) => void;
  onKey: (made: BrowserMade) => void;
  browserKey: BrowserMade | undefined;
  onClose: () => void;
}) {
  const deployment = useDeployment();
  const queryClient = useQueryClient();
  const [kind, setKind] = useState<"csr" | "p12">("csr");
  const [ca, setCa] = useState<string | null>(caId ?? null);
  const [picked, setProfile] = useState<string | null>(null);
  const [csr, setCsr] = useState("");
  const [fromCsr, setFromCsr] = useState(true);
  const [subject, setSubject] = useState("");
  const [sansFromCsr, setSansFromCsr] = useState(true);
  const [sans, setSans] = useState<San[]>([]);
  const [expiry, setExpiry] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [keyType, setKeyType] = useState("RSA-2048");
  const [legacy, setLegacy] = useState(false);
  const [friendlyName, setFriendlyName] = useState("");
  const [endEntity, setEndEntity] = useState("");
  const choices = useQuery({
    queryKey: ["issue-choices", partitionId],
    queryFn: () => request(IssueChoices, { partition: partitionId }),
  });
  const active = (choices.data?.partition?.certificationAuthorities.nodes ?? []).filter(
    (c) => c.status === "ACTIVE" && !c.brokenBy && (!caId || c.id === caId),
  );
  const cas = active.filter((c) => c.profiles.length > 0);
  const chosenCa = cas.find((c) => c.id === ca) ?? (cas.length === 1 ? cas[0] : undefined);
  const profiles = (chosenCa?.profiles ?? []).filter((p) => kind === "csr" || p.serverSideKeys);
  const profile = picked ?? (profiles.length === 1 ? profiles[0]!.id : null);
  const preview = useQuery({
    queryKey: ["csr-preview", csr],
    queryFn: () => import("@/lib/x509").then((x) => x.previewRequest(csr)),
    enabled: kind === "csr" && csr.trim().length > 100,
    retry: false,
    staleTime: Infinity,
  });
  const names = sans.filter((s) => s.value.trim()).map((s) => ({ type: s.type, value: s.value.trim() }));
  const common = {
    caId: chosenCa?.id ?? "",
    profileId: profile ?? "",
    notAfter: expiry ? new Date(`${expiry}T00:00:00`).toISOString() : null,
    endEntity: endEntity.trim() || null,
  };
  const issue = useMutation({
    mutationFn: async (): Promise<Done> => {
      if (kind === "csr") {
        const d = (
          await request(Issue, {
            input: {
              ...common,
              csr,
              subject: fromCsr ? null : subject,
              subjectAlternativeNames: sansFromCsr ? null : names,
            },
          })
        ).issueCertificate;
        return {
          id: d.certificate.id,
          name: d.certificate.commonName || d.certificate.serialNumber,
          decisions: d.decisions,
        };
      }
      const d = (
        await request(IssueP12, {
          input: {
            ...common,
            password,
            subject,
            subjectAlternativeNames: names,
            keyType,
            legacy,
            friendlyName: friendlyName.trim() || null,
          },
        })
      ).issuePkcs12;
      return {
        id: d.certificate.id,
        name: d.certificate.commonName || d.certificate.serialNumber,
        decisions: d.decisions,
        p12: d.pkcs12,
        warnings: d.warnings,
      };
    },
    onSuccess: (d) => {
      onDone(d);
      void queryClient.invalidateQueries({ queryKey: ["certificates"] });
      void queryClient.invalidateQueries({ queryKey: ["home"] });
    },
  });
  const look = useMutation({
    mutationFn: () =>
      request(WhatIf, {
        input:
          kind === "csr"
            ? { ...common, csr, subject: fromCsr ? null : subject, subjectAlternativeNames: sansFromCsr ? null : names }
            : { ...common, keyType, subject, subjectAlternativeNames: names },
      }),
  });
  if (choices.data && cas.length === 0)
    return <NothingToIssueWith partitionId={partitionId} cas={active.filter((c) => c.type === "ISSUING")} />;
  return (
    <form
      onChange={() => look.reset()}
      onSubmit={(e) => {
        e.preventDefault();
        issue.mutate();
      }}
    >
      <Stack>
        <Radio.Group
          label="Certificate Type"
          value={kind}
          onChange={(v) => {
            setKind(v as "csr" | "p12");
            setProfile(null);
          }}
        >
          <Stack gap={6} mt={6}>
            <Radio
              value="csr"
              label="Client Side Generated Key Certificate (X.509 cert)"
              description="You have a certificate signing request, or make the key in this browser."
            />
            <Radio
              value="p12"
              label="Server Side Generated Key Certificate (PKCS #12)"
              description="The server makes the key, gives it to you once in a file and forgets it."
            />
          </Stack>
        </Radio.Group>
        {!caId && (
          <Select
            label="Certificate Authority"
            required
            searchable
            data={cas.map((c) => ({ value: c.id, label: c.friendlyName }))}
            value={chosenCa?.id ?? null}
            onChange={(v) => {
              setCa(v);
              setProfile(null);
            }}
            nothingFoundMessage="No active authority has profiles"
          />
        )}
        {chosenCa && profiles.length === 0 ? (
          <Alert color="yellow" variant="light" title="No profile lets the server make the key">
            <Text size="sm">
              Profiles with PKCS #12 in their name or purpose do.{" "}
              <Anchor size="sm" renderRoot={(p) => <ToProfiles partitionId={partitionId} ca={chosenCa} {...p} />}>
                Profiles of {chosenCa.friendlyName}
              </Anchor>
            </Text>
          </Alert>
        ) : (
          <ProfileSelect
            label="Certificate profile"
            required
            disabled={!chosenCa}
            placeholder={chosenCa ? "What the certificate is for" : "Choose the authority first"}
            profiles={profiles}
            value={profile}
            onChange={setProfile}
            error={fieldError(issue.error, "profileId") ?? fieldError(issue.error, "profile")}
          />
        )}
        {kind === "csr" ? (
          <>
            <CsrInput
              value={csr}
              onChange={setCsr}
              onKey={onKey}
              error={fieldError(issue.error, "csr") ?? fieldError(issue.error, "publicKey")}
              browserKey={browserKey}
            />
            {preview.error && (
              <Alert color="yellow" variant="light">
                <Text size="sm">
                  This browser cannot read the request. The server will say exactly what is wrong with it.
                </Text>
              </Alert>
            )}
            {preview.data && (
              <Card withBorder padding="sm">
                <Facts
                  rows={[
                    ["Subject", preview.data.subject],
                    ["Key", preview.data.key],
                    ["Names", preview.data.names.join(", ")],
                    [
                      "Proof of possession",
                      preview.data.verified ? "Signature verified" : "Not checked here; the server checks it",
                    ],
                  ]}
                />
              </Card>
            )}
            <Checkbox
              label="Use Subject from CSR"
              checked={fromCsr}
              onChange={(e) => setFromCsr(e.currentTarget.checked)}
            />
            {!fromCsr && (
              <SubjectEditor
                value={subject}
                onChange={setSubject}
                error={fieldError(issue.error, "subject")}
                attributes={deployment?.subjectAttributes ?? []}
              />
            )}
            {fromCsr && fieldError(issue.error, "subject") && (
              <Text size="sm" c="var(--mantine-color-error)">
                {fieldError(issue.error, "subject")}
              </Text>
            )}
            <Checkbox
              label="Use Subject Alternative Names from CSR"
              checked={sansFromCsr}
              onChange={(e) => setSansFromCsr(e.currentTarget.checked)}
            />
          </>
        ) : (
          <>
            <SubjectEditor
              value={subject}
              onChange={setSubject}
              error={fieldError(issue.error, "subject")}
              attributes={deployment?.subjectAttributes ?? []}
            />
            <Select
              label="Key"
              data={["RSA-2048", "RSA-3072", "RSA-4096", "ECDSA-P256", "ECDSA-P384", "ECDSA-P521"]}
              value={keyType}
              onChange={(v) => setKeyType(v ?? "RSA-2048")}
              allowDeselect={false}
              error={fieldError(issue.error, "keyType")}
            />
            <Group grow align="flex-start">
              <PasswordInput
                label="PKCS #12 Password"
                required
                minLength={8}
                autoComplete="new-password"
                description="Protects the file; at least 8 characters"
                value={password}
                onChange={(e) => setPassword(e.currentTarget.value)}
                error={fieldError(issue.error, "password")}
              />
              <PasswordInput
                label="Confirm password"
                required
                autoComplete="new-password"
                description="The same again"
                value={again}
                onChange={(e) => setAgain(e.currentTarget.value)}
                error={again && again !== password ? "The passwords differ" : undefined}
              />
            </Group>
            {/[^ -~]/.test(password) && (
              <Alert color="yellow" variant="light">
                <Text size="sm">
                  The password has characters beyond ASCII. Programs encode them differently, so some cannot open the
                  file.
                </Text>
              </Alert>
            )}
            <Group grow align="flex-start">
              <TextInput
                label="Friendly name"
                description="Shown by Windows and Java; empty: the common name"
                maxLength={128}
                value={friendlyName}
                onChange={(e) => setFriendlyName(e.currentTarget.value)}
                error={fieldError(issue.error, "friendlyName")}
              />
              <Select
                label="File format"
                description={
                  legacy
                    ? "Triple DES, SHA-1: opened by every program, protected by its password alone"
                    : "AES-256, SHA-256: Windows 10 1709, Java 8u301, OpenSSL 1.1, iOS 15 and later"
                }
                data={[
                  { value: "modern", label: "Modern" },
                  { value: "legacy", label: "Legacy" },
                ]}
                value={legacy ? "legacy" : "modern"}
                onChange={(v) => setLegacy(v === "legacy")}
                allowDeselect={false}
              />
            </Group>
          </>
        )}
        {(kind === "p12" || !sansFromCsr) && <SanRows sans={sans} onChange={setSans} error={issue.error} />}
        {kind === "csr" && sansFromCsr && fieldError(issue.error, "sans") && (
          <Text size="sm" c="var(--mantine-color-error)">
            {fieldError(issue.error, "sans")}
          </Text>
        )}
        <Group grow align="flex-start">
          <TextInput
            type="date"
            label="Certificate Expiry"
            description="Empty: as the profile says"
            value={expiry}
            onChange={(e) => setExpiry(e.currentTarget.value)}
            error={fieldError(issue.error, "notAfter")}
          />
          <TextInput
            label="End entity"
            description="Optional: whom it is for"
            maxLength={255}
            value={endEntity}
            onChange={(e) => setEndEntity(e.currentTarget.value)}
            error={fieldError(issue.error, "endEntity")}
          />
        </Group>
        <ErrorAlert error={issue.error} />
        <ErrorAlert error={look.error} />
        {look.data && <WhatIfResult result={look.data.whatIf} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            variant="default"
            loading={look.isPending}
            disabled={!profile || (kind === "csr" && !csr.trim())}
            onClick={() => look.mutate()}
          >
            Check without issuing
          </Button>
          <Button
            type="submit"
            loading={issue.isPending}
            disabled={!profile || (kind === "csr" ? !csr.trim() : password !== again)}
          >
            Issue
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function CsrInput({
  value,
  onChange,
  onKey,
  error,
  browserKey,
}: {
  value: string;
  onChange: (v: string) => void;
  onKey: (made: BrowserMade) => void;
  error: string | undefined;
  browserKey: BrowserMade | undefined;
}) {
  const file = useRef<HTMLInputElement>(null);
  const deployment = useDeployment();
  const [making, setMaking] = useState(false);
  const [type, setType] = useState<BrowserKey>("ECDSA P-256");
  const [subject, setSubject] = useState("");
  const [names, setNames] = useState("");
  const read = async (f: File | undefined) => {
    if (!f) return;
    if (f.size > 65_536) return onChange("");
    const bytes = new Uint8Array(await f.arrayBuffer());
    onChange(bytes[0] === 0x30 ? btoa(String.fromCharCode(...bytes)) : new TextDecoder().decode(bytes));
  };
  const make = useMutation({
    mutationFn: () =>
      import("@/lib/x509").then((x) => x.makeRequest(type, subject, names.split(/[\s,]+/).filter(Boolean))),
    onSuccess: (m) => {
      onChange(m.csr);
      onKey({ pem: m.key, kept: false });
      setMaking(false);
    },
  });
  return (
    <Stack gap="xs">
      <Textarea
        label="Certificate Signing Request"
        description="PEM text; or drop a PEM or DER file here"
        placeholder="-----BEGIN CERTIFICATE REQUEST-----"
        required
        autosize
        minRows={4}
        maxRows={10}
        value={value}
        onChange={(e) => onChange(e.currentTarget.value)}
        onDragOver={(e) => e.preventDefault()}
        onDrop={(e) => {
          e.preventDefault();
          void read(e.dataTransfer.files[0]);
        }}
        error={error}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12 } }}
      />
      <Group gap="xs">
        <input
          ref={file}
          type="file"
          hidden
          aria-hidden
          tabIndex={-1}
          onChange={(e) => void read(e.currentTarget.files?.[0])}
        />
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconUpload size={14} />}
          onClick={() => file.current?.click()}
        >
          Choose File
        </Button>
        {globalThis.crypto?.subtle && (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconKey size={14} />}
            onClick={() => setMaking(!making)}
            aria-expanded={making}
          >
            Make the key in this browser
          </Button>
        )}
      </Group>
      {making && (
        <Card withBorder padding="sm">
          <Stack gap="sm">
            <Text size="sm" c="dimmed">
              The private key is made here and never leaves this page until you save it.
            </Text>
            <Select
              label="Key"
              data={["ECDSA P-256", "ECDSA P-384", "RSA 2048", "RSA 3072"]}
              value={type}
              onChange={(v) => setType((v ?? "ECDSA P-256") as BrowserKey)}
              allowDeselect={false}
            />
            <SubjectEditor value={subject} onChange={setSubject} attributes={deployment?.subjectAttributes ?? []} />
            <TextInput
              label="DNS names"
              placeholder="www.example.com example.com"
              value={names}
              onChange={(e) => setNames(e.currentTarget.value)}
            />
            <ErrorAlert error={make.error} />
            <Button onClick={() => make.mutate()} loading={make.isPending} disabled={!subject}>
              Make key and request
            </Button>
          </Stack>
        </Card>
      )}
      {browserKey && <BrowserKeyOnce key={browserKey.pem} made={browserKey} onKey={onKey} />}
    </Stack>
  );
}

function SanRows({ sans, onChange, error }: { sans: San[]; onChange: (s: San[]) => void; error: unknown }) {
  return (
    <Stack gap={6}>
      <Text size="sm" fw={500}>
        Subject Alternative Names
      </Text>
      {sans.map((s, n) => (
        <Group key={n} gap={6} wrap="nowrap" align="flex-start">
          <Select
            aria-label={`San Type ${n + 1}`}
            w={170}
            allowDeselect={false}
            data={sanTypes.map((t) => ({ value: t, label: words(t) }))}
            value={s.type}
            onChange={(t) => onChange(sans.map((x, i) => (i === n ? { ...x, type: t as SanType } : x)))}
          />
          <TextInput
            aria-label={`SAN Value ${n + 1}`}
            placeholder={examples[s.type]}
            style={{ flex: 1 }}
            value={s.value}
            onChange={(e) => onChange(sans.map((x, i) => (i === n ? { ...x, value: e.currentTarget.value } : x)))}
            error={fieldError(error, `subjectAlternativeNames[${n}]`)}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={`Remove name ${n + 1}`}
            onClick={() => onChange(sans.filter((_, i) => i !== n))}
          >
            <IconTrash size={16} />
          </ActionIcon>
        </Group>
      ))}
      {fieldError(error, "sans") && (
        <Text size="sm" c="var(--mantine-color-error)">
          {fieldError(error, "sans")}
        </Text>
      )}
      <Group>
        <Button
          size="compact-sm"
          variant="subtle"
          leftSection={<IconPlus size={14} />}
          onClick={() => onChange([...sans, { type: "DNS_NAME", value: "" }])}
        >
          Add a name
        </Button>
      </Group>
    </Stack>
  );
}

function Result({
  partitionId,
  done,
  browserKey,
  onClose,
}: {
  partitionId: string;
  done: Done;
  browserKey: BrowserMade | undefined;
  onClose: () => void;
}) {
  const [saved, setSaved] = useState(false);
  useKept(!done.p12 || saved, "The PKCS #12 file was not downloaded");
  return (
    <Stack>
      <Alert color="teal" title="Issued">
        <Text size="sm">The certificate of {done.name} is issued and recorded.</Text>
      </Alert>
      {done.p12 && (
        <Alert color="yellow" title="Download your PKCS #12: possible only now">
          <Stack align="flex-start" gap="xs">
            <Text size="sm">It holds the private key, which the server has already forgotten.</Text>
            {done.warnings?.map((w) => (
              <Text key={w} size="sm">
                {w}
              </Text>
            ))}
            <Button
              leftSection={<IconDownload size={16} />}
              onClick={() => {
                download(
                  `${done.name.replace(/[^A-Za-z0-9._-]+/g, "_")}.p12`,
                  fromBase64(done.p12!),
                  "application/x-pkcs12",
                );
                setSaved(true);
              }}
            >
              Download your PKCS #12
            </Button>
          </Stack>
        </Alert>
      )}
      {browserKey && <BrowserKeyOnce made={browserKey} />}
      <Group>
        <Button variant="default" onClick={() => void downloadCertificate(done.id, "pem")}>
          Download Certificate
        </Button>
        <Button variant="default" onClick={() => void downloadCertificate(done.id, "chain")}>
          Download with chain
        </Button>
        <Button
          variant="default"
          renderRoot={(p) => (
            <Link to="/p/$partitionId/certificates/$id" params={{ partitionId, id: done.id }} {...p} />
          )}
        >
          View Certificate
        </Button>
      </Group>
      <Card withBorder>
        <Text fw={600} mb="xs">
          Why it is as it is
        </Text>
        <Table>
          <Table.Tbody>
            {done.decisions.map((d, n) => (
              <Table.Tr key={n}>
                <Table.Td fw={600}>{d.rule}</Table.Td>
                <Table.Td>{d.outcome}</Table.Td>
                <Table.Td c="dimmed">{d.detail}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Card>
      <Group justify="flex-end">
        <Button onClick={onClose}>Done</Button>
      </Group>
    </Stack>
  );
}
