"""Runs of consecutive days for a thousand users and for twenty thousand, of a year each, in SQLite and in PostgreSQL.

What the rebuild and the flag of the active run leave behind is compared with a computation of this file's own, row by row.
Which days are marked comes from a seeded generator, so no two users are alike and each run of this test has the same.
"""
import datetime
import json
import random
import re
import sqlite3
import zoneinfo

from live_family import Postgres, fail, main

DAYS = [(datetime.date(2025, 1, 1) + datetime.timedelta(days)).isoformat() for days in range(365)]
# At this moment it is the last day of the year in the first zone, the day behind it in two, and the next in the last.
NOW = "2026-01-01T11:30:00Z"
ZONES = ["Etc/GMT+12", "UTC", "America/New_York", "Pacific/Auckland"]
# What is there before is wrong: runs that overlap, two active ones, a wrong count, days that nobody marked.
WRONG = [(DAYS[0], DAYS[-1], 365, True), (DAYS[9], DAYS[19], 3, True), ("1999-01-01", "1999-01-02", 2, False)]

PLAYBOOK = """muster: 1
playbook: consecutive-days
inputs:
  now: {type: timestamp, required: true}
  users: {type: integer, required: true}
connections: {app: CONNECTION}
phases:
  - id: derive
    steps:
      - id: rebuilt
        rebuild:
          from: {connection: app, table: day_marks, where: value = TRUE}
          into: {connection: app, table: runs}
          partition: {key: user_id, keys: {query: SELECT id FROM users}}
          derive: {islands: {order: date, step: 1d, start: start_date, end: end_date, count: day_count}}
          batch: 500
          workers: 3
          backup: {keep: 30d}
          invariants:
            - name: runs of a user do not overlap
              query: |
                SELECT a.user_id FROM runs a JOIN runs b ON a.user_id = b.user_id AND a.id < b.id
                WHERE a.user_id IN (SELECT key FROM muster_keys) AND a.start_date <= b.end_date AND b.start_date <= a.end_date
            - name: at most one run is active
              query: |
                SELECT user_id FROM runs WHERE user_id IN (SELECT key FROM muster_keys) AND active = TRUE
                GROUP BY user_id HAVING count(*) > 1
            - name: each run counts its own days
              query: |
                SELECT user_id FROM runs WHERE user_id IN (SELECT key FROM muster_keys) AND day_count <> LENGTH_OF_RUN
        verify:
          that:
            - result.partitions == inputs.users
            - result.failed == 0
            - result.success_rate == 1
            - len(result.violations) == 0
      - id: zones
        sql: {connection: app, query: SELECT DISTINCT timezone FROM users ORDER BY timezone}
      - id: flags
        foreach: steps.zones.rows
        as: zone
        steps:
          - sql:
              connection: app
              execute: |
                UPDATE runs SET active = NOT active WHERE user_id IN (SELECT id FROM users WHERE timezone = :zone)
                  AND active <> (end_date >= YESTERDAY
                    AND NOT EXISTS (SELECT 1 FROM runs later WHERE later.user_id = runs.user_id AND later.start_date > runs.end_date))
              bind:
                zone: "${{ zone.timezone }}"
                yesterday: "${{ date(inputs.now - duration('1d'), zone.timezone) }}"
outputs:
  deleted: "${{ steps.rebuilt.rows_deleted }}"
  created: "${{ steps.rebuilt.rows_created }}"
"""


def marks_of(users):
    """A text of 0 and 1 for each user, a year long: 15 days of 16 are marked, but for those at the end of a rule."""
    source = random.Random(20250101)
    bits = source.getrandbits
    texts = [format(bits(365) | bits(365) | bits(365) | bits(365), "0365b") for _ in range(users)]
    texts[0], texts[1], texts[2] = "0" * 365, "1" * 365, ("10" * 183)[:365]
    texts[3], texts[4] = "1" + "0" * 363 + "1", "0" * 364 + "1"
    return texts


def expected_of(texts):
    """All rows that are right, ordered: user, first day, last day, days, whether the run is active in the user's zone."""
    moment = datetime.datetime.fromisoformat(NOW.replace("Z", "+00:00"))
    yesterday = [(moment.astimezone(zoneinfo.ZoneInfo(zone)).date() - datetime.timedelta(1)).isoformat() for zone in ZONES]
    if len(set(yesterday)) < 3:
        fail("the zones have one day")
    for user, text in enumerate(texts, 1):
        ends = yesterday[user % len(ZONES)]
        runs = [found.span() for found in re.finditer("1+", text)]
        for number, (begin, end) in enumerate(runs, 1):
            yield user, DAYS[begin], DAYS[end - 1], end - begin, number == len(runs) and DAYS[end - 1] >= ends


