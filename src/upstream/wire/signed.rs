//! The body on its way to a store in signed chunks (spec/sigv4.md 8.2 to 8.4, 17).
//!
//! A chunk's signature stands in front of its data, so a whole frame is held before it leaves. Frames have
//! one size, taken from the client's first chunk where that is not too long to hold: then the boundaries
//! are the client's own, and the hash that was just compared is signed again. Where they are not, a frame
//! is hashed here. With one size the encoded length is known before the first octet.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use ring::digest::{self, SHA256};

use super::outgoing::{base64_length, hex_digits};
use crate::body::SealedBody;
use crate::s3::checksum::Algorithm;
use crate::s3::payload::ProvenChunk;
use crate::s3::{Code, Fault};
use crate::sigv4::ChunkSigner;

/// The longest frame that is held: the client's chunks up to this size keep their boundaries.
const LONGEST_FRAME: u64 = 1024 * 1024;
/// The size where the client's is not usable.
const OWN_FRAME: u64 = 64 * 1024;
/// The shortest frame that may be followed by another (spec/sigv4.md 8.2).
const SHORTEST_FRAME: u64 = 8192;
/// Pieces of one frame that are kept as they came; more are copied together, because a short piece may keep
/// a long buffer alive.
const MOST_PIECES: usize = 256;
/// `;chunk-signature=`, the digits, the line end.
const EXTENSION: u64 = 17 + 64 + 2;
/// `x-amz-trailer-signature:`, the digits, the line end.
const TRAILER_SIGNATURE: u64 = 24 + 64 + 2;

/// The aws-chunked encoder with signatures.
pub struct Signed {
    data: SealedBody,
    /// The checksum that follows in the trailer.
    trailer: Option<Algorithm>,
    signer: Option<ChunkSigner>,
    frame: u64,
    /// Data octets not yet in a frame that has left.
    left: u64,
    /// The pieces of the frame that is being gathered.
    gathered: VecDeque<Bytes>,
    gathered_octets: u64,
    /// How many of them have been put together from short ones.
    merged: usize,
    /// Where the frame being gathered begins.
    offset: u64,
    /// The client's chunk that ends last among those before `offset`, or begins there.
    chunk: Option<(u64, ProvenChunk)>,
    chunk_end: u64,
    encoded_length: u64,
    sent: u64,
    ready: VecDeque<Bytes>,
    ended: bool,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the data itself.
        write!(f, "Signed({} of {} octets sent)", self.sent, self.encoded_length)
    }
}

