#!/usr/bin/env bash
# Makes a hierarchy of every algorithm with the real server, has everything in it verified by others, and puts the table
# of who verified what into docs/algorithms.md.
. "$(dirname "$0")/env.sh"
install_packages
# OpenSSL 3.5 comes inside a Node of its own, which must not become anybody's `node`.
[ -e conformance/algorithms/node_modules ] || npm ci --prefix conformance/algorithms --no-fund --no-audit --loglevel=error
table=$(mktemp)
trap 'rm -f "$table"' EXIT
PKIAAS_ALGORITHM_TABLE="$table" go test ./conformance -run '^TestEveryAlgorithm$' -count=1
[ -s "$table" ] || { echo "the test was skipped: go test -v ./conformance -run TestEveryAlgorithm says why" >&2; exit 1; }
node - docs/algorithms.md "$table" <<'JS'
const { readFileSync, writeFileSync } = require("node:fs");
const [page, table] = process.argv.slice(2);
const text = readFileSync(page, "utf8");
const between = /(<!-- verified -->\n)[^]*?(<!-- \/verified -->)/;
if (!between.test(text)) throw new Error(`${page} has no <!-- verified --> … <!-- /verified -->`);
writeFileSync(page, text.replace(between, (_, begin, end) => `${begin}\n${readFileSync(table, "utf8").trim()}\n\n${end}`));
JS
tail -n 1 "$table"
