//! Multipart uploads: a data key for each upload, a salt for each attempt at a part (spec/encryption.md 14.5).

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};

use super::document::{etag, rewrite, sizes, without_checksums};
use super::keys::{Wanted, broken, context_of};
use super::parts::{Part, Parts};
use super::probe::look;
use super::sealing::{Place, seal};
use super::upload::{self, id_of, part_number};
use super::{Sealed, document, name, told};
use crate::body::SealedBody;
use crate::s3::encryption::CONTEXT;
use crate::s3::xml::{CompletedPart, Element, S3_NAMESPACE, Writer, completed_parts, with_text};
use crate::s3::{Code, Fault, Operation};
use crate::seal::{Metadata, plain_length};
use crate::upstream::{Forward, Reply, ReplyBody, Upstream as _};

/// The least plaintext of a part that is not the last.
const SMALLEST: u64 = 5 << 20;
/// The longest page of a list of 1000 parts that is read.
const LONGEST_PAGE: usize = 2 << 20;
/// Pages of parts that are read; there are 10,000 parts at most.
const MOST_PAGES: usize = 16;
const ALGORITHM: HeaderName = HeaderName::from_static("x-amz-checksum-algorithm");
const CHECKSUM_TYPE: HeaderName = HeaderName::from_static("x-amz-checksum-type");
const OBJECT_SIZE: HeaderName = HeaderName::from_static("x-amz-mp-object-size");

/// A part as the store has it.
struct Uploaded {
    etag: String,
    sealed: u64,
}

impl Sealed {
    /// `POST /bucket/key?uploads`
    pub(super) async fn create(&self, mut out: Box<Forward>) -> Result<Reply, Fault> {
        let wanted = Wanted::read(&out.headers)?;
        told::check_metadata(&out.headers)?;
        let (key, metadata) = self.keys.fresh(&wanted, name(&out), (out.requester.as_ref(), 0)).await?;
        let context = out.headers.get(CONTEXT).cloned();
        let asked = [ALGORITHM, CHECKSUM_TYPE].map(|name| out.headers.get(&name).cloned().map(|value| (name, value)));
        told::strip(&mut out.headers);
        told::write(&metadata, &mut out.headers)?;
        let (bucket, object) = (out.bucket.clone().unwrap_or_default(), out.key.clone().unwrap_or_default());
        let reply = self.wire.send(out, SealedBody::empty()).await?;
        if reply.status != StatusCode::OK {
            return Ok(reply);
        }
        let mut begun = None;
        let mut reply = rewrite(reply, |document| {
            let root = Element::parse(&document, "InitiateMultipartUploadResult").ok();
            let store = root.as_ref().and_then(|root| root.text_of("UploadId").ok().flatten());
            begun =
                store.map(|store| upload::id(store, &metadata, &key, super::Name { bucket: &bucket, key: &object }));
            match &begun {
                Some(id) => with_text(document, "UploadId", id),
                None => document,
            }
        })
        .await?;
        if begun.is_none() {
            return Err(
                Fault::plain(Code::InternalError, "upstream-upload").detail("the store says no id of an upload")
            );
        }
        told::tell_written(&mut reply.headers, &wanted, context);
        // Checksums of parts are verified here.
        reply.headers.extend(asked.into_iter().flatten());
        Ok(reply)
    }

    /// `PUT /bucket/key?partNumber=1&uploadId=…`
    pub(super) async fn part(&self, mut out: Box<Forward>, body: SealedBody) -> Result<Reply, Fault> {
        let (metadata, key) = self.upload(&out).await?;
        let place = Place { key: &key, number: part_number(&out)?, multipart: true, salt: self.keys.salt()? };
        told::strip(&mut out.headers);
        // No checksum behind it: the store would want it again in the completion.
        let (sealed, checksum) = seal(place, body, None)?;
        let bucket_key = context_of(&metadata, name(&out)).is_some_and(|(_, bucket_key)| bucket_key);
        let mut reply = self.wire.send(upload::of_store(out), sealed).await?;
        if reply.status == StatusCode::OK {
            told::say(&mut reply.headers, &metadata.key, bucket_key);
            if let Some(checksum) = checksum.get() {
                told::tell_part_checksum(&mut reply.headers, *checksum);
            }
        }
        Ok(reply)
    }

