//! A body under way: decoded, hashed, and held back where it has not been proven.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;

use super::BoxError;
use super::checks::Checks;
use super::chunked::{Chunked, Event};
use super::early::Begun;
use super::form::{FormDecoder, FormEvent};
use super::seal::Verified;
use super::verdict::Verdict;
use crate::s3::checksum::Value;
use crate::s3::payload::ProvenChunk;
use crate::s3::{Code, Fault};

/// Of a signed chunk so much is held until its signature has been checked; what is longer goes on
/// before, under the commit gate (spec/sigv4.md 8.5).
const HELD_OCTETS: usize = 64 * 1024;
/// The same in pieces, because a short piece may keep a long buffer alive.
const HELD_PIECES: usize = 64;
/// Frames taken at one go without anything to show for it.
pub(super) const PATIENCE: usize = 1024;

/// The incoming body, type erased. Not `Send`: a connection stays with its worker.
pub(super) type Incoming = Pin<Box<dyn Body<Data = Bytes, Error = BoxError>>>;

/// A body under way.
pub(super) struct Flow {
    incoming: Incoming,
    checks: Checks,
    framing: Framing,
    /// Octets not yet decoded.
    input: Bytes,
    /// Decoded pieces not yet handed out.
    held: VecDeque<Bytes>,
    held_octets: usize,
    /// Data that was handed out before and put back: it goes first.
    put_back: Bytes,
    /// How many pieces at the front may go.
    free: usize,
    /// The last held piece may hold the last octet of all, which waits for the verdict.
    gated: bool,
    /// The chunks that were rightly signed, for whoever signs them again; none are kept unless asked for.
    proven: Option<VecDeque<ProvenChunk>>,
}

/// What the data is wrapped in.
pub(super) enum Framing {
    /// Nothing.
    Plain,
    /// aws-chunked.
    Chunked(Chunked),
    /// The file of a form.
    Form(FormDecoder),
}

impl Framing {
    /// Takes data out of the input.
    fn feed(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, Fault> {
        match self {
            Self::Plain => Ok(Some(std::mem::take(input))),
            Self::Chunked(decoder) => match decoder.feed(input)? {
                Event::Data(data) => Ok(Some(data)),
                Event::More => Ok(None),
            },
            Self::Form(decoder) => match decoder.feed(input)? {
                FormEvent::Data(data) => Ok(Some(data)),
                FormEvent::More => Ok(None),
                // Only before the file, which has begun.
                FormEvent::Field { .. } | FormEvent::File(_) => {
                    Err(Fault::plain(Code::InternalError, "form-began-again"))
                }
            },
        }
    }

    /// The decoder of aws-chunked.
    fn chunked(&self) -> Option<&Chunked> {
        match self {
            Self::Chunked(decoder) => Some(decoder),
            Self::Plain | Self::Form(_) => None,
        }
    }

    /// Nothing that was handed out waits for a signature.
    fn is_proven(&self) -> bool {
        match self {
            Self::Chunked(decoder) => decoder.is_proven(),
            Self::Plain | Self::Form(_) => true,
        }
    }

    /// The input has ended: is the framing whole?
    pub(super) fn finish(&self) -> Result<Option<Value>, Fault> {
        match self {
            Self::Plain => Ok(None),
            Self::Chunked(decoder) => decoder.finish().map(|()| decoder.trailer_value()),
            Self::Form(decoder) => decoder.finish().map(|()| None),
        }
    }
}

/// What comes next.
#[expect(clippy::large_enum_variant, reason = "moved once at the end of a body, never stored")]
pub(super) enum Progress {
    /// Data that may go.
    Data(Bytes),
    /// Everything holds. These pieces are left.
    End(Verified, VecDeque<Bytes>),
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Flow({:?}, {} octets held)", self.checks, self.held_octets)
    }
}

impl Flow {
    pub(super) fn new(incoming: Incoming, checks: Checks, framing: Framing) -> Self {
        Self {
            incoming,
            checks,
            framing,
            input: Bytes::new(),
            held: VecDeque::new(),
            held_octets: 0,
            put_back: Bytes::new(),
            free: 0,
            gated: false,
            proven: None,
        }
    }

    /// The file of a form whose fields have been read.
    pub(super) fn of_file(begun: Begun, checks: Checks) -> Self {
        let Begun { incoming, decoder, input } = begun;
        Self { input, ..Self::new(incoming, checks, Framing::Form(decoder)) }
    }

    /// The length that was presumed no longer counts.
    pub(super) fn forget_length(&mut self) {
        self.checks.presume(None);
    }

