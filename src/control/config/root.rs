//! The top of the file and its small tables.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{
    Accept, Audit, Before, Config, Guard, Log, LogFormat, LogLevel, NameRule, Names, PayloadRule, Profile, Runtime,
    Signature, Target, Temporary, Upstream, WhenFull, detect, encryption, keys, listen, naming, rate, rehearsal, sink,
    trace, upstream,
};
use crate::control::reader::{Located, Table};
use crate::delivery;
use crate::guard;
use crate::identity::TokenKey;
use crate::sigv4::Secret;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Octets of a journal's segment, unless said otherwise.
const SEGMENT: u64 = 64 << 20;
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn read(root: &mut Table<'_>, path: &Path) -> Option<Config> {
    let file = "write `accounts/ACCOUNT/public-access-block.json` in the policies folder (docs/policies.md)";
    root.unavailable_but("public_access_block", file);
    let region = region(root, "region").unwrap_or_else(|| "us-east-1".to_owned());
    let account = root.parsed("account", "the 12 digits of an account", account).map(|found| found.value);
    if account.is_none() && !root.has("account") {
        root.required("account", "account = \"111122223333\"");
    }
    let policies = root.path("policies").map_or_else(|| root.base().join("policies/"), |found| found.value);
    let state = state(root);
    let accepted_regions = accepted_regions(root, &region);
    let (listen, taken) = listen::read(root);
    let upstreams = upstream::read(root, &region, &listen);
    let (ring, key_service) = keys::read(root, &region, &upstreams);
    let (credentials, temporary) = credentials(root);
    let allow_widening = root.boolean("allow_widening", false);
    let policy_api = root.choice("policy_api", &[("accept", true), ("refuse", false)], true);
    let config = Config {
        allow_widening,
        policy_api,
        file: path.to_owned(),
        read: None,
        development: false,
        accepted_regions,
        account: account.unwrap_or_default(),
        credentials: credentials.unwrap_or_else(|| policies.join("credentials.toml")),
        keyring: ring.unwrap_or_else(|| state.join("keyring.json")),
        key_service,
        temporary,
        policies,
        detect: detect::read(root, &state),
        state,
        signature: signature(root),
        guard: rules(root, &upstreams),
        naming: naming::read(root),
        rehearsals: rehearsal::read(root, &listen),
        audit: audit(root, &upstreams, &region),
        rates: rate::read(root, served(&region, &upstreams)),
        upstreams,
        runtime: runtime(root),
        admin: admin(root, &taken),
        log: log(root),
        trace: trace::read(root),
        listen,
        region,
    };
    Some(config)
}

/// The folder of what the proxy keeps. It is made where it is not there yet.
fn state(root: &mut Table<'_>) -> PathBuf {
    let Some(Located { value: path, span }) = root.path("state") else { return root.base().join("state/") };
    let is_file = match path.metadata() {
        Ok(metadata) => !metadata.is_dir(),
        Err(error) => error.kind() == ErrorKind::NotADirectory,
    };
    if is_file {
        let help = "name a folder, which is made if it is not there, or move the file away";
        root.fault(span, "`state` is no folder", "a file is there", help);
    }
    path
}

/// The regions that clients see: a single store may be elsewhere.
fn served<'r>(region: &'r str, upstreams: &'r [Upstream]) -> impl Iterator<Item = &'r str> {
    let several = if upstreams.len() > 1 { upstreams } else { &[] };
    std::iter::once(region).chain(several.iter().map(|upstream| upstream.region.as_str()))
}

/// A region name by its characters.
pub(super) fn region(table: &mut Table<'_>, key: &'static str) -> Option<String> {
    table.parsed(key, "a region such as \"us-east-1\"", region_name).map(|found| found.value)
}

