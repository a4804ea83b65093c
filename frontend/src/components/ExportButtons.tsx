import { Button, Group } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDownload } from "@tabler/icons-react";
import { useState } from "react";
import { exportFile } from "@/lib/export";
import { capital } from "./ui";

/** The whole list as a file, streamed by the server. */
export function ExportButtons({
  path,
  query,
  size = "sm",
  label = "",
}: {
  path: string;
  query?: Record<string, string | null | undefined>;
  size?: string;
  label?: string;
}) {
  const [busy, setBusy] = useState<string>();
  const run = async (format: "csv" | "jsonl") => {
    setBusy(format);
    try {
      await exportFile(path, format, query);
    } catch (e) {
      notifications.show({
        color: "red",
        title: "The export failed",
        message: e instanceof Error ? capital(e.message) : "",
      });
    } finally {
      setBusy(undefined);
    }
  };
  return (
    <Group gap={4}>
      {(["csv", "jsonl"] as const).map((f) => (
        <Button
          key={f}
          size={size}
          variant={size.startsWith("compact") ? "subtle" : "default"}
          leftSection={<IconDownload size={14} />}
          loading={busy === f}
          disabled={!!busy && busy !== f}
          onClick={() => void run(f)}
          aria-label={`Export ${label} as ${f === "csv" ? "CSV" : "JSON lines"}`}
        >
          {f === "csv" ? "CSV" : "JSON lines"}
        </Button>
      ))}
    </Group>
  );
}
