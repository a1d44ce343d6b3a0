#!/usr/bin/env bash
# The commands that only look: plan, graph, diff, history, schema, at the real program.
# usage: looking.sh FOLDER_OF_MUSTER
set -uo pipefail
muster=$1/muster
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-looking.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export MUSTER_STORE=$folder/store/muster.db HOME=$folder/home XDG_CONFIG_HOME=$folder/home
mkdir "$folder/home" "$folder/store" "$folder/books"
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
# An answer that cannot be written is no success: a bundle on a full disk would be half of one.
on_full_disk() { # label, then the command
  local label=$1 said status
  shift
  said=$(timeout 60 "$@" </dev/null 2>&1 >/dev/full)
  status=$?
  if [ $status -ne 1 ] || [ "$said" != "muster: the answer could not be written, and is cut: No space left on device" ]; then
    echo "$label on a full disk: exit $status, and $said"
    failed=1
  fi
}
version() { # number, gate, claim
  cat > "$folder/books/v$1.muster.yaml" <<YAML
muster: 1
playbook: looked-at
version: $1.0.0
inputs:
  word: {type: string, default: hello}
connections:
  app: {sqlite: $folder/nowhere.db}
phases:
  - id: all
    $2
    steps:
      - id: said
        shell: {argv: [printf, "%s", "\${{ inputs.word }}"]}
        verify:
          that: [$3]
      - id: kept
        when: steps.said.stdout == "never"
        sql: {connection: app, execute: "DELETE FROM t"}
YAML
}
version 1 "approval: {message: Say it}" "result.exit_code == 0, 'len(result.stdout) > 0'"
version 2 "title: All of it" "result.exit_code == 0"
one=$folder/books/v1.muster.yaml two=$folder/books/v2.muster.yaml
printf 'gates: {self_approval: allowed}\n' > "$folder/config.yaml"

expect "a plan" 0 'argv: ["printf","%s","good day"]' "$muster" plan --offline "$one" -i "word=good day"
expect "a plan tells what waits" 0 '-> (known after said)' "$muster" plan --offline "$one"
expect "a plan shows its gate" 0 "guards: all/said, all/kept" "$muster" plan --offline "$one"
expect "a plan for programs" 0 '"known_after":' "$muster" plan --offline "$one" --output json
on_full_disk "a plan" "$muster" plan --offline "$one"
on_full_disk "a check" "$muster" check "$one"
on_full_disk "a schema" "$muster" schema
expect "a wrong input" 2 'did you mean `word`?' "$muster" plan --offline "$one" -i wrod=x
expect "a dry run" 0 '=> predicted' env MUSTER_STORE="$folder/kept.db" "$muster" plan "$one"
expect "a dry run by the other name" 0 '=> unknown, before the change of `said`: its `when` is known after said' env MUSTER_STORE="$folder/kept.db" "$muster" run --dry-run "$one"
# Only stdout was written: every call that makes, changes or connects something is counted, and there is none.
if command -v strace >/dev/null; then
  strace -f -o "$folder/calls" -e trace=openat,open,creat,connect,mkdir,unlink,rename,renameat2,fork,vfork,execve \
    "$muster" plan --offline "$one" >/dev/null 2>&1
  # The C library asks the name cache who we are.
  writes=$(grep -v nscd "$folder/calls" | grep -cE 'O_WRONLY|O_RDWR|O_CREAT|connect\(|mkdir\(|unlink\(|rename|fork\(')
  [ -s "$folder/calls" ] && [ "$writes" -eq 0 ] || { echo "a plan touched something:"; cat "$folder/calls"; failed=1; }
fi
expect "a page" 0 "> **Stop. Somebody decides.** Say it" "$muster" docs "$one"
expect "a page for programs" 0 '"percent": 100' "$muster" docs "$one" --output json
expect "an index of a folder" 0 "[looked-at](v2.muster.yaml)" "$muster" docs "$folder/books"
expect "a folder without playbooks" 2 'there is no *.muster.yaml in' "$muster" docs "$folder/home"
expect "a page of nothing" 2 "No such file" "$muster" docs "$folder/nothing.muster.yaml"
expect "a page that cannot be written" 1 "cannot be written" "$muster" docs "$one" -o "$folder/nowhere/page.md"
expect "a page in a file" 0 "" "$muster" docs "$one" -o "$folder/page.md"
cmp -s "$folder/page.md" <("$muster" docs "$one") || { echo "the page in the file is another one"; failed=1; }
printf 'muster: 1\nplaybook: broken\nphases: [{id: a, steps: [{shel: {argv: [x]}}]}]\n' > "$folder/broken.muster.yaml"
expect "a page of a playbook with a mistake" 3 'did you mean `shell`?' "$muster" docs "$folder/broken.muster.yaml"
[ -z "$(ls -A "$folder/store")" ] && [ ! -e "$folder/nowhere.db" ] || { echo "a plan left files"; failed=1; }

expect "a graph" 0 "digraph playbook" "$muster" graph "$one" --format dot
expect "a drawing" 0 "<svg" "$muster" graph "$one" --format svg
expect "a drawing without dot" 1 "install graphviz" env PATH=/nowhere "$muster" graph "$one" --format svg

expect "no versions yet" 1 "there is no store" "$muster" history looked-at
"$muster" run "$one" --config "$folder/config.yaml" --detach -q >/dev/null 2>&1
"$muster" approve last --config "$folder/config.yaml" -q >/dev/null 2>&1
"$muster" run "$two" -q >/dev/null 2>&1
expect "the first version" 0 "1.0.0  " "$muster" history looked-at
expect "the second version" 0 "2.0.0  " "$muster" history looked-at
expect "history for programs" 0 '"version":"2.0.0"' "$muster" history looked-at --output json
expect "a gate that is gone" 0 "gate removed  all" "$muster" diff looked-at@1.0.0 looked-at@2.0.0
expect "a claim that is gone" 0 "- len(result.stdout) > 0" "$muster" diff looked-at@1.0.0 "$two"
expect "a difference for programs" 0 '"kind": "unguarded"' "$muster" diff "$one" "$two" --output json
expect "no difference" 0 "say the same" "$muster" diff looked-at@2.0.0 "$two"
expect "a version that never ran" 1 "did you mean" "$muster" diff looked-at@1.0.1 "$two"
expect "a schema" 0 "http://json-schema.org/draft-07/schema#" "$muster" schema
exit $failed
