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

# --- the run that follows is laid beside it
sed -i -e '/approval:/d' -e 's|https://ops.example.org/large-deletions|http://127.0.0.1:1/|' book.muster.yaml
"$muster" plan book.muster.yaml > /dev/null 2> complaints || fail "the plan before the run: $(cat complaints)"
python3 -c 'import sqlite3; shop = sqlite3.connect("shop.db"); shop.execute("INSERT INTO orders VALUES(4, \"2023-07-01\")"); shop.commit()'
"$muster" run book.muster.yaml > answer 2>&1 || fail "the run: $(cat answer)"
"$muster" report last --format text > answer || fail "no report"
for line in 'foresaw: 0 steps as foreseen, 2 differ, 1 could not be foreseen' 'predicted: changes 2' 'succeeded: changes 3' \
  'differs: changes: 2, then 3' 'differs: value: 2, then 3'; do
  grep -qF -- "$line" answer || fail "the report does not say \`$line\`: $(cat answer)"
done
grep -qF '## Predicted and actual' <("$muster" report last) || fail "the Markdown report does not compare"
grep -qF '<h2>Predicted and actual</h2>' <("$muster" report last --format html) || fail "the page does not compare"
grep -qF '"verdict":"differs"' <("$muster" report last --format json --output jsonl) || fail "the JSON report does not compare"
"$muster" run book.muster.yaml -i before=2022-01-01 > answer 2>&1 || fail "the other run: $(cat answer)"
if grep -qF 'foresaw' <("$muster" report last --format text); then fail "a run with other inputs is compared"; fi
"$muster" audit --verify > answer 2>&1 || fail "the store does not hold: $(cat answer)"
python3 - <<'PY'
import sqlite3
shop = sqlite3.connect("shop.db")
shop.execute("DELETE FROM orders")
shop.executemany("INSERT INTO orders VALUES(?, ?)", [(1, "2023-05-01"), (2, "2023-06-01"), (3, "2025-01-01")])
shop.commit()
shop.close()
PY

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
      - id: back
        restore: {target: {sqlite: copy.db}, from: {newest: "kept/*.db"}, expect: {tables: [orders], min_rows: {orders: 3}}}
      - id: derived
        rebuild:
          from: {connection: shop, table: orders}
          into: {connection: shop, table: streaks}
          partition: {key: day}
          derive: {islands: {order: day, step: 1d, start: first, end: last, count: days}}
      - id: told
        notify: {channel: oncall, message: "all of it"}
      - id: posted
        http: {post: "http://127.0.0.1:1/", headers: {Authorization: "Bearer ${{ secrets.token }}"}}
      - id: hands
        manual: {instructions: Look at it}
      - id: pause
        wait: {for: 1h}
      - id: said
        audit: {event: done}
YAML
mkdir kept
sqlite3 shop.db "CREATE TABLE streaks(day TEXT, first TEXT, last TEXT, days INTEGER); INSERT INTO streaks VALUES('2023-05-01', '2023-05-01', '2023-05-01', 9)"
sqlite3 shop.db ".backup kept/older.db"
touch -d 2026-01-01 kept/older.db
sqlite3 kept/newer.db "CREATE TABLE orders(id INTEGER PRIMARY KEY); INSERT INTO orders VALUES(1)"
sqlite3 copy.db "CREATE TABLE orders(id INTEGER PRIMARY KEY)"
before=$(sha256sum shop.db copy.db kept/*)
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
[ "$before" = "$(sha256sum shop.db copy.db kept/*)" ] || fail "a database was changed"
[ ! -e there ] && [ ! -e backups ] || fail "something was made: $(ls)"
grep -q "would change 3 rows" answer || fail "the DELETE was not tried: $(cat answer)"
grep -qF "refused \`kept/newer.db\`: the backup has 1 rows in \`orders\`" answer || fail "the newer backup was not refused: $(cat answer)"
grep -qF "checked in scratch: it is sound, with 3 rows in \`orders\`" answer || fail "the older backup was not checked: $(cat answer)"
grep -qE "replace \`.*/copy.db\` \(8192 bytes" answer || fail "it does not say what would be replaced: $(cat answer)"
grep -qE "^ +rows_deleted: 1$" answer && grep -qE "^ +rows_created: 3$" answer || fail "the rebuild was not derived: $(cat answer)"
grep -qF "all of it" answer || fail "the message is not shown: $(cat answer)"
grep -qE "kept|declared read not executed" answer || fail "the declared read wrote: $(cat answer)"
grep -q "verify => undecided" answer || fail "the verify is decided: $(cat answer)"
if grep -q "canary" answer complaints; then fail "the secret is shown"; fi
[ -z "$(ls -A "$folder/scratch")" ] || fail "left behind in TMPDIR: $(ls -A "$folder/scratch")"
# What changed something: allowed are scratch, -wal and -shm of the database, devices, and what the fence refused.
grep -E 'O_WRONLY|O_RDWR|O_CREAT|creat\(|mkdir|unlink|rmdir|rename|link\(|linkat|truncate|chmod|chown|kill\(' "$folder/calls" |
  grep -vE '= -1 |= \? |resumed>' | grep -vF -e "$folder/scratch/" -e "$folder/home/" | grep -vE 'shop\.db-(wal|shm)"|"/dev/(null|tty|shm)|"/proc/' |
  grep -vE 'shop\.db", O_RDWR' | grep -vE 'kill\(' > "$folder/changed"
[ ! -s "$folder/changed" ] || fail "it changed something: $(cat "$folder/changed")"
if grep -vE 'AF_UNIX|htons\(1\)' <(grep -E 'connect\(' "$folder/calls"); then fail "it connected: $(grep 'connect(' "$folder/calls")"; fi
# A plain run of the trial leaves the log as it was.
[ ! -s shop.db-wal ] || fail "the log of the database grew"
[ $failed -eq 0 ] && echo "1 passed, 0 failed"
exit $failed
