//! Chunk and trailer signatures (spec/sigv4.md 8.3, 8.4).

use std::fmt;
use std::sync::Arc;

use ring::digest::{SHA256, digest};

use super::canonical;
use super::ecdsa::{self, PublicKey};
use super::header::Algorithm;
use super::key::{SigningKey, hex, hex_into, unhex32};
use super::rejection::{Details, mismatch_fault};
use crate::s3::Fault;
use crate::s3::payload::ChunkSignatures;

/// The SHA-256 of nothing.
pub(super) const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What signatures are checked with.
pub(super) enum Key {
    Ecdsa(PublicKey),
    Hmac(Arc<SigningKey>),
}

impl Key {
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ecdsa(_) => Algorithm::Ecdsa,
            Self::Hmac(_) => Algorithm::Hmac,
        }
    }

    /// Whether `signature` is one over `to_sign`. A text that is no signature cannot be; the work is done
    /// all the same.
    pub(super) fn matches(&self, to_sign: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ecdsa(key) => key.verify(to_sign, signature),
            Self::Hmac(key) => {
                let given = unhex32(signature);
                key.has_signed(to_sign, &given.unwrap_or_default()) && given.is_some()
            }
        }
    }
}

/// The chain of chunk signatures of one request, from its own signature on.
pub struct Chunks {
    key: Key,
    /// Time and scope, each with a line end.
    middle: String,
    previous: String,
    access_key: String,
    seed_canonical: Option<Vec<u8>>,
    details: Details,
    seen: Vec<String>,
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunks({} seen)", self.seen.len())
    }
}

/// Signatures remembered for comparison in tests; a long upload keeps only the last.
const REMEMBERED: usize = 64;

impl Chunks {
    pub(super) fn new(
        key: Key,
        time: &str,
        scope: &str,
        access_key: &str,
        seed: &str,
        canonical: Option<(&[u8], Details)>,
    ) -> Self {
        Self {
            key,
            middle: format!("{time}\n{scope}\n"),
            previous: seed.to_owned(),
            access_key: access_key.to_owned(),
            seed_canonical: canonical.map(|(text, _)| canonical::masked(text).into_bytes()),
            details: canonical.map_or(Details::None, |(_, details)| details),
            seen: Vec::new(),
        }
    }

    fn check(&mut self, to_sign: &[u8], signature: &[u8]) -> Result<(), Fault> {
        let signature = self.without_padding(signature);
        let text = std::str::from_utf8(signature).unwrap_or_default();
        if !self.key.matches(to_sign, signature) {
            return Err(mismatch_fault(&self.access_key, text, to_sign, self.seed_canonical.as_deref(), self.details));
        }
        self.previous.clear();
        self.previous.push_str(text);
        if self.seen.len() < REMEMBERED {
            self.seen.push(text.to_owned());
        }
        Ok(())
    }

    /// Signatures of Signature Version 4A vary in length; on the wire they are filled up with stars.
    fn without_padding<'s>(&self, signature: &'s [u8]) -> &'s [u8] {
        match self.key {
            Key::Hmac(_) => signature,
            Key::Ecdsa(_) => {
                let end = signature.iter().position(|&octet| octet == b'*').unwrap_or(signature.len());
                signature.get(..end).unwrap_or_default()
            }
        }
    }
}

/// The string to sign of a chunk.
fn of_chunk(algorithm: Algorithm, middle: &str, previous: &str, sha256: &[u8; 32]) -> Vec<u8> {
    let mut to_sign = start(algorithm, "-PAYLOAD", middle, previous);
    to_sign.extend_from_slice(EMPTY.as_bytes());
    to_sign.push(b'\n');
    hex_into(sha256, &mut to_sign);
    to_sign
}

/// The string to sign of a trailer.
fn of_trailer(algorithm: Algorithm, middle: &str, previous: &str, canonical: &[u8]) -> Vec<u8> {
    let mut to_sign = start(algorithm, "-TRAILER", middle, previous);
    hex_into(digest(&SHA256, canonical).as_ref(), &mut to_sign);
    to_sign
}

fn start(algorithm: Algorithm, kind: &str, middle: &str, previous: &str) -> Vec<u8> {
    let name = algorithm.name();
    let mut to_sign = Vec::with_capacity(name.len() + kind.len() + middle.len() + previous.len() + 140);
    for part in [name, kind, "\n", middle, previous, "\n"] {
        to_sign.extend_from_slice(part.as_bytes());
    }
    to_sign
}

/// Signs the chunks of an outgoing body, from the request's own signature on.
pub struct ChunkSigner {
    key: Arc<SigningKey>,
    middle: String,
    previous: String,
}

impl fmt::Debug for ChunkSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChunkSigner")
    }
}

