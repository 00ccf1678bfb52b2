//! `[[audit.sink]]`, and what is said of all deliveries in `[audit]`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Endpoint, Upstream, listen, root};
use crate::access::origin::Cidr;
use crate::control::reader::Table;
use crate::delivery::{BucketTo, EVERY, FileTo, Format, HttpTo, Selection, Settings, Sink, To};
use crate::policy::logging::{DateSource, KeyFormat};
use crate::s3::name::{is_account, is_addressable_bucket};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// How many destinations there may be: each reads the journal for itself when it is behind.
const MOST: usize = 32;
/// The longest prefix, in octets.
const LONGEST_PREFIX: usize = 800;
/// How a key for digests is made.
const MAKE_KEY: &str =
    "make one with `openssl genrsa -out trail.pem 2048` and write `trail_key = \"trail.pem\"` in `[audit]`";

/// Keys that belong to one kind of destination.
const OF_FILE: [&str; 4] = ["file", "roll_size", "roll_every", "keep"];
const OF_BUCKET: [&str; 7] = ["bucket", "owner", "prefix", "upstream", "layout", "dates", "digests"];
const OF_URL: [&str; 3] = ["url", "token", "ca"];

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Bucket,
    File,
    Stdout,
    Url,
}

pub(super) fn read(audit: &mut Table<'_>, upstreams: &[Upstream], home: &str) -> Settings {
    let trail_key = audit.path("trail_key").map(|found| found.value);
    let mut settings = Settings {
        sinks: Vec::new(),
        every: audit.duration("deliver_every", SECOND..=DAY, EVERY),
        hash_keys: audit.choice("keys", &[("plain", false), ("hashed", true)], false),
        allow_self: audit.boolean("allow_self", false),
        source_regions: source_regions(audit),
        trail_key,
    };
    if !audit.has("sink") {
        return settings;
    }
    let mut names = HashSet::new();
    for mut table in audit.tables("sink") {
        let sink = sink(&mut table, &settings, upstreams, home);
        if let Some(sink) = &sink
            && !names.insert(sink.name.clone())
        {
            let help = "give each sink its own `name`: how far it has come is kept under it";
            table.fault(table.span(), "two sinks have the same name", "taken above", help);
        }
        table.finish();
        settings.sinks.extend(sink);
    }
    if settings.sinks.len() > MOST {
        let span = audit.span_of("sink").unwrap_or_default();
        audit.fault(span, format!("there are more than {MOST} sinks"), "too many", "let one deliver to the others");
    }
    same_place(audit, &settings.sinks);
    settings
}

/// Which region of AWS an address belongs to.
fn source_regions(audit: &mut Table<'_>) -> Vec<(Cidr, String)> {
    let span = audit.span_of("source_regions").unwrap_or_default();
    let mut regions = Vec::new();
    for (range, region) in audit.pairs("source_regions") {
        match (Cidr::parse(&range), root::region_name(&region)) {
            (Some(cidr), Some(region)) => regions.push((cidr, region)),
            _ => {
                let message = format!("`audit.source_regions`: `{range}` and `{region}` are not usable");
                let help = "write ranges of addresses with regions, such as `\"10.0.0.0/8\" = \"eu-central-1\"`";
                audit.fault(span.clone(), message, "not understood", help);
            }
        }
    }
    regions
}

/// Two that write into one file would write over each other.
fn same_place(audit: &mut Table<'_>, sinks: &[Sink]) {
    let mut files: HashSet<&PathBuf> = HashSet::new();
    for sink in sinks {
        let To::File(file) = &sink.to else { continue };
        if !files.insert(&file.path) {
            let message = format!("two sinks write into `{}`", file.path.display());
            let span = audit.span_of("sink").unwrap_or_default();
            audit.fault(span, message, "they would write over each other", "give each sink its own `file`");
        }
    }
}

