import { screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { openScreen } from "@/lib/test-console";
import { HomePage } from "./HomePage";

afterEach(() => vi.unstubAllGlobals());

const counts = {
  purchasedCas: 10,
  activeCas: 0,
  purchasedCertificates: 100,
  issuedCertificates: 0,
  suspendedCertificates: 0,
  revokedCertificates: 0,
  expiringCertificates: 0,
};
const home = (ever: object[], more = {}) => ({
  partition: {
    counts: { ...counts, ...more },
    activity: [{ day: "2026-11-30", issued: 3, revoked: 1 }],
    certificates: { nodes: [] },
    ever: { nodes: ever },
    protocolConfigurations: { totalCount: 0 },
    members: { nodes: [] },
  },
});
const owner = ["ca:create", "ca:select-profiles", "certificate:issue", "protocol:manage", "user:invite", "user:browse"];
const root = {
  id: "r",
  identifier: "root",
  friendlyName: "Root",
  type: "ROOT",
  status: "ACTIVE",
  brokenBy: null,
  profiles: [],
};
const issuing = { ...root, id: "i", identifier: "issuing", friendlyName: "Issuing", type: "ISSUING" };
const open = (Home: object, cas: object[] = [], permissions = owner) =>
  openScreen("/p/$partitionId/", HomePage, "/p/sub0/", permissions, {
    Home,
    HomeStart: { partition: { certificationAuthorities: { nodes: cas } } },
  });
const button = (name: string) => screen.findByRole("link", { name, current: false });

it("puts the first steps above everything in an empty partition, and shows no empty chart", async () => {
  await open(home([]));
  const steps = await screen.findByRole("heading", { name: "First steps" });
  expect(steps.compareDocumentPosition(screen.getByText("Active CAs")) & Node.DOCUMENT_POSITION_FOLLOWING).toBeTruthy();
  expect(screen.queryByText("Last 30 days")).toBeNull();
  expect(screen.queryByText("What expires next")).toBeNull();
  expect(await button("Create a root authority")).toHaveAttribute("href", "/p/sub0/cas?create=%22true%22");
});

it.each([
  [[root], "Create an issuing authority", "/p/sub0/cas?create=%22true%22"],
  [[root, issuing], "Select profiles for Issuing", "/p/sub0/cas/issuing?tab=profiles&select=%22true%22"],
  [[root, { ...issuing, profiles: [{ id: "web" }] }], "Issue a certificate", "/p/sub0/certificates?issue=%22true%22"],
])("offers the one step that is next", async (cas, name, href) => {
  await open(home([]), cas);
  expect(await button(name)).toHaveAttribute("href", href);
});

it("counts the revoked once, whatever part of the screen says it", async () => {
  await open(
    home([{ id: "c" }], { issuedCertificates: 5, suspendedCertificates: 2, revokedCertificates: 1, activeCas: 2 }),
  );
  expect(await screen.findByText("1 revoked")).toBeVisible();
  expect(screen.getByText("Revoked").parentElement).toHaveTextContent("Revoked1");
  expect(screen.getByText("Valid").parentElement).toHaveTextContent("Valid3");
  expect(screen.getByRole("heading", { name: "Next steps" })).toBeVisible();
});
