import { expect, it } from "vitest";

// Shared parts know no feature, and no feature knows another: shared → features → app.
const files = import.meta.glob("/src/**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true }) as Record<
  string,
  string
>;

it("keeps imports pointing one way", () => {
  const wrong: string[] = [];
  for (const [file, text] of Object.entries(files)) {
    const own = /^\/src\/features\/(\w+)\//.exec(file)?.[1];
    for (const [, target] of text.matchAll(/from "@\/(features\/\w+|app)/g)) {
      const shared = /^\/src\/(components|lib)\//.test(file);
      if (shared || (own && target !== `features/${own}`)) wrong.push(`${file} imports ${target}`);
    }
  }
  expect(Object.keys(files).length).toBeGreaterThan(30);
  expect(wrong).toEqual([]);
});
