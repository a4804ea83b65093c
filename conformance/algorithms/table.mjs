// Label → identifiers → scheme, written down from the standards (RFC 4055, 5758, 8410, 9881, 9909, the composite
// draft, OQS for the provisional ones) and deliberately not taken from the product.
import { bits, nul, oid, seq, tlv } from "./der.mjs";

const hashes = { sha256: "2.16.840.1.101.3.4.2.1", sha384: "2.16.840.1.101.3.4.2.2", sha512: "2.16.840.1.101.3.4.2.3", shake128: "2.16.840.1.101.3.4.2.11", shake256: "2.16.840.1.101.3.4.2.12" };
const saltLength = { sha256: 32, sha384: 48, sha512: 64 };
const curves = { 256: "1.2.840.10045.3.1.7", 384: "1.3.132.0.34", 521: "1.3.132.0.35" };
const nist = (n) => `2.16.840.1.101.3.4.3.${n}`;
const slhSets = ["128s", "128f", "192s", "192f", "256s", "256f"];
const slhKeyBytes = { 128: 32, 192: 48, 256: 64 };

const rsaKey = seq(oid("1.2.840.113549.1.1.1"), nul);
const ecKey = (curve) => seq(oid("1.2.840.10045.2.1"), oid(curves[curve]));
const ed25519Key = seq(oid("1.3.101.112"));
const pss = (hash) => {
  const h = seq(oid(hashes[hash]), nul);
  const mgf1 = seq(oid("1.2.840.113549.1.1.8"), h);
  return seq(oid("1.2.840.113549.1.1.10"), seq(tlv(0xa0, h), tlv(0xa1, mgf1), tlv(0xa2, tlv(2, Buffer.from([saltLength[hash]])))));
};

/** label → { label, family, algorithm, key: AlgorithmIdentifiers in DER, keyBytes | modulus: size of the key, … } */
export const table = new Map();
const add = (label, family, algorithm, key, more) => table.set(label, { label, family, algorithm, key, ...more });
/** RFC 9881's and 9909's way: one OID for key and signature, parameters absent. */
const addSame = (label, family, dotted, more) => add(label, family, seq(oid(dotted)), seq(oid(dotted)), more);

for (const [size, hash, pkcs1] of [[2048, "sha256", 11], [3072, "sha256", 11], [4096, "sha512", 13]]) {
  const name = hash.toUpperCase();
  add(`RSA-${size}+PKCS15-${name}`, "classical", seq(oid(`1.2.840.113549.1.1.${pkcs1}`), nul), rsaKey, { modulus: size, hash });
  add(`RSA-${size}+PSS-${name}`, "classical", pss(hash), rsaKey, { modulus: size, hash, pss: saltLength[hash] });
}
for (const [curve, hash, n] of [[256, "sha256", 2], [384, "sha384", 3], [521, "sha512", 4]])
  add(`ECDSAP${curve}+${hash.toUpperCase()}`, "classical", seq(oid(`1.2.840.10045.4.3.${n}`)), ecKey(curve), { hash, keyBytes: 1 + 2 * Math.ceil(curve / 8) });
addSame("Ed25519", "classical", "1.3.101.112", { hash: null, keyBytes: 32 });

const mldsa = { 44: { oid: nist(17), keyBytes: 1312, signatureBytes: 2420 }, 65: { oid: nist(18), keyBytes: 1952, signatureBytes: 3309 }, 87: { oid: nist(19), keyBytes: 2592, signatureBytes: 4627 } };
for (const set of [44, 65, 87]) addSame(`ML-DSA-${set}`, "ML-DSA", mldsa[set].oid, { scheme: `ml_dsa${set}`, oqs: `ML-DSA-${set}`, oqsModule: `ml-dsa-${set}`, keyBytes: mldsa[set].keyBytes });

