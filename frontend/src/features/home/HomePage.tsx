import {
  Alert,
  Anchor,
  Box,
  Button,
  Card,
  Group,
  List,
  Progress,
  RingProgress,
  SimpleGrid,
  Skeleton,
  Stack,
  Text,
  ThemeIcon,
} from "@mantine/core";
import {
  IconArrowRight,
  IconBuildingBank,
  IconCertificate,
  IconCircleCheck,
  IconCircleDashed,
  IconClockExclamation,
  IconPlugConnected,
  IconUserCheck,
  IconUsers,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { ErrorAlert, Loading, PageHeader, Section } from "@/components/ui";
import { graphql } from "@/gql";
import { formatNumber, formatRemaining } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan, usePartition, waitingQuery } from "@/lib/session";
import { Trend } from "@/components/Trend";

const Home = graphql(`
  query Home($partition: ID!, $people: Boolean!) {
    partition(id: $partition) {
      counts {
        purchasedCas
        activeCas
        purchasedCertificates
        issuedCertificates
        suspendedCertificates
        revokedCertificates
        expiringCertificates
      }
      activity(days: 30) {
        day
        issued
        revoked
      }
      certificates(first: 6, sort: EXPIRES_FIRST, filter: { expiresWithinDays: 90, includeOcspSigners: false }) {
        nodes {
          id
          commonName
          subject
          notAfter
        }
      }
      ever: certificates(first: 1, filter: { includeOcspSigners: false }) {
        nodes {
          id
        }
      }
      protocolConfigurations(first: 1) {
        totalCount
      }
      members(first: 2) @include(if: $people) {
        nodes {
          user {
            id
          }
        }
      }
    }
  }
`);

const Start = graphql(`
  query HomeStart($partition: ID!) {
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
          }
        }
      }
    }
  }
`);

/** Where a step leads; `search` is what the screen opens with. */
type Step = {
  done: boolean;
  label: string;
  hint: string;
  icon?: ReactNode;
  to:
    | "/p/$partitionId/cas"
    | "/p/$partitionId/cas/$identifier"
    | "/p/$partitionId/certificates"
    | "/p/$partitionId/protocols"
    | "/p/$partitionId/users";
  identifier?: string;
  search: Record<string, string>;
};

/** Whom a step concerns. */
const needs: Partial<Record<Step["to"], string>> = {
  "/p/$partitionId/cas": "ca:create",
  "/p/$partitionId/cas/$identifier": "ca:select-profiles",
  "/p/$partitionId/certificates": "certificate:issue",
};

