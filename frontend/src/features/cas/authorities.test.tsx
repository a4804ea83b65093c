import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { openScreen } from "@/lib/test-console";
import { CaPage } from "./CaPage";
import { CasPage } from "./CasPage";
import { CreateCa } from "./CreateCa";

afterEach(() => vi.unstubAllGlobals());

const profile = (id: string, name: string) => ({
  id,
  name,
  description: `For ${name}.`,
  allowedCaTypes: ["ISSUING"],
  selectable: true,
});
const groups = {
  ProfileGroups: {
    partition: {
      profileGroups: [
        {
          id: "privatessl",
          title: "Private TLS and ACME",
          kind: "SUBSCRIBER",
          profiles: [profile("tls-server", "TLS server"), profile("tls-client", "TLS client")],
        },
        { id: "smime", title: "S/MIME", kind: "SUBSCRIBER", profiles: [profile("mail", "Mail")] },
      ],
    },
  },
};
const row = {
  id: "r",
  identifier: "root",
  friendlyName: "House Root",
  type: "ROOT",
  status: "ACTIVE",
  signingAlgorithm: "ECDSAP384+SHA384",
  subject: "CN=R",
  expiresAt: "2046-01-01T00:00:00Z",
  activeCertificates: 0,
  parent: null,
  brokenBy: null,
  certificate: { serialNumber: "01" },
};
const issuing = {
  ...row,
  id: "i",
  identifier: "issuing",
  friendlyName: "House Issuing",
  type: "ISSUING",
  parent: { id: "r" },
};
const orphan = {
  ...issuing,
  id: "o",
  identifier: "orphan",
  friendlyName: "House Orphan",
  parent: { id: "gone" },
  brokenBy: {
    id: "gone",
    identifier: "gone",
    friendlyName: "Old Root",
    status: "DELETED",
    purgeAt: "2020-01-01T00:00:00Z",
  },
};
const detail = (ca: object) => ({
  CaDetail: {
    partition: {
      certificationAuthority: {
        createdAt: "2026-01-01T00:00:00Z",
        crlEnabled: true,
        ocspEnabled: false,
        keyStore: { name: "software", description: "", available: true },
        keyCustody: "IN_SOFTWARE",
        children: { nodes: [] },
        keyGeneration: 1,
        renewal: null,
        nameConstraints: null,
        creation: { failure: null, steps: [] },
        profiles: [],
        ...ca,
        certificate: null,
      },
    },
  },
  KeyStores: { partition: { keyStores: [] } },
  CaCertificates: { certificationAuthority: { caCertificates: [] } },
  ...groups,
});
const page = (ca: object, permissions: string[], search = "") =>
  openScreen("/p/$partitionId/cas/$identifier", CaPage, `/p/sub0/cas/issuing${search}`, permissions, detail(ca));
const list = (search = "") =>
  openScreen("/p/$partitionId/cas", CasPage, `/p/sub0/cas${search}`, [], {
    Cas: { partition: { certificationAuthorities: { nodes: [row, issuing, orphan] } } },
  });

it("begins a new issuing authority with the usual profiles, and warns when none is left", async () => {
  await openScreen(
    "/",
    () => <CreateCa partitionId="sub0" parentIdentifier={undefined} cas={[row as never]} onClose={() => {}} />,
    "/",
    ["ca:create"],
    {
      ...groups,
      SigningAlgorithms: { deployment: { signingAlgorithms: [] } },
      KeyStores: { partition: { keyStores: [] } },
    },
  );
  expect(await screen.findByText("2 selected")).toBeVisible();
  expect(screen.getByRole("button", { name: "TLS servers and clients", pressed: true })).toBeVisible();
  expect(screen.queryByText("Without a profile it can issue nothing")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "None" }));
  expect(screen.getByText("Without a profile it can issue nothing")).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "People" }));
  expect(screen.getByText("1 selected")).toBeVisible();
  await userEvent.click(screen.getByRole("radio", { name: "Root Authority" }));
  expect(screen.queryByText("1 selected")).toBeNull();
});

