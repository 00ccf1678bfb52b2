//! Sequences of requests in time: what each costs in key uses, and whether the limits let it pass.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use bartizan::kms::DEFAULT_ALIAS;
use bartizan::limit::cost::Kind;
use bartizan::limit::{
    Algorithm, Class, Cost, Counts, Dimension, KeyType, Ledger, Limiter, Pace, Part, Place, Rate, Refusal, Stage,
    Subject, Use, What,
};
use bartizan::s3::Operation;
use bartizan::s3::encryption::{self, Encryption};
use bartizan::time::Ticks;
use serde_json::{Value, json};

use crate::report::{self, Difference, Outcome, same};

pub(crate) fn run(directory: &Path) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    for (file_name, file) in report::files(directory)? {
        let sequences = file.as_ref().and_then(|file| file.get("sequences")).and_then(Value::as_array);
        let (Some(sequences), "sequences.json") = (sequences, file_name.as_str()) else {
            outcome.case(&file_name, &file_name, || Err(Difference::unreadable("sequences")));
            continue;
        };
        for (place, sequence) in (1_usize..).zip(sequences) {
            let place = format!("{file_name}#{place}");
            let id = sequence.get("id").and_then(Value::as_str).unwrap_or(&place);
            outcome.case(&file_name, id, || judge(sequence));
        }
    }
    Ok(outcome)
}

fn judge(sequence: &Value) -> Result<(), Difference> {
    let homes = homes(list(sequence, "events")?)?;
    let dimensions = list(sequence, "dimensions")?.iter().map(|value| dimension(value, &homes));
    let dimensions = dimensions.collect::<Result<Vec<_>, _>>()?;
    let limiter = Limiter::new(dimensions, Arc::new(Counts::new(1, Counts::MOST)));
    let ledger = Ledger::new(1);
    let (mut allowed, mut throttled) = (0_u64, 0_u64);
    for (place, event) in (1_usize..).zip(list(sequence, "events")?) {
        let Passed { kms_calls, refusal } = happen(&limiter, &ledger, event)?;
        *(if refusal.is_none() { &mut allowed } else { &mut throttled }) += 1;
        let mut got = json!({ "decision": "allow", "kms_calls": kms_calls });
        if let Some(refusal) = refusal {
            got = json!({
                "decision": "throttle",
                "kms_calls": kms_calls,
                "code": refusal.code().as_str(),
                "dimension": *refusal.dimension,
                "retry_after_ms": refusal.retry_after_ms(),
            });
        }
        let expected =
            event.get("expect").and_then(Value::as_object).ok_or_else(|| Difference::unreadable("expect"))?;
        for (member, value) in expected {
            let got = got.get(member).cloned().unwrap_or_else(|| json!("none"));
            same(&format!("event {place} {member}"), value, &got)?;
        }
    }
    same("allowed", sequence.get("allowed").unwrap_or(&Value::Null), &allowed.into())?;
    same("throttled", sequence.get("throttled").unwrap_or(&Value::Null), &throttled.into())
}

/// What came of one event: the calls that it demanded, and why it may not pass.
struct Passed {
    kms_calls: u64,
    refusal: Option<Refusal>,
}

fn happen(limiter: &Limiter, ledger: &Ledger, event: &Value) -> Result<Passed, Difference> {
    let now = event.get("t_ms").and_then(ticks).ok_or_else(|| Difference::unreadable("t_ms"))?;
    let source_ip = optional(event, "source_ip")?.and_then(|address| address.parse::<IpAddr>().ok());
    let subject = Subject {
        account: optional(event, "account")?,
        backend: None,
        region: optional(event, "region")?.unwrap_or_default(),
        principal: optional(event, "principal")?,
        bucket: optional(event, "bucket")?,
        key: optional(event, "key")?,
        access_point: optional(event, "access_point")?,
        source_ip,
    };
    let operation = text(event, "op")?;
    if let Some(name) = operation.strip_prefix("kms:") {
        let key_type = optional(event, "key_type")?.map_or(Some(KeyType::default()), KeyType::named);
        let key =
            optional(event, "kms_key")?.map(|name| whole(name, (subject.region, subject.account.unwrap_or_default())));
        let cost = match Kind::of(name) {
            Kind::Use => Cost::direct(key.as_ref(), key_type.ok_or_else(|| Difference::unreadable("key_type"))?),
            Kind::Management => Cost::default(),
        };
        let what = if cost.is_nothing() { What::Management(name) } else { What::Keys(&cost) };
        let refusal = limiter.check(&subject, &what, now).err();
        return Ok(Passed { kms_calls: cost.sum(), refusal });
    }
    let operation = Operation::ALL.into_iter().find(|known| known.spec().name == operation);
    let operation = operation.ok_or_else(|| Difference::unreadable("op"))?;
    let anonymous = subject.principal.is_none();
    for what in [What::Arrival { anonymous }, What::Request { operation: Some(operation), anonymous }] {
        if let Err(refusal) = limiter.check(&subject, &what, now) {
            return Ok(Passed { kms_calls: 0, refusal: Some(refusal) });
        }
    }
    let new = encryption(event)?;
    let asked = Use {
        operation,
        requester: subject.principal.unwrap_or_default(),
        bucket: subject.bucket.unwrap_or_default(),
        key: subject.key,
        version: None,
        upload: optional(event, "upload")?,
        source: source(event)?,
        checksum: event.get("checksum").and_then(Value::as_bool).unwrap_or(false),
        new: &new,
    };
    let cost = ledger.cost(&asked, now);
    let refusal = limiter.check(&subject, &What::Keys(&cost), now).err();
    if refusal.is_none() {
        ledger.paid(&asked, now);
        ledger.done(&asked);
    }
    Ok(Passed { kms_calls: cost.sum(), refusal })
}

