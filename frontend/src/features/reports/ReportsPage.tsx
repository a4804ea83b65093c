import { Badge, Box, Card, Group, Progress, Select, SimpleGrid, Stack, Table, Text, Tooltip } from "@mantine/core";
import { IconChartBar } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ExportButtons } from "@/components/ExportButtons";
import { Trend } from "@/components/Trend";
import { EmptyState, ErrorAlert, Loading, PageHeader, Scroll, Section } from "@/components/ui";
import { graphql } from "@/gql";
import type { ReportDimension, ReportInterval, ReportsQuery } from "@/gql/graphql";
import { formatDate, formatNumber, words } from "@/lib/format";
import { request } from "@/lib/graphql";

const Reports = graphql(`
  query Reports($partition: ID!, $from: Time!, $interval: ReportInterval!, $by: ReportDimension!) {
    partition(id: $partition) {
      reports {
        activity(from: $from, interval: $interval) {
          start
          issued
          revoked
        }
        breakdown(by: $by, from: $from) {
          key
          label
          issued
          revoked
          active
        }
        cryptography {
          uses {
            keyType
            signatureAlgorithm
            certificates
            authorities
            latestExpiry
            postQuantum
          }
          concerns {
            id
            severity
            title
            advice
            certificates
            authorities
          }
        }
        expiries(days: 366) {
          start
          certificates
          authorities
        }
      }
    }
  }
`);

type Data = NonNullable<ReportsQuery["partition"]>["reports"];

const spans = [
  ["30", "Last 30 days"],
  ["90", "Last 90 days"],
  ["366", "Last 12 months"],
  ["1826", "Last 5 years"],
] as const;
const dimensions: [ReportDimension, string][] = [
  ["PROFILE", "Profile"],
  ["CA", "Authority"],
  ["ALGORITHM", "Signature algorithm"],
  ["KEY_TYPE", "Key type"],
  ["SOURCE", "Way in"],
  ["REQUESTER", "Requested by"],
];

export function ReportsPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/reports" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/reports" });
  const navigate = useNavigate({ from: "/p/$partitionId/reports" });
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const days = spans.some(([v]) => v === search.days) ? search.days! : "90";
  const by = dimensions.find(([v]) => v === search.by)?.[0] ?? "PROFILE";
  const interval: ReportInterval = Number(days) > 100 ? "MONTH" : "DAY";
  const today = new Date().toISOString().slice(0, 10);
  const from = new Date(Date.parse(`${today}T00:00:00Z`) - (Number(days) - 1) * 86_400_000).toISOString();
  const query = useQuery({
    queryKey: ["reports", partitionId, from, interval, by],
    queryFn: () => request(Reports, { partition: partitionId, from, interval, by }),
    placeholderData: keepPreviousData,
  });
  const r = query.data?.partition?.reports;
  const base = `/export/${partitionId}/reports`;
  return (
    <>
      <PageHeader
        title="Reports"
        description="What was issued and revoked, which cryptography is in use, and what expires when. Times are UTC."
        actions={
          <Select
            aria-label="Span"
            allowDeselect={false}
            data={spans.map(([value, label]) => ({ value, label }))}
            value={days}
            onChange={(v) => set({ days: v ?? undefined })}
          />
        }
      />
      <ErrorAlert error={query.error} retry={() => void query.refetch()} />
      {query.isPending && <Loading lines={10} />}
      {r && (
        <Stack gap="lg">
          <Section
            title="Issued and revoked"
            actions={
              <ExportButtons
                path={`${base}/activity`}
                query={{ from, interval }}
                size="compact-sm"
                label="issuance and revocation"
              />
            }
          >
            <Box h={260}>
              <Trend
                days={r.activity.map((p) => ({
                  day: p.start.length === 7 ? `${p.start}-01` : p.start,
                  issued: p.issued,
                  revoked: p.revoked,
                }))}
              />
            </Box>
          </Section>
          <Section
            title="Issued, by"
            actions={
              <Group gap="xs">
                <Select
                  aria-label="By"
                  size="xs"
                  allowDeselect={false}
                  data={dimensions.map(([value, label]) => ({ value, label }))}
                  value={by}
                  onChange={(v) => set({ by: v ?? undefined })}
                />
                <ExportButtons
                  path={`${base}/breakdown`}
                  query={{ from, by }}
                  size="compact-sm"
                  label="the breakdown"
                />
              </Group>
            }
          >
            <Breakdown shares={r.breakdown} />
          </Section>
          <Section
            title="Expiry calendar"
            actions={<ExportButtons path={`${base}/expiries`} size="compact-sm" label="the expiry calendar" />}
          >
            <Calendar days={r.expiries} today={today} />
          </Section>
          <Section
            title="Cryptography"
            actions={<ExportButtons path={`${base}/concerns`} size="compact-sm" label="the concerns" />}
          >
            <Concerns found={r.cryptography.concerns} />
          </Section>
          <Section
            title="Keys and algorithms in force"
            actions={<ExportButtons path={`${base}/cryptography`} size="compact-sm" label="keys and algorithms" />}
          >
            <Uses partitionId={partitionId} uses={r.cryptography.uses} />
          </Section>
        </Stack>
      )}
    </>
  );
}

