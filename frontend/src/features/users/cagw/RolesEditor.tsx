import { ActionIcon, Group, Input, SegmentedControl, Select, Stack, Text } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { CagwCredentialRoleInput, CagwRole } from "@/gql/graphql";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { Authorities, roleLabel, type Credential } from "./queries";

export type Row = CagwCredentialRoleInput & { name: string; identifier: string };

/** One row for an authority: cert-admins has all that auditors has. */
export const rowsOf = (roles: Credential["roles"]): Row[] =>
  roles
    .filter((r) => r.role === "CERT_ADMINS" || !roles.some((o) => o.ca.id === r.ca.id && o.role === "CERT_ADMINS"))
    .map((r) => ({ caId: r.ca.id, role: r.role, name: r.ca.friendlyName, identifier: r.ca.identifier }));

export const inputOf = (rows: Row[]): CagwCredentialRoleInput[] => rows.map(({ caId, role }) => ({ caId, role }));

/** Nobody gives rights that they do not have. */
export function useMayAdminister(partitionId: string) {
  const can = useCan(partitionId);
  return ["certificate:issue", "certificate:issue-pkcs12", "certificate:change-status"].every(can);
}

export const useAuthorities = (partitionId: string) =>
  useQuery({
    queryKey: ["cagw-authorities", partitionId],
    queryFn: () => request(Authorities, { partition: partitionId }),
  });

/** Which authorities, and what may be done on each. */
export function RolesEditor({
  partitionId,
  rows,
  onChange,
  error,
}: {
  partitionId: string;
  rows: Row[];
  onChange: (rows: Row[]) => void;
  error?: string | undefined;
}) {
  const authorities = useAuthorities(partitionId).data?.partition?.certificationAuthorities.nodes ?? [];
  const mayAdminister = useMayAdminister(partitionId);
  const left = authorities.filter((a) => !rows.some((r) => r.caId === a.id));
  return (
    <Stack gap="xs">
      <Select
        label="Certificate Authorities"
        description="Choose one after the other"
        withAsterisk={rows.length === 0}
        searchable
        disabled={authorities.length > 0 && left.length === 0}
        placeholder={
          authorities.length > 0 && left.length === 0
            ? "All are chosen"
            : rows.length > 0
              ? "Add another one"
              : "Add one"
        }
        data={left.map((a) => ({ value: a.id, label: `${a.friendlyName} (${a.identifier})` }))}
        value={null}
        onChange={(id) => {
          const a = authorities.find((x) => x.id === id);
          if (a)
            onChange([
              ...rows,
              {
                caId: a.id,
                role: mayAdminister ? "CERT_ADMINS" : "AUDITORS",
                name: a.friendlyName,
                identifier: a.identifier,
              },
            ]);
        }}
        error={error}
        nothingFoundMessage="No authority of that name"
      />
      {rows.map((r) => (
        <Group key={r.caId} justify="space-between" gap="xs">
          <div style={{ flex: "1 1 160px", minWidth: 0 }}>
            <Text size="sm" fw={600} truncate>
              {r.name}
            </Text>
            <Text size="xs" c="dimmed" ff="monospace">
              {r.identifier}
            </Text>
          </div>
          <Group gap={4} wrap="nowrap">
            <SegmentedControl
              size="xs"
              aria-label={`Role on ${r.name}`}
              value={r.role}
              onChange={(role) => onChange(rows.map((x) => (x.caId === r.caId ? { ...x, role: role as CagwRole } : x)))}
              data={(["AUDITORS", "CERT_ADMINS"] as const)
                .filter((role) => role === r.role || role === "AUDITORS" || mayAdminister)
                .map((value) => ({ value, label: roleLabel[value] }))}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              onClick={() => onChange(rows.filter((x) => x.caId !== r.caId))}
              aria-label={`Remove ${r.name}`}
            >
              <IconX size={16} />
            </ActionIcon>
          </Group>
        </Group>
      ))}
      <Input.Description>
        auditors read; cert-admins also issue, revoke and suspend. Other authorities do not exist for the credential.
        {!mayAdminister &&
          " You can give auditors only: cert-admins needs the role Certificate Administrators, or an Owner."}
      </Input.Description>
    </Stack>
  );
}
