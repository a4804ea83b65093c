// Writes docs/schema.md from graph/schema: every operation and type with its description.
import { writeFileSync } from "node:fs";
import { isEnumType, isInputObjectType, isInterfaceType, isObjectType, isScalarType, isUnionType } from "graphql";
import { readSchema } from "./schema.mjs";

const schema = readSchema();
const oneLine = (s) => (s ?? "").trim().replace(/\s*\n\s*/g, " ").replaceAll("|", "\\|");
const signature = (f) => (f.args?.length ? `(${f.args.map((a) => `${a.name}: ${a.type}${a.defaultValue === undefined ? "" : ` = ${JSON.stringify(a.defaultValue)}`}`).join(", ")})` : "");
const secret = (f) => f.astNode?.directives?.some((d) => d.name.value === "secret") && "Secret.";
const meaning = (f) => [oneLine(f.description), secret(f), f.deprecationReason && `Deprecated: ${oneLine(f.deprecationReason)}`].filter(Boolean).join(" ");
const fields = (type) => Object.values(type.getFields()).map((f) => `| \`${f.name}${signature(f)}\` | \`${f.type}\` | ${meaning(f)} |`);
const table = (rows) => ["| field | type | meaning |", "| --- | --- | --- |", ...rows, ""];

const out = ["# Schema reference", "", "Generated from `graph/schema` by `npm run generate`.", "", oneLine(schema.description), ""];
const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
for (const root of roots) out.push(`## ${root.name}`, "", ...table(fields(root)));
for (const type of Object.values(schema.getTypeMap()).sort((a, b) => a.name.localeCompare(b.name))) {
  if (type.name.startsWith("__") || roots.includes(type) || ["String", "Int", "Boolean", "ID", "Float"].includes(type.name)) continue;
  out.push(`## ${type.name}`, "");
  if (type.description) out.push(oneLine(type.description), "");
  if (type.isOneOf) out.push("Exactly one of these.", "");
  if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) out.push(...table(fields(type)));
  if (isUnionType(type)) out.push(`One of ${type.getTypes().map((t) => `\`${t.name}\``).join(", ")}.`, "");
  if (isEnumType(type)) out.push("| value | meaning |", "| --- | --- |", ...type.getValues().map((v) => `| \`${v.name}\` | ${oneLine(v.description)} |`), "");
  if (isScalarType(type)) out.push("Scalar.", "");
}
writeFileSync("docs/schema.md", `${out.join("\n").trimEnd()}\n`);
