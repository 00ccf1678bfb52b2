//! Streams stored data: pieces of bounded size, one read ahead, as fast as the client takes them.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::s3::Fault;

use super::StoreError;
use super::fault::Halt;
use super::files::{Files, Pinned};
use super::layers::{ObjectKeys, Octets};
use super::pool::Pool;
use super::record::Blob;
use crate::seal::Broken;

/// How much is read in one go; what is wrong in the first piece is told by a clean error.
const PIECE: usize = 256 << 10;

/// A stretch of stored octets.
#[derive(Clone, Debug)]
pub(super) enum Span {
    /// In memory already.
    Memory(Bytes),
    /// In a file.
    File { blob: Blob, from: u64, length: u64 },
}

impl Span {
    fn length(&self) -> u64 {
        match self {
            Self::Memory(octets) => u64::try_from(octets.len()).unwrap_or(u64::MAX),
            Self::File { length, .. } => *length,
        }
    }
}

/// What opens the data of an object.
#[derive(Clone, Default)]
pub(super) struct Opening {
    /// None for what lies there as it came.
    pub(super) keys: Option<ObjectKeys>,
    pub(super) multipart: bool,
}

/// Reads spans one after the other. Its files stay in place until it goes.
pub(super) struct Source {
    spans: VecDeque<Span>,
    /// The file of the first span, once open.
    open: Option<Octets>,
    /// What has been read already.
    ready: Option<Bytes>,
    opening: Opening,
    files: Arc<Files>,
    _pinned: Pinned,
}

impl Source {
    /// Reads the first piece at once, so that a file that is missing or was altered is known before anything
    /// is answered.
    pub(super) fn open(spans: Vec<Span>, opening: Opening, files: &Arc<Files>, pinned: Pinned) -> io::Result<Self> {
        let files = Arc::clone(files);
        let mut source = Self { spans: spans.into(), open: None, ready: None, opening, files, _pinned: pinned };
        source.ready = Some(source.read()?);
        Ok(source)
    }

    pub(super) fn length(&self) -> u64 {
        let ready = self.ready.as_ref().map_or(0, |ready| u64::try_from(ready.len()).unwrap_or(u64::MAX));
        self.spans.iter().fold(ready, |sum, span| sum.saturating_add(span.length()))
    }

    /// Whether everything has been read.
    fn is_over(&self) -> bool {
        self.spans.is_empty() && self.ready.is_none()
    }

    fn open_first(&mut self) -> io::Result<()> {
        if let (None, Some(Span::File { blob, .. })) = (&self.open, self.spans.front()) {
            let file = Octets::File(self.files.read(&blob.id)?);
            self.open = Some(file.open(blob, self.opening.keys.as_ref(), self.opening.multipart)?);
        }
        Ok(())
    }

    /// The next piece; empty at the end.
    fn read(&mut self) -> io::Result<Bytes> {
        if let Some(ready) = self.ready.take() {
            return Ok(ready);
        }
        self.open_first()?;
        let piece = match (self.spans.front_mut(), &self.open) {
            (Some(Span::Memory(octets)), _) => std::mem::take(octets),
            (Some(Span::File { length, from, .. }), Some(file)) => {
                // Up to where a segment ends, so that none is opened twice.
                let inside = usize::try_from(*from % PIECE as u64).unwrap_or_default();
                let now = usize::try_from(*length).unwrap_or(PIECE).min(PIECE.saturating_sub(inside));
                let piece = file.read(*from, now)?;
                let taken = u64::try_from(now).unwrap_or(u64::MAX);
                *length = length.saturating_sub(taken);
                *from = from.saturating_add(taken);
                Bytes::from(piece)
            }
            _ => Bytes::new(),
        };
        if self.spans.front().is_some_and(|span| span.length() == 0) {
            self.spans.pop_front();
            self.open = None;
        }
        Ok(piece)
    }
}

type Reading = Pin<Box<dyn Future<Output = Result<io::Result<(Source, Bytes)>, StoreError>> + Send>>;

/// A [`Source`] as a body: reads happen on the store's threads, one piece ahead of the client.
pub(super) struct Outgo {
    state: State,
    pool: Pool,
    remaining: u64,
}

enum State {
    /// A read that could not be started ahead of time.
    Waiting(Box<dyn FnOnce() -> io::Result<(Source, Bytes)> + Send>),
    Reading(Reading),
    Over,
}

impl Outgo {
    pub(super) fn new(source: Source, pool: Pool) -> Self {
        let remaining = source.length();
        Self { state: State::Waiting(Box::new(read_next(source))), pool, remaining }
    }

    /// Reads on if there is more and a thread will soon have time; otherwise when a piece is asked for.
    fn read_ahead(&mut self, source: Source) {
        self.state = if source.is_over() {
            State::Over
        } else {
            match self.pool.try_submit(read_next(source)) {
                Ok(told) => State::Reading(Box::pin(async { told.await.map_err(|_| StoreError::Closed) })),
                Err(job) => State::Waiting(Box::new(job)),
            }
        };
    }
}

/// The answer has begun: that it breaks off is all that the client learns.
fn report(error: &io::Error) {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Broken>()) {
        Some(broken) => tracing::error!(%broken, "SealBroken: stored data was altered, and the answer breaks off"),
        None => tracing::error!(%error, "stored data cannot be read, and the answer breaks off"),
    }
}

fn read_next(mut source: Source) -> impl FnOnce() -> io::Result<(Source, Bytes)> + Send + 'static {
    move || source.read().map(|piece| (source, piece))
}

impl Body for Outgo {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Waiting(job) => {
                    let pool = this.pool.clone();
                    this.state = State::Reading(Box::pin(async move { pool.run(job).await }));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(done) = reading.as_mut().poll(cx) else {
                        this.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let (source, piece) = done.map_err(io::Error::other)?.inspect_err(report)?;
                    this.remaining = this.remaining.saturating_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX));
                    this.read_ahead(source);
                    if !piece.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// Stored data on its way into another object: a body whose failures are the store's.
pub(super) enum Inward {
    Memory(Bytes),
    Stored(Outgo),
}

impl Body for Inward {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut *self {
            Self::Memory(octets) if octets.is_empty() => Poll::Ready(None),
            Self::Memory(octets) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(octets))))),
            Self::Stored(outgo) => {
                let frame = ready!(Pin::new(outgo).poll_frame(cx));
                let broken = |error| Halt::broken(&StoreError::File("copy source", error));
                Poll::Ready(frame.map(|frame| frame.map_err(broken)))
            }
        }
    }
}
