"""A small server of stores, and the place it is hosted at.

    server.py run HOSTING     serves GET /health on the port in HOSTING/port until it is killed
    server.py host HOSTING    the place: on the port in HOSTING/host-port it takes POST /restart and /stop, which start and
                              end a server as above, and /message, one line each in HOSTING/messages

HOSTING/data/STORE/store.db is a store's copy on the disk, HOSTING/backend/STORE.db all its events. When the server starts it
opens each store of the backend: one without a copy gets everything, one whose copy holds fewer events than the backend is
not opened, and neither is one whose copy or backend cannot be read. HOSTING/log is what it says meanwhile.
"""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

hosting = pathlib.Path(sys.argv[2])


def log(line):
    with open(hosting / "log", "a") as file:
        file.write(time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime()) + line + "\n")


def events_of(path):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return db.execute("SELECT id, body FROM events ORDER BY id").fetchall()


def open_store(name):
    known = events_of(hosting / "backend" / f"{name}.db")
    folder = hosting / "data" / name
    if not folder.exists():
        folder.mkdir()
        with sqlite3.connect(folder / "store.db") as db:
            db.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, body TEXT)")
            db.executemany("INSERT INTO events VALUES (?, ?)", known)
        log(f"synced {len(known)} events")
    here = events_of(folder / "store.db")
    if len(here) < len(known):
        raise ValueError("LiveStore.UnknownError: During boot the backend head "
                         f"({len(known)}) should never be greater than the local head ({len(here)})")
    return len(here)


def run():
    stores = []
    log("Starting")
    for path in sorted((hosting / "backend").glob("*.db")):
        name = path.stem
        try:
            count = open_store(name)
        except (ValueError, OSError, sqlite3.Error) as problem:
            log(f"Failed to create store {{ storeId: '{name}' }}: {problem}")
            continue
        log(f"Store created successfully {{ storeId: '{name}' }}")
        log(f"Event monitoring started {{ storeId: '{name}', events: {count} }}")
        stores.append({"storeId": name, "status": "created"})

    class Health(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"status": "ok", "storeCount": len(stores), "stores": stores}).encode()
            self.send_response(200 if self.path == "/health" else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    ThreadingHTTPServer.allow_reuse_address = True
    server = ThreadingHTTPServer(("127.0.0.1", int((hosting / "port").read_text())), Health)
    server.serve_forever()


def host():
    running = []

    def stop():
        while running:
            server = running.pop()
            server.kill()
            server.wait()

    def restart():
        stop()
        with open(hosting / "output", "a") as output:
            running.append(subprocess.Popen([sys.executable, __file__, "run", str(hosting)],
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=output))

    class Place(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/message":
                with open(hosting / "messages", "a") as file:
                    file.write(json.loads(body)["text"].replace("\n", " ") + "\n")
            else:
                {"/restart": restart, "/stop": stop}[self.path]()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    place = HTTPServer(("127.0.0.1", 0), Place)
    (hosting / "host-port.new").write_text(str(place.server_address[1]))
    (hosting / "host-port.new").rename(hosting / "host-port")
    signal.signal(signal.SIGTERM, lambda *_: (stop(), os._exit(0)))
    place.serve_forever()


{"run": run, "host": host}[sys.argv[1]]()
