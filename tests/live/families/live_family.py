"""What the live tests of the playbook families share: the shipped program, a person who decides, a PostgreSQL server."""
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ME = pwd.getpwuid(os.getuid()).pw_name


def fail(text):
    raise AssertionError(text)


def eventually(what, seconds=60):
    """Asks until the answer is true; the last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.05)


def free_port():
    """Below those that the kernel gives to connections, so that nobody is given it meanwhile."""
    for port in range(20000 + os.getpid() % 8000, 32000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    fail("no port is free")


class Family:
    """One playbook folder, one store, one configuration in which this user is everybody."""

    def __init__(self, release, name):
        self.folder = Path(tempfile.mkdtemp(prefix=f"muster-{name}."))
        self.playbooks = ROOT / "playbooks" / name
        self.muster = str(Path(release) / "muster")
        config = self.folder / "config.yaml"
        groups = "".join(f"  {group}: [{ME}]\n" for group in ("oncall", "sre", "database", "security", "privacy", "stakeholders"))
        config.write_text(f"groups:\n{groups}gates: {{self_approval: allowed, break_glass: [user:{ME}]}}\n")
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8",
                            "MUSTER_STORE": str(self.folder / "store.db"), "XDG_STATE_HOME": str(self.folder / "state"),
                            "XDG_CONFIG_HOME": str(self.folder / "none")}
        self.ends = []

    def at_end(self, function):
        self.ends.append(function)

    def close(self):
        for function in reversed(self.ends):
            function()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, *words, timeout=240):
        return subprocess.run([self.muster, "--config", str(self.folder / "config.yaml"), *words], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, env=self.environment)

    def run(self, playbook, inputs=None, answers=None, reject=None, ends=0, says=None, at_gate=None, alone=False, timeout=240):
        """Runs it until it ends, agreeing at every gate but `reject`, answering manual steps; the run as `show` tells it.

        answers: by the manual step's id, a map for its form. alone: a gate that needs two people is passed by breaking the glass. at_gate: called with the gate's path before it is decided.
        """
        file = self.folder / "inputs.json"
        file.write_text(json.dumps(inputs or {}))
        said = self.command("run", "--detach", str(self.playbooks / f"{playbook}.muster.yaml"), "--inputs", str(file),
                            timeout=timeout)
        passed = []
        for _ in range(40):
            if said.returncode != 75:
                break
            waiting = [entry for entry in json.loads(self.command("gates", "last", "--output", "json").stdout)]
            if not waiting:
                fail(f"{playbook} waits for nothing\n{said.stderr}")
            gate = waiting[0]
            path = gate.get("gate") or gate["step"]
            name = path.split("/")[-1]
            if at_gate:
                at_gate(path)
            if gate.get("kind") == "manual":
                words = [word for key, value in (answers or {}).get(name, {}).items()
                         for word in ("--answer", f"{key}={value if isinstance(value, str) else json.dumps(value)}")]
                said = self.command("complete", "last", path, *words, timeout=timeout)
            elif reject == name or reject == path:
                said = self.command("reject", "last", path, "--reason", "not now", timeout=timeout)
            else:
                said = self.command("approve", "last", path, "--reason", "the test agrees",
                                    *(["--break-glass"] if alone else []), timeout=timeout)
                if said.returncode == 75 and json.loads(self.command("gates", "last", "--output", "json").stdout)[0].get("gate") == path \
                        and path in passed:
                    return {"waits_at": path}
            passed.append(path)
            if said.returncode == 2:
                fail(f"{playbook} at {path}: {said.stderr}")
        shown = self.command("show", "last", "--output", "json")
        run = json.loads(shown.stdout) if shown.returncode == 0 else {}
        run["gates_passed"] = [path.split("/")[-1] for path in passed]
        text = said.stdout + said.stderr
        if said.returncode != ends:
            fail(f"{playbook} ended with {said.returncode}, not {ends}\n{self.command('logs', 'last').stdout[-2000:]}\n{text[-6000:]}")
        if says and says not in text + self.command("report", "last").stdout:
            fail(f"{playbook} does not say `{says}`\n{text[-6000:]}")
        return run


class Postgres:
    """A server of the test's own, on the loopback interface; `cloud` is its superuser and owns the database `cloud`."""

    def __init__(self, family):
        self.folder = family.folder / "postgres"
        self.port = free_port()
        self.user = "postgres" if os.getuid() == 0 else None
        binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self.binaries = binaries[-1] if binaries else Path(shutil.which("initdb") or fail("there is no PostgreSQL")).parent
        self.folder.mkdir()
        os.chmod(family.folder, 0o755)
        if self.user:
            shutil.chown(self.folder, self.user)
        self.password = "the-password-of-the-cloud"
        (self.folder / "password").write_text(self.password)
        os.chmod(self.folder / "password", 0o644)
        made = subprocess.run([self.binaries / "initdb", "-D", self.folder / "data", "-U", "cloud", "--no-sync", "--encoding=UTF8",
                               "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={self.folder / 'password'}"],
                              cwd="/", user=self.user, capture_output=True, text=True)
        if made.returncode != 0:
            fail(made.stderr)
        self.process = None
        self.start()
        family.at_end(self.stop)
        self.sql("CREATE DATABASE cloud", database="postgres")

    @property
    def url(self):
        return self.role_url("cloud", self.password)

    def role_url(self, role, password):
        return f"postgres://{role}:{password}@127.0.0.1:{self.port}/cloud"

    def start(self):
        log = open(self.folder / "log", "a")
        self.process = subprocess.Popen([self.binaries / "postgres", "-D", self.folder / "data", "-k", self.folder, "-p", str(self.port),
                                         "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=40"],
                                        cwd="/", user=self.user, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not eventually(self.answers, 90):
            fail("PostgreSQL does not start: " + (self.folder / "log").read_text())

    def answers(self):
        return subprocess.run([self.binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            self.process = None

    def sql(self, text, database="cloud", role=None):
        environment = {"PATH": os.environ["PATH"], "PGPASSWORD": self.password}
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U",
                               role or "cloud", "-d", database], input=text, text=True, capture_output=True, env=environment)
        if done.returncode != 0:
            fail(f"{text}: {done.stderr}")
        return done.stdout.strip()


def main(name, tests):
    """Every test of a family in turn; the first that fails ends it."""
    family = Family(sys.argv[1], name)
    chosen = sys.argv[2:]
    try:
        for test in tests(family):
            if chosen and test.__name__ not in chosen:
                continue
            start = time.monotonic()
            try:
                test()
            except BaseException:
                print(f"FAILED: {test.__name__}", flush=True)
                raise
            print(f"ok {time.monotonic() - start:5.1f} s  {test.__doc__ or test.__name__}", flush=True)
    finally:
        if os.environ.get("KEEP") is None:
            family.close()
        else:
            for function in reversed(family.ends):
                function()
            print(family.folder)
