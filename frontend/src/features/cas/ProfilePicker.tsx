import { Accordion, Badge, Button, Checkbox, Group, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { graphql } from "@/gql";
import type { ProfileGroupsQuery } from "@/gql/graphql";
import { request } from "@/lib/graphql";

const ProfileGroups = graphql(`
  query ProfileGroups($partition: ID!) {
    partition(id: $partition) { profileGroups { id title kind profiles { id name description allowedCaTypes selectable } } }
  }
`);

type Groups = NonNullable<ProfileGroupsQuery["partition"]>["profileGroups"];

export function useProfileGroups(partitionId: string): Groups {
  const groups = useQuery({ queryKey: ["profile-groups", partitionId], queryFn: () => request(ProfileGroups, { partition: partitionId }), staleTime: Infinity });
  return groups.data?.partition?.profileGroups.map((g) => ({ ...g, profiles: g.profiles.filter((p) => p.selectable) })).filter((g) => g.profiles.length > 0) ?? [];
}

/** Groups that open to their profiles, with a box each. */
export function ProfilePicker({ label, groups, caType, selected, onChange, without = [] }: { label: string; groups: Groups; caType: string; selected: string[]; onChange: (ids: string[]) => void; without?: readonly string[] }) {
  const [search, setSearch] = useState("");
  const offered = groups
    .map((g) => ({ ...g, profiles: g.profiles.filter((p) => p.allowedCaTypes.includes(caType) && !without.includes(p.id) && `${p.id} ${p.name}`.toLowerCase().includes(search.toLowerCase())) }))
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
      <TextInput aria-label="Search profiles" placeholder="Search profiles" value={search} onChange={(e) => setSearch(e.currentTarget.value)} />
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
                  <Badge variant="light" color={chosen ? "brand" : "gray"} styles={{ root: { color: "var(--mantine-color-text)" } }}>
                    {chosen}/{g.profiles.length}
                  </Badge>
                </Group>
              </Accordion.Control>
              <Accordion.Panel>
                <Stack gap="xs">
                  {g.profiles.map((p) => (
                    <Checkbox key={p.id} label={p.name} description={p.id} checked={selected.includes(p.id)} onChange={() => toggle(p.id)} />
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
