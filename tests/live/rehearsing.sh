#!/bin/bash
# The same scenario gives the same journal, byte for byte: in other processes, on one core and on two, with addresses and
# folders that are others each time.
#   rehearsing.sh FOLDER-OF-MUSTER
set -euo pipefail
muster=$(realpath "$1/muster")
root=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state
cd "$root"

rehearse() { # NAME SCRATCH [command before it...]
  local name=$1 scratch=$2
  shift 2
  mkdir -p "$scratch"
  TMPDIR=$scratch "$@" "$muster" rehearse --output json --events tests/golden/rehearsals >"$work/$name" || {
    echo "a rehearsal failed:"
    cat "$work/$name"
    exit 1
  }
}
rehearse first "$work/a" env
rehearse second "$work/another-folder" env
rehearse core "$work/a" taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')"
[ "$(grep -o '"kind"' "$work/first" | wc -l)" -gt 50 ] || { echo "there are hardly any events"; exit 1; }
for other in second core; do
  cmp "$work/first" "$work/$other" || {
    diff <(tr ',' '\n' <"$work/first") <(tr ',' '\n' <"$work/$other") | head -20
    exit 1
  }
done
[ ! -e "$XDG_STATE_HOME" ] || { echo "a rehearsal left something in the folder of stores"; exit 1; }
[ -z "$(ls -A "$work/a" "$work/another-folder" | grep -v : | grep . || true)" ] || { echo "a rehearsal left its scratch folder"; exit 1; }
echo "the same journal each time"
