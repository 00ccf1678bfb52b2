//! How a request ended.

use http::HeaderValue;

use super::super::json::Object;
use super::super::mask::Masking;
use super::{Deleted, Encryption, LONG, SHORT, SourceEnd, delete, masked};
use crate::id::RequestId;

/// The headers of answers that records show, where the request changes something (spec/cloudtrail.md 3.2).
pub const SHOWN_OF_ANSWERS: [&str; 8] = [
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-version-id",
    "x-amz-delete-marker",
    "x-amz-copy-source-version-id",
    "x-amz-expiration",
];

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Outcome {
    /// The client left before the last byte.
    ClientGone,
    /// The last byte was sent.
    Completed,
    /// It went nowhere.
    Refused,
    /// Nobody knows: the process ended, or the exchange was dropped.
    #[default]
    Unknown,
    /// The store behind could not be asked or broke off.
    UpstreamFailed,
}

impl Outcome {
    /// As written in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientGone => "client-gone",
            Self::Completed => "completed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::UpstreamFailed => "upstream-failed",
        }
    }
}

/// What was found out about a signature that did not match; secrets are masked by whoever found it out.
#[derive(Clone, Copy, Debug)]
pub struct Mismatch<'a> {
    /// What the client did, in words.
    pub explanation: &'a str,
    /// The canonical request computed here.
    pub ours: &'a str,
    /// The one that the client signed, where that is known.
    pub theirs: Option<&'a str>,
    /// The first line in which they differ: here, and there.
    pub lines: Option<(&'a str, &'a str)>,
}

impl Mismatch<'_> {
    fn members(&self, object: &mut Object<'_>) {
        masked(object, Masking::Careful, "explanation", Some(self.explanation), SHORT);
        if let Some((ours, theirs)) = self.lines {
            object.text("line", ours.as_bytes(), SHORT);
            object.text("client_line", theirs.as_bytes(), SHORT);
        }
        object.text("canonical_request", self.ours.as_bytes(), LONG);
        object.maybe("client_canonical_request", self.theirs, LONG);
    }
}

/// What is known of a request when it is over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Completion<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// The status sent.
    pub status: Option<u16>,
    /// The S3 error code, also for HEAD and in a 200.
    pub error_code: Option<&'a str>,
    /// The public message of the error.
    pub error_message: Option<&'a str>,
    /// The cause, from a closed set.
    pub reason: Option<&'a str>,
    /// What only the operator may read.
    pub detail: Option<&'a str>,
    /// The bucket that is not there, where that is the error.
    pub missing_bucket: Option<&'a str>,
    /// The limit that the request is over.
    pub dimension: Option<&'a str>,
    /// Why a signature did not match.
    pub mismatch: Option<Mismatch<'a>>,
    /// Octets of the body read from the client, as it sent them.
    pub bytes_in: u64,
    /// Octets of the body sent to the client.
    pub bytes_out: u64,
    /// The full size of the object concerned.
    pub object_size: Option<u64>,
    /// Milliseconds from the first line read to the first byte sent; where the body took no time, it is the
    /// next one that is written.
    pub first_byte_ms: Option<u64>,
    /// Milliseconds from the last byte read to the first byte sent.
    pub turn_around_ms: Option<u64>,
    /// Milliseconds from the first line read to the last byte sent.
    pub total_ms: Option<u64>,
    /// The version that the request created.
    pub created_version: Option<&'a [u8]>,
    /// The object's entity tag.
    pub etag: Option<&'a [u8]>,
    /// The encryption that the store confirmed.
    pub encryption: Option<Encryption<'a>>,
    /// What the answer says in its headers, of [`SHOWN_OF_ANSWERS`].
    pub response_headers: &'a [(&'static str, HeaderValue)],
    /// What became of the source of a copy.
    pub source: Option<SourceEnd<'a>>,
    /// What became of the entries of a list of deletions, but for those that are simply gone.
    pub deleted: &'a [Deleted],
    /// The id of the access key that was handed out.
    pub issued_key: Option<&'a str>,
    /// The store's own request id.
    pub upstream_id: Option<&'a [u8]>,
    /// How often the store was asked, if not once.
    pub attempts: Option<u64>,
}

impl Completion<'_> {
    /// Appends the record as one JSON object; `id` is the intent's.
    pub fn write(&self, id: RequestId, out: &mut Vec<u8>) {
        self.write_for(id.as_str(), out);
    }

    /// The same for an id that was read back.
    pub(in crate::audit) fn write_for(&self, id: &str, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.text("request_id", id.as_bytes(), SHORT);
        self.members(&mut object);
        object.end();
    }

    pub(super) fn members(&self, object: &mut Object<'_>) {
        object.word("outcome", self.outcome.as_str().as_bytes());
        object.maybe_number("http_status", self.status.map(u64::from));
        object.maybe("error_code", self.error_code, SHORT);
        masked(object, Masking::Careful, "error_message", self.error_message, SHORT);
        object.maybe("reason", self.reason, SHORT);
        masked(object, Masking::Careful, "detail", self.detail, LONG);
        object.maybe("missing_bucket", self.missing_bucket, SHORT);
        object.maybe("dimension", self.dimension, SHORT);
        if let Some(mismatch) = &self.mismatch {
            object.object("signature_mismatch", |inner| mismatch.members(inner));
        }
        object.number("bytes_received", self.bytes_in);
        object.number("bytes_sent", self.bytes_out);
        object.maybe_number("object_size", self.object_size);
        let more = self.first_byte_ms.filter(|ms| self.turn_around_ms != Some(*ms));
        object.maybe_number("first_byte_time", more);
        object.maybe_number("turn_around_time", self.turn_around_ms);
        object.maybe_number("total_time", self.total_ms);
        object.maybe("created_version_id", self.created_version, SHORT);
        object.maybe("etag", self.etag, SHORT);
        if let Some(encryption) = &self.encryption {
            object.object("confirmed_encryption", |inner| encryption.members(inner));
        }
        if !self.response_headers.is_empty() {
            object.object("response_headers", |inner| {
                for (name, value) in self.response_headers {
                    inner.text(name, value.as_bytes(), SHORT);
                }
            });
        }
        if let Some(source) = &self.source {
            source.members(object);
        }
        delete::write_results(self.deleted, object);
        object.maybe("issued_access_key_id", self.issued_key, SHORT);
        object.maybe("upstream_request_id", self.upstream_id, SHORT);
        object.maybe_number("attempts", self.attempts);
    }
}
