import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { RouterProvider, createMemoryHistory, createRootRoute, createRouter } from "@tanstack/react-router";
import { afterEach, expect, it, vi } from "vitest";
import { SignInForm } from "./SignInForm";

type Answer = { data?: unknown; errors?: { message: string; extensions: Record<string, string> }[] };

/** A server that answers each operation by its name, and remembers what it was asked. */
function serve(answers: Record<string, Answer | Answer[]>) {
  const asked: { name: string; variables: unknown }[] = [];
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const { query, variables } = JSON.parse(String(init.body)) as { query: string; variables: unknown };
    const name = /(?:mutation|query) (\w+)/.exec(query)![1]!;
    asked.push({ name, variables });
    expect(new Headers(init.headers).get("X-Requested-With")).toBe("pkiaas");
    const answer = answers[name];
    if (!answer) throw new Error(`nobody expected ${name}`);
    return Response.json(Array.isArray(answer) ? (answer.length > 1 ? answer.shift() : answer[0]) : answer);
  });
  return asked;
}
afterEach(() => vi.unstubAllGlobals());

async function show() {
  const done = vi.fn();
  const router = createRouter({
    routeTree: createRootRoute({ component: () => <SignInForm onSignedIn={done} /> }),
    history: createMemoryHistory(),
  });
  await router.load();
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
        <RouterProvider router={router as never} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  return done;
}
async function password() {
  await userEvent.type(await screen.findByLabelText(/E-mail/), " ada@example.org ");
  await userEvent.type(screen.getByLabelText(/^Password/), "correct horse");
  await userEvent.click(screen.getByRole("button", { name: "Continue" }));
}
const refused: Answer = {
  errors: [
    {
      message: "the second factor is wrong",
      extensions: { code: "INVALID", action: "Try the next code.", requestId: "req-7" },
    },
  ],
};
const signedIn: Answer = { data: { verifySecondFactor: { viewer: { operator: false } } } };

it("asks for the second factor, tells why one is refused, and takes the next", async () => {
  const asked = serve({
    SignIn: { data: { signIn: { factors: ["TOTP", "RECOVERY_CODE"], enrolmentRequired: false } } },
    Verify: [refused, signedIn],
  });
  const done = await show();
  await password();
  await userEvent.click(await screen.findByLabelText("Digit 1"));
  await userEvent.keyboard("123456");
  const alert = await screen.findByRole("alert");
  expect(alert).toHaveTextContent("The second factor is wrong");
  expect(alert).toHaveTextContent("Try the next code.");
  expect(alert).toHaveTextContent("req-7");
  expect(done).not.toHaveBeenCalled();

  await userEvent.click(screen.getByRole("button", { name: "Use a recovery code" }));
  await userEvent.type(screen.getByLabelText(/Recovery code/), "abcd-efgh");
  await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
  await vi.waitFor(() => expect(done).toHaveBeenCalledOnce());
  expect(asked).toEqual([
    { name: "SignIn", variables: { input: { email: "ada@example.org", password: "correct horse" } } },
    { name: "Verify", variables: { input: { totp: "123456" } } },
    { name: "Verify", variables: { input: { recoveryCode: "abcd-efgh" } } },
  ]);
});

it("stays at the password when it is wrong, with what was typed", async () => {
  serve({
    SignIn: {
      errors: [{ message: "e-mail or password is wrong", extensions: { code: "INVALID", requestId: "req-8" } }],
    },
  });
  await show();
  await password();
  expect(await screen.findByRole("alert")).toHaveTextContent("E-mail or password is wrong");
  expect(screen.getByLabelText(/E-mail/, { selector: "input" })).toHaveValue("ada@example.org");
});

it("makes a person without a second factor enrol one and keep the recovery codes first", async () => {
  serve({
    SignIn: { data: { signIn: { factors: [], enrolmentRequired: true } } },
    BeginTotp: {
      data: {
        beginTotpEnrolment: { secret: "JBSWY3DPEHPK3PXP", uri: "otpauth://totp/pkiaas:ada?secret=JBSWY3DPEHPK3PXP" },
      },
    },
    ConfirmTotp: { data: { confirmTotpEnrolment: { recoveryCodes: ["one-one", "two-two"] } } },
  });
  const done = await show();
  await password();
  expect(await screen.findByText("JBSWY3DPEHPK3PXP")).toBeVisible();
  await userEvent.click(screen.getByLabelText("Digit 1"));
  await userEvent.keyboard("654321");
  expect(await screen.findByText("one-one")).toBeVisible();
  expect(done).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole("button", { name: "I have kept them" }));
  expect(done).toHaveBeenCalledOnce();
});

it("asks for the code from the mail after a reset, and for a new second factor only then", async () => {
  const asked = serve({
    SignIn: { data: { signIn: { factors: [], enrolmentRequired: false, codeRequired: true } } },
    VerifyAddressCode: [
      {
        errors: [
          { message: "the code is wrong or has expired", extensions: { code: "UNAUTHENTICATED", requestId: "req-9" } },
        ],
      },
      { data: { verifyAddressCode: { enrolmentRequired: true } } },
    ],
    BeginTotp: {
      data: {
        beginTotpEnrolment: { secret: "JBSWY3DPEHPK3PXP", uri: "otpauth://totp/pkiaas:ada?secret=JBSWY3DPEHPK3PXP" },
      },
    },
  });
  await show();
  await password();
  await userEvent.type(await screen.findByLabelText(/Code from the mail/), "AAAA-BBBB-CCCC-DDDD");
  await userEvent.click(screen.getByRole("button", { name: "Continue" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("The code is wrong or has expired");
  await userEvent.click(screen.getByRole("button", { name: "Continue" }));
  expect(await screen.findByText("JBSWY3DPEHPK3PXP")).toBeVisible();
  expect(asked.map((a) => a.name)).toEqual(["SignIn", "VerifyAddressCode", "VerifyAddressCode", "BeginTotp"]);
});