function Breakdown({ shares }: { shares: Data["breakdown"] }) {
  if (shares.length === 0) return <Text c="dimmed">Nothing was issued in this time. Choose a longer one.</Text>;
  const top = Math.max(...shares.map((s) => s.issued));
  return (
    <Stack gap="sm">
      {shares.slice(0, 15).map((s) => (
        <Box key={s.key}>
          <Group justify="space-between" wrap="nowrap" gap="xs">
            <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
              {s.label}
            </Text>
            <Text size="sm" c="dimmed" ta="right">
              {formatNumber(s.issued)} issued, {formatNumber(s.active)} active, {formatNumber(s.revoked)} revoked
            </Text>
          </Group>
          <Progress.Root size="md" role="img" aria-label={`${s.label}: ${s.issued} issued`}>
            <Progress.Section withAria={false} value={(100 * s.active) / top} color="teal" />
            <Progress.Section withAria={false} value={(100 * s.revoked) / top} color="red" />
            <Progress.Section withAria={false} value={(100 * (s.issued - s.active - s.revoked)) / top} color="gray" />
          </Progress.Root>
        </Box>
      ))}
      {shares.length > 15 && (
        <Text size="sm" c="dimmed">
          and {formatNumber(shares.length - 15)} more: export them.
        </Text>
      )}
    </Stack>
  );
}

