//! CompleteMultipartUpload: the parts become an object without being copied.

use bytes::Bytes;
use http_body::Body;

use crate::s3::encryption::CUSTOMER;
use crate::s3::{Code, Fault, uri};

use super::Reply;
use super::StoreError;
use super::answer::{self, checksum_text, checksum_type, quoted};
use super::bucket::remove_parts;
use super::checksums::{Algorithm, Hasher, encode, finished, hex, unhex};
use super::condition::Guard;
use super::customer::{Customer, Unopened};
use super::encryption;
use super::fault::Halt;
use super::index::Tx;
use super::intake;
use super::keys::Name;
use super::multipart::{find, part_key, upload_id};
use super::record::{Checksum, Facts, ObjectRow, PartRow, Row, Sealing, UploadRow};
use super::request::{Request, invalid_request};
use super::shell::{Core, Shell};
use super::write::Target;
use super::xml::Xml;
use crate::s3::checksum::{self, Value};
use crate::s3::xml::{self, CompletedPart};

/// The least size of every part but the last.
const SMALLEST_PART: u64 = 5 << 20;

/// `POST /bucket/key?uploadId=…`
pub(super) async fn complete<B>(shell: &Shell, request: &Request, body: B) -> Result<Reply, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    let guard = Guard::read(request)?;
    let listed = xml::completed_parts(&intake::document(4 << 20, body).await?)?;
    check_order(&listed, upload_id(request))?;
    let (asked, core) = (request.clone(), std::sync::Arc::clone(&shell.core));
    let Completed { facts, count, sealing } =
        shell.committer.run(move |tx| assemble(tx, &core, &asked, &guard, &listed)).await?;
    let mut xml = Xml::new("CompleteMultipartUploadResult");
    let (bucket, key) = (request.bucket(), request.key());
    let own = || format!("/{bucket}/{}", uri::encode_path(key.as_bytes()));
    xml.text("Location", &request.forward().location.clone().unwrap_or_else(own));
    xml.text("Bucket", bucket).text("Key", key).text("ETag", &quoted(&facts.etag));
    if let Some(checksum) = &facts.checksum {
        xml.text(checksum.algorithm.element(), &checksum_text(checksum, count));
        xml.text("ChecksumType", checksum_type(checksum.composite));
    }
    let document = answer::document(xml.finish("CompleteMultipartUploadResult"));
    let mut reply = Reply { size: Some(facts.size), ..document };
    encryption::say(&mut reply.headers, sealing.as_ref(), None);
    Ok(reply)
}

/// What an upload has become.
struct Completed {
    facts: Facts,
    /// How many parts.
    count: usize,
    sealing: Option<Sealing>,
}

fn check_order(listed: &[CompletedPart], id: &str) -> Result<(), Fault> {
    if listed.iter().any(|part| !(1..=10_000).contains(&part.number)) {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        return Err(Fault::argument("part-number", message, "partNumber", None));
    }
    if listed.is_sorted_by(|first, second| first.number < second.number) {
        return Ok(());
    }
    let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
    Err(Fault::new(Code::InvalidPartOrder, "part-order", message).with("UploadId", id))
}

/// Checks everything, then makes the object and forgets the upload.
fn assemble(
    tx: &mut Tx<'_>,
    core: &Core,
    request: &Request,
    guard: &Guard,
    listed: &[CompletedPart],
) -> Result<Completed, Halt> {
    request.owned_bucket(tx.bucket(request.bucket())?)?;
    let (at, upload) = match find(&tx.uploads, request) {
        Err(Halt::Said(missing)) => return repeated(tx, request, listed).ok_or(Halt::Said(missing)),
        found => found?,
    };
    let target = Target::check(tx, request, guard)?;
    core.keys.check(upload.sealing.as_ref())?;
    check_customer(core, request, upload.sealing.as_ref())?;
    let rows = rows(tx, request, &upload, listed)?;
    let size = check_sizes(request, listed, &rows)?;
    let checksum = checksum(request, &upload, &rows)?;
    let facts = Facts {
        version: 0,
        delete_marker: false,
        modified: core.now(),
        size,
        etag: etag(listed),
        owner: String::new(),
        checksum: Some(checksum),
    };
    // From here on nothing may be refused. The parts' data changes its owner: first one more, then one less.
    for row in &rows {
        tx.share(&row.part.blob)?;
    }
    let id = upload_id(request);
    remove_parts(tx, id.as_bytes())?;
    tx.remove_upload(&at)?;
    let parts: Vec<_> = rows.into_iter().map(|row| row.part).collect();
    let count = parts.len();
    let sealing = upload.sealing;
    let completed = Completed { facts: facts.clone(), count, sealing: sealing.clone() };
    let row = ObjectRow { facts, attributes: upload.attributes, upload: Some(id.to_owned()), parts, sealing };
    target.put(tx, request, row)?;
    Ok(completed)
}

/// A client need not show its own key again, but what it shows must be the upload's.
fn check_customer(core: &Core, request: &Request, sealing: Option<&Sealing>) -> Result<(), Halt> {
    let Some(customer) = Customer::read(&request.forward().headers, &CUSTOMER)? else { return Ok(()) };
    let opened = sealing.map(|sealing| core.keys.open(sealing, Name::of(request), Some(&customer)));
    opened.transpose().map(drop).map_err(Unopened::of_part)
}

