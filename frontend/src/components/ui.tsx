import { ActionIcon, Alert, Anchor, Badge, Box, Breadcrumbs, Button, Card, Code, CopyButton, Group, Modal, Skeleton, Stack, Text, TextInput, ThemeIcon, Title, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconCopy, IconDownload, IconInfoCircle, IconUserCheck } from "@tabler/icons-react";
import { Link, useBlocker, useParams } from "@tanstack/react-router";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { download, formatDateTime, formatRelative } from "@/lib/format";
import { ApiError } from "@/lib/graphql";

export function PageHeader({ title, description, actions, trail = [] }: { title: string; description?: ReactNode; actions?: ReactNode; trail?: { label: string; to: string }[] }) {
  useEffect(() => {
    document.title = `${title} · pkiaas`;
  }, [title]);
  return (
    <Stack gap={6} mb="lg">
      {trail.length > 0 && (
        <Breadcrumbs separatorMargin={6} fz="sm">
          {trail.map((t) => (
            <Anchor key={t.to} fz="sm" renderRoot={(props) => <Link to={t.to} {...props} />}>
              {t.label}
            </Anchor>
          ))}
          <Text fz="sm" c="dimmed">
            {title}
          </Text>
        </Breadcrumbs>
      )}
      <Group justify="space-between" align="flex-start" gap="sm">
        <Box style={{ minWidth: 0, flex: "1 1 260px" }}>
          <Title order={1} fz={{ base: 24, sm: 28 }} style={{ overflowWrap: "anywhere" }}>
            {title}
          </Title>
          {description && (
            <Text c="dimmed" maw={720} component="div">
              {description}
            </Text>
          )}
        </Box>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
    </Stack>
  );
}

/** What failed, why, what to do, and an id to quote. */
export function ErrorAlert({ error, retry }: { error: unknown; retry?: () => void }) {
  if (!error) return null;
  const e = error instanceof ApiError ? error : new ApiError(error instanceof Error ? error.message : "Something went wrong.");
  if (e.approvalId) return <SentForApproval id={e.approvalId} error={e} />;
  return (
    <Alert role="alert" color="red" variant="light" icon={<IconAlertTriangle />} title={capital(e.message)} my="sm">
      <Stack gap="xs" align="flex-start">
        {e.action && <Text size="sm">{e.action}</Text>}
        <Group gap="sm">
          {retry && (
            <Button size="xs" variant="default" onClick={retry}>
              Retry
            </Button>
          )}
          {e.requestId && <CopyText value={e.requestId} label={`request ${e.requestId}`} />}
        </Group>
      </Stack>
    </Alert>
  );
}

/** Where a rule has other people agree first: what was asked for is kept, and this says where. */
function SentForApproval({ id, error }: { id: string; error: ApiError }) {
  const { partitionId = "" } = useParams({ strict: false });
  const alert = useRef<HTMLDivElement>(null);
  useEffect(() => {
    alert.current?.scrollIntoView({ block: "nearest" }); // below a long form it would go unseen
  }, [id]);
  return (
    <Alert ref={alert} role="status" color="blue" variant="light" icon={<IconUserCheck />} title="Sent for approval" my="sm" styles={{ title: { color: "var(--mantine-color-text)" } }}>
      <Stack gap={4} align="flex-start">
        <Text size="sm">{capital(error.message)}. {error.action}</Text>
        <Anchor size="sm" fw={600} renderRoot={(props) => <Link to="/p/$partitionId/approvals/$id" params={{ partitionId, id }} {...props} />}>
          See the request
        </Anchor>
      </Stack>
    </Alert>
  );
}

export const capital = (s: string) => (s ? s.charAt(0).toUpperCase() + s.slice(1) : s);

/** Sets the error under the field that the server names; returns false when no field is named. */
export function fieldError(error: unknown, name: string): string | undefined {
  return error instanceof ApiError && (error.field === name || error.field === `input.${name}` || error.field?.startsWith(`${name}[`) || error.field?.startsWith(`${name}.`)) ? capital(error.message) : undefined;
}

