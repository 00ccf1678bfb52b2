//! A store's answer on its way to the client: filtered, its errors in our own shape.

use std::cell::OnceCell;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Settings;
use super::document::{StoreError, rewrite_late};
use super::encryption::Said;
use super::pool::{Line, nobody};
use super::profile::Dialect;
use crate::id::RequestId;
use crate::s3::xml::Element;
use crate::s3::{Code, Fault, Operation};
use crate::upstream::{Forward, Reply, ReplyBody};

/// The longest error document that is read (spec/errors.md 1).
const ERROR_DOCUMENT: usize = 64 * 1024;

/// The longest answer about an object: a thousand parts with their checksums.
const ATTRIBUTES: usize = 4 * 1024 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const WAIT: HeaderName = HeaderName::from_static("x-amz-retry-after");

/// A response body that gives its connection back when it ends.
#[derive(Debug)]
pub struct Download {
    incoming: Incoming,
    line: Option<Line>,
    patience: Patience,
}

/// How long a store may say nothing in the middle of an answer. The timer exists only once something
/// was waited for.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Patience {
    /// Nothing has come. Ready when that has gone on for too long.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let end = Instant::now() + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if !std::mem::replace(&mut self.running, true) {
            timer.as_mut().reset(end);
        }
        timer.as_mut().poll(cx)
    }
}

impl Download {
    /// The body of a response that came over `line`.
    pub fn new(incoming: Incoming, line: Line, idle: Duration) -> Self {
        let patience = Patience { limit: idle, timer: None, running: false };
        let mut download = Self { incoming, line: Some(line), patience };
        if download.incoming.is_end_stream() {
            download.release();
        }
        download
    }

    fn release(&mut self) {
        if let Some(line) = self.line.take() {
            line.put_back();
        }
    }

