import { Button, Group, MultiSelect, NumberInput, Stack, Switch, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ErrorAlert, Facts, Loading, Section } from "@/components/ui";
import { graphql } from "@/gql";
import type { ApprovalOperation } from "@/gql/graphql";
import { request } from "@/lib/graphql";
import { useCan, useDeployment } from "@/lib/session";

const Rules = graphql(`
  query ApprovalRules($partition: ID!) {
    partition(id: $partition) {
      approvalRules {
        operation
        profileIds
        needed
        hours
      }
      certificateProfiles(first: 500) {
        nodes {
          id
          name
          kind
        }
      }
    }
  }
`);
const SetRules = graphql(`
  mutation SetApprovalRules($input: SetApprovalRulesInput!) {
    setApprovalRules(input: $input) {
      __typename
      ... on ApprovalRulesPayload {
        rules {
          operation
        }
      }
      ... on ApprovalPending {
        approvalId
        message
      }
    }
  }
`);

const operations: [Exclude<ApprovalOperation, "RULES">, string, string][] = [
  ["CA_CREATE", "Create an authority", "Of any type, the import of an external root included"],
  ["CA_DELETE", "Delete an authority", "It can still be undone for 24 hours"],
  ["CA_RENEW", "Renew an authority", "With the same key or a new one"],
  ["CA_MOVE_KEY", "Move the key of an authority", "To another key store"],
  [
    "ISSUE",
    "Issue certificates",
    "One at a time, from a CSR; ACME clients wait until it is decided. Keys made by the server and bulk issuance are refused where this applies",
  ],
  ["BULK_REVOKE", "Revoke in bulk", "Single certificates can still be revoked at once"],
  ["ROLE_CHANGE", "Change roles", "Invitations that give a role included"],
];

type Rule = { operation: ApprovalOperation; profileIds: readonly string[]; needed: number; hours: number };

/** What needs approval in the partition: all of it at once, so that a change is one decision. */
export function ApprovalRules({ partitionId }: { partitionId: string }) {
  const query = useQuery({
    queryKey: ["approval-rules", partitionId],
    queryFn: () => request(Rules, { partition: partitionId }),
  });
  if (query.isPending) return <Loading />;
  const p = query.data?.partition;
  return (
    <>
      <ErrorAlert error={query.error} retry={() => void query.refetch()} />
      {p && (
        <Form
          key={JSON.stringify(p.approvalRules)}
          partitionId={partitionId}
          rules={p.approvalRules}
          profiles={p.certificateProfiles.nodes
            .filter((x) => x.kind === "SUBSCRIBER")
            .map((x) => ({ value: x.id, label: `${x.name} (${x.id})` }))}
        />
      )}
    </>
  );
}

function Form({
  partitionId,
  rules,
  profiles,
}: {
  partitionId: string;
  rules: readonly Rule[];
  profiles: { value: string; label: string }[];
}) {
  const can = useCan(partitionId);
  const twoPersonRoots = useDeployment()?.twoPersonRoots;
  const queryClient = useQueryClient();
  const [draft, setDraft] = useState<readonly Rule[]>(rules);
  const save = useMutation({
    mutationFn: () =>
      request(SetRules, { input: { partitionId, rules: draft.map((r) => ({ ...r, profileIds: [...r.profileIds] })) } }),
    onSuccess: async () => {
      notifications.show({ message: "Saved." });
      await queryClient.invalidateQueries({ queryKey: ["approval-rules"] });
    },
  });
  const editable = can("approval:manage");
  const put = (o: ApprovalOperation, change: Partial<Rule> | null) => {
    save.reset();
    setDraft((d) =>
      change === null
        ? d.filter((r) => r.operation !== o)
        : d.some((r) => r.operation === o)
          ? d.map((r) => (r.operation === o ? { ...r, ...change } : r))
          : [...d, { operation: o, profileIds: [], needed: 1, hours: 72, ...change }],
    );
  };
  if (!editable) {
    return (
      <Section title="What needs approval">
        <Facts
          rows={operations.map(([o, label]) => {
            const r = rules.find((x) => x.operation === o);
            if (!r) return [label, "No approval needed"];
            const people = r.needed === 1 ? "One other person" : `${r.needed} other people`;
            return [
              label,
              `${people}, within ${r.hours} hours${r.profileIds.length ? `; under ${r.profileIds.join(", ")}` : ""}`,
            ];
          })}
        />
        <Text size="sm" c="dimmed" mt="md">
          Owners of the partition can change this.
        </Text>
      </Section>
    );
  }
  return (
    <Section title="What needs approval">
      <form
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <Stack gap="lg">
          <Text size="sm" maw={720}>
            Whoever approves must have the right to do it himself, and not be the one who asked. Asking for less than
            now needs the approval of those who decide about it.
            {twoPersonRoots &&
              " The operator of this deployment has every root created, renewed and moved by two people, whatever is set here."}
          </Text>
          {operations.map(([o, label, hint]) => {
            const r = draft.find((x) => x.operation === o);
            return (
              <Stack key={o} gap="xs">
                <Switch
                  label={label}
                  description={hint}
                  checked={!!r}
                  onChange={(e) => put(o, e.currentTarget.checked ? {} : null)}
                />
                {r && (
                  <Group align="flex-start" pl={{ base: 0, sm: 52 }}>
                    <NumberInput
                      label="Others who must approve"
                      w={220}
                      min={1}
                      max={5}
                      clampBehavior="strict"
                      value={r.needed}
                      onChange={(v) => put(o, { needed: Number(v) || 1 })}
                    />
                    <NumberInput
                      label="Expires after, hours"
                      w={170}
                      min={1}
                      max={720}
                      value={r.hours}
                      onChange={(v) => put(o, { hours: Number(v) || 1 })}
                    />
                    {o === "ISSUE" && (
                      <MultiSelect
                        label="Under these profiles"
                        placeholder={r.profileIds.length ? undefined! : "Every profile"}
                        description="None named: every profile, also those made later"
                        style={{ flex: "1 1 280px" }}
                        searchable
                        clearable
                        data={profiles}
                        value={[...r.profileIds]}
                        onChange={(v) => put(o, { profileIds: v })}
                      />
                    )}
                  </Group>
                )}
              </Stack>
            );
          })}
          <ErrorAlert error={save.error} />
          <Group>
            <Button type="submit" loading={save.isPending} disabled={JSON.stringify(draft) === JSON.stringify(rules)}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}
