#!/usr/bin/env bash
# Every scenario of the folder of playbooks ends as it says.
# usage: rehearsals.sh FOLDER_OF_MUSTER
set -uo pipefail
muster=$1/muster
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scenarios=$(find "$root/playbooks" -name '*.scenario.yaml' | wc -l)
out=$(timeout 500 "$muster" rehearse "$root/playbooks" </dev/null 2>&1)
status=$?
grep -v '^ok ' <<<"$out"
[ "$status" -eq 0 ] && [ "$(grep -c '^ok ' <<<"$out")" = "$scenarios" ] && [ "$scenarios" -gt 0 ] || { echo "$scenarios scenarios, and the end is $status"; exit 1; }
