#!/usr/bin/env bash
# Every playbook of the folder of playbooks is right to the last warning, and every example of an extension comes out.
# usage: playbooks.sh FOLDER_OF_MUSTER
set -uo pipefail
muster=$1/muster
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
failed=0
for folder in "$root"/playbooks/*/; do
  books=$(find "$folder" -name '*.muster.yaml' | wc -l)
  [ "$books" -gt 0 ] || { echo "$folder holds no playbook"; failed=1; }
  [ -f "$folder/README.md" ] || { echo "$folder has no README.md"; failed=1; }
  timeout 60 "$muster" check --strict "$folder" </dev/null || failed=1
  for book in "$folder"/*.muster.yaml; do
    grep -q "$(basename "$book")" "$folder/README.md" || { echo "$folder/README.md does not name $(basename "$book")"; failed=1; }
  done
done
while read -r lua; do
  grep -q '^action "' "$lua" || continue
  timeout 60 "$muster" actions --test "$lua" </dev/null || failed=1
done < <(find "$root/playbooks" -name '*.lua')
exit $failed
