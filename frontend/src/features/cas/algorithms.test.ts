import { expect, it } from "vitest";
import {
  byFamily,
  certificateBytes,
  custodyWords,
  duration,
  familyMeaning,
  isPostQuantum,
  sizes,
  speed,
  type Algorithm,
} from "./algorithms";

const row = (
  label: string,
  family: string,
  securityBits: number,
  postQuantum: boolean,
  publicKeyBytes: number,
  signatureBytes: number,
): Algorithm => ({
  label,
  family,
  securityBits,
  postQuantum,
  publicKeyBytes,
  signatureBytes,
  standard: "RFC",
  advice: "",
  verifiers: [],
  warning: null,
});
const algorithms = [
  row("RSA-2048+PKCS15-SHA256", "RSA", 112, false, 294, 256),
  row("ECDSAP256+SHA256", "ECDSA", 128, false, 91, 72),
  row("ML-DSA-44", "ML-DSA", 128, true, 1334, 2420),
  row("ML-DSA-65", "ML-DSA", 192, true, 1974, 3309),
  row("Falcon-512", "Falcon", 128, true, 915, 752),
  row("MLDSA44-RSA2048-PSS", "Composite", 112, true, 1603, 2676),
];
const found = (search: string) =>
  byFamily(algorithms, search).map((g) => `${g.family}: ${g.members.map((a) => a.label).join(" ")}`);

it("groups by family in the server's order", () => {
  expect(found("")).toEqual([
    "RSA: RSA-2048+PKCS15-SHA256",
    "ECDSA: ECDSAP256+SHA256",
    "ML-DSA: ML-DSA-44 ML-DSA-65",
    "Falcon: Falcon-512",
    "Composite: MLDSA44-RSA2048-PSS",
  ]);
  for (const { family } of byFamily(algorithms)) expect(familyMeaning(family)).not.toBe("");
});

it("finds by label, by meaning and by strength, all words of the search together", () => {
  expect(found("falcon")).toEqual(["Falcon: Falcon-512"]);
  expect(found("post-quantum 192")).toEqual(["ML-DSA: ML-DSA-65"]);
  expect(found("classical 128 bit")).toEqual(["ECDSA: ECDSAP256+SHA256"]);
  expect(found("nothing")).toEqual([]);
});

it("compares sizes with what everybody knows, once each", () => {
  const [own, p256, rsa] = sizes(algorithms, algorithms[3]!);
  expect([own!.name, p256!.name, rsa!.name]).toEqual(["ML-DSA-65", "P-256", "RSA-2048"]);
  expect(own!.total).toBe(500 + 1974 + 3309);
  expect(own!.rest + own!.key + own!.signature).toBeCloseTo(100);
  expect(sizes(algorithms, algorithms[1]!).map((r) => r.name)).toEqual(["ECDSAP256+SHA256", "RSA-2048"]);
  expect(certificateBytes(algorithms[0]!)).toBe(1050);
});

it("tells a post-quantum label from a classical one", () => {
  expect(algorithms.map((a) => isPostQuantum(a.label))).toEqual(algorithms.map((a) => a.postQuantum));
  expect(isPostQuantum("Ed25519")).toBe(false);
});

it("says speeds in words", () => {
  expect(speed(78.6, "signature")).toBe("about 79 signatures a second");
  expect(speed(23_456, "signature")).toMatch(/^about 23.000 signatures a second$/);
  expect(speed(0.32, "signature")).toBe("about 3.1 seconds a signature");
  expect(speed(1, "signature")).toBe("about 1 signature a second");
  expect(duration(0.02)).toBe("less than a millisecond");
  expect(duration(85.4)).toBe("about 85 milliseconds");
  expect(duration(2400)).toBe("about 2.4 seconds");
});

it("says plainly where a key is, and when it is in memory", () => {
  expect(custodyWords.IN_TOKEN.text).toMatch(/never gives it out/);
  expect(custodyWords.WRAPPED_BY_TOKEN.text).toMatch(/for each signature it is opened in the server's memory/);
  expect(custodyWords.IN_SOFTWARE.text).toMatch(/encrypted file/);
});
