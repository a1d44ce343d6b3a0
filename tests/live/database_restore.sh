#!/usr/bin/env bash
# The playbooks for a database and its replica: replicas that litestream makes in a directory and in a store that speaks S3, a
# service that works on the database, and the five ways in which it goes wrong: deleted, damaged, backed up too long ago,
# a store out of reach, and a restore that goes well and does not help.
# usage: database_restore.sh FOLDER_OF_MUSTER
set -uo pipefail
release=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
books=$(cd "$here/../../playbooks/database-restore" && pwd)
source "$here/replicas/tools.sh"
muster=$release/muster
service=$release/demo-service
home=$(mktemp -d "${TMPDIR:-/tmp}/muster-database.XXXXXX")
pids=()
finish() {
  "$service" stop --pid "$home/service.pid" >/dev/null 2>&1
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$home"
}
trap finish EXIT
export HOME=$home/home XDG_CONFIG_HOME=$home/home/.config MUSTER_STORE=$home/store/muster.db
mkdir -p "$HOME/.config/muster" "$home/store" "$home/live" "$home/source" "$home/scratch" "$home/copies" "$home/inner" "$home/empty"
me=$(id -un)
cat >"$HOME/.config/muster/config.yaml" <<YAML
groups: {database: [$me], sre: [$me]}
gates: {self_approval: allowed}
YAML
chmod 600 "$HOME/.config/muster/config.yaml"
: >"$home/all"
fail() { echo "FAILED: $*"; tail -n 70 "$home/all"; exit 1; }
eventually() { for _ in $(seq 600); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; return 1; }
status=0
say() { # muster's words; its exit code in $status, what it printed in $home/out and $home/all
  timeout 150 "$muster" "$@" </dev/null >"$home/out" 2>&1
  status=$?
  { echo "== muster $* -> $status"; cat "$home/out"; } >>"$home/all"
}
ends() { [ "$status" -eq "$1" ] || fail "$2: it ended with $status, not $1"; }
says() { grep -qF -- "$1" "$home/out" || fail "nothing is said of: $1"; }

