import { expect, it } from "vitest";
import { parseSubtrees } from "./nameConstraints";

it("tells the type of a name by its prefix or its look", () => {
  expect(
    parseSubtrees("example.com\n 192.0.2.0/24\n\na@example.com\nemail: .example.com\nuri:.example.com").map(
      (s) => `${s.type} ${s.value}`,
    ),
  ).toEqual([
    "DNS_NAME example.com",
    "IP_ADDRESS 192.0.2.0/24",
    "EMAIL a@example.com",
    "EMAIL .example.com",
    "URI .example.com",
  ]);
});
