//! Large writes into TLS, in pieces that are quickly copied.
//!
//! rustls copies what it is given into records, and the C library copies what is longer than 2112 octets with an
//! instruction (`rep movsb`) that some processors take three times as long for where the two places lie badly to
//! each other. The begin of a page, where a large answer comes in, and the begin of a record do
//! (benches/README.md, "Copies").

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is given in one piece, in octets.
const PIECE: usize = 2048;
/// So many of them are as much as rustls takes at a time.
const MOST: usize = 32;

/// A stream that copies what is written to it, and is given it in short pieces.
#[derive(Debug)]
pub struct InPieces<S>(S);

impl<S> InPieces<S> {
    /// Wraps a stream.
    pub fn new(stream: S) -> Self {
        Self(stream)
    }

    /// The stream itself.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.0
    }
}

/// The begin of what is written, cut.
fn cut<'a>(written: &'a [IoSlice<'_>]) -> SmallVec<[IoSlice<'a>; MOST]> {
    written.iter().flat_map(|one| one.chunks(PIECE)).take(MOST).map(IoSlice::new).collect()
}

impl<S: AsyncRead + Unpin> AsyncRead for InPieces<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for InPieces<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(octets)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        written: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match written.iter().all(|one| one.len() <= PIECE) {
            true => Pin::new(&mut self.0).poll_write_vectored(cx, written),
            false => Pin::new(&mut self.0).poll_write_vectored(cx, &cut(written)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_pieces_are_cut_and_nothing_is_lost_or_moved() {
        let data: Vec<u8> = (0..200_000_u32).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
        for lengths in [vec![0, 1, 2048], vec![300, 70_000], vec![2049, 0, 5, 100_000], vec![200_000]] {
            let mut at = 0;
            let mut next = |length: &usize| {
                at += length;
                IoSlice::new(&data[at - length..at])
            };
            let pieces: Vec<IoSlice<'_>> = lengths.iter().map(&mut next).collect();
            let cut = cut(&pieces);
            assert!(cut.iter().all(|piece| (1..=PIECE).contains(&piece.len())), "{lengths:?}");
            let joined = cut.iter().flat_map(|piece| piece.iter().copied()).collect::<Vec<u8>>();
            let all: usize = lengths.iter().sum();
            assert!(joined.len() == all || cut.len() == MOST, "{lengths:?}: {} octets", joined.len());
            assert_eq!(joined, data[..joined.len()], "{lengths:?}");
        }
    }
}
