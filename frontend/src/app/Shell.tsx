import {
  ActionIcon,
  Alert,
  Anchor,
  AppShell,
  Avatar,
  Badge,
  Box,
  Burger,
  Group,
  Kbd,
  Menu,
  NavLink,
  ScrollArea,
  Stack,
  Text,
  Tooltip,
  UnstyledButton,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure, useHotkeys } from "@mantine/hooks";
import {
  IconBell,
  IconCalendarRepeat,
  IconBuildingBank,
  IconCertificate,
  IconChecklist,
  IconChartBar,
  IconChevronDown,
  IconDeviceDesktop,
  IconFiles,
  IconHistory,
  IconHome,
  IconLayoutGrid,
  IconListDetails,
  IconLogout,
  IconMail,
  IconMoon,
  IconPlugConnected,
  IconSearch,
  IconSettings,
  IconSun,
  IconUserCheck,
  IconUserCircle,
  IconUsers,
} from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useParams, useRouter, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { Logo } from "@/components/Logo";
import { EmptyState } from "@/components/ui";
import { graphql } from "@/gql";
import { onProofRequired, onSentForApproval, onSignedOut, request } from "@/lib/graphql";
import { roleNames, useCan, useViewer, waitingQuery } from "@/lib/session";

const Palette = lazy(() => import("./Palette").then((m) => ({ default: m.Palette })));
const Shortcuts = lazy(() => import("./Shortcuts").then((m) => ({ default: m.Shortcuts })));
const SignInAgain = lazy(() => import("./SignInAgain").then((m) => ({ default: m.SignInAgain })));

const ConfirmIdentity = lazy(() => import("./ConfirmIdentity").then((m) => ({ default: m.ConfirmIdentity })));

const SignOut = graphql(`
  mutation SignOut {
    signOut {
      sessionsEnded
    }
  }
`);

