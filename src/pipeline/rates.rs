//! Rates and quotas on the way of a request: what it is counted as, in which order, and what is told of a
//! refusal. How it is counted is in `limit`.
//!
//! Order (spec/kms-throttling.md 3, 4.3): where it comes from, before anything is verified; then, when it is
//! allowed, requests, what is under way, octets; last uses of keys, before a body is read and before the
//! intent. What the store's answer shows is charged afterwards (`spent`).
//!
//! Without a limit of its kind none of the steps does anything.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::USER_AGENT;

use super::facts::Facts;
use super::judge;
use super::live::Live;
use super::spent::Spent;
use super::task::Task;
use crate::guard::encryption::Levels;
use crate::guard::{Replay, Write};
use crate::identity::Principal;
use crate::limit::limiter::Gauge;
use crate::limit::{
    Call, Cap, Cost, Counts, Dimension, InFlight, Leases, Ledger, Limiter, Permit, Place, Refusal, Seat, Seats, Stage,
    Subject, Surface, Use, Wait, What,
};
use crate::s3::encryption::{self, Encryption};
use crate::s3::operation::BodyKind;
use crate::s3::route::{Auth, Routed};
use crate::s3::{Fault, Operation};
use crate::time::{Clock, Seconds, Ticks};

/// What the store's own key service charges: one account, whoever asks here.
const BACKEND: &str = "backend";
/// What stands for the level of a key that is of none.
const NO_LEVEL: &str = "-";

/// The rates and quotas of the process, over all workers.
#[derive(Debug)]
pub struct Rates {
    pub(super) limiter: Limiter,
    pub(super) ledger: Ledger,
    pub(super) surface: Surface,
    seats: Arc<Seats>,
    /// Refusals, by the place of the limit: dimensions, then caps.
    refused: Vec<(Arc<str>, AtomicU64)>,
    /// Whose keys are of which level.
    levels: Levels,
    /// Calls that were charged: with keys of no level, then of each.
    calls: Vec<[AtomicU64; 4]>,
}

/// What a request must find a place in.
pub struct Gates<'a> {
    /// Requests in flight.
    pub in_flight: &'a InFlight,
    /// The memory of signed writes, where there is one.
    pub replay: Option<&'a Arc<Replay>>,
    /// Rates and quotas.
    pub rates: &'a Rates,
    /// The time, for signatures.
    pub now: Seconds,
    /// The clock, for rates.
    pub clock: &'a dyn Clock,
}

/// What gauges and counters show.
#[derive(Debug)]
pub struct RateReading<'a> {
    /// The dimensions.
    pub gauges: Vec<Gauge<'a>>,
    /// Refusals by limit.
    pub refused: Vec<(&'a str, u64)>,
    /// Calls of the key service that were charged, by name and level of sensitivity.
    pub calls: Vec<(&'static str, &'a str, u64)>,
    /// Keys that had to share a count.
    pub overflow: u64,
    /// Whether the store of shared counts is away.
    pub degraded: bool,
    /// How many machines share the limits.
    pub machines: u32,
}

/// A request that is within its limits: its seat, and what is left to be charged when the store has answered.
#[derive(Debug, Default)]
pub(super) struct Pass {
    _seat: Option<Seat>,
    pub(super) spent: Option<Box<Spent>>,
}

/// A request that is allowed, as far as limits ask.
pub(super) struct Allowed<'a> {
    pub(super) live: &'a Live,
    pub(super) site: usize,
    pub(super) facts: &'a mut Facts,
    pub(super) task: &'a Task,
    pub(super) who: &'a Arc<Principal>,
    /// Octets of object data that are announced.
    pub(super) length: Option<u64>,
}

impl Gates<'_> {
    /// A place in all of them. Uses of keys are charged last: nothing that is refused has cost any.
    pub(super) fn admit(&self, asked: Allowed<'_>) -> Result<(Permit, Option<Write>, Pass), Fault> {
        let permit = self.in_flight.admit()?;
        let write = match (self.replay, asked.task.routed()) {
            (Some(memory), Some(routed)) => memory.admit(asked.facts.signed_write().as_deref(), routed, self.now)?,
            _ => None,
        };
        Ok((permit, write, self.rates.admit(asked, self.clock)?))
    }
}

impl Rates {
    /// With these limits. `seed` keeps strangers from making two names meet.
    pub fn new(dimensions: Vec<Dimension>, caps: Vec<Cap>, surface: Surface, most_keys: usize, seed: u64) -> Self {
        let names = dimensions.iter().map(|dimension| &dimension.name).chain(caps.iter().map(|cap| &cap.name));
        Self {
            refused: names.map(|name| (Arc::clone(name), AtomicU64::new(0))).collect(),
            limiter: Limiter::new(dimensions, Arc::new(Counts::new(seed, most_keys))),
            ledger: Ledger::new(seed),
            surface,
            seats: Arc::new(Seats::new(seed, caps)),
            levels: Levels::default(),
            calls: vec![Default::default()],
        }
    }

