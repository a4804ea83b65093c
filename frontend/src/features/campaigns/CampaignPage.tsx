import { Anchor, Button, Card, Group, Modal, SimpleGrid, Stack, Table, Text } from "@mantine/core";
import { IconCalendarRepeat } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import {
  EmptyState,
  ErrorAlert,
  Facts,
  Loading,
  Moment,
  NotPermitted,
  PageHeader,
  Scroll,
  Section,
  StatusBadge,
} from "@/components/ui";
import { graphql } from "@/gql";
import { formatDate, formatNumber, words } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { ProgressChart } from "./Progress";

const Campaign = graphql(`
  query RenewalCampaign($id: ID!) {
    renewalCampaign(id: $id) {
      id
      name
      state
      total
      renewedBefore
      beginsAt
      endsAt
      revokeAt
      revocationReason
      explanationUrl
      createdAt
      createdBy
      selection {
        configuration {
          identifier
        }
        ca {
          identifier
          friendlyName
        }
        profileId
        keyType
        signatureAlgorithm
        issuedFrom
        issuedUntil
        expiresFrom
        expiresUntil
      }
      progress {
        replaced
        ended
        times
        planned
        actual
      }
      stragglers(first: 50) {
        totalCount
        nodes {
          beginsAt
          endsAt
          certificate {
            id
            subject
            serialNumber
            notAfter
          }
        }
      }
    }
  }
`);
const Cancel = graphql(`
  mutation CancelRenewalCampaign($input: CancelRenewalCampaignInput!) {
    cancelRenewalCampaign(input: $input) {
      campaign {
        id
        state
      }
    }
  }
`);

