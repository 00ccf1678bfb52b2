//! One finished request: what was to happen and how it ended, as one thing. Every rendering is made of
//! this and of nothing else.
//!
//! An event is the members of the journal's records under the names they have there; what this module
//! has no name for is kept, so that nothing gets lost on its way out. It holds no secret, whoever made
//! it: texts are masked and headers are chosen here once more, by the rule that the journal itself is written
//! by. There is no file and no clock here.

mod own;
mod pairs;

use ring::digest;
use serde_json::{Map, Value};

use super::mask::{HIDDEN, Masking, Shown, header_of_interest, masking_of};
use super::record::Delivery;
use crate::id::uuid;
use crate::time::{Millis, Seconds};

pub use pairs::{Overfull, Pairs};

/// What stands for the outcome of a request of which nobody knows how it ended
/// (spec/access-logs.md 11).
pub const UNKNOWN_OUTCOME: &str = "ProxyUnknownOutcome";

/// The error code of what names a bucket that is not there.
const NO_SUCH_BUCKET: &str = "NoSuchBucket";

/// Where an event stands: its journal, and the number of the record that ended it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct At {
    /// The journal's instance.
    pub instance: [u8; 16],
    /// The number of the completion; of the intent where there is none.
    pub number: u64,
}

/// A finished request.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Where it stands.
    pub at: At,
    /// When its end was recorded.
    pub recorded: Millis,
    members: Map<String, Value>,
}

/// One of the things a request may have several records or copies of; part of an event's id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Which<'a> {
    /// The copy for an account of the record with this id.
    Account {
        /// Whose copy.
        account: &'a str,
        /// The id of the full record.
        of: &'a str,
    },
    /// The record that corrects an earlier one.
    Addendum,
    /// What became of one key of many, counted from 0.
    Child(usize),
    /// The record itself.
    Record,
    /// What all copies of the record itself share.
    Shared,
    /// What all copies of the record with this id share.
    SharedOf(&'a str),
}

/// The source of a copy.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a>(&'a Map<String, Value>);

/// One key of DeleteObjects and what became of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Deletion<'a> {
    /// The key.
    pub key: &'a str,
    /// The version, if the request names one.
    pub version_id: Option<&'a str>,
    /// The status; `None` if nobody knows.
    pub status: Option<u64>,
    /// The S3 error code.
    pub error_code: Option<&'a str>,
    /// The version of the delete marker that was made.
    pub delete_marker_version_id: Option<&'a str>,
}

impl Event {
    /// An event of the members of its records. Nothing is refused: a member of another type than it
    /// should have counts as absent, and is kept.
    pub fn of(at: At, recorded: Millis, mut members: Map<String, Value>) -> Self {
        if let Some(Value::Object(headers)) = members.get_mut("headers") {
            *headers = std::mem::take(headers).into_iter().filter_map(|(name, value)| shown(&name, value)).collect();
        }
        let names_bucket = members.get("bucket_name").is_some_and(|bucket| !bucket.is_null());
        for (name, value) in &mut members {
            if let Some(masking) = masking_of(name, names_bucket) {
                mask_all(value, masking);
            }
        }
        Self { at, recorded, members }
    }