/// A client that missed the answer asks again: the object of this very upload is still there.
fn repeated(tx: &Tx<'_>, request: &Request, listed: &[CompletedPart]) -> Option<Completed> {
    let (_, row) = tx.newest(request.bucket(), request.key()).ok()??;
    let same = row.upload.as_deref() == Some(upload_id(request)) && row.facts.etag == etag(listed);
    same.then_some(Completed { facts: row.facts, count: row.parts.len(), sealing: row.sealing })
}

/// The stored parts that the client lists, each as it says.
fn rows(tx: &Tx<'_>, request: &Request, upload: &UploadRow, listed: &[CompletedPart]) -> Result<Vec<PartRow>, Halt> {
    let id = upload_id(request);
    let mut rows = Vec::with_capacity(listed.len());
    for part in listed {
        let at = part_key(id, part.number);
        let row = redb::ReadableTable::get(&tx.parts, at.as_slice()).map_err(StoreError::from)?;
        let row = row.map(|row| PartRow::decode(row.value())).transpose()?;
        let row =
            row.filter(|row| part.etag.eq_ignore_ascii_case(&hex(&row.tag))).ok_or_else(|| invalid_part(id, part))?;
        check_part_checksum(id, upload, part, &row)?;
        rows.push(row);
    }
    Ok(rows)
}

fn check_part_checksum(id: &str, upload: &UploadRow, part: &CompletedPart, row: &PartRow) -> Result<(), Fault> {
    let Some(declared) = upload.declared else { return Ok(()) };
    if part.checksums.iter().any(|(algorithm, value)| *algorithm != declared || *value != encode(&row.part.checksum)) {
        return Err(invalid_part(id, part));
    }
    if upload.composite && part.checksums.is_empty() {
        let name = declared.name().to_lowercase();
        let message = format!(
            "The upload was created using a {name} checksum. The complete request must include the checksum for each \
             part. It was missing for part {} in the request.",
            part.number
        );
        return Err(invalid_request("part-without-checksum", message));
    }
    Ok(())
}

fn invalid_part(id: &str, part: &CompletedPart) -> Fault {
    let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the \
        specified entity tag may not match the part's entity tag.";
    Fault::new(Code::InvalidPart, "invalid-part", message)
        .with("UploadId", id)
        .with("PartNumber", part.number.to_string())
        .with("ETag", part.etag.as_str())
}

/// The size of the object, when that is what the client says and no part but the last is too small.
fn check_sizes(request: &Request, listed: &[CompletedPart], rows: &[PartRow]) -> Result<u64, Fault> {
    let before_last = rows.len().saturating_sub(1);
    let small = listed.iter().zip(rows).take(before_last).find(|(_, row)| row.part.blob.length < SMALLEST_PART);
    if let Some((part, row)) = small {
        let message = "Your proposed upload is smaller than the minimum allowed size";
        return Err(Fault::new(Code::EntityTooSmall, "part-too-small", message)
            .with("ProposedSize", row.part.blob.length.to_string())
            .with("MinSizeAllowed", SMALLEST_PART.to_string())
            .with("PartNumber", part.number.to_string())
            .with("ETag", part.etag.as_str()));
    }
    let size = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.part.blob.length));
    match request.header("x-amz-mp-object-size") {
        Some(said) if said.parse() != Ok(size) => {
            let message = format!(
                "The provided 'x-amz-mp-object-size' header value {said} does not match what was computed: {size}"
            );
            Err(invalid_request("object-size", message))
        }
        _ => Ok(size),
    }
}

/// The checksum of the object, when that is what the client says.
fn checksum(request: &Request, upload: &UploadRow, rows: &[PartRow]) -> Result<Checksum, Fault> {
    let checksum = combine(upload, rows);
    let kind = checksum_type(upload.composite);
    if request.header("x-amz-checksum-type").is_some_and(|said| said != kind) {
        let message = format!(
            "The upload was created using the {kind} checksum mode. The complete request must use the same checksum mode."
        );
        return Err(invalid_request("checksum-type", message));
    }
    for (algorithm, said) in request.checksum_headers() {
        let computed = checksum_text(&checksum, rows.len());
        // A composite value may be sent without the number of parts behind it.
        let same = said == computed || (upload.composite && said == encode(&checksum.value));
        if algorithm != checksum.algorithm && upload.declared.is_some() {
            let name = checksum.algorithm.name().to_lowercase();
            let message = format!("The upload was created using a {name} checksum, and the request has another.");
            return Err(invalid_request("checksum-algorithm", message));
        }
        if algorithm == checksum.algorithm && !same {
            let message = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
            return Err(Fault::new(Code::BadDigest, "object-checksum", message));
        }
    }
    Ok(checksum)
}

fn combine(upload: &UploadRow, rows: &[PartRow]) -> Checksum {
    let algorithm = upload.algorithm();
    let value = if upload.composite {
        let mut hasher = Hasher::new(algorithm);
        rows.iter().for_each(|row| hasher.update(&row.part.checksum));
        finished(hasher)
    } else {
        let none = checksum::of(algorithm, &[]);
        let whole = rows.iter().try_fold(none, |whole, row| {
            algorithm.combine(&whole, &Value::new(&row.part.checksum), row.part.blob.length)
        });
        whole.map(|whole| whole.as_bytes().to_vec()).unwrap_or_default()
    };
    Checksum { algorithm, composite: upload.composite, value }
}

/// The MD5 of the parts' MD5s, and how many there are.
fn etag(listed: &[CompletedPart]) -> String {
    let mut hasher = Hasher::new(Algorithm::Md5);
    for part in listed {
        hasher.update(&unhex::<16>(&part.etag).unwrap_or_default());
    }
    format!("{}-{}", hex(&finished(hasher)), listed.len())
}
