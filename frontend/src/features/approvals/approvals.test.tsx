import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Suspense } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { createTestRouter } from "@/lib/test-router";
import { ApprovalPage } from "./ApprovalPage";
import { ApprovalsPage } from "./ApprovalsPage";

afterEach(() => vi.unstubAllGlobals());

const one = {
  id: "a1",
  operation: "ISSUE",
  state: "PENDING",
  summary: "issue a certificate to CN=www.example.org",
  facts: [{ name: "Subject", value: "CN=www.example.org" }],
  payload: '{"CSR":"-----BEGIN"}',
  requestedBy: "ada@example.org",
  requestedAt: "2026-01-01T00:00:00Z",
  expiresAt: "2036-01-01T00:00:00Z",
  decidedAt: null,
  needed: 2,
  reason: null as string | null,
  objectKind: "certificate",
  objectId: null,
  mayDecide: true,
  mayWithdraw: false,
  votes: [{ name: "cleo@example.org", approves: true, comment: "seen", votedAt: "2026-01-01T00:00:00Z" }],
  certificate: null,
  certificationAuthority: null,
};

/** A server that answers each operation by its name and remembers what it was asked. */
function serve(answers: Record<string, unknown>) {
  const asked: { name: string; variables: unknown }[] = [];
  const all: Record<string, unknown> = {
    Viewer: {
      viewer: {
        operator: false,
        user: { email: "bob@example.org" },
        partitions: [
          { id: "sub0", name: "House", region: "EU", roles: [], permissions: ["approval:browse", "approval:manage"] },
        ],
      },
    },
    Deployment: { deployment: { twoPersonRoots: false } },
    ApprovalDetail: { approval: one },
    ...answers,
  };
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const { query, variables } = JSON.parse(String(init.body)) as { query: string; variables: unknown };
    const name = /(?:mutation|query) (\w+)/.exec(query)![1]!;
    asked.push({ name, variables });
    return Response.json({ data: all[name] });
  });
  return asked;
}

async function show(path: string, component: () => React.ReactNode, at: string) {
  const router = createTestRouter(path, component, createMemoryHistory({ initialEntries: [at] }));
  await router.load();
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
        <Suspense>
          <RouterProvider router={router as never} />
        </Suspense>
      </QueryClientProvider>
    </MantineProvider>,
  );
}
const detail = () => show("/p/$partitionId/approvals/$id", ApprovalPage, "/p/sub0/approvals/a1");

it("shows what is asked for, what others said, and takes a yes, or a no with its reason", async () => {
  const asked = serve({
    Approve: { approve: { approval: { id: "a1", state: "APPROVED" } } },
    Reject: { reject: { approval: { id: "a1", state: "REJECTED" } } },
  });
  await detail();
  expect(await screen.findByRole("heading", { name: "Issue a certificate to CN=www.example.org" })).toBeVisible();
  expect(screen.getByText("1 of 2 approved")).toBeVisible();
  expect(screen.getByText("“seen”")).toBeVisible();
  expect(screen.getByText(/it is carried out at once/)).toBeVisible();
  expect(screen.getByRole("button", { name: "Reject" })).toBeDisabled();
  await userEvent.type(screen.getByLabelText(/Comment/), "wrong name");
  await userEvent.click(screen.getByRole("button", { name: "Reject" }));
  await vi.waitFor(() =>
    expect(asked).toContainEqual({ name: "Reject", variables: { input: { id: "a1", comment: "wrong name" } } }),
  );
  await userEvent.click(screen.getByRole("button", { name: "Approve" }));
  await vi.waitFor(() =>
    expect(asked).toContainEqual({ name: "Approve", variables: { input: { id: "a1", comment: "" } } }),
  );
});

it("lets nobody approve their own, but withdraw it", async () => {
  serve({
    ApprovalDetail: { approval: { ...one, requestedBy: "bob@example.org", mayDecide: false, mayWithdraw: true } },
  });
  await detail();
  expect(await screen.findByText(/your own request/)).toBeVisible();
  expect(screen.queryByRole("button", { name: "Approve" })).toBeNull();
  expect(screen.getByRole("button", { name: "Withdraw" })).toBeVisible();
});

it("says why what was approved was not done", async () => {
  serve({
    ApprovalDetail: { approval: { ...one, state: "FAILED", reason: "issuing-1 is disabled", mayDecide: false } },
  });
  await detail();
  expect(await screen.findByRole("alert")).toHaveTextContent("Issuing-1 is disabled");
});

it("tells of a change of the rules that others must approve, and where it waits", async () => {
  const asked = serve({
    ApprovalRules: {
      partition: {
        approvalRules: [{ operation: "ISSUE", profileIds: ["web"], needed: 1, hours: 24 }],
        certificateProfiles: { nodes: [{ id: "web", name: "Web", kind: "SUBSCRIBER" }] },
      },
    },
    SetApprovalRules: {
      setApprovalRules: {
        __typename: "ApprovalPending",
        approvalId: "a2",
        message: "1 other person must approve this first",
      },
    },
  });
  await show("/p/$partitionId/approvals", ApprovalsPage, "/p/sub0/approvals?view=rules");
  const section = within(
    await screen.findByText("What needs approval").then((t) => t.closest<HTMLElement>(".mantine-Card-root")!),
  );
  await userEvent.click(section.getByRole("switch", { name: /^Issue certificates/ }));
  await userEvent.click(section.getByRole("button", { name: "Save" }));
  await vi.waitFor(() =>
    expect(asked).toContainEqual({
      name: "SetApprovalRules",
      variables: { input: { partitionId: "sub0", rules: [] } },
    }),
  );
  expect(await screen.findByText("Sent for approval")).toBeVisible();
  expect(screen.getByRole("link", { name: "See the request" })).toHaveAttribute("href", "/p/sub0/approvals/a2");
});
