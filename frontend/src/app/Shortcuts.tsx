import { Group, Kbd, Modal, Stack, Text } from "@mantine/core";

const shortcuts: [string[], string][] = [
  [["Ctrl", "K"], "Search: screens, certificate authorities, certificates by name or serial number"],
  [["/"], "The same"],
  [["?"], "This list"],
  [["↑", "↓", "Enter"], "Choose in a list, open what is chosen"],
  [["Tab"], "To the next control; the first one skips to the content"],
  [["Esc"], "Close the topmost window"],
];

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Keyboard shortcuts</Text>}>
      <Stack gap="sm">
        {shortcuts.map(([keys, what]) => (
          <Group key={what} wrap="nowrap" align="flex-start" gap="md">
            <Group gap={4} w={120} wrap="nowrap" style={{ flex: "none" }}>
              {keys.map((k) => (
                <Kbd key={k}>{k}</Kbd>
              ))}
            </Group>
            <Text size="sm">{what}</Text>
          </Group>
        ))}
      </Stack>
    </Modal>
  );
}