    /// The same where KMS keys are of these levels: calls are counted by them.
    #[must_use]
    pub fn with_levels(mut self, levels: Levels) -> Self {
        self.calls = (0..=levels.levels.len()).map(|_| Default::default()).collect();
        self.levels = levels;
        self
    }

    /// The same on one of so many machines that lease what passes from a store of their own.
    #[must_use]
    pub fn leasing(mut self, machines: u32) -> Self {
        self.limiter = self.limiter.leasing(machines);
        self
    }

    /// On one of so many machines from now on, each of which has its part.
    pub fn divide(&self, machines: u32) {
        self.limiter.divide(machines);
    }

    /// What this machine holds of counts that several share, if it does.
    pub fn leases(&self) -> Option<&Arc<Leases>> {
        self.limiter.leases()
    }

    /// Whether there is any limit.
    pub fn limits_anything(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Forgets what makes no difference any more; several times a second.
    pub fn sweep(&self, now: Ticks) {
        self.limiter.counts().sweep(now);
    }

    /// What there is to be seen. Looks at every count.
    pub fn reading(&self, now: Ticks) -> RateReading<'_> {
        RateReading {
            gauges: self.limiter.gauges(now),
            refused: self.refused.iter().map(|(name, count)| (&**name, count.load(Ordering::Relaxed))).collect(),
            calls: self.calls(),
            overflow: self.limiter.counts().overflow(),
            degraded: self.leases().is_some_and(|leases| !leases.is_up()),
            machines: self.limiter.machines(),
        }
    }

    fn calls(&self) -> Vec<(&'static str, &str, u64)> {
        let names = std::iter::once(NO_LEVEL).chain(self.levels.levels.iter().map(|level| level.name.as_str()));
        let mut calls = Vec::with_capacity(self.calls.len() * Call::ALL.len());
        for (level, counts) in names.zip(&self.calls) {
            let read = |(call, count): (Call, &AtomicU64)| (call.as_str(), level, count.load(Ordering::Relaxed));
            calls.extend(Call::ALL.into_iter().zip(counts).map(read));
        }
        calls
    }

    /// Counts a request that has just arrived, by its address; one that nobody can have signed also as such.
    ///
    /// # Errors
    /// `SlowDown`.
    pub(super) fn arrive(&self, live: &Live, facts: &mut Facts, auth: Auth, clock: &dyn Clock) -> Result<(), Fault> {
        if self.limiter.is_idle(Stage::Arrival) {
            return Ok(());
        }
        let client = judge::client(live, facts).unwrap_or(facts.connection.peer);
        let subject = Subject { source_ip: Some(client), ..Subject::default() };
        let what = What::Arrival { anonymous: auth == Auth::Anonymous };
        let counted = self.check(facts, &subject, &what, clock.ticks());
        if counted.is_err() {
            facts.client = Some(client); // nobody will look for it any more
        }
        counted
    }

    /// Counts a request that is allowed, in every way; finds out what it costs in uses of keys.
    ///
    /// # Errors
    /// `SlowDown`; for the sake of keys what the surface says.
    pub(super) fn admit(&self, asked: Allowed<'_>, clock: &dyn Clock) -> Result<Pass, Fault> {
        if !self.limits_anything() {
            return Ok(Pass::default());
        }
        let now = clock.ticks();
        let Allowed { live, site, facts, task, who, length } = asked;
        let site = live.site(facts.connection.listener, site)?;
        let source_ip = Some(facts.client.unwrap_or(facts.connection.peer));
        let routed = task.routed();
        let target = routed.map(target).unwrap_or_default();
        let subject = subject(&site.address.region, source_ip, who, target);
        let (operation, anonymous) = (routed.map(|routed| routed.operation), who.is_anonymous());
        if anonymous && facts.auth == Some(Auth::Form) && !self.limiter.is_idle(Stage::Arrival) {
            self.check(facts, &subject, &What::Unsigned, now)?;
        }
        if !self.limiter.is_idle(Stage::Request) {
            self.check(facts, &subject, &What::Request { operation, anonymous }, now)?;
        }
        let seat = match self.seats.is_idle() {
            true => None,
            false => Some(self.seats.take(&subject).map_err(|refusal| self.refusal(facts, &refusal))?),
        };
        let upload = length.filter(|_| operation.is_some_and(|operation| operation.spec().body == BodyKind::Blob));
        let downloads = operation == Some(Operation::GetObject);
        // Whoever is not in debt may send or ask for as much as it likes.
        if upload.is_some_and(|octets| octets > 0) && !self.limiter.is_idle(Stage::Upload) {
            self.check(facts, &subject, &What::Upload(1), now)?;
        }
        if downloads && !self.limiter.is_idle(Stage::Download) {
            self.check(facts, &subject, &What::Download(1), now)?;
        }
        let spent = match routed {
            Some(routed) if self.is_told_of_answers(downloads) => {
                // As far as it is decided here: a bucket's default that only the store knows shows in its answer.
                let new = site.encryption.counted(facts.encryption.encryption.clone());
                let requester = requester(who, facts.access_key.as_deref());
                let of = of(routed, &requester, &new);
                let cost = self.charge_keys(facts, &subject, &of, now)?;
                Some(Box::new(Spent::new((facts, site, who), &subject, routed, &of, cost)))
            }
            _ => None,
        };
        if let Some(octets) = upload.filter(|octets| *octets > 1) {
            self.limiter.debit(&subject, &What::Upload(octets - 1), now);
        }
        Ok(Pass { _seat: seat, spent })
    }

