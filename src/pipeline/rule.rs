//! From a case to its ruling: decide, look up what that hangs on, decide again.

use super::deletions::{Refused, delete_result};
use super::judge::{Case, Denial, Round, Ruling};
use super::look;
use super::uploads::Uploads;
use super::walk::Store;
use crate::access::absence::Missing;
use crate::access::{Document, Looked, Needs, Side};
use crate::policy::Grant;
use crate::s3::address::may_be_access_point;
use crate::s3::{Code, Fault, Operation};
use crate::turn::apart;

/// How often a decision may hang on something else again: once for every kind of fact there is, and once
/// more.
const MOST_ROUNDS: usize = 5;

/// What a request may do.
#[derive(Debug)]
pub(super) struct Ruled {
    /// The permissions it has.
    pub(super) grant: Grant,
    /// Entries of a list of deletions that it may not have.
    pub(super) refused: Vec<Refused>,
}

/// Why it may not.
#[derive(Debug)]
pub(super) struct Overruled {
    pub(super) fault: Fault,
    /// The statement that forbids, if one does.
    pub(super) statement: Option<String>,
    /// Whether it is the source of a copy that may not be read.
    pub(super) source: bool,
    /// What is answered in the place of an error document: every entry with its own refusal.
    pub(super) instead: Option<Instead>,
}

/// What is answered in the place of an error document.
#[derive(Debug, Default)]
pub(super) struct Instead {
    pub(super) document: Option<Vec<u8>>,
    pub(super) refused: Vec<Refused>,
}

impl From<Fault> for Overruled {
    fn from(fault: Fault) -> Self {
        Self { fault, statement: None, source: false, instead: None }
    }
}

/// Rules on a case.
///
/// # Errors
/// `AccessDenied`; `NoSuchBucket` in its place, of the store in this process; what is wrong with the request so
/// that it cannot be decided; `ServiceUnavailable` where the decision hangs on a fact that the store does not tell.
pub(super) async fn rule(case: &Case<'_>, store: Option<&Store>, uploads: &Uploads) -> Result<Ruled, Overruled> {
    case.check_access_points()?;
    case.check_expected_owners()?;
    let session = case.session()?;
    let mut looked = Looked::default();
    for _ in 0..MOST_ROUNDS {
        let overruled = match case.decide(&looked, session.as_ref()) {
            Ok(Round::Settled(ruling)) => match settle(case, store, ruling).await {
                Ok(ruled) => return Ok(ruled),
                Err(overruled) => overruled,
            },
            Ok(Round::Look(needs)) => {
                if needs.has(Needs::UPLOAD) {
                    looked.upload = Some(uploads.of(case.routed));
                }
                let store = store.ok_or_else(|| Fault::plain(Code::InternalError, "no-store"))?;
                apart(|| look::look(case, store, needs, &mut looked)).await?;
                continue;
            }
            Err(fault) => fault.into(),
        };
        return Err(apart(|| unless_gone(case, store, overruled)).await);
    }
    Err(Fault::plain(Code::InternalError, "decision-hangs").into())
}

/// Checks what a request needs besides, as a case of its own.
///
/// # Errors
/// As for [`rule`]; nothing is looked for before a denial is told.
pub(super) async fn check(case: &Case<'_>, store: &Store) -> Result<(), Fault> {
    let session = case.session()?;
    let mut looked = Looked::default();
    for _ in 0..MOST_ROUNDS {
        match case.decide(&looked, session.as_ref())? {
            Round::Settled(Ruling { denial: Some(denial), .. }) => return Err(denial.fault),
            Round::Settled(Ruling { grants, .. }) => {
                let none = || Fault::plain(Code::AccessDenied, "nothing-granted");
                return Grant::of(&grants).map(drop).ok_or_else(none);
            }
            Round::Look(needs) => apart(|| look::look(case, store, needs, &mut looked)).await?,
        }
    }
    Err(Fault::plain(Code::InternalError, "decision-hangs"))
}

/// What a refused caller hears: that, or that the bucket is not there, which everybody may know and the store in
/// this process knows for nothing (spec/policy-evaluation.md 7). Of what other stores have there is no list. It is
/// looked up before a refusal alone: whoever is allowed hears it of the store itself.
pub(super) async fn unless_gone(case: &Case<'_>, store: Option<&Store>, overruled: Overruled) -> Overruled {
    let (Some(store @ Store::Embedded(_)), Some(bucket)) = (store, case.routed.bucket.as_deref()) else {
        return overruled;
    };
    // Nobody who does not sign is told whether an access point has a host name.
    let hidden = case.who.is_anonymous() && may_be_access_point(bucket);
    if hidden || case.routed.operation == Operation::CreateBucket {
        return overruled;
    }
    match look::has_bucket(case, store, bucket).await {
        Ok(false) => case.no_bucket(bucket).into(),
        // Where the store does not say, the refusal stands.
        Ok(true) | Err(_) => overruled,
    }
}

async fn settle(case: &Case<'_>, store: Option<&Store>, ruling: Ruling) -> Result<Ruled, Overruled> {
    let Ruling { grants, entries, denial } = ruling;
    if let Some(denial) = denial {
        return Err(apart(|| overruled(case, store, denial)).await);
    }
    let refused = refused(case, entries);
    if let (Document::Delete(delete), Some(first)) = (case.document, refused.first())
        && refused.len() == delete.entries.len()
    {
        let fault = first.fault.clone();
        let instead = Some(Instead { document: Some(delete_result(&[], &refused)), refused });
        return Err(Overruled { fault, statement: None, source: false, instead });
    }
    match Grant::of(&grants) {
        Some(grant) => Ok(Ruled { grant, refused }),
        None => Err(Fault::plain(Code::AccessDenied, "nothing-granted").into()),
    }
}

/// What a denied caller hears: the denial, or that there is nothing to read, where it may know that.
async fn overruled(case: &Case<'_>, store: Option<&Store>, denial: Denial) -> Overruled {
    let Denial { fault, statement, source, look_first } = denial;
    let denied = Overruled { fault, statement, source, instead: None };
    let (Some(side), Some(store)) = (look_first, store) else { return denied };
    match look::is_there(case, store, side).await {
        Ok(false) => Overruled { source: side == Side::Source, ..case.missing(side).into() },
        // Where the store does not say, the denial stands.
        Ok(true) | Err(_) => denied,
    }
}

fn refused(case: &Case<'_>, entries: Vec<(usize, Fault)>) -> Vec<Refused> {
    let Document::Delete(delete) = case.document else { return Vec::new() };
    let entry = |(at, fault)| delete.entries.get(at).map(|entry| Refused { at, entry: entry.clone(), fault });
    entries.into_iter().filter_map(entry).collect()
}

impl Case<'_> {
    /// What is told of a bucket that is not there.
    pub(super) fn no_bucket(&self, bucket: &str) -> Fault {
        let called = self.routed.through.as_deref().map_or(bucket, |through| &through.shown);
        Fault::plain(Code::NoSuchBucket, "no-such-bucket").with("BucketName", called)
    }

    /// What is told of an object that is not there.
    pub(super) fn missing(&self, side: Side) -> Fault {
        let source = self.routed.copy_source.as_ref();
        let (key, version) = match side {
            Side::Source => {
                (source.map(|source| source.key.as_str()), source.and_then(|source| source.version.as_deref()))
            }
            Side::Target => (self.routed.key.as_deref(), self.routed.parameter("versionId")),
        };
        version.map_or(Missing::Key, Missing::Version).fault(key.unwrap_or_default())
    }
}