pub(super) fn region_name(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    ((1..=64).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
}

fn account(text: &str) -> Option<String> {
    (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
}

fn accepted_regions(root: &mut Table<'_>, region: &str) -> Vec<String> {
    let mut regions = vec![region.to_owned()];
    for found in root.list("accepted_regions", "a region such as \"us-east-1\"", region_name) {
        if !regions.contains(&found.value) {
            regions.push(found.value);
        }
    }
    regions
}

/// The most keys that still open tokens.
const MOST_OLD_KEYS: usize = 16;

fn credentials(root: &mut Table<'_>) -> (Option<std::path::PathBuf>, Temporary) {
    let mut temporary = Temporary { on: true, key: None, older: Vec::new() };
    let Some(mut table) = root.table("credentials") else { return (None, temporary) };
    table.unavailable(&["reload_grace"]);
    let file = table.path("file").map(|found| found.value);
    temporary.on = table.boolean("temporary", true);
    if !temporary.on {
        table.pointless(&["token_key", "old_token_keys"], "`temporary = false`");
        table.finish();
        return (file, temporary);
    }
    let expected = "32 octets in base64, as `openssl rand -base64 32` writes them";
    let key = |text: &str| TokenKey::parse(text).map(|_| Secret::new(text.to_owned()));
    temporary.key = table.secret("token_key");
    if let (Some(found), Some(span)) = (&temporary.key, table.span_of("token_key"))
        && TokenKey::parse(found.expose()).is_none()
    {
        let message = "`credentials.token_key` is not usable";
        table.fault(span, message, "not understood", format!("expected {expected}"));
    }
    let older = table.list("old_token_keys", expected, key);
    if let (Some(span), true) = (table.span_of("old_token_keys"), older.len() > MOST_OLD_KEYS) {
        let message = format!("`credentials.old_token_keys` has more than {MOST_OLD_KEYS} keys");
        table.fault(span, message, "too many", "remove those whose tokens have all ended: 36 hours at most");
    }
    temporary.older = older.into_iter().map(|found| found.value).collect();
    table.finish();
    (file, temporary)
}

fn signature(root: &mut Table<'_>) -> Signature {
    let default = Signature {
        ecdsa: false,
        skew: MINUTE * 15,
        payload: PayloadRule::SignedOrTls,
        presign_max: DAY * 7,
        verify_first: 64 << 10,
        replay: false,
    };
    let Some(mut table) = root.table("signature") else { return default };
    let ecdsa = algorithms(&mut table);
    let rules =
        [("signed", PayloadRule::Signed), ("signed-or-tls", PayloadRule::SignedOrTls), ("any", PayloadRule::Any)];
    let signature = Signature {
        ecdsa,
        skew: table.duration("skew", SECOND..=MINUTE * 15, default.skew),
        payload: table.choice("payload", &rules, default.payload),
        presign_max: table.duration("presign_max", SECOND..=DAY * 7, default.presign_max),
        verify_first: table.size("verify_first", 0..=16 << 20, default.verify_first),
        replay: table.choice("replay", &[("off", false), ("writes", true)], default.replay),
    };
    table.finish();
    signature
}

/// Whether Signature Version 4A is on the list. Version 4 is always on it.
fn algorithms(table: &mut Table<'_>) -> bool {
    const HMAC: &str = "AWS4-HMAC-SHA256";
    const ECDSA: &str = "AWS4-ECDSA-P256-SHA256";
    if !table.has("algorithms") {
        return false;
    }
    let span = table.span_of("algorithms").unwrap_or_default();
    let expected = format!("\"{HMAC}\" or \"{ECDSA}\"");
    let named = table.list("algorithms", &expected, |text| match text {
        HMAC => Some(false),
        ECDSA => Some(true),
        _ => None,
    });
    if !named.iter().any(|found| !found.value) {
        let message = format!("`{}` leaves {HMAC} out", table.path_of("algorithms"));
        let help = format!("write `algorithms = [\"{HMAC}\", \"{ECDSA}\"]`");
        table.fault(span, message, "every client uses it", help);
    }
    named.iter().any(|found| found.value)
}

/// Rules that hold whoever asks.
fn rules(root: &mut Table<'_>, upstreams: &[Upstream]) -> Guard {
    let usual = usual_names(upstreams);
    let levels = encryption::sensitivity(root);
    let explain = explain(root);
    let Some(mut table) = root.table("guard") else {
        return Guard { names: usual, rules: Arc::new(guard::Rules { levels, explain, ..guard::Rules::default() }) };
    };
    table.unavailable(&["worm"]);
    let names = names(&mut table, usual);
    let rules = guard::Rules {
        encryption: encryption::encryption(&mut table, upstreams),
        transport: encryption::transport(&mut table),
        levels,
        explain,
    };
    table.finish();
    Guard { names, rules: Arc::new(rules) }
}

/// Whether refusals say which rule it was (spec/encryption.md 9).
fn explain(root: &mut Table<'_>) -> bool {
    let Some(mut table) = root.table("errors") else { return false };
    let explain = table.boolean("explain", false);
    table.finish();
    explain
}

/// Keys are bytes to Amazon S3, and file names to many others.
fn usual_names(upstreams: &[Upstream]) -> Names {
    let is_aws = |upstream: &Upstream| matches!(&upstream.target, Target::S3(remote) if remote.profile == Profile::Aws);
    let all_aws = !upstreams.is_empty() && upstreams.iter().all(is_aws);
    let usual = if all_aws { NameRule::Allow } else { NameRule::Refuse };
    Names { dot_segments: usual, empty_segments: usual, control_bytes: usual }
}

fn names(guard: &mut Table<'_>, usual: Names) -> Names {
    let Some(mut table) = guard.table("names") else { return usual };
    let rules = [("refuse", NameRule::Refuse), ("allow", NameRule::Allow)];
    let names = Names {
        dot_segments: table.choice("dot_segments", &rules, usual.dot_segments),
        empty_segments: table.choice("empty_segments", &rules, usual.empty_segments),
        control_bytes: table.choice("control_bytes", &rules, usual.control_bytes),
    };
    table.finish();
    names
}

fn audit(root: &mut Table<'_>, upstreams: &[Upstream], region: &str) -> Audit {
    let default = Audit {
        before: Before::Written,
        when_full: WhenFull::Refuse,
        redact_context: Arc::default(),
        delivery: Arc::new(delivery::Settings::default()),
        signing_key: None,
        segment_size: SEGMENT,
        roll_after: DAY,
        keep: None,
        max_size: None,
    };
    let Some(mut table) = root.table("audit") else { return default };
    table.unavailable_but("chain", "remove it: the journal is always chained and signed (docs/journal.md)");
    let before = [("queued", Before::Queued), ("written", Before::Written), ("synced", Before::Synced)];
    let when_full = [("refuse", WhenFull::Refuse), ("drop", WhenFull::Drop)];
    let audit = Audit {
        before: table.choice("before", &before, default.before),
        when_full: table.choice("when_full", &when_full, default.when_full),
        redact_context: names_in_context(&mut table),
        delivery: Arc::new(sink::read(&mut table, upstreams, region)),
        ..retention(&mut table, default)
    };
    table.finish();
    audit
}

fn names_in_context(table: &mut Table<'_>) -> Arc<[Box<str>]> {
    let name = |text: &str| (!text.is_empty()).then(|| Box::from(text));
    let found =
        table.list("redact_context", "a name in the encryption contexts of requests, such as \"patient\"", name);
    found.into_iter().map(|found| found.value).collect()
}

/// How the journal is signed, cut into files and kept.
fn retention(table: &mut Table<'_>, default: Audit) -> Audit {
    // The longest record must fit a segment.
    let segment_size = table.size("segment_size", 16 << 20..=16 << 30, default.segment_size);
    let span = table.span_of("max_size");
    let max_size = span.is_some().then(|| table.size("max_size", 32 << 20..=u64::MAX, 1 << 40));
    if let (Some(most), Some(span)) = (max_size, span)
        && most < segment_size.saturating_mul(2)
    {
        let help = "write at least twice `segment_size`: the segment being written is never removed";
        table.fault(span, "`max_size` has no room for two segments", "too little", help);
    }
    Audit {
        signing_key: table.path("signing_key").map(|found| found.value),
        segment_size,
        roll_after: table.duration("roll_after", MINUTE..=DAY * 366, default.roll_after),
        keep: table.has("keep").then(|| table.duration("keep", MINUTE * 60..=DAY * 36_600, DAY * 90)),
        max_size,
        ..default
    }
}

fn runtime(root: &mut Table<'_>) -> Runtime {
    let default = Runtime { workers: 0, accept: Accept::LeastLoaded, drain: SECOND * 30 };
    let Some(mut table) = root.table("runtime") else { return default };
    if table.word("accept").as_deref() == Some("shared") {
        let help = "write \"least-loaded\" or \"reuseport\": workers keep pools, keys and buffers to themselves, without locks";
        let span = table.span_of("accept").unwrap_or_default();
        table.fault(span, "`runtime.accept = \"shared\"` is not offered", "a request stays with its worker", help);
        table.finish();
        return default;
    }
    let ways = [("least-loaded", Accept::LeastLoaded), ("reuseport", Accept::Reuseport)];
    let runtime = Runtime {
        workers: table.integer("workers", 0..=1024, default.workers),
        accept: table.choice("accept", &ways, default.accept),
        drain: table.duration("drain", Duration::ZERO..=MINUTE * 60, default.drain),
    };
    table.finish();
    runtime
}

/// The admin listener speaks plain HTTP and asks nobody who they are, so it stays at home.
fn admin(root: &mut Table<'_>, taken: &listen::Taken) -> Option<SocketAddr> {
    let mut table = root.table("admin")?;
    table.unavailable(&["console"]);
    table.unavailable_but("metrics", "remove it: `address` answers /metrics, too");
    let address =
        table.parsed("address", "an address with a port such as \"127.0.0.1:9464\"", |text| text.parse().ok());
    if address.is_none() && !table.has("address") {
        table.required("address", "address = \"127.0.0.1:9464\"");
    }
    if let Some(found) = address.as_ref().filter(|found: &&Located<SocketAddr>| !found.value.ip().is_loopback()) {
        let message = "`admin.address` could be reached from other machines";
        let help = "write a loopback address such as \"127.0.0.1:9464\"";
        table.fault(found.span.clone(), message, "plain HTTP, and nobody is asked who they are", help);
    }
    if let Some(found) = &address
        && let Some(other) = taken.iter().find(|other| collide(&found.value, &other.value))
    {
        let message = "`admin.address` is the address of a listener, too";
        let label = format!("the [[listen]] of line {} has it", table.line_of(&other.span));
        table.fault(found.span.clone(), message, &label, "give one of the two another port");
    }
    table.finish();
    address.map(|found| found.value)
}

/// Whether one address cannot be bound beside another.
fn collide(one: &SocketAddr, other: &SocketAddr) -> bool {
    let all = other.ip().is_unspecified() && one.is_ipv4() == other.is_ipv4();
    one.port() != 0 && one.port() == other.port() && (one.ip() == other.ip() || all)
}

fn log(root: &mut Table<'_>) -> Log {
    let mut log = Log { level: LogLevel::Info, format: None };
    let Some(mut table) = root.table("log") else { return log };
    let levels = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    log.level = table.choice("level", &levels, log.level);
    log.format = table.choice("format", &[("json", Some(LogFormat::Json)), ("text", Some(LogFormat::Text))], None);
    table.finish();
    log
}
