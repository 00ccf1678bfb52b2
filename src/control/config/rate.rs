//! `[rate]`: quotas and rates (docs/limits.md, spec/kms-throttling.md 8).

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{quota, sharing};
use crate::control::reader::Table;
use crate::limit::limiter::MOST_DIMENSIONS;
use crate::limit::{Algorithm, Cap, Class, Counts, Dimension, MOST_CAPS, Pace, Part, Rate, Stage, Surface};
use crate::sigv4::Secret;

/// The highest rate and burst.
const MOST_CELLS: u32 = 1_000_000_000;
/// The most KMS keys that one dimension names.
const MOST_NAMED: usize = 64;
const KIB: u64 = 1 << 10;
const TIB: u64 = 1 << 40;

/// What may be asked how often, and at once.
#[derive(Clone, Debug)]
pub struct Rates {
    /// The limits, in the order in which they are told.
    pub dimensions: Vec<Dimension>,
    /// How many requests of one may be under way.
    pub caps: Vec<Cap>,
    /// In whose words a refusal for a key's sake is told.
    pub surface: Surface,
    /// How many keys are counted at most.
    pub most_keys: usize,
    /// Whether other machines share the limits.
    pub shared: Sharing,
    /// How many machines there are, this one counted.
    pub replicas: Replicas,
}

/// How many machines share the limits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replicas {
    /// So many; where they are discovered, until the name answers.
    pub count: u32,
    /// The host name that has an address for each of them.
    pub discover: Option<String>,
}

/// How several machines share one quota.
#[derive(Clone, Debug, Default)]
pub enum Sharing {
    /// They do not.
    #[default]
    No,
    /// Each has its part.
    Divided,
    /// They lease what passes from a store of their own.
    Leased(Arc<Leasing>),
}

/// A Redis or Valkey that keeps the counts of all.
#[derive(Debug)]
pub struct Leasing {
    /// Its host and port.
    pub address: (String, u16),
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// The CAs it may be certified by; none: those that the machine trusts.
    pub ca_file: Option<PathBuf>,
    /// The number of the database.
    pub database: u32,
    /// Its password.
    pub password: Option<Secret>,
    /// How long a connection may take, and an answer.
    pub timeout: Duration,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            dimensions: Vec::new(),
            caps: Vec::new(),
            surface: Surface::default(),
            most_keys: Counts::MOST,
            shared: Sharing::No,
            replicas: Replicas { count: 1, discover: None },
        }
    }
}

/// `regions`: those of the stores; of their quotas the lowest counts.
pub(super) fn read<'r>(root: &mut Table<'_>, regions: impl Iterator<Item = &'r str>) -> Rates {
    let mut rates = Rates::default();
    let Some(mut table) = root.table("rate") else { return rates };
    let most = u32::try_from(Counts::MOST).unwrap_or(u32::MAX);
    rates.most_keys = table.integer("max_keys", 1_000..=10_000_000, most) as usize;
    let quota = regions.map(quota::symmetric).min().unwrap_or_else(|| quota::symmetric(""));
    kms(&mut table, quota, &mut rates);
    requests(&mut table, &mut rates);
    for mut one in table.tables("dimension") {
        rates.dimensions.extend(dimension(&mut one, quota));
        one.finish();
    }
    if let Some(shared) = table.table("shared") {
        (rates.shared, rates.replicas) = sharing::read(shared, &rates.dimensions);
    }
    check(&table, &rates);
    table.finish();
    rates
}

/// Names tell limits apart in records and metrics; a request looks at all of them.
fn check(table: &Table<'_>, rates: &Rates) {
    let mut names = HashSet::new();
    for twice in rates.dimensions.iter().filter(|dimension| !names.insert(Arc::clone(&dimension.name))) {
        let message = format!("two limits have the name `{}`", twice.name);
        table.fault(table.span(), message, "one of these", "give each `rate.dimension` its own `name`");
    }
    for (count, most, what) in
        [(rates.dimensions.len(), MOST_DIMENSIONS, "limits"), (rates.caps.len(), MOST_CAPS, "limits of `concurrent`")]
    {
        if count > most {
            let message = format!("`rate` has {count} {what}");
            table.fault(table.span(), message, &format!("at most {most}"), "leave those out that others cover");
        }
    }
}

/// `[rate.kms]`
fn kms(table: &mut Table<'_>, quota: u32, rates: &mut Rates) {
    const ACCOUNT: &[Part] = &[Part::Account, Part::Region];
    const PRINCIPAL: (&str, &[Part]) = ("principal", &[Part::Principal]);
    let Some(mut table) = table.table("kms") else { return };
    rates.surface = table.choice("surface", &Surface::NAMES, Surface::default());
    for (name, ways) in [
        ("symmetric", &[("account", ACCOUNT), ("backend", ACCOUNT), PRINCIPAL, ("bucket", &[Part::Bucket])] as &[_]),
        ("principal", &[PRINCIPAL]),
        ("key", &[("key", &[Part::Account, Part::Region, Part::KmsKey])]),
        ("backend", &[("backend", ACCOUNT)]),
    ] {
        let Some(mut limit) = table.table(name) else { continue };
        let (way, key) = per(&mut limit, ways, ways.first().map_or("", |way| way.0));
        let keys = if name == "key" { match_key(&mut limit) } else { Vec::new() };
        if let Some(pace) = pace(&mut limit, Some(quota)) {
            let mut dimension = Dimension::new(&limit.path_here(), Stage::Kms, key, pace);
            dimension.backend = way == "backend";
            dimension.match_key = keys;
            rates.dimensions.push(dimension);
        }
        limit.finish();
    }
    table.finish();
}

