//! Signature Version 4A (spec/sigv4.md 11): the key pair that a secret stands for, and its signatures.

use p256::elliptic_curve::sec1::ToSec1Point as _;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::key::{Secret, mac, unhex_into};
use crate::s3::{Code, Fault};

/// The name of the algorithm, as requests spell it.
pub(super) const NAME: &str = "AWS4-ECDSA-P256-SHA256";

/// The most hexadecimal digits of a signature: a DER sequence of two integers of 33 octets.
pub(super) const LONGEST: usize = 144;

/// A point of the curve, uncompressed. Public: it may be kept and shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PublicKey([u8; 65]);

impl PublicKey {
    /// The key of an access key and its secret. Costs a multiplication on the curve, so whoever asks
    /// often remembers it.
    ///
    /// # Errors
    /// `InternalError` if no counter gives a key, which no secret is known to do.
    pub(super) fn derive(access_key: &str, secret: &Secret) -> Result<Self, Fault> {
        let mut input = Zeroizing::new(Vec::with_capacity(5 + secret.expose().len()));
        input.extend_from_slice(b"AWS4A");
        input.extend_from_slice(secret.expose().as_bytes());
        for counter in 1..=254_u8 {
            let mut message = Vec::with_capacity(64);
            message.extend_from_slice(&[0, 0, 0, 1]);
            message.extend_from_slice(NAME.as_bytes());
            message.push(0);
            message.extend_from_slice(access_key.as_bytes());
            message.push(counter);
            message.extend_from_slice(&[0, 0, 1, 0]);
            let mut scalar = mac(&input, &message);
            // The private key is one more. What comes to zero, or to the order and beyond, is no key.
            if !increment(&mut scalar) {
                continue;
            }
            let Ok(private) = p256::SecretKey::from_slice(&*scalar) else { continue };
            let point = private.public_key().to_sec1_point(false);
            if let Ok(point) = <[u8; 65]>::try_from(point.as_bytes()) {
                return Ok(Self(point));
            }
        }
        Err(Fault::plain(Code::InternalError, "no-key-pair"))
    }

    /// Whether `signature`, in hexadecimal, is one over these octets. What is no signature at all is
    /// none: there is nothing to compare it with.
    pub(super) fn verify(&self, to_sign: &[u8], signature: &[u8]) -> bool {
        let mut der = [0; LONGEST / 2];
        let Some(der) = unhex_into(signature, &mut der) else { return false };
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0).verify(to_sign, der).is_ok()
    }
}

/// Adds one to a big-endian number; false when it does not fit.
fn increment(number: &mut [u8; 32]) -> bool {
    for octet in number.iter_mut().rev() {
        let (sum, carry) = octet.overflowing_add(1);
        *octet = sum;
        if !carry {
            return true;
        }
    }
    false
}

/// Whether a region set names one of the regions. Patterns are separated by commas; `*` stands for any run
/// of characters.
pub(super) fn names_region(set: &str, regions: &[String]) -> bool {
    set.split(',')
        .map(|pattern| pattern.trim_matches([' ', '\t']))
        .any(|pattern| regions.iter().any(|region| fits(pattern.as_bytes(), region.as_bytes())))
}

/// One pattern against one name; goes back at most to the last star, so the work is bounded by the product
/// of both lengths.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                back = Some((at + 1, seen));
                at += 1;
            }
            Some(octet) if Some(octet) == name.get(seen) => {
                at += 1;
                seen += 1;
            }
            _ => match back {
                Some((after, from)) => {
                    back = Some((after, from + 1));
                    (at, seen) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|octet| *octet == b'*')
}

#[cfg(test)]
mod tests {
    use super::super::key::hex;
    use super::*;

    #[test]
    fn the_documented_key_pair_comes_out() {
        let secret = Secret::new("q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom".to_owned());
        let PublicKey(point) = PublicKey::derive("AKISORANDOMAASORANDOM", &secret).unwrap();
        let expected = "0415d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb\
                        0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0";
        assert_eq!(hex(&point), expected);
    }

    #[test]
    fn a_region_set_is_matched_whole() {
        let regions = ["ap-southeast-2".to_owned()];
        for set in ["*", "ap-*", "us-east-1,ap-southeast-2", "us-east-1, ap-southeast-2", "*-2", "ap*east*2", "**"] {
            assert!(names_region(set, &regions), "{set}");
        }
        for set in ["", "ap-southeast", "ap-southeast-22", "ap-", "us-*", ",", "*-3", "AP-*", "ap-southeast-?"] {
            assert!(!names_region(set, &regions), "{set}");
        }
    }

    #[test]
    fn a_pattern_of_stars_costs_no_more_than_its_length() {
        let regions = ["a".repeat(64)];
        assert!(!names_region(&"a*".repeat(4000).replace("a*a*", "*a*b"), &regions));
    }

    #[test]
    fn what_is_no_signature_matches_nothing() {
        let key = PublicKey::derive("AKID", &Secret::new("secret".to_owned())).unwrap();
        for signature in ["", "00", "3", "zz", &"0".repeat(144), &"a".repeat(146), "3006020101020101"] {
            assert!(!key.verify(b"text", signature.as_bytes()), "{signature}");
        }
    }

    #[test]
    fn a_private_key_is_one_more_than_its_derivation() {
        let mut number = [0; 32];
        assert!(increment(&mut number));
        assert_eq!(number[31], 1);
        let mut number = [255; 32];
        assert!(!increment(&mut number), "it would wrap to no key");
    }
}
