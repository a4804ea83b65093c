import { Stack, Tabs, Text } from "@mantine/core";
import { Command } from "@/components/ui";

export type ClientCommand = { value: string; label: string; note: string; text: string };

/** The commands of every client, one tab each. */
export function CommandTabs({ commands }: { commands: ClientCommand[] }) {
  return (
    <Tabs defaultValue={commands[0]!.value} variant="pills" keepMounted={false}>
      <Tabs.List mb="sm" aria-label="Client">
        {commands.map((c) => (
          <Tabs.Tab key={c.value} value={c.value}>
            {c.label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {commands.map((c) => (
        <Tabs.Panel key={c.value} value={c.value}>
          <Stack gap="xs">
            <Text size="sm">{c.note}</Text>
            <Command>{c.text}</Command>
          </Stack>
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