impl ChunkSigner {
    pub(super) fn new(key: Arc<SigningKey>, time: &str, scope: &str, seed: String) -> Self {
        Self { key, middle: format!("{time}\n{scope}\n"), previous: seed }
    }

    /// The signature of the next chunk, by the SHA-256 of its data.
    pub fn chunk(&mut self, sha256: &[u8; 32]) -> &str {
        let to_sign = of_chunk(Algorithm::Hmac, &self.middle, &self.previous, sha256);
        self.sign(&to_sign)
    }

    /// The signature of the final chunk, which is empty.
    pub fn last(&mut self) -> &str {
        let mut nothing = [0; 32];
        nothing.iter_mut().zip(digest(&SHA256, b"").as_ref()).for_each(|(place, octet)| *place = *octet);
        self.chunk(&nothing)
    }

    /// The signature of the trailer, by its canonical text.
    pub fn trailer(&mut self, canonical: &[u8]) -> &str {
        let to_sign = of_trailer(Algorithm::Hmac, &self.middle, &self.previous, canonical);
        self.sign(&to_sign)
    }

    fn sign(&mut self, to_sign: &[u8]) -> &str {
        self.previous = hex(&self.key.sign(to_sign));
        &self.previous
    }
}

impl ChunkSignatures for Chunks {
    fn has_form(&self, signature: &[u8]) -> bool {
        let digits = self.without_padding(signature);
        let padding = signature.get(digits.len()..).unwrap_or_default();
        let length = match self.key {
            Key::Ecdsa(_) => signature.len() == ecdsa::LONGEST && !digits.is_empty(),
            Key::Hmac(_) => signature.len() == 64,
        };
        length
            && padding.iter().all(|octet| *octet == b'*')
            && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    }

    fn chunk(&mut self, sha256: &[u8; 32], signature: &[u8]) -> Result<(), Fault> {
        let to_sign = of_chunk(self.key.algorithm(), &self.middle, &self.previous, sha256);
        self.check(&to_sign, signature)
    }

    fn trailer(&mut self, canonical: &[u8], signature: &[u8]) -> Result<(), Fault> {
        let to_sign = of_trailer(self.key.algorithm(), &self.middle, &self.previous, canonical);
        self.check(&to_sign, signature)
    }

    fn seen(&self) -> &[String] {
        &self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::{Secret, derive, unhex32};
    use super::*;

    #[test]
    fn the_documented_chain_holds() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
        let key = Key::Hmac(derive(&secret, b"20130524", "us-east-1", "s3"));
        let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
        let mut chunks = Chunks::new(key, "20130524T000000Z", "20130524/us-east-1/s3/aws4_request", "AK", seed, None);
        let hash = |data: &[u8]| digest(&SHA256, data).as_ref().try_into().unwrap();
        chunks
            .chunk(&hash(&[b'a'; 65536]), b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648")
            .unwrap();
        chunks
            .chunk(&hash(&[b'a'; 1024]), b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497")
            .unwrap();
        chunks.chunk(&hash(b""), b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9").unwrap();
        let trailer = b"first:1st\nsecond:2nd\nthird:3rd\n";
        assert!(unhex32(b"df5735bd9f3295cd9386572292562fefc93ba94e80a0a1ddcbd652c4e0a75e6c").is_some());
        chunks.trailer(trailer, b"df5735bd9f3295cd9386572292562fefc93ba94e80a0a1ddcbd652c4e0a75e6c").unwrap();
    }

    #[test]
    fn the_outgoing_chain_is_the_documented_one() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
        let key = derive(&secret, b"20130524", "us-east-1", "s3");
        let seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e".to_owned();
        let mut signer = ChunkSigner::new(key, "20130524T000000Z", "20130524/us-east-1/s3/aws4_request", seed);
        let hash = |data: &[u8]| digest(&SHA256, data).as_ref().try_into().unwrap();
        let chunk = "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2";
        assert_eq!(signer.chunk(&hash(&[b'a'; 65536])), chunk);
        let chunk = "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7";
        assert_eq!(signer.chunk(&hash(&[b'a'; 1024])), chunk);
        assert_eq!(signer.last(), "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
        let trailer = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
        assert_eq!(signer.trailer(b"x-amz-checksum-crc32c:sOO8/Q==\n"), trailer);
    }

    #[test]
    fn a_chunk_out_of_its_place_is_refused() {
        let key = Key::Hmac(derive(&Secret::new("s".to_owned()), b"20130524", "r", "s3"));
        let mut chunks =
            Chunks::new(key, "20130524T000000Z", "20130524/r/s3/aws4_request", "AK", &"0".repeat(64), None);
        assert!(chunks.chunk(&[0; 32], &[b'0'; 64]).is_err());
        assert!(chunks.chunk(&[0; 32], b"short").is_err());
    }
}
