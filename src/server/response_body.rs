//! The body of an answer, and whoever wants to know how it ended.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

use super::door::Turn;

/// What is told when an answer's body has been handed over or given up.
pub trait Completion {
    /// Called exactly once, at the end or at the drop of the body. `sent` counts octets of body.
    fn completed(self, ended: Ended, sent: u64);
}

/// How an answer's body ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// All of it was handed to the connection.
    Complete,
    /// The client, or the connection, was gone before.
    Dropped,
    /// The source of the body failed.
    Failed,
}

impl Completion for () {
    fn completed(self, _: Ended, _: u64) {}
}

impl<F: FnOnce(Ended, u64)> Completion for F {
    fn completed(self, ended: Ended, sent: u64) {
        self(ended, sent);
    }
}

/// The body of an answer: nothing, everything, or a stream; and a [`Completion`].
///
/// Nothing here is boxed except what the caller boxes.
#[derive(Debug)]
pub struct ResponseBody<G: Completion = ()> {
    source: Source,
    sent: u64,
    guard: Option<G>,
}

/// Where the octets come from.
#[derive(Debug, Default)]
pub enum Source {
    /// Nothing.
    #[default]
    Empty,
    /// All of it.
    Full(Bytes),
    /// Another server.
    Wire(Incoming),
    /// Elsewhere. An error breaks the connection to the client.
    Stream(UnsyncBoxBody<Bytes, io::Error>),
}

impl ResponseBody<()> {
    /// No body.
    pub fn empty() -> Self {
        Self::new(Source::Empty)
    }

    /// All of it, at once.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::new(Source::Full(bytes.into()))
    }

    /// A body that nobody waits for.
    pub fn new(source: Source) -> Self {
        Self { source, sent: 0, guard: None }
    }
}

impl<G: Completion> ResponseBody<G> {
    /// A body whose end is told.
    pub fn guarded(source: Source, guard: G) -> Self {
        Self { source, sent: 0, guard: Some(guard) }
    }

    fn complete(&mut self, ended: Ended) {
        if let Some(guard) = self.guard.take() {
            guard.completed(ended, self.sent);
        }
    }
}

impl<G: Completion> Drop for ResponseBody<G> {
    fn drop(&mut self) {
        // A body without octets is never polled; it is complete when it is let go.
        let ended = if Source::is_end(&self.source) { Ended::Complete } else { Ended::Dropped };
        self.complete(ended);
    }
}

impl Source {
    fn is_end(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Wire(incoming) => incoming.is_end_stream(),
            Self::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Wire(incoming) => Pin::new(incoming).poll_frame(cx).map_err(io::Error::other),
            Self::Stream(stream) => Pin::new(stream).poll_frame(cx),
        }
    }
}

impl<G: Completion + Unpin> Body for ResponseBody<G> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        let polled = this.source.poll(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let count = frame.data_ref().map_or(0, |data| data.len() as u64);
                this.sent = this.sent.saturating_add(count);
            }
            Poll::Ready(Some(Err(_))) => this.complete(Ended::Failed),
            Poll::Ready(None) => this.complete(Ended::Complete),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Empty => SizeHint::with_exact(0),
            Source::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Wire(incoming) => incoming.size_hint(),
            Source::Stream(stream) => stream.size_hint(),
        }
    }
}

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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use http_body_util::BodyExt;

    use super::*;

    type Told = Rc<RefCell<Vec<(Ended, u64)>>>;

    fn guarded(source: Source) -> (ResponseBody<impl Completion + Unpin>, Told) {
        let told = Told::default();
        let listener = Rc::clone(&told);
        (ResponseBody::guarded(source, move |ended, sent| listener.borrow_mut().push((ended, sent))), told)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn failing() -> Source {
        let frames = [Ok(Frame::data(Bytes::from_static(b"ab"))), Err(io::Error::other("gone"))];
        Source::Stream(UnsyncBoxBody::new(Frames(frames.into())))
    }

    struct Frames(std::collections::VecDeque<Result<Frame<Bytes>, io::Error>>);

    impl Body for Frames {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            Poll::Ready(self.0.pop_front())
        }
    }

    #[test]
    fn the_end_of_an_answer_is_told_exactly_once() {
        let (body, told) = guarded(Source::Full(Bytes::from_static(b"abc")));
        assert_eq!(run(body.collect()).unwrap().to_bytes(), "abc");
        assert_eq!(*told.borrow(), [(Ended::Complete, 3)]);

        let (body, told) = guarded(Source::Empty);
        drop(body);
        assert_eq!(*told.borrow(), [(Ended::Complete, 0)]);

        let (body, told) = guarded(Source::Full(Bytes::from_static(b"abc")));
        drop(body);
        assert_eq!(*told.borrow(), [(Ended::Dropped, 0)]);

        let (body, told) = guarded(failing());
        assert!(run(body.collect()).is_err());
        assert_eq!(*told.borrow(), [(Ended::Failed, 2)]);
    }
}
