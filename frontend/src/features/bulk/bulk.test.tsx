import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { openScreen } from "@/lib/test-console";
import { BulkPage } from "./BulkPage";

afterEach(() => vi.unstubAllGlobals());

const certificate = {
  commonName: "www.shop.example",
  subject: "CN=www.shop.example",
  notAfter: "2027-03-01T00:00:00Z",
  expired: false,
  issuer: { friendlyName: "House Issuing" },
};
const operation = {
  id: "b1",
  name: "Lost laptops",
  kind: "REVOKE",
  input: "SERIALS",
  state: "DRAFT",
  failure: null,
  reason: "KEY_COMPROMISE",
  profileId: null,
  total: 2,
  pending: 2,
  done: 0,
  failed: 0,
  skipped: 0,
  createdBy: "ada@example.org",
  createdAt: "2026-11-30T00:00:00Z",
  startedBy: null,
  startedAt: null,
  finishedAt: null,
  resultPath: "/x",
  issuer: null,
  findings: [
    {
      result: "WILL_REVOKE",
      count: 2,
      examples: [
        { position: 1, what: "01ab", note: "", certificateId: "c1", certificate },
        {
          position: 2,
          what: "02cd",
          note: "",
          certificateId: "c2",
          certificate: { ...certificate, commonName: "mail.shop.example" },
        },
      ],
    },
  ],
};

it("revokes many only after their names were shown and the number was typed", async () => {
  const { asked } = await openScreen(
    "/p/$partitionId/bulk",
    BulkPage,
    "/p/sub0/bulk?id=b1",
    ["certificate:change-status"],
    {
      BulkOperations: { partition: { bulkOperations: { nodes: [] } } },
      BulkOperation: { bulkOperation: operation },
      StartBulk: { startBulk: { operation: { id: "b1", state: "RUNNING" } } },
    },
  );
  await userEvent.click(await screen.findByRole("button", { name: "Revoke 2 certificates" }));
  expect(asked.some((a) => a.name === "StartBulk")).toBe(false);
  const dialog = within(await screen.findByRole("dialog", { name: "Revoke 2 certificates" }));
  const row = within(dialog.getByRole("row", { name: /www\.shop\.example/ }));
  expect(row.getByText("House Issuing")).toBeVisible();
  expect(row.getAllByText(/2027/)).toHaveLength(2); // a column, or below the name on a phone
  expect(row.getByText("01ab")).toBeVisible();
  const revoke = dialog.getByRole("button", { name: "Revoke" });
  expect(revoke).toBeDisabled();
  await userEvent.type(dialog.getByLabelText("Type revoke 2 to confirm"), "revoke 2");
  await userEvent.click(revoke);
  await vi.waitFor(() => expect(asked.find((a) => a.name === "StartBulk")?.variables).toEqual({ id: "b1" }));
});

it("sends a list of serial numbers as a file, and names it in the operation", async () => {
  const { asked } = await openScreen(
    "/p/$partitionId/bulk",
    BulkPage,
    "/p/sub0/bulk?make=revoke",
    ["certificate:change-status"],
    {
      BulkOperations: { partition: { bulkOperations: { nodes: [] } } },
      BulkChoices: { partition: { certificationAuthorities: { nodes: [] } } },
      BulkOperation: { bulkOperation: operation },
      PrepareBulkRevocation: { prepareBulkRevocation: { operation: { id: "b1" } } },
    },
  );
  const graphql = fetch;
  const uploads: unknown[] = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    if (!url.startsWith("/upload")) return graphql(url, init);
    uploads.push([url, init.method, init.body]);
    return Response.json({ id: "u1" }, { status: 201 });
  });
  await userEvent.type(await screen.findByLabelText("Or paste them"), "01ab");
  await userEvent.click(screen.getByRole("button", { name: "Count them" }));
  await vi.waitFor(() =>
    expect(asked.find((a) => a.name === "PrepareBulkRevocation")?.variables).toMatchObject({
      input: { partitionId: "sub0", selection: { uploadId: "u1" } },
    }),
  );
  expect(uploads).toEqual([["/upload?partition=sub0&kind=REVOKE", "POST", "01ab"]]);
});
