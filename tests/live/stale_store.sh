#!/usr/bin/env bash
# The playbooks for stale stores, at a server whose stores are SQLite databases on a disk: one copy is put back to an older
# state, several are, a backend is damaged, ssh is denied; with approvals, a no, and a disk that a person recreates.
# usage: stale_store.sh FOLDER_OF_MUSTER
set -uo pipefail
muster=$1/muster
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
books=$root/playbooks/stale-store
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-stale.XXXXXX")
export HOME=$folder/home XDG_CONFIG_HOME=$folder/home/.config MUSTER_STORE=$folder/store/muster.db
export PATH=$folder/bin:$PATH
hosting=$HOME/hosting
place=
finish() {
  [ -z "$place" ] || kill "$place" 2>/dev/null
  wait 2>/dev/null
  rm -rf "$folder"
}
trap finish EXIT
mkdir -p "$hosting/data" "$hosting/backend" "$folder/store" "$folder/bin" "$folder/work" "$folder/copies" "$HOME/.config/muster"
ln -s "$root/tests/live/stale_store/render" "$folder/bin/render"
ln -s "$(python3 -c 'import sys; print(sys.executable)')" "$folder/bin/python3"   # a shim would look at HOME
echo Ann >"$hosting/logged-in"
echo $((20000 + RANDOM % 12000)) >"$hosting/port"
touch "$hosting/messages"
: >"$folder/all"
fail() { echo "FAILED: $*"; tail -n 60 "$folder/all"; echo "-- log"; tail -n 30 "$hosting/log"; cat "$hosting/output" 2>/dev/null; exit 1; }
eventually() { for _ in $(seq 600); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; return 1; }

make_store() { # name, events
  sqlite3 "$hosting/backend/$1.db" "CREATE TABLE events (id INTEGER PRIMARY KEY, body TEXT);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) INSERT INTO events SELECT i, 'event ' || i FROM n"
}
make_store danvers-personal-lb 454
make_store acme 20
make_store globex 7
python3 "$root/tests/live/stale_store/server.py" host "$hosting" >>"$hosting/output" 2>&1 &
place=$!
eventually test -f "$hosting/host-port" || fail "nobody hosts"
place_is=http://127.0.0.1:$(cat "$hosting/host-port")
me=$(id -un)
cat >"$HOME/.config/muster/config.yaml" <<YAML
groups: {oncall: [$me], sre: [$me]}
gates: {self_approval: allowed, break_glass: ["user:$me"]}
channels: {oncall: {webhook: "$place_is/message"}}
YAML
chmod 600 "$HOME/.config/muster/config.yaml"

serving() { grep -q "\"storeCount\": $1," <(curl -sf "http://127.0.0.1:$(cat "$hosting/port")/health"); }
restarted() { render restart srv-stores1 --confirm >/dev/null && eventually serving "$1"; }
head_of() { sqlite3 "$hosting/data/$1/store.db" 'SELECT count(*) FROM events'; }
put_back() { # store, events that its copy loses, as from an older snapshot
  sqlite3 "$hosting/data/$1/store.db" "DELETE FROM events WHERE id > (SELECT max(id) FROM events) - $2"
}
status=0
say() { # muster's words; its exit code in $status, what it printed in $folder/out and $folder/all
  timeout 120 "$muster" "$@" </dev/null >"$folder/out" 2>&1
  status=$?
  { echo "== muster $* -> $status"; cat "$folder/out"; } >>"$folder/all"
}
ends() { [ "$status" -eq "$1" ] || fail "$2: it ended with $status, not $1"; }
play() { # name, further words
  local name=$1
  shift
  say run "$books/$name.muster.yaml" --detach -i service=srv-stores1 -i "health=http://127.0.0.1:$(cat "$hosting/port")/health" "$@"
}
clear() { play clear-stale-store -i "data=$hosting/data" -i every=200ms "$@"; }
output() { "$muster" show last --output json | python3 -c "import json, sys; print(json.load(sys.stdin)['outputs'])"; }
told() { grep -qF -- "$1" "$hosting/messages" || fail "nobody was told: $1"; }

# All is well: nothing is found, nothing is asked, nothing is done.
restarted 3 || fail "the server does not start"
play watch-stores
ends 0 "a server that is well"
clear -i within=20s
ends 0 "nothing to clear"
[ ! -s "$hosting/messages" ] || fail "somebody was told of nothing"

# One copy is older than the backend: found, alerted on, cleared after a yes; the others keep their files.
put_back danvers-personal-lb 1
restarted 2 || fail "the server does not go on without the store"
play identify-stale-store
ends 0 "identifying"
grep -q "'danvers-personal-lb'" <(output) && grep -q "'backend': 454" <(output) && grep -q "'here': 453" <(output) || fail "found: $(output)"
play watch-stores
ends 1 "alerting"
told "no store is behind the backend"
before=$(stat -c '%i %y' "$hosting"/data/acme/store.db "$hosting"/data/globex/store.db)
clear -i within=20s
ends 75 "the gate of one store"
grep -qF "rm -rf $hosting/data/danvers-personal-lb" "$folder/out" || fail "the gate does not show what is deleted"
[ "$(head_of danvers-personal-lb)" = 453 ] || fail "something was done before a yes"
say reject last --reason "the backend is looked at first"
ends 4 "a no"
[ "$(head_of danvers-personal-lb)" = 453 ] || fail "something was done after a no"
told "ended rejected"
clear -i within=20s
ends 75 "the gate of one store, again"
say approve last --reason "support agrees"
ends 0 "one store"
[ "$(head_of danvers-personal-lb)" = 454 ] || fail "the store did not come back"
[ "$(stat -c '%i %y' "$hosting"/data/acme/store.db "$hosting"/data/globex/store.db)" = "$before" ] || fail "other stores were touched"
serving 3 || fail "the store is not served"

