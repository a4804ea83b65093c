import { Alert, Badge, Card, Group, Stack, Table, Text } from "@mantine/core";
import { Facts, Lines, Moment, capital } from "@/components/ui";
import { graphql } from "@/gql";
import type { WhatIfQuery } from "@/gql/graphql";
import { words } from "@/lib/format";

export const WhatIf = graphql(`
  query WhatIf($input: WhatIfInput!) {
    whatIf(input: $input) {
      issued
      profileVersion
      refusal {
        code
        message
        field
        rule
        action
      }
      certificate {
        subject
        notBefore
        notAfter
        publicKeyType
        signatureAlgorithm
        subjectAlternativeNames {
          type
          value
        }
        isCa
        keyUsages
        extendedKeyUsages {
          oid
          name
        }
        certificatePolicies
      }
      decisions {
        rule
        outcome
        detail
      }
      lint {
        lint
        severity
        detail
      }
    }
  }
`);

// The colours of light alerts lack contrast in titles.
const readable = { title: { color: "var(--mantine-color-text)" } };

/** What would come of a request: the certificate or the refusal, and why. */
export function WhatIfResult({ result: w }: { result: WhatIfQuery["whatIf"] }) {
  const c = w.certificate;
  return (
    <Stack gap="sm" role="status" aria-label="What would be issued">
      {w.refusal ? (
        <Alert color="orange" variant="light" styles={readable} title={`It would be refused: ${w.refusal.message}`}>
          <Text size="sm">
            {w.refusal.rule ? `Rule ${w.refusal.rule}` : words(w.refusal.code)}
            {w.refusal.field && ` · field ${w.refusal.field}`}
          </Text>
          {w.refusal.action && <Text size="sm">{w.refusal.action}</Text>}
        </Alert>
      ) : (
        <Alert color="teal" variant="light" styles={readable} title="It would be issued">
          <Text size="sm">
            Nothing was signed, counted or recorded. The number of certificates purchased and the state of the end
            entity are looked at only on issuance.
          </Text>
        </Alert>
      )}
      {c && (
        <Card withBorder padding="sm">
          <Facts
            rows={[
              ["Subject", c.subject],
              [
                "Subject Alternative Names",
                <Lines key="n" items={c.subjectAlternativeNames.map((s) => `${words(s.type)}: ${s.value}`)} />,
              ],
              ["Valid From", <Moment key="b" at={c.notBefore} />],
              ["Expiry Date", <Moment key="e" at={c.notAfter} />],
              ["Public Key Type", c.publicKeyType],
              ["Signature Algorithm", c.signatureAlgorithm],
              ["Key Usages", c.keyUsages.join(", ")],
              ["Extended Key Usages", <Lines key="x" items={c.extendedKeyUsages.map((e) => e.name || e.oid)} />],
              ["Certificate Policies", <Lines key="p" items={c.certificatePolicies} />],
            ]}
          />
        </Card>
      )}
      <Decisions decisions={w.decisions} />
      {w.lint.length > 0 && (
        <Card withBorder padding="sm">
          <Text fw={600} size="sm" mb={4}>
            What zlint remarks
          </Text>
          <Stack gap={4}>
            {w.lint.map((f) => (
              <Group key={f.lint} gap="xs" wrap="nowrap" align="flex-start">
                <Badge
                  variant="light"
                  tt="none"
                  color={f.severity === "ERROR" ? "red" : f.severity === "WARNING" ? "yellow" : "gray"}
                  styles={{ root: { color: "var(--mantine-color-text)", flex: "none" } }}
                >
                  {capital(f.severity.toLowerCase())}
                </Badge>
                <Text size="sm" style={{ overflowWrap: "anywhere" }}>
                  {f.lint}: {f.detail}
                </Text>
              </Group>
            ))}
          </Stack>
        </Card>
      )}
    </Stack>
  );
}

/** Rule by rule why a certificate is as it is. */
export function Decisions({
  decisions,
  title = "Rule by rule",
}: {
  decisions: readonly { rule: string; outcome: string; detail: string }[];
  title?: string;
}) {
  if (decisions.length === 0) return null;
  return (
    <Card withBorder padding="sm">
      <Text fw={600} size="sm" mb={4}>
        {title}
      </Text>
      <Table>
        <Table.Tbody>
          {decisions.map((d, n) => (
            <Table.Tr key={n}>
              <Table.Td fw={600} style={{ overflowWrap: "anywhere" }}>
                {d.rule}
              </Table.Td>
              <Table.Td style={{ overflowWrap: "anywhere" }}>{d.outcome}</Table.Td>
              <Table.Td c="dimmed" style={{ overflowWrap: "anywhere" }}>
                {d.detail}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}
