//! Streams stored data: pieces of bounded size, one read ahead, as fast as the client takes them.

use std::collections::VecDeque;
use std::fs::File;
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
use super::files::{self, Files, Pinned};
use super::intake::PIECE;
use super::pool::Pool;
use super::record::BlobId;

/// A stretch of stored octets.
#[derive(Clone, Debug)]
pub(super) enum Span {
    /// In memory already.
    Memory(Bytes),
    /// In a file.
    File { id: BlobId, from: u64, length: u64 },
}

impl Span {
    fn length(&self) -> u64 {
        match self {
            Self::Memory(octets) => u64::try_from(octets.len()).unwrap_or(u64::MAX),
            Self::File { length, .. } => *length,
        }
    }
}

/// Reads spans one after the other. Its files stay in place until it goes.
pub(super) struct Source {
    spans: VecDeque<Span>,
    /// The file of the first span, once open, positioned at its start.
    open: Option<File>,
    files: Arc<Files>,
    _pinned: Pinned,
}

impl Source {
    /// Opens the first file at once, so that a missing one is known before anything is answered.
    pub(super) fn open(spans: Vec<Span>, files: &Arc<Files>, pinned: Pinned) -> io::Result<Self> {
        let mut source = Self { spans: spans.into(), open: None, files: Arc::clone(files), _pinned: pinned };
        source.open_first()?;
        Ok(source)
    }

    pub(super) fn length(&self) -> u64 {
        self.spans.iter().fold(0, |sum, span| sum.saturating_add(span.length()))
    }

    fn open_first(&mut self) -> io::Result<()> {
        if let (None, Some(Span::File { id, from, .. })) = (&self.open, self.spans.front()) {
            self.open = Some(self.files.read(id, *from)?);
        }
        Ok(())
    }

    /// The next piece; empty at the end.
    fn read(&mut self) -> io::Result<Bytes> {
        self.open_first()?;
        let piece = match (self.spans.front_mut(), &self.open) {
            (Some(Span::Memory(octets)), _) => std::mem::take(octets),
            (Some(Span::File { length, from, .. }), Some(file)) => {
                let now = usize::try_from(*length).unwrap_or(PIECE).min(PIECE);
                let piece = files::read_piece(file, now)?;
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
        self.state = if source.spans.is_empty() {
            State::Over
        } else {
            match self.pool.try_submit(read_next(source)) {
                Ok(told) => State::Reading(Box::pin(async { told.await.map_err(|_| StoreError::Closed) })),
                Err(job) => State::Waiting(Box::new(job)),
            }
        };
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
                    let (source, piece) = done.map_err(io::Error::other)??;
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
