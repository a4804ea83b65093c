import { describe, expect, it } from "vitest";
import { colons, csv, csvCell, formatRelative, formatRemaining, shorten, words } from "./format";

describe("format", () => {
  it("guards CSV cells against formulas", () => {
    expect(csvCell("=HYPERLINK(1)")).toBe("'=HYPERLINK(1)");
    expect(csvCell("@x")).toBe("'@x");
    expect(csvCell('a,"b"')).toBe('"a,""b"""');
    expect(csvCell(null)).toBe("");
    for (const start of ["=", "+", "-", "@", "\t", "\r", "\n"])
      expect(csvCell(`${start}1`).replace(/^"/, "").charAt(0), JSON.stringify(start)).toBe("'");
    expect(
      csv([
        ["a", 1],
        ["b\n", true],
      ]),
    ).toBe('a,1\r\n"b\n",true\r\n');
  });
  it("words a moment from now in its largest whole unit", () => {
    const now = Date.parse("2026-11-21T12:00:00Z");
    expect(formatRelative("2026-11-21T11:58:30Z", now)).toBe("1 minute ago");
    expect(formatRelative("2026-11-21T15:10:00Z", now)).toBe("in 3 hours");
    expect(formatRelative("2026-11-20T11:00:00Z", now)).toBe("yesterday");
    expect(formatRelative("2028-11-22T12:00:00Z", now)).toBe("in 2 years");
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
