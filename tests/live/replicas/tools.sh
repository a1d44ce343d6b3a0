# Litestream itself and a store that speaks S3, for tests that source this with `release` set: sets `litestream` and
# `tools`. Tests that run at the same time install them once.
tools=$release/replica-tools
mkdir -p "$tools"
(
  flock 9
  lists=$(dirname "${BASH_SOURCE[0]}")
  cp "$lists/package.json" "$lists/package-lock.json" "$tools/"
  if ! cmp -s "$lists/package-lock.json" "$tools/installed-lock.json"; then
    (cd "$tools" && npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1) || { cat "$tools/npm.log"; exit 1; }
    cp "$lists/package-lock.json" "$tools/installed-lock.json"
  fi
) 9>"$tools/.lock" || exit 1
litestream=$tools/node_modules/@flydotio/litestream-linux-x64/litestream
[ -x "$litestream" ] || chmod +x "$litestream"
