// Puts the table of settings, read from standard input, between the marks in docs/configuration.md.
import { readFileSync, writeFileSync } from "node:fs";

const file = "docs/configuration.md";
const table = readFileSync(0, "utf8").trim();
const page = readFileSync(file, "utf8");
writeFileSync(file, page.replace(/<!-- config:begin -->[\s\S]*<!-- config:end -->/, () => `<!-- config:begin -->\n${table}\n<!-- config:end -->`));
