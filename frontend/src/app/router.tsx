import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { ErrorAlert, Loading } from "@/components/ui";
import { viewerQuery } from "@/lib/session";
import { Shell } from "./Shell";

type Context = { queryClient: QueryClient };

const root = createRootRouteWithContext<Context>()({ component: Outlet });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (s: Record<string, unknown>): { next?: string } =>
    typeof s.next === "string" && /^\/(?![/\\])/.test(s.next) ? { next: s.next } : {},
  component: lazyRouteComponent(() => import("@/features/auth/SignInPage"), "SignInPage"),
});
const invitation = createRoute({
  getParentRoute: () => root,
  path: "/invitation",
  component: lazyRouteComponent(() => import("@/features/auth/InvitationPage"), "InvitationPage"),
});

const password = createRoute({
  getParentRoute: () => root,
  path: "/password",
  component: lazyRouteComponent(() => import("@/features/auth/PasswordPage"), "PasswordPage"),
});

// Everything below needs somebody signed in.
const signedIn = createRoute({
  getParentRoute: () => root,
  id: "signed-in",
  beforeLoad: async ({ context, location }) => {
    const { viewer } = await context.queryClient.ensureQueryData(viewerQuery);
    if (!viewer) throw redirect({ to: "/login", search: location.href === "/" ? {} : { next: location.href } });
    return { viewer };
  },
  component: Shell,
});
const start = createRoute({
  getParentRoute: () => signedIn,
  path: "/",
  beforeLoad: ({ context }) => {
    const first = context.viewer.partitions[0];
    if (context.viewer.partitions.length === 1 && first)
      throw redirect({ to: "/p/$partitionId", params: { partitionId: first.id } });
    throw redirect({
      to:
        context.viewer.operator || context.viewer.partitions.length === 0
          ? "/supervisor/subscriptions"
          : "/supervisor/partitions",
    });
  },
});
const subscriptions = createRoute({
  getParentRoute: () => signedIn,
  path: "/supervisor/subscriptions",
  validateSearch: (s: Record<string, unknown>): { search?: string } => text(s, "search"),
  component: lazyRouteComponent(() => import("@/features/supervisor/SubscriptionsPage"), "SubscriptionsPage"),
});
const partitions = createRoute({
  getParentRoute: () => signedIn,
  path: "/supervisor/partitions",
  validateSearch: (s: Record<string, unknown>): { search?: string } => text(s, "search"),
  component: lazyRouteComponent(() => import("@/features/supervisor/PartitionsPage"), "PartitionsPage"),
});
const accounts = createRoute({
  getParentRoute: () => signedIn,
  path: "/supervisor/accounts",
  validateSearch: (s: Record<string, unknown>): { search?: string } => text(s, "search"),
  component: lazyRouteComponent(() => import("@/features/supervisor/AccountsPage"), "AccountsPage"),
});
const jobs = createRoute({
  getParentRoute: () => signedIn,
  path: "/supervisor/jobs",
  component: lazyRouteComponent(() => import("@/features/supervisor/JobsPage"), "JobsPage"),
});
const account = createRoute({
  getParentRoute: () => signedIn,
  path: "/profile",
  component: lazyRouteComponent(() => import("@/features/account/AccountPage"), "AccountPage"),
});

const partition = createRoute({ getParentRoute: () => signedIn, path: "/p/$partitionId", component: Outlet });
const home = createRoute({
  getParentRoute: () => partition,
  path: "/",
  component: lazyRouteComponent(() => import("@/features/home/HomePage"), "HomePage"),
});

/** Keeps the named texts of an address's search, so that a view can be bookmarked. */
function text<K extends string>(s: Record<string, unknown>, ...keys: K[]): Partial<Record<K, string>> {
  const out: Partial<Record<K, string>> = {};
  for (const k of keys) {
    const v = s[k];
    if (v !== undefined && v !== null && v !== "") out[k] = String(v);
  }
  return out;
}

