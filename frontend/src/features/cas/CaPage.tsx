import {
  Alert,
  Anchor,
  Badge,
  Button,
  Card,
  Group,
  Loader,
  Menu,
  Modal,
  SimpleGrid,
  Stack,
  Stepper,
  Table,
  Tabs,
  Text,
} from "@mantine/core";
import {
  IconAlertTriangle,
  IconArrowRight,
  IconCertificate,
  IconChevronDown,
  IconListDetails,
  IconPlus,
} from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { CertificateTable } from "@/components/certificates";
import { IssueDrawer } from "@/components/IssueDrawer";
import {
  ConfirmTyping,
  CopyText,
  EmptyState,
  ErrorAlert,
  Facts,
  Lines,
  Loading,
  Moment,
  PageHeader,
  Scroll,
  Section,
  StatusBadge,
} from "@/components/ui";
import { graphql } from "@/gql";
import type { CaDetailQuery } from "@/gql/graphql";
import { caStanding, caTypes } from "@/lib/ca";
import { colons, download, formatNumber, sentence, words } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { Ceremony, KeyStoreProblem, MoveKey } from "./CaKey";
import { DeletionPicture, ImportCertificate, KeysAndCertificates, RenewCa, TurnCa, WaitingCard } from "./CaLife";
import { Custody, useKeyStores } from "./KeyStores";
import { HeldCrl, StatusServices } from "./StatusServices";
import { ProfilePicker, useProfileGroups } from "./ProfilePicker";

const CaDetail = graphql(`
  query CaDetail($partition: ID!, $identifier: String!) {
    partition(id: $partition) {
      certificationAuthority(identifier: $identifier) {
        id
        identifier
        friendlyName
        type
        status
        signingAlgorithm
        subject
        expiresAt
        createdAt
        deletedAt
        purgeAt
        activeCertificates
        crlEnabled
        ocspEnabled
        crlUrl
        ocspUrl
        certificateUrl
        caGatewayUrl
        keyStore {
          name
          description
          available
          problem
        }
        keyCustody
        keyMovingTo
        parent {
          identifier
          friendlyName
          type
        }
        brokenBy {
          id
          identifier
          friendlyName
          status
          purgeAt
        }
        keyGeneration
        renewal {
          newKey
          expiresAt
          failure
        }
        nameConstraints {
          permitted {
            type
            value
          }
          excluded {
            type
            value
          }
        }
        children(first: 200) {
          nodes {
            id
            identifier
            friendlyName
            type
            status
            activeCertificates
            brokenBy {
              id
            }
          }
        }
        creation {
          failure
          steps {
            step
            state
            at
          }
        }
        crl {
          number
          entries
          bytes
          thisUpdate
          nextUpdate
          limitBytes
          warning
          alarm {
            kind
            reason
            since
            acceptable
          }
        }
        crlSettings {
          mode
          delta
          shards
          automaticShards
          complete
        }
        crlLists {
          shard
          number
          baseNumber
          entries
          bytes
          thisUpdate
          nextUpdate
          url
          open
        }
        profiles {
          id
          name
          description
          validityPeriod
          group {
            title
          }
        }
        certificate {
          serialNumber
          fingerprint
          issuer
          notBefore
          notAfter
          publicKeyType
          signatureAlgorithm
          isCa
          pathLength
          keyUsages
          authorityInfoAccessOcsp
          authorityInfoAccessCaIssuers
          authorityKeyIdentifier
          subjectKeyIdentifier
          crlDistributionPoints
        }
      }
    }
  }
`);
const CaDownload = graphql(`
  query CaDownload($id: ID!) {
    certificationAuthority(id: $id) {
      certificatePem
      chainPem
    }
  }
`);
const Delete = graphql(`
  mutation DeleteCa($input: DeleteCertificationAuthorityInput!) {
    deleteCertificationAuthority(input: $input) {
      __typename
      ... on CertificationAuthorityPayload {
        certificationAuthority {
          id
          status
        }
      }
      ... on ApprovalPending {
        approvalId
        message
      }
    }
  }
`);
const Restore = graphql(`
  mutation RestoreCa($id: ID!) {
    restoreCertificationAuthority(input: { caId: $id }) {
      certificationAuthority {
        id
        status
      }
    }
  }
`);
const Select = graphql(`
  mutation SelectProfiles($input: SelectProfilesInput!) {
    selectProfiles(input: $input) {
      certificationAuthority {
        id
      }
    }
  }
`);
const Unselect = graphql(`
  mutation UnselectProfiles($input: UnselectProfilesInput!) {
    unselectProfiles(input: $input) {
      certificationAuthority {
        id
      }
    }
  }
`);

