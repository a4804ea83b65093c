import {
  ActionIcon,
  Alert,
  Anchor,
  Button,
  Card,
  Drawer,
  Group,
  List,
  MultiSelect,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  TagsInput,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { ErrorAlert, Lines, capital, fieldError } from "@/components/ui";
import { graphql } from "@/gql";
import { formatNumber, words } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useReload } from "./ProfileActions";
import {
  caType,
  parseDocument,
  setMember,
  withoutHead,
  type ProfileDocument,
  type SanRule,
  type SubjectRule,
} from "./document";

const Validate = graphql(`
  query ValidateProfile($partition: ID!, $json: String!, $id: ID, $name: String, $group: ID) {
    validateProfile(partitionId: $partition, json: $json, id: $id, name: $name, group: $group) {
      path
      message
      line
    }
  }
`);
const Clone = graphql(`
  mutation CloneProfile($input: CloneProfileInput!) {
    cloneProfile(input: $input) {
      profile {
        id
      }
    }
  }
`);
const Update = graphql(`
  mutation UpdateProfile($input: UpdateProfileInput!) {
    updateProfile(input: $input) {
      profile {
        id
        version
      }
    }
  }
`);
const Replay = graphql(`
  mutation ReplayProfile($partition: ID!, $json: String!, $days: Int!, $profile: ID) {
    replayProfile(input: { partitionId: $partition, json: $json, days: $days, profileId: $profile }) {
      replay {
        requests
        more
        same
        changed
        refused
        rules {
          rule
          count
        }
        examples {
          certificate {
            id
            subject
            profileId
          }
          refusal {
            message
            rule
          }
          changes
        }
      }
    }
  }
`);

type Usage = { oid: string; name: string };
const keyAlgorithms = [
  "RSA-2048",
  "RSA-3072",
  "RSA-4096",
  "ECDSA-P256",
  "ECDSA-P384",
  "ECDSA-P521",
  "Ed25519",
  "ML-DSA-44",
  "ML-DSA-65",
  "ML-DSA-87",
];
const keyUsages = ["Digital Signature", "Non-Repudiation", "Key Encipherment", "Data Encipherment", "Key Agreement"]
  .map((label, n) => ({ value: `2.5.29.15.${n}`, label }))
  .concat({ value: "2.5.29.15.7", label: "Encipher Only" }, { value: "2.5.29.15.8", label: "Decipher Only" });
const claimSources = [
  { value: "PERSON", label: "Holder of certificate:vouch" },
  { value: "WSTEP", label: "Windows enrollment (WSTEP)" },
  { value: "INTUNE", label: "Microsoft Intune" },
];
const sanTypes = ["DNS_NAME", "IP_ADDRESS", "EMAIL", "URI", "UPN", "DIRECTORY_NAME", "REGISTERED_ID", "OTHER_NAME"];

type Edited = { id: string; name: string; version: number; json: string };

/**
 * Edits a custom profile, or makes one of another: by form, or as JSON beside which identifier, name and group stand. Each
 * keystroke is checked by the server, and a draft can be tried on what was issued.
 */