const cas = createRoute({
  getParentRoute: () => partition,
  path: "/cas",
  validateSearch: (s: Record<string, unknown>) =>
    text(s, "view", "search", "type", "status", "create", "parent", "deleted"),
  component: lazyRouteComponent(() => import("@/features/cas/CasPage"), "CasPage"),
});
const ca = createRoute({
  getParentRoute: () => partition,
  path: "/cas/$identifier",
  validateSearch: (s: Record<string, unknown>) =>
    text(s, "tab", "search", "status", "expires", "profile", "sort", "issue", "select"),
  component: lazyRouteComponent(() => import("@/features/cas/CaPage"), "CaPage"),
});
const certificates = createRoute({
  getParentRoute: () => partition,
  path: "/certificates",
  validateSearch: (s: Record<string, unknown>) =>
    text(s, "search", "status", "ca", "profile", "expires", "sort", "issue"),
  component: lazyRouteComponent(() => import("@/features/certificates/CertificatesPage"), "CertificatesPage"),
});
const certificate = createRoute({
  getParentRoute: () => partition,
  path: "/certificates/$id",
  component: lazyRouteComponent(() => import("@/features/certificates/CertificatePage"), "CertificatePage"),
});
const profiles = createRoute({
  getParentRoute: () => partition,
  path: "/profiles",
  validateSearch: (s: Record<string, unknown>) => text(s, "search", "group", "id"),
  component: lazyRouteComponent(() => import("@/features/profiles/ProfilesPage"), "ProfilesPage"),
});
const users = createRoute({
  getParentRoute: () => partition,
  path: "/users",
  validateSearch: (s: Record<string, unknown>) => text(s, "tab", "create"),
  component: lazyRouteComponent(() => import("@/features/users/UsersPage"), "UsersPage"),
});
const events = createRoute({
  getParentRoute: () => partition,
  path: "/events",
  validateSearch: (s: Record<string, unknown>) => text(s, "search", "action", "result", "object"),
  component: lazyRouteComponent(() => import("@/features/events/EventsPage"), "EventsPage"),
});
const endEntities = createRoute({
  getParentRoute: () => partition,
  path: "/end-entities",
  validateSearch: (s: Record<string, unknown>) => text(s, "search", "status"),
  component: lazyRouteComponent(() => import("@/features/endentities/EndEntitiesPage"), "EndEntitiesPage"),
});

const protocols = createRoute({
  getParentRoute: () => partition,
  path: "/protocols",
  validateSearch: (s: Record<string, unknown>) => text(s, "search", "type", "status", "create"),
  component: lazyRouteComponent(() => import("@/features/protocols/ProtocolsPage"), "ProtocolsPage"),
});
const protocol = createRoute({
  getParentRoute: () => partition,
  path: "/protocols/$identifier",
  validateSearch: (s: Record<string, unknown>) =>
    text(s, "tab", "search", "status", "expires", "profile", "sort", "action", "result"),
  component: lazyRouteComponent(() => import("@/features/protocols/ProtocolPage"), "ProtocolPage"),
});
const campaigns = createRoute({
  getParentRoute: () => partition,
  path: "/campaigns",
  validateSearch: (s: Record<string, unknown>) => text(s, "create"),
  component: lazyRouteComponent(() => import("@/features/campaigns/CampaignsPage"), "CampaignsPage"),
});
const campaign = createRoute({
  getParentRoute: () => partition,
  path: "/campaigns/$id",
  component: lazyRouteComponent(() => import("@/features/campaigns/CampaignPage"), "CampaignPage"),
});
const bulk = createRoute({
  getParentRoute: () => partition,
  path: "/bulk",
  validateSearch: (s: Record<string, unknown>) => text(s, "id", "make"),
  component: lazyRouteComponent(() => import("@/features/bulk/BulkPage"), "BulkPage"),
});
const reports = createRoute({
  getParentRoute: () => partition,
  path: "/reports",
  validateSearch: (s: Record<string, unknown>) => text(s, "days", "by"),
  component: lazyRouteComponent(() => import("@/features/reports/ReportsPage"), "ReportsPage"),
});
const approvals = createRoute({
  getParentRoute: () => partition,
  path: "/approvals",
  validateSearch: (s: Record<string, unknown>) => text(s, "view"),
  component: lazyRouteComponent(() => import("@/features/approvals/ApprovalsPage"), "ApprovalsPage"),
});
const approval = createRoute({
  getParentRoute: () => partition,
  path: "/approvals/$id",
  component: lazyRouteComponent(() => import("@/features/approvals/ApprovalPage"), "ApprovalPage"),
});
const notificationSettings = createRoute({
  getParentRoute: () => partition,
  path: "/notifications",
  component: lazyRouteComponent(() => import("@/features/notifications/NotificationsPage"), "NotificationsPage"),
});

const tree = root.addChildren([
  login,
  invitation,
  password,
  signedIn.addChildren([
    start,
    subscriptions,
    partitions,
    accounts,
    jobs,
    account,
    partition.addChildren([
      home,
      cas,
      ca,
      certificates,
      certificate,
      profiles,
      users,
      events,
      endEntities,
      protocols,
      protocol,
      campaigns,
      campaign,
      bulk,
      reports,
      approvals,
      approval,
      notificationSettings,
    ]),
  ]),
]);

export function createAppRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queryClient },
    defaultPreload: "intent",
    scrollRestoration: true,
    defaultPendingComponent: () => <Loading />,
    defaultErrorComponent: ({ error, reset }) => <ErrorAlert error={error} retry={reset} />,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