export function CampaignPage() {
  const { partitionId, id } = useParams({ from: "/signed-in/p/$partitionId/campaigns/$id" });
  const can = useCan(partitionId);
  const queryClient = useQueryClient();
  const [cancelling, setCancelling] = useState(false);
  const query = useQuery({
    queryKey: ["campaigns", partitionId, id],
    queryFn: () => request(Campaign, { id }),
    enabled: can("protocol:browse"),
    refetchInterval: 5_000,
  });
  const cancel = useMutation({
    mutationFn: () => request(Cancel, { input: { id } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["campaigns"] });
      setCancelling(false);
    },
  });
  const trail = [{ label: "Renewal Campaigns", to: `/p/${partitionId}/campaigns` }];
  if (!can("protocol:browse")) return <NotPermitted permission="protocol:browse" />;
  if (query.isPending) return <Loading lines={8} />;
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  const c = query.data.renewalCampaign;
  if (!c) {
    return (
      <>
        <PageHeader title="Renewal campaign" trail={trail} />
        <EmptyState icon={<IconCalendarRepeat />} title="No such campaign">
          The address may be wrong, or of another partition.
        </EmptyState>
      </>
    );
  }
  const p = c.progress;
  const going = c.state === "PLANNING" || c.state === "RUNNING";
  const now = Date.now();
  const actual = p.actual.filter((_, i) => i === 0 || Date.parse(p.times[i - 1]!) < now);
  const planned = p.planned.filter((_, i) => Date.parse(p.times[i]!) <= now).at(-1) ?? 0;
  const span = (from: string | null, until: string | null) =>
    [from && `from ${formatDate(from)}`, until && `before ${formatDate(until)}`].filter(Boolean).join(", ") ||
    "any time";
  return (
    <>
      <PageHeader
        title={c.name}
        trail={trail}
        description={
          <Group gap="xs" mt={4}>
            <StatusBadge status={c.state} />
            <span>made by {c.createdBy}</span>
          </Group>
        }
        actions={
          going &&
          can("protocol:manage") && (
            <Button variant="default" onClick={() => setCancelling(true)}>
              Cancel Campaign
            </Button>
          )
        }
      />
      <Stack>
        <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
          <Count
            label="Certificates"
            value={c.total}
            note={
              c.state === "PLANNING"
                ? "being given their times"
                : c.renewedBefore > 0
                  ? `in the campaign; ${formatNumber(c.renewedBefore)} left out, renewed before`
                  : "in the campaign"
            }
          />
          <Count label="Renewed" value={p.replaced} note={`${formatNumber(planned)} planned by now`} />
          <Count label="Stragglers" value={c.stragglers.totalCount} note="their time has passed" />
          <Count label="Ended otherwise" value={p.ended} note="revoked or expired" />
        </SimpleGrid>
        <Section title="Progress">
          <ProgressChart
            begin={c.beginsAt}
            plan={{ times: p.times, planned: p.planned, actual }}
            total={c.total}
            label={`${p.replaced} of ${c.total} certificates renewed, ${planned} planned by now`}
          />
        </Section>
        <Section title="Stragglers">
          {c.stragglers.totalCount === 0 ? (
            <Text size="sm" c="dimmed">
              {going ? "None: every certificate whose time has passed was renewed." : "None is left."}
            </Text>
          ) : (
            <>
              <Text size="sm" mb="sm">
                {formatNumber(c.stragglers.totalCount)}{" "}
                {c.stragglers.totalCount === 1 ? "certificate was" : "certificates were"} not renewed in time
                {c.stragglers.totalCount > 50 ? "; the first 50" : ""}. Their clients do not ask for renewal
                information, or do not run: look at the hosts
                {c.revokeAt && c.state === "RUNNING" ? ", before they are revoked" : ""}.
              </Text>
              <Scroll label="Stragglers">
                <Table miw={560}>
                  <Table.Thead>
                    <Table.Tr>
                      {["Certificate", "Was to be renewed by", "Expires"].map((h) => (
                        <Table.Th key={h}>{h}</Table.Th>
                      ))}
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {c.stragglers.nodes.map(
                      (s) =>
                        s.certificate && (
                          <Table.Tr key={s.certificate.id}>
                            <Table.Td style={{ overflowWrap: "anywhere" }}>
                              <Anchor
                                size="sm"
                                renderRoot={(props) => (
                                  <Link
                                    to="/p/$partitionId/certificates/$id"
                                    params={{ partitionId, id: s.certificate!.id }}
                                    {...props}
                                  />
                                )}
                              >
                                {s.certificate.subject || s.certificate.serialNumber}
                              </Anchor>
                            </Table.Td>
                            <Table.Td>
                              <Moment at={s.endsAt} />
                            </Table.Td>
                            <Table.Td>
                              <Moment at={s.certificate.notAfter} />
                            </Table.Td>
                          </Table.Tr>
                        ),
                    )}
                  </Table.Tbody>
                </Table>
              </Scroll>
            </>
          )}
        </Section>
        <Section title="Campaign">
          <Facts
            rows={[
              ["Begins", <Moment key="b" at={c.beginsAt} />],
              ["Ends", <Moment key="e" at={c.endsAt} />],
              [
                "Revokes the rest",
                c.revokeAt && (
                  <span key="r">
                    <Moment at={c.revokeAt} /> as {words(c.revocationReason ?? "")}
                  </span>
                ),
              ],
              ["Configuration", c.selection.configuration?.identifier ?? "any"],
              ["Authority", c.selection.ca?.friendlyName ?? "any"],
              ["Profile", c.selection.profileId ?? "any"],
              ["Key type", c.selection.keyType ?? "any"],
              ["Signature algorithm", c.selection.signatureAlgorithm ?? "any"],
              ["Issued", span(c.selection.issuedFrom, c.selection.issuedUntil)],
              ["Expires", span(c.selection.expiresFrom, c.selection.expiresUntil)],
              [
                "Explanation",
                c.explanationUrl && (
                  <Anchor key="x" size="sm" href={c.explanationUrl} target="_blank" rel="noreferrer">
                    {c.explanationUrl}
                  </Anchor>
                ),
              ],
            ]}
          />
        </Section>
      </Stack>
      <Modal opened={cancelling} onClose={() => setCancelling(false)} title={<Text fw={650}>Cancel {c.name}</Text>}>
        <Stack>
          <Text size="sm">
            The {formatNumber(Math.max(c.total - p.replaced - p.ended, 0))} certificates that were not renewed yet are
            renewed when they would have been. Nothing is revoked. This is for good.
          </Text>
          <ErrorAlert error={cancel.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setCancelling(false)} data-autofocus>
              Keep it
            </Button>
            <Button color="red" loading={cancel.isPending} onClick={() => cancel.mutate()}>
              Cancel Campaign
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function Count({ label, value, note }: { label: string; value: number; note: ReactNode }) {
  return (
    <Card withBorder radius="lg" padding="md">
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Text fz={26} fw={700} lh={1.3}>
        {formatNumber(value)}
      </Text>
      <Text size="xs" c="dimmed">
        {note}
      </Text>
    </Card>
  );
}
