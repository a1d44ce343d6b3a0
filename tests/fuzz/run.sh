#!/usr/bin/env bash
# Each fuzz target for SECONDS (default 60), from the playbooks and golden files. What it finds goes into
# tests/fuzz/found, from where every test run feeds it again.
#   tests/fuzz/run.sh [SECONDS]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$root/build/fuzz
mkdir -p "$out/seeds"
find "$root/playbooks" "$root/tests/golden" "$root/tests/fuzz/found" \( -name '*.yaml' -o -name '*.lua' \) -size -64k \
  -exec cp {} "$out/seeds/" \;
# Objects are made once for all targets.
sources=("$root"/interpreter/{base,expression,language,reader,checker,action}/*.cc "$root"/interpreter/world/clock.cc
  "$root"/scripting/*.cc "$root/tests/golden/test_actions.cc")
lua=$(pkg-config --cflags lua5.4-c++)
printf '%s\n' "${sources[@]}" | xargs -P "${MUSTER_JOBS:-$(nproc)}" -I{} sh -c '
  object=$1/$(printf %s "${2#"$0"/}" | tr / _).o
  [ "$object" -nt "$2" ] || clang++ -std=c++20 -O1 -g -fsanitize=fuzzer-no-link,address -I"$0" '"$lua"' -c "$2" -o "$object"' "$root" "$out" {}
for target in "$root"/tests/fuzz/*_fuzz.cc; do
  name=$(basename "$target" .cc)
  clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address -I"$root" "$target" "$out"/*.o -lyaml-cpp -lsodium -lcrypto -llua5.4-c++ -ldl -o "$out/$name"
  mkdir -p "$out/$name.corpus"
  "$out/$name" -max_total_time="${1:-60}" -max_len=4096 -print_final_stats=1 -artifact_prefix="$root/tests/fuzz/found/" "$out/$name.corpus" "$out/seeds"
done