/** A year in boxes, a month each; the darker, the more. */
function Calendar({ days, today }: { days: Data["expiries"]; today: string }) {
  const counts = new Map(days.map((d) => [d.start, d]));
  const top = Math.max(1, ...days.map((d) => d.certificates + d.authorities));
  const total = days.reduce((n, d) => n + d.certificates + d.authorities, 0);
  const [year = 0, month = 1] = today.split("-").map(Number);
  if (total === 0) return <Text c="dimmed">Nothing expires within the next 12 months.</Text>;
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="md">
      {Array.from({ length: 12 }, (_, n) => {
        const first = new Date(Date.UTC(year, month - 1 + n, 1));
        const length = new Date(Date.UTC(year, month + n, 0)).getUTCDate();
        const label = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric", timeZone: "UTC" }).format(
          first,
        );
        const cells = Array.from({ length }, (_, d) =>
          new Date(first.getTime() + d * 86_400_000).toISOString().slice(0, 10),
        );
        const sum = cells.reduce(
          (s, c) => s + (counts.get(c)?.certificates ?? 0) + (counts.get(c)?.authorities ?? 0),
          0,
        );
        return (
          <Box key={label} role="img" aria-label={`${label}: ${sum} expire`}>
            <Group justify="space-between" mb={4}>
              <Text size="sm" fw={600}>
                {label}
              </Text>
              <Text size="sm" c="dimmed">
                {formatNumber(sum)}
              </Text>
            </Group>
            <Box style={{ display: "grid", gridTemplateColumns: "repeat(7, 1fr)", gap: 3 }}>
              {Array.from({ length: (first.getUTCDay() + 6) % 7 }, (_, k) => (
                <span key={`gap${k}`} />
              ))}
              {cells.map((c) => {
                const n = (counts.get(c)?.certificates ?? 0) + (counts.get(c)?.authorities ?? 0);
                const box = (
                  <Box
                    key={c}
                    style={{
                      aspectRatio: "1",
                      borderRadius: 3,
                      background:
                        n === 0
                          ? "var(--mantine-color-default-border)"
                          : counts.get(c)!.authorities > 0
                            ? "var(--mantine-color-red-6)"
                            : "var(--mantine-color-brand-6)",
                      opacity: n === 0 ? (c < today ? 0.25 : 0.5) : 0.35 + (0.65 * n) / top,
                    }}
                  />
                );
                return n === 0 ? (
                  box
                ) : (
                  <Tooltip
                    key={c}
                    openDelay={0}
                    label={`${formatDate(`${c}T12:00:00Z`)}: ${formatNumber(counts.get(c)!.certificates)} certificates${counts.get(c)!.authorities ? ` and ${counts.get(c)!.authorities} authorities` : ""}`}
                  >
                    {box}
                  </Tooltip>
                );
              })}
            </Box>
          </Box>
        );
      })}
    </SimpleGrid>
  );
}

const tone = { CRITICAL: "red", WARNING: "yellow", NOTICE: "blue" } as const;

function Concerns({ found }: { found: Data["cryptography"]["concerns"] }) {
  if (found.length === 0) return <Text c="dimmed">No weak or soon obsolete cryptography is in force.</Text>;
  return (
    <Stack gap="sm">
      {found.map((c) => (
        <Card key={c.id} withBorder padding="sm">
          <Group gap="xs">
            <Badge
              color={tone[c.severity]}
              variant="light"
              tt="none"
              styles={{ root: { color: "var(--mantine-color-text)" } }}
            >
              {words(c.severity)}
            </Badge>
            <Text fw={650}>{c.title}</Text>
            <Text size="sm" c="dimmed">
              {formatNumber(c.certificates)} certificates, {formatNumber(c.authorities)} authorities
            </Text>
          </Group>
          <Text size="sm" mt={4}>
            {c.advice}
          </Text>
        </Card>
      ))}
    </Stack>
  );
}

function Uses({ partitionId, uses }: { partitionId: string; uses: Data["cryptography"]["uses"] }) {
  if (uses.length === 0)
    return (
      <EmptyState icon={<IconChartBar />} title="Nothing is in force">
        <Link to="/p/$partitionId/certificates" params={{ partitionId }}>
          Issue a certificate
        </Link>{" "}
        to see its cryptography here.
      </EmptyState>
    );
  return (
    <Scroll label="Keys and algorithms">
      <Table miw={560}>
        <Table.Thead>
          <Table.Tr>
            {["Key", "Signed with", "Certificates", "Authorities", "Last expiry"].map((h) => (
              <Table.Th key={h}>{h}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {uses.map((u) => (
            <Table.Tr key={u.keyType + u.signatureAlgorithm}>
              <Table.Td>
                {u.keyType || "not yet read"}{" "}
                {u.postQuantum && (
                  <Badge
                    size="xs"
                    variant="light"
                    color="teal"
                    styles={{ root: { color: "var(--mantine-color-text)" } }}
                  >
                    post-quantum
                  </Badge>
                )}
              </Table.Td>
              <Table.Td>{u.signatureAlgorithm}</Table.Td>
              <Table.Td>{formatNumber(u.certificates)}</Table.Td>
              <Table.Td>{formatNumber(u.authorities)}</Table.Td>
              <Table.Td>{formatDate(u.latestExpiry)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scroll>
  );
}
