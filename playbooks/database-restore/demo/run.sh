#!/usr/bin/env bash
# The demo: a damaged SQLite database is restored from a real Litestream replica, behind an approval gate, while a small
# HTTP service that opens the database tells whether it worked. Everything lives in one folder that is printed first.
#
# On a terminal the gate asks you; without one it is shown here and decided by a second process.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
muster=${MUSTER:-$root/build/release/muster}
service=${DEMO_SERVICE:-$root/build/release/demo-service}
folder=${DEMO_FOLDER:-$(mktemp -d "${TMPDIR:-/tmp}/muster-demo.XXXXXX")}
port=${DEMO_PORT:-$((20000 + RANDOM % 12000))}
person=$(id -un)

say() { printf '\n== %s\n' "$*"; }
mkdir -p "$folder"
say "everything of this demo is in $folder"

# A real replica, made by litestream 0.3.13; the tar keeps the file times, which are a replica's only clock.
tar -xf "$root/tests/fixtures/litestream/replica.tar" -C "$folder"

# The database as it was, and then what a bad disk made of it: the first page is gone, and a stale WAL lies beside it.
head -c 40960 /dev/zero | tr '\0' 'x' > "$folder/app.db"
printf 'stale' > "$folder/app.db-wal"

cat > "$folder/config.yaml" <<YAML
groups:
  database: [$person]
  sre: [$person]
gates:
  self_approval: allowed   # a team of one; the report says so
YAML
chmod 600 "$folder/config.yaml"
cat > "$folder/inputs.yaml" <<YAML
database: $folder/app.db
replica: $folder/replica
tables: [orders, audit]
max_age: 3650d             # the replica is a fixture of 2026
stop: [$service, stop, --pid, $folder/service.pid]
start: [$service, start, --db, $folder/app.db, --port, "$port", --pid, $folder/service.pid, --log, $folder/service.log]
health: http://127.0.0.1:$port/health
YAML

stop_service() { "$service" stop --pid "$folder/service.pid" >/dev/null 2>&1 || true; }
trap stop_service EXIT
"$service" start --db "$folder/app.db" --port "$port" --pid "$folder/service.pid" --log "$folder/service.log"
say "the service answers, and its database is damaged:"
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
tail -n 1 <&3
exec 3<&-
echo

export MUSTER_STORE=$folder/muster.db XDG_STATE_HOME=$folder/state
run=("$muster" --config "$folder/config.yaml")
say "muster run playbooks/database-restore/restore-database.muster.yaml"
status=0
if [ -t 0 ] && [ -t 2 ]; then
  "${run[@]}" run "$here/../restore-database.muster.yaml" --inputs "$folder/inputs.yaml" || status=$?
else
  "${run[@]}" run "$here/../restore-database.muster.yaml" --inputs "$folder/inputs.yaml" --detach || status=$?
  if [ "$status" -eq 75 ]; then
    say "the run waits at its gate; no process is left. What waits:"
    "${run[@]}" gates
    say "a second process decides it: muster approve last replace --reason ..."
    status=0
    "${run[@]}" approve last replace --reason "the health check says the database is damaged" || status=$?
  fi
fi

say "the report of the run"
"${run[@]}" report last --format markdown
say "the log, checked link by link"
"${run[@]}" audit --verify
if [ "$status" -eq 0 ]; then
  say "restored. The old files were kept:"
  ls -l "$folder" | grep 'app.db' || true
fi
exit "$status"
