import { Alert, Button, Checkbox, Group, Modal, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ErrorAlert, fieldError } from "@/components/ui";
import { graphql } from "@/gql";
import type { RevocationReason } from "@/gql/graphql";
import { formatNumber, words } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { planOf, ProgressChart } from "./Progress";

const Choices = graphql(`
  query RenewalChoices($partition: ID!) {
    partition(id: $partition) {
      protocolConfigurations(first: 200, filter: { type: ACME }) {
        nodes {
          id
          identifier
          offerings {
            id
            profileId
            ca {
              id
              identifier
              friendlyName
            }
          }
        }
      }
      reports {
        cryptography {
          uses {
            keyType
            signatureAlgorithm
            certificates
          }
        }
      }
    }
  }
`);
const Count = graphql(`
  query CountRenewal($partition: ID!, $selection: RenewalSelectionInput!) {
    partition(id: $partition) {
      countRenewalSelection(selection: $selection)
    }
  }
`);
const Create = graphql(`
  mutation CreateRenewalCampaign($input: CreateRenewalCampaignInput!) {
    createRenewalCampaign(input: $input) {
      campaign {
        id
      }
    }
  }
`);

const reasons: RevocationReason[] = [
  "SUPERSEDED",
  "KEY_COMPROMISE",
  "CA_COMPROMISE",
  "AFFILIATION_CHANGED",
  "CESSATION_OF_OPERATION",
  "PRIVILEGE_WITHDRAWN",
  "UNSPECIFIED",
];
const day = 86_400_000;
/** For an input of type datetime-local, which knows no zone. */
const local = (at: number) => new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
const when = (text: string) => (text ? new Date(text).toISOString() : null);
const unique = (list: string[]) => [...new Set(list)].sort();

