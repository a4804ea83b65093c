import { describe, expect, it } from "vitest";
import { colons, csvCell, formatRemaining, shorten, words } from "./format";

describe("format", () => {
  it("guards CSV cells against formulas", () => {
    expect(csvCell("=HYPERLINK(1)")).toBe("'=HYPERLINK(1)");
    expect(csvCell("@x")).toBe("'@x");
    expect(csvCell('a,"b"')).toBe('"a,""b"""');
    expect(csvCell(null)).toBe("");
  });
  it("words the remaining time as the guide does", () => {
    const now = Date.parse("2026-11-21T00:00:00Z");
    expect(formatRemaining("2027-11-13T00:00:00Z", now)).toBe("11 months and 22 days");
    expect(formatRemaining("2026-11-24T00:00:00Z", now)).toBe("3 days");
    expect(formatRemaining("2026-11-20T00:00:00Z", now)).toBe("expired");
  });
  it("prints identifiers and constants for people", () => {
    expect(shorten("502f3e83db219e82bceea6f47bce7439")).toBe("502f3e83…7bce7439");
    expect(colons("0a1b")).toBe("0A:1B");
    expect(words("CA_COMPROMISE")).toBe("CA Compromise");
  });
});
