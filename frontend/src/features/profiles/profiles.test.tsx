import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Suspense } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { createTestRouter } from "@/lib/test-router";
import { caType, parseDocument, setMember, withoutHead } from "./document";
import { ProfilesPage } from "./ProfilesPage";

afterEach(() => vi.unstubAllGlobals());

const json = JSON.stringify(
  {
    id: "our-servers",
    name: "Ours",
    group: "privatessl",
    kind: "SUBSCRIBER",
    allowedCATypes: ["ISSUING"],
    validity_period: "P1Y",
    usages: ["2.5.29.15.0", "1.3.6.1.5.5.7.3.1"],
    allowed_extensions: [],
    certificate_policies: ["1.2.3"],
  },
  null,
  2,
);
const profile = (id: string, system: boolean) => ({
  id,
  name: `Name of ${id}`,
  description: "",
  validityPeriod: "P1Y",
  allowedCaTypes: ["ISSUING"],
  keyUsages: [{ oid: "2.5.29.15.0", name: "Digital Signature" }],
  extendedKeyUsages: [{ oid: "1.3.6.1.5.5.7.3.1", name: "TLS Server Authentication" }],
  allowedExtensions: [],
  ignoreUnknownExtensions: true,
  serverSideKeys: false,
  copiesCommonNameToSan: false,
  requiredSanTypes: [],
  keyAlgorithms: [],
  maxValidityPeriod: "",
  json,
  system,
  version: system ? 0 : 3,
  retiredAt: null,
});