export function ProfileEditor({
  partitionId,
  profile,
  clone = false,
  known,
  onClose,
  onDone,
}: {
  partitionId: string;
  profile: Edited;
  clone?: boolean;
  known: readonly Usage[];
  onClose: () => void;
  onDone: (id: string) => void;
}) {
  const reload = useReload();
  const [start] = useState(() => {
    const { head, body } = withoutHead(profile.json);
    return {
      head: clone ? { ...head, id: `${profile.id.slice(0, 59)}-copy`, name: `${profile.name} (copy)` } : head,
      body,
    };
  });
  const [head, setHead] = useState(start.head);
  const [json, setJson] = useState(start.body);
  const [raw, setRaw] = useState(false);
  const [comment, setComment] = useState("");
  const draft = { id: head.id.trim(), name: head.name.trim(), group: head.group.trim(), json };
  const [settled] = useDebouncedValue(JSON.stringify(draft), 300);
  const document = parseDocument(json);
  const check = useQuery({
    queryKey: ["validate-profile", partitionId, settled],
    queryFn: () => request(Validate, { partition: partitionId, ...(JSON.parse(settled) as typeof draft) }),
    placeholderData: keepPreviousData,
  });
  const problems = check.data?.validateProfile ?? [];
  const say = (path: string) => {
    const found = problems.find(
      (p) => p.path === path || p.path.startsWith(`${path}[`) || p.path.startsWith(`${path}.`),
    )?.message;
    return found && capital(found);
  };
  const changed = json !== start.body || JSON.stringify(head) !== JSON.stringify(start.head);
  const close = () =>
    (!changed ||
      window.confirm(clone ? "Close without making the profile?" : "Leave the profile without saving the change?")) &&
    onClose();
  const save = useMutation({
    mutationFn: async () => {
      const { id, name, group } = draft;
      if (clone)
        return (await request(Clone, { input: { partitionId, sourceId: profile.id, id, name, group, json } }))
          .cloneProfile.profile;
      return (
        await request(Update, {
          input: { partitionId, id, version: profile.version, name, group, json, comment: comment.trim() },
        })
      ).updateProfile.profile;
    },
    onSuccess: (p) => {
      reload();
      onDone(p.id);
    },
  });
  // What the JSON itself says stands.
  const beside = (member: "name" | "group") => ({
    value: document?.[member] ?? head[member],
    disabled: document?.[member] !== undefined,
    onChange: (e: { currentTarget: { value: string } }) => setHead({ ...head, [member]: e.currentTarget.value }),
  });
  return (
    <Drawer
      opened
      onClose={close}
      size="xl"
      title={
        <Text fw={650} fz="lg">
          {clone ? "Clone" : "Edit"} {profile.id}
        </Text>
      }
      closeOnClickOutside={!changed}
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <Stack>
          <TextInput
            label="Profile ID"
            description={clone ? "2 to 64 of a-z, 0-9 and hyphen; cannot be changed later" : "Cannot be changed"}
            required
            readOnly={!clone}
            data-autofocus={clone || undefined}
            value={head.id}
            onChange={(e) => setHead({ ...head, id: e.currentTarget.value })}
            error={fieldError(save.error, "id") ?? say("id")}
          />
          <TextInput
            label="Name"
            required
            maxLength={128}
            {...beside("name")}
            error={fieldError(save.error, "name") ?? say("name")}
          />
          <TextInput
            label="Profile Group"
            description="One group: 2 to 64 of a-z, 0-9 and hyphen"
            required
            {...beside("group")}
            error={fieldError(save.error, "group") ?? say("group")}
          />
          <Switch
            label="Edit the Raw Profile Information"
            checked={raw || !document}
            disabled={!document}
            onChange={(e) => setRaw(e.currentTarget.checked)}
          />
          {raw || !document ? (
            <Textarea
              label="Profile as JSON"
              description="Checked against the published JSON Schema while you type. Identifier, name and group may stand in it or above."
              autosize
              minRows={16}
              maxRows={40}
              value={json}
              onChange={(e) => setJson(e.currentTarget.value)}
              spellCheck={false}
              aria-invalid={problems.length > 0}
              styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12 } }}
            />
          ) : (
            <Fields
              document={document}
              known={known}
              say={say}
              set={(change) => setJson(setMember(document, change))}
            />
          )}
          <div role="status" aria-live="polite">
            {problems.length > 0 ? (
              <Alert
                color="red"
                variant="light"
                title={problems.length === 1 ? "One thing is wrong" : `${problems.length} things are wrong`}
              >
                <List size="sm">
                  {problems.map((p, n) => (
                    <List.Item key={n}>
                      {p.line > 0 && `Line ${p.line}, `}
                      <b>{p.path}</b>: {p.message}
                    </List.Item>
                  ))}
                </List>
              </Alert>
            ) : (
              check.data && (
                <Text size="sm" c="dimmed">
                  The profile is valid.
                </Text>
              )
            )}
          </div>
          <ReplayPanel partitionId={partitionId} json={json} profileId={profile.id} ready={problems.length === 0} />
          {!clone && (
            <TextInput
              label="Comment"
              description="Why; kept with the version"
              maxLength={200}
              value={comment}
              onChange={(e) => setComment(e.currentTarget.value)}
            />
          )}
          <ErrorAlert error={check.error} />
          <ErrorAlert error={save.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button
              type="submit"
              loading={save.isPending}
              disabled={
                (!clone && !changed) ||
                !draft.id ||
                problems.length > 0 ||
                settled !== JSON.stringify(draft) ||
                !check.data
              }
            >
              {clone ? "Clone" : `Save as version ${profile.version + 1}`}
            </Button>
          </Group>
        </Stack>
      </form>
    </Drawer>
  );
}

