import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { Suspense } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { createTestRouter } from "@/lib/test-router";
import type { Configuration } from "../configuration";
import { Orders } from "./Activity";
import AcmeOverview from "./AcmeOverview";
import AcmeSettings from "./AcmeSettings";
import { clientCommands } from "./commands";
import EabKeys from "./EabKeys";

afterEach(() => vi.unstubAllGlobals());

const directoryUrl = "https://pki.example.com/acme/sub0/servers/directory";
const settings = {
  challenges: ["http-01", "dns-01", "tls-alpn-01"],
  ordersPerHour: 300,
  failuresPerHour: 60,
  orderHours: 168,
  authorizationHours: 168,
  renewalPollMinutes: 360,
  attestation: [],
};
const key = {
  id: "KID1",
  friendlyName: "shop",
  state: "ACTIVE",
  allowedIdentifiers: ["*.shop.example.com"],
  needsNoChallenge: true,
  withoutBinding: false,
  maxAccounts: 2,
  accountCount: 1,
  createdAt: "2026-11-01T00:00:00Z",
  createdBy: "ada@example.org",
  expiresAt: null,
  revokedAt: null,
  lastUsedAt: null,
};
const keys = (nodes: unknown[], totalCount = nodes.length, endCursor: string | null = null) => ({
  protocolConfiguration: {
    acme: { externalKeys: { totalCount, pageInfo: { hasNextPage: endCursor !== null, endCursor }, nodes } },
  },
});
const acme = (externalKeys: unknown[], changed = {}) => ({
  Acme: {
    deployment: { tlsRootCertificate: "-----BEGIN CERTIFICATE-----" },
    protocolConfiguration: {
      id: "c1",
      acme: {
        directoryUrl,
        settings: { ...settings, ...changed },
        externalKeys: { totalCount: externalKeys.length, nodes: externalKeys },
      },
    },
  },
  AcmeActivity: keys(externalKeys),
});
const configuration = {
  id: "c1",
  identifier: "servers",
  type: "ACME",
  mayWiden: true,
  offerings: [
    { id: "o1", name: "web", profileId: "web", ca: { id: "ca1", identifier: "issuing", friendlyName: "Issuing" } },
  ],
} as unknown as Configuration;