/// `[rate.requests]`
fn requests(table: &mut Table<'_>, rates: &mut Rates) {
    const PREFIX: &[Part] = &[Part::Bucket, Part::Prefix];
    let Some(mut table) = table.table("requests") else { return };
    // First what is cheapest to find out.
    arrivals(&mut table, rates);
    let ways = [
        ("prefix", PREFIX),
        ("bucket", &[Part::Bucket]),
        ("access_point", &[Part::AccessPoint]),
        ("account", &[Part::Account]),
        ("principal", &[Part::Principal]),
    ];
    for (name, class) in Class::NAMES {
        let Some(mut limit) = table.table(name) else { continue };
        // What lists has no key, and what deletes may have many.
        let of_keys = matches!(class, Class::Write | Class::Read);
        let ways = ways.get(usize::from(class == Class::List)..).unwrap_or_default();
        let (way, key) = per(&mut limit, ways, if of_keys { "prefix" } else { "bucket" });
        let depth = if way == "prefix" { depth(&mut limit) } else { 1 };
        if let Some(pace) = pace(&mut limit, None) {
            let mut dimension = Dimension::new(&limit.path_here(), Stage::Request, key, pace);
            dimension.class = Some(class);
            dimension.prefix_depth = depth;
            rates.dimensions.push(dimension);
        }
        limit.finish();
    }
    for (name, part) in [
        ("principal", Part::Principal),
        ("account", Part::Account),
        ("bucket", Part::Bucket),
        ("access_point", Part::AccessPoint),
    ] {
        let Some(mut limit) = table.table(name) else { continue };
        per(&mut limit, &[(name, &[])], name);
        subject(&mut limit, part, rates);
        limit.finish();
    }
    table.finish();
}

/// What is counted of requests that nobody has read yet.
fn arrivals(table: &mut Table<'_>, rates: &mut Rates) {
    const ADDRESS: &[Part] = &[Part::SourceIp];
    for (name, ways, anonymous) in [
        ("address", &[("address", ADDRESS)] as &[_], false),
        ("anonymous", &[("all", &[] as &[Part]), ("address", ADDRESS)], true),
    ] {
        let Some(mut limit) = table.table(name) else { continue };
        let (_, key) = per(&mut limit, ways, ways.first().map_or("", |way| way.0));
        if let Some(pace) = pace(&mut limit, None) {
            let mut dimension = Dimension::new(&limit.path_here(), Stage::Arrival, key, pace);
            dimension.anonymous = anonymous;
            rates.dimensions.push(dimension);
        }
        limit.finish();
    }
}

/// What one of a kind may do: how often, how much at once, how many octets a second.
fn subject(limit: &mut Table<'_>, part: Part, rates: &mut Rates) {
    let name = limit.path_here();
    let other = ["concurrent", "upload", "download"].map(|key| limit.has(key)).contains(&true);
    if (!other || limit.has("rate"))
        && let Some(pace) = pace(limit, None)
    {
        rates.dimensions.push(Dimension::new(&name, Stage::Request, &[part], pace));
    }
    if limit.has("concurrent") {
        let most = limit.integer("concurrent", 1..=1_000_000, 64);
        rates.caps.push(Cap { name: format!("{name}.concurrent").into(), part, most });
    }
    for (key, stage) in [("upload", Stage::Upload), ("download", Stage::Download)] {
        if limit.has(key) {
            let octets = limit.size(key, KIB..=TIB, 100 << 20);
            let pace = Pace::octets(octets);
            rates.dimensions.push(Dimension::new(&format!("{name}.{key}"), stage, &[part], pace));
        }
    }
}

