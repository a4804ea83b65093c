import { Box, Group, Text, Tooltip } from "@mantine/core";
import { formatDate, formatNumber } from "@/lib/format";

type Day = { day: string; issued: number; revoked: number };

const noon = (d: Day) => `${d.day}T12:00:00Z`;

/** Issued and revoked certificates per day, as pairs of bars. A chart library would be a third of the console's size. */
export function Trend({ days }: { days: readonly Day[] }) {
  const top = Math.max(4, ...days.map((d) => Math.max(d.issued, d.revoked)));
  const issued = days.reduce((n, d) => n + d.issued, 0);
  const revoked = days.reduce((n, d) => n + d.revoked, 0);
  const bar = (n: number, color: string) => (
    <Box
      style={{
        flex: 1,
        height: `${(100 * n) / top}%`,
        minHeight: n > 0 ? 3 : 0,
        background: color,
        borderRadius: "3px 3px 0 0",
      }}
    />
  );
  return (
    <Box h="100%" style={{ display: "flex", flexDirection: "column" }}>
      <Group gap="lg" mb="xs">
        <Key color="var(--mantine-color-brand-6)" label={`${formatNumber(issued)} issued`} />
        <Key color="var(--mantine-color-red-6)" label={`${formatNumber(revoked)} revoked`} />
      </Group>
      <Group gap={8} wrap="nowrap" align="stretch" style={{ flex: 1, minHeight: 0 }}>
        <Box aria-hidden style={{ display: "flex", flexDirection: "column", justifyContent: "space-between" }}>
          {[top, Math.round(top / 2), 0].map((n) => (
            <Text key={n} size="xs" c="dimmed" ta="right">
              {formatNumber(n)}
            </Text>
          ))}
        </Box>
        <Box
          role="img"
          aria-label={`${issued} certificates issued and ${revoked} revoked in ${days.length} days`}
          style={{
            flex: 1,
            display: "flex",
            alignItems: "flex-end",
            gap: 2,
            borderBottom: "1px solid var(--mantine-color-default-border)",
            borderTop: "1px dashed var(--mantine-color-default-border)",
          }}
        >
          {days.map((d) => (
            <Tooltip
              key={d.day}
              label={`${formatDate(noon(d))}: ${d.issued} issued, ${d.revoked} revoked`}
              openDelay={0}
            >
              <Box style={{ flex: 1, height: "100%", display: "flex", alignItems: "flex-end", gap: 1 }}>
                {bar(d.issued, "var(--mantine-color-brand-6)")}
                {bar(d.revoked, "var(--mantine-color-red-6)")}
              </Box>
            </Tooltip>
          ))}
        </Box>
      </Group>
      <Group justify="space-between" mt={4} pl={26} aria-hidden>
        {[days[0], days[Math.floor(days.length / 2)], days[days.length - 1]].map(
          (d) =>
            d && (
              <Text key={d.day} size="xs" c="dimmed">
                {formatDate(noon(d))}
              </Text>
            ),
        )}
      </Group>
    </Box>
  );
}

function Key({ color, label }: { color: string; label: string }) {
  return (
    <Group gap={6}>
      <Box w={10} h={10} style={{ borderRadius: 3, background: color }} />
      <Text size="sm">{label}</Text>
    </Group>
  );
}
