//! What a decision hangs on and only the store knows: read there with the proxy's own key, and only when
//! a decision hangs on it.
//!
//! These are the only requests that leave before the intent is on record. They change nothing, carry
//! nothing of the client's but names, and nothing of their answers is handed on.

use http::{HeaderMap, StatusCode};

use super::judge::Case;
use super::walk::Store;
use crate::access::{Looked, Needs, Side};
use crate::body::SealedBody;
use crate::s3::tags::Tags;
use crate::s3::{Code, Fault, Operation, xml};
use crate::upstream::{Forward, Reply, Upstream};

/// The longest list of tags that is read: ten tags, every octet of them escaped.
const TAGS: usize = 64 << 10;

/// An object as the store knows it.
#[derive(Clone, Copy)]
struct Object<'a> {
    bucket: &'a str,
    key: &'a str,
    version: Option<&'a str>,
}

/// Looks up what a decision needs.
///
/// # Errors
/// `ServiceUnavailable` where the store does not say: without the fact nothing can be decided.
pub(super) async fn look(case: &Case<'_>, store: &Store, needs: Needs, looked: &mut Looked) -> Result<(), Fault> {
    if needs.has(Needs::SOURCE_TAGS) {
        looked.source_tags = Some(tags(case, store, object(case, Side::Source)?).await?);
    }
    if needs.has(Needs::SOURCE_HAS_TAGS) && looked.source_tags.is_none() {
        looked.source_has_tags = Some(has_tags(case, store, object(case, Side::Source)?).await?);
    }
    if needs.has(Needs::TARGET_TAGS) {
        looked.target_tags = Some(tags(case, store, object(case, Side::Target)?).await?);
    }
    Ok(())
}

/// Whether the store has what a request reads.
///
/// # Errors
/// `ServiceUnavailable` where the store does not say.
pub(super) async fn is_there(case: &Case<'_>, store: &Store, side: Side) -> Result<bool, Fault> {
    let reply = ask(case, store, Operation::HeadObject, object(case, side)?).await?;
    match reply.status {
        // A delete marker that was asked for by its version is there.
        StatusCode::OK | StatusCode::METHOD_NOT_ALLOWED => Ok(true),
        StatusCode::NOT_FOUND => Ok(false),
        status => Err(silent(status)),
    }
}

/// What the store says of an object; none where it is not there, or does not let anybody look
/// without the key that it was stored with.
///
/// # Errors
/// `ServiceUnavailable` where the store does not say.
pub(super) async fn head_of(case: &Case<'_>, store: &Store, side: Side) -> Result<Option<HeaderMap>, Fault> {
    let reply = ask(case, store, Operation::HeadObject, object(case, side)?).await?;
    match reply.status {
        StatusCode::OK => Ok(Some(reply.headers)),
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(None),
        status => Err(silent(status)),
    }
}

/// Whether the store has a bucket.
///
/// # Errors
/// `AccessDenied` where it belongs to somebody else; `ServiceUnavailable` where the store does not say.
pub(super) async fn has_bucket(case: &Case<'_>, store: &Store, bucket: &str) -> Result<bool, Fault> {
    let out = Forward { bucket: Some(bucket.to_owned()), ..forward(case, Operation::HeadBucket) };
    let out = Forward { owners: case.owners(Some(bucket), None), ..out };
    match store.send(Box::new(out), SealedBody::empty()).await?.status {
        status if status.is_success() => Ok(true),
        StatusCode::NOT_FOUND => Ok(false),
        StatusCode::FORBIDDEN => Err(Fault::plain(Code::AccessDenied, "store-owner")
            .detail("the store says that the bucket is somebody else's, or that the proxy may not look at it")),
        status => Err(silent(status)),
    }
}

async fn has_tags(case: &Case<'_>, store: &Store, object: Object<'_>) -> Result<bool, Fault> {
    let reply = ask(case, store, Operation::HeadObject, object).await?;
    match reply.status {
        StatusCode::OK => Ok(reply.headers.get("x-amz-tagging-count").is_some_and(|count| count.as_bytes() != b"0")),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(false),
        status => Err(silent(status)),
    }
}

async fn tags(case: &Case<'_>, store: &Store, object: Object<'_>) -> Result<Tags, Fault> {
    let Reply { status, body, .. } = ask(case, store, Operation::GetObjectTagging, object).await?;
    match status {
        StatusCode::OK => xml::tags(&body.whole(TAGS).await?).map_err(|_| silent(status)),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(Tags::new()),
        status => Err(silent(status)),
    }
}

/// What a store does not know it takes for the plain read: for the tags of an object it would give the object, whose
/// author could so say what its tags are.
async fn ask(case: &Case<'_>, store: &Store, operation: Operation, object: Object<'_>) -> Result<Reply, Fault> {
    let of_version = object.version.filter(|version| *version != "null").map(|_| Operation::ListObjectVersions);
    for needed in std::iter::once(operation).chain(of_version) {
        if case.site.kind.as_ref().is_some_and(|kind| !kind.has(needed)) {
            let detail = format!(
                "a decision hangs on what the store is not known to have: if it has {0}, name it in `upstream.operations`",
                needed.name()
            );
            return Err(Fault::plain(Code::ServiceUnavailable, "upstream-look-up").detail(detail));
        }
    }
    let subresource = (operation == Operation::GetObjectTagging).then(|| ("tagging".to_owned(), String::new()));
    let version = object.version.map(|version| ("versionId".to_owned(), version.to_owned()));
    let out = Forward {
        bucket: Some(object.bucket.to_owned()),
        key: Some(object.key.to_owned()),
        query: subresource.into_iter().chain(version).collect(),
        owners: case.owners(Some(object.bucket), None),
        ..forward(case, operation)
    };
    store.send(Box::new(out), SealedBody::empty()).await
}

fn forward(case: &Case<'_>, operation: Operation) -> Forward {
    Forward::own(operation, &case.who.account, case.facts.id)
}

fn object<'a>(case: &Case<'a>, side: Side) -> Result<Object<'a>, Fault> {
    let routed = case.routed;
    let found = match (side, &routed.copy_source, &routed.bucket, &routed.key) {
        (Side::Source, Some(source), ..) => {
            Some(Object { bucket: &source.bucket, key: &source.key, version: source.version.as_deref() })
        }
        (Side::Target, _, Some(bucket), Some(key)) => {
            Some(Object { bucket, key, version: routed.parameter("versionId") })
        }
        _ => None,
    };
    found.ok_or_else(|| Fault::plain(Code::InternalError, "no-object"))
}

fn silent(status: StatusCode) -> Fault {
    let detail = format!("the store answered {} to a look-up that the decision hangs on", status.as_u16());
    Fault::plain(Code::ServiceUnavailable, "upstream-look-up").detail(detail)
}
