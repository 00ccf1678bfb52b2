//! What is looked at of objects that are there before a request goes on: the encryption of the source of a
//! copy, and of an object whose checksums are asked for (spec/encryption.md 4, 11).

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::judge::Case;
use super::look;
use super::rates::{OBJECT_ATTRIBUTES, says};
use super::walk::Store;
use crate::access::Side;
use crate::s3::route::Routed;
use crate::s3::{Code, Fault, Operation};

/// Whether the source of a copy may be read with its key, and written with that of the copy. Gives what binds
/// the copy to what was looked at: between the two, somebody could put another object in its place.
///
/// # Errors
/// E-11, E-12, E-15 to E-18 for the key of the source; `AccessDenied` where the copy would be of a lower level;
/// `PreconditionFailed`; `ServiceUnavailable` where the store does not say.
pub(super) async fn check_source(
    case: &Case<'_>,
    store: Option<&Store>,
    to: Option<&Arc<str>>,
) -> Result<Option<Bound>, Fault> {
    let store = store.ok_or_else(|| Fault::plain(Code::InternalError, "no-store"))?;
    let Some(headers) = look::head_of(case, store, Side::Source).await? else { return Ok(None) };
    let from = case.stored(&headers);
    case.check_opening(&from)?;
    case.live.guard.levels.check_copy(from.key().map(AsRef::as_ref), to.map(AsRef::as_ref))?;
    Bound::to(&headers, case.routed).map(Some)
}

/// Whether the checksums of an object may be told: they are of what was encrypted.
///
/// # Errors
/// E-11, E-12, E-15 to E-18; `ServiceUnavailable` where the store does not say.
pub(super) async fn check_attributes(case: &Case<'_>, store: Option<&Store>) -> Result<(), Fault> {
    let store = store.ok_or_else(|| Fault::plain(Code::InternalError, "no-store"))?;
    match look::head_of(case, store, Side::Target).await? {
        Some(headers) => case.check_read(&headers),
        None => Ok(()),
    }
}

/// Whether a request asks for the checksums of an object as a whole or of its parts.
pub(super) fn asks_for_checksums(routed: &Routed) -> bool {
    routed.operation == Operation::GetObjectAttributes
        && ["Checksum", "ObjectParts"].into_iter().any(|name| says(routed, OBJECT_ATTRIBUTES, name))
}

const IF_MATCH: HeaderName = HeaderName::from_static("x-amz-copy-source-if-match");
const IF_NONE_MATCH: HeaderName = HeaderName::from_static("x-amz-copy-source-if-none-match");
const IF_MODIFIED_SINCE: HeaderName = HeaderName::from_static("x-amz-copy-source-if-modified-since");
const IF_UNMODIFIED_SINCE: HeaderName = HeaderName::from_static("x-amz-copy-source-if-unmodified-since");

/// Which condition on the source of a copy does not hold. One on the entity tag beats the date beside it; a date that
/// cannot be read holds for nothing.
fn failed(object: &HeaderMap, etag: &HeaderValue, asked: &HeaderMap) -> Option<&'static str> {
    let bare = |tag: &[u8]| tag.iter().filter(|octet| **octet != b'"').copied().collect::<Vec<_>>();
    let is_named = |tags: &HeaderValue| {
        let mut tags = tags.as_bytes().split(|octet| *octet == b',').map(<[u8]>::trim_ascii);
        tags.any(|tag| tag == b"*" || bare(tag.strip_prefix(b"W/").unwrap_or(tag)) == bare(etag.as_bytes()))
    };
    let time = |value: Option<&HeaderValue>| httpdate::parse_http_date(value?.to_str().ok()?).ok();
    let modified = time(object.get(http::header::LAST_MODIFIED));
    let later_than = |date: &HeaderValue| Some(modified? > time(Some(date))?);
    let fails =
        |tags: &HeaderName, date: &HeaderName, named: bool, later: bool| match (asked.get(tags), asked.get(date)) {
            (Some(tags), _) => is_named(tags) != named,
            (None, Some(date)) => later_than(date) != Some(later),
            (None, None) => false,
        };
    if fails(&IF_MATCH, &IF_UNMODIFIED_SINCE, true, false) {
        let of_tag = asked.contains_key(&IF_MATCH);
        return Some(if of_tag { "x-amz-copy-source-If-Match" } else { "x-amz-copy-source-If-Unmodified-Since" });
    }
    if fails(&IF_NONE_MATCH, &IF_MODIFIED_SINCE, false, true) {
        let of_tag = asked.contains_key(&IF_NONE_MATCH);
        return Some(if of_tag { "x-amz-copy-source-If-None-Match" } else { "x-amz-copy-source-If-Modified-Since" });
    }
    None
}

/// What holds a copy to the object that was looked at.
#[derive(Debug)]
pub(super) struct Bound {
    etag: HeaderValue,
    size: Option<u64>,
}

impl Bound {
    fn to(headers: &HeaderMap, routed: &Routed) -> Result<Self, Fault> {
        let Some(etag) = headers.get(http::header::ETAG) else {
            return Err(Fault::plain(Code::ServiceUnavailable, "upstream-look-up").detail("an object without an ETag"));
        };
        if let Some(condition) = failed(headers, etag, &routed.headers) {
            return Err(Fault::plain(Code::PreconditionFailed, "copy-source").with("Condition", condition));
        }
        let length = headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        Ok(Self { etag: etag.clone(), size: length.and_then(|length| length.parse().ok()) })
    }

    /// The size of the object that was looked at.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Writes it into what the store is told.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        headers.insert(IF_MATCH, self.etag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_checksums_are_asked_for_they_are_asked_for() {
        let asks = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-amz-object-attributes", HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            asks_for_checksums(&Routed {
                operation: Operation::GetObjectAttributes,
                bucket: Some("b".to_owned()),
                key: Some("k".to_owned()),
                parameters: Vec::new(),
                headers,
                copy_source: None,
                account: None,
                point: None,
                through: None,
            })
        };
        for lines in [&["Checksum"][..], &["ETag, checksum"], &["ETag", "OBJECTPARTS"], &["Checksum, Prüfsumme"]] {
            assert!(asks(lines), "{lines:?}");
        }
        assert!(!asks(&["ETag,ObjectSize", "StorageClass", "Prüfsumme"]));
    }
}
