#!/usr/bin/env bash
. "$(dirname "$0")/env.sh"
install_packages
unformatted=$(git ls-files '*.go' | grep -v '^graph/generated/\|^graph/model/models.go' | xargs gofmt -l)
[ -z "$unformatted" ] || { echo "gofmt would change: $unformatted" >&2; exit 1; }
go vet ./...
node scripts/schema-changes.mjs
npm run --silent lint -w frontend
npm run --silent typecheck -w frontend
