import { Alert, Button, Group, Stack, Text, ThemeIcon } from "@mantine/core";
import { IconCheck, IconDownload, IconInfoCircle } from "@tabler/icons-react";
import { useState, type ReactNode } from "react";
import { CopyText, Moment, Section, useLeaveGuard } from "@/components/ui";
import { download, fromBase64 } from "@/lib/format";
import { UseCredential } from "./UseCredential";
import type { Issued } from "./queries";

/** File and password, shown once. Who leaves without both is asked first. */
export function IssuedCredential({
  partitionId,
  url,
  root,
  issued,
  renewed,
  onDone,
}: {
  partitionId: string;
  url: string;
  root: string | null;
  issued: Issued;
  renewed: boolean;
  onDone: () => void;
}) {
  const [saved, setSaved] = useState(false);
  const [copied, setCopied] = useState(false);
  const kept = saved && copied;
  const question = `Are you sure you want to leave this page? ${saved ? "The password was not copied" : copied ? "The file was not downloaded" : "The file was not downloaded, nor its password copied"}, and neither can be shown again.`;
  useLeaveGuard(kept, question);
  const c = issued.credential;
  return (
    <Stack>
      <Section title={`${c.identifier} is ${renewed ? "renewed" : "ready"}`}>
        <Stack>
          <Alert
            color="yellow"
            icon={<IconInfoCircle />}
            title="File and password: shown only now"
            styles={{ title: { color: "var(--mantine-color-text)" } }}
          >
            <Text size="sm">
              Keep both before you leave. The key in the file is kept nowhere else, and nothing of this can be shown
              again; a lost file is renewed.
            </Text>
          </Alert>
          <Step n={1} done={saved} title="Download the file">
            <Button
              autoFocus
              variant={saved ? "default" : "filled"}
              leftSection={<IconDownload size={16} />}
              onClick={() => {
                download(issued.fileName, fromBase64(issued.pkcs12), "application/x-pkcs12");
                setSaved(true);
              }}
            >
              Download Credential
            </Button>
            <Text size="xs" c="dimmed" mt={4}>
              <Text span ff="monospace" size="xs">
                {issued.fileName}
              </Text>
              , a PKCS #12 with key, certificate and chain
            </Text>
          </Step>
          <Step n={2} done={copied} title="Copy its password">
            <CopyText value={issued.password} onCopied={() => setCopied(true)} />
          </Step>
          <Text size="sm">
            It expires <Moment at={c.expiresAt} />; renew it before.
            {renewed &&
              (c.previousEndsAt ? (
                <>
                  {" "}
                  The previous file is good until <Moment at={c.previousEndsAt} />.
                </>
              ) : (
                " The previous file has ended."
              ))}
          </Text>
          <Group>
            <Button
              variant={kept ? "filled" : "default"}
              onClick={() => (kept || window.confirm(question)) && onDone()}
            >
              Done
            </Button>
          </Group>
        </Stack>
      </Section>
      <UseCredential
        partitionId={partitionId}
        url={url}
        root={root}
        credentials={[c]}
        file={issued.fileName}
        password={issued.password}
      />
    </Stack>
  );
}

function Step({ n, done, title, children }: { n: number; done: boolean; title: string; children: ReactNode }) {
  return (
    <Group align="flex-start" wrap="nowrap" gap="sm">
      <ThemeIcon radius="xl" variant="light" color={done ? "teal" : undefined} aria-label={done ? "Done" : undefined}>
        {done ? (
          <IconCheck size={16} />
        ) : (
          <Text span size="sm" fw={600}>
            {n}
          </Text>
        )}
      </ThemeIcon>
      <div style={{ minWidth: 0, flex: 1 }}>
        <Text size="sm" fw={600} mb={4} mt={3}>
          {title}
        </Text>
        {children}
      </div>
    </Group>
  );
}
