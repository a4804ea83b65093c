import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { Suspense } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { createTestRouter } from "@/lib/test-router";
import { CaPage } from "./CaPage";
import { CreateCa } from "./CreateCa";

afterEach(() => vi.unstubAllGlobals());

const algorithm = (label: string, family: string, postQuantum: boolean, warning: string | null) => ({
  label,
  family,
  securityBits: 128,
  postQuantum,
  publicKeyBytes: 1000,
  signatureBytes: 2000,
  standard: "FIPS 204",
  advice: `Advice on ${label}.`,
  warning,
  verifiers: [
    { client: "OpenSSL", since: "3.5" },
    { client: "Windows", since: postQuantum ? null : "7" },
  ],
});
const software = {
  name: "software",
  description: "Directory /data/keys",
  isDefault: true,
  available: true,
  problem: null,
  custody: "IN_SOFTWARE",
};
const hsm = {
  name: "hsm",
  description: "SoftHSM v2",
  isDefault: false,
  available: true,
  problem: null,
  custody: "WRAPPED_BY_TOKEN",
};
const root = {
  id: "ca1",
  identifier: "root-1",
  friendlyName: "House Root",
  type: "ROOT",
  status: "ACTIVE",
  signingAlgorithm: "ML-DSA-65",
  subject: "CN=R",
  expiresAt: "2046-01-01T00:00:00Z",
  createdAt: "2026-01-01T00:00:00Z",
  activeCertificates: 0,
  crlEnabled: true,
  ocspEnabled: false,
  keyStore: software,
  keyCustody: "IN_SOFTWARE",
  children: { nodes: [] },
  keyGeneration: 1,
  renewal: null,
  nameConstraints: null,
  creation: { failure: null, steps: [] },
  profiles: [],
  certificate: null,
};

/** A server that answers each operation by its name, and remembers what it was asked to do. */
function serve(answers: Record<string, unknown>) {
  const asked: { name: string; variables: unknown }[] = [];
  const all: Record<string, unknown> = {
    Viewer: {
      viewer: {
        operator: false,
        user: { email: "bob@example.org" },
        partitions: [
          {
            id: "sub0",
            name: "House",
            region: "EU",
            roles: [],
            permissions: ["ca:create", "ca:download", "ca:delete"],
          },
        ],
      },
    },
    Deployment: { deployment: { twoPersonRoots: false, subjectAttributes: [] } },
    SigningAlgorithms: {
      deployment: {
        signingAlgorithms: [
          algorithm("ECDSAP384+SHA384", "ECDSA", false, null),
          algorithm("ML-DSA-65", "ML-DSA", true, "Windows cannot verify it."),
        ],
      },
    },
    AlgorithmMeasurement: {
      measureAlgorithm: {
        measurement: { signaturesPerSecond: 78.6, verificationsPerSecond: 1234, keyGenerationMilliseconds: 12 },
      },
    },
    KeyStores: { partition: { keyStores: [software, hsm] } },
    ProfileGroups: { partition: { profileGroups: [] } },
    CaDetail: { partition: { certificationAuthority: root } },
  };
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const { query, variables } = JSON.parse(String(init.body)) as { query: string; variables: unknown };
    const name = /(?:mutation|query) (\w+)/.exec(query)![1]!;
    asked.push({ name, variables });
    return Response.json({ data: name in answers ? answers[name] : all[name] });
  });
  return asked;
}

async function show(path: string, component: () => React.ReactNode, at: string) {
  const router = createTestRouter(path, component, createMemoryHistory({ initialEntries: [at] }));
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
}
const create = () =>
  show("/", () => <CreateCa partitionId="sub0" parentIdentifier={undefined} cas={[]} onClose={() => {}} />, "/");
const page = () => show("/p/$partitionId/cas/$identifier", CaPage, "/p/sub0/cas/root-1");

