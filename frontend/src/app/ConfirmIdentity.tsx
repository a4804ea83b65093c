import { Anchor, Button, Group, Modal, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { ErrorAlert, fieldError } from "@/components/ui";
import { graphql } from "@/gql";
import { request } from "@/lib/graphql";

const Confirm = graphql(`
  mutation ConfirmIdentity($input: ConfirmIdentityInput!) {
    confirmIdentity(input: $input) {
      confirmedUntil
    }
  }
`);

/** Asks again who is there, before something is made that outlives the session. */
export function ConfirmIdentity({ onDone }: { onDone: (confirmed: boolean) => void }) {
  const [code, setCode] = useState(false);
  const [value, setValue] = useState("");
  const confirm = useMutation({
    mutationFn: () => request(Confirm, { input: code ? { totp: value } : { password: value } }),
    gcTime: 0,
    onSuccess: () => onDone(true),
    onError: () => setValue(""),
  });
  const wrong = fieldError(confirm.error, code ? "input.totp" : "input.password");
  const turn = () => {
    setCode(!code);
    setValue("");
    confirm.reset();
  };
  return (
    <Modal
      opened
      onClose={() => onDone(false)}
      title={<Text fw={650}>Confirm that it is you</Text>}
      closeOnClickOutside={false}
      zIndex={400}
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          e.stopPropagation(); // a portal's events go up to the form below it
          confirm.mutate();
        }}
      >
        <Stack>
          <Text size="sm">
            This change gives access to your account or partition, and you signed in more than five minutes ago.
          </Text>
          {code ? (
            <TextInput
              key="code"
              label="Code"
              description="Six digits from your authenticator app"
              required
              data-autofocus
              autoFocus
              inputMode="numeric"
              autoComplete="one-time-code"
              maxLength={6}
              value={value}
              onChange={(e) => setValue(e.currentTarget.value)}
              error={wrong}
            />
          ) : (
            <PasswordInput
              key="password"
              label="Password"
              required
              data-autofocus
              autoComplete="current-password"
              value={value}
              onChange={(e) => setValue(e.currentTarget.value)}
              error={wrong}
            />
          )}
          <Anchor
            component="button"
            type="button"
            size="sm"
            onClick={turn}
            ta="left"
            style={{ alignSelf: "flex-start" }}
          >
            {code ? "Use your password instead" : "Use a code from your authenticator app instead"}
          </Anchor>
          {!wrong && <ErrorAlert error={confirm.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => onDone(false)}>
              Cancel
            </Button>
            <Button type="submit" loading={confirm.isPending} disabled={!value}>
              Confirm
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
