#!/usr/bin/env bash
. "$(dirname "$0")/env.sh"
. scripts/postgres.sh
bash scripts/build.sh
start_postgres
go run ./conformance/bench "$@"