it("explains the chosen algorithm, and warns where a client cannot verify it", async () => {
  const asked = serve({});
  await create();
  expect(await screen.findByText("Advice on ECDSAP384+SHA384.")).toBeVisible();
  expect(screen.queryByText("Windows cannot verify it.")).toBeNull();
  const box = screen.getByRole("combobox", { name: /Signing Key Details/ });
  await userEvent.click(box);
  await userEvent.clear(box);
  await userEvent.type(box, "post-quantum");
  const options = within(screen.getByRole("listbox", { name: "Signing Key Details", hidden: true }));
  expect(options.getAllByRole("option", { hidden: true })).toHaveLength(1);
  await userEvent.keyboard("{ArrowDown}{Enter}");
  expect(box).toHaveValue("ML-DSA-65");
  const about = within(screen.getByRole("region", { name: "About ML-DSA-65" }));
  expect(about.getByText("Windows cannot verify it.")).toBeVisible();
  expect(about.getByText("OpenSSL since 3.5")).toBeVisible();
  expect(about.getByText("Windows, not reliably")).toBeVisible();
  expect(await about.findByText("about 79 signatures a second")).toBeVisible();
  expect(asked.filter((a) => a.name === "AlgorithmMeasurement").map((a) => a.variables)).toEqual([
    { label: "ECDSAP384+SHA384" },
    { label: "ML-DSA-65" },
  ]);
});

it("offers the key stores with what custody means, and not one that is out of order", async () => {
  serve({
    KeyStores: {
      partition: {
        keyStores: [
          software,
          hsm,
          { ...hsm, name: "vault", available: false, problem: "The token is not plugged in." },
        ],
      },
    },
  });
  await create();
  const card = (name: RegExp) => screen.findByRole("radio", { name });
  expect(await card(/^software/)).toBeChecked();
  expect(await card(/^hsm.*for each signature it is opened in the server's memory/)).not.toBeChecked();
  const vault = await card(/^vault.*The token is not plugged in/);
  expect(vault).toBeDisabled();
});

it("says in a line where the key will live when there is one store", async () => {
  serve({ KeyStores: { partition: { keyStores: [software] } } });
  await create();
  expect(await screen.findByText(/software: Directory \/data\/keys\. The key is an encrypted file/)).toBeVisible();
});

it("asks for approval of a root where two persons are needed", async () => {
  serve({ Deployment: { deployment: { twoPersonRoots: true, subjectAttributes: [] } } });
  await create();
  expect(await screen.findByRole("button", { name: "Ask for approval" })).toBeVisible();
  expect(screen.getByText("A root needs two people here")).toBeVisible();
});

it("moves a key out of software after saying what happens to the old copy", async () => {
  let at: object = root;
  const asked = serve({
    get CaDetail() {
      return { partition: { certificationAuthority: at } };
    },
    get MoveCaKey() {
      at = { ...root, keyMovingTo: "hsm" };
      return { moveCertificationAuthorityKey: { certificationAuthority: { id: "ca1" } } };
    },
  });
  await page();
  await userEvent.click(await screen.findByRole("button", { name: "Actions" }));
  await userEvent.click(await screen.findByText("Move key to another key store"));
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByText(/The copy in software is destroyed/)).toBeVisible();
  expect(await dialog.findByRole("radio", { name: /^hsm/ })).toBeChecked();
  await userEvent.click(dialog.getByRole("button", { name: "Move key" }));
  await vi.waitFor(() =>
    expect(asked).toContainEqual({ name: "MoveCaKey", variables: { input: { caId: "ca1", keyStore: "hsm" } } }),
  );
  expect(await screen.findByRole("status")).toHaveTextContent("to hsm");
  at = { ...root, keyStore: hsm, keyCustody: "WRAPPED_BY_TOKEN" };
  expect(await screen.findByText("Encrypted by the HSM.")).toBeVisible();
  expect(screen.queryByRole("status")).toBeNull();
});

it("knows after a reload that a key is being moved, and offers no second move", async () => {
  serve({ CaDetail: { partition: { certificationAuthority: { ...root, keyMovingTo: "hsm" } } } });
  await page();
  expect(await screen.findByText("to hsm")).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Actions" }));
  expect(await screen.findByText("Renew Certificate Authority")).toBeVisible();
  expect(screen.queryByText("Move key to another key store")).toBeNull();
});

it("says what goes on and what does not while the key store is away", async () => {
  serve({
    CaDetail: {
      partition: {
        certificationAuthority: {
          ...root,
          keyStore: { ...hsm, available: false, problem: "The token is not plugged in." },
          keyCustody: "IN_TOKEN",
        },
      },
    },
  });
  await page();
  const alert = await screen.findByRole("alert");
  expect(alert).toHaveTextContent("The key store hsm is not available");
  expect(alert).toHaveTextContent(
    "The token is not plugged in. CRL and OCSP answers already signed go on; nothing can be issued.",
  );
  expect(screen.getByText(/never gives it out/)).toBeVisible();
});

it("gives out the request of a pending authority, and takes the certificate for it", async () => {
  const pending = {
    ...root,
    type: "ISSUING",
    status: "PENDING_CERTIFICATE",
    parent: { identifier: "outer", friendlyName: "Outer Root", type: "EXTERNAL_ROOT" },
  };
  const asked = serve({
    CaDetail: { partition: { certificationAuthority: pending } },
    CaRequest: { certificationAuthority: { certificateSigningRequest: "-----BEGIN CERTIFICATE REQUEST-----" } },
    ImportCaCertificate: { importCaCertificate: { certificationAuthority: { id: "ca1", status: "CREATING" } } },
  });
  await page();
  const waiting = within(await screen.findByRole("region", { name: "Waiting for its certificate" }));
  expect(waiting.getByText(/have Outer Root sign it as a CA/)).toBeVisible();
  await vi.waitFor(() => expect(waiting.getByRole("button", { name: "Download Certificate Request" })).toBeEnabled());
  await userEvent.click(waiting.getByRole("button", { name: "Import Issuing Certificate Authority" }));
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByRole("button", { name: "Import" })).toBeDisabled();
  await userEvent.type(dialog.getByLabelText(/^Certificate/), "PEM");
  await userEvent.click(dialog.getByRole("button", { name: "Import" }));
  await vi.waitFor(() =>
    expect(asked).toContainEqual({
      name: "ImportCaCertificate",
      variables: { input: { caId: "ca1", certificate: "PEM" } },
    }),
  );
});