# The store, and what litestream makes of a database that is written to.
s3=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$home/objects"
serve_objects() {
  (cd "$tools" && exec node -e "require('@20minutes/s3rver/lib/models/account').DUMMY_ACCOUNT.createKeyPair('MUSTER-TEST-KEY', 'the-secret-of-the-store');
    require('@20minutes/s3rver/lib/cli').parse(process.argv)" x -a 127.0.0.1 -p "$s3" \
    -d "$home/objects" --configure-bucket backups >"$home/s3.log" 2>&1) &
  store=$!
  pids+=("$store")
  eventually bash -c "exec 3<>/dev/tcp/127.0.0.1/$s3" || { cat "$home/s3.log"; fail "the store does not answer"; }
}
serve_objects
export LITESTREAM_ACCESS_KEY_ID=MUSTER-TEST-KEY LITESTREAM_SECRET_ACCESS_KEY=the-secret-of-the-store
source=$home/source/app.db
sqlite3 "$source" 'PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT);
  CREATE TABLE audit (id INTEGER PRIMARY KEY, what TEXT); PRAGMA user_version = 1' >/dev/null
cat >"$home/litestream.yml" <<YAML
access-key-id: MUSTER-TEST-KEY
secret-access-key: the-secret-of-the-store
dbs:
  - path: $source
    replicas:
      - {type: file, path: $home/replica/app.db, sync-interval: 100ms}
      - {type: s3, bucket: backups, path: nightly/app.db, endpoint: "http://127.0.0.1:$s3", region: us-east-1,
         force-path-style: true, sync-interval: 100ms}
YAML
"$litestream" replicate -config "$home/litestream.yml" >"$home/litestream.log" 2>&1 &
replicating=$!
pids+=("$replicating")
write() { # rows
  sqlite3 "$source" "PRAGMA busy_timeout = 5000; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
    INSERT INTO orders (note) SELECT hex(randomblob(50)) FROM n; INSERT INTO audit (what) VALUES ('$1 orders')" >/dev/null
}
rows() { sqlite3 "$1" 'SELECT count(*) FROM orders'; }
replicated() { # SQL, what it gives
  rm -f "$home/probe.db"*
  "$litestream" restore -o "$home/probe.db" "file://$home/replica/app.db" && [ "$(sqlite3 "$home/probe.db" "$1")" = "$2" ]
}
segments() { find "$1" -name '*.wal.lz4*' | sed 's/.*\(wal\/[0-9a-f_]*\).*/\1/' | sort -u | wc -l; }
both_are_even() { [ "$(segments "$home/objects")" -ge "$(segments "$home/replica")" ]; }
total=0
for n in 40 30 20; do
  write $n
  total=$((total + n))
  eventually replicated 'SELECT count(*) FROM orders' $total && eventually both_are_even ||
    { cat "$home/litestream.log"; fail "litestream does not replicate"; }
  sleep 1.1   # a second of its own, which is all that the store tells
done
sqlite3 "$source" .dump >"$home/expected.sql"
mkdir "$home/good"
cp -a "$home/replica/app.db" "$home/good/app.db"
moment=$(date -u -d '+1 second' +%Y-%m-%dT%H:%M:%S.%3NZ)
sleep 2.2
# What nobody wanted is replicated like anything else.
sqlite3 "$source" 'PRAGMA busy_timeout = 5000; DROP TABLE audit' >/dev/null
sleep 1.1
sqlite3 "$source" "PRAGMA busy_timeout = 5000; INSERT INTO orders (note) VALUES ('after')" >/dev/null
eventually replicated 'SELECT count(*) FROM orders' $((total + 1)) || fail "litestream does not replicate what went wrong"

# The application: a service, and a container's restart that looks after the database before it starts it.
database=$home/live/app.db
port=$((20000 + RANDOM % 12000))
health=http://127.0.0.1:$port/health
start=("$service" start --db "$database" --port "$port" --pid "$home/service.pid")
stop=("$service" stop --pid "$home/service.pid")
cat >"$home/restart.sh" <<SH
#!/usr/bin/env bash
set -eu
${stop[*]}
MUSTER_STORE=$home/inner/muster.db $muster run $books/restore-on-start.muster.yaml -i database=$database \\
  -i replica=$home/good/app.db -i tables=orders,audit </dev/null >>$home/inner/log 2>&1
${start[*]}
SH
chmod +x "$home/restart.sh"
list() { (IFS=,; echo "$*"); }
common=(-i "database=$database" -i "tables=orders,audit" -i "health=$health" -i "stop=$(list "${stop[@]}")" -i "start=$(list "${start[@]}")")
in_directory=(-i "replica=$home/good/app.db")
in_store=(-i "replica=s3://backups/nightly/app.db" -i "endpoint=http://127.0.0.1:$s3")
play() { # name, further words
  local name=$1
  shift
  say run "$books/$name.muster.yaml" --detach "$@"
}
recover() { play recover-database "${common[@]}" "${in_directory[@]}" -i within=10s "$@"; }
is_right() { sqlite3 "$database" .dump | cmp -s - "$home/expected.sql" || fail "$1: the database is another"; }
damage() { "${stop[@]}" >/dev/null; head -c 20000 /dev/urandom >"$database"; rm -f "$database"-*; }

# A sound database needs nothing, and is left alone.
"$home/restart.sh" || { cat "$home/inner/log"; fail "the application does not start"; }
is_right "the very first start"
recover -i "restart=$home/restart.sh"
ends 1 "a sound database"
says "the cause is another"

# 1: deleted. The restart restores it.
"${stop[@]}" >/dev/null
rm -f "$database"*
recover -i "restart=$home/restart.sh"
ends 0 "deleted"
is_right "deleted"
grep -q database_restored <(MUSTER_STORE=$home/inner/muster.db "$muster" audit last --output json) || fail "the restart does not say that it restored"

# 2: damaged. The restart restores it and keeps what was damaged; where it cannot, a person's yes does.
damage
recover -i "restart=$home/restart.sh"
ends 0 "damaged"
is_right "damaged"
[ -n "$(find "$home/live" -name 'app.db.before-*')" ] || fail "what was damaged is not kept"
damage
before=$(sha256sum <"$database")
recover -i "restart=false"
ends 75 "the restore by hand"
[ "$(sha256sum <"$database")" = "$before" ] || fail "something was done before a yes"
say reject last --reason "not yet"
ends 4 "a no"
[ "$(sha256sum <"$database")" = "$before" ] || fail "something was done after a no"
recover -i "restart=false"
say approve last --reason "the health check says the database is damaged"
ends 0 "damaged, by hand"
is_right "damaged, by hand"
grep -q '"status":"ok"' <(curl -sf "$health") || fail "the application does not work on it"

# 3: too old. A person accepts the loss, or does not.
damage
before=$(sha256sum <"$database")
restore() { play restore-database "${common[@]}" -i within=10s "$@"; }
restore "${in_directory[@]}" -i max_age=1s
ends 75 "too old"
say complete last loss --answer accept=false
ends 1 "a loss that is not accepted"
[ "$(sha256sum <"$database")" = "$before" ] || fail "a loss that is not accepted changed something"
restore "${in_directory[@]}" -i max_age=1s -i discard=true
say complete last loss --answer accept=true
ends 75 "a loss that is accepted"
say approve last --reason "there is nothing newer"
ends 75 "what is left of the old one"
old=$(find "$home/live" -name 'app.db.before-*' | wc -l)
say approve last --reason "it is worth nothing"
ends 0 "a loss that is accepted, without what was there"
[ "$(find "$home/live" -name 'app.db.before-*' | wc -l)" -lt "$old" ] || fail "the old files were not removed"
is_right "too old"
grep -q data_loss_accepted <("$muster" audit last --output json) || fail "nobody accepted the loss"
play verify-backup "${in_directory[@]}" -i "scratch=$home/scratch" -i tables=orders,audit -i max_age=1s
ends 1 "a backup that is too old"
says "it is not too old"

# 4: connectivity. The store is away; its key is wrong; each is found, and nothing is touched.
damage
before=$(sha256sum <"$database")
kill "$store"
wait "$store" 2>/dev/null
diagnose() { play diagnose-restore -i "database=$database" -i "scratch=$home/scratch" -i tables=orders -i "logs=cat,$home/inner/log" "$@"; }
findings() { "$muster" show last --output json | python3 -c "import json, sys; print(*json.load(sys.stdin)['outputs']['findings'], sep='\n')"; }
finds() { ends 0 "a diagnosis"; grep -qF -- "$1" <(findings) || fail "what is in the way is not found: $1; but $(findings)"; }
restore "${in_store[@]}" -i force=true
ends 1 "a store that is away"
diagnose "${in_store[@]}"
finds "the store does not answer"
serve_objects
LITESTREAM_SECRET_ACCESS_KEY=another-secret-of-the-store restore "${in_store[@]}"
ends 1 "a wrong key"
! grep -q another-secret "$home/out" || fail "a secret is shown"
[ "$(sha256sum <"$database")" = "$before" ] || fail "a store out of reach changed something"
unset LITESTREAM_SECRET_ACCESS_KEY
diagnose "${in_store[@]}"
finds "LITESTREAM_SECRET_ACCESS_KEY is not set"
export LITESTREAM_SECRET_ACCESS_KEY=the-secret-of-the-store
play restore-database -i "database=$database" -i tables=orders -i "health=$health" -i "stop=$(list "${stop[@]}")" -i start=true -i within=2s "${in_store[@]}"
ends 75 "from the store"
say approve last --reason "the store is back"
ends 5 "a service that does not come up"   # nobody started it: all is as it was
[ "$(sha256sum <"$database")" = "$before" ] || fail "the damaged one did not come back"

# 5: what was wrong is in the newest point, too: the restore goes well, and the application does not. An earlier one is found.
play restore-database "${common[@]}" -i within=3s -i tables=orders -i "replica=$home/replica/app.db"
say approve last --reason "the newest"
ends 5 "a restore that does not help"
[ "$(sha256sum <"$database")" = "$before" ] || fail "the damaged one did not come back, after a restore"
play restore-earlier-point "${common[@]}" -i tables=orders -i "replica=$home/replica/app.db" -i "before=$(date -u +%Y-%m-%dT%H:%M:%SZ)" -i tries=20 -i within=3s
ends 75 "the gate of earlier points"
say approve last --reason "the newest does not help"
ends 0 "an earlier point"
is_right "an earlier point"
grep -q "\"orders\":$total" <(curl -sf "$health") || fail "the application does not work on the earlier point"

# From the store, by a yes, with the application.
damage
restore "${in_store[@]}" -i "at=$moment"
say approve last --reason "from the store"
ends 0 "from the store"
is_right "from the store"

# Before a deployment: the backup is proven, from both; the folder is empty afterwards.
for from in directory store; do
  declare -n where=in_$from
  play verify-backup "${where[@]}" -i "scratch=$home/scratch" -i tables=orders -i rows=$total
  ends 0 "the backup in the $from"
done
[ -z "$(ls -A "$home/scratch")" ] || fail "the trial was left behind"
play verify-backup "${in_directory[@]}" -i "scratch=$home/scratch" -i tables=orders -i rows=100000
ends 5 "a backup with too few rows"
diagnose "${in_directory[@]}"
[ "$(findings | grep -vc litestream)" = 0 ] || fail "something is in the way of a directory: $(findings)"
cp -a "$home/empty" "$home/other.db"
diagnose -i "replica=$home/other.db"
finds "there is no backup at $home/other.db"
finds "is it another one?"

# A first start, and one that is none.
start_anew() { play restore-on-start -i "database=$home/inner/new.db" -i "replica=$home/empty" -i tables=orders "$@"; }
start_anew
ends 1 "no backup"
says "there is no backup"
start_anew -i new=true
ends 0 "a first start"

# Migrations: one that works, one that fails halfway.
cat >"$home/migrate.sh" <<SH
sqlite3 "$database" 'ALTER TABLE orders ADD COLUMN paid INTEGER DEFAULT 0; PRAGMA user_version = 2'
SH
cat >"$home/migrate_badly.sh" <<SH
sqlite3 "$database" 'DROP TABLE orders; PRAGMA user_version = 3'
exit 1
SH
"${stop[@]}" >/dev/null
migrate() { play run-migrations -i "database=$database" -i "backups=$home/copies" -i tables=orders "$@"; }
migrate -i "migrate=sh,$home/migrate.sh" -i version=2
say approve last
ends 0 "a migration"
grep -qx 0 <(sqlite3 "$database" 'SELECT sum(paid) FROM orders') || fail "nothing was migrated"
migrate -i "migrate=sh,$home/migrate_badly.sh" -i version=3
say approve last
ends 5 "a migration that fails"
[ "$(rows "$database") $(sqlite3 "$database" 'PRAGMA user_version')" = "$total 2" ] || fail "the copy did not come back"
migrate -i "migrate=false" -i version=2
ends 0 "a schema that is right already"

# Rights, and the watch.
chmod 600 "$database"
play fix-permissions -i "database=$database" -i "user=$me"
say approve last
ends 0 "rights"
[ "$(stat -c %a "$database")" = 644 ] || fail "the mode"
echo "all is well" >"$home/app.log"
watch() { play watch-backups -i "database=$source" -i "replica=$home/replica/app.db" -i "status=$litestream,databases,-config,$home/litestream.yml" -i "logs=cat,$home/app.log" "$@"; }
watch
ends 0 "a watch of what is well"
watch -i max_age=1s -i behind=0s
ends 1 "a backup that grows old"
echo "WARNING: No backup found or restore failed" >>"$home/app.log"
watch
ends 1 "a restore that failed"
says "no restore failed"
echo "restored: deleted, damaged, too old, out of reach, not helping"
