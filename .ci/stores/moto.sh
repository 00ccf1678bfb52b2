#!/usr/bin/env bash
# moto as a store to test against: it checks no signature and no policy, so what reaches it is answered.
#   moto.sh install | available | start DIR PORT | stop DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
program=$ci_venv/bin/moto_server

start_store() {
  local dir=$1 port=$2 pid
  mkdir -p "$dir"
  "$program" --host 127.0.0.1 --port "$port" >"$dir/log" 2>&1 </dev/null &
  pid=$!
  echo "$pid" >"$dir/pids"
  wait_http "http://127.0.0.1:$port/moto-api/" 30 "$pid" || { tail -n 20 "$dir/log" >&2; stop_pids "$dir/pids"; die "moto does not answer"; }
  echo "$pid"
}

case "${1:-}" in
  install) "$here/../venv.sh" ;;
  available) [ -x "$program" ] ;;
  start) start_store "$2" "$3" ;;
  stop) stop_pids "$2/pids" ;;
  *) sed -n '2,3p' "$0" >&2; exit 2 ;;
esac
