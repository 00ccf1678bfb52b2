//! Everything that is computed over object data while it passes.

use ring::digest::{Context, SHA256};

use super::chunked::wrong_length;
use super::contract::Contract;
use super::seal::Verified;
use crate::s3::checksum::{Algorithm, Hasher, Value};
use crate::s3::payload::Payload;
use crate::s3::{Code, Fault};

/// The running digests of one body and what they must come to.
pub(super) struct Checks {
    length: Option<u64>,
    seen: u64,
    sha256: Option<([u8; 32], Context)>,
    md5: Option<(Value, Hasher)>,
    checksum: Option<(Algorithm, Option<Value>, Hasher)>,
}

impl std::fmt::Debug for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Checks({} of {:?})", self.seen, self.length)
    }
}

impl Checks {
    pub(super) fn new(contract: &Contract) -> Self {
        let declared = contract.declared;
        Self {
            length: contract.length,
            seen: 0,
            sha256: match contract.payload {
                Payload::Hash(expected) => Some((expected, Context::new(&SHA256))),
                _ => None,
            },
            md5: declared.md5.map(|expected| (expected, Hasher::new(Algorithm::Md5))),
            checksum: declared.checksum.map(|(algorithm, value)| (algorithm, value, Hasher::new(algorithm))),
        }
    }

    /// Takes the next piece.
    pub(super) fn update(&mut self, data: &[u8]) -> Result<(), Fault> {
        self.seen = self.seen.saturating_add(data.len() as u64);
        if let Some(length) = self.length.filter(|length| self.seen > *length) {
            return Err(wrong_length(length, self.seen));
        }
        if let Some((_, context)) = &mut self.sha256 {
            context.update(data);
        }
        if let Some((_, hasher)) = &mut self.md5 {
            hasher.update(data);
        }
        if let Some((_, _, hasher)) = &mut self.checksum {
            hasher.update(data);
        }
        Ok(())
    }

    /// Compares it all, in the order of spec/sigv4.md 13.
    pub(super) fn finish(self, trailer_value: Option<Value>) -> Result<Verified, Fault> {
        if let Some(length) = self.length.filter(|length| self.seen != *length) {
            return Err(wrong_length(length, self.seen));
        }
        let sha256 = self.sha256.map(|(expected, context)| compare_hash(expected, context)).transpose()?;
        let md5 = self.md5.map(|(expected, hasher)| compare_md5(expected, hasher)).transpose()?;
        let checksum = self
            .checksum
            .map(|(algorithm, value, hasher)| compare_checksum(algorithm, value.or(trailer_value), hasher))
            .transpose()?;
        Ok(Verified { length: self.seen, sha256, md5, checksum })
    }
}

fn compare_hash(expected: [u8; 32], context: Context) -> Result<[u8; 32], Fault> {
    let computed = context.finish();
    if computed.as_ref() == expected {
        return Ok(expected);
    }
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    Err(Fault::plain(Code::XAmzContentSHA256Mismatch, "body-hash")
        .with("ClientComputedContentSHA256", hex(&expected))
        .with("S3ComputedContentSHA256", hex(computed.as_ref())))
}

fn compare_md5(expected: Value, hasher: Hasher) -> Result<Value, Fault> {
    let computed = hasher.finish();
    if computed == expected {
        return Ok(expected);
    }
    Err(Fault::new(Code::BadDigest, "content-md5", "The Content-MD5 you specified did not match what we received.")
        .with("ExpectedDigest", expected.to_base64())
        .with("CalculatedDigest", computed.to_base64()))
}

fn compare_checksum(
    algorithm: Algorithm,
    expected: Option<Value>,
    hasher: Hasher,
) -> Result<(Algorithm, Value), Fault> {
    let computed = hasher.finish();
    if expected == Some(computed) {
        return Ok((algorithm, computed));
    }
    let message = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
    Err(Fault::new(Code::BadDigest, "checksum", message))
}
