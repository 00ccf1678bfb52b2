//! Everything that is computed over object data while it passes.

use super::contract::{Contract, Excess};
use super::seal::Verified;
use crate::s3::checksum::{self, Algorithm, Hasher, Value};
use crate::s3::form::LengthRange;
use crate::s3::payload::Payload;
use crate::s3::{Code, Fault};

/// The running digests of one body and what they must come to. A digest that two declarations ask for
/// (the signed hash and a SHA-256 checksum, `Content-MD5` and an MD5 checksum) is computed once.
pub(super) struct Checks {
    length: Option<u64>,
    excess: Excess,
    range: LengthRange,
    seen: u64,
    signed_hash: Option<Value>,
    content_md5: Option<Value>,
    checksum: Option<(Algorithm, Option<Value>)>,
    /// The algorithms that any of the three needs.
    needed: [Option<Algorithm>; 3],
    /// One for each of them, once there is data: most requests have none.
    hashers: Vec<(Algorithm, Hasher)>,
}

impl std::fmt::Debug for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Checks({} of {:?})", self.seen, self.length)
    }
}

impl Checks {
    pub(super) fn new(contract: &Contract) -> Self {
        let signed_hash = match contract.payload {
            Payload::Hash(expected) => Some(Value::new(&expected)),
            Payload::Unsigned | Payload::Chunks { .. } => None,
        };
        let content_md5 = contract.declared.md5;
        let checksum = contract.declared.checksum;
        let sha256 = signed_hash.map(|_| Algorithm::Sha256);
        let md5 = content_md5.map(|_| Algorithm::Md5);
        let other = checksum.map(|(algorithm, _)| algorithm);
        let other = other.filter(|other| Some(*other) != sha256 && Some(*other) != md5);
        Self {
            length: contract.length,
            excess: contract.excess,
            range: contract.range,
            seen: 0,
            signed_hash,
            content_md5,
            checksum,
            needed: [sha256, md5, other],
            hashers: Vec::new(),
        }
    }

    /// Takes the next piece.
    pub(super) fn update(&mut self, data: &[u8]) -> Result<(), Fault> {
        self.seen = self.seen.saturating_add(data.len() as u64);
        if let Some(length) = self.length.filter(|length| self.seen > *length) {
            return Err(self.excess.fault(length));
        }
        self.range.check_most(self.seen)?;
        if self.hashers.is_empty() {
            self.hashers.extend(self.needed.iter().flatten().map(|needed| (*needed, Hasher::new(*needed))));
        }
        for (_, hasher) in &mut self.hashers {
            hasher.update(data);
        }
        Ok(())
    }

    /// Octets of data so far.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Another length is presumed, or none; the range counts whatever it is.
    pub(super) fn presume(&mut self, length: Option<u64>) {
        self.length = length;
    }

    /// Whether what has been seen may be all there is, so that its last octet must wait for the verdict.
    pub(super) fn may_be_all(&self) -> bool {
        self.length.is_none_or(|length| self.seen >= length)
    }

    /// Compares it all, in the order of spec/sigv4.md 13. A second time nothing holds.
    pub(super) fn finish(&mut self, trailer_value: Option<Value>) -> Result<Verified, Fault> {
        if let Some(length) = self.length.filter(|length| self.seen != *length) {
            return Err(self.excess.shortfall(length, self.seen));
        }
        self.range.check_least(self.seen)?;
        let mut hashers = std::mem::take(&mut self.hashers).into_iter();
        let computed = std::mem::take(&mut self.needed).map(|needed| {
            let algorithm = needed?;
            // They stand in the same order; without data there is none.
            let value = hashers.next().map_or_else(|| checksum::of_nothing(algorithm), |(_, hasher)| hasher.finish());
            Some((algorithm, value))
        });
        let of = |wanted: Algorithm| {
            computed.iter().flatten().find(|(algorithm, _)| *algorithm == wanted).map(|(_, value)| *value)
        };
        if let Some(expected) = self.signed_hash {
            compare_hash(&expected, of(Algorithm::Sha256))?;
        }
        if let Some(expected) = self.content_md5 {
            compare_md5(&expected, of(Algorithm::Md5))?;
        }
        let checksum = match self.checksum {
            Some((algorithm, value)) => Some(compare_checksum(algorithm, value.or(trailer_value), of(algorithm))?),
            None => None,
        };
        let sha256 = of(Algorithm::Sha256).and_then(|value| value.as_bytes().try_into().ok());
        Ok(Verified { length: self.seen, sha256, md5: of(Algorithm::Md5), checksum })
    }
}

fn compare_hash(expected: &Value, computed: Option<Value>) -> Result<(), Fault> {
    if computed.as_ref() == Some(expected) {
        return Ok(());
    }
    Err(Fault::plain(Code::XAmzContentSHA256Mismatch, "body-hash")
        .with("ClientComputedContentSHA256", hex(expected))
        .with("S3ComputedContentSHA256", computed.as_ref().map(hex).unwrap_or_default()))
}

fn compare_md5(expected: &Value, computed: Option<Value>) -> Result<(), Fault> {
    if computed.as_ref() == Some(expected) {
        return Ok(());
    }
    Err(Fault::plain(Code::BadDigest, "content-md5")
        .with("ExpectedDigest", expected.to_base64())
        .with("CalculatedDigest", computed.map(Value::to_base64).unwrap_or_default()))
}

fn compare_checksum(
    algorithm: Algorithm,
    expected: Option<Value>,
    computed: Option<Value>,
) -> Result<(Algorithm, Value), Fault> {
    if let (Some(expected), Some(computed)) = (expected, computed)
        && expected == computed
    {
        return Ok((algorithm, computed));
    }
    let message = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
    Err(Fault::new(Code::BadDigest, "checksum", message))
}

fn hex(value: &Value) -> String {
    value.as_bytes().iter().map(|octet| format!("{octet:02x}")).collect()
}
