//! GetObject, HeadObject and GetObjectAttributes.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

use crate::s3::encryption::CUSTOMER;
use crate::s3::{Code, Fault};

use super::super::LocalBody;
use super::super::range::{self, Resolved};
use super::Reply;
use super::StoreError;
use super::answer::{self, checksum_text, checksum_type, set, set_checksum, set_etag, set_last_modified};
use super::checksums::encode;
use super::condition::{Conditions, Verdict, failed};
use super::customer::Customer;
use super::encryption;
use super::fault::Halt;
use super::index::View;
use super::keys::Name;
use super::layers::Octets;
use super::outgo::{Opening, Outgo, Source, Span};
use super::record::{BlobId, Checksum, ObjectRow, Part};
use super::request::{Request, Version, invalid_request, no_such_key, no_such_version};
use super::shell::{Core, Shell};
use super::xml::Xml;

/// How often a reader looks again because the object was replaced under its eyes.
const ATTEMPTS: usize = 16;

/// `GET /bucket/key` and `HEAD /bucket/key`
pub(super) async fn object(shell: &Shell, request: &Request, with_body: bool) -> Result<Reply, Halt> {
    encryption::refuse(request)?;
    let asked = request.clone();
    let core = std::sync::Arc::clone(&shell.core);
    let (mut reply, source) = shell.pool.run(move || plan(&core, &asked, with_body)).await??;
    if let Some(source) = source {
        reply.body = LocalBody::Stream(Outgo::new(source, shell.pool.clone()).boxed_unsync());
    }
    Ok(reply)
}

/// The part of an object that an answer shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Window {
    from: u64,
    length: u64,
    /// Whether the answer is 206.
    partial: bool,
    /// The part that was asked for by number.
    part: Option<usize>,
}

/// Everything but the sending: the head, and where the data comes from.
fn plan(core: &Core, request: &Request, with_body: bool) -> Result<(Reply, Option<Source>), Halt> {
    let customer = Customer::read(&request.forward().headers, &CUSTOMER)?;
    for _ in 0..ATTEMPTS {
        let view = core.index.view()?;
        let row = lookup(&view, request)?;
        core.keys.fits(row.sealing.as_ref(), Name::of(request), customer.as_ref())?;
        let window = match Conditions::of_read(&request.forward().headers).check(&row.facts) {
            Verdict::Failed(condition) => return Err(failed(condition).into()),
            Verdict::NotModified => return Ok((not_modified(&row), None)),
            Verdict::Holds => window(request, &row)?,
        };
        let mut reply = head(request, &row, customer.as_ref(), window);
        // A checksum tells something of the data, so it costs a use of the key.
        if with_body || wants_checksum(request) {
            core.keys.check(row.sealing.as_ref())?;
        }
        if !with_body || window.length == 0 {
            return Ok((reply, None));
        }
        match data(core, &view, &row, (Name::of(request), customer.as_ref()), window.from, window.length)? {
            Some(Gathered::Memory(octets)) => {
                reply.body = LocalBody::Full(octets);
                return Ok((reply, None));
            }
            Some(Gathered::Source(source)) => return Ok((reply, Some(source))),
            None => {} // replaced between looking and pinning: look again
        }
    }
    Err(StoreError::Damaged("an object whose data is gone").into())
}

/// The object asked for.
pub(super) fn lookup(view: &View, request: &Request) -> Result<ObjectRow, Halt> {
    request.owned_bucket(view.bucket(request.bucket())?)?;
    let version = request.version()?;
    find(view, request.bucket(), request.key(), version, request.query("versionId"))
}

/// A version of an object.
pub(super) fn find(
    view: &View,
    bucket: &str,
    key: &str,
    version: Version,
    name: Option<&str>,
) -> Result<ObjectRow, Halt> {
    let row = view.newest(bucket, key)?.filter(|row| !row.facts.delete_marker);
    match (row, version) {
        (Some(row), Version::Current | Version::Null) => Ok(row),
        (_, Version::Current) => Err(no_such_key(key).into()),
        _ => Err(no_such_version(key, name.unwrap_or_default()).into()),
    }
}

/// Stored octets, ready to be sent.
pub(super) enum Gathered {
    Memory(Bytes),
    Source(Source),
}

