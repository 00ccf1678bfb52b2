#!/usr/bin/env bash
# The clients beside `aws` and boto3 (those of the virtual environment come with venv.sh). Does nothing when they are there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
sources=$ci_top/tests/clients
place=$ci_cache/clients

need_packages node=nodejs npm=npm rclone=rclone
# Host names for programs, without the system's hosts file. A library: no command says whether it is there.
compgen -G '/usr/lib/*/libnss_wrapper.so' >/dev/null || need_packages libnss_wrapper=libnss-wrapper

if ! cmp -s "$sources/js/package-lock.json" "$place/js/package-lock.json"; then
  say "installing the SDK for JavaScript into $place/js"
  rm -rf "$place/js"
  mkdir -p "$place/js"
  cp "$sources/js/package.json" "$sources/js/package-lock.json" "$place/js/"
  (cd "$place/js" && npm ci --silent --no-audit --no-fund --ignore-scripts) || { rm -rf "$place/js"; die "the SDK for JavaScript cannot be installed"; }
fi

mkdir -p "$place/bin"
# Cargo itself knows whether it is up to date.
nice -n 10 cargo build --quiet --locked --manifest-path "$sources/rust/Cargo.toml" --target-dir "$place/rust"
ln -sf "$place/rust/debug/bartizan-client-test" "$place/bin/"
