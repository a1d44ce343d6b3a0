#!/usr/bin/env bash
# The playbook of docs/actions/rebuild.md at the real program: run, killed and resumed, run again, given wrong tables.
# usage: rebuild.sh FOLDER_OF_MUSTER
set -uo pipefail
muster=$1/muster
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-rebuild.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export MUSTER_STORE=$folder/store/muster.db HOME=$folder/home XDG_CONFIG_HOME=$folder/home
mkdir "$folder/home" "$folder/store"
failed=0
problem() { echo "$1"; failed=1; }
book=$folder/rebuild-runs.muster.yaml database=$folder/app.db
awk '/^```yaml$/ {inside = 1; next} /^```$/ {exit} inside' "$root/docs/actions/rebuild.md" > "$book"
users=3000
sqlite3 "$database" >/dev/null <<SQL
PRAGMA journal_mode = WAL;
CREATE TABLE users (id INTEGER PRIMARY KEY);
CREATE TABLE day_marks (user_id INTEGER, date TEXT, value INTEGER, PRIMARY KEY (user_id, date)) WITHOUT ROWID;
CREATE TABLE runs (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, start_date TEXT NOT NULL, end_date TEXT NOT NULL,
  day_count INTEGER NOT NULL);
CREATE INDEX runs_of_user ON runs (user_id);
WITH RECURSIVE s (u) AS (SELECT 1 UNION ALL SELECT u + 1 FROM s WHERE u < $users) INSERT INTO users SELECT u FROM s;
WITH RECURSIVE t (d) AS (SELECT 0 UNION ALL SELECT d + 1 FROM t WHERE d < 119) INSERT INTO day_marks
  SELECT id, date('2025-01-01', '+' || d || ' days'), (id * 7919 + d * 104729) % 100 < 80 FROM users, t;
INSERT INTO runs (user_id, start_date, end_date, day_count) VALUES (7, '2025-01-01', '2025-12-31', 365);
SQL
# The same by another way: islands by one statement.
expected=$(sqlite3 "$database" "SELECT user_id, min(date), max(date), count(*) FROM (SELECT user_id, date,
  CAST(julianday(date) AS INTEGER) - row_number() OVER (PARTITION BY user_id ORDER BY date) AS island
  FROM day_marks WHERE value = 1) GROUP BY user_id, island ORDER BY 1, 2")
runs() { sqlite3 "$database" "SELECT user_id, start_date, end_date, day_count FROM runs ORDER BY 1, 2"; }
[ "$(wc -l <<<"$expected")" -gt $users ] || problem "too few runs are expected"

# Killed after some batches.
setsid "$muster" run "$book" -i database="$database" </dev/null >"$folder/first" 2>&1 &
pid=$!
batches=0
for _ in $(seq 2000); do
  batches=$(sqlite3 -cmd '.timeout 5000' "$database" 'SELECT count(*) FROM muster_rebuild' 2>/dev/null || echo 0)
  [ "${batches:-0}" -ge 5 ] && break
  kill -0 $pid 2>/dev/null || break
  sleep 0.01
done
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
left=$(sqlite3 "$database" 'SELECT count(*) FROM muster_rebuild')
[ "$left" -ge 5 ] && [ "$left" -lt $((users / 100)) ] || problem "it was not killed midway: $left batches; $(cat "$folder/first")"
timeout 100 "$muster" resume last </dev/null >"$folder/second" 2>&1 || problem "not resumed: $(cat "$folder/second")"
[ "$(runs)" = "$expected" ] || problem "the runs are others"
[ "$(sqlite3 "$database" 'SELECT (SELECT count(*) FROM muster_rebuild) + (SELECT count(*) FROM muster_marker)')" = 0 ] ||
  problem "its own rows are left"
[ "$(sqlite3 "$database" 'SELECT user_id, day_count FROM muster_old_runs')" = "7|365" ] || problem "the old row is not kept once"
created=$(timeout 60 "$muster" report last --output json </dev/null | grep -o '"created": *[0-9]*' | grep -o '[0-9]*$' | head -1)
[ "$created" = "$(wc -l <<<"$expected")" ] || problem "the report says $created rows came, over both processes"

# Again: nothing is to do, and every id stays.
before=$(sqlite3 "$database" 'SELECT * FROM runs ORDER BY id')
timeout 100 "$muster" run "$book" -i database="$database" </dev/null >"$folder/again" 2>&1 || problem "again: $(cat "$folder/again")"
[ "$(sqlite3 "$database" 'SELECT * FROM runs ORDER BY id')" = "$before" ] || problem "the second run changed rows"

# Wrong tables, wrong days.
wrong() { # label, text in the output
  out=$(timeout 60 "$muster" run "$book" -i database="$database" </dev/null 2>&1) && problem "$1 went well"
  grep -qF -- "$2" <<<"$out" || { problem "$1: wanted \`$2\` in"; echo "$out"; }
}
sqlite3 "$database" "UPDATE day_marks SET date = '2025-02-30', value = 1 WHERE user_id = 9 AND date = '2025-02-20'"
wrong "a day that is none" '`date` of `user_id` 9 is no day: `2025-02-30`'
[ "$(sqlite3 "$database" 'SELECT * FROM runs ORDER BY id')" = "$before" ] || problem "a day that is none changed rows"
sed -i 's/table: day_marks/table: day_mark/' "$book"
wrong "a table that is not there" 'day_mark'
exit $failed
