#!/usr/bin/env bash
. "$(dirname "$0")/env.sh"
. scripts/postgres.sh
bash scripts/build.sh
# Ten million rows want a server that was given memory.
[[ ! "$*" =~ browse ]] || PG_OPTIONS="-c shared_buffers=4GB -c max_wal_size=6GB -c wal_level=minimal -c max_wal_senders=0"
# Only the product is measured on PostgreSQL.
[[ "$*" =~ algorithms|hsm && ! "$*" =~ product ]] || start_postgres
go run ./conformance/bench "$@"
