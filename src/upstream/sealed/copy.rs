//! Copies (spec/encryption.md 14.5). Of an object that was put whole and keeps its key, the store copies the
//! sealed octets, and only the data key is wrapped anew; all else is read, opened, sealed and written.
//!
//! An object of several parts is written anew as one: the entity tag of a copy does not say how many parts
//! there were, and that is what a reader compares.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    EXPIRES, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;

use super::document::without_checksums;
use super::keys::{Name, Wanted, context_of};
use super::opened::into_fault;
use super::parts::parts_of;
use super::probe::{Stored, look, range_header};
use super::sealing::{Place, seal_again};
use super::upload::{self, part_number};
use super::{Sealed, name, told};
use crate::body::{MadeData, SealedBody};
use crate::s3::encryption::CONTEXT;
use crate::s3::xml::{self, S3_NAMESPACE, Writer};
use crate::s3::{Code, CopySource, Fault, Operation, uri};
use crate::seal::{Metadata, ObjectKey};
use crate::upstream::{Forward, Reply, ReplyBody, Upstream as _, range};

const METADATA_DIRECTIVE: HeaderName = HeaderName::from_static("x-amz-metadata-directive");
const TAGGING_DIRECTIVE: HeaderName = HeaderName::from_static("x-amz-tagging-directive");
const TAGGING: HeaderName = HeaderName::from_static("x-amz-tagging");
const TAGGING_COUNT: HeaderName = HeaderName::from_static("x-amz-tagging-count");
const SOURCE_IF_MATCH: HeaderName = HeaderName::from_static("x-amz-copy-source-if-match");
const SOURCE_RANGE: HeaderName = HeaderName::from_static("x-amz-copy-source-range");
const SOURCE_VERSION: HeaderName = HeaderName::from_static("x-amz-copy-source-version-id");
const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");

/// The conditions of a copy, as those of a read.
static CONDITIONS: [(HeaderName, HeaderName); 4] = [
    (SOURCE_IF_MATCH, IF_MATCH),
    (HeaderName::from_static("x-amz-copy-source-if-none-match"), IF_NONE_MATCH),
    (HeaderName::from_static("x-amz-copy-source-if-modified-since"), IF_MODIFIED_SINCE),
    (HeaderName::from_static("x-amz-copy-source-if-unmodified-since"), IF_UNMODIFIED_SINCE),
];
/// What a copy takes over with the metadata of its source.
const SYSTEM: [HeaderName; 6] =
    [CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES];
/// The longest list of tags that is read.
const LONGEST_TAGS: usize = 64 << 10;

/// The source of a copy, as the store has it now.
struct Source {
    stored: Stored,
    headers: HeaderMap,
    /// None if it was not sealed.
    metadata: Option<Metadata>,
}

/// What is copied of it.
struct Data {
    body: MadeData,
    length: u64,
    /// The key that its checksums are sealed with.
    key: Option<ObjectKey>,
}

/// Which condition on the source has failed: an entity tag, where there is one, beats the date beside it.
fn condition(status: StatusCode, asked: &HeaderMap) -> &'static str {
    match status {
        StatusCode::NOT_MODIFIED if asked.contains_key(IF_NONE_MATCH) => "x-amz-copy-source-If-None-Match",
        StatusCode::NOT_MODIFIED => "x-amz-copy-source-If-Modified-Since",
        _ if asked.contains_key(IF_MATCH) => "x-amz-copy-source-If-Match",
        _ => "x-amz-copy-source-If-Unmodified-Since",
    }
}

