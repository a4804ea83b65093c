// Reads `go test -json`: prints what failed with its output, appends "passed failed" to a file of counts.
import { appendFileSync, readFileSync } from "node:fs";

const [, , file, counts] = process.argv;
const output = new Map();
let passed = 0;
let failed = 0;
for (const line of readFileSync(file, "utf8").split("\n")) {
  if (!line.startsWith("{")) {
    if (line) console.log(line);
    continue;
  }
  const e = JSON.parse(line);
  const key = `${e.Package} ${e.Test ?? ""}`;
  if (e.Action === "output") output.set(key, (output.get(key) ?? "") + e.Output);
  if (e.Action === "build-output") process.stdout.write(e.Output);
  if (e.Action === "pass" && e.Test) passed++;
  if (e.Action === "skip" && e.Test) console.log(`skipped ${key}: ${(output.get(key) ?? "").trim().split("\n").slice(1, 3).join(" ")}`);
  if (e.Action === "fail") {
    failed++;
    console.log(`--- FAIL ${key}\n${(output.get(key) ?? "").slice(-6000)}`);
  }
  if ((e.Action === "pass" || e.Action === "fail") && !e.Test) console.log(`${e.Action} ${e.Package} ${e.Elapsed} s`);
}
appendFileSync(counts, `${passed} ${failed}\n`);
