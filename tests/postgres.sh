#!/usr/bin/env bash
# A throw-away PostgreSQL cluster on a unix socket: prints its URL, runs until its standard input closes, leaves nothing behind.
# The lines `kill` and `start` on its standard input are answered when that is done.
set -euo pipefail

tools() {
    local found
    if found=$(command -v initdb); then
        dirname "$(readlink -f "$found")"
        return
    fi
    found=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -V | tail -1)
    [ -n "$found" ] || { echo "postgres.sh: no PostgreSQL server found; ./test installs one" >&2; exit 1; }
    echo "$found"
}

# PostgreSQL refuses to run as root.
unprivileged() {
    if [ "$(id -u)" != 0 ]; then "$@"; else runuser -u "$user" -- "$@"; fi
}

bin=$(tools)
user=postgres
id "$user" >/dev/null 2>&1 || user=nobody
dir=$(mktemp -d "${TMPDIR:-/tmp}/sfsync-pg.XXXXXX")

stop() {
    unprivileged "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$dir"
}
trap stop EXIT

mkdir "$dir/data"
if [ "$(id -u)" = 0 ]; then chown -R "$user" "$dir"; fi
cd "$dir"
unprivileged "$bin/initdb" -D "$dir/data" -U sfsync --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1 ||
    { cat "$dir/initdb.log" >&2; exit 1; }
# The data of tests is not worth a sync; a benchmark asks for durability.
options="-c listen_addresses='' -c unix_socket_directories='$dir' -c max_connections=400"
options="$options ${SFSYNC_POSTGRES_OPTIONS:--c fsync=off -c full_page_writes=off}"
start() {
    unprivileged "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/data/log" -o "$options" start >/dev/null 2>&1
}
start || { cat "$dir/data/log" >&2; exit 1; }

echo "postgres://sfsync@${dir//\//%2F}/postgres"
# A test that owns the server may kill it and bring it back. What the kill left running has to end before a new server is let in.
while read -r order; do
    case $order in
        kill) kill -KILL "$(head -1 "$dir/data/postmaster.pid")" ;;
        start) for _ in $(seq 100); do if start; then break; fi; done ;;
    esac
    echo "$order: done"
done
