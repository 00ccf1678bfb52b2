//! Replies and their headers.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};

use crate::identity::canonical_id;
use crate::s3::{Fault, Operation, xml};
use crate::time::Millis;

use super::super::{Forward, LocalBody};
use super::Reply;
use super::checksums::encode;
use super::record::Checksum;
use super::xml::Xml;

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Reply {
    Reply { status, headers: HeaderMap::new(), body: LocalBody::Empty, upstream_id: None, code: None, size: None }
}

/// 200 with a document.
pub(super) fn document(xml: Vec<u8>) -> Reply {
    let mut reply = empty(StatusCode::OK);
    reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    reply.body = LocalBody::Full(Bytes::from(xml));
    reply
}

/// The error document of a fault; none for HEAD.
pub(super) fn error(forward: &Forward, fault: &Fault) -> Reply {
    let mut reply = empty(StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    reply.code = Some(fault.code().as_str().to_owned());
    for (name, value) in fault.headers() {
        set(&mut reply.headers, name, value);
    }
    if matches!(forward.operation, Operation::HeadBucket | Operation::HeadObject) {
        return reply;
    }
    reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    let fault = fault.clone().calling(&forward.called());
    let document = xml::error_document(&fault, forward.id.as_str(), forward.id.host_id());
    reply.body = LocalBody::Full(Bytes::from(document));
    reply
}

/// Sets a header; what cannot stand in one is left out.
pub(super) fn set(headers: &mut HeaderMap, name: &str, value: impl AsRef<[u8]>) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_ref())) {
        headers.insert(name, value);
    }
}

pub(super) fn set_etag(headers: &mut HeaderMap, etag: &str) {
    set(headers, ETAG.as_str(), quoted(etag));
}

pub(super) fn set_last_modified(headers: &mut HeaderMap, modified: i64) {
    set(headers, LAST_MODIFIED.as_str(), httpdate::fmt_http_date(instant(modified)));
}

pub(super) fn set_checksum(headers: &mut HeaderMap, checksum: &Checksum, parts: usize) {
    set(headers, checksum.algorithm.header(), checksum_text(checksum, parts));
    set(headers, "x-amz-checksum-type", checksum_type(checksum.composite));
}

/// A checksum as S3 writes it; one over parts says how many.
pub(super) fn checksum_text(checksum: &Checksum, parts: usize) -> String {
    let value = encode(&checksum.value);
    if checksum.composite { format!("{value}-{parts}") } else { value }
}

pub(super) const fn checksum_type(composite: bool) -> &'static str {
    if composite { "COMPOSITE" } else { "FULL_OBJECT" }
}

pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// `2026-03-14T09:26:53.000Z`
pub(super) fn date(millis: i64) -> String {
    Millis(millis).rfc3339()
}

/// The whole second of a time, as headers and conditions see it.
pub(super) fn instant(millis: i64) -> std::time::SystemTime {
    let seconds = u64::try_from(millis.div_euclid(1000)).unwrap_or_default();
    std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.min(253_402_300_799))
}

/// `<Owner>` or another element about an account.
pub(super) fn owner(xml: &mut Xml, element: &str, account: &str) {
    xml.open(element).text("ID", &canonical_id(account)).text("DisplayName", account).close(element);
}
