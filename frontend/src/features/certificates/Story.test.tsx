import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render, screen } from "@testing-library/react";
import { Suspense } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { WhatIfResult } from "@/components/WhatIf";
import { createTestRouter } from "@/lib/test-router";
import { Story } from "./Story";

afterEach(() => vi.unstubAllGlobals());

const story = {
  recorded: true,
  protocol: "graphql",
  actorKind: "api-token",
  actorName: "deployer",
  ipAddress: "192.0.2.9",
  requestId: "r7",
  asked: {
    subject: "CN=a.example",
    subjectAlternativeNames: [],
    extensions: [{ oid: "1.2.3.4", name: "1.2.3.4" }],
    notAfter: null,
    serverSideKey: false,
  },
  decisions: [{ rule: "extension", outcome: "left out", detail: "the profile does not allow 1.2.3.4" }],
  changes: [{ what: "subjectAlternativeNames", asked: "", issued: "a.example" }],
  events: [
    {
      sequence: 12,
      time: "2026-01-01T00:00:00Z",
      action: "certificate.revoke",
      result: "SUCCESS",
      actorName: "ada@example.org",
      ipAddress: "",
      summary: "revoked certificate 4f",
    },
  ],
  crlUrls: ["http://pki.example/crl"],
  ocspUrls: ["http://pki.example/ocsp"],
  caIssuersUrls: [],
};

async function show(change: object) {
  const certificate = {
    createdAt: "2026-01-01T00:00:00Z",
    profileId: "corp-servers",
    profileVersion: 2,
    profile: { name: "Corp", version: 2, retiredAt: null },
    endEntity: { identifier: "host-7" },
    story: { ...story, ...change },
  };
  vi.stubGlobal("fetch", async () => Response.json({ data: { certificate } }));
  const router = createTestRouter(
    "/",
    () => <Story partitionId="sub0" id="c1" />,
    createMemoryHistory({ initialEntries: ["/"] }),
  );
  await router.load();
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={new QueryClient()}>
        <Suspense>
          <RouterProvider router={router as never} />
        </Suspense>
      </QueryClientProvider>
    </MantineProvider>,
  );
}

it("tells who asked for what, what decided, what came out otherwise, what followed and where it is published", async () => {
  await show({});
  expect(await screen.findByText("deployer from 192.0.2.9")).toBeTruthy();
  for (const text of [
    "host-7",
    ", version 2",
    "left out",
    "Issued, other than asked for",
    "asked: nothing; issued: a.example",
    "revoked certificate 4f",
    "http://pki.example/ocsp",
  ])
    expect(screen.getByText(text, { exact: false })).toBeTruthy();
});

it("says of an older certificate what is not known", async () => {
  await show({ recorded: false, asked: null, decisions: [], changes: [], protocol: "" });
  expect(await screen.findByText(/older than the record of its rules/)).toBeTruthy();
  expect(screen.queryByText("Issued as asked for")).toBeNull();
});

it("shows the rule of a refusal, and what would be issued with zlint's remarks", () => {
  const none = { issued: false, profileVersion: 1, certificate: null, decisions: [], lint: [] };
  const view = render(
    <MantineProvider env="test">
      <WhatIfResult
        result={{
          ...none,
          refusal: {
            code: "INVALID",
            message: "evil.example is not allowed",
            field: "sans[0]",
            rule: "san_rules[0]",
            action: "",
          },
        }}
      />
    </MantineProvider>,
  );
  expect(screen.getByText(/It would be refused: evil.example/)).toBeTruthy();
  expect(screen.getByText(/Rule san_rules\[0\] · field sans\[0\]/)).toBeTruthy();
  view.unmount();
  render(
    <MantineProvider env="test">
      <WhatIfResult
        result={{
          ...none,
          issued: true,
          refusal: null,
          lint: [{ lint: "w_rule", severity: "WARNING", detail: "hm" }],
          certificate: {
            subject: "CN=good",
            notBefore: "2026-01-01T00:00:00Z",
            notAfter: "2027-01-01T00:00:00Z",
            publicKeyType: "ECDSA P-256",
            signatureAlgorithm: "ecdsa-with-SHA256",
            subjectAlternativeNames: [],
            isCa: false,
            keyUsages: [],
            extendedKeyUsages: [],
            certificatePolicies: [],
          },
        }}
      />
    </MantineProvider>,
  );
  expect(screen.getByText("It would be issued")).toBeTruthy();
  expect(screen.getByText("CN=good")).toBeTruthy();
  expect(screen.getByText("w_rule: hm")).toBeTruthy();
});
