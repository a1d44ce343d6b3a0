#!/usr/bin/env bash
# The schema in a real editor's server: yaml-language-server, at the version that package-lock.json holds, over stdio.
# usage: editor.sh FOLDER_OF_MUSTER
set -euo pipefail
release=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$release/yaml-language-server
mkdir -p "$folder"
cp "$here/editor/package.json" "$here/editor/package-lock.json" "$folder/"
if ! cmp -s "$here/editor/package-lock.json" "$folder/installed-lock.json"; then
  (cd "$folder" && npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1) || { cat "$folder/npm.log"; exit 1; }
  cp "$here/editor/package-lock.json" "$folder/installed-lock.json"
fi
exec timeout 250 python3 "$here/editor.py" "$release/muster" "$folder"
