//! What goes to the protocol as the body of an answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::door::Turn;

/// What goes to the protocol: the service's body or the server's own, and the request's place among
/// those in flight, which is given back when the body ends.
#[derive(Debug)]
pub(super) struct Sent<B> {
    body: Whose<B>,
    _turn: Option<Turn>,
}

#[derive(Debug)]
enum Whose<B> {
    Server(Bytes),
    Service(B),
}

impl<B> Sent<B> {
    pub(super) fn own(body: Bytes, turn: Option<Turn>) -> Self {
        Self { body: Whose::Server(body), _turn: turn }
    }

    pub(super) fn service(body: B, turn: Turn) -> Self {
        Self { body: Whose::Service(body), _turn: Some(turn) }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Sent<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.get_mut().body {
            Whose::Server(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Whose::Service(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Whose::Server(bytes) => bytes.is_empty(),
            Whose::Service(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Whose::Server(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Whose::Service(body) => body.size_hint(),
        }
    }
}
