import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  RouterProvider,
  useSearch,
} from "@tanstack/react-router";
import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { Suspense } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { clientCommands } from "./commands";
import CredentialsTab from "./CredentialsTab";
import { rowsOf } from "./RolesEditor";

afterEach(() => vi.unstubAllGlobals());

const url = "https://pki.example.com:9443/cagw/v1";
const issuing = { id: "ca1", identifier: "issuing-1", friendlyName: "Issuing", deletedAt: null };
const credential = {
  id: "c1",
  identifier: "ansible",
  friendlyName: "Automation",
  status: "ACTIVE",
  serialNumber: "0a",
  createdAt: "2026-11-01T00:00:00Z",
  createdBy: "ada@example.org",
  renewedAt: null,
  expiresAt: "2027-11-01T00:00:00Z",
  previousEndsAt: null,
  lastUsedAt: "2026-11-02T00:00:00Z",
  lastUsedFrom: "192.0.2.7",
  mayChange: true,
  roles: [{ role: "CERT_ADMINS", ca: issuing }],
};
const issued = { pkcs12: btoa("file"), password: "ab".repeat(20), fileName: "pkcs12-ansible.p12", credential };
const manager = [
  "token:browse",
  "token:manage",
  "certificate:issue",
  "certificate:issue-pkcs12",
  "certificate:change-status",
];

async function open(
  credentials: unknown[],
  permissions = manager,
  at = "/p/sub0/users?tab=cagw",
  answers: Record<string, unknown> = {},
) {
  const asked: [string, Record<string, unknown>][] = [];
  const all: Record<string, unknown> = {
    Viewer: {
      viewer: {
        operator: false,
        user: null,
        partitions: [{ id: "sub0", name: "House", region: "EU", roles: [], permissions }],
      },
    },
    CagwCredentials: {
      deployment: { tlsRootCertificate: "PEM" },
      partition: { cagwUrl: url, cagwCredentials: { nodes: credentials } },
    },
    CagwAuthorities: { partition: { certificationAuthorities: { nodes: [{ ...issuing, type: "ISSUING" }] } } },
    CagwProfiles: { certificationAuthority: { profiles: [{ id: "mdmws-x" }, { id: "privatessl-tls-server" }] } },
    CreateCagwCredential: { createCagwCredential: issued },
    RenewCagwCredential: {
      renewCagwCredential: { ...issued, credential: { ...credential, previousEndsAt: "2026-11-28T00:00:00Z" } },
    },
    ...answers,
  };
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const { query, variables } = JSON.parse(String(init.body)) as { query: string; variables: Record<string, unknown> };
    const name = /(?:query|mutation) (\w+)/.exec(query)![1]!;
    asked.push([name, variables]);
    const answer = all[name] as { errors?: unknown } | undefined;
    return Response.json(answer?.errors ? answer : { data: answer });
  });
  const root = createRootRoute({ component: Outlet });
  const signedIn = createRoute({ getParentRoute: () => root, id: "signed-in", component: Outlet });
  const tab = createRoute({
    getParentRoute: () => signedIn,
    path: "/p/$partitionId/users",
    component: () => (
      <CredentialsTab
        partitionId="sub0"
        creating={String((useSearch({ strict: false }) as { create?: unknown }).create) === "true"}
      />
    ),
  });
  const router = createRouter({
    routeTree: root.addChildren([signedIn.addChildren([tab])]),
    history: createMemoryHistory({ initialEntries: [at] }),
  });
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
  return { asked, router };
}

it("fills every client's commands with the partition's values", () => {
  const access = {
    url,
    partitionId: "sub0",
    ca: "issuing-1",
    profile: "web",
    file: "pkcs12-ansible.p12",
    password: "0123",
    root: "PEM",
  };
  for (const c of clientCommands(access)) {
    expect(c.text, c.label).toContain("sub0~issuing-1");
    expect(c.text, c.label).toContain("pkcs12-ansible.p12");
  }
  const by = (value: string, a = access as Parameters<typeof clientCommands>[0]) =>
    clientCommands(a).find((c) => c.value === value)!.text;
  expect(by("ansible")).toContain("host: pki.example.com\n        port: 9443\n");
  expect(by("ansible", { ...access, url: "https://pki.example.com/cagw/v1" })).toContain("port: 443\n");
  expect(by("vault")).toContain("url=https://pki.example.com:9443/cagw ");
  expect(by("shell")).toContain("CAGW_URL=https://pki.example.com:9443|"); // this one appends /cagw/v1 itself
  expect(by("curl")).toContain("--cacert root_ca.crt");
  expect(by("curl", { ...access, root: null })).not.toContain("root_ca.crt");
  expect(by("terraform")).not.toContain("0123"); // it would be kept in the state
});