async function open(id: string, permissions: string[], answers: Record<string, unknown> = {}) {
  const asked: { name: string; variables: Record<string, any> }[] = [];
  const all: Record<string, unknown> = {
    Viewer: {
      viewer: {
        operator: false,
        user: null,
        partitions: [{ id: "sub0", name: "House", region: "EU", roles: [], permissions }],
      },
    },
    Deployment: { deployment: {} },
    Profiles: {
      partition: {
        profileGroups: [
          { id: "issuing", title: "Issuing CAs", kind: "AUTHORITY", profiles: [profile("basic-ca-subord", true)] },
          {
            id: "privatessl",
            title: "Private TLS",
            kind: "SUBSCRIBER",
            profiles: [profile("privatessl-tls-server", true), profile("our-servers", false)],
          },
        ],
        retiredProfiles: { nodes: [] },
      },
    },
    ValidateProfile: { validateProfile: [] },
    ProfileHistory: {
      partition: {
        certificateProfile: {
          basedOn: "privatessl-tls-server",
          issued: true,
          selectedFor: ["issuing-1"],
          versions: {
            nodes: [
              { version: 3, createdAt: "2026-01-01T00:00:00Z", createdBy: "ada@example.org", comment: "shorter", json },
            ],
          },
        },
      },
    },
    ProfileChanges: {
      partition: { certificateProfile: { changes: [{ path: "validity_period", before: '"P2Y"', after: '"P1Y"' }] } },
    },
    CloneProfile: { cloneProfile: { profile: { id: "mine" } } },
    UpdateProfile: { updateProfile: { profile: { id: "our-servers", version: 4 } } },
    ...answers,
  };
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const { query, variables } = JSON.parse(String(init.body)) as { query: string; variables: Record<string, any> };
    const name = /(?:mutation|query) (\w+)/.exec(query)![1]!;
    asked.push({ name, variables });
    const a = all[name];
    return Response.json({ data: typeof a === "function" ? (a as (v: unknown) => unknown)(variables) : a });
  });
  const router = createTestRouter(
    "/p/$partitionId/profiles",
    ProfilesPage,
    createMemoryHistory({ initialEntries: [`/p/sub0/profiles?id=${id}`] }),
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

it("keeps what the form does not know, and removes what is empty", () => {
  const d = parseDocument(json)!;
  const next = parseDocument(setMember(d, { validity_period: "P90D", description: undefined, san_rules: [] }))!;
  expect(next).toEqual({ ...d, validity_period: "P90D", san_rules: [] });
  expect(parseDocument("[1]")).toBeUndefined();
  expect(parseDocument("{")).toBeUndefined();
});

it("takes identifier, name and group out of the JSON, and knows the guide's types of CA", () => {
  const { head, body } = withoutHead(json);
  expect(head).toEqual({ id: "our-servers", name: "Ours", group: "privatessl" });
  expect(parseDocument(body)).toEqual({ ...parseDocument(json), id: undefined, name: undefined, group: undefined });
  expect(["root", "externalKey", "intermediate", "subord", "ISSUING"].map(caType)).toEqual([
    "ROOT",
    "EXTERNAL_ROOT",
    "INTERMEDIATE",
    "ISSUING",
    "ISSUING",
  ]);
});

it("clones in the editor, with everything in it", async () => {
  const asked = await open("privatessl-tls-server", ["profile:manage"]);
  const user = userEvent.setup();
  const clone = await screen.findByRole("button", { name: "Clone" });
  expect(screen.queryByRole("button", { name: "Edit" })).toBeNull();
  await user.click(clone);
  const editor = within(await screen.findByRole("dialog", { name: "Clone privatessl-tls-server" }));
  const id = editor.getByLabelText(/^Profile ID/);
  expect(id).toHaveProperty("value", "privatessl-tls-server-copy");
  expect(editor.getByLabelText(/^Name/)).toHaveProperty("value", "Name of privatessl-tls-server (copy)");
  expect(editor.getByLabelText(/^Profile Group/)).toHaveProperty("value", "privatessl");
  expect(editor.getByLabelText(/^Validity period/)).toHaveProperty("value", "P1Y");
  for (const label of [/^Key Usages/, /^Extended Key Usages/, /^Allowed extensions/])
    expect(editor.getAllByLabelText(label).length).toBeGreaterThan(0);
  // The type of CA that the profile is for, by its name in the guide; another one is added.
  await user.click(editor.getAllByLabelText(/^Default CA Types/)[0]!);
  await user.click(await screen.findByRole("option", { name: "Intermediate Subordinate Authority", hidden: true }));
  await user.clear(id);
  await user.type(id, "mine");
  await user.clear(editor.getByLabelText(/^Profile Group/));
  await user.type(editor.getByLabelText(/^Profile Group/), "corp");
  await user.click(editor.getByLabelText("Edit the Raw Profile Information"));
  const text = editor.getByLabelText<HTMLTextAreaElement>(/^Profile as JSON/);
  expect(parseDocument(text.value)).not.toHaveProperty("id");
  // It still says which profile it is.
  expect(editor.getByLabelText(/^Profile ID/)).toHaveProperty("value", "mine");
  await waitFor(() => expect(editor.getByRole("button", { name: "Clone" })).toHaveProperty("disabled", false));
  await user.click(editor.getByRole("button", { name: "Clone" }));
  await waitFor(() => expect(asked.some((a) => a.name === "CloneProfile")).toBe(true));
  const { json: rules, ...input } = asked.find((a) => a.name === "CloneProfile")!.variables.input;
  expect(input).toEqual({
    partitionId: "sub0",
    sourceId: "privatessl-tls-server",
    id: "mine",
    name: "Name of privatessl-tls-server (copy)",
    group: "corp",
  });
  const { id: _id, name: _name, group: _group, ...rest } = JSON.parse(json);
  expect(JSON.parse(rules)).toEqual({ ...rest, allowedCATypes: ["ISSUING", "INTERMEDIATE"] });
});

it("takes the guide's own JSON, and what that says of identifier and group", async () => {
  const asked = await open("privatessl-tls-server", ["profile:manage"]);
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Clone" }));
  await user.click(await screen.findByLabelText("Edit the Raw Profile Information"));
  const text = await screen.findByLabelText<HTMLTextAreaElement>(/^Profile as JSON/);
  await user.clear(text);
  await user.click(text);
  await user.paste(
    '{"group": "corp", "allowedCATypes": ["subord"], "validity_period": "P2Y", "usages": ["2.5.29.15.0"]}',
  );
  const group = screen.getByLabelText(/^Profile Group/);
  expect(group).toHaveProperty("value", "corp");
  expect(group).toHaveProperty("disabled", true);
  await user.click(screen.getByLabelText("Edit the Raw Profile Information"));
  expect((await screen.findAllByText("Subordinate Authority")).length).toBeGreaterThan(0);
  await waitFor(() =>
    expect(asked.findLast((a) => a.name === "ValidateProfile")?.variables).toMatchObject({
      id: "privatessl-tls-server-copy",
      json: expect.stringContaining("subord"),
    }),
  );
});

it.each([
  ["basic-ca-subord", ["profile:manage"]],
  ["our-servers", []],
])("gives no way to change %s with %j", async (id, permissions) => {
  await open(id, permissions);
  expect(await screen.findByText("Profile ID")).toBeTruthy();
  expect(screen.queryByRole("button", { name: /^(Clone|Edit|Retire|Delete)$/ })).toBeNull();
});

it("names each profile by what is seen of it", async () => {
  await open("none", []);
  const card = await screen.findByRole("button", {
    name: /View Certificate Profile.*Name of our-servers.*our-servers.*Validity P1Y/,
  });
  expect(card.getAttribute("aria-label")).toBeNull();
});

it("shows versions with what each changed", async () => {
  await open("our-servers", []);
  const user = userEvent.setup();
  await user.click(await screen.findByRole("radio", { name: "Versions" }));
  await user.click(await screen.findByRole("button", { name: /Version 3: shorter/ }));
  expect((await screen.findByLabelText("before")).textContent).toContain('"P2Y"');
  expect(screen.getByLabelText("after").textContent).toContain('"P1Y"');
});

it("edits by form, checks while typing, and saves the whole profile as the next version", async () => {
  const asked = await open("our-servers", ["profile:manage"], {
    ValidateProfile: (v: { json: string }) => ({
      validateProfile: /"P90D"|"P1Y"/.test(v.json)
        ? []
        : [{ path: "validity_period", message: "must be an ISO 8601 duration", line: 7 }],
    }),
  });
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Edit" }));
  expect(screen.getByLabelText(/^Profile ID/)).toHaveProperty("readOnly", true);
  const validity = await screen.findByLabelText(/^Validity period/);
  await user.clear(validity);
  await user.type(validity, "90 days");
  expect(await screen.findByText(/Line 7,/)).toBeTruthy();
  expect(screen.getByRole("button", { name: "Save as version 4" })).toHaveProperty("disabled", true);
  await user.clear(validity);
  await user.type(validity, "P90D");
  // Without the member it is the word of a person that counts.
  await user.click(screen.getAllByLabelText(/^Claims about identity/)[0]!);
  await user.click(await screen.findByRole("option", { name: "Windows enrollment (WSTEP)", hidden: true }));
  await waitFor(() =>
    expect(screen.getByRole("button", { name: "Save as version 4" })).toHaveProperty("disabled", false),
  );
  await user.click(screen.getByRole("button", { name: "Save as version 4" }));
  await waitFor(() => expect(asked.some((a) => a.name === "UpdateProfile")).toBe(true));
  const input = asked.find((a) => a.name === "UpdateProfile")!.variables.input;
  expect(input).toMatchObject({
    partitionId: "sub0",
    id: "our-servers",
    version: 3,
    name: "Ours",
    group: "privatessl",
  });
  expect({ ...JSON.parse(json), ...JSON.parse(input.json) }).toEqual({
    ...JSON.parse(json),
    validity_period: "P90D",
    identity_claims_from: ["PERSON", "WSTEP"],
  });
});

it("takes broken JSON as raw text and says so", async () => {
  await open("our-servers", ["profile:manage"], {
    ValidateProfile: (v: { json: string }) => ({
      validateProfile: parseDocument(v.json)
        ? []
        : [{ path: "json", message: "the profile is not valid JSON", line: 1 }],
    }),
  });
  const user = userEvent.setup();
  await user.click(await screen.findByRole("button", { name: "Edit" }));
  await user.click(await screen.findByLabelText("Edit the Raw Profile Information"));
  const text = await screen.findByLabelText(/^Profile as JSON/);
  await user.type(text, "x");
  expect(await screen.findByText(/not valid JSON/)).toBeTruthy();
  expect(screen.getByLabelText("Edit the Raw Profile Information")).toHaveProperty("disabled", true);
});