export type Ca = NonNullable<NonNullable<CaDetailQuery["partition"]>["certificationAuthority"]>;

export function CaPage() {
  const { partitionId, identifier } = useParams({ from: "/signed-in/p/$partitionId/cas/$identifier" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/cas/$identifier" });
  const navigate = useNavigate({ from: "/p/$partitionId/cas/$identifier" });
  const can = useCan(partitionId);
  const queryClient = useQueryClient();
  const [deleting, setDeleting] = useState(false);
  const [moving, setMoving] = useState(false);
  const [renewing, setRenewing] = useState(false);
  const [importing, setImporting] = useState(false);
  const [turning, setTurning] = useState(false);
  const detail = useQuery({
    queryKey: ["ca", partitionId, identifier],
    queryFn: () => request(CaDetail, { partition: partitionId, identifier }),
    refetchInterval: (q) => {
      const c = q.state.data?.partition?.certificationAuthority;
      return c?.status === "CREATING" ||
        (c?.renewal && !c.renewal.failure && c.parent?.type !== "EXTERNAL_ROOT") ||
        c?.keyMovingTo
        ? 500
        : 10_000;
    },
  });
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const ca = detail.data?.partition?.certificationAuthority;
  const refresh = () => queryClient.invalidateQueries();
  const remove = useMutation({
    mutationFn: () => request(Delete, { input: { caId: ca!.id, confirmIdentifier: identifier } }),
    onSuccess: () => {
      setDeleting(false);
      void refresh();
    },
  });
  const restore = useMutation({ mutationFn: () => request(Restore, { id: ca!.id }), onSuccess: refresh });
  const movable =
    !!ca &&
    can("ca:create") &&
    ca.keyCustody === "IN_SOFTWARE" &&
    ca.status === "ACTIVE" &&
    !ca.renewal &&
    !ca.keyMovingTo;
  const renewable =
    !!ca &&
    can("ca:create") &&
    ca.type !== "EXTERNAL_ROOT" &&
    ["ACTIVE", "DISABLED", "EXPIRED"].includes(ca.status) &&
    (!ca.renewal || !!ca.renewal.failure);
  const stores = useKeyStores(partitionId, ca?.signingAlgorithm ?? "", movable).data;
  const trail = [{ label: "Certificate Authorities", to: `/p/${partitionId}/cas` }];
  if (detail.isPending) return <Loading lines={8} />;
  if (detail.error) return <ErrorAlert error={detail.error} retry={() => void detail.refetch()} />;
  if (!ca) {
    return (
      <>
        <PageHeader title={identifier} trail={trail} />
        <EmptyState icon={<IconCertificate />} title="No such certificate authority">
          It may have been deleted more than 24 hours ago.
        </EmptyState>
      </>
    );
  }
  const certifies = can("ca:create") && ca.type !== "ISSUING" && ca.status === "ACTIVE" && !ca.brokenBy;
  const downloadable = can("ca:download") && !!ca.certificate;
  const save = async (form: "pem" | "chain") => {
    const c = (await request(CaDownload, { id: ca.id })).certificationAuthority;
    const text = form === "pem" ? c?.certificatePem : c?.chainPem;
    if (text) download(`${identifier}${form === "chain" ? "-chain" : ""}.pem`, text, "application/x-pem-file");
  };
  const below = {
    to: "/p/$partitionId/cas",
    params: { partitionId },
    search: { create: "true", parent: identifier },
  } as const;
  const item = (label: string, onClick: () => void, color?: string) => (
    <Menu.Item key={label} c={color} onClick={onClick}>
      {label}
    </Menu.Item>
  );
  const deletes = can("ca:delete") && ca.status !== "DELETED";
  // What the caller may not do is not there; what cannot be done now neither.
  const items = [
    downloadable && item("Download Certificate", () => void save("pem")),
    downloadable && item("Download chain", () => void save("chain")),
    certifies && (
      <Menu.Item key="below" renderRoot={(p) => <Link {...below} {...p} />}>
        Create Authority below it
      </Menu.Item>
    ),
    movable &&
      stores?.some((s) => s.name !== ca.keyStore?.name) &&
      item("Move key to another key store", () => setMoving(true)),
    renewable && item("Renew Certificate Authority", () => setRenewing(true)),
    can("ca:create") &&
      ca.type === "EXTERNAL_ROOT" &&
      ca.status !== "DELETED" &&
      item("Import newer certificate", () => setImporting(true)),
    deletes && ca.status === "ACTIVE" && item("Disable Certificate Authority", () => setTurning(true)),
    deletes && ca.status === "DISABLED" && item("Enable Certificate Authority", () => setTurning(true)),
    deletes && item("Delete Certificate Authority", () => setDeleting(true), "var(--mantine-color-error)"),
  ].filter(Boolean);
  return (
    <>
      <PageHeader
        title={ca.friendlyName}
        trail={trail}
        description={
          <Group gap="xs" mt={4}>
            <StatusBadge status={caStanding(ca)} />
            <span>{caTypes[ca.type].label}</span>·<span>{ca.signingAlgorithm}</span>·<CopyText value={ca.identifier} />
          </Group>
        }
        actions={
          <>
            {ca.status === "ACTIVE" && !ca.brokenBy && can("certificate:issue") && ca.profiles.length > 0 && (
              <Button
                leftSection={<IconPlus size={16} />}
                disabled={!ca.keyStore?.available}
                onClick={() => set({ issue: "true" })}
              >
                Issue Certificate
              </Button>
            )}
            {items.length > 0 && (
              <Menu position="bottom-end" width={260}>
                <Menu.Target>
                  <Button variant="default" rightSection={<IconChevronDown size={14} />}>
                    Actions
                  </Button>
                </Menu.Target>
                <Menu.Dropdown>{items}</Menu.Dropdown>
              </Menu>
            )}
          </>
        }
      />
      {ca.status === "DELETED" && (
        <Card withBorder mb="md">
          <Group justify="space-between">
            <Text>
              Deleted. Its identifier becomes free <Moment at={ca.purgeAt!} />. Until then it can be restored.
            </Text>
            {can("ca:delete") && (
              <Button variant="default" loading={restore.isPending} onClick={() => restore.mutate()}>
                Restore
              </Button>
            )}
          </Group>
          <ErrorAlert error={restore.error} />
        </Card>
      )}
      {ca.brokenBy && ca.status !== "DELETED" && (
        <Alert color="red" variant="light" icon={<IconAlertTriangle />} title="It cannot be relied on" mb="md">
          <Text size="sm">
            {ca.brokenBy.friendlyName}, above it, is {ca.brokenBy.status.toLowerCase()}. It issues nothing, and nobody
            should trust what it has issued.{" "}
            {(!ca.brokenBy.purgeAt || Date.parse(ca.brokenBy.purgeAt) > Date.now()) && (
              <Anchor
                size="sm"
                renderRoot={(p) => (
                  <Link
                    to="/p/$partitionId/cas/$identifier"
                    params={{ partitionId, identifier: ca.brokenBy!.identifier }}
                    {...p}
                  />
                )}
              >
                Open {ca.brokenBy.friendlyName}
              </Anchor>
            )}
          </Text>
        </Alert>
      )}
      {certifies && ca.children.nodes.length === 0 && (
        <NextStep
          title="Next: an authority below it"
          action={
            <Button rightSection={<IconArrowRight size={16} />} renderRoot={(p) => <Link {...below} {...p} />}>
              Create an authority below it
            </Button>
          }
        >
          {ca.friendlyName} certifies authorities. Create a subordinate authority, which issues certificates to servers,
          devices and people.
        </NextStep>
      )}
      {ca.type === "ISSUING" && ca.status === "ACTIVE" && !ca.brokenBy && ca.profiles.length === 0 && (
        <NextStep
          title="It can issue nothing yet"
          action={
            can("ca:select-profiles") && (
              <Button
                rightSection={<IconArrowRight size={16} />}
                onClick={() => set({ tab: "profiles", select: "true" })}
              >
                Select profiles
              </Button>
            )
          }
        >
          No certificate profile is selected for it.{" "}
          {can("ca:select-profiles")
            ? "A profile says what a certificate is for: choose those that it is to issue."
            : "An Owner or a CA Administrator selects them."}
        </NextStep>
      )}
      <WaitingCard
        ca={ca}
        downloadable={can("ca:download")}
        editable={can("ca:create")}
        onRenew={() => setRenewing(true)}
      />
      {ca.type !== "EXTERNAL_ROOT" && <KeyStoreProblem ca={ca} />}
      <HeldCrl ca={ca} mayAccept={can("ca:publish-crl")} />
      {(ca.status === "CREATING" || ca.status === "FAILED") && <Progress ca={ca} />}
      <Tabs
        value={search.tab ?? "overview"}
        onChange={(t) => set({ tab: t === "overview" ? undefined : (t ?? undefined), select: undefined })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          <Tabs.Tab value="certificates">Issued Certificates</Tabs.Tab>
          <Tabs.Tab value="profiles">Certificate Profiles</Tabs.Tab>
          <Tabs.Tab value="status">CRL and OCSP</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview">
          <Overview ca={ca} partitionId={partitionId} downloadable={can("ca:download")} />
        </Tabs.Panel>
        <Tabs.Panel value="certificates">
          <CertificateTable
            partitionId={partitionId}
            caId={ca.id}
            search={search}
            onSearch={set}
            empty={
              <EmptyState icon={<IconCertificate />} title="Nothing issued yet">
                Certificates that this CA issues appear here.
              </EmptyState>
            }
          />
        </Tabs.Panel>
        <Tabs.Panel value="profiles">
          <Profiles
            ca={ca}
            partitionId={partitionId}
            editable={can("ca:select-profiles")}
            adding={search.select === "true"}
            onAdding={(on) => set({ select: on ? "true" : undefined })}
          />
        </Tabs.Panel>
        <Tabs.Panel value="status">
          <StatusServices ca={ca} publishable={can("ca:publish-crl")} />
        </Tabs.Panel>
      </Tabs>
      {search.issue === "true" && can("certificate:issue") && (
        <IssueDrawer partitionId={partitionId} caId={ca.id} onClose={() => set({ issue: undefined })} />
      )}
      {renewing && <RenewCa ca={ca} onClose={() => setRenewing(false)} />}
      {importing && <ImportCertificate ca={ca} onClose={() => setImporting(false)} />}
      {turning && <TurnCa ca={ca} onClose={() => setTurning(false)} />}
      {moving && <MoveKey ca={ca} partitionId={partitionId} onClose={() => setMoving(false)} />}
      {deleting && (
        <ConfirmTyping
          opened
          onClose={() => setDeleting(false)}
          title="Delete Certificate Authority"
          word={identifier}
          action="Delete"
          onConfirm={() => remove.mutate()}
          busy={remove.isPending}
          error={remove.error}
        >
          <DeletionPicture ca={ca} />
          <Text size="sm">
            Nothing is issued any more. For 24 hours its CRL and OCSP go on, it can be restored, and its identifier
            stays taken. After that, what it issued can no longer be checked.
          </Text>
        </ConfirmTyping>
      )}
    </>
  );
}

/** What to do now, where the page alone does not say so. */
function NextStep({ title, children, action }: { title: string; children: ReactNode; action?: ReactNode }) {
  return (
    <Card
      component="section"
      aria-label={title}
      withBorder
      mb="md"
      style={{ borderColor: "var(--mantine-color-brand-6)" }}
    >
      <Group justify="space-between" gap="md">
        <Stack gap={4} style={{ flex: "1 1 300px" }}>
          <Text fw={650}>{title}</Text>
          <Text size="sm">{children}</Text>
        </Stack>
        {action}
      </Group>
    </Card>
  );
}

const stepLabels: Record<string, string> = {
  QUEUED: "Queued",
  GENERATING_KEY: "Generating key",
  SIGNING_CERTIFICATE: "Signing certificate",
  ISSUING_OCSP_SIGNER: "Issuing OCSP signer",
  PUBLISHING_CRL: "Publishing CRL",
  ACTIVE: "Active",
};

function Progress({ ca }: { ca: Ca }) {
  const steps = ca.creation.steps.filter((s) => s.state !== "SKIPPED");
  const at = steps.findIndex((s) => s.state === "RUNNING" || s.state === "FAILED");
  return (
    <Card withBorder mb="md" aria-live="polite">
      <Stepper active={at < 0 ? steps.length : at} size="sm" iconSize={30}>
        {steps.map((s) => (
          <Stepper.Step
            key={s.step}
            label={stepLabels[s.step]}
            loading={s.state === "RUNNING"}
            color={s.state === "FAILED" ? "red" : "brand"}
          />
        ))}
      </Stepper>
      {ca.creation.failure && (
        <ErrorAlert error={new Error(`${ca.creation.failure}. Delete this authority and create it anew.`)} />
      )}
    </Card>
  );
}

function Overview({ ca, partitionId, downloadable }: { ca: Ca; partitionId: string; downloadable: boolean }) {
  const c = ca.certificate;
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }}>
      <Stack>
        <Section title="Authority">
          <Facts
            rows={[
              ["Type", `${caTypes[ca.type].label} (${caTypes[ca.type].id})`],
              ["Status", sentence(caStanding(ca))],
              ["CA Identifier", <CopyText key="i" value={ca.identifier} />],
              ["Subject", <CopyText key="s" value={ca.subject} mono={false} />],
              [
                "Parent",
                ca.parent ? (
                  <Anchor
                    key="p"
                    size="sm"
                    renderRoot={(p) => (
                      <Link
                        to="/p/$partitionId/cas/$identifier"
                        params={{ partitionId, identifier: ca.parent!.identifier }}
                        {...p}
                      />
                    )}
                  >
                    {ca.parent.friendlyName}
                  </Anchor>
                ) : null,
              ],
              ["Created", <Moment key="c" at={ca.createdAt} />],
              ["Expiry Date", <Moment key="e" at={ca.expiresAt} />],
              ...(ca.nameConstraints
                ? ([
                    [
                      "Permitted names",
                      <Lines
                        key="pn"
                        items={ca.nameConstraints.permitted.map((n) => `${words(n.type)}: ${n.value}`)}
                      />,
                    ],
                    [
                      "Excluded names",
                      <Lines key="en" items={ca.nameConstraints.excluded.map((n) => `${words(n.type)}: ${n.value}`)} />,
                    ],
                  ] as [string, ReactNode][])
                : []),
              ["CRL", ca.crlEnabled ? "Enabled" : "Disabled"],
              ["OCSP", ca.ocspEnabled ? "Enabled" : "Disabled"],
            ]}
          />
        </Section>
        {ca.type !== "EXTERNAL_ROOT" && (
          <Section title="Private key">
            <Facts
              rows={[
                ["Key Store", ca.keyStore ? `${ca.keyStore.name}: ${ca.keyStore.description}` : "no longer configured"],
                ["Custody", ca.keyCustody ? <Custody key="c" custody={ca.keyCustody} /> : "not known"],
                ...(ca.keyMovingTo
                  ? ([
                      [
                        "Moving",
                        <Group key="m" gap="xs" role="status">
                          <Loader size="xs" aria-hidden="true" />
                          {`to ${ca.keyMovingTo}`}
                        </Group>,
                      ],
                    ] as [string, ReactNode][])
                  : []),
              ]}
            />
          </Section>
        )}
        {ca.certificate && downloadable && <KeysAndCertificates ca={ca} />}
        {ca.type === "ROOT" && ca.certificate && downloadable && <Ceremony ca={ca} />}
        <Section title="URLs">
          <Facts
            rows={[
              ["CRL", ca.crlUrl && <CopyText value={ca.crlUrl} />],
              ["OCSP", ca.ocspUrl && <CopyText value={ca.ocspUrl} />],
              ["CA certificate", ca.certificateUrl && <CopyText value={ca.certificateUrl} />],
              ["CAGW", ca.caGatewayUrl && <CopyText value={ca.caGatewayUrl} />],
            ]}
          />
        </Section>
        {ca.children.nodes.length > 0 && (
          <Section title="Authorities below">
            <Stack gap="xs">
              {ca.children.nodes.map((child) => (
                <Group key={child.id} justify="space-between">
                  <Anchor
                    size="sm"
                    renderRoot={(p) => (
                      <Link
                        to="/p/$partitionId/cas/$identifier"
                        params={{ partitionId, identifier: child.identifier }}
                        {...p}
                      />
                    )}
                  >
                    {child.friendlyName}
                  </Anchor>
                  <Group gap="xs">
                    <Text size="sm" c="dimmed">
                      {formatNumber(child.activeCertificates)} active
                    </Text>
                    <StatusBadge status={caStanding(child)} />
                  </Group>
                </Group>
              ))}
            </Stack>
          </Section>
        )}
      </Stack>
      <Section title="CA Certificate">
        {c ? (
          <Facts
            rows={[
              ["Serial Number", <CopyText key="s" value={c.serialNumber} />],
              ["SHA-256 Fingerprint", <CopyText key="f" value={colons(c.fingerprint)} />],
              ["Issuer", c.issuer],
              ["Valid From", <Moment key="v" at={c.notBefore} />],
              ["Expiry Date", <Moment key="e" at={c.notAfter} />],
              ["Public Key Type", c.publicKeyType],
              ["Signature Algorithm", c.signatureAlgorithm],
              [
                "Basic Constraints",
                `CA${c.pathLength !== null && c.pathLength !== undefined ? `, path length ${c.pathLength}` : ""}`,
              ],
              ["Key Usages", c.keyUsages.join(", ")],
              ["Authority Info Access OCSP", <Lines key="o" items={c.authorityInfoAccessOcsp} copy />],
              ["Authority Info Access CA Issuers", <Lines key="a" items={c.authorityInfoAccessCaIssuers} copy />],
              ["Authority Key Identifier", c.authorityKeyIdentifier && <CopyText value={c.authorityKeyIdentifier} />],
              ["Subject Key Identifier", c.subjectKeyIdentifier && <CopyText value={c.subjectKeyIdentifier} />],
              ["CRL Distribution Points", <Lines key="c" items={c.crlDistributionPoints} copy />],
            ]}
          />
        ) : (
          <Text c="dimmed">Not signed yet.</Text>
        )}
      </Section>
    </SimpleGrid>
  );
}

