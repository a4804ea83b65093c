import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { openScreen } from "@/lib/test-console";
import { IssueDrawer } from "./IssueDrawer";

afterEach(() => vi.unstubAllGlobals());

const profile = (id: string, name: string, description: string, serverSideKeys = false) => ({
  id,
  name,
  description,
  serverSideKeys,
  requiredSanTypes: [],
  copiesCommonNameToSan: false,
  group: { title: "Private TLS and ACME" },
});
const server = profile("privatessl-tls-server", "TLS server", "Web servers and other TLS servers.");
const client = profile("privatessl-tls-client", "TLS client", "People and devices.");
const ca = (profiles: object[], more = {}) => ({
  id: "ca1",
  identifier: "issuing",
  friendlyName: "House Issuing",
  type: "ISSUING",
  status: "ACTIVE",
  brokenBy: null,
  profiles,
  ...more,
});
const open = (cas: object[], permissions = ["certificate:issue", "ca:create", "ca:select-profiles"]) =>
  openScreen("/", () => <IssueDrawer partitionId="sub0" onClose={() => {}} />, "/", permissions, {
    IssueChoices: { partition: { certificationAuthorities: { nodes: cas } } },
  });
const drawer = async () => within(await screen.findByRole("dialog", { name: "Issue Certificate" }));

it("offers profiles by name and purpose, and finds them by both and by id", async () => {
  await open([ca([server, client])]);
  const box = await (await drawer()).findByRole("combobox", { name: /Certificate profile/ });
  const found = () =>
    within(screen.getByRole("listbox", { name: /Certificate profile/, hidden: true }))
      .getAllByRole("option", { hidden: true })
      .map((o) => o.textContent);
  await userEvent.click(box);
  expect(found()).toEqual([
    "TLS serverWeb servers and other TLS servers.privatessl-tls-server",
    "TLS clientPeople and devices.privatessl-tls-client",
  ]);
  await userEvent.type(box, "web");
  expect(found()).toEqual([expect.stringContaining("privatessl-tls-server")]);
  await userEvent.clear(box);
  await userEvent.type(box, "tls-client");
  expect(found()).toEqual([expect.stringContaining("TLS client")]);
  await userEvent.keyboard("{Enter}");
  expect(box).toHaveValue("TLS client");
  expect(box).toHaveAccessibleDescription("People and devices.");
});

it("takes the only profile there is", async () => {
  await open([ca([server])]);
  expect(await (await drawer()).findByRole("combobox", { name: /Certificate profile/ })).toHaveValue("TLS server");
});

it("leads to the profiles of an authority that has none", async () => {
  await open([ca([])]);
  expect(await (await drawer()).findByText("House Issuing has no profiles")).toBeVisible();
  expect((await drawer()).getByRole("link", { name: "Select profiles for House Issuing" })).toHaveAttribute(
    "href",
    "/p/sub0/cas/issuing?tab=profiles&select=%22true%22",
  );
});

it("leads to a new authority where there is none that stands", async () => {
  await open([ca([server], { brokenBy: { id: "root" } })]);
  expect(await (await drawer()).findByText("No authority can issue certificates yet")).toBeVisible();
  expect((await drawer()).getByRole("link", { name: "Create Authority" })).toHaveAttribute(
    "href",
    "/p/sub0/cas?create=%22true%22",
  );
});

it("says whom to ask when the way is not one's own", async () => {
  await open([ca([])], ["certificate:issue"]);
  expect(await (await drawer()).findByText(/Ask an Owner or a CA Administrator/)).toBeVisible();
  expect((await drawer()).queryByRole("link")).toBeNull();
});

it("leads to profiles with server-side keys when none is selected", async () => {
  await open([ca([server])]);
  await userEvent.click(await (await drawer()).findByRole("radio", { name: /Server Side/ }));
  expect((await drawer()).getByText("No profile lets the server make the key")).toBeVisible();
  expect((await drawer()).getByRole("link", { name: "Profiles of House Issuing" })).toBeVisible();
});
