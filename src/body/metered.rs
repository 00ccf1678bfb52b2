//! Counting a body on its way out, and saying once how it ended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// How a body ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct End {
    /// Octets handed out.
    pub bytes: u64,
    /// All of it was.
    pub complete: bool,
    /// It broke off with an error of its own, rather than being dropped by its reader.
    pub failed: bool,
}

/// Who is told.
pub trait Tell: Unpin {
    /// Called once.
    fn tell(self, end: End);
}

/// A body that tells how it ended, exactly once: at its end, at an error, or when it is dropped before.
#[derive(Debug)]
pub struct Metered<B, F: Tell> {
    body: B,
    bytes: u64,
    tell: Option<F>,
}

impl<B: Body, F: Tell> Metered<B, F> {
    /// Wraps a body; `tell` is called once.
    pub fn new(body: B, tell: F) -> Self {
        Self { body, bytes: 0, tell: Some(tell) }
    }
}

impl<B, F: Tell> Metered<B, F> {
    fn tell(&mut self, complete: bool, failed: bool) {
        if let Some(tell) = self.tell.take() {
            tell.tell(End { bytes: self.bytes, complete, failed });
        }
    }
}

impl<B, F> Body for Metered<B, F>
where
    B: Body<Data = Bytes> + Unpin,
    F: Tell,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if self.body.is_end_stream() {
                    self.tell(true, false);
                }
            }
            Some(Err(_)) => self.tell(false, true),
            None => self.tell(true, false),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B, F: Tell> Drop for Metered<B, F> {
    fn drop(&mut self) {
        self.tell(false, false);
    }
}
