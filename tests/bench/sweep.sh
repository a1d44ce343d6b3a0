#!/usr/bin/env bash
# A sweep of a playbook of forty steps: how many faults its graph allows, and how long a run for each takes (goal: below 10 s).
# usage: sweep.sh MUSTER
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
{
  printf 'muster: 1\nplaybook: forty\nphases:\n  - id: all\n    steps:\n'
  for i in $(seq 40); do printf '      - {id: s%s, idempotent: true, shell: {argv: [lb, status]}}\n' "$i"; done
} > forty.muster.yaml
printf 'return {commands = {["lb status"] = function() return {stdout = "ok"} end}}\n' > world.lua
printf 'scenario: forty-steps\nplaybook: forty.muster.yaml\nworld: world.lua\nexpect: {status: succeeded}\n' > forty.scenario.yaml
TIMEFORMAT='%R s, %U s of processors'
time "$1" rehearse forty.scenario.yaml --sweep | sed -n 's/^sweep of forty-steps: //p'
