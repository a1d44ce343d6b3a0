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
  - {name: the world outlives the interpreter, that: world.moved ~= nil}
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

# --- pairs of faults, drawn by a seed: the same ones for the same seed
playbook "$undo" ''
for n in 1 2; do timeout 120 "$muster" rehearse switch.muster.yaml --sweep=2 --seed 7 > pairs.$n 2>&1; done
grep -q ' pairs of faults: ' pairs.1 || { echo 'no pairs of faults'; failed=1; }
# One fault alone never comes to the undo.
grep -q '`switch/moved~rollback/moved_back`: fails before its effect' pairs.1 || { echo 'no pair reaches the undo'; failed=1; }
cmp pairs.1 pairs.2 || { echo 'the same seed drew other pairs, or they ended otherwise'; failed=1; }

# --- forty steps: each fault that the graph allows is one run (tests/bench/sweep.sh: how long all of them take)
{
  printf 'muster: 1\nplaybook: forty\nphases:\n  - id: all\n    steps:\n'
  for i in $(seq 40); do printf '      - {id: s%s, idempotent: true, shell: {argv: [lb, status]}}\n' "$i"; done
} > forty.muster.yaml
sed -e 's/traffic-moves/forty-steps/' -e 's/switch.muster.yaml/forty.muster.yaml/' -e '/^people:/,/alice/d' switch.scenario.yaml > forty.scenario.yaml
timeout 120 "$muster" rehearse forty.scenario.yaml --sweep > forty.out 2>&1
grep -qF 'the graph allows 280 faults; 280 runs with faults of their own; 0 findings' forty.out || { echo "forty steps: $(cat forty.out)"; failed=1; }

# --- lines that a forge shows beside a change
playbook '' ''
expect 'a finding is shown at its step' 1 '::error file=' "$muster" rehearse switch.muster.yaml --sweep --annotations github
line=$(grep -n 'id: moved$' switch.muster.yaml | cut -d: -f1)
expect 'with its line' 1 "switch.muster.yaml,line=$line,title=sweep of traffic-moves%3A switch/moved " \
  "$muster" rehearse switch.muster.yaml --sweep --annotations github
expect 'without a finding there is no line' 0 '1 of 1 scenario passed' "$muster" rehearse switch.muster.yaml --annotations github
if grep -q '::error' <(timeout 60 "$muster" rehearse switch.muster.yaml --annotations github 2>&1); then echo 'a line without a finding'; failed=1; fi

# --- a playbook to start from is right, passes, and sweeps clean
expect 'a new playbook is made' 0 'mend-it/works.scenario.yaml' "$muster" new mend-it
expect 'it is right' 0 '1 playbook is valid' "$muster" check --strict mend-it
expect 'its scenario passes and sweeps clean' 0 '; 0 findings' "$muster" rehearse mend-it --sweep
expect 'none is made over another' 1 'it may be there already' "$muster" new mend-it
expect 'a name that fits nothing is told' 2 'cannot be the name of a playbook' "$muster" new 'Mend It'

# --- only what was rehearsed is run; who may break the glass starts it all the same, and leaves a review
playbook "$undo" 'requires: {rehearsed_within: 90d}'
sed -i -e 's/argv: \[lb, /argv: [echo, /' -e '/approval:/d' -e 's/trim(result.stdout) == "moved"/trim(result.stdout) == "status"/' switch.muster.yaml
expect 'unrehearsed it does not begin' 7 'it was never rehearsed as it is now' "$muster" run switch.muster.yaml
expect 'not everybody breaks the glass' 1 'may not break the glass' \
  "$muster" run switch.muster.yaml --break-glass --reason 'the site is down'
mkdir -p muster
printf 'gates: {break_glass: [user:%s]}\n' "$(id -un)" > muster/config.yaml
expect 'a reason is asked for' 2 'a glass is broken with a reason' "$muster" run switch.muster.yaml --break-glass
expect 'with a reason it begins' 0 'somebody else closes the review' \
  "$muster" run switch.muster.yaml --break-glass --reason 'the site is down'
expect 'the review is open' 0 'passed `requires` alone: the site is down' "$muster" gates

# --- the playbook of the demo: a scenario for each ending, and no fault that leaves it otherwise than it says
timeout 200 "$muster" rehearse "$2/playbooks/database-restore/restore-database.muster.yaml" --sweep > demo.out 2>&1 ||
  { echo "the restore of the demo does not sweep clean:"; grep -E '^FAILED|^   |^[0-9]+\. ' demo.out | head -40; failed=1; }
for ending in succeeded failed rejected rolled_back; do
  grep -qE "^ok +[a-z-]+  $ending after" demo.out || { echo "the restore of the demo has no scenario that ends $ending"; failed=1; }
done
[ "$(grep -c '^sweep of .*; 0 findings$' demo.out)" -ge 18 ] || { echo 'not every scenario of the demo was swept'; failed=1; }

# Faults reach into the playbooks that a playbook calls, too.
books=$2/playbooks
expect 'a sweep goes through a called playbook' 0 'coverage of restart-service 1.0.0: 12 of 12 points' \
  "$muster" rehearse "$books/stale-store/scenarios/restarted.scenario.yaml" --sweep
exit $failed
