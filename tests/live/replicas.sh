#!/usr/bin/env bash
# Replicas that litestream itself makes while a database is written to, in a directory and in a store that speaks S3,
# and what muster brings back from them.
# usage: replicas.sh FOLDER_OF_MUSTER
set -euo pipefail
release=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/replicas/tools.sh"

home=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$home"
}
trap finish EXIT
export HOME=$home MUSTER_STORE=sqlite:$home/muster.db
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
eventually() { # command; for 60 s
  for _ in $(seq 600); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
  return 1
}

# The store, on a port that is free.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$home/objects"
secret=the-secret-of-the-store
(cd "$tools" && exec node -e "require('@20minutes/s3rver/lib/models/account').DUMMY_ACCOUNT.createKeyPair('MUSTER', '$secret');
  require('@20minutes/s3rver/lib/cli').parse(process.argv)" x -a 127.0.0.1 -p "$port" \
  -d "$home/objects" --configure-bucket backups >"$home/s3.log" 2>&1) &
pids+=($!)
eventually bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || { cat "$home/s3.log"; fail "the store does not answer"; }

app=$home/app.db
sqlite3 "$app" 'PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)' >/dev/null
cat >"$home/litestream.yml" <<YAML
access-key-id: S3RVER
secret-access-key: S3RVER
dbs:
  - path: $app
    replicas:
      - {type: file, path: $home/replica, sync-interval: 100ms}
      - {type: s3, bucket: backups, path: nightly/app, endpoint: "http://127.0.0.1:$port", region: us-east-1,
         force-path-style: true, sync-interval: 100ms}
YAML
"$litestream" replicate -config "$home/litestream.yml" >"$home/litestream.log" 2>&1 &
pids+=($!)
replicating=$!

write() { # rows
  sqlite3 "$app" "PRAGMA busy_timeout = 5000; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
    INSERT INTO orders (note) SELECT hex(randomblob(100)) FROM n" >/dev/null
}
rows() { sqlite3 "$1" 'SELECT count(*) FROM orders'; }
in_directory() { # rows, as litestream restores them
  rm -f "$home/probe.db"*
  "$litestream" restore -o "$home/probe.db" "file://$home/replica" && [ "$(rows "$home/probe.db")" = "$1" ]
}
segments() { find "$1" -name '*.wal.lz4*' | sed 's/.*\(wal\/[0-9a-f_]*\).*/\1/' | sort -u | wc -l; }
both_are_even() { [ "$(segments "$home/objects")" -ge "$(segments "$home/replica")" ]; }

total=0
for round in 1 2 3 4; do
  write $((round * 50))
  total=$((total + round * 50))
  eventually in_directory "$total" && eventually both_are_even || { cat "$home/litestream.log"; fail "litestream does not replicate"; }
  sleep 1.2   # a second of its own, which is all that S3 tells
  if [ "$round" = 2 ]; then at=$(date -u +%Y-%m-%dT%H:%M:%SZ); at_rows=$total; sleep 1.2; fi
done
# What the last sync holds arrives when it ends.
kill -TERM "$replicating"
wait "$replicating" 2>/dev/null || true
sqlite3 "$app" .dump >"$home/expected.sql"

cat >"$home/back.muster.yaml" <<'YAML'
muster: 1
playbook: back
inputs:
  target: {type: path, required: true}
  replica: {type: path, required: true}
  endpoint: {type: url, required: true}
  at: {type: timestamp}
secrets:
  s3_key: {env: S3_SECRET}
connections:
  store:
    s3:
      bucket: backups
      region: us-east-1
      endpoint: "${{ inputs.endpoint }}"
      access_key: MUSTER
      secret_key: "${{ secrets.s3_key }}"
phases:
  - id: look
    steps:
      - id: there
        restore: {list: {litestream: "s3://backups/nightly/app", connection: store}}
  - id: by_directory
    when: inputs.replica ~= "none"
    steps:
      - restore:
          target: {sqlite: "${{ inputs.target }}"}
          from: {litestream: "${{ inputs.replica }}"}
          at: "${{ inputs.at }}"
  - id: by_store
    when: inputs.replica == "none"
    steps:
      - restore:
          target: {sqlite: "${{ inputs.target }}"}
          from: {litestream: "s3://backups/nightly/app", connection: store}
          at: "${{ inputs.at }}"
YAML
back() { # target, replica or none, further words
  local target=$1 replica=$2
  shift 2
  "$release/muster" run "$home/back.muster.yaml" -i "target=$target" -i "replica=$replica" \
    -i "endpoint=http://127.0.0.1:$port" "$@" >"$home/out" 2>"$home/err"
}
same_as_the_original() { sqlite3 "$1" .dump | cmp -s - "$home/expected.sql"; }
export S3_SECRET=$secret

# The newest, from both.
back "$home/a.db" "$home/replica" || { cat "$home/err"; fail "the replica in the directory was not restored"; }
same_as_the_original "$home/a.db" || fail "the replica in the directory gives another database"
back "$home/b.db" none || { cat "$home/err"; fail "the replica in the store was not restored"; }
same_as_the_original "$home/b.db" || fail "the replica in the store gives another database"

# A moment between two writes.
back "$home/c.db" none -i "at=$at" || { cat "$home/err"; fail "no moment of the store was restored"; }
[ "$(rows "$home/c.db")" = "$at_rows" ] || fail "at $at there were $at_rows rows, and $(rows "$home/c.db") came back"
back "$home/d.db" "$home/replica" -i "at=$at" || { cat "$home/err"; fail "no moment of the directory was restored"; }
[ "$(rows "$home/d.db")" = "$at_rows" ] || fail "at $at there were $at_rows rows in the directory's replica"

# A wrong key, and nobody there.
refuses() { # target, words that must be said
  if back "$1" none "${@:3}"; then fail "$1 was restored"; fi
  grep -q "$2" "$home/err" "$home/out" || { cat "$home/out" "$home/err"; fail "nothing is said of: $2"; }
  [ ! -e "$1" ] || fail "$1 is there"
}
S3_SECRET=not-the-secret-of-the-store refuses "$home/e.db" 'secret_key'
grep -rq 'not-the-secret-of-the-store' "$home/err" "$home/out" && fail "the secret was shown"
port_kept=$port
port=1
refuses "$home/f.db" '127.0.0.1:1'
port=$port_kept

# One segment in the middle is gone: the program that made the replica would not notice; this one says which.
victim=$(find "$home/objects" -name '*.wal.lz4*' | sed 's/\(.*\/[0-9a-f_]*\)\.wal.*/\1/' | sort -u | awk '!/_00000000$/ && !found++')
[ -n "$victim" ] || fail "the replica has no segment in the middle"
mkdir "$home/taken"
mv "$victim".* "$home/taken/"
refuses "$home/g.db" 'is missing'
mv "$home/taken/"* "$(dirname "$victim")/"
back "$home/g.db" none || fail "with the segment back it is restored"

printf 'ok: %s rows, %s segments\n' "$total" "$(segments "$home/replica")"
