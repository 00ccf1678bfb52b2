//! CopyObject.

use crate::s3::encryption::{CUSTOMER, KIND, SOURCE};
use crate::s3::{Code, Fault};

use super::Reply;
use super::StoreError;
use super::answer::{self, checksum_text, checksum_type, date, quoted};
use super::attributes::{self, REDIRECT};
use super::checksums::{Algorithm, hex};
use super::condition::{Conditions, Guard, Verdict, failed};
use super::customer::Customer;
use super::encryption::{self, Wanted};
use super::fault::Halt;
use super::index::{Tx, View};
use super::intake::{self, LARGEST, Taken};
use super::keys::Name;
use super::layers::Seal;
use super::outgo::{Inward, Outgo};
use super::read::{self, Gathered};
use super::record::{Attributes, Checksum, Facts, ObjectRow, Sealing};
use super::request::{Request, Version, invalid_request};
use super::shell::{Core, Shell};
use super::write::{Target, facts, tag, whole};
use super::xml::Xml;

/// `PUT /bucket/key` with `x-amz-copy-source`
pub(super) async fn copy(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let asked = attributes::read(request)?;
    let guard = Guard::read(request)?;
    let wanted = Wanted::read(request)?;
    let replace = (directive(request, "x-amz-metadata-directive")?, directive(request, "x-amz-tagging-directive")?);
    check_onto_itself(request, replace.0)?;
    let source = source(shell, request).await?;
    if source.facts.size > LARGEST {
        let message =
            "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120";
        return Err(invalid_request("copy-source-size", message).into());
    }
    let attributes = merge(asked, &source.attributes, replace);
    let stored = source.facts.checksum.as_ref().map(|checksum| checksum.algorithm);
    let algorithm = request.checksum_algorithm()?.or(stored).unwrap_or(Algorithm::Crc64Nvme);
    let moved = if same_octets(&source, algorithm) { moved(shell, request, &source, &wanted)? } else { None };
    let (facts, sealing) = match moved {
        Some(sealing) => share(shell, request, guard, source, attributes, sealing).await?,
        None => rewrite(shell, request, guard, source, attributes, algorithm, &wanted).await?,
    };
    let mut reply = Reply { size: Some(facts.size), ..answer::document(result(&facts)) };
    encryption::say_with_context(&mut reply.headers, &sealing, wanted.customer.as_ref());
    Ok(reply)
}

/// What opens the source's octets under the copy's name, where both are to be under the same key.
fn moved(shell: &Shell, request: &Request, source: &ObjectRow, wanted: &Wanted) -> Result<Option<Sealing>, Halt> {
    let Some(sealing) = &source.sealing else { return Ok(None) };
    let from = request.source()?;
    let from = Name { bucket: &from.bucket, key: &from.key };
    shell.core.keys.moved(sealing, from, Name::of(request), wanted, &request.forward().account)
}

fn result(facts: &Facts) -> Vec<u8> {
    let mut xml = Xml::new("CopyObjectResult");
    xml.text("LastModified", &date(facts.modified)).text("ETag", &quoted(&facts.etag));
    if let Some(checksum) = &facts.checksum {
        xml.text("ChecksumType", checksum_type(checksum.composite));
        xml.text(checksum.algorithm.element(), &checksum_text(checksum, 1));
    }
    xml.finish("CopyObjectResult")
}

/// Whether a directive says `REPLACE`.
fn directive(request: &Request, name: &'static str) -> Result<bool, Fault> {
    match request.header(name) {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => {
            let what = if name.contains("metadata") { "metadata" } else { "tagging" };
            Err(Fault::argument("directive", format!("Unknown {what} directive."), name, Some(other.to_owned())))
        }
    }
}

fn check_onto_itself(request: &Request, replaces: bool) -> Result<(), Fault> {
    let source = request.source()?;
    let same = source.bucket == request.bucket() && source.key == request.key() && source.version.is_none();
    let changes = replaces
        || ["x-amz-storage-class", REDIRECT, KIND.as_str(), CUSTOMER.algorithm.as_str()]
            .into_iter()
            .any(|name| request.header(name).is_some());
    if same && !changes {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing \
            the object's metadata, storage class, website redirect location or encryption attributes.";
        return Err(invalid_request("copy-onto-itself", message));
    }
    Ok(())
}

/// The source as it is now, its own conditions checked.
pub(super) async fn source(shell: &Shell, request: &Request) -> Result<ObjectRow, Halt> {
    let asked = request.clone();
    shell.read(move |core, view| look(core, view, &asked)).await
}

fn look(core: &Core, view: &View, request: &Request) -> Result<ObjectRow, Halt> {
    let source = request.source()?;
    request.owned_source(view.bucket(&source.bucket)?, &source.bucket)?;
    let version = Version::read(source.version.as_deref())?;
    let row = read::find(view, &source.bucket, &source.key, version, source.version.as_deref())?;
    match Conditions::of_copy(&request.forward().headers).check(&row.facts) {
        Verdict::Holds => {
            let customer = Customer::read(&request.forward().headers, &SOURCE)?;
            let name = Name { bucket: &source.bucket, key: &source.key };
            core.keys.fits(row.sealing.as_ref(), name, customer.as_ref())?;
            Ok(row)
        }
        Verdict::Failed(condition) => Err(failed(condition).into()),
        Verdict::NotModified => Err(failed("If-None-Match").into()),
    }
}