    /// All members.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    /// A number that is not negative.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.members.get(name)?.as_u64()
    }

    /// Whether a member is there and true.
    pub fn flag(&self, name: &str) -> bool {
        self.members.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// An instant.
    pub fn instant(&self, name: &str) -> Option<Millis> {
        Millis::from_rfc3339(self.text(name)?)
    }

    /// `x-amz-request-id`
    pub fn request_id(&self) -> Option<&str> {
        self.text("request_id")
    }

    /// The operation's name in the API.
    pub fn operation(&self) -> Option<&str> {
        self.text("operation")
    }

    /// The bucket.
    pub fn bucket(&self) -> Option<&str> {
        self.text("bucket_name")
    }

    /// The key, decoded.
    pub fn key(&self) -> Option<&str> {
        self.text("key")
    }

    /// The account that owns the bucket.
    pub fn bucket_account(&self) -> Option<&str> {
        self.text("bucket_account")
    }

    /// Whose key signed it.
    pub fn caller(&self) -> Caller<'_> {
        Caller(self)
    }

    /// When its first line was read; when it was recorded if that is not known.
    pub fn received(&self) -> Millis {
        self.instant("request_time").unwrap_or(self.recorded)
    }

    /// When its last octet was sent; when its end was recorded if that is not known.
    pub fn ended(&self) -> Millis {
        let after = self.number("total_time").and_then(|millis| i64::try_from(millis).ok());
        match (self.instant("request_time"), after) {
            (Some(received), Some(after)) => Millis(received.0.saturating_add(after)),
            _ => self.recorded,
        }
    }

    /// The status that was sent.
    pub fn status(&self) -> Option<u64> {
        self.number("http_status").filter(|_| !self.is_unknown())
    }

    /// The S3 error code; [`UNKNOWN_OUTCOME`] where nobody knows how it ended.
    pub fn error_code(&self) -> Option<&str> {
        if self.is_unknown() { Some(UNKNOWN_OUTCOME) } else { self.text("error_code").filter(|code| !code.is_empty()) }
    }

    /// Whether the answer says that its bucket is not there, and not that of the source of a copy: what else is
    /// told of the copy says which of them it is.
    pub fn is_of_no_bucket(&self) -> bool {
        let read = self.number("source_status").is_some_and(|status| status < 300);
        self.error_code() == Some(NO_SUCH_BUCKET)
            && match (self.text("missing_bucket"), self.source()) {
                (_, None) => true,
                (None, Some(_)) => read,
                (missing, Some(_)) => missing == self.bucket(),
            }
    }

    /// Whether the source of a copy is said to be in a bucket that is not there.
    pub fn is_from_no_bucket(&self) -> bool {
        let Some(source) = self.source() else { return false };
        let missing = self.text("missing_bucket").filter(|_| self.error_code() == Some(NO_SUCH_BUCKET));
        self.text("source_error_code") == Some(NO_SUCH_BUCKET) || missing.is_some() && missing == source.bucket()
    }

    /// Whether nobody knows how it ended: the process ended, or the exchange was dropped.
    pub fn is_unknown(&self) -> bool {
        self.text("outcome") == Some("unknown")
    }

    /// Whether the status says so and no error came after it.
    pub fn succeeded(&self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status)) && self.error_code().is_none()
    }

    /// Whether only an access control list allowed it. Never of what was refused.
    pub fn acl_required(&self) -> bool {
        let refused = self.text("decision").is_some_and(|decision| decision != "allow") || self.status() == Some(403);
        self.flag("acl_required") && !refused
    }

    /// One of the request's headers, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.members.get("headers")?.get(name)?.as_str()
    }

    /// One of the answer's headers, by its lower-case name.
    pub fn response_header(&self, name: &str) -> Option<&str> {
        self.members.get("response_headers")?.get(name)?.as_str()
    }

    /// What is delivered, where it is a delivery of the proxy's own. No client can make a record say so.
    pub fn delivery(&self) -> Option<Delivery<'_>> {
        let delivery = self.members.get("delivery")?;
        let of_deliveries = delivery.get("of_deliveries").and_then(Value::as_bool).unwrap_or(false);
        Some(Delivery { sink: text_of(delivery, "sink").unwrap_or_default(), of_deliveries })
    }

    /// The source of a copy.
    pub fn source(&self) -> Option<Source<'_>> {
        self.members.get("source")?.as_object().map(Source)
    }

    /// The keys of DeleteObjects in the order of the request, and what became of each.
    pub fn deletions(&self) -> Vec<Deletion<'_>> {
        let list = |name: &str| self.members.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        // What nothing is told of was deleted if the request as a whole says so, and else ended as that did.
        let (status, error_code) =
            if self.succeeded() { (Some(204), None) } else { (self.status(), self.error_code()) };
        let asked = |deletion| Deletion {
            key: text_of(deletion, "key").unwrap_or_default(),
            version_id: text_of(deletion, "version_id"),
            status,
            error_code,
            delete_marker_version_id: None,
        };
        let mut deletions: Vec<_> = list("deletions").iter().map(asked).collect();
        for result in list("deletion_results") {
            let at = result.get("at").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
            if let Some(deletion) = at.and_then(|at| deletions.get_mut(at)) {
                deletion.status = result.get("status").and_then(Value::as_u64).or(status);
                deletion.error_code = text_of(result, "error_code");
                deletion.delete_marker_version_id = text_of(result, "delete_marker_version_id");
            }
        }
        deletions
    }

    /// The id of one of its records: a UUID of version 7, made of the time and of where the event
    /// stands, so that it is the same whenever it is rendered. One that the event brings wins.
    pub fn event_id(&self, which: Which<'_>) -> String {
        let given = match which {
            Which::Record => self.text("event_id").map(str::to_owned),
            Which::Shared => self.text("shared_event_id").map(str::to_owned),
            Which::Child(at) => self
                .members
                .get("deletions")
                .and_then(|list| list.get(at))
                .and_then(|deletion| text_of(deletion, "event_id").map(str::to_owned)),
            Which::Account { .. } | Which::Addendum | Which::SharedOf(_) => None,
        };
        given.unwrap_or_else(|| self.derived_id(which))
    }

    fn derived_id(&self, which: Which<'_>) -> String {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&self.at.instance);
        hash.update(&self.at.number.to_be_bytes());
        match which {
            Which::Account { account, of } => {
                hash.update(b"account");
                hash.update(of.as_bytes());
                hash.update(account.as_bytes());
            }
            Which::Addendum => hash.update(b"addendum"),
            Which::Child(at) => {
                hash.update(b"child");
                hash.update(&(at as u64).to_be_bytes());
            }
            Which::Record => hash.update(b"record"),
            Which::Shared => hash.update(b"shared"),
            Which::SharedOf(of) => {
                hash.update(b"shared");
                hash.update(of.as_bytes());
            }
        }
        let hash = hash.finish();
        let time = u64::try_from(self.ended().0).unwrap_or(0).to_be_bytes();
        let mut octets = [0; 16];
        for (place, octet) in octets.iter_mut().zip(time.iter().skip(2).chain(hash.as_ref())) {
            *place = *octet;
        }
        uuid(7, octets)
    }
}

