import { IconRefresh } from "@tabler/icons-react";
import { lazy } from "react";
import type { Protocol } from "../types";

const panels = {
  Overview: lazy(() => import("./AcmeOverview")),
  EabKeys: lazy(() => import("./EabKeys")),
  Accounts: lazy(() => import("./Activity").then((m) => ({ default: m.Accounts }))),
  Orders: lazy(() => import("./Activity").then((m) => ({ default: m.Orders }))),
  Settings: lazy(() => import("./AcmeSettings")),
};

export const acme: Protocol = {
  label: "ACME",
  description:
    "Servers get and renew their certificates by themselves: certbot, Caddy, Traefik, cert-manager and many more (RFC 8555).",
  icon: IconRefresh,
  Overview: panels.Overview,
  tabs: [
    { value: "eab-keys", label: "EAB Keys", Panel: panels.EabKeys },
    { value: "accounts", label: "Accounts", Panel: panels.Accounts },
    { value: "orders", label: "Orders", Panel: panels.Orders },
    { value: "settings", label: "Settings", Panel: panels.Settings },
  ],
};
