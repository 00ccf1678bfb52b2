#!/usr/bin/env bash
# radosgw (Ceph) on one node as a store to test against: one monitor, one OSD in memory, one gateway.
#   radosgw.sh install          Debian's packages, without the recommended ones
#   radosgw.sh available        exit 0 when they are there
#   radosgw.sh start DIR PORT   starts it on 127.0.0.1:PORT with everything in DIR, waits, prints the gateway's pid
#   radosgw.sh stop DIR         ends the three processes
# STORE_ACCESS_KEY, STORE_SECRET_KEY: the keys of its one user. Region us-east-1.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"

available() { command -v ceph-mon && command -v ceph-osd && command -v radosgw && command -v radosgw-admin; } >/dev/null 2>&1

install_store() {
  available && return 0
  need_packages ceph-mon=ceph-mon ceph-osd=ceph-osd radosgw-admin=ceph-common radosgw=radosgw
}

# The key of the SSE-KMS test backend is the test's own and protects nothing.
write_config() {
  local dir=$1 port=$2 mon_port=$3
  cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = v2:127.0.0.1:$mon_port
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = $dir/keyring
run dir = $dir/run
admin socket = $dir/run/\$name.\$pid.asok
log file = $dir/log/\$name.log
crash dir = $dir/crash
pid file = $dir/run/\$name.pid
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon warn on pool no redundancy = false
mon data avail crit = 1
[mon]
mon data = $dir/mon
[osd]
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd memory target = 1073741824
osd class load list = *
osd class default list = *
[client]
rgw frontends = beast endpoint=127.0.0.1:$port
rgw data = $dir/rgw
rgw gc obj min wait = 5
rgw gc processor period = 5
rgw gc processor max time = 5
rgw enable usage log = false
rgw lc debug interval = -1
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = test-key=$(printf 'bartizan-test-key-number-one-32b' | base64)
CONF
}

make_cluster() {
  local dir=$1 fsid mon_port=$2
  fsid=$(sed -n 's/^fsid = //p' "$dir/ceph.conf")
  ceph-authtool --create-keyring "$dir/keyring" --gen-key -n client.admin \
    --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  ceph-authtool --create-keyring "$dir/mon.keyring" --gen-key -n mon. --cap mon 'allow *'
  ceph-authtool "$dir/mon.keyring" --import-keyring "$dir/keyring"
  monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:$mon_port]" "$dir/monmap"
  ceph-mon -c "$dir/ceph.conf" -i a --mkfs --monmap "$dir/monmap" --keyring "$dir/mon.keyring"
}

ceph_() { ceph -c "$dir/ceph.conf" --connect-timeout 20 "$@"; }

add_osd() {
  local dir=$1 uuid secret
  uuid=$(cat /proc/sys/kernel/random/uuid)
  secret=$(ceph-authtool --gen-print-key)
  printf '{"cephx_secret": "%s"}' "$secret" | ceph_ osd new "$uuid" -i - >/dev/null
  mkdir -p "$dir/osd"
  ceph-authtool --create-keyring "$dir/osd/keyring" -n osd.0 --add-key "$secret"
  ceph-osd -c "$dir/ceph.conf" -i 0 --mkfs --osd-uuid "$uuid" --keyring "$dir/osd/keyring"
}

start_store() {
  local dir=$1 port=$2 mon_port pid fresh=no
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  [ ! -f "$dir/pids" ] || stop_pids "$dir/pids"
  # The OSD forgets everything when it ends, so every start is a new cluster.
  rm -rf "${dir:?}"/{mon,osd,rgw,run,log,crash,keyring,mon.keyring,monmap,ceph.conf}
  mkdir -p "$dir"/{mon,osd,rgw,run,log,crash}
  mon_port=$(free_port)
  write_config "$dir" "$port" "$mon_port"
  make_cluster "$dir" "$mon_port" >"$dir/log/make" 2>&1 || { cat "$dir/log/make" >&2; die "no cluster"; }
  ceph-mon -c "$dir/ceph.conf" -i a -f >"$dir/log/mon.out" 2>&1 </dev/null &
  echo $! >"$dir/pids"
  add_osd "$dir" >"$dir/log/osd.make" 2>&1 || { cat "$dir/log/osd.make" >&2; stop_pids "$dir/pids"; die "no OSD"; }
  ceph-osd -c "$dir/ceph.conf" -i 0 -f --keyring "$dir/osd/keyring" >"$dir/log/osd.out" 2>&1 </dev/null &
  echo $! >>"$dir/pids"
  radosgw -c "$dir/ceph.conf" -n client.admin -f >"$dir/log/rgw.out" 2>&1 </dev/null &
  pid=$!
  echo "$pid" >>"$dir/pids"
  wait_http "http://127.0.0.1:$port/" 120 "$pid" || { tail -n 20 "$dir"/log/*.out >&2; stop_pids "$dir/pids"; die "radosgw does not answer"; }
  radosgw-admin -c "$dir/ceph.conf" -n client.admin user create --uid test --display-name Test \
    --access-key "${STORE_ACCESS_KEY:-storeaccesskey01}" --secret "${STORE_SECRET_KEY:-storesecretstoresecretstoresecret0123456}" \
    >"$dir/log/user" 2>&1 || { cat "$dir/log/user" >&2; stop_pids "$dir/pids"; die "no user"; }
  echo "$pid"
}

case "${1:-}" in
  install) install_store ;;
  available) available ;;
  start) install_store; start_store "$2" "$3" ;;
  stop) stop_pids "$2/pids" ;;
  *) sed -n '2,7p' "$0" >&2; exit 2 ;;
esac
