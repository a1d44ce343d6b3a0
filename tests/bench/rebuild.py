"""Times a rebuild of runs of consecutive days as a whole process, in turns with its two floors, and prints medians.

One floor is a single SQL statement in SQLite's own program; the other, muster-scan, reads the marks in order in C++ and
inserts what it makes of them. That is what a rebuild comes down to without batches, journal, backup and invariants.

Usage: rebuild.py MUSTER WORK_DIR [PAIRS [USERS [DAYS [SCAN]]]]
"""
import os
import shutil
import statistics
import subprocess
import sys
import time

MUSTER, WORK = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PAIRS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
USERS = int(sys.argv[4]) if len(sys.argv) > 4 else 20000
DAYS = int(sys.argv[5]) if len(sys.argv) > 5 else 365
SCAN = os.path.abspath(sys.argv[6]) if len(sys.argv) > 6 else ""

HEAD = """muster: 1
playbook: timed
connections: {app: {sqlite: app.db}}
phases:
  - id: derive
    steps:
      - rebuild:
          from: {connection: app, table: day_marks, where: "value = 1"}
          into: {connection: app, table: runs}
          partition: {key: user_id, keys: {query: SELECT id FROM users}}
          derive: {islands: {order: date, step: 1d, start: start_date, end: end_date, count: day_count}}
          batch: 500
"""
SAFE = """          backup: {keep: 30d}
          invariants:
            - name: no run is empty
              query: SELECT user_id FROM runs WHERE day_count < 1
"""
ISLANDS = """BEGIN; DELETE FROM runs; INSERT INTO runs (user_id, start_date, end_date, day_count)
  SELECT user_id, min(date), max(date), count(*) FROM (SELECT user_id, date,
    CAST(julianday(date) AS INTEGER) - row_number() OVER (PARTITION BY user_id ORDER BY date) AS island
    FROM day_marks WHERE value = 1) GROUP BY user_id, island; COMMIT;"""


def run(*argv):
    ended = subprocess.run(argv, cwd=WORK, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(argv)} ended with {ended.returncode}\n{ended.stdout.decode(errors='replace')}")
    return ended.stdout.decode(errors="replace")


def sql(text, path="app.db"):
    return run("sqlite3", path, text)


def timed(work):
    # Before each, the table is empty: every run of days has to be made.
    sql("DELETE FROM runs; DROP TABLE IF EXISTS muster_old_runs; PRAGMA wal_checkpoint(TRUNCATE)")
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def compare(name, ours):
    floors = {"one statement": lambda: sql(ISLANDS)}
    if SCAN:
        floors["an ordered scan"] = lambda: run(SCAN, "app.db")
    turns = [(timed(ours), *(timed(floor) for floor in floors.values())) for _ in range(PAIRS)]
    mine = statistics.median(turn[0] for turn in turns)
    words = [f"{floor} {statistics.median(turn[i] for turn in turns):.2f} s, "
             f"ratio {statistics.median(turn[0] / turn[i] for turn in turns):.2f}" for i, floor in enumerate(floors, 1)]
    print(f"{name}: muster {mine:.2f} s ({USERS / mine:.0f} users/s), {', '.join(words)}")


ENV = {"PATH": os.environ["PATH"], "HOME": WORK, "MUSTER_STORE": f"sqlite:{WORK}/muster.db"}
shutil.rmtree(WORK, ignore_errors=True)
os.makedirs(WORK, mode=0o700)
sql(f"""PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
CREATE TABLE users (id INTEGER PRIMARY KEY);
CREATE TABLE day_marks (user_id INTEGER, date TEXT, value INTEGER, PRIMARY KEY (user_id, date)) WITHOUT ROWID;
CREATE TABLE runs (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, start_date TEXT NOT NULL, end_date TEXT NOT NULL,
  day_count INTEGER NOT NULL);
CREATE INDEX runs_of_user ON runs (user_id);
WITH RECURSIVE s (u) AS (SELECT 1 UNION ALL SELECT u + 1 FROM s WHERE u < {USERS}) INSERT INTO users SELECT u FROM s;
CREATE TABLE days AS WITH RECURSIVE t (d) AS (SELECT 0 UNION ALL SELECT d + 1 FROM t WHERE d < {DAYS - 1})
  SELECT d, date('2025-01-01', '+' || d || ' days') AS date FROM t;
INSERT INTO day_marks SELECT id, date, (id * 7919 + d * 104729) % 100 < 80 FROM users, days;""")
for label, more in (("islands", ""), ("islands with backup and invariants", SAFE)):
    path = os.path.join(WORK, "timed.muster.yaml")
    with open(path, "w") as out:
        out.write(HEAD + more)
    compare(f"{label}, {USERS} users of {DAYS} days", lambda: run(MUSTER, "run", path))
    rows = "SELECT user_id, start_date, end_date, day_count FROM runs ORDER BY 1, 2"
    made = sql(rows)
    timed(lambda: run(MUSTER, "run", path))
    if sql(rows) != made:
        sys.exit("the rebuild made other runs than the statement")
shutil.rmtree(WORK)
