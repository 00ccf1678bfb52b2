//! What is written about a request: the intent before anything is forwarded, the completion when it
//! is over, both in one when it was refused.
//!
//! Each record is one JSON object on one line. A member without a value is left out. Names are those
//! of spec/access-logs.md 7 where it has one. Log lines and audit records are rendered from these,
//! so that nothing has to be remembered elsewhere.
//!
//! No secret is ever in a record: the parameters of signed links are masked here in target, headers, referer
//! and user agent, of a signature the first eight characters remain, and of the headers only those on a list of
//! harmless ones are taken. Everything else that a client chooses, keys above all, is as it was sent: the lines
//! and audit records that are made of it must say just that.

mod copy;
mod delete;
mod end;

use std::net::IpAddr;

use super::json::Object;
use super::mask::{HIDDEN, Masking, Shown, header_of_interest};
use crate::id::RequestId;
use crate::s3::mask::MASK;
use crate::s3::xml::DeleteEntry;
use crate::time::Millis;
use crate::trace::Trace;

pub use copy::{Source, SourceEnd};
pub use delete::Deleted;
pub use end::{Completion, Mismatch, Outcome, SHOWN_OF_ANSWERS};

/// The most octets of a text that a client chooses freely (spec/access-logs.md 3.5).
const LONG: usize = 8192;
/// The most octets of every other text.
const SHORT: usize = 1024;
/// The most statements named in one record.
const STATEMENTS: usize = 64;
/// No further header or statement is written once a record has this many octets.
const FULL: usize = 96 * 1024;
/// The most octets of a configuration document.
const DOCUMENT: usize = 64 * 1024;
/// The hash of nothing, in hexadecimal.
const HASH_OF_NOTHING: &[u8] = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// How much of a signature is kept, to find a request by.
const SIGNATURE: usize = 8;

/// What was decided about a request before it went anywhere.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Decision {
    /// It may go on.
    Allow,
    /// Policies or rules refuse it.
    #[default]
    Deny,
    /// Something broke before a decision.
    Fail,
    /// It came too often.
    Throttle,
}

impl Decision {
    /// As written in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Fail => "fail",
            Self::Throttle => "throttle",
        }
    }
}

/// Who asks. All empty: anonymous, or not known yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requester<'a> {
    /// `IAMUser`, `AssumedRole`, `Root`, `AWSAccount`, `Unknown`, … (spec/cloudtrail.md 2).
    pub kind: Option<&'a str>,
    /// The account that asks.
    pub account: Option<&'a str>,
    /// The principal's ARN.
    pub arn: Option<&'a str>,
    /// `AIDA…`, `AROA…:session`.
    pub principal_id: Option<&'a str>,
    /// The canonical id of a root user's account.
    pub canonical_id: Option<&'a str>,
    /// The ARN of the role that the session is of, its path included.
    pub issuer: Option<&'a str>,
    /// Who is behind the session.
    pub source_identity: Option<&'a str>,
    /// Who vouched for the caller of the session, as an ARN.
    pub web_provider: Option<&'a str>,
    /// The access key id, as claimed if it did not verify.
    pub access_key: Option<&'a [u8]>,
    /// The name of the session.
    pub session: Option<&'a str>,
    /// When the session began.
    pub session_created: Option<Millis>,
    /// Whether the session was opened with a second factor.
    pub mfa: Option<bool>,
    /// `SigV4`, `SigV4A`, `SigV2`.
    pub signature_version: Option<&'a str>,
    /// `AuthHeader`, `QueryString`, `HtmlForm`.
    pub authentication: Option<&'a str>,
    /// The signature; its first eight characters are kept.
    pub signature: Option<&'a [u8]>,
}

/// How the request came in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connection<'a> {
    /// The client's address, a trusted proxy's report included.
    pub remote: Option<IpAddr>,
    /// `TLSv1.2`, `TLSv1.3`.
    pub tls_version: Option<&'a str>,
    /// The cipher suite as the access log spells it.
    pub cipher: Option<&'a str>,
    /// The key exchange group.
    pub key_exchange: Option<&'a str>,
    /// The VPC endpoint of the listener.
    pub vpc_endpoint: Option<&'a str>,
    /// The region the address belongs to.
    pub region: Option<&'a str>,
}

/// How a request came in and who asks, the signature left out, as records say it. Written once where many
/// requests have it in common, and copied into their records.
#[derive(Clone, Debug)]
pub struct Origin(Box<[u8]>);

