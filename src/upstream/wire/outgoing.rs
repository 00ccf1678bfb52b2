//! The body on its way to a store: the sealed data, plain or in aws-chunked frames with the checksum
//! behind it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

use super::signed::Signed;
use crate::body::SealedBody;
use crate::s3::Fault;
use crate::s3::checksum::Algorithm;

/// Data of one aws-chunked frame. A frame spans many pieces of the incoming body, so nothing is
/// copied, and with a fixed size the encoded length is known before the first octet. Stores limit
/// frames to 16 MiB and demand at least 8 KiB.
const FRAME: u64 = 1024 * 1024;

/// What hyper sends.
#[derive(Debug)]
pub enum Outgoing {
    /// The decoded data with its length.
    Plain(SealedBody),
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
    Framed(Box<Framed>),
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`, with or without a trailer.
    Signed(Box<Signed>),
}

/// The aws-chunked encoder (spec/sigv4.md 8.2, unsigned, with a checksum trailer).
#[derive(Debug)]
pub struct Framed {
    data: SealedBody,
    algorithm: Algorithm,
    /// Data octets that no frame head has announced yet.
    unannounced: u64,
    /// Data octets missing from the frame that is open.
    missing: u64,
    encoded_length: u64,
    sent: u64,
    ready: VecDeque<Bytes>,
    ended: bool,
}

impl Framed {
    /// Frames `data`, whose checksum of this kind is known only after its end.
    pub fn new(data: SealedBody, algorithm: Algorithm) -> Self {
        let length = data.decoded_length();
        let encoded_length = encoded_length(length, algorithm);
        Self {
            data,
            algorithm,
            unannounced: length,
            missing: 0,
            encoded_length,
            sent: 0,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    /// Octets on the wire, framing and trailer included.
    pub fn encoded_length(&self) -> u64 {
        self.encoded_length
    }

    /// Wraps a piece of data into frames.
    fn push(&mut self, mut piece: Bytes) {
        while piece.has_remaining() {
            if self.missing == 0 {
                self.missing = self.unannounced.min(FRAME);
                self.unannounced -= self.missing;
                self.ready.push_back(Bytes::from(format!("{:x}\r\n", self.missing)));
            }
            let take = usize::try_from(self.missing).map_or(piece.len(), |missing| missing.min(piece.len()));
            self.missing -= take as u64;
            self.ready.push_back(piece.split_to(take));
            if self.missing == 0 {
                self.ready.push_back(Bytes::from_static(b"\r\n"));
            }
        }
    }

    /// The final frame and the trailer; only called when the seal has let the last data go.
    fn finish(&mut self) -> Result<(), Fault> {
        let value = self.data.checksum().and_then(|(_, value)| value).ok_or_else(|| {
            Fault::plain(crate::s3::Code::InternalError, "missing-checksum").detail("the seal ended without a checksum")
        })?;
        self.ended = true;
        self.ready.push_back(Bytes::from(format!("0\r\n{}:{}\r\n\r\n", self.algorithm.header(), value.to_base64())));
        Ok(())
    }

    fn next_ready(&mut self) -> Option<Bytes> {
        let piece = self.ready.pop_front()?;
        self.sent += piece.len() as u64;
        Some(piece)
    }
}

fn encoded_length(data: u64, algorithm: Algorithm) -> u64 {
    let frame = |size: u64| hex_digits(size) + 2 + size + 2;
    let rest = data % FRAME;
    let trailer = algorithm.header().len() as u64 + 1 + base64_length(algorithm.raw_length() as u64) + 2;
    (data / FRAME) * frame(FRAME) + if rest > 0 { frame(rest) } else { 0 } + 3 + trailer + 2
}

pub(super) fn hex_digits(size: u64) -> u64 {
    u64::from((64 - size.leading_zeros()).div_ceil(4).max(1))
}

pub(super) fn base64_length(raw: u64) -> u64 {
    raw.div_ceil(3) * 4
}

impl Body for Framed {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            if let Some(piece) = self.next_ready() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match std::task::ready!(Pin::new(&mut self.data).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        self.push(piece);
                    }
                }
                Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                None => {
                    if let Err(fault) = self.finish() {
                        return Poll::Ready(Some(Err(fault)));
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.ready.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.encoded_length.saturating_sub(self.sent))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match self.get_mut() {
            Self::Plain(body) => Pin::new(body).poll_frame(cx),
            Self::Framed(body) => Pin::new(body.as_mut()).poll_frame(cx),
            Self::Signed(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_end_stream(),
            Self::Framed(body) => body.is_end_stream(),
            Self::Signed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(body) => body.size_hint(),
            Self::Framed(body) => body.size_hint(),
            Self::Signed(body) => body.size_hint(),
        }
    }
}
