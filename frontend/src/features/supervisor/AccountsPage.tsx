import { Alert, Anchor, Button, Card, Checkbox, Group, Modal, Stack, Table, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconAlertTriangle, IconUsers } from "@tabler/icons-react";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import {
  EmptyState,
  ErrorAlert,
  Facts,
  Loading,
  Moment,
  NotPermitted,
  PageHeader,
  Scroll,
  StatusBadge,
  fieldError,
} from "@/components/ui";
import { graphql } from "@/gql";
import type { AccountDetailsQuery } from "@/gql/graphql";
import { request } from "@/lib/graphql";
import { useDeployment, useViewer } from "@/lib/session";

const Accounts = graphql(`
  query Accounts($search: String, $after: String) {
    accounts(first: 50, after: $after, search: $search) {
      nodes {
        id
        email
        firstName
        lastName
        status
        createdAt
        lastSignInAt
      }
      pageInfo {
        hasNextPage
        endCursor
      }
      totalCount
    }
  }
`);
const AccountDetails = graphql(`
  query AccountDetails($id: ID!) {
    account(id: $id) {
      user {
        id
        email
        firstName
        lastName
        status
        createdAt
        lastSignInAt
      }
      operator
      factors
      secondFactorResetAt
      passwordResetAt
      soleOwnerOf
    }
  }
`);
const Disable = graphql(`
  mutation DisableAccount($input: DisableAccountInput!) {
    disableAccount(input: $input) {
      user {
        id
      }
    }
  }
`);
const Enable = graphql(`
  mutation EnableAccount($id: ID!) {
    enableAccount(input: { id: $id }) {
      user {
        id
      }
    }
  }
`);
const ResetFactor = graphql(`
  mutation ResetSecondFactor($id: ID!) {
    resetSecondFactor(input: { id: $id }) {
      user {
        id
      }
    }
  }
`);
const Delete = graphql(`
  mutation DeleteAccount($input: DeleteAccountInput!) {
    deleteAccount(input: $input) {
      user {
        id
      }
    }
  }
`);

const factorNames = { TOTP: "authenticator app", PASSKEY: "passkey", RECOVERY_CODE: "recovery codes" };

