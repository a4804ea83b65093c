import react from "@vitejs/plugin-react";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** dist/swagger: the reference of the CA Gateway API, for its own listener. No part of the console's bundles. */
const swagger: Plugin = {
  name: "swagger-ui",
  apply: "build",
  generateBundle() {
    const theirs = (name: string) => createRequire(import.meta.url).resolve(`swagger-ui-dist/${name}`);
    const ours = (name: string) => fileURLToPath(new URL(name, import.meta.url));
    for (const file of [...["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE"].map(theirs), ...["swagger/index.html", "swagger/start.js", "public/favicon.svg"].map(ours)]) {
      this.emitFile({ type: "asset", fileName: `swagger/${file.split(/[\\/]/).pop()}`, source: readFileSync(file) });
    }
  },
};

export default defineConfig({
  plugins: [react(), swagger],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  server: { proxy: { "/graphql": { target: "https://127.0.0.1:8443", secure: false, ws: true } } },
  test: { testTimeout: 60_000, hookTimeout: 60_000, environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"], setupFiles: ["src/lib/test-setup.ts"] },
});