impl Origin {
    /// Writes it.
    pub fn of(connection: &Connection<'_>, requester: &Requester<'_>) -> Self {
        let mut out = Vec::with_capacity(512);
        let mut object = Object::begin(&mut out);
        connection.members(&mut object);
        requester.members(&mut object);
        object.end();
        Self(out.get(1..out.len() - 1).unwrap_or_default().into())
    }
}

/// What the proxy itself delivers, where a request is a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Delivery<'a> {
    /// The destination: the name of a sink, or `bucket-logging/` and the bucket whose log it is.
    pub sink: &'a str,
    /// Whether it tells of deliveries and of nothing else.
    pub of_deliveries: bool,
}

/// How the object will be encrypted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Encryption<'a> {
    /// `AES256`, `aws:kms`, `aws:kms:dsse`, `SSE-C`.
    pub algorithm: &'a str,
    /// The key, as an ARN.
    pub key: Option<&'a str>,
    /// Where the decision comes from: `request`, `default`, `added`.
    pub origin: Option<&'a str>,
    /// How many calls of the key service it is charged with.
    pub calls: Option<u64>,
}

/// A name in an encryption context and its value; none where that is not to be shown.
pub type InContext = (Box<str>, Option<Box<str>>);

/// What is known of a request before it is forwarded or refused. Bytes are as the client sent them.
#[derive(Clone, Copy, Debug)]
pub struct Intent<'a> {
    /// The request's id.
    pub id: RequestId,
    /// When its first line was read.
    pub received: Millis,
    /// Who asks.
    pub requester: Requester<'a>,
    /// How it came in.
    pub connection: Connection<'a>,
    /// Both of them, already written: then of the requester only the signature counts.
    pub origin: Option<&'a Origin>,
    /// The host header, port included.
    pub host: Option<&'a [u8]>,
    /// The method.
    pub method: Option<&'a [u8]>,
    /// The request target as sent; masked when written.
    pub target: Option<&'a [u8]>,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub http_version: Option<&'a str>,
    /// The operation, by its API name.
    pub operation: Option<&'a str>,
    /// The bucket.
    pub bucket: Option<&'a [u8]>,
    /// The account that owns the bucket.
    pub bucket_account: Option<&'a str>,
    /// The canonical id of the bucket's owner.
    pub bucket_owner: Option<&'a str>,
    /// The bucket's region.
    pub region: Option<&'a str>,
    /// The decoded key.
    pub key: Option<&'a [u8]>,
    /// `versionId` of the request.
    pub version_id: Option<&'a [u8]>,
    /// What is copied.
    pub source: Option<Source<'a>>,
    /// What is deleted of a list.
    pub deletions: &'a [DeleteEntry],
    /// The configuration document that came along, as sent.
    pub document: Option<&'a [u8]>,
    /// The access point it came through, or is about.
    pub access_point: Option<&'a str>,
    /// The ARN of the role that is to be assumed.
    pub role: Option<&'a str>,
    /// Under which session name.
    pub role_session: Option<&'a str>,
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// `Referer`; masked when written.
    pub referer: Option<&'a [u8]>,
    /// The body's declared length.
    pub content_length: Option<u64>,
    /// What was decided.
    pub decision: Decision,
    /// The statements that decided.
    pub statements: &'a [&'a str],
    /// The rules about names that the name of a new bucket breaks: `N-14`.
    pub naming: &'a [&'a str],
    /// What is delivered, where nobody asks and the proxy delivers.
    pub delivery: Option<Delivery<'a>>,
    /// The rehearsal whose fault it meets on purpose, by name.
    pub rehearsed: Option<&'a str>,
    /// Whether only an ACL allows it.
    pub acl_required: bool,
    /// The generation of policies that decided.
    pub generation: Option<u64>,
    /// How the object will be encrypted.
    pub encryption: Option<Encryption<'a>>,
    /// What a rule about encryption that only watches has seen: `EncryptionMissing`, `EncryptionWrong`.
    pub encryption_event: Option<&'a str>,
    /// The encryption context that the request brings.
    pub encryption_context: Option<&'a [InContext]>,
    /// Whether anything of encryption contexts is hidden: then the target shows none.
    pub hides_context: bool,
    /// How many calls of the key service it costs, where they are counted.
    pub kms_calls: Option<u64>,
    /// The trace that it belongs to.
    pub trace: Option<&'a Trace>,
    /// The header lines as received; those of interest are taken.
    pub headers: &'a [(&'a [u8], &'a [u8])],
}

