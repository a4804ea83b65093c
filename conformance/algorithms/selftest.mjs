// The verifier's own test, without the product: hierarchies made here with foreign signers (node:crypto, noble,
// liboqs, PQClean) must pass, and spoilt ones must not.
//   node conformance/algorithms/selftest.mjs [part of a label]
import { spawnSync } from "node:child_process";
import { constants, createHash, generateKeyPairSync, sign as nodeSign } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as mldsa from "@noble/post-quantum/ml-dsa.js";
import { bits, element, elements, oid, seq, tlv } from "./der.mjs";
import { liboqs } from "./oracles.mjs";
import { table } from "./table.mjs";

const { Sign } = createRequire(import.meta.url)("pqclean/wasm/index.js"); // the package's main wants its native build

/** Keys: each { key: content of the BIT STRING, algorithm: of the key, sign(tbs) }. */
function classicalKey(name, modulus, { hash, pss }) {
  const curve = { P256: "P-256", P384: "P-384", P521: "P-521" }[name];
  const pair = name === "RSA" ? generateKeyPairSync("rsa", { modulusLength: modulus }) : curve ? generateKeyPairSync("ec", { namedCurve: curve }) : generateKeyPairSync("ed25519");
  const [algorithm, key] = elements(element(pair.publicKey.export({ type: "spki", format: "der" })).content);
  const padding = pss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: pss } : {};
  return { key: key.content.subarray(1), algorithm: algorithm.whole, sign: (m) => nodeSign(hash, m, { key: pair.privateKey, ...padding }) };
}
const classicalName = (label) => (label.includes("RSA") ? "RSA" : (label.match(/P-?(\d{3})/)?.[0].replace("-", "") ?? "Ed25519"));

async function oqsKey(row) {
  const { w, scheme, scoped } = await liboqs(row);
  const bytes = (p, n) => Buffer.from(w.HEAPU8.subarray(p, p + n));
  const empty = (n) => new Uint8Array(n);
  const secretBytes = 2 * row.keyBytes;
  const [key, secret] = scoped([empty(row.keyBytes), empty(secretBytes)], (k, s) => (w._OQS_SIG_keypair(scheme, k, s), [bytes(k, row.keyBytes), bytes(s, secretBytes)]));
  const sign = (m) => scoped([empty(50000), empty(8), m, secret], (s, n, message, sk) => (w._OQS_SIG_sign(scheme, s, n, message, m.length, sk), bytes(s, w.getValue(n, "i32"))));
  return { key, algorithm: row.key, sign };
}

async function pqcleanKey(row) {
  const scheme = new Sign(row.label.toLowerCase().replace("sphincs+", "sphincs"));
  const { publicKey, privateKey } = await scheme.keypair();
  return { key: Buffer.from(publicKey), algorithm: row.key, sign: async (m) => Buffer.from(await scheme.sign(privateKey, m)) };
}

function mldsaKey(row) {
  const { publicKey, secretKey } = mldsa[row.scheme].keygen();
  return { key: Buffer.from(publicKey), algorithm: row.key, sign: (m, opts) => Buffer.from(mldsa[row.scheme].sign(m, secretKey, opts)) };
}

function compositeKey(row) {
  const pq = mldsaKey(row);
  const classical = classicalKey(classicalName(row.label.slice(8)), row.modulus, row.second);
  const sign = (tbs) => {
    const m = Buffer.concat([Buffer.from("CompositeAlgorithmSignatures2025"), row.context, Buffer.from([0]), createHash(row.prehash).update(tbs).digest()]);
    return Buffer.concat([pq.sign(m, { context: row.context }), classical.sign(m)]);
  };
  return { key: Buffer.concat([pq.key, classical.key]), algorithm: row.key, sign };
}

const makers = { classical: (row) => classicalKey(classicalName(row.label), row.modulus, row), "ML-DSA": mldsaKey, "SLH-DSA": oqsKey, "Hash-SLH-DSA": oqsKey, "SPHINCS+": pqcleanKey, Falcon: pqcleanKey, composite: compositeKey };

const octets = (...b) => tlv(4, ...b);
const integer = (n) => tlv(2, Buffer.from([n]));
const yes = tlv(1, Buffer.from([255]));
const time = (days) => tlv(0x18, Buffer.from(new Date(Date.now() + days * 864e5).toISOString().replace(/[-:T]|\.\d+/g, "")));
const utc = (days) => tlv(0x17, time(days).subarray(4));
const nameOf = (cn) => seq(tlv(0x31, seq(oid("2.5.4.3"), tlv(12, Buffer.from(cn)))));
const spkiOf = (k) => seq(k.algorithm, bits(k.key));
const sha1 = (b) => createHash("sha1").update(b).digest();
const extension = (id, critical, value) => seq(oid(id), ...(critical ? [yes] : []), octets(value));
const aki = (k) => extension("2.5.29.35", false, seq(tlv(0x80, sha1(k.key))));
const signedBy = async (row, key, tbs, ...more) => seq(tbs, row.algorithm, bits(await key.sign(tbs)), ...more);

