"""A dry run of every playbook under a recorder of system calls. It writes nothing but its store, its scratch folders and
the -wal and -shm files of databases that it reads; it starts programs, connects and signals only for steps that its ledger
calls `read`, and signals nobody but its own children.

Each playbook is run with the inputs of one of its scenarios, on databases made of the scenario's SQL, in a folder of its own.
Servers are replaced by a port on which nobody listens, programs by ones that do nothing.
usage: dry_run_playbooks.py FOLDER_OF_MUSTER
"""
import hashlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUSTER = pathlib.Path(sys.argv[1]).resolve() / "muster"
CHANGING = ("open openat openat2 creat mkdir mkdirat unlink unlinkat rmdir rename renameat renameat2 link linkat symlink "
            "symlinkat truncate chmod fchmodat chown lchown fchownat utimensat mknod mknodat setxattr")
BUILT_IN = ("sql http restore backup rebuild notify verify set foreach choose steps phase call manual wait fail audit "
            "playbook option group").split()
NOBODY = "127.0.0.1:1"


def without_servers(text):
    text = re.sub(r"(https?)://[^/\s\"'\]},$]+", rf"http://{NOBODY}", text)
    text = re.sub(r"\b(?:[\w-]+\.)+(?:co|com|org)\b", "127.0.0.1", text)
    return re.sub(r"(postgres(?:ql)?)://[^/\s\"'\]},$]+", rf"\1://{NOBODY}", text)


def inputs_of(scenario, world):
    """The text of its `inputs:`, as a YAML file; paths lie in the world's folder."""
    found = re.search(r"^inputs:[ ]*(.*\n(?:[ #].*\n|\n)*)", scenario.read_text(), re.MULTILINE)
    if not found:
        return "{}\n"
    lines = found.group(1).rstrip("\n").split("\n")
    text = lines[0] if lines[0].strip() else "\n".join(line[2:] for line in lines[1:])
    return re.sub(r"(?<![\w:/.\-$}])/(?=[a-z])", f"{world}/", without_servers(text)) + "\n"


def made_up_for(book, world):
    """Of a playbook that is only called, and has no scenario of its own: its required inputs, by their types."""
    values = {"path": f"{world}/app.db", "url": f"http://{NOBODY}/", "integer": "1", "number": "1", "boolean": "true",
              "duration": "1h", "timestamp": "2026-01-15T10:00:00Z", "date": "2026-01-15", "list": "[1]", "map": "{}"}
    lines = []
    found = re.search(r"^inputs:\n((?: .*\n|\n)*)", book.read_text(), re.MULTILINE)
    for name, said in re.findall(r"^  (\w+): *\{(.*)", found.group(1) if found else "", re.MULTILINE):
        kind = re.search(r"type: (\w+)", said)
        if "required: true" in said and kind:
            offered = re.search(r"values: \[([\w-]+)", said)
            value = offered.group(1) if offered else values.get(kind.group(1), "something")
            pattern = re.search(r'pattern: "([^"]+)"', said)
            if pattern and not offered:
                fitting = (text for text in ("something", "SOMETHING", "srv-a1") if re.search(pattern.group(1), text))
                value = next(fitting, value)
            lines.append(f"{name}: {value}\n")
    return "".join(lines) or "{}\n"


def furnish(folder, world, text):
    """A database at each path that looks like one, with all the SQL beside the scenarios that fits."""
    for path in set(re.findall(rf"{re.escape(str(world))}/[\w./-]+\.db\b", text)):
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path)
        database.execute("PRAGMA journal_mode=wal")
        for script in sorted(folder.rglob("*.sql")):
            try:
                database.executescript(script.read_text())
            except sqlite3.Error:
                pass
        database.commit()
        database.close()


