//! The seal: object data goes through, its last piece only when everything holds.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;

use super::checks::Checks;
use super::chunked::{Chunked, Event};
use super::contract::Contract;
use crate::s3::checksum::{self, Algorithm, Value};
use crate::s3::payload::Payload;
use crate::s3::{Code, Fault};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Incoming = Pin<Box<dyn Body<Data = Bytes, Error = BoxError>>>;

/// A body nobody may poll.
pub struct Unread<B>(B);

impl<B> std::fmt::Debug for Unread<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unread")
    }
}

impl<B> Unread<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    /// Puts a body away.
    pub fn new(body: B) -> Self {
        Self(body)
    }

    /// Opens it for reading, under its contract. In the proxy only the stage behind authorization has
    /// an unread body in hand.
    ///
    /// # Errors
    /// What a body that is empty from the start already fails: a wrong hash, length or checksum.
    pub fn open(self, contract: Contract) -> Result<SealedBody, Fault> {
        let checks = Checks::new(&contract);
        let verdict = Verdict::default();
        let Contract { payload, declared, length, signatures } = contract;
        let chunked = match payload {
            Payload::Chunks { trailer, .. } => {
                let announced = declared.checksum.filter(|(_, value)| value.is_none()).map(|(algorithm, _)| algorithm);
                Some(Chunked::new(length.unwrap_or_default(), signatures, trailer, announced))
            }
            _ => None,
        };
        if chunked.is_none() && self.0.is_end_stream() {
            return checks.finish(None).map(|verified| SealedBody {
                state: State::Whole(None),
                verified: Some(verified),
                verdict,
                length: 0,
                declared: Known::default(),
            });
        }
        let known = Known {
            sha256: match payload {
                Payload::Hash(hash) => Some(hash),
                _ => None,
            },
            md5: declared.md5,
            checksum: declared.checksum,
        };
        let incoming: Incoming = Box::pin(self.0.map_err(Into::into));
        let flow = Flow { incoming, checks: Some(checks), chunked, input: Bytes::new(), held: None };
        Ok(SealedBody {
            state: State::Flowing(Box::new(flow)),
            verified: None,
            verdict,
            length: length.unwrap_or_default(),
            declared: known,
        })
    }
}

/// What is known of the data before its end.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    sha256: Option<[u8; 32]>,
    md5: Option<Value>,
    checksum: Option<(Algorithm, Option<Value>)>,
}

/// What held of a body, once all of it has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verified {
    /// Octets of object data.
    pub length: u64,
    /// Its SHA-256, where that was signed.
    pub sha256: Option<[u8; 32]>,
    /// Its MD5, where that was sent.
    pub md5: Option<Value>,
    /// Its checksum, where one was declared.
    pub checksum: Option<(Algorithm, Value)>,
}

/// What became of a body, for whoever must answer for it.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    inner: Arc<VerdictInner>,
}

#[derive(Debug, Default)]
struct VerdictInner {
    fault: OnceLock<Fault>,
    octets: AtomicU64,
}

impl Verdict {
    /// Why it failed, if it did.
    pub fn fault(&self) -> Option<Fault> {
        self.inner.fault.get().cloned()
    }

    /// Octets of object data read so far.
    pub fn bytes(&self) -> u64 {
        self.inner.octets.load(Ordering::Relaxed)
    }
}

/// Object data that checks itself: `http_body::Body` whose last piece comes only when everything holds,
/// and whose error otherwise keeps it short of its announced length.
#[derive(Debug)]
pub struct SealedBody {
    state: State,
    verified: Option<Verified>,
    verdict: Verdict,
    length: u64,
    declared: Known,
}

#[derive(Debug)]
enum State {
    /// Coming in.
    Flowing(Box<Flow>),
    /// Verified and in hand.
    Whole(Option<Bytes>),
    /// Failed; says so again when asked again.
    Failed,
}

struct Flow {
    incoming: Incoming,
    checks: Option<Checks>,
    chunked: Option<Chunked>,
    /// Framed octets not yet decoded.
    input: Bytes,
    /// The last piece of data, kept until another follows or everything holds.
    held: Option<Bytes>,
}

impl SealedBody {
    /// No data.
    pub fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// Data made here, which needs no check.
    pub fn full(data: Bytes) -> Self {
        let length = data.len() as u64;
        let verified = Verified { length, sha256: None, md5: None, checksum: None };
        let data = Some(data).filter(|data| !data.is_empty());
        Self {
            state: State::Whole(data),
            verified: Some(verified),
            verdict: Verdict::default(),
            length,
            declared: Known::default(),
        }
    }

