#!/usr/bin/env bash
. "$(dirname "$0")/env.sh"
install_packages
unformatted=$(git ls-files '*.go' | grep -v '^graph/generated/\|^graph/model/models.go' | xargs gofmt -l)
[ -z "$unformatted" ] || { echo "gofmt would change: $unformatted" >&2; exit 1; }
# gqlgen writes the signatures of resolvers. Help texts of settings stand in struct tags, which cannot be broken; long literals of tests may stay whole.
long=$(git ls-files '*.go' | grep -v '^graph/generated/\|^graph/model/models.go\|_test.go$\|resolvers.go$' |
  xargs awk '{ line = $0; gsub("\t", "    ", line) } length(line) > 140 && !/help:"/ { print FILENAME ":" FNR }')
[ -z "$long" ] || { echo "longer than 140 columns: $long" >&2; exit 1; }
go vet ./...
node scripts/schema-changes.mjs
npm run --silent lint -w frontend
npm run --silent typecheck -w frontend
