//! Checksums of object data (spec/sigv4.md 9).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Digest as _;

use super::head::trim;
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
/// (CompleteMultipartUpload); `required` where the operation must have one; `trailer` where the payload
/// mode has one.
///
/// # Errors
/// The rules at the end of spec/sigv4.md 9, in their order.
pub fn declared(head: &Head<'_>, of_body: bool, required: bool, trailer: bool) -> Result<Declared, Fault> {
    let md5 = content_md5(head)?;
    let mut found: Vec<(Algorithm, Option<Value>)> = Vec::new();
    if of_body {
        for (name, value) in head.lines {
            let Some(algorithm) = std::str::from_utf8(name).ok().and_then(Algorithm::of_header) else { continue };
            let value = Value::from_base64(algorithm, trim(value)).ok_or_else(|| bad_value(algorithm, "header"))?;
            found.push((algorithm, Some(value)));
        }
    }
    let announced = announced_trailers(head)?;
    if !announced.is_empty() && !trailer {
        return Err(Fault::new(
            Code::InvalidRequest,
            "trailer-without-mode",
            "The value specified in the x-amz-trailer header is not supported",
        ));
    }
    found.extend(announced.into_iter().map(|algorithm| (algorithm, None)));
    if found.len() > 1 {
        let message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
        return Err(Fault::new(Code::InvalidRequest, "two-checksums", message));
    }
    let checksum = found.first().copied();
    if of_body {
        check_sdk_algorithm(head, checksum.map(|(algorithm, _)| algorithm))?;
    }
    if required && md5.is_none() && checksum.is_none() {
        let message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
        return Err(Fault::new(Code::InvalidRequest, "checksum-missing", message));
    }
    Ok(Declared { md5, checksum })
}

/// The fault for a value that is not what its algorithm makes.
pub fn bad_value(algorithm: Algorithm, place: &str) -> Fault {
    let name = algorithm.header();
    Fault::new(Code::InvalidRequest, "checksum-value", format!("Value for {name} {place} is invalid."))
}

fn content_md5(head: &Head<'_>) -> Result<Option<Value>, Fault> {
    let Some(text) = head.first("content-md5") else { return Ok(None) };
    match Value::from_base64(Algorithm::Md5, text) {
        Some(value) => Ok(Some(value)),
        None => {
            Err(Fault::plain(Code::InvalidDigest, "content-md5").with("Content-MD5", String::from_utf8_lossy(text)))
        }
    }
}

fn announced_trailers(head: &Head<'_>) -> Result<Vec<Algorithm>, Fault> {
    let unsupported = || {
        Fault::new(
            Code::InvalidRequest,
            "trailer-name",
            "The value specified in the x-amz-trailer header is not supported",
        )
    };
    let mut announced = Vec::new();
    for line in head.all("x-amz-trailer") {
        for name in line.split(|&octet| octet == b',').map(trim).filter(|name| !name.is_empty()) {
            announced.push(std::str::from_utf8(name).ok().and_then(Algorithm::of_header).ok_or_else(unsupported)?);
        }
    }
    Ok(announced)
}

fn check_sdk_algorithm(head: &Head<'_>, present: Option<Algorithm>) -> Result<(), Fault> {
    let Some(named) = head.first("x-amz-sdk-checksum-algorithm") else { return Ok(()) };
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
        Some(present) if present != algorithm => Err(Fault::new(
            Code::InvalidRequest,
            "checksum-other",
            "Value for x-amz-sdk-checksum-algorithm header is invalid.",
        )),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(value: Value) -> String {
        value.as_bytes().iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn known_values_come_out() {
        let nine = b"123456789";
        for (algorithm, expected) in [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
            (Algorithm::XxHash64, "8cb841db40e6ae83"),
        ] {
            assert_eq!(hex(of(algorithm, nine)), expected, "{}", algorithm.name());
        }
        assert_eq!(of(Algorithm::Crc64Nvme, b"hello world").to_base64(), "jSnVw/bqjr4=");
    }

    #[test]
    fn pieces_make_the_same_value_as_the_whole() {
        let data: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
        for algorithm in Algorithm::ALL {
            let mut hasher = Hasher::new(algorithm);
            data.chunks(777).for_each(|piece| hasher.update(piece));
            let value = hasher.finish();
            assert_eq!(value, of(algorithm, &data), "{}", algorithm.name());
            assert_eq!(value.as_bytes().len(), algorithm.raw_length());
            assert_eq!(Value::from_base64(algorithm, value.to_base64().as_bytes()), Some(value));
        }
    }

    fn declare(lines: &[(&str, &str)], required: bool, trailer: bool) -> Result<Declared, &'static str> {
        let lines: Vec<(&[u8], &[u8])> =
            lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let head = Head { method: b"PUT", target: b"/b/k", lines: &lines, authority: None };
        declared(&head, true, required, trailer).map_err(|fault| fault.reason())
    }

    #[test]
    fn contradictory_declarations_are_refused() {
        let crc = ("x-amz-checksum-crc32", "y/Q5Jg==");
        assert_eq!(declare(&[("content-md5", "abc")], false, false), Err("content-md5"));
        assert_eq!(declare(&[crc, ("x-amz-checksum-crc32c", "4waSgw==")], false, false), Err("two-checksums"));
        assert_eq!(declare(&[crc, ("x-amz-trailer", "x-amz-checksum-crc32")], false, true), Err("two-checksums"));
        assert_eq!(declare(&[("x-amz-checksum-crc32", "y/Q5Jg")], false, false), Err("checksum-value"));
        assert_eq!(declare(&[("x-amz-trailer", "x-amz-meta-a")], false, true), Err("trailer-name"));
        assert_eq!(declare(&[("x-amz-trailer", "x-amz-checksum-crc32")], false, false), Err("trailer-without-mode"));
        assert_eq!(declare(&[("x-amz-sdk-checksum-algorithm", "CRC32")], false, false), Err("checksum-announced"));
        assert_eq!(declare(&[crc, ("x-amz-sdk-checksum-algorithm", "sha256")], false, false), Err("checksum-other"));
        assert_eq!(declare(&[crc, ("x-amz-sdk-checksum-algorithm", "CRC9")], false, false), Err("checksum-algorithm"));
        assert_eq!(declare(&[], true, false), Err("checksum-missing"));
        assert!(declare(&[crc, ("x-amz-sdk-checksum-algorithm", "crc32")], true, false).is_ok());
    }
}
