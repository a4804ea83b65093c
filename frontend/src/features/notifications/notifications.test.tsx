import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Suspense } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { createTestRouter } from "@/lib/test-router";
import { NotificationsPage } from "./NotificationsPage";

afterEach(() => vi.unstubAllGlobals());

async function open(permissions: string[]) {
  const asked: { name: string; variables: Record<string, any> }[] = [];
  const all: Record<string, unknown> = {
    Viewer: {
      viewer: {
        operator: false,
        user: null,
        partitions: [{ id: "sub0", name: "House", region: "US", roles: [], permissions }],
      },
    },
    Deployment: { deployment: {} },
    Notifications: {
      partition: {
        notificationSettings: {
          days: [30],
          recipients: ["pki@example.com"],
          alarms: ["KEY_REFUSED", "CRL_HELD", "KEY_STORE_AWAY"],
          webhooks: [],
        },
      },
    },
    UpdateNotifications: { updateNotificationSettings: { settings: { days: [30] } } },
  };
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const { query, variables } = JSON.parse(String(init.body)) as { query: string; variables: Record<string, any> };
    const name = /(?:mutation|query) (\w+)/.exec(query)![1]!;
    asked.push({ name, variables });
    return Response.json({ data: all[name] });
  });
  const router = createTestRouter(
    "/p/$partitionId/notifications",
    NotificationsPage,
    createMemoryHistory({ initialEntries: ["/p/sub0/notifications"] }),
  );
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
  return asked;
}

it("lets choose of which alarms people are told", async () => {
  const asked = await open(["notification:browse", "notification:manage"]);
  const user = userEvent.setup();
  expect(await screen.findByRole("checkbox", { name: "CRLs that are held back" })).toHaveProperty("checked", true);
  const approvals = screen.getByRole("checkbox", { name: "Requests that wait for approval" });
  expect(approvals).toHaveProperty("checked", false);
  expect(screen.getByRole("button", { name: "Save" })).toHaveProperty("disabled", true);
  await user.click(approvals);
  await user.click(screen.getByRole("checkbox", { name: "Key stores that cannot be used" }));
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() =>
    expect(asked.find((a) => a.name === "UpdateNotifications")?.variables.input).toEqual({
      partitionId: "sub0",
      days: [30],
      recipients: ["pki@example.com"],
      alarms: ["KEY_REFUSED", "CRL_HELD", "APPROVAL_WAITING"],
    }),
  );
});

it("shows the alarms to who may only look", async () => {
  await open(["notification:browse"]);
  expect(await screen.findByRole("checkbox", { name: "CRLs that are held back" })).toHaveProperty("disabled", true);
  expect(screen.queryByRole("button", { name: "Save" })).toBeNull();
});
