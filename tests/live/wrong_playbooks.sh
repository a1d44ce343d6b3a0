#!/usr/bin/env bash
# Playbooks that look right and are wrong in one way each: their scenario passes, the sweep tells what is wrong with them,
# and the mended playbook sweeps clean in the very same world.
# usage: wrong_playbooks.sh FOLDER_OF_MUSTER
set -uo pipefail
muster=$1/muster
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-wrong.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export HOME=$folder XDG_CONFIG_HOME=$folder XDG_STATE_HOME=$folder
cp -r "$root/tests/fixtures/wrong_playbooks" "$folder/books"
cd "$folder/books" || exit 1
failed=0
fail() { echo "$1"; cat out; failed=1; }

caught() { # folder, then what the sweep must say of the wrong one
  local book=$1 said
  shift
  cp "$book/wrong.muster.yaml" "$book/act.muster.yaml"
  "$muster" check --strict "$book/act.muster.yaml" >out 2>&1 || fail "$book: the checker sees what is wrong"
  "$muster" rehearse "$book/happy.scenario.yaml" >out 2>&1 || fail "$book: its scenario does not pass"
  timeout 60 "$muster" rehearse "$book/happy.scenario.yaml" --sweep >out 2>&1
  [ $? -eq 1 ] || fail "$book: the sweep of the wrong one does not end with 1"
  for said in "$@"; do grep -qF -- "$said" out || fail "$book: the sweep does not say \`$said\`"; done
  cp "$book/mended.muster.yaml" "$book/act.muster.yaml"
  timeout 60 "$muster" rehearse "$book/happy.scenario.yaml" --sweep >out 2>&1 || fail "$book: the mended one does not sweep clean"
  grep -qF '; 0 findings' out || fail "$book: the mended one has findings"
}

caught forgotten-rollback '`switch/moved`: fails before its effect' \
  'the invariant `traffic never ends on a drained data centre` is broken'
caught weak-verify '`deploy/migrated`: fails before its effect' 'the invariant `what is called a success works` is broken' \
  'the run ends succeeded'
caught misplaced-gate '`clear`: its gate is rejected' 'the invariant `the store is never left stopped` is broken' \
  '`clear`: nobody decides in time'
caught blind-retry '`refund/paid`: fails after its effect' 'the invariant `nobody is paid twice` is broken' \
  '`refund/paid`: killed after its effect' 'world.paid = 3998'
[ $failed -eq 0 ] && echo "4 wrong playbooks were caught, and 4 mended ones sweep clean"
exit $failed