impl Sealed {
    /// `PUT /bucket/key` with `x-amz-copy-source`
    pub(super) async fn copy(&self, out: Box<Forward>) -> Result<Reply, Fault> {
        let wanted = Wanted::read(&out.headers)?;
        let from = source_of(&out)?;
        let source = match self.source(&out, &from).await? {
            Ok(source) => source,
            Err(reply) => return Ok(reply),
        };
        let replaces = replaces(&out.headers, &METADATA_DIRECTIVE)?;
        if replaces {
            told::check_metadata(&out.headers)?;
        }
        let tagged = source.headers.get(TAGGING_COUNT).is_some_and(|count| count.as_bytes() != b"0");
        let loses_tags = tagged && !self.wire.copies_tags();
        let here = source.metadata.as_ref().filter(|_| !loses_tags && parts_of(source.stored.etag()).is_none());
        let moved = match here {
            Some(metadata) => {
                let (from, to) = ((metadata, source.stored.name()), (&wanted, name(&out)));
                self.keys.moved(from, to, out.requester.as_ref()).await?
            }
            None => None,
        };
        match moved {
            Some(moved) => self.copy_inside(out, &wanted, &source, &moved, replaces).await,
            None => self.copy_through(out, &wanted, source, replaces).await,
        }
    }

    /// The store copies the octets.
    async fn copy_inside(
        &self,
        mut out: Box<Forward>,
        wanted: &Wanted,
        source: &Source,
        moved: &Metadata,
        replaces: bool,
    ) -> Result<Reply, Fault> {
        let context = out.headers.get(CONTEXT).cloned();
        if !self::replaces(&out.headers, &TAGGING_DIRECTIVE)? {
            out.headers.remove(TAGGING);
        }
        told::strip(&mut out.headers);
        if !replaces {
            take_over(&mut out.headers, &source.headers);
        }
        out.headers.insert(METADATA_DIRECTIVE, HeaderValue::from_static("REPLACE"));
        told::write(moved, &mut out.headers)?;
        // They have been compared; what is copied is what was looked at.
        CONDITIONS.iter().for_each(|(name, _)| drop(out.headers.remove(name)));
        out.headers.insert(SOURCE_IF_MATCH, source.stored.etag.clone());
        let mut reply = self.wire.send(out, SealedBody::empty()).await?;
        if reply.status == StatusCode::OK {
            told::tell_written(&mut reply.headers, wanted, context);
            if let ReplyBody::Late(late) = &mut reply.body {
                late.rewrite_with(Box::new(without_checksums));
            }
        }
        Ok(reply)
    }

    /// The octets come here and go back.
    async fn copy_through(
        &self,
        out: Box<Forward>,
        wanted: &Wanted,
        source: Source,
        replaces: bool,
    ) -> Result<Reply, Fault> {
        let data = self.read_source(&out, &source, None).await?;
        let (key, mut metadata) = self.keys.fresh(wanted, name(&out), (out.requester.as_ref(), data.length)).await?;
        let kept = source.metadata.as_ref().and_then(|metadata| metadata.checksums.as_deref()).zip(data.key.as_ref());
        metadata.checksums = kept.and_then(|(sealed, old)| key.seal_checksums(&old.open_checksums(sealed)?));
        let mut put = look(&out, Operation::PutObject, name(&out).bucket, name(&out).key);
        put.owners.target.clone_from(&out.owners.target);
        put.headers = out.headers.clone();
        // What a copy says of tags counts under its directive alone: nobody was asked about it otherwise.
        put.headers.remove(TAGGING);
        put.headers.extend(self.tags(&out, &source).await?.map(|tags| (TAGGING, tags)));
        told::strip(&mut put.headers);
        if !replaces {
            take_over(&mut put.headers, &source.headers);
        }
        keep_known(&mut put.headers, Operation::PutObject);
        told::write(&metadata, &mut put.headers)?;
        let place = Place { key: &key, number: 1, multipart: false, salt: self.keys.salt()? };
        let body = seal_again(place, data.length, data.body, self.trailer())?;
        let mut reply = self.wire.send(Box::new(put), body).await?;
        if reply.status == StatusCode::OK {
            told::tell_written(&mut reply.headers, wanted, out.headers.get(CONTEXT).cloned());
            self.copied(&mut reply, &source, "CopyObjectResult");
        }
        Ok(reply)
    }

