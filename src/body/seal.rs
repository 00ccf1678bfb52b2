//! The seal: object data goes through, its last piece only when everything holds.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use ring::digest::{SHA256, digest};

use super::BoxError;
use super::checks::Checks;
use super::chunked::Chunked;
use super::contract::Contract;
use super::early::Begun;
use super::flow::{Flow, Framing, Incoming, Progress};
use super::verdict::Verdict;
use crate::s3::checksum::{self, Algorithm, Declared, Hasher, Value};
use crate::s3::payload::{Payload, ProvenChunk};
use crate::s3::{Code, Fault};

/// What a body may come in at a time, in octets, where it is read whole: so much more may be in hand.
const PIECE: usize = 64 * 1024;

/// Memory taken at once for a body that comes in several pieces, however long it says it is.
const FIRST_TAKEN: u64 = 64 * 1024;
/// The line end behind the closing boundary of a form, which some clients leave out.
const LINE_END: u64 = 2;

/// A body nobody may poll.
pub struct Unread<B>(Start<B>);

enum Start<B> {
    /// Not an octet has been asked for.
    Untouched(B),
    /// A form, read up to its file.
    Begun(Box<Begun>),
}

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
        Self(Start::Untouched(body))
    }

    pub(super) fn begun(begun: Begun) -> Self {
        Self(Start::Begun(Box::new(begun)))
    }

    pub(super) fn into_incoming(self) -> Result<Incoming, Fault> {
        match self.0 {
            Start::Untouched(body) => Ok(Box::pin(body.map_err(Into::into))),
            Start::Begun(_) => Err(Fault::plain(Code::InternalError, "body-begun-twice")),
        }
    }

    /// Opens it for reading, under its contract. Only the stage behind authorization does this. Nothing
    /// is read yet; a body that is over before it begins is judged at once.
    ///
    /// # Errors
    /// What an empty body already fails: a wrong hash, length or checksum, missing framing. The contract
    /// of a form for anything else, or the other way round, is `InternalError`.
    pub fn open(self, contract: Contract) -> Result<SealedBody, Fault> {
        let mut checks = Checks::new(&contract);
        let declared = Known::of(&contract);
        let verdict = Verdict::default();
        let presumed = contract.is_presumed();
        let Contract { payload, declared: Declared { checksum, .. }, length, signatures, .. } = contract;
        let length = length.unwrap_or_default();
        let body = match (self.0, presumed) {
            (Start::Untouched(body), false) => body,
            (Start::Begun(begun), true) => {
                let state = State::Flowing(Box::new(Flow::of_file(*begun, checks)));
                return Ok(Sealed {
                    state,
                    verified: None,
                    verdict,
                    length,
                    presumed,
                    handed_out: 0,
                    declared,
                    ear: None,
                }
                .boxed());
            }
            _ => return Err(Fault::plain(Code::InternalError, "contract-of-another-body")),
        };
        let framing = match payload {
            Payload::Chunks { trailer, .. } => {
                let announced = checksum.filter(|(_, value)| value.is_none()).map(|(algorithm, _)| algorithm);
                Framing::Chunked(Chunked::new(length, signatures, trailer, announced))
            }
            Payload::Hash(_) | Payload::Unsigned => Framing::Plain,
        };
        if body.is_end_stream() {
            framing.finish()?;
            let verified = checks.finish(None)?;
            verdict.verified();
            let (state, verified) = (State::Whole(None), Some(verified));
            return Ok(
                Sealed { state, verified, verdict, length: 0, presumed, handed_out: 0, declared, ear: None }.boxed()
            );
        }
        let incoming = Box::pin(body.map_err(Into::into));
        let state = State::Flowing(Box::new(Flow::new(incoming, checks, framing)));
        Ok(Sealed { state, verified: None, verdict, length, presumed, handed_out: 0, declared, ear: None }.boxed())
    }
}

/// What is known of the data before its end.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    sha256: Option<[u8; 32]>,
    md5: Option<Value>,
    checksum: Option<(Algorithm, Option<Value>)>,
}

