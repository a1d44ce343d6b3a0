#!/usr/bin/env bash
# How often a run waits for the disk, counted by the system: at most N + 0.03 N + 16 for N steps one after another, fewer
# than N for N at once. 77: nothing here can count.
set -uo pipefail
muster=$1/muster
strace -f -o /dev/null true 2>/dev/null || { echo "no strace here"; exit 77; }
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-flushes.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export HOME=$folder MUSTER_STORE=$folder/muster.db
n=100
playbook() { # name, a line of the phase
  printf 'muster: 1\nplaybook: %s\nphases:\n  - id: only\n%s    steps:\n' "$1" "$2"
  for ((i = 0; i < n; i++)); do printf '      - shell: {argv: ["true"]}\n'; done
}
flushes() { # playbook
  strace -f -o "$folder/trace" -e trace=fdatasync,fsync "$muster" run -q "$1" >"$folder/out" 2>&1 </dev/null || {
    cat "$folder/out"
    exit 1
  }
  grep -cE '(fdatasync|fsync)\(' "$folder/trace"
}
playbook first '' >"$folder/first.muster.yaml"
playbook sequence '' >"$folder/sequence.muster.yaml"
playbook parallel $'    parallel: true\n' >"$folder/parallel.muster.yaml"
flushes "$folder/first.muster.yaml" >/dev/null # makes the store
one_by_one=$(flushes "$folder/sequence.muster.yaml") || { echo "$one_by_one"; exit 1; }
at_once=$(flushes "$folder/parallel.muster.yaml") || { echo "$at_once"; exit 1; }
echo "$n steps one after another: $one_by_one; at once: $at_once"
[ "$one_by_one" -ge "$n" ] || { echo "a step was not synced"; exit 1; }
[ "$one_by_one" -le $((n + n * 3 / 100 + 16)) ] || { echo "too many for a sequence"; exit 1; }
[ "$at_once" -lt "$n" ] || { echo "too many at once"; exit 1; }
