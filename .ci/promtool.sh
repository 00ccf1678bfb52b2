#!/usr/bin/env bash
# promtool, which checks rules: the one that is installed, else Debian's, out of its package. The package itself is not
# installed: it would start a Prometheus.
#   promtool.sh install | path
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
own=$ci_bin/promtool

find_promtool() { command -v promtool 2>/dev/null || { [ -x "$own" ] && echo "$own"; }; }

# As root: apt's own user cannot write into a folder of root's.
download() { apt-get -o APT::Sandbox::User=root download -qq prometheus; }

install_promtool() {
  find_promtool >/dev/null && return 0
  command -v apt-get >/dev/null 2>&1 || { missing "no apt-get here to get promtool with"; return 1; }
  say "getting promtool out of Debian's prometheus"
  local dir
  dir=$(mktemp -d "$ci_cache/promtool.XXXXXX")
  if (cd "$dir" && { download || { apt-get update -qq && download; }; } && dpkg-deb --extract prometheus_*.deb . \
    && mv usr/bin/promtool "$own") >/dev/null 2>"$dir.log"; then
    rm -rf "$dir" "$dir.log"
  else
    cat "$dir.log" >&2
    rm -rf "$dir" "$dir.log"
    missing "promtool could not be got from Debian's prometheus"
    return 1
  fi
}

case "${1:-}" in
  install) install_promtool ;;
  path) find_promtool ;;
  *) sed -n '2,4p' "$0" >&2; exit 2 ;;
esac
