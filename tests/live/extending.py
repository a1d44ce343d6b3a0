"""A page of docs/, done as it stands there: its files are written, its commands are typed, and what they print is what
the page says. A block whose first lines name a file becomes that file; `...` on the page stands for anything.

usage: extending.py FOLDER_OF_MUSTER [PAGE]; docs/extending.md unless said
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / (sys.argv[2] if len(sys.argv) > 2 else "extending.md")


def blocks():
    kind, lines, first = None, [], 0
    for number, line in enumerate(PAGE.read_text().split("\n"), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif kind is None:
            kind, lines, first = line[3:], [], number
        else:
            yield kind, "\n".join(lines) + "\n", first
            kind = None


def file_of(text):
    for line in text.split("\n")[:2]:
        named = re.fullmatch(r"(?:--|#) ([\w./-]+\.(?:lua|yaml)|bin/\w+)", line)
        if named:
            return named.group(1)
    return None


def fits(wanted, got):
    return re.fullmatch(re.escape(wanted).replace(re.escape("..."), ".*?"), got, re.DOTALL) is not None


def commands(text):
    command, output = None, ""
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, output
            command, output = line[2:], ""
        else:
            output += line + "\n"
    if command:
        yield command, output


def main():
    muster = pathlib.Path(sys.argv[1]).resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="muster-extending."))
    failed, files, typed = 0, 0, 0
    environment = {
        "HOME": str(folder / "home"),
        "MUSTER_STORE": str(folder / "home" / "muster.db"),
        "PATH": f"{folder / 'work' / 'bin'}:{muster}:{os.environ['PATH']}",
    }
    work = folder / "work"
    (work / "bin").mkdir(parents=True)
    (folder / "home").mkdir()
    try:
        for kind, text, line in blocks():
            name = file_of(text)
            if name:
                files += 1
                (work / name).write_text(text)
                if name.startswith("bin/"):
                    (work / name).chmod(0o755)
                if name.endswith(".lua") and 'action "' in text:
                    done = subprocess.run(["muster", "actions", "--test", name], cwd=work, env=environment, text=True,
                                          capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
                    if done.returncode != 0:
                        failed += 1
                        print(f"{PAGE.name}:{line}: {name}: {done.stdout}{done.stderr}")
            elif kind == "console":
                for command, wanted in commands(text):
                    typed += 1
                    done = subprocess.run(["sh", "-c", command], cwd=work, env=environment, text=True,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                          timeout=60)
                    if not fits(wanted, done.stdout):
                        failed += 1
                        print(f"{PAGE.name}:{line}: $ {command}\n{done.stdout}--- and the page says\n{wanted}")
            else:
                failed += 1
                print(f"{PAGE.name}:{line}: nothing runs this block")
    finally:
        shutil.rmtree(folder)
    print(f"{files} files and {typed} commands of the page")
    return 1 if failed or files < 5 or typed < 5 else 0


sys.exit(main())