fn sink(table: &mut Table<'_>, all: &Settings, upstreams: &[Upstream], home: &str) -> Option<Sink> {
    let name = table.parsed("name", "a short name of letters, digits, `-` and `_`", listen::name);
    if name.is_none() && !table.has("name") {
        table.required("name", "name = \"trail\"");
    }
    let formats = [("s3", Format::AccessLog), ("json", Format::Json), ("cloudtrail", Format::CloudTrail)];
    if !table.has("format") {
        table.required("format", "format = \"json\"");
    }
    let format = table.choice("format", &formats, Format::Json);
    let account = |text: &str| is_account(text).then(|| text.to_owned());
    if format != Format::CloudTrail {
        table.pointless(&["account"], "a format other than \"cloudtrail\": only that has copies for accounts");
    }
    let account = table.parsed("account", "the 12 digits of an account", account).map(|found| found.value);
    let select = select(table);
    let from_start = table.choice("from", &[("now", false), ("start", true)], false);
    let to = match kind(table)? {
        Kind::Bucket => To::Bucket(bucket(table, format, all, upstreams, home)?),
        Kind::File => To::File(file(table, format)?),
        Kind::Stdout => {
            table.boolean("stdout", true);
            To::Stdout
        }
        Kind::Url => To::Http(url(table)?),
    };
    let roll_size = match (&to, format) {
        (To::Bucket(_), Format::CloudTrail) => 50_000_000,
        (To::Bucket(_), _) => 128 << 20,
        _ => 1 << 20,
    };
    Some(Sink { name: name?.value, format, to, select, account, from_start, roll_size })
}

/// Which one of four it is.
fn kind(table: &mut Table<'_>) -> Option<Kind> {
    let kinds = [("file", Kind::File), ("stdout", Kind::Stdout), ("bucket", Kind::Bucket), ("url", Kind::Url)];
    let named: Vec<(&str, Kind)> = kinds.into_iter().filter(|(key, _)| table.has(key)).collect();
    let ways = "write exactly one of `file = \"PATH\"`, `stdout = true`, `bucket = \"NAME\"`, `url = \"https://…\"`";
    let (&(key, kind), rest) = match named.as_slice() {
        [first, rest @ ..] => (first, rest),
        [] => {
            let message = format!("`{}` goes nowhere", table.path_here());
            table.fault(table.span(), message, "no destination", ways);
            // What belongs to one of them is not unknown.
            for keys in [&OF_FILE[..], &OF_BUCKET[..], &OF_URL[..]] {
                keys.iter().filter(|key| table.has(key)).count();
            }
            return None;
        }
    };
    if let Some((other, _)) = rest.first() {
        let message = format!("`{}` goes to two places", table.path_here());
        table.fault(table.span(), message, &format!("`{key}` and `{other}`"), format!("{ways}; make a second sink"));
        for keys in [&OF_FILE[..], &OF_BUCKET[..], &OF_URL[..]] {
            keys.iter().filter(|key| table.has(key)).count();
        }
        return None;
    }
    let beside = format!("`{key}`");
    for (owner, keys) in [(Kind::File, &OF_FILE[..]), (Kind::Bucket, &OF_BUCKET[..]), (Kind::Url, &OF_URL[..])] {
        if owner != kind {
            table.pointless(keys, &beside);
        }
    }
    Some(kind)
}

/// Selectors, as the text of a JSON list, or in a file: `{ file = "selectors.json" }`.
fn select(table: &mut Table<'_>) -> Option<Selection> {
    let found = table.string("select")?;
    match Selection::parse(&found.value) {
        Ok(selection) => Some(selection),
        Err(why) => {
            let message = format!("`{}` holds no selectors: {why}", table.path_of("select"));
            let help = "write a list of event selectors of CloudTrail as JSON, or `{ file = \"selectors.json\" }`";
            table.fault(found.span, message, "not understood", help);
            None
        }
    }
}

fn file(table: &mut Table<'_>, format: Format) -> Option<FileTo> {
    let roll_every = if format == Format::CloudTrail { SECOND * 3600 } else { DAY };
    let path = table.path("file");
    let file = FileTo {
        roll_size: table.size("roll_size", 4096..=1 << 40, 128 << 20),
        roll_every: table.duration("roll_every", SECOND..=DAY * 366, roll_every),
        keep: table.has("keep").then(|| table.integer("keep", 1..=100_000, 1)),
        path: path?.value,
    };
    Some(file)
}