impl<'a> Intent<'a> {
    /// An intent of which only the id and the time are known.
    pub fn new(id: RequestId, received: Millis) -> Self {
        Self {
            id,
            received,
            requester: Requester::default(),
            connection: Connection::default(),
            origin: None,
            host: None,
            method: None,
            target: None,
            http_version: None,
            operation: None,
            bucket: None,
            bucket_account: None,
            bucket_owner: None,
            region: None,
            key: None,
            version_id: None,
            source: None,
            deletions: &[],
            document: None,
            access_point: None,
            role: None,
            role_session: None,
            user_agent: None,
            referer: None,
            content_length: None,
            decision: Decision::default(),
            statements: &[],
            naming: &[],
            delivery: None,
            rehearsed: None,
            acl_required: false,
            generation: None,
            encryption: None,
            encryption_event: None,
            encryption_context: None,
            hides_context: false,
            kms_calls: None,
            trace: None,
            headers: &[],
        }
    }

    /// Appends the record as one JSON object.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        self.members(&mut object);
        object.end();
    }

    fn members(&self, object: &mut Object<'_>) {
        object.word("request_id", self.id.as_bytes());
        object.word("host_id", self.id.host_bytes());
        object.instant("request_time", self.received);
        match self.origin {
            Some(origin) => object.members(&origin.0),
            None => {
                self.connection.members(object);
                self.requester.members(object);
            }
        }
        if let Some(signature) = self.requester.signature {
            object.text("signature", signature.get(..SIGNATURE).unwrap_or_default(), SHORT);
        }
        object.maybe("operation", self.operation, SHORT);
        object.maybe("bucket_name", self.bucket, SHORT);
        object.maybe("bucket_account", self.bucket_account, SHORT);
        object.maybe("bucket_owner_id", self.bucket_owner, SHORT);
        object.maybe("region", self.region, SHORT);
        object.maybe("key", self.key, LONG);
        object.maybe("version_id", self.version_id, SHORT);
        if let Some(source) = &self.source {
            object.object("source", |inner| source.members(inner));
        }
        delete::write_entries(self.deletions, object);
        object.maybe("access_point_arn", self.access_point, SHORT);
        object.maybe("role_arn", self.role, SHORT);
        object.maybe("role_session_name", self.role_session, SHORT);
        object.maybe("method", self.method, SHORT);
        masked(object, Masking::of_target(self.bucket.is_some(), self.hides_context), "target", self.target, LONG);
        object.maybe("http_version", self.http_version, SHORT);
        object.maybe("host_header", self.host, SHORT);
        masked(object, Masking::Links, "user_agent", self.user_agent, LONG);
        masked(object, Masking::Links, "referer", self.referer, LONG);
        object.maybe_number("content_length", self.content_length);
        object.word("decision", self.decision.as_str().as_bytes());
        object.maybe_number("generation", self.generation);
        if !self.naming.is_empty() {
            object.texts("naming", self.naming.iter().copied(), SHORT);
        }
        if let Some(Delivery { sink, of_deliveries }) = self.delivery {
            object.object("delivery", |inner| {
                inner.text("sink", sink.as_bytes(), SHORT);
                inner.flag("of_deliveries", of_deliveries);
            });
        }
        object.maybe("rehearsed", self.rehearsed, SHORT);
        if self.acl_required {
            object.flag("acl_required", true);
        }
        if let Some(encryption) = &self.encryption {
            object.object("encryption", |inner| encryption.members(inner));
        }
        object.maybe("encryption_event", self.encryption_event, SHORT);
        if let Some(context) = self.encryption_context {
            object.object("encryption_context", |inner| write_context(context, inner));
        }
        object.maybe_number("kms_calls", self.kms_calls);
        if let Some(trace) = self.trace {
            object.object("trace", |inner| write_trace(trace, inner));
        }
        self.lists(object, object.written());
        match self.document {
            Some(document) if document.len() > DOCUMENT => object.flag("document_truncated", true),
            document => object.maybe("document", document, DOCUMENT),
        }
    }

    /// The members whose number the client or a policy chooses; cut when the record is full, and said so.
    fn lists(&self, object: &mut Object<'_>, start: usize) {
        let mut cut = self.statements.len() > STATEMENTS;
        if !self.statements.is_empty() {
            object.texts("statements", self.statements.iter().take(STATEMENTS).copied(), SHORT);
        }
        if !self.headers.is_empty() {
            object.object_if_any("headers", |inner| cut |= !write_headers(self.headers, inner, start));
        }
        if cut {
            object.flag("truncated", true);
        }
    }
}

