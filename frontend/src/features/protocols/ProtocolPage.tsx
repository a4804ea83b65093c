import {
  Alert,
  Anchor,
  Button,
  Card,
  Group,
  Menu,
  Modal,
  Select,
  SimpleGrid,
  Stack,
  Tabs,
  Text,
  UnstyledButton,
} from "@mantine/core";
import {
  IconAlertTriangle,
  IconCertificate,
  IconChevronDown,
  IconHistory,
  IconPlayerPause,
  IconPlugConnected,
} from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useState, type ReactNode } from "react";
import { CertificateTable } from "@/components/certificates";
import { EndEntityTable } from "@/components/EndEntityTable";
import { EventList } from "@/components/EventList";
import { ExportButtons } from "@/components/ExportButtons";
import {
  ConfirmTyping,
  CopyText,
  EmptyState,
  ErrorAlert,
  Facts,
  Loading,
  Moment,
  NotPermitted,
  PageHeader,
  Section,
  StatusBadge,
  capital,
} from "@/components/ui";
import { graphql } from "@/gql";
import type { AuditResult } from "@/gql/graphql";
import { formatNumber } from "@/lib/format";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";
import { ConfigurationQuery, type Configuration, defaultOffering, noWidening } from "./configuration";
import { Offerings } from "./Offerings";
import { protocols } from "./types";

const EditProtocol = lazy(() => import("./ProtocolForms").then((m) => ({ default: m.EditProtocol })));

const Enable = graphql(`
  mutation EnableProtocol($input: EnableProtocolConfigurationInput!) {
    enableProtocolConfiguration(input: $input) {
      protocolConfiguration {
        id
        status
      }
    }
  }
`);
const Disable = graphql(`
  mutation DisableProtocol($input: DisableProtocolConfigurationInput!) {
    disableProtocolConfiguration(input: $input) {
      protocolConfiguration {
        id
        status
      }
    }
  }
`);
const Delete = graphql(`
  mutation DeleteProtocol($input: DeleteProtocolConfigurationInput!) {
    deleteProtocolConfiguration(input: $input) {
      protocolConfiguration {
        id
      }
    }
  }
`);

const none = {
  search: undefined,
  status: undefined,
  expires: undefined,
  profile: undefined,
  sort: undefined,
  action: undefined,
  result: undefined,
};