export function HomePage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/" });
  const partition = usePartition(partitionId);
  const can = useCan(partitionId);
  const home = useQuery({
    queryKey: ["home", partitionId, can("user:browse")],
    queryFn: () => request(Home, { partition: partitionId, people: can("user:browse") }),
    refetchInterval: 30_000,
  });
  const waiting =
    useQuery({ ...waitingQuery(partitionId), enabled: can("approval:browse") }).data?.partition?.approvalsWaiting ?? 0;
  const p = home.data?.partition;
  const c = p?.counts;
  // Until the first certificate there is nothing to count: what to do comes first.
  const fresh = p?.ever.nodes.length === 0;
  const start = useQuery({
    queryKey: ["home-start", partitionId],
    queryFn: () => request(Start, { partition: partitionId }),
    enabled: fresh,
    refetchInterval: 5_000,
  });
  const cas =
    start.data?.partition?.certificationAuthorities.nodes.filter((a) => a.status !== "FAILED" && !a.brokenBy) ?? [];
  const root = cas.find((a) => a.type !== "ISSUING");
  const issuing = cas.filter((a) => a.type === "ISSUING");
  const ready = issuing.find((a) => a.profiles.length > 0);
  const creates: Record<string, string> = can("ca:create") ? { create: "true" } : {};
  const authorities = "/p/$partitionId/cas";
  const beginning: Step[] = [
    {
      done: !!root,
      label: "Create a root authority",
      hint: "The anchor that clients trust.",
      to: authorities,
      search: creates,
    },
    {
      done: issuing.length > 0,
      label: "Create an issuing authority",
      hint: "It stands below the root and issues certificates.",
      to: authorities,
      search: creates,
    },
  ];
  if (issuing[0] && !ready) {
    const { friendlyName, identifier } = issuing[0];
    beginning.push({
      done: false,
      label: `Select profiles for ${friendlyName}`,
      hint: "Without a profile it can issue nothing.",
      to: "/p/$partitionId/cas/$identifier",
      identifier,
      search: { tab: "profiles", select: "true" },
    });
  }
  const steps: Step[] = [
    ...(fresh
      ? beginning
      : [
          {
            done: !!c && c.activeCas > 0,
            label: "Create a Certificate Authority",
            hint: "A root, and an issuing CA below it.",
            to: authorities,
            search: creates,
          } as const,
        ]),
    {
      done: !!p && !fresh,
      label: "Issue a certificate",
      hint: "From a certificate signing request, or with its key as PKCS #12.",
      to: "/p/$partitionId/certificates",
      search: can("certificate:issue") ? { issue: "true" } : {},
    },
    {
      done: (p?.protocolConfigurations.totalCount ?? 0) > 0,
      icon: <IconPlugConnected size={18} />,
      label: "Configure enrollment protocols",
      hint: "Servers and devices get and renew their certificates by themselves.",
      to: "/p/$partitionId/protocols",
      search: can("protocol:manage") ? { create: "true" } : {},
    },
  ];
  if (can("user:invite")) {
    steps.push({
      done: (p?.members?.nodes.length ?? 0) > 1,
      icon: <IconUsers size={18} />,
      label: "Manage user access",
      hint: "Invite people, give them roles, create API tokens and CAGW credentials.",
      to: "/p/$partitionId/users",
      search: {},
    });
  }
  const next = fresh && start.data ? steps.find((s) => !s.done) : undefined;
  const list = (
    <Section title={fresh ? "First steps" : "Next steps"}>
      <List listStyleType="none" spacing="md" center>
        {steps.map((s) => (
          <List.Item
            key={s.label}
            icon={
              <ThemeIcon variant="light" radius="xl" color={s.done ? "teal" : "gray"}>
                {s.done ? <IconCircleCheck size={18} /> : (s.icon ?? <IconCircleDashed size={18} />)}
              </ThemeIcon>
            }
          >
            {s === next && can(needs[s.to] ?? "") ? (
              <Group gap="sm">
                <Button
                  rightSection={<IconArrowRight size={16} />}
                  renderRoot={(props) => <StepLink step={s} partitionId={partitionId} {...props} />}
                >
                  {s.label}
                </Button>
                <Text c="dimmed" size="sm">
                  {s.hint}
                </Text>
              </Group>
            ) : (
              <>
                <Anchor fw={600} renderRoot={(props) => <StepLink step={s} partitionId={partitionId} {...props} />}>
                  {s.label}
                </Anchor>{" "}
                <Text span c="dimmed" size="sm">
                  {s.done ? "Done. " : ""}
                  {s.hint}
                </Text>
              </>
            )}
          </List.Item>
        ))}
      </List>
    </Section>
  );
  return (
    <>
      <PageHeader
        title="Home"
        description={
          partition && (
            <>
              Partition {partition.name}, region {partition.region}
            </>
          )
        }
      />
      <ErrorAlert error={home.error} retry={() => void home.refetch()} />
      {waiting > 0 && (
        <Alert
          color="yellow"
          variant="light"
          icon={<IconUserCheck />}
          mb="lg"
          title={waiting === 1 ? "1 request waits for your approval" : `${waiting} requests wait for your approval`}
        >
          <Anchor
            size="sm"
            fw={600}
            renderRoot={(props) => <Link to="/p/$partitionId/approvals" params={{ partitionId }} {...props} />}
          >
            Look at what is asked for
          </Anchor>
        </Alert>
      )}
      {home.isPending && <Loading lines={8} />}
      {p && (
        <>
          {fresh && <Box mb="lg">{list}</Box>}
          <SimpleGrid cols={{ base: 1, xs: 2, lg: fresh ? 2 : 4 }} mb="lg">
            <Tile
              label="Active CAs"
              icon={<IconBuildingBank size={20} />}
              value={c?.activeCas}
              of={c?.purchasedCas}
              note="purchased"
              to={`/p/${partitionId}/cas`}
            />
            <Tile
              label="Issued certificates"
              icon={<IconCertificate size={20} />}
              value={c?.issuedCertificates}
              of={c?.purchasedCertificates}
              note="purchased"
              to={`/p/${partitionId}/certificates`}
            />
            {!fresh && (
              <>
                <Tile
                  label="Expire in 30 days"
                  icon={<IconClockExclamation size={20} />}
                  value={c?.expiringCertificates}
                  to={`/p/${partitionId}/certificates?expires=30`}
                  warn={!!c?.expiringCertificates}
                />
                <Card withBorder radius="lg" padding="md">
                  <Group wrap="nowrap" align="center" gap="xs" h="100%">
                    <RingProgress
                      size={76}
                      thickness={10}
                      roundCaps
                      role="img"
                      aria-label="Certificates by status"
                      sections={
                        c
                          ? ring(
                              c.issuedCertificates - c.suspendedCertificates,
                              c.suspendedCertificates,
                              c.revokedCertificates,
                            )
                          : []
                      }
                    />
                    <Stack gap={2}>
                      <Legend color="teal" label="Valid" n={c && c.issuedCertificates - c.suspendedCertificates} />
                      <Legend color="yellow" label="Suspended" n={c?.suspendedCertificates} />
                      <Legend color="red" label="Revoked" n={c?.revokedCertificates} />
                    </Stack>
                  </Group>
                </Card>
              </>
            )}
          </SimpleGrid>
          {!fresh && (
            <SimpleGrid cols={{ base: 1, lg: 2 }} mb="lg">
              <Section title="Last 30 days">
                <Box h={240}>
                  <Trend days={p.activity} />
                </Box>
              </Section>
              <Section
                title="What expires next"
                actions={
                  <Anchor
                    size="sm"
                    renderRoot={(props) => (
                      <Link
                        to="/p/$partitionId/certificates"
                        params={{ partitionId }}
                        search={{ sort: "EXPIRES_FIRST" }}
                        {...props}
                      />
                    )}
                  >
                    All by expiry
                  </Anchor>
                }
              >
                {p.certificates.nodes.length === 0 && <Text c="dimmed">Nothing expires within 90 days.</Text>}
                <Stack gap="xs">
                  {p.certificates.nodes.map((n) => {
                    const days = (Date.parse(n.notAfter) - Date.now()) / 86_400_000;
                    return (
                      <Box key={n.id}>
                        <Group justify="space-between" wrap="nowrap" gap="xs">
                          <Anchor
                            size="sm"
                            truncate
                            renderRoot={(props) => (
                              <Link
                                to="/p/$partitionId/certificates/$id"
                                params={{ partitionId, id: n.id }}
                                {...props}
                              />
                            )}
                          >
                            {n.commonName || n.subject}
                          </Anchor>
                          <Text size="sm" style={{ whiteSpace: "nowrap" }}>
                            in {formatRemaining(n.notAfter)}
                          </Text>
                        </Group>
                        <Progress
                          size="sm"
                          value={Math.min(100, (days / 90) * 100)}
                          color={days < 7 ? "red" : days < 30 ? "yellow" : "teal"}
                          aria-label={`${n.commonName} expires in ${formatRemaining(n.notAfter)}`}
                        />
                      </Box>
                    );
                  })}
                </Stack>
              </Section>
            </SimpleGrid>
          )}
          {!fresh && list}
        </>
      )}
    </>
  );
}

