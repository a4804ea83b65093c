import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { Suspense } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { createTestRouter } from "@/lib/test-router";
import "./acme/AcmeOverview"; // loaded when they are opened: here that takes no time
import "./ProtocolForms";
import { ProtocolPage } from "./ProtocolPage";
import { ProtocolsPage } from "./ProtocolsPage";

afterEach(() => vi.unstubAllGlobals());

const manage = ["protocol:browse", "protocol:manage", "ca:select-profiles"];
const count = (totalCount: number) => ({ totalCount, nodes: [] });
const configuration = {
  id: "c1",
  identifier: "servers",
  type: "ACME",
  description: "Web servers",
  status: "ACTIVE",
  problem: null,
  mayWiden: true,
  createdAt: "2026-11-01T00:00:00Z",
  createdBy: "ada@example.org",
  offerings: [
    {
      id: "o1",
      name: "web",
      profileId: "web",
      maxValidityHours: 0,
      problem: null,
      ca: { id: "ca1", identifier: "issuing", friendlyName: "Issuing" },
      profile: { id: "web", name: "Web" },
    },
  ],
  all: count(12),
  active: count(7),
  entities: count(5),
  refused: count(0),
};
const groups = [{ id: "privatessl", title: "Private TLS and ACME" }];

/** Opens a screen of the feature; returns the operations that were asked for, with their variables. */
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
    ProtocolTaken: { partition: { protocolConfiguration: null } },
    Acme: {
      deployment: { tlsRootCertificate: null },
      protocolConfiguration: {
        id: "c1",
        acme: {
          directoryUrl: "https://pki.example.com/acme/sub0/servers/directory",
          settings: {},
          externalKeys: { totalCount: 0, nodes: [] },
        },
      },
    },
    ...answers,
  };
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const { query, variables } = JSON.parse(String(init.body)) as { query: string; variables: Record<string, unknown> };
    const name = /(?:query|mutation) (\w+)/.exec(query)![1]!;
    asked.push([name, variables]);
    return Response.json({ data: all[name] });
  });
  const one = path.startsWith("/p/sub0/protocols/");
  const router = createTestRouter(
    one ? "/p/$partitionId/protocols/$identifier" : "/p/$partitionId/protocols",
    one ? ProtocolPage : ProtocolsPage,
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

const empty = {
  ProtocolConfigurations: {
    partition: {
      protocolConfigurations: { totalCount: 0, pageInfo: { hasNextPage: false, endCursor: null }, nodes: [] },
    },
  },
};

it("says the next step while there is none, and who takes it", async () => {
  await open("/p/sub0/protocols", manage, empty);
  expect(await screen.findByText("No protocol configuration yet")).toBeVisible();
  expect(screen.getByRole("button", { name: "Create Protocol Config" })).toBeVisible();
});

it("gives those who only read no way to create, whatever the address says", async () => {
  const asked = await open("/p/sub0/protocols?create=%22true%22", ["protocol:browse"], empty);
  expect(await screen.findByText(/Protocol Operator creates the first one/)).toBeVisible();
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(asked.map(([n]) => n)).not.toContain("EnrollmentProtocols");
});

it("says what an authority needs when none can issue", async () => {
  await open("/p/sub0/protocols?create=%22true%22", manage, {
    ...empty,
    EnrollmentProtocols: {
      partition: {
        enrollmentProtocols: [{ type: "ACME", label: "ACME", profileGroups: ["privatessl"], authorities: [] }],
        profileGroups: groups,
      },
    },
  });
  const dialog = await screen.findByRole("dialog");
  expect(await within(dialog).findByText("No authority can issue for ACME yet")).toBeVisible();
  expect(within(dialog).getByText(/Private TLS and ACME/)).toBeVisible();
  expect(within(dialog).getByRole("button", { name: "Create" })).toBeDisabled();
});

it("counts what stays before a configuration is deleted, and deletes it only by its name", async () => {
  const asked = await open("/p/sub0/protocols/servers", manage, {
    ProtocolConfiguration: { partition: { protocolConfiguration: configuration } },
    DeleteProtocol: { deleteProtocolConfiguration: { protocolConfiguration: { id: "c1" } } },
  });
  fireEvent.click(await screen.findByRole("button", { name: "Actions" }));
  fireEvent.click(await screen.findByRole("menuitem", { name: "Delete" }));
  const dialog = await screen.findByRole("dialog");
  expect(within(dialog).getByText(/7 active certificates/)).toBeVisible();
  expect(within(dialog).getByRole("button", { name: "Delete" })).toBeDisabled();
  fireEvent.change(within(dialog).getByLabelText("Type servers to confirm"), { target: { value: "servers" } });
  fireEvent.click(within(dialog).getByRole("button", { name: "Delete" }));
  await waitFor(() =>
    expect(asked.find(([n]) => n === "DeleteProtocol")?.[1]).toEqual({
      input: { id: "c1", confirmIdentifier: "servers" },
    }),
  );
});

it("says why nothing can be issued, and shows no action to those who only read", async () => {
  await open("/p/sub0/protocols/servers", ["protocol:browse"], {
    ProtocolConfiguration: {
      partition: { protocolConfiguration: { ...configuration, problem: "profile web is not selected for issuing" } },
    },
  });
  expect(await screen.findByText("Nothing can be issued through it")).toBeVisible();
  expect(screen.getByText(/Profile web is not selected for issuing/)).toBeVisible();
  expect(screen.queryByRole("button", { name: "Actions" })).toBeNull();
});

const two = {
  ...configuration,
  offerings: [
    ...configuration.offerings,
    {
      id: "o2",
      name: "shortlived",
      profileId: "short",
      maxValidityHours: 160,
      problem: "profile short is not selected for issuing",
      ca: { id: "ca1", identifier: "issuing", friendlyName: "Issuing" },
      profile: null,
    },
  ],
};
const choices = {
  EnrollmentProtocols: {
    partition: {
      enrollmentProtocols: [
        {
          type: "ACME",
          label: "ACME",
          profileGroups: ["privatessl"],
          authorities: [
            {
              ca: { id: "ca1", identifier: "issuing", friendlyName: "Issuing" },
              profiles: [{ id: "web", name: "Web" }],
            },
          ],
        },
      ],
      profileGroups: groups,
    },
  },
};

it("lists the offerings with what is wrong with one, makes another the default and removes one", async () => {
  const done = { protocolConfiguration: { id: "c1" } };
  const asked = await open("/p/sub0/protocols/servers", manage, {
    ProtocolConfiguration: { partition: { protocolConfiguration: two } },
    UpdateProtocolOffering: { updateProtocolOffering: done },
    RemoveProtocolOffering: { removeProtocolOffering: done },
  });
  const table = within((await screen.findByText("shortlived")).closest("table")!);
  expect(table.getByText("Default")).toBeVisible();
  expect(table.getByText("160 hours")).toBeVisible();
  expect(table.getByText("Profile short is not selected for issuing")).toBeVisible();
  fireEvent.click(table.getByRole("button", { name: "Actions for shortlived" }));
  fireEvent.click(await screen.findByRole("menuitem", { name: "Make default" }));
  await waitFor(() =>
    expect(asked.find(([n]) => n === "UpdateProtocolOffering")?.[1]).toEqual({
      input: { id: "o2", makeDefault: true },
    }),
  );
  fireEvent.click(table.getByRole("button", { name: "Actions for shortlived" }));
  fireEvent.click(await screen.findByRole("menuitem", { name: "Remove" }));
  fireEvent.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Remove" }));
  await waitFor(() =>
    expect(asked.find(([n]) => n === "RemoveProtocolOffering")?.[1]).toEqual({ input: { id: "o2" } }),
  );
});

it("adds an offering of an authority and a profile that can issue", async () => {
  const asked = await open("/p/sub0/protocols/servers", manage, {
    ProtocolConfiguration: { partition: { protocolConfiguration: configuration } },
    ...choices,
    AddProtocolOffering: { addProtocolOffering: { protocolConfiguration: { id: "c1" } } },
  });
  fireEvent.click(await screen.findByRole("button", { name: "Add Offering" }));
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByRole("button", { name: "Add" })).toBeDisabled();
  fireEvent.click(await dialog.findByRole("combobox", { name: /Authority Identifier/ }));
  fireEvent.click(await screen.findByRole("option", { name: "issuing (Issuing)" }));
  fireEvent.change(await dialog.findByLabelText("Name"), { target: { value: "second" } });
  fireEvent.click(dialog.getByRole("button", { name: "Add" }));
  await waitFor(() =>
    expect(asked.find(([n]) => n === "AddProtocolOffering")?.[1]).toEqual({
      input: {
        configurationId: "c1",
        offering: { name: "second", caId: "ca1", profileId: "web", maxValidityHours: 0 },
      },
    }),
  );
});

it("offers no change of offerings to those who only read, or may not widen", async () => {
  await open("/p/sub0/protocols/servers", manage, {
    ProtocolConfiguration: { partition: { protocolConfiguration: { ...two, mayWiden: false } } },
  });
  expect(await screen.findByText("shortlived")).toBeVisible();
  expect(screen.queryByRole("button", { name: "Add Offering" })).toBeNull();
  expect(screen.queryByRole("button", { name: "Actions for shortlived" })).toBeNull();
});
