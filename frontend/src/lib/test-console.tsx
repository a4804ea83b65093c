import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider, type RouteComponent } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import { Suspense } from "react";
import { vi } from "vitest";
import { createTestRouter } from "./test-router";

type Answers = Record<string, unknown>;

/**
 * Opens a screen at its address for somebody who holds the permissions, before a server that answers each operation by
 * its name: with data, or with a function of the variables. An answer with `errors` is given as it is.
 */
export async function openScreen(
  path: string,
  component: RouteComponent,
  at: string,
  permissions: string[],
  answers: Answers,
) {
  const asked: { name: string; variables: Record<string, unknown> }[] = [];
  const all: Answers = {
    Viewer: {
      viewer: {
        operator: false,
        user: { email: "ada@example.org" },
        invitations: [],
        partitions: [{ id: "sub0", name: "House", region: "EU", roles: [], permissions }],
      },
    },
    Deployment: { deployment: { twoPersonRoots: false, subjectAttributes: [], regions: ["EU"], keepsOutbox: false } },
    ...answers,
  };
  vi.stubGlobal("fetch", async (_: string, init: RequestInit) => {
    const { query, variables = {} } = JSON.parse(String(init.body)) as {
      query: string;
      variables?: Record<string, unknown>;
    };
    const name = /(?:mutation|query) (\w+)/.exec(query)![1]!;
    asked.push({ name, variables });
    const answer = typeof all[name] === "function" ? (all[name] as (v: object) => unknown)(variables) : all[name];
    return Response.json((answer as { errors?: unknown } | undefined)?.errors ? answer : { data: answer });
  });
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
  return { asked, router };
}