it("imports an external root by its certificate alone", async () => {
  const asked = serve({
    CaTaken: { partition: { certificationAuthority: null } },
    ImportExternalRoot: {
      importExternalRoot: { certificationAuthority: { id: "ca1", identifier: "outer", status: "ACTIVE" } },
    },
  });
  await create();
  await userEvent.click(await screen.findByRole("radio", { name: /External Root Authority/ }));
  expect(screen.queryByRole("combobox", { name: /Signing Key Details/ })).toBeNull();
  await userEvent.type(screen.getByLabelText(/CA Identifier/), "outer");
  await userEvent.type(screen.getByLabelText(/Friendly Name/), "Outer");
  await userEvent.type(screen.getByLabelText(/^Certificate/), "PEM");
  await userEvent.click(screen.getByRole("button", { name: "Import" }));
  await vi.waitFor(() =>
    expect(asked).toContainEqual({
      name: "ImportExternalRoot",
      variables: { input: { partitionId: "sub0", identifier: "outer", friendlyName: "Outer", certificate: "PEM" } },
    }),
  );
});

it("takes a newer certificate of an external root", async () => {
  const asked = serve({
    CaDetail: {
      partition: { certificationAuthority: { ...root, type: "EXTERNAL_ROOT", keyStore: null, keyCustody: null } },
    },
    ImportCaCertificate: { importCaCertificate: { certificationAuthority: { id: "ca1", status: "ACTIVE" } } },
  });
  await page();
  await userEvent.click(await screen.findByRole("button", { name: "Actions" }));
  expect(screen.queryByText("Renew Certificate Authority")).toBeNull();
  await userEvent.click(await screen.findByText("Import newer certificate"));
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByText(/together with the certificate of its issuer/)).toBeVisible();
  await userEvent.type(dialog.getByLabelText(/^Certificate/), "PEM");
  await userEvent.click(dialog.getByRole("button", { name: "Import" }));
  await vi.waitFor(() =>
    expect(asked).toContainEqual({
      name: "ImportCaCertificate",
      variables: { input: { caId: "ca1", certificate: "PEM" } },
    }),
  );
});

