//! Chunk and trailer signatures (spec/sigv4.md 8.3, 8.4).

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::hmac::{self, HMAC_SHA256};

use super::canonical;
use super::key::{SigningKey, hex_into, unhex32};
use super::verify::{Details, mismatch_fault};
use crate::s3::Fault;
use crate::s3::payload::ChunkSignatures;

/// The SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The chain of chunk signatures of one request, from its own signature on.
pub struct Chunks {
    key: hmac::Key,
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
        key: SigningKey,
        time: &str,
        scope: &str,
        access_key: &str,
        seed: &str,
        canonical: Option<(&[u8], Details)>,
    ) -> Self {
        Self {
            key: hmac::Key::new(HMAC_SHA256, &*key),
            middle: format!("{time}\n{scope}\n"),
            previous: seed.to_owned(),
            access_key: access_key.to_owned(),
            seed_canonical: canonical.map(|(text, _)| canonical::masked(text).into_bytes()),
            details: canonical.map_or(Details::None, |(_, details)| details),
            seen: Vec::new(),
        }
    }

    fn check(&mut self, to_sign: &[u8], signature: &[u8]) -> Result<(), Fault> {
        let text = std::str::from_utf8(signature).unwrap_or_default();
        let given = unhex32(signature);
        let right = hmac::verify(&self.key, to_sign, &given.unwrap_or_default()).is_ok() && given.is_some();
        if !right {
            return Err(mismatch_fault(&self.access_key, text, to_sign, self.seed_canonical.as_deref(), self.details));
        }
        self.previous.clear();
        self.previous.push_str(text);
        if self.seen.len() < REMEMBERED {
            self.seen.push(text.to_owned());
        }
        Ok(())
    }

    fn start(&self, kind: &str) -> Vec<u8> {
        let mut to_sign = Vec::with_capacity(kind.len() + self.middle.len() + 200);
        for part in [kind, "\n", &self.middle, &self.previous, "\n"] {
            to_sign.extend_from_slice(part.as_bytes());
        }
        to_sign
    }
}

impl ChunkSignatures for Chunks {
    fn chunk(&mut self, sha256: &[u8; 32], signature: &[u8]) -> Result<(), Fault> {
        let mut to_sign = self.start("AWS4-HMAC-SHA256-PAYLOAD");
        to_sign.extend_from_slice(EMPTY.as_bytes());
        to_sign.push(b'\n');
        hex_into(sha256, &mut to_sign);
        self.check(&to_sign, signature)
    }

    fn trailer(&mut self, canonical: &[u8], signature: &[u8]) -> Result<(), Fault> {
        let mut to_sign = self.start("AWS4-HMAC-SHA256-TRAILER");
        hex_into(digest(&SHA256, canonical).as_ref(), &mut to_sign);
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
        let key = derive(&secret, b"20130524", "us-east-1", "s3");
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
    fn a_chunk_out_of_its_place_is_refused() {
        let key = derive(&Secret::new("s".to_owned()), b"20130524", "r", "s3");
        let mut chunks =
            Chunks::new(key, "20130524T000000Z", "20130524/r/s3/aws4_request", "AK", &"0".repeat(64), None);
        assert!(chunks.chunk(&[0; 32], &[b'0'; 64]).is_err());
        assert!(chunks.chunk(&[0; 32], b"short").is_err());
    }
}
