#!/usr/bin/env bash
# What the data actions say when they fail, by the real program: whole texts, as tests/golden/messages/*.expected has them.
# UPDATE_GOLDEN=1 writes those anew.
# usage: messages.sh FOLDER_OF_MUSTER
set -uo pipefail
muster=$1/muster
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
golden=$root/tests/golden/messages
folder=$(mktemp -d "${TMPDIR:-/tmp}/muster-messages.XXXXXX")
trap 'rm -rf "$folder"' EXIT
export MUSTER_STORE=$folder/store/muster.db HOME=$folder/home XDG_CONFIG_HOME=$folder/home
mkdir "$folder/home" "$folder/store" "$folder/work" "$folder/work/kept"
cp "$golden"/*.muster.yaml "$golden"/*.sql "$folder/work"
cd "$folder/work" || exit 1
sqlite3 good.db "CREATE TABLE orders (id INTEGER PRIMARY KEY, cents INTEGER); INSERT INTO orders VALUES (1, 10), (2, 20);
  CREATE TABLE day_marks (user_id INTEGER, date TEXT); INSERT INTO day_marks VALUES (1, '2026-01-05'), (1, '2026-01-06'),
  (2, '2026-02-30'); CREATE TABLE runs (user_id INTEGER, start_date TEXT, end_date TEXT, day_count INTEGER)"
{ head -c 4096 good.db; head -c 4096 /dev/zero | tr '\0' 'x'; tail -c +8193 good.db; } > damaged.db
cp damaged.db kept/app-1.sqlite
printf '%032d' 0 > key
chmod 600 key
failed=0 count=0
for book in *.muster.yaml; do
  name=${book%.muster.yaml}
  cp good.db app.db
  rm -f app.db-*
  said=$(timeout 60 "$muster" run "$book" </dev/null 2>&1)
  status=$?
  # What differs from run to run: ids, times, places, how long it took, and whether there was time to tell how far it was.
  said=$(sed -E -e '/ %\)$/d' -e "s#$folder#FOLDER#g" -e 's/\b[0-9a-f]{16}\b/RUN/g' -e 's/[0-9]{2}:[0-9]{2}:[0-9]{2}Z/TIME/g' \
    -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}TTIME|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/MOMENT/g' -e 's/ in [0-9.]+ m?s\b/ in SECONDS/g' <<<"$said")
  said="$said"$'\n'"exit $status"
  count=$((count + 1))
  if [ -n "${UPDATE_GOLDEN:-}" ]; then
    printf '%s\n' "$said" > "$golden/$name.expected"
  elif ! diff -u "$golden/$name.expected" - <<<"$said"; then
    failed=1
  fi
  # None of them may have changed the database.
  [ "$(sqlite3 app.db .dump | grep -v muster_ | sha256sum)" = "$(sqlite3 good.db .dump | grep -v muster_ | sha256sum)" ] ||
    { echo "$name: the database is another"; failed=1; }
done
[ $count -ge 20 ] || { echo "only $count were tried"; failed=1; }
exit $failed
