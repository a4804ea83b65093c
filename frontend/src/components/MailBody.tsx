import { Button, Code, CopyButton, Stack } from "@mantine/core";

/** A mail that stayed in the outbox. Its link can be handed on, since nobody sends it. */
export function MailBody({ text }: { text: string }) {
  const link = /https?:\/\/\S+/.exec(text)?.[0];
  return (
    <Stack gap="xs" align="flex-start">
      <Code block w="100%" tabIndex={0} style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        {text}
      </Code>
      {link && (
        <CopyButton value={link}>
          {({ copied, copy }) => (
            <Button size="xs" variant="default" onClick={copy}>
              {copied ? "Copied" : "Copy the link"}
            </Button>
          )}
        </CopyButton>
      )}
    </Stack>
  );
}
