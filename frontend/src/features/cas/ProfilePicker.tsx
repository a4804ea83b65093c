import { Accordion, Alert, Badge, Button, Checkbox, Group, Stack, Text, TextInput } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { profileMatches } from "@/components/ProfileSelect";
import { graphql } from "@/gql";
import type { ProfileGroupsQuery } from "@/gql/graphql";
import { request } from "@/lib/graphql";

const ProfileGroups = graphql(`
  query ProfileGroups($partition: ID!) {
    partition(id: $partition) {
      profileGroups {
        id
        title
        kind
        profiles {
          id
          name
          description
          allowedCaTypes
          selectable
        }
      }
    }
  }
`);

type Groups = NonNullable<ProfileGroupsQuery["partition"]>["profileGroups"];

export function useProfileGroups(partitionId: string): Groups {
  const groups = useQuery({
    queryKey: ["profile-groups", partitionId],
    queryFn: () => request(ProfileGroups, { partition: partitionId }),
    staleTime: Infinity,
  });
  return (
    groups.data?.partition?.profileGroups
      .map((g) => ({ ...g, profiles: g.profiles.filter((p) => p.selectable) }))
      .filter((g) => g.profiles.length > 0) ?? []
  );
}

const presets: { label: string; groups: string[] }[] = [
  { label: "TLS servers and clients", groups: ["privatessl"] },
  { label: "Devices", groups: ["intune", "mdmws", "mobile", "scep", "est", "cmp"] },
  { label: "People", groups: ["smime", "smartcard"] },
];

/** The profiles of a preset: those of its groups that a CA of the type may have. */
const ofGroups = (groups: Groups, caType: string, wanted: readonly string[]) =>
  groups
    .filter((g) => wanted.includes(g.id))
    .flatMap((g) => g.profiles.filter((p) => p.allowedCaTypes.includes(caType)).map((p) => p.id));

/** What a new issuing CA begins with, so that it can issue: the usual certificates of servers and their clients. */
export const usualProfiles = (groups: Groups, caType: string) =>
  caType === "ISSUING" ? ofGroups(groups, caType, presets[0]!.groups) : [];

/** Groups that open to their profiles, with a box each. */
export function ProfilePicker({
  label,
  groups,
  caType,
  selected,
  onChange,
  without = [],
}: {
  label: string;
  groups: Groups;
  caType: string;
  selected: string[];
  onChange: (ids: string[]) => void;
  without?: readonly string[];
}) {
  const [search, setSearch] = useState("");
  const offered = groups
    .map((g) => ({
      ...g,
      profiles: g.profiles.filter(
        (p) =>
          p.allowedCaTypes.includes(caType) && !without.includes(p.id) && profileMatches({ ...p, group: g }, search),
      ),
    }))
    .filter((g) => g.profiles.length > 0);
  const all = offered.flatMap((g) => g.profiles.map((p) => p.id));
  const toggle = (id: string) => onChange(selected.includes(id) ? selected.filter((s) => s !== id) : [...selected, id]);
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Text size="sm" fw={500}>
          {label}
        </Text>
        <Group gap="xs">
          <Text size="sm" c="dimmed">
            {selected.length} selected
          </Text>
          <Button size="compact-xs" variant="default" onClick={() => onChange([...new Set([...selected, ...all])])}>
            All
          </Button>
          <Button size="compact-xs" variant="default" onClick={() => onChange([])}>
            None
          </Button>
        </Group>
      </Group>
      {caType === "ISSUING" && (
        <Group gap="xs" role="group" aria-label="Presets">
          {presets.map((preset) => {
            const ids = ofGroups(groups, caType, preset.groups).filter((id) => !without.includes(id));
            const has = ids.length > 0 && ids.every((id) => selected.includes(id));
            return (
              <Button
                key={preset.label}
                size="compact-sm"
                variant={has ? "light" : "default"}
                aria-pressed={has}
                disabled={ids.length === 0}
                onClick={() =>
                  onChange(has ? selected.filter((id) => !ids.includes(id)) : [...new Set([...selected, ...ids])])
                }
              >
                {preset.label}
              </Button>
            );
          })}
        </Group>
      )}
      <TextInput
        aria-label="Search profiles"
        placeholder="Search profiles"
        value={search}
        onChange={(e) => setSearch(e.currentTarget.value)}
      />
      {caType === "ISSUING" && selected.length + without.length === 0 && groups.length > 0 && (
        <Alert
          color="yellow"
          variant="light"
          icon={<IconAlertTriangle />}
          title="Without a profile it can issue nothing"
        >
          Choose a preset or single profiles. You can change the selection later, on the page of the authority.
        </Alert>
      )}
      {offered.length === 0 && (
        <Text size="sm" c="dimmed">
          No profile fits this type of CA{search ? " and this search" : ""}.
        </Text>
      )}
      <Accordion variant="separated" multiple {...(search ? { value: offered.map((g) => g.id) } : {})}>
        {offered.map((g) => {
          const chosen = g.profiles.filter((p) => selected.includes(p.id)).length;
          return (
            <Accordion.Item key={g.id} value={g.id}>
              <Accordion.Control>
                <Group gap="xs">
                  <Text size="sm">{g.title}</Text>
                  <Badge
                    variant="light"
                    color={chosen ? "brand" : "gray"}
                    styles={{ root: { color: "var(--mantine-color-text)" } }}
                  >
                    {chosen}/{g.profiles.length}
                  </Badge>
                </Group>
              </Accordion.Control>
              <Accordion.Panel>
                <Stack gap="xs">
                  {g.profiles.map((p) => (
                    <Checkbox
                      key={p.id}
                      label={p.name}
                      description={
                        <>
                          {p.description}{" "}
                          <Text span inherit ff="monospace">
                            {p.id}
                          </Text>
                        </>
                      }
                      checked={selected.includes(p.id)}
                      onChange={() => toggle(p.id)}
                    />
                  ))}
                </Stack>
              </Accordion.Panel>
            </Accordion.Item>
          );
        })}
      </Accordion>
    </Stack>
  );
}