it("renews with a new key or the same, and shows every certificate that there was", async () => {
  const own = {
    keyGeneration: 1,
    issuerGeneration: 1,
    serialNumber: "aa",
    notBefore: "2026-01-01T00:00:00Z",
    notAfter: "2046-01-01T00:00:00Z",
    pem: "PEM",
  };
  const certificate = {
    serialNumber: "bb",
    fingerprint: "00",
    issuer: "CN=R",
    notBefore: "2026-01-01T00:00:00Z",
    notAfter: "2046-01-01T00:00:00Z",
    publicKeyType: "ML-DSA-65",
    signatureAlgorithm: "ML-DSA-65",
    isCa: true,
    keyUsages: [],
    authorityInfoAccessOcsp: [],
    authorityInfoAccessCaIssuers: [],
    crlDistributionPoints: [],
  };
  const asked = serve({
    CaDetail: { partition: { certificationAuthority: { ...root, certificate, keyGeneration: 2 } } },
    RenewCa: { renewCertificationAuthority: { certificationAuthority: { id: "ca1" } } },
    CaCertificates: {
      certificationAuthority: {
        caCertificates: [
          { ...own, kind: "OWN", serialNumber: "bb", keyGeneration: 2 },
          { ...own, kind: "NEW_WITH_OLD", serialNumber: "cc", keyGeneration: 2 },
          { ...own, kind: "OWN" },
        ],
      },
    },
  });
  await page();
  expect(await screen.findByRole("button", { name: "Download New with old cc" })).toBeVisible();
  expect(screen.getByText("issues")).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Actions" }));
  await userEvent.click(await screen.findByText("Renew Certificate Authority"));
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByRole("radio", { name: /^New key/ })).toBeChecked();
  await userEvent.click(dialog.getByRole("radio", { name: /^Same key/ }));
  await userEvent.click(dialog.getByRole("button", { name: "Renew" }));
  await vi.waitFor(() =>
    expect(asked).toContainEqual({
      name: "RenewCa",
      variables: { input: { caId: "ca1", newKey: false, expiresAt: null } },
    }),
  );
});

it("shows what breaks before an authority is deleted", async () => {
  serve({
    DeletionImpact: {
      certificationAuthority: {
        deletionImpact: {
          subordinateCount: 1,
          subordinates: [{ id: "c2", identifier: "below", friendlyName: "Below" }],
          certificateCount: 1234,
          certificates: [{ id: "x", subject: "CN=www", notAfter: "2027-01-01T00:00:00Z" }],
          protocolConfigurationCount: 1,
          protocolConfigurations: [{ id: "pc", identifier: "servers", type: "ACME" }],
          endEntityCount: 7,
          endEntities: [{ id: "e", identifier: "alice" }],
          profiles: [{ id: "p" }],
        },
      },
    },
  });
  await page();
  await userEvent.click(await screen.findByRole("button", { name: "Actions" }));
  await userEvent.click(await screen.findByText("Delete Certificate Authority"));
  const dialog = within(await screen.findByRole("dialog"));
  expect(await dialog.findByText(/^1.?234 active certificates/)).toBeVisible();
  expect(dialog.getByText(/^1 authorities below it/)).toHaveTextContent("Below");
  expect(dialog.getByText(/7 end entities: alice/)).toBeVisible();
  expect(dialog.getByRole("button", { name: "Delete" })).toBeDisabled();
});

const crl = {
  number: 42,
  entries: 470_000,
  bytes: 17_000_000,
  thisUpdate: "2026-01-01T00:00:00Z",
  nextUpdate: "2026-01-08T00:00:00Z",
  limitBytes: 22_000_000,
  warning: "New certificates go to shards.",
  alarm: {
    kind: "HELD",
    acceptable: true,
    reason: "3 of the certificates on CRL 42 are missing",
    since: "2026-01-01T00:00:00Z",
  },
};
const listed = {
  ...root,
  crl,
  crlUrl: "http://x/crl.crl",
  certificate: { serialNumber: "1" },
  crlSettings: { mode: "FULL", delta: false, shards: 0, automaticShards: true, complete: true },
  crlLists: [
    {
      shard: 0,
      number: 42,
      baseNumber: null,
      entries: 470_000,
      bytes: 17_000_000,
      thisUpdate: crl.thisUpdate,
      nextUpdate: crl.nextUpdate,
      url: "http://x/crl.crl",
      open: true,
    },
  ],
};
const publisher = {
  viewer: {
    operator: false,
    user: { email: "bob@example.org" },
    partitions: [{ id: "sub0", name: "House", region: "EU", roles: [], permissions: ["ca:publish-crl"] }],
  },
};