async function open(
  Panel: typeof EabKeys,
  answers: Record<string, unknown>,
  editable = true,
  permissions = ["protocol:manage", "certificate:issue"],
) {
  const viewer = {
    viewer: {
      operator: false,
      user: null,
      partitions: [{ id: "sub0", name: "House", region: "EU", roles: [], permissions }],
    },
  };
  const asked: [string, Record<string, unknown>][] = [];
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const { query, variables } = JSON.parse(String(init.body)) as { query: string; variables: Record<string, unknown> };
    const name = /(?:query|mutation) (\w+)/.exec(query)![1]!;
    if (name === "Viewer") return Response.json({ data: viewer });
    asked.push([name, variables]);
    const answer = answers[name] as { errors?: unknown } | undefined;
    return Response.json(answer?.errors ? answer : { data: answer });
  });
  const router = createTestRouter(
    "/",
    () => <Panel configuration={configuration} partitionId="sub0" editable={editable} />,
    createMemoryHistory({ initialEntries: ["/"] }),
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

it("gives the guide's command for certbot, and all others with the same values", () => {
  const e = {
    directoryUrl,
    identifier: "web_servers",
    kid: "KID1",
    hmacKey: "c2VjcmV0",
    domain: "www.example.com",
    email: "admin@example.com",
    root: "PEM",
  };
  const commands = clientCommands(e);
  expect(commands[0]!.text).toBe(
    `sudo REQUESTS_CA_BUNDLE=/tmp/root_ca.crt certbot certonly -d www.example.com --server ${directoryUrl} --standalone --no-eff-email --agree-tos -m admin@example.com --eab-kid KID1 --eab-hmac-key c2VjcmV0`,
  );
  expect(clientCommands({ ...e, root: null })[0]!.text).toMatch(/^sudo certbot /);
  for (const c of commands) {
    expect(c.text, c.label).toContain(directoryUrl);
    if (c.value === "apple") continue;
    expect(c.text, c.label).toContain("KID1");
    expect(c.text, c.label).toContain("c2VjcmV0");
  }
  const issuer = commands.find((c) => c.value === "certmanager")!.text;
  expect(issuer).toContain("name: web-servers-eab");
  expect(issuer).toContain(`caBundle: ${btoa("PEM")}`);
});

it("says the next step while there is no key", async () => {
  await open(AcmeOverview, acme([]));
  expect(await screen.findByRole("link", { name: "Go to EAB Keys" })).toBeVisible();
});

it("does not say that there is no key when it has not read all", async () => {
  const revoked = acme([{ ...key, state: "REVOKED" }]);
  revoked.Acme.protocolConfiguration.acme.externalKeys.totalCount = 101;
  await open(AcmeOverview, revoked);
  expect(await screen.findByText(/one is given out in the tab EAB Keys/)).toBeVisible();
  expect(screen.queryByRole("link", { name: "Go to EAB Keys" })).toBeNull();
});

it("shows more keys on demand", async () => {
  const answers: Record<string, unknown> = { ...acme([key]), AcmeActivity: keys([key], 2, "cursor1") };
  const asked = await open(EabKeys, answers);
  const more = await screen.findByRole("button", { name: "Show more" });
  answers.AcmeActivity = keys([{ ...key, id: "KID0", friendlyName: "oldest" }], 2);
  fireEvent.click(more);
  expect(await screen.findByText("oldest")).toBeVisible();
  expect(screen.getByText("shop")).toBeVisible();
  expect(asked.filter(([n]) => n === "AcmeActivity").at(-1)?.[1]).toEqual({
    id: "c1",
    keys: true,
    accounts: false,
    orders: false,
    after: "cursor1",
  });
  expect(screen.queryByRole("button", { name: "Show more" })).toBeNull();
});

it("puts the key and what was typed into the commands", async () => {
  await open(AcmeOverview, acme([key]));
  fireEvent.change(await screen.findByLabelText("Domain"), { target: { value: "api.shop.example.com" } });
  expect(screen.getByLabelText("command").textContent).toContain("-d api.shop.example.com ");
  expect(screen.getByLabelText("command").textContent).toContain("--eab-kid KID1 --eab-hmac-key EAB_HMAC_KEY");
});

it("makes a key, shows its secret once and in the command, and lets nobody close it by accident", async () => {
  const asked = await open(EabKeys, {
    ...acme([]),
    CreateAcmeKey: { createAcmeKey: { key: { id: "KID9", friendlyName: "lab" }, hmacKey: "bGFi" } },
  });
  fireEvent.click(await screen.findByRole("button", { name: "Create EAB Key" }));
  const dialog = await screen.findByRole("dialog");
  const create = () => within(dialog).getByRole("button", { name: "Create" });
  fireEvent.change(within(dialog).getByLabelText(/Friendly name/), { target: { value: "Lab" } });
  expect(within(dialog).getByText("2 to 18 characters out of a-z, 0-9, hyphen and underscore")).toBeVisible();
  fireEvent.change(within(dialog).getByLabelText(/Friendly name/), { target: { value: "lab" } });
  fireEvent.click(within(dialog).getByLabelText("Needs no challenge"));
  expect(create()).toBeDisabled(); // for which names?
  fireEvent.change(within(dialog).getByLabelText(/Allowed identifiers/), {
    target: { value: "*.lab.example.com\n10.1.0.0/16" },
  });
  fireEvent.click(create());
  expect(await within(dialog).findByText("EAB HMAC Key: shown only now")).toBeVisible();
  expect(within(dialog).getByLabelText("command").textContent).toContain("-d www.lab.example.com");
  expect(within(dialog).getByLabelText("command").textContent).toContain("--eab-kid KID9 --eab-hmac-key bGFi");
  fireEvent.keyDown(dialog, { key: "Escape" });
  expect(await screen.findByText(/The EAB HMAC Key was neither copied nor downloaded/)).toBeVisible();
  fireEvent.click(screen.getByRole("button", { name: "Go back" }));
  expect(within(dialog).getByText("bGFi")).toBeVisible();
  expect(asked.find(([n]) => n === "CreateAcmeKey")?.[1]).toEqual({
    input: {
      configurationId: "c1",
      friendlyName: "lab",
      allowedIdentifiers: ["*.lab.example.com", "10.1.0.0/16"],
      needsNoChallenge: true,
      withoutBinding: false,
      maxAccounts: 0,
      expiresAt: null,
    },
  });
});

const attested = { challenges: ["device-attest-01"], attestation: [{ format: "apple", roots: "" }] };
const macs = {
  ...key,
  id: "KID2",
  friendlyName: "macs",
  allowedIdentifiers: ["device:C02XK1ABJGH6"],
  needsNoChallenge: false,
  withoutBinding: true,
};

it("offers no key without challenge to who may not issue", async () => {
  await open(EabKeys, acme([]), true, ["protocol:manage"]);
  fireEvent.click(await screen.findByRole("button", { name: "Create EAB Key" }));
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByLabelText(/Allowed identifiers/)).toBeVisible();
  expect(dialog.queryByLabelText("Needs no challenge")).toBeNull();
});

