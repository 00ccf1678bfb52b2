//! Control documents: small bodies that are configuration or a list, read and verified as a whole.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body;

use super::BoxError;
use super::deletions::Refused;
use super::early::in_time;
use crate::access::Document;
use crate::body::{Contract, Duties, SealedBody, Unread};
use crate::limit::Room;
use crate::s3::operation::BodyKind;
use crate::s3::route::{Routed, Rules};
use crate::s3::{Code, Fault, Operation, xml};

/// The longest control document: a thousand keys of a kilobyte each, every octet escaped.
const LONGEST: u64 = 8 * 1024 * 1024;
/// How long a client may take over one, however it spreads it out: it is held in memory meanwhile, for
/// callers that nobody has decided about.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an operation asks of its body.
pub(super) fn duties(routed: &Routed) -> Duties {
    let spec = routed.operation.spec();
    Duties {
        takes_body: spec.body != BodyKind::None,
        needs_length: matches!(spec.body, BodyKind::Blob | BodyKind::Form),
        // SDKs send none to S3 Control.
        needs_checksum: spec.checksum_required && routed.account.is_none(),
        checksums_of_body: routed.operation != Operation::CompleteMultipartUpload,
    }
}

/// Reads and verifies a document of a caller that nobody has decided about.
///
/// # Errors
/// `SlowDown` where too much is being read; `RequestTimeout`; what does not verify; a document that is
/// missing; one that could be read in two ways.
pub(super) async fn read_within<B>(
    room: &Room,
    body: Unread<B>,
    contract: Contract,
    routed: &Routed,
) -> Result<SealedBody, Fault>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let _taken = room.take(contract.length().unwrap_or(LONGEST).min(LONGEST))?;
    read(body, contract, routed).await
}

/// The same for a caller that may send it.
///
/// # Errors
/// As for [`read_within`].
pub(super) async fn read<B>(body: Unread<B>, contract: Contract, routed: &Routed) -> Result<SealedBody, Fault>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let document = in_time(PATIENCE, body.open(contract)?.settle(LONGEST)).await?;
    let kind = routed.operation.spec().body;
    if matches!(kind, BodyKind::Xml { required: true }) && document.decoded_length() == 0 {
        return Err(Fault::plain(Code::MissingRequestBodyError, "document-missing"));
    }
    // A store would read what is not well-formed, or what brings its own entities, in a way of its own.
    if let (BodyKind::Xml { .. }, Some(data)) = (kind, document.whole()) {
        xml::check(data)?;
    }
    Ok(document)
}

/// What a verified document says that a decision hangs on.
///
/// # Errors
/// `MalformedXML`; a list of deletions with a key that is not allowed here.
pub(super) fn understand(document: &SealedBody, operation: Operation, rules: Rules) -> Result<Document, Fault> {
    let said = Document::read(operation, document.whole().map(Bytes::as_ref).unwrap_or_default())?;
    if let Document::Delete(delete) = &said {
        for entry in &delete.entries {
            rules.keys.check(&entry.key)?;
        }
    }
    Ok(said)
}

/// Writes a list of deletions anew, without the entries that were refused, so that the store reads just
/// what was decided here.
pub(super) fn kept(document: &SealedBody, delete: &xml::Delete, refused: &[Refused]) -> SealedBody {
    let mut refused = refused.iter().map(|refused| refused.at).peekable();
    let entries = delete.entries.iter().enumerate();
    let kept = entries.filter(|(at, _)| refused.next_if_eq(at).is_none()).map(|(_, entry)| entry);
    SealedBody::document(document.verdict(), Bytes::from(xml::Delete::write(kept, delete.quiet)))
}