/** The accounts of the deployment, for its operators: what concerns an account and not a partition is done here. */
export function AccountsPage() {
  const viewer = useViewer();
  const { search } = useSearch({ from: "/signed-in/supervisor/accounts" });
  const navigate = useNavigate();
  const [after, setAfter] = useState<string>();
  const [shown, setShown] = useState<string>();
  const list = useQuery({
    queryKey: ["accounts", search, after],
    queryFn: () => request(Accounts, { search: search ?? null, after: after ?? null }),
    enabled: viewer?.operator ?? false,
    placeholderData: keepPreviousData,
  });
  if (!viewer?.operator) return <NotPermitted permission="account:browse" />;
  const accounts = list.data?.accounts;
  return (
    <>
      <PageHeader
        title="Accounts"
        description="Everyone who can sign in here. Roles in a partition are given and taken by its Owners."
      />
      <TextInput
        aria-label="Search accounts"
        placeholder="Search by e-mail or name"
        mb="md"
        maw={360}
        defaultValue={search}
        onChange={(e) => {
          setAfter(undefined);
          void navigate({ to: ".", search: { search: e.currentTarget.value || undefined }, replace: true });
        }}
      />
      <ErrorAlert error={list.error} retry={() => void list.refetch()} />
      {list.isPending && <Loading />}
      {accounts?.nodes.length === 0 && (
        <EmptyState icon={<IconUsers />} title="No account matches">
          Search for something else.
        </EmptyState>
      )}
      {!!accounts?.nodes.length && (
        <Card withBorder>
          <Scroll label="Accounts">
            <Table miw={600}>
              <Table.Thead>
                <Table.Tr>
                  {["Account", "Status", "Since", "Last sign-in"].map((h) => (
                    <Table.Th key={h}>{h}</Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {accounts.nodes.map((u) => (
                  <Table.Tr key={u.id}>
                    <Table.Td>
                      <Anchor
                        component="button"
                        ta="left"
                        type="button"
                        size="sm"
                        fw={600}
                        onClick={() => setShown(u.id)}
                      >
                        {u.email}
                      </Anchor>
                      <Text size="sm" c="dimmed">
                        {u.firstName} {u.lastName}
                      </Text>
                    </Table.Td>
                    <Table.Td>
                      <StatusBadge status={u.status} />
                    </Table.Td>
                    <Table.Td>
                      <Moment at={u.createdAt} />
                    </Table.Td>
                    <Table.Td>{u.lastSignInAt ? <Moment at={u.lastSignInAt} /> : "never"}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Scroll>
          <Group justify="flex-end" mt="sm">
            {after && (
              <Button size="xs" variant="default" onClick={() => setAfter(undefined)}>
                First page
              </Button>
            )}
            {accounts.pageInfo.hasNextPage && (
              <Button size="xs" variant="default" onClick={() => setAfter(accounts.pageInfo.endCursor ?? undefined)}>
                Next page
              </Button>
            )}
          </Group>
        </Card>
      )}
      {shown && <AccountDialog id={shown} onClose={() => setShown(undefined)} />}
    </>
  );
}

type Details = NonNullable<AccountDetailsQuery["account"]>;
type Act = "disable" | "enable" | "reset" | "delete";

function AccountDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const viewer = useViewer();
  const account = useQuery({ queryKey: ["account-of", id], queryFn: () => request(AccountDetails, { id }) });
  const [act, setAct] = useState<Act>();
  const a = account.data?.account;
  const own = viewer?.user?.id === id;
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>{a?.user.email ?? "Account"}</Text>}>
      <ErrorAlert error={account.error} />
      {account.isPending && <Loading lines={4} />}
      {a && !act && (
        <Stack>
          <Facts
            rows={[
              ["Name", `${a.user.firstName} ${a.user.lastName}`.trim() || null],
              ["Status", <StatusBadge key="s" status={a.user.status} />],
              ["Platform operator", a.operator ? "yes" : "no"],
              [
                "Second factors",
                a.secondFactorResetAt ? (
                  <Text key="r" size="sm">
                    reset <Moment at={a.secondFactorResetAt} />, not enrolled again yet
                  </Text>
                ) : (
                  a.factors.map((f) => factorNames[f]).join(", ") || "none"
                ),
              ],
              [
                "Password",
                a.passwordResetAt ? (
                  <Text key="p" size="sm">
                    set by a mailed link <Moment at={a.passwordResetAt} />, no sign-in since: for 7 days the second
                    factor cannot be reset
                  </Text>
                ) : null,
              ],
              ["Only Owner of", a.soleOwnerOf.join(", ") || null],
            ]}
          />
          {own ? (
            <Text size="sm" c="dimmed">
              This is your own account: manage it on your profile page, or ask another platform operator.
            </Text>
          ) : (
            <Group>
              <Button variant="default" onClick={() => setAct("reset")}>
                Reset second factor
              </Button>
              {a.user.status === "DISABLED" ? (
                <Button variant="default" onClick={() => setAct("enable")}>
                  Enable
                </Button>
              ) : (
                <Button variant="default" onClick={() => setAct("disable")}>
                  Disable
                </Button>
              )}
              <Button color="red" onClick={() => setAct("delete")}>
                Delete
              </Button>
            </Group>
          )}
        </Stack>
      )}
      {a && act && <Confirm account={a} act={act} onBack={() => setAct(undefined)} onDone={onClose} />}
    </Modal>
  );
}

const acts: Record<Act, { label: string; done: string; text: string }> = {
  disable: {
    label: "Disable",
    done: "The account is disabled.",
    text: "Every session ends and nobody can sign in to the account. Its roles stay but have no effect, until it is enabled again.",
  },
  enable: {
    label: "Enable",
    done: "The account is enabled.",
    text: "The person can sign in again, with the roles that the account has.",
  },
  reset: {
    label: "Reset second factor",
    done: "The second factor is reset.",
    text: "Every second factor and recovery code is removed, and every session ends. A code goes to the account's e-mail address. At the next sign-in the person gives the password and that code, and enrols a new second factor. Make sure that it is the person who asks.",
  },
  delete: {
    label: "Delete",
    done: "The account is deleted.",
    text: "The account is removed for good, with its roles, second factors and sessions. What it did stays in the audit log. The e-mail address can be invited again, as a new person.",
  },
};

function Confirm({
  account,
  act,
  onBack,
  onDone,
}: {
  account: Details;
  act: Act;
  onBack: () => void;
  onDone: () => void;
}) {
  const queryClient = useQueryClient();
  const keepsOutbox = useDeployment()?.keepsOutbox;
  const [typed, setTyped] = useState("");
  const [leave, setLeave] = useState(false);
  const id = account.user.id;
  const warn = (act === "disable" || act === "delete") && account.soleOwnerOf.length > 0;
  const run = useMutation({
    mutationFn: async (): Promise<unknown> => {
      switch (act) {
        case "disable":
          return request(Disable, { input: { id, leaveWithoutOwner: leave } });
        case "enable":
          return request(Enable, { id });
        case "reset":
          return request(ResetFactor, { id });
        case "delete":
          return request(Delete, { input: { id, confirmEmail: typed.trim(), leaveWithoutOwner: leave } });
      }
    },
    onSuccess: () => {
      notifications.show({ message: acts[act].done });
      void queryClient.invalidateQueries();
      onDone();
    },
  });
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        run.mutate();
      }}
    >
      <Stack>
        <Text size="sm">{acts[act].text}</Text>
        {act === "reset" && keepsOutbox && (
          <Text size="sm">No mail server is configured: pass on the code from the outbox under Subscriptions.</Text>
        )}
        {warn && (
          <Alert
            color="yellow"
            variant="light"
            styles={{ title: { color: "var(--mantine-color-text)" } }}
            icon={<IconAlertTriangle size={18} />}
            title={`The only Owner of ${account.soleOwnerOf.join(", ")}`}
          >
            <Stack gap="xs">
              <Text size="sm">
                Nobody will be able to manage people there. You can invite another Owner under Subscriptions.
              </Text>
              <Checkbox
                label="Leave without an Owner"
                checked={leave}
                onChange={(e) => setLeave(e.currentTarget.checked)}
              />
            </Stack>
          </Alert>
        )}
        {act === "delete" && (
          <TextInput
            label={`Type ${account.user.email}`}
            value={typed}
            onChange={(e) => setTyped(e.currentTarget.value)}
            error={fieldError(run.error, "confirmEmail")}
            autoComplete="off"
          />
        )}
        <ErrorAlert error={run.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onBack} data-autofocus>
            Cancel
          </Button>
          <Button
            type="submit"
            color={act === "enable" ? undefined : "red"}
            loading={run.isPending}
            disabled={(warn && !leave) || (act === "delete" && typed.trim() !== account.user.email)}
          >
            {acts[act].label}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
