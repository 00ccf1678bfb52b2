//! What the body module promises, and the attacks it stops.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Body;

use super::{Contract, Duties, SealedBody, Unread};
use crate::s3::payload::{ChunkSignatures, Payload};
use crate::s3::{Code, Fault, Head};

mod encoder;
mod form;
mod framing;
mod lengths;
mod properties;
mod sealing;
pub(super) mod wire;

pub(super) const OBJECT: Duties =
    Duties { takes_body: true, needs_length: true, needs_checksum: false, checksums_of_body: true };
pub(super) const PLAIN_TRAILER: Payload = Payload::Chunks { signed: false, trailer: true };
pub(super) const SIGNED: Payload = Payload::Chunks { signed: true, trailer: false };
pub(super) const SIGNED_TRAILER: Payload = Payload::Chunks { signed: true, trailer: true };

/// The contract of a PUT with these headers.
pub(super) fn contract(payload: Payload, duties: Duties, lines: &[(&str, &str)]) -> Result<Contract, Fault> {
    let lines: Vec<(&[u8], &[u8])> = lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let head = Head { method: b"PUT", target: b"/b/k", lines: &lines, authority: None };
    let signed = matches!(payload, Payload::Chunks { signed: true, .. });
    let signatures = signed.then(|| Box::new(encoder::Chain::from(encoder::SEED)) as Box<dyn ChunkSignatures>);
    Contract::new(payload, signatures, &head, duties)
}

/// An object of this length on its way in.
pub(super) fn object(
    payload: Payload,
    length: usize,
    lines: &[(&str, &str)],
    body: wire::Wire,
) -> Result<SealedBody, Fault> {
    let length = length.to_string();
    let name =
        if matches!(payload, Payload::Chunks { .. }) { "x-amz-decoded-content-length" } else { "content-length" };
    let lines: Vec<(&str, &str)> = lines.iter().copied().chain([(name, &*length)]).collect();
    Unread::new(body).open(contract(payload, OBJECT, &lines)?)
}

/// Everything that left, and how it ended.
#[derive(Debug, PartialEq)]
pub(super) struct Left {
    pub(super) data: Vec<u8>,
    pub(super) end: Result<(), Code>,
}

/// Reads until the end or the first error.
pub(super) fn drain(body: &mut SealedBody) -> Left {
    let mut data = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(&mut *body).poll_frame(&mut cx) {
            Poll::Pending => {}
            Poll::Ready(None) => return Left { data, end: Ok(()) },
            Poll::Ready(Some(Ok(frame))) => data.extend_from_slice(&frame.into_data().unwrap()),
            Poll::Ready(Some(Err(fault))) => return Left { data, end: Err(fault.code()) },
        }
    }
}

/// What an object comes to, opened and read.
pub(super) fn read(payload: Payload, length: usize, lines: &[(&str, &str)], body: wire::Wire) -> Left {
    match object(payload, length, lines, body) {
        Ok(mut body) => drain(&mut body),
        Err(fault) => Left { data: Vec::new(), end: Err(fault.code()) },
    }
}

/// Runs a future that only waits for scripted bodies.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}

/// Octets that are not all alike.
pub(super) fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}

pub(super) fn whole(data: &[u8]) -> Left {
    Left { data: data.to_vec(), end: Ok(()) }
}

pub(super) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
