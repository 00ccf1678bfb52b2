//! A body as it comes off a connection: frames, pauses, trailers, errors.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

#[derive(Debug)]
enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Wait,
    Break,
}

/// The error of a broken connection.
#[derive(Debug)]
pub(crate) struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connection reset")
    }
}

impl std::error::Error for Reset {}

/// A scripted body.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    steps: VecDeque<Step>,
    over: bool,
    promised: Option<u64>,
}

impl Wire {
    pub(crate) fn of<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Self {
        let steps = pieces.into_iter().map(|piece| Step::Data(Bytes::copy_from_slice(piece.as_bytes()))).collect();
        Self { steps, ..Self::default() }
    }

    /// Cuts `data` at these places.
    pub(crate) fn cut(data: &[u8], cuts: impl IntoIterator<Item = usize>) -> Self {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(data.len())).collect();
        cuts.extend([0, data.len()]);
        cuts.sort_unstable();
        let steps = cuts.windows(2).map(|pair| Step::Data(Bytes::copy_from_slice(&data[pair[0]..pair[1]]))).collect();
        Self { steps, ..Self::default() }
    }

    /// In pieces of one size.
    pub(crate) fn pieces(data: &[u8], size: usize) -> Self {
        Self::cut(data, (size..data.len()).step_by(size))
    }

    pub(crate) fn broken(mut self) -> Self {
        self.steps.push_back(Step::Break);
        self
    }

    pub(crate) fn trailers(mut self, fields: HeaderMap) -> Self {
        self.steps.push_back(Step::Trailers(fields));
        self
    }

    /// Pauses between all its steps.
    pub(crate) fn slow(mut self) -> Self {
        self.steps = self.steps.into_iter().flat_map(|step| [Step::Wait, step]).collect();
        self
    }

    pub(crate) fn over(mut self) -> Self {
        self.over = true;
        self
    }

    pub(crate) fn promising(mut self, length: u64) -> Self {
        self.promised = Some(length);
        self
    }
}

impl Body for Wire {
    type Data = Bytes;
    type Error = Reset;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        match self.steps.pop_front() {
            Some(Step::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Step::Trailers(fields)) => Poll::Ready(Some(Ok(Frame::trailers(fields)))),
            Some(Step::Break) => Poll::Ready(Some(Err(Reset))),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }

    fn size_hint(&self) -> SizeHint {
        self.promised.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
