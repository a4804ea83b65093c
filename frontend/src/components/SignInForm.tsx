import { Button, Group, PasswordInput, PinInput, Stack, Text, TextInput } from "@mantine/core";
import { IconFingerprint } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { RecoveryCodes } from "@/components/RecoveryCodes";
import { TotpEnrolment } from "@/components/TotpEnrolment";
import { ErrorAlert } from "@/components/ui";
import { graphql } from "@/gql";
import type { SecondFactor, VerifySecondFactorInput, SignInMutation } from "@/gql/graphql";
import { request } from "@/lib/graphql";
import { createPasskey, passkeysWork, answerWithPasskey } from "@/lib/passkey";

const SignIn = graphql(`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      factors
      enrolmentRequired
      codeRequired
    }
  }
`);
const Verify = graphql(`
  mutation Verify($input: VerifySecondFactorInput!) {
    verifySecondFactor(input: $input) {
      viewer {
        operator
      }
    }
  }
`);
const VerifyCode = graphql(`
  mutation VerifyAddressCode($code: String!) {
    verifyAddressCode(input: { code: $code }) {
      enrolmentRequired
    }
  }
`);
const BeginPasskey = graphql(`
  mutation BeginPasskeySignIn {
    beginPasskeySignIn {
      options
    }
  }
`);
const BeginRegistration = graphql(`
  mutation BeginRegistration {
    beginPasskeyRegistration {
      options
    }
  }
`);
const FinishRegistration = graphql(`
  mutation FinishRegistration($name: String!, $credential: String!) {
    finishPasskeyRegistration(input: { name: $name, credential: $credential }) {
      recoveryCodes
    }
  }
`);

type Step =
  | { at: "password" }
  | { at: "factor"; factors: readonly SecondFactor[] }
  | { at: "mail" }
  | { at: "enrol" }
  | { at: "codes"; codes: readonly string[] };

/** E-mail and password, then a second factor; without one, its enrolment. */
export function SignInForm({ onSignedIn, first = { at: "password" } }: { onSignedIn: () => void; first?: Step }) {
  const [step, setStep] = useState<Step>(first);
  switch (step.at) {
    case "password":
      return (
        <PasswordStep
          onDone={(d) =>
            setStep(
              d.codeRequired
                ? { at: "mail" }
                : d.enrolmentRequired
                  ? { at: "enrol" }
                  : { at: "factor", factors: d.factors },
            )
          }
        />
      );
    case "mail":
      return <MailStep onDone={() => setStep({ at: "enrol" })} onBack={() => setStep({ at: "password" })} />;
    case "factor":
      return <FactorStep factors={step.factors} onDone={onSignedIn} onBack={() => setStep({ at: "password" })} />;
    case "enrol":
      return <EnrolStep onDone={(codes) => (codes.length ? setStep({ at: "codes", codes }) : onSignedIn())} />;
    case "codes":
      return <RecoveryCodes codes={step.codes} onDone={onSignedIn} />;
  }
}

function PasswordStep({ onDone }: { onDone: (next: SignInMutation["signIn"]) => void }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useMutation({
    mutationFn: () => request(SignIn, { input: { email: email.trim(), password } }),
    onSuccess: (d) => onDone(d.signIn),
  });
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        signIn.mutate();
      }}
    >
      <Stack>
        <TextInput
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          required
          value={email}
          onChange={(e) => setEmail(e.currentTarget.value)}
          data-autofocus
          autoFocus
        />
        <PasswordInput
          label="Password"
          name="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
        />
        <ErrorAlert error={signIn.error} />
        <Button type="submit" loading={signIn.isPending} fullWidth>
          Continue
        </Button>
      </Stack>
    </form>
  );
}

/** After an operator has reset the second factor: the code that went to the person's address. */
function MailStep({ onDone, onBack }: { onDone: () => void; onBack: () => void }) {
  const [code, setCode] = useState("");
  const verify = useMutation({ mutationFn: () => request(VerifyCode, { code: code.trim() }), onSuccess: onDone });
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        verify.mutate();
      }}
    >
      <Stack>
        <Text size="sm">
          Your second factor was reset. Enter the code that was sent to your e-mail address, then enrol a new second
          factor.
        </Text>
        <TextInput
          label="Code from the mail"
          value={code}
          onChange={(e) => setCode(e.currentTarget.value)}
          autoFocus
          required
          ff="monospace"
          autoComplete="one-time-code"
        />
        <ErrorAlert error={verify.error} />
        <Button type="submit" loading={verify.isPending} fullWidth>
          Continue
        </Button>
        <Button variant="subtle" size="compact-sm" color="gray" onClick={onBack}>
          Start over
        </Button>
      </Stack>
    </form>
  );
}