    /// `PUT /bucket/key?partNumber=1&uploadId=…` with `x-amz-copy-source`
    pub(super) async fn part_copy(&self, out: Box<Forward>) -> Result<Reply, Fault> {
        let (metadata, key) = self.upload(&out).await?;
        let number = part_number(&out)?;
        let from = source_of(&out)?;
        let source = match self.source(&out, &from).await? {
            Ok(source) => source,
            Err(reply) => return Ok(reply),
        };
        let sent = out.headers.get(SOURCE_RANGE).map(|range| String::from_utf8_lossy(range.as_bytes()).into_owned());
        let data = self.read_source(&out, &source, sent.as_deref()).await?;
        let bucket_key = context_of(&metadata, name(&out)).is_some_and(|(_, bucket_key)| bucket_key);
        let mut put = look(&out, Operation::UploadPart, name(&out).bucket, name(&out).key);
        put.owners.target.clone_from(&out.owners.target);
        put.query.clone_from(&out.query);
        let place = Place { key: &key, number, multipart: true, salt: self.keys.salt()? };
        let body = seal_again(place, data.length, data.body, None)?;
        let mut reply = self.wire.send(upload::of_store(Box::new(put)), body).await?;
        if reply.status == StatusCode::OK {
            told::say(&mut reply.headers, &metadata.key, bucket_key);
            self.copied(&mut reply, &source, "CopyPartResult");
        }
        Ok(reply)
    }

    /// Looks at the source of a copy, under the copy's conditions. Or what the store says instead.
    async fn source(&self, out: &Forward, from: &CopySource) -> Result<Result<Source, Reply>, Fault> {
        let mut head = look(out, Operation::HeadObject, &from.bucket, &from.key);
        head.query.extend(from.version.clone().map(|version| ("versionId".to_owned(), version)));
        let conditions = CONDITIONS.iter().filter_map(|(name, as_read)| Some((as_read, out.headers.get(name)?)));
        head.headers.extend(conditions.map(|(name, value)| (name.clone(), value.clone())));
        let mut get = Forward { operation: Operation::GetObject, ..head.clone() };
        let reply = self.wire.send(Box::new(head.clone()), SealedBody::empty()).await?;
        match reply.status {
            StatusCode::OK => {}
            status @ (StatusCode::NOT_MODIFIED | StatusCode::PRECONDITION_FAILED) => {
                let fault = Fault::plain(Code::PreconditionFailed, "copy-source-condition");
                return Err(fault.with("Condition", condition(status, &head.headers)));
            }
            _ => {
                // A HEAD has no document, and this has one.
                get.headers.insert(RANGE, range_header(&(0..1))?);
                let reply = self.wire.send(Box::new(get), SealedBody::empty()).await?;
                return match reply.status.is_success() {
                    true => Err(changed()),
                    false => Ok(Err(reply)),
                };
            }
        }
        let of = Name { bucket: &from.bucket, key: &from.key };
        let metadata = told::read(&reply.headers, of)?;
        if metadata.is_none() {
            self.foreign.check(of)?;
        }
        let asker = Forward { copy_source: out.copy_source.clone(), owners: out.owners.clone(), ..head };
        let stored = Stored::of(&asker, &reply.headers)?;
        Ok(Ok(Source { stored, headers: reply.headers, metadata }))
    }

    /// The plaintext of a source, or of a range of it.
    async fn read_source(&self, out: &Forward, source: &Source, range: Option<&str>) -> Result<Data, Fault> {
        let stored = &source.stored;
        let Some(metadata) = &source.metadata else {
            let (from, length) = stretch(range, stored.length)?;
            let body = match length {
                0 => nothing(),
                _ => made(self.fetch(stored, from..from.saturating_add(length)).await?),
            };
            return Ok(Data { body, length, key: None });
        };
        let key = self.keys.open(metadata, stored.name(), out.requester.as_ref()).await?;
        let parts = self.parts(stored, metadata, Some(&key)).await?;
        let (from, length) = stretch(range, parts.plain())?;
        let body = made(self.opened(stored, key.clone(), &parts, (from, length), None).await?);
        Ok(Data { body, length, key: Some(key) })
    }

