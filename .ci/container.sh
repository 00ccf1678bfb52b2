#!/usr/bin/env bash
# The container of docker-compose.yml, built and tried for real.
#   container.sh build     the static program (static.sh; BARTIZAN_STATIC=FILE: this one instead) and MinIO, where the Dockerfiles look for them
#   container.sh try       Debian's docker, a dockerd of its own, build, up, a few requests, down
#   container.sh           both
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cd "$ci_top"

build() {
  local program=${BARTIZAN_STATIC:-}
  [ -n "$program" ] || program=$("$here/static.sh" target/static)
  # Dynamic programs name their loader; this one must not.
  if readelf --program-headers "$program" | grep -q INTERP; then die "$program is not static"; fi
  rm -rf target/container target/container-minio
  install -D -m 0755 "$program" target/container/bartizan
  [ ! -f /etc/ssl/certs/ca-certificates.crt ] || install -D -m 0644 /etc/ssl/certs/ca-certificates.crt target/container/etc/ssl/certs/ca-certificates.crt
  mkdir -m 1777 target/container/tmp
  "$here/stores/minio.sh" install
  install -D -m 0755 "$("$here/stores/minio.sh" path)" target/container-minio/minio
}

start_dockerd() {
  need_packages dockerd=docker.io docker-compose=docker-compose
  work=$(mktemp -d /tmp/bz-docker.XXXXXX)
  trap stop_all EXIT
  # No bridge and no firewall rules: containers here use the host's network.
  PATH=$PATH:/usr/sbin:/sbin dockerd --host "unix://$work/sock" --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/dockerd.pid" \
    --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false >"$work/log" 2>&1 </dev/null &
  dockerd=$!
  export DOCKER_HOST=unix://$work/sock DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
  for _ in $(seq 100); do docker version >/dev/null 2>&1 && return 0; sleep 0.2; done
  tail -n 20 "$work/log" >&2
  die "dockerd does not answer"
}

stop_all() {
  local status=$?
  trap - EXIT
  [ ! -d "$work/site" ] || (cd "$work/site" && docker-compose --profile minio down --timeout 35 >/dev/null 2>&1) || true
  [ -z "${dockerd:-}" ] || stop_pid "$dockerd"
  # What dockerd left mounted under its own folder, and nothing else.
  awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mounted; do umount "$mounted" || true; done
  rm -rf --one-file-system "$work"
  exit "$status"
}

# The ordinary `aws` command against the container.
use_it() (
  unset AWS_PROFILE
  eval "$(docker-compose exec -T bartizan /bartizan env)"
  "$ci_venv/bin/aws" s3 mb s3://container-test
  echo hello | "$ci_venv/bin/aws" s3 cp - s3://container-test/k
  [ "$("$ci_venv/bin/aws" s3 cp s3://container-test/k -)" = hello ] || die "the object did not come back"
  "$ci_venv/bin/aws" s3 ls s3://container-test/
)

try() {
  local data port
  work='' dockerd=''
  start_dockerd
  # A copy of the few files that count, so that its data folder is not in the repository.
  mkdir -p "$work/site/.ci/stores" "$work/site/target"
  cp docker-compose.yml Dockerfile .dockerignore "$work/site/"
  cp .ci/stores/minio.Dockerfile "$work/site/.ci/stores/"
  cp -r target/container target/container-minio "$work/site/target/"
  cd "$work/site"
  export PWD
  data=$work/site/bartizan-data
  install -d -m 0755 "$work" "$work/site"
  install -d -m 0700 -o 65532 -g 65532 "$data" "$data/minio"
  docker-compose --profile minio build
  for port in 9000 9443 9464; do
    ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || die "port $port is taken: the containers use the host's network"
  done
  docker-compose --profile minio up -d
  wait_http http://127.0.0.1:9000/minio/health/ready 30 "$dockerd" || { docker-compose --profile minio logs; die "MinIO in its container does not answer"; }
  say "MinIO in its container answers"
  wait_http https://127.0.0.1:9443/ 30 "$dockerd" || { docker-compose logs bartizan; die "Bartizan in its container does not answer"; }
  docker-compose logs bartizan | grep -q ready || { docker-compose logs bartizan; die "Bartizan in its container is not ready"; }
  say "Bartizan in its container answers"
  docker-compose --profile minio ps
  # shellcheck disable=SC2046 # one word per container
  docker inspect --format '{{.Name}} user={{.Config.User}} read_only={{.HostConfig.ReadonlyRootfs}} caps_dropped={{.HostConfig.CapDrop}} size={{.SizeRw}}' $(docker-compose --profile minio ps -q)
  docker images bartizan
  if [ -z "${BARTIZAN_STATIC_IS_A_STANDIN:-}" ]; then
    use_it
    # As docker-compose.yml says: in front of the MinIO beside it.
    docker-compose stop --timeout 35 bartizan
    docker-compose run --rm bartizan init
    sed -n '/^# file: gate\/bartizan.toml$/,/^```$/p' "$ci_top/docs/recipes/laptop-minio.md" | sed '$d' >"$data/bartizan.toml"
    chown 65532:65532 "$data/bartizan.toml"
    docker-compose --profile minio up -d
    wait_http https://127.0.0.1:9443/ 30 "$dockerd" || { docker-compose logs bartizan; die "Bartizan before MinIO does not answer"; }
    use_it
    [ -d "$data/minio/container-test" ] || die "the bucket is not in MinIO"
    for _ in $(seq 100); do docker-compose ps bartizan | grep -q '(healthy)' && break; sleep 0.2; done
    docker-compose ps bartizan | grep '(healthy)' || die "Bartizan in its container is not healthy"
  fi
  docker-compose --profile minio stop --timeout 35
  # Drained and left with 0, both of them.
  docker-compose --profile minio ps
}

case "${1:-all}" in
  build) build ;;
  try) try ;;
  all) build; try ;;
  *) sed -n '2,5p' "$0" >&2; exit 2 ;;
esac
