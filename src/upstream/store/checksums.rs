//! Checksums as the store keeps them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::Digest as _;

pub(super) use crate::s3::checksum::{Algorithm, Hasher};

/// The number of an algorithm in the index: its place among all. New ones go to the end.
pub(super) fn number(algorithm: Algorithm) -> u8 {
    Algorithm::ALL.iter().position(|&other| other == algorithm).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

/// Reads the number in the index.
pub(super) fn numbered(number: u8) -> Option<Algorithm> {
    Algorithm::ALL.get(usize::from(number)).copied()
}

/// The octets of a finished checksum.
pub(super) fn finished(hasher: Hasher) -> Vec<u8> {
    hasher.finish().as_bytes().to_vec()
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
        let others = self.others.into_iter().map(|(algorithm, hasher)| (algorithm, finished(hasher))).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_the_index_lead_back() {
        for (at, algorithm) in Algorithm::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(number(algorithm)), at);
            assert_eq!(numbered(number(algorithm)), Some(algorithm));
        }
        assert_eq!(numbered(200), None);
    }

    #[test]
    fn hexadecimal_of_the_wrong_length_is_refused() {
        assert_eq!(unhex::<2>("00fF"), Some([0, 255]));
        assert_eq!(unhex::<2>("00f"), None);
        assert_eq!(unhex::<2>("00fg"), None);
        assert_eq!(unhex::<2>("00ffff"), None);
    }
}
