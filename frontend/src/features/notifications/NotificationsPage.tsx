import { Button, Card, Checkbox, Group, Modal, Stack, Table, TagsInput, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconBell, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import {
  ConfirmTyping,
  EmptyState,
  ErrorAlert,
  Loading,
  Moment,
  NotPermitted,
  PageHeader,
  Scroll,
  SecretOnce,
  Section,
  StatusBadge,
  fieldError,
  useClosing,
} from "@/components/ui";
import { graphql } from "@/gql";
import type { NotificationAlarm, NotificationsQuery } from "@/gql/graphql";
import { request } from "@/lib/graphql";
import { useCan } from "@/lib/session";

const Settings = graphql(`
  query Notifications($partition: ID!) {
    partition(id: $partition) {
      notificationSettings {
        days
        recipients
        alarms
        webhooks {
          id
          name
          url
          createdBy
          createdAt
          lastSuccessAt
          lastError
          deliveries(first: 5) {
            nodes {
              id
              event
              state
              attempts
              error
              createdAt
            }
          }
        }
      }
    }
  }
`);
const Update = graphql(`
  mutation UpdateNotifications($input: UpdateNotificationSettingsInput!) {
    updateNotificationSettings(input: $input) {
      settings {
        days
      }
    }
  }
`);
const CreateHook = graphql(`
  mutation CreateWebhook($input: CreateWebhookInput!) {
    createWebhook(input: $input) {
      secret
      webhook {
        id
      }
    }
  }
`);
const TestHook = graphql(`
  mutation TestWebhook($id: ID!) {
    testWebhook(input: { id: $id }) {
      webhook {
        id
      }
    }
  }
`);
const DeleteHook = graphql(`
  mutation DeleteWebhook($id: ID!, $name: String!) {
    deleteWebhook(input: { id: $id, confirmName: $name }) {
      webhook {
        id
      }
    }
  }
`);

type Data = NonNullable<NotificationsQuery["partition"]>["notificationSettings"];

export function NotificationsPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/notifications" });
  const can = useCan(partitionId);
  const query = useQuery({
    queryKey: ["notifications", partitionId],
    queryFn: () => request(Settings, { partition: partitionId }),
    enabled: can("notification:browse"),
    refetchInterval: (q) =>
      q.state.data?.partition?.notificationSettings.webhooks.some((w) =>
        w.deliveries.nodes.some((d) => d.state === "PENDING"),
      )
        ? 3000
        : false,
  });
  const [adding, setAdding] = useState(false);
  if (!can("notification:browse")) return <NotPermitted permission="notification:browse" />;
  const s = query.data?.partition?.notificationSettings;
  return (
    <>
      <PageHeader
        title="Notifications"
        description="People and programs are told before certificates, authorities, OCSP signers and API tokens expire, and of alarms: refused attempts with CA keys, CRLs that are held back, key stores that cannot be used, requests that wait for approval."
      />
      <ErrorAlert error={query.error} retry={() => void query.refetch()} />
      {query.isPending && <Loading />}
      {s && (
        <Stack gap="lg">
          <Marks
            key={JSON.stringify([s.days, s.recipients, s.alarms])}
            partitionId={partitionId}
            s={s}
            readOnly={!can("notification:manage")}
          />
          <Section
            title="Webhooks"
            actions={
              can("notification:manage") && (
                <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setAdding(true)}>
                  Add Webhook
                </Button>
              )
            }
          >
            {s.webhooks.length === 0 && (
              <EmptyState icon={<IconBell />} title="No webhook yet">
                {can("notification:manage")
                  ? "Add the address of a program that should be told. Calls are signed with HMAC-SHA256."
                  : "Those who run the authorities can add one."}
              </EmptyState>
            )}
            <Stack>
              {s.webhooks.map((w) => (
                <Hook key={w.id} w={w} manage={can("notification:manage")} />
              ))}
            </Stack>
          </Section>
        </Stack>
      )}
      {adding && <AddHook partitionId={partitionId} onClose={() => setAdding(false)} />}
    </>
  );
}

const alarmKinds: { value: NotificationAlarm; label: string; description: string }[] = [
  {
    value: "KEY_REFUSED",
    label: "Refused attempts with CAs and their keys",
    description: "Somebody tried what is not permitted, or it failed.",
  },
  { value: "CRL_HELD", label: "CRLs that are held back", description: "Or a clock that is behind the last CRL." },
  { value: "KEY_STORE_AWAY", label: "Key stores that cannot be used", description: "And when they can be used again." },
  {
    value: "APPROVAL_WAITING",
    label: "Requests that wait for approval",
    description: "Those who can approve them get a mail in any case.",
  },
];

