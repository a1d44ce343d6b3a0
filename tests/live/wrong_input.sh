#!/usr/bin/env bash
# Wrong input, typed at the real program: exit codes, places, and that nothing was touched.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
muster=$1/muster
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-wrong.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export MUSTER_STORE=$folder/muster.db HOME=$folder XDG_CONFIG_HOME=$folder
failed=0
expect() { # label, exit code, text in the output, then the command
  local label=$1 code=$2 text=$3 out status
  shift 3
  out=$(timeout 60 "$@" </dev/null 2>&1)
  status=$?
  if [ $status -ne "$code" ] || ! grep -qF -- "$text" <<<"$out"; then
    echo "$label: exit $status, wanted $code with \`$text\`:"
    echo "$out"
    failed=1
  fi
}
tar -xf "$root/tests/fixtures/litestream/replica.tar" -C "$folder"
playbook() { printf 'muster: 1\nplaybook: wrong\nphases:\n  - id: p\n    steps:\n%s\n' "$1" > "$folder/p.muster.yaml"; }
run=("$muster" run "$folder/p.muster.yaml")

expect "no command" 2 "muster COMMAND --help" "$muster"
expect "a misspelt command" 2 'did you mean `run`?' "$muster" rum
expect "a misspelt option" 2 'did you mean `--inputs`?' "$muster" run x --input-s y
expect "no such playbook" 2 "nowhere.muster.yaml" "$muster" run nowhere.muster.yaml
playbook '      - {id: a, shel: {argv: [ls]}}'
expect "a name without its ending" 2 "did you mean \`$folder/p.muster.yaml\`?" "$muster" run "$folder/p"
expect "a misspelt action" 3 'did you mean `shell`?' "${run[@]}"
playbook '      - {id: a, shell: {argv: [ls]}, tiemout: 3s}'
expect "a misspelt key" 3 'did you mean `timeout`?' "${run[@]}"
playbook '      - {id: a, shell: {argv: [ls]}, timeout: 30}'
expect "a duration without its unit" 3 "30s" "${run[@]}"
playbook '      - {id: a, when: steps.b.exit_code == 0, shell: {argv: [ls]}}'
expect "an unknown step" 3 'p.muster.yaml:6:' "${run[@]}"
playbook "$(printf '      - {id: a, needs: [b], shell: {argv: [ls]}}\n      - {id: b, needs: [a], shell: {argv: [ls]}}')"
expect "a cycle" 3 "needs" "${run[@]}"
playbook '      - {id: a, shell: {argv: [no-such-program]}}'
expect "a missing program" 1 "no such program is in PATH" "${run[@]}"
expect "nothing recorded under that name" 1 "muster runs" "$muster" show ffffffff

head -c 4096 /dev/zero > "$folder/app.db"
before=$(sha256sum < "$folder/app.db")
restore() { # replica, further lines
  cat > "$folder/p.muster.yaml" <<YAML
muster: 1
playbook: wrong
connections:
  app: {sqlite: $folder/app.db}
phases:
  - id: p
    steps:
      - id: back
        restore:
          target: {connection: app}
          from: {litestream: $1}
${2:-}
YAML
}
restore "$folder/nothing-here"
expect "a missing replica" 1 "nothing-here" "${run[@]}"
mkdir "$folder/empty"
restore "$folder/empty"
expect "an empty replica" 1 "empty" "${run[@]}"
restore "$folder/replica" '          at: 2020-01-01T00:00:00Z'
expect "a time before the first backup" 1 "2020-01-01T00:00:00Z" "${run[@]}"
cp -a "$folder/replica" "$folder/holed"
rm "$folder"/holed/generations/*/wal/00000003_00001038.wal.lz4
restore "$folder/holed" '          at: 2026-11-21T01:17:31Z'
expect "a missing middle segment" 1 "00000003" "${run[@]}"
cp -a "$folder/replica" "$folder/cut"
for segment in "$folder"/cut/generations/fedc800bda98812d/wal/00000002_00000000.wal.lz4; do
  modified=$(stat -c %y "$segment"); truncate -s -7 "$segment"; touch -d "$modified" "$segment"
done
restore "$folder/cut"
expect "a cut segment" 1 "00000002_00000000" "${run[@]}"
[ "$(sha256sum < "$folder/app.db")" = "$before" ] || { echo "a refused restore touched its target"; failed=1; }
[ -z "$(find "$folder" -maxdepth 1 -name '.muster-restore*')" ] || { echo "a refused restore left its work folder behind"; failed=1; }
restore "$folder/replica" '          at: 2026-11-21T01:17:31Z'
expect "a time between two generations" 0 "succeeded" "${run[@]}"
[ "$(sqlite3 "$folder/app.db" 'SELECT count(*) FROM orders')" = 191 ] || { echo "between two generations: the rows are others"; failed=1; }
restore "$folder/replica" '          at: 2026-11-22T00:00:00Z'
expect "a time after the last segment" 0 "succeeded" "${run[@]}"
sleep 30 3<"$folder/app.db" & holder=$!
restore "$folder/replica"
expect "a database held open" 1 "$holder" "${run[@]}"
kill $holder 2>/dev/null
[ $failed -eq 0 ] && echo "every wrong input was answered"
exit $failed
