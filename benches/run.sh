#!/usr/bin/env bash
# CPU per request beside nginx as plain TLS proxy, in one interleaved run, with the harness in ../shared/perf.
#   benches/run.sh [quick|full|memory|startup]     needs ../shared/perf; everything else goes under $PERF_DIR
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
harness=$top/../shared/perf
[ -d "$harness" ] || { echo "no ../shared/perf: nothing to compare with" >&2; exit 2; }
export PERF_DIR=${PERF_DIR:-/tmp/perf}
binary=${BARTIZAN_BIN:-$top/target/release/bartizan}
[ -x "$binary" ] || { echo "build first: cargo build --release" >&2; exit 2; }
mkdir -p "$PERF_DIR"
# The harness writes beside its own sources; ours are read-only.
rm -rf "$PERF_DIR/harness" && cp -r "$harness" "$PERF_DIR/harness" && chmod -R u+w "$PERF_DIR/harness"
[ -x "$PERF_DIR/s3load" ] || "$PERF_DIR/harness/setup.sh"

gate=$PERF_DIR/gate
rm -rf "$gate" && mkdir -p "$gate/policies/identities"
cp "$top/policies/identities/administrator.json" "$gate/policies/identities/"
cat >"$gate/policies/credentials.toml" <<'EOF'
[[account]]
id   = "111122223333"
name = "main"

[[user]]
arn      = "arn:aws:iam::111122223333:user/bench"
policies = ["administrator"]
keys     = [{ id = "AKBENCHCLIENT0000001", secret = "benchsecretbenchsecretbenchsecretbench00" }]
EOF
cat >"$gate/bartizan.toml" <<EOF
region   = "us-east-1"
account  = "111122223333"
policies = "policies/"
state    = "state/"

[[listen]]
address = "127.0.0.1:8450"
hosts   = ["localhost"]
tls     = { certificate = "$PERF_DIR/cert.pem", key = "$PERF_DIR/key.pem" }

[upstream]
kind        = "s3"
endpoint    = "http://127.0.0.1:9000"
region      = "us-east-1"
addressing  = "path"
profile     = "minio"
credentials = { access_key_id = "AKBENCHUPSTREAM00001", secret_access_key = "upstreamupstreamupstreamupstreamupstream" }

[runtime]
workers = 1

[log]
level = "error"
EOF
chmod 600 "$gate/bartizan.toml" "$gate/policies/credentials.toml"
"$binary" check -c "$gate/bartizan.toml" >&2
PROXY_CMD="$binary serve -c $gate/bartizan.toml" PROXY_URL=https://127.0.0.1:8450 exec "$PERF_DIR/harness/run.sh" "${1:-quick}"
