//! GetObject and HeadObject: opened on their way back, whole, by range and by part.

use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::keys::{Name, does_not_open};
use super::opened::{Opened, Reader, Window};
use super::parts::Parts;
use super::probe::{Stored, download, header_in, range_header};
use super::told::{self, CHECKSUM_MODE};
use super::{Sealed, name};
use crate::body::SealedBody;
use crate::s3::{Code, Fault, Operation};
use crate::seal::{Broken, HEADER, Metadata, ObjectKey};
use crate::upstream::range::{self, Resolved};
use crate::upstream::{Forward, Reply, ReplyBody, Upstream as _};

const PARTS_COUNT: HeaderName = HeaderName::from_static("x-amz-mp-parts-count");

/// Which octets of plaintext a request wants.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    range: Option<String>,
    part: Option<usize>,
}

/// Which octets of plaintext an answer has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Cut {
    from: u64,
    length: u64,
    /// The answer is 206.
    partial: bool,
}

impl Asked {
    /// Reads range and part number.
    ///
    /// # Errors
    /// `InvalidRequest`: both; `InvalidArgument`: no number of a part.
    fn of(out: &Forward) -> Result<Self, Fault> {
        let range = out.headers.get(RANGE).map(|range| String::from_utf8_lossy(range.as_bytes()).into_owned());
        // What is ignored whatever the size is no range.
        let range = range.filter(|range| range::resolve(range, u64::MAX) != Resolved::Whole);
        let sent = out.query.iter().find(|(name, _)| name == "partNumber").map(|(_, number)| number);
        let Some(sent) = sent else { return Ok(Self { range, part: None }) };
        if range.is_some() {
            let message = "Cannot specify both Range header and partNumber query parameter";
            return Err(Fault::new(Code::InvalidRequest, "range-and-part", message));
        }
        let number = sent.parse::<usize>().ok().filter(|number| (1..=10_000).contains(number));
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        let wrong = || Fault::argument("part-number", message, "partNumber", Some(sent.clone()));
        Ok(Self { range, part: Some(number.ok_or_else(wrong)?) })
    }

    /// Whether all of the object is wanted.
    fn is_whole(&self) -> bool {
        self.range.is_none() && self.part.is_none()
    }

    /// Cuts an object.
    ///
    /// # Errors
    /// `InvalidRange`, `InvalidPartNumber`
    fn cut(&self, parts: &Parts) -> Result<Cut, Fault> {
        let size = parts.plain();
        if let Some(number) = self.part {
            let place = parts.place(number.saturating_sub(1)).ok_or_else(|| no_such_part(number, parts.count()))?;
            return Ok(Cut { from: place.0, length: place.1, partial: place.1 > 0 });
        }
        match self.range.as_deref().map_or(Resolved::Whole, |range| range::resolve(range, size)) {
            Resolved::Whole => Ok(Cut { from: 0, length: size, partial: false }),
            Resolved::Part(from, last) => Ok(Cut { from, length: last - from + 1, partial: true }),
            Resolved::Unsatisfiable => Err(Fault::plain(Code::InvalidRange, "range")
                .with("RangeRequested", self.range.clone().unwrap_or_default())
                .with("ActualObjectSize", size.to_string())
                .header("content-range", format!("bytes */{size}"))),
        }
    }
}

fn no_such_part(number: usize, count: u32) -> Fault {
    let message = "The requested partnumber is not satisfiable";
    Fault::new(Code::InvalidPartNumber, "part-number", message)
        .with("ActualPartCount", count.to_string())
        .with("PartNumberRequested", number.to_string())
}

