import { Box, Group, Text } from "@mantine/core";
import { useId } from "react";
import { formatDateTime, formatNumber } from "@/lib/format";

export type Plan = {
  times: readonly string[];
  planned: readonly number[];
  /** Up to now; empty while it is only a plan. */ actual: readonly number[];
};

const width = 600;
const height = 200;

/** How many certificates were to be renewed by when, and how many were. */
export function ProgressChart({
  begin,
  plan,
  total,
  label,
}: {
  begin: string;
  plan: Plan;
  total: number;
  label: string;
}) {
  const title = useId();
  const start = Date.parse(begin);
  const end = Date.parse(plan.times.at(-1) ?? begin);
  const top = Math.max(total, ...plan.planned, 1);
  const x = (at: number) => (width * (at - start)) / Math.max(end - start, 1);
  const now = Date.now();
  const line = (counts: readonly number[], until = end) =>
    [
      `0,${height}`,
      ...counts.map(
        (n, i) =>
          `${x(Math.min(Date.parse(plan.times[i]!), until)).toFixed(1)},${(height - (height * n) / top).toFixed(1)}`,
      ),
    ].join(" ");
  return (
    <Box>
      <Group gap="lg" mb="xs">
        <Key dashed color="var(--mantine-color-gray-6)" label="planned" />
        {plan.actual.length > 0 && <Key color="var(--mantine-color-teal-6)" label="renewed" />}
      </Group>
      <Group gap={8} wrap="nowrap" align="stretch">
        <Box aria-hidden style={{ display: "flex", flexDirection: "column", justifyContent: "space-between" }}>
          {[top, ...(top % 2 === 0 ? [top / 2] : []), 0].map((n) => (
            <Text key={n} size="xs" c="dimmed" ta="right">
              {formatNumber(n)}
            </Text>
          ))}
        </Box>
        <svg
          role="img"
          aria-labelledby={title}
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          style={{
            flex: 1,
            minWidth: 0,
            height: 200,
            borderBottom: "1px solid var(--mantine-color-default-border)",
            borderLeft: "1px solid var(--mantine-color-default-border)",
          }}
        >
          <title id={title}>{label}</title>
          {plan.actual.length > 0 && now > start && now < end && (
            <line
              x1={x(now)}
              x2={x(now)}
              y1={0}
              y2={height}
              stroke="var(--mantine-color-default-border)"
              strokeWidth={2}
              vectorEffect="non-scaling-stroke"
            />
          )}
          <polyline
            points={line(plan.planned)}
            fill="none"
            stroke="var(--mantine-color-gray-6)"
            strokeWidth={2}
            strokeDasharray="6 4"
            vectorEffect="non-scaling-stroke"
          />
          {plan.actual.length > 0 && (
            <polyline
              points={line(plan.actual, now)}
              fill="none"
              stroke="var(--mantine-color-teal-6)"
              strokeWidth={3}
              vectorEffect="non-scaling-stroke"
            />
          )}
        </svg>
      </Group>
      <Group justify="space-between" mt={4} pl={26} aria-hidden>
        {[start, end].map((at) => (
          <Text key={at} size="xs" c="dimmed">
            {formatDateTime(new Date(at).toISOString())}
          </Text>
        ))}
      </Group>
    </Box>
  );
}

function Key({ color, label, dashed }: { color: string; label: string; dashed?: boolean }) {
  return (
    <Group gap={6}>
      <Box w={18} style={{ borderTop: `3px ${dashed ? "dashed" : "solid"} ${color}` }} />
      <Text size="sm">{label}</Text>
    </Group>
  );
}

/** What the server will plan: evenly from the beginning to the end, and nothing from there to the revocation. */
export function planOf(count: number, end: number, revoke: number | null): Plan {
  const last = revoke ?? end;
  const times = [...new Set([end, last])];
  return { times: times.map((t) => new Date(t).toISOString()), planned: times.map(() => count), actual: [] };
}
