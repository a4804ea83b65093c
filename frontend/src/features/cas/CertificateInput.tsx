import { Button, FileButton, Group, Stack, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconUpload } from "@tabler/icons-react";

/** What a file holds as text: DER as base64, which the server reads; UTF-16 as Windows writes it. */
export function textOf(bytes: Uint8Array) {
  if (bytes[0] === 0x30 && bytes[1] !== 0) return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""));
  const wide =
    (bytes[0] === 0xff && bytes[1] === 0xfe) || bytes[1] === 0
      ? "utf-16le"
      : (bytes[0] === 0xfe && bytes[1] === 0xff) || bytes[0] === 0
        ? "utf-16be"
        : "utf-8";
  return new TextDecoder(wide).decode(bytes);
}

/** What is unusual about a certificate that was taken, until somebody closes it. */
export function showRemarks(remarks: readonly string[]) {
  if (remarks.length > 0)
    notifications.show({
      color: "yellow",
      autoClose: false,
      title: "The certificate is unusual",
      message: remarks.join(" "),
    });
}

/** A certificate, pasted as PEM or taken from a file in PEM, DER or PKCS #7. */
export function CertificateInput({
  label,
  description,
  value,
  onChange,
  error,
}: {
  label: string;
  description: string;
  value: string;
  onChange: (text: string) => void;
  error?: string | undefined;
}) {
  const take = async (file: File | null) => {
    if (!file) return;
    onChange(textOf(new Uint8Array(await file.arrayBuffer())));
  };
  return (
    <Stack gap={6}>
      <Textarea
        label={label}
        description={description}
        required
        rows={8}
        value={value}
        onChange={(e) => onChange(e.currentTarget.value)}
        error={error}
        styles={{ input: { fontFamily: "monospace", fontSize: 12 } }}
        placeholder="-----BEGIN CERTIFICATE-----"
        spellCheck={false}
        data-autofocus
      />
      <Group>
        <FileButton onChange={(f) => void take(f)} accept=".pem,.crt,.cer,.der,.p7b,.p7c">
          {(props) => (
            <Button {...props} size="xs" variant="default" leftSection={<IconUpload size={14} />}>
              Choose a file
            </Button>
          )}
        </FileButton>
      </Group>
    </Stack>
  );
}
