import { Stack, Tabs, Text } from "@mantine/core";
import { Command } from "@/components/ui";
import { clientCommands, type Enrolment } from "./commands";

/** The commands of every client, or of those chosen, one tab each. */
export function Commands({ enrolment, only }: { enrolment: Enrolment; only?: string[] }) {
  const commands = clientCommands(enrolment).filter((c) => !only || only.includes(c.value));
  return (
    <Tabs defaultValue={commands[0]?.value} variant="pills" keepMounted={false}>
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
