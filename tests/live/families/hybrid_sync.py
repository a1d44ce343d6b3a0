#!/usr/bin/env python3
"""playbooks/hybrid-sync against a real application, its SQLite database, its git repository, and PostgreSQL as its cloud.

usage: hybrid_sync.py FOLDER_OF_MUSTER [TEST...]
"""
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import urllib.request
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from live_family import Postgres, eventually, fail, free_port, main

SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, created_at TEXT);
CREATE TABLE vehicles (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), plate TEXT);
CREATE TABLE repair_orders (id INTEGER PRIMARY KEY, vehicle_id INTEGER REFERENCES vehicles (id), what TEXT);
CREATE TABLE parts (id INTEGER PRIMARY KEY, label TEXT);
CREATE TABLE purchase_orders (id INTEGER PRIMARY KEY, part_id INTEGER REFERENCES parts (id), amount INTEGER);
"""
TABLES = ["customers", "vehicles", "repair_orders", "parts", "purchase_orders"]


def tests(family):
    cloud = Postgres(family)
    os.environ["PATH"] = f"{cloud.binaries}:{os.environ['PATH']}"
    cloud.sql(SCHEMA)
    port = free_port()
    api = f"http://127.0.0.1:{port}"
    token = "the-token-of-the-admin"
    app, origin, backups = family.folder / "app", family.folder / "origin.git", family.folder / "backups"
    scratch = family.folder / "scratch.sqlite"
    backups.mkdir()
    family.environment.update(SYNC_ADMIN_TOKEN=token, APP_API_TOKEN=token, CLOUD_PASSWORD=cloud.password,
                              APP_LOGIN_PASSWORD="the-login-password", PATH=os.environ["PATH"],
                              GIT_AUTHOR_NAME="test", GIT_AUTHOR_EMAIL="test@example.org")
    there = {"host": "127.0.0.1", "port": cloud.port, "cloud_database": "cloud", "user": "cloud"}
    restart = {"restart": ["sh", "restart.sh"]}
    install = {"install": ["true"]}

    def git(*words):
        return subprocess.run(["git", "-c", "init.defaultBranch=main", *words], check=True, capture_output=True, text=True,
                              cwd=app).stdout.strip()

    def make_application():
        app.mkdir()
        shutil.copy(Path(__file__).with_name("service.py"), app)
        (app / "restart.sh").write_text(
            'cd "$(dirname "$0")"\n'
            'if [ -f server.pid ]; then kill "$(cat server.pid)" 2>/dev/null || true; rm -f server.pid; fi\n'
            'setsid python3 service.py </dev/null >>output.log 2>&1 &\n'
            'i=0; while [ ! -s server.pid ]; do i=$((i + 1)); [ $i -lt 600 ] || exit 1; sleep 0.1; done\n')
        (app / ".gitignore").write_text("*.log\n*.pid\n*.sqlite*\n.env*\n__pycache__\n")
        (app / ".env").write_text(f"PORT={port}\nCLOUD_URL={cloud.url}\nADMIN_TOKEN={token}\n")
        with closing(sqlite3.connect(app / "database.sqlite")) as local:
            local.executescript(SCHEMA)
            local.executemany("INSERT INTO customers VALUES (?, ?, '2026-01-01')", [(i, f"Customer {i}") for i in range(1, 131)])
            local.executemany("INSERT INTO vehicles VALUES (?, ?, ?)", [(i, i, f"P-{i}") for i in range(1, 61)])
            local.executemany("INSERT INTO repair_orders VALUES (?, ?, 'dent')", [(i, i) for i in range(1, 31)])
            local.executemany("INSERT INTO parts VALUES (?, 'door')", [(i,) for i in range(1, 21)])
            local.executemany("INSERT INTO purchase_orders VALUES (?, ?, 3)", [(i, i) for i in range(1, 11)])
            local.commit()
        git("init", "-q")
        git("config", "user.name", "test")
        git("config", "user.email", "test@example.org")
        git("add", ".")
        git("commit", "-qm", "works")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", origin], check=True)
        git("remote", "add", "origin", str(origin))
        git("push", "-q", "origin", "main")
        subprocess.run(["sh", app / "restart.sh"], check=True, timeout=90)
        family.at_end(lambda: [stop_service(folder) for folder in (app, family.folder / "release")])

    def stop_service(folder):
        try:
            os.kill(int((folder / "server.pid").read_text()), signal.SIGTERM)
        except (OSError, ValueError):
            pass

    def nobody_listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    def ask(path, post=False, bearer=None, body=b""):
        request = urllib.request.Request(api + path, data=body if post else None)
        if bearer:
            request.add_header("Authorization", "Bearer " + bearer)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def status():
        return ask("/api/sync/status")["data"]

    def new_customer(name):
        return ask("/api/customers", True, token, json.dumps({"firstName": name, "lastName": "Live", "phone": "1"}).encode())

    def local(text):
        with closing(sqlite3.connect(app / "database.sqlite", timeout=20)) as database:
            return database.execute(text).fetchall()

    def flood(count):
        row = json.dumps({"id": 1, "name": "again", "created_at": "2026"})
        with closing(sqlite3.connect(app / "database.sqlite", timeout=20)) as database:
            database.executemany("INSERT INTO sync_queue (tbl, row) VALUES ('customers', ?)", [(row,)] * count)
            database.commit()

    def commit_a_bad_deployment():
        (app / "broken").write_text("")
        git("add", ".")
        git("commit", "-qm", "breaks it")
        git("push", "-q", "origin", "main")
        subprocess.run(["sh", app / "restart.sh"], check=True, timeout=90)

    def heal_the_deployment(commit):
        git("checkout", "-q", "main")
        git("reset", "-q", "--hard", commit)
        git("push", "-qf", "origin", "main")
        subprocess.run(["sh", app / "restart.sh"], check=True, timeout=90)

    # A front of the cloud, as its API is: healthy when the database answers.
    class Front(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if cloud.process and cloud.answers() else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    front = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    threading.Thread(target=front.serve_forever, daemon=True).start()
    cloud_api = f"http://127.0.0.1:{front.server_address[1]}/rest/v1/"
    make_application()

    def the_cloud_is_filled_and_kept_up_to_date():
        """level 4 brings 250 rows over; again, with damage in the cloud, it mends exactly that"""
        spot = {"spot_check": {"records": 5, "matches": True}}
        inputs = {"api": api, "database": str(app / "database.sqlite"), "backups": str(backups), **there}
        run = family.run("resync-to-cloud", inputs, spot)
        counts = [cloud.sql(f"SELECT count(*) FROM {table}") for table in TABLES]
        counts == ["130", "60", "30", "20", "10"] or fail(f"{counts}")
        run["outputs"]["created"] == 250 or fail(f"{run['outputs']}")
        status()["enabled"] or fail("sync is off")
        cloud.sql("UPDATE customers SET name = 'wrong' WHERE id = 7; DELETE FROM purchase_orders WHERE id = 3; "
                  "INSERT INTO parts VALUES (99, 'only there')")
        run = family.run("resync-to-cloud", inputs, spot)
        run["outputs"]["unchanged"] == 248 or fail(f"{run['outputs']}")
        cloud.sql("SELECT name FROM customers WHERE id = 7") == "Customer 7" or fail("a wrong row stays")
        cloud.sql("SELECT count(*) FROM parts") == "21" or fail("a row that only the cloud has went without being asked")
        family.run("resync-to-cloud", {**inputs, "prune": True}, spot)
        cloud.sql("SELECT count(*) FROM parts") == "20" or fail("prune leaves a row")

    def a_person_who_sees_differences_keeps_sync_off():
        """a spot check that does not match ends the re-sync with sync off"""
        family.run("resync-to-cloud", {"api": api, "database": str(app / "database.sqlite"), "backups": str(backups), **there},
                   {"spot_check": {"records": 2, "matches": False}}, ends=1, says="the records in the cloud")
        status()["enabled"] and fail("sync is on")
        family.run("enable-sync", {"api": api})

    def sync_goes_off_and_the_queue_holds():
        """level 1: sync is off, local work goes on and waits"""
        family.run("disable-sync", {"api": api})
        status()["enabled"] and fail("sync is on")
        new_customer("Waits")
        status()["queue"]["queueSize"] == 1 or fail(str(status()))
        family.run("enable-sync", {"api": api})
        eventually(lambda: status()["queue"]["queueSize"] == 0) or fail("it still waits")

    def a_service_that_does_not_listen_is_restarted_without_sync():
        """level 1 falls back to the environment file when the API does not answer"""
        stop_service(app)
        eventually(nobody_listens) or fail("the service still listens")
        family.run("disable-sync", {"api": api, "app": str(app), **restart})
        "SYNC_ENABLED=false" in (app / ".env").read_text() or fail((app / ".env").read_text())
        status()["enabled"] and fail("sync is on")
        (app / ".env").write_text((app / ".env").read_text().replace("SYNC_ENABLED=false\n", ""))
        subprocess.run(["sh", app / "restart.sh"], check=True, timeout=90)

    def the_queue_is_emptied_after_it_was_kept():
        """level 2: a rejection changes nothing; an approval keeps the queue in a file and empties it"""
        ask("/api/sync/disable", True)
        for name in ("Ann", "Bob", "Cy"):
            new_customer(name)
        inputs = {"api": api, "backups": str(backups)}
        family.run("clear-queue", inputs, reject="clear", ends=4)
        status()["queue"]["queueSize"] == 3 or fail("a rejected gate dropped something")
        run = family.run("clear-queue", inputs)
        run["outputs"]["dropped"] == 3 or fail(str(run["outputs"]))
        status()["queue"]["queueSize"] == 0 or fail("it still waits")
        kept = sorted(backups.glob("queue-backup-*.json"))[-1]
        len(json.loads(kept.read_text())["data"]) == 3 or fail("the copy holds something else")
        kept.stat().st_mode & 0o077 == 0 or fail("others may read the copy")
        local("SELECT count(*) FROM customers WHERE name LIKE '% Live'")[0][0] >= 3 or fail("local data went")
        run = family.run("clear-queue", inputs)
        run["gates_passed"] == [] or fail("an empty queue asks somebody")

    def a_wrong_token_empties_nothing():
        """level 2 with a wrong admin token fails, and shows the token nowhere"""
        new_customer("Dee")
        family.environment["SYNC_ADMIN_TOKEN"] = "no-token-of-this-service"
        family.run("clear-queue", {"api": api, "backups": str(backups)}, ends=1, says="403")
        family.environment["SYNC_ADMIN_TOKEN"] = token
        status()["queue"]["queueSize"] == 1 or fail("it was emptied")
        ask("/api/sync/enable", True)

    def an_outage_is_survived():
        """scenario 1: the server is really stopped; local work goes on, the queue drains when it is back"""
        cloud.stop()
        new_customer("Storm")
        back = threading.Timer(6, cloud.start)
        back.start()
        run = family.run("cloud-outage", {"api": api, "cloud": cloud_api, "every": "1s", "patience": "3m"})
        back.join()
        run["outputs"]["was_away"] or fail("nobody noticed")
        cloud.sql("SELECT count(*) FROM customers WHERE name = 'Storm Live'") == "1" or fail("what waited did not arrive")

    def a_killed_sync_is_made_up_for():
        """the service is killed between the cloud and its queue: what it brings again is refused, until all is brought over anew"""
        ask("/api/sync/disable", True)
        for name in ("Kim", "Lou", "Max"):
            new_customer(name)
        arrived = "SELECT count(*) FROM customers WHERE name IN ('Kim Live', 'Lou Live', 'Max Live')"
        with closing(sqlite3.connect(app / "database.sqlite", timeout=20, isolation_level=None)) as holding:
            holding.execute("BEGIN IMMEDIATE")  # the service cannot take from its queue what the cloud has taken
            ask("/api/sync/enable", True)
            eventually(lambda: cloud.sql(arrived) == "3") or fail("nothing was brought over")
            os.kill(int((app / "server.pid").read_text()), signal.SIGKILL)
            eventually(nobody_listens) or fail("the service lives on")
        subprocess.run(["sh", app / "restart.sh"], check=True, timeout=90)
        eventually(lambda: status()["queue"]["totalFailed"] > 10) or fail("the cloud takes it twice")
        family.run("monitor-sync", {"api": api, "cloud": cloud_api}, ends=1, says="at most 10 syncs have failed")
        run = family.run("clear-queue", {"api": api, "backups": str(backups)})
        run["outputs"]["dropped"] == 3 or fail(str(run["outputs"]))
        family.run("resync-to-cloud", {"api": api, "database": str(app / "database.sqlite"), "backups": str(backups), **there},
                   {"spot_check": {"records": 3, "matches": True}})
        cloud.sql(arrived) == "3" or fail("something is there twice, or not at all")
        new_customer("Ned")
        eventually(lambda: cloud.sql("SELECT count(*) FROM customers WHERE name = 'Ned Live'") == "1") or fail("sync does not go on")

    def monitoring_tells_what_is_beyond_its_limit():
        """monitoring is quiet on a healthy system, and names queue and failures on a sick one"""
        subprocess.run(["sh", app / "restart.sh"], check=True, timeout=90)
        eventually(lambda: status()["lastSync"]) or fail("no sync")
        family.run("monitor-sync", {"api": api, "cloud": cloud_api})
        ask("/api/sync/disable", True)
        flood(150)
        family.run("monitor-sync", {"api": api, "cloud": cloud_api}, ends=1, says="at most 100 operations wait")
        cloud.stop()
        family.run("monitor-sync", {"api": api, "cloud": cloud_api}, ends=1, says="503")
        cloud.start()
        ask("/api/sync/queue/clear", True, token)
        ask("/api/sync/enable", True)

    def a_policy_that_blocks_is_found_and_replaced():
        """scenario 2: the role sees nothing; with the policy of the file it sees its rows; RLS is on whatever happens"""
        cloud.sql("CREATE ROLE shop LOGIN PASSWORD 'x'; GRANT SELECT ON customers TO shop; "
                  "ALTER TABLE customers ENABLE ROW LEVEL SECURITY; "
                  "CREATE POLICY \"Users can view shop customers\" ON customers FOR SELECT USING (false)")
        policy = family.folder / "policy.sql"
        policy.write_text('DROP POLICY "Users can view shop customers" ON customers;\n'
                          'CREATE POLICY "Users can view shop customers" ON customers FOR SELECT USING (id < 50);\n')
        inputs = {"role": "shop", "policy": str(policy), "environment": "testing", **there}
        seen = "SET ROLE shop; SELECT count(*) FROM customers"
        def locked(path):
            if path == "mend":
                cloud.sql("SELECT relrowsecurity FROM pg_class WHERE relname = 'customers'") == "t" or fail("RLS is off behind the proof")
        family.run("row-level-security", inputs, at_gate=locked)
        cloud.sql(seen) == "49" or fail(cloud.sql(seen))
        policy.write_text('DROP POLICY "Users can view shop customers" ON customers;\n'
                          'CREATE POLICY "Users can view shop customers" ON customers FOR SELECT USING (id < 3);\n')
        family.run("row-level-security", {**inputs, "environment": "production"}, ends=5, says="it sees no fewer than before")
        cloud.sql(seen) == "49" or fail(f"the policy of before is not back: {cloud.sql(seen)}")
        policy.write_text("DROP POLICY nothing ON customers;\n")
        family.run("row-level-security", {**inputs, "environment": "production"}, ends=5)
        cloud.sql(seen) == "49" or fail("a broken file changed the policies")
        cloud.sql("ALTER TABLE customers DISABLE ROW LEVEL SECURITY")

    def an_overflowing_queue_is_emptied_and_tuned():
        """scenario 3: more than 10,000 wait; the queue is emptied, memory, batch and interval are set, it shrinks"""
        ask("/api/sync/disable", True)
        flood(10100)
        before = (app / ".env").read_text()
        inputs = {"api": api, "app": str(app), "backups": str(backups), "batch_size": 200, "interval_ms": 100, **restart}
        family.run("queue-overflow", inputs, reject="tune", ends=4)
        (app / ".env").read_text() == before or fail("a rejected gate changed .env")
        flood(10100)
        run = family.run("queue-overflow", inputs)
        run["outputs"]["dropped"] or fail("not emptied")
        text = (app / ".env").read_text()
        all(line in text for line in ("SYNC_BATCH_SIZE=200", "SYNC_INTERVAL_MS=100", "NODE_OPTIONS=--max-old-space-size=4096")) or fail(text)
        status()["enabled"] or fail("sync is off after the restart")

    def duplicates_go_and_come_no_more():
        """scenario 4: of each record the latest stays, one of twins stays, the rest is kept beside, the key becomes unique"""
        cloud.sql("CREATE TABLE visits (id INTEGER, note TEXT, created_at TIMESTAMPTZ);"
                  "INSERT INTO visits VALUES (1, 'old', '2026-01-01'), (1, 'new', '2026-01-02'), (2, 'only', '2026-01-01'),"
                  "(3, 'twin', '2026-01-01'), (3, 'twin', '2026-01-01'), (3, 'twin', '2026-01-01')")
        inputs = {"table": "visits", **there}
        family.run("duplicate-records", inputs, reject="remove", ends=4)
        cloud.sql("SELECT count(*) FROM visits") == "6" or fail("a rejected gate deleted something")
        run = family.run("duplicate-records", inputs)
        run["outputs"] == {"records": 2, "removed": 3} or fail(str(run["outputs"]))
        cloud.sql("SELECT string_agg(note, ',' ORDER BY id) FROM visits") == "new,only,twin" or fail(cloud.sql("SELECT * FROM visits"))
        cloud.sql(f"SELECT count(*) FROM duplicates_of_visits_{run['id']}") == "3" or fail("what went was not kept")
        try:
            cloud.sql("INSERT INTO visits VALUES (2, 'again', now())")
        except AssertionError:
            pass
        else:
            fail("a duplicate is taken")
        run = family.run("duplicate-records", inputs)
        run["gates_passed"] == [] or fail("a clean table asks somebody")
        cloud.sql("ALTER TABLE visits DROP CONSTRAINT visits_id_once; INSERT INTO visits VALUES (2, 'again', '2026-02-01')")
        run = family.run("duplicate-records", {**inputs, "constrain": False})
        run["outputs"] == {"records": 1, "removed": 1} or fail(f"the second time: {run['outputs']}")
        family.command("rollback", "last").returncode == 5 or fail("what was removed is not put back")
        cloud.sql("SELECT count(*) FROM visits WHERE id = 2") == "2" or fail("a row is lost")
        cloud.sql("CREATE TABLE broken_key (id INTEGER, created_at TIMESTAMPTZ); INSERT INTO broken_key VALUES (1, now()), (1, now());"
                  "CREATE TABLE broken_key_id_once (x INTEGER)")
        family.run("duplicate-records", {"table": "broken_key", **there}, ends=5)
        cloud.sql("SELECT count(*) FROM broken_key") == "2" or fail("what was deleted is not back")

    def a_bad_deployment_is_undone_by_each_way():
        """level 3: revert, reset and branch make the application healthy again; the environment makes it local only"""
        works = git("rev-parse", "HEAD")
        common = {"app": str(app), "api": api, "log": str(app / "server.log"), **restart, **install}

        def healthy():
            return ask("/api/health")["status"] == "ok"

        commit_a_bad_deployment()
        bad = git("rev-parse", "HEAD")
        family.run("rollback-application", {**common, "way": "revert", "commit": bad})
        healthy() and git("rev-parse", "HEAD~1") == bad or fail("not reverted")
        git("ls-remote", "origin", "main").startswith(git("rev-parse", "HEAD")) or fail("not pushed")

        commit_a_bad_deployment()
        family.run("rollback-application", {**common, "way": "reset", "commit": works}, reject="reset", ends=4)
        commit = git("rev-parse", "HEAD")
        commit != works or fail("a rejected gate reset the branch")
        family.run("rollback-application", {**common, "way": "reset", "commit": works})
        healthy() and git("rev-parse", "HEAD") == works or fail("not reset")
        commit in git("for-each-ref", "--format=%(objectname)", "refs/heads/before-reset-*") or fail("the commits are lost")

        git("checkout", "-qb", "experiment")
        (app / "broken").write_text("")
        git("add", ".")
        git("commit", "-qm", "breaks it")
        subprocess.run(["sh", app / "restart.sh"], check=True, timeout=90)
        family.run("rollback-application", {**common, "way": "branch"})
        healthy() and git("rev-parse", "--abbrev-ref", "HEAD") == "main" or fail("not on main")

        family.run("rollback-application", {**common, "way": "environment"})
        status()["mode"] == "local-only" or fail("not local only")
        (app / ".env").write_text((app / ".env").read_text().replace("ENABLE_SUPABASE=false\n", ""))
        heal_the_deployment(works)

    def a_rollback_that_does_not_help_asks_a_person():
        """level 3: the application is still sick behind the rollback, a person undoes it, and the tree is as it was"""
        works = git("rev-parse", "HEAD")
        commit_a_bad_deployment()
        (app / "note").write_text("harmless")
        git("add", ".")
        git("commit", "-qm", "harmless")
        bad = git("rev-parse", "HEAD")
        inputs = {"app": str(app), "api": api, "way": "revert", "commit": bad, "patience": "3s", **restart, **install}
        family.run("rollback-application", inputs, {"judged": {"decision": "undo", "reason": "does not help"}}, ends=5)
        git("rev-parse", "HEAD") == bad or fail("the tree is another")
        heal_the_deployment(works)

    def backups_are_made_kept_and_listed():
        """daily, on-demand and weekly backups are made and proven; old ones go, those of a change stay"""
        inputs = {"database": str(app / "database.sqlite"), "backups": str(backups)}
        family.run("backup-database", inputs)
        old = next(backups.glob("database-2*.sqlite"))
        meta = Path(str(old) + ".meta.json")
        told = json.loads(meta.read_text())
        aged = old.with_name("database-20260101T020000Z.sqlite")
        told.update(created_at="2026-01-01T02:00:00Z", file=aged.name)
        old.rename(aged)
        meta.rename(str(aged) + ".meta.json")
        Path(str(aged) + ".meta.json").write_text(json.dumps(told))
        os.utime(aged, (1767232800, 1767232800))
        family.run("backup-now", {**inputs, "change": "upgrade-42"})
        family.run("backup-database", inputs)
        aged.exists() and fail("a backup of ten months ago is still there")
        len(list(backups.glob("database-2*.sqlite"))) == 1 or fail("the new backup is not there")
        list(backups.glob("database-pre-change-upgrade-42-*.sqlite")) or fail("the backup of the change went")
        for _ in range(3):
            family.run("backup-cloud", {"backups": str(backups), "keep": 2, **there})
        len(list(backups.glob("cloud-*.dump"))) == 2 or fail("not two snapshots")
        cloud.stop()
        family.run("backup-cloud", {"backups": str(backups), "keep": 2, **there}, ends=1)
        cloud.start()
        len(list(backups.glob("cloud-*.dump"))) == 2 or fail("a failed dump removed a snapshot")

    def the_quarterly_tests_pass():
        """all four recovery tests pass on a system that works, and the checklist before production takes their run"""
        head = git("rev-parse", "HEAD")
        (app / "note2").write_text("harmless")
        git("add", ".")
        git("commit", "-qm", "harmless")
        inputs = {"environment": "testing", "api": api, "app": str(app), "backups": str(backups), "scratch": str(scratch),
                  **install, **restart}
        run = family.run("quarterly-recovery-tests", inputs)
        scratch.exists() and fail("the copy is still there")
        git("rev-parse", "HEAD~1") == head or fail("the tree is another")
        answers = {"tests_run": run["id"], "trained": 3, "on_call": "wiki", "contacts": "wiki", "billing_alerts": True,
                   "plan_reviewed": "2026-10-01", "all_points": True}
        sign_off = family.folder / "ready.json"
        checklist = {"api": api, "backups": str(backups), "snapshots": str(backups), "sign_off": str(sign_off)}
        family.run("pre-production", checklist, {"answers": {**answers, "billing_alerts": False}}, ends=1, says="billing alerts")
        family.run("pre-production", checklist, {"answers": answers}, reject="agree", ends=4)
        sign_off.exists() and fail("signed off against a no")
        family.run("pre-production", checklist, {"answers": answers})
        json.loads(sign_off.read_text())["answers"]["trained"] == 3 or fail(sign_off.read_text())

    def a_quarterly_test_that_fails_is_named():
        """with damaged backups the fourth test fails, the other three still run"""
        for backup in backups.glob("database-*.sqlite"):
            with open(backup, "r+b") as file:
                file.seek(5000)
                file.write(b"x" * 3000)
        family.run("quarterly-recovery-tests", {"environment": "testing", "api": api, "app": str(app), "backups": str(backups),
                                                "scratch": str(scratch), **install, **restart}, ends=5, says="a backup comes back")
        for backup in backups.glob("database-*"):
            backup.unlink()
        status()["enabled"] or fail("a test left sync off")

    def tiers_are_climbed():
        """escalation stops at the tier that solves it, and an emergency goes to tier 4 with sync off"""
        inputs = {"problem": "queue grows", "api": api, "log": str(app / "server.log")}
        run = family.run("escalate", inputs, {"self": {"solved": False}, "team": {"solved": True}})
        run["gates_passed"] == ["self", "team"] or fail(str(run["gates_passed"]))
        run = family.run("escalate", {**inputs, "from_tier": 4}, {"lead": {"lead": "Dee", "stable": True}})
        run["gates_passed"] == ["lead"] or fail(str(run["gates_passed"]))
        status()["enabled"] and fail("sync is on")
        ask("/api/sync/enable", True)

    def the_whole_system_is_restored():
        """level 5: the database is really damaged, the application runs from a new clone, the cloud is emptied and filled"""
        eventually(lambda: status()["queue"]["queueSize"] == 0)
        family.run("backup-database", {"database": str(app / "database.sqlite"), "backups": str(backups)})
        kept = local("SELECT count(*) FROM customers")[0][0]
        stop_service(app)
        eventually(nobody_listens) or fail("the service still listens")
        for leftover in ("-wal", "-shm", "-journal"):
            (app / f"database.sqlite{leftover}").unlink(missing_ok=True)
        with open(app / "database.sqlite", "r+b") as file:
            file.seek(4096)
            file.write(os.urandom(20000))
        damaged = (app / "database.sqlite").read_bytes()
        release = family.folder / "release"
        shutil.copy(app / ".env", family.folder / "env.backup")
        inputs = {"database": str(app / "database.sqlite"), "backups": str(backups), "repository": str(origin), "release": str(release),
                  "environment": str(family.folder / "env.backup"), "stop": ["true"], "start": ["sh", "restart.sh"], "api": api,
                  "watch_for": "3s", "tables": TABLES, **install, **there}
        family.run("restore-system", inputs, reject="replace", ends=4)
        (app / "database.sqlite").read_bytes() == damaged or fail("a rejected gate changed the database")
        family.run("restore-system", {**inputs, "max_age": "1ms"}, ends=1, says="at most 1ms is allowed")
        (app / "database.sqlite").read_bytes() == damaged or fail("a refused backup changed the database")
        run = family.run("restore-system", inputs, {"spot_check": {"records": 9, "matches": True}})
        token.encode() in b"".join(path.read_bytes() for path in family.folder.glob("store.db*") if path.is_file()) and fail("the token is in the journal")
        cloud.sql("SELECT count(*) FROM customers") == str(kept + 1) or fail(cloud.sql("SELECT count(*) FROM customers"))
        ask("/api/health")["status"] == "ok" or fail("sick")
        oct((release / ".env").stat().st_mode & 0o777) == "0o600" or fail("others may read .env")
        list(app.glob("database.sqlite.before-*")) or fail("the damaged database was not kept")

    return [the_cloud_is_filled_and_kept_up_to_date, a_person_who_sees_differences_keeps_sync_off, sync_goes_off_and_the_queue_holds,
            a_service_that_does_not_listen_is_restarted_without_sync, the_queue_is_emptied_after_it_was_kept,
            a_wrong_token_empties_nothing, an_outage_is_survived, a_killed_sync_is_made_up_for, monitoring_tells_what_is_beyond_its_limit,
            a_policy_that_blocks_is_found_and_replaced, an_overflowing_queue_is_emptied_and_tuned, duplicates_go_and_come_no_more,
            a_bad_deployment_is_undone_by_each_way, a_rollback_that_does_not_help_asks_a_person, backups_are_made_kept_and_listed,
            the_quarterly_tests_pass, a_quarterly_test_that_fails_is_named, tiers_are_climbed, the_whole_system_is_restored]


if __name__ == "__main__":
    main("hybrid-sync", tests)