export function CreateCampaign({ partitionId, onClose }: { partitionId: string; onClose: () => void }) {
  const can = useCan(partitionId);
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<
    Record<"configurationId" | "caId" | "profileId" | "keyType" | "signatureAlgorithm", string | null>
  >({ configurationId: null, caId: null, profileId: null, keyType: null, signatureAlgorithm: null });
  const [dates, setDates] = useState({ issuedFrom: "", issuedUntil: "", expiresFrom: "", expiresUntil: "" });
  const [begins, setBegins] = useState(() => local(Date.now()));
  const [ends, setEnds] = useState(() => local(Date.now() + 7 * day));
  const [revoking, setRevoking] = useState(false);
  const [revokeAt, setRevokeAt] = useState(() => local(Date.now() + 14 * day));
  const [reason, setReason] = useState<RevocationReason>("SUPERSEDED");
  const [explanationUrl, setExplanationUrl] = useState("");
  const choices = useQuery({
    queryKey: ["campaign-choices", partitionId],
    queryFn: () => request(Choices, { partition: partitionId }),
  });
  const configurations = choices.data?.partition?.protocolConfigurations.nodes ?? [];
  const uses = choices.data?.partition?.reports.cryptography.uses.filter((u) => u.certificates > 0) ?? [];
  const selection = {
    ...chosen,
    issuedFrom: when(dates.issuedFrom),
    issuedUntil: when(dates.issuedUntil),
    expiresFrom: when(dates.expiresFrom),
    expiresUntil: when(dates.expiresUntil),
  };
  const [asked] = useDebouncedValue(selection, 250);
  const count = useQuery({
    queryKey: ["campaign-count", partitionId, asked],
    queryFn: () => request(Count, { partition: partitionId, selection: asked }),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
  const n = count.data?.partition?.countRenewalSelection;
  const create = useMutation({
    mutationFn: () =>
      request(Create, {
        input: {
          partitionId,
          name: name.trim(),
          selection,
          beginsAt: when(begins)!,
          endsAt: when(ends)!,
          revokeAt: revoking ? when(revokeAt) : null,
          revocationReason: reason,
          explanationUrl: explanationUrl.trim(),
        },
      }),
    onSuccess: async (made) => {
      void queryClient.invalidateQueries({ queryKey: ["campaigns"] });
      await navigate({
        to: "/p/$partitionId/campaigns/$id",
        params: { partitionId, id: made.createRenewalCampaign.campaign.id },
      });
    },
  });
  const select = (field: keyof typeof chosen, label: string, data: { value: string; label: string }[] | string[]) => (
    <Select
      label={label}
      placeholder="Any"
      clearable
      searchable
      data={data}
      value={chosen[field]}
      onChange={(v) => setChosen({ ...chosen, [field]: v })}
    />
  );
  const date = (field: keyof typeof dates, label: string) => (
    <TextInput
      type="date"
      label={label}
      value={dates[field]}
      onChange={(e) => setDates({ ...dates, [field]: e.currentTarget.value })}
    />
  );
  const [begin, end, revoke] = [Date.parse(begins), Date.parse(ends), revoking ? Date.parse(revokeAt) : null];
  const sound = end > begin && (revoke === null || revoke > end);
  const hours = (end - begin) / 3_600_000;
  const authorities = new Map(
    configurations.flatMap((c) =>
      c.offerings.map((o): [string, string] => [o.ca.id, `${o.ca.identifier} (${o.ca.friendlyName})`]),
    ),
  );
  return (
    <Modal opened onClose={onClose} size="xl" title={<Text fw={650}>Create Renewal Campaign</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          create.mutate();
        }}
      >
        <Stack>
          <TextInput
            label="Name"
            description="2 to 64 characters"
            required
            minLength={2}
            maxLength={64}
            data-autofocus
            autoComplete="off"
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            error={fieldError(create.error, "name")}
          />
          <Text fw={600}>Which certificates</Text>
          <ErrorAlert error={choices.error} retry={() => void choices.refetch()} />
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            {select(
              "configurationId",
              "Protocol configuration",
              configurations.map((c) => ({ value: c.id, label: c.identifier })),
            )}
            {select(
              "caId",
              "Authority",
              [...authorities].map(([value, label]) => ({ value, label })),
            )}
            {select("profileId", "Profile", unique(configurations.flatMap((c) => c.offerings.map((o) => o.profileId))))}
            {select("keyType", "Key type", unique(uses.map((u) => u.keyType)))}
            {select("signatureAlgorithm", "Signature algorithm", unique(uses.map((u) => u.signatureAlgorithm)))}
          </SimpleGrid>
          <SimpleGrid cols={{ base: 1, xs: 2, sm: 4 }}>
            {date("issuedFrom", "Issued from")}
            {date("issuedUntil", "Issued before")}
            {date("expiresFrom", "Expires from")}
            {date("expiresUntil", "Expires before")}
          </SimpleGrid>
          <ErrorAlert error={count.error} retry={() => void count.refetch()} />
          <Alert
            variant="light"
            color={n === 0 ? "yellow" : "blue"}
            role="status"
            styles={{ message: { color: "var(--mantine-color-text)" } }}
          >
            {n === undefined
              ? "Counting…"
              : n === 0
                ? "No certificate in force that was issued through ACME, and not renewed since, is like this."
                : `${formatNumber(n)} ${n === 1 ? "certificate" : "certificates"} in force, issued through ACME and not renewed since, ${n === 1 ? "is" : "are"} like this.`}
          </Alert>
          <Text fw={600}>When</Text>
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            <TextInput
              type="datetime-local"
              label="Begins"
              required
              value={begins}
              onChange={(e) => setBegins(e.currentTarget.value)}
            />
            <TextInput
              type="datetime-local"
              label="Ends"
              required
              value={ends}
              onChange={(e) => setEnds(e.currentTarget.value)}
              error={fieldError(create.error, "endsAt") ?? (end > begin ? undefined : "Behind the beginning")}
            />
          </SimpleGrid>
          {can("certificate:change-status") && (
            <Checkbox
              label="Revoke those that were not renewed"
              checked={revoking}
              onChange={(e) => setRevoking(e.currentTarget.checked)}
            />
          )}
          {revoking && (
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              <TextInput
                type="datetime-local"
                label="Revoke at"
                required
                value={revokeAt}
                onChange={(e) => setRevokeAt(e.currentTarget.value)}
                error={fieldError(create.error, "revokeAt") ?? (revoke! > end ? undefined : "Behind the end")}
              />
              <Select
                label="Revocation reason"
                allowDeselect={false}
                data={reasons.map((value) => ({ value, label: words(value) }))}
                value={reason}
                onChange={(v) => setReason(v as RevocationReason)}
              />
            </SimpleGrid>
          )}
          <TextInput
            label="Explanation (optional)"
            description="An https page that clients show to people"
            placeholder="https://wiki.example.com/renewal"
            value={explanationUrl}
            onChange={(e) => setExplanationUrl(e.currentTarget.value)}
            error={fieldError(create.error, "explanationUrl")}
          />
          {!!n && sound && (
            <>
              <ProgressChart
                begin={new Date(begin).toISOString()}
                plan={planOf(n, end, revoke)}
                total={n}
                label={`${n} certificates, evenly from ${begins} to ${ends}`}
              />
              <Text size="sm" c="dimmed">
                About {formatNumber(Math.max(1, Math.round(n / Math.max(hours, 1 / 60))))} an hour. Clients ask when to
                renew every few hours (setting of the configuration): those that ask late are late.
              </Text>
            </>
          )}
          <ErrorAlert error={create.error} fields={["name", "endsAt", "revokeAt", "explanationUrl"]} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending} disabled={name.trim().length < 2 || !n || !sound}>
              Create
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
