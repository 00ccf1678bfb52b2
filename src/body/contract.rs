//! What must hold of a body, from the head alone.

use crate::s3::checksum::{self, Declared};
use crate::s3::form::LengthRange;
use crate::s3::payload::{ChunkSignatures, Payload};
use crate::s3::{Code, Fault, Head};

use super::chunked::wrong_length;
use super::early::FormHead;

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

/// What a body must satisfy before its end may leave. Made from a verified payload mode and the head;
/// its fields are private, so whoever holds one went through [`Contract::new`].
#[derive(Debug)]
pub struct Contract {
    pub(super) payload: Payload,
    pub(super) declared: Declared,
    /// Octets of object data; unknown only for a document that came without a length.
    pub(super) length: Option<u64>,
    pub(super) excess: Excess,
    pub(super) signatures: Option<Box<dyn ChunkSignatures>>,
    /// How long the file of a form may be.
    pub(super) range: LengthRange,
}

/// What it means when more comes than the length says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Excess {
    /// The stated length was wrong.
    WrongLength,
    /// No length was stated, so there should have been nothing.
    NoLength,
    /// The operation takes no body.
    NoBody,
    /// The length follows from where the file of a form should end.
    Presumed,
}

impl Excess {
    pub(super) fn fault(self, expected: u64) -> Fault {
        match self {
            Self::WrongLength => wrong_length(expected, None),
            Self::NoLength => no_length(),
            Self::NoBody => Fault::plain(Code::UnexpectedContent, "unexpected-body"),
            Self::Presumed => Self::not_last(),
        }
    }

    /// What it means when less comes.
    pub(super) fn shortfall(self, expected: u64, seen: u64) -> Fault {
        if self == Self::Presumed { Self::not_last() } else { wrong_length(expected, Some(seen)) }
    }

    fn not_last() -> Fault {
        let message = "In a form as long as this one, the file must be the last field, and the closing boundary must end with a line end.";
        Fault::new(Code::MalformedPOSTRequest, "form-file-not-last", message)
    }
}

impl Contract {
    /// Reads lengths and checksums.
    ///
    /// # Errors
    /// Missing, contradictory or excessive lengths; the checksum rules of spec/sigv4.md 9. A signed
    /// mode without the means to check signatures is `InternalError`: it is never read as unsigned.
    pub fn new(
        payload: Payload,
        signatures: Option<Box<dyn ChunkSignatures>>,
        head: &Head<'_>,
        duties: Duties,
    ) -> Result<Self, Fault> {
        let (signed, trailer) = match payload {
            Payload::Chunks { signed, trailer } => (signed, trailer),
            Payload::Hash(_) | Payload::Unsigned => (false, false),
        };
        if signed != signatures.is_some() {
            return Err(Fault::plain(Code::InternalError, "chunk-signatures").detail(format!("{payload:?}")));
        }
        let (length, excess) = match payload {
            Payload::Chunks { .. } => (Some(decoded_length(head)?), Excess::WrongLength),
            Payload::Hash(_) | Payload::Unsigned => plain_length(head, duties)?,
        };
        if !duties.takes_body && length.is_none_or(|length| length > 0) {
            return Err(Excess::NoBody.fault(0));
        }
        let declared = checksum::declared(head, duties.checksums_of_body, duties.needs_checksum, trailer)?;
        Ok(Self { payload, declared, length, excess, signatures, range: LengthRange::ANY })
    }

    /// The contract of a form's file, whose checksums are in `fields`, written as headers.
    ///
    /// A store must be told a length before the first octet. The form has none for its file, so it is
    /// presumed: what the form's own length leaves behind the fields, less the closing boundary on a
    /// line of its own, as every browser ends a form. Where more or less follows the file, what was
    /// presumed is wrong, and the seal breaks off before the store has as much as it was told. Files
    /// that are not too long for it are read whole before the store hears of them, so of theirs nothing
    /// needs presuming ([`super::SealedBody::settle_file`]).
    ///
    /// # Errors
    /// As for [`Contract::new`]; `EntityTooSmall` where no ending of the form could put the file into
    /// its range.
    pub fn of_file(head: &Head<'_>, fields: &Head<'_>, form: &FormHead, range: LengthRange) -> Result<Self, Fault> {
        let length = match stated_length(head)? {
            Some(text) => form.file_length(number(text).ok_or_else(no_length)?),
            None => return Err(no_framing(head)),
        };
        bounded(length, length.to_string().as_bytes())?;
        range.check_least(length.saturating_add(2))?;
        let declared = checksum::declared(fields, true, false, false)?;
        let (payload, excess, signatures) = (Payload::Unsigned, Excess::Presumed, None);
        Ok(Self { payload, declared, length: Some(length), excess, signatures, range })
    }

    pub(super) fn is_presumed(&self) -> bool {
        self.excess == Excess::Presumed
    }

    /// Octets of object data, where known from the head.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// How the body travels.
    pub fn payload(&self) -> Payload {
        self.payload
    }

    /// The digests that were declared of it.
    pub fn declared(&self) -> Declared {
        self.declared
    }
}

/// `x-amz-decoded-content-length` (spec/sigv4.md 8.1).
fn decoded_length(head: &Head<'_>) -> Result<u64, Fault> {
    let missing = || Fault::plain(Code::MissingContentLength, "decoded-length");
    let text = head.only("x-amz-decoded-content-length").map_err(|_| missing())?.ok_or_else(missing)?;
    number(text).ok_or_else(missing).and_then(|length| bounded(length, text))
}

/// The length of a plain body, and what any octet beyond it means.
fn plain_length(head: &Head<'_>, duties: Duties) -> Result<(Option<u64>, Excess), Fault> {
    if let Some(text) = stated_length(head)? {
        let length = number(text).ok_or_else(no_length).and_then(|length| bounded(length, text))?;
        return Ok((Some(length), Excess::WrongLength));
    }
    if !duties.takes_body {
        return Ok((Some(0), Excess::NoBody));
    }
    // A document is read within its limit before anything is done with it.
    if !duties.needs_length {
        return Ok((None, Excess::WrongLength));
    }
    // HTTP/2 frames need no length, so an empty body may come without; anything else may not.
    let framed = head.authority.is_some() && head.all("transfer-encoding").next().is_none();
    if framed { Ok((Some(0), Excess::NoLength)) } else { Err(no_framing(head)) }
}

/// `Content-Length`, if it is there, once or always the same.
fn stated_length<'a>(head: &Head<'a>) -> Result<Option<&'a [u8]>, Fault> {
    let mut stated = head.all("content-length").map(crate::s3::head::trim);
    let first = stated.next();
    if stated.any(|other| Some(other) != first) {
        return Err(Fault::plain(Code::BadRequest, "content-lengths"));
    }
    Ok(first)
}

/// Object data without a length.
fn no_framing(head: &Head<'_>) -> Fault {
    if head.all("transfer-encoding").next().is_some() {
        return Fault::plain(Code::NotImplemented, "transfer-encoding").with("Header", "Transfer-Encoding");
    }
    no_length()
}

fn no_length() -> Fault {
    Fault::plain(Code::MissingContentLength, "content-length")
}

fn bounded(length: u64, text: &[u8]) -> Result<u64, Fault> {
    if length <= LARGEST {
        return Ok(length);
    }
    Err(Fault::plain(Code::EntityTooLarge, "body-too-large")
        .with("ProposedSize", String::from_utf8_lossy(text))
        .with("MaxSizeAllowed", LARGEST.to_string()))
}

/// Decimal digits; what does not fit is as large as can be, and refused for that.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, digit| {
        digit.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    })
}
