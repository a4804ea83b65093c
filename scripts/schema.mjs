// The schema as it stands in graph/schema, or in another directory.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildSchema } from "graphql";

export function readSchema(dir = "graph/schema") {
  return buildSchema(readdirSync(dir).filter((f) => f.endsWith(".graphqls")).sort().map((f) => readFileSync(join(dir, f), "utf8")).join("\n"));
}
