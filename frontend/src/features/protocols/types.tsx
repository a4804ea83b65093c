import type { IconRefresh } from "@tabler/icons-react";
import type { ComponentType } from "react";
import type { CreateProtocolConfigurationInput, ProtocolType } from "@/gql/graphql";
import { acme } from "./acme";
import type { Configuration } from "./configuration";

export type PanelProps = {
  configuration: Configuration;
  partitionId: string;
  /** Whether the caller may change anything. */ editable: boolean;
};
export type FieldsProps = {
  value: Partial<CreateProtocolConfigurationInput>;
  onChange: (value: Partial<CreateProtocolConfigurationInput>) => void;
  error: unknown;
};

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

/** All protocols. A new one is a folder beside this file and a line here. */
export const protocols: Record<ProtocolType, Protocol> = {
  ACME: acme,
};

export const protocolTypes = Object.entries(protocols) as [ProtocolType, Protocol][];