impl Known {
    fn of(contract: &Contract) -> Self {
        let Declared { md5, checksum } = contract.declared;
        let sha256 = match (contract.payload, checksum) {
            (Payload::Hash(hash), _) => Some(hash),
            // A SHA-256 checksum says the same in another place.
            (_, Some((Algorithm::Sha256, Some(value)))) => value.as_bytes().try_into().ok(),
            _ => None,
        };
        Self { sha256, md5, checksum }
    }
}

/// What held of a body, once all of it has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verified {
    /// Octets of object data.
    pub length: u64,
    /// Its SHA-256, where that was declared.
    pub sha256: Option<[u8; 32]>,
    /// Its MD5, where that was declared.
    pub md5: Option<Value>,
    /// Its checksum, where one was declared.
    pub checksum: Option<(Algorithm, Value)>,
}

/// Object data that checks itself: `http_body::Body` whose last piece comes only when everything holds,
/// and whose error otherwise keeps it short of its announced length.
///
/// A body of no octets has no last piece to keep back. Until it is verified it therefore announces no
/// exact length; whoever must send one calls [`SealedBody::settle`] first, as for every small body.
///
/// Passed from hand to hand on its way to a store, so it is one pointer.
pub struct SealedBody(Box<Sealed>);

struct Sealed {
    state: State,
    verified: Option<Verified>,
    verdict: Verdict,
    length: u64,
    /// The length follows from where a file should end; the seal holds the file to it.
    presumed: bool,
    handed_out: u64,
    declared: Known,
    ear: Option<Ear>,
}

/// Who hears every piece of object data once, on its way out and before it is known to hold.
pub type Ear = Box<dyn FnMut(&[u8])>;

enum State {
    /// Coming in.
    Flowing(Box<Flow>),
    /// Verified; the rest in pieces, and the signed chunks nobody has asked for yet.
    Ending(VecDeque<Bytes>, VecDeque<ProvenChunk>),
    /// Verified and in one hand.
    Whole(Option<Bytes>),
    /// Made here on the way, of what checks itself.
    Made(Box<Made>),
    /// Failed; says so again when asked again.
    Failed,
}

/// Data that is made piece by piece.
struct Made {
    data: MadeData,
    hasher: Option<(Algorithm, Hasher)>,
    /// Nobody else counts what it is made of.
    counts: bool,
}

/// Where pieces of made data come from. It neither ends well nor gives its last octet before all that it is
/// made of has been verified.
pub type MadeData = Pin<Box<dyn Body<Data = Bytes, Error = Fault>>>;

impl std::fmt::Debug for SealedBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the data itself.
        let state = match &self.0.state {
            State::Flowing(_) => "under way",
            State::Ending(..) | State::Whole(_) => "verified",
            State::Made(_) => "made here",
            State::Failed => "failed",
        };
        write!(f, "SealedBody({state}, {} of {} octets handed out)", self.0.handed_out, self.0.length)
    }
}

impl SealedBody {
    /// No data.
    pub fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// Data made here, which needs no check.
    pub fn full(data: Bytes) -> Self {
        Self::in_place_of(Verdict::default(), data)
    }

    /// A document made here in place of one that was read, with the hashes that a store may ask of it.
    pub fn document(verdict: Verdict, data: Bytes) -> Self {
        let sha256 = checksum::of(Algorithm::Sha256, &data).as_bytes().try_into().ok();
        let md5 = Some(checksum::of(Algorithm::Md5, &data));
        let mut body = Self::in_place_of(verdict, data);
        body.0.declared = Known { sha256, md5, checksum: None };
        body
    }

    /// Data made here in place of a body that was read, whose verdict goes on counting for the record.
    pub fn in_place_of(verdict: Verdict, data: Bytes) -> Self {
        let length = data.len() as u64;
        let verified = Verified { length, sha256: None, md5: None, checksum: None };
        let state = State::Whole(Some(data).filter(|data| !data.is_empty()));
        let declared = Known::default();
        Sealed { state, verified: Some(verified), verdict, length, presumed: false, handed_out: 0, declared, ear: None }
            .boxed()
    }

