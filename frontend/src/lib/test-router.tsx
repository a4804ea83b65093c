import {
  createRootRoute,
  createRoute,
  createRouter,
  Outlet,
  type RouteComponent,
  type RouterHistory,
} from "@tanstack/react-router";

/** One screen at its address, under the same route ids as in the console. */
export function createTestRouter(path: string, component: RouteComponent, history: RouterHistory) {
  const root = createRootRoute({ component: Outlet });
  const signedIn = createRoute({ getParentRoute: () => root, id: "signed-in", component: Outlet });
  const screen = createRoute({ getParentRoute: () => signedIn, path, component });
  return createRouter({ routeTree: root.addChildren([signedIn.addChildren([screen])]), history });
}