impl Cut {
    /// Says what of an object follows.
    fn tell(self, headers: &mut HeaderMap, parts: &Parts, by_part: bool) {
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CONTENT_LENGTH, self.length.into());
        headers.remove(CONTENT_RANGE);
        headers.remove(PARTS_COUNT);
        let last = self.from.saturating_add(self.length).saturating_sub(1);
        let range = HeaderValue::try_from(format!("bytes {}-{last}/{}", self.from, parts.plain()));
        if let (true, Ok(range)) = (self.partial, range) {
            headers.insert(CONTENT_RANGE, range);
        }
        if by_part && parts.is_multipart() {
            headers.insert(PARTS_COUNT, parts.count().into());
        }
    }

    fn status(self) -> StatusCode {
        if self.partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK }
    }
}

/// The same request for stored octets: all of them, or the first header.
fn probe(out: &Forward, whole: bool) -> Result<Forward, Fault> {
    let mut probe = out.clone();
    probe.query.retain(|(name, _)| name != "partNumber");
    probe.headers.remove(RANGE);
    probe.headers.remove(CHECKSUM_MODE);
    if !whole {
        probe.headers.insert(RANGE, range_header(&(0..HEADER as u64))?);
    }
    Ok(probe)
}

impl Sealed {
    /// `GET /bucket/key`
    pub(super) async fn get(&self, out: Box<Forward>) -> Result<Reply, Fault> {
        let asked = Asked::of(&out)?;
        let reply = self.wire.send(Box::new(probe(&out, asked.is_whole())?), SealedBody::empty()).await?;
        if reply.status == StatusCode::RANGE_NOT_SATISFIABLE && !asked.is_whole() {
            return self.empty(out).await;
        }
        if !matches!(reply.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Ok(reply);
        }
        let Some(metadata) = told::read(&reply.headers, name(&out))? else {
            self.foreign.check(name(&out))?;
            return if asked.is_whole() { Ok(reply) } else { self.as_it_is(out).await };
        };
        let stored = Stored::of(&out, &reply.headers)?;
        let Reply { mut headers, body, upstream_id, .. } = reply;
        told::tell(&mut headers, &metadata, stored.name())?;
        let wants_checksums = told::wants_checksums(&out.headers);
        let opened = self.open(&out, &asked, (&stored, &metadata), (&mut headers, wants_checksums), body).await;
        let (status, body) = opened.unwrap_or_else(|fault| (StatusCode::OK, ReplyBody::Withheld(Box::new(fault))));
        Ok(Reply { status, headers, body, upstream_id, code: None, size: None })
    }

    /// `HEAD /bucket/key`
    pub(super) async fn head(&self, out: Box<Forward>) -> Result<Reply, Fault> {
        let asked = Asked::of(&out)?;
        let mut reply = self.wire.send(Box::new(probe(&out, true)?), SealedBody::empty()).await?;
        if reply.status != StatusCode::OK {
            return Ok(reply);
        }
        let Some(metadata) = told::read(&reply.headers, name(&out))? else {
            self.foreign.check(name(&out))?;
            return if asked.is_whole() { Ok(reply) } else { self.as_it_is(out).await };
        };
        let stored = Stored::of(&out, &reply.headers)?;
        told::tell(&mut reply.headers, &metadata, stored.name())?;
        // The head of an object is not sealed: it is told also where the key cannot be used now, and no call of a
        // key service is made for it.
        let wants_checksums = told::wants_checksums(&out.headers) && metadata.checksums.is_some();
        let key = match wants_checksums {
            true => self.keys.open(&metadata, stored.name(), out.requester.as_ref()).await.map(Some),
            false => self.keys.at_hand(&metadata, stored.name(), out.requester.as_ref()),
        };
        let known = key.as_ref().ok().and_then(Option::as_ref);
        let parts = self.parts(&stored, &metadata, known).await?;
        let cut = asked.cut(&parts)?;
        cut.tell(&mut reply.headers, &parts, asked.part.is_some());
        reply.status = cut.status();
        if wants_checksums && !cut.partial {
            let tell = |key: Option<ObjectKey>| match key {
                Some(key) => told::tell_kept_checksum(&mut reply.headers, &key, &metadata, stored.name()),
                None => Ok(()),
            };
            if let Err(fault) = key.and_then(tell) {
                reply.body = ReplyBody::Withheld(Box::new(fault));
            }
        }
        Ok(reply)
    }

