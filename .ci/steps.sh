# The steps of .ci/run, one function each. Sourced by it, after lib.sh.
# shellcheck shell=bash disable=SC2154

shared=$ci_top/../shared
installer=

# Packages, the virtual environment and MinIO are got while cargo works; step_clients waits for them.
begin_installing() {
  (
    need_packages curl=curl openssl=openssl dnsmasq=dnsmasq-base ip=iproute2 unshare=util-linux ceph-mon=ceph-mon ceph-osd=ceph-osd radosgw-admin=ceph-common radosgw=radosgw redis-server=redis-server
    "$ci_top/.ci/venv.sh"
    "$ci_top/.ci/clients.sh"
    "$ci_top/.ci/stores/minio.sh" install
  ) >"$TMPDIR/install.log" 2>&1 </dev/null &
  installer=$!
}

# Whatever a test that was cut short left running has its pid in a file.
clean_up() {
  local status=$? file
  trap - EXIT INT TERM
  [ -z "$installer" ] || kill "$installer" 2>/dev/null || true
  find "$TMPDIR" -name pids -type f 2>/dev/null | while read -r file; do stop_pids "$file"; done
  rm -rf "$TMPDIR"
  exit "$status"
}

step_fmt() { cargo fmt --check; }

step_shell() {
  need_packages shellcheck=shellcheck || return 0
  (cd "$ci_top" && shellcheck --external-sources --source-path=SCRIPTDIR --exclude=SC2034 \
    .ci/run .ci/*.sh .ci/stores/*.sh certs/make.sh benches/run.sh benches/profile/make.sh benches/profile/rustc)
}

# The same lists twice: our own check always, cargo-deny (which also reads the licence texts) where it is installed.
step_licences() {
  python3 .ci/licences.py
  if command -v cargo-deny >/dev/null 2>&1; then
    cargo deny --locked check bans licenses sources
  else
    say "SKIPPED: cargo deny is not installed (cargo install --locked cargo-deny); .ci/licences.py has checked the lists"
  fi
}

step_clippy() {
  cargo clippy --all-targets --locked -- -D warnings
  cargo clippy --all-targets --locked --features otlp -- -D warnings
}

# Of the feature only what it adds.
step_test() {
  cargo test --locked
  cargo test --locked --features otlp --lib --test it -- gate::spans config::trace gate::trace
}

# The rules for Prometheus: that they are some, and what they say of made-up numbers.
step_rules() {
  "$ci_top/.ci/promtool.sh" install || return 0
  local promtool
  promtool=$("$ci_top/.ci/promtool.sh" path)
  "$promtool" check rules "$ci_top/docs/dashboards/alerts.yaml"
  "$promtool" test rules "$ci_top/docs/dashboards/alerts_test.yaml"
}

step_doc() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items; }

# Tables made from the specification are checked in; they must be what the generator makes of it today.
step_tables() {
  [ -d "$shared/spec" ] || { missing "no ../shared/spec to make the tables from"; return 0; }
  [ -f examples/generate.rs ] || { say "SKIPPED: no generator of tables yet"; return 0; }
  cargo run --locked --quiet --example generate -- "$shared/spec"
  git diff --exit-code -- src/s3/operation src/s3/permission src/s3/code.rs src/policy/action || die "the checked-in tables differ from what the generator makes"
}

step_vectors() {
  local kind
  [ -d "$shared/vectors" ] || { missing "no ../shared/vectors"; return 0; }
  [ -f examples/vectors/main.rs ] || { say "SKIPPED: no runner of vectors yet"; return 0; }
  for kind in $VECTORS; do
    say "vectors of $kind"
    # Not --release: the tests have compiled nearly all of this, and overflows are checked too.
    cargo run --locked --quiet --example vectors -- "$kind" "$shared/vectors/$kind"
  done
}

step_release() { cargo build --locked --release; }

# The engine beside its naive oracle, and its properties, on many more cases than `cargo test` has time for.
step_oracle() { POLICY_CASES=100000 cargo test --locked --lib policy::engine::tests::properties; }

step_clients() {
  if [ -n "$installer" ]; then
    wait "$installer" || { cat "$TMPDIR/install.log" >&2; missing "something could not be installed"; }
    installer=
    cat "$TMPDIR/install.log" >&2
  fi
  [ -x "$ci_venv/bin/pytest" ] || { missing "no virtual environment: .ci/venv.sh"; return 0; }
  # A process for each store: the tests wait more than they compute.
  "$ci_venv/bin/pytest" tests/clients -q -ra -m "not slow" -n 3 </dev/null
}

# By hand: gigabytes.
step_slow() {
  [ -z "$installer" ] || wait "$installer"
  "$ci_venv/bin/pytest" tests/clients -q -rA -m slow </dev/null
}

# By hand: the stores by themselves, to see that the tests know them right.
step_direct() { BARTIZAN_DIRECT=1 "$ci_venv/bin/pytest" tests/clients -q -ra </dev/null; }

step_container() { "$ci_top/.ci/container.sh"; }
