#!/usr/bin/env bash
# A disk that fills up while a run is under way: a file system of 6 MB in memory, in a name space of its own. What was
# done is recorded, nothing more begins, and with space the run goes on where it stopped. 77: not possible here.
set -uo pipefail
if [ "${2:-}" != inside ]; then
  unshare -rm true 2>/dev/null || { echo "no name spaces for users here"; exit 77; }
  exec unshare -rm bash "$0" "$1" inside
fi
muster=$1/muster
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-full-disk.XXXXXX")
disk=$folder/disk
mkdir "$disk"
mount -t tmpfs -o size=6m none "$disk" 2>/dev/null || { rmdir "$disk" "$folder"; echo "nothing can be mounted"; exit 77; }
trap 'umount "$disk"; rm -rf "$folder"' EXIT
export HOME=$folder MUSTER_STORE=$disk/muster.db
fail() { echo "$1"; cat "$folder/out" "$folder/err"; ls -l "$disk"; exit 1; }

cat >"$folder/fills.muster.yaml" <<PLAYBOOK
muster: 1
playbook: fills
phases:
  - id: only
    steps:
      - id: before
        shell: {argv: [sh, -c, "echo before >> $folder/deeds"]}
      - id: filler
        shell: {argv: [sh, -c, "echo filler >> $folder/deeds; cat /dev/zero > $disk/filler; head -c 200000 /dev/zero | tr '\\\\0' x"]}
      - id: after
        shell: {argv: [sh, -c, "echo after >> $folder/deeds"]}
PLAYBOOK

"$muster" run "$folder/fills.muster.yaml" >"$folder/out" 2>"$folder/err" </dev/null
status=$?
[ $status -eq 75 ] || fail "on a full disk the run ended with $status"
grep -q 'the disk of the store is full; free some space' "$folder/out" || fail "it does not say why it stopped"
grep -q 'audit the disk of the store is full' "$folder/err" || fail "it was not told when it happened"
grep -q 'resume' "$folder/err" || fail "it does not say how to go on"
[ -e "$disk/muster.db.reserve" ] && fail "the reserve was not given up"
[ "$(cat "$folder/deeds")" = $'before\nfiller' ] || fail "something else was done: $(cat "$folder/deeds")"
"$muster" show last --output json >"$folder/out" 2>"$folder/err" || fail "the run cannot be read"
grep -q '"state": "waiting"' "$folder/out" || fail "the run does not wait"

"$muster" resume last >"$folder/out" 2>"$folder/err" </dev/null
[ $? -eq 1 ] || fail "it went on without a reserve"
grep -q "no room for the store's reserve of 4 MB" "$folder/err" || fail "it does not say that there is no room"

rm "$disk/filler"
"$muster" resume last >"$folder/out" 2>"$folder/err" </dev/null || fail "with space it does not go on"
[ "$(cat "$folder/deeds")" = $'before\nfiller\nafter' ] || fail "it did something twice: $(cat "$folder/deeds")"
[ "$(stat -c %s "$disk/muster.db.reserve")" = 4194304 ] || fail "the reserve was not filled again"
"$muster" audit --verify >"$folder/out" 2>"$folder/err" || fail "the log does not hold"
echo "the run stopped on a full disk and went on with space"