function Marks({ partitionId, s, readOnly }: { partitionId: string; s: Data; readOnly: boolean }) {
  const queryClient = useQueryClient();
  const [days, setDays] = useState(s.days.map(String));
  const [recipients, setRecipients] = useState<string[]>([...s.recipients]);
  const [alarms, setAlarms] = useState<string[]>([...s.alarms]);
  const save = useMutation({
    mutationFn: () =>
      request(Update, {
        input: {
          partitionId,
          days: days.map(Number).filter(Number.isInteger),
          recipients,
          alarms: alarms as NotificationAlarm[],
        },
      }),
    onSuccess: () => {
      notifications.show({ message: "Saved." });
      void queryClient.invalidateQueries({ queryKey: ["notifications"] });
    },
  });
  const changed =
    JSON.stringify([days, recipients, [...alarms].sort()]) !==
    JSON.stringify([s.days.map(String), s.recipients, [...s.alarms].sort()]);
  return (
    <Section title="When and to whom">
      <form
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <Stack maw={560}>
          <TagsInput
            label="Days before the expiry"
            description="Up to 10 numbers from 1 to 365. What is valid for fewer days than a number gets no message for it."
            readOnly={readOnly}
            value={days}
            onChange={(v) => setDays(v.filter((d) => /^\d{1,3}$/.test(d)))}
            error={fieldError(save.error, "days")}
          />
          <TagsInput
            label="E-mail addresses"
            description={
              recipients.length === 0
                ? "No mail is sent yet: add an address and press Enter."
                : "Press Enter after each."
            }
            readOnly={readOnly}
            value={recipients}
            onChange={setRecipients}
            error={fieldError(save.error, "recipients")}
          />
          <Checkbox.Group
            label="Alarms"
            description="Sent within a minute, one message for each kind. The next message follows after five minutes at the earliest."
            value={alarms}
            onChange={(v) => !readOnly && setAlarms(v)}
          >
            <Stack gap={6} mt={6}>
              {alarmKinds.map((k) => (
                <Checkbox
                  key={k.value}
                  value={k.value}
                  label={k.label}
                  description={k.description}
                  disabled={readOnly}
                />
              ))}
            </Stack>
          </Checkbox.Group>
          <ErrorAlert error={save.error} />
          {!readOnly && (
            <Group>
              <Button type="submit" disabled={!changed} loading={save.isPending}>
                Save
              </Button>
            </Group>
          )}
        </Stack>
      </form>
    </Section>
  );
}

function Hook({ w, manage }: { w: Data["webhooks"][number]; manage: boolean }) {
  const queryClient = useQueryClient();
  const again = () => queryClient.invalidateQueries({ queryKey: ["notifications"] });
  const test = useMutation({ mutationFn: () => request(TestHook, { id: w.id }), onSuccess: again });
  const remove = useMutation({ mutationFn: () => request(DeleteHook, { id: w.id, name: w.name }), onSuccess: again });
  const [removing, setRemoving] = useState(false);
  return (
    <Card withBorder>
      <Group justify="space-between" align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Text fw={650}>{w.name}</Text>
          <Text size="sm" ff="monospace" style={{ overflowWrap: "anywhere" }}>
            {w.url}
          </Text>
          <Text size="sm" c="dimmed">
            Added by {w.createdBy}.{" "}
            {w.lastSuccessAt ? (
              <>
                Last reached <Moment at={w.lastSuccessAt} />.
              </>
            ) : (
              "Not reached yet."
            )}
          </Text>
        </div>
        {manage && (
          <Group gap="xs">
            <Button size="xs" variant="default" loading={test.isPending} onClick={() => test.mutate()}>
              Send a test
            </Button>
            <Button size="xs" variant="subtle" color="red" onClick={() => setRemoving(true)}>
              Delete
            </Button>
          </Group>
        )}
      </Group>
      <ErrorAlert error={test.error} />
      {w.deliveries.nodes.length > 0 && (
        <Scroll label={`Deliveries to ${w.name}`}>
          <Table miw={520} mt="sm">
            <Table.Thead>
              <Table.Tr>
                {["Event", "State", "Attempts", "When", "Error"].map((h) => (
                  <Table.Th key={h}>{h}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {w.deliveries.nodes.map((d) => (
                <Table.Tr key={d.id}>
                  <Table.Td>{d.event}</Table.Td>
                  <Table.Td>
                    <StatusBadge status={d.state} />
                  </Table.Td>
                  <Table.Td>{d.attempts}</Table.Td>
                  <Table.Td>
                    <Moment at={d.createdAt} />
                  </Table.Td>
                  <Table.Td>{d.error}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Scroll>
      )}
      <ConfirmTyping
        opened={removing}
        onClose={() => setRemoving(false)}
        title="Delete Webhook"
        word={w.name}
        action="Delete"
        onConfirm={() => remove.mutate()}
        busy={remove.isPending}
        error={remove.error}
      >
        <Text size="sm">It is not called any more, and what was not delivered yet is dropped.</Text>
      </ConfirmTyping>
    </Card>
  );
}

function AddHook({ partitionId, onClose }: { partitionId: string; onClose: () => void }) {
  const queryClient = useQueryClient();
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const add = useMutation({
    mutationFn: () => request(CreateHook, { input: { partitionId, name, url } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["notifications"] }),
  });
  const { close, guarded } = useClosing(onClose);
  return (
    <Modal opened onClose={close} size="lg" title={<Text fw={650}>Add Webhook</Text>} closeOnClickOutside={!add.data}>
      {guarded(
        add.data ? (
          <Stack>
            <SecretOnce label="signing secret" value={add.data.createWebhook.secret} file={`webhook-${name}.txt`} />
            <Text size="sm">
              The header Pkiaas-Signature is t=seconds,v1=HMAC-SHA256 of “seconds.body” under this secret, in
              hexadecimal.
            </Text>
            <Group justify="flex-end">
              <Button onClick={close}>Done</Button>
            </Group>
          </Stack>
        ) : (
          <form
            onSubmit={(e) => {
              e.preventDefault();
              add.mutate();
            }}
          >
            <Stack>
              <TextInput
                label="Name"
                required
                value={name}
                onChange={(e) => setName(e.currentTarget.value)}
                error={fieldError(add.error, "name")}
                data-autofocus
              />
              <TextInput
                label="URL"
                required
                placeholder="https://hooks.example.com/pki"
                description="https, to a public address, or one that the operator allows"
                value={url}
                onChange={(e) => setUrl(e.currentTarget.value)}
                error={fieldError(add.error, "url")}
              />
              <ErrorAlert error={add.error} />
              <Group justify="flex-end">
                <Button variant="default" onClick={close}>
                  Cancel
                </Button>
                <Button type="submit" loading={add.isPending}>
                  Add
                </Button>
              </Group>
            </Stack>
          </form>
        ),
      )}
    </Modal>
  );
}
