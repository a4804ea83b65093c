import {
  ActionIcon,
  Alert,
  Anchor,
  Badge,
  Box,
  Breadcrumbs,
  Button,
  Card,
  Code,
  CopyButton,
  Group,
  Modal,
  Skeleton,
  Stack,
  Text,
  TextInput,
  ThemeIcon,
  Title,
  Tooltip,
} from "@mantine/core";
import {
  IconAlertTriangle,
  IconCheck,
  IconCopy,
  IconDownload,
  IconInfoCircle,
  IconUserCheck,
} from "@tabler/icons-react";
import { Link, useBlocker, useParams } from "@tanstack/react-router";
import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useRef,
  useState,
  type ReactNode,
  type RefObject,
} from "react";
import { download, formatDateTime, formatRelative, sentence } from "@/lib/format";
import { ApiError, ApprovalPending } from "@/lib/graphql";

export function PageHeader({
  title,
  description,
  actions,
  trail = [],
}: {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
  trail?: { label: string; to: string }[];
}) {
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

/**
 * What failed, why, what to do, and an id to quote. `fields` are those at which the form shows an error itself: it is brought into
 * view there, and not said twice.
 */
export function ErrorAlert({
  error,
  retry,
  fields = [],
}: {
  error: unknown;
  retry?: () => void;
  fields?: readonly string[];
}) {
  if (!error) return null;
  if (error instanceof ApprovalPending) return <SentForApproval id={error.approvalId} message={error.message} />;
  const e =
    error instanceof ApiError ? error : new ApiError(error instanceof Error ? error.message : "Something went wrong.");
  return <Failure error={e} retry={retry} shown={fields.some((f) => fieldError(error, f))} />;
}

function Failure({ error: e, retry, shown }: { error: ApiError; retry: (() => void) | undefined; shown: boolean }) {
  const alert = useRef<HTMLDivElement>(null);
  useInView(alert, `${e.message} ${e.requestId}`);
  if (shown) return <div ref={alert} />;
  return (
    <Alert
      ref={alert}
      role="alert"
      color="red"
      variant="light"
      icon={<IconAlertTriangle />}
      title={capital(e.message)}
      my="sm"
    >
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

/** Brings what was just said into view: long dialogs scroll, and it may stand outside. A field that it is about comes first. */
function useInView(message: RefObject<HTMLElement | null>, change: string) {
  useEffect(() => {
    const field = message.current
      ?.closest("form")
      ?.querySelector<HTMLElement>("[aria-invalid=true], [data-field-error]");
    (field ?? message.current)?.scrollIntoView({ block: field ? "center" : "nearest" });
    // A combobox would open, and cover what is wrong with it.
    if (field?.hasAttribute("aria-invalid") && field.getAttribute("role") !== "combobox")
      field.focus({ preventScroll: true });
  }, [message, change]);
}

/** Where a rule has other people agree first: what was asked for is kept, and this says where. */
function SentForApproval({ id, message }: { id: string; message: string }) {
  const { partitionId = "" } = useParams({ strict: false });
  const alert = useRef<HTMLDivElement>(null);
  useInView(alert, id);
  return (
    <Alert
      ref={alert}
      role="status"
      color="blue"
      variant="light"
      icon={<IconUserCheck />}
      title="Sent for approval"
      my="sm"
    >
      <Stack gap={4} align="flex-start">
        <Text size="sm">{capital(message).replace(/\.$/, "")}. It is carried out after approval.</Text>
        <Anchor
          size="sm"
          fw={600}
          renderRoot={(props) => <Link to="/p/$partitionId/approvals/$id" params={{ partitionId, id }} {...props} />}
        >
          See the request
        </Anchor>
      </Stack>
    </Alert>
  );
}

export const capital = (s: string) => (s ? s.charAt(0).toUpperCase() + s.slice(1) : s);

/** Sets the error under the field that the server names; returns false when no field is named. */
export function fieldError(error: unknown, name: string): string | undefined {
  return error instanceof ApiError &&
    (error.field === name ||
      error.field === `input.${name}` ||
      error.field?.startsWith(`${name}[`) ||
      error.field?.startsWith(`${name}.`))
    ? capital(error.message)
    : undefined;
}

export function CopyText({
  value,
  label,
  mono = true,
  onCopied,
}: {
  value: string;
  label?: string;
  mono?: boolean;
  onCopied?: () => void;
}) {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Group gap={4} wrap="nowrap" style={{ display: "inline-flex", maxWidth: "100%" }}>
          <Text span size="sm" ff={mono ? "monospace" : undefined} style={{ overflowWrap: "anywhere" }}>
            {label ?? value}
          </Text>
          <Tooltip label={copied ? "Copied" : "Copy"}>
            <ActionIcon
              variant="subtle"
              size="sm"
              color={copied ? "teal" : "gray"}
              onClick={() => {
                copy();
                onCopied?.();
              }}
              aria-label={copied ? "Copied" : `Copy ${label ?? value}`}
            >
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
      <Code
        block
        tabIndex={0}
        style={{ paddingRight: 44, whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}
        aria-label="command"
      >
        {children}
      </Code>
      <CopyButton value={children}>
        {({ copied, copy }) => (
          <ActionIcon
            pos="absolute"
            top={8}
            right={8}
            variant="subtle"
            color={copied ? "teal" : "gray"}
            onClick={copy}
            aria-label={copied ? "Copied" : "Copy command"}
          >
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
    <dl
      style={{
        margin: 0,
        display: "grid",
        gridTemplateColumns: "minmax(84px, 32%) minmax(0, 1fr)",
        rowGap: 10,
        columnGap: 12,
      }}
    >
      {rows.map(([label, value]) => (
        <Box key={label} style={{ display: "contents" }}>
          <Text component="dt" size="sm" c="dimmed">
            {label}
          </Text>
          <Text component="dd" size="sm" m={0} style={{ overflowWrap: "anywhere" }}>
            {value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0) ? (
              <span style={{ color: "var(--mantine-color-dimmed)" }}>none</span>
            ) : (
              value
            )}
          </Text>
        </Box>
      ))}
    </dl>
  );
}

export function Lines({ items, copy = false }: { items: readonly string[]; copy?: boolean }) {
  if (items.length === 0) return <span style={{ color: "var(--mantine-color-dimmed)" }}>none</span>;
  return <Stack gap={2}>{items.map((i) => (copy ? <CopyText key={i} value={i} /> : <span key={i}>{i}</span>))}</Stack>;
}

export function Moment({ at }: { at: string }) {
  return (
    <Tooltip
      label={new Date(at)
        .toISOString()
        .replace("T", " ")
        .replace(/\.\d+Z/, " UTC")}
    >
      <time dateTime={at}>
        {formatDateTime(at)} <span style={{ color: "var(--mantine-color-dimmed)" }}>({formatRelative(at)})</span>
      </time>
    </Tooltip>
  );
}

export function EmptyState({
  icon,
  title,
  children,
  action,
}: {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
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
  ACTIVE: "teal",
  DONE: "teal",
  DELIVERED: "teal",
  ISSUED: "teal",
  SUCCESS: "teal",
  ASSIGNED: "teal",
  VALID: "teal",
  READY: "blue",
  PROCESSING: "blue",
  INVALID: "red",
  DEACTIVATED: "gray",
  PLANNING: "blue",
  CREATING: "blue",
  RUNNING: "blue",
  PENDING: "blue",
  DRAFT: "yellow",
  CANCELLED: "gray",
  INVITED: "blue",
  UNASSIGNED: "blue",
  APPROVED: "blue",
  REJECTED: "red",
  WITHDRAWN: "gray",
  PENDING_CERTIFICATE: "yellow",
  DISABLED: "gray",
  SUSPENDED: "yellow",
  INACTIVE: "yellow",
  EXPIRED: "gray",
  DELETED: "gray",
  DECOMMISSIONED: "gray",
  REVOKED: "red",
  FAILED: "red",
  REFUSED: "orange",
  CANNOT_BE_RELIED_ON: "red",
};

export function StatusBadge({ status }: { status: string }) {
  return (
    <Badge
      color={colors[status] ?? "gray"}
      variant="light"
      radius="sm"
      styles={{
        root: { color: "var(--mantine-color-text)", flex: "none", minWidth: "max-content" },
        label: { overflow: "visible" },
      }}
      leftSection={
        <span
          style={{
            width: 7,
            height: 7,
            borderRadius: 7,
            display: "inline-block",
            background: `var(--mantine-color-${colors[status] ?? "gray"}-6)`,
          }}
        />
      }
      tt="none"
    >
      {sentence(status)}
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
export function ConfirmTyping({
  opened,
  onClose,
  title,
  word,
  children,
  action,
  onConfirm,
  busy,
  error,
  size = "md",
}: {
  size?: string;
  opened: boolean;
  onClose: () => void;
  title: string;
  word: string;
  children: ReactNode;
  action: string;
  onConfirm: () => void;
  busy: boolean;
  error: unknown;
}) {
  const [typed, setTyped] = useState("");
  return (
    <Modal opened={opened} onClose={onClose} size={size} title={<Text fw={650}>{title}</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (typed === word) onConfirm();
        }}
      >
        <Stack>
          {children}
          <TextInput
            label={`Type ${word} to confirm`}
            value={typed}
            onChange={(e) => setTyped(e.currentTarget.value)}
            data-autofocus
            autoComplete="off"
          />
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

const Unkept = createContext<(what: string) => () => void>(() => () => {});

/** The same, and the dialog around it (`useClosing`) asks too. `what` begins a sentence: "The API token was not copied". */
export function useKept(kept: boolean, what: string) {
  const note = useContext(Unkept);
  useEffect(() => (kept ? undefined : note(what)), [kept, what, note]);
  useLeaveGuard(kept, `Are you sure you want to leave this page? ${what}, and it cannot be shown again.`);
}

/** Closes a dialog, but asks first while something in it is shown only now and was not kept. `guarded` wraps what the dialog holds. */
export function useClosing(onClose: () => void) {
  const unkept = useRef(new Set<string>());
  const [lost, setLost] = useState<string>();
  const note = useCallback((what: string) => {
    unkept.current.add(what);
    return () => void unkept.current.delete(what);
  }, []);
  const close = () => {
    const [first] = unkept.current;
    if (first) setLost(first);
    else onClose();
  };
  const leave = () => {
    setLost(undefined);
    onClose();
  };
  const guarded = (children: ReactNode) => (
    <Unkept value={note}>
      {children}
      <Modal
        opened={!!lost}
        onClose={() => setLost(undefined)}
        zIndex={400}
        title={<Text fw={650}>Close without keeping it?</Text>}
      >
        <Stack>
          <Text size="sm">{lost}. It cannot be shown again.</Text>
          <Group justify="flex-end">
            <Button variant="default" color="red" onClick={leave}>
              Close without it
            </Button>
            <Button onClick={() => setLost(undefined)} data-autofocus>
              Go back
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Unkept>
  );
  return { close, guarded };
}

/** A secret that is shown once. In a dialog, wrap it by `useClosing`. */
export function SecretOnce({
  label,
  value,
  file,
  alreadyKept = false,
  onKept,
}: {
  label: string;
  value: string;
  file?: string;
  alreadyKept?: boolean;
  onKept?: () => void;
}) {
  const [kept, setKept] = useState(alreadyKept);
  const keep = () => {
    setKept(true);
    onKept?.();
  };
  useKept(kept, `The ${label} was ${file ? "neither copied nor downloaded" : "not copied"}`);
  return (
    <Alert color="yellow" icon={<IconInfoCircle />} title={`${label}: shown only now`}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm">
          {file ? "Copy it or download it" : "Copy it"} before you close this. It is kept nowhere in a readable form and
          cannot be shown again.
        </Text>
        <Card withBorder padding="xs" w="100%">
          <CopyText value={value} onCopied={keep} />
        </Card>
        {file && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={14} />}
            onClick={() => {
              download(file, value, "text/plain");
              keep();
            }}
          >
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
  return (
    <EmptyState
      icon={<IconAlertTriangle />}
      title="Your role does not allow this"
    >{`This page needs the permission ${permission}. Ask an Owner of the partition for a role that has it.`}</EmptyState>
  );
}
