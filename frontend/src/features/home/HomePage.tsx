import { Alert, Anchor, Box, Card, Group, List, Progress, RingProgress, SimpleGrid, Skeleton, Stack, Text, ThemeIcon } from "@mantine/core";
import { IconBuildingBank, IconCertificate, IconCircleCheck, IconCircleDashed, IconClockExclamation, IconPlugConnected, IconUserCheck, IconUsers } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { ErrorAlert, PageHeader, Section } from "@/components/ui";
import { graphql } from "@/gql";
import { formatNumber, formatRemaining } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan, usePartition, waitingQuery } from "@/lib/session";
import { Trend } from "@/components/Trend";

const Home = graphql(`
  query Home($partition: ID!, $people: Boolean!) {
    partition(id: $partition) {
      counts { purchasedCas activeCas purchasedCertificates issuedCertificates suspendedCertificates revokedCertificates expiringCertificates }
      activity(days: 30) { day issued revoked }
      certificates(first: 6, sort: EXPIRES_FIRST, filter: { expiresWithinDays: 90, includeOcspSigners: false }) { nodes { id commonName subject notAfter } }
      protocolConfigurations(first: 1) { totalCount }
      members @include(if: $people) { user { id } }
    }
  }
`);

export function HomePage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/" });
  const partition = usePartition(partitionId);
  const can = useCan(partitionId);
  const home = useQuery({ queryKey: ["home", partitionId, can("user:browse")], queryFn: () => request(Home, { partition: partitionId, people: can("user:browse") }), refetchInterval: 30_000 });
  const waiting = useQuery({ ...waitingQuery(partitionId), enabled: can("approval:browse") }).data?.partition?.approvalsWaiting ?? 0;
  const p = home.data?.partition;
  const c = p?.counts;
  const steps = [
    { done: !!c && c.activeCas > 0, label: "Create a Certificate Authority", hint: "A root, and an issuing CA below it.", to: "/p/$partitionId/cas" as const, search: can("ca:create") ? { create: "true" } : {} },
    { done: !!c && c.issuedCertificates + c.revokedCertificates > 0, label: "Issue a certificate", hint: "From a certificate signing request, or with its key as PKCS #12.", to: "/p/$partitionId/certificates" as const, search: can("certificate:issue") ? { issue: "true" } : {} },
    { done: (p?.protocolConfigurations.totalCount ?? 0) > 0, icon: <IconPlugConnected size={18} />, label: "Configure enrollment protocols", hint: "Servers and devices get and renew their certificates by themselves.", to: "/p/$partitionId/protocols" as const, search: can("protocol:manage") ? { create: "true" } : {} },
    ...(can("user:invite") ? [{ done: (p?.members?.length ?? 0) > 1, icon: <IconUsers size={18} />, label: "Manage user access", hint: "Invite people, give them roles, create API tokens and CAGW credentials.", to: "/p/$partitionId/users" as const, search: {} }] : []),
  ];
  return (
    <>
      <PageHeader title="Home" description={partition && <>Partition {partition.name}, region {partition.region}</>} />
      <ErrorAlert error={home.error} retry={() => void home.refetch()} />
      {waiting > 0 && (
        <Alert color="yellow" variant="light" icon={<IconUserCheck />} mb="lg" title={waiting === 1 ? "1 request waits for your approval" : `${waiting} requests wait for your approval`} styles={{ title: { color: "var(--mantine-color-text)" } }}>
          <Anchor size="sm" fw={600} renderRoot={(props) => <Link to="/p/$partitionId/approvals" params={{ partitionId }} {...props} />}>Look at what is asked for</Anchor>
        </Alert>
      )}
      <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} mb="lg">
        <Tile label="Active CAs" icon={<IconBuildingBank size={20} />} value={c?.activeCas} of={c?.purchasedCas} note="purchased" to={`/p/${partitionId}/cas`} />
        <Tile label="Issued certificates" icon={<IconCertificate size={20} />} value={c?.issuedCertificates} of={c?.purchasedCertificates} note="purchased" to={`/p/${partitionId}/certificates`} />
        <Tile label="Expire in 30 days" icon={<IconClockExclamation size={20} />} value={c?.expiringCertificates} to={`/p/${partitionId}/certificates?expires=30`} warn={!!c?.expiringCertificates} />
        <Card withBorder radius="lg" padding="md">
          <Group wrap="nowrap" align="center" gap="xs" h="100%">
            <RingProgress
              size={76}
              thickness={10}
              roundCaps
              role="img"
              aria-label="Certificates by status"
              sections={c ? ring(c.issuedCertificates - c.suspendedCertificates, c.suspendedCertificates, c.revokedCertificates) : []}
            />
            <Stack gap={2}>
              <Legend color="teal" label="Issued" n={c && c.issuedCertificates - c.suspendedCertificates} />
              <Legend color="yellow" label="Suspended" n={c?.suspendedCertificates} />
              <Legend color="red" label="Revoked" n={c?.revokedCertificates} />
            </Stack>
          </Group>
        </Card>
      </SimpleGrid>
      <SimpleGrid cols={{ base: 1, lg: 2 }} mb="lg">
        <Section title="Last 30 days">
          <Box h={240}>
            {p ? <Trend days={p.activity} /> : <Skeleton h={240} />}
          </Box>
        </Section>
        <Section title="What expires next" actions={<Anchor size="sm" renderRoot={(props) => <Link to="/p/$partitionId/certificates" params={{ partitionId }} search={{ sort: "EXPIRES_FIRST" }} {...props} />}>All by expiry</Anchor>}>
          {!p && <Skeleton h={200} />}
          {p?.certificates.nodes.length === 0 && <Text c="dimmed">Nothing expires within 90 days.</Text>}
          <Stack gap="xs">
            {p?.certificates.nodes.map((n) => {
              const days = (Date.parse(n.notAfter) - Date.now()) / 86_400_000;
              return (
                <Box key={n.id}>
                  <Group justify="space-between" wrap="nowrap" gap="xs">
                    <Anchor size="sm" truncate renderRoot={(props) => <Link to="/p/$partitionId/certificates/$id" params={{ partitionId, id: n.id }} {...props} />}>
                      {n.commonName || n.subject}
                    </Anchor>
                    <Text size="sm" style={{ whiteSpace: "nowrap" }}>
                      in {formatRemaining(n.notAfter)}
                    </Text>
                  </Group>
                  <Progress size="sm" value={Math.min(100, (days / 90) * 100)} color={days < 7 ? "red" : days < 30 ? "yellow" : "teal"} aria-label={`${n.commonName} expires in ${formatRemaining(n.notAfter)}`} />
                </Box>
              );
            })}
          </Stack>
        </Section>
      </SimpleGrid>
      <Section title="Next steps">
        <List listStyleType="none" spacing="md" center>
          {steps.map((s) => (
            <List.Item key={s.label} icon={<ThemeIcon variant="light" radius="xl" color={s.done ? "teal" : "gray"}>{s.done ? <IconCircleCheck size={18} /> : "icon" in s ? s.icon : <IconCircleDashed size={18} />}</ThemeIcon>}>
              <Anchor fw={600} renderRoot={(props) => <Link to={s.to} params={{ partitionId }} search={s.search} {...props} />}>
                {s.label}
              </Anchor>{" "}
              <Text span c="dimmed" size="sm">
                {s.done ? "Done. " : ""}
                {s.hint}
              </Text>
            </List.Item>
          ))}
        </List>
      </Section>
    </>
  );
}

function ring(issued: number, suspended: number, revoked: number) {
  const all = issued + suspended + revoked || 1;
  return [
    { value: (100 * issued) / all, color: "teal", tooltip: `Issued: ${issued}` },
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

function Tile({ label, icon, value, of, note, to, warn }: { label: string; icon: ReactNode; value: number | undefined; of?: number | undefined; note?: string; to: string; warn?: boolean }) {
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
      {value === undefined ? <Skeleton h={34} w={80} my={4} /> : <Text fz={30} fw={700} lh={1.2}>{formatNumber(value)}</Text>}
      <Text size="sm" c="dimmed" mih={22}>
        {of !== undefined ? `of ${formatNumber(of)} ${note}` : warn ? "renew them in time" : ""}
      </Text>
      {of !== undefined && <Progress mt={6} size="sm" value={of ? (100 * (value ?? 0)) / of : 0} aria-label={`${label}: ${value} of ${of}`} color={(value ?? 0) >= of ? "red" : "brand"} />}
    </Card>
  );
}
