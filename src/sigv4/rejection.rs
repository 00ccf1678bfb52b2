//! Why a request was not verified, and how much of that is told on the wire.

use std::fmt;

use super::diagnose::Mismatch;
use super::{canonical, key};
use crate::s3::{Code, Fault};

/// What `SignatureDoesNotMatch` shows (`errors.signature_details`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Details {
    /// As S3 does, tokens and customer keys included.
    Full,
    /// Everything but tokens and customer keys.
    #[default]
    Masked,
    /// The access key and the signature only.
    None,
}

/// Why a request was not verified, with what was computed when signatures differ.
pub struct Rejection {
    pub(super) fault: Fault,
    pub(super) access_key: Option<String>,
    pub(super) canonical_request: Option<Vec<u8>>,
    pub(super) string_to_sign: Option<Vec<u8>>,
    pub(super) mismatch: Option<Box<Mismatch>>,
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rejection({})", self.fault.reason())
    }
}

impl Rejection {
    /// The answer.
    pub fn into_fault(self) -> Fault {
        self.fault
    }

    /// The answer, borrowed.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The access key that the request named, whether or not it exists.
    pub fn access_key(&self) -> Option<&str> {
        self.access_key.as_deref()
    }

    /// What was compared, if the verdict is that signatures differ.
    pub(super) fn mismatch(&self) -> Option<&Mismatch> {
        self.mismatch.as_deref()
    }

    /// What was computed, unmasked. It holds session tokens and customer keys: for comparison in tests only.
    pub fn dangerous_texts(&self) -> (Option<&[u8]>, Option<&[u8]>) {
        (self.canonical_request.as_deref(), self.string_to_sign.as_deref())
    }
}

impl From<Fault> for Box<Rejection> {
    fn from(fault: Fault) -> Self {
        Self::new(Rejection { fault, access_key: None, canonical_request: None, string_to_sign: None, mismatch: None })
    }
}

/// `SignatureDoesNotMatch` in the shape of spec/sigv4.md 15.
pub(super) fn mismatch_fault(
    access_key: &str,
    signature: &str,
    to_sign: &[u8],
    canonical: Option<&[u8]>,
    details: Details,
) -> Fault {
    let fault = Fault::plain(Code::SignatureDoesNotMatch, "signature").with("AWSAccessKeyId", access_key);
    if details == Details::None {
        return fault.with("SignatureProvided", signature);
    }
    let fault = fault
        .with("StringToSign", String::from_utf8_lossy(to_sign))
        .with("SignatureProvided", signature)
        .with("StringToSignBytes", spaced_hex(to_sign));
    let Some(canonical) = canonical else { return fault };
    if details == Details::Full {
        return fault
            .with("CanonicalRequest", String::from_utf8_lossy(canonical))
            .with("CanonicalRequestBytes", spaced_hex(canonical));
    }
    let masked = canonical::masked(canonical);
    let octets = spaced_hex(masked.as_bytes());
    fault.with("CanonicalRequest", masked).with("CanonicalRequestBytes", octets)
}

fn spaced_hex(octets: &[u8]) -> String {
    let mut out = Vec::with_capacity(octets.len() * 3);
    for (at, octet) in octets.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        key::hex_into(&[*octet], &mut out);
    }
    String::from_utf8(out).unwrap_or_default() // only ASCII is ever written
}
