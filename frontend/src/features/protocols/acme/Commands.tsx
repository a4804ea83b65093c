import { CommandTabs } from "@/components/CommandTabs";
import { clientCommands, type Enrolment } from "./commands";

/** The commands of every client, or of those chosen. */
export const Commands = ({ enrolment, only }: { enrolment: Enrolment; only?: string[] }) => (
  <CommandTabs commands={clientCommands(enrolment).filter((c) => !only || only.includes(c.value))} />
);