const caTypeNames = [
  { value: "ROOT", label: "Root Authority" },
  { value: "EXTERNAL_ROOT", label: "External Root Authority" },
  { value: "INTERMEDIATE", label: "Intermediate Subordinate Authority" },
  { value: "ISSUING", label: "Subordinate Authority" },
];

function Fields({
  document: d,
  known,
  set,
  say,
}: {
  document: ProfileDocument;
  known: readonly Usage[];
  set: (change: ProfileDocument) => void;
  say: (path: string) => string | undefined;
}) {
  const usages = d.usages ?? [];
  const isKeyUsage = (oid: string) => oid.startsWith("2.5.29.15.");
  const purposes = [...new Map(known.filter((u) => !isKeyUsage(u.oid)).map((u) => [u.oid, u])).values()];
  return (
    <Stack>
      <MultiSelect
        label="Default CA Types"
        description="Types of authorities that can be given the profile"
        required
        data={caTypeNames}
        value={(d.allowedCATypes ?? []).map(caType)}
        onChange={(v) => set({ allowedCATypes: v })}
        error={say("allowedCATypes")}
      />
      <Textarea
        label="Description"
        autosize
        value={d.description ?? ""}
        onChange={(e) => set({ description: e.currentTarget.value || undefined })}
        error={say("description")}
      />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <TextInput
          label="Validity period"
          description="ISO 8601, e.g. P1Y or P90D"
          required
          value={d.validity_period ?? ""}
          onChange={(e) => set({ validity_period: e.currentTarget.value })}
          error={say("validity_period")}
        />
        <TextInput
          label="Longest validity period"
          description="That a request may name; empty: the CA's end"
          value={d.max_validity_period ?? ""}
          onChange={(e) => set({ max_validity_period: e.currentTarget.value || undefined })}
          error={say("max_validity_period")}
        />
      </SimpleGrid>
      <MultiSelect
        label="Key Usages"
        data={keyUsages}
        value={usages.filter(isKeyUsage)}
        onChange={(v) => set({ usages: [...v, ...usages.filter((u) => !isKeyUsage(u))] })}
        error={say("usages")}
      />
      <TagsInput
        label="Extended Key Usages"
        description={`Object identifiers. ${usages
          .filter((u) => !isKeyUsage(u))
          .map((u) => purposes.find((p) => p.oid === u)?.name ?? u)
          .join(", ")}`}
        data={purposes.map((p) => p.oid)}
        renderOption={({ option }) => `${purposes.find((p) => p.oid === option.value)?.name ?? ""} (${option.value})`}
        value={usages.filter((u) => !isKeyUsage(u))}
        onChange={(v) => set({ usages: [...usages.filter(isKeyUsage), ...v] })}
      />
      <MultiSelect
        label="Allowed key types"
        description="None chosen: any key that is strong enough"
        data={keyAlgorithms}
        value={d.key_algorithms ?? []}
        onChange={(v) => set({ key_algorithms: v.length > 0 ? v : undefined })}
        error={say("key_algorithms")}
        clearable
      />
      <Group>
        <Switch
          label="Owner may make the key (CSR)"
          checked={d.client_side_keys !== false}
          onChange={(e) => set({ client_side_keys: e.currentTarget.checked })}
        />
        <Switch
          label="Server may make the key (PKCS #12)"
          checked={d.server_side_keys === true}
          onChange={(e) => set({ server_side_keys: e.currentTarget.checked })}
        />
      </Group>
      {say("client_side_keys") && (
        <Text size="sm" c="var(--mantine-color-error)">
          {say("client_side_keys")}
        </Text>
      )}
      <Switch
        label="Copy the common name to the subject alternative names"
        checked={d.fill_san_dns_with_cn === true}
        onChange={(e) => set({ fill_san_dns_with_cn: e.currentTarget.checked })}
      />
      {(d.allowed_extensions ?? []).every((x) => typeof x === "string") && (
        <TagsInput
          label="Allowed extensions"
          description="Object identifiers of extensions that a request may bring"
          value={(d.allowed_extensions ?? []) as string[]}
          onChange={(v) => set({ allowed_extensions: v })}
          error={say("allowed_extensions")}
        />
      )}
      <Switch
        label="Leave out other extensions instead of refusing the request"
        checked={d.ignore_unknown_extensions !== false}
        onChange={(e) => set({ ignore_unknown_extensions: e.currentTarget.checked })}
      />
      <MultiSelect
        label="Claims about identity"
        description="Who may answer for what says who the subject is: UPN, security identifier (SID), smart card logon, KDC authentication, certificate policies. None chosen: nobody"
        data={claimSources}
        value={d.identity_claims_from ?? ["PERSON"]}
        onChange={(v) => set({ identity_claims_from: v })}
        error={say("identity_claims_from")}
      />
      <SubjectRules
        rules={d.subject_rules ?? []}
        set={(rules) => set({ subject_rules: rules.length > 0 ? rules : undefined })}
        error={say("subject_rules")}
      />
      <Switch
        label="Forbid all other attributes of the subject"
        checked={d.other_subject_attributes === "FORBIDDEN"}
        onChange={(e) => set({ other_subject_attributes: e.currentTarget.checked ? "FORBIDDEN" : undefined })}
      />
      <Switch
        label="Limit the subject alternative names"
        checked={d.san_rules !== undefined}
        onChange={(e) => set({ san_rules: e.currentTarget.checked ? [] : undefined })}
      />
      {d.san_rules && (
        <SanRules rules={d.san_rules} set={(rules) => set({ san_rules: rules })} error={say("san_rules")} />
      )}
    </Stack>
  );
}