it("raises the alarm of a CRL that is held back, and asks for a reason before it is published", async () => {
  const asked = serve({
    Viewer: publisher,
    CaDetail: { partition: { certificationAuthority: { ...listed, certificate: null } } },
    AcceptHeldCrl: { acceptHeldCrl: { certificationAuthority: { id: "ca1" } } },
  });
  await page();
  expect(await screen.findByRole("alert")).toHaveTextContent("3 of the certificates on CRL 42 are missing");
  await userEvent.click(screen.getByRole("button", { name: "Accept and publish" }));
  expect(await screen.findByRole("button", { name: "Publish" })).toBeDisabled();
  await userEvent.type(screen.getByRole("textbox", { name: /Reason/ }), "repaired by hand");
  await userEvent.click(screen.getByRole("button", { name: "Publish" }));
  await vi.waitFor(() =>
    expect(asked.find((a) => a.name === "AcceptHeldCrl")?.variables).toEqual({
      input: { caId: "ca1", reason: "repaired by hand" },
    }),
  );
});

it("says whose key a CRL waits for, and asks nobody's word for it", async () => {
  const reason =
    "key 1 of root-1, in the key store hsm, cannot be used at the moment: its lists wait, those of the other keys are published";
  serve({
    Viewer: publisher,
    CaDetail: {
      partition: {
        certificationAuthority: {
          ...listed,
          certificate: null,
          crl: { ...crl, alarm: { kind: "KEY_AWAY", acceptable: false, reason, since: "2026-01-01T00:00:00Z" } },
        },
      },
    },
  });
  await page();
  const alert = within(await screen.findByRole("alert"));
  expect(alert.getByText(/^Key 1 of root-1, in the key store hsm, cannot be used/)).toBeVisible();
  expect(alert.queryByRole("button")).toBeNull();
});

it("tells of a clock that is behind, and lets a person say that it is right", async () => {
  const reason =
    "the clock of the server is 50m0s behind the newest CRL, which is dated 2026-01-01T00:00:00Z: its lists are published with that date";
  serve({
    Viewer: publisher,
    CaDetail: {
      partition: {
        certificationAuthority: {
          ...listed,
          certificate: null,
          crl: { ...crl, alarm: { kind: "CLOCK_BEHIND", acceptable: true, reason, since: "2026-01-01T00:00:00Z" } },
        },
      },
    },
  });
  await page();
  const alert = within(await screen.findByRole("alert"));
  expect(alert.getByText("The clock of the server is behind")).toBeVisible();
  expect(alert.getByText(/^The clock of the server is 50m0s behind the newest CRL/)).toBeVisible();
  expect(alert.getByRole("button", { name: "Accept and publish" })).toBeVisible();
});

it("shows how near a CRL is to its limit, and spreads new certificates over shards", async () => {
  const asked = serve({
    Viewer: publisher,
    CaDetail: { partition: { certificationAuthority: { ...listed, crl: { ...crl, alarm: null } } } },
    UpdateCrlSettings: { updateCrlSettings: { certificationAuthority: { id: "ca1" } } },
  });
  await show("/p/$partitionId/cas/$identifier", CaPage, "/p/sub0/cas/root-1?tab=status");
  expect(await screen.findByRole("progressbar", { name: "Size of the CRL: 77 % of the limit" })).toBeInTheDocument();
  expect(screen.getByText("New certificates go to shards.")).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Settings" }));
  await userEvent.click(await screen.findByText("Shards"));
  await userEvent.click(screen.getByRole("checkbox", { name: "Delta CRLs" }));
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  await vi.waitFor(() =>
    expect(asked.find((a) => a.name === "UpdateCrlSettings")?.variables).toEqual({
      input: { caId: "ca1", delta: true, shards: 16, automaticShards: true, complete: true },
    }),
  );
});
