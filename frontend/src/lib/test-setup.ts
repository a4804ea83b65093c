import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

afterEach(cleanup);
// On a busy machine a second is nothing; what never comes fails all the same.
configure({ asyncUtilTimeout: 30_000 });

// What is waited for comes, on a slow machine later: no test depends on how fast it is.
configure({ asyncUtilTimeout: 20_000 });

// What Mantine asks of a browser and happy-dom lacks.
if (typeof window !== "undefined") {
  window.matchMedia ??= ((query: string) => ({
    matches: false,
    media: query,
    addEventListener() {},
    removeEventListener() {},
  })) as unknown as typeof window.matchMedia;
  window.ResizeObserver ??= class {
    observe() {}
    unobserve() {}
    disconnect() {}
  };
  if (!document.fonts)
    Object.defineProperty(document, "fonts", { value: { addEventListener() {}, removeEventListener() {} } });
}
