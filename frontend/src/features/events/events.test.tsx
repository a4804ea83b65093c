import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render, screen } from "@testing-library/react";
import { Suspense } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { createTestRouter } from "@/lib/test-router";
import { EventsPage } from "./EventsPage";

vi.mock("@/lib/graphql", async (original) => ({ ...(await original<object>()), subscribe: () => () => {} }));
afterEach(() => vi.unstubAllGlobals());

async function page(verification: object) {
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const { query } = JSON.parse(String(init.body)) as { query: string };
    if (query.includes("VerifyAudit")) return Response.json({ data: { verifyAuditLog: { verification } } });
    return Response.json({
      data: {
        partition: { auditEvents: { totalCount: 0, pageInfo: { hasNextPage: false, endCursor: null }, nodes: [] } },
      },
    });
  });
  const router = createTestRouter(
    "/p/$partitionId/events",
    EventsPage,
    createMemoryHistory({ initialEntries: ["/p/sub0/events"] }),
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
}

it("raises the alarm of a log that does not end as it did, although its chain is whole", async () => {
  await page({
    intact: false,
    events: 99,
    brokenAt: null,
    headHash: "00",
    alarm: "event 241 of partition sub0, signed at 2027-01-01T00:00:00Z, is missing: the log ends at event 99",
  });
  expect(await screen.findByRole("alert")).toHaveTextContent(
    "Event 241 of partition sub0, signed at 2027-01-01T00:00:00Z, is missing",
  );
  expect(screen.getByText("Events are missing")).toBeVisible();
});

it("says that the log is intact", async () => {
  await page({ intact: true, events: 1240, brokenAt: null, headHash: "00", alarm: null });
  expect(await screen.findByText("Chain of 1,240 events intact")).toBeVisible();
  expect(screen.queryByRole("alert")).toBeNull();
});