    /// Whether uses of keys are counted.
    pub(super) fn counts_keys(&self) -> bool {
        !self.limiter.is_idle(Stage::Kms)
    }

    /// Whether answers are looked at: for the keys of what they show, their length, and real throttles.
    fn is_told_of_answers(&self, downloads: bool) -> bool {
        self.counts_keys()
            || !self.limiter.is_idle(Stage::Request)
            || downloads && !self.limiter.is_idle(Stage::Download)
    }

    fn charge_keys(&self, facts: &mut Facts, subject: &Subject<'_>, of: &Use<'_>, now: Ticks) -> Result<Cost, Fault> {
        if !self.counts_keys() {
            return Ok(Cost::default());
        }
        let cost = self.ledger.cost(of, now);
        if cost.is_nothing() {
            return Ok(cost);
        }
        facts.kms_calls = Some(cost.sum());
        self.check(facts, subject, &What::Keys(&cost), now)?;
        self.ledger.paid(of, now);
        self.count_calls(&cost);
        Ok(cost)
    }

    /// Counts calls for the metric.
    pub(super) fn count_calls(&self, cost: &Cost) {
        for used in cost.uses() {
            let level = used.key().and_then(|key| self.levels.of_key(key)).map_or(0, |level| level + 1);
            for (call, counted) in Call::ALL.into_iter().zip(self.calls.get(level).into_iter().flatten()) {
                counted.fetch_add(used.of(call), Ordering::Relaxed);
            }
        }
    }

    fn check(&self, facts: &mut Facts, subject: &Subject<'_>, what: &What<'_>, now: Ticks) -> Result<(), Fault> {
        self.limiter.check(subject, what, now).map_err(|refusal| self.refusal(facts, &refusal))
    }

    fn refusal(&self, facts: &mut Facts, refusal: &Refusal) -> Fault {
        if let Some((_, count)) = self.refused.iter().find(|(name, _)| *name == refusal.dimension) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        facts.limit = Some(Arc::clone(&refusal.dimension));
        facts.wait = match refusal.wait {
            Wait::Nanos(nanos) => Some(Duration::from_nanos(nanos)),
            Wait::Never => None,
        };
        let agent = facts.head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        self.surface.fault(refusal, agent)
    }
}

/// Bucket, key and access point of a request.
type Target<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

fn target(routed: &Routed) -> Target<'_> {
    let through = routed.through.as_deref().map(|through| through.arn.as_str());
    (routed.bucket.as_deref(), routed.key.as_deref(), through)
}

/// Whom and what a request is counted for.
pub(super) fn subject<'a>(
    region: &'a str,
    source_ip: Option<IpAddr>,
    who: &'a Principal,
    (bucket, key, access_point): Target<'a>,
) -> Subject<'a> {
    let known = !who.is_anonymous();
    let (account, principal) = (known.then_some(who.account.as_str()), known.then_some(who.arn.as_str()));
    Subject { account, backend: Some(BACKEND), region, principal, bucket, key, access_point, source_ip }
}

/// Whose keys of buckets are used: each set of temporary credentials holds its own.
fn requester(who: &Principal, access_key: Option<&str>) -> String {
    match (&who.session, access_key) {
        (Some(_), Some(access_key)) => format!("{} {access_key}", who.arn),
        _ => who.arn.clone(),
    }
}

