//! A body that breaks off where it is told to.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Hands a body on, up to so many octets if there is such a limit, and fails then if there is more. What it
/// promises is what the body promises.
#[derive(Debug)]
pub struct Cut<B> {
    body: B,
    left: Option<u64>,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nothing has happened yet.
    Whole,
    /// The last octet is with the reader, who may want to send it before it hears of the end.
    Last,
    /// It has broken off.
    Broken,
}

impl<B> Cut<B> {
    /// Breaks off after so many octets.
    pub fn new(body: B, after: Option<u64>) -> Self {
        Self { body, left: after, state: State::Whole }
    }
}

impl<B: Body<Data = Bytes, Error = io::Error> + Unpin> Body for Cut<B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        match this.state {
            State::Whole => {}
            State::Last => {
                this.state = State::Broken;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            State::Broken => return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut")))),
        }
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        let (Some(left), Some(Ok(found))) = (&mut this.left, &frame) else { return Poll::Ready(frame) };
        let Some(data) = found.data_ref() else { return Poll::Ready(frame) };
        let length = data.len() as u64;
        if length <= *left {
            *left -= length;
            return Poll::Ready(frame);
        }
        this.state = State::Last;
        let last = data.slice(..usize::try_from(*left).unwrap_or_default());
        Poll::Ready(Some(Ok(Frame::data(last))))
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Whole && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[test]
    fn it_breaks_off_where_it_is_told_to_and_promises_all() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (after, expected, breaks) in [(None, 5, false), (Some(5), 5, false), (Some(3), 3, true), (Some(0), 0, true)]
        {
            let full = Full::new(Bytes::from_static(b"12345")).map_err(|never| match never {});
            let mut body = Cut::new(full, after);
            assert_eq!(body.size_hint().exact(), Some(5));
            let (mut octets, mut broken) = (0, false);
            while let Some(frame) = runtime.block_on(body.frame()) {
                match frame {
                    Ok(frame) => octets += frame.into_data().unwrap().len(),
                    Err(_) => broken = true,
                }
                if broken {
                    break;
                }
                assert!(!breaks || !body.is_end_stream());
            }
            assert_eq!((octets, broken), (expected, breaks), "{after:?}");
        }
    }
}
