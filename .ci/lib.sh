# Shared by the scripts of this folder: places, waiting, packages. Source it; it does nothing by itself.
# shellcheck shell=bash

ci_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ci_cache=${XDG_CACHE_HOME:-$HOME/.cache}/bartizan
ci_venv=$ci_cache/venv
ci_bin=$ci_cache/bin

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# What cannot be had is an error where CI=true and is skipped out loud elsewhere.
missing() {
  if [ "${CI:-}" = true ]; then die "$* (an error because CI=true)"; fi
  say "SKIPPED: $*"
}

# need_packages COMMAND=PACKAGE… : installs the packages whose command is not there, in one go.
need_packages() {
  local pair want=()
  for pair in "$@"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null 2>&1 || want+=("${pair##*=}")
  done
  [ ${#want[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null 2>&1 || { missing "no apt-get here to install: ${want[*]}"; return 1; }
  [ "$(id -u)" = 0 ] || { missing "not root, so these cannot be installed: ${want[*]}"; return 1; }
  say "installing ${want[*]}"
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${want[@]}" >/dev/null 2>"$ci_cache/apt.err" \
    || { cat "$ci_cache/apt.err" >&2; missing "apt-get could not install: ${want[*]}"; return 1; }
}

# A port that nobody uses now.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# wait_http URL SECONDS PID: until URL answers at all; fails when the process is gone or the time is up.
wait_http() {
  local tick
  for ((tick = 0; tick < $2 * 5; tick++)); do
    curl --silent --insecure --output /dev/null --max-time 2 "$1" && return 0
    kill -0 "$3" 2>/dev/null || return 1
    sleep 0.2
  done
  return 1
}

# stop_pid PID: TERM, ten seconds of patience, KILL.
stop_pid() {
  local tick
  kill "$1" 2>/dev/null || return 0
  for ((tick = 0; tick < 50; tick++)); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.2
  done
  kill -KILL "$1" 2>/dev/null || true
}

# stop_pids FILE: every process named in FILE, the youngest first.
stop_pids() {
  [ -f "$1" ] || return 0
  local pid
  for pid in $(tac "$1"); do stop_pid "$pid"; done
  rm -f "$1"
}

mkdir -p "$ci_cache" "$ci_bin"
