//! Checksums of object data (spec/sigv4.md 9).

#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Digest as _;

use super::head::{Repeated, trim};
use super::{Code, Fault, Head};

/// A checksum algorithm that S3 knows.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Algorithm {
    /// CRC-32/ISO-HDLC
    Crc32,
    /// CRC-32C
    Crc32c,
    /// CRC-64/NVME
    Crc64Nvme,
    /// MD5
    Md5,
    /// SHA-1
    Sha1,
    /// SHA-256
    Sha256,
    /// SHA-512
    Sha512,
    /// XXH3, 128 bits
    XxHash128,
    /// XXH3, 64 bits
    XxHash3,
    /// XXH64
    XxHash64,
}

impl Algorithm {
    /// All of them, in the order of S3's own list.
    pub const ALL: [Self; 10] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::XxHash128,
        Self::XxHash3,
        Self::XxHash64,
    ];

    /// `CRC32`
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
            Self::XxHash128 => "XXHASH128",
            Self::XxHash3 => "XXHASH3",
            Self::XxHash64 => "XXHASH64",
        }
    }

    /// `x-amz-checksum-crc32`
    pub const fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Md5 => "x-amz-checksum-md5",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
            Self::Sha512 => "x-amz-checksum-sha512",
            Self::XxHash128 => "x-amz-checksum-xxhash128",
            Self::XxHash3 => "x-amz-checksum-xxhash3",
            Self::XxHash64 => "x-amz-checksum-xxhash64",
        }
    }

    /// `ChecksumCRC32`, the element in documents.
    pub const fn element(self) -> &'static str {
        match self {
            Self::Crc32 => "ChecksumCRC32",
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64Nvme => "ChecksumCRC64NVME",
            Self::Md5 => "ChecksumMD5",
            Self::Sha1 => "ChecksumSHA1",
            Self::Sha256 => "ChecksumSHA256",
            Self::Sha512 => "ChecksumSHA512",
            Self::XxHash128 => "ChecksumXXHASH128",
            Self::XxHash3 => "ChecksumXXHASH3",
            Self::XxHash64 => "ChecksumXXHASH64",
        }
    }

    /// Octets of a value.
    pub const fn raw_length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme | Self::XxHash3 | Self::XxHash64 => 8,
            Self::Md5 | Self::XxHash128 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Whether the checksum of a whole follows from those of its parts.
    pub const fn is_linear(self) -> bool {
        self.crc().is_some()
    }

    /// The value of two neighbours, from the values of each and the length of the second. Nothing if the
    /// algorithm is not linear.
    pub fn combine(self, first: &Value, second: &Value, length: u64) -> Option<Value> {
        let number = |value: &Value| value.as_bytes().iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
        let whole = crc_fast::checksum_combine(self.crc()?, number(first), number(second), length).to_be_bytes();
        Some(Value::new(whole.get(whole.len() - self.raw_length()..)?))
    }

    const fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            _ => None,
        }
    }

    /// The algorithm of this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The algorithm whose header this is, in any case.
    pub fn of_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(name))
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The value of a checksum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Value {
    octets: [u8; 64],
    length: usize,
}

impl Value {
    /// A value from its octets, at most 64 of them; more are cut off.
    pub fn new(octets: &[u8]) -> Self {
        let mut value = Self { octets: [0; 64], length: octets.len().min(64) };
        for (place, octet) in value.octets.iter_mut().zip(octets) {
            *place = *octet;
        }
        value
    }

    /// Reads strict, padded base64 of exactly the algorithm's length.
    pub fn from_base64(algorithm: Algorithm, text: &[u8]) -> Option<Self> {
        let octets = STANDARD.decode(text).ok()?;
        (octets.len() == algorithm.raw_length()).then(|| Self::new(&octets))
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    /// Padded base64.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.as_bytes())
    }
}

/// The checksum of the checksums of an object's parts, `base64-N`: it occurs in answers and in the
/// completion of an upload, never with a body (spec/sigv4.md 9).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Composite {
    value: Value,
    parts: u16,
}

impl Composite {
    /// Reads a value, a dash and 1 to 10000 in plain decimal digits.
    pub fn from_text(algorithm: Algorithm, text: &[u8]) -> Option<Self> {
        let dash = text.iter().rposition(|&octet| octet == b'-')?;
        let (value, parts) = text.split_at_checked(dash)?;
        let digits = parts.strip_prefix(b"-")?;
        let plain = digits.iter().all(u8::is_ascii_digit) && digits.first() != Some(&b'0');
        let parts: u16 = std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()?;
        let value = Value::from_base64(algorithm, value)?;
        (1..=10_000).contains(&parts).then_some(Self { value, parts })
    }

