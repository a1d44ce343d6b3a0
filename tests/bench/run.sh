#!/usr/bin/env bash
# Whole-process ratios, each against a floor measured in the same run: medians of pairs, because machines are noisy.
#
#   tests/bench/run.sh [PAIRS]      default: 41
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
exec python3 "$root/tests/bench/processes.py" "$root/build/release" "${1:-41}"