/** One hierarchy; `spoil` alters what is made, to see it refused. */
async function hierarchy(row, spoil = {}) {
  const make = makers[row.family];
  const ca = await make(row);
  const issuing = await make(row);
  const leaf = classicalKey("P256", 0, { hash: "sha256" });
  const answering = table.get(row.label.replace(/(\d{3})s/, "$1f")) ?? row; // fast variant for slow CAs
  const signer = await makers[answering.family](answering);
  const cert = (subject, key, issuer, issuerKey, serial, ...extensions) =>
    signedBy(row, issuerKey, seq(tlv(0xa0, integer(2)), integer(serial), spoil.inner ?? row.algorithm, nameOf(issuer), seq(utc(-1), utc(9)), nameOf(subject), spkiOf(key), tlv(0xa3, seq(extension("2.5.29.14", false, octets(sha1(key.key))), aki(issuerKey), ...extensions))));
  const caExtensions = [extension("2.5.29.19", true, seq(yes)), extension("2.5.29.15", true, tlv(3, Buffer.from([1, 6])))];
  const signature = extension("2.5.29.15", true, tlv(3, Buffer.from([7, 0x80])));
  const crl = (issuer, key) => signedBy(row, key, seq(integer(1), row.algorithm, nameOf(issuer), utc(-1), utc(9), tlv(0xa0, seq(aki(key), extension("2.5.29.20", false, integer(1))))));
  const ocspCert = await cert("signer", signer, "issuing", issuing, 4, signature, extension("2.5.29.37", false, seq(oid(spoil.eku ?? "1.3.6.1.5.5.7.3.9"))));
  const certId = seq(seq(oid("1.3.14.3.2.26"), Buffer.from([5, 0])), octets(sha1(nameOf("issuing"))), octets(sha1(issuing.key)), integer(spoil.serial ?? 3));
  const status = spoil.revoked ? tlv(0xa1, time(-1)) : tlv(0x80);
  const responseData = seq(tlv(0xa1, nameOf("signer")), time(0), seq(seq(certId, status, time(-1), tlv(0xa0, time(9)))));
  const basic = await signedBy(answering, signer, responseData, tlv(0xa0, seq(ocspCert)));
  return {
    "root.der": await cert("root", ca, "root", ca, 1, ...caExtensions),
    "issuing.der": await cert("issuing", issuing, "root", ca, 2, ...caExtensions),
    "certificate.der": await cert("leaf", leaf, "issuing", issuing, 3, signature, extension("2.5.29.17", false, seq(tlv(0x82, Buffer.from("leaf.example"))))),
    "root.crl": await crl("root", ca),
    "issuing.crl": await crl("issuing", spoil.foreignCrl ? ca : issuing),
    "ocsp.der": seq(tlv(10, Buffer.from([0])), tlv(0xa0, seq(oid("1.3.6.1.5.5.7.48.1.1"), octets(basic)))),
  };
}

const dir = mkdtempSync(join(tmpdir(), "pkiaas-algorithms-"));
function write(base, label, files) {
  const folder = join(base, label.replace(/[^A-Za-z0-9]/g, "_"));
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries({ ...files, "label.txt": label })) writeFileSync(join(folder, name), bytes);
}
function verifier(base, labels) {
  writeFileSync(join(base, "labels.json"), JSON.stringify(labels));
  const report = join(base, "report.json");
  const run = spawnSync(process.execPath, [fileURLToPath(new URL("verify.mjs", import.meta.url)), base, "--json", report], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  return { code: run.status, table: run.stdout, results: JSON.parse(readFileSync(report)).results };
}

let wrong = 0;
const must = (condition, what) => {
  console.log(`${condition ? "ok" : "NOT OK"}: ${what}`);
  if (!condition) wrong++;
};
try {
  const labels = [...table.keys()].filter((l) => l.includes(process.argv[2] ?? ""));
  for (const label of labels) write(dir, label, await hierarchy(table.get(label)));
  const good = verifier(dir, labels);
  console.log(good.table);
  must(good.code === 0, `${labels.length} good hierarchies pass`);

  for (const label of ["ECDSAP256+SHA256", "Falcon-512", "MLDSA44-Ed25519"].filter((l) => labels.includes(l))) {
    const other = table.get("ML-DSA-44").algorithm;
    for (const [spoil, document, why] of [
      [{ inner: other }, "root", /inner and outer/],
      [{ serial: 9 }, "ocsp", /other serial/],
      [{ revoked: true }, "ocsp", /not good/],
      [{ eku: "1.3.6.1.5.5.7.3.1" }, "ocsp", /OCSPSigning/],
      [{ foreignCrl: true }, "issuingCrl", /refuses/],
    ]) {
      const base = join(dir, "spoilt");
      write(base, label, await hierarchy(table.get(label), spoil));
      const bad = verifier(base, [label]);
const problems = bad.results[0].problems[document].join("; ");
      must(bad.code === 1 && why.test(problems), `${label} with ${Object.keys(spoil)} is refused: ${problems}`);
      rmSync(base, { recursive: true });
    }
  }
  // The same files under a neighbour's label, and a label without files.
  const base = join(dir, "misnamed");
  const [from, to] = ["ECDSAP256+SHA256", "ECDSAP384+SHA384"];
  if (labels.includes(from)) {
    cpSync(join(dir, from.replace(/\W/g, "_")), join(base, to.replace(/\W/g, "_")), { recursive: true });
    const bad = verifier(base, [to, "ML-DSA-87", "unheard of"]);
    must(bad.code === 1 && bad.results.every((r) => Object.values(r.problems).every((list) => list.length)), "misnamed, missing and unknown rows fail in every cell");
  }
} finally {
  rmSync(dir, { recursive: true });
}
process.exitCode = wrong ? 1 : 0;
