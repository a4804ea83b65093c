# Sourced: a throwaway PostgreSQL on a free loopback port, stopped when the shell that sourced this ends.
# Exports PKIAAS_TEST_POSTGRES. An existing value is used as it is. PG_OPTIONS: more options of the server.
start_postgres() {
  [ -z "${PKIAAS_TEST_POSTGRES:-}" ] || return 0
  local bin
  bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)
  [ -n "$bin" ] || bin=$(dirname "$(command -v initdb || true)")
  [ -x "$bin/initdb" ] || { echo "PostgreSQL is missing: install its server (Debian: apt-get install postgresql)" >&2; exit 1; }
  PG_DIR=$(mktemp -d /tmp/pkiaas-pg.XXXXXX)
  PG_PORT=$(node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
  PG_BIN=$bin
  PG_AS=()
  trap stop_postgres EXIT
  if [ "$(id -u)" = 0 ]; then
    local user=postgres
    id -u "$user" >/dev/null 2>&1 || user=nobody
    chown "$user" "$PG_DIR"
    PG_AS=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
  fi
  ( cd /; "${PG_AS[@]}" "$bin/initdb" -D "$PG_DIR/data" -U pkiaas -A trust --no-locale -E UTF8 >/dev/null
    "${PG_AS[@]}" "$bin/pg_ctl" -D "$PG_DIR/data" -l "$PG_DIR/log" -w -o "-p $PG_PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories=$PG_DIR -c max_connections=200 ${PG_OPTIONS:-}" start >/dev/null )
  export PKIAAS_TEST_POSTGRES="postgres://pkiaas@127.0.0.1:$PG_PORT/postgres?sslmode=disable"
}
stop_postgres() {
  ( cd /; "${PG_AS[@]}" "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -m immediate stop >/dev/null 2>&1 || true )
  rm -rf "$PG_DIR"
}
