import { Anchor, Button, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ErrorAlert, Loading, fieldError } from "@/components/ui";
import { graphql } from "@/gql";
import { request } from "@/lib/graphql";
import { roleNames, useDeployment } from "@/lib/session";
import { Centered } from "./Centered";
import { SignInForm } from "@/components/SignInForm";

const InvitationQuery = graphql(`
  query Invitation($token: String!) {
    invitation(token: $token) {
      email
      firstName
      lastName
      name
      roles
      invitedBy
      hasAccount
    }
  }
`);
const Accept = graphql(`
  mutation AcceptInvitation($input: AcceptInvitationInput!) {
    acceptInvitation(input: $input) {
      factors
      enrolmentRequired
    }
  }
`);

/** The link of an invitation. Its secret is in the fragment, which browsers send to nobody. */
export function InvitationPage() {
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [token] = useState(() => location.hash.slice(1));
  const invitation = useQuery({
    queryKey: ["invitation"],
    queryFn: () => request(InvitationQuery, { token }),
    retry: false,
    refetchOnWindowFocus: false,
  });
  const deployment = useDeployment();
  const [names, setNames] = useState<{ first?: string; last?: string }>({});
  const [password, setPassword] = useState("");
  const firstName = names.first ?? invitation.data?.invitation.firstName ?? "";
  const lastName = names.last ?? invitation.data?.invitation.lastName ?? "";
  const accept = useMutation({
    mutationFn: () =>
      request(Accept, { input: { token, password, firstName: firstName.trim(), lastName: lastName.trim() } }),
  });
  if (accept.isSuccess) {
    return (
      <Centered title="Protect your account">
        <SignInForm
          first={{ at: "enrol" }}
          onSignedIn={() => {
            queryClient.clear();
            void navigate({ to: "/" });
          }}
        />
      </Centered>
    );
  }
  return (
    <Centered title={invitation.data?.invitation.hasAccount ? "You are invited" : "Create your account"}>
      {invitation.isPending && <Loading lines={3} />}
      {invitation.error && (
        <Stack>
          <ErrorAlert error={invitation.error} />
          <Anchor renderRoot={(props) => <Link to="/login" {...props} />}>To the sign-in page</Anchor>
        </Stack>
      )}
      {invitation.data && (
        <Text size="sm" mb="md">
          {invitation.data.invitation.invitedBy || "Somebody"} invites{" "}
          <strong>{invitation.data.invitation.email}</strong> to <strong>{invitation.data.invitation.name}</strong>
          {invitation.data.invitation.roles.length > 0 &&
            ` as ${invitation.data.invitation.roles.map((r) => roleNames[r]).join(", ")}`}
          .
        </Text>
      )}
      {invitation.data?.invitation.hasAccount && (
        <Stack>
          <Text size="sm">You already have an account. Sign in to accept or decline.</Text>
          <Button renderRoot={(props) => <Link to="/login" search={{ next: "/profile" }} {...props} />}>Sign in</Button>
        </Stack>
      )}
      {invitation.data && !invitation.data.invitation.hasAccount && (
        <form
          onSubmit={(e) => {
            e.preventDefault();
            accept.mutate();
          }}
        >
          <Stack>
            <input
              type="email"
              name="username"
              autoComplete="username"
              value={invitation.data.invitation.email}
              readOnly
              hidden
            />
            <TextInput
              label="First name"
              required
              value={firstName}
              onChange={(e) => setNames({ ...names, first: e.currentTarget.value })}
              error={fieldError(accept.error, "firstName")}
            />
            <TextInput
              label="Last name"
              required
              value={lastName}
              onChange={(e) => setNames({ ...names, last: e.currentTarget.value })}
              error={fieldError(accept.error, "lastName")}
            />
            <PasswordInput
              label="Password"
              description={`At least ${deployment?.passwordMinLength ?? 12} characters; several words are easy to remember.`}
              required
              minLength={deployment?.passwordMinLength ?? 12}
              autoComplete="new-password"
              value={password}
              onChange={(e) => setPassword(e.currentTarget.value)}
              error={fieldError(accept.error, "password")}
            />
            <ErrorAlert error={accept.error} />
            <Button type="submit" loading={accept.isPending}>
              Continue
            </Button>
          </Stack>
        </form>
      )}
    </Centered>
  );
}
