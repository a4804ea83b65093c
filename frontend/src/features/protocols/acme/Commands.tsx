import { CommandTabs } from "@/components/CommandTabs";
import { clientCommands, type Enrolment } from "./commands";

export const Commands = ({ enrolment }: { enrolment: Enrolment }) => <CommandTabs commands={clientCommands(enrolment)} />;
