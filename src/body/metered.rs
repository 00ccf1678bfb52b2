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

/// Who is told. A closure will do.
pub trait Tell: Unpin {
    /// Called once.
    fn tell(self, end: End);
}

impl<F: FnOnce(End) + Unpin> Tell for F {
    fn tell(self, end: End) {
        self(end);
    }
}

/// A body that tells how it ended, exactly once: at its end, at an error, or when it is dropped.
///
/// A reader may drop a body without asking for its end once it knows that nothing is left. So a body
/// that is over, or has given as many octets as it promised, is complete whoever drops it.
#[derive(Debug)]
pub struct Metered<B: Body, F: Tell> {
    body: B,
    bytes: u64,
    promised: Option<u64>,
    tell: Option<F>,
}

impl<B: Body, F: Tell> Metered<B, F> {
    /// Wraps a body; `tell` is called once.
    pub fn new(body: B, tell: F) -> Self {
        let promised = body.size_hint().exact();
        Self { body, bytes: 0, promised, tell: Some(tell) }
    }

    fn is_over(&self) -> bool {
        self.body.is_end_stream() || self.promised == Some(self.bytes)
    }

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
                self.bytes = self.bytes.saturating_add(frame.data_ref().map_or(0, |data| data.len() as u64));
                if self.body.is_end_stream() {
                    self.tell(true, false);
                }
            }
            Some(Err(_)) => self.tell(false, true),
            None => {
                let whole = self.promised.is_none_or(|promised| promised == self.bytes);
                self.tell(whole, false);
            }
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

impl<B: Body, F: Tell> Drop for Metered<B, F> {
    fn drop(&mut self) {
        let over = self.is_over();
        self.tell(over, false);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::task::Waker;

    use super::super::tests::wire::Wire;
    use super::*;

    /// Polls so many frames, drops the body, and says what was told.
    fn ended(body: Wire, frames: usize) -> Vec<End> {
        let told = Rc::new(RefCell::new(Vec::new()));
        let ear = Rc::clone(&told);
        let mut body = Metered::new(body, move |end| ear.borrow_mut().push(end));
        for _ in 0..frames {
            let _ = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
        }
        drop(body);
        told.take()
    }

    #[test]
    fn the_end_is_told_exactly_once() {
        let end = |bytes, complete, failed| vec![End { bytes, complete, failed }];
        assert_eq!(ended(Wire::of(["ab", "c"]), 0), end(0, false, false), "dropped unread");
        assert_eq!(ended(Wire::of(["ab", "c"]), 1), end(2, false, false), "dropped half-way");
        assert_eq!(ended(Wire::of(["ab", "c"]), 3), end(3, true, false), "read to its end");
        assert_eq!(ended(Wire::of(["ab", "c"]), 9), end(3, true, false), "asked again after its end");
        assert_eq!(ended(Wire::of(["ab"]).broken(), 9), end(2, false, true), "broke off");
        assert_eq!(ended(Wire::of([]).over(), 0), end(0, true, false), "nothing to read");
        assert_eq!(ended(Wire::of(["ab", "c"]).promising(3), 2), end(3, true, false), "the promised length was read");
        assert_eq!(ended(Wire::of(["ab"]).promising(3), 9), end(2, false, false), "ended short of its promise");
        assert_eq!(ended(Wire::of([]).promising(0), 0), end(0, true, false), "promised nothing");
    }
}