it("leads from an authority without profiles to their selection", async () => {
  await page(issuing, ["ca:select-profiles", "certificate:issue"]);
  expect(await screen.findByText("It can issue nothing yet")).toBeVisible();
  expect(screen.queryByRole("button", { name: "Issue Certificate" })).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Select profiles" }));
  expect(await screen.findByRole("dialog", { name: "Select profiles" })).toBeVisible();
});

it("leads from a root to the authority below it", async () => {
  await page(row, ["ca:create"]);
  expect(await screen.findByRole("link", { name: "Create an authority below it" })).toHaveAttribute(
    "href",
    "/p/sub0/cas?create=%22true%22&parent=issuing",
  );
});

it("does not show what the role may not do", async () => {
  await page(
    {
      ...issuing,
      profiles: [{ ...profile("tls-server", "TLS server"), validityPeriod: "P1Y", group: { title: "TLS" } }],
    },
    ["ca:browse"],
  );
  expect(await screen.findByText("Subordinate Authority (subord)")).toBeVisible();
  expect(screen.queryByRole("button", { name: "Actions" })).toBeNull();
  expect(screen.queryByText("Download Certificate")).toBeNull();
});

it("says of an authority below a deleted one that it cannot be relied on", async () => {
  await page(orphan, ["ca:create", "certificate:issue", "ca:select-profiles"]);
  expect(await screen.findByText("It cannot be relied on")).toBeVisible();
  expect(screen.getByText(/Old Root, above it, is deleted/)).toBeVisible();
  expect(screen.getAllByText("Cannot be relied on")[0]).toBeVisible();
  expect(screen.queryByRole("link", { name: "Open Old Root" })).toBeNull(); // it is gone for good
  expect(screen.queryByText("It can issue nothing yet")).toBeNull();
});

it("shows types in the guide's words, and what lost its root, in the list and in the picture", async () => {
  await list("?view=list");
  const of = async (name: string) => within((await screen.findByText(name)).closest("tr")!);
  expect((await of("House Root")).getByText("Root Authority")).toBeVisible();
  expect((await of("House Issuing")).getByText("Subordinate Authority")).toBeVisible();
  expect((await of("House Orphan")).getByText("Cannot be relied on")).toBeVisible();
  expect((await of("House Orphan")).getByText("Old Root above it is deleted")).toBeVisible();
});

it("shows it in the picture too", async () => {
  await list();
  expect(
    await screen.findByRole("link", {
      name: /House Orphan.*Subordinate Authority.*Cannot be relied on.*Old Root is deleted/,
    }),
  ).toBeVisible();
});

it.each([
  ["?type=ISSUING", ["House Issuing", "House Orphan"]],
  ["?type=ISSUING&status=ACTIVE", ["House Issuing"]],
  ["?status=CANNOT_BE_RELIED_ON", ["House Orphan"]],
])("filters by type and status: %s", async (search, names) => {
  await list(`${search}&view=list`);
  await screen.findByRole("table");
  expect(
    screen
      .getAllByRole("row")
      .slice(1)
      .map((r) => within(r).getByRole("link").textContent),
  ).toEqual(names);
});

it("filters by what is chosen", async () => {
  const { router } = await list("?view=list");
  await userEvent.click(await screen.findByRole("combobox", { name: "Type" }));
  await userEvent.click(screen.getByRole("option", { name: "Intermediate Subordinate Authority" }));
  expect(await screen.findByText("No certificate authority matches")).toBeVisible();
  expect(router.state.location.search).toMatchObject({ type: "INTERMEDIATE" });
  await userEvent.click(screen.getByRole("button", { name: "Clear the filters" }));
  expect(await screen.findByText("House Orphan")).toBeVisible();
});
