import { Alert, Anchor, Button, Code, Group, Stack, Text, Textarea, Timeline } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconCheck, IconClock, IconUserCheck, IconX } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import {
  capital,
  EmptyState,
  ErrorAlert,
  Facts,
  fieldError,
  Loading,
  Moment,
  NotPermitted,
  PageHeader,
  Section,
  StatusBadge,
} from "@/components/ui";
import { graphql } from "@/gql";
import { request } from "@/lib/graphql";
import { useCan, useViewer } from "@/lib/session";

const ApprovalDetail = graphql(`
  query ApprovalDetail($id: ID!) {
    approval(id: $id) {
      id
      operation
      state
      summary
      facts {
        name
        value
      }
      payload
      requestedBy
      requestedAt
      expiresAt
      decidedAt
      needed
      reason
      objectKind
      objectId
      mayDecide
      mayWithdraw
      votes {
        name
        approves
        comment
        votedAt
      }
      certificate {
        id
        commonName
        serialNumber
      }
      certificationAuthority {
        identifier
        friendlyName
      }
    }
  }
`);
const Approve = graphql(`
  mutation Approve($input: ApproveInput!) {
    approve(input: $input) {
      approval {
        id
        state
      }
    }
  }
`);
const Reject = graphql(`
  mutation Reject($input: RejectInput!) {
    reject(input: $input) {
      approval {
        id
        state
      }
    }
  }
`);
const Withdraw = graphql(`
  mutation Withdraw($id: ID!) {
    withdrawApproval(input: { id: $id }) {
      approval {
        id
        state
      }
    }
  }
`);

/** What is asked for, what others said, and the caller's own word. */
export function ApprovalPage() {
  const { partitionId, id } = useParams({ from: "/signed-in/p/$partitionId/approvals/$id" });
  const can = useCan(partitionId);
  const email = useViewer()?.user?.email;
  const queryClient = useQueryClient();
  const [comment, setComment] = useState("");
  const one = useQuery({
    queryKey: ["approval", id],
    queryFn: () => request(ApprovalDetail, { id }),
    enabled: can("approval:browse"),
    refetchInterval: (q) =>
      q.state.data?.approval?.state === "APPROVED" ? 500 : q.state.data?.approval?.state === "PENDING" ? 5_000 : false,
  });
  const said = (message: string) => async () => {
    setComment("");
    notifications.show({ message });
    await queryClient.invalidateQueries();
  };
  const input = { id, comment: comment.trim() };
  const approve = useMutation({ mutationFn: () => request(Approve, { input }), onSuccess: said("You approved it.") });
  const reject = useMutation({
    mutationFn: () => request(Reject, { input }),
    onSuccess: said("Rejected. Who asked is told why."),
  });
  const withdraw = useMutation({
    mutationFn: () => request(Withdraw, { id }),
    onSuccess: said("The request is withdrawn."),
  });
  if (!can("approval:browse")) return <NotPermitted permission="approval:browse" />;
  if (one.isPending) return <Loading lines={8} />;
  if (one.error) return <ErrorAlert error={one.error} retry={() => void one.refetch()} />;
  const a = one.data.approval;
  const trail = [{ label: "Approvals", to: `/p/${partitionId}/approvals` }];
  if (!a) {
    return (
      <>
        <PageHeader title="Approval" trail={trail} />
        <EmptyState icon={<IconUserCheck />} title="No such request">
          It does not exist, or it is of a partition in which you have no role.
        </EmptyState>
      </>
    );
  }
  const yes = a.votes.filter((v) => v.approves).length;
  const voted = a.votes.some((v) => v.name === email);
  return (
    <>
      <PageHeader
        title={capital(a.summary)}
        trail={trail}
        description={
          <Group gap="xs" mt={4}>
            <StatusBadge status={a.state} />
            <span style={{ overflowWrap: "anywhere" }}>asked by {a.requestedBy}</span>
          </Group>
        }
      />
      <Stack gap="lg">
        {a.state === "DONE" && <Outcome partitionId={partitionId} a={a} />}
        {a.state === "APPROVED" && (
          <Alert role="status" color="blue" icon={<IconClock />} title="Approved, and being carried out" />
        )}
        {a.state === "FAILED" && (
          <Alert role="alert" color="red" icon={<IconX />} title="Approved, but it could not be carried out">
            {capital(a.reason ?? "").replace(/\.$/, "")}. Ask for it again when the reason is gone.
          </Alert>
        )}
        {a.state === "EXPIRED" && (
          <Alert color="gray" icon={<IconClock />} title="Expired">
            Not enough people decided in time. It can be asked for again.
          </Alert>
        )}
        <Section title="What is asked for">
          <Facts rows={a.facts.map((f) => [f.name, f.value])} />
          <details style={{ marginTop: 16 }}>
            <summary>
              <Text span size="sm">
                Exactly what is carried out
              </Text>
            </summary>
            <Code
              block
              mt="xs"
              tabIndex={0}
              aria-label="Payload"
              style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}
            >
              {pretty(a.payload)}
            </Code>
          </details>
        </Section>
        <Section title={`${yes} of ${a.needed} approved`}>
          <Timeline bulletSize={26} lineWidth={2} active={99}>
            <Timeline.Item title="Asked for" bullet={<IconUserCheck size={14} />}>
              <Text size="sm" component="div" style={{ overflowWrap: "anywhere" }}>
                {a.requestedBy}, <Moment at={a.requestedAt} />
              </Text>
            </Timeline.Item>
            {a.votes.map((v) => (
              <Timeline.Item
                key={v.name}
                title={v.approves ? "Approved" : "Rejected"}
                color={v.approves ? "teal" : "red"}
                bullet={v.approves ? <IconCheck size={14} /> : <IconX size={14} />}
              >
                <Text size="sm" component="div" style={{ overflowWrap: "anywhere" }}>
                  {v.name}, <Moment at={v.votedAt} />
                </Text>
                {v.comment && (
                  <Text size="sm" mt={4} style={{ overflowWrap: "anywhere" }}>
                    “{v.comment}”
                  </Text>
                )}
              </Timeline.Item>
            ))}
            {a.state === "WITHDRAWN" && a.decidedAt && (
              <Timeline.Item title="Withdrawn" bullet={<IconX size={14} />}>
                <Text size="sm" component="div">
                  <Moment at={a.decidedAt} />
                </Text>
              </Timeline.Item>
            )}
            {a.state === "PENDING" && (
              <Timeline.Item title="Expires" lineVariant="dashed" bullet={<IconClock size={14} />}>
                <Text size="sm" component="div">
                  <Moment at={a.expiresAt} />
                </Text>
              </Timeline.Item>
            )}
          </Timeline>
        </Section>
        {a.state === "PENDING" && (
          <Section title="Your decision">
            {a.mayDecide ? (
              <form
                onSubmit={(e) => {
                  e.preventDefault();
                  approve.mutate();
                }}
              >
                <Stack maw={640}>
                  <Text size="sm">
                    {yes + 1 >= a.needed
                      ? "If you approve it, it is carried out at once, with the rights of who asked."
                      : `After yours, ${a.needed - yes - 1} more must approve it.`}
                  </Text>
                  <Textarea
                    label="Comment"
                    description="Needed to reject; kept in the audit log, and read by who asked"
                    maxLength={500}
                    autosize
                    minRows={2}
                    value={comment}
                    onChange={(e) => setComment(e.currentTarget.value.replaceAll("\n", " "))}
                    error={fieldError(reject.error, "comment") ?? fieldError(approve.error, "comment")}
                  />
                  <ErrorAlert error={approve.error ?? reject.error} />
                  <Group>
                    <Button type="submit" leftSection={<IconCheck size={16} />} loading={approve.isPending}>
                      Approve
                    </Button>
                    <Button
                      variant="default"
                      disabled={!comment.trim()}
                      loading={reject.isPending}
                      onClick={() => reject.mutate()}
                    >
                      Reject
                    </Button>
                  </Group>
                </Stack>
              </form>
            ) : (
              <Text size="sm">
                {voted
                  ? "You have approved it; it waits for others."
                  : a.mayWithdraw
                    ? "It is your own request: another person with the right to do it must approve it."
                    : "Your role does not let you decide about this: only those who may do it themselves can."}
              </Text>
            )}
            {a.mayWithdraw && (
              <>
                <ErrorAlert error={withdraw.error} />
                <Button mt="md" variant="default" loading={withdraw.isPending} onClick={() => withdraw.mutate()}>
                  Withdraw
                </Button>
              </>
            )}
          </Section>
        )}
      </Stack>
    </>
  );
}

