#!/usr/bin/env bash
# Sweeps, coverage, and what the store keeps of rehearsals: at the real program.
# usage: sweep.sh FOLDER_OF_MUSTER FOLDER_OF_THE_PROJECT
set -uo pipefail
muster=$1/muster
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-sweep.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export MUSTER_STORE=$folder/muster.db HOME=$folder XDG_CONFIG_HOME=$folder XDG_STATE_HOME=$folder
cd "$folder" || exit 1
failed=0
expect() { # label, exit code, text in the output, then the command
  local label=$1 code=$2 text=$3 out status
  shift 3
  out=$(timeout 120 "$@" </dev/null 2>&1)
  status=$?
  if [ $status -ne "$code" ] || ! grep -qF -- "$text" <<<"$out"; then
    echo "$label: exit $status, wanted $code with \`$text\`:"
    echo "$out"
    failed=1
  fi
}

playbook() { # the rollback of the first step, what else is required
  cat > switch.muster.yaml <<YAML
muster: 1
playbook: switch-traffic
version: 1.0.0
objectives: {rto: 30m}
$2
phases:
  - id: switch
    approval: {message: Switch the traffic, expires: 1h}
    steps:
      - id: drained
        idempotent: true
        shell: {argv: [lb, drain]}
        $1
      - id: moved
        idempotent: true
        shell: {argv: [lb, move]}
        verify: {shell: {argv: [lb, status]}, that: trim(result.stdout) == "moved"}
        rollback: [{id: moved_back, shell: {argv: [lb, move-back]}}]
YAML
}
cat > switch.scenario.yaml <<'YAML'
scenario: traffic-moves
playbook: switch.muster.yaml
world: world.lua
people:
  - {user: alice, gate: switch, decide: approve, after: 3m}
expect:
  status: succeeded
invariants:
  - {name: traffic flows, that: world.moved or not world.drained}
YAML
cat > world.lua <<'LUA'
local state = {drained = false, moved = false}
local function set(name, value) return function() state[name] = value return {stdout = ""} end end
return {
  state = state,
  commands = {
    ["lb drain"] = set("drained", true), ["lb undrain"] = set("drained", false),
    ["lb move"] = set("moved", true), ["lb move-back"] = set("moved", false),
    ["lb status"] = function() return {stdout = state.moved and "moved" or "here"} end,
  },
}
LUA
undo='rollback: [{id: undrained, shell: {argv: [lb, undrain]}}]'

cat > first.muster.yaml <<'YAML'
muster: 1
playbook: first
phases: [{id: only, steps: [{set: {a: 1}}]}]
YAML
playbook "$undo" ''
expect 'without a store a rehearsal makes none' 0 '1 of 1 scenario passed' "$muster" rehearse switch.muster.yaml
[ ! -e "$MUSTER_STORE" ] || { echo 'a rehearsal made a store'; failed=1; }
expect 'a run makes the store' 0 '' "$muster" run first.muster.yaml
expect 'a playbook that undoes what it does has no finding' 0 '; 0 findings' \
  "$muster" rehearse switch.muster.yaml --sweep --junit swept.xml --html swept.html
expect 'a rejected gate ends so' 0 'its gate is rejected' "$muster" rehearse switch.scenario.yaml --sweep
grep -q '<testsuite name="sweep of traffic-moves"' swept.xml || { echo 'no suite in swept.xml'; failed=1; }
grep -q '<span class="all">moved</span>' swept.html || { echo 'swept.html does not show the step in colour'; failed=1; }
expect 'the sweep goes through every point' 0 '"covered":11,' \
  "$muster" rehearse switch.muster.yaml --sweep --output jsonl
expect 'the store keeps what was found' 0 'switch-traffic 1.0.0  passed' "$muster" rehearsals
expect 'with its times' 0 'rto 3 min 0 s of 30m' "$muster" rehearsals
expect 'for so long' 1 'stale' "$muster" rehearsals --within 0s
expect 'and it verifies' 0 '' "$muster" audit --verify

playbook '' ''
expect 'other files are not those that were rehearsed' 1 'its files are not those that were rehearsed' \
  "$muster" rehearsals
expect 'an undo that is missing breaks the invariant' 1 'the invariant `traffic flows` is broken' \
  "$muster" rehearse switch.muster.yaml --sweep
expect 'with the story that led there' 1 '3m  `switch/moved` failed' "$muster" rehearse switch.muster.yaml --sweep
expect 'without faults nothing is wrong' 0 '1 of 1 scenario passed' "$muster" rehearse switch.muster.yaml
"$muster" rehearse switch.muster.yaml --sweep >/dev/null 2>&1
expect 'a sweep with findings is a rehearsal that failed' 1 'the sweep has' "$muster" rehearsals

# Faults reach into the playbooks that a playbook calls, too.
books=$2/playbooks
expect 'a sweep goes through a called playbook' 0 'coverage of restart-service 1.0.0: 12 of 12 points' \
  "$muster" rehearse "$books/stale-store/scenarios/restarted.scenario.yaml" --sweep
exit $failed