    /// Opens what has been asked for, up to its first segment.
    ///
    /// # Errors
    /// A key that cannot be used; what does not open; a range that is not there.
    async fn open(
        &self,
        out: &Forward,
        asked: &Asked,
        (stored, metadata): (&Stored, &Metadata),
        (headers, wants_checksums): (&mut HeaderMap, bool),
        body: ReplyBody,
    ) -> Result<(StatusCode, ReplyBody), Fault> {
        let key = self.keys.open(metadata, stored.name(), out.requester.as_ref()).await?;
        let parts = self.parts(stored, metadata, Some(&key)).await?;
        let cut = asked.cut(&parts)?;
        cut.tell(headers, &parts, asked.part.is_some());
        if wants_checksums && !cut.partial {
            told::tell_kept_checksum(headers, &key, metadata, stored.name())?;
        }
        let body = match asked.is_whole() {
            true => {
                let reader = Reader::whole(key, &parts);
                let opened = Opened::new(download(body, stored.name())?, reader, cut.length, stored.name());
                ReplyBody::Opened(Box::new(opened.begun().await?))
            }
            false => {
                // Read in any case, so that the connection can be used again.
                let first = header_in(body, stored.name()).await?;
                self.opened(stored, key, &parts, (cut.from, cut.length), Some(first)).await?
            }
        };
        Ok((cut.status(), body))
    }

    /// A stretch of plaintext, its first segment verified. `first` is the header of the first part, where that
    /// was read already.
    ///
    /// # Errors
    /// What does not open, or was replaced meanwhile.
    pub(super) async fn opened(
        &self,
        stored: &Stored,
        key: ObjectKey,
        parts: &Parts,
        (from, length): (u64, u64),
        first: Option<[u8; HEADER]>,
    ) -> Result<ReplyBody, Fault> {
        let name = stored.name();
        let (mut reader, window) = match Reader::stretch(key.clone(), parts, from, length) {
            Some(found) => found,
            // Of an empty object its proof is read; an empty part has been verified with the others.
            None if parts.plain() == 0 => {
                (Reader::whole(key, parts), Window { header: None, sealed: 0..stored.length })
            }
            None => return Ok(ReplyBody::Empty),
        };
        if let Some(at) = window.header {
            let header = match first.filter(|_| at == 0) {
                Some(header) => header,
                None => self.header(stored, at).await?,
            };
            reader.begin(&header).map_err(|error| does_not_open(error, name))?;
        }
        let body = self.fetch(stored, window.sealed).await?;
        let opened = Opened::new(download(body, name)?, reader, length, name);
        Ok(ReplyBody::Opened(Box::new(opened.begun().await?)))
    }

    /// What is shorter than anything that was sealed; but it may call itself so.
    async fn empty(&self, out: Box<Forward>) -> Result<Reply, Fault> {
        let head = Forward { operation: Operation::HeadObject, ..probe(&out, true)? };
        let head = self.wire.send(Box::new(head), SealedBody::empty()).await?;
        match told::read(&head.headers, name(&out))? {
            None => self.as_it_is(out).await,
            Some(_) => Err(does_not_open(Broken::Truncated, name(&out))),
        }
    }

    /// What was not sealed, as the store has it.
    async fn as_it_is(&self, out: Box<Forward>) -> Result<Reply, Fault> {
        self.foreign.check(name(&out))?;
        let (bucket, key) = (out.bucket.clone().unwrap_or_default(), out.key.clone().unwrap_or_default());
        let reply = self.wire.send(out, SealedBody::empty()).await?;
        match told::read(&reply.headers, Name { bucket: &bucket, key: &key })? {
            None => Ok(reply),
            Some(_) => Err(Fault::plain(Code::ServiceUnavailable, "upstream-changed")
                .detail("the object was replaced while it was read")),
        }
    }
}