    /// Data made here piece by piece, `length` octets of it: of a body that was read, whose verdict goes on
    /// counting for the record; or of something else. Its checksum of this kind, if one is wanted, is known
    /// once it has ended.
    pub fn made(of: Option<Verdict>, length: u64, checksum: Option<Algorithm>, data: MadeData) -> Self {
        let counts = of.is_none();
        let hasher = checksum.map(|algorithm| (algorithm, Hasher::new(algorithm)));
        let state = State::Made(Box::new(Made { data, hasher, counts }));
        let declared = Known { checksum: checksum.map(|algorithm| (algorithm, None)), ..Known::default() };
        let verdict = of.unwrap_or_default();
        Sealed { state, verified: None, verdict, length, presumed: false, handed_out: 0, declared, ear: None }.boxed()
    }

    /// Whether the data is made here on the way, so that nobody but the proxy can vouch for it.
    pub fn is_made(&self) -> bool {
        matches!(self.0.state, State::Made(_))
    }

    /// Lets somebody hear the data. What is in hand already is told at once.
    pub fn overhear(&mut self, mut ear: Ear) {
        match &self.0.state {
            State::Whole(data) => ear(data.as_deref().unwrap_or_default()),
            _ => self.0.ear = Some(ear),
        }
    }

    /// Octets of object data, known before the first one. Only a document that came without a length
    /// has none until it is settled; objects always have one.
    pub fn decoded_length(&self) -> u64 {
        self.0.length
    }

    /// Whether its length follows from where the file of a form should end, and is not known.
    pub fn is_presumed(&self) -> bool {
        self.0.presumed
    }

    /// The most octets of object data there can be. More than [`SealedBody::decoded_length`] only for
    /// the file of a form, whose closing boundary may come without a line end.
    pub fn longest(&self) -> u64 {
        if self.0.presumed { self.0.length.saturating_add(LINE_END) } else { self.0.length }
    }