    /// A document made here, with the digests that a store may ask of it.
    pub fn made(data: Bytes) -> Self {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, &data).as_ref());
        let md5 = checksum::of(Algorithm::Md5, &data);
        Self { declared: Known { sha256: Some(sha256), md5: Some(md5), checksum: None }, ..Self::full(data) }
    }

    /// Octets of object data, known before the first one.
    pub fn decoded_length(&self) -> u64 {
        self.length
    }

    /// The SHA-256 that was signed; the data has it, or does not complete.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.declared.sha256
    }

    /// The MD5 that was sent; likewise.
    pub fn md5(&self) -> Option<Value> {
        self.declared.md5
    }

    /// The declared checksum; its value if it came in a header, or once the data has ended.
    pub fn checksum(&self) -> Option<(Algorithm, Option<Value>)> {
        match self.verified.as_ref().and_then(|verified| verified.checksum) {
            Some((algorithm, value)) => Some((algorithm, Some(value))),
            None => self.declared.checksum,
        }
    }

    /// What held, once the data has ended.
    pub fn verified(&self) -> Option<&Verified> {
        self.verified.as_ref()
    }

    /// A handle on the outcome.
    pub fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    /// Reads and verifies it all before anything goes on.
    ///
    /// # Errors
    /// Whatever does not hold; `MaxMessageLengthExceeded` beyond `limit` octets.
    pub async fn settle(mut self, limit: u64) -> Result<Self, Fault> {
        if matches!(self.state, State::Whole(_)) {
            return Ok(self);
        }
        let data = self.read(limit).await?;
        self.length = data.len() as u64;
        self.state = State::Whole(Some(data).filter(|data| !data.is_empty()));
        Ok(self)
    }

    /// Reads and verifies it all.
    ///
    /// # Errors
    /// As for [`SealedBody::settle`].
    pub async fn collect(mut self, limit: u64) -> Result<Bytes, Fault> {
        self.read(limit).await
    }

    async fn read(&mut self, limit: u64) -> Result<Bytes, Fault> {
        let too_long = || {
            Fault::plain(Code::MaxMessageLengthExceeded, "document-too-long")
                .with("MaxMessageLengthBytes", limit.to_string())
        };
        if self.length > limit {
            return Err(too_long());
        }
        let mut first = Bytes::new();
        let mut all: Option<BytesMut> = None;
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await {
            let Ok(data) = frame?.into_data() else { continue };
            let so_far = all.as_ref().map_or(first.len(), BytesMut::len);
            if so_far as u64 + data.len() as u64 > limit {
                return Err(too_long());
            }
            match &mut all {
                Some(all) => all.extend_from_slice(&data),
                None if first.is_empty() => first = data, // most small bodies are one piece
                None => {
                    let mut joined = BytesMut::with_capacity(first.len() + data.len());
                    joined.extend_from_slice(&first);
                    joined.extend_from_slice(&data);
                    all = Some(joined);
                }
            }
        }
        Ok(all.map_or(first, BytesMut::freeze))
    }

    fn fail(&mut self, fault: Fault) -> Fault {
        self.state = State::Failed;
        let _ = self.verdict.inner.fault.set(fault.clone()); // the first fault stands
        fault
    }
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Flow({:?})", self.checks)
    }
}

impl Flow {
    /// The next piece of data, or the evidence that there is no more.
    fn poll(&mut self, octets: &AtomicU64, cx: &mut Context<'_>) -> Poll<Result<Progress, Fault>> {
        loop {
            if let Some(data) = self.decoded()? {
                if data.is_empty() {
                    continue;
                }
                if let Some(checks) = &mut self.checks {
                    checks.update(&data)?;
                }
                octets.fetch_add(data.len() as u64, Ordering::Relaxed);
                if let Some(before) = self.held.replace(data) {
                    return Poll::Ready(Ok(Progress::Data(before)));
                }
                continue;
            }
            match ready!(self.incoming.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    // HTTP trailers mean nothing here.
                    if let Ok(data) = frame.into_data() {
                        self.input = data;
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(incoming_fault(error))),
                None => return Poll::Ready(self.finish().map(Progress::End)),
            }
        }
    }

    /// Takes data out of the input.
    fn decoded(&mut self) -> Result<Option<Bytes>, Fault> {
        if self.input.is_empty() {
            return Ok(None);
        }
        let Some(chunked) = &mut self.chunked else { return Ok(Some(std::mem::take(&mut self.input))) };
        match chunked.feed(&mut self.input)? {
            Event::Data(data) => Ok(Some(data)),
            Event::More => Ok(None),
        }
    }

    fn finish(&mut self) -> Result<Verified, Fault> {
        let trailer_value = match &self.chunked {
            Some(chunked) => {
                chunked.finish()?;
                chunked.trailer_value()
            }
            None => None,
        };
        match self.checks.take() {
            Some(checks) => checks.finish(trailer_value),
            None => Err(Fault::plain(Code::InternalError, "polled-after-end")),
        }
    }
}

enum Progress {
    Data(Bytes),
    End(Verified),
}

/// A client that stopped, or sent what is no body.
fn incoming_fault(error: BoxError) -> Fault {
    match error.downcast::<Fault>() {
        Ok(fault) => *fault,
        Err(other) => Fault::new(Code::IncompleteBody, "client-broke-off", "The request body terminated unexpectedly")
            .detail(other.to_string()),
    }
}

impl Body for SealedBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = &mut *self;
        let progress = match &mut this.state {
            State::Whole(data) => return Poll::Ready(data.take().map(|data| Ok(Frame::data(data)))),
            State::Failed => {
                let fault =
                    this.verdict.fault().unwrap_or_else(|| Fault::plain(Code::InternalError, "polled-after-error"));
                return Poll::Ready(Some(Err(fault)));
            }
            State::Flowing(flow) => ready!(flow.poll(&this.verdict.inner.octets, cx)),
        };
        match progress {
            Ok(Progress::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Ok(Progress::End(verified)) => {
                let last = match &mut this.state {
                    State::Flowing(flow) => flow.held.take(),
                    _ => None,
                };
                this.verified = Some(verified);
                this.state = State::Whole(None);
                Poll::Ready(last.map(|last| Ok(Frame::data(last))))
            }
            Err(fault) => Poll::Ready(Some(Err(this.fail(fault)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Whole(data) => SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64)),
            // The length on the way out is fixed when the request is built, before the first octet.
            State::Flowing(_) | State::Failed => SizeHint::with_exact(self.length),
        }
    }
}