/// Finds a stretch of an object's data and makes sure that it stays; nothing, when it has just gone.
pub(super) fn data(
    core: &Core,
    view: &View,
    row: &ObjectRow,
    (name, customer): (Name<'_>, Option<&Customer>),
    from: u64,
    length: u64,
) -> Result<Option<Gathered>, Halt> {
    let keys = row.sealing.as_ref().map(|sealing| core.keys.open(sealing, name, customer)).transpose()?;
    let opening = Opening { keys, multipart: row.is_multipart() };
    let spans = spans(view, &row.parts, &opening, from, length)?;
    if let [Span::Memory(octets)] = spans.as_slice() {
        return Ok(Some(Gathered::Memory(octets.clone())));
    }
    let ids: Vec<BlobId> = spans
        .iter()
        .filter_map(|span| match span {
            Span::File { blob, .. } => Some(blob.id),
            Span::Memory(_) => None,
        })
        .collect();
    let pinned = core.files.pin(ids.clone());
    // Pinned files are not unlinked from now on. If the index still names them, they were not before.
    let fresh = core.index.view()?;
    for id in &ids {
        if !fresh.knows_file(id)? {
            return Ok(None);
        }
    }
    let source =
        Source::open(spans, opening, &core.files, pinned).map_err(|error| StoreError::File("data file", error))?;
    Ok(Some(Gathered::Source(source)))
}

fn spans(view: &View, parts: &[Part], opening: &Opening, from: u64, length: u64) -> Result<Vec<Span>, Halt> {
    let (mut skip, mut left) = (from, length);
    let mut spans = Vec::new();
    for blob in parts.iter().map(|part| &part.blob) {
        let here = blob.length.saturating_sub(skip).min(left);
        if here > 0 && blob.small {
            let octets = view.small(&blob.id)?.ok_or(StoreError::Damaged("a small body is missing"))?;
            let failed = |error| StoreError::File("small body", error);
            let octets = Octets::Memory(octets).open(blob, opening.keys.as_ref(), opening.multipart).map_err(failed)?;
            let here = usize::try_from(here).map_err(|_| StoreError::Damaged("a small body is too long"))?;
            spans.push(Span::Memory(Bytes::from(octets.read(skip, here).map_err(failed)?)));
        } else if here > 0 {
            spans.push(Span::File { blob: blob.clone(), from: skip, length: here });
        }
        skip = skip.saturating_sub(blob.length);
        left = left.saturating_sub(here);
    }
    if left > 0 { Err(StoreError::Damaged("an object is longer than its parts").into()) } else { Ok(spans) }
}

fn window(request: &Request, row: &ObjectRow) -> Result<Window, Fault> {
    let size = row.facts.size;
    let range = request.header("range");
    if let Some(number) = request.part_number()? {
        if range.is_some() {
            let message = "Cannot specify both Range header and partNumber query parameter";
            return Err(invalid_request("range-and-part", message));
        }
        return part_window(row, number);
    }
    match range.map_or(Resolved::Whole, |range| range::resolve(range, size)) {
        Resolved::Whole => Ok(Window { from: 0, length: size, partial: false, part: None }),
        Resolved::Part(first, last) => {
            let length = last.saturating_sub(first).saturating_add(1);
            Ok(Window { from: first, length, partial: true, part: None })
        }
        Resolved::Unsatisfiable => {
            let message = "The requested range is not satisfiable";
            Err(Fault::new(Code::InvalidRange, "range", message)
                .with("RangeRequested", range.unwrap_or_default())
                .with("ActualObjectSize", size.to_string())
                .header("content-range", format!("bytes */{size}")))
        }
    }
}

fn part_window(row: &ObjectRow, number: u32) -> Result<Window, Fault> {
    let count = if row.is_multipart() { row.parts.len() } else { 1 };
    let wanted = usize::try_from(number).unwrap_or(usize::MAX);
    if wanted > count {
        let message = "The requested partnumber is not satisfiable";
        return Err(Fault::new(Code::InvalidPartNumber, "part-number", message)
            .with("ActualPartCount", count.to_string())
            .with("PartNumberRequested", number.to_string()));
    }
    let before = wanted.saturating_sub(1);
    let from = row.parts.iter().take(before).fold(0_u64, |sum, part| sum.saturating_add(part.blob.length));
    let length =
        if row.is_multipart() { row.parts.get(before).map_or(0, |part| part.blob.length) } else { row.facts.size };
    Ok(Window { from, length, partial: length > 0, part: Some(before) })
}

fn head(request: &Request, row: &ObjectRow, customer: Option<&Customer>, window: Window) -> Reply {
    let mut reply = answer::empty(if window.partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK });
    let headers = &mut reply.headers;
    describe(headers, row);
    encryption::say(headers, row.sealing.as_ref(), customer);
    if !row.attributes.headers.iter().any(|(name, _)| name == "content-type") {
        set(headers, "content-type", "binary/octet-stream");
    }
    set(headers, "accept-ranges", "bytes");
    set(headers, "content-length", window.length.to_string());
    if window.partial {
        let last = window.from.saturating_add(window.length).saturating_sub(1);
        set(headers, "content-range", format!("bytes {}-{last}/{}", window.from, row.facts.size));
    }
    if !row.attributes.tags.is_empty() {
        set(headers, "x-amz-tagging-count", row.attributes.tags.len().to_string());
    }
    if window.part.is_some() && row.is_multipart() {
        set(headers, "x-amz-mp-parts-count", row.parts.len().to_string());
    }
    if wants_checksum(request) {
        checksum(headers, row, window);
    }
    for (parameter, header) in OVERRIDES {
        if let Some(value) = request.query(parameter) {
            set(headers, header, value);
        }
    }
    reply
}

fn wants_checksum(request: &Request) -> bool {
    request.header("x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED"))
}

