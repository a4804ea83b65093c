#!/usr/bin/env node
// Verifies an export of the audit log without pkiaas. It needs Node.js 20 and nothing else; docs/audit.md says what it does.
//   node verify.mjs EVENTS.jsonl [--heads audit-heads.jsonl [--key tls-root.pem]]        (or EVENTS.csv)
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values: options, positionals: [file] } = parseArgs({ allowPositionals: true, options: { heads: { type: "string" }, key: { type: "string" } } });
const fail = (message) => { console.log(`BROKEN: ${message}`); process.exit(1); };
const parsed = (text) => { try { return JSON.parse(text); } catch { return text; } };
const lines = (name) => readFileSync(name, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));

// RFC 8785: the members of each object in the order of their names (UTF-16), no white space.
const jcs = (v) => Array.isArray(v) ? `[${v.map(jcs)}]` : v && typeof v === "object"
  ? `{${Object.keys(v).sort().map((name) => `${JSON.stringify(name)}:${jcs(v[name])}`)}}` : JSON.stringify(v);
// Format 1, until release 0.1.0: an array of texts as Go's encoding/json writes it, behind the hash before it.
const legacy = (e) => JSON.stringify([e.partitionId, e.sequence, e.time, e.action, e.result, e.actorKind, e.actorId, e.actorName, e.ipAddress, e.requestId,
  e.objectKind, e.objectId, e.objectName, e.summary, e.detailsText]).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

// A CSV cell that begins with an apostrophe has it in front, so that no spreadsheet takes the cell for a formula.
function csv(text) {
  const rows = [[]];
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1).push((quoted?.replaceAll('""', '"') ?? bare).replace(/^'/, ""));
    if (end === "\r\n") rows.push([]);
  }
  const [names, ...cells] = rows.filter((row) => row.length > 1);
  return cells.map((row) => Object.fromEntries(row.map((cell, n) => [names[n], cell])))
    .map((e) => ({ ...e, sequence: Number(e.sequence), format: Number(e.format), detailsText: e.details, details: parsed(e.details) }));
}

const hashes = [""];
for (const { hash, detailsText, ...event } of file.endsWith(".csv") ? csv(readFileSync(file, "utf8")) : lines(file)) {
  const { sequence, previousHash, format } = event, hashed = createHash("sha256");
  if (sequence !== hashes.length) fail(`event ${hashes.length} is missing`);
  if (previousHash !== hashes[sequence - 1]) fail(`event ${sequence} does not follow the event before it`);
  if (format === 1 && jcs(parsed(detailsText)) !== jcs(event.details)) fail(`the details of event ${sequence} are altered`);
  if (format === 1) hashed.update(Buffer.from(previousHash, "hex")).update(legacy({ ...event, detailsText }));
  else hashed.update(jcs(event));
  if (hashed.digest("hex") !== hash) fail(`event ${sequence} is altered`);
  hashes.push(hash), (options.partition = event.partitionId);
}
if (hashes.length === 1) fail("there is no event");

let heads = options.heads ? lines(options.heads).filter((h) => h.partitionId === options.partition) : [];
for (const { signature, ...head } of options.key ? heads : []) {
  if (!verify("sha256", Buffer.from(jcs(head)), createPublicKey(readFileSync(options.key)), Buffer.from(signature, "base64"))) fail(`the head of event ${head.sequence} is not signed by this key`);
}
if (options.heads && heads.length === 0) fail("no head of this partition is in the file");
if (options.key) heads = heads.slice(Math.max(0, heads.findLastIndex((h) => h.accepts))); // only a signed head accepts
for (const head of heads) if (hashes[head.sequence] !== head.hash) fail(`the head of event ${head.sequence}, signed at ${head.time}, is not in the log`);
console.log(`${hashes.length - 1} events intact, ${heads.length} heads compared, the last hash is ${hashes.at(-1)}`);