def tree(folder):
    out = {}
    for path in sorted(folder.rglob("*")):
        if not path.name.endswith(("-wal", "-shm")):
            out[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return out


def programs_of(ledger):
    """Names of programs that steps which were read, and questions that were asked, may start; None: any, because an action
    of the playbook's own was asked, and the ledger does not say what that starts."""
    texts, names = [], set()
    for step in ledger["steps"]:
        if step["told"] == "read" and step["what"] == "shell":
            argv = step["arguments"].get("argv")
            names.add(str(argv[0]) if argv else "sh")
            names.add(str(step["arguments"].get("interpreter", "sh")))
        elif step["told"] == "read" and step["what"] not in BUILT_IN:
            return None
        if step["checks"] or step["told"] == "read":
            texts += [str(said) for said in step["says"].values()]
            texts += step["gate"]["rules"] if step["gate"] else []
    if ledger["evidence"]:
        texts += ledger["gate"]["rules"]
    text = "\n".join(texts)
    names.update(found.strip("\"'") for found in re.findall(r"argv: \[([^\],]+)", text))
    names.update(["sh"] if "script:" in text else [])
    return {pathlib.Path(name).name for name in names}


def check(name, calls, here, ledger, allowed, problem):
    parents, inside, pids = {}, set(), set()
    programs = programs_of(ledger)
    reads_servers = any(step["told"] == "read" or step["checks"] for step in ledger["steps"]) or ledger["evidence"]
    pending = {}
    for line in calls.read_text(errors="replace").split("\n"):
        found = re.match(r"(\d+) +(.*)", line)
        if not found:
            continue
        pid, call = found.groups()
        pids.add(pid)
        if call.endswith("<unfinished ...>"):
            pending[pid] = call[: -len("<unfinished ...>")]
            continue
        if call.startswith("<..."):
            call = pending.pop(pid, "") + re.sub(r"^<\.\.\. \w+ resumed>", "", call)
        born = re.match(r"(?:clone|clone3|vfork|fork)\(.*\) += (\d+)", call)
        if born:
            parents[born.group(1)] = pid
            if pid in inside:
                inside.add(born.group(1))
            continue
        if re.search(r"\) += (-1|\?)", call) or " = " not in call:
            continue
        what = call.split("(")[0]
        if what in ("execve", "execveat"):
            path = re.search(r'"([^"]*)"', call)
            path = path.group(1) if path else ""
            if pathlib.Path(path).name in ("muster", "muster-children") or pid in inside:
                continue
            if programs is None or pathlib.Path(path).name in programs:
                inside.add(pid)
            else:
                problem(f"{name}: it started a program that no read step names: {call[:200]}")
        elif what in ("kill", "tkill", "tgkill", "pidfd_send_signal"):
            target = re.search(r"\((-?\d+)", call)
            signalled = target.group(1).lstrip("-") if target else ""
            if signalled not in pids and signalled not in parents:
                problem(f"{name}: it signalled a stranger: {call[:200]}")
        elif what == "connect":
            if "AF_UNIX" in call or "AF_NETLINK" in call:
                continue
            if 'inet_addr("127.0.0.1")' not in call or not reads_servers:
                problem(f"{name}: it connected: {call[:200]}")
        elif what in CHANGING.split():
            if what.startswith("open") and not re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", call):
                continue
            # Each name from the folder that its descriptor stands for, or from where the program is.
            paths = [(at or str(here)) + "/" + path if not path.startswith("/") else path
                     for at, path in re.findall(r'(?:(?:\d+|AT_FDCWD)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"', call)]
            for path in paths or [call]:
                if path.startswith(allowed) or re.search(r"-(wal|shm)$", path):
                    continue
                if re.match(r"/dev/(null|tty|shm$)|/proc/", path):
                    continue
                # A database is opened for writing where a statement is tried and taken back; its bytes are compared.
                if what.startswith("open") and path.endswith(".db") and not re.search(r"O_CREAT|O_TRUNC", call):
                    continue
                problem(f"{name}: it changed something: {call[:200]}")


def main():
    if not shutil.which("strace"):
        print("strace is not installed")
        return 77
    top = pathlib.Path(tempfile.mkdtemp(prefix="muster-dry-runs."))
    problems, ran, steps = [], 0, 0
    try:
        shutil.copytree(ROOT / "playbooks", top / "playbooks")
        stubs = top / "bin"
        stubs.mkdir()
        scenarios = {}
        for book in (top / "playbooks").rglob("*.muster.yaml"):
            text = without_servers(book.read_text())
            book.write_text(text)
            for program in re.findall(r"argv: *\[ *['\"]?([\w.-]+)", text):
                (stubs / program).write_text("#!/bin/sh\nexit 0\n")
                (stubs / program).chmod(0o755)
        for scenario in sorted((top / "playbooks").rglob("*.scenario.yaml")):
            named = re.search(r"^playbook: *(\S+)", scenario.read_text(), re.MULTILINE)
            if named:
                scenarios.setdefault((scenario.parent / named.group(1)).resolve(), scenario)
        for book in sorted((top / "playbooks").rglob("*.muster.yaml")):
            name = str(book.relative_to(top / "playbooks"))
            scenario = scenarios.get(book.resolve())
            own = top / f"run-{ran}"
            world, state, scratch = own / "world", own / "state", own / "scratch"
            for folder in (world, state, scratch):
                folder.mkdir(parents=True)
            text = inputs_of(scenario, world) if scenario else made_up_for(book, world)
            (own / "inputs.yaml").write_text(text)
            furnish(book.parent, world, text)
            before = tree(world)
            traced = "trace=" + ",".join(CHANGING.split()) + ",%process,kill,tkill,tgkill,pidfd_send_signal,connect"
            environment = {"PATH": f"{stubs}:/usr/bin:/bin", "HOME": str(state), "TMPDIR": str(scratch),
                           "XDG_STATE_HOME": str(state), "XDG_CONFIG_HOME": str(state)}
            done = subprocess.run(
                ["strace", "-f", "-qq", "-y", "-s", "300", "-o", str(own / "calls"), "-e", traced, str(MUSTER), "plan", str(book),
                 "--inputs", str(own / "inputs.yaml"), "--output", "json"],
                cwd=world, env=environment, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
            ran += 1
            if done.returncode not in (0, 1) or not done.stdout:
                problems.append(f"{name}: it ends with {done.returncode}: {done.stderr[-2000:]}")
                continue
            ledger = json.loads(done.stdout)
            steps += len(ledger["steps"])
            check(name, own / "calls", world, ledger, (str(scratch) + "/", str(state) + "/"), problems.append)
            if tree(world) != before:
                problems.append(f"{name}: it left the world changed: {sorted(set(tree(world).items()) ^ set(before.items()))}")
            if any(scratch.iterdir()):
                problems.append(f"{name}: it left {sorted(path.name for path in scratch.iterdir())} in TMPDIR")
    finally:
        shutil.rmtree(top, ignore_errors=True)
    for problem in problems:
        print(problem)
    print(f"{ran} playbooks with {steps} steps, {len(problems)} problems")
    return 1 if problems or ran < 80 or steps < 1500 else 0


sys.exit(main())
