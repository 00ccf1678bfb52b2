#!/usr/bin/env bash
# Makes the profiles anew: a build that counts, a load on it, and what it counted. About ten minutes for each.
#   make.sh [bartizan|static]...     both, if none is named
# Needs ../shared/perf and `rustup component add llvm-tools`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
tool=$(rustc --print target-libdir)/../bin/llvm-profdata
[ -x "$tool" ] || { echo "no llvm-profdata: rustup component add llvm-tools" >&2; exit 2; }

make() {
  local folder=$PWD/target/profile/$1 program most
  local counts=$folder/counts
  rm -rf "$counts"
  export BARTIZAN_PROFILE_INTO=$counts
  case $1 in
    bartizan) cargo build --locked --release --target-dir "$folder"; program=$folder/release/bartizan ;;
    static) program=$(.ci/static.sh "$folder") ;;
    *) echo "there is no profile called $1" >&2; exit 2 ;;
  esac
  unset BARTIZAN_PROFILE_INTO
  BARTIZAN_BIN=$program benches/run.sh quick
  # It writes when it ends, and it has only been told to.
  tail --pid="$(cat "${PERF_DIR:-/tmp/perf}/run/proxy.pid")" -f /dev/null
  # Of what was never run nothing is said, so that it is compiled as ever; a zero would have it compiled for size.
  "$tool" merge --sparse --output "$counts/new" "$counts"/*.profraw
  # `bartizan check` has counted as well; without the load there would be little else.
  most=$("$tool" show "$counts/new" | sed -n 's/^Maximum function count: //p')
  [ "$most" -gt 1000000 ] || { echo "the program under load has written no counts: nothing is replaced" >&2; exit 1; }
  mv "$counts/new" "$here/$1.profdata"
}

[ "$#" -gt 0 ] || set -- bartizan static
for name; do make "$name"; done
