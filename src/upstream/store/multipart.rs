//! Begins and aborts multipart uploads.

use http::StatusCode;

use crate::s3::{Code, Fault};

use super::Reply;
use super::StoreError;
use super::answer::{self, checksum_type, set};
use super::attributes;
use super::bucket::remove_parts;
use super::checksums::{Algorithm, hex};
use super::encryption::{self, Wanted};
use super::fault::Halt;
use super::index::{Tx, row_key};
use super::keys::Name;
use super::record::{Row, UploadRow};
use super::request::{Request, invalid_request, not_implemented};
use super::shell::Shell;
use super::xml::Xml;

/// `POST /bucket/key?uploads`
pub(super) async fn create(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let attributes = attributes::read(request)?;
    let declared = request.checksum_algorithm()?;
    let composite = composite(request, declared)?;
    let wanted = Wanted::read(request)?;
    let (sealing, _) = shell.core.keys.fresh(&wanted, Name::of(request), &request.forward().account)?;
    let initiated = shell.core.now();
    // The time in front lists the uploads of a key in the order in which they began.
    let id = format!("{:012x}{}", initiated.max(0), hex(&shell.core.files.random_id()?));
    let initiator = request.forward().account.clone();
    let row = UploadRow { initiator, initiated, declared, composite, attributes, sealing: Some(sealing.clone()) };
    let (asked, at) = (request.clone(), upload_key(request, &id));
    let change = move |tx: &mut Tx<'_>| {
        asked.owned_bucket(tx.bucket(asked.bucket())?)?;
        Ok(tx.put_upload(&at, &row.encode())?)
    };
    shell.committer.run(change).await?;
    let mut xml = Xml::new("InitiateMultipartUploadResult");
    xml.text("Bucket", request.bucket()).text("Key", request.key()).text("UploadId", &id);
    let mut reply = answer::document(xml.finish("InitiateMultipartUploadResult"));
    encryption::say_with_context(&mut reply.headers, &sealing, wanted.customer.as_ref());
    if let Some(algorithm) = declared {
        set(&mut reply.headers, "x-amz-checksum-algorithm", algorithm.name());
        set(&mut reply.headers, "x-amz-checksum-type", checksum_type(composite));
    }
    Ok(reply)
}

/// Which kind of checksum the object will have. Linear ones may cover the whole object; CRC64NVME must.
fn composite(request: &Request, declared: Option<Algorithm>) -> Result<bool, Fault> {
    let kind = request.header("x-amz-checksum-type");
    let (algorithm, kind) = match (declared, kind) {
        (None, None) => return Ok(false),
        (None, Some(_)) => {
            let message = "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.";
            return Err(invalid_request("checksum-type", message));
        }
        (Some(algorithm), None) => return Ok(algorithm != Algorithm::Crc64Nvme),
        (Some(algorithm), Some(kind)) => (algorithm, kind),
    };
    match kind {
        "COMPOSITE" if algorithm != Algorithm::Crc64Nvme => Ok(true),
        "FULL_OBJECT" if algorithm.is_linear() => Ok(false),
        "COMPOSITE" | "FULL_OBJECT" => {
            let message = format!(
                "The {kind} checksum type cannot be used with the {} checksum algorithm.",
                algorithm.name().to_lowercase()
            );
            Err(invalid_request("checksum-type", message))
        }
        _ => Err(invalid_request("checksum-type", "Value for x-amz-checksum-type header is invalid.")),
    }
}

/// `DELETE /bucket/key?uploadId=…`
pub(super) async fn abort(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    if request.header("x-amz-if-match-initiated-time").is_some() {
        return Err(not_implemented("x-amz-if-match-initiated-time").into());
    }
    let asked = request.clone();
    let change = move |tx: &mut Tx<'_>| {
        asked.owned_bucket(tx.bucket(asked.bucket())?)?;
        let (at, _) = find(&tx.uploads, &asked)?;
        remove_parts(tx, upload_id(&asked).as_bytes())?;
        Ok(tx.remove_upload(&at)?)
    };
    shell.committer.run(change).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// The upload of this bucket, key and id, with the key of its row.
pub(super) fn find(
    uploads: &impl redb::ReadableTable<&'static [u8], &'static [u8]>,
    request: &Request,
) -> Result<(Vec<u8>, UploadRow), Halt> {
    let id = upload_id(request);
    let at = upload_key(request, id);
    let missing = || Fault::plain(Code::NoSuchUpload, "no-such-upload").with("UploadId", id);
    if id.is_empty() || id.len() > 128 || id.contains('\0') {
        return Err(missing().into());
    }
    let row = uploads.get(at.as_slice()).map_err(StoreError::from)?.ok_or_else(missing)?;
    let row = UploadRow::decode(row.value())?;
    Ok((at, row))
}

pub(super) fn upload_id(request: &Request) -> &str {
    request.query("uploadId").unwrap_or_default()
}

fn upload_key(request: &Request, id: &str) -> Vec<u8> {
    let mut at = row_key(request.bucket(), request.key());
    at.extend_from_slice(id.as_bytes());
    at
}

/// The row of a part: upload id, 0x00, number.
pub(super) fn part_key(id: &str, number: u32) -> Vec<u8> {
    let mut at = id.as_bytes().to_vec();
    at.push(0);
    at.extend_from_slice(&number.to_be_bytes());
    at
}
