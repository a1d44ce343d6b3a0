#!/usr/bin/env bash
# A real `foreach` over many shell steps: some at a time, killed with SIGKILL in the middle and resumed; each item is
# done once. And a `watch` that stops a real program.
# usage: foreach.sh FOLDER_OF_MUSTER
set -uo pipefail
muster=$1/muster
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-foreach.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export MUSTER_STORE=$folder/muster.db HOME=$folder XDG_CONFIG_HOME=$folder
failed=0
complain() { echo "$*"; failed=1; }

cat > "$folder/many.muster.yaml" <<YAML
muster: 1
playbook: many
phases:
  - id: bulk
    steps:
      - id: listed
        shell: {argv: [seq, "1", "60"], parse: lines}
        effect: read
      - id: each
        foreach: steps.listed.value
        max_parallel: 4
        shell: {script: 'echo "\$WHO" >> done; sleep 0.05', env: {WHO: "\${{ item }}"}, cwd: $folder}
    outputs:
      count: "\${{ steps.each.succeeded }}"
YAML
"$muster" run "$folder/many.muster.yaml" > "$folder/first.out" 2>&1 &
run=$!
for _ in $(seq 200); do
  [ -f "$folder/done" ] && [ "$(wc -l < "$folder/done")" -ge 12 ] && break
  sleep 0.05
done
kill -9 $run
wait $run 2>/dev/null
before=$(wc -l < "$folder/done")
[ "$before" -lt 60 ] || complain "it was over before it was killed"
id=$("$muster" runs | grep -oE '[0-9a-f]{16}' | head -1)
# An item whose program was not known to have begun is in doubt: a person looks, and says what became of it.
for _ in 1 2 3 4 5; do
  "$muster" resume "$id" > "$folder/second.out" 2>&1
  code=$?
  [ $code -eq 6 ] || break
  for item in $(grep -oE 'each\[[0-9]+\]' "$folder/second.out" | sort -u | tr -dc '0-9\n'); do
    choice=--retry
    grep -qx "$item" "$folder/done" && choice=--succeeded
    "$muster" resolve "$id" "each[$item]" $choice --reason looked > /dev/null 2>&1
  done
done
[ $code -eq 0 ] || complain "resume failed: $(tail -3 "$folder/second.out")"
sort -n "$folder/done" | uniq > "$folder/seen"
[ "$(wc -l < "$folder/done")" -eq 60 ] || complain "an item ran twice, or never: $(sort -n "$folder/done" | uniq -d | head -3)"
seq 1 60 | cmp -s - "$folder/seen" || complain "not every item ran"
grep -q 'bulk/each\[60\]' <("$muster" show "$id") || complain "show does not tell of the last item"
"$muster" logs "$id" 'each[17]' > /dev/null || complain "logs does not know item 17"

cat > "$folder/watched.muster.yaml" <<YAML
muster: 1
playbook: watched
phases:
  - id: only
    steps:
      - id: long
        shell: {argv: [sleep, "60"]}
        watch:
          shell: {argv: [test, "!", -e, $folder/lock], exit_codes: [0, 1]}
          that: result.exit_code == 0
          every: 100ms
YAML
(sleep 1; touch "$folder/lock") &
began=$SECONDS
"$muster" run "$folder/watched.muster.yaml" > "$folder/third.out" 2>&1
[ $? -eq 1 ] || complain "a broken watch did not fail the run: $(tail -3 "$folder/third.out")"
[ $((SECONDS - began)) -lt 30 ] || complain "the program was not stopped"
grep -q 'its `watch` was broken' "$folder/third.out" || complain "nobody was told why: $(cat "$folder/third.out")"
wait
exit $failed
