import {
  Badge,
  Box,
  Button,
  Group,
  Modal,
  PasswordInput,
  SegmentedControl,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
  useMantineColorScheme,
} from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconFingerprint } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { RecoveryCodes } from "@/components/RecoveryCodes";
import { TotpEnrolment } from "@/components/TotpEnrolment";
import { ErrorAlert, Facts, Loading, Moment, PageHeader, Section, fieldError } from "@/components/ui";
import { graphql } from "@/gql";
import { request } from "@/lib/graphql";
import { createPasskey, passkeysWork } from "@/lib/passkey";
import { roleNames, useDeployment } from "@/lib/session";

const Account = graphql(`
  query Account {
    viewer {
      user {
        email
        firstName
        lastName
        createdAt
        lastSignInAt
      }
      invitations {
        id
        name
        roles
        invitedBy
        expiresAt
      }
      security {
        totpEnrolled
        recoveryCodesLeft
        passkeys {
          id
          name
          createdAt
          lastUsedAt
        }
        sessions(first: 200) {
          nodes {
            id
            createdAt
            lastSeenAt
            ipAddress
            userAgent
            current
          }
        }
      }
    }
  }
`);
const ChangePassword = graphql(`
  mutation ChangePassword($input: ChangePasswordInput!) {
    changePassword(input: $input) {
      sessionsEnded
    }
  }
`);
const Regenerate = graphql(`
  mutation Regenerate {
    regenerateRecoveryCodes {
      recoveryCodes
    }
  }
`);
const EndSession = graphql(`
  mutation EndSession($id: ID!) {
    endSession(input: { id: $id }) {
      sessionsEnded
    }
  }
`);
const Everywhere = graphql(`
  mutation SignOutEverywhere {
    signOutEverywhere {
      sessionsEnded
    }
  }
`);
const BeginPasskey = graphql(`
  mutation BeginPasskey {
    beginPasskeyRegistration {
      options
    }
  }
`);
const FinishPasskey = graphql(`
  mutation FinishPasskey($name: String!, $credential: String!) {
    finishPasskeyRegistration(input: { name: $name, credential: $credential }) {
      recoveryCodes
    }
  }
`);
const RemovePasskey = graphql(`
  mutation RemovePasskey($id: ID!) {
    removePasskey(input: { id: $id }) {
      viewer {
        operator
      }
    }
  }
`);

const AcceptRoles = graphql(`
  mutation AcceptRoles($id: ID!) {
    acceptRoles(input: { invitationId: $id }) {
      viewer {
        operator
      }
    }
  }
`);
const Decline = graphql(`
  mutation DeclineInvitation($id: ID!) {
    declineInvitation(input: { invitationId: $id }) {
      viewer {
        operator
      }
    }
  }
`);

