import type { KeyCustody, SigningAlgorithmsQuery } from "@/gql/graphql";
import { formatNumber } from "@/lib/format";

export type Algorithm = SigningAlgorithmsQuery["deployment"]["signingAlgorithms"][number];

const families: Record<string, string> = {
  RSA: "The oldest and the most widely verified, in its PKCS #1 v1.5 form. Large keys.",
  ECDSA: "Small and fast; everything in use today verifies P-256 and P-384.",
  Ed25519: "Small and fast; browsers do not accept it in certificates.",
  "ML-DSA": "The post-quantum standard to begin with: lattices, fast, moderate sizes.",
  "Hash-SLH-DSA": "Rests on hash functions alone. Large, slow signatures, for roots that must last.",
  "SPHINCS+": "What SLH-DSA was before it became a standard; for laboratories.",
  Falcon: "The smallest post-quantum signatures; the standard is not final.",
  Composite: "ML-DSA together with RSA or ECDSA: whoever forges must break both.",
};
/** What a family is, in a line; nothing for one that this console does not know yet. */
export const familyMeaning = (family: string) => families[family] ?? "";

/** Of a label alone, for lists that have nothing else. */
export const isPostQuantum = (label: string) => !/^(RSA|ECDSA|Ed25519)/.test(label);

/** The algorithms that have every word of the search, by family and in the order of the server. */
export function byFamily(algorithms: readonly Algorithm[], search = "") {
  const wanted = search.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, Algorithm[]>();
  for (const a of algorithms) {
    const text =
      `${a.label} ${a.family} ${familyMeaning(a.family)} ${a.securityBits} bit ${a.postQuantum ? "post-quantum pq" : "classical"} ${a.standard}`.toLowerCase();
    if (wanted.every((w) => text.includes(w))) groups.set(a.family, [...(groups.get(a.family) ?? []), a]);
  }
  return [...groups].map(([family, members]) => ({ family, members }));
}

/** Names, extensions and the rest of a usual certificate, beside key and signature. */
const REST = 500;
export const certificateBytes = (a: Algorithm) => REST + a.publicKeyBytes + a.signatureBytes;

/** The chosen algorithm beside the two that everybody knows, each with the parts of its certificate. */
export function sizes(algorithms: readonly Algorithm[], chosen: Algorithm) {
  const familiar = [
    ["ECDSAP256+SHA256", "P-256"],
    ["RSA-2048+PKCS15-SHA256", "RSA-2048"],
  ] as const;
  const rows = [{ name: chosen.label, algorithm: chosen }];
  for (const [label, name] of familiar) {
    const algorithm = algorithms.find((a) => a.label === label);
    if (algorithm && label !== chosen.label) rows.push({ name, algorithm });
  }
  const most = Math.max(...rows.map((r) => certificateBytes(r.algorithm)));
  return rows.map(({ name, algorithm: a }) => ({
    name,
    total: certificateBytes(a),
    rest: (REST / most) * 100,
    key: (a.publicKeyBytes / most) * 100,
    signature: (a.signatureBytes / most) * 100,
  }));
}

/** Two digits tell enough of what varies from run to run. */
const about = (n: number) =>
  formatNumber(n >= 100 ? Number(n.toPrecision(2)) : n >= 10 ? Math.round(n) : Number(n.toPrecision(2)));
const plural = (n: string, word: string) => `${n} ${word}${n === "1" ? "" : "s"}`;

/** "about 79 signatures a second"; of what takes longer than a second, "about 3.1 seconds a signature". */
export const speed = (perSecond: number, what: string) =>
  perSecond >= 1
    ? `about ${plural(about(perSecond), what)} a second`
    : `about ${plural(about(1 / perSecond), "second")} a ${what}`;
export const duration = (milliseconds: number) =>
  milliseconds < 1
    ? "less than a millisecond"
    : milliseconds < 1000
      ? `about ${plural(about(milliseconds), "millisecond")}`
      : `about ${plural(about(milliseconds / 1000), "second")}`;

/** How a key is kept, in plain words. */
export const custodyWords: Record<KeyCustody, { title: string; text: string }> = {
  IN_TOKEN: { title: "In the HSM", text: "The key lives in the HSM, which signs with it and never gives it out." },
  IMPORTED: {
    title: "In the HSM, made elsewhere",
    text: "The key lives in the HSM, which never gives it out. It was made in software and moved there: old backups may hold a copy.",
  },
  WRAPPED_BY_TOKEN: {
    title: "Encrypted by the HSM",
    text: "The HSM does not know this algorithm. The key is stored encrypted under an AES key that never leaves the HSM; for each signature it is opened in the server's memory, where remains can stay a while.",
  },
  IN_SOFTWARE: {
    title: "In software",
    text: "The key is an encrypted file on the server, and in the server's memory while in use.",
  },
};
