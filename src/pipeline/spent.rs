//! What a request has spent, for when the store has answered: what the answer shows is learnt and, where
//! nobody knew it, charged; a real throttle is told in our words and slows the limits down
//! (spec/kms-throttling.md 3, 11).

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, USER_AGENT};
use http::{HeaderMap, StatusCode};

use super::encryption::StoreEncryption;
use super::facts::Facts;
use super::live::Site;
use super::rates::{self, Rates};
use crate::identity::Principal;
use crate::kms::KMS_THROTTLED;
use crate::limit::cost::makes;
use crate::limit::dimension::KeyType;
use crate::limit::{Cost, Place, Subject, Use, What};
use crate::s3::encryption::Encryption;
use crate::s3::route::Routed;
use crate::s3::{Code, Fault, Operation, xml};
use crate::time::Ticks;
use crate::upstream::{Reply, ReplyBody};

/// What a client is told to wait, in milliseconds, for a store that throttles and says no more.
const WAIT: u64 = 1000;
/// What a store says when its key service would be asked too often.
const KEY_SERVICE: [Code; 3] = [Code::ThrottlingException, Code::KmsThrottlingException, Code::Throttling];

/// What was charged for a request, and for whom.
#[derive(Debug)]
pub(super) struct Spent {
    who: Arc<Principal>,
    requester: String,
    operation: Operation,
    site: Box<str>,
    partition: Box<str>,
    subject: Named,
    source: Option<(String, String, Option<String>)>,
    checksum: bool,
    user_agent: Option<String>,
    /// How the store behind it counts uses of keys.
    each_is_a_call: bool,
    /// How what is made was taken to be encrypted.
    new: Encryption,
    cost: Cost,
}

#[derive(Debug)]
struct Named {
    bucket: Option<String>,
    key: Option<String>,
    version: Option<String>,
    upload: Option<String>,
    access_point: Option<String>,
    source_ip: Option<std::net::IpAddr>,
}

impl Spent {
    pub(super) fn new(
        (facts, site, who): (&Facts, &Site, &Arc<Principal>),
        subject: &Subject<'_>,
        routed: &Routed,
        of: &Use<'_>,
        cost: Cost,
    ) -> Self {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let agent = facts.head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        Self {
            who: Arc::clone(who),
            requester: of.requester.to_owned(),
            operation: routed.operation,
            site: site.address.region.as_str().into(),
            partition: site.address.partition.as_str().into(),
            subject: Named {
                bucket: own(subject.bucket),
                key: own(subject.key),
                version: own(of.version),
                upload: own(of.upload),
                access_point: own(subject.access_point),
                source_ip: subject.source_ip,
            },
            source: of.source.map(|from| (from.bucket.to_owned(), from.key.to_owned(), own(from.version))),
            checksum: of.checksum,
            user_agent: own(agent),
            each_is_a_call: site.encryption.each_is_a_call,
            new: of.new.clone(),
            cost,
        }
    }

    /// Takes up what the store's answer shows.
    ///
    /// # Errors
    /// Its throttle for a key's sake, in the words of the surface.
    pub(super) fn told(&self, rates: &Rates, reply: &Reply, now: Ticks) -> Result<(), Fault> {
        if reply.status.is_success() {
            self.download(rates, reply, now);
            if rates.counts_keys() {
                self.learn(rates, reply, now);
            }
            return Ok(());
        }
        let said = reply.code.as_deref();
        if said.is_some_and(|said| KEY_SERVICE.iter().any(|code| code.as_str() == said)) {
            let hint = reply.headers.get("x-amz-retry-after").and_then(|hint| hint.to_str().ok()?.parse().ok());
            return Err(self.throttled(rates, hint, now));
        }
        let slow = said.is_some_and(|said| said == Code::SlowDown.as_str());
        if slow || said.is_none() && reply.status == StatusCode::SERVICE_UNAVAILABLE {
            let anonymous = self.who.is_anonymous();
            let what = What::Request { operation: Some(self.operation), anonymous };
            rates.limiter.taught(&self.subject(), &what, now);
        }
        Ok(())
    }

