#!/usr/bin/env bash
# Two users of one host: who may not read a store is told so, who takes a run up is recorded and may not approve it.
# The second user is `nobody`, whose rights root takes on; without root there is no second user to be had.
set -uo pipefail
[ "$(id -u)" -eq 0 ] || { echo "not root: there is no second user"; exit 77; }
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-users.XXXXXX")
trap 'rm -rf "$folder"' EXIT
chmod 0755 "$folder"
mkdir "$folder/bin" "$folder/root" "$folder/nobody"
cp "$1/muster" "$1/muster-children" "$folder/bin/"
chmod 0700 "$folder/root" "$folder/nobody"
chown nobody "$folder/nobody"
muster=$folder/bin/muster
as_root() { env -i PATH="$PATH" HOME="$folder/root" MUSTER_STORE="$1" timeout 30 "$muster" "${@:2}" </dev/null 2>&1; }
as_nobody() {
  env -i PATH="$PATH" HOME="$folder/nobody" MUSTER_STORE="$1" timeout 30 \
    setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$muster" "${@:2}" </dev/null 2>&1
}
failed=0
expect() { # label, exit code, text, output, status
  if [ "$5" -ne "$2" ] || ! grep -qF -- "$3" <<<"$4"; then
    printf '%s: exit %s, wanted %s with `%s`:\n%s\n' "$1" "$5" "$2" "$3" "$4"
    failed=1
  fi
}
cat > "$folder/gated.muster.yaml" <<'Y'
muster: 1
playbook: gated
phases:
  - id: change
    approval: {message: Change it, approvers: ["user:nobody", "user:root", "user:daemon"]}
    steps:
      - {id: mark, shell: {argv: [touch, "${{ inputs.mark }}"]}}
inputs:
  mark: {type: string, required: true}
Y
chmod 0644 "$folder/gated.muster.yaml"

# root's store is nobody else's.
store=$folder/root/muster.db
out=$(as_root "$store" run "$folder/gated.muster.yaml" --input mark="$folder/root/mark" --detach)
expect "root's run waits at its gate" 75 "waiting" "$out" $?
out=$(as_nobody "$store" runs)
expect "another user does not see root's store" 1 "Permission denied" "$out" $?
chmod 0755 "$folder/root"
out=$(as_nobody "$store" runs)
expect "nor its file, where the folder is open" 1 "Permission denied" "$out" $?
grep -qF "$store" <<<"$out" || { echo "the store is not named: $out"; failed=1; }

# root may read all stores. Who takes a run up is written down, and is not the one who approves it.
store=$folder/nobody/muster.db
out=$(as_nobody "$store" run "$folder/gated.muster.yaml" --input mark="$folder/nobody/mark" --detach)
expect "nobody's run waits at its gate" 75 "waiting" "$out" $?
run=$(sqlite3 "$store" "SELECT id FROM run")
out=$(as_nobody "$store" approve "$run")
expect "who started it may not approve it" 1 "nobody" "$out" $?
out=$(as_root "$store" resume "$run" --detach)
expect "root takes it up" 75 "waiting" "$out" $?
owned=$(sqlite3 "$store" "SELECT json_extract(body, '\$.person') FROM event WHERE kind = 'owned'")
[ "$owned" = root ] || { echo "the resume was recorded as of \`$owned\`"; failed=1; }
out=$(as_root "$store" approve "$run")
expect "who took it up may not approve it" 1 "root" "$out" $?
[ "$(sqlite3 "$store" "SELECT count(*) FROM event WHERE kind = 'vote'")" = 0 ] || { echo "a vote was stored"; failed=1; }
[ ! -e "$folder/nobody/mark" ] || { echo "the step has run"; failed=1; }
out=$(as_nobody "$store" audit --verify)
expect "the journal is sound" 0 "" "$out" $?
[ $failed -eq 0 ] && echo "ok"
exit $failed