    /// The SHA-256 that was declared, by the signed hash or as checksum: the data has it, or does not
    /// complete. Computed where the data is whole, in hand and nothing was declared.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        let known = self.0.declared.sha256.or(self.0.verified.and_then(|verified| verified.sha256));
        known.or_else(|| match &self.0.state {
            State::Whole(data) if self.0.handed_out == 0 => {
                digest(&SHA256, data.as_deref().unwrap_or_default()).as_ref().try_into().ok()
            }
            _ => None,
        })
    }

    /// The `Content-MD5` that was sent; likewise.
    pub fn md5(&self) -> Option<Value> {
        self.0.declared.md5
    }

    /// The declared checksum; its value if it came in a header, or once the data has ended.
    pub fn checksum(&self) -> Option<(Algorithm, Option<Value>)> {
        match self.0.verified.and_then(|verified| verified.checksum) {
            Some((algorithm, value)) => Some((algorithm, Some(value))),
            None => self.0.declared.checksum,
        }
    }

    /// How long the first signed chunk is; reads as far as its header and hands nothing out. None where
    /// the chunks are not signed, or nothing is left to read. From here on [`SealedBody::next_proven`]
    /// tells every chunk, and whoever has asked must take them.
    ///
    /// # Errors
    /// What fails before the first chunk has begun.
    pub async fn first_chunk(&mut self) -> Result<Option<u64>, Fault> {
        let Sealed { state, verdict, .. } = &mut *self.0;
        let found = std::future::poll_fn(|cx| match &mut *state {
            State::Flowing(flow) => flow.poll_first_chunk(verdict, cx),
            _ => Poll::Ready(Ok(None)),
        });
        match found.await {
            Ok(found) => Ok(found),
            Err(fault) => Err(self.0.fail(fault)),
        }
    }

    /// The next chunk whose signature held, in order. A chunk is told before its last octet is handed out.
    pub fn next_proven(&mut self) -> Option<ProvenChunk> {
        match &mut self.0.state {
            State::Flowing(flow) => flow.next_proven(),
            State::Ending(_, proven) => proven.pop_front(),
            State::Made(_) | State::Whole(_) | State::Failed => None,
        }
    }

    /// The data, where all of it is in hand and has been verified; None also of an empty body.
    pub fn whole(&self) -> Option<&Bytes> {
        match &self.0.state {
            State::Whole(data) if self.0.verified.is_some() => data.as_ref(),
            _ => None,
        }
    }

    /// What held, once the data has ended.
    pub fn verified(&self) -> Option<&Verified> {
        self.0.verified.as_ref()
    }

    /// A handle on the outcome.
    pub fn verdict(&self) -> Verdict {
        self.0.verdict.clone()
    }

    /// Reads and verifies it all before anything goes on.
    ///
    /// # Errors
    /// Whatever does not hold; `MaxMessageLengthExceeded` beyond `limit` octets.
    pub async fn settle(mut self, limit: u64) -> Result<Self, Fault> {
        match &mut self.0.state {
            State::Whole(_) => return Ok(self),
            // Nobody has been told a length yet, so the file may have another.
            State::Flowing(flow) if self.0.presumed => flow.forget_length(),
            _ => {}
        }
        let data = self.read(limit).await?;
        Ok(self.settled(data))
    }

    /// Reads and verifies the file of a form, if it has no more than `limit` octets: then it does not matter
    /// what follows it. A longer one streams, what has been read of it first, and keeps the length that is
    /// presumed of it. Any other body is left alone.
    ///
    /// # Errors
    /// Whatever does not hold.
    pub async fn settle_file(mut self, limit: u64) -> Result<Self, Fault> {
        let presumed = self.0.length;
        match &mut self.0.state {
            State::Flowing(flow) if self.0.presumed => flow.forget_length(),
            _ => return Ok(self),
        }
        // Room for all of it from the start: what grows by doubling would take twice as much.
        let room = usize::try_from(presumed.min(limit)).unwrap_or_default();
        let mut all = BytesMut::with_capacity(room.saturating_add(PIECE));
        // As much as a store would be told is never put back: it would be whole before it is verified.
        while self.0.handed_out <= limit || self.0.seen() >= presumed {
            let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await else {
                return Ok(self.settled(all.freeze()));
            };
            if let Ok(data) = frame?.into_data() {
                all.extend_from_slice(&data); // a short piece may keep a long buffer alive
            }
        }
        if let State::Flowing(flow) = &mut self.0.state {
            flow.put_back(all.freeze(), presumed);
            self.0.handed_out = 0;
            return Ok(self);
        }
        // It has ended meanwhile, and only its last pieces are left.
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            all.extend_from_slice(&frame?.into_data().unwrap_or_default());
        }
        Ok(self.settled(all.freeze()))
    }

    /// All of it is in hand and holds.
    fn settled(mut self, data: Bytes) -> Self {
        self.0.length = data.len() as u64;
        self.0.presumed = false;
        self.0.handed_out = 0;
        self.0.ear = None; // it has heard all of it
        self.0.state = State::Whole(Some(data).filter(|data| !data.is_empty()));
        self
    }

    /// Reads and verifies it all.
    ///
    /// # Errors
    /// As for [`SealedBody::settle`].
    pub async fn collect(mut self, limit: u64) -> Result<Bytes, Fault> {
        self.read(limit).await
    }

    async fn read(&mut self, limit: u64) -> Result<Bytes, Fault> {
        if self.0.length > limit {
            return Err(self.0.fail(too_long(limit)));
        }
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await {
            let Ok(data) = frame?.into_data() else { continue };
            if self.0.handed_out > limit {
                return Err(self.0.fail(too_long(limit)));
            }
            if first.is_empty() {
                first = data; // most small bodies are one piece
                continue;
            }
            if all.is_empty() {
                let known = usize::try_from(self.0.length.min(FIRST_TAKEN)).unwrap_or_default();
                all.reserve(known.max(first.len().saturating_add(data.len())));
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&data);
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }
}

