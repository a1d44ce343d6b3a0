#!/usr/bin/env bash
# A disk that fails at any sync and at every few writes of a run: the run stops with an error and exit code 1, nothing is
# done twice, and it goes on afterwards, asking where it cannot know. 77: nothing here can make a disk fail.
set -uo pipefail
muster=$1/muster
strace -f -o /dev/null true 2>/dev/null || { echo "no strace here"; exit 77; }
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-failing-disk.XXXXXX")
trap 'rm -rf "$folder"' EXIT
fail() { echo "$1"; cat "$folder/out" "$folder/err"; exit 1; }
deed() { printf '      - {id: %s, shell: {argv: [sh, -c, "echo %s >> $HOME/deeds"]}}\n' "$1" "$1"; }
{
  printf 'muster: 1\nplaybook: deeds\nphases:\n  - id: only\n    steps:\n'
  for step in a b c d; do deed $step; done
} >"$folder/deeds.muster.yaml"

points=0 stopped=0 asked=0
sweep() { # system call, stride
  for ((n = 1; n < 400; n += $2)); do
    home=$folder/home
    rm -rf "$home"
    mkdir "$home"
    export HOME=$home MUSTER_STORE=$home/muster.db TMPDIR=$home
    # A store with a run in it, so that the sweep is over what each run does.
    "$muster" run -q "$folder/deeds.muster.yaml" >/dev/null 2>&1 </dev/null || fail "the first run failed"
    : >"$home/deeds"
    strace -o "$folder/trace" -e trace="$1" -e inject="$1":error=EIO:when="$n" \
      "$muster" run "$folder/deeds.muster.yaml" >"$folder/out" 2>"$folder/err" </dev/null
    status=$?
    grep -q INJECTED "$folder/trace" || return 0
    points=$((points + 1))
    at="$1 $n"
    if [ $status -ne 0 ]; then
      stopped=$((stopped + 1))
      [ $status -eq 1 ] || fail "at $at it ended with $status"
      grep -qiE 'disk I/O error|Input/output error' "$folder/err" || fail "at $at it does not say what failed"
    fi
    run=$("$muster" runs --open --output jsonl | sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p' | head -1)
    for _ in 1 2 3 4 5; do
      [ -n "$run" ] || break
      "$muster" resume "$run" >"$folder/out" 2>"$folder/err" </dev/null
      status=$?
      [ $status -eq 0 ] && break
      [ $status -eq 6 ] || fail "after $at its resume ended with $status"
      asked=$((asked + 1))
      step=$(sed -n 's/.*resolve [0-9a-f]* \([^ ]*\) .*/\1/p' "$folder/err" | head -1)
      deed=${step##*/}
      grep -qx "$deed" "$home/deeds" && became=--succeeded || became=--retry
      "$muster" resolve "$run" "$step" $became --reason "looked" >"$folder/out" 2>"$folder/err" || fail "after $at $step cannot be settled"
    done
    if [ -n "$run" ]; then
      [ "$(sort "$home/deeds" | tr -d '\n')" = abcd ] || fail "after $at this was done: $(tr '\n' ' ' <"$home/deeds")"
    fi
    "$muster" audit --verify >"$folder/out" 2>"$folder/err" || fail "after $at the log does not hold"
  done
}
sweep fdatasync 1
sweep pwrite64 5
[ $stopped -ge 5 ] || { echo "only $stopped of $points points stopped the run"; exit 1; }
echo "$points points: $stopped stopped the run, $asked times a person was asked"
