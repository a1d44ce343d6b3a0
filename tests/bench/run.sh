#!/usr/bin/env bash
# Whole-process ratios, each against a floor measured in the same run: medians of pairs, because machines are noisy.
#
#   tests/bench/run.sh [PAIRS]      default: 41
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Reading, checking and planning beside the YAML library's events alone: at most 1.5 times, and in proportion.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for steps in 10000 100000; do
  python3 "$root/tests/bench/steps.py" $steps > "$folder/steps.muster.yaml"
  echo "$steps steps: $("$root/build/release/muster-reading" "$folder/steps.muster.yaml" 5)"
done
# A call of a script beside a bare one.
"$root/build/release/muster-scripts"
python3 "$root/tests/bench/processes.py" "$root/build/release" "${1:-41}"
litestream=$root/build/release/replica-tools/node_modules/@flydotio/litestream-linux-x64/litestream  # after ./dev test
[ -x "$litestream" ] || litestream=
python3 "$root/tests/bench/restores.py" "$root/build/release/muster" "$root/build/bench-restores" 5 1024 200 "$litestream"
# 20,000 users of 365 days beside one SQL statement and one ordered scan that make the same rows.
python3 "$root/tests/bench/rebuild.py" "$root/build/release/muster" "$root/build/bench-rebuild" 3 20000 365 "$root/build/release/muster-scan"
# 10,000 runs that wait at a gate, and the list of them: below 50 ms.
python3 "$root/tests/bench/parked.py" "$root/build/release/muster" "$root/build/bench-parked" 10000
# Every fault of a playbook of forty steps: below 10 s on two cores.
bash "$root/tests/bench/sweep.sh" "$root/build/release/muster"