export function Shell() {
  const viewer = useViewer();
  const { partitionId } = useParams({ strict: false });
  const [menu, { toggle, close }] = useDisclosure();
  const [palette, setPalette] = useState(false);
  const [shortcuts, setShortcuts] = useState(false);
  const [ended, setEnded] = useState(false);
  const path = useRouterState({ select: (s) => s.location.pathname });
  const can = useCan(partitionId ?? "");
  const partition = viewer?.partitions.find((p) => p.id === partitionId);
  useEffect(close, [path, close]);
  const queryClient = useQueryClient();
  const waiting =
    useQuery({ ...waitingQuery(partitionId ?? ""), enabled: !!partition && can("approval:browse") }).data?.partition
      ?.approvalsWaiting ?? 0;
  useEffect(
    () => onSentForApproval(() => void queryClient.invalidateQueries({ queryKey: ["approvals"] })),
    [queryClient],
  );
  useEffect(() => onSignedOut(() => setEnded(true)), []);
  const [confirming, setConfirming] = useState<(confirmed: boolean) => void>();
  useEffect(() => onProofRequired(() => new Promise((resolve) => setConfirming(() => resolve))), []);
  useHotkeys([
    ["mod+K", () => setPalette(true)],
    ["/", () => setPalette(true)],
    ["shift+/", () => setPalette(true)], // where / is typed with Shift
    ["shift+?", () => setShortcuts(true)],
  ]);
  const base = `/p/${partitionId}`;
  const items = partitionId
    ? [
        { to: base, label: "Home", icon: IconHome, exact: true },
        { to: `${base}/protocols`, label: "Enrollment Protocols", icon: IconPlugConnected },
        { to: `${base}/cas`, label: "Certificate Authorities", icon: IconBuildingBank },
        { to: `${base}/certificates`, label: "Certificates", icon: IconCertificate },
        ...(can("protocol:browse")
          ? [{ to: `${base}/campaigns`, label: "Renewal Campaigns", icon: IconCalendarRepeat }]
          : []),
        { to: `${base}/bulk`, label: "Bulk Operations", icon: IconFiles },
        { to: `${base}/profiles`, label: "Certificate Profiles", icon: IconListDetails },
        { to: `${base}/end-entities`, label: "End Entities", icon: IconDeviceDesktop },
        ...(can("user:browse") || can("token:browse")
          ? [{ to: `${base}/users`, label: "User Management", icon: IconUsers }]
          : []),
        ...(can("approval:browse")
          ? [{ to: `${base}/approvals`, label: "Approvals", icon: IconUserCheck, count: waiting }]
          : []),
        { to: `${base}/reports`, label: "Reports", icon: IconChartBar },
        ...(can("notification:browse")
          ? [{ to: `${base}/notifications`, label: "Notifications", icon: IconBell }]
          : []),
        { to: `${base}/events`, label: "Events", icon: IconHistory },
      ]
    : [];
  const supervisor = [
    { to: "/supervisor/subscriptions", label: "Subscriptions", icon: IconSettings },
    { to: "/supervisor/partitions", label: "Partitions", icon: IconLayoutGrid },
    ...(viewer?.operator ? [{ to: "/supervisor/accounts", label: "Accounts", icon: IconUsers }] : []),
    ...(viewer?.operator ? [{ to: "/supervisor/jobs", label: "Jobs", icon: IconChecklist }] : []),
  ];
  const invited = viewer?.invitations.length ?? 0;
  return (
    <AppShell
      header={{ height: 60 }}
      navbar={{ width: 250, breakpoint: "sm", collapsed: { mobile: !menu } }}
      padding={{ base: "md", md: "xl" }}
    >
      <a className="skip-link" href="#content">
        Skip to content
      </a>
      <AppShell.Header px="md">
        <Group h="100%" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap" style={{ minWidth: 0 }}>
            <Burger
              opened={menu}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={menu ? "Close the menu" : "Open the menu"}
            />
            <UnstyledButton renderRoot={(props) => <Link to="/" {...props} aria-label="pkiaas" />}>
              <Group gap={8} wrap="nowrap">
                <Logo />
                <Text fw={700} fz="lg" visibleFrom="xs">
                  pkiaas
                </Text>
              </Group>
            </UnstyledButton>
            {partition && <PartitionMenu current={partition} />}
          </Group>
          <Group gap="xs" wrap="nowrap">
            <UnstyledButton
              onClick={() => setPalette(true)}
              visibleFrom="sm"
              aria-keyshortcuts="Control+K"
              style={{ border: "1px solid var(--mantine-color-default-border)", borderRadius: 8, padding: "5px 10px" }}
            >
              <Group gap={8} wrap="nowrap">
                <IconSearch size={16} />
                <Text size="sm" c="dimmed">
                  Search
                </Text>
                <Kbd size="xs">Ctrl K</Kbd>
              </Group>
            </UnstyledButton>
            <ActionIcon
              hiddenFrom="sm"
              variant="subtle"
              color="gray"
              size="lg"
              aria-label="Search"
              onClick={() => setPalette(true)}
            >
              <IconSearch size={20} />
            </ActionIcon>
            <ThemeToggle />
            <UserMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm">
        <AppShell.Section grow component={ScrollArea}>
          <Stack gap={2} component="nav" aria-label="Main">
            {items.map((i) => (
              <Item key={i.to} {...i} />
            ))}
            <Text size="xs" c="dimmed" fw={600} px="sm" pt={items.length ? "md" : 0} pb={4}>
              Supervisor
            </Text>
            {supervisor.map((i) => (
              <Item key={i.to} {...i} />
            ))}
          </Stack>
        </AppShell.Section>
        {partition && (
          <AppShell.Section>
            <Text size="xs" c="dimmed" px="sm">
              {partition.roles.map((r) => roleNames[r]).join(", ") || "No role"} · {partition.region}
            </Text>
          </AppShell.Section>
        )}
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} style={{ outline: "none" }}>
        <Box maw={1240} mx="auto">
          {invited > 0 && path !== "/profile" && (
            <Alert
              mb="md"
              variant="light"
              styles={{ title: { color: "var(--mantine-color-text)" } }}
              icon={<IconMail size={18} />}
              title={invited === 1 ? "You have an invitation" : `You have ${invited} invitations`}
            >
              <Anchor size="sm" renderRoot={(props) => <Link to="/profile" {...props} />}>
                Accept or decline on your profile page
              </Anchor>
            </Alert>
          )}
          {partitionId && !partition ? (
            <EmptyState icon={<IconLayoutGrid />} title="No such partition">
              It does not exist, or you have no role in it. Choose one of yours under Partitions.
            </EmptyState>
          ) : (
            <Outlet />
          )}
        </Box>
      </AppShell.Main>
      {palette && (
        <Suspense>
          <Palette partitionId={partition?.id} onClose={() => setPalette(false)} />
        </Suspense>
      )}
      {shortcuts && (
        <Suspense>
          <Shortcuts onClose={() => setShortcuts(false)} />
        </Suspense>
      )}
      {confirming && (
        <Suspense>
          <ConfirmIdentity
            onDone={(confirmed) => {
              setConfirming(undefined);
              confirming(confirmed);
            }}
          />
        </Suspense>
      )}
      {ended && (
        <Suspense>
          <SignInAgain onDone={() => setEnded(false)} />
        </Suspense>
      )}
    </AppShell>
  );
}

