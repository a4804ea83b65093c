#!/usr/bin/env bash
# The console, then the one binary that holds it: dist/pkiaas.
. "$(dirname "$0")/env.sh"
install_packages
npm run --silent build -w frontend >/dev/null
go build -trimpath -o dist/pkiaas ./cmd/pkiaas
echo "built dist/pkiaas"