    /// Reads it all, up to a limit.
    async fn read(mut self, limit: usize) -> Result<Bytes, ReadError> {
        let mut all = BytesMut::new();
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            let Ok(data) = frame.map_err(|_| ReadError::Broken)?.into_data() else { continue };
            if all.len() + data.len() > limit {
                return Err(ReadError::Long);
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }
}

/// Why a document was not read whole.
enum ReadError {
    Broken,
    Long,
}

impl Body for Download {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        // Without its connection nothing more comes.
        let mut polled = match &this.line {
            Some(_) => Pin::new(&mut this.incoming).poll_frame(&mut nobody()),
            None => Pin::new(&mut this.incoming).poll_frame(cx),
        };
        if let (Poll::Pending, Some(line)) = (&polled, &mut this.line) {
            // What was asked for just now is read here, not by another task; so only the socket need wake
            // this one, not what comes out of the connection while it is driven.
            line.drive(cx);
            polled = Pin::new(&mut this.incoming).poll_frame(&mut nobody());
        }
        let Poll::Ready(frame) = polled else {
            std::task::ready!(this.patience.wait(cx));
            this.line = None;
            return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the store fell silent"))));
        };
        this.patience.running = false;
        match &frame {
            Some(Ok(_)) if !self.incoming.is_end_stream() => {}
            Some(Err(_)) => self.line = None,
            _ => self.release(),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// Turns what the store said into what the client may hear.
///
/// # Errors
/// `InternalError` where the store speaks of the proxy's identity or redirects; `ServiceUnavailable`
/// where it is down.
pub async fn reply(out: &Answering, head: Parts, body: Download) -> Result<Reply, Fault> {
    let upstream_id = head.headers.get(REQUEST_ID).cloned();
    if head.status.is_redirection() && head.status != StatusCode::NOT_MODIFIED {
        let document = body.read(ERROR_DOCUMENT).await.ok();
        return Err(redirected(&head, document.as_deref().and_then(StoreError::parse).as_ref()));
    }
    if head.status.is_client_error() || head.status.is_server_error() {
        let error = read_error(out, &head, body).await?;
        return Ok(Reply { upstream_id, ..error });
    }
    let operation = out.operation;
    out.said.check(operation, &head.headers)?;
    let mut headers = head.headers;
    filter(operation, &mut headers);
    if operation == Operation::HeadBucket {
        name_region(&mut headers, &out.region);
    }
    if let (Operation::CreateBucket, Some(location)) = (operation, &out.location) {
        headers.extend(HeaderValue::from_str(location).ok().map(|location| (header::LOCATION, location)));
    }
    let nothing =
        head.status == StatusCode::NO_CONTENT || head.status == StatusCode::NOT_MODIFIED || body.is_end_stream();
    let body = match operation {
        _ if nothing => ReplyBody::Empty,
        Operation::CompleteMultipartUpload | Operation::CopyObject | Operation::UploadPartCopy => {
            headers.remove(header::CONTENT_LENGTH); // the rewritten document has another length
            ReplyBody::Late(Box::new(Late::new(body, out)))
        }
        // The record says how large the object is.
        Operation::GetObjectAttributes => ReplyBody::Full(ReplyBody::Wire(Box::new(body)).whole(ATTRIBUTES).await?),
        _ => ReplyBody::Wire(Box::new(body)),
    };
    let size = if let ReplyBody::Full(document) = &body { object_size(document) } else { None };
    Ok(Reply { status: head.status, headers, body, upstream_id, code: None, size })
}

/// The size of an object in an answer about it.
fn object_size(document: &[u8]) -> Option<u64> {
    let attributes = Element::parse(document, "GetObjectAttributesResponse").ok()?;
    attributes.text_of("ObjectSize").ok()??.trim().parse().ok()
}

/// What an answer needs to know of its request.
#[derive(Clone, Debug)]
pub struct Answering {
    /// What was asked.
    pub operation: Operation,
    /// The proxy's id of the request.
    pub id: RequestId,
    /// Where the result lies, as the client sees it.
    pub location: Option<String>,
    /// The region the proxy serves.
    pub region: Arc<str>,
    /// What the client calls the bucket, if not by its name.
    pub shown: Option<String>,
    /// The same for errors, of every bucket of the request.
    pub called: Vec<(String, String)>,
    /// In whose words the store speaks of keys.
    pub dialect: Dialect,
    /// What the request has said of keys.
    pub said: Said,
}

impl Answering {
    /// Keeps of a request what its answer needs.
    pub fn to(out: &Forward, settings: &Settings) -> Self {
        Self {
            operation: out.operation,
            id: out.id,
            location: out.location.clone(),
            shown: out.shown.clone(),
            called: out.called(),
            region: Arc::clone(&settings.region),
            dialect: settings.profile.dialect,
            said: Said::by(out),
        }
    }
}

/// The answer of an operation that says 200 early and may still fail: white space passes at once,
/// the document is held until it is whole.
pub struct Late {
    incoming: Download,
    answering: Answering,
    rewrite: Option<Rewrite>,
    held: BytesMut,
    declared: bool,
    ended: bool,
    error: LateError,
}

/// Writes the document of a success anew.
pub type Rewrite = Box<dyn FnOnce(Vec<u8>) -> Vec<u8>>;

impl std::fmt::Debug for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Late").field("answering", &self.answering).field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// The error found after an early 200, once the body has ended.
pub type LateError = Rc<OnceCell<StoreError>>;

impl Late {
    fn new(incoming: Download, answering: &Answering) -> Self {
        Self {
            incoming,
            answering: answering.clone(),
            rewrite: None,
            held: BytesMut::new(),
            declared: false,
            ended: false,
            error: LateError::default(),
        }
    }

    /// Where the error will stand.
    pub fn error(&self) -> LateError {
        Rc::clone(&self.error)
    }

    /// Has the document written anew once it is whole, if it is no error.
    pub fn rewrite_with(&mut self, rewrite: Rewrite) {
        self.rewrite = Some(rewrite);
    }

    /// What of the held octets may go on: the declaration and the white space behind it.
    fn passable(&mut self) -> Option<Bytes> {
        if !self.declared {
            if self.held.starts_with(b"<?xml") {
                let end = memchr::memmem::find(&self.held, b"?>")? + 2;
                self.declared = true;
                return Some(self.held.split_to(end).freeze());
            }
            return None;
        }
        let space = self.held.iter().take_while(|octet| octet.is_ascii_whitespace()).count();
        (space > 0).then(|| self.held.split_to(space).freeze())
    }

    fn finish(&mut self) -> Bytes {
        self.ended = true;
        let Answering { id, location, shown, called, .. } = &self.answering;
        let told = [("Location", location.as_deref()), ("Bucket", shown.as_deref())];
        let (document, error) = rewrite_late(&self.held, id, &told, called);
        match (error, self.rewrite.take()) {
            (Some(error), _) => {
                let _ = self.error.set(error); // only ever set here
                Bytes::from(document)
            }
            (None, Some(rewrite)) => Bytes::from(rewrite(document)),
            (None, None) => Bytes::from(document),
        }
    }
}

impl Body for Late {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            if let Some(piece) = self.passable() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            match std::task::ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if self.held.len() + data.len() > ERROR_DOCUMENT {
                        return Poll::Ready(Some(Err(io::Error::other("the store's answer is too long"))));
                    }
                    self.held.extend_from_slice(&data);
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let document = self.finish();
                    return Poll::Ready((!document.is_empty()).then(|| Ok(Frame::data(document))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

/// A HEAD answer has no document.
fn bare_status(out: &Answering) -> bool {
    out.operation.spec().method == "HEAD"
}

/// Where a store sends the proxy, nobody is sent. `TemporaryRedirect` passes by itself; any other says that the
/// configuration is wrong.
fn redirected(head: &Parts, error: Option<&StoreError>) -> Fault {
    let region = head.headers.get("x-amz-bucket-region").and_then(|region| region.to_str().ok()).unwrap_or("unknown");
    let said = error.map_or("no code", |error| error.code.as_str());
    let code = match said {
        "TemporaryRedirect" => Code::ServiceUnavailable,
        _ => Code::InternalError,
    };
    Fault::plain(code, "upstream-redirect").detail(format!(
        "the store redirects ({}, {said}, bucket region {region}): check upstream.endpoint and upstream.region",
        head.status
    ))
}

async fn read_error(out: &Answering, head: &Parts, body: Download) -> Result<Reply, Fault> {
    let mut headers = HeaderMap::new();
    if !bare_status(out) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    }
    for name in [header::ETAG, header::LAST_MODIFIED, header::ALLOW, header::RETRY_AFTER, header::CONTENT_RANGE] {
        if let Some(value) = head.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    if out.operation == Operation::HeadBucket {
        name_region(&mut headers, &out.region);
    }
    for name in ["x-amz-delete-marker", "x-amz-version-id", "x-amz-retry-after"] {
        if let Some(value) = head.headers.get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    let bare = bare_status(out);
    let document = if bare { Some(Bytes::new()) } else { body.read(ERROR_DOCUMENT).await.ok() };
    let is_empty = document.as_ref().is_some_and(Bytes::is_empty);
    let error = document.as_deref().and_then(StoreError::parse).map(|error| error.calling(&out.called));
    let (status, error) = out.said.as_s3((out.dialect, out.operation, &out.region), head.status, error);
    if let Some(StoreError { code, .. }) = error.as_ref().filter(|error| error.is_of_proxy()) {
        return Err(Fault::plain(Code::InternalError, "upstream-refuses-us").detail(format!(
            "the store answered {code} to the proxy itself: check upstream.endpoint, credentials, region and clock"
        )));
    }
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        hint(&mut headers);
    }
    match error {
        Some(error) => Ok(Reply {
            status,
            headers,
            code: Some(error.code.clone()),
            body: ReplyBody::Full(Bytes::from(error.render(&out.id))),
            upstream_id: None,
            size: None,
        }),
        None if matches!(head.status.as_u16(), 502..=504) => Err(unavailable(head.status)),
        // A HEAD has no document, and some stores send errors without one; the status says enough.
        None if bare || is_empty && head.status.is_client_error() => Ok(Reply {
            status,
            headers,
            code: None,
            body: if bare {
                ReplyBody::Empty
            } else {
                ReplyBody::Full(Bytes::from(StoreError::from_status(head.status.as_u16()).render(&out.id)))
            },
            upstream_id: None,
            size: None,
        }),
        None => Err(Fault::plain(Code::InternalError, "upstream-unreadable")
            .detail(format!("the store answered {} without an S3 error document", head.status))),
    }
}

/// When to come back, in both spellings: without it SDKs take a few milliseconds.
fn hint(headers: &mut HeaderMap) {
    let number = |name: &HeaderName| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    let seconds = number(&header::RETRY_AFTER);
    let millis = number(&WAIT).or(seconds.and_then(|seconds| seconds.checked_mul(1000))).unwrap_or(1000);
    headers.entry(WAIT).or_insert_with(|| millis.into());
    headers.entry(header::RETRY_AFTER).or_insert_with(|| millis.div_ceil(1000).into());
}

fn unavailable(status: StatusCode) -> Fault {
    Fault::plain(Code::ServiceUnavailable, "upstream-unavailable")
        .detail(format!("the store, or what stands before it, answered {status}"))
}

/// Keeps what the operation's table names; everything hop-by-hop falls away because nobody names it.
fn filter(operation: Operation, headers: &mut HeaderMap) {
    let rest: Vec<HeaderName> = headers.keys().filter(|name| !is_kept(operation, name.as_str())).cloned().collect();
    for name in rest {
        headers.remove(name);
    }
}

fn is_kept(operation: Operation, name: &str) -> bool {
    let object = matches!(operation, Operation::GetObject | Operation::HeadObject);
    match name {
        // End-to-end headers that any answer may carry, whatever the operation.
        "content-length" | "content-type" | "etag" | "last-modified" => true,
        // Every answer has the proxy's own in their place, so these need not be taken out one by one.
        "server" | "x-amz-id-2" | "x-amz-request-id" => true,
        // What an object may have on top of the table: the model has no member for it, HTTP has.
        "accept-ranges"
        | "cache-control"
        | "content-disposition"
        | "content-encoding"
        | "content-language"
        | "content-range"
        | "expires"
        | "x-amz-mp-parts-count"
            if object =>
        {
            true
        }
        _ => object && name.starts_with("x-amz-meta-") || operation.spec().response_headers.contains(&name),
    }
}

fn name_region(headers: &mut HeaderMap, region: &str) {
    if let Ok(region) = HeaderValue::from_str(region) {
        headers.insert(HeaderName::from_static("x-amz-bucket-region"), region);
    }
}
