#!/usr/bin/env bash
# MinIO as a store to test against.
#   minio.sh install          builds it once into the cache; needs Go
#   minio.sh available        exit 0 when it is built
#   minio.sh path             where the program is
#   minio.sh start DIR PORT   starts it on 127.0.0.1:PORT with its data in DIR, waits, prints its pid
#   minio.sh stop DIR         ends it
# STORE_ACCESS_KEY, STORE_SECRET_KEY: the root credentials. Region us-east-1.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"

# The last state of the community edition; the module has no version tags.
version=v0.0.0-20260212201848-7aac2a2c5b7c
program=$ci_bin/minio-$version

install_store() {
  [ -x "$program" ] && return 0
  command -v go >/dev/null 2>&1 || { missing "MinIO: no Go to build it with"; return 1; }
  say "building MinIO $version, several minutes the first time"
  local out
  out=$(mktemp -d "$ci_cache/build.XXXXXX")
  if GOBIN=$out GOFLAGS=-mod=mod CGO_ENABLED=0 GOTOOLCHAIN=local nice -n 10 \
    go install -trimpath -ldflags '-s -w' "github.com/minio/minio@$version" 2>"$out/log"; then
    mv "$out/minio" "$program"
    rm -rf "$out"
  else
    tail -n 20 "$out/log" >&2
    rm -rf "$out"
    missing "MinIO could not be built"
    return 1
  fi
}

start_store() {
  local dir=$1 port=$2 pid
  mkdir -p "$dir/data" "$dir/home"
  # One name and one key (the test's own, no secret) so that SSE-S3 and SSE-KMS work without a key server.
  # Updates, the console and telemetry are off: it speaks to nobody.
  HOME=$dir/home \
    MINIO_ROOT_USER=${STORE_ACCESS_KEY:-storeaccesskey01} MINIO_ROOT_PASSWORD=${STORE_SECRET_KEY:-storesecretstoresecretstoresecret0123456} \
    MINIO_KMS_SECRET_KEY=test-key:YmFydGl6YW4tdGVzdC1rZXktbnVtYmVyLW9uZS0zMmI= \
    MINIO_REGION=us-east-1 MINIO_BROWSER=off MINIO_UPDATE=off MINIO_CALLHOME_ENABLE=off \
    "$program" server --quiet --address "127.0.0.1:$port" "$dir/data" >"$dir/log" 2>&1 </dev/null &
  pid=$!
  echo "$pid" >"$dir/pids"
  wait_http "http://127.0.0.1:$port/minio/health/ready" 60 "$pid" || { tail -n 20 "$dir/log" >&2; stop_pids "$dir/pids"; die "MinIO does not answer"; }
  for _ in $(seq 100); do
    curl --silent --fail --output /dev/null "http://127.0.0.1:$port/minio/health/ready" && { echo "$pid"; return 0; }
    sleep 0.2
  done
  stop_pids "$dir/pids"
  die "MinIO does not become ready"
}

case "${1:-}" in
  install) install_store ;;
  available) [ -x "$program" ] ;;
  path) echo "$program" ;;
  start) install_store; start_store "$2" "$3" ;;
  stop) stop_pids "$2/pids" ;;
  *) sed -n '2,8p' "$0" >&2; exit 2 ;;
esac
