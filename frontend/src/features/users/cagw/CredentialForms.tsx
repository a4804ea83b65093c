import { Alert, Button, Group, Modal, Radio, Stack, Text, TextInput } from "@mantine/core";
import { IconBuildingBank } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { ConfirmTyping, EmptyState, ErrorAlert, Loading, fieldError } from "@/components/ui";
import { identifierRule } from "@/lib/format";
import { request } from "@/lib/graphql";
import { Create, Delete, Renew, SetRoles, type Credential, type Issued } from "./queries";
import { inputOf, RolesEditor, rowsOf, useAuthorities, type Row } from "./RolesEditor";

const title = (text: string) => <Text fw={650}>{text}</Text>;

const fields = ["identifier", "friendlyName", "roles"];

export function CreateCredential({
  partitionId,
  taken,
  onClose,
  onIssued,
}: {
  partitionId: string;
  taken: string[];
  onClose: () => void;
  onIssued: (issued: Issued) => void;
}) {
  const queryClient = useQueryClient();
  const authorities = useAuthorities(partitionId);
  const [identifier, setIdentifier] = useState("");
  const [friendlyName, setFriendlyName] = useState("");
  const [rows, setRows] = useState<Row[]>([]);
  const create = useMutation({
    mutationFn: () =>
      request(Create, { input: { partitionId, identifier, friendlyName: friendlyName.trim(), roles: inputOf(rows) } }),
    gcTime: 0, // the secret is kept no longer than it is shown
    onSuccess: (made) => {
      void queryClient.invalidateQueries({ queryKey: ["cagw"] });
      onIssued(made.createCagwCredential);
    },
  });
  const wrong =
    identifier && !identifierRule.test(identifier)
      ? "2 to 18 characters out of a-z, 0-9, hyphen and underscore"
      : taken.includes(identifier)
        ? "This identifier is taken"
        : undefined;
  return (
    <Modal opened onClose={onClose} size="lg" title={title("Create CAGW Credential")}>
      {authorities.isPending ? (
        <Loading lines={3} />
      ) : authorities.data?.partition?.certificationAuthorities.nodes.length === 0 ? (
        <EmptyState
          icon={<IconBuildingBank />}
          title="No certificate authority yet"
          action={
            <Button
              renderRoot={(p) => (
                <Link to="/p/$partitionId/cas" params={{ partitionId }} search={{ create: "true" }} {...p} />
              )}
            >
              Create Authority
            </Button>
          }
        >
          A credential has roles on authorities: create one first.
        </EmptyState>
      ) : (
        <form
          onSubmit={(e) => {
            e.preventDefault();
            create.mutate();
          }}
        >
          <Stack>
            <TextInput
              label="Credential identifier"
              description="2 to 18 of a-z, 0-9, hyphen and underscore: the client that gets it. It stays"
              required
              data-autofocus
              autoComplete="off"
              value={identifier}
              onChange={(e) => setIdentifier(e.currentTarget.value)}
              error={wrong ?? fieldError(create.error, "identifier")}
            />
            <TextInput
              label="Friendly Name"
              required
              maxLength={64}
              autoComplete="off"
              value={friendlyName}
              onChange={(e) => setFriendlyName(e.currentTarget.value)}
              error={fieldError(create.error, "friendlyName")}
            />
            <RolesEditor
              partitionId={partitionId}
              rows={rows}
              onChange={setRows}
              error={fieldError(create.error, "roles")}
            />
            <ErrorAlert error={create.error ?? authorities.error} fields={fields} />
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button
                type="submit"
                loading={create.isPending}
                disabled={!identifier || !!wrong || !friendlyName.trim() || rows.length === 0}
              >
                Create
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}

export function EditRoles({
  partitionId,
  credential: c,
  onClose,
}: {
  partitionId: string;
  credential: Credential;
  onClose: () => void;
}) {
  const queryClient = useQueryClient();
  const [rows, setRows] = useState(rowsOf(c.roles));
  const save = useMutation({
    mutationFn: () => request(SetRoles, { id: c.id, roles: inputOf(rows) }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["cagw"] });
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} size="lg" title={title(`Roles of ${c.identifier}`)}>
      <Stack>
        <RolesEditor partitionId={partitionId} rows={rows} onChange={setRows} error={fieldError(save.error, "roles")} />
        <Text size="sm">They count from the client's next request; its file stays the same.</Text>
        <ErrorAlert error={save.error} fields={fields} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            Cancel
          </Button>
          <Button loading={save.isPending} disabled={rows.length === 0} onClick={() => save.mutate()}>
            Save
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

export function RenewCredential({
  credential: c,
  onClose,
  onIssued,
}: {
  credential: Credential;
  onClose: () => void;
  onIssued: (issued: Issued) => void;
}) {
  const queryClient = useQueryClient();
  const [end, setEnd] = useState("later");
  const renew = useMutation({
    mutationFn: () => request(Renew, { id: c.id, endPreviousNow: end === "now" }),
    gcTime: 0,
    onSuccess: (made) => {
      void queryClient.invalidateQueries({ queryKey: ["cagw"] });
      onIssued(made.renewCagwCredential);
    },
  });
  return (
    <Modal opened onClose={onClose} title={title(`Renew ${c.identifier}`)}>
      <Stack>
        <Text size="sm">
          You get a new file with a new key and a new password, good for one year. Roles stay as they are.
        </Text>
        {c.status === "ACTIVE" && (
          <Radio.Group label="The file that clients have now" value={end} onChange={setEnd}>
            <Stack gap="xs" mt="xs">
              <Radio value="later" label="Ends in seven days" description="Time to give them the new one" />
              <Radio
                value="now"
                label="Ends now"
                description="If it may have leaked: clients are refused until they have the new one"
              />
            </Stack>
          </Radio.Group>
        )}
        {c.previousEndsAt && (
          <Alert color="yellow" variant="light">
            {end === "now" ? "The one before it ends now, too." : "The one before it ends when it would have ended."}
          </Alert>
        )}
        <ErrorAlert error={renew.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            Cancel
          </Button>
          <Button color={end === "now" ? "red" : undefined} loading={renew.isPending} onClick={() => renew.mutate()}>
            Renew
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

export function DeleteCredential({ credential: c, onClose }: { credential: Credential; onClose: () => void }) {
  const queryClient = useQueryClient();
  const remove = useMutation({
    mutationFn: () => request(Delete, { id: c.id }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["cagw"] });
      onClose();
    },
  });
  return (
    <ConfirmTyping
      opened
      onClose={onClose}
      title={`Delete ${c.identifier}`}
      word={c.identifier}
      action="Delete"
      onConfirm={() => remove.mutate()}
      busy={remove.isPending}
      error={remove.error}
    >
      <Text size="sm">
        Whatever uses it is refused at its next request, for good. Certificates that were issued with it stay valid.
      </Text>
    </ConfirmTyping>
  );
}