/// Metadata and tags of the copy. A redirect is never taken over.
fn merge(asked: Attributes, source: &Attributes, (headers, tags): (bool, bool)) -> Attributes {
    let Attributes { headers: asked_headers, tags: asked_tags } = asked;
    let headers = if headers {
        asked_headers
    } else {
        let redirect = asked_headers.into_iter().filter(|(name, _)| name == REDIRECT);
        source.headers.iter().filter(|(name, _)| name != REDIRECT).cloned().chain(redirect).collect()
    };
    Attributes { headers, tags: if tags { asked_tags } else { source.tags.clone() } }
}

/// Whether the copy can name the same octets: one piece, and a checksum over exactly that.
fn same_octets(source: &ObjectRow, algorithm: Algorithm) -> bool {
    let checksum = source.facts.checksum.as_ref();
    !source.is_multipart()
        && source.parts.len() == 1
        && checksum.is_some_and(|checksum| checksum.algorithm == algorithm && !checksum.composite)
}

/// Copies by naming the same octets once more.
async fn share(
    shell: &Shell,
    request: &Request,
    guard: Guard,
    source: ObjectRow,
    attributes: Attributes,
    sealing: Sealing,
) -> Result<(Facts, Sealing), Halt> {
    let mut facts = Facts { modified: shell.core.now(), version: 0, ..source.facts.clone() };
    if sealing.hides_md5() {
        facts.etag = hex(&tag(shell, Some(&sealing), &[0; 16])?);
    }
    let row = ObjectRow { facts: facts.clone(), attributes, sealing: Some(sealing.clone()), ..source };
    let asked = request.clone();
    let change = move |tx: &mut Tx<'_>| {
        let from = asked.source()?;
        let unchanged = tx.newest(&from.bucket, &from.key)?.is_some_and(|(_, now)| now.parts == row.parts);
        if !unchanged {
            let message = "A conflicting conditional operation is currently in progress against this resource. Please \
                try again.";
            return Err(Fault::new(Code::OperationAborted, "copy-source-changed", message).into());
        }
        let target = Target::check(tx, &asked, &guard)?;
        for part in &row.parts {
            tx.share(&part.blob)?;
        }
        target.put(tx, &asked, row)
    };
    shell.committer.run(change).await?;
    Ok((facts, sealing))
}

/// Copies by reading and writing, which makes one piece of many and computes what is missing.
async fn rewrite(
    shell: &Shell,
    request: &Request,
    guard: Guard,
    source: ObjectRow,
    attributes: Attributes,
    algorithm: Algorithm,
    wanted: &Wanted,
) -> Result<(Facts, Sealing), Halt> {
    let size = source.facts.size;
    let (sealing, keys) = shell.core.keys.fresh(wanted, Name::of(request), &request.forward().account)?;
    let taken = take(shell, request, source, (0, size), &[algorithm], Some(Seal::whole(keys))).await?;
    let value = taken.sums.of(algorithm).unwrap_or_default().to_vec();
    let facts = facts(shell, &taken.sums, size, Checksum { algorithm, composite: false, value }, &sealing)?;
    let (asked, entered, entered_with) = (request.clone(), facts.clone(), sealing.clone());
    let change = move |tx: &mut Tx<'_>| {
        let target = Target::check(tx, &asked, &guard)?;
        let blob = taken.enter(tx)?;
        target.put(tx, &asked, whole(entered, attributes, blob, entered_with))
    };
    shell.committer.run(change).await?;
    Ok((facts, sealing))
}

/// Takes in a stretch of the source, from an octet on and so many.
pub(super) async fn take(
    shell: &Shell,
    request: &Request,
    row: ObjectRow,
    (from, length): (u64, u64),
    wanted: &[Algorithm],
    seal: Option<Seal>,
) -> Result<Taken, Halt> {
    let asked = request.clone();
    let customer = Customer::read(&request.forward().headers, &SOURCE)?;
    let open = move |core: &Core, view: &View| {
        if length == 0 {
            return Ok(Gathered::Memory(bytes::Bytes::new()));
        }
        let source = asked.source()?;
        let name = Name { bucket: &source.bucket, key: &source.key };
        read::data(core, view, &row, (name, customer.as_ref()), from, length)?.ok_or_else(|| {
            let message = "The source of the copy has just been replaced. Please try again.";
            Fault::new(Code::OperationAborted, "copy-source-changed", message).into()
        })
    };
    let body = match shell.read(open).await? {
        Gathered::Memory(octets) => Inward::Memory(octets),
        Gathered::Source(source) => Inward::Stored(Outgo::new(source, shell.pool.clone())),
    };
    match intake::take(shell, length, wanted, seal, body).await {
        // No client sent this body: if it is not whole, the store is to blame.
        Err(Halt::Body(_)) => Err(StoreError::Damaged("a copy source could not be read").into()),
        outcome => outcome,
    }
}
