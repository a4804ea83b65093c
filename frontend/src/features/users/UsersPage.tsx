import {
  Alert,
  Badge,
  Button,
  Card,
  Group,
  Menu,
  Modal,
  MultiSelect,
  Radio,
  Select,
  Stack,
  Table,
  Tabs,
  Text,
  TextInput,
} from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconKey, IconMail, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import {
  EmptyState,
  ErrorAlert,
  Loading,
  Moment,
  NotPermitted,
  PageHeader,
  Scroll,
  SecretOnce,
  StatusBadge,
  fieldError,
  useClosing,
} from "@/components/ui";
import { graphql } from "@/gql";
import type { MembersQuery, Role } from "@/gql/graphql";
import { request, requestAll } from "@/lib/graphql";
import { roleNames, useCan, useDeployment, useViewer } from "@/lib/session";

const Members = graphql(`
  query Members($partition: ID!, $after: String) {
    partition(id: $partition) {
      members(first: 200, after: $after) {
        nodes {
          user {
            id
            email
            firstName
            lastName
            status
            lastSignInAt
          }
          roles
          invitedBy
          invitationExpiresAt
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);
const Invite = graphql(`
  mutation InviteUser($input: InviteUserInput!) {
    inviteUser(input: $input) {
      __typename
      ... on MemberPayload {
        member {
          user {
            id
            email
          }
        }
      }
      ... on ApprovalPending {
        approvalId
        message
      }
    }
  }
`);
const Resend = graphql(`
  mutation Resend($partition: ID!, $user: ID!) {
    resendInvitation(input: { partitionId: $partition, userId: $user }) {
      member {
        user {
          id
        }
      }
    }
  }
`);
const Grant = graphql(`
  mutation GrantRole($input: GrantRoleInput!) {
    grantRole(input: $input) {
      __typename
      ... on MemberPayload {
        member {
          user {
            id
          }
        }
      }
      ... on ApprovalPending {
        approvalId
        message
      }
    }
  }
`);
const RevokeRole = graphql(`
  mutation RevokeRole($input: RevokeRoleInput!) {
    revokeRole(input: $input) {
      __typename
      ... on MemberPayload {
        member {
          user {
            id
          }
        }
      }
      ... on ApprovalPending {
        approvalId
        message
      }
    }
  }
`);
const Tokens = graphql(`
  query Tokens($partition: ID!, $after: String) {
    partition(id: $partition) {
      apiTokens(first: 200, after: $after) {
        nodes {
          id
          name
          role
          service
          stopped
          mayRevoke
          prefix
          createdAt
          createdBy
          expiresAt
          lastUsedAt
          revokedAt
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);
const CreateToken = graphql(`
  mutation CreateToken($input: CreateApiTokenInput!) {
    createApiToken(input: $input) {
      token
      apiToken {
        id
        name
      }
    }
  }
`);
const RevokeToken = graphql(`
  mutation RevokeToken($id: ID!) {
    revokeApiToken(input: { id: $id }) {
      apiToken {
        id
      }
    }
  }
`);
const RemoveMember = graphql(`
  mutation RemoveMember($input: RemoveMemberInput!) {
    removeMember(input: $input) {
      __typename
      ... on MemberPayload {
        member {
          user {
            id
          }
        }
      }
      ... on ApprovalPending {
        approvalId
        message
      }
    }
  }
`);

const CredentialsTab = lazy(() => import("./cagw/CredentialsTab"));

const roles = Object.keys(roleNames) as Role[];

export function UsersPage() {
  const { partitionId } = useParams({ from: "/signed-in/p/$partitionId/users" });
  const { tab, create } = useSearch({ from: "/signed-in/p/$partitionId/users" });
  const navigate = useNavigate({ from: "/p/$partitionId/users" });
  const can = useCan(partitionId);
  const [inviting, setInviting] = useState(false);
  const people = can("user:browse");
  if (!people && !can("token:browse")) return <NotPermitted permission="user:browse" />;
  const shown = tab ?? (people ? "users" : "tokens");
  return (
    <>
      <PageHeader
        title="User Management"
        description="People, the roles they hold in this partition, and tokens and certificates for automation."
        actions={
          can("user:invite") && (
            <Button leftSection={<IconPlus size={16} />} onClick={() => setInviting(true)}>
              Invite User
            </Button>
          )
        }
      />
      <Tabs
        value={shown}
        onChange={(t) => void navigate({ search: { tab: t ?? undefined }, replace: true })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {people && <Tabs.Tab value="users">Users</Tabs.Tab>}
          {people && <Tabs.Tab value="roles">Role</Tabs.Tab>}
          {can("token:browse") && <Tabs.Tab value="tokens">API Tokens</Tabs.Tab>}
          {can("token:browse") && <Tabs.Tab value="cagw">CAGW Credentials</Tabs.Tab>}
        </Tabs.List>
        {people && (
          <Tabs.Panel value="users">
            <People partitionId={partitionId} />
          </Tabs.Panel>
        )}
        {people && (
          <Tabs.Panel value="roles">
            <RolesTab partitionId={partitionId} />
          </Tabs.Panel>
        )}
        {can("token:browse") && (
          <Tabs.Panel value="tokens">
            <TokensTab partitionId={partitionId} />
          </Tabs.Panel>
        )}
        {can("token:browse") && (
          <Tabs.Panel value="cagw">
            <Suspense fallback={<Loading />}>
              <CredentialsTab partitionId={partitionId} creating={create === "true"} />
            </Suspense>
          </Tabs.Panel>
        )}
      </Tabs>
      {inviting && <InviteDialog partitionId={partitionId} onClose={() => setInviting(false)} />}
    </>
  );
}

function useMembers(partitionId: string) {
  return useQuery({
    queryKey: ["members", partitionId],
    queryFn: () => requestAll(Members, { partition: partitionId }, (r) => r.partition?.members),
  });
}

type Member = NonNullable<MembersQuery["partition"]>["members"]["nodes"][number];

/** Links prove an address, so they are never shown here: who hands them on where no mail server does is the operator. */
function NoMailServer() {
  if (!useDeployment()?.keepsOutbox) return null;
  return (
    <Alert
      icon={<IconMail size={18} />}
      color="yellow"
      variant="light"
      styles={{ title: { color: "var(--mantine-color-text)" } }}
      title="No mail server is configured"
      mb="md"
    >
      Invitations are not sent. Ask the platform operator to pass on the link, or to configure SMTP. People who already
      have an account can sign in and accept without the link.
    </Alert>
  );
}

function People({ partitionId }: { partitionId: string }) {
  const members = useMembers(partitionId);
  const can = useCan(partitionId);
  const queryClient = useQueryClient();
  const [removing, setRemoving] = useState<Member>();
  const resend = useMutation({
    mutationFn: (user: string) => request(Resend, { partition: partitionId, user }),
    onSuccess: () => {
      notifications.show({ message: "A new invitation is on its way. The old link no longer works." });
      void queryClient.invalidateQueries({ queryKey: ["members"] });
    },
  });
  const remove = useMutation({
    mutationFn: (userId: string) => request(RemoveMember, { input: { partitionId, userId } }),
    onSettled: () => {
      setRemoving(undefined);
      void queryClient.invalidateQueries();
    },
  });
  if (members.isPending) return <Loading />;
  const list = members.data?.partition?.members.nodes ?? [];
  return (
    <>
      {list.some((m) => m.user.status === "INVITED") && <NoMailServer />}
      <Card withBorder>
        <ErrorAlert error={members.error ?? resend.error ?? remove.error} />
        <Scroll label="Users">
          <Table miw={720}>
            <Table.Thead>
              <Table.Tr>
                {["Name", "Roles", "Status", "Last sign-in", ""].map((h) => (
                  <Table.Th key={h} aria-label={h || "Actions"}>
                    {h}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {list.map((m) => {
                const invited = m.user.status === "INVITED";
                return (
                  <Table.Tr key={m.user.id}>
                    <Table.Td>
                      <Text size="sm" fw={600}>
                        {m.user.firstName} {m.user.lastName}
                      </Text>
                      <Text size="sm" c="dimmed">
                        {m.user.email}
                      </Text>
                    </Table.Td>
                    <Table.Td>{m.roles.map((r) => roleNames[r]).join(", ") || "none"}</Table.Td>
                    <Table.Td>
                      <StatusBadge status={m.user.status} />
                      {m.invitationExpiresAt && (
                        <Text size="xs" c="dimmed">
                          {m.invitedBy && <>by {m.invitedBy}, </>}
                          {Date.parse(m.invitationExpiresAt) > Date.now() ? "expires" : "expired"}{" "}
                          <Moment at={m.invitationExpiresAt} />
                        </Text>
                      )}
                    </Table.Td>
                    <Table.Td>{m.user.lastSignInAt ? <Moment at={m.user.lastSignInAt} /> : "–"}</Table.Td>
                    <Table.Td>
                      <Group gap={4} wrap="nowrap" justify="flex-end">
                        {invited && can("user:invite") && (
                          <Button
                            size="compact-xs"
                            variant="subtle"
                            onClick={() => resend.mutate(m.user.id)}
                            aria-label={`Send again the invitation of ${m.user.email}`}
                          >
                            Send again
                          </Button>
                        )}
                        {can("role:manage") && (
                          <Button
                            size="compact-xs"
                            variant="subtle"
                            color="red"
                            onClick={() => setRemoving(m)}
                            aria-label={
                              invited
                                ? `Withdraw the invitation of ${m.user.email}`
                                : `Remove ${m.user.email} from the partition`
                            }
                          >
                            {invited ? "Withdraw" : "Remove"}
                          </Button>
                        )}
                      </Group>
                    </Table.Td>
                  </Table.Tr>
                );
              })}
            </Table.Tbody>
          </Table>
        </Scroll>
        <Text size="sm" c="dimmed" mt="sm">
          To reset a second factor, or to disable or delete an account, ask the platform operator: an account can belong
          to several partitions.
        </Text>
      </Card>
      <Modal
        opened={!!removing}
        onClose={() => setRemoving(undefined)}
        title={
          <Text fw={650}>
            {removing?.user.status === "INVITED" ? "Withdraw invitation" : "Remove from the partition"}
          </Text>
        }
      >
        {removing && (
          <Stack>
            <Text size="sm">
              {removing.user.status === "INVITED"
                ? `The link that was sent to ${removing.user.email} stops working.`
                : `${removing.user.email} loses every role in this partition at once. The account itself stays, with what it may do elsewhere.`}
            </Text>
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setRemoving(undefined)} data-autofocus>
                Cancel
              </Button>
              <Button color="red" loading={remove.isPending} onClick={() => remove.mutate(removing.user.id)}>
                {removing.user.status === "INVITED" ? "Withdraw" : "Remove"}
              </Button>
            </Group>
          </Stack>
        )}
      </Modal>
    </>
  );
}

function RolesTab({ partitionId }: { partitionId: string }) {
  const members = useMembers(partitionId);
  const can = useCan(partitionId);
  const queryClient = useQueryClient();
  const change = () => queryClient.invalidateQueries();
  const grant = useMutation({
    mutationFn: (v: { userId: string; role: Role }) => request(Grant, { input: { partitionId, ...v } }),
    onSuccess: change,
  });
  const revoke = useMutation({
    mutationFn: (v: { userId: string; role: Role }) => request(RevokeRole, { input: { partitionId, ...v } }),
    onSuccess: change,
  });
  const [removing, setRemoving] = useState<{ userId: string; role: Role; name: string }>();
  const all = members.data?.partition?.members.nodes ?? [];
  if (members.isPending) return <Loading />;
  return (
    <Stack>
      <ErrorAlert error={grant.error ?? revoke.error} />
      {roles.map((role) => {
        const holders = all.filter((m) => m.roles.includes(role));
        const others = all.filter((m) => !m.roles.includes(role));
        return (
          <Card key={role} withBorder>
            <Group justify="space-between" mb="xs">
              <Text component="h2" fw={650} m={0} fz="md">
                {roleNames[role]}{" "}
                <Badge variant="light" styles={{ root: { color: "var(--mantine-color-text)" } }}>
                  {holders.length}
                </Badge>
              </Text>
              {can("role:manage") && (
                <Menu width={280} position="bottom-end">
                  <Menu.Target>
                    <Button
                      size="xs"
                      variant="default"
                      leftSection={<IconPlus size={14} />}
                      disabled={others.length === 0}
                    >
                      Add user
                    </Button>
                  </Menu.Target>
                  <Menu.Dropdown>
                    {others.map((m) => (
                      <Menu.Item key={m.user.id} onClick={() => grant.mutate({ userId: m.user.id, role })}>
                        {m.user.email}
                      </Menu.Item>
                    ))}
                  </Menu.Dropdown>
                </Menu>
              )}
            </Group>
            {holders.length === 0 && (
              <Text size="sm" c="dimmed">
                Nobody.
              </Text>
            )}
            {holders.map((m) => (
              <Group key={m.user.id} justify="space-between" py={4}>
                <Text size="sm" style={{ overflowWrap: "anywhere" }}>
                  {m.user.firstName} {m.user.lastName} · {m.user.email}
                </Text>
                {can("role:manage") && (
                  <Button
                    size="compact-xs"
                    variant="subtle"
                    color="red"
                    onClick={() => setRemoving({ userId: m.user.id, role, name: m.user.email })}
                    aria-label={`Remove User ${m.user.email} from ${roleNames[role]}`}
                  >
                    Remove User
                  </Button>
                )}
              </Group>
            ))}
          </Card>
        );
      })}
      <Modal opened={!!removing} onClose={() => setRemoving(undefined)} title={<Text fw={650}>Remove User</Text>}>
        {removing && (
          <Stack>
            <Text size="sm">
              {removing.name} loses the role {roleNames[removing.role]} at once.
            </Text>
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setRemoving(undefined)} data-autofocus>
                Cancel
              </Button>
              <Button
                color="red"
                onClick={() => {
                  revoke.mutate({ userId: removing.userId, role: removing.role });
                  setRemoving(undefined);
                }}
              >
                Remove
              </Button>
            </Group>
          </Stack>
        )}
      </Modal>
    </Stack>
  );
}

function InviteDialog({ partitionId, onClose }: { partitionId: string; onClose: () => void }) {
  const queryClient = useQueryClient();
  const [v, setV] = useState({ email: "", firstName: "", lastName: "", roles: [] as string[] });
  const invite = useMutation({
    mutationFn: () =>
      request(Invite, {
        input: {
          partitionId,
          email: v.email.trim(),
          firstName: v.firstName.trim(),
          lastName: v.lastName.trim(),
          roles: v.roles as Role[],
        },
      }),
    onSuccess: () => {
      notifications.show({ message: `${v.email} is invited.` });
      onClose();
      void queryClient.invalidateQueries();
    },
  });
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Invite User</Text>}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          invite.mutate();
        }}
      >
        <Stack>
          <NoMailServer />
          <TextInput
            label="Email"
            type="email"
            required
            value={v.email}
            onChange={(e) => setV({ ...v, email: e.currentTarget.value })}
            error={fieldError(invite.error, "email")}
            data-autofocus
          />
          <Group grow align="flex-start">
            <TextInput
              label="First Name"
              required
              value={v.firstName}
              onChange={(e) => setV({ ...v, firstName: e.currentTarget.value })}
              error={fieldError(invite.error, "firstName")}
            />
            <TextInput
              label="Last Name"
              required
              value={v.lastName}
              onChange={(e) => setV({ ...v, lastName: e.currentTarget.value })}
              error={fieldError(invite.error, "lastName")}
            />
          </Group>
          <MultiSelect
            label="Roles"
            description="May be given later"
            data={roles.map((r) => ({ value: r, label: roleNames[r] }))}
            value={v.roles}
            onChange={(r) => setV({ ...v, roles: r })}
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

function TokensTab({ partitionId }: { partitionId: string }) {
  const queryClient = useQueryClient();
  const viewer = useViewer();
  const own = viewer?.partitions.find((p) => p.id === partitionId)?.roles ?? [];
  const allowed = own.includes("OWNERS") ? roles : own;
  const tokens = useQuery({
    queryKey: ["tokens", partitionId],
    queryFn: () => requestAll(Tokens, { partition: partitionId }, (r) => r.partition?.apiTokens),
  });
  const [creating, setCreating] = useState(false);
  const [name, setName] = useState("");
  const [role, setRole] = useState<string | null>(null);
  const [days, setDays] = useState("90");
  const [service, setService] = useState("personal");
  const [ending, setEnding] = useState<{ id: string; name: string }>();
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["tokens"] });
  const create = useMutation({
    mutationFn: () =>
      request(CreateToken, {
        input: {
          partitionId,
          name: name.trim(),
          role: role as Role,
          service: service === "service",
          expiresAt: new Date(Date.now() + Number(days) * 86_400_000).toISOString(),
        },
      }),
    onSuccess: refresh,
  });
  const revoke = useMutation({ mutationFn: (id: string) => request(RevokeToken, { id }), onSuccess: refresh });
  const { close, guarded } = useClosing(() => {
    setCreating(false);
    setName("");
    setService("personal");
    create.reset();
  });
  const add = (
    <Button leftSection={<IconPlus size={14} />} size="sm" onClick={() => setCreating(true)}>
      Create API Token
    </Button>
  );
  if (tokens.isPending) return <Loading />;
  const list = tokens.data?.partition?.apiTokens.nodes ?? [];
  return (
    <>
      <ErrorAlert error={tokens.error ?? revoke.error} />
      {list.length === 0 ? (
        <EmptyState icon={<IconKey />} title="No API token yet" action={add}>
          Automation signs in with a token: a role in this partition, for a time. A personal token can never do more
          than its owner; a service token is not tied to a person.
        </EmptyState>
      ) : (
        <Card withBorder>
          <Group justify="flex-end" mb="xs">
            {add}
          </Group>
          <Scroll label="API tokens">
            <Table miw={720}>
              <Table.Thead>
                <Table.Tr>
                  {["Name", "Role", "Kind", "Expires", "Last use", ""].map((h) => (
                    <Table.Th key={h} aria-label={h || "Actions"}>
                      {h}
                    </Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {list.map((t) => (
                  <Table.Tr key={t.id}>
                    <Table.Td>
                      <Text size="sm" fw={600}>
                        {t.name}
                      </Text>
                      <Text size="xs" c="dimmed" ff="monospace">
                        {t.prefix}… by {t.createdBy}
                      </Text>
                    </Table.Td>
                    <Table.Td>{roleNames[t.role]}</Table.Td>
                    <Table.Td>
                      {t.service ? "Service" : "Personal"}
                      {t.stopped && !t.revokedAt && (
                        <Text size="xs" c="dimmed">
                          stopped: its owner has no role here
                        </Text>
                      )}
                    </Table.Td>
                    <Table.Td>
                      <Moment at={t.expiresAt} />
                    </Table.Td>
                    <Table.Td>{t.lastUsedAt ? <Moment at={t.lastUsedAt} /> : "never"}</Table.Td>
                    <Table.Td>
                      {t.revokedAt ? (
                        <StatusBadge status="REVOKED" />
                      ) : t.mayRevoke ? (
                        <Button
                          size="compact-xs"
                          variant="subtle"
                          color="red"
                          onClick={() => setEnding(t)}
                          aria-label={`Revoke ${t.name}`}
                        >
                          Revoke
                        </Button>
                      ) : (
                        <Text size="xs" c="dimmed">
                          has permissions you do not have
                        </Text>
                      )}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Scroll>
        </Card>
      )}
      <Modal opened={!!ending} onClose={() => setEnding(undefined)} title={<Text fw={650}>Revoke {ending?.name}</Text>}>
        <Stack>
          <Text size="sm">Whatever uses this token is refused at once. This is for good.</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setEnding(undefined)} data-autofocus>
              Cancel
            </Button>
            <Button
              color="red"
              onClick={() => {
                revoke.mutate(ending!.id);
                setEnding(undefined);
              }}
            >
              Revoke
            </Button>
          </Group>
        </Stack>
      </Modal>
      <Modal
        opened={creating}
        onClose={close}
        title={<Text fw={650}>Create API Token</Text>}
        closeOnClickOutside={!create.data}
      >
        {guarded(
          create.data ? (
            <Stack>
              <SecretOnce label="API token" value={create.data.createApiToken.token} />
              <Button onClick={close}>Done</Button>
            </Stack>
          ) : (
            <form
              onSubmit={(e) => {
                e.preventDefault();
                create.mutate();
              }}
            >
              <Stack>
                <TextInput
                  label="Name"
                  description="What uses it; 2 to 64 characters"
                  required
                  minLength={2}
                  maxLength={64}
                  value={name}
                  onChange={(e) => setName(e.currentTarget.value)}
                  error={fieldError(create.error, "name")}
                  data-autofocus
                />
                <Select
                  label="Role"
                  required
                  data={allowed.map((r) => ({ value: r, label: roleNames[r] }))}
                  value={role}
                  onChange={setRole}
                  error={fieldError(create.error, "role")}
                />
                <Radio.Group
                  label="For"
                  value={service}
                  onChange={setService}
                  error={fieldError(create.error, "service")}
                >
                  <Stack gap="xs" mt="xs">
                    <Radio
                      value="personal"
                      label="Me"
                      description="It can do only what both its role and your current roles permit. It stops working when you have no role here"
                    />
                    <Radio
                      value="service"
                      label="A service"
                      description="Not tied to a person: it works until it expires or is revoked, even after you leave. It cannot manage people"
                    />
                  </Stack>
                </Radio.Group>
                <Select
                  label="Expires in"
                  data={[
                    ["30", "30 days"],
                    ["90", "90 days"],
                    ["180", "180 days"],
                    ["365", "1 year"],
                  ].map(([value, label]) => ({ value: value!, label: label! }))}
                  value={days}
                  onChange={(d) => setDays(d ?? "90")}
                  allowDeselect={false}
                  error={fieldError(create.error, "expiresAt")}
                />
                <ErrorAlert error={create.error} />
                <Group justify="flex-end">
                  <Button variant="default" onClick={close}>
                    Cancel
                  </Button>
                  <Button type="submit" loading={create.isPending} disabled={!role}>
                    Create
                  </Button>
                </Group>
              </Stack>
            </form>
          ),
        )}
      </Modal>
    </>
  );
}
