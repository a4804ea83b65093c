import {
  Group,
  Select,
  Stack,
  Text,
  type ComboboxItem,
  type ComboboxParsedItem,
  type SelectProps,
} from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";

export type ProfileChoice = { id: string; name: string; description: string; group: { title: string } };

/** Whether a profile has every word of a search: in its name, its purpose, its group or its id. */
export const profileMatches = (p: ProfileChoice, search: string) => {
  const text = `${p.name} ${p.description} ${p.group.title} ${p.id}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
};

type Props = { profiles: readonly ProfileChoice[]; value: string | null; onChange: (id: string | null) => void } & Omit<
  SelectProps,
  "data" | "value" | "onChange"
>;

/** A profile, chosen by its name and purpose; the id stands beside for those who know it. */
export function ProfileSelect({ profiles, value, onChange, ...rest }: Props) {
  const groups = [...new Set(profiles.map((p) => p.group.title))];
  const byId = new Map(profiles.map((p) => [p.id, p]));
  const matching = (options: ComboboxParsedItem[], search: string) => {
    const fits = (o: ComboboxItem) => profileMatches(byId.get(o.value)!, search);
    return options.flatMap((o): ComboboxParsedItem[] => {
      if (!("items" in o)) return fits(o) ? [o] : [];
      const items = o.items.filter((i) => fits(i as ComboboxItem));
      return items.length > 0 ? [{ ...o, items }] : [];
    });
  };
  return (
    <Select
      searchable
      nothingFoundMessage="No profile matches"
      maxDropdownHeight={360}
      description={value ? byId.get(value)?.description : undefined}
      {...rest}
      data={groups.map((group) => ({
        group,
        items: profiles.filter((p) => p.group.title === group).map((p) => ({ value: p.id, label: p.name })),
      }))}
      classNames={{ option: "rich-option" }}
      selectFirstOptionOnChange
      filter={({ options, search }) => matching(options, search)}
      renderOption={({ option, checked }) => (
        <Group gap={6} wrap="nowrap" align="flex-start" w="100%">
          <IconCheck
            size={14}
            style={{ flex: "none", marginTop: 4, visibility: checked ? "visible" : "hidden" }}
            aria-hidden="true"
          />
          <Stack gap={0} style={{ minWidth: 0 }}>
            <Text size="sm" fw={600}>
              {option.label}
            </Text>
            <Text size="xs" c="dimmed">
              {byId.get(option.value)?.description}
            </Text>
            <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>
              {option.value}
            </Text>
          </Stack>
        </Group>
      )}
      value={value}
      onChange={onChange}
    />
  );
}
