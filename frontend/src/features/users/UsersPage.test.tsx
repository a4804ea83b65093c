import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { fireEvent, render, screen, within } from "@testing-library/react";
import { Suspense } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { openScreen } from "@/lib/test-console";
import { createTestRouter } from "@/lib/test-router";
import { UsersPage } from "./UsersPage";

afterEach(() => vi.unstubAllGlobals());

/** Opens User Management by its address as somebody who holds these permissions. */
async function open(roles: string[], permissions: string[]) {
  const asked: string[] = [];
  const answers: Record<string, unknown> = {
    Viewer: {
      viewer: {
        operator: false,
        user: null,
        partitions: [{ id: "sub0", name: "House", region: "EU", roles, permissions }],
      },
    },
    Deployment: { deployment: { keepsOutbox: true } },
    Members: {
      partition: {
        members: {
          nodes: [
            {
              user: {
                id: "1",
                email: "ada@example.org",
                firstName: "Ada",
                lastName: "L",
                status: "ACTIVE",
                lastSignInAt: null,
              },
              roles: ["OWNERS"],
              invitedBy: "",
              invitationExpiresAt: null,
            },
            {
              user: {
                id: "2",
                email: "ivy@example.org",
                firstName: "Ivy",
                lastName: "I",
                status: "INVITED",
                lastSignInAt: null,
              },
              roles: [],
              invitedBy: "ada@example.org",
              invitationExpiresAt: "2020-01-01T00:00:00Z",
            },
          ],
        },
      },
    },
    Tokens: { partition: { apiTokens: { nodes: [] } } },
  };
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const name = /query (\w+)/.exec((JSON.parse(String(init.body)) as { query: string }).query)![1]!;
    asked.push(name);
    return Response.json({ data: answers[name] });
  });
  const router = createTestRouter(
    "/p/$partitionId/users",
    UsersPage,
    createMemoryHistory({ initialEntries: ["/p/sub0/users"] }),
  );
  await router.load();
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>
        <Suspense>
          <RouterProvider router={router as never} />
        </Suspense>
      </QueryClientProvider>
    </MantineProvider>,
  );
  return asked;
}

it("gives an Owner people, roles, tokens and the way to invite and remove, and shows no mail", async () => {
  await open(["OWNERS"], ["user:browse", "user:invite", "role:manage", "token:browse", "token:manage"]);
  expect(await screen.findByText("ada@example.org")).toBeVisible();
  expect(screen.getByRole("button", { name: "Invite User" })).toBeVisible();
  expect((await screen.findAllByRole("tab")).map((t) => t.textContent)).toEqual([
    "Users",
    "Role",
    "API Tokens",
    "CAGW Credentials",
  ]);
  expect(screen.getByText(/Ask the platform operator to pass on the link/)).toBeVisible();
  expect(screen.getByRole("button", { name: "Remove ada@example.org from the partition" })).toBeVisible();
  expect(screen.getByRole("button", { name: "Withdraw the invitation of ivy@example.org" })).toBeVisible();
});

it("gives a CA Administrator tokens and credentials only", async () => {
  const asked = await open(["CA_ADMINISTRATORS"], ["token:browse", "token:manage"]);
  expect(await screen.findByText("No API token yet")).toBeVisible();
  expect(screen.getAllByRole("tab").map((t) => t.textContent)).toEqual(["API Tokens", "CAGW Credentials"]);
  expect(screen.queryByRole("button", { name: "Invite User" })).toBeNull();
  expect(asked).not.toContain("Members");
});

it("tells an auditor who opens the address that the role does not allow it, and asks the server for nothing", async () => {
  const asked = await open(["CA_AUDITORS"], ["certificate:browse"]);
  expect(await screen.findByText("Your role does not allow this")).toBeVisible();
  expect(screen.getByText(/user:browse/)).toBeVisible();
  expect(asked.filter((n) => n !== "Viewer" && n !== "Deployment")).toEqual([]);
});

it("asks before an API token that was not copied is closed", async () => {
  await openScreen("/p/$partitionId/users", UsersPage, "/p/sub0/users?tab=tokens", ["token:browse", "token:manage"], {
    Viewer: {
      viewer: {
        operator: false,
        user: null,
        partitions: [
          { id: "sub0", name: "House", region: "EU", roles: ["OWNERS"], permissions: ["token:browse", "token:manage"] },
        ],
      },
    },
    Tokens: { partition: { apiTokens: { nodes: [] } } },
    CreateToken: { createApiToken: { token: "pkt_secret", apiToken: { id: "t" } } },
  });
  fireEvent.click(await screen.findByRole("button", { name: "Create API Token" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Create API Token" }));
  fireEvent.change(dialog.getByLabelText(/^Name/), { target: { value: "backup" } });
  fireEvent.click(dialog.getByRole("combobox", { name: /Role/ }));
  fireEvent.click(await screen.findByRole("option", { name: "CA Auditors" }));
  fireEvent.click(dialog.getByRole("button", { name: "Create" }));
  expect(await dialog.findByText("pkt_secret")).toBeVisible();
  fireEvent.click(dialog.getByRole("button", { name: "Done" }));
  expect(await screen.findByText(/The API token was not copied/)).toBeVisible();
  expect(screen.getByText("pkt_secret")).toBeVisible();
});
