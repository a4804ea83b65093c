import {
  Accordion,
  Anchor,
  Button,
  Card,
  Checkbox,
  Group,
  Modal,
  NumberInput,
  Progress,
  Radio,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconPackage, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { MailBody } from "@/components/MailBody";
import {
  CopyText,
  EmptyState,
  ErrorAlert,
  Facts,
  Loading,
  Moment,
  PageHeader,
  Section,
  StatusBadge,
  fieldError,
} from "@/components/ui";
import { graphql } from "@/gql";
import type { Region, SubscriptionsQuery, Tier } from "@/gql/graphql";
import { formatNumber, words } from "@/lib/format";
import { request, requestAll } from "@/lib/graphql";
import { useDeployment, useViewer } from "@/lib/session";

const Subscriptions = graphql(`
  query Subscriptions($search: String, $after: String) {
    subscriptions(search: $search, first: 200, after: $after) {
      nodes {
        id
        name
        status
        region
        tier
        url
        createdAt
        canAssign
        partition {
          id
          name
        }
        inventory {
          id
          label
          used
          purchased
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);
const Assign = graphql(`
  mutation AssignSubscription($input: AssignSubscriptionInput!) {
    assignSubscription(input: $input) {
      partition {
        id
        name
      }
    }
  }
`);
const Create = graphql(`
  mutation CreateSubscription($input: CreateSubscriptionInput!) {
    createSubscription(input: $input) {
      subscription {
        id
        name
      }
    }
  }
`);
const InviteOwner = graphql(`
  mutation InviteSubscriptionOwner($id: ID!, $email: String!) {
    inviteSubscriptionOwner(input: { subscriptionId: $id, email: $email }) {
      subscription {
        id
      }
    }
  }
`);
const PlatformOutbox = graphql(`
  query PlatformOutbox {
    platformOutbox(first: 20) {
      nodes {
        id
        to
        subject
        body
        createdAt
      }
    }
  }
`);

type Subscription = SubscriptionsQuery["subscriptions"]["nodes"][number];

export function SubscriptionsPage() {
  const viewer = useViewer();
  const { search } = useSearch({ from: "/signed-in/supervisor/subscriptions" });
  const navigate = useNavigate();
  const list = useQuery({
    queryKey: ["subscriptions", search],
    queryFn: () => requestAll(Subscriptions, { search: search ?? null }, (r) => r.subscriptions),
  });
  const [assigningId, setAssigning] = useState<string>();
  const [inviting, setInviting] = useState<Subscription>();
  const [creating, create] = useDisclosure();
  // One that was just created is assigned next, by whoever made it for himself.
  const assigning = list.data?.subscriptions.nodes.find((s) => s.id === assigningId && s.canAssign);
  const add = viewer?.operator && (
    <Button leftSection={<IconPlus size={16} />} onClick={create.open}>
      Create Subscription
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Subscriptions"
        description="What was purchased, and the partition it is assigned to."
        actions={(list.data?.subscriptions.nodes.length ?? 0) > 0 && add}
      />
      {(search || (list.data?.subscriptions.nodes.length ?? 0) > 0) && (
        <TextInput
          aria-label="Search subscriptions"
          placeholder="Search by name or identifier"
          mb="md"
          maw={360}
          defaultValue={search}
          onChange={(e) =>
            void navigate({ to: ".", search: { search: e.currentTarget.value || undefined }, replace: true })
          }
        />
      )}
      <ErrorAlert error={list.error} retry={() => void list.refetch()} />
      {list.isPending && <Loading />}
      {list.data?.subscriptions.nodes.length === 0 && (
        <EmptyState
          icon={<IconPackage />}
          title={search ? "No subscription matches" : "No subscription yet"}
          action={!search && add}
        >
          {search
            ? "Search for something else."
            : viewer?.operator
              ? "A subscription says how many certificates and authorities its owner may have. Its owner assigns it to a region and gets a partition: the place for the PKI."
              : "A platform operator creates subscriptions and names their owner."}
        </EmptyState>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        {list.data?.subscriptions.nodes.map((s) => (
          <Card key={s.id} withBorder padding="lg" radius="lg">
            <Group justify="space-between" mb="xs">
              <Text fw={650} fz="lg" component="h2" m={0}>
                {s.name}
              </Text>
              <StatusBadge status={s.status} />
            </Group>
            <Facts
              rows={[
                ["Subscription Identifier", <CopyText key="id" value={s.id} />],
                ["Status", words(s.status)],
                ["Region", s.region && regionNames[s.region]],
                ["URL", s.url && <CopyText key="u" value={s.url} />],
                ["Tier", words(s.tier)],
                [
                  "Partition",
                  s.partition ? (
                    <Anchor
                      key="p"
                      renderRoot={(p) => <Link to="/p/$partitionId" params={{ partitionId: s.partition!.id }} {...p} />}
                    >
                      {s.partition.name}
                    </Anchor>
                  ) : null,
                ],
                ["Created", <Moment key="t" at={s.createdAt} />],
              ]}
            />
            <Stack gap="sm" mt="md">
              <Text size="sm" fw={600}>
                Inventory
              </Text>
              {s.inventory.map((i) => (
                <div key={i.id}>
                  <Group justify="space-between" gap="xs">
                    <Text size="sm">
                      {i.label}{" "}
                      <Text span size="xs" c="dimmed" ff="monospace">
                        {i.id}
                      </Text>
                    </Text>
                    <Text size="sm" fw={600}>
                      {formatNumber(i.used)} / {formatNumber(i.purchased)}{" "}
                      <Text span size="xs" c="dimmed" fw={400}>
                        {i.id === "pkiaas-cas" ? "active / purchased" : "issued / purchased"}
                      </Text>
                    </Text>
                  </Group>
                  <Progress
                    aria-label={i.label}
                    value={i.purchased ? (100 * i.used) / i.purchased : 0}
                    color={i.used >= i.purchased ? "red" : "brand"}
                  />
                </div>
              ))}
            </Stack>
            {viewer?.operator && (
              <Button mt="md" variant="default" onClick={() => setInviting(s)} aria-label={`Invite Owner of ${s.name}`}>
                Invite Owner
              </Button>
            )}
            {s.canAssign && (
              <Button mt="md" onClick={() => setAssigning(s.id)}>
                Assign Subscription
              </Button>
            )}
          </Card>
        ))}
      </SimpleGrid>
      {viewer?.operator && <Outbox />}
      {assigning && <AssignDialog subscription={assigning} onClose={() => setAssigning(undefined)} />}
      {inviting && <InviteOwnerDialog subscription={inviting} onClose={() => setInviting(undefined)} />}
      {creating && <CreateDialog email={viewer?.user?.email ?? ""} onClose={create.close} onCreated={setAssigning} />}
    </>
  );
}

const regionNames: Record<Region, string> = {
  US: "United States (US)",
  EU: "Europe (EU)",
  PQLAB: "Post-quantum lab (PQLAB)",
};

function AssignDialog({ subscription, onClose }: { subscription: Subscription; onClose: () => void }) {
  const deployment = useDeployment();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [chosen, setRegion] = useState<string>();
  const regions = deployment?.regions ?? [];
  const region = chosen ?? (regions.length === 1 ? regions[0] : undefined);
  const [agreed, setAgreed] = useState(false);
  const assign = useMutation({
    mutationFn: () =>
      request(Assign, { input: { subscriptionId: subscription.id, region: region as Region, acceptTerms: agreed } }),
    onSuccess: async (d) => {
      await queryClient.invalidateQueries();
      notifications.show({ message: `The partition ${d.assignSubscription.partition.name} is ready.` });
      await navigate({ to: "/p/$partitionId", params: { partitionId: d.assignSubscription.partition.id } });
    },
  });
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Assign Subscription</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          assign.mutate();
        }}
      >
        <Stack>
          <Text size="sm">
            <strong>{subscription.name}</strong> gets a partition in the region you choose. This cannot be changed
            later.
          </Text>
          <Radio.Group
            label="Regions"
            required
            value={region ?? ""}
            onChange={setRegion}
            error={fieldError(assign.error, "region")}
          >
            <Stack gap={6} mt={6}>
              {regions.map((r) => (
                <Radio key={r} value={r} label={regionNames[r]} />
              ))}
            </Stack>
          </Radio.Group>
          <Text size="sm" c="dimmed">
            {deployment?.terms}
          </Text>
          <Checkbox
            label="I agree with the Terms and Conditions"
            checked={agreed}
            onChange={(e) => setAgreed(e.currentTarget.checked)}
          />
          <ErrorAlert error={assign.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" disabled={!region || !agreed} loading={assign.isPending}>
              Assign
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function InviteOwnerDialog({ subscription, onClose }: { subscription: Subscription; onClose: () => void }) {
  const queryClient = useQueryClient();
  const [email, setEmail] = useState("");
  const invite = useMutation({
    mutationFn: () => request(InviteOwner, { id: subscription.id, email: email.trim() }),
    onSuccess: () => {
      notifications.show({ message: `${email.trim()} is invited as an Owner.` });
      void queryClient.invalidateQueries();
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Invite an Owner of {subscription.name}</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          invite.mutate();
        }}
      >
        <Stack>
          <Text size="sm">
            For when the first Owner never accepted, or the last one is gone. Somebody who is invited already gets a new
            link.
          </Text>
          <TextInput
            label="E-mail"
            type="email"
            required
            value={email}
            onChange={(e) => setEmail(e.currentTarget.value)}
            error={fieldError(invite.error, "ownerEmail")}
            data-autofocus
          />
          <ErrorAlert error={invite.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={invite.isPending}>
              Invite
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function CreateDialog({
  email,
  onClose,
  onCreated,
}: {
  email: string;
  onClose: () => void;
  onCreated: (id: string) => void;
}) {
  const queryClient = useQueryClient();
  const [v, setV] = useState({ name: "", certificates: 1000, cas: 10, tier: "" as Tier | "", email });
  const own = v.email.trim().toLowerCase() === email.toLowerCase();
  const create = useMutation({
    mutationFn: () =>
      request(Create, {
        input: {
          name: v.name.trim(),
          purchasedCertificates: v.certificates,
          purchasedCas: v.cas,
          tier: v.tier || null,
          ownerEmail: v.email.trim(),
        },
      }),
    onSuccess: async (d) => {
      await queryClient.invalidateQueries();
      notifications.show({
        message: own ? "The subscription is created." : "The subscription is created, and its owner is invited.",
      });
      onClose();
      onCreated(d.createSubscription.subscription.id);
    },
  });
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Create Subscription</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          create.mutate();
        }}
      >
        <Stack>
          <TextInput
            label="Name"
            required
            minLength={2}
            maxLength={64}
            value={v.name}
            onChange={(e) => setV({ ...v, name: e.currentTarget.value })}
            error={fieldError(create.error, "name")}
            data-autofocus
          />
          <NumberInput
            label="Purchased certificates"
            required
            min={0}
            thousandSeparator
            value={v.certificates}
            onChange={(n) => setV({ ...v, certificates: Number(n) })}
            error={fieldError(create.error, "purchasedCertificates")}
          />
          <NumberInput
            label="Purchased certificate authorities"
            required
            min={0}
            value={v.cas}
            onChange={(n) => setV({ ...v, cas: Number(n) })}
            error={fieldError(create.error, "purchasedCas")}
          />
          <Select
            label="Tier"
            description="Requests in 10 seconds: Standard 100, Premium 1000."
            data={[
              { value: "", label: "By the purchased number (Premium from 1,000,000)" },
              { value: "STANDARD", label: "Standard" },
              { value: "PREMIUM", label: "Premium" },
              { value: "UNLIMITED", label: "Unlimited" },
            ]}
            value={v.tier}
            onChange={(t) => setV({ ...v, tier: (t ?? "") as Tier | "" })}
            allowDeselect={false}
          />
          <TextInput
            label="Owner's e-mail"
            description={
              own
                ? "You own it yourself. Name somebody else to hand it over: that person gets an invitation."
                : "This person gets an invitation."
            }
            type="email"
            required
            value={v.email}
            onChange={(e) => setV({ ...v, email: e.currentTarget.value })}
            error={fieldError(create.error, "ownerEmail")}
          />
          <ErrorAlert error={create.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending}>
              Create
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function Outbox() {
  const deployment = useDeployment();
  const outbox = useQuery({
    queryKey: ["platform-outbox"],
    queryFn: () => request(PlatformOutbox),
    enabled: deployment?.keepsOutbox ?? false,
  });
  if (!deployment?.keepsOutbox || !outbox.data?.platformOutbox.nodes.length) return null;
  return (
    <Stack mt="xl">
      <Section title="Outbox">
        <Text size="sm" c="dimmed" mb="sm">
          No mail server is configured: mail stays here instead of being sent.
        </Text>
        <Accordion variant="separated">
          {outbox.data.platformOutbox.nodes.map((m) => (
            <Accordion.Item key={m.id} value={m.id}>
              <Accordion.Control>
                {m.subject}{" "}
                <Text span c="dimmed" size="sm">
                  to {m.to}
                </Text>
              </Accordion.Control>
              <Accordion.Panel>
                <MailBody text={m.body} />
              </Accordion.Panel>
            </Accordion.Item>
          ))}
        </Accordion>
      </Section>
    </Stack>
  );
}
