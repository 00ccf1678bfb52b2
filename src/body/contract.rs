//! What must hold of a body, from the head alone.

use crate::s3::checksum::{self, Declared};
use crate::s3::payload::{ChunkSignatures, Payload};
use crate::s3::{Code, Fault, Head};

/// The largest object data of one request: 5 GiB.
const LARGEST: u64 = 5 * 1024 * 1024 * 1024;

/// What the operation asks of its body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Duties {
    /// There may be a body.
    pub takes_body: bool,
    /// There must be a length: object data.
    pub needs_length: bool,
    /// `Content-MD5` or a checksum must come with it.
    pub needs_checksum: bool,
    /// Checksum headers speak of the body (not so in the completion of an upload).
    pub checksums_of_body: bool,
}

/// What a body must satisfy before its end may leave. Made from a verified payload mode and the head.
#[derive(Debug)]
pub struct Contract {
    pub(super) payload: Payload,
    pub(super) declared: Declared,
    /// Octets of object data; unknown only for a document that came without a length.
    pub(super) length: Option<u64>,
    pub(super) signatures: Option<Box<dyn ChunkSignatures>>,
}

impl Contract {
    /// Reads lengths and checksums.
    ///
    /// # Errors
    /// Missing, contradictory or excessive lengths; the checksum rules of spec/sigv4.md 9.
    pub fn new(
        payload: Payload,
        signatures: Option<Box<dyn ChunkSignatures>>,
        head: &Head<'_>,
        duties: Duties,
    ) -> Result<Self, Fault> {
        let trailer = matches!(payload, Payload::Chunks { trailer: true, .. });
        let length = match payload {
            Payload::Chunks { .. } => Some(decoded_length(head)?),
            Payload::Hash(_) | Payload::Unsigned => plain_length(head, duties)?,
        };
        if length.is_some_and(|length| length > LARGEST) {
            return Err(Fault::plain(Code::EntityTooLarge, "body-too-large")
                .with("ProposedSize", length.unwrap_or_default().to_string())
                .with("MaxSizeAllowed", LARGEST.to_string()));
        }
        if !duties.takes_body && length != Some(0) {
            return Err(Fault::plain(Code::UnexpectedContent, "unexpected-body"));
        }
        let declared = checksum::declared(head, duties.checksums_of_body, duties.needs_checksum, trailer)?;
        if trailer
            && declared.checksum.is_none_or(|(_, value)| value.is_some())
            && head.first("x-amz-trailer").is_some()
        {
            return Err(Fault::new(
                Code::InvalidRequest,
                "trailer-name",
                "The value specified in the x-amz-trailer header is not supported",
            ));
        }
        Ok(Self { payload, declared, length, signatures })
    }

    /// Octets of object data, where known from the head.
    pub fn length(&self) -> Option<u64> {
        self.length
    }
}

/// `x-amz-decoded-content-length` (spec/sigv4.md 8.1).
fn decoded_length(head: &Head<'_>) -> Result<u64, Fault> {
    let missing = || Fault::plain(Code::MissingContentLength, "decoded-length");
    let text = head.only("x-amz-decoded-content-length").map_err(|_| missing())?.ok_or_else(missing)?;
    number(text).ok_or_else(missing)
}

fn plain_length(head: &Head<'_>, duties: Duties) -> Result<Option<u64>, Fault> {
    let missing = || Fault::plain(Code::MissingContentLength, "content-length");
    // Equal repeated lengths have been folded or refused before this point.
    if let Some(text) = head.first("content-length") {
        return number(text).map(Some).ok_or_else(missing);
    }
    if head.first("transfer-encoding").is_some() {
        if duties.needs_length {
            return Err(Fault::new(
                Code::NotImplemented,
                "transfer-encoding",
                "A header you provided implies functionality that is not implemented",
            )
            .with("Header", "Transfer-Encoding"));
        }
        return Ok(None);
    }
    // HTTP/2 needs neither; there a stream that ends with its head has no body.
    match duties {
        Duties { needs_length: true, .. } if head.authority.is_none() => Err(missing()),
        Duties { takes_body: true, .. } => Ok(None),
        _ => Ok(Some(0)),
    }
}

fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: Duties =
        Duties { takes_body: true, needs_length: true, needs_checksum: false, checksums_of_body: true };
    const NOTHING: Duties =
        Duties { takes_body: false, needs_length: false, needs_checksum: false, checksums_of_body: true };

    fn check(payload: Payload, duties: Duties, lines: &[(&str, &str)], expected: Result<Option<u64>, Code>) {
        let lines: Vec<(&[u8], &[u8])> =
            lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let head = Head { method: b"PUT", target: b"/b/k", lines: &lines, authority: None };
        let got =
            Contract::new(payload, None, &head, duties).map(|contract| contract.length).map_err(|fault| fault.code());
        assert_eq!(got, expected, "{payload:?} {lines:?}");
    }

    #[test]
    fn lengths_are_demanded_and_bounded() {
        let trailer = Payload::Chunks { signed: false, trailer: true };
        check(Payload::Unsigned, OBJECT, &[("content-length", "5")], Ok(Some(5)));
        check(Payload::Unsigned, OBJECT, &[], Err(Code::MissingContentLength));
        check(Payload::Unsigned, OBJECT, &[("transfer-encoding", "chunked")], Err(Code::NotImplemented));
        check(Payload::Unsigned, OBJECT, &[("content-length", "5368709121")], Err(Code::EntityTooLarge));
        check(
            Payload::Unsigned,
            OBJECT,
            &[("content-length", "18446744073709551616")],
            Err(Code::MissingContentLength),
        );
        check(trailer, OBJECT, &[("transfer-encoding", "chunked")], Err(Code::MissingContentLength));
        check(trailer, OBJECT, &[("x-amz-decoded-content-length", "7")], Ok(Some(7)));
        check(trailer, OBJECT, &[("x-amz-decoded-content-length", "+7")], Err(Code::MissingContentLength));
        check(Payload::Unsigned, NOTHING, &[("content-length", "1")], Err(Code::UnexpectedContent));
        check(Payload::Unsigned, NOTHING, &[("transfer-encoding", "chunked")], Err(Code::UnexpectedContent));
        check(Payload::Unsigned, NOTHING, &[], Ok(Some(0)));
    }
}
