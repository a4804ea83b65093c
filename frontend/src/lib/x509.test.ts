// @vitest-environment node
import { describe, expect, it } from "vitest";
import { makeRequest, previewRequest } from "./x509";

describe("requests made in the browser", () => {
  it.each(["ECDSA P-256", "ECDSA P-384", "RSA 2048"] as const)(
    "are read back with %s and prove possession",
    async (type) => {
      const made = await makeRequest(type, "CN=host.example,O=Example", ["host.example", "www.host.example"]);
      const p = await previewRequest(made.csr);
      expect(p.verified).toBe(true);
      expect(p.subject).toContain("CN=host.example");
      expect(p.names).toEqual(["DNS: host.example", "DNS: www.host.example"]);
      expect(made.key).toContain("BEGIN PRIVATE KEY");
    },
  );
  it("refuses junk", async () => {
    await expect(previewRequest("junk")).rejects.toThrow();
  });
});
