#!/usr/bin/env python3
"""playbooks/persistence against a store of encrypted boxes, queues and an audit log on disk; every fault is made for real.

usage: persistence.py FOLDER_OF_MUSTER [TEST...]
"""
import datetime
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from live_family import ROOT, fail, main

SCHEMA = """
CREATE TABLE persistence_metadata_box (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE pending_ops_box (id TEXT PRIMARY KEY, idempotency_key TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, payload TEXT);
CREATE TABLE pending_index_box (position INTEGER PRIMARY KEY, op_id TEXT NOT NULL UNIQUE);
CREATE TABLE failed_ops_box (id TEXT PRIMARY KEY, idempotency_key TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL,
  failed_at TEXT NOT NULL, attempts INTEGER NOT NULL, error TEXT, payload TEXT);
CREATE TABLE audit_logs_box (id TEXT PRIMARY KEY, at TEXT, event TEXT, subject TEXT, payload TEXT);
INSERT INTO persistence_metadata_box VALUES ('schemaVersion', '3');
PRAGMA user_version = 3;
"""

# The application's migration runner: one step per version, each in the audit log, as the document wants it.
MIGRATE = """
import sqlite3, sys
target = int(open(sys.argv[1]).read())
database = sqlite3.connect(sys.argv[2])
database.isolation_level = None
version = database.execute("PRAGMA user_version").fetchone()[0]
while version < target:
    version += 1
    database.execute("BEGIN")
    if version == 99:
        database.execute("DROP TABLE failed_ops_box")
        database.execute("COMMIT")
        sys.exit("migration 99 breaks off in the middle")
    database.execute("CREATE TABLE made_by_%d (x INTEGER)" % version)
    database.execute("INSERT OR REPLACE INTO persistence_metadata_box VALUES ('schemaVersion', ?)", (str(version),))
    database.execute("INSERT OR REPLACE INTO persistence_metadata_box VALUES ('migratedAt', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))")
    database.execute("INSERT INTO audit_logs_box VALUES ('migration-%d', strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', 'now'), 'migration_applied', '%d', '')" % (version, version))
    database.execute("PRAGMA user_version = %d" % version)
    database.execute("COMMIT")
"""

# The processing component: when it starts it takes the lock if that is free or stale, unless it is told to be broken.
COMPONENT = """
import json, os, sqlite3, sys, datetime
store, broken = sys.argv[1], os.path.exists(sys.argv[1] + "/broken")
database = sqlite3.connect(store + "/store.db", timeout=20)
row = database.execute("SELECT value FROM persistence_metadata_box WHERE key = 'processing_lock'").fetchone()
now = datetime.datetime.utcnow()
if broken and row:
    sys.exit(0)
if row is None or (now - datetime.datetime.fromisoformat(json.loads(row[0])["startedAt"].rstrip("Z"))).total_seconds() > 120:
    lock = json.dumps({"owner": "component-%d" % os.getpid(), "startedAt": now.isoformat() + "Z"})
    database.execute("INSERT OR REPLACE INTO persistence_metadata_box VALUES ('processing_lock', ?)", (lock,))
    if not broken:
        database.execute("DELETE FROM pending_index_box")
        database.execute("INSERT INTO pending_index_box SELECT row_number() OVER (ORDER BY created_at, id), id FROM pending_ops_box")
    database.commit()
"""

WRITE_BOX = """
muster: 1
playbook: write-box
inputs:
  file: {type: path, required: true}
  key: {type: path, required: true}
  records: {type: string, required: true}
secrets:
  box_key: {file: "${{ inputs.key }}"}
extensions: [boxes.lua]
phases:
  - id: write
    steps:
      - id: written
        box_write: {file: "${{ inputs.file }}", key: "${{ secrets.box_key }}", records: "${{ json(inputs.records) }}"}
"""