export function ProtocolPage() {
  const { partitionId, identifier } = useParams({ from: "/signed-in/p/$partitionId/protocols/$identifier" });
  const search = useSearch({ from: "/signed-in/p/$partitionId/protocols/$identifier" });
  const navigate = useNavigate({ from: "/p/$partitionId/protocols/$identifier" });
  const can = useCan(partitionId);
  const queryClient = useQueryClient();
  const [open, setOpen] = useState<"edit" | "turn" | "delete">();
  const close = () => setOpen(undefined);
  const set = (change: Partial<Record<keyof typeof search, string | undefined>>) =>
    void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  const query = useQuery({
    queryKey: ["protocol", partitionId, identifier],
    queryFn: () => request(ConfigurationQuery, { partition: partitionId, identifier }),
    enabled: can("protocol:browse"),
    refetchInterval: 10_000,
  });
  const c = query.data?.partition?.protocolConfiguration;
  const turn = useMutation({
    mutationFn: async () =>
      void (c!.status === "ACTIVE"
        ? await request(Disable, { input: { id: c!.id } })
        : await request(Enable, { input: { id: c!.id } })),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["protocol"] });
      void queryClient.invalidateQueries({ queryKey: ["protocols"] });
      close();
    },
  });
  const remove = useMutation({
    mutationFn: () => request(Delete, { input: { id: c!.id, confirmIdentifier: identifier } }),
    onSuccess: async () => {
      void queryClient.invalidateQueries({ queryKey: ["protocols"] });
      await navigate({ to: "/p/$partitionId/protocols", params: { partitionId }, search: {} });
    },
  });
  const trail = [{ label: "Enrollment Protocols", to: `/p/${partitionId}/protocols` }];
  if (!can("protocol:browse")) return <NotPermitted permission="protocol:browse" />;
  if (query.isPending) return <Loading lines={8} />;
  if (query.error) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />;
  if (!c) {
    return (
      <>
        <PageHeader title={identifier} trail={trail} />
        <EmptyState icon={<IconPlugConnected />} title="No such configuration">
          It may have been deleted. Its certificates are still among the certificates of the partition.
        </EmptyState>
      </>
    );
  }
  const type = protocols[c.type];
  const editable = can("protocol:manage");
  const props = { configuration: c, partitionId, editable };
  const enable = (
    <Button size="xs" variant="default" loading={turn.isPending} onClick={() => turn.mutate()}>
      Enable
    </Button>
  );
  return (
    <>
      <PageHeader
        title={c.identifier}
        trail={trail}
        description={
          <Stack gap={4} mt={4}>
            {c.description && <span>{c.description}</span>}
            <Group gap="xs">
              <StatusBadge status={c.status} />
              <span>{type.label}</span>
            </Group>
          </Stack>
        }
        actions={
          editable && (
            <Menu position="bottom-end" width={220}>
              <Menu.Target>
                <Button variant="default" rightSection={<IconChevronDown size={14} />}>
                  Actions
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item onClick={() => setOpen("edit")}>Edit</Menu.Item>
                {(c.status === "ACTIVE" || c.mayWiden) && (
                  <Menu.Item onClick={() => (c.status === "ACTIVE" ? setOpen("turn") : turn.mutate())}>
                    {c.status === "ACTIVE" ? "Disable" : "Enable"}
                  </Menu.Item>
                )}
                <Menu.Item c="var(--mantine-color-error)" onClick={() => setOpen("delete")}>
                  Delete
                </Menu.Item>
              </Menu.Dropdown>
            </Menu>
          )
        }
      />
      {c.status === "DISABLED" && (
        <Alert color="gray" variant="light" icon={<IconPlayerPause />} title="Disabled" mb="md">
          <Group gap="sm">
            <Text size="sm">Whoever comes is refused until it is enabled again. Its certificates stay valid.</Text>
            {editable && (c.mayWiden ? enable : <Text size="sm">{noWidening}</Text>)}
          </Group>
        </Alert>
      )}
      {open !== "turn" && <ErrorAlert error={turn.error} />}
      {c.problem && (
        <Alert
          color="red"
          variant="light"
          icon={<IconAlertTriangle />}
          title="Nothing can be issued through it"
          mb="md"
        >
          <Text size="sm">
            {capital(c.problem)}.{" "}
            <Anchor
              size="sm"
              renderRoot={(p) => (
                <Link
                  to="/p/$partitionId/cas/$identifier"
                  params={{ partitionId, identifier: defaultOffering(c).ca.identifier }}
                  {...p}
                />
              )}
            >
              Open {defaultOffering(c).ca.friendlyName}
            </Anchor>
            {editable && " or choose another authority or profile under Offerings"}.
          </Text>
        </Alert>
      )}
      <Tabs
        value={search.tab ?? "overview"}
        onChange={(t) => set({ ...none, tab: t === "overview" ? undefined : (t ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          {type.tabs.map((t) => (
            <Tabs.Tab key={t.value} value={t.value}>
              {t.label}
            </Tabs.Tab>
          ))}
          <Tabs.Tab value="end-entities">End Entities</Tabs.Tab>
          <Tabs.Tab value="events">Events</Tabs.Tab>
          <Tabs.Tab value="certificates">Issued Certificates</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview">
          <Stack>
            {type.Overview && (
              <Suspense fallback={<Loading lines={3} />}>
                <type.Overview {...props} />
              </Suspense>
            )}
            <Overview configuration={c} partitionId={partitionId} onTab={(change) => set({ ...none, ...change })} />
          </Stack>
        </Tabs.Panel>
        {type.tabs.map(({ value, Panel }) => (
          <Tabs.Panel key={value} value={value}>
            <Suspense fallback={<Loading />}>
              <Panel {...props} />
            </Suspense>
          </Tabs.Panel>
        ))}
        <Tabs.Panel value="end-entities">
          <EndEntityTable
            partitionId={partitionId}
            configurationId={c.id}
            search={search}
            onSearch={set}
            empty="Whoever gets a certificate through this configuration appears here, and can be deactivated: then nothing more is issued to it."
          />
        </Tabs.Panel>
        <Tabs.Panel value="events">
          <Events partitionId={partitionId} configuration={c} search={search} onSearch={set} />
        </Tabs.Panel>
        <Tabs.Panel value="certificates">
          <CertificateTable
            partitionId={partitionId}
            configurationId={c.id}
            search={search}
            onSearch={set}
            empty={
              <EmptyState icon={<IconCertificate />} title="Nothing issued yet">
                Certificates that are issued through this configuration appear here.
              </EmptyState>
            }
          />
        </Tabs.Panel>
      </Tabs>
      {open === "edit" && (
        <Suspense>
          <EditProtocol configuration={c} onClose={close} />
        </Suspense>
      )}
      <Modal opened={open === "turn"} onClose={close} title={<Text fw={650}>Disable {c.identifier}</Text>}>
        <Stack>
          <Text size="sm">
            Whoever comes is refused until it is enabled again: nothing is issued, renewed or revoked through it. Its{" "}
            {formatNumber(c.active.totalCount)} active certificates stay valid.
          </Text>
          <ErrorAlert error={turn.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close} data-autofocus>
              Cancel
            </Button>
            <Button color="red" loading={turn.isPending} onClick={() => turn.mutate()}>
              Disable
            </Button>
          </Group>
        </Stack>
      </Modal>
      {open === "delete" && (
        <ConfirmTyping
          opened
          onClose={close}
          title="Delete protocol configuration"
          word={identifier}
          action="Delete"
          onConfirm={() => remove.mutate()}
          busy={remove.isPending}
          error={remove.error}
        >
          <Text size="sm">
            Its address is gone for good, and what clients registered at it.{" "}
            {c.active.totalCount > 0 ? `${formatNumber(c.active.totalCount)} active certificates` : "Its certificates"}{" "}
            stay valid until they expire or are revoked, but are not renewed through it any more. To stop it for a
            while, disable it instead.
          </Text>
        </ConfirmTyping>
      )}
    </>
  );
}

function Overview({
  configuration: c,
  partitionId,
  onTab,
}: {
  configuration: Configuration;
  partitionId: string;
  onTab: (change: { tab: string; result?: string; status?: string }) => void;
}) {
  const refused = c.refused.nodes[0];
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 3 }}>
        <Count
          label="Active certificates"
          value={c.active.totalCount}
          note={`of ${formatNumber(c.all.totalCount)} issued`}
          onClick={() => onTab({ tab: "certificates" })}
        />
        <Count
          label="End entities"
          value={c.entities.totalCount}
          note="got a certificate through it"
          onClick={() => onTab({ tab: "end-entities" })}
        />
        <Count
          label="Refused requests"
          value={c.refused.totalCount}
          note={
            refused ? (
              <>
                last <Moment at={refused.time} />
              </>
            ) : (
              "none so far"
            )
          }
          onClick={() => onTab({ tab: "events", result: "REFUSED" })}
        />
      </SimpleGrid>
      <Offerings partitionId={partitionId} configuration={c} />
      <Section title="Configuration">
        <Facts
          rows={[
            ["Type", protocols[c.type].label],
            ["Identifier", <CopyText key="i" value={c.identifier} />],
            ["Description", c.description],
            [
              "Created",
              <span key="c">
                <Moment at={c.createdAt} /> by {c.createdBy}
              </span>,
            ],
          ]}
        />
      </Section>
    </>
  );
}