impl Signed {
    /// Frames `data`; `first` is the size of the client's first signed chunk, if its chunks are signed.
    pub fn new(data: SealedBody, first: Option<u64>, trailer: Option<Algorithm>) -> Self {
        let left = data.decoded_length();
        let frame = first.filter(|size| (SHORTEST_FRAME..=LONGEST_FRAME).contains(size)).unwrap_or(OWN_FRAME);
        Self {
            data,
            trailer,
            signer: None,
            frame,
            left,
            gathered: VecDeque::new(),
            gathered_octets: 0,
            merged: 0,
            offset: 0,
            chunk: None,
            chunk_end: 0,
            encoded_length: encoded_length(left, frame, trailer),
            sent: 0,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    /// Takes what signs the chunks, once the request itself is signed. Without it the body fails.
    pub fn sign_with(&mut self, signer: ChunkSigner) {
        self.signer = Some(signer);
    }

    /// Octets on the wire, framing, signatures and trailer included.
    pub fn encoded_length(&self) -> u64 {
        self.encoded_length
    }

    /// Gathers a piece of data; closes every frame that it fills.
    fn push(&mut self, mut piece: Bytes) -> Result<(), Fault> {
        while piece.has_remaining() {
            let size = self.left.min(self.frame);
            let missing = size.saturating_sub(self.gathered_octets);
            let take = usize::try_from(missing).map_or(piece.len(), |missing| missing.min(piece.len()));
            if take == 0 {
                return Err(internal("more data than announced"));
            }
            self.gathered_octets += take as u64;
            self.gathered.push_back(piece.split_to(take));
            if self.gathered.len() > self.merged + MOST_PIECES {
                self.merge();
            }
            if self.gathered_octets == size {
                self.close(size)?;
            }
        }
        Ok(())
    }

    /// Puts the pieces together that came since the last time; every octet is copied at most once.
    fn merge(&mut self) {
        let mut all = BytesMut::new();
        for piece in self.gathered.drain(self.merged..) {
            all.extend_from_slice(&piece);
        }
        self.gathered.push_back(all.freeze());
        self.merged += 1;
    }

    /// Signs the gathered frame and lets it go.
    fn close(&mut self, size: u64) -> Result<(), Fault> {
        let sha256 = match self.proven(size) {
            Some(sha256) => sha256,
            None => {
                let mut hash = digest::Context::new(&SHA256);
                self.gathered.iter().for_each(|piece| hash.update(piece));
                <[u8; 32]>::try_from(hash.finish().as_ref()).map_err(|_| internal("a hash of another length"))?
            }
        };
        let signature = self.signer.as_mut().ok_or_else(|| internal("chunks without a signer"))?.chunk(&sha256);
        self.ready.push_back(Bytes::from(format!("{size:x};chunk-signature={signature}\r\n")));
        self.ready.append(&mut self.gathered);
        self.ready.push_back(Bytes::from_static(b"\r\n"));
        (self.gathered_octets, self.merged) = (0, 0);
        self.left -= size;
        self.offset += size;
        Ok(())
    }

    /// The hash of the client's chunk that covers exactly this frame.
    fn proven(&mut self, size: u64) -> Option<[u8; 32]> {
        while self.chunk_end <= self.offset {
            let chunk = self.data.next_proven()?;
            self.chunk = Some((self.chunk_end, chunk));
            self.chunk_end = self.chunk_end.saturating_add(chunk.size);
        }
        let (start, chunk) = self.chunk?;
        (start == self.offset && chunk.size == size).then_some(chunk.sha256)
    }

    /// The final chunk and the trailer; only called when the seal has let the last data go.
    fn finish(&mut self) -> Result<(), Fault> {
        if self.left > 0 {
            return Err(internal("less data than announced"));
        }
        let signer = self.signer.as_mut().ok_or_else(|| internal("chunks without a signer"))?;
        let mut end = format!("0;chunk-signature={}\r\n", signer.last());
        if let Some(algorithm) = self.trailer {
            let value = self.data.checksum().and_then(|(_, value)| value);
            let value = value.ok_or_else(|| internal("the seal ended without a checksum"))?.to_base64();
            let name = algorithm.header();
            let signature = signer.trailer(format!("{name}:{value}\n").as_bytes());
            end.push_str(&format!("{name}:{value}\r\nx-amz-trailer-signature:{signature}\r\n"));
        }
        end.push_str("\r\n");
        self.ready.push_back(Bytes::from(end));
        self.ended = true;
        Ok(())
    }

    fn next_ready(&mut self) -> Option<Bytes> {
        let piece = self.ready.pop_front()?;
        self.sent += piece.len() as u64;
        Some(piece)
    }
}

fn internal(detail: &'static str) -> Fault {
    Fault::plain(Code::InternalError, "signed-chunks").detail(detail)
}

fn encoded_length(data: u64, frame: u64, trailer: Option<Algorithm>) -> u64 {
    let framed = |size: u64| hex_digits(size) + EXTENSION + size + 2;
    let rest = data % frame;
    let trailer = trailer.map_or(0, |algorithm| {
        algorithm.header().len() as u64 + 1 + base64_length(algorithm.raw_length() as u64) + 2 + TRAILER_SIGNATURE
    });
    (data / frame) * framed(frame) + if rest > 0 { framed(rest) } else { 0 } + 1 + EXTENSION + trailer + 2
}

impl Body for Signed {
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
            let step = match std::task::ready!(Pin::new(&mut self.data).poll_frame(cx)) {
                Some(Ok(frame)) => frame.into_data().map_or(Ok(()), |piece| self.push(piece)),
                Some(Err(fault)) => Err(fault),
                None => self.finish(),
            };
            if let Err(fault) = step {
                return Poll::Ready(Some(Err(fault)));
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
