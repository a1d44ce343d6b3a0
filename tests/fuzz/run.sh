#!/usr/bin/env bash
# Each fuzz target for SECONDS (default 60), from the playbooks and golden files.
#   tests/fuzz/run.sh [SECONDS]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$root/build/fuzz
mkdir -p "$out/corpus"
find "$root/playbooks" "$root/tests/golden" -name '*.yaml' -size -64k -exec cp {} "$out/corpus/" \;
for target in "$root"/tests/fuzz/*_fuzz.cc; do
  name=$(basename "$target" .cc)
  clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address -I"$root" "$target" "$root"/interpreter/{base,expression,language,reader,checker,action}/*.cc \
    -lyaml-cpp -lsodium -o "$out/$name"
  "$out/$name" -max_total_time="${1:-60}" "$out/corpus"
done