export function CopyText({ value, label, mono = true, onCopied }: { value: string; label?: string; mono?: boolean; onCopied?: () => void }) {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Group gap={4} wrap="nowrap" style={{ display: "inline-flex", maxWidth: "100%" }}>
          <Text span size="sm" ff={mono ? "monospace" : undefined} style={{ overflowWrap: "anywhere" }}>
            {label ?? value}
          </Text>
          <Tooltip label={copied ? "Copied" : "Copy"}>
            <ActionIcon variant="subtle" size="sm" color={copied ? "teal" : "gray"} onClick={() => { copy(); onCopied?.(); }} aria-label={copied ? "Copied" : `Copy ${label ?? value}`}>
              {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
            </ActionIcon>
          </Tooltip>
        </Group>
      )}
    </CopyButton>
  );
}

export function Command({ children }: { children: string }) {
  return (
    <Box pos="relative">
      <Code block tabIndex={0} style={{ paddingRight: 44, whiteSpace: "pre-wrap", overflowWrap: "anywhere" }} aria-label="command">
        {children}
      </Code>
      <CopyButton value={children}>
        {({ copied, copy }) => (
          <ActionIcon pos="absolute" top={8} right={8} variant="subtle" color={copied ? "teal" : "gray"} onClick={copy} aria-label={copied ? "Copied" : "Copy command"}>
            {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
          </ActionIcon>
        )}
      </CopyButton>
    </Box>
  );
}

/** Label and value lines; an absent value says so. */
export function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl style={{ margin: 0, display: "grid", gridTemplateColumns: "minmax(84px, 32%) minmax(0, 1fr)", rowGap: 10, columnGap: 12 }}>
      {rows.map(([label, value]) => (
        <Box key={label} style={{ display: "contents" }}>
          <Text component="dt" size="sm" c="dimmed">
            {label}
          </Text>
          <Text component="dd" size="sm" m={0} style={{ overflowWrap: "anywhere" }}>
            {value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0) ? <span style={{ color: "var(--mantine-color-dimmed)" }}>none</span> : value}
          </Text>
        </Box>
      ))}
    </dl>
  );
}

export function Lines({ items, copy = false }: { items: readonly string[]; copy?: boolean }) {
  if (items.length === 0) return <span style={{ color: "var(--mantine-color-dimmed)" }}>none</span>;
  return (
    <Stack gap={2}>
      {items.map((i) => (copy ? <CopyText key={i} value={i} /> : <span key={i}>{i}</span>))}
    </Stack>
  );
}

export function Moment({ at }: { at: string }) {
  return (
    <Tooltip label={new Date(at).toISOString().replace("T", " ").replace(/\.\d+Z/, " UTC")}>
      <time dateTime={at}>
        {formatDateTime(at)} <span style={{ color: "var(--mantine-color-dimmed)" }}>({formatRelative(at)})</span>
      </time>
    </Tooltip>
  );
}

export function EmptyState({ icon, title, children, action }: { icon: ReactNode; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Stack align="center" gap="xs" py={48} px="md" ta="center">
      <ThemeIcon size={56} radius="xl" variant="light">
        {icon}
      </ThemeIcon>
      <Text fw={600} fz="lg">
        {title}
      </Text>
      {children && (
        <Text c="dimmed" maw={460} component="div">
          {children}
        </Text>
      )}
      {action}
    </Stack>
  );
}

const colors: Record<string, string> = {
  ACTIVE: "teal", DONE: "teal", DELIVERED: "teal", ISSUED: "teal", SUCCESS: "teal", ASSIGNED: "teal",
  VALID: "teal", READY: "blue", PROCESSING: "blue", INVALID: "red", DEACTIVATED: "gray", PLANNING: "blue",
  CREATING: "blue", RUNNING: "blue", PENDING: "blue", DRAFT: "yellow", CANCELLED: "gray", INVITED: "blue", UNASSIGNED: "blue",
  APPROVED: "blue", REJECTED: "red", WITHDRAWN: "gray", PENDING_CERTIFICATE: "yellow", DISABLED: "gray", SUSPENDED: "yellow", INACTIVE: "yellow", EXPIRED: "gray", DELETED: "gray", DECOMMISSIONED: "gray",
  REVOKED: "red", FAILED: "red", REFUSED: "orange",
};