function Item({
  to,
  label,
  icon: Icon,
  exact,
  count = 0,
}: {
  to: string;
  label: string;
  icon: typeof IconHome;
  exact?: boolean;
  count?: number;
}) {
  const path = useRouterState({ select: (s) => s.location.pathname });
  const active = exact ? path === to || path === `${to}/` : path.startsWith(to);
  return (
    <NavLink
      label={label}
      leftSection={<Icon size={18} stroke={1.7} />}
      rightSection={
        count > 0 && (
          <Badge size="sm" circle={count < 10} color="yellow" autoContrast aria-label={`${count} wait for you`}>
            {count}
          </Badge>
        )
      }
      active={active}
      aria-current={active ? "page" : undefined}
      style={{ borderRadius: 8 }}
      variant="light"
      renderRoot={(props) => <Link to={to} activeOptions={{ exact: exact ?? false }} {...props} />}
    />
  );
}

function PartitionMenu({ current }: { current: { id: string; name: string; region: string } }) {
  const viewer = useViewer();
  return (
    <Menu position="bottom-start" width={280}>
      <Menu.Target>
        <UnstyledButton
          style={{
            minWidth: 0,
            border: "1px solid var(--mantine-color-default-border)",
            borderRadius: 8,
            padding: "4px 10px",
          }}
          aria-label={`Partition ${current.name}, choose another`}
        >
          <Group gap={6} wrap="nowrap">
            <Text size="sm" fw={600} truncate>
              {current.name}
            </Text>
            <IconChevronDown size={14} />
          </Group>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Select a partition to manage</Menu.Label>
        {viewer?.partitions.map((p) => (
          <Menu.Item
            key={p.id}
            renderRoot={(props) => <Link to="/p/$partitionId" params={{ partitionId: p.id }} {...props} />}
          >
            <Text size="sm" fw={p.id === current.id ? 650 : 400}>
              {p.name}
            </Text>
            <Text size="xs" c="dimmed" ff="monospace">
              {p.id} · {p.region}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function ThemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const next = { auto: "light", light: "dark", dark: "auto" } as const;
  const label = `Theme: ${colorScheme === "auto" ? "system" : colorScheme}. Change to ${next[colorScheme] === "auto" ? "system" : next[colorScheme]}`;
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={label}
        onClick={() => setColorScheme(next[colorScheme])}
      >
        {colorScheme === "dark" ? (
          <IconMoon size={20} />
        ) : colorScheme === "light" ? (
          <IconSun size={20} />
        ) : (
          <IconDeviceDesktop size={20} />
        )}
      </ActionIcon>
    </Tooltip>
  );
}

function UserMenu() {
  const viewer = useViewer();
  const queryClient = useQueryClient();
  const router = useRouter();
  const navigate = useNavigate();
  const user = viewer?.user;
  const initials = (
    user ? `${user.firstName.charAt(0)}${user.lastName.charAt(0)}` || user.email.charAt(0) : "?"
  ).toUpperCase();
  const signOut = async () => {
    await request(SignOut).catch(() => {});
    queryClient.clear();
    await router.invalidate();
    await navigate({ to: "/login" });
  };
  return (
    <Menu position="bottom-end" width={260}>
      <Menu.Target>
        <UnstyledButton aria-label={`${initials}, your account`}>
          <Avatar color="brand" radius="xl" size={34} variant="filled">
            {initials}
          </Avatar>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{user?.email}</Menu.Label>
        <Menu.Item leftSection={<IconUserCircle size={16} />} renderRoot={(props) => <Link to="/profile" {...props} />}>
          Profile and security
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