    /// The value in front of the dash.
    pub fn value(&self) -> Value {
        self.value
    }

    /// How many parts.
    pub fn parts(&self) -> u16 {
        self.parts
    }
}

/// Computes one checksum, piece by piece.
pub struct Hasher(State);

enum State {
    Crc(crc_fast::Digest, usize),
    Md5(md5::Md5),
    Ring(ring::digest::Context),
    Sha1(sha1::Sha1),
    Xx3(Box<xxhash_rust::xxh3::Xxh3>, usize),
    Xx64(Box<xxhash_rust::xxh64::Xxh64>),
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Crc32 => State::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32IsoHdlc), 4),
            Algorithm::Crc32c => State::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi), 4),
            Algorithm::Crc64Nvme => State::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme), 8),
            Algorithm::Md5 => State::Md5(md5::Md5::new()),
            // ring has no fast SHA-1.
            Algorithm::Sha1 => State::Sha1(sha1::Sha1::default()),
            Algorithm::Sha256 => State::Ring(ring::digest::Context::new(&ring::digest::SHA256)),
            Algorithm::Sha512 => State::Ring(ring::digest::Context::new(&ring::digest::SHA512)),
            Algorithm::XxHash128 => State::Xx3(Box::default(), 16),
            Algorithm::XxHash3 => State::Xx3(Box::default(), 8),
            Algorithm::XxHash64 => State::Xx64(Box::new(xxhash_rust::xxh64::Xxh64::new(0))),
        })
    }

    /// Takes the next piece.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Crc(digest, _) => digest.update(data),
            State::Md5(digest) => digest.update(data),
            State::Ring(digest) => digest.update(data),
            State::Sha1(digest) => sha1::Digest::update(digest, data),
            State::Xx3(digest, _) => digest.update(data),
            State::Xx64(digest) => digest.update(data),
        }
    }

    /// The value; the numbers among them in big-endian.
    pub fn finish(self) -> Value {
        match self.0 {
            State::Crc(digest, 4) => {
                Value::new(&u32::try_from(digest.finalize() & 0xffff_ffff).unwrap_or_default().to_be_bytes())
            }
            State::Crc(digest, _) => Value::new(&digest.finalize().to_be_bytes()),
            State::Md5(digest) => Value::new(&digest.finalize()),
            State::Ring(digest) => Value::new(digest.finish().as_ref()),
            State::Sha1(digest) => Value::new(&sha1::Digest::finalize(digest)),
            State::Xx3(digest, 8) => Value::new(&digest.digest().to_be_bytes()),
            State::Xx3(digest, _) => Value::new(&digest.digest128().to_be_bytes()),
            State::Xx64(digest) => Value::new(&digest.digest().to_be_bytes()),
        }
    }
}

/// The checksum of a whole text.
pub fn of(algorithm: Algorithm, data: &[u8]) -> Value {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(data);
    hasher.finish()
}

/// The SHA-256 of nothing, which nearly every request without a body is signed with.
pub const SHA256_OF_NOTHING: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The checksum of nothing.
pub fn of_nothing(algorithm: Algorithm) -> Value {
    match algorithm {
        Algorithm::Sha256 => Value::new(&SHA256_OF_NOTHING),
        other => Hasher::new(other).finish(),
    }
}

/// What a request says about the checksums of its body.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Declared {
    /// `Content-MD5`
    pub md5: Option<Value>,
    /// The algorithm, and its value unless that comes in the trailer.
    pub checksum: Option<(Algorithm, Option<Value>)>,
}

/// Reads the checksum headers.
///
/// `of_body` is false where checksum headers speak of something else than the body
/// (CompleteMultipartUpload): they are read, not returned. `required` where the operation must have
/// one; `trailer` where the payload mode has one.
///
/// # Errors
/// The rules at the end of spec/sigv4.md 9, in their order.
pub fn declared(head: &Head<'_>, of_body: bool, required: bool, trailer: bool) -> Result<Declared, Fault> {
    let md5 = content_md5(head)?;
    let in_header = header_checksum(head)?;
    let announced = announced_trailer(head)?;
    let present = match (in_header, announced) {
        (Some(_), Some(_)) => return Err(two_checksums()),
        (Some((algorithm, _)), None) | (None, Some(algorithm)) => Some(algorithm),
        (None, None) => None,
    };
    if announced.is_some() && !trailer {
        return Err(bad_trailer("trailer-without-mode"));
    }
    let value = in_header.map(|(algorithm, text)| header_value(algorithm, text, of_body)).transpose()?.flatten();
    if matches!(head.method, b"PUT" | b"POST" | b"DELETE") {
        check_sdk_algorithm(head, present)?;
    }
    if required && md5.is_none() && (present.is_none() || !of_body) {
        let message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
        return Err(Fault::new(Code::InvalidRequest, "checksum-missing", message));
    }
    Ok(Declared { md5, checksum: present.filter(|_| of_body).map(|algorithm| (algorithm, value)) })
}

