import { Anchor, Text, Timeline } from "@mantine/core";
import { IconCertificate, IconHistory, IconListCheck, IconSend, IconUserCheck, IconWorld } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Decisions } from "@/components/WhatIf";
import { ErrorAlert, Facts, Lines, Loading, Moment, Section } from "@/components/ui";
import { graphql } from "@/gql";
import { request } from "@/lib/graphql";

const StoryQuery = graphql(`
  query CertificateStory($id: ID!) {
    certificate(id: $id) {
      createdAt
      profileId
      profileVersion
      profile {
        name
        version
        retiredAt
      }
      endEntity {
        identifier
      }
      story {
        approval {
          id
          requestedBy
          votes {
            name
            approves
            comment
            votedAt
          }
        }
        recorded
        protocol
        actorKind
        actorName
        ipAddress
        requestId
        asked {
          subject
          subjectAlternativeNames {
            type
            value
          }
          extensions {
            oid
            name
          }
          notAfter
          serverSideKey
        }
        decisions {
          rule
          outcome
          detail
        }
        changes {
          what
          asked
          issued
        }
        events {
          sequence
          time
          action
          result
          actorName
          ipAddress
          summary
        }
        crlUrls
        ocspUrls
        caIssuersUrls
      }
    }
  }
`);

const what: Record<string, string> = {
  subject: "Subject",
  subjectAlternativeNames: "Subject Alternative Names",
  notAfter: "Expiry Date",
};

/** From the request to where the status is published: one query, one timeline. */
export function Story({ partitionId, id }: { partitionId: string; id: string }) {
  const story = useQuery({ queryKey: ["certificate", id, "story"], queryFn: () => request(StoryQuery, { id }) });
  if (story.isPending) return <Loading lines={4} />;
  if (story.error) return <ErrorAlert error={story.error} retry={() => void story.refetch()} />;
  const c = story.data.certificate;
  if (!c) return null;
  const s = c.story;
  return (
    <Section title="Story">
      <Timeline bulletSize={26} lineWidth={2} active={99}>
        <Timeline.Item title="Asked for" bullet={<IconSend size={14} />}>
          <Facts
            rows={[
              ["Who", `${s.actorName}${s.ipAddress ? ` from ${s.ipAddress}` : ""}`],
              ["When", <Moment key="w" at={c.createdAt} />],
              ...(s.recorded
                ? ([
                    ["Way in", s.protocol],
                    ["Request", s.requestId],
                  ] as [string, string][])
                : []),
              ["End entity", c.endEntity?.identifier],
              ...(s.asked
                ? ([
                    ["Subject", s.asked.subject],
                    ["Names", <Lines key="n" items={s.asked.subjectAlternativeNames.map((n) => n.value)} />],
                    ["Extensions", <Lines key="x" items={s.asked.extensions.map((e) => e.name || e.oid)} />],
                    [
                      "Expiry Date",
                      s.asked.notAfter ? <Moment key="e" at={s.asked.notAfter} /> : "left to the profile",
                    ],
                    ["Key made by", s.asked.serverSideKey ? "the server" : "its owner"],
                  ] as [string, React.ReactNode][])
                : []),
            ]}
          />
        </Timeline.Item>
        {s.approval && (
          <Timeline.Item title="Approved by others" bullet={<IconUserCheck size={14} />}>
            {s.approval.votes
              .filter((v) => v.approves)
              .map((v) => (
                <Text key={v.name} size="sm" component="div" style={{ overflowWrap: "anywhere" }}>
                  {v.name}, <Moment at={v.votedAt} />
                  {v.comment && `: “${v.comment}”`}
                </Text>
              ))}
            <Anchor
              size="sm"
              renderRoot={(p) => (
                <Link to="/p/$partitionId/approvals/$id" params={{ partitionId, id: s.approval!.id }} {...p} />
              )}
            >
              See what was asked for
            </Anchor>
          </Timeline.Item>
        )}
        <Timeline.Item title="Decided" bullet={<IconListCheck size={14} />}>
          <Text size="sm" mb="xs">
            By profile{" "}
            <Anchor
              size="sm"
              renderRoot={(p) => (
                <Link to="/p/$partitionId/profiles" params={{ partitionId }} search={{ id: c.profileId }} {...p} />
              )}
            >
              {c.profileId}
            </Anchor>
            {c.profileVersion > 0 && `, version ${c.profileVersion}`}
            {c.profile?.retiredAt && ", retired by now"}
            {!c.profile && ", which is gone"}.
          </Text>
          {s.recorded ? (
            <Decisions decisions={s.decisions} />
          ) : (
            <Text size="sm" c="dimmed">
              This certificate is older than the record of its rules.
            </Text>
          )}
        </Timeline.Item>
        {s.recorded && (
          <Timeline.Item
            title={s.changes.length === 0 ? "Issued as asked for" : "Issued, other than asked for"}
            bullet={<IconCertificate size={14} />}
          >
            {s.changes.length > 0 && (
              <Facts
                rows={s.changes.map((x) => [
                  what[x.what] ?? x.what,
                  `asked: ${x.asked || "nothing"}; issued: ${x.issued || "nothing"}`,
                ])}
              />
            )}
          </Timeline.Item>
        )}
        {s.events.map((e) => (
          <Timeline.Item
            key={e.sequence}
            title={e.summary}
            bullet={<IconHistory size={14} />}
            styles={{ itemTitle: { overflowWrap: "anywhere" } }}
          >
            <Text size="xs" c="dimmed" component="div">
              {e.actorName}
              {e.ipAddress && ` from ${e.ipAddress}`} · <Moment at={e.time} /> ·{" "}
              <Anchor
                size="xs"
                renderRoot={(p) => (
                  <Link to="/p/$partitionId/events" params={{ partitionId }} search={{ object: id }} {...p} />
                )}
              >
                event {e.sequence}
              </Anchor>
            </Text>
          </Timeline.Item>
        ))}
        <Timeline.Item title="Published" bullet={<IconWorld size={14} />}>
          <Facts
            rows={[
              ["Status by OCSP", <Lines key="o" items={s.ocspUrls} copy />],
              ["Status by CRL", <Lines key="c" items={s.crlUrls} copy />],
              ["Issuer's certificate", <Lines key="a" items={s.caIssuersUrls} copy />],
            ]}
          />
        </Timeline.Item>
      </Timeline>
    </Section>
  );
}
