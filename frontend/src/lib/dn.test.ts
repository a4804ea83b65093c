import { expect, it } from "vitest";
import { readName, writeName } from "./dn";

it("writes and reads back names with signs that need escaping", () => {
  const parts = [
    { type: "CN", value: 'Smith, "John" + Sons; #1' },
    { type: "CN", value: "second" },
    { type: "O", value: "A\\B" },
  ];
  expect(readName(writeName(parts))).toEqual(parts);
});

it("leaves to the text field what rows cannot hold", () => {
  expect(readName("CN=a+O=b")).toBeUndefined();
  expect(readName("nonsense")).toBeUndefined();
  expect(readName("CN=a,")).toBeUndefined();
});