type Made = {
  objectKind: string;
  objectId?: string | null | undefined;
  certificate?: { id: string; commonName: string; serialNumber: string } | null | undefined;
  certificationAuthority?: { identifier: string; friendlyName: string } | null | undefined;
};

function Outcome({ partitionId, a }: { partitionId: string; a: Made }) {
  return (
    <Alert role="status" color="teal" icon={<IconCheck />} title="Approved and carried out">
      {a.certificate && (
        <Anchor
          size="sm"
          renderRoot={(p) => (
            <Link to="/p/$partitionId/certificates/$id" params={{ partitionId, id: a.certificate!.id }} {...p} />
          )}
        >
          See the certificate {a.certificate.commonName || a.certificate.serialNumber}
        </Anchor>
      )}
      {a.certificationAuthority && (
        <Anchor
          size="sm"
          renderRoot={(p) => (
            <Link
              to="/p/$partitionId/cas/$identifier"
              params={{ partitionId, identifier: a.certificationAuthority!.identifier }}
              {...p}
            />
          )}
        >
          See {a.certificationAuthority.friendlyName}
        </Anchor>
      )}
      {a.objectKind === "bulk-operation" && a.objectId && (
        <Anchor
          size="sm"
          renderRoot={(p) => (
            <Link to="/p/$partitionId/bulk" params={{ partitionId }} search={{ id: a.objectId! }} {...p} />
          )}
        >
          Follow the bulk operation
        </Anchor>
      )}
      {a.objectKind === "user" && (
        <Anchor size="sm" renderRoot={(p) => <Link to="/p/$partitionId/users" params={{ partitionId }} {...p} />}>
          See the users
        </Anchor>
      )}
    </Alert>
  );
}

function pretty(json: string) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2).replaceAll("\\n", "\n");
  } catch {
    return json;
  }
}
