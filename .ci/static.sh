#!/usr/bin/env bash
# The static program of the container, built into a folder of its own: other flags would throw the ordinary build away.
#   static.sh FOLDER     prints where the program lies
set -euo pipefail
cd "$(dirname "$0")/.."
target=x86_64-unknown-linux-gnu
CARGO_TARGET_DIR=$1 RUSTFLAGS='-C target-feature=+crt-static' cargo build --locked --release --target "$target" >&2
echo "$1/$target/release/bartizan"