class Sqlite:
    serial, day = "INTEGER PRIMARY KEY", "TEXT"
    run_length, yesterday = "julianday(end_date) - julianday(start_date) + 1", ":yesterday"
    day_marks = """CREATE TABLE day_marks (user_id integer, date text, value boolean NOT NULL, PRIMARY KEY (user_id, date)) WITHOUT ROWID;
        INSERT INTO day_marks {} ORDER BY t.id, d.number"""

    def __init__(self, family):
        self.path = family.folder / "app.db"
        self.connection = f"{{sqlite: {self.path}}}"

    def empty(self):
        for path in self.path.parent.glob("app.db*"):
            path.unlink()
        self.base = sqlite3.connect(self.path, isolation_level=None)
        self.base.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")

    def do(self, text):
        self.base.executescript(f"BEGIN; {text}; COMMIT")

    def fill(self, table, rows):
        self.base.execute("BEGIN")
        self.base.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
        self.base.execute("COMMIT")

    def rows(self, query):
        return ((*row[:4], row[4] == 1) for row in self.base.execute(query))


class Server:
    serial, day = "integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "date"
    run_length, yesterday = "end_date - start_date + 1", "CAST(:yesterday AS date)"
    day_marks = """SET maintenance_work_mem = '256MB'; CREATE UNLOGGED TABLE day_marks AS {};
        ALTER TABLE day_marks ADD PRIMARY KEY (user_id, date); ANALYZE day_marks"""

    def __init__(self, family):
        self.server = Postgres(family)
        self.connection = "{postgres: \"" + self.server.role_url("rebuilder", self.server.password) + "\"}"
        self.server.sql(f"CREATE ROLE rebuilder LOGIN PASSWORD '{self.server.password}'")

    def empty(self):
        self.server.sql("DROP OWNED BY rebuilder; GRANT ALL ON SCHEMA public TO rebuilder")

    def do(self, text):
        return self.server.sql(text, role="rebuilder")

    def fill(self, table, rows):
        lines = "".join(f"{one}\t{other}\n" for one, other in rows)
        self.do(f"COPY {table} FROM STDIN;\n{lines}\\.\n")

    def rows(self, query):
        for line in self.do(f"COPY ({query}) TO STDOUT").splitlines():
            user, start, end, count, active = line.split("\t")
            yield int(user), start, end, int(count), active == "t"


def rebuild(family, base, users):
    texts = marks_of(users)
    base.empty()
    base.do(f"""CREATE TABLE users (id integer PRIMARY KEY, timezone text NOT NULL);
        CREATE TABLE texts (id integer PRIMARY KEY, marks text NOT NULL);
        CREATE TABLE days (number integer PRIMARY KEY, date {base.day} NOT NULL);
        CREATE TABLE runs (id {base.serial}, user_id integer NOT NULL, start_date {base.day} NOT NULL,
          end_date {base.day} NOT NULL, day_count integer NOT NULL, active boolean NOT NULL DEFAULT FALSE);
        CREATE INDEX runs_of_user ON runs (user_id)""")
    base.fill("users", ((user, ZONES[user % len(ZONES)]) for user in range(1, users + 1)))
    base.fill("texts", enumerate(texts, 1))
    base.fill("days", enumerate(DAYS, 1))
    base.do(base.day_marks.format("SELECT t.id AS user_id, d.date, substr(t.marks, d.number, 1) = '1' AS value FROM texts t CROSS JOIN days d"))
    for start, end, count, active in WRONG:
        base.do("INSERT INTO runs (user_id, start_date, end_date, day_count, active) "
                f"SELECT id, '{start}', '{end}', {count}, {active} FROM users WHERE id % 7 = 0")
    book = family.folder / "consecutive-days.muster.yaml"
    book.write_text(PLAYBOOK.replace("CONNECTION", base.connection).replace("LENGTH_OF_RUN", base.run_length)
                    .replace("YESTERDAY", base.yesterday))
    said = family.command("run", str(book), "-i", f"now={NOW}", "-i", f"users={users}", timeout=500)
    if said.returncode != 0:
        fail(f"{users} users: it ended with {said.returncode}\n{said.stderr[-4000:]}")

    made = base.rows("SELECT user_id, start_date, end_date, day_count, active FROM runs ORDER BY user_id, start_date, end_date")
    count = actives = 0
    for row in expected_of(texts):
        count += 1
        actives += row[4]
        if (other := next(made, None)) != row:
            fail(f"{users} users: row {count} is {other}, and should be {row}")
    if (more := next(made, None)) is not None:
        fail(f"{users} users: behind the last row there is {more}")
    if not 20 * users < count < 24 * users or not users / 4 < actives < users:
        fail(f"{count} runs, {actives} of them active: the days are not what this test means")
    told = json.loads(family.command("show", "last", "--output", "json").stdout)["outputs"]
    if told != {"created": count, "deleted": users // 7 * len(WRONG)}:
        fail(f"{users} users: {count} runs are new, and {told} is told")


def tests(family):
    def of(kind, users, name):
        def test():
            rebuild(family, kind, users)
        test.__name__, test.__doc__ = f"{name}_{users}", f"{users} users of 365 days in {name}"
        return test

    sqlite, server = Sqlite(family), Server(family)
    return [of(base, users, name) for base, name in ((sqlite, "SQLite"), (server, "PostgreSQL")) for users in (1000, 20000)]


if __name__ == "__main__":
    main("consecutive-days", tests)