function FactorStep({
  factors,
  onDone,
  onBack,
}: {
  factors: readonly SecondFactor[];
  onDone: () => void;
  onBack: () => void;
}) {
  const [kind, setKind] = useState<SecondFactor>(
    factors.includes("PASSKEY") && passkeysWork()
      ? "PASSKEY"
      : factors.includes("TOTP")
        ? "TOTP"
        : (factors[0] ?? "TOTP"),
  );
  const [code, setCode] = useState("");
  const verify = useMutation({
    mutationFn: (input: VerifySecondFactorInput) => request(Verify, { input }),
    onSuccess: onDone,
    onError: () => setCode(""),
  });
  const passkey = useMutation({
    mutationFn: async () =>
      request(Verify, {
        input: { passkey: await answerWithPasskey((await request(BeginPasskey)).beginPasskeySignIn.options) },
      }),
    onSuccess: onDone,
  });
  const submit = (value = code) => verify.mutate(kind === "TOTP" ? { totp: value } : { recoveryCode: value });
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        submit();
      }}
    >
      <Stack>
        {kind === "TOTP" && (
          <Stack gap={6} align="center">
            <Text size="sm" id="totp-label">
              Six digits from your authenticator app
            </Text>
            <PinInput
              length={6}
              type="number"
              oneTimeCode
              autoFocus
              size="md"
              value={code}
              onChange={setCode}
              onComplete={submit}
              aria-labelledby="totp-label"
              getInputProps={(n) => ({ "aria-label": `Digit ${n + 1}` })}
            />
          </Stack>
        )}
        {kind === "RECOVERY_CODE" && (
          <TextInput
            label="Recovery code"
            description="Each code is good once."
            value={code}
            onChange={(e) => setCode(e.currentTarget.value)}
            autoFocus
            required
            ff="monospace"
            autoComplete="off"
          />
        )}
        {kind === "PASSKEY" && (
          <Button
            leftSection={<IconFingerprint size={18} />}
            onClick={() => passkey.mutate()}
            loading={passkey.isPending}
            size="md"
          >
            Use a passkey
          </Button>
        )}
        <ErrorAlert error={kind === "PASSKEY" ? passkey.error : verify.error} />
        {kind !== "PASSKEY" && (
          <Button type="submit" loading={verify.isPending} fullWidth>
            Sign in
          </Button>
        )}
        <Group justify="center" gap="xs">
          {factors
            .filter((f) => f !== kind)
            .map((f) => (
              <Button
                key={f}
                variant="subtle"
                size="compact-sm"
                onClick={() => {
                  setKind(f);
                  setCode("");
                }}
              >
                {
                  { TOTP: "Use the authenticator app", PASSKEY: "Use a passkey", RECOVERY_CODE: "Use a recovery code" }[
                    f
                  ]
                }
              </Button>
            ))}
          <Button variant="subtle" size="compact-sm" color="gray" onClick={onBack}>
            Start over
          </Button>
        </Group>
        <Text size="xs" c="dimmed" ta="center">
          {factors.includes("RECOVERY_CODE")
            ? "Lost your device? Sign in with a recovery code and replace it on your profile page. "
            : "Lost your device? "}
          Without a recovery code, ask the platform operator to reset your second factor.
        </Text>
      </Stack>
    </form>
  );
}

/** The first second factor: an authenticator app or a passkey. */
function EnrolStep({ onDone }: { onDone: (codes: readonly string[]) => void }) {
  const [passkey, setPasskey] = useState(false);
  const register = useMutation({
    mutationFn: async () =>
      request(FinishRegistration, {
        name: "My first passkey",
        credential: await createPasskey((await request(BeginRegistration)).beginPasskeyRegistration.options),
      }),
    onSuccess: (d) => onDone(d.finishPasskeyRegistration.recoveryCodes),
  });
  return (
    <Stack>
      <Text size="sm">
        Your account needs a second factor.{" "}
        {passkey ? "" : "Scan the code with an authenticator app, then enter the six digits that it shows."}
      </Text>
      {passkey ? (
        <>
          <Button
            leftSection={<IconFingerprint size={18} />}
            onClick={() => register.mutate()}
            loading={register.isPending}
          >
            Create a passkey
          </Button>
          <ErrorAlert error={register.error} />
        </>
      ) : (
        <TotpEnrolment onDone={onDone} />
      )}
      {passkeysWork() && (
        <Button variant="subtle" size="compact-sm" onClick={() => setPasskey(!passkey)}>
          {passkey ? "Use an authenticator app instead" : "Use a passkey instead"}
        </Button>
      )}
    </Stack>
  );
}
