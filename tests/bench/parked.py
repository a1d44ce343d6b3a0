"""What waits: runs parked at a gate by the real engine, then `muster gates`, in milliseconds.

Usage: parked.py MUSTER DIR RUNS
Prints the median of 15 listings by lines and of 3 as JSON, and what the store takes for each run.
"""
import os
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

MUSTER, FOLDER, RUNS = sys.argv[1], sys.argv[2], int(sys.argv[3])
PLAYBOOK = """muster: 1
playbook: parked
inputs: {n: {type: integer, required: true}}
phases:
  - id: before
    steps: [{set: {x: 1}}]
  - id: danger
    approval: {message: "Replace database ${{ inputs.n }}?", approvers: [group:dba, group:sre], expires: 7d}
    steps:
      - {id: stop, shell: {argv: [systemctl, stop, app]}, rollback: [{shell: {argv: [systemctl, start, app]}}]}
      - {id: replace, shell: {argv: [replace, "${{ inputs.n }}"]}}
"""


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    playbook = os.path.join(FOLDER, "parked.muster.yaml")
    with open(playbook, "w") as out:
        out.write(PLAYBOOK)
    config = os.path.join(FOLDER, "config.yaml")
    with open(config, "w") as out:
        out.write("groups: {dba: [ann, bob], sre: [cy, dan]}\n")
    os.chmod(config, 0o600)
    store = os.path.join(FOLDER, "muster.db")
    env = {"PATH": os.environ["PATH"], "HOME": FOLDER, "MUSTER_STORE": store}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

    def park(n):
        words = [MUSTER, "-q", "--config", config, "run", playbook, "--detach", "-i", f"n={n}"]
        return subprocess.run(words, env=env, **quiet).returncode

    begin = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        codes = list(pool.map(park, range(RUNS)))
    if codes != [75] * RUNS:
        sys.exit(f"{sum(code != 75 for code in codes)} runs did not park")
    print(f"{RUNS} runs parked in {time.perf_counter() - begin:.0f} s")

    def listed(words, times):
        took = []
        for _ in range(times):
            begin = time.perf_counter()
            out = subprocess.run([MUSTER] + words, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=True)
            took.append(time.perf_counter() - begin)
        return statistics.median(took) * 1e3, out.stdout.count(b"\n")

    lines, rows = listed(["gates"], 15)
    as_json, _ = listed(["gates", "--output", "jsonl"], 3)
    bare, _ = listed(["gates", "last"], 15)
    print(f"gates, {rows} lines {lines:7.1f} ms   all that they show, as JSON {as_json:7.1f} ms   one of them {bare:5.1f} ms")
    size = sum(os.path.getsize(store + end) for end in ("", "-wal") if os.path.exists(store + end))
    print(f"{size / RUNS / 1024:.1f} KiB of store for each run")


main()