/// `[[rate.dimension]]`
fn dimension(table: &mut Table<'_>, quota: u32) -> Option<Dimension> {
    let name = table.parsed("name", "a name of 1 to 64 letters, digits, `-`, `_` and `.`", name);
    if name.is_none() && !table.has("name") {
        table.required("name", "name = \"tenants\"");
    }
    let stages = [("request", Stage::Request), ("kms", Stage::Kms)];
    let mut stage = table.choice("stage", &stages, Stage::Request);
    let expected = Part::NAMES.map(|(name, _)| format!("\"{name}\"")).join(", ");
    let key: Vec<Part> =
        table.list("key", &format!("one of {expected}"), Part::named).into_iter().map(|found| found.value).collect();
    let quota = (stage == Stage::Kms).then_some(quota);
    let (name, pace) = (name.map(|found| found.value), pace(table, quota));
    // One that lacks something is read to its end all the same: its other keys are known.
    let whole = name.is_some() && pace.is_some();
    let pace = pace.unwrap_or_else(|| Pace::octets(KIB));
    let mut dimension = Dimension::new(name.as_deref().unwrap_or_default(), stage, &key, pace);
    if stage == Stage::Kms {
        table.pointless(&["class", "anonymous"], "`stage = \"kms\"`");
        table.choice("key_type", &[("symmetric", ())], ());
        dimension.match_key = match_key(table);
        dimension.backend = table.choice("scope", &[("client", false), ("backend", true)], false);
    } else {
        table.pointless(&["key_type", "match_key", "scope"], "`stage = \"request\"`");
        if let (Some(span), true) = (table.span_of("key"), key.contains(&Part::KmsKey) || key.contains(&Part::KeyType))
        {
            let help = "write `stage = \"kms\"`, or leave it out of `key`";
            table.fault(span, "requests are not counted by KMS key", "never applies", help);
        }
        let classes = Class::NAMES.map(|(name, class)| (name, Some(class)));
        dimension.class = table.choice("class", &classes, None);
        dimension.anonymous = table.boolean("anonymous", false);
        // What nobody must be asked for is counted before anything else.
        let early = |part: &Part| matches!(part, Part::SourceIp);
        if dimension.class.is_none() && (!key.is_empty() || dimension.anonymous) && key.iter().all(early) {
            stage = Stage::Arrival;
        }
    }
    if key.contains(&Part::Prefix) {
        dimension.prefix_depth = depth(table);
    }
    whole.then_some(Dimension { stage, ..dimension })
}

/// The way that `per` names, and its parts.
fn per<'w>(
    table: &mut Table<'_>,
    ways: &[(&'static str, &'w [Part])],
    usual: &'static str,
) -> (&'static str, &'w [Part]) {
    let usual = ways.iter().copied().find(|way| way.0 == usual).unwrap_or(("", &[]));
    let ways: Vec<_> = ways.iter().map(|way| (way.0, *way)).collect();
    table.choice("per", &ways, usual)
}

/// `rate`, `share`, `burst`, `algorithm`. A `quota` is what `rate = "quota"` and `share` mean.
fn pace(table: &mut Table<'_>, quota: Option<u32>) -> Option<Pace> {
    let rate = rate(table, quota);
    // The other keys are read beside a rate that is none, too: they are known all the same.
    let usual = rate.map_or(1, Rate::one_second);
    let algorithm = table.choice("algorithm", &Algorithm::NAMES, Algorithm::default());
    if algorithm == Algorithm::Fixed {
        table.pointless(&["burst"], "`algorithm = \"fixed\"`");
        return Some(Pace::new(rate?, usual, algorithm));
    }
    let burst = table.integer("burst", 1..=MOST_CELLS, u32::try_from(usual).unwrap_or(MOST_CELLS));
    Some(Pace::new(rate?, burst.into(), algorithm))
}

fn rate(table: &mut Table<'_>, quota: Option<u32>) -> Option<Rate> {
    const MILLION: u32 = 1_000_000;
    let Some(quota) = quota else {
        table.pointless(&["share"], "a limit that AWS has no quota for");
        return number(table);
    };
    let share = table.has("share");
    let whole = table.word("rate").as_deref() == Some("quota");
    if !share && !whole {
        return number(table);
    }
    if share && !whole {
        table.pointless(&["rate"], "`share`, which is one of the quota");
    }
    let share = if share { table.share("share")? } else { MILLION };
    let cells = u64::from(quota) * u64::from(share) / u64::from(MILLION);
    Some(Rate::per_second(u32::try_from(cells).unwrap_or(u32::MAX)))
}

fn number(table: &mut Table<'_>) -> Option<Rate> {
    if table.is_number("rate") {
        return table.number("rate", 1..=MOST_CELLS).map(Rate::per_second);
    }
    let expected = "a number of requests a second such as 3500 or 0.25, or \"1/4s\" for one in four seconds";
    let fits = |text: &str| Rate::parse(text).filter(|rate| rate.one_second() <= u64::from(MOST_CELLS));
    let found = table.parsed_or_decimal("rate", expected, fits);
    if found.is_none() && !table.has("rate") {
        table.required("rate", "rate = 1000");
    }
    found.map(|found| found.value)
}

fn depth(table: &mut Table<'_>) -> u8 {
    u8::try_from(table.integer("prefix_depth", 1..=16, 1)).unwrap_or(1)
}

fn match_key(table: &mut Table<'_>) -> Vec<Arc<str>> {
    let fits = |text: &str| (!text.is_empty() && text.len() <= 2048).then(|| Arc::from(text));
    let found = table.list("match_key", "the ARN of a KMS key", fits);
    if let (Some(span), true) = (table.span_of("match_key"), found.len() > MOST_NAMED) {
        let message = format!("`match_key` has {} keys", found.len());
        table.fault(span, message, &format!("at most {MOST_NAMED}"), "make a second dimension for the others");
    }
    found.into_iter().map(|found| found.value).collect()
}

fn name(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    // The names of short forms begin so.
    let own = (1..=64).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with("rate.");
    own.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
