"""Times a restore as a whole process beside what does the same by other means, in turns, and prints medians and ratios.

A SQLite database against cp, sync and integrity_check; a Litestream replica against the litestream program and the same
check. Caches are warm for both.

Usage: restores.py MUSTER WORK_DIR [PAIRS [MIB_OF_THE_DATABASE [MIB_OF_THE_REPLICA [LITESTREAM]]]]
"""
import os
import shutil
import statistics
import subprocess
import sys
import time

MUSTER, WORK = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PAIRS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
DATABASE_MIB = int(sys.argv[4]) if len(sys.argv) > 4 else 1024
REPLICA_MIB = int(sys.argv[5]) if len(sys.argv) > 5 else 200
LITESTREAM = sys.argv[6] if len(sys.argv) > 6 else ""

PLAYBOOK = """muster: 1
playbook: timed
inputs:
  target: {type: path, required: true}
  source: {type: path, required: true}
phases:
  - id: replace
    steps:
      - restore:
          target: {sqlite: "${{ inputs.target }}"}
          from: {SOURCE: "${{ inputs.source }}"}
"""


def run(*argv):
    ended = subprocess.run(argv, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(argv)} ended with {ended.returncode}\n{ended.stdout.decode(errors='replace')}")
    return ended.stdout.decode(errors="replace")


def clear():
    for name in ("target.db", "target.db-wal", "target.db-shm"):
        if os.path.exists(os.path.join(WORK, name)):
            os.remove(os.path.join(WORK, name))


def timed(work):
    clear()
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def check(path):
    answer = run("sqlite3", f"file:{path}?immutable=1", "PRAGMA integrity_check")
    if answer.strip() != "ok":
        sys.exit(f"{path}: {answer}")


def sync(path):
    run("sync", path)
    run("sync", os.path.dirname(path))


def compare(name, ours, floor):
    timed(ours), timed(floor)
    pairs = [(timed(ours), timed(floor)) for _ in range(PAIRS)]
    mine, other = (statistics.median(column) for column in zip(*pairs))
    print(f"{name}: muster {mine:.2f} s, floor {other:.2f} s, ratio {statistics.median(a / b for a, b in pairs):.2f}")


def fill(path, mib, mode):
    run("sqlite3", path, f"PRAGMA journal_mode = {mode}; PRAGMA synchronous = OFF;"
        "CREATE TABLE rows (id INTEGER PRIMARY KEY, key TEXT, body BLOB); CREATE INDEX by_key ON rows (key);"
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {mib * 480})"
        "INSERT INTO rows SELECT i, hex(randomblob(12)), randomblob(2000) FROM n;")


ENV = {"PATH": os.environ["PATH"], "HOME": WORK, "MUSTER_STORE": f"sqlite:{WORK}/muster.db"}
shutil.rmtree(WORK, ignore_errors=True)
os.makedirs(WORK, mode=0o700)
target, source = os.path.join(WORK, "target.db"), os.path.join(WORK, "source.db")


def playbook(kind):
    path = os.path.join(WORK, f"{kind}.muster.yaml")
    with open(path, "w") as out:
        out.write(PLAYBOOK.replace("SOURCE", kind))
    return path


def muster(book, path):
    run(MUSTER, "run", book, "-i", f"target={target}", "-i", f"source={path}")


def copy():
    run("cp", source, target)
    sync(target)
    check(target)


fill(source, DATABASE_MIB, "DELETE")
by_file = playbook("file")
compare(f"a SQLite database of {os.path.getsize(source) >> 20} MiB from a file", lambda: muster(by_file, source), copy)

if LITESTREAM:
    app, replica = os.path.join(WORK, "app.db"), os.path.join(WORK, "replica")
    fill(app, REPLICA_MIB, "WAL")
    config = os.path.join(WORK, "litestream.yml")
    with open(config, "w") as out:
        out.write(f"dbs:\n  - path: {app}\n    replicas:\n      - {{type: file, path: {replica}, sync-interval: 100ms}}\n")
    replicating = subprocess.Popen([LITESTREAM, "replicate", "-config", config], env=ENV, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
    time.sleep(3)
    for _ in range(20):
        run("sqlite3", app, "PRAGMA busy_timeout = 5000; UPDATE rows SET key = hex(randomblob(12)) WHERE id % 97 = 3")
        time.sleep(0.3)
    time.sleep(3)
    replicating.terminate()
    replicating.wait()
    by_replica = playbook("litestream")

    def litestream():
        run(LITESTREAM, "restore", "-o", target, f"file://{replica}")
        sync(target)
        check(target)

    compare(f"a Litestream replica of {os.path.getsize(app) >> 20} MiB", lambda: muster(by_replica, replica), litestream)
shutil.rmtree(WORK)