    /// `GET /bucket/key?uploadId=…`
    pub(super) async fn list_parts(&self, out: Box<Forward>) -> Result<Reply, Fault> {
        let id = id_of(&out).to_owned();
        let reply = self.wire.send(upload::of_store(out), SealedBody::empty()).await?;
        if reply.status != StatusCode::OK {
            return Ok(reply);
        }
        rewrite(reply, |document| {
            let of_part = |_: &[u8], size| plain_length(size).map_or(document::Size::AsStored, document::Size::Plain);
            let (document, _) = sizes(without_checksums(document), &["Part"], of_part);
            with_text(document, "UploadId", &id)
        })
        .await
    }

    /// `POST /bucket/key?uploadId=…`
    pub(super) async fn complete(&self, mut out: Box<Forward>, body: SealedBody) -> Result<Reply, Fault> {
        let (metadata, _) = self.upload(&out).await?;
        refuse_whole_checksum(&out.headers)?;
        let document = body.whole().cloned().unwrap_or_default();
        let listed = completed_parts(&document)?;
        let parts = self.plan(&out, &listed).await?;
        check_object_size(&out.headers, parts.plain())?;
        told::strip(&mut out.headers);
        out.headers.remove(OBJECT_SIZE);
        let bucket_key = context_of(&metadata, name(&out)).is_some_and(|(_, bucket_key)| bucket_key);
        let document = SealedBody::document(body.verdict(), Bytes::from(completion(&listed)));
        let mut reply = self.wire.send(upload::of_store(out), document).await?;
        if reply.status == StatusCode::OK {
            told::say(&mut reply.headers, &metadata.key, bucket_key);
            self.note(&mut reply.body, &metadata, parts);
        }
        Ok(reply)
    }

    /// Remembers the parts, once the store says that the object is there.
    fn note(&self, body: &mut ReplyBody, metadata: &Metadata, parts: Parts) {
        let (catalogue, id) = (std::sync::Arc::clone(&self.catalogue), metadata.id);
        if let ReplyBody::Late(late) = body {
            late.rewrite_with(Box::new(move |document| {
                let etag = etag(&document);
                if !etag.is_empty() {
                    catalogue.note(&etag, id, parts);
                }
                without_checksums(document)
            }));
        }
    }

    /// The parts of a completion, as long as their plaintext is.
    ///
    /// # Errors
    /// `InvalidPart`: one is not there, or another; `EntityTooSmall`; `InternalError`: one was not sealed.
    async fn plan(&self, out: &Forward, listed: &[CompletedPart]) -> Result<Parts, Fault> {
        let there = self.uploaded(out).await?;
        let last = listed.len().saturating_sub(1);
        let plain = listed.iter().enumerate().map(|(place, part)| {
            let found = there.get(&part.number).filter(|found| found.etag.eq_ignore_ascii_case(&part.etag));
            let found = found.ok_or_else(|| invalid_part(out, part))?;
            let length = plain_length(found.sealed)
                .ok_or_else(|| broken(format!("part {} of an upload was not sealed", part.number), name(out)))?;
            if length < SMALLEST && place < last {
                return Err(Fault::plain(Code::EntityTooSmall, "sealed-part-too-small")
                    .with("ProposedSize", length.to_string())
                    .with("MinSizeAllowed", SMALLEST.to_string())
                    .with("PartNumber", part.number.to_string())
                    .with("ETag", part.etag.as_str()));
            }
            Ok(Part { number: part.number, length })
        });
        plain.collect()
    }

    /// The parts that the store has.
    async fn uploaded(&self, out: &Forward) -> Result<HashMap<u32, Uploaded>, Fault> {
        let (mut found, mut marker) = (HashMap::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let mut page = look(out, Operation::ListParts, name(out).bucket, name(out).key);
            page.query.push(("uploadId".to_owned(), id_of(out).to_owned()));
            page.query.push(("max-parts".to_owned(), "1000".to_owned()));
            page.query.extend(marker.take().map(|marker| ("part-number-marker".to_owned(), marker)));
            let reply = self.wire.send(upload::of_store(Box::new(page)), SealedBody::empty()).await?;
            if reply.status != StatusCode::OK {
                return Err(unlisted(&reply, out));
            }
            let document = reply.body.whole(LONGEST_PAGE).await?;
            let root = Element::parse(&document, "ListPartsResult").map_err(|_| unreadable())?;
            for part in root.children.iter().filter(|child| child.name == "Part") {
                let text = |name| part.text_of(name).ok().flatten().map(str::trim);
                let number = text("PartNumber").and_then(|number| number.parse().ok()).ok_or_else(unreadable)?;
                let sealed = text("Size").and_then(|size| size.parse().ok()).ok_or_else(unreadable)?;
                let etag = text("ETag").ok_or_else(unreadable)?.trim_matches('"').to_owned();
                found.insert(number, Uploaded { etag, sealed });
            }
            let more = root.text_of("IsTruncated").ok().flatten() == Some("true");
            marker = root.text_of("NextPartNumberMarker").ok().flatten().filter(|_| more).map(str::to_owned);
            if marker.is_none() {
                return Ok(found);
            }
        }
        Err(unreadable())
    }
}

