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

/// A chunk whose signature held: how long its data was, and the SHA-256 of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProvenChunk {
    /// Octets of data.
    pub size: u64,
    /// The SHA-256 of the data.
    pub sha256: [u8; 32],
}

/// The longest signature of a chunk on the wire, padding included.
pub const LONGEST_SIGNATURE: usize = 144;

/// Checks the signatures of an aws-chunked body, in order (spec/sigv4.md 8.3, 8.4). Implemented by
/// the verifier, called by the decoder, so that the decoder knows no key.
pub trait ChunkSignatures: Send + std::fmt::Debug {
    /// Whether a text has the form of a signature. What has not is broken framing. At most
    /// [`LONGEST_SIGNATURE`] octets have.
    fn has_form(&self, signature: &[u8]) -> bool {
        signature.len() == 64 && signature.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// The next chunk, by the SHA-256 of its data and the signature it came with.
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
