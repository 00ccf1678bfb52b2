//! UploadPart and UploadPartCopy.

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;
use redb::ReadableTable;

use crate::s3::Fault;
use crate::s3::encryption::CUSTOMER;

use super::super::range;
use super::Reply;
use super::StoreError;
use super::answer::{self, date, quoted, set, set_etag};
use super::attributes;
use super::checksums::{Algorithm, encode, hex};
use super::copy;
use super::customer::{Customer, Unopened};
use super::encryption;
use super::fault::Halt;
use super::index::Tx;
use super::intake::{self, LARGEST, Promise, Taken};
use super::keys::Name;
use super::layers::Seal;
use super::multipart::{find, part_key, upload_id};
use super::record::{ObjectRow, Part, PartRow, Row, UploadRow};
use super::request::{Request, invalid_request};
use super::shell::Shell;
use super::write::tag;
use super::xml::Xml;

/// `PUT /bucket/key?partNumber=1&uploadId=…`
pub(super) async fn upload<B>(shell: &Shell, request: &Request, promise: Promise, body: B) -> Result<Reply, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    attributes::vet(request)?;
    encryption::refuse(request)?;
    let number = number(request)?;
    let upload = upload_of(shell, request).await?;
    let given = promise.checksum.as_ref().map(|(algorithm, _)| *algorithm);
    if let (Some(declared), Some(given)) = (upload.declared, given)
        && declared != given
    {
        let message = format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            declared.name().to_lowercase(),
            given.name().to_lowercase()
        );
        return Err(invalid_request("part-checksum-type", message).into());
    }
    let mut wanted = promise.unknown(upload.algorithm());
    wanted.extend(
        given.filter(|&given| given != upload.algorithm()).map(|given| promise.unknown(given)).unwrap_or_default(),
    );
    let (seal, customer) = seal(shell, request, &upload, number)?;
    let taken = intake::take(shell, promise.length, &wanted, seal, body).await?;
    let tag = tag(shell, upload.sealing.as_ref(), &taken.sums.md5)?;
    let mut reply = answer::empty(StatusCode::OK);
    set_etag(&mut reply.headers, &hex(&tag));
    encryption::say(&mut reply.headers, upload.sealing.as_ref(), customer.as_ref());
    if let Some(echoed) = given.or(upload.declared) {
        set(&mut reply.headers, echoed.header(), encode(&promise.value(echoed, &taken.sums)));
    }
    let checksum = promise.value(upload.algorithm(), &taken.sums);
    enter(shell, request, number, taken, (checksum, tag)).await?;
    Ok(reply)
}

/// The same with `x-amz-copy-source`
pub(super) async fn copy(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    attributes::vet(request)?;
    encryption::refuse(request)?;
    let number = number(request)?;
    let upload = upload_of(shell, request).await?;
    let source = copy::source(shell, request).await?;
    let (from, length) = stretch(request, &source)?;
    let size = source.facts.size;
    let algorithm = upload.algorithm();
    let (seal, customer) = seal(shell, request, &upload, number)?;
    let taken = copy::take(shell, request, source, (from, length), &[algorithm], seal).await?;
    let checksum = taken.sums.of(algorithm).unwrap_or_default().to_vec();
    let tag = tag(shell, upload.sealing.as_ref(), &taken.sums.md5)?;
    let modified = enter(shell, request, number, taken, (checksum.clone(), tag)).await?;
    let mut xml = Xml::new("CopyPartResult");
    xml.text("LastModified", &date(modified)).text("ETag", &quoted(&hex(&tag)));
    if upload.declared.is_some() {
        xml.text(algorithm.element(), &encode(&checksum));
    }
    let mut reply = Reply { size: Some(size), ..answer::document(xml.finish("CopyPartResult")) };
    encryption::say(&mut reply.headers, upload.sealing.as_ref(), customer.as_ref());
    Ok(reply)
}

/// What a part is sealed with: the upload's data keys; and the client's own key, if it brings one.
fn seal(
    shell: &Shell,
    request: &Request,
    upload: &UploadRow,
    number: u32,
) -> Result<(Option<Seal>, Option<Customer>), Halt> {
    let customer = Customer::read(&request.forward().headers, &CUSTOMER)?;
    let open = |sealing| shell.core.keys.open(sealing, Name::of(request), customer.as_ref());
    let keys = upload.sealing.as_ref().map(open).transpose().map_err(Unopened::of_part)?;
    Ok((keys.map(|keys| Seal { keys, number, multipart: true }), customer))
}

/// What of the source is wanted.
fn stretch(request: &Request, source: &ObjectRow) -> Result<(u64, u64), Fault> {
    const RANGE: &str = "x-amz-copy-source-range";
    let size = source.facts.size;
    let Some(range) = request.header(RANGE) else {
        return if size > LARGEST { Err(intake::too_large(size)) } else { Ok((0, size)) };
    };
    let bad = |message: String| Fault::argument("copy-source-range", message, RANGE, Some(range.to_owned()));
    let Some((first, last)) = range::strict(range) else {
        let message = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are \
            the zero-based offsets of the first and last bytes to copy";
        return Err(bad(message.to_owned()));
    };
    if last >= size {
        return Err(bad(format!("Range specified is not valid for source object of size: {size}")));
    }
    let length = last.saturating_sub(first).saturating_add(1);
    if length > LARGEST { Err(intake::too_large(length)) } else { Ok((first, length)) }
}

fn number(request: &Request) -> Result<u32, Fault> {
    request.part_number()?.ok_or_else(|| {
        let message = "This operation does not accept uploadId without partNumber";
        Fault::argument("part-number", message, "partNumber", None)
    })
}

async fn upload_of(shell: &Shell, request: &Request) -> Result<UploadRow, Halt> {
    let asked = request.clone();
    let read = move |_: &super::shell::Core, view: &super::index::View| {
        asked.owned_bucket(view.bucket(asked.bucket())?)?;
        Ok(find(&view.uploads, &asked)?.1)
    };
    shell.read(read).await
}

/// Enters a part in place of an earlier one of its number; the time it got.
async fn enter(
    shell: &Shell,
    request: &Request,
    number: u32,
    taken: Taken,
    (checksum, tag): (Vec<u8>, [u8; 16]),
) -> Result<i64, Halt> {
    let (asked, modified) = (request.clone(), shell.core.now());
    let change = move |tx: &mut Tx<'_>| {
        find(&tx.uploads, &asked)?; // it may have been completed or aborted meanwhile
        let at = part_key(upload_id(&asked), number);
        let old = tx.parts.get(at.as_slice()).map_err(StoreError::from)?.map(|row| PartRow::decode(row.value()));
        let old = old.transpose()?;
        let part = Part { blob: taken.enter(tx)?, checksum };
        if let Some(old) = old {
            tx.release(&old.part.blob)?;
        }
        tx.put_part(&at, &PartRow { part, tag, modified }.encode())?;
        Ok(modified)
    };
    shell.committer.run(change).await
}

/// The checksums of a part row, as listings show them.
pub(super) fn describe(xml: &mut Xml, number: u32, row: &PartRow, declared: Option<Algorithm>) {
    xml.open("Part").number("PartNumber", number).text("LastModified", &date(row.modified));
    xml.text("ETag", &quoted(&hex(&row.tag))).number("Size", row.part.blob.length);
    if let Some(algorithm) = declared {
        xml.text(algorithm.element(), &encode(&row.part.checksum));
    }
    xml.close("Part");
}
