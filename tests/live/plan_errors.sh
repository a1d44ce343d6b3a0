#!/usr/bin/env bash
# What a dry run says where something is wrong, whole: tests/golden/plans holds playbooks, and the text and the exit code that
# each is answered with. UPDATE_GOLDEN=1 rewrites them.
# usage: plan_errors.sh FOLDER_OF_MUSTER
set -uo pipefail
muster=$(realpath "$1")/muster
plans=$(cd "$(dirname "${BASH_SOURCE[0]}")/../golden/plans" && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-plans.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export HOME=$folder/home XDG_CONFIG_HOME=$folder/home XDG_STATE_HOME=$folder/home TMPDIR=$folder NO_COLOR=1
mkdir "$HOME" "$folder/work"
cp "$plans"/* "$folder/work"
cd "$folder/work" || exit 1
sqlite3 shop.db "PRAGMA journal_mode=wal; CREATE TABLE orders(id INTEGER PRIMARY KEY, day TEXT NOT NULL);
  INSERT INTO orders VALUES(1, '2023-05-01'), (2, '2023-06-01'), (3, '2025-01-01');" > /dev/null
echo "just text" > not-a-database.db
failed=0 count=0
for book in *.muster.yaml; do
  name=${book%.muster.yaml}
  inputs=()
  [ -f "$name.inputs.yaml" ] && inputs=(--inputs "$name.inputs.yaml")
  { timeout 60 "$muster" plan "$book" "${inputs[@]}" 2>&1; echo "exit code $?"; } </dev/null | sed "s|$folder/work|.|g" > answer
  count=$((count + 1))
  if [ -n "${UPDATE_GOLDEN:-}" ]; then
    cp answer "$plans/$name.expected"
  elif ! diff "$name.expected" answer; then
    echo "$name is answered otherwise"
    failed=1
  fi
done
[ "$count" -ge 10 ] || { echo "only $count plans"; failed=1; }
[ $failed -eq 0 ] && echo "$count dry runs that go wrong are answered as they should be"
exit $failed