# Several are older: everything goes, the on-call channel hears it before.
put_back acme 3
put_back globex 1
restarted 1 || fail "the server does not go on without two stores"
clear -i within=20s
ends 75 "the gate of everything"
told "all local data is about to be cleared, because of acme, globex"
say approve last --reason "both are stale"
ends 0 "everything"
serving 3 || fail "not all stores came back"
[ "$(head_of acme) $(head_of globex)" = "20 7" ] || fail "the events did not come back"

# ssh is denied: the folder is not to be had, so that everything over ssh is not tried either. A person recreates the disk.
put_back globex 2
restarted 2 || fail "the server does not go on"
touch "$hosting/ssh-denied"
clear -i within=20s
ends 75 "the gate of the disk"
told "the disk is about to be recreated, because of globex"
grep -q "Recreate the disk" "$folder/out" || fail "the disk is not asked about"
say approve last --reason "one of two"
ends 75 "one of two approvals"
say approve last --break-glass --reason "nobody else answers, all of this comes back from the backend"
ends 75 "the person's part"
curl -sf -X POST "$place_is/stop"
rm -rf "$hosting/data"
mkdir "$hosting/data"
rm "$hosting/ssh-denied"
restarted 3 || fail "the server does not start on a new disk"
say complete last recreated --answer disk=disk1 --answer deploy=dep-1
ends 2 "an id that is none"
grep -qF '^dsk-[a-z0-9]+$' "$folder/out" || fail "what an id looks like is not said"
say complete last recreated --answer disk=dsk-1 --answer deploy=dep-1
ends 0 "the disk"
say approve last review --reason "it was right"

# The backend itself is damaged: clearing does not help, neither does clearing everything; the last way is refused.
put_back acme 1
cp "$hosting/backend/acme.db" "$folder/acme.db"
dd if=/dev/urandom of="$hosting/backend/acme.db" bs=4096 count=2 conv=notrunc status=none
restarted 2 || fail "the server does not go on"
clear -i within=2s
ends 75 "the gate of one store"
say approve last --reason "it is stale"
ends 75 "the gate of everything, after one"
[ ! -e "$hosting/data/acme" ] || [ "$(head_of acme 2>/dev/null)" != 19 ] || fail "the store's folder was not deleted"
say approve last --reason "it fails again"
ends 75 "the gate of the disk, after everything"
say reject last --reason "the backend is damaged: no disk helps"
ends 4 "the last way"
told "ended rejected"
[ "$("$muster" show last --output json | python3 -c "import json, sys; print(json.load(sys.stdin)['state'])")" = rejected ] || fail "the run's state"
cp "$folder/acme.db" "$hosting/backend/acme.db"

# A restart on its own, copies of the disk, the review.
rm -rf "$hosting/data/acme"
play restart-service -i every=200ms -i within=20s
ends 75 "the gate of a restart"
say approve last --reason "the backend is mended"
ends 0 "a restart"
eventually serving 3 || fail "not all stores came back"
for _ in 1 2 3; do
  say run "$books/snapshot-stores.muster.yaml" -i service=srv-stores1 -i "data=$hosting/data" -i "work=$folder/work" -i "to=$folder/copies" -i keep=2
  ends 0 "a copy of the disk"
  sleep 1.1   # a name of its own, which tells seconds
done
[ "$(find "$folder/copies" -name 'stores-*' ! -name '*.json' | wc -l)" = 2 ] || fail "more than two copies are kept: $(ls "$folder/copies")"
[ -z "$(ls -A "$folder/work")" ] || fail "the copy on its way was left"
say run "$books/review-prevention.muster.yaml" --detach -i "copies=$folder/copies"
ends 75 "the review's person"
say complete last dashboard --answer shutdown_delay=60s --answer alert=https://alerts.example.org/1
ends 0 "the review"
say run "$books/review-prevention.muster.yaml" --detach -i "copies=$folder/work"
say complete last dashboard --answer shutdown_delay=5s --answer alert=https://alerts.example.org/1
ends 1 "a review that finds something"

# Nobody is logged in, and a server that is down: each says what it is.
rm "$hosting/logged-in"
play identify-stale-store
ends 1 "nobody is logged in"
grep -q "render login" "$folder/out" || fail "what is missing is not said"
echo Ann >"$hosting/logged-in"
curl -sf -X POST "$place_is/stop"
say run "$books/identify-stale-store.muster.yaml" -i service=srv-stores1 -i "health=http://127.0.0.1:$(cat "$hosting/port")/health"
ends 1 "a server that is down"
grep -q "it is down, which is another incident" "$folder/out" || fail "what is wrong is not said"
echo "stores were cleared by each way"
