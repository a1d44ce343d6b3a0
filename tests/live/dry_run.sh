#!/usr/bin/env bash
# The dry run of docs/dry-run.md at the real program, and one with every kind of step under a recorder of system calls:
# nothing is written, removed, renamed or signalled but what docs/dry-run.md allows.
# usage: dry_run.sh FOLDER_OF_MUSTER
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
muster=$1/muster
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-dry-run.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export HOME=$folder/home XDG_CONFIG_HOME=$folder/home XDG_STATE_HOME=$folder/home
mkdir "$HOME" "$folder/work" "$folder/scratch"
export TMPDIR=$folder/scratch
cd "$folder/work" || exit 1
failed=0
fail() { echo "$*"; failed=1; }

# --- the page's own example, word for word
awk '/^```yaml$/ {inside = 1; next} /^```$/ {if (inside) exit} inside' "$root/docs/dry-run.md" > book.muster.yaml
awk '/^it answers:$|it answers:$/ {armed = 1} /^```$/ {if (inside) exit; if (armed) {inside = 1; next}} inside' "$root/docs/dry-run.md" > expected
python3 - <<'PY'
import sqlite3
shop = sqlite3.connect("shop.db")
shop.execute("PRAGMA journal_mode=wal")
shop.execute("CREATE TABLE orders(id INTEGER PRIMARY KEY, day TEXT NOT NULL)")
shop.executemany("INSERT INTO orders VALUES(?, ?)", [(1, "2023-05-01"), (2, "2023-06-01"), (3, "2025-01-01")])
shop.commit()
shop.close()
PY
timeout 60 "$muster" plan book.muster.yaml > answer 2> complaints || fail "the example ends with $?: $(cat complaints)"
diff expected answer || fail "the example of docs/dry-run.md answers something else"

# --- every kind of step, recorded
cat > all.muster.yaml <<'YAML'
muster: 1
playbook: all-of-it
secrets:
  token: {env: TOKEN}
connections:
  shop: {sqlite: shop.db}
phases:
  - id: all
    approval: {message: All of it}
    steps:
      - id: read
        effect: read
        shell: {script: "cat shop.db | wc -c; echo x > \"$TMPDIR/mine\"; echo x > there 2>/dev/null || echo kept"}
      - id: counted
        sql: {connection: shop, query: SELECT count(*) FROM orders}
      - id: asked
        http: {get: "http://127.0.0.1:1/"}
        on_failure: continue
      - id: saved
        backup: {source: {connection: shop}, to: backups, name: shop}
      - id: removed
        shell: {argv: [rm, shop.db]}
        verify: {shell: {script: "test ! -e shop.db"}, that: result.exit_code == 0, within: 1h}
      - id: emptied
        sql: {connection: shop, execute: DELETE FROM orders}
      - id: posted
        http: {post: "http://127.0.0.1:1/", headers: {Authorization: "Bearer ${{ secrets.token }}"}}
      - id: hands
        manual: {instructions: Look at it}
      - id: pause
        wait: {for: 1h}
      - id: said
        audit: {event: done}
YAML
before=$(sha256sum shop.db)
if command -v strace > /dev/null; then
  TOKEN=a-long-canary timeout 100 strace -f -qq -y -o "$folder/calls" -e trace=open,openat,openat2,creat,mkdir,mkdirat,unlink,unlinkat,rmdir,rename,renameat,renameat2,link,linkat,symlink,symlinkat,truncate,chmod,fchmodat,chown,fchownat,kill,tkill,connect \
    "$muster" plan all.muster.yaml > answer 2> complaints
  code=$?
else
  TOKEN=a-long-canary timeout 100 "$muster" plan all.muster.yaml > answer 2> complaints
  code=$?
  : > "$folder/calls"
fi
[ $code -eq 0 ] || fail "it ends with $code: $(cat complaints answer)"
[ "$before" = "$(sha256sum shop.db)" ] || fail "the database was changed"
[ ! -e there ] && [ ! -e backups ] || fail "something was made: $(ls)"
grep -q "would change 3 rows" answer || fail "the DELETE was not tried: $(cat answer)"
grep -qE "kept|declared read not executed" answer || fail "the declared read wrote: $(cat answer)"
grep -q "verify => undecided" answer || fail "the verify is decided: $(cat answer)"
if grep -q "canary" answer complaints; then fail "the secret is shown"; fi
[ -z "$(ls -A "$folder/scratch")" ] || fail "left behind in TMPDIR: $(ls -A "$folder/scratch")"
# What changed something: allowed are scratch, -wal and -shm of the database, devices, and what the fence refused.
grep -E 'O_WRONLY|O_RDWR|O_CREAT|creat\(|mkdir|unlink|rmdir|rename|link\(|linkat|truncate|chmod|chown|kill\(' "$folder/calls" |
  grep -vE '= -1 |= \? |resumed>' | grep -vF "$folder/scratch/" | grep -vE 'shop\.db-(wal|shm)"|"/dev/(null|tty|shm)|"/proc/' |
  grep -vE 'shop\.db", O_RDWR' | grep -vE 'kill\(' > "$folder/changed"
[ ! -s "$folder/changed" ] || fail "it changed something: $(cat "$folder/changed")"
if grep -vE 'AF_UNIX|htons\(1\)' <(grep -E 'connect\(' "$folder/calls"); then fail "it connected: $(grep 'connect(' "$folder/calls")"; fi
# A plain run of the trial leaves the log as it was.
[ ! -s shop.db-wal ] || fail "the log of the database grew"
[ $failed -eq 0 ] && echo "1 passed, 0 failed"
exit $failed
