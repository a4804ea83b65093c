import { fireEvent, screen, within } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { openScreen } from "@/lib/test-console";
import { NotificationsPage } from "./NotificationsPage";

afterEach(() => vi.unstubAllGlobals());

it("asks before the secret of a webhook that was not copied is closed", async () => {
  await openScreen(
    "/p/$partitionId/notifications",
    NotificationsPage,
    "/p/sub0/notifications",
    ["notification:browse", "notification:manage"],
    {
      Notifications: { partition: { notificationSettings: { days: [30], recipients: [], alarms: [], webhooks: [] } } },
      CreateWebhook: { createWebhook: { secret: "whsec_1", webhook: { id: "w" } } },
    },
  );
  fireEvent.click(await screen.findByRole("button", { name: "Add Webhook" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Add Webhook" }));
  fireEvent.change(dialog.getByLabelText(/^Name/), { target: { value: "tickets" } });
  fireEvent.change(dialog.getByLabelText(/^URL/), { target: { value: "https://hooks.example.com" } });
  fireEvent.click(dialog.getByRole("button", { name: "Add" }));
  expect(await dialog.findByText("whsec_1")).toBeVisible();
  fireEvent.click(dialog.getByRole("button", { name: "Done" }));
  expect(await screen.findByText(/The signing secret was neither copied nor downloaded/)).toBeVisible();
  expect(screen.getByText("whsec_1")).toBeVisible();
});