function Count({
  label,
  value,
  note,
  onClick,
}: {
  label: string;
  value: number;
  note: ReactNode;
  onClick: () => void;
}) {
  return (
    <UnstyledButton onClick={onClick} h="100%">
      <Card withBorder radius="lg" padding="md" h="100%">
        <Text size="sm" c="dimmed">
          {label}
        </Text>
        <Text fz={26} fw={700} lh={1.3}>
          {formatNumber(value)}
        </Text>
        <Text size="xs" c="dimmed" component="div">
          {note}
        </Text>
      </Card>
    </UnstyledButton>
  );
}

function Events({
  partitionId,
  configuration: c,
  search,
  onSearch,
}: {
  partitionId: string;
  configuration: Configuration;
  search: { action?: string; result?: string };
  onSearch: (change: { action?: string | undefined; result?: string | undefined }) => void;
}) {
  const filter = {
    action: search.action ?? null,
    result: (search.result as AuditResult) ?? null,
    protocolConfigurationId: c.id,
  };
  return (
    <>
      <Group mb="md" align="flex-end" justify="space-between">
        <Group align="flex-end" style={{ flex: "1 1 300px" }}>
          <Select
            label="Type"
            clearable
            placeholder="Everything"
            data={[
              { value: "certificate.issue", label: "Issue" },
              { value: "certificate.revoke", label: "Revoke" },
              { value: `${protocols[c.type].label.toLowerCase()}.`, label: protocols[c.type].label },
              { value: "protocol.", label: "Changes of the configuration" },
            ]}
            value={search.action ?? null}
            onChange={(v) => onSearch({ action: v ?? undefined })}
            style={{ flex: "1 1 160px", maxWidth: 260 }}
          />
          <Select
            label="Status"
            clearable
            placeholder="Any"
            data={[
              { value: "SUCCESS", label: "Done" },
              { value: "REFUSED", label: "Refused" },
              { value: "FAILED", label: "Failed" },
            ]}
            value={search.result ?? null}
            onChange={(v) => onSearch({ result: v ?? undefined })}
            style={{ flex: "1 1 120px", maxWidth: 200 }}
          />
        </Group>
        <ExportButtons
          path={`/export/${partitionId}/events`}
          query={{ action: filter.action, result: filter.result, configuration: c.id }}
          label="events"
        />
      </Group>
      <EventList
        partitionId={partitionId}
        filter={filter}
        live
        filtered={!!(search.action || search.result)}
        onClear={() => onSearch({ action: undefined, result: undefined })}
        empty={
          <EmptyState icon={<IconHistory />} title="No event yet">
            Every request that comes in through this configuration appears here, granted or refused.
          </EmptyState>
        }
      />
    </>
  );
}
