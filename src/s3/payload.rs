//! What a request says about its body: payload modes and checksums (spec/sigv4.md 8 and 9).

use super::Fault;

/// How the body travels and what of it was signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Payload {
    /// A plain body whose SHA-256 was signed.
    Hash([u8; 32]),
    /// A plain body that nothing was signed of.
    Unsigned,
    /// aws-chunked framing.
    Chunks {
        /// Each chunk carries a signature; the chain starts at the request's own.
        signed: bool,
        /// Fields follow the final chunk.
        trailer: bool,
    },
}

/// Checks the signatures of an aws-chunked body, in order (spec/sigv4.md 8.3, 8.4). Implemented by
/// the verifier, called by the decoder, so that the decoder knows no key.
pub trait ChunkSignatures: Send + std::fmt::Debug {
    /// The next chunk, by the SHA-256 of its data and the 64 hexadecimal digits it came with.
    ///
    /// # Errors
    /// `SignatureDoesNotMatch` with the chunk's string to sign.
    fn chunk(&mut self, sha256: &[u8; 32], signature: &[u8]) -> Result<(), Fault>;

    /// The trailer, by its canonical text.
    ///
    /// # Errors
    /// As for a chunk.
    fn trailer(&mut self, canonical: &[u8], signature: &[u8]) -> Result<(), Fault>;

    /// The first signatures that were right, in order.
    fn seen(&self) -> &[String];
}
