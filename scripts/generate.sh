#!/usr/bin/env bash
# Everything that is generated and committed: GraphQL server code, typed operations of the console, reference pages.
. "$(dirname "$0")/env.sh"
install_packages
go tool gqlgen generate
npm run --silent codegen -w frontend >/dev/null
node scripts/schema-doc.mjs
go run ./cmd/pkiaas settings | node scripts/settings-doc.mjs
