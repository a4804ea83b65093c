import { ActionIcon, Button, Group, Select, Stack, Switch, Text, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { readName, writeName, type Part } from "@/lib/dn";

type Attribute = { name: string; aliases: readonly string[]; oid: string; maxLength: number };

/** A distinguished name: as rows, or as RFC 4514 text; both stay in step. */
export function SubjectEditor({
  value,
  onChange,
  error,
  attributes,
  disabled,
  label = "Subject",
}: {
  value: string;
  onChange: (text: string) => void;
  error?: string | undefined;
  attributes: readonly Attribute[];
  disabled?: boolean;
  label?: string;
}) {
  const [raw, setRaw] = useState(false);
  const [kept, setKept] = useState<{ text: string; parts: Part[] }>({ text: value, parts: readName(value) ?? [] });
  const parts = kept.text === value ? kept.parts : (readName(value) ?? undefined);
  const asText = raw || parts === undefined;
  const rows = parts?.length ? parts : [{ type: "CN", value: "" }];
  const set = (next: Part[]) => {
    const text = writeName(next);
    setKept({ text, parts: next });
    onChange(text);
  };
  const options = attributes.map((a) => ({
    value: a.name,
    label: a.aliases[0] && a.aliases[0].length > a.name.length ? `${a.name} (${a.aliases[0]})` : a.name,
  }));
  return (
    <Stack gap={6}>
      <Group justify="space-between">
        <Text size="sm" fw={500}>
          {label}
        </Text>
        <Switch
          size="xs"
          label="Edit as text"
          checked={asText}
          disabled={disabled || parts === undefined}
          onChange={(e) => setRaw(e.currentTarget.checked)}
        />
      </Group>
      {asText || disabled ? (
        <TextInput
          aria-label={label}
          placeholder="CN=example,O=Example Ltd,C=DE"
          value={value}
          onChange={(e) => onChange(e.currentTarget.value)}
          error={error}
          disabled={disabled ?? false}
          ff="monospace"
        />
      ) : (
        <>
          {rows.map((r, n) => (
            <Group key={n} gap={6} wrap="nowrap" align="flex-start">
              <Select
                aria-label={`Attribute ${n + 1}`}
                w={170}
                searchable
                allowDeselect={false}
                data={
                  options.some((o) => o.value === r.type) ? options : [...options, { value: r.type, label: r.type }]
                }
                value={r.type}
                onChange={(t) => t && set(rows.map((x, i) => (i === n ? { ...x, type: t } : x)))}
              />
              <TextInput
                aria-label={`Value of ${r.type}`}
                placeholder={r.type === "CN" ? "Common name" : ""}
                style={{ flex: 1 }}
                value={r.value}
                onChange={(e) => set(rows.map((x, i) => (i === n ? { ...x, value: e.currentTarget.value } : x)))}
              />
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                aria-label={`Remove ${r.type}`}
                disabled={rows.length === 1}
                onClick={() => set(rows.filter((_, i) => i !== n))}
              >
                <IconTrash size={16} />
              </ActionIcon>
            </Group>
          ))}
          <Group justify="space-between">
            <Button
              size="compact-sm"
              variant="subtle"
              leftSection={<IconPlus size={14} />}
              onClick={() => set([...rows, { type: rows.some((r) => r.type === "O") ? "OU" : "O", value: "" }])}
            >
              Add an attribute
            </Button>
            <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: "anywhere" }}>
              {value}
            </Text>
          </Group>
          {error && (
            <Text size="sm" c="var(--mantine-color-error)">
              {error}
            </Text>
          )}
        </>
      )}
    </Stack>
  );
}
