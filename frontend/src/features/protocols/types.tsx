import { IconRefresh } from "@tabler/icons-react";
import { lazy, type ComponentType } from "react";
import type { CreateProtocolConfigurationInput, ProtocolType } from "@/gql/graphql";
import type { Configuration } from "./configuration";

export type PanelProps = { configuration: Configuration; partitionId: string; /** Whether the caller may change anything. */ editable: boolean };
export type FieldsProps = { value: Partial<CreateProtocolConfigurationInput>; onChange: (value: Partial<CreateProtocolConfigurationInput>) => void; error: unknown };

/** What one protocol has that the others have not. */
export type Protocol = {
  label: string;
  /** A sentence for who has to choose. */
  description: string;
  icon: typeof IconRefresh;
  /** Above the facts on the Overview: addresses, commands to copy. */
  Overview?: ComponentType<PanelProps>;
  /** Tabs beside those that every protocol has, between Overview and End Entities. */
  tabs: { value: string; label: string; Panel: ComponentType<PanelProps> }[];
  /** What the create dialog asks beside identifier, description, authority and profile; merged into the input. */
  Fields?: ComponentType<FieldsProps>;
};

const acme = {
  Overview: lazy(() => import("./acme/AcmeOverview")),
  EabKeys: lazy(() => import("./acme/EabKeys")),
  Accounts: lazy(() => import("./acme/Activity").then((m) => ({ default: m.Accounts }))),
  Orders: lazy(() => import("./acme/Activity").then((m) => ({ default: m.Orders }))),
  Settings: lazy(() => import("./acme/AcmeSettings")),
};

/** All protocols. A new one is a folder beside this file and a line here. */
export const protocols: Record<ProtocolType, Protocol> = {
  ACME: {
    label: "ACME",
    description: "Servers get and renew their certificates by themselves: certbot, Caddy, Traefik, cert-manager and many more (RFC 8555).",
    icon: IconRefresh,
    Overview: acme.Overview,
    tabs: [
      { value: "eab-keys", label: "EAB Keys", Panel: acme.EabKeys },
      { value: "accounts", label: "Accounts", Panel: acme.Accounts },
      { value: "orders", label: "Orders", Panel: acme.Orders },
      { value: "settings", label: "Settings", Panel: acme.Settings },
    ],
  },
};

export const protocolTypes = Object.entries(protocols) as [ProtocolType, Protocol][];