export function AccountPage() {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const minLength = useDeployment()?.passwordMinLength ?? 12;
  const account = useQuery({ queryKey: ["account"], queryFn: () => request(Account) });
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["account"] });
  const [codes, setCodes] = useState<readonly string[]>();
  const [totp, setTotp] = useState(false);
  const [name, setName] = useState("");
  const [passwords, setPasswords] = useState({ current: "", next: "" });
  const change = useMutation({
    mutationFn: () =>
      request(ChangePassword, { input: { currentPassword: passwords.current, newPassword: passwords.next } }),
    onSuccess: () => {
      setPasswords({ current: "", next: "" });
      notifications.show({ message: "The password is changed; other sessions have ended." });
      void refresh();
    },
  });
  const regenerate = useMutation({
    mutationFn: () => request(Regenerate),
    onSuccess: (d) => {
      setCodes(d.regenerateRecoveryCodes.recoveryCodes);
      void refresh();
    },
  });
  const passkey = useMutation({
    mutationFn: async () =>
      request(FinishPasskey, {
        name: name.trim() || "Passkey",
        credential: await createPasskey((await request(BeginPasskey)).beginPasskeyRegistration.options),
      }),
    onSuccess: (d) => {
      setName("");
      if (d.finishPasskeyRegistration.recoveryCodes.length) setCodes(d.finishPasskeyRegistration.recoveryCodes);
      void refresh();
    },
  });
  const removePasskey = useMutation({ mutationFn: (id: string) => request(RemovePasskey, { id }), onSuccess: refresh });
  const endSession = useMutation({ mutationFn: (id: string) => request(EndSession, { id }), onSuccess: refresh });
  const everywhere = useMutation({
    mutationFn: () => request(Everywhere),
    onSuccess: async () => {
      queryClient.clear();
      await navigate({ to: "/login" });
    },
  });
  const everything = () => queryClient.invalidateQueries();
  const accept = useMutation({
    mutationFn: (id: string) => request(AcceptRoles, { id }),
    onSuccess: () => notifications.show({ message: "Accepted. The partition is now among yours." }),
    onSettled: everything,
  });
  const decline = useMutation({ mutationFn: (id: string) => request(Decline, { id }), onSettled: everything });
  const invitations = account.data?.viewer?.invitations ?? [];
  const user = account.data?.viewer?.user;
  const security = account.data?.viewer?.security;
  return (
    <>
      <PageHeader title="Profile and security" description={user && `${user.firstName} ${user.lastName}`.trim()} />
      <ErrorAlert error={account.error} retry={() => void account.refetch()} />
      {account.isPending && <Loading />}
      <ErrorAlert error={accept.error ?? decline.error} />
      {invitations.length > 0 && (
        <Box mb="md">
          <Section title="Invitations">
            <Stack gap="sm">
              {invitations.map((i) => (
                <Group key={i.id} justify="space-between">
                  <div style={{ minWidth: 0 }}>
                    <Text size="sm" fw={600}>
                      {i.name}
                    </Text>
                    <Text size="sm" c="dimmed">
                      {i.roles.map((r) => roleNames[r]).join(", ") || "no role yet"}
                      {i.invitedBy && ` · by ${i.invitedBy}`} · expires <Moment at={i.expiresAt} />
                    </Text>
                  </div>
                  <Group gap="xs">
                    <Button
                      size="xs"
                      loading={accept.isPending && accept.variables === i.id}
                      onClick={() => accept.mutate(i.id)}
                      aria-label={`Accept the invitation to ${i.name}`}
                    >
                      Accept
                    </Button>
                    <Button
                      size="xs"
                      variant="default"
                      loading={decline.isPending && decline.variables === i.id}
                      onClick={() => decline.mutate(i.id)}
                      aria-label={`Decline the invitation to ${i.name}`}
                    >
                      Decline
                    </Button>
                  </Group>
                </Group>
              ))}
            </Stack>
          </Section>
        </Box>
      )}
      {user && security && (
        <SimpleGrid cols={{ base: 1, lg: 2 }}>
          <Section title="Account">
            <Facts
              rows={[
                ["E-mail", user.email],
                ["Since", <Moment key="s" at={user.createdAt} />],
                ["Last sign-in", user.lastSignInAt && <Moment at={user.lastSignInAt} />],
                ["Time zone", Intl.DateTimeFormat().resolvedOptions().timeZone],
                [
                  "Theme",
                  <SegmentedControl
                    key="t"
                    size="xs"
                    aria-label="Theme"
                    value={colorScheme}
                    onChange={(v) => setColorScheme(v as "light" | "dark" | "auto")}
                    data={[
                      { value: "light", label: "Light" },
                      { value: "dark", label: "Dark" },
                      { value: "auto", label: "System" },
                    ]}
                  />,
                ],
              ]}
            />
          </Section>
          <Section title="Second factors">
            <Stack>
              <Group justify="space-between">
                <Text size="sm">Authenticator app</Text>
                <Group gap="xs">
                  {security.totpEnrolled && (
                    <Badge
                      color="teal"
                      variant="light"
                      tt="none"
                      styles={{ root: { color: "var(--mantine-color-text)" } }}
                    >
                      Enrolled
                    </Badge>
                  )}
                  <Button size="xs" variant="default" onClick={() => setTotp(true)}>
                    {security.totpEnrolled ? "Replace" : "Enrol"}
                  </Button>
                </Group>
              </Group>
              {security.passkeys.map((p) => (
                <Group key={p.id} justify="space-between" wrap="nowrap">
                  <div>
                    <Text size="sm">{p.name}</Text>
                    <Text size="xs" c="dimmed">
                      passkey,{" "}
                      {p.lastUsedAt ? (
                        <>
                          last used <Moment at={p.lastUsedAt} />
                        </>
                      ) : (
                        "not used yet"
                      )}
                    </Text>
                  </div>
                  <Button
                    size="compact-xs"
                    variant="subtle"
                    color="red"
                    onClick={() => removePasskey.mutate(p.id)}
                    aria-label={`Remove passkey ${p.name}`}
                  >
                    Remove
                  </Button>
                </Group>
              ))}
              {passkeysWork() ? (
                <Group align="flex-end" wrap="nowrap">
                  <TextInput
                    label="New passkey"
                    placeholder="Name, e.g. Work laptop"
                    value={name}
                    onChange={(e) => setName(e.currentTarget.value)}
                    style={{ flex: 1 }}
                  />
                  <Button
                    variant="default"
                    leftSection={<IconFingerprint size={16} />}
                    loading={passkey.isPending}
                    onClick={() => passkey.mutate()}
                  >
                    Add
                  </Button>
                </Group>
              ) : (
                <Text size="sm" c="dimmed">
                  Passkeys need the console to be opened by its name, not by an address: try https://localhost
                  {location.port ? `:${location.port}` : ""}.
                </Text>
              )}
              <Group justify="space-between">
                <Text size="sm">{security.recoveryCodesLeft} recovery codes left</Text>
                <Button size="xs" variant="default" loading={regenerate.isPending} onClick={() => regenerate.mutate()}>
                  Make new ones
                </Button>
              </Group>
              <ErrorAlert error={passkey.error ?? removePasskey.error ?? regenerate.error} />
            </Stack>
          </Section>
          <Section
            title="Sessions"
            actions={
              <Button
                size="xs"
                color="red"
                variant="outline"
                loading={everywhere.isPending}
                onClick={() => everywhere.mutate()}
              >
                Sign out everywhere
              </Button>
            }
          >
            <Stack gap="sm">
              {security.sessions.nodes.map((s) => (
                <Group key={s.id} justify="space-between" wrap="nowrap">
                  <div style={{ minWidth: 0 }}>
                    <Text size="sm" truncate>
                      {s.ipAddress}{" "}
                      {s.current && (
                        <Badge
                          size="sm"
                          variant="light"
                          tt="none"
                          styles={{ root: { color: "var(--mantine-color-text)" } }}
                        >
                          this one
                        </Badge>
                      )}
                    </Text>
                    <Text size="xs" c="dimmed" truncate>
                      {s.userAgent}
                    </Text>
                    <Text size="xs" c="dimmed">
                      last seen <Moment at={s.lastSeenAt} />
                    </Text>
                  </div>
                  {!s.current && (
                    <Button
                      size="compact-xs"
                      variant="subtle"
                      color="red"
                      style={{ flex: "none" }}
                      onClick={() => endSession.mutate(s.id)}
                    >
                      End
                    </Button>
                  )}
                </Group>
              ))}
              <ErrorAlert error={endSession.error ?? everywhere.error} />
            </Stack>
          </Section>
          <Section title="Password">
            <form
              onSubmit={(e) => {
                e.preventDefault();
                change.mutate();
              }}
            >
              <Stack>
                <input type="email" autoComplete="username" value={user.email} readOnly hidden />
                <PasswordInput
                  label="Present password"
                  required
                  autoComplete="current-password"
                  value={passwords.current}
                  onChange={(e) => setPasswords({ ...passwords, current: e.currentTarget.value })}
                  error={fieldError(change.error, "currentPassword")}
                />
                <PasswordInput
                  label="New password"
                  description={`At least ${minLength} characters`}
                  required
                  minLength={minLength}
                  autoComplete="new-password"
                  value={passwords.next}
                  onChange={(e) => setPasswords({ ...passwords, next: e.currentTarget.value })}
                  error={fieldError(change.error, "newPassword")}
                />
                <ErrorAlert error={change.error} />
                <Group>
                  <Button type="submit" loading={change.isPending}>
                    Change password
                  </Button>
                </Group>
              </Stack>
            </form>
          </Section>
        </SimpleGrid>
      )}
      <Modal
        opened={!!codes}
        onClose={() => setCodes(undefined)}
        title={<Text fw={650}>Recovery codes</Text>}
        closeOnClickOutside={false}
        closeOnEscape={false}
        withCloseButton={false}
      >
        {codes && <RecoveryCodes codes={codes} onDone={() => setCodes(undefined)} />}
      </Modal>
      <Modal
        opened={totp}
        onClose={() => setTotp(false)}
        title={
          <Text fw={650}>
            {security?.totpEnrolled ? "Replace the authenticator app" : "Enrol an authenticator app"}
          </Text>
        }
      >
        {totp && (
          <TotpEnrolment
            onDone={(c) => {
              setTotp(false);
              if (c.length) setCodes(c);
              void refresh();
            }}
          />
        )}
      </Modal>
    </>
  );
}
