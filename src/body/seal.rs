//! The seal around a body.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::s3::Fault;

/// A body nobody may poll yet.
#[derive(Debug)]
pub struct Unread<B>(#[expect(dead_code, reason = "stub")] B);

/// Decoded object data that checks itself: the last frame appears only when everything holds.
#[derive(Debug)]
pub struct SealedBody {}

/// What became of a sealed body; shared with whoever must answer the client.
#[derive(Clone, Debug)]
pub struct Verdict {}

impl Body for SealedBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        Poll::Ready(None)
    }
}
