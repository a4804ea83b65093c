#!/usr/bin/env bash
. "$(dirname "$0")/env.sh"
. scripts/postgres.sh
bash scripts/build.sh
# Only the product is measured on PostgreSQL.
[[ "$*" =~ algorithms|hsm && ! "$*" =~ product ]] || start_postgres
go run ./conformance/bench "$@"
