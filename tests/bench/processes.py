"""Times muster as whole processes beside their floors, in pairs, and prints medians and their ratio.

Usage: processes.py BUILD_DIR PAIRS
"""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

BUILD, PAIRS = sys.argv[1], int(sys.argv[2])
MUSTER = os.path.join(BUILD, "muster")


def once(argv, env):
    begin = time.perf_counter()
    child = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - begin, usage.ru_maxrss, child.returncode


def paired(name, ours, floor, env, pairs):
    ours_s, floor_s, peak = [], [], 0
    for _ in range(pairs):
        seconds, rss, code = once(ours, env)
        if code != 0:
            sys.exit(f"{name}: {' '.join(ours)} ended with {code}")
        ours_s.append(seconds)
        peak = max(peak, rss)
        floor_s.append(once(floor, env)[0])
    ratio = statistics.median(o / f for o, f in zip(ours_s, floor_s))
    print(f"{name:<34} {statistics.median(ours_s) * 1e3:9.2f} ms   floor {statistics.median(floor_s) * 1e3:9.2f} ms   "
          f"ratio {ratio:6.2f}   peak {peak / 1024:5.1f} MiB")


def playbook(folder, name, steps):
    path = os.path.join(folder, name + ".muster.yaml")
    with open(path, "w") as out:
        out.write(f"muster: 1\nplaybook: {name}\nphases:\n  - id: work\n    steps:\n" + steps)
    return path


def main():
    with tempfile.TemporaryDirectory() as folder:
        env = {"PATH": os.environ["PATH"], "HOME": folder, "MUSTER_STORE": os.path.join(folder, "muster.db")}
        one = playbook(folder, "one", "      - shell: {argv: [\"true\"]}\n")
        wide = playbook(folder, "wide", "".join("      - {needs: [], shell: {argv: [\"true\"]}}\n" for _ in range(1000)))
        many = playbook(folder, "many", "      - shell: {argv: [\"true\"]}\n" * 1000)
        sets = playbook(folder, "sets", "".join(f"      - {{id: s{i}, set: {{count: {i}}}}}\n" for i in range(1000)))
        subprocess.run([MUSTER, "-q", "run", one], env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(f"{PAIRS} pairs each, medians; {os.cpu_count()} cores")
        paired("start, one `true` step, exit", [MUSTER, "-q", "run", one], ["/bin/true"], env, PAIRS)
        floor = [os.path.join(BUILD, "muster-floor"), os.path.join(folder, "floor.db"), "1000"]
        paired("1,000 shell steps, durable", [MUSTER, "-q", "run", many], floor, env, max(3, PAIRS // 10))
        paired("1,000 shell steps, side by side", [MUSTER, "-q", "run", wide], floor, env, max(3, PAIRS // 10))
        commits = floor + ["commits"]
        paired("1,000 set steps", [MUSTER, "-q", "run", sets], commits, env, max(3, PAIRS // 10))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