/// Writes a text that a client chooses, without the secrets that may be in it.
fn masked(
    object: &mut Object<'_>,
    masking: Masking,
    name: &'static str,
    value: Option<impl AsRef<[u8]>>,
    limit: usize,
) {
    if let Some(value) = value {
        object.pieces(name, limit, |text| masking.write(value.as_ref(), text));
    }
}

/// Writes an encryption context. It is short, because none that is longer is taken.
fn write_context(context: &[InContext], object: &mut Object<'_>) {
    for (name, value) in context {
        object.named_freely(
            |text| Masking::Careful.write(name.as_bytes(), text),
            |text| match value {
                Some(value) => Masking::Careful.write(value.as_bytes(), text),
                None => text.piece(MASK),
            },
            LONG,
        );
    }
}

fn write_trace(trace: &Trace, object: &mut Object<'_>) {
    object.word("trace_id", &trace.id.digits());
    object.word("span_id", &trace.span.digits());
    if let Some(parent) = trace.parent {
        object.word("parent_id", &parent.digits());
    }
    object.maybe("state", trace.state.as_deref(), SHORT);
}

/// Writes the headers of interest, each name once, several values joined as in HTTP. Says whether all
/// had room.
fn write_headers(lines: &[(&[u8], &[u8])], object: &mut Object<'_>, start: usize) -> bool {
    for (place, (name, value)) in lines.iter().enumerate() {
        let Some((lower, shown)) = header_of_interest(name) else { continue };
        if *value == HASH_OF_NOTHING && *lower == *b"x-amz-content-sha256" {
            continue; // that there was no body, nearly every read says
        }
        let same = |(other, _): &&(&[u8], &[u8])| other.eq_ignore_ascii_case(name);
        if lines.iter().take(place).any(|line| same(&line)) {
            continue;
        }
        if object.written() - start > FULL {
            return false;
        }
        object.member(&lower, LONG, |text| {
            for (nth, (_, value)) in lines.iter().filter(same).enumerate() {
                if nth > 0 {
                    text.piece(b",");
                }
                match shown {
                    Shown::Hidden => text.piece(HIDDEN),
                    Shown::Value => Masking::Links.write(value, text),
                }
            }
        });
    }
    true
}

impl Connection<'_> {
    fn members(&self, object: &mut Object<'_>) {
        if let Some(remote) = self.remote {
            object.address("remote_ip", remote.to_canonical());
        }
        object.maybe("source_region", self.region, SHORT);
        object.maybe("vpc_endpoint_id", self.vpc_endpoint, SHORT);
        object.maybe("tls_version", self.tls_version, SHORT);
        object.maybe("cipher_suite", self.cipher, SHORT);
        object.maybe("key_exchange", self.key_exchange, SHORT);
    }
}

impl Requester<'_> {
    fn members(&self, object: &mut Object<'_>) {
        object.maybe("requester_type", self.kind, SHORT);
        object.maybe("requester", self.arn, SHORT);
        object.maybe("requester_account", self.account, SHORT);
        object.maybe("principal_id", self.principal_id, SHORT);
        object.maybe("requester_canonical_id", self.canonical_id, SHORT);
        object.maybe("requester_issuer", self.issuer, SHORT);
        object.maybe("source_identity", self.source_identity, SHORT);
        object.maybe("web_provider", self.web_provider, SHORT);
        object.maybe("access_key_id", self.access_key, SHORT);
        object.maybe("session_name", self.session, SHORT);
        if let Some(created) = self.session_created {
            object.instant("session_created", created);
        }
        if let Some(mfa) = self.mfa {
            object.flag("mfa", mfa);
        }
        object.maybe("signature_version", self.signature_version, SHORT);
        object.maybe("authentication_type", self.authentication, SHORT);
    }
}

impl Encryption<'_> {
    fn members(&self, object: &mut Object<'_>) {
        object.text("algorithm", self.algorithm.as_bytes(), SHORT);
        object.maybe("key", self.key, SHORT);
        object.maybe("origin", self.origin, SHORT);
        object.maybe_number("calls", self.calls);
    }
}

/// Appends a refusal as one JSON object: the members of both records.
pub fn write_refusal(intent: &Intent<'_>, completion: &Completion<'_>, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    intent.members(&mut object);
    completion.members(&mut object);
    object.end();
}

#[cfg(test)]
mod tests;
