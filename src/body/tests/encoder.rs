//! A reference writer of aws-chunked bodies, made from the grammar of spec/sigv4.md 8.2 to 8.4 alone.

use ring::digest::{SHA256, digest};
use ring::hmac;

use crate::s3::payload::ChunkSignatures;
use crate::s3::{Code, Fault};

pub(super) const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
pub(super) const SEED: &str = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
const SECRET: &str = "AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TIME: &str = "20130524T000000Z";
const SCOPE: &str = "20130524/us-east-1/s3/aws4_request";

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The chain of signatures of one request; signs and verifies.
#[derive(Debug)]
pub(super) struct Chain {
    key: hmac::Key,
    pub(super) previous: String,
    seen: Vec<String>,
}

impl Chain {
    pub(super) fn from(seed: &str) -> Self {
        let step = |key: &[u8], part: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), part.as_bytes()).as_ref().to_vec()
        };
        let key = ["20130524", "us-east-1", "s3", "aws4_request"]
            .iter()
            .fold(SECRET.as_bytes().to_vec(), |key, part| step(&key, part));
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), previous: seed.to_owned(), seen: Vec::new() }
    }

    fn sign(&mut self, text: &str) -> String {
        self.previous = hex(hmac::sign(&self.key, text.as_bytes()).as_ref());
        self.previous.clone()
    }

    pub(super) fn next(&mut self, sha256: &[u8]) -> String {
        let text = format!("AWS4-HMAC-SHA256-PAYLOAD\n{TIME}\n{SCOPE}\n{}\n{EMPTY}\n{}", self.previous, hex(sha256));
        self.sign(&text)
    }

    pub(super) fn last(&mut self, canonical: &[u8]) -> String {
        let hash = hex(digest(&SHA256, canonical).as_ref());
        let text = format!("AWS4-HMAC-SHA256-TRAILER\n{TIME}\n{SCOPE}\n{}\n{hash}", self.previous);
        self.sign(&text)
    }

    fn compare(&mut self, right: String, given: &[u8]) -> Result<(), Fault> {
        if right.as_bytes() != given {
            return Err(Fault::plain(Code::SignatureDoesNotMatch, "chunk"));
        }
        self.seen.push(right);
        Ok(())
    }
}

impl ChunkSignatures for Chain {
    fn chunk(&mut self, sha256: &[u8; 32], signature: &[u8]) -> Result<(), Fault> {
        let right = self.next(sha256);
        self.compare(right, signature)
    }

    fn trailer(&mut self, canonical: &[u8], signature: &[u8]) -> Result<(), Fault> {
        let right = self.last(canonical);
        self.compare(right, signature)
    }

    fn seen(&self) -> &[String] {
        &self.seen
    }
}

/// Writes `data` in chunks of these sizes and one more for the rest. A trailer is a name and a value.
pub(super) fn encode(data: &[u8], sizes: &[usize], signed: bool, trailer: Option<(&str, &str)>) -> Vec<u8> {
    let mut chain = signed.then(|| Chain::from(SEED));
    let mut out = Vec::new();
    let mut rest = data;
    let mut sizes = sizes.iter();
    loop {
        let (chunk, after) = rest.split_at(sizes.next().map_or(rest.len(), |size| (*size).min(rest.len())));
        rest = after;
        out.extend_from_slice(format!("{:x}", chunk.len()).as_bytes());
        if let Some(chain) = &mut chain {
            let signature = chain.next(digest(&SHA256, chunk).as_ref());
            out.extend_from_slice(format!(";chunk-signature={signature}").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        if chunk.is_empty() {
            break;
        }
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    if let Some((name, value)) = trailer {
        out.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
        if let Some(chain) = &mut chain {
            let signature = chain.last(format!("{name}:{value}\n").as_bytes());
            out.extend_from_slice(format!("x-amz-trailer-signature:{signature}\r\n").as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}