    /// Octets of data so far.
    pub(super) fn seen(&self) -> u64 {
        self.checks.seen()
    }

    /// What has been handed out goes out again, and the length that was presumed counts once more. Fewer
    /// octets must have come, or the data would be all there before anything has held.
    pub(super) fn put_back(&mut self, data: Bytes, length: u64) {
        self.put_back = data;
        self.checks.presume(Some(length));
    }

    /// The next piece of data, or the evidence that there is no more and all of it held.
    pub(super) fn poll(&mut self, verdict: &Verdict, cx: &mut Context<'_>) -> Poll<Result<Progress, Fault>> {
        if !self.put_back.is_empty() {
            return Poll::Ready(Ok(Progress::Data(std::mem::take(&mut self.put_back))));
        }
        for _ in 0..PATIENCE {
            loop {
                if let Some(data) = self.let_go() {
                    return Poll::Ready(Ok(Progress::Data(data)));
                }
                let Some(data) = self.decoded()? else { break };
                verdict.count(data.len());
                self.hold(data)?;
            }
            match ready!(self.incoming.as_mut().poll_frame(cx)) {
                // Trailers of HTTP mean nothing here.
                Some(Ok(frame)) => self.input = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Err(broke_off(error))),
                None => return Poll::Ready(self.finish()),
            }
        }
        // Endless empty frames must not keep everybody else waiting.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads on until the first chunk has begun and says how long it is; nothing is handed out yet. None
    /// where nothing is signed in chunks. From here on the rightly signed chunks are kept.
    pub(super) fn poll_first_chunk(
        &mut self,
        verdict: &Verdict,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<u64>, Fault>> {
        if !self.framing.chunked().is_some_and(Chunked::is_signed) {
            return Poll::Ready(Ok(None));
        }
        self.proven.get_or_insert_default();
        for _ in 0..PATIENCE {
            if let Some(size) = self.framing.chunked().and_then(Chunked::first_size) {
                return Poll::Ready(Ok(Some(size)));
            }
            if let Some(data) = self.decoded()? {
                verdict.count(data.len());
                self.hold(data)?;
                continue;
            }
            match ready!(self.incoming.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => self.input = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Err(broke_off(error))),
                // The end comes too early; whoever reads on is told so.
                None => return Poll::Ready(Ok(None)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The next rightly signed chunk, in order.
    pub(super) fn next_proven(&mut self) -> Option<ProvenChunk> {
        self.proven.as_mut()?.pop_front()
    }

    /// All of them that are left, at the end.
    pub(super) fn rest_proven(&mut self) -> VecDeque<ProvenChunk> {
        self.proven.take().unwrap_or_default()
    }

    /// Takes data out of the input.
    fn decoded(&mut self) -> Result<Option<Bytes>, Fault> {
        if self.input.is_empty() {
            return Ok(None);
        }
        let data = self.framing.feed(&mut self.input)?;
        if let (Some(kept), Framing::Chunked(chunked)) = (&mut self.proven, &mut self.framing)
            && let Some(chunk) = chunked.take_proven()
        {
            kept.push_back(chunk);
        }
        Ok(data)
    }

    fn hold(&mut self, data: Bytes) -> Result<(), Fault> {
        self.checks.update(&data)?;
        self.held_octets = self.held_octets.saturating_add(data.len());
        self.held.push_back(data);
        self.gated = self.checks.may_be_all();
        if self.framing.is_proven() {
            self.free = self.held.len();
        }
        Ok(())
    }

    fn let_go(&mut self) -> Option<Bytes> {
        if self.gated && self.held.len() <= 1 {
            return None;
        }
        let too_much = self.held_octets > HELD_OCTETS || self.held.len() > HELD_PIECES;
        if self.free == 0 && !too_much {
            return None;
        }
        let data = self.held.pop_front()?;
        self.free = self.free.saturating_sub(1);
        self.held_octets = self.held_octets.saturating_sub(data.len());
        Some(data)
    }

    fn finish(&mut self) -> Result<Progress, Fault> {
        let trailer_value = self.framing.finish()?;
        let verified = self.checks.finish(trailer_value)?;
        Ok(Progress::End(verified, std::mem::take(&mut self.held)))
    }
}

/// A client that stopped, or sent what is no body. A fault that whoever read it has already named stays.
pub(super) fn broke_off(error: BoxError) -> Fault {
    match error.downcast::<Fault>() {
        Ok(fault) => *fault,
        Err(other) => Fault::plain(Code::IncompleteBody, "client-broke-off").detail(other.to_string()),
    }
}
