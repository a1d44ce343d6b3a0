"""A dry run against a PostgreSQL server: what each kind of statement is foreseen to do, and that the server is the same afterwards.

usage: dry_run_postgres.py FOLDER_OF_MUSTER
"""
import difflib
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "families"))
from live_family import Family, Postgres, fail  # noqa: E402

BOOK = """
muster: 1
playbook: foreseen
connections:
  app: {postgres: "@URL@"}
phases:
  - id: p
    steps:
      - id: counted
        sql: {connection: app, query: SELECT count(*) AS n FROM orders}
      - id: refused
        on_failure: continue
        sql: {connection: app, execute: "UPDATE orders SET total = -1 WHERE id = 3"}
      - id: removed
        sql: {connection: app, execute: "DELETE FROM orders WHERE id > 998", expect_changes: 2}
      - id: changed
        sql: {connection: app, execute: "UPDATE orders SET note = 'late' WHERE id = 2"}
      - id: breaks
        on_failure: continue
        sql: {connection: app, execute: "DELETE FROM orders WHERE id = 5"}
      - id: numbered
        sql: {connection: app, execute: "INSERT INTO orders (day, total) VALUES ('2026-01-01', 5)"}
      - id: sneaky
        on_failure: continue
        sql: {connection: app, query: SELECT sneaky()}
      - id: object
        on_failure: continue
        sql: {connection: app, query: SELECT lo_create(0)}
      - id: lifted
        on_failure: continue
        sql: {connection: app, query: "SET TRANSACTION READ WRITE; DELETE FROM orders"}
      - id: program
        on_failure: continue
        sql: {connection: app, query: "COPY (SELECT 1) TO PROGRAM 'touch @FOLDER@/written'"}
      - id: committed
        on_failure: continue
        sql: {connection: app, execute: "COMMIT; DELETE FROM orders"}
      - id: made
        sql: {connection: app, execute: "CREATE TABLE made (n int)"}
      - id: saved
        backup: {source: {connection: app}, to: "@FOLDER@/backups", name: cloud}
      - id: afterwards
        sql: {connection: app, query: SELECT count(*) AS n FROM orders}
        verify: {that: [result.row.n == 998]}
"""

TOLD = {
    "counted": ("read", ""),
    "refused": ("predicted", "orders_total_check"),
    "removed": ("predicted", ""),
    "changed": ("predicted", ""),
    "breaks": ("unknown", "it would fail as things are now: line 1, column 1: update or delete on table"),
    "numbered": ("unknown", "it draws numbers from the sequence `orders_id_seq`, which no rollback gives back"),
    "sneaky": ("read", "cannot execute UPDATE in a read-only transaction"),
    "object": ("read", "`lo_create()` is not allowed here"),
    "lifted": ("read", "`SET TRANSACTION` is not allowed here"),
    "program": ("read", "`COPY` is not allowed here"),
    "committed": ("unknown", "`COMMIT` is not allowed here"),
    "made": ("unknown", "`CREATE` is not allowed here"),
    "saved": ("predicted", ""),
    "afterwards": ("read", ""),
}


def same(what, seen, wanted):
    if seen != wanted:
        fail(f"{what}: {seen!r}, not {wanted!r}")


def everything(server):
    """All that the server holds, as lines."""
    dump = subprocess.run(["pg_dumpall", "-h", "127.0.0.1", "-p", str(server.port), "-U", "cloud"], text=True, capture_output=True,
                          env={"PATH": os.environ["PATH"], "PGPASSWORD": server.password})
    if dump.returncode != 0:
        fail(dump.stderr)
    # These two hold a word by lot.
    return [line for line in dump.stdout.splitlines() if not line.startswith(("\\restrict ", "\\unrestrict "))]


def main():
    family = Family(sys.argv[1], "hybrid-sync")
    try:
        server = Postgres(family)
        server.sql("""
CREATE TABLE orders (id serial PRIMARY KEY, day date NOT NULL, total numeric(10, 2) CHECK (total >= 0), note text);
INSERT INTO orders (day, total, note) SELECT date '2025-01-01' + i, i, 'note ' || i FROM generate_series(1, 1000) AS i;
CREATE TABLE lines (id int PRIMARY KEY, orders int REFERENCES orders (id));
INSERT INTO lines VALUES (1, 5);
CREATE ROLE app LOGIN PASSWORD 'app-password';
GRANT ALL ON orders, lines TO app;
GRANT ALL ON SEQUENCE orders_id_seq TO app;
GRANT ALL ON SCHEMA public TO app;
CREATE FUNCTION sneaky() RETURNS int LANGUAGE sql AS $$ UPDATE orders SET note = 'sneaky' WHERE id = 1 RETURNING 1 $$;
""")
        book = family.folder / "foreseen.muster.yaml"
        book.write_text(BOOK.replace("@URL@", server.role_url("app", "app-password")).replace("@FOLDER@", str(family.folder)))
        before = everything(server)
        plan = family.command("plan", str(book), "--output", "json")
        same("exit code", plan.returncode, 0)
        changed = list(difflib.unified_diff(before, everything(server), lineterm=""))
        if changed:
            fail("the dry run changed the server:\n" + "\n".join(changed))
        for name in ("written", "backups"):
            if (family.folder / name).exists():
                fail(f"the dry run made `{name}`")
        if "app-password" in plan.stdout + plan.stderr:
            fail("the dry run shows a password")
        steps = {step["path"].split("/")[-1]: step for step in json.loads(plan.stdout)["steps"] if step["path"] != "p"}
        same("steps", sorted(steps), sorted(TOLD))
        for name, (told, says) in TOLD.items():
            step = steps[name]
            same(name, step["told"], told)
            text = (step["why"] or "") + (step["failure"] or "")
            if says not in text or bool(says) != bool(text):
                fail(f"{name}: `{text}`, not `{says}`")
        same("what is removed", steps["removed"]["facts"]["changes"], 2)
        same("its rows", [row["id"] for row in steps["removed"]["facts"]["before"]], [999, 1000])
        same("a row as it is", steps["changed"]["facts"]["before"],
             [{"id": 2, "day": "2025-01-03", "total": 2.0, "note": "note 2"}])
        same("a row as it would be", steps["changed"]["facts"]["after"],
             [{"id": 2, "day": "2025-01-03", "total": 2.0, "note": "late"}])
        same("what is read behind a change", steps["afterwards"]["result"]["row"], {"n": 1000})
        same("its verify", [check["verdict"] for check in steps["afterwards"]["checks"]], ["undecided"])
        # Without anything that makes up for it, the failure is foreseen, and said with the exit code.
        book.write_text(book.read_text().replace("      - id: refused\n        on_failure: continue\n", "      - id: refused\n"))
        plan = family.command("plan", str(book))
        same("exit code of one that would fail", plan.returncode, 1)
        if 'it would fail at `p/refused`: line 1, column 1: new row for relation "orders" violates' not in plan.stdout:
            fail(plan.stdout)
    finally:
        family.close()


main()