    /// The tags that go with a copy: its own, where its directive says so, else those of its source.
    async fn tags(&self, out: &Forward, source: &Source) -> Result<Option<HeaderValue>, Fault> {
        if replaces(&out.headers, &TAGGING_DIRECTIVE)? {
            return Ok(out.headers.get(TAGGING).cloned());
        }
        if source.headers.get(TAGGING_COUNT).is_none_or(|count| count.as_bytes() == b"0") {
            return Ok(None);
        }
        let reply = self.wire.send(Box::new(source.stored.tagging()), SealedBody::empty()).await?;
        if reply.status != StatusCode::OK {
            let detail = format!("the store answered {} when asked for the tags of a copy's source", reply.status);
            return Err(Fault::plain(Code::ServiceUnavailable, "upstream-tags").detail(detail));
        }
        let tags = xml::tags(&reply.body.whole(LONGEST_TAGS).await?)?;
        let pairs = tags
            .iter()
            .map(|(key, value)| format!("{}={}", uri::encode(key.as_bytes()), uri::encode(value.as_bytes())));
        let text = pairs.collect::<Vec<_>>().join("&");
        HeaderValue::try_from(text).map(Some).map_err(|_| Fault::plain(Code::InternalError, "tags-unwritable"))
    }

    /// Answers a write as the copy that it was.
    fn copied(&self, reply: &mut Reply, source: &Source, root: &str) {
        let text =
            |name| reply.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        let mut writer = Writer::document();
        writer.open_in(root, S3_NAMESPACE);
        writer.element("LastModified", &self.wire.now().rfc3339());
        writer.element("ETag", text(ETAG));
        writer.close(root);
        let document = writer.finish();
        reply.headers.remove(ETAG);
        reply.headers.remove(LAST_MODIFIED);
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        reply.headers.insert(CONTENT_LENGTH, document.len().into());
        if let Some(version) = source.headers.get(VERSION_ID) {
            reply.headers.insert(SOURCE_VERSION, version.clone());
        }
        reply.body = ReplyBody::Full(document.into());
    }
}

fn source_of(out: &Forward) -> Result<CopySource, Fault> {
    out.copy_source.clone().ok_or_else(|| Fault::plain(Code::InternalError, "no-copy-source"))
}

fn changed() -> Fault {
    Fault::plain(Code::ServiceUnavailable, "upstream-changed").detail("the source of a copy was replaced meanwhile")
}

/// What comes out of an answer, as data that is made here.
fn made(body: ReplyBody) -> MadeData {
    match body {
        ReplyBody::Opened(opened) => Box::pin(opened.map_err(into_fault)),
        ReplyBody::Wire(download) => Box::pin(download.map_err(into_fault)),
        _ => nothing(),
    }
}

fn nothing() -> MadeData {
    Box::pin(SealedBody::empty())
}

/// First octet and length of what is copied of so many octets.
///
/// # Errors
/// `InvalidArgument`: no such range.
fn stretch(range: Option<&str>, size: u64) -> Result<(u64, u64), Fault> {
    let Some(range) = range else { return Ok((0, size)) };
    let wrong = |message: String| Fault::argument("copy-range", message, SOURCE_RANGE.as_str(), Some(range.to_owned()));
    let (first, last) = range::strict(range).ok_or_else(|| {
        wrong(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
            zero-based offsets of the first and last bytes to copy"
                .to_owned(),
        )
    })?;
    if last >= size {
        return Err(wrong(format!("Range specified is not valid for source object of size: {size}")));
    }
    Ok((first, last - first + 1))
}

/// Whether a directive says that what is copied gets its own.
fn replaces(headers: &HeaderMap, name: &HeaderName) -> Result<bool, Fault> {
    match headers.get(name).map(HeaderValue::as_bytes) {
        None | Some(b"COPY") => Ok(false),
        Some(b"REPLACE") => Ok(true),
        Some(other) => {
            let what = if *name == METADATA_DIRECTIVE { "metadata" } else { "tagging" };
            let sent = String::from_utf8_lossy(other).into_owned();
            Err(Fault::argument("directive", format!("Unknown {what} directive."), name.as_str(), Some(sent)))
        }
    }
}