it("makes a key for devices without binding of serial numbers, and shows the payload and no secret", async () => {
  const asked = await open(EabKeys, {
    ...acme([], attested),
    CreateAcmeKey: { createAcmeKey: { key: { id: "KID2", friendlyName: "macs" }, hmacKey: null } },
  });
  fireEvent.click(await screen.findByRole("button", { name: "Create EAB Key" }));
  const dialog = await screen.findByRole("dialog");
  fireEvent.change(within(dialog).getByLabelText(/Friendly name/), { target: { value: "macs" } });
  fireEvent.click(within(dialog).getByLabelText("Needs no challenge"));
  fireEvent.click(within(dialog).getByLabelText("For devices without binding"));
  expect(within(dialog).queryByLabelText("Needs no challenge")).toBeNull();
  expect(within(dialog).getByRole("button", { name: "Create" })).toBeDisabled(); // for which devices?
  fireEvent.change(within(dialog).getByLabelText(/Serial numbers/), {
    target: { value: "C02XK1ABJGH6\ndevice:C02SPARE" },
  });
  fireEvent.click(within(dialog).getByRole("button", { name: "Create" }));
  const payload = await within(dialog).findByLabelText("command");
  expect(payload.textContent).toContain("<string>com.apple.security.acme</string>");
  expect(payload.textContent).toContain("<key>ClientIdentifier</key><string>%SerialNumber%</string>");
  expect(payload.textContent).toContain(directoryUrl);
  expect(within(dialog).queryByText(/HMAC Key/)).toBeNull();
  expect(asked.find(([n]) => n === "CreateAcmeKey")?.[1]).toEqual({
    input: {
      configurationId: "c1",
      friendlyName: "macs",
      allowedIdentifiers: ["device:C02XK1ABJGH6", "device:C02SPARE"],
      needsNoChallenge: false,
      withoutBinding: true,
      maxAccounts: 0,
      expiresAt: null,
    },
  });
});

it("says why there can be no key for devices without binding", async () => {
  const dialog = async (answers: Record<string, unknown>) => {
    await open(EabKeys, answers);
    fireEvent.click(await screen.findByRole("button", { name: "Create EAB Key" }));
    return within(await screen.findByRole("dialog"));
  };
  let shown = await dialog(acme([]));
  expect(shown.getByLabelText("For devices without binding")).toBeDisabled();
  expect(shown.getByText(/see the tab Settings/)).toBeVisible();
  cleanup();
  shown = await dialog(acme([macs], attested));
  expect(shown.getByLabelText("For devices without binding")).toBeDisabled();
  expect(shown.getByText(/macs is for them already/)).toBeVisible();
  cleanup();
  shown = await dialog(acme([{ ...macs, state: "REVOKED" }], attested));
  expect(shown.getByLabelText("For devices without binding")).toBeEnabled();
});

it("gives no client the key that is without binding", async () => {
  await open(AcmeOverview, acme([macs], attested));
  expect(await screen.findByText(/there is none but the one for devices without binding/)).toBeVisible();
  expect(screen.getByLabelText("command").textContent).toContain("--eab-kid EAB_KID ");
  expect(screen.queryByRole("link", { name: "Go to EAB Keys" })).toBeNull();
  cleanup();
  await open(EabKeys, acme([macs], attested));
  expect(await screen.findByText("devices without binding")).toBeVisible();
  expect(screen.getByText("none: devices give no key")).toBeVisible();
  expect(screen.queryByText("KID2")).toBeNull();
});

