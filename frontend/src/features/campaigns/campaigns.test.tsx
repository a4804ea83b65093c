import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { Suspense } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { createTestRouter } from "@/lib/test-router";
import { CampaignPage } from "./CampaignPage";
import { CampaignsPage } from "./CampaignsPage";
import "./CreateCampaign"; // loaded when it is opened: here that takes no time

afterEach(() => vi.unstubAllGlobals());

const manage = ["protocol:browse", "protocol:manage"];

async function open(path: string, permissions: string[], answers: Record<string, unknown>) {
  const asked: [string, Record<string, unknown>][] = [];
  const all: Record<string, unknown> = {
    Viewer: {
      viewer: {
        operator: false,
        user: null,
        partitions: [{ id: "sub0", name: "House", region: "EU", roles: [], permissions }],
      },
    },
  };
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const { query, variables } = JSON.parse(String(init.body)) as { query: string; variables: Record<string, unknown> };
    const name = /(?:query|mutation) (\w+)/.exec(query)![1]!;
    asked.push([name, variables]);
    return Response.json({ data: answers[name] ?? all[name] });
  });
  const one = path.startsWith("/p/sub0/campaigns/");
  const router = createTestRouter(
    one ? "/p/$partitionId/campaigns/$id" : "/p/$partitionId/campaigns",
    one ? CampaignPage : CampaignsPage,
    createMemoryHistory({ initialEntries: [path] }),
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

const campaigns = (nodes: unknown[], endCursor: string | null = null) => ({
  pageInfo: { hasNextPage: endCursor !== null, endCursor },
  nodes,
});
const none = { RenewalCampaigns: { partition: { renewalCampaigns: campaigns([]) } } };
const choices = {
  RenewalChoices: {
    partition: {
      protocolConfigurations: {
        nodes: [
          {
            id: "c1",
            identifier: "servers",
            offerings: [
              { id: "o1", profileId: "web", ca: { id: "ca1", identifier: "issuing", friendlyName: "Issuing" } },
            ],
          },
        ],
      },
      reports: {
        cryptography: { uses: [{ keyType: "RSA 2048", signatureAlgorithm: "ecdsa-with-SHA256", certificates: 9 }] },
      },
    },
  },
};
const counted = (n: number) => ({ CountRenewal: { partition: { countRenewalSelection: n } } });

it("says the next step while there is none", async () => {
  await open("/p/sub0/campaigns", manage, none);
  expect(await screen.findByText("No renewal campaign yet")).toBeVisible();
  expect(screen.getByRole("button", { name: "Create Renewal Campaign" })).toBeVisible();
});

it("counts what would be renewed, draws the plan, and lets who may not revoke not revoke", async () => {
  const asked = await open("/p/sub0/campaigns?create=%22true%22", manage, {
    ...none,
    ...choices,
    ...counted(42),
    CreateRenewalCampaign: { createRenewalCampaign: { campaign: { id: "k1" } } },
  });
  const dialog = await screen.findByRole("dialog");
  expect(await within(dialog).findByText(/42 certificates in force/)).toBeVisible();
  expect(within(dialog).getByRole("img", { name: /42 certificates, evenly/ })).toBeVisible();
  expect(within(dialog).queryByLabelText("Revoke those that were not renewed")).toBeNull();
  const create = within(dialog).getByRole("button", { name: "Create" });
  expect(create).toBeDisabled();
  fireEvent.change(within(dialog).getByLabelText(/^Name/), { target: { value: "new root" } });
  fireEvent.click(create);
  await waitFor(() =>
    expect(asked.find(([n]) => n === "CreateRenewalCampaign")?.[1]).toMatchObject({
      input: {
        partitionId: "sub0",
        name: "new root",
        revokeAt: null,
        selection: { configurationId: null, keyType: null },
      },
    }),
  );
});

it("makes no campaign of nothing, nor one that ends before it begins", async () => {
  await open("/p/sub0/campaigns?create=%22true%22", manage, { ...none, ...choices, ...counted(0) });
  const dialog = await screen.findByRole("dialog");
  expect(await within(dialog).findByText(/No certificate in force/)).toBeVisible();
  fireEvent.change(within(dialog).getByLabelText(/^Name/), { target: { value: "new root" } });
  fireEvent.change(within(dialog).getByLabelText(/^Ends/), { target: { value: "2020-01-01T00:00" } });
  expect(within(dialog).getByText("Behind the beginning")).toBeVisible();
  expect(within(dialog).getByRole("button", { name: "Create" })).toBeDisabled();
});

it("shows more campaigns on demand", async () => {
  const row = {
    id: "k2",
    name: "newer",
    state: "DONE",
    total: 3,
    beginsAt: "2026-11-01T00:00:00Z",
    endsAt: "2026-11-02T00:00:00Z",
    revokeAt: null,
    createdBy: "ada@example.org",
    progress: { replaced: 3 },
  };
  const answers: Record<string, unknown> = {
    RenewalCampaigns: { partition: { renewalCampaigns: campaigns([row], "cursor1") } },
  };
  const asked = await open("/p/sub0/campaigns", manage, answers);
  const more = await screen.findByRole("button", { name: "Show more" });
  answers.RenewalCampaigns = { partition: { renewalCampaigns: campaigns([{ ...row, id: "k1", name: "oldest" }]) } };
  fireEvent.click(more);
  expect(await screen.findByRole("link", { name: "oldest" })).toBeVisible();
  expect(screen.getByRole("link", { name: "newer" })).toBeVisible();
  expect(asked.filter(([n]) => n === "RenewalCampaigns").at(-1)?.[1]).toEqual({ partition: "sub0", after: "cursor1" });
  expect(screen.queryByRole("button", { name: "Show more" })).toBeNull();
});

const hour = (n: number) => new Date(Date.now() + n * 3_600_000).toISOString();
const campaign = {
  id: "k1",
  name: "new root",
  state: "RUNNING",
  total: 10,
  renewedBefore: 4,
  beginsAt: hour(-1),
  endsAt: hour(1),
  revokeAt: null,
  revocationReason: null,
  explanationUrl: "",
  createdAt: hour(-1),
  createdBy: "ada@example.org",
  selection: {
    configuration: { identifier: "servers" },
    ca: null,
    profileId: null,
    keyType: "RSA 2048",
    signatureAlgorithm: null,
    issuedFrom: null,
    issuedUntil: null,
    expiresFrom: null,
    expiresUntil: null,
  },
  progress: { replaced: 3, ended: 1, times: [hour(-0.5), hour(0.5), hour(1)], planned: [5, 8, 10], actual: [3, 3, 3] },
  stragglers: {
    totalCount: 1,
    nodes: [
      {
        beginsAt: hour(-1),
        endsAt: hour(-0.5),
        certificate: { id: "x", subject: "CN=late.example.com", serialNumber: "0a", notAfter: hour(900) },
      },
    ],
  },
};

it("shows plan and truth, who is late, and cancels after asking", async () => {
  const asked = await open("/p/sub0/campaigns/k1", manage, {
    RenewalCampaign: { renewalCampaign: campaign },
    CancelRenewalCampaign: { cancelRenewalCampaign: { campaign: { id: "k1", state: "CANCELLED" } } },
  });
  expect(await screen.findByRole("img", { name: "3 of 10 certificates renewed, 5 planned by now" })).toBeVisible();
  expect(screen.getByText("in the campaign; 4 left out, renewed before")).toBeVisible();
  expect(screen.getByRole("link", { name: "CN=late.example.com" })).toBeVisible();
  fireEvent.click(screen.getByRole("button", { name: "Cancel Campaign" }));
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).getByText(/The 6 certificates/)).toBeVisible();
  fireEvent.click(within(dialog).getByRole("button", { name: "Cancel Campaign" }));
  await waitFor(() => expect(asked.map(([n]) => n)).toContain("CancelRenewalCampaign"));
});

it("shows no action to those who only read", async () => {
  await open("/p/sub0/campaigns/k1", ["protocol:browse"], { RenewalCampaign: { renewalCampaign: campaign } });
  expect(await screen.findByText("CN=late.example.com")).toBeVisible();
  expect(screen.queryByRole("button", { name: "Cancel Campaign" })).toBeNull();
});