impl Sealed {
    fn boxed(self) -> SealedBody {
        SealedBody(Box::new(self))
    }

    /// Octets that have come, whether or not they have been handed out.
    fn seen(&self) -> u64 {
        match &self.state {
            State::Flowing(flow) => flow.seen(),
            _ => self.handed_out,
        }
    }

    fn fail(&mut self, fault: Fault) -> Fault {
        self.state = State::Failed;
        self.verdict.failed(fault)
    }

    /// Takes a piece of data that was made here.
    fn made(&mut self, data: Bytes) -> Result<Bytes, Fault> {
        let State::Made(made) = &mut self.state else { return Ok(data) };
        if self.handed_out.saturating_add(data.len() as u64) > self.length {
            return Err(self.fail(Fault::plain(Code::InternalError, "made-too-long")));
        }
        if let Some((_, hasher)) = &mut made.hasher {
            hasher.update(&data);
        }
        if made.counts {
            self.verdict.count(data.len());
        }
        Ok(data)
    }

    /// Data that was made here has ended.
    fn made_end(&mut self) -> Result<(), Fault> {
        if self.handed_out != self.length {
            return Err(self.fail(Fault::plain(Code::InternalError, "made-too-short")));
        }
        if let State::Made(made) = std::mem::replace(&mut self.state, State::Whole(None)) {
            let checksum = made.hasher.map(|(algorithm, hasher)| (algorithm, hasher.finish()));
            self.verified = Some(Verified { length: self.length, sha256: None, md5: None, checksum });
        }
        Ok(())
    }
}

fn too_long(limit: u64) -> Fault {
    Fault::plain(Code::MaxMessageLengthExceeded, "document-too-long").with("MaxMessageLengthBytes", limit.to_string())
}

impl Body for SealedBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = &mut *self.0;
        let data = match &mut this.state {
            State::Whole(data) => data.take(),
            State::Ending(pieces, _) => pieces.pop_front(),
            State::Failed => {
                let fault = Fault::plain(Code::InternalError, "polled-after-error");
                return Poll::Ready(Some(Err(this.verdict.failed(fault))));
            }
            State::Made(made) => match ready!(made.data.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match this.made(frame.into_data().unwrap_or_default()) {
                    Ok(data) => Some(data),
                    Err(fault) => return Poll::Ready(Some(Err(fault))),
                },
                Some(Err(fault)) => return Poll::Ready(Some(Err(this.fail(fault)))),
                None => return Poll::Ready(this.made_end().err().map(Err)),
            },
            State::Flowing(flow) => match ready!(flow.poll(&this.verdict, cx)) {
                Ok(Progress::Data(data)) => Some(data),
                Ok(Progress::End(verified, mut rest)) => {
                    let data = rest.pop_front();
                    let proven = flow.rest_proven();
                    this.verified = Some(verified);
                    this.verdict.verified();
                    this.state = State::Ending(rest, proven);
                    data
                }
                Err(fault) => return Poll::Ready(Some(Err(this.fail(fault)))),
            },
        };
        let Some(data) = data else { return Poll::Ready(None) };
        if let Some(ear) = &mut this.ear {
            ear(&data);
        }
        this.handed_out = this.handed_out.saturating_add(data.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0.state {
            State::Whole(data) => data.is_none(),
            State::Ending(rest, _) => rest.is_empty(),
            State::Flowing(_) | State::Made(_) | State::Failed => false,
        }
    }

    /// Exact wherever data follows or everything holds. Where neither is so, an exact length would be
    /// zero, and a sender would be done before the verdict.
    fn size_hint(&self) -> SizeHint {
        let left = self.0.length.saturating_sub(self.0.handed_out);
        match &self.0.state {
            State::Flowing(_) | State::Failed if left == 0 => SizeHint::default(),
            _ => SizeHint::with_exact(left),
        }
    }
}
