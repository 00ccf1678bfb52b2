//! A body under way: decoded, hashed, and held back where it has not been proven.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;

use super::BoxError;
use super::checks::Checks;
use super::chunked::{Chunked, Event};
use super::seal::Verified;
use super::verdict::Verdict;
use crate::s3::{Code, Fault};

/// Of a signed chunk so much is held until its signature has been checked; what is longer goes on
/// before, under the commit gate (spec/sigv4.md 8.5).
const HELD_OCTETS: usize = 64 * 1024;
/// The same in pieces, because a short piece may keep a long buffer alive.
const HELD_PIECES: usize = 64;
/// Frames taken at one go without anything to show for it.
const PATIENCE: usize = 1024;

/// The incoming body, type erased. Not `Send`: a connection stays with its worker.
pub(super) type Incoming = Pin<Box<dyn Body<Data = Bytes, Error = BoxError>>>;

/// A body under way.
pub(super) struct Flow {
    incoming: Incoming,
    checks: Checks,
    chunked: Option<Chunked>,
    /// Octets not yet decoded.
    input: Bytes,
    /// Decoded pieces not yet handed out.
    held: VecDeque<Bytes>,
    held_octets: usize,
    /// How many pieces at the front may go.
    free: usize,
    /// The last held piece may hold the last octet of all, which waits for the verdict.
    gated: bool,
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
    pub(super) fn new(incoming: Incoming, checks: Checks, chunked: Option<Chunked>) -> Self {
        Self {
            incoming,
            checks,
            chunked,
            input: Bytes::new(),
            held: VecDeque::new(),
            held_octets: 0,
            free: 0,
            gated: false,
        }
    }

    /// The next piece of data, or the evidence that there is no more and all of it held.
    pub(super) fn poll(&mut self, verdict: &Verdict, cx: &mut Context<'_>) -> Poll<Result<Progress, Fault>> {
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

    fn hold(&mut self, data: Bytes) -> Result<(), Fault> {
        self.checks.update(&data)?;
        self.held_octets = self.held_octets.saturating_add(data.len());
        self.held.push_back(data);
        self.gated = self.checks.may_be_all();
        if self.chunked.as_ref().is_none_or(Chunked::is_proven) {
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
        let trailer_value = match &self.chunked {
            Some(chunked) => {
                chunked.finish()?;
                chunked.trailer_value()
            }
            None => None,
        };
        let verified = self.checks.finish(trailer_value)?;
        Ok(Progress::End(verified, std::mem::take(&mut self.held)))
    }
}

/// A client that stopped, or sent what is no body. A fault that whoever read it has already named stays.
fn broke_off(error: BoxError) -> Fault {
    match error.downcast::<Fault>() {
        Ok(fault) => *fault,
        Err(other) => Fault::plain(Code::IncompleteBody, "client-broke-off").detail(other.to_string()),
    }
}