it("shows what a key is good for, and no action to those who only read", async () => {
  await open(EabKeys, acme([key]), false);
  expect(await screen.findByText("*.shop.example.com")).toBeVisible();
  expect(screen.getByText("1 of 2")).toBeVisible();
  expect(screen.getByText("no challenge")).toBeVisible();
  expect(screen.queryByRole("button", { name: /Revoke|Create/ })).toBeNull();
});

it("says why an order came to nothing, for each name", async () => {
  const order = {
    id: "o1",
    status: "INVALID",
    createdAt: "2026-11-01T00:00:00Z",
    identifiers: [{ type: "dns", value: "a.example.com" }],
    error: {
      type: "compound",
      detail: "two names could not be proved",
      identifier: null,
      subproblems: [{ type: "connection", detail: "connection refused", identifier: { value: "a.example.com" } }],
    },
    account: { id: "a1", key: { friendlyName: "shop" } },
    certificate: null,
  };
  await open(Orders, {
    AcmeActivity: {
      protocolConfiguration: {
        acme: { orders: { totalCount: 1, pageInfo: { hasNextPage: false, endCursor: null }, nodes: [order] } },
      },
    },
  });
  expect(await screen.findByText(/two names could not be proved/)).toBeVisible();
  expect(screen.getByText(/a.example.com: connection refused/)).toBeVisible();
});

it("links an order that waits to the request for approval", async () => {
  const order = {
    id: "o1",
    status: "PROCESSING",
    createdAt: "2026-11-01T00:00:00Z",
    identifiers: [{ type: "dns", value: "a.example.com" }],
    error: null,
    account: { id: "a1", key: { friendlyName: "shop" } },
    certificate: null,
  };
  const nodes = [
    { ...order, approval: { id: "r1" } },
    { ...order, id: "o2", approval: null },
    { ...order, id: "o3", status: "READY", approval: null },
  ];
  await open(Orders, {
    AcmeActivity: {
      protocolConfiguration: {
        acme: { orders: { totalCount: 3, pageInfo: { hasNextPage: false, endCursor: null }, nodes } },
      },
    },
  });
  expect(await screen.findByRole("link", { name: "Waiting for approval" })).toHaveAttribute(
    "href",
    expect.stringMatching(/\/approvals\/r1$/),
  );
  expect(screen.getAllByText("Waiting for approval")).toHaveLength(2);
  expect(screen.getByText("Not finished")).toBeVisible();
});

it("keeps settings from being saved without a challenge, and shows an error at its field", async () => {
  const asked = await open(AcmeSettings, {
    ...acme([]),
    AcmeProfiles: { partition: { enrollmentProtocols: [] } },
    UpdateAcmeSettings: {
      errors: [{ message: "721 is out of range", extensions: { code: "INVALID", field: "settings.orderHours" } }],
    },
  });
  for (const c of ["http-01", "dns-01", "tls-alpn-01"]) fireEvent.click(await screen.findByLabelText(c));
  expect(screen.getByText("Choose one at least")).toBeVisible();
  expect(screen.getByRole("button", { name: "Save" })).toBeDisabled();
  fireEvent.click(screen.getByLabelText("dns-01"));
  fireEvent.click(screen.getByRole("button", { name: "Save" }));
  expect(await screen.findByText("721 is out of range")).toBeVisible();
  expect(screen.getByLabelText("Order expires after, hours")).toHaveFocus();
  await waitFor(() =>
    expect(asked.find(([n]) => n === "UpdateAcmeSettings")?.[1]).toMatchObject({
      input: { configurationId: "c1", challenges: ["dns-01"], orderHours: 168 },
    }),
  );
});

it("shows the settings as facts to those who only read", async () => {
  await open(AcmeSettings, { ...acme([]), AcmeProfiles: { partition: { enrollmentProtocols: [] } } }, false, [
    "protocol:browse",
  ]);
  expect((await screen.findByText("Challenges")).nextElementSibling).toHaveTextContent("http-01dns-01tls-alpn-01");
  expect(screen.getByText("Order expires after, hours").nextElementSibling).toHaveTextContent("168");
  expect(screen.queryByRole("checkbox")).toBeNull();
  expect(screen.queryByRole("button", { name: "Save" })).toBeNull();
});
