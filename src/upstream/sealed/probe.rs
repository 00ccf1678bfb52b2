//! Looks at a stored object: what it says of itself, the headers of its parts, stretches of it.

use std::ops::Range;

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MATCH, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::catalogue::Found;
use super::keys::{Name, broken, does_not_open};
use super::parts::{Part, Parts, parts_of};
use super::{Sealed, name};
use crate::body::SealedBody;
use crate::s3::{Code, Fault, Operation};
use crate::seal::{Broken, HEADER, Header, Metadata, ObjectKey, Part as SealedPart, plain_length, sealed_length};
use crate::upstream::wire::Download;
use crate::upstream::{Forward, Owners, ReplyBody, Upstream as _};

const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");
const REQUEST_PAYER: HeaderName = HeaderName::from_static("x-amz-request-payer");

/// A version of an object in the store, so that one look is about the same octets as the one before.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) bucket: String,
    pub(super) key: String,
    version: Option<String>,
    pub(super) etag: HeaderValue,
    /// Octets as they are stored.
    pub(super) length: u64,
    /// What every look has in common.
    asker: Box<Forward>,
}

impl Stored {
    /// What an answer about an object says of it: of the object that `out` reads.
    ///
    /// # Errors
    /// `InternalError`: it has no length or no entity tag.
    pub(super) fn of(out: &Forward, headers: &HeaderMap) -> Result<Self, Fault> {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let whole = text(&CONTENT_RANGE).map(|range| range.rsplit_once('/').map_or("", |(_, whole)| whole));
        let length = whole.or_else(|| text(&CONTENT_LENGTH)).and_then(|text| text.parse().ok());
        let (Some(length), Some(etag)) = (length, headers.get(ETAG)) else {
            let detail = "the store says neither how long an object is nor which";
            return Err(Fault::plain(Code::InternalError, "upstream-object").detail(detail));
        };
        let asked = out.query.iter().find(|(name, _)| name == "versionId").map(|(_, version)| version.as_str());
        let version = asked.or_else(|| text(&VERSION_ID)).map(str::to_owned);
        let Name { bucket, key } = name(out);
        let asker = Box::new(look(out, Operation::GetObject, bucket, key));
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), version, etag: etag.clone(), length, asker })
    }

    pub(super) fn name(&self) -> Name<'_> {
        Name { bucket: &self.bucket, key: &self.key }
    }

    pub(super) fn etag(&self) -> &str {
        self.etag.to_str().unwrap_or_default()
    }

    /// Asks for its tags.
    pub(super) fn tagging(&self) -> Forward {
        let mut out = Forward { operation: Operation::GetObjectTagging, ..(*self.asker).clone() };
        out.query.push(("tagging".to_owned(), String::new()));
        out.query.extend(self.version.clone().map(|version| ("versionId".to_owned(), version)));
        out
    }
}

/// A request of the proxy's own about an object, on behalf of another.
pub(super) fn look(out: &Forward, operation: Operation, bucket: &str, key: &str) -> Forward {
    let mut headers = HeaderMap::new();
    headers.extend(out.headers.get(REQUEST_PAYER).map(|payer| (REQUEST_PAYER, payer.clone())));
    let is_source = out.copy_source.is_some();
    let owner = if is_source { &out.owners.source } else { &out.owners.target };
    Forward {
        bucket: Some(bucket.to_owned()),
        key: Some(key.to_owned()),
        headers,
        owners: Owners { target: owner.clone(), source: None },
        ..Forward::own(operation, &out.account, out.id)
    }
}

/// `bytes=first-last`
pub(super) fn range_header(range: &Range<u64>) -> Result<HeaderValue, Fault> {
    let text = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
    HeaderValue::try_from(text).map_err(|_| Fault::plain(Code::InternalError, "range-unwritable"))
}

/// What comes of an answer with data.
pub(super) fn download(body: ReplyBody, name: Name<'_>) -> Result<Download, Fault> {
    match body {
        ReplyBody::Wire(download) => Ok(*download),
        _ => Err(does_not_open(Broken::Truncated, name)),
    }
}

/// A header that was read whole.
pub(super) async fn header_in(body: ReplyBody, name: Name<'_>) -> Result<[u8; HEADER], Fault> {
    let octets = body.whole(HEADER).await?;
    octets.as_array::<HEADER>().copied().ok_or_else(|| does_not_open(Broken::Truncated, name))
}