/// Query parameters that replace a header of the answer.
const OVERRIDES: [(&str, &str); 6] = [
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
    ("response-content-language", "content-language"),
    ("response-content-type", "content-type"),
    ("response-expires", "expires"),
];

/// Clients check what they get against the checksum, so it must be the one of exactly that.
fn checksum(headers: &mut HeaderMap, row: &ObjectRow, window: Window) {
    let Some(whole) = &row.facts.checksum else { return };
    let part = window.part.filter(|_| row.is_multipart()).and_then(|at| row.parts.get(at));
    if let Some(part) = part {
        if whole.composite {
            set(headers, whole.algorithm.header(), encode(&part.checksum));
            set(headers, "x-amz-checksum-type", checksum_type(true));
        }
    } else if window.length == row.facts.size {
        set_checksum(headers, whole, row.parts.len());
    }
}

fn describe(headers: &mut HeaderMap, row: &ObjectRow) {
    set_etag(headers, &row.facts.etag);
    set_last_modified(headers, row.facts.modified);
    for (name, value) in &row.attributes.headers {
        set(headers, name, value);
    }
}

fn not_modified(row: &ObjectRow) -> Reply {
    let mut reply = answer::empty(StatusCode::NOT_MODIFIED);
    set_etag(&mut reply.headers, &row.facts.etag);
    set_last_modified(&mut reply.headers, row.facts.modified);
    for (name, value) in &row.attributes.headers {
        if matches!(name.as_str(), "cache-control" | "expires") {
            set(&mut reply.headers, name, value);
        }
    }
    reply
}

/// `GET /bucket/key?attributes`
pub(super) async fn attributes(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let asked = request.clone();
    let read = move |core: &Core, view: &View| {
        let row = lookup(view, &asked)?;
        let customer = Customer::read(&asked.forward().headers, &CUSTOMER)?;
        core.keys.fits(row.sealing.as_ref(), Name::of(&asked), customer.as_ref())?;
        let mut wanted = Vec::new();
        for line in asked.forward().headers.get_all("x-amz-object-attributes") {
            wanted.extend(line.to_str().unwrap_or_default().split(',').map(|name| name.trim().to_owned()));
        }
        let known = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
        if wanted.is_empty() || !wanted.iter().all(|name| known.contains(&name.as_str())) {
            let message = "Invalid attribute name specified.";
            return Err(Fault::argument("object-attributes", message, "x-amz-object-attributes", None).into());
        }
        let mut xml = Xml::new("GetObjectAttributesResponse");
        let wants = |name: &str| wanted.iter().any(|other| other == name);
        if wants("Checksum") {
            core.keys.check(row.sealing.as_ref())?;
        }
        if wants("ETag") {
            xml.text("ETag", &row.facts.etag);
        }
        if let Some(checksum) = row.facts.checksum.as_ref().filter(|_| wants("Checksum")) {
            xml.open("Checksum").text(checksum.algorithm.element(), &checksum_text(checksum, row.parts.len()));
            xml.text("ChecksumType", checksum_type(checksum.composite)).close("Checksum");
        }
        if wants("ObjectParts") && row.is_multipart() {
            object_parts(&mut xml, &asked, &row)?;
        }
        if wants("StorageClass") {
            xml.text("StorageClass", "STANDARD");
        }
        if wants("ObjectSize") {
            xml.number("ObjectSize", row.facts.size);
        }
        let mut reply = answer::document(xml.finish("GetObjectAttributesResponse"));
        set_last_modified(&mut reply.headers, row.facts.modified);
        reply.size = Some(row.facts.size);
        Ok(reply)
    };
    shell.read(read).await
}

fn object_parts(xml: &mut Xml, request: &Request, row: &ObjectRow) -> Result<(), Fault> {
    let number = |name: &'static str, default: usize| match request.header(name).map(str::parse::<usize>) {
        None => Ok(default),
        Some(Ok(number)) => Ok(number),
        Some(Err(_)) => Err(Fault::argument(
            "not-a-count",
            format!("Provided {name} not an integer or within integer range"),
            name,
            None,
        )),
    };
    let limit = number("x-amz-max-parts", 1000)?.min(1000);
    let after = number("x-amz-part-number-marker", 0)?;
    let page: Vec<_> = row.parts.iter().enumerate().skip(after).take(limit).collect();
    let last = after.saturating_add(page.len());
    xml.open("ObjectParts").number("PartsCount", row.parts.len());
    if let Some(checksum) = row.facts.checksum.as_ref().filter(|checksum| checksum.composite) {
        xml.number("PartNumberMarker", after).number("NextPartNumberMarker", last).number("MaxParts", limit);
        xml.flag("IsTruncated", last < row.parts.len());
        for (at, part) in page {
            xml.open("Part").number("PartNumber", at.saturating_add(1)).number("Size", part.blob.length);
            let of_part = Checksum { composite: false, value: part.checksum.clone(), ..checksum.clone() };
            xml.text(checksum.algorithm.element(), &checksum_text(&of_part, 0)).close("Part");
        }
    }
    xml.close("ObjectParts");
    Ok(())
}
