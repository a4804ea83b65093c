import { Anchor, Button, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { ErrorAlert, fieldError } from "@/components/ui";
import { graphql } from "@/gql";
import { request } from "@/lib/graphql";
import { useDeployment } from "@/lib/session";
import { Centered } from "./Centered";

const RequestReset = graphql(`
  mutation RequestPasswordReset($email: String!) {
    requestPasswordReset(input: { email: $email }) {
      accepted
    }
  }
`);
const Reset = graphql(`
  mutation ResetPassword($input: ResetPasswordInput!) {
    resetPassword(input: $input) {
      email
    }
  }
`);

/** A forgotten password: asks for a link, or, opened by the link, sets a new one. */
export function PasswordPage() {
  const [token] = useState(() => location.hash.slice(1));
  return token ? <NewPassword token={token} /> : <AskForLink />;
}

function ToSignIn() {
  return (
    <Anchor size="sm" renderRoot={(props) => <Link to="/login" {...props} />}>
      Back to the sign-in page
    </Anchor>
  );
}

function AskForLink() {
  const keepsOutbox = useDeployment()?.keepsOutbox;
  const [email, setEmail] = useState("");
  const ask = useMutation({ mutationFn: () => request(RequestReset, { email: email.trim() }) });
  return (
    <Centered title="Set a new password">
      {ask.isSuccess ? (
        <Stack>
          <Text size="sm">
            If {email.trim()} has an account, a link is on its way. It works for one hour.
            {keepsOutbox && " No mail server is configured here: ask the platform operator to pass on the link."}
          </Text>
          <ToSignIn />
        </Stack>
      ) : (
        <form
          onSubmit={(e) => {
            e.preventDefault();
            ask.mutate();
          }}
        >
          <Stack>
            <TextInput
              label="E-mail"
              type="email"
              autoComplete="username"
              required
              value={email}
              onChange={(e) => setEmail(e.currentTarget.value)}
              error={fieldError(ask.error, "email")}
              autoFocus
            />
            <ErrorAlert error={ask.error} />
            <Button type="submit" loading={ask.isPending}>
              Send a link
            </Button>
            <ToSignIn />
          </Stack>
        </form>
      )}
    </Centered>
  );
}

function NewPassword({ token }: { token: string }) {
  const minLength = useDeployment()?.passwordMinLength ?? 12;
  const [password, setPassword] = useState("");
  const reset = useMutation({ mutationFn: () => request(Reset, { input: { token, password } }) });
  return (
    <Centered title="Set a new password">
      {reset.isSuccess ? (
        <Stack>
          <Text size="sm">
            The password of {reset.data.resetPassword.email} is changed, and every session has ended. Sign in with the
            new password and your second factor.
          </Text>
          <ToSignIn />
        </Stack>
      ) : (
        <form
          onSubmit={(e) => {
            e.preventDefault();
            reset.mutate();
          }}
        >
          <Stack>
            <PasswordInput
              label="New password"
              description={`At least ${minLength} characters; several words are easy to remember.`}
              required
              minLength={minLength}
              autoComplete="new-password"
              value={password}
              onChange={(e) => setPassword(e.currentTarget.value)}
              error={fieldError(reset.error, "password")}
              autoFocus
            />
            <ErrorAlert error={reset.error} />
            <Button type="submit" loading={reset.isPending}>
              Set password
            </Button>
            <ToSignIn />
          </Stack>
        </form>
      )}
    </Centered>
  );
}
