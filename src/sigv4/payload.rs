//! The payload line (spec/sigv4.md 4.6, 7 step 11, 8).

use super::header::Algorithm;
use super::key::unhex32;
use crate::s3::payload::Payload;
use crate::s3::{Code, Fault};

/// Which payload modes are taken (`signature.payload`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PayloadRule {
    /// All of them.
    Any,
    /// Only what is signed.
    Signed,
    /// What is signed, and what is not where the connection is TLS.
    #[default]
    SignedOrTls,
}

impl PayloadRule {
    /// Refuses a mode that the rule excludes.
    pub(super) fn check(self, payload: Payload, tls: bool) -> Result<(), Fault> {
        let signed = matches!(payload, Payload::Hash(_) | Payload::Chunks { signed: true, .. });
        match self {
            Self::Any => Ok(()),
            _ if signed => Ok(()),
            Self::SignedOrTls if tls => Ok(()),
            _ => Err(invalid("payload-rule").detail("signature.payload does not take this mode on this connection")),
        }
    }
}

/// Reads the value of `x-amz-content-sha256` in header authentication. Chunks are signed like the
/// request they belong to, or not at all.
pub(super) fn in_header(value: &[u8], algorithm: Algorithm, streaming_allowed: bool) -> Result<Payload, Fault> {
    let chunks = |signed, trailer| {
        if streaming_allowed { Ok(Payload::Chunks { signed, trailer }) } else { Err(invalid("streaming-not-here")) }
    };
    let chunks_of = |of: Algorithm, trailer| {
        if of == algorithm { chunks(true, trailer) } else { Err(invalid("streaming-algorithm")) }
    };
    match value {
        b"UNSIGNED-PAYLOAD" => Ok(Payload::Unsigned),
        b"STREAMING-UNSIGNED-PAYLOAD-TRAILER" => chunks(false, true),
        b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => chunks_of(Algorithm::Hmac, false),
        b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => chunks_of(Algorithm::Hmac, true),
        b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD" => chunks_of(Algorithm::Ecdsa, false),
        b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER" => chunks_of(Algorithm::Ecdsa, true),
        digest => match unhex32(digest) {
            Some(digest) => Ok(Payload::Hash(digest)),
            None => Err(unknown(value)),
        },
    }
}

/// Reads the payload value of a presigned request.
pub(super) fn in_query(value: &[u8]) -> Result<Payload, Fault> {
    match value {
        b"UNSIGNED-PAYLOAD" => Ok(Payload::Unsigned),
        digest => unhex32(digest).map(Payload::Hash).ok_or_else(|| invalid("payload-value")),
    }
}

/// The modes whose chunks are signed, which nobody does who does not sign the request.
const SIGNED_CHUNKS: [&[u8]; 4] = [
    b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
];

/// Reads the payload value of an anonymous request (spec/sigv4.md 14).
pub(super) fn anonymous(value: Option<&[u8]>, streaming_allowed: bool) -> Result<Payload, Fault> {
    let Some(value) = value else { return Ok(Payload::Unsigned) };
    if SIGNED_CHUNKS.contains(&value) {
        let message = "Anonymous requests don't support this x-amz-content-sha256 value. Please use UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER.";
        return Err(Fault::new(Code::InvalidRequest, "anonymous-payload", message));
    }
    in_header(value, Algorithm::Hmac, streaming_allowed)
}

fn invalid(reason: &'static str) -> Fault {
    Fault::new(Code::InvalidRequest, reason, "The value of x-amz-content-sha256 header is invalid.")
}

fn unknown(value: &[u8]) -> Fault {
    let message = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.";
    Fault::argument("payload-mode", message, "x-amz-content-sha256", Some(String::from_utf8_lossy(value).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_that_does_not_exist_is_unknown_to_anonymous_callers_as_to_all() {
        for value in ["STREAMING-AWS4-HMAC-SHA512-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-EVENTS", "STREAMING-AWS4-"] {
            let fault = anonymous(Some(value.as_bytes()), true).unwrap_err();
            assert_eq!((fault.code(), fault.reason()), (Code::InvalidArgument, "payload-mode"), "{value}");
        }
        for value in SIGNED_CHUNKS {
            let fault = anonymous(Some(value), true).unwrap_err();
            assert_eq!((fault.code(), fault.reason()), (Code::InvalidRequest, "anonymous-payload"));
        }
    }
}
