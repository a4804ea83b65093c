import { Anchor, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Centered } from "./Centered";
import { SignInForm } from "@/components/SignInForm";

export function SignInPage() {
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const { next } = useSearch({ from: "/login" });
  return (
    <Centered title="Sign in">
      <SignInForm
        onSignedIn={() => {
          queryClient.clear();
          void navigate({ href: next ?? "/" });
        }}
      />
      <Text ta="center" mt="md">
        <Anchor size="sm" renderRoot={(props) => <Link to="/password" {...props} />}>
          Forgot your password?
        </Anchor>
      </Text>
    </Centered>
  );
}
