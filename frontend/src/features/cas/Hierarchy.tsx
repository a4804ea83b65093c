import { Badge, Box, Group, Text } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { Scroll, StatusBadge } from "@/components/ui";
import { caStanding, caTypes } from "@/lib/ca";
import { formatNumber, formatRemaining } from "@/lib/format";
import { isPostQuantum } from "./algorithms";
import type { CaRow } from "./CasPage";

const WIDTH = 250;
const HEIGHT = 128;
const GAP_X = 24;
const GAP_Y = 56;

type Placed = { ca: CaRow; x: number; y: number; parent: Placed | undefined };

/** Places every CA: children below their parent, side by side, the parent above their middle. */
export function place(cas: readonly CaRow[]) {
  const known = new Set(cas.map((c) => c.id));
  const children = new Map<string | undefined, CaRow[]>();
  for (const c of cas) {
    const above = c.parent && known.has(c.parent.id) ? c.parent.id : undefined;
    children.set(above, [...(children.get(above) ?? []), c]);
  }
  const placed: Placed[] = [];
  let next = 0;
  const visit = (ca: CaRow, level: number, parent: Placed | undefined): Placed => {
    const node: Placed = { ca, x: 0, y: level * (HEIGHT + GAP_Y), parent };
    placed.push(node);
    const below = (children.get(ca.id) ?? []).map((c) => visit(c, level + 1, node));
    if (below.length === 0) {
      node.x = next;
      next += WIDTH + GAP_X;
    } else {
      node.x = (below[0]!.x + below[below.length - 1]!.x) / 2;
    }
    return node;
  };
  for (const top of children.get(undefined) ?? []) visit(top, 0, undefined);
  return { placed, width: Math.max(next - GAP_X, WIDTH), height: Math.max(...placed.map((p) => p.y), 0) + HEIGHT };
}

/** The hierarchy as a picture. Each CA is a link; reading order is top down. */
export function Hierarchy({ partitionId, cas }: { partitionId: string; cas: readonly CaRow[] }) {
  const { placed, width, height } = place(cas);
  return (
    <Scroll label="Hierarchy of certificate authorities">
      <Box pos="relative" w={width} h={height + 8} m={4}>
        <svg width={width} height={height} style={{ position: "absolute", inset: 0 }} aria-hidden="true">
          {placed.map(({ ca, x, y, parent }) => {
            if (!parent) return null;
            const [x1, y1, x2] = [parent.x + WIDTH / 2, parent.y + HEIGHT, x + WIDTH / 2];
            const middle = (y1 + y) / 2;
            return (
              <path key={ca.id} className="tree-line" d={`M${x1} ${y1} C${x1} ${middle} ${x2} ${middle} ${x2} ${y}`} />
            );
          })}
        </svg>
        {placed.map(({ ca, x, y }) => (
          <Box key={ca.id} pos="absolute" style={{ left: x, top: y }}>
            <Link
              to="/p/$partitionId/cas/$identifier"
              params={{ partitionId, identifier: ca.identifier }}
              className="ca-node"
              style={{
                borderTop: `4px solid var(--mantine-color-${ca.type === "ROOT" ? "yellow-5" : ca.type === "EXTERNAL_ROOT" ? "gray-5" : ca.type === "INTERMEDIATE" ? "brand-4" : "brand-7"})`,
                opacity: ca.status === "DELETED" ? 0.6 : 1,
              }}
            >
              <Group justify="space-between" wrap="nowrap" gap={6}>
                <Text fw={650} truncate size="sm">
                  {ca.friendlyName}
                </Text>
                {!ca.brokenBy && <StatusBadge status={ca.status} />}
              </Group>
              <Text size="xs" mt={2} truncate>
                {caTypes[ca.type].label}
              </Text>
              <Group gap={6} wrap="nowrap">
                <Text size="xs" c="dimmed" truncate>
                  {ca.signingAlgorithm}
                </Text>
                {isPostQuantum(ca.signingAlgorithm) && (
                  <Badge
                    size="xs"
                    variant="light"
                    color="grape"
                    leftSection={<IconShieldCheck size={10} />}
                    styles={{ root: { flex: "none", color: "var(--mantine-color-text)" } }}
                  >
                    PQ
                  </Badge>
                )}
              </Group>
              {ca.brokenBy ? (
                <>
                  <StatusBadge status={caStanding(ca)} />
                  <Text size="xs" truncate>
                    {ca.brokenBy.friendlyName} is {ca.brokenBy.status.toLowerCase()}
                  </Text>
                </>
              ) : (
                <>
                  <Text size="xs" mt={4}>
                    {ca.type === "ISSUING"
                      ? `${formatNumber(ca.activeCertificates)} active ${ca.activeCertificates === 1 ? "certificate" : "certificates"}`
                      : "certifies CAs"}
                  </Text>
                  <Text size="xs" c="dimmed">
                    Expires in {formatRemaining(ca.expiresAt)}
                  </Text>
                </>
              )}
            </Link>
          </Box>
        ))}
      </Box>
    </Scroll>
  );
}