function SubjectRules({
  rules,
  set,
  error,
}: {
  rules: SubjectRule[];
  set: (rules: SubjectRule[]) => void;
  error: string | undefined;
}) {
  const change = (n: number, part: Partial<SubjectRule>) => set(rules.map((r, i) => (i === n ? { ...r, ...part } : r)));
  return (
    <Stack gap={6}>
      <Text size="sm" fw={500}>
        Subject attributes
      </Text>
      {rules.map((r, n) => (
        <Group key={n} gap={6} align="flex-start">
          <TextInput
            aria-label={`Attribute ${n + 1}`}
            placeholder="CN"
            w={110}
            value={r.attribute}
            onChange={(e) => change(n, { attribute: e.currentTarget.value })}
          />
          <Select
            aria-label={`Presence of attribute ${n + 1}`}
            w={130}
            allowDeselect={false}
            data={["REQUIRED", "OPTIONAL", "FORBIDDEN"].map((v) => ({ value: v, label: words(v) }))}
            value={r.presence ?? "OPTIONAL"}
            onChange={(v) =>
              change(n, {
                presence: v ?? "OPTIONAL",
                ...(v === "FORBIDDEN" ? { pattern: undefined } : {}),
              } as Partial<SubjectRule>)
            }
          />
          <TextInput
            aria-label={`Pattern of attribute ${n + 1}`}
            placeholder="Regular expression (RE2) of the whole value"
            disabled={r.presence === "FORBIDDEN"}
            style={{ flex: "1 1 180px" }}
            value={r.pattern ?? ""}
            onChange={(e) => change(n, { pattern: e.currentTarget.value })}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            aria-label={`Remove attribute ${n + 1}`}
            onClick={() => set(rules.filter((_, i) => i !== n))}
          >
            <IconTrash size={16} />
          </ActionIcon>
        </Group>
      ))}
      {error && (
        <Text size="sm" c="var(--mantine-color-error)">
          {error}
        </Text>
      )}
      <Group>
        <Button
          size="compact-sm"
          variant="subtle"
          leftSection={<IconPlus size={14} />}
          onClick={() => set([...rules, { attribute: "CN", presence: "REQUIRED" }])}
        >
          Limit an attribute
        </Button>
      </Group>
    </Stack>
  );
}

