// Compares the schema with the one that clients were last promised, graph/promised.graphql, and fails on what would break them.
// `--accept` makes the schema of today the promise: see docs/graphql.md for when that is right.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { buildSchema, findBreakingChanges, findDangerousChanges, lexicographicSortSchema, printSchema } from "graphql";
import { readSchema } from "./schema.mjs";

const accept = process.argv.includes("--accept");
const [dir = "graph/schema", promise = "graph/promised.graphql"] = process.argv.slice(2).filter((a) => !a.startsWith("--"));
const now = readSchema(dir);
if (!accept && !existsSync(promise)) {
  console.error(`${promise} is missing: node scripts/schema-changes.mjs --accept writes it.`);
  process.exit(1);
}
const before = existsSync(promise) ? buildSchema(readFileSync(promise, "utf8")) : now;
const broken = findBreakingChanges(before, now);
for (const c of broken) console.error(`breaks clients: ${c.description}`);
for (const c of findDangerousChanges(before, now)) console.log(`may surprise clients: ${c.description}`);
if (accept) writeFileSync(promise, `${printSchema(lexicographicSortSchema(now)).trimEnd()}\n`);
else if (broken.length) {
  console.error("Keep what was there and mark it @deprecated, or accept the change: docs/graphql.md, Changes.");
  process.exit(1);
}