["SHA2", "SHAKE"].forEach((hash, family) =>
  slhSets.forEach((set, i) => {
    const keyBytes = slhKeyBytes[set.slice(0, 3)];
    const scheme = `slh_dsa_${hash.toLowerCase()}_${set}`;
    const oqsModule = scheme.replaceAll("_", "-");
    const oqs = `${hash}_${set.toUpperCase()}`;
    addSame(`SLH-DSA-${hash}-${set}`, "SLH-DSA", nist(20 + 6 * family + i), { scheme, keyBytes, oqsModule, oqs: `SLH_DSA_PURE_${oqs}` });
    const weak = set.startsWith("128");
    const prehash = hash === "SHA2" ? (weak ? "sha256" : "sha512") : weak ? "shake128" : "shake256";
    const oqsHash = { sha256: "SHA2_256", sha512: "SHA2_512", shake128: "SHAKE_128", shake256: "SHAKE_256" }[prehash];
    addSame(`Hash-SLH-DSA-${hash}-${set}-With-${prehash.toUpperCase()}`, "Hash-SLH-DSA", nist(35 + 6 * family + i), {
      scheme, keyBytes, oqsModule, prehash, prehashOid: oid(hashes[prehash]), oqs: `SLH_DSA_${oqsHash}_PREHASH_${oqs}`,
    });
  }),
);

for (const [set, dotted] of [["128f", "4.13"], ["128s", "4.16"], ["192f", "5.10"], ["192s", "5.12"], ["256f", "6.10"], ["256s", "6.12"]])
  addSame(`SPHINCS+-SHA2-${set}-simple`, "SPHINCS+", `1.3.9999.6.${dotted}`, { bc: `sha2_${set}_simple`, keyBytes: slhKeyBytes[set.slice(0, 3)] });
addSame("Falcon-512", "Falcon", "1.3.9999.3.11", { scheme: "falcon512", bc: "falcon_512", oqs: "Falcon-512", oqsModule: "falcon-512", keyBytes: 897 });
addSame("Falcon-1024", "Falcon", "1.3.9999.3.14", { scheme: "falcon1024", bc: "falcon_1024", oqs: "Falcon-1024", oqsModule: "falcon-1024", keyBytes: 1793 });

// Composite: OID arc, ML-DSA set, classical half, M' pre-hash, the classical half's own hash.
const spki = (algorithm) => (raw) => seq(algorithm, bits(raw));
const halves = {
  "RSA2048-PSS": { hash: "sha256", pss: 32, spki: spki(rsaKey) }, "RSA2048-PKCS15": { hash: "sha256", spki: spki(rsaKey) },
  "RSA3072-PSS": { hash: "sha256", pss: 32, spki: spki(rsaKey) }, "RSA3072-PKCS15": { hash: "sha256", spki: spki(rsaKey) },
  "RSA4096-PSS": { hash: "sha384", pss: 48, spki: spki(rsaKey) }, "RSA4096-PKCS15": { hash: "sha384", spki: spki(rsaKey) },
  "ECDSA-P256": { hash: "sha256", spki: spki(ecKey(256)) }, "ECDSA-P384": { hash: "sha384", spki: spki(ecKey(384)) },
  Ed25519: { hash: null, spki: spki(ed25519Key) },
};
for (const [arc, set, half, prehash] of [
  [37, 44, "RSA2048-PSS", "sha256"], [38, 44, "RSA2048-PKCS15", "sha256"], [39, 44, "Ed25519", "sha512"], [40, 44, "ECDSA-P256", "sha256"],
  [41, 65, "RSA3072-PSS", "sha512"], [42, 65, "RSA3072-PKCS15", "sha512"], [43, 65, "RSA4096-PSS", "sha512"], [44, 65, "RSA4096-PKCS15", "sha512"],
  [45, 65, "ECDSA-P256", "sha512"], [46, 65, "ECDSA-P384", "sha512"], [48, 65, "Ed25519", "sha512"], [49, 87, "ECDSA-P384", "sha512"],
])
  addSame(`MLDSA${set}-${half}`, "composite", `1.3.6.1.5.5.7.6.${arc}`, {
    scheme: `ml_dsa${set}`, first: { ...mldsa[set], spki: spki(seq(oid(mldsa[set].oid))) }, second: halves[half], prehash,
    modulus: half.startsWith("RSA") ? Number(half.slice(3, 7)) : undefined,
    context: Buffer.from(`COMPSIG-MLDSA${set}-${half}-${prehash.toUpperCase()}`),
  });
