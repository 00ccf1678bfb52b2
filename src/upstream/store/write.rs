//! PutObject, and what all writes of objects share.

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;

use crate::s3::Fault;

use super::Reply;
use super::StoreError;
use super::answer::{self, set_checksum, set_etag};
use super::attributes;
use super::checksums::{Algorithm, Sums, hex};
use super::condition::Guard;
use super::encryption::{self, Wanted};
use super::fault::Halt;
use super::index::Tx;
use super::intake::{self, Promise, SMALL};
use super::keys::Name;
use super::layers::Seal;
use super::record::{Blob, Checksum, Facts, ObjectRow, Part, Sealing};
use super::request::Request;
use super::shell::Shell;

/// `PUT /bucket/key`
pub(super) async fn put<B>(shell: &Shell, request: &Request, promise: Promise, body: B) -> Result<Reply, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    let attributes = attributes::read(request)?;
    let guard = Guard::read(request)?;
    let wanted = Wanted::read(request)?;
    if promise.length > SMALL {
        check_before(shell, request, &guard).await?;
    }
    let (sealing, keys) = shell.core.keys.fresh(&wanted, Name::of(request), &request.forward().account)?;
    let algorithm = promise.algorithm();
    let seal = Some(Seal::whole(keys));
    let taken = intake::take(shell, promise.length, &promise.unknown(algorithm), seal, body).await?;
    let checksum = Checksum { algorithm, composite: false, value: promise.value(algorithm, &taken.sums) };
    let facts = facts(shell, &taken.sums, taken.length, checksum.clone(), &sealing)?;
    let (etag, said) = (facts.etag.clone(), sealing.clone());
    let asked = request.clone();
    let change = move |tx: &mut Tx<'_>| {
        let target = Target::check(tx, &asked, &guard)?;
        let blob = taken.enter(tx)?;
        let row = whole(facts, attributes, blob, sealing);
        target.put(tx, &asked, row)
    };
    shell.committer.run(change).await?;
    let mut reply = answer::empty(StatusCode::OK);
    set_etag(&mut reply.headers, &etag);
    encryption::say_with_context(&mut reply.headers, &said, wanted.customer.as_ref());
    set_checksum(&mut reply.headers, &checksum, 1);
    Ok(reply)
}

/// Finds out before a long body is read what would be refused after it.
async fn check_before(shell: &Shell, request: &Request, guard: &Guard) -> Result<(), Halt> {
    let (asked, guard) = (request.clone(), guard.clone());
    let check = move |_: &super::shell::Core, view: &super::index::View| {
        asked.owned_bucket(view.bucket(asked.bucket())?)?;
        if !guard.is_empty() {
            let row = view.newest(asked.bucket(), asked.key())?;
            let facts = row.as_ref().map(|row| &row.facts).filter(|facts| !facts.delete_marker);
            guard.check(asked.key(), facts)?;
        }
        Ok(())
    };
    shell.read(check).await
}

/// The head of a new row. The owner is entered with the bucket's.
pub(super) fn facts(
    shell: &Shell,
    sums: &Sums,
    size: u64,
    checksum: Checksum,
    sealing: &Sealing,
) -> Result<Facts, StoreError> {
    Ok(Facts {
        version: 0,
        delete_marker: false,
        modified: shell.core.now(),
        size,
        etag: hex(&tag(shell, Some(sealing), &sums.md5)?),
        owner: String::new(),
        checksum: Some(checksum),
    })
}

/// The octets of an entity tag: the MD5, unless others keep the key, of whose data a tag tells nothing.
pub(super) fn tag(shell: &Shell, sealing: Option<&Sealing>, md5: &[u8; 16]) -> Result<[u8; 16], StoreError> {
    match sealing.filter(|sealing| sealing.hides_md5()) {
        Some(_) => shell.core.keys.id(),
        None => Ok(*md5),
    }
}

/// The row of an object that came in one piece.
pub(super) fn whole(facts: Facts, attributes: super::record::Attributes, blob: Blob, sealing: Sealing) -> ObjectRow {
    let checksum = facts.checksum.as_ref().map(|checksum| checksum.value.clone()).unwrap_or_default();
    ObjectRow { facts, attributes, upload: None, parts: vec![Part { blob, checksum }], sealing: Some(sealing) }
}

/// Where an object goes: the bucket is there and the conditions hold.
pub(super) struct Target {
    owner: String,
    existing: Option<(Vec<u8>, ObjectRow)>,
}

impl Target {
    pub(super) fn check(tx: &Tx<'_>, request: &Request, guard: &Guard) -> Result<Self, Halt> {
        let owner = request.owned_bucket(tx.bucket(request.bucket())?)?.owner;
        let existing = tx.newest(request.bucket(), request.key())?;
        let facts = existing.as_ref().map(|(_, row)| &row.facts).filter(|facts| !facts.delete_marker);
        guard.check(request.key(), facts)?;
        Ok(Self { owner, existing })
    }

    /// Puts the object in place of the one that was there.
    pub(super) fn put(self, tx: &mut Tx<'_>, request: &Request, mut row: ObjectRow) -> Result<(), Halt> {
        row.facts.owner = self.owner;
        if let Some((at, old)) = self.existing {
            tx.remove_object(&at, &old)?;
        }
        Ok(tx.add_object(request.bucket(), request.key(), &row)?)
    }
}

impl Promise {
    /// The algorithm of the checksum to store; CRC64NVME when the client named none.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.checksum.as_ref().map_or(Algorithm::Crc64Nvme, |(algorithm, _)| *algorithm)
    }

    /// Of one algorithm, what has to be computed because the client's value is not known.
    pub(super) fn unknown(&self, algorithm: Algorithm) -> Vec<Algorithm> {
        if self.known(algorithm).is_some() { Vec::new() } else { vec![algorithm] }
    }

    /// The client's value, which the seal has verified, or ours.
    pub(super) fn value(&self, algorithm: Algorithm, sums: &Sums) -> Vec<u8> {
        self.known(algorithm).or_else(|| sums.of(algorithm)).unwrap_or_default().to_vec()
    }

    fn known(&self, algorithm: Algorithm) -> Option<&[u8]> {
        match &self.checksum {
            Some((declared, Some(value))) if *declared == algorithm => Some(value),
            _ => None,
        }
    }
}
