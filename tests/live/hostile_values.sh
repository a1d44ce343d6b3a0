#!/usr/bin/env bash
# Values that other tools take for code, in every place where a value may stand: each arrives as it is, once, and runs nothing.
# usage: hostile_values.sh FOLDER_OF_MUSTER
set -uo pipefail
muster=$1/muster
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-hostile.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export MUSTER_STORE=$folder/muster.db HOME=$folder XDG_CONFIG_HOME=$folder
failed=0
complain() { echo "$*"; failed=1; }
sqlite3 "$folder/app.db" 'CREATE TABLE said(word TEXT); PRAGMA journal_mode=WAL' >/dev/null
cat > "$folder/p.muster.yaml" <<YAML
muster: 1
playbook: hostile
inputs:
  word: {type: string, required: true}
connections:
  app: {sqlite: $folder/app.db}
phases:
  - id: all
    title: "All with \${{ inputs.word }}"
    steps:
      - id: argument
        title: "Say \${{ inputs.word }}"
        shell: {argv: [printf, "%s", "\${{ inputs.word }}"]}
      - id: variable
        shell: {script: 'printf %s "\$WORD"', env: {WORD: "\${{ inputs.word }}"}}
      - id: typed
        shell: {argv: [cat], stdin: "\${{ inputs.word }}"}
      - id: bound
        sql: {connection: app, execute: "INSERT INTO said VALUES (:word)", bind: {word: "\${{ inputs.word }}"}}
      - id: again
        title: "Again \${{ steps.argument.stdout }}"
        when: steps.argument.stdout == inputs.word
        shell: {argv: [printf, "%s", "\${{ steps.argument.stdout }}"]}
      - id: looped
        foreach: "{steps.argument.stdout, steps.variable.stdout}"
        as: said
        shell: {argv: [printf, "%s", "\${{ said }}"]}
        outputs: {told: "\${{ result.stdout }}"}
      - id: noted
        audit: {event: said, fields: {word: "\${{ steps.argument.stdout }}"}}
      - id: checked
        verify:
          that: steps.looped.items[1].told == inputs.word and steps.looped.items[2].told == inputs.word
    outputs:
      same: "\${{ steps.argument.stdout == inputs.word and steps.variable.stdout == inputs.word and steps.typed.stdout == inputs.word and steps.again.stdout == inputs.word }}"
YAML
words=("\$(touch $folder/pwned)" "\`touch $folder/pwned\`" "; touch $folder/pwned" "| touch $folder/pwned" "a'b" 'a"b' 'a\b' '%s%n' '!x'
  '*' '~' '-rf' '--help' $'two\nlines' "x'); DROP TABLE said; --" '${{ inputs.word }}' '${{ secrets.x }}' '{{ secret.db }}' '{% x %}'
  '!unsafe x' '$${{ x }}' '$HOME' '&& touch x' '0x10' 'no' '~/.ssh' $'tab\there')
for word in "${words[@]}"; do
  if ! "$muster" run "$folder/p.muster.yaml" -i "word=$word" -q >"$folder/out" 2>&1; then
    complain "a run with <$word> failed:"; cat "$folder/out"; continue
  fi
  "$muster" show last --output json > "$folder/show.json"
  python3 - "$folder/show.json" "$word" "$folder/app.db" <<'PY' || complain "<$word> did not arrive as it is"
import json, sqlite3, sys
shown, word, database = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3]
states = {step["id"]: step["state"] for step in shown["steps"]}
bad = {path: state for path, state in states.items() if state != "succeeded"}
if bad: sys.exit(f"not succeeded: {bad}")
last = sqlite3.connect(database).execute("SELECT word FROM said ORDER BY rowid DESC LIMIT 1").fetchone()[0]
if last != word: sys.exit(f"the database holds {last!r}")
PY
  [ -e "$folder/pwned" ] && complain "<$word> was run" && rm -f "$folder/pwned"
done
[ "$(sqlite3 "$folder/app.db" 'SELECT count(*) FROM said')" = ${#words[@]} ] || complain "not every word was kept once"
exit $failed
