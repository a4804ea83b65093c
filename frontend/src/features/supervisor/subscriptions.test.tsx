import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { openScreen } from "@/lib/test-console";
import { SubscriptionsPage } from "./SubscriptionsPage";

afterEach(() => vi.unstubAllGlobals());

const operator = { viewer: { operator: true, user: { email: "ops@example.org" }, invitations: [], partitions: [] } };
const one = {
  id: "68de965c713aea23743a738c",
  name: "House",
  status: "ASSIGNED",
  region: "EU",
  tier: "STANDARD",
  url: "https://pki.example.com/p/sub0",
  createdAt: "2026-11-30T00:00:00Z",
  canAssign: false,
  partition: { id: "sub0", name: "House" },
  inventory: [
    { id: "pkiaas-certs", label: "PKIaaS Certificates", used: 3, purchased: 1000 },
    { id: "pkiaas-cas", label: "PKIaaS CA (Root or Issuing)", used: 2, purchased: 10 },
  ],
};
const open = (answers: Record<string, unknown>) =>
  openScreen("/supervisor/subscriptions", SubscriptionsPage, "/supervisor/subscriptions", [], {
    Viewer: operator,
    ...answers,
  });

it("shows what the guide shows of a subscription", async () => {
  await open({ Subscriptions: { subscriptions: { nodes: [one] } } });
  const value = async (label: string) => (await screen.findByText(label, { selector: "dt" })).nextElementSibling!;
  expect(await value("Subscription Identifier")).toHaveTextContent(one.id);
  expect(await value("Status")).toHaveTextContent("Assigned");
  expect(await value("Region")).toHaveTextContent("Europe (EU)");
  expect(await value("URL")).toHaveTextContent(one.url);
  expect(screen.getByText("PKIaaS Certificates")).toHaveTextContent("pkiaas-certs");
  expect(screen.getByText("PKIaaS CA (Root or Issuing)")).toHaveTextContent("pkiaas-cas");
});

it("lets an operator who owns a new subscription assign it at once, in the only region", async () => {
  let made = false;
  const { asked } = await open({
    Subscriptions: () => ({
      subscriptions: {
        nodes: made
          ? [{ ...one, status: "UNASSIGNED", region: null, url: null, partition: null, canAssign: true }]
          : [],
      },
    }),
    CreateSubscription: () => {
      made = true;
      return { createSubscription: { subscription: { id: one.id, name: "House" } } };
    },
  });
  expect(await screen.findByText("No subscription yet")).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Create Subscription" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Create Subscription" }));
  await userEvent.type(dialog.getByLabelText(/^Name/), "House");
  await userEvent.click(dialog.getByRole("button", { name: "Create" }));
  expect(asked.find((a) => a.name === "CreateSubscription")?.variables).toMatchObject({
    input: { ownerEmail: "ops@example.org" },
  });
  const assign = within(await screen.findByRole("dialog", { name: "Assign Subscription" }));
  expect(assign.getByRole("radio", { name: "Europe (EU)" })).toBeChecked();
  await userEvent.click(assign.getByLabelText(/I agree/));
  expect(assign.getByRole("button", { name: "Assign" })).toBeEnabled();
});