function StepLink({ step, partitionId, ...props }: { step: Step; partitionId: string }) {
  return (
    <Link to={step.to} params={{ partitionId, identifier: step.identifier ?? "" }} search={step.search} {...props} />
  );
}

function ring(issued: number, suspended: number, revoked: number) {
  const all = issued + suspended + revoked || 1;
  return [
    { value: (100 * issued) / all, color: "teal", tooltip: `Valid: ${issued}` },
    { value: (100 * suspended) / all, color: "yellow", tooltip: `Suspended: ${suspended}` },
    { value: (100 * revoked) / all, color: "red", tooltip: `Revoked: ${revoked}` },
  ];
}

function Legend({ color, label, n }: { color: string; label: string; n: number | undefined }) {
  return (
    <Group gap={6} wrap="nowrap">
      <Box w={10} h={10} style={{ borderRadius: 3, background: `var(--mantine-color-${color}-6)`, flex: "none" }} />
      <Text size="sm">{label}</Text>
      <Text size="sm" fw={650}>
        {n === undefined ? "…" : formatNumber(n)}
      </Text>
    </Group>
  );
}

function Tile({
  label,
  icon,
  value,
  of,
  note,
  to,
  warn,
}: {
  label: string;
  icon: ReactNode;
  value: number | undefined;
  of?: number | undefined;
  note?: string;
  to: string;
  warn?: boolean;
}) {
  return (
    <Card withBorder radius="lg" padding="md" renderRoot={(props) => <Link to={to} {...props} />}>
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" c="dimmed" fw={600}>
          {label}
        </Text>
        <ThemeIcon variant="light" color={warn ? "yellow" : "brand"} radius="md">
          {icon}
        </ThemeIcon>
      </Group>
      {value === undefined ? (
        <Skeleton h={34} w={80} my={4} />
      ) : (
        <Text fz={30} fw={700} lh={1.2}>
          {formatNumber(value)}
        </Text>
      )}
      <Text size="sm" c="dimmed" mih={22}>
        {of !== undefined ? `of ${formatNumber(of)} ${note}` : warn ? "renew them in time" : ""}
      </Text>
      {of !== undefined && (
        <Progress
          mt={6}
          size="sm"
          value={of ? (100 * (value ?? 0)) / of : 0}
          aria-label={`${label}: ${value} of ${of}`}
          color={(value ?? 0) >= of ? "red" : "brand"}
        />
      )}
    </Card>
  );
}
