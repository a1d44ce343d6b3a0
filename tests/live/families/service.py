#!/usr/bin/env python3
"""An application with a local database and a cloud: the system that the playbooks of hybrid-sync are about.

It works on database.sqlite in its folder, queues every change, and brings the queue to PostgreSQL in the background, in
batches. What it is told stands in .env: PORT, CLOUD_URL, SYNC_ENABLED, ENABLE_SUPABASE, SYNC_BATCH_SIZE, SYNC_INTERVAL_MS,
ADMIN_TOKEN. A file called `broken` in the folder makes it a bad deployment.
"""
import datetime
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

folder = os.path.dirname(os.path.abspath(__file__))
settings = {"SYNC_ENABLED": "true", "ENABLE_SUPABASE": "true", "SYNC_BATCH_SIZE": "50", "SYNC_INTERVAL_MS": "200"}
with open(os.path.join(folder, ".env")) as file:
    settings.update(line.strip().split("=", 1) for line in file if "=" in line)
TABLES = ("customers", "vehicles", "repair_orders", "parts", "purchase_orders")
lock = threading.Lock()
bringing = threading.Lock()  # held from the cloud's taking of a batch until it has left the queue
state = {"enabled": settings["SYNC_ENABLED"] == "true", "last": None, "failed": 0, "wake": threading.Event()}
local_only = settings["ENABLE_SUPABASE"] != "true"
broken = os.path.exists(os.path.join(folder, "broken"))


def log(text):
    with open(os.path.join(folder, "server.log"), "a") as out:
        out.write(f"{datetime.datetime.utcnow().isoformat()}Z {text}\n")


def database():
    connection = sqlite3.connect(os.path.join(folder, "database.sqlite"), timeout=20)
    connection.row_factory = sqlite3.Row
    return connection


def run_sql(statement, values=()):
    with lock:
        connection = database()
        try:
            with connection:
                return [dict(row) for row in connection.execute(statement, values)]
        finally:
            connection.close()


run_sql("CREATE TABLE IF NOT EXISTS sync_queue (id INTEGER PRIMARY KEY, tbl TEXT NOT NULL, row TEXT NOT NULL)")


def push(operations):
    """All of them in one transaction of the cloud; raises when the cloud does not take them."""
    lines = ["\\set ON_ERROR_STOP on", "BEGIN;"]
    for operation in operations:
        row = operation["row"].replace("'", "''")
        table = operation["tbl"]
        lines.append(f"INSERT INTO {table} SELECT * FROM json_populate_record(NULL::{table}, '{row}');")
    lines.append("COMMIT;")
    done = subprocess.run(["psql", "-X", "-q", "-d", settings["CLOUD_URL"]], input="\n".join(lines), text=True,
                          capture_output=True, timeout=20)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())


def synchronise():
    while True:
        state["wake"].wait(int(settings["SYNC_INTERVAL_MS"]) / 1000)
        state["wake"].clear()
        if not state["enabled"] or local_only:
            continue
        try:
            with bringing:
                operations = run_sql("SELECT * FROM sync_queue ORDER BY id LIMIT ?", (int(settings["SYNC_BATCH_SIZE"]),))
                push(operations)
                if operations:
                    run_sql("DELETE FROM sync_queue WHERE id <= ?", (operations[-1]["id"],))
            state["last"] = datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")
        except Exception as problem:  # the cloud is away, or refuses
            state["failed"] += 1
            log(f"sync did not work: {problem}")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urlparse(self.path)
        limit = int(parse_qs(url.query).get("limit", ["10"])[0])
        if url.path == "/api/health":
            if broken:
                log("ERROR: health check failed")
            return self.answer({"status": "error" if broken else "ok"}, 500 if broken else 200)
        if url.path == "/api/sync/status":
            waiting = run_sql("SELECT count(*) AS n FROM sync_queue")[0]["n"]
            return self.answer({"data": {"enabled": state["enabled"] and not local_only,
                                         "mode": "local-only" if local_only else "hybrid", "lastSync": state["last"],
                                         "queue": {"queueSize": waiting, "totalFailed": state["failed"]}}})
        if url.path == "/api/sync/queue":
            return self.answer({"data": run_sql("SELECT * FROM sync_queue ORDER BY id LIMIT 500")})
        if url.path in ("/api/customers", "/api/repair-orders"):
            table = "customers" if url.path.endswith("customers") else "repair_orders"
            return self.answer({"data": run_sql(f"SELECT * FROM {table} ORDER BY id LIMIT ?", (limit,))})
        return self.answer({"error": "no such thing"}, 404)

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlparse(self.path).path
        bearer = self.headers.get("Authorization", "")
        if path == "/api/sync/disable":
            state["enabled"] = False
            return self.answer({"ok": True})
        if path == "/api/sync/enable":
            state["enabled"] = True
            return self.answer({"ok": True})
        if path == "/api/sync/trigger":
            state["wake"].set()
            return self.answer({"ok": True})
        if path == "/api/sync/queue/clear":
            if bearer != "Bearer " + settings["ADMIN_TOKEN"]:
                return self.answer({"error": "forbidden"}, 403)
            run_sql("DELETE FROM sync_queue")
            return self.answer({"ok": True})
        if path == "/api/auth/login":
            return self.answer({"token": settings["ADMIN_TOKEN"]} if json.loads(text)["password"] == "the-login-password"
                               else {"error": "wrong"}, 200 if json.loads(text)["password"] == "the-login-password" else 401)
        if path == "/api/customers":
            if bearer != "Bearer " + settings["ADMIN_TOKEN"]:
                return self.answer({"error": "forbidden"}, 403)
            body = json.loads(text)
            made = run_sql("INSERT INTO customers (name, created_at) VALUES (?, ?) RETURNING *",
                           (f"{body['firstName']} {body['lastName']}", datetime.datetime.utcnow().isoformat()))[0]
            run_sql("INSERT INTO sync_queue (tbl, row) VALUES ('customers', ?)", (json.dumps(made),))
            return self.answer({"data": made}, 201)
        return self.answer({"error": "no such thing"}, 404)


def listen():
    for _ in range(500):  # the one before may still hold the port
        try:
            return ThreadingHTTPServer(("127.0.0.1", int(settings["PORT"])), Handler)
        except OSError:
            time.sleep(0.05)
    sys.exit("the port stays taken")


def leave(*_):
    """Who is asked to stop finishes the batch first; only a kill comes between the cloud and the queue."""
    bringing.acquire(timeout=20)
    os._exit(0)


ThreadingHTTPServer.allow_reuse_address = True
signal.signal(signal.SIGTERM, leave)
server = listen()
with open(os.path.join(folder, "server.pid"), "w") as out:
    out.write(str(os.getpid()))
threading.Thread(target=synchronise, daemon=True).start()
log("listening")
server.serve_forever()
