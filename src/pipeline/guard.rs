//! The rules that hold whoever asks, in their order.

use bytes::Bytes;

use super::encryption::{self, Decided, Headers};
use super::judge::Case;
use super::rule::unless_gone;
use super::settings::{self, Setting};
use super::source::{self, Bound};
use super::understood;
use super::uploads::Uploads;
use super::walk::Store;
use crate::s3::route::Routed;
use crate::s3::{Code, Fault, Operation};
use crate::turn::apart;

/// What they come to.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What is left to be done of a request that this process answers.
    pub(super) setting: Option<Box<Setting>>,
    /// What was decided of encryption.
    pub(super) encryption: Decided,
    /// The size of the source of a copy, where it was looked at.
    pub(super) source_size: Option<u64>,
    headers: Option<Headers>,
    bound: Option<Bound>,
}

/// Applies them. `at` is the place of the store.
///
/// # Errors
/// What [`settings::guard`] and [`encryption::decide`] refuse; that the bucket is not there, which comes before.
pub(super) async fn guard(
    case: &Case<'_>,
    document: Option<&Bytes>,
    stores: &[Store],
    at: usize,
    uploads: &Uploads,
) -> Result<Found, Fault> {
    let told = |fault| explained(case, fault);
    understood::check(case, document)?;
    check_writes_of_its_own(case).map_err(told)?;
    let setting = settings::guard(case, document, stores, at).await.map_err(told)?.map(Box::new);
    let (encryption, headers) = match encryption::decide(case, uploads) {
        Ok(decided) => decided,
        Err(fault) => return Err(apart(|| refused(case, stores.get(at), fault)).await),
    };
    let mut bound = None;
    if encryption::reads_source(case.routed.operation) {
        match apart(|| source::check_source(case, stores.get(at), encryption.encryption.key())).await {
            Ok(None) => understood::check_unseen_source(case)?,
            Ok(found) => bound = found,
            Err(fault) => return Err(apart(|| refused(case, stores.get(at), fault)).await),
        }
    } else if source::asks_for_checksums(case.routed) {
        apart(|| source::check_attributes(case, stores.get(at))).await.map_err(told)?;
    }
    let source_size = bound.as_ref().and_then(Bound::size);
    Ok(Found { setting, encryption, source_size, headers, bound })
}

/// What a rule refuses, unless the bucket is not there at all.
async fn refused(case: &Case<'_>, store: Option<&Store>, fault: Fault) -> Fault {
    explained(case, unless_gone(case, store, fault.into()).await.fault)
}

/// A refusal that says which rule it was, where the operator wants that told (spec/encryption.md 9).
fn explained(case: &Case<'_>, fault: Fault) -> Fault {
    if !case.live.guard.explain || fault.code() != Code::AccessDenied {
        return fault;
    }
    let reason = match fault.reason() {
        "encryption-missing" | "encryption-weaker" => "encryption-required",
        other => other,
    };
    fault.with("ProxyReason", reason)
}

/// What a store writes by itself, now or later, passes no rule here: where there are rules about encryption,
/// it is not asked to. And what changes the encryption of an object in its place is judged nowhere yet.
///
/// # Errors
/// `AccessDenied`, `NotImplemented`
fn check_writes_of_its_own(case: &Case<'_>) -> Result<(), Fault> {
    let rules = &case.live.guard;
    match case.routed.operation {
        Operation::UpdateObjectEncryption => {
            let message = "The encryption of an object is changed by copying it.";
            Err(Fault::new(Code::NotImplemented, "update-encryption", message))
        }
        Operation::PutBucketAnalyticsConfiguration
        | Operation::PutBucketInventoryConfiguration
        | Operation::PutBucketReplication
        | Operation::PutObjectAnnotation
        | Operation::RestoreObject
            if rules.encryption.has_any() || rules.levels.has_any() =>
        {
            let detail = "the store would write by itself, past the rules of guard.encryption and sensitivity";
            Err(Fault::plain(Code::AccessDenied, "encryption-elsewhere").detail(detail))
        }
        _ => Ok(()),
    }
}

impl Found {
    /// Puts what was decided into what the store is told.
    pub(super) fn apply(&mut self, routed: Option<&mut Routed>) {
        let Some(routed) = routed else { return };
        if let Some(headers) = self.headers.take() {
            headers.write(&mut routed.headers);
        }
        if let Some(bound) = self.bound.take() {
            bound.write(&mut routed.headers);
        }
    }
}
