//! What goes back to the client.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{HeaderName, SERVER};
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};

use super::open::Closing;
use crate::body::{Cut, Metered};
use crate::id::RequestId;
use crate::upstream::sealed::Opened;
use crate::upstream::wire::{Download, Late};
use crate::upstream::{Reply, ReplyBody};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");

/// The body of an answer; when it ends, so does the record.
#[derive(Debug)]
pub struct Answer(Kind);

#[derive(Debug)]
enum Kind {
    Empty,
    Full(Option<Bytes>),
    Late(Metered<Cut<Box<Late>>, Closing>),
    Opened(Metered<Cut<Box<Opened>>, Closing>),
    /// Not whole, and never to be: it breaks the connection.
    Broken,
    Stream(Metered<Cut<UnsyncBoxBody<Bytes, io::Error>>, Closing>),
    Wire(Metered<Cut<Box<Download>>, Closing>),
}

impl Answer {
    pub(super) fn empty() -> Self {
        Self(Kind::Empty)
    }

    pub(super) fn full(data: Bytes) -> Self {
        Self(Kind::Full(Some(data).filter(|data| !data.is_empty())))
    }
}

/// Turns a store's reply into the answer; its record closes with the body. `cut`: it breaks off after so many
/// octets.
pub(super) fn response(reply: Reply, id: &RequestId, mut closing: Closing, cut: Option<u64>) -> Response<Answer> {
    let Reply { status, headers, body, .. } = reply;
    let body = match body {
        // Only what is read piece by piece can break off.
        ReplyBody::Full(data) if cut.is_some_and(|cut| cut < data.len() as u64) => {
            ReplyBody::Stream(Full::new(data).map_err(|never| match never {}).boxed_unsync())
        }
        body => body,
    };
    let body = match body {
        ReplyBody::Empty => {
            closing.end_now(0);
            Kind::Empty
        }
        ReplyBody::Full(data) => {
            closing.end_now(data.len() as u64);
            Kind::Full(Some(data).filter(|data| !data.is_empty()))
        }
        ReplyBody::Late(late) => {
            closing.await_error(late.error());
            Kind::Late(Metered::new(Cut::new(late, cut), closing))
        }
        ReplyBody::Opened(opened) => Kind::Opened(Metered::new(Cut::new(opened, cut), closing)),
        // Told as a fault before it comes here; what cannot be opened is never answered as if it were empty.
        ReplyBody::Withheld(_) => Kind::Broken,
        ReplyBody::Stream(stream) => Kind::Stream(Metered::new(Cut::new(stream, cut), closing)),
        ReplyBody::Wire(download) => Kind::Wire(Metered::new(Cut::new(download, cut), closing)),
    };
    let mut response = Response::new(Answer(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    stamp(response.headers_mut(), id);
    response
}

/// What every answer carries, written over what a store may have said there.
pub(super) fn stamp(headers: &mut HeaderMap, id: &RequestId) {
    headers.insert(SERVER, HeaderValue::from_static("Bartizan"));
    for (name, value) in [(REQUEST_ID, id.as_bytes()), (HOST_ID, id.host_bytes())] {
        match HeaderValue::from_bytes(value) {
            Ok(value) => drop(headers.insert(name, value)),
            Err(_) => drop(headers.remove(name)),
        }
    }
}

/// What every answer of the token service carries on top.
pub(super) fn stamp_sts(headers: &mut HeaderMap, id: &RequestId) {
    stamp(headers, id);
    if let Ok(value) = HeaderValue::from_str(&id.uuid()) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), value);
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut self.get_mut().0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(data) => Poll::Ready(data.take().map(|data| Ok(Frame::data(data)))),
            Kind::Late(body) => Pin::new(body).poll_frame(cx),
            Kind::Opened(body) => Pin::new(body).poll_frame(cx),
            Kind::Broken => Poll::Ready(Some(Err(io::Error::other("what is stored cannot be opened")))),
            Kind::Stream(body) => Pin::new(body).poll_frame(cx),
            Kind::Wire(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(data) => data.is_none(),
            Kind::Late(body) => body.is_end_stream(),
            Kind::Opened(body) => body.is_end_stream(),
            Kind::Broken => false,
            Kind::Stream(body) => body.is_end_stream(),
            Kind::Wire(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(data) => SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64)),
            Kind::Late(body) => body.size_hint(),
            Kind::Opened(body) => body.size_hint(),
            Kind::Broken => SizeHint::default(),
            Kind::Stream(body) => body.size_hint(),
            Kind::Wire(body) => body.size_hint(),
        }
    }
}
