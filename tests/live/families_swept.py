#!/usr/bin/env python3
"""The sweep finds nothing in the playbooks of the operator documents: whatever single thing goes wrong in them, they end in
a declared way, undo what they say that they undo, and break no invariant.
usage: families_swept.py FOLDER_OF_MUSTER [--whole]
Of each playbook two scenarios are swept: the one that goes through most of its steps, and the one that undoes most. With
--whole all are, which takes minutes: `./dev sweep`."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

muster = os.path.abspath(os.path.join(sys.argv[1], "muster"))
whole = "--whole" in sys.argv[2:]
root = pathlib.Path(__file__).resolve().parents[2]
families = ["stale-store", "user-runs", "hybrid-sync", "persistence", "database-restore"]
failed = []


def complain(text):
    failed.append(text)
    print("FAILED  " + text, flush=True)


def rehearse(*words):
    done = subprocess.run([muster, "rehearse", *words, "--output", "json"], capture_output=True, text=True, timeout=1800, cwd=root,
                          stdin=subprocess.DEVNULL)
    if done.returncode not in (0, 1):
        sys.exit(f"muster rehearse {' '.join(words)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr}")
    return json.loads(done.stdout)


def went_through(row, kind):
    return sum(item["kind"] == kind and item["runs"] > 0 for item in row["coverage"].get("items", []))


def chosen(family):
    """The scenarios that are swept, and the playbooks that have one."""
    rows = sorted(rehearse(f"playbooks/{family}"), key=lambda row: row["file"])
    by_playbook = {}
    for row in rows:
        by_playbook.setdefault(row["coverage"]["playbook"], []).append(row)
    if whole:
        return [row["file"] for row in rows], by_playbook
    files = set()
    for own in by_playbook.values():
        files.add(max(own, key=lambda row: went_through(row, "steps"))["file"])
        undoes = max(own, key=lambda row: (went_through(row, "rollbacks"), went_through(row, "steps")))
        if went_through(undoes, "rollbacks"):
            files.add(undoes["file"])
    return sorted(files), by_playbook


def story(row):
    return "".join(f"\n      {line['at']} s  {line['text']}" for line in row["story"])


def sweep(family):
    files, by_playbook = chosen(family)
    runs, seen, without_faults = 0, set(), {}
    for row in rehearse(*files, "--sweep"):
        if not row["ok"]:
            complain(f"{row['file']} does not pass without a fault: {row['status']} {row['reason']}")
            continue
        playbook = row["coverage"]["playbook"]
        seen.add(playbook)
        has_none = not row["sweep"]["rows"] and went_through(row, "steps") > 0  # one that ends before its first step may have none
        without_faults[playbook] = without_faults.get(playbook, True) and has_none
        runs += row["sweep"]["runs"]
        for one in row["sweep"]["rows"]:
            for finding in one["findings"]:
                what = " and ".join(f"`{fault['step']}`: {fault['kind']}" for fault in one["faults"])
                complain(f"{row['file']}: {what}: {finding}{story(one)}")
    for playbook in sorted(name for name, none in without_faults.items() if none):
        complain(f"no scenario of {family}/{playbook} comes to a fault")
    for missing in sorted(set(by_playbook) - seen):
        complain(f"{family}/{missing} was not swept")
    if not by_playbook:
        complain(f"{family} has no scenario")
    print(f"{family:18}{len(files):4} scenarios{runs:7} runs with faults", flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix="muster-swept.") as folder:
        os.environ.update(HOME=folder, XDG_STATE_HOME=folder, XDG_CONFIG_HOME=folder, MUSTER_STORE=f"{folder}/none.db")
        for family in families:
            sweep(family)
    sys.exit(1 if failed else 0)


main()
