#!/usr/bin/env bash
# The demo from end to end, as a person without a terminal sees it: the restored rows, the report, the whole log.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-demo-test.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export MUSTER=$1/muster DEMO_SERVICE=$1/demo-service DEMO_FOLDER=$folder
bash "$root/playbooks/database-restore/demo/run.sh" </dev/null >"$folder/out" 2>"$folder/err"
status=$?
fail() { echo "$1"; cat "$folder/err" "$folder/out"; exit 1; }
[ $status -eq 0 ] || fail "the demo ended with $status"
[ "$(sqlite3 "$folder/app.db" 'SELECT (SELECT count(*) FROM orders) || " " || (SELECT count(*) FROM audit)')" = "236 11" ] || fail "the restored rows are others"
grep -q 'Self-approval was allowed' "$folder/out" || fail "the report does not say that a team of one decided"
grep -q 'every link holds' "$folder/out" || fail "the log was not checked"
grep -q 'is damaged' "$folder/out" && grep -q '"status":"error"' "$folder/out" || fail "the service did not see the damage"
ls "$folder"/app.db.before-* >/dev/null || fail "the old files were not kept"
echo "the demo restored 236 orders and 11 audit rows"
