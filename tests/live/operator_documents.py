#!/usr/bin/env python3
"""The playbooks of the operator documents, in one rehearsal of all of them: every scenario ends as it says, coverage is what
it has to be, and docs/operator-documents.md says of each section of each document what carries it.
usage: operator_documents.py FOLDER_OF_MUSTER; UPDATE_GOLDEN=1 writes the READMEs of the families anew."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

muster = os.path.abspath(os.path.join(sys.argv[1], "muster"))
root = pathlib.Path(__file__).resolve().parents[2]
facts = root / "tests/fixtures/operator-documents"
families = ["stale-store", "user-runs", "hybrid-sync", "persistence", "database-restore"]  # in the order of the documents
kinds = ["steps", "branches", "gates", "rescues", "rollbacks"]
# Expired and voided gates are the sweep's: it makes them happen.
at_gates = ["approved", "rejected"]
failed = []


def complain(text):
    failed.append(text)
    print("FAILED  " + text)


def answer_of(*words, codes=(0,)):
    done = subprocess.run([muster, *words, "--output", "json"], capture_output=True, text=True, timeout=900, cwd=root,
                          stdin=subprocess.DEVNULL)
    if done.returncode not in codes:
        sys.exit(f"muster {' '.join(words)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr}")
    return json.loads(done.stdout)


class Family:
    """Its playbooks as `muster docs` tells them, and what its scenarios have been through."""

    def __init__(self, name):
        self.name = name
        page = answer_of("docs", f"playbooks/{name}")
        self.readme = page["markdown"]
        self.playbooks = {one["playbook"]: one for one in page["playbooks"]}
        self.scenarios = answer_of("rehearse", f"playbooks/{name}", codes=(0, 1))
        self.points = {}  # (playbook, path, kind, what): was it seen? A called playbook's points count where it stands.
        self.seen = set()  # (playbook, path) of everything that a scenario went through, and of the groups around it
        for row in self.scenarios:
            own = row["coverage"]["playbook"]
            if "items" not in row["coverage"]:
                continue
            for item in row["coverage"]["items"]:
                home, path = item["home"]["playbook"], item["home"]["path"]
                if item["expected"] and item["kind"] in kinds and (item["kind"] != "gates" or item["what"] in at_gates):
                    key = (home, path, item["kind"], item["what"])
                    self.points[key] = self.points.get(key, False) or item["runs"] > 0
                if item["runs"] > 0 and item["what"] != "when false":
                    self.saw(own, item["op"])
                    self.saw(home, path)
        # A playbook that no scenario comes to has points, too: they are missing, not absent.
        for name_of, playbook in self.playbooks.items():
            if (name_of, "") in self.seen:
                continue
            for step in playbook["steps"]:
                if not step["group"]:
                    self.points.setdefault((name_of, step["path"], "steps", "ran"), False)

    def saw(self, playbook, path):
        while path:
            self.seen.update({(playbook, path), (playbook, path.removesuffix("[]"))})
            path = re.sub(r"[/~][^/~]*$", "", path) if re.search(r"[/~]", path) else ""
        self.seen.add((playbook, ""))


def tables_of(text):
    """The rows of each table, by the heading above it."""
    out, heading = {}, ""
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line[3:].split(":")[0]
        if line.startswith("| ") and not line.startswith(("| ---", "| line", "| figure", "| fault")):
            out.setdefault(heading, []).append([cell.strip() for cell in line.strip("| ").split(" | ")])
    return out


def carriers_in(cell):
    return [text for text in re.findall(r"`([^`]+)`", cell) if re.match(r"[a-z-]+/[a-z0-9-]+(#|$)", text)]


def check_carrier(where, carrier, worlds):
    """The playbook is there, the step is, the claim is; and a scenario comes to it."""
    place, _, path = carrier.partition("#")
    family, _, playbook = place.partition("/")
    path, _, claim = path.partition(": ")
    if family not in worlds or playbook not in worlds[family].playbooks:
        return complain(f"{where}: there is no playbook {place}")
    world = worlds[family]
    if path:
        step = next((one for one in world.playbooks[playbook]["steps"] if one["path"] == path), None)
        if step is None:
            return complain(f"{where}: {place} has no step {path}")
        if claim and claim not in [one["name"] or one["that"] for one in step["claims"]]:
            return complain(f"{where}: {place}#{path} has no claim `{claim}`")
    if (playbook, path) not in world.seen:
        complain(f"{where}: no scenario comes to {carrier}")
    return None


def lines_named(playbook):
    """The lines of its document that a playbook names: `002_....txt:12, 14`, `l. 12-14`."""
    found = set()
    for text in re.findall(r"(?:\.txt:|\bl\. )(\d+(?:-\d+)?(?:, \d+)*)", playbook):
        for part in text.split(", "):
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    return found


def check_documents(worlds):
    tables = tables_of((root / "docs/operator-documents.md").read_text())
    documents = sorted(facts.glob("*.headings"))
    if len(documents) != 5:
        complain(f"{len(documents)} documents have their headings in {facts}")
    for document in documents:
        name = document.name.replace(".headings", ".txt")
        rows = tables.pop(name, [])
        told = {int(row[0]): row for row in rows}
        wanted = [line.split("\t") for line in document.read_text().splitlines()]
        for number, heading in wanted:
            row = told.pop(int(number), None)
            if row is None:
                complain(f"{name}:{number}: no row tells what carries `{heading}`")
                continue
            if row[1].replace("\\", "") != heading:
                complain(f"{name}:{number}: the row says `{row[1]}`, the document `{heading}`")
            carriers = carriers_in(row[2])
            if not carriers:
                complain(f"{name}:{number}: nothing carries `{heading}`")
            for carrier in carriers:
                check_carrier(f"{name}:{number}", carrier, worlds)
        for number, row in told.items():
            complain(f"{name}:{number}: the document has no section `{row[1]}` there")
    figures = tables.pop("Figures", [])
    if len(figures) < 40:
        complain(f"only {len(figures)} figures are told")
    for figure, source, cell in figures:
        document, _, line = source.partition(":")
        for carrier in carriers_in(cell) or [complain(f"nothing carries the figure `{figure}`")]:
            if carrier is None:
                continue
            check_carrier(source, carrier, worlds)
            place = carrier.split("#")[0]
            text = (root / f"playbooks/{place}.muster.yaml")
            if text.exists() and (int(line) not in lines_named(text.read_text()) or f"{document}_" not in text.read_text()):
                complain(f"{source}: {place} has no comment that names this line, for `{figure}`")
    faults = tables.pop("Faults", [])
    if len(faults) < 40 or {source.partition(":")[0] for _, source, _ in faults} != {f"00{n}" for n in range(len(documents))}:
        complain("the faults of some document are not told")
    for fault, source, cell in faults:
        file, _, makes = cell.strip("`").partition(": ")
        if not (root / file).is_file() or not makes or makes not in (root / file).read_text():
            complain(f"{source}: nothing makes the fault `{fault}`: {file} does not hold `{makes}`")
    for heading in tables:
        complain(f"docs/operator-documents.md has a table under `{heading}` that belongs to no document")


def check_pages(worlds):
    """The README of a family is what `muster docs` makes of it now, and no page sends its reader to a line of a document."""
    for name, world in worlds.items():
        page = root / f"playbooks/{name}/README.md"
        if os.environ.get("UPDATE_GOLDEN"):
            page.write_text(world.readme)
        if not page.exists() or page.read_text() != world.readme:
            complain(f"playbooks/{name}/README.md is not what its playbooks, its scenarios and its about.md say now. Write it anew: "
                     f"muster docs playbooks/{name} -o playbooks/{name}/README.md")
        for playbook in world.playbooks.values():
            for found in re.findall(r".*\bl\. \d+.*", playbook["markdown"]):
                complain(f"{name}/{playbook['playbook']} tells its reader of a line that they do not have: {found.strip()}")


def check_coverage(worlds):
    """Everything of each family was rehearsed."""
    print(f"\ncoverage of the families\n{'':18}" + "".join(f"{kind:>22}" for kind in kinds))
    for name, world in worlds.items():
        cells = ""
        for kind in kinds:
            points = {key: seen for key, seen in world.points.items() if key[2] == kind}
            covered = sum(points.values())
            cells += f"{f'{covered} of {len(points)}' + (f' ({100 * covered // len(points)} %)' if points else ''):>22}"
            for (playbook, path, _, what), seen in sorted(points.items()):
                if not seen:
                    complain(f"{name}/{playbook}: no scenario goes through {path}: {what}")
        if not world.points:
            complain(f"{name}: nothing can be covered")
        print(f"{name:18}{cells}")
    print()


def main():
    with tempfile.TemporaryDirectory(prefix="muster-documents.") as folder:
        os.environ.update(HOME=folder, XDG_STATE_HOME=folder, XDG_CONFIG_HOME=folder, MUSTER_STORE=f"{folder}/none.db")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            worlds = dict(zip(families, pool.map(Family, families)))
    written = len(list((root / "playbooks").rglob("*.scenario.yaml")))
    rehearsed = [row for world in worlds.values() for row in world.scenarios]
    for row in rehearsed:
        if not row["ok"]:
            wrong = [one for one in row["expectations"] + row["invariants"] if not one["holds"]]
            complain(f"{row['file']}: {row['status']} {row['reason']} {json.dumps(wrong)}")
    for name, world in worlds.items():
        ends = {}
        for row in world.scenarios:
            ends.setdefault(row["coverage"]["playbook"], set()).add(row["status"])
        for playbook in sorted(one for one, status in ends.items() if "succeeded" not in status):
            complain(f"{name}/{playbook}: no scenario has a good ending")
    if len(rehearsed) != written or written == 0:
        complain(f"{written} scenarios are written, {len(rehearsed)} were rehearsed")
    check_pages(worlds)
    check_coverage(worlds)
    check_documents(worlds)
    print(f"{len(rehearsed)} scenarios, {sum(len(world.playbooks) for world in worlds.values())} playbooks")
    sys.exit(1 if failed else 0)


main()