it("says the next step where there is none, and makes one for the chosen authority", async () => {
  const ask = vi.fn(() => false);
  vi.stubGlobal("confirm", ask);
  const { asked, router } = await open([]);
  fireEvent.click(await screen.findByRole("button", { name: "Create CAGW Credential" }));
  const dialog = await screen.findByRole("dialog");
  const identifier = await within(dialog).findByLabelText(/Credential identifier/);
  fireEvent.change(identifier, { target: { value: "Not So" } });
  expect(within(dialog).getByText("2 to 18 characters out of a-z, 0-9, hyphen and underscore")).toBeVisible();
  fireEvent.change(identifier, { target: { value: "ansible" } });
  fireEvent.change(within(dialog).getByLabelText(/Friendly Name/), { target: { value: " Automation " } });
  const create = within(dialog).getByRole("button", { name: "Create" });
  expect(create).toBeDisabled(); // without a role it could do nothing
  fireEvent.click(within(dialog).getByRole("combobox", { name: /Certificate Authorities/ }));
  fireEvent.click(await screen.findByRole("option", { name: "Issuing (issuing-1)" }));
  fireEvent.click(within(dialog).getByRole("radio", { name: "auditors" }));
  fireEvent.click(create);

  await screen.findByText("ansible is ready");
  expect(asked.find(([n]) => n === "CreateCagwCredential")![1]).toEqual({
    input: {
      partitionId: "sub0",
      identifier: "ansible",
      friendlyName: "Automation",
      roles: [{ caId: "ca1", role: "AUDITORS" }],
    },
  });
  expect(router.state.location.search).toEqual({ tab: "cagw" });
  expect(ask).not.toHaveBeenCalled();
  // Nobody leaves with half of it unasked.
  fireEvent.click(screen.getByRole("button", { name: "Done" }));
  expect(ask).toHaveBeenCalledWith(
    expect.stringContaining(
      "Are you sure you want to leave this page? The file was not downloaded, nor its password copied",
    ),
  );
  expect(screen.getByText(issued.password)).toBeVisible();
});

it("lets nobody give rights that they do not have", async () => {
  await open([credential], ["token:browse", "token:manage"]);
  fireEvent.click(await screen.findByRole("button", { name: "Actions of ansible" }));
  fireEvent.click(await screen.findByRole("menuitem", { name: "Edit Roles" }));
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).getByRole("radio", { name: "cert-admins" })).toBeEnabled(); // what it has may stay
  fireEvent.click(within(dialog).getByRole("radio", { name: "auditors" }));
  await waitFor(() => expect(within(dialog).queryByRole("radio", { name: "cert-admins" })).toBeNull());
  expect(within(dialog).getByText(/You can give auditors only/)).toBeVisible();
});

it("renews with the time for changing over that was chosen, and says when the file before ends", async () => {
  const { asked } = await open([credential]);
  expect(await screen.findByText("from 192.0.2.7")).toBeVisible();
  fireEvent.click(screen.getByRole("button", { name: "Actions of ansible" }));
  fireEvent.click(await screen.findByRole("menuitem", { name: "Renew CAGW Credential" }));
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).getByLabelText("Ends in seven days")).toBeChecked();
  fireEvent.click(within(dialog).getByRole("button", { name: "Renew" }));
  expect(await screen.findByText("ansible is renewed")).toBeVisible();
  expect(screen.getByText(/The previous file is good until/)).toBeVisible();
  expect(asked.find(([n]) => n === "RenewCagwCredential")![1]).toEqual({ id: "c1", endPreviousNow: false });
});

it("shows who may only look no way to change anything", async () => {
  await open([credential], ["token:browse"], "/p/sub0/users?tab=cagw&create=true");
  expect(await screen.findByText("Automation")).toBeVisible();
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(screen.queryByRole("button", { name: /Create|Actions of/ })).toBeNull();
});

it("shows one role for an authority on which both were given", () => {
  expect(
    rowsOf([
      { role: "AUDITORS", ca: issuing },
      { role: "CERT_ADMINS", ca: issuing },
    ]),
  ).toEqual([{ caId: "ca1", role: "CERT_ADMINS", name: "Issuing", identifier: "issuing-1" }]);
});