/// The checksum of a whole upload would have to be put together of those of its parts, which nobody keeps.
fn refuse_whole_checksum(headers: &HeaderMap) -> Result<(), Fault> {
    let whole = |name: &HeaderName| name.as_str().starts_with("x-amz-checksum-") && *name != CHECKSUM_TYPE;
    match headers.keys().find(|name| whole(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("{name} of a whole upload is not verified for objects that the proxy seals.");
            Err(Fault::new(Code::NotImplemented, "sealed-upload-checksum", message))
        }
    }
}

/// A client may say how long the object must be.
fn check_object_size(headers: &HeaderMap, plain: u64) -> Result<(), Fault> {
    let Some(sent) = headers.get(OBJECT_SIZE) else { return Ok(()) };
    if sent.to_str().ok().and_then(|sent| sent.parse().ok()) == Some(plain) {
        return Ok(());
    }
    let message = format!(
        "The provided 'x-amz-mp-object-size' header value {} does not match what was computed: {plain}",
        String::from_utf8_lossy(sent.as_bytes())
    );
    Err(Fault::new(Code::InvalidRequest, "sealed-upload-size", message))
}

/// The completion as the store reads it: checksums in it are of plaintext.
fn completion(listed: &[CompletedPart]) -> Vec<u8> {
    let mut writer = Writer::document();
    writer.open_in("CompleteMultipartUpload", S3_NAMESPACE);
    for part in listed {
        writer.open("Part");
        writer.element("PartNumber", &part.number.to_string());
        writer.element("ETag", &format!("\"{}\"", part.etag));
        writer.close("Part");
    }
    writer.close("CompleteMultipartUpload");
    writer.finish()
}

fn invalid_part(out: &Forward, part: &CompletedPart) -> Fault {
    let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the \
        specified entity tag may not match the part's entity tag.";
    Fault::new(Code::InvalidPart, "invalid-part", message)
        .with("UploadId", id_of(out))
        .with("PartNumber", part.number.to_string())
        .with("ETag", part.etag.as_str())
}

/// Why the parts of an upload are not listed.
fn unlisted(reply: &Reply, out: &Forward) -> Fault {
    match reply.status {
        StatusCode::NOT_FOUND => Fault::plain(Code::NoSuchUpload, "no-such-upload").with("UploadId", id_of(out)),
        status => Fault::plain(Code::ServiceUnavailable, "upstream-list-parts")
            .detail(format!("the store answered {status} when asked for the parts of an upload")),
    }
}

fn unreadable() -> Fault {
    Fault::plain(Code::InternalError, "upstream-list").detail("the store's list of parts cannot be read")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_store_hears_numbers_and_tags_alone() {
        let sent = b"<CompleteMultipartUpload><Part><ETag>&quot;abc&quot;</ETag><PartNumber>2</PartNumber>\
            <ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part></CompleteMultipartUpload>";
        let out = completion(&completed_parts(sent).unwrap());
        let text = String::from_utf8(out.clone()).unwrap();
        assert!(text.contains("<Part><PartNumber>2</PartNumber><ETag>&quot;abc&quot;</ETag></Part>"), "{text}");
        assert!(!text.contains("Checksum"));
    }

    #[test]
    fn a_whole_checksum_is_refused_and_a_wrong_size_is() {
        let header = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
        };
        assert!(refuse_whole_checksum(&header("x-amz-checksum-type", "COMPOSITE")).is_ok());
        let fault = refuse_whole_checksum(&header("x-amz-checksum-crc32", "AAAAAA==")).unwrap_err();
        assert_eq!(fault.code(), Code::NotImplemented);
        assert!(check_object_size(&header("x-amz-mp-object-size", "10"), 10).is_ok());
        assert!(check_object_size(&header("x-amz-mp-object-size", "10"), 11).is_err());
        assert!(check_object_size(&header("x-amz-mp-object-size", "ten"), 10).is_err());
        assert!(check_object_size(&HeaderMap::new(), 10).is_ok());
    }
}