impl Sealed {
    /// A stretch of the stored octets.
    ///
    /// # Errors
    /// `ServiceUnavailable`: the object was replaced meanwhile, or the store cannot be asked; `InternalError`: it
    /// answers something else.
    pub(super) async fn fetch(&self, stored: &Stored, range: Range<u64>) -> Result<ReplyBody, Fault> {
        let mut out = stored.asker.clone();
        out.query.extend(stored.version.clone().map(|version| ("versionId".to_owned(), version)));
        out.headers.insert(RANGE, range_header(&range)?);
        out.headers.insert(IF_MATCH, stored.etag.clone());
        let reply = self.wire.send(out, SealedBody::empty()).await?;
        let told = reply.headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default();
        let expected = format!("bytes {}-{}/", range.start, range.end.saturating_sub(1));
        match reply.status {
            StatusCode::PARTIAL_CONTENT if told.starts_with(&expected) => Ok(reply.body),
            StatusCode::PRECONDITION_FAILED | StatusCode::NOT_FOUND => {
                Err(Fault::plain(Code::ServiceUnavailable, "upstream-changed")
                    .detail("the object was replaced while it was read"))
            }
            status => {
                let detail = format!("the store answered {status} `{told}` for octets {range:?} of an object");
                Err(Fault::plain(Code::InternalError, "upstream-range").detail(detail))
            }
        }
    }

    /// The header of the part that begins there.
    pub(super) async fn header(&self, stored: &Stored, at: u64) -> Result<[u8; HEADER], Fault> {
        let body = self.fetch(stored, at..at.saturating_add(HEADER as u64)).await?;
        header_in(body, stored.name()).await
    }

    /// The parts of an object: known, or found out from their headers. With a key these are verified, without
    /// one the lengths are what the store says, as they are in its lists.
    ///
    /// # Errors
    /// `InternalError`: no object of this length can have been sealed, or a header does not open.
    pub(super) async fn parts(
        &self,
        stored: &Stored,
        metadata: &Metadata,
        key: Option<&ObjectKey>,
    ) -> Result<Parts, Fault> {
        let Some(count) = parts_of(stored.etag()) else {
            let length = plain_length(stored.length);
            return length.map(Parts::whole).ok_or_else(|| does_not_open(Broken::Truncated, stored.name()));
        };
        match self.catalogue.find(&metadata.id, stored.etag(), stored.length) {
            Found::Parts(parts) if parts.count() == count => Ok(parts),
            Found::Nothing => Box::pin(self.walk(stored, metadata, key, count)).await,
            Found::Parts(_) | Found::Other => {
                Err(broken("it is not what the upload of its parts came to", stored.name()))
            }
        }
    }

    /// From header to header.
    async fn walk(
        &self,
        stored: &Stored,
        metadata: &Metadata,
        key: Option<&ObjectKey>,
        count: u32,
    ) -> Result<Parts, Fault> {
        let (mut found, mut at, mut last): (Vec<Part>, u64, u32) = (Vec::new(), 0, 0);
        for _ in 0..count {
            if at >= stored.length {
                return Err(does_not_open(Broken::Parts, stored.name()));
            }
            let octets = self.header(stored, at).await?;
            let header = match key {
                Some(key) => SealedPart::open(key, &octets).map(|part| *part.header()),
                None => Header::parse(&octets).ok_or(Broken::Header),
            };
            let header = header.map_err(|error| does_not_open(error, stored.name()))?;
            let whole = !header.multipart && count == 1 && header.number == 1;
            let end = sealed_length(header.length).and_then(|length| at.checked_add(length));
            let (true, Some(end)) = (whole || header.multipart && header.number > last, end) else {
                return Err(does_not_open(Broken::Parts, stored.name()));
            };
            // Some stores put a dash behind the tags of objects that were put whole.
            if whole && end == stored.length {
                return Ok(Parts::whole(header.length));
            }
            (at, last) = (end, header.number);
            found.push(Part { number: header.number, length: header.length });
        }
        if at != stored.length {
            return Err(broken("its parts are longer or shorter than it is", stored.name()));
        }
        let parts: Parts = found.into_iter().collect();
        if key.is_some() {
            self.catalogue.note(stored.etag(), metadata.id, parts.clone());
        }
        Ok(parts)
    }
}