export function StatusBadge({ status }: { status: string }) {
  return (
    <Badge color={colors[status] ?? "gray"} variant="light" radius="sm" styles={{ root: { color: "var(--mantine-color-text)", flex: "none", minWidth: "max-content" }, label: { overflow: "visible" } }} leftSection={<span style={{ width: 7, height: 7, borderRadius: 7, display: "inline-block", background: `var(--mantine-color-${colors[status] ?? "gray"}-6)` }} />} tt="none">
      {capital(status.toLowerCase().replaceAll("_", " "))}
    </Badge>
  );
}

export function Loading({ lines = 5 }: { lines?: number }) {
  return (
    <Stack gap="sm" role="status" aria-busy="true" aria-label="Loading">
      {Array.from({ length: lines }, (_, n) => (
        <Skeleton key={n} height={n === 0 ? 34 : 22} width={n === 0 ? "40%" : "100%"} />
      ))}
    </Stack>
  );
}

/** A deed that cannot be undone easily: says what follows, asks to type a word; the focus is not on the danger. */
export function ConfirmTyping({ opened, onClose, title, word, children, action, onConfirm, busy, error }: { opened: boolean; onClose: () => void; title: string; word: string; children: ReactNode; action: string; onConfirm: () => void; busy: boolean; error: unknown }) {
  const [typed, setTyped] = useState("");
  return (
    <Modal opened={opened} onClose={onClose} title={<Text fw={650}>{title}</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (typed === word) onConfirm();
        }}
      >
        <Stack>
          {children}
          <TextInput label={`Type ${word} to confirm`} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} data-autofocus autoComplete="off" />
          <ErrorAlert error={error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button color="red" type="submit" disabled={typed !== word} loading={busy}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Asks before the page is left while something that is shown once was not kept. */
export function useLeaveGuard(kept: boolean, question: string) {
  useBlocker({ shouldBlockFn: () => !kept && !window.confirm(question), enableBeforeUnload: () => !kept });
}

/** A secret that is shown once. Leaving the page before it was copied or saved asks first. */
export function SecretOnce({ label, value, file }: { label: string; value: string; file?: string }) {
  const [kept, setKept] = useState(false);
  useLeaveGuard(kept, `Are you sure you want to leave this page? The ${label} was neither copied nor downloaded and cannot be shown again.`);
  return (
    <Alert color="yellow" icon={<IconInfoCircle />} title={`${label}: shown only now`} styles={{ title: { color: "var(--mantine-color-text)" } }}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm">Copy it or download it before you close this. It is kept nowhere in a readable form and cannot be shown again.</Text>
        <Card withBorder padding="xs" w="100%">
          <CopyText value={value} onCopied={() => setKept(true)} />
        </Card>
        {file && (
          <Button size="xs" variant="default" leftSection={<IconDownload size={14} />} onClick={() => { download(file, value, "text/plain"); setKept(true); }}>
            Download
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

export function Section({ title, children, actions }: { title: string; children: ReactNode; actions?: ReactNode }) {
  return (
    <Card withBorder padding="lg" radius="lg">
      <Group justify="space-between" mb="md">
        <Title order={2} fz={18}>
          {title}
        </Title>
        {actions}
      </Group>
      {children}
    </Card>
  );
}

/** A wide table scrolls in its own box, which the keyboard can reach. */
export function Scroll({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Box role="region" aria-label={label} tabIndex={0} style={{ overflowX: "auto" }}>
      {children}
    </Box>
  );
}

export function NotPermitted({ permission }: { permission: string }) {
  return <EmptyState icon={<IconAlertTriangle />} title="Your role does not allow this">{`This page needs the permission ${permission}. Ask an Owner of the partition for a role that has it.`}</EmptyState>;
}
