#!/usr/bin/env bash
# Makes bartizan.profdata anew: a build that counts, a load on it, and what it counted. About ten minutes.
# Needs ../shared/perf and `rustup component add llvm-tools`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
tool=$(rustc --print target-libdir)/../bin/llvm-profdata
[ -x "$tool" ] || { echo "no llvm-profdata: rustup component add llvm-tools" >&2; exit 2; }
counts=$PWD/target/profile/counts
rm -rf "$counts"
BARTIZAN_PROFILE_INTO=$counts cargo build --locked --release --target-dir target/profile
BARTIZAN_BIN=$PWD/target/profile/release/bartizan benches/run.sh quick
# It writes when it ends, and it has only been told to.
tail --pid="$(cat "${PERF_DIR:-/tmp/perf}/run/proxy.pid")" -f /dev/null
# Of what was never run nothing is said, so that it is compiled as ever; a zero would have it compiled for size.
"$tool" merge --sparse --output "$counts/new" "$counts"/*.profraw
# `bartizan check` has counted as well; without the load there would be little else.
most=$("$tool" show "$counts/new" | sed -n 's/^Maximum function count: //p')
[ "$most" -gt 1000000 ] || { echo "the program under load has written no counts: nothing is replaced" >&2; exit 1; }
mv "$counts/new" "$here/bartizan.profdata"