function Profiles({
  ca,
  partitionId,
  editable,
  adding,
  onAdding,
}: {
  ca: Ca;
  partitionId: string;
  editable: boolean;
  adding: boolean;
  onAdding: (on: boolean) => void;
}) {
  const queryClient = useQueryClient();
  const groups = useProfileGroups(partitionId);
  const [chosen, setChosen] = useState<string[]>([]);
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["ca"] });
  const select = useMutation({
    mutationFn: () => request(Select, { input: { caId: ca.id, profileIds: chosen } }),
    onSuccess: () => {
      onAdding(false);
      setChosen([]);
      void refresh();
    },
  });
  const unselect = useMutation({
    mutationFn: (id: string) => request(Unselect, { input: { caId: ca.id, profileIds: [id] } }),
    onSuccess: refresh,
  });
  const add = editable && (
    <Button size="sm" leftSection={<IconPlus size={14} />} onClick={() => onAdding(true)}>
      Select profiles
    </Button>
  );
  return (
    <>
      {ca.profiles.length === 0 ? (
        <EmptyState icon={<IconListDetails />} title="No profile selected" action={add}>
          A CA issues under the profiles that are selected for it.
        </EmptyState>
      ) : (
        <Card withBorder>
          <Group justify="space-between" mb="xs">
            <Text size="sm" c="dimmed">
              {ca.profiles.length} profiles
            </Text>
            {add}
          </Group>
          <ErrorAlert error={unselect.error} />
          <Scroll label="Certificate profiles">
            <Table miw={560}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Profile</Table.Th>
                  <Table.Th>Group</Table.Th>
                  <Table.Th>Validity</Table.Th>
                  {editable && <Table.Th aria-label="Actions" />}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {ca.profiles.map((p) => (
                  <Table.Tr key={p.id}>
                    <Table.Td>
                      <Anchor
                        size="sm"
                        fw={600}
                        renderRoot={(props) => (
                          <Link
                            to="/p/$partitionId/profiles"
                            params={{ partitionId }}
                            search={{ id: p.id }}
                            {...props}
                          />
                        )}
                      >
                        {p.name}
                      </Anchor>
                      <Text size="xs" c="dimmed" ff="monospace">
                        {p.id}
                      </Text>
                    </Table.Td>
                    <Table.Td>
                      <Badge variant="light" tt="none" styles={{ root: { color: "var(--mantine-color-text)" } }}>
                        {p.group.title}
                      </Badge>
                    </Table.Td>
                    <Table.Td>{p.validityPeriod}</Table.Td>
                    {editable && (
                      <Table.Td>
                        <Button
                          size="compact-xs"
                          variant="subtle"
                          color="red"
                          onClick={() => unselect.mutate(p.id)}
                          aria-label={`Unselect ${p.id}`}
                        >
                          Unselect
                        </Button>
                      </Table.Td>
                    )}
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Scroll>
        </Card>
      )}
      <Modal
        opened={adding && editable}
        onClose={() => onAdding(false)}
        size="lg"
        title={<Text fw={650}>Select profiles</Text>}
      >
        <Stack>
          <ProfilePicker
            label="Certificate Profiles"
            groups={groups}
            caType={ca.type}
            selected={chosen}
            onChange={setChosen}
            without={ca.profiles.map((p) => p.id)}
          />
          <ErrorAlert error={select.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={() => onAdding(false)}>
              Cancel
            </Button>
            <Button disabled={chosen.length === 0} loading={select.isPending} onClick={() => select.mutate()}>
              Select {chosen.length || ""}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