/// The fault for a value that is not what its algorithm makes.
pub fn bad_value(algorithm: Algorithm, place: &str) -> Fault {
    let name = algorithm.header();
    Fault::new(Code::InvalidRequest, "checksum-value", format!("Value for {name} {place} is invalid."))
}

fn content_md5(head: &Head<'_>) -> Result<Option<Value>, Fault> {
    let bad = |text: &[u8]| {
        Fault::plain(Code::InvalidDigest, "content-md5").with("Content-MD5", String::from_utf8_lossy(text))
    };
    match head.only("content-md5") {
        Ok(None) => Ok(None),
        Ok(Some(text)) => Value::from_base64(Algorithm::Md5, text).map(Some).ok_or_else(|| bad(text)),
        // Which of them would the next reader believe?
        Err(Repeated) => Err(bad(&head.all("content-md5").collect::<Vec<_>>().join(&b","[..]))),
    }
}

/// How the name of every checksum header begins.
const PREFIX: &[u8] = b"x-amz-checksum-";

/// The only checksum header, its value unread.
fn header_checksum<'a>(head: &Head<'a>) -> Result<Option<(Algorithm, &'a [u8])>, Fault> {
    let mut found = None;
    for (name, value) in head.lines {
        if !name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX)) {
            continue;
        }
        let Some(algorithm) = std::str::from_utf8(name).ok().and_then(Algorithm::of_header) else { continue };
        if found.replace((algorithm, trim(value))).is_some() {
            return Err(two_checksums());
        }
    }
    Ok(found)
}

/// A value that speaks of an object made of parts may be composite; it is never compared with a body.
fn header_value(algorithm: Algorithm, text: &[u8], of_body: bool) -> Result<Option<Value>, Fault> {
    match Value::from_base64(algorithm, text) {
        None if !of_body && Composite::from_text(algorithm, text).is_some() => Ok(None),
        None => Err(bad_value(algorithm, "header")),
        some => Ok(some),
    }
}

/// The only trailer that `x-amz-trailer` announces, over all its lines.
fn announced_trailer(head: &Head<'_>) -> Result<Option<Algorithm>, Fault> {
    let mut announced = None;
    for name in head.all("x-amz-trailer").flat_map(|line| line.split(|&octet| octet == b',')).map(trim) {
        let algorithm = std::str::from_utf8(name).ok().and_then(Algorithm::of_header);
        let algorithm = algorithm.ok_or_else(|| bad_trailer("trailer-name"))?;
        if announced.replace(algorithm).is_some() {
            return Err(two_checksums());
        }
    }
    Ok(announced)
}

fn check_sdk_algorithm(head: &Head<'_>, present: Option<Algorithm>) -> Result<(), Fault> {
    let other = || {
        let message = "Value for x-amz-sdk-checksum-algorithm header is invalid.";
        Fault::new(Code::InvalidRequest, "checksum-other", message)
    };
    let Some(named) = head.only("x-amz-sdk-checksum-algorithm").map_err(|Repeated| other())? else { return Ok(()) };
    let Some(algorithm) = std::str::from_utf8(named).ok().and_then(Algorithm::named) else {
        let names: Vec<&str> = Algorithm::ALL.into_iter().map(Algorithm::name).collect();
        let message = format!(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [{}]",
            names.join(", ")
        );
        return Err(Fault::new(Code::InvalidRequest, "checksum-algorithm", message));
    };
    match present {
        None => {
            let message = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.";
            Err(Fault::new(Code::InvalidRequest, "checksum-announced", message))
        }
        Some(present) if present != algorithm => Err(other()),
        Some(_) => Ok(()),
    }
}

fn two_checksums() -> Fault {
    let message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
    Fault::new(Code::InvalidRequest, "two-checksums", message)
}

fn bad_trailer(reason: &'static str) -> Fault {
    let message = "The value specified in the x-amz-trailer header is not supported";
    Fault::new(Code::InvalidRequest, reason, message)
}
