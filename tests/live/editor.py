#!/usr/bin/env python3
"""Drives the real yaml-language-server over stdio with the schema that `muster schema` prints.

usage: editor.py MUSTER SERVER_FOLDER
It must flag a wrong word and a missing key at their places, say nothing about playbooks that are right, complete keys and
words, and show what a key means.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import queue

muster, folder = sys.argv[1:3]
root = pathlib.Path(__file__).resolve().parents[2]
work = pathlib.Path(tempfile.mkdtemp(prefix="muster-editor."))
schema = work / "schema.json"
schema.write_bytes(subprocess.run([muster, "schema"], check=True, capture_output=True).stdout)
program = pathlib.Path(folder) / "node_modules/yaml-language-server/bin/yaml-language-server"
server = subprocess.Popen(["node", str(program), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
arrived = queue.Queue()
failures = []


def read_messages():
    while True:
        length = 0
        while line := server.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if length == 0:
            return
        arrived.put(json.loads(server.stdout.read(length)))


threading.Thread(target=read_messages, daemon=True).start()


def send(message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    server.stdin.flush()


settings = {
    "yaml": {
        "schemas": {schema.as_uri(): "*.muster.yaml"},
        "schemaStore": {"enable": False},
        "validate": True,
        "completion": True,
        "hover": True,
    }
}


def wait_for(wanted):
    """The next message that fits; what the server asks on the way is answered."""
    while True:
        message = arrived.get(timeout=60)
        if message.get("method") == "workspace/configuration":
            items = message["params"]["items"]
            send({"id": message["id"], "result": [settings.get(item.get("section"), {}) for item in items]})
        elif "id" in message and "method" in message:
            send({"id": message["id"], "result": None})
        if wanted(message):
            return message


counter = 0


def ask(method, params):
    global counter
    counter += 1
    number = counter
    send({"id": number, "method": method, "params": params})
    answer = wait_for(lambda m: m.get("id") == number and "method" not in m)
    return answer.get("result")


def open_text(name, text):
    uri = (work / name).as_uri()
    send({"method": "textDocument/didOpen",
          "params": {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}}})
    found = wait_for(lambda m: m.get("method") == "textDocument/publishDiagnostics" and m["params"]["uri"] == uri)
    return uri, found["params"]["diagnostics"]


def expect(what, holds, seen):
    print(("ok    " if holds else "FAIL  ") + what)
    if not holds:
        print("      seen: " + json.dumps(seen)[:2000])
        failures.append(what)


def place_of(text, word):
    at = text.index(word)
    return {"line": text.count("\n", 0, at), "character": at - (text.rfind("\n", 0, at) + 1)}


ask("initialize", {"processId": None, "rootUri": work.as_uri(), "capabilities": {
    "textDocument": {"completion": {"completionItem": {"snippetSupport": False}}},
    "workspace": {"configuration": True}}})
send({"method": "initialized", "params": {}})
send({"method": "workspace/didChangeConfiguration", "params": {"settings": settings}})

# Playbooks that are right draw no word.
pages = [("demo", root / "playbooks/database-restore")] + [("golden", root / "tests/golden/playbooks")]
right = 0
for _, path in pages:
    for file in sorted(path.rglob("*.muster.yaml")):
        uri, problems = open_text(f"right-{right}.muster.yaml", file.read_text())
        expect(f"{file.name} draws no word", problems == [], problems)
        right += 1
expect("there were playbooks to look at", right >= 2, right)

wrong_word = """muster: 1
playbook: wrong-word
phases:
  - id: all
    steps:
      - id: a
        shell: {argv: [a]}
        effect: destroy
"""
_, problems = open_text("wrong-word.muster.yaml", wrong_word)
expect("a wrong word is flagged where it stands",
       [p["range"]["start"] for p in problems] == [place_of(wrong_word, "destroy")] and "destructive" in problems[0]["message"],
       problems)

missing_key = """muster: 1
playbook: missing-key
phases:
  - id: all
    steps:
      - id: a
        verify:
          within: 2m
"""
_, problems = open_text("missing-key.muster.yaml", missing_key)
verify_line = place_of(missing_key, "verify")["line"]
expect("a missing key is flagged at the map that needs it",
       len(problems) == 1 and "that" in problems[0]["message"]
       and problems[0]["range"]["start"]["line"] in (verify_line, verify_line + 1), problems)

unknown_key = missing_key.replace("within: 2m", "that: [\"true\"]\n          witin: 2m")
_, problems = open_text("unknown-key.muster.yaml", unknown_key)
expect("an unknown key is flagged where it stands",
       [p["range"]["start"] for p in problems] == [place_of(unknown_key, "witin")], problems)

no_phases = "muster: 1\nplaybook: no-phases\n"
_, problems = open_text("no-phases.muster.yaml", no_phases)
expect("a playbook without phases is flagged", len(problems) == 1 and "phases" in problems[0]["message"], problems)


def completions(text, name):
    """Where `|` stands."""
    at = place_of(text, "|")
    uri, _ = open_text(name, text.replace("|", "", 1))
    answer = ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": at})
    items = answer["items"] if isinstance(answer, dict) else answer or []
    return {item["label"] for item in items}


step = "muster: 1\nplaybook: complete\nphases:\n  - id: all\n    steps:\n      - id: a\n        "
labels = completions(step + "|\n", "keys.muster.yaml")
expect("keys of a step and actions are completed", {"shell", "sql", "verify", "rollback", "retry"} <= labels, sorted(labels))
labels = completions(step + "shell:\n          |\n", "fields.muster.yaml")
expect("fields of an action are completed", {"argv", "script", "env", "exit_codes"} <= labels, sorted(labels))
labels = completions(step + "shell: {argv: [a]}\n        effect: |\n", "words.muster.yaml")
expect("words of a key are completed", {"read", "write", "destructive"} <= labels, sorted(labels))
labels = completions(step + "shell: {argv: [a]}\n        on_failure: |\n", "more-words.muster.yaml")
expect("words of `on_failure` are completed", {"fail", "continue", "ask"} <= labels, sorted(labels))

hovered = step + "shell: {argv: [a]}\n        idempotent: true\n"
uri, _ = open_text("hover.muster.yaml", hovered)
shown = json.dumps(ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": place_of(hovered, "idempotent")}))
expect("what a key means is shown", "may run again after doubt" in shown, shown)

ask("shutdown", None)
send({"method": "exit"})
server.wait(timeout=20)
sys.exit(1 if failures else 0)