/// Takes the metadata of a source over, in the place of what a request brings.
fn take_over(headers: &mut HeaderMap, source: &HeaderMap) {
    let goes = |name: &HeaderName| name.as_str().starts_with("x-amz-meta-") || SYSTEM.contains(name);
    let gone: Vec<HeaderName> = headers.keys().filter(|name| goes(name)).cloned().collect();
    gone.iter().for_each(|name| drop(headers.remove(name)));
    let kept = source.iter().filter(|(name, _)| goes(name) && !crate::seal::is_ours(name.as_str()));
    headers.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
}

/// Leaves out what another operation knows and this one does not.
fn keep_known(headers: &mut HeaderMap, operation: Operation) {
    let known = |name: &str| name.starts_with("x-amz-meta-") || operation.spec().headers.contains(&name);
    let gone: Vec<HeaderName> = headers.keys().filter(|name| !known(name.as_str())).cloned().collect();
    gone.iter().for_each(|name| drop(headers.remove(name)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_copy_takes_the_metadata_of_its_source_and_nothing_that_opened_it() {
        let mut own = headers(&[("x-amz-meta-mine", "1"), ("content-type", "a/b"), ("x-amz-acl", "private")]);
        let source = headers(&[
            ("x-amz-meta-theirs", "2"),
            ("x-amz-meta-s3hp-dek", "secret"),
            ("content-type", "c/d"),
            ("etag", "\"e\""),
            ("x-amz-website-redirect-location", "/"),
        ]);
        take_over(&mut own, &source);
        assert_eq!(own, headers(&[("x-amz-acl", "private"), ("x-amz-meta-theirs", "2"), ("content-type", "c/d")]));
    }

    #[test]
    fn what_only_a_copy_knows_does_not_go_with_a_write() {
        let mut all = headers(&[
            ("x-amz-copy-source-if-match", "x"),
            ("x-amz-metadata-directive", "COPY"),
            ("x-amz-storage-class", "STANDARD"),
            ("x-amz-meta-a", "b"),
            ("if-none-match", "*"),
        ]);
        keep_known(&mut all, Operation::PutObject);
        let kept = [("x-amz-storage-class", "STANDARD"), ("x-amz-meta-a", "b"), ("if-none-match", "*")];
        assert_eq!(all, headers(&kept));
    }

    #[test]
    fn ranges_of_parts_must_be_inside_their_source() {
        assert_eq!(stretch(None, 10).unwrap(), (0, 10));
        assert_eq!(stretch(Some("bytes=2-9"), 10).unwrap(), (2, 8));
        for wrong in ["bytes=2-10", "bytes=2-", "bytes=-2", "2-3", "bytes=5-4"] {
            assert_eq!(stretch(Some(wrong), 10).unwrap_err().code(), Code::InvalidArgument, "{wrong}");
        }
    }

    #[test]
    fn the_condition_that_failed_is_named_as_the_client_knows_it() {
        const DATE: &str = "Sat, 14 Mar 2026 09:26:53 GMT";
        for (status, asked, expected) in [
            (304, headers(&[("if-none-match", "*"), ("if-modified-since", DATE)]), "x-amz-copy-source-If-None-Match"),
            (304, headers(&[("if-modified-since", DATE)]), "x-amz-copy-source-If-Modified-Since"),
            (412, headers(&[("if-match", "x"), ("if-unmodified-since", DATE)]), "x-amz-copy-source-If-Match"),
            (412, headers(&[("if-unmodified-since", DATE)]), "x-amz-copy-source-If-Unmodified-Since"),
        ] {
            assert_eq!(condition(StatusCode::from_u16(status).unwrap(), &asked), expected);
        }
    }

    #[test]
    fn directives_are_read_exactly() {
        for (value, expected) in [("COPY", Some(false)), ("REPLACE", Some(true)), ("copy", None)] {
            let headers = headers(&[("x-amz-metadata-directive", value)]);
            assert_eq!(replaces(&headers, &METADATA_DIRECTIVE).ok(), expected, "{value}");
        }
    }
}
