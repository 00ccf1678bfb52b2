//! The body of a request, with an end to waiting.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use super::wire::Wire;
use crate::s3::{Code, Fault};

/// The body of a request as it comes off the wire; reading it may send `100 Continue`.
///
/// Invariants:
/// - nothing is asked of the client before the first poll;
/// - waiting for the client ends after the listener's `body_idle`, give or take a quarter;
/// - there are only data frames: trailers of HTTP/1.1 and HTTP/2 are dropped (spec/sigv4.md 16, 20);
/// - a request without a body costs nothing here, one that never waits sets no timer.
#[derive(Debug)]
pub struct TimedBody {
    inner: Option<Incoming>,
    wire: Option<Rc<Wire>>,
    idle: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    quiet: u8,
}

/// Quarters of the limit that pass before the body counts as stalled.
const QUIET: u8 = 4;

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client stopped sending.
    #[error("the client stopped sending")]
    Idle,
    /// The connection or its framing broke.
    #[error("the request body broke off: {0}")]
    Broken(#[source] hyper::Error),
}

impl BodyError {
    /// What the client is told: `RequestTimeout` or `IncompleteBody`, both 400.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Idle => Fault::plain(Code::RequestTimeout, "body-idle"),
            Self::Broken(error) => Fault::plain(Code::IncompleteBody, "body-broken").detail(error.to_string()),
        }
    }
}

impl TimedBody {
    /// A body that is nothing.
    pub fn empty() -> Self {
        Self { inner: None, wire: None, idle: Duration::ZERO, timer: None, quiet: 0 }
    }

    pub(super) fn new(inner: Incoming, wire: Rc<Wire>, idle: Duration) -> Self {
        Self { inner: Some(inner), wire: Some(wire), idle, timer: None, quiet: 0 }
    }

    /// No data has come: has the client been quiet for too long? The timer runs through, whether or
    /// not data comes in between; only when it fires is anything counted.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let quarter = self.idle / u32::from(QUIET);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(quarter)));
        while timer.as_mut().poll(cx).is_ready() {
            self.quiet += 1;
            if self.quiet > QUIET {
                self.inner = None;
                return Poll::Ready(Some(Err(BodyError::Idle)));
            }
            timer.as_mut().reset(Instant::now() + quarter);
        }
        Poll::Pending
    }

    fn finish(&mut self) {
        (self.inner, self.timer) = (None, None);
        if let Some(wire) = self.wire.take() {
            wire.uploaded();
        }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        match Pin::new(&mut *inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {
                this.finish();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Ok(frame))) => {
                this.quiet = 0;
                if inner.is_end_stream() {
                    this.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.inner = None;
                Poll::Ready(Some(Err(BodyError::Broken(error))))
            }
            Poll::Ready(None) => {
                this.finish();
                Poll::Ready(None)
            }
            Poll::Pending => this.wait(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}