function SanRules({
  rules,
  set,
  error,
}: {
  rules: SanRule[];
  set: (rules: SanRule[]) => void;
  error: string | undefined;
}) {
  const change = (n: number, part: Partial<SanRule>) => set(rules.map((r, i) => (i === n ? { ...r, ...part } : r)));
  const left = sanTypes.filter((t) => !rules.some((r) => r.type === t));
  return (
    <Stack gap={6}>
      <Text size="sm" c="dimmed">
        Only the types named here are allowed; without further limits, every name of the type is.
      </Text>
      {rules.map((r, n) => (
        <Card key={r.type} withBorder padding="xs">
          <Group justify="space-between" wrap="nowrap">
            <Text size="sm" fw={600}>
              {words(r.type)}
            </Text>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`Remove ${words(r.type)}`}
              onClick={() => set(rules.filter((_, i) => i !== n))}
            >
              <IconTrash size={16} />
            </ActionIcon>
          </Group>
          {["DNS_NAME", "EMAIL", "URI", "UPN"].includes(r.type) && (
            <TagsInput
              label="Domains"
              description="Each allows itself and what lies below it"
              placeholder="corp.example"
              value={r.suffixes ?? []}
              onChange={(v) => change(n, { suffixes: v })}
            />
          )}
          {r.type === "IP_ADDRESS" && (
            <TagsInput
              label="Networks"
              placeholder="10.0.0.0/8"
              value={r.networks ?? []}
              onChange={(v) => change(n, { networks: v })}
            />
          )}
          <TagsInput
            label="Patterns"
            description="Regular expressions (RE2) of the whole name"
            splitChars={[]}
            value={r.patterns ?? []}
            onChange={(v) => change(n, { patterns: v })}
          />
        </Card>
      ))}
      {error && (
        <Text size="sm" c="var(--mantine-color-error)">
          {error}
        </Text>
      )}
      {left.length > 0 && (
        <Select
          aria-label="Allow a type of name"
          placeholder="Allow a type of name"
          w={220}
          data={left.map((t) => ({ value: t, label: words(t) }))}
          value={null}
          onChange={(t) => t && set([...rules, { type: t }])}
        />
      )}
    </Stack>
  );
}

/** Tries the draft on the requests of the last days. */
function ReplayPanel({
  partitionId,
  json,
  profileId,
  ready,
}: {
  partitionId: string;
  json: string;
  profileId: string;
  ready: boolean;
}) {
  const [days, setDays] = useState<number | string>(30);
  const [all, setAll] = useState(false);
  const replay = useMutation({
    mutationFn: () =>
      request(Replay, { partition: partitionId, json, days: Number(days), profile: all ? null : profileId }),
  });
  const r = replay.data?.replayProfile.replay;
  return (
    <Card withBorder padding="sm">
      <Stack gap="xs">
        <Group align="flex-end" gap="sm">
          <NumberInput label="Replay the last days" min={1} max={3650} value={days} onChange={setDays} w={190} />
          <Switch label="Of all profiles" checked={all} onChange={(e) => setAll(e.currentTarget.checked)} mb={8} />
          <Button
            variant="default"
            onClick={() => replay.mutate()}
            loading={replay.isPending}
            disabled={!ready || !Number(days)}
          >
            Try the draft
          </Button>
        </Group>
        <ErrorAlert error={replay.error} />
        {r && (
          <Stack gap={6} role="status">
            <Text size="sm">
              {r.requests === 0
                ? "Nothing was issued in that time."
                : `Of ${formatNumber(r.requests)} requests${r.more ? " (the newest)" : ""}, ${formatNumber(r.same)} would go as they did, ${formatNumber(r.changed)} would be issued otherwise, ${formatNumber(r.refused)} would be refused.`}
            </Text>
            {r.rules.length > 0 && (
              <Text size="sm">
                Refused by {r.rules.map((x) => `${x.rule || "another reason"} (${formatNumber(x.count)})`).join(", ")}
              </Text>
            )}
            {r.examples.map((x) => (
              <Card key={x.certificate.id} withBorder padding="xs">
                <Anchor
                  size="sm"
                  fw={600}
                  style={{ overflowWrap: "anywhere" }}
                  renderRoot={(p) => (
                    <Link
                      to="/p/$partitionId/certificates/$id"
                      params={{ partitionId, id: x.certificate.id }}
                      target="_blank"
                      {...p}
                    />
                  )}
                >
                  {x.certificate.subject}
                </Anchor>
                {x.refusal ? (
                  <Text size="sm">
                    Refused by {x.refusal.rule}: {x.refusal.message}
                  </Text>
                ) : (
                  <Text size="sm" component="div">
                    <Lines items={x.changes} />
                  </Text>
                )}
              </Card>
            ))}
          </Stack>
        )}
      </Stack>
    </Card>
  );
}
