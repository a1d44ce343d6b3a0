#!/usr/bin/env bash
# Both commands of the README in a bare Debian 12 root, from a fresh clone of what is committed: nothing that was
# installed here by hand can help. Needs root (mmdebstrap, chroot).
#
#   tests/fresh/run.sh [demo|test]...      default: demo test
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[ "$(id -u)" -eq 0 ] || { echo "tests/fresh/run.sh: a bare root is made by root only" >&2; exit 1; }
command -v mmdebstrap >/dev/null || apt-get install -y -qq --no-install-recommends mmdebstrap >&2

folder=$(mktemp -d "${TMPDIR:-/var/tmp}/muster-fresh.XXXXXX")
root=$folder/root
leave() {
  for mount in dev/pts dev proc sys; do mountpoint -q "$root/$mount" && umount "$root/$mount"; done
  rm -rf --one-file-system "$folder"
}
trap leave EXIT

echo "== a bare bookworm root in $root" >&2
# The sources of this machine, so that a mirror or proxy set up here is used there, too.
sources=()
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do [ -s "$list" ] && sources+=("$list"); done
mmdebstrap --variant=apt --include=ca-certificates bookworm "$root" "${sources[@]}" >&2
for file in /etc/resolv.conf /etc/hosts; do [ -e "$file" ] && cat "$file" > "$root$file"; done
[ -d /etc/apt/apt.conf.d ] && cp -n /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
mount --bind /proc "$root/proc"
mount --bind /dev "$root/dev"
mount --bind /dev/pts "$root/dev/pts"
mount --bind /sys "$root/sys"

git clone -q "$project" "$root/muster"
[ $# -gt 0 ] || set -- demo test
for command in "$@"; do
  echo "== ./dev $command" >&2
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    ${http_proxy:+http_proxy=$http_proxy} ${https_proxy:+https_proxy=$https_proxy} \
    bash -c "cd /muster && ./dev $command </dev/null"
done
