//! ListParts and ListMultipartUploads.

use crate::s3::Fault;

use super::Reply;
use super::StoreError;
use super::answer::{self, checksum_type, date, owner};
use super::fault::Halt;
use super::index::behind;
use super::list::{After, Item, Walk, walk};
use super::listing::{PAGE, Query};
use super::multipart::{find, part_key, upload_id};
use super::part;
use super::record::{PartRow, Row, UploadRow};
use super::request::Request;
use super::shell::Shell;
use super::xml::Xml;

/// `GET /bucket/key?uploadId=…`
pub(super) async fn parts(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let asked = request.clone();
    let read = move |_: &super::shell::Core, view: &super::index::View| {
        let request = &asked;
        let bucket = request.owned_bucket(view.bucket(request.bucket())?)?;
        let (_, upload) = find(&view.uploads, request)?;
        let limit = request.count("max-parts", PAGE)?;
        let after = marker(request)?;
        let id = upload_id(request);
        let mut page = Vec::new();
        let mut truncated = false;
        let (from, to) = (part_key(id, after.saturating_add(1)), behind(&[id.as_bytes(), &[0]].concat()));
        for row in redb::ReadableTable::range(&view.parts, from.as_slice()..to.as_slice())? {
            let (at, row) = row?;
            let number = at.value().last_chunk::<4>().ok_or(StoreError::Damaged("key of a part"))?;
            truncated = page.len() == limit;
            if truncated {
                break;
            }
            page.push((u32::from_be_bytes(*number), PartRow::decode(row.value())?));
        }
        let mut xml = Xml::new("ListPartsResult");
        xml.text("Bucket", request.bucket()).text("Key", request.key()).text("UploadId", id);
        owner(&mut xml, "Initiator", &upload.initiator);
        owner(&mut xml, "Owner", &bucket.owner);
        xml.text("StorageClass", "STANDARD").number("PartNumberMarker", after);
        xml.number("NextPartNumberMarker", page.last().map_or(0, |(number, _)| *number));
        xml.number("MaxParts", limit).flag("IsTruncated", truncated && limit > 0);
        checksum(&mut xml, &upload);
        for (number, row) in &page {
            part::describe(&mut xml, *number, row, upload.declared);
        }
        Ok(answer::document(xml.finish("ListPartsResult")))
    };
    shell.read(read).await
}

fn marker(request: &Request) -> Result<u32, Fault> {
    let Some(text) = request.query("part-number-marker").filter(|text| !text.is_empty()) else { return Ok(0) };
    text.parse::<u32>().ok().filter(|&number| i32::try_from(number).is_ok()).ok_or_else(|| {
        let message = "Provided part-number-marker not an integer or within integer range";
        Fault::argument("not-a-count", message, "part-number-marker", Some(text.to_owned()))
    })
}

fn checksum(xml: &mut Xml, upload: &UploadRow) {
    if let Some(algorithm) = upload.declared {
        xml.text("ChecksumAlgorithm", algorithm.name()).text("ChecksumType", checksum_type(upload.composite));
    }
}

/// `GET /bucket?uploads`
pub(super) async fn list(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let asked = request.clone();
    let read = move |_: &super::shell::Core, view: &super::index::View| {
        let request = &asked;
        let query = Query::read(request, "max-uploads")?;
        let bucket = request.owned_bucket(view.bucket(request.bucket())?)?;
        let key = request.query("key-marker").unwrap_or_default();
        // Without a key marker an upload id marker says nothing.
        let id = request.query("upload-id-marker").filter(|_| !key.is_empty()).unwrap_or_default();
        let after = if id.is_empty() {
            After::marker(key, query.prefix, query.delimiter)
        } else {
            After::Row(key.to_owned(), id.as_bytes().to_vec())
        };
        let asked: Walk<'_> = query.walk(request, after, false);
        let page = walk(&view.uploads, &asked, |_, _, row| UploadRow::decode(row).map(Some))?;
        let mut xml = Xml::new("ListMultipartUploadsResult");
        xml.text("Bucket", request.bucket());
        query.name(&mut xml, "KeyMarker", key);
        xml.text("UploadIdMarker", id);
        if page.truncated {
            let (key, id) = match page.items.last() {
                Some(Item::Entry { key, tail, .. }) => (key.as_str(), String::from_utf8_lossy(tail)),
                Some(Item::Prefix(prefix)) => (prefix.as_str(), "".into()),
                None => ("", "".into()),
            };
            query.name(&mut xml, "NextKeyMarker", key);
            xml.text("NextUploadIdMarker", &id);
        }
        query.echo(&mut xml, "MaxUploads", page.truncated);
        for item in &page.items {
            if let Item::Entry { key, tail, value } = item {
                xml.open("Upload");
                query.name(&mut xml, "Key", key);
                xml.text("UploadId", &String::from_utf8_lossy(tail));
                owner(&mut xml, "Initiator", &value.initiator);
                owner(&mut xml, "Owner", &bucket.owner);
                xml.text("StorageClass", "STANDARD").text("Initiated", &date(value.initiated));
                checksum(&mut xml, value);
                xml.close("Upload");
            }
        }
        query.prefixes(&mut xml, &page);
        Ok(answer::document(xml.finish("ListMultipartUploadsResult")))
    };
    shell.read(read).await
}
