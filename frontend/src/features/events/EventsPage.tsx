import { Alert, Badge, Code, Group, Select, Switch, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconAlertTriangle, IconLink, IconLinkOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { EventList } from "@/components/EventList";
import { ExportButtons } from "@/components/ExportButtons";
import { ErrorAlert, PageHeader } from "@/components/ui";
import { graphql } from "@/gql";
import type { AuditResult } from "@/gql/graphql";
import { formatNumber } from "@/lib/format";
import { request } from "@/lib/graphql";

const Verify = graphql(`
  mutation VerifyAudit($partition: ID!) {
    verifyAuditLog(input: { partitionId: $partition }) {
      verification {
        intact
        events
        brokenAt
        alarm
        headHash
      }
    }
  }
`);

export function EventsPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/events" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/events" });
  const navigate = useNavigate({ from: "/p/$partitionId/events" });
  const [live, setLive] = useState(true);
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const typed = useDebouncedCallback((v: string) => set({ search: v || undefined }), 250);
  const filter = {
    search: search.search ?? null,
    action: search.action ?? null,
    result: (search.result as AuditResult) ?? null,
    objectId: search.object ?? null,
  };
  const verification = useQuery({
    queryKey: ["audit-verification", partitionId],
    queryFn: () => request(Verify, { partition: partitionId }),
    staleTime: 60_000,
  });
  const v = verification.data?.verifyAuditLog.verification;
  const filtered = !!(search.search || search.action || search.result || search.object);
  return (
    <>
      <PageHeader
        title="Events"
        description="Everything that was done here, and everything that was refused. Nothing can be altered or removed unseen: each event holds the hash of the one before it."
        actions={<ExportButtons path={`/export/${partitionId}/events`} query={filter} label="events" />}
      />
      <Group mb="md" align="flex-end">
        <TextInput
          label="Search"
          placeholder="Who, what or which"
          defaultValue={search.search}
          onChange={(e) => typed(e.currentTarget.value)}
          style={{ flex: "2 1 220px" }}
        />
        <Select
          label="About"
          clearable
          placeholder="Everything"
          data={[
            ["certificate.", "Certificates"],
            ["ca.", "Certificate authorities"],
            ["crl.", "CRLs"],
            ["user.", "Users"],
            ["role.", "Roles"],
            ["token.", "API tokens"],
            ["end-entity.", "End entities"],
            ["protocol.", "Enrollment protocols"],
          ].map(([value, label]) => ({ value: value!, label: label! }))}
          value={search.action ?? null}
          onChange={(a) => set({ action: a ?? undefined })}
          style={{ flex: "1 1 160px" }}
        />
        <Select
          label="Result"
          clearable
          placeholder="Any"
          data={[
            ["SUCCESS", "Success"],
            ["REFUSED", "Refused"],
            ["FAILED", "Failed"],
          ].map(([value, label]) => ({ value: value!, label: label! }))}
          value={search.result ?? null}
          onChange={(r) => set({ result: r ?? undefined })}
          style={{ flex: "1 1 120px" }}
        />
        <Switch label="Live" checked={live} onChange={(e) => setLive(e.currentTarget.checked)} mb={8} />
        {v && (
          <Badge
            size="lg"
            variant="light"
            tt="none"
            mb={6}
            color={v.intact ? "teal" : "red"}
            leftSection={v.intact ? <IconLink size={14} /> : <IconLinkOff size={14} />}
            styles={{ root: { color: "var(--mantine-color-text)" } }}
          >
            {v.intact
              ? `Chain of ${formatNumber(v.events)} events intact`
              : v.brokenAt
                ? `Chain broken at event ${v.brokenAt}`
                : "Events are missing"}
          </Badge>
        )}
      </Group>
      {v?.alarm && (
        <Alert
          role="alert"
          color="red"
          variant="light"
          icon={<IconAlertTriangle />}
          title="The audit log does not end as it did"
          mb="md"
        >
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
            {v.alarm.charAt(0).toUpperCase() + v.alarm.slice(1)}. Either the database was restored from a backup, or
            somebody removed or rewrote events. The platform operator finds out which, and runs{" "}
            <Code>pkiaas audit accept</Code> if the loss is accepted.
          </Text>
        </Alert>
      )}
      <ErrorAlert error={verification.error} retry={() => void verification.refetch()} />
      <EventList
        partitionId={partitionId}
        filter={filter}
        live={live}
        filtered={filtered}
        onClear={() => void navigate({ search: {}, replace: true })}
      />
    </>
  );
}