/// What applies to the new object.
fn encryption(event: &Value) -> Result<Encryption, Difference> {
    // Without a name it is the one that AWS manages for the account.
    let key = || Ok(whole(optional(event, "kms_key")?.unwrap_or(DEFAULT_ALIAS), home(event)?));
    let Some(name) = optional(event, "sse")? else { return Ok(Encryption::None) };
    Ok(match encryption::Kind::named(name) {
        None if name == "sse-c" => Encryption::Customer,
        None => return Err(Difference::unreadable("sse")),
        Some(encryption::Kind::S3) => Encryption::S3,
        Some(encryption::Kind::Dsse) => Encryption::Dsse { key: key()? },
        Some(encryption::Kind::Kms) => {
            let bucket_key = event.get("bucket_key").and_then(Value::as_bool).unwrap_or(false);
            Encryption::Kms { key: key()?, bucket_key }
        }
    })
}

/// Where names of keys are looked up: a region and an account.
type Home<'a> = (&'a str, &'a str);

fn home(event: &Value) -> Result<Home<'_>, Difference> {
    Ok((optional(event, "region")?.unwrap_or_default(), optional(event, "account")?.unwrap_or_default()))
}

fn homes(events: &[Value]) -> Result<BTreeSet<Home<'_>>, Difference> {
    events.iter().map(home).collect()
}

/// The ARN of a key, however it is named: an alias or an id is one of the account and region that say it.
fn whole(name: &str, (region, account): Home<'_>) -> Arc<str> {
    let kind = if name.starts_with("alias/") { "" } else { "key/" };
    match name.starts_with("arn:") {
        true => name.into(),
        false => format!("arn:aws:kms:{region}:{account}:{kind}{name}").into(),
    }
}

fn source(event: &Value) -> Result<Option<Place<'_>>, Difference> {
    let Some(source) = event.get("source") else { return Ok(None) };
    match source.as_array().map(Vec::as_slice) {
        Some([Value::String(bucket), Value::String(key)]) => Ok(Some(Place { bucket, key, version: None })),
        _ => Err(Difference::unreadable("source")),
    }
}

fn dimension(value: &Value, homes: &BTreeSet<Home<'_>>) -> Result<Dimension, Difference> {
    let stage = Stage::named(text(value, "stage")?).ok_or_else(|| Difference::unreadable("stage"))?;
    let part = |part: &Value| part.as_str().and_then(Part::named).ok_or_else(|| Difference::unreadable("key"));
    let key = list(value, "key")?.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    let mut dimension = Dimension::new(text(value, "name")?, stage, &key, pace(value)?);
    let named = |name: &str| optional(value, name);
    if let Some(key_type) = named("key_type")? {
        dimension.key_type = KeyType::named(key_type).ok_or_else(|| Difference::unreadable("key_type"))?;
    }
    if let Some(class) = named("class")? {
        dimension.class = Some(Class::named(class).ok_or_else(|| Difference::unreadable("class"))?);
    }
    if let Some(keys) = value.get("match_key").and_then(Value::as_array) {
        let everywhere = |name| homes.iter().map(move |home| whole(name, *home));
        dimension.match_key = keys.iter().filter_map(Value::as_str).flat_map(everywhere).collect();
    }
    if let Some(depth) = value.get("prefix_depth").and_then(Value::as_u64) {
        dimension.prefix_depth = u8::try_from(depth).map_err(|_| Difference::unreadable("prefix_depth"))?;
    }
    dimension.operation = named("op")?.map(Arc::from);
    dimension.backend = named("scope")? == Some("backend");
    Ok(dimension)
}

fn pace(value: &Value) -> Result<Pace, Difference> {
    let rate = match value.get("rate") {
        Some(Value::Number(number)) => Rate::parse(&number.to_string()),
        Some(Value::String(text)) => Rate::parse(text),
        _ => None,
    };
    let rate = rate.ok_or_else(|| Difference::unreadable("rate"))?;
    let burst = match value.get("burst") {
        None | Some(Value::Null) => rate.one_second(),
        Some(burst) => whole_number(burst).ok_or_else(|| Difference::unreadable("burst"))?,
    };
    let algorithm = match optional(value, "algorithm")? {
        None => Algorithm::default(),
        Some(name) => Algorithm::named(name).ok_or_else(|| Difference::unreadable("algorithm"))?,
    };
    Ok(Pace::new(rate, burst, algorithm))
}

/// A number without a fraction, also where it is written with one: `10.0`.
fn whole_number(value: &Value) -> Option<u64> {
    let text = value.as_number()?.to_string();
    text.strip_suffix(".0").unwrap_or(&text).parse().ok()
}

/// Milliseconds, to the nanosecond.
fn ticks(value: &Value) -> Option<Ticks> {
    let text = value.as_number()?.to_string();
    let (millis, part) = text.split_once('.').unwrap_or((&text, ""));
    let nanos = format!("{part:0<6}").parse::<u64>().ok().filter(|_| part.len() <= 6)?;
    Some(Ticks(Ticks::from_millis(millis.parse().ok()?).0.checked_add(nanos)?))
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>, Difference> {
    value.get(name).and_then(Value::as_array).ok_or_else(|| Difference::unreadable(name))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Difference> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| Difference::unreadable(name))
}

/// A text that may be missing or null.
fn optional<'a>(value: &'a Value, name: &str) -> Result<Option<&'a str>, Difference> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Difference::unreadable(name)),
    }
}
