#!/usr/bin/env bash
# The demo's run, killed at every system call of one kind and resumed: it must end with the same database, and with every
# link of its log whole. Real files, a real service, a real SIGKILL.
#
#   demo_sweep.sh BUILD_DIR SYSCALL [STEP]      STEP 2 takes every second point
#   demo_sweep.sh BUILD_DIR instant [COUNT]     so often, at moments by lot
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$1
kind=$2
stride=${3:-1}
last=400
RANDOM=20261121
kills=0  # wanted
[ "$kind" != instant ] || { kills=$stride last=$((3 * stride)) stride=1; }
muster=$build/muster
service=$build/demo-service
playbook=$root/playbooks/database-restore/restore-database.muster.yaml
expected=a5bfa2542100851fa57df660d2836897aad280bed9511c7b5df2e8c36b6a7823  # manifest.json: the latest state
work=$(mktemp -d "${TMPDIR:-/tmp}/muster-sweep.XXXXXX")
# Below the ports that the kernel gives to connections, one of which may be in use by a test beside this one.
port=$((20000 + ($$ % 12000)))
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
person=$(id -un)
failures=0
points=0
folder=

stop_service() { [ -n "$folder" ] && "$service" stop --pid "$folder/service.pid" >/dev/null 2>&1; }
trap 'stop_service; rm -rf "$work"' EXIT

prepare() {
  folder=$work/$1
  mkdir -p "$folder"
  tar -xf "$root/tests/fixtures/litestream/replica.tar" -C "$folder"
  head -c 40960 /dev/zero | tr '\0' 'x' > "$folder/app.db"
  printf 'stale' > "$folder/app.db-wal"
  printf 'groups: {database: [%s], sre: [%s]}\ngates: {self_approval: allowed}\n' "$person" "$person" > "$folder/config.yaml"
  chmod 600 "$folder/config.yaml"
  cat > "$folder/inputs.yaml" <<YAML
database: $folder/app.db
replica: $folder/replica
tables: [orders, audit]
max_age: 36500d
stop: [$service, stop, --pid, $folder/service.pid]
start: [$service, start, --db, $folder/app.db, --port, "$port", --pid, $folder/service.pid]
health: http://127.0.0.1:$port/health
YAML
  export MUSTER_STORE=$folder/muster.db XDG_STATE_HOME=$folder/state
}

m() { timeout 60 "$muster" --config "$folder/config.yaml" "$@" </dev/null >>"$folder/log" 2>&1; }
# Runs muster with a SIGKILL at the n-th call of the kind. The tracer stays apart (-D), so that what muster leaves running
# does not hold us up.
killed_at() {
  local n=$1
  shift
  if [ "$kind" = instant ]; then
    timeout --foreground -s KILL "0.$(printf %04d $((10 + (RANDOM + 32768 * RANDOM) % 500)))" \
      "$muster" --config "$folder/config.yaml" "$@" </dev/null >>"$folder/log" 2>&1
    return
  fi
  timeout 60 strace -D -f -qq -o /dev/null -e trace="$kind" -e inject="$kind:signal=SIGKILL:when=$n" \
    "$muster" --config "$folder/config.yaml" "$@" </dev/null >>"$folder/log" 2>&1
}
# Carries a run on until it ends; a step in doubt is tried again, as a person would who looked.
finish() {
  local status=$1 tries=0 doubt
  while [ "$status" -ne 0 ] && [ $tries -lt 12 ]; do
    tries=$((tries + 1))
    if [ "$status" -eq 75 ]; then
      m approve last replace --reason sweep
    elif [ "$status" -eq 6 ]; then
      doubt=$(timeout 20 "$muster" --config "$folder/config.yaml" show last 2>/dev/null | awk '$2 == "in_doubt" {print $1; exit}')
      m resolve last "$doubt" --retry --reason sweep
      m resume last
    elif [ "$status" -eq 1 ] && [ $tries -gt 1 ]; then
      # Not the interpreter was killed but a program that it started: a clean failure, after which a person starts anew.
      m run "$playbook" --inputs "$folder/inputs.yaml" --detach
    elif grep -q . <(timeout 20 "$muster" runs 2>/dev/null); then
      m resume last
    else
      m run "$playbook" --inputs "$folder/inputs.yaml" --detach
    fi
    status=$?
  done
  return "$status"
}
content() {
  sqlite3 "$folder/app.db" "SELECT id||'|'||customer||'|'||cents||'|'||ifnull(note,'') FROM orders ORDER BY id; SELECT id||'|'||what||'|'||ifnull(at,'') FROM audit ORDER BY id" | sha256sum | cut -d' ' -f1
}
check() { # label, status
  local problem=
  [ "$2" -eq 0 ] || problem="ended with $2"
  [ -n "$problem" ] || [ "$(content)" = "$expected" ] || problem="the database is another"
  [ -n "$problem" ] || m audit --verify || problem="the log does not verify"
  [ -n "$problem" ] || [ -z "$(find "$folder" -maxdepth 1 -name '.muster-restore*')" ] || problem="the work folder was left behind"
  if [ -n "$problem" ]; then
    failures=$((failures + 1))
    echo "killed at $1: $problem"
    tail -n 25 "$folder/log"
  fi
  stop_service
  rm -rf "$folder"
  folder=
}

n=1
while :; do
  any=0
  for stage in run approve; do
    prepare "$stage-$n"
    if [ $stage = run ]; then
      { killed_at "$n" run "$playbook" --inputs "$folder/inputs.yaml" --detach; } 2>/dev/null  # the shell tells of each kill
    else
      m run "$playbook" --inputs "$folder/inputs.yaml" --detach
      { killed_at "$n" approve last replace --reason sweep; } 2>/dev/null
    fi
    status=$?
    if [ $status -ne 0 ] && [ $status -ne 75 ]; then
      any=1
      points=$((points + 1))
    fi
    finish "$status"
    check "$kind $n of $stage" $?
  done
  [ $any -eq 1 ] || [ "$kind" = instant ] || break
  n=$((n + stride))
  [ "$kind" != instant ] || [ $points -lt "$kills" ] || break
  [ $n -le $last ] || { echo "the sweep never came to its end"; exit 1; }
done
echo "$kind: $points kills, $failures failures"
# At least one kill, or the sweep has proven nothing.
[ "$failures" -eq 0 ] && [ "$points" -gt 0 ]