/// A request, as far as its cost depends on it.
pub(super) fn of<'a>(routed: &'a Routed, requester: &'a str, new: &'a Encryption) -> Use<'a> {
    Use {
        operation: routed.operation,
        requester,
        bucket: routed.bucket.as_deref().unwrap_or_default(),
        key: routed.key.as_deref(),
        version: routed.parameter("versionId"),
        upload: routed.parameter("uploadId"),
        source: routed.copy_source.as_ref().map(|source| Place {
            bucket: &source.bucket,
            key: &source.key,
            version: source.version.as_deref(),
        }),
        checksum: match routed.operation {
            Operation::GetObjectAttributes => says(routed, OBJECT_ATTRIBUTES, "Checksum"),
            _ => says(routed, "x-amz-checksum-mode", "ENABLED"),
        },
        new,
    }
}

/// What GetObjectAttributes asks for.
pub(super) const OBJECT_ATTRIBUTES: &str = "x-amz-object-attributes";

/// Whether a word stands in the list that a header is, over all its lines and however a store may read it.
pub(super) fn says(routed: &Routed, name: &str, word: &str) -> bool {
    routed.headers.get_all(name).iter().any(|value| {
        let said = String::from_utf8_lossy(value.as_bytes());
        said.split(',').any(|said| said.trim().eq_ignore_ascii_case(word))
    })
}

/// What an answer says of encryption. `whole` makes an ARN of what names a key.
pub(super) fn named(headers: &http::HeaderMap, whole: impl FnOnce(&str) -> Arc<str>) -> Encryption {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let key = || whole(text(encryption::KEY_ID).unwrap_or("alias/aws/s3"));
    match text(encryption::KIND).and_then(encryption::Kind::named) {
        Some(encryption::Kind::S3) => Encryption::S3,
        Some(encryption::Kind::Dsse) => Encryption::Dsse { key: key() },
        Some(encryption::Kind::Kms) => {
            let bucket_key = text(encryption::BUCKET_KEY).is_some_and(|said| said.eq_ignore_ascii_case("true"));
            Encryption::Kms { key: key(), bucket_key }
        }
        None if headers.contains_key("x-amz-server-side-encryption-customer-algorithm") => Encryption::Customer,
        None => Encryption::None,
    }
}

/// The ARN of what names a KMS key: an ARN already, an alias, or an id.
pub(super) fn arn(partition: &str, region: &str, account: &str, id: &str) -> Arc<str> {
    if id.starts_with("arn:") {
        return id.into();
    }
    let kind = if id.starts_with("alias/") { "" } else { "key/" };
    format!("arn:{partition}:kms:{region}:{account}:{kind}{id}").into()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn what_headers_say_of_encryption_is_understood() {
        let kind = "x-amz-server-side-encryption";
        let key = "x-amz-server-side-encryption-aws-kms-key-id";
        let bucket_key = "x-amz-server-side-encryption-bucket-key-enabled";
        let kms = |key: &str, bucket_key| Encryption::Kms { key: key.into(), bucket_key };
        for (lines, expected) in [
            (&[] as &[_], Encryption::None),
            (&[(kind, "AES256")], Encryption::S3),
            (&[(kind, "aws:kms")], kms("arn:aws:kms:r:1:alias/aws/s3", false)),
            (&[(kind, "aws:kms"), (key, "abc"), (bucket_key, "true")], kms("arn:aws:kms:r:1:key/abc", true)),
            (&[(kind, "aws:kms"), (key, "alias/b"), (bucket_key, "false")], kms("arn:aws:kms:r:1:alias/b", false)),
            (&[(kind, "aws:kms:dsse"), (key, "arn:k")], Encryption::Dsse { key: "arn:k".into() }),
            (&[("x-amz-server-side-encryption-customer-algorithm", "AES256")], Encryption::Customer),
            (&[(kind, "rot13")], Encryption::None),
        ] {
            assert_eq!(named(&headers(lines), |id| arn("aws", "r", "1", id)), expected, "{lines:?}");
        }
    }

    #[test]
    fn checksums_are_asked_for_by_name() {
        let new = Encryption::None;
        for (operation, name, value, expected) in [
            (Operation::HeadObject, "x-amz-checksum-mode", "ENABLED", true),
            (Operation::HeadObject, "x-amz-checksum-mode", "disabled", false),
            (Operation::GetObjectAttributes, "x-amz-object-attributes", "ETag, Checksum", true),
            (Operation::GetObjectAttributes, "x-amz-object-attributes", "ETag,ObjectParts", false),
            (Operation::GetObjectAttributes, "x-amz-checksum-mode", "ENABLED", false),
        ] {
            let routed = Routed {
                operation,
                bucket: Some("b".to_owned()),
                key: Some("k".to_owned()),
                parameters: vec![],
                headers: headers(&[(name, value)]),
                copy_source: None,
                account: None,
                point: None,
                through: None,
            };
            assert_eq!(of(&routed, "alice", &new).checksum, expected, "{name}: {value}");
        }
    }
}
