//! Policies of buckets that forbid their own author to take them back (spec/policy-language.md 8). They are
//! stored, as S3 does, and the operator is told.

use super::judge::Case;
use crate::access::{self, Looked};
use crate::policy::document::Document;
use crate::policy::engine::{Act, Decision, Layers, Policy, Question, Shelf};
use crate::s3::Fault;

/// Whether the request says that it may lock everybody out, the root user included.
pub(super) fn is_confirmed(case: &Case<'_>) -> bool {
    let sent = case.routed.headers.get("x-amz-confirm-remove-self-bucket-access");
    sent.is_some_and(|says| says.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Warns where the new policy of a bucket forbids its author to change and to remove it.
///
/// # Errors
/// What is wrong with the request so that it cannot be asked about.
pub(super) fn warn(case: &Case<'_>, bucket: &str, policy: Document, binds_root: bool) -> Result<(), Fault> {
    if !locks_out(case, policy)? {
        return Ok(());
    }
    let way = match binds_root {
        true => "nobody can take it back by requests: that is left to the policies folder",
        false => "the root user of its account alone can take it back by requests",
    };
    let id = case.facts.id;
    tracing::warn!(bucket, request = %id, "a new policy forbids its own author to change and to remove it; {way}");
    Ok(())
}

/// Asks the new policy what it forbids to the author of this request.
fn locks_out(case: &Case<'_>, policy: Document) -> Result<bool, Fault> {
    let (given, looked) = (case.given(), Looked::default());
    let asks = access::checks(&given, &looked)?;
    let request = access::Request::new(given, case.access_facts()?, &looked)?;
    let shelf = Shelf::new(vec![Policy::new("new", policy)]);
    let layers = Layers { bucket: Some(&shelf), ..Layers::default() };
    let Some(ask) = asks.iter().next() else { return Ok(false) };
    let view = request.view(ask);
    let forbids = |action| {
        let question = Question { action: Act::named(action), ..view.question(false) };
        matches!(layers.decide(&question), Decision::ExplicitDeny(_))
    };
    Ok(forbids("s3:PutBucketPolicy") && forbids("s3:DeleteBucketPolicy"))
}
