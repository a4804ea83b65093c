import { Button, FileButton, Group, Stack, Textarea } from "@mantine/core";
import { IconUpload } from "@tabler/icons-react";

/** A certificate, pasted as PEM or taken from a file in PEM or DER. */
export function CertificateInput({ label, description, value, onChange, error }: { label: string; description: string; value: string; onChange: (text: string) => void; error?: string | undefined }) {
  const take = async (file: File | null) => {
    if (!file) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    // DER begins with a SEQUENCE; the server reads it as base64.
    onChange(bytes[0] === 0x30 ? btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join("")) : new TextDecoder().decode(bytes));
  };
  return (
    <Stack gap={6}>
      <Textarea label={label} description={description} required rows={8} value={value} onChange={(e) => onChange(e.currentTarget.value)} error={error} styles={{ input: { fontFamily: "monospace", fontSize: 12 } }} placeholder="-----BEGIN CERTIFICATE-----" spellCheck={false} data-autofocus />
      <Group>
        <FileButton onChange={(f) => void take(f)} accept=".pem,.crt,.cer,.der">
          {(props) => <Button {...props} size="xs" variant="default" leftSection={<IconUpload size={14} />}>Choose a file</Button>}
        </FileButton>
      </Group>
    </Stack>
  );
}
