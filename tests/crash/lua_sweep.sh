#!/usr/bin/env bash
# An action of one's own, killed at writes and syncs of its run and resumed: what it calls is called once each and in its
# order, its result is whole, and the log verifies. Where it is in doubt whether a call happened, a person says to try again,
# which its calls bear: then only what they leave is held to be right.
#
#   lua_sweep.sh BUILD_DIR [STEP_OF_WRITES [STEP_OF_SYNCS]]
set -uo pipefail
muster=$1/muster
work=$(mktemp -d "${TMPDIR:-/tmp}/muster-lua.XXXXXX")
trap 'rm -rf "$work"' EXIT
cat > "$work/move.lua" <<'LUA'
action "move" {
  summary = "Move a service",
  effect  = "write",
  fields  = {log = {type = "path", required = true}},
  run = function(args, ctx)
    local say = function(word)
      return ctx.shell{argv = {"sh", "-c", 'echo "$1" >> "$2.tries"; grep -sqx "$1" "$2" || echo "$1" >> "$2"; echo "said $1"', "sh",
        word, args.log}}
    end
    local first = say("stop")
    local ok, why = pcall(ctx.shell, {argv = {"sh", "-c", 'echo fast >> "$1.tries"; exit 3', "sh", args.log}})
    if not ok then say("slow " .. why.exit_code) end
    return {first = text.trim(first.stdout), last = text.trim(say("start").stdout)}
  end,
}
LUA
cat > "$work/move.muster.yaml" <<'YAML'
muster: 1
playbook: moving
extensions: [move.lua]
inputs: {log: {type: path, required: true}}
phases:
  - id: one
    steps:
      - {id: moved, move: {log: "${{ inputs.log }}"}}
      - id: behind
        shell: {argv: [sh, -c, 'echo "behind $1 $2" | tee -a "$3.tries" >> "$3"', sh, "${{ steps.moved.first }}", "${{ steps.moved.last }}", "${{ inputs.log }}"]}
YAML
tries=$'stop\nfast\nslow 3\nstart\nbehind said stop said start'
left=$'stop\nslow 3\nstart\nbehind said stop said start'
folder='' failures=0 points=0 doubts=0 doubted=0 step=1
m() { timeout 60 "$muster" "$@" </dev/null >>"$folder/log" 2>&1; }
finish() {
  local status=$1 more=0 doubt
  while [ "$status" -ne 0 ] && [ $more -lt 8 ]; do
    more=$((more + 1))
    if [ "$status" -eq 6 ]; then
      doubt=$(timeout 20 "$muster" show last 2>/dev/null | awk '$2 == "in_doubt" {print $1; exit}')
      doubted=1
      # The step behind would say its line twice: there a person looks.
      if [[ $doubt == */behind ]] && grep -sq behind "$folder/seen"; then
        m resolve last "$doubt" --succeeded --reason looked
      else
        m resolve last "$doubt" --retry --reason looked
      fi
      m resume last
    elif grep -q . <(timeout 20 "$muster" runs 2>/dev/null); then
      m resume last
    else
      m run "$work/move.muster.yaml" -i log="$folder/seen"
    fi
    status=$?
  done
  return "$status"
}
for kind in pwrite64 fdatasync; do
  step=${2:-11}
  [ $kind = pwrite64 ] || step=${3:-3}
  for ((n = 1; n < 300; n += step)); do
    folder=$work/$kind-$n
    mkdir "$folder"
    export MUSTER_STORE=$folder/muster.db XDG_STATE_HOME=$folder/state HOME=$folder XDG_CONFIG_HOME=$folder
    { timeout 60 strace -D -f -qq -o /dev/null -e trace="$kind" -e inject="$kind:signal=SIGKILL:when=$n" \
      "$muster" run "$work/move.muster.yaml" -i log="$folder/seen" </dev/null >>"$folder/log" 2>&1; } 2>/dev/null
    status=$?
    [ $status -eq 0 ] && break
    points=$((points + 1))
    doubted=0
    finish $status
    ended=$?
    doubts=$((doubts + doubted))
    wrong=
    [ $ended -eq 0 ] || wrong="ended with $ended"
    [ "$(cat "$folder/seen" 2>/dev/null)" = "$left" ] || wrong="$wrong; left something else"
    [ $doubted -eq 1 ] || [ "$(cat "$folder/seen.tries" 2>/dev/null)" = "$tries" ] || wrong="$wrong; called otherwise, unasked"
    m audit --verify || wrong="$wrong; the log does not verify"
    if [ -n "$wrong" ]; then
      failures=$((failures + 1))
      echo "killed at $kind $n: $wrong"
      cat "$folder/seen.tries" "$folder/log" 2>/dev/null
    fi
    rm -rf "$folder"
  done
  [ "$n" -lt 300 ] || { echo "the sweep never came to its end"; failures=$((failures + 1)); }
done
echo "$points kills, $doubts doubts, $failures failures"
[ $failures -eq 0 ] && [ $points -gt 5 ] && [ $doubts -lt $points ]