fn bucket(
    table: &mut Table<'_>,
    format: Format,
    all: &Settings,
    upstreams: &[Upstream],
    home: &str,
) -> Option<BucketTo> {
    let named = |text: &str| is_addressable_bucket(text).then(|| text.to_owned());
    let bucket = table.parsed("bucket", "the name of a bucket", named);
    let owner = |text: &str| is_account(text).then(|| text.to_owned());
    let owner = table.parsed("owner", "the 12 digits of an account", owner).map(|found| found.value);
    let prefix = |text: &str| (text.len() <= LONGEST_PREFIX).then(|| text.to_owned());
    let prefix = table.parsed("prefix", "at most 800 octets", prefix).map(|found| found.value).unwrap_or_default();
    let upstream = Some(upstream(table, upstreams, home)?);
    if format != Format::AccessLog {
        table.pointless(&["layout", "dates"], "a format other than \"s3\"");
    }
    let partitioned = table.choice("layout", &[("simple", false), ("partitioned", true)], false);
    if !partitioned {
        table.pointless(&["dates"], "`layout = \"simple\"`");
    }
    let dates = [("delivery", DateSource::Delivery), ("event", DateSource::Event)];
    let dates = table.choice("dates", &dates, DateSource::Delivery);
    let layout = if partitioned { KeyFormat::Partitioned(dates) } else { KeyFormat::Simple };
    let digests = digests(table, format, all);
    Some(BucketTo { bucket: bucket?.value, owner, prefix, upstream, layout, digests })
}

/// Digests are delivered with a trail wherever there is a key to sign them with.
fn digests(table: &mut Table<'_>, format: Format, all: &Settings) -> bool {
    if format != Format::CloudTrail {
        table.pointless(&["digests"], "a format other than \"cloudtrail\"");
        return false;
    }
    let wanted = table.boolean("digests", all.trail_key.is_some());
    if wanted && all.trail_key.is_none() {
        let span = table.span_of("digests").unwrap_or_default();
        table.fault(span, "digests need a key to sign them with", "`audit.trail_key` is missing", MAKE_KEY);
        return false;
    }
    wanted
}

/// The store of a bucket, by the region of its upstream.
fn upstream(table: &mut Table<'_>, upstreams: &[Upstream], home: &str) -> Option<usize> {
    let place = |region: &str| upstreams.iter().position(|upstream| upstream.region == region);
    let Some(found) = table.parsed("upstream", "the region of an upstream", root::region_name) else {
        return Some(if upstreams.len() > 1 { place(home).unwrap_or_default() } else { 0 });
    };
    let at = place(&found.value);
    if at.is_none() {
        let regions: Vec<String> = upstreams.iter().map(|upstream| format!("\"{}\"", upstream.region)).collect();
        let message = format!("no upstream is in the region `{}`", found.value);
        let help = format!("write {}, or leave it out", regions.join(" or "));
        table.fault(found.span, message, "not the region of any upstream", help);
    }
    at
}

fn url(table: &mut Table<'_>) -> Option<HttpTo> {
    let url = table.parsed("url", "a URL such as \"https://logs.internal/ingest\"", split_url);
    let token = table.secret("token").map(Arc::new);
    let ca = table.path("ca").map(|found| found.value);
    let url = url?;
    let (endpoint, target) = url.value;
    if !endpoint.tls && !endpoint.is_local() {
        let message = format!("`{}` needs TLS", table.path_of("url"));
        table.fault(url.span, message, "plain HTTP is for loopback addresses only", "write `https://`");
    } else if !endpoint.tls {
        table.pointless(&["ca"], "`http://`");
    }
    Some(HttpTo { tls: endpoint.tls, host: endpoint.host, port: endpoint.port, target, token, ca })
}

/// Scheme and authority, then path and query.
pub(super) fn split_url(text: &str) -> Option<(Endpoint, String)> {
    let (scheme, rest) = text.split_once("://")?;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(at)?;
    let endpoint = Endpoint::parse(&format!("{scheme}://{authority}"))?;
    let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    (target.len() <= 2048 && target.bytes().all(visible)).then_some((endpoint, target))
}

#[cfg(test)]
mod tests;