def tests(family):
    store, backups, keys, archive = (family.folder / name for name in ("store", "backups", "keys", "archive"))
    for folder in (store, store / "boxes", backups, keys, archive):
        folder.mkdir(mode=0o700)
    tools = family.folder / "tools"
    tools.mkdir()
    for name, text in (("migrate.py", MIGRATE), ("component.py", COMPONENT), ("target", "4")):
        (tools / name).write_text(text)
    scratch = family.folder / "writing"
    scratch.mkdir()
    shutil.copy(ROOT / "playbooks/persistence/boxes.lua", scratch)
    (scratch / "write-box.muster.yaml").write_text(WRITE_BOX)
    code = family.folder / "code"
    migrate = ["python3", str(tools / "migrate.py"), str(tools / "target")]
    component = ["python3", str(tools / "component.py"), str(store)]
    switch = {"stop": ["true"], "start": ["true"]}
    common = {"store": str(store), "backups": str(backups), "keys": str(keys)}

    def key(name):
        (keys / name).write_text(secrets.token_hex(32) + "\n")
        os.chmod(keys / name, 0o600)

    def sql(text, *values):
        with closing(sqlite3.connect(store / "store.db", timeout=20)) as database:
            rows = database.execute(text, values).fetchall()
            database.commit()
            return rows

    def value(text, *values):
        return sql(text, *values)[0][0]

    def script(text):
        with closing(sqlite3.connect(store / "store.db", timeout=20)) as database:
            database.executescript(text)
            database.commit()

    def ago(seconds):
        return (datetime.datetime.utcnow() - datetime.timedelta(seconds=seconds)).isoformat() + "Z"

    def write_box(name, records, with_key="current"):
        file = family.folder / "box.json"
        file.write_text(json.dumps({"file": str(store / "boxes" / f"{name}.box"), "key": str(keys / with_key), "records": json.dumps(records)}))
        said = family.command("run", str(scratch / "write-box.muster.yaml"), "--inputs", str(file))
        said.returncode == 0 or fail(said.stderr)

    def boxes_open(records=None):
        run = family.run("inspect-boxes", {"boxes": str(store / "boxes"), "key": str(keys / "current")})
        records is None or run["outputs"]["records"] == records or fail(str(run["outputs"]))

    def logged(event):
        return value("SELECT count(*) FROM audit_logs_box WHERE event = ?", event)

    def fresh():
        """A store with two boxes, three pending operations and an index that is right."""
        for leftover in list(store.iterdir()):
            shutil.rmtree(leftover) if leftover.is_dir() and not leftover.is_symlink() else leftover.unlink()
        for leftover in list(keys.iterdir()) + list(backups.iterdir()):
            leftover.unlink()
        (store / "boxes").mkdir(mode=0o700)
        key("backup_key")
        key("hive_key")
        (keys / "current").symlink_to("hive_key")
        script(SCHEMA)
        for number in (1, 2, 3):
            sql("INSERT INTO pending_ops_box VALUES (?, ?, ?, 0, '{}')", f"op{number}", f"key{number}", ago(1000 - number))
        script("INSERT INTO pending_index_box SELECT row_number() OVER (ORDER BY created_at), id FROM pending_ops_box")
        write_box("vitals", [{"id": n, "subject": f"p-{n % 2}", "model": "Vital", "typeId": 12, "pulse": 60 + n} for n in range(6)])
        write_box("rooms", [{"id": n, "subject": "none", "model": "RoomModel", "typeId": 10} for n in range(4)])

    def fails_once():
        """A command that fails when it is called first, and never again."""
        flag = tools / f"called-{secrets.token_hex(4)}"
        return ["sh", "-c", f"test -e '{flag}' || {{ touch '{flag}'; exit 1; }}"]

    fresh()

    def the_index_is_rebuilt_from_the_operations():
        """an index with missing and dangling entries is made anew, in order, and that is logged"""
        script("DELETE FROM pending_index_box; INSERT INTO pending_index_box VALUES (1, 'op3'), (2, 'gone')")
        inputs = {**common, "restart": component}
        run = family.run("rebuild-index", inputs)
        sql("SELECT position, op_id FROM pending_index_box ORDER BY 1") == [(1, "op1"), (2, "op2"), (3, "op3")] or fail("wrong order")
        run["outputs"] == {"missing": 2, "dangling": 1, "pending": 3} or fail(str(run["outputs"]))
        logged("index_rebuilt") == 1 or fail("not logged")
        sql("INSERT INTO pending_ops_box VALUES ('bad', 'kbad', 'yesterday-ish', 0, '{}')")
        family.run("rebuild-index", inputs, ends=1, says="every pending operation has a time")
        sql("DELETE FROM pending_ops_box WHERE id = 'bad'")

    def an_index_that_stays_wrong_is_wiped_behind_a_backup():
        """something keeps spoiling the index: everything is backed up, the index wiped, the component makes its own"""
        script("CREATE TRIGGER spoils AFTER INSERT ON pending_index_box WHEN NEW.op_id = 'op2' AND "
               "NOT EXISTS (SELECT 1 FROM persistence_metadata_box WHERE key = 'processing_lock') "
               "BEGIN UPDATE pending_index_box SET position = 77 WHERE op_id = 'op2'; END")
        family.run("rebuild-index", {**common, "restart": component}, reject="wiped", ends=4)
        family.run("rebuild-index", {**common, "restart": component})
        script("DROP TRIGGER spoils")
        value("SELECT count(*) FROM pending_index_box WHERE position = 77") == 0 or fail("still wrong")
        list(backups.glob("store-*")) or fail("no backup")
        sql("DELETE FROM persistence_metadata_box WHERE key = 'processing_lock'")

    def an_encrypted_backup_comes_back():
        """restore with schema and counts; refused with the wrong key, damaged, too old; the target stays untouched"""
        fresh()
        family.run("backup-store", common)
        backup = next(path for path in backups.glob("store-*") if not path.name.endswith(".meta.json"))
        b"pending_ops" in backup.read_bytes() and fail("it is not encrypted")
        script("DELETE FROM pending_ops_box; DROP TABLE audit_logs_box")
        inputs = {"store": str(store), "keys": str(keys), "backup": str(backups / "store-*"), "schema_version": 3,
                  "migrate": migrate, **switch}
        before = (store / "store.db").read_bytes()
        family.run("restore-store", inputs, reject="replace", ends=4)
        good = (keys / "backup_key").read_text()
        (keys / "backup_key").write_text("abc\n")
        family.run("restore-store", inputs, ends=1, says="64 hexadecimal digits")
        (keys / "backup_key").write_text(secrets.token_hex(32) + "\n")
        family.run("restore-store", inputs, ends=5, says="key")
        (keys / "backup_key").write_text(good)
        family.run("restore-store", {**inputs, "max_age": "1ms"}, ends=5)
        whole = backup.read_bytes()
        backup.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
        family.run("restore-store", inputs, ends=5)
        (store / "store.db").read_bytes() == before or fail("a refused backup changed the store")
        backup.write_bytes(whole)
        run = family.run("restore-store", inputs)
        run["outputs"]["way"] == "as_it_is" or fail(str(run["outputs"]))
        value("SELECT count(*) FROM pending_ops_box") == 3 or fail("operations are missing")
        logged("store_restored") == 1 or fail("not logged")

    def a_backup_of_an_older_schema_is_migrated_first():
        """the schema does not fit: the backup is migrated beside the store, then takes its place"""
        (tools / "target").write_text("4")
        run = family.run("restore-store", {"store": str(store), "keys": str(keys), "backup": str(backups / "store-*"), "schema_version": 4,
                                           "migrate": migrate, "compromised": True, **switch}, {"rotate": {"run": "abc"}})
        run["outputs"]["way"] == "migrated_first" or fail(str(run["outputs"]))
        value("PRAGMA user_version") == 4 or fail("not migrated")
        value("SELECT count(*) FROM pending_ops_box") == 3 or fail("operations are missing")
        family.run("restore-store", {"store": str(store), "keys": str(keys), "backup": str(backups / "store-*"), "schema_version": 7,
                                     "migrate": migrate, **switch}, ends=5, says="expected schema")
        value("PRAGMA user_version") == 4 or fail("changed")

    def keys_are_rotated():
        """all boxes get a new key; a failure in the middle puts everything back; the old key goes only when nothing needs it"""
        fresh()
        old_boxes = {path.name: path.read_bytes() for path in (store / "boxes").iterdir()}
        inputs = {**common, **switch}
        family.run("rotate-key", inputs, reject="rotate", ends=4)
        (keys / "hive_key_new").exists() and fail("a rejected gate made a key")
        family.run("rotate-key", {**inputs, "start": fails_once()}, ends=5)
        {path.name: path.read_bytes() for path in (store / "boxes").iterdir()} == old_boxes or fail("the old boxes are not back")
        os.readlink(keys / "current") == "hive_key" or fail("the reference is not back")
        boxes_open(10)
        run = family.run("rotate-key", inputs)
        run["outputs"] == {"boxes": 2, "records": 10} or fail(str(run["outputs"]))
        os.readlink(keys / "current") == "hive_key_new" or fail("the reference is the old one")
        boxes_open(10)
        family.run("inspect-boxes", {"boxes": str(store / "boxes"), "key": str(keys / "hive_key")}, ends=1, says="wrong_key")
        logged("key_rotated") >= 1 or fail("not logged")
        family.run("retire-key", {"store": str(store), "keys": str(keys), "old": "hive_key_new"}, ends=1)
        family.run("retire-key", {"store": str(store), "keys": str(keys)}, reject="retire", ends=4)
        (keys / "hive_key").exists() or fail("a rejected gate deleted the key")
        family.run("retire-key", {"store": str(store), "keys": str(keys)})
        (keys / "hive_key").exists() and fail("the old key is still there")
        list(store.glob("boxes.before-*")) and fail("the old boxes are still there")

    def secrets_stay_secret():
        """no key is in the store of the runs"""
        family.command("runs")
        held = b"".join(path.read_bytes() for path in family.folder.glob("store.db*") if path.is_file())
        for path in keys.iterdir():
            text = path.read_text().strip()
            if text.encode() in held or bytes.fromhex(text) in held:
                fail(f"{path.name} is in the journal")

    def a_damaged_box_comes_back():
        """a flipped byte is noticed; the damaged file moves aside, the box of the backup takes its place"""
        fresh()
        (tools / "target").write_text("3")
        family.run("backup-store", common)
        inputs = {**common, "box": "vitals", "migrate": migrate, **switch}
        run = family.run("recover-box", inputs)
        run["gates_passed"] == [] or fail("a whole box asks somebody")
        box = store / "boxes" / "vitals.box"
        content = bytearray(box.read_bytes())
        content[len(content) // 2] ^= 1
        box.write_bytes(content)
        rooms = (store / "boxes" / "rooms.box").read_bytes()
        family.run("inspect-boxes", {"boxes": str(store / "boxes"), "key": str(keys / "current")}, ends=1, says="the box opens and is whole")
        family.run("recover-box", inputs, reject="recover", ends=4)
        family.run("recover-box", {**inputs, "max_age": "1ms"}, ends=5)
        box.read_bytes() == bytes(content) or fail("a refused recovery changed the box")
        family.run("recover-box", {**inputs, "start": fails_once()}, ends=5)
        box.read_bytes() == bytes(content) or fail("the damaged box is not back")
        family.run("recover-box", inputs)
        boxes_open(10)
        (store / "boxes" / "rooms.box").read_bytes() == rooms or fail("another box changed")
        aside = list((store / "boxes").glob("vitals_corrupted_*.bak"))
        len(aside) == 1 and aside[0].read_bytes() == bytes(content) or fail("the damaged file was not kept")
        logged("corruption_recovery") == 1 or fail("not logged")
        list(backups.glob("damaged-boxes-*")) or fail("the damage was not kept")

    def failed_operations_are_tried_again():
        """they go back with their keys, none twice; those that are not due and those tried too often stay"""
        fresh()
        import threading
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        class Service(BaseHTTPRequestHandler):
            status = 503

            def do_GET(self):
                self.send_response(Service.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, age, attempts in (("f1", 9000, 1), ("f2", 9000, 3), ("too_new", 5, 6), ("too_often", 5000, 9)):
            sql("INSERT INTO failed_ops_box VALUES (?, ?, ?, ?, ?, 'timeout', '{}')", name, "key-" + name, ago(10000), ago(age), attempts)
        sql("INSERT INTO failed_ops_box VALUES ('f3', 'key1', ?, ?, 1, 'timeout', '{}')", ago(10000), ago(9000))
        inputs = {"store": str(store), "service": f"http://127.0.0.1:{server.server_address[1]}/"}
        with_short_wait = dict(inputs)
        Service.status = 200
        run = family.run("retry-failed-ops", with_short_wait)
        run["outputs"]["queued"] == 3 or fail(str(run["outputs"]))
        sql("SELECT idempotency_key FROM pending_ops_box ORDER BY 1") == [("key-f1",), ("key-f2",), ("key1",), ("key2",), ("key3",)] or \
            fail(str(sql("SELECT idempotency_key FROM pending_ops_box ORDER BY 1")))
        sql("SELECT id FROM failed_ops_box ORDER BY 1") == [("too_new",), ("too_often",)] or fail("others were queued")
        value("SELECT group_concat(op_id) FROM (SELECT op_id FROM pending_index_box ORDER BY position)").startswith("op1,op2,op3,") or \
            fail("they did not go to the end")
        run = family.run("retry-failed-ops", {**inputs, "ids": ["too_often"], "most_attempts": 20})
        run["outputs"]["queued"] == 0 or fail("it was not due")
        server.shutdown()

    def old_failures_are_archived_and_purged():
        """what is older than its retention is archived, proven, and deleted; a no keeps it"""
        sql("INSERT INTO failed_ops_box VALUES ('ancient', 'key-ancient', ?, ?, 3, 'gone', '{\"x\": 1}')", ago(9e6), ago(40 * 86400))
        inputs = {"store": str(store), "archive": str(archive)}
        family.run("purge-failed-ops", inputs, reject="purge", ends=4)
        value("SELECT count(*) FROM failed_ops_box WHERE id = 'ancient'") == 1 or fail("a rejected gate deleted it")
        run = family.run("purge-failed-ops", inputs)
        run["outputs"]["purged"] == 1 or fail(str(run["outputs"]))
        value("SELECT count(*) FROM failed_ops_box WHERE id = 'ancient'") == 0 or fail("it is still there")
        json.loads(next(archive.glob("failed-ops-*.json")).read_text())[0]["idempotency_key"] == "key-ancient" or fail("not archived")
        value("SELECT count(*) FROM failed_ops_box") == 2 or fail("others went")

    def migrations_run_behind_a_backup():
        """a migration is proven; one that breaks off in the middle is taken back by the backup"""
        fresh()
        (tools / "target").write_text("6")
        inputs = {**common, "migrate": migrate, "schema_version": 6, **switch}
        family.run("run-migrations", inputs, reject="migrate", ends=4)
        family.run("run-migrations", inputs)
        logged("migration_applied") == 3 or fail("not one entry each")
        run = family.run("run-migrations", inputs)
        run["gates_passed"] == [] or fail("nothing to do, and somebody is asked")
        (tools / "target").write_text("99")
        sql("PRAGMA user_version = 98")
        sql("UPDATE persistence_metadata_box SET value = '98' WHERE key = 'schemaVersion'")
        for old in backups.iterdir():
            old.unlink()
        family.run("run-migrations", {**inputs, "schema_version": 99}, ends=5)
        value("SELECT count(*) FROM sqlite_master WHERE name = 'failed_ops_box'") == 1 or fail("the backup is not back")
        value("PRAGMA user_version") == 98 or fail("another version")
        family.run("run-migrations", {**inputs, "schema_version": 5}, ends=1, says="not newer")

    def a_stale_lock_is_taken_over():
        """stale for two minutes: the component takes it; a fresh one is left alone; one that nobody takes is deleted behind a backup"""
        fresh()
        inputs = {**common, "restart": component, "patience": "3s"}
        lock = "INSERT OR REPLACE INTO persistence_metadata_box VALUES ('processing_lock', json_object('owner', 'second', 'startedAt', ?))"
        sql(lock, ago(30))
        family.run("recover-processor", inputs, ends=1, says="not stale")
        "second" in value("SELECT value FROM persistence_metadata_box WHERE key = 'processing_lock'") or fail("a fresh lock was touched")
        sql(lock, ago(121))
        family.run("recover-processor", inputs)
        "component" in value("SELECT value FROM persistence_metadata_box WHERE key = 'processing_lock'") or fail("it was not taken over")
        logged("stale_lock_recovered") == 1 or fail("not logged")
        (store / "broken").write_text("")
        sql(lock, ago(500))
        family.run("recover-processor", inputs, reject="deleted", ends=4)
        "second" in value("SELECT value FROM persistence_metadata_box WHERE key = 'processing_lock'") or fail("a rejected gate deleted it")
        run = family.run("recover-processor", inputs)
        "deleted" in run["gates_passed"] or fail(str(run["gates_passed"]))
        "second" not in str(sql("SELECT value FROM persistence_metadata_box WHERE key = 'processing_lock'")) or fail("it is still there")
        list(backups.glob("store-*")) or fail("no backup before the deletion")
        (store / "broken").unlink()
        sql(lock, ago(-900))
        family.run("recover-processor", {**inputs}, ends=0)
        sql("DELETE FROM persistence_metadata_box WHERE key = 'processing_lock'")
        run = family.run("recover-processor", inputs)
        run["outputs"]["was_stale"] is False or fail("no lock is stale")

    def monitoring_names_what_is_beyond_its_limit():
        """quiet on a healthy store; failed operations, a stale lock, a missing backup and a wrong schema are named"""
        fresh()
        family.run("backup-store", common)
        inputs = {"store": str(store), "backups": str(backups), "schema_version": 3}
        family.run("monitor-store", inputs)
        for number in range(21):
            sql("INSERT INTO failed_ops_box VALUES (?, ?, ?, ?, 1, 'x', '{}')", f"f{number}", f"k{number}", ago(100), ago(50))
        family.run("monitor-store", inputs, ends=1, says="few operations have failed")
        sql("DELETE FROM failed_ops_box")
        sql("INSERT INTO persistence_metadata_box VALUES ('processing_lock', json_object('startedAt', ?))", ago(200))
        family.run("monitor-store", inputs, ends=1, says="no lock is stale")
        sql("DELETE FROM persistence_metadata_box WHERE key = 'processing_lock'")
        family.run("monitor-store", {**inputs, "schema_version": 9}, ends=1, says="the schema is the expected one")
        empty = family.folder / "empty"
        empty.mkdir()
        family.run("monitor-store", {**inputs, "backups": str(empty)}, ends=1, says="there is a backup")

    def fuzz_and_load_run():
        """every damaged box is noticed, and thousands of operations go through in order"""
        run = family.run("fuzz-boxes", {"work": str(family.folder / "fuzz"), "keys": str(keys)})
        run["outputs"]["tried"] >= 20 or fail(str(run["outputs"]))
        (family.folder / "fuzz").exists() and fail("the folder is still there")
        run = family.run("load-queue", {"work": str(family.folder / "load.db"), "operations": 20000})
        (family.folder / "load.db").exists() and fail("the database is still there")
        family.run("load-queue", {"work": str(family.folder / "load.db"), "operations": 20000, "enqueue": "1ms"}, ends=1, says="queueing is fast enough")

    def a_person_is_exported_and_erased():
        """export holds the person's records and a redacted log; erasure leaves the others alone; a no leaves all"""
        fresh()
        sql("INSERT INTO audit_logs_box VALUES ('a1', ?, 'login', 'p-1', 'from 10.1.2.3')", ago(50))
        out = family.folder / "exports"
        out.mkdir()
        inputs = {"store": str(store), "keys": str(keys), "subject": "p-1"}
        family.run("export-subject", {**inputs, "to": str(out)}, reject="export", ends=4)
        list(out.iterdir()) and fail("a rejected gate wrote something")
        run = family.run("export-subject", {**inputs, "to": str(out)})
        export = Path(run["outputs"]["file"])
        export.stat().st_mode & 0o077 == 0 or fail("others may read it")
        told = json.loads(export.read_text())
        sorted(r["id"] for box in told["boxes"] for r in (box["records"] or [])) == [1, 3, 5] or fail(str(told))
        "10.1.2.3" in export.read_text() and fail("the log is not redacted")
        held = b"".join(path.read_bytes() for path in family.folder.glob("store.db*") if path.is_file())
        b'"pulse"' in held and fail("records are in the journal")
        "waits_at" in family.run("erase-subject", inputs) or fail("one person passed a gate for two")
        family.command("cancel", "last", "--reason", "one person cannot").returncode == 130 or fail("not cancelled")
        boxes_open(10)
        erased = family.run("erase-subject", inputs, alone=True)
        erased["outputs"]["removed"] == 3 or fail(str(erased["outputs"]))
        boxes_open(7)
        value("SELECT payload FROM audit_logs_box WHERE id = 'a1'") == '{"redacted":true}' or fail("not redacted")

    def a_collision_of_typeids_is_resolved():
        """code and records get the new number; tests that fail put both back; a rollback later does the same"""
        fresh()
        (code / "lib/persistence/adapters/legacy").mkdir(parents=True, exist_ok=True)
        (code / "test").mkdir(exist_ok=True)
        model = "@HiveType(typeId: {0})\nclass {1} {{\n}}\n"
        (code / "lib/room.dart").write_text(model.format(10, "RoomModel"))
        (code / "lib/lock.dart").write_text(model.format(10, "LockRecord"))
        (code / "lib/persistence/adapters/legacy/room_adapter_old.dart").write_text("// room_adapter_old\n")
        git = ["git", "-C", str(code), "-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", "init", "-q", str(code)], check=True)
        for words in (["config", "user.name", "t"], ["config", "user.email", "t@example.org"], ["add", "."], ["commit", "-qm", "first"]):
            subprocess.run([*git, *words], check=True)
        write_box("locks", [{"id": n, "model": "LockRecord" if n < 3 else "Other", "typeId": 10, "subject": "none"} for n in range(5)])
        box = (store / "boxes/locks.box").read_bytes()
        family.run("check-typeids", {"code": str(code)}, ends=1, says="typeId of its own")
        inputs = {**common, "code": str(code), "file": "lib/lock.dart", "model": "LockRecord", "from": 10, "to": 32, "production": True,
                  "box": "locks", "generate": ["true"], "test": ["true"], **switch}
        family.run("resolve-typeid-collision", {**inputs, "to": 99}, ends=1, says="allocation map")
        family.run("resolve-typeid-collision", inputs, reject="reassign", ends=4)
        done = {"registered": {"done": True}}
        family.run("resolve-typeid-collision", {**inputs, "test": ["false"]}, done, ends=5)
        "typeId: 10" in (code / "lib/lock.dart").read_text() or fail("the code is not back")
        (store / "boxes/locks.box").read_bytes() == box or fail("the box is not back")
        family.run("resolve-typeid-collision", inputs, done)
        "typeId: 32" in (code / "lib/lock.dart").read_text() or fail("the code did not change")
        "typeId: 10" in (code / "lib/room.dart").read_text() or fail("the other model changed")
        family.run("check-typeids", {"code": str(code)})
        boxes_open(15)
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
        backup = sorted(path for path in backups.glob("boxes-*") if not path.name.endswith(".meta.json"))[-1]
        back = {"code": str(code), "commit": commit, "store": str(store), "backup": str(backup), "keys": str(keys), "generate": ["true"], **switch}
        family.run("rollback-typeid", back, reject="back", ends=4)
        family.run("rollback-typeid", back)
        "typeId: 10" in (code / "lib/lock.dart").read_text() or fail("the commit is not undone")
        (store / "boxes/locks.box").read_bytes() == box or fail("the boxes are not those of the backup")

    def an_old_adapter_is_removed():
        """only past its retention, unused, with the list answered; failing tests bring it back"""
        file = code / "lib/persistence/adapters/legacy/room_adapter_old.dart"
        answers = {"list": {"all_users_migrated": True, "no_old_versions": True, "backups_expired": True, "rollback_plan": "wiki"}}
        inputs = {"code": str(code), "adapter": "room_adapter_old", "migrated": "2026-01-01T00:00:00Z", "generate": ["true"], "test": ["true"]}
        family.run("remove-adapter", {**inputs, "migrated": ago(86400)[:19] + "Z"}, answers, ends=1, says="the retention is over")
        family.run("remove-adapter", inputs, {"list": {**answers["list"], "no_old_versions": False}}, ends=1, says="nobody uses an old version")
        family.run("remove-adapter", inputs, answers, reject="remove", ends=4)
        family.run("remove-adapter", {**inputs, "test": ["false"]}, answers, ends=5)
        file.exists() or fail("failing tests did not bring it back")
        (code / "lib/uses.dart").write_text("import 'persistence/adapters/legacy/room_adapter_old.dart';\n")
        family.run("remove-adapter", inputs, answers, ends=1, says="no file refers")
        (code / "lib/uses.dart").unlink()
        family.run("remove-adapter", inputs, answers)
        file.exists() and fail("it is still there")

    def symptoms_lead_to_playbooks():
        """each symptom of the table is looked into and names a playbook that is there"""
        for symptom in ("index_misses_ids", "restore_schema_mismatch", "decrypt_error", "lock_stays", "failed_ops_grow", "type_adapter_exists"):
            run = family.run("troubleshoot", {"symptom": symptom, "store": str(store), "keys": str(keys)})
            (family.playbooks / f"{run['outputs']['helps']}.muster.yaml").exists() or fail(str(run["outputs"]))

    def everything_is_wiped():
        """boxes first, then the key; nothing opens any more"""
        family.run("wipe-store", {"store": str(store), "keys": str(keys), "stop": ["true"]}, alone=True)
        list((store / "boxes").iterdir()) and fail("boxes are left")
        (keys / "current").is_symlink() and fail("the key is left")

    return [the_index_is_rebuilt_from_the_operations, an_index_that_stays_wrong_is_wiped_behind_a_backup, an_encrypted_backup_comes_back,
            a_backup_of_an_older_schema_is_migrated_first, keys_are_rotated, secrets_stay_secret, a_damaged_box_comes_back,
            failed_operations_are_tried_again, old_failures_are_archived_and_purged, migrations_run_behind_a_backup,
            a_stale_lock_is_taken_over, monitoring_names_what_is_beyond_its_limit, fuzz_and_load_run, a_person_is_exported_and_erased,
            a_collision_of_typeids_is_resolved, an_old_adapter_is_removed, symptoms_lead_to_playbooks, everything_is_wiped]


if __name__ == "__main__":
    main("persistence", tests)