/// Who asked.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a>(&'a Event);

impl<'a> Caller<'a> {
    /// The principal's ARN.
    pub fn arn(self) -> Option<&'a str> {
        self.0.text("requester").filter(|_| !self.failed())
    }

    /// The principal's account.
    pub fn account(self) -> Option<&'a str> {
        self.0.text("requester_account").filter(|_| !self.failed())
    }

    /// `IAMUser`, `AssumedRole`, `Root`, … (spec/cloudtrail.md 2).
    pub fn kind(self) -> Option<&'a str> {
        self.0.text("requester_type")
    }

    /// Whether somebody claimed to be somebody and could not prove it.
    pub fn failed(self) -> bool {
        match self.kind() {
            Some(kind) => kind == "Unknown",
            None => self.0.text("access_key_id").is_some() && self.0.text("requester").is_none(),
        }
    }

    /// Whether nobody was named.
    pub fn is_anonymous(self) -> bool {
        !self.failed() && self.arn().is_none() && !matches!(self.kind(), Some("AWSService" | "IdentityCenterUser"))
    }

    /// `SigV4`, `SigV4A`, `SigV2`; of what was proved only.
    pub fn signature_version(self) -> Option<&'a str> {
        self.0.text("signature_version").filter(|_| !self.failed() && !self.is_anonymous())
    }

    /// `AuthHeader`, `QueryString`, `HtmlForm`; of what was proved only.
    pub fn authentication(self) -> Option<&'a str> {
        self.0.text("authentication_type").filter(|_| !self.failed() && !self.is_anonymous())
    }
}

impl<'a> Source<'a> {
    fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    /// The bucket.
    pub fn bucket(self) -> Option<&'a str> {
        self.text("bucket_name")
    }

    /// The key, decoded.
    pub fn key(self) -> Option<&'a str> {
        self.text("key")
    }

    /// `versionId` of `x-amz-copy-source`.
    pub fn version_id(self) -> Option<&'a str> {
        self.text("version_id")
    }

    /// The account that owns the bucket.
    pub fn bucket_account(self) -> Option<&'a str> {
        self.text("bucket_account")
    }

    /// The canonical id of the bucket's owner.
    pub fn bucket_owner_id(self) -> Option<&'a str> {
        self.text("bucket_owner_id")
    }

    /// The access point that the source is named by.
    pub fn access_point_arn(self) -> Option<&'a str> {
        self.text("access_point_arn")
    }
}

fn text_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// Masks every text of a member. Records are not deeper than JSON may be.
fn mask_all(value: &mut Value, masking: Masking) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|value| mask_all(value, masking)),
        Value::Object(members) => members.values_mut().for_each(|value| mask_all(value, masking)),
        Value::String(text) => {
            if let Some(masked) = masking.masked(text) {
                *text = masked;
            }
        }
        Value::Bool(_) | Value::Null | Value::Number(_) => {}
    }
}

/// A header as it may be shown.
fn shown(name: &str, value: Value) -> Option<(String, Value)> {
    let (lower, shown) = header_of_interest(name.as_bytes())?;
    let lower = String::from_utf8_lossy(&lower).into_owned();
    let value = match (shown, value) {
        (Shown::Hidden, _) => String::from_utf8_lossy(HIDDEN).into_owned().into(),
        (Shown::Value, value) => value,
    };
    Some((lower, value))
}

/// A whole second, as CloudTrail spells instants.
pub(super) fn second(time: Millis) -> String {
    let Seconds(seconds) = time.seconds();
    Seconds(seconds).rfc3339()
}

#[cfg(test)]
pub(super) mod tests;
