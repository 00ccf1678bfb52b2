//! The ten checksums of S3 (spec/sigv4.md 9).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::CrcAlgorithm;
use md5::Digest as _;

/// A checksum algorithm.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Md5,
    Sha1,
    Sha256,
    Sha512,
    XxHash128,
    XxHash3,
    XxHash64,
}

impl Algorithm {
    /// All of them; the place in the list is the number in the index, so new ones go to the end.
    pub(super) const ALL: [Self; 10] = [
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

    /// The value of `x-amz-checksum-algorithm`.
    pub(super) const fn name(self) -> &'static str {
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

    /// The header that carries a value.
    pub(super) const fn header(self) -> &'static str {
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

    /// The XML element that carries a value.
    pub(super) const fn element(self) -> &'static str {
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
    pub(super) const fn raw_length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme | Self::XxHash3 | Self::XxHash64 => 8,
            Self::Md5 | Self::XxHash128 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Reads `x-amz-checksum-algorithm`, case ignored.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The number in the index.
    pub(super) fn number(self) -> u8 {
        Self::ALL.iter().position(|&other| other == self).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
    }

    /// Reads the number in the index.
    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether the checksum of a whole follows from those of its parts.
    pub(super) const fn is_linear(self) -> bool {
        matches!(self, Self::Crc32 | Self::Crc32c | Self::Crc64Nvme)
    }

    /// The value over some octets.
    pub(super) fn of(self, data: &[u8]) -> Vec<u8> {
        let mut hasher = Hasher::new(self);
        hasher.update(data);
        hasher.finish()
    }

    /// The value of two neighbours, from the values of each and the length of the second. Nothing if
    /// the algorithm is not linear.
    pub(super) fn combine(self, first: &[u8], second: &[u8], length: u64) -> Option<Vec<u8>> {
        let crc = self.crc()?;
        let whole = crc_fast::checksum_combine(crc, number(first)?, number(second)?, length);
        Some(big_endian(whole, self.raw_length()))
    }

    const fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            _ => None,
        }
    }
}

/// A checksum in the making.
pub(super) enum Hasher {
    Crc(crc_fast::Digest, usize),
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha2(ring::digest::Context),
    Xx64(xxhash_rust::xxh64::Xxh64),
    Xx3(Box<xxhash_rust::xxh3::Xxh3Default>),
    Xx128(Box<xxhash_rust::xxh3::Xxh3Default>),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32IsoHdlc), 4),
            Algorithm::Crc32c => Self::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi), 4),
            Algorithm::Crc64Nvme => Self::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme), 8),
            Algorithm::Md5 => Self::Md5(md5::Md5::new()),
            Algorithm::Sha1 => Self::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => Self::Sha2(ring::digest::Context::new(&ring::digest::SHA256)),
            Algorithm::Sha512 => Self::Sha2(ring::digest::Context::new(&ring::digest::SHA512)),
            Algorithm::XxHash128 => Self::Xx128(Box::default()),
            Algorithm::XxHash3 => Self::Xx3(Box::default()),
            Algorithm::XxHash64 => Self::Xx64(xxhash_rust::xxh64::Xxh64::new(0)),
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc(crc, _) => crc.update(data),
            Self::Md5(md5) => md5.update(data),
            Self::Sha1(sha) => sha.update(data),
            Self::Sha2(sha) => sha.update(data),
            Self::Xx64(xx) => xx.update(data),
            Self::Xx3(xx) | Self::Xx128(xx) => xx.update(data),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc(crc, length) => big_endian(crc.finalize(), length),
            Self::Md5(md5) => md5.finalize().to_vec(),
            Self::Sha1(sha) => sha.finalize().to_vec(),
            Self::Sha2(sha) => sha.finish().as_ref().to_vec(),
            Self::Xx64(xx) => xx.digest().to_be_bytes().to_vec(),
            Self::Xx3(xx) => xx.digest().to_be_bytes().to_vec(),
            Self::Xx128(xx) => xx.digest128().to_be_bytes().to_vec(),
        }
    }
}

/// The MD5 of an entity and further checksums, computed in one pass.
pub(super) struct Digests {
    md5: md5::Md5,
    others: Vec<(Algorithm, Hasher)>,
}

/// What [`Digests`] came to.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    pub(super) md5: [u8; 16],
    pub(super) others: Vec<(Algorithm, Vec<u8>)>,
}

impl Digests {
    pub(super) fn new(wanted: &[Algorithm]) -> Self {
        let others = wanted.iter().map(|&algorithm| (algorithm, Hasher::new(algorithm))).collect();
        Self { md5: md5::Md5::new(), others }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        self.md5.update(data);
        for (_, hasher) in &mut self.others {
            hasher.update(data);
        }
    }

    pub(super) fn finish(self) -> Sums {
        let others = self.others.into_iter().map(|(algorithm, hasher)| (algorithm, hasher.finish())).collect();
        Sums { md5: self.md5.finalize().into(), others }
    }
}

impl Sums {
    pub(super) fn of(&self, algorithm: Algorithm) -> Option<&[u8]> {
        self.others.iter().find(|(other, _)| *other == algorithm).map(|(_, raw)| raw.as_slice())
    }
}

/// base64, as S3 writes checksums.
pub(super) fn encode(raw: &[u8]) -> String {
    BASE64.encode(raw)
}

/// Lower-case hexadecimal, as S3 writes entity tags.
pub(super) fn hex(raw: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |&octet| char::from(octet));
    raw.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}

/// Reads hexadecimal of either case.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut raw = [0; N];
    if text.len() != N.checked_mul(2)? {
        return None;
    }
    let mut digits = text.chars().map(|digit| digit.to_digit(16));
    for octet in &mut raw {
        let (high, low) = (digits.next()??, digits.next()??);
        *octet = u8::try_from(high << 4 | low).ok()?;
    }
    Some(raw)
}

fn number(raw: &[u8]) -> Option<u64> {
    (raw.len() <= 8).then(|| raw.iter().fold(0, |number, &octet| number << 8 | u64::from(octet)))
}

fn big_endian(number: u64, length: usize) -> Vec<u8> {
    let octets = number.to_be_bytes();
    octets.get(octets.len().saturating_sub(length)..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_standards() {
        for (algorithm, expected) in [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            assert_eq!(hex(&algorithm.of(b"123456789")), expected, "{algorithm:?}");
        }
        assert_eq!(encode(&Algorithm::Crc64Nvme.of(b"hello world")), "jSnVw/bqjr4=");
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.of(b"x").len(), algorithm.raw_length());
            assert_eq!(Algorithm::from_number(algorithm.number()), Some(algorithm));
            assert_eq!(Algorithm::from_name(&algorithm.name().to_lowercase()), Some(algorithm));
        }
    }

    #[test]
    fn the_checksum_of_a_whole_follows_from_its_parts() {
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_linear()) {
            let whole = algorithm.combine(&algorithm.of(b"1234"), &algorithm.of(b"56789"), 5);
            assert_eq!(whole, Some(algorithm.of(b"123456789")), "{algorithm:?}");
        }
    }

    #[test]
    fn hexadecimal_of_the_wrong_length_is_refused() {
        assert_eq!(unhex::<2>("00fF"), Some([0, 255]));
        assert_eq!(unhex::<2>("00f"), None);
        assert_eq!(unhex::<2>("00fg"), None);
        assert_eq!(unhex::<2>("00ffff"), None);
    }
}
