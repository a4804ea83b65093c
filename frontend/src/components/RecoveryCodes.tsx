import { Button, Code, CopyButton, Group, List, Stack, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { download } from "@/lib/format";

/** Recovery codes, shown once. */
export function RecoveryCodes({ codes, onDone }: { codes: readonly string[]; onDone: () => void }) {
  const text = codes.join("\n");
  return (
    <Stack>
      <Text fw={600}>Keep these recovery codes</Text>
      <Text size="sm" c="dimmed">
        Each of them signs you in once if you lose your second factor. They are shown only now.
      </Text>
      <Code block>
        <List listStyleType="none" spacing={2}>
          {codes.map((c) => (
            <List.Item key={c}>{c}</List.Item>
          ))}
        </List>
      </Code>
      <Group grow>
        <CopyButton value={text}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy}>
              {copied ? "Copied" : "Copy"}
            </Button>
          )}
        </CopyButton>
        <Button
          variant="default"
          leftSection={<IconDownload size={16} />}
          onClick={() => download("pkiaas-recovery-codes.txt", `${text}\n`, "text/plain")}
        >
          Download
        </Button>
      </Group>
      <Button onClick={onDone}>I have kept them</Button>
    </Stack>
  );
}