    /// A key service has throttled it: the limits slow down, and the client is told in the words of the surface.
    fn throttled(&self, rates: &Rates, millis: Option<u64>, now: Ticks) -> Fault {
        let any = Cost::direct(None, KeyType::default());
        let cost = if self.cost.is_nothing() { &any } else { &self.cost };
        rates.limiter.taught(&self.subject(), &What::Keys(cost), now);
        rates.surface.passed_on(millis.unwrap_or(WAIT), self.user_agent.as_deref())
    }

    fn download(&self, rates: &Rates, reply: &Reply, now: Ticks) {
        if self.operation != Operation::GetObject {
            return;
        }
        let length = reply.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if let Some(octets) = length.filter(|octets| *octets > 1) {
            rates.limiter.debit(&self.subject(), &What::Download(octets - 1), now);
        }
    }

    /// What was made, or read, is known from here on. What it cost and nobody could know is charged.
    fn learn(&self, rates: &Rates, reply: &Reply, now: Ticks) {
        let shown = self.shown(&reply.headers);
        let upload = begun(self.operation, &reply.body);
        // What the answer does not speak of is as it was taken to be.
        let new = if shown == Encryption::None { &self.new } else { &shown };
        let of = Use { upload: upload.as_deref().or(self.subject.upload.as_deref()), ..self.of(new) };
        let learnt = shown != Encryption::None && rates.ledger.learn(&of, &shown);
        let otherwise = makes(self.operation) && *new != self.new;
        if (learnt || otherwise) && self.cost.is_nothing() {
            let cost = rates.ledger.cost(&of, now);
            rates.limiter.debit(&self.subject(), &What::Keys(&cost), now);
            rates.ledger.paid(&of, now);
            rates.count_calls(&cost);
        }
        rates.ledger.done(&of);
    }

    fn shown(&self, headers: &HeaderMap) -> Encryption {
        let shown = rates::named(headers, |id| rates::arn(&self.partition, &self.site, &self.who.account, id));
        StoreEncryption { each_is_a_call: self.each_is_a_call, ..Default::default() }.counted(shown)
    }

    fn of<'a>(&'a self, new: &'a Encryption) -> Use<'a> {
        let named = &self.subject;
        Use {
            operation: self.operation,
            requester: &self.requester,
            bucket: named.bucket.as_deref().unwrap_or_default(),
            key: named.key.as_deref(),
            version: named.version.as_deref(),
            upload: named.upload.as_deref(),
            source: self.source.as_ref().map(|(bucket, key, version)| Place {
                bucket,
                key,
                version: version.as_deref(),
            }),
            checksum: self.checksum,
            new,
        }
    }

    fn subject(&self) -> Subject<'_> {
        let named = &self.subject;
        let key = (named.bucket.as_deref(), named.key.as_deref(), named.access_point.as_deref());
        rates::subject(&self.site, named.source_ip, &self.who, key)
    }
}

/// A fault as the client is told it: the throttle of a key service in the words of the surface.
pub(super) fn worded(fault: Fault, spent: Option<&Spent>, rates: &Rates, now: Ticks) -> Fault {
    if fault.reason() != KMS_THROTTLED {
        return fault;
    }
    let hint = fault.headers().iter().find(|(name, _)| *name == "x-amz-retry-after");
    let millis = hint.and_then(|(_, millis)| millis.parse().ok());
    match spent {
        Some(spent) => spent.throttled(rates, millis, now),
        None => rates.surface.passed_on(millis.unwrap_or(WAIT), None),
    }
}

/// The id of an upload that was begun, where its answer is in hand. Otherwise it is learnt with the first part.
fn begun(operation: Operation, body: &ReplyBody) -> Option<String> {
    let ReplyBody::Full(document) = body else { return None };
    if operation != Operation::CreateMultipartUpload {
        return None;
    }
    xml::upload_id(document)
}
