//! What CloudTrail calls an operation, and whose event it is (spec/cloudtrail.md 1, 4, 5).

use std::borrow::Cow;

use crate::audit::access_log::operation;
use crate::audit::event::Event;
use crate::s3::Operation;

/// What a record says of the operation.
pub(super) struct Called<'a> {
    /// The operation, if it is one of S3 that the router knows.
    pub(super) operation: Option<Operation>,
    pub(super) source: &'static str,
    pub(super) name: Cow<'a, str>,
    pub(super) reads: bool,
    pub(super) management: bool,
}

/// Names an event. What the router does not know is named as the client asked for it, and is about data
/// if it names a key.
pub(super) fn called(event: &Event) -> Called<'_> {
    let operation = operation(event);
    let (source, asked) = match operation {
        Some(operation) => (S3, event_name(operation, event.bucket().is_some())),
        None => service(event.operation().unwrap_or("UnknownOperation")),
    };
    let reads = match operation {
        None if event.operation().is_none() => matches!(event.text("method"), Some("GET" | "HEAD")),
        _ => ["Get", "Head", "List", "Select", "Preflight"].iter().any(|verb| asked.starts_with(verb)),
    };
    let data = match operation {
        Some(operation) => is_data(operation),
        None => source == S3 && event.key().is_some(),
    };
    Called { operation, source, name: asked.into(), reads, management: !data }
}

/// Whose event it is.
const S3: &str = "s3.amazonaws.com";
/// The token service's.
pub(super) const STS: &str = "sts.amazonaws.com";

/// Operations of others are recorded with the prefix of their actions, those of the token service also
/// without.
fn service(asked: &str) -> (&'static str, &str) {
    match asked.split_once(':') {
        Some(("kms", name)) => ("kms.amazonaws.com", name),
        Some(("s3", name)) => (S3, name),
        Some(("sts", name)) => (STS, name),
        Some((_, name)) => ("s3hp.local", name),
        None if asked.starts_with("Assume") || TOKENS.contains(&asked) => (STS, asked),
        None => (S3, asked),
    }
}

/// What else the token service answers.
const TOKENS: [&str; 3] = ["GetCallerIdentity", "GetFederationToken", "GetSessionToken"];

/// The event's name, which is the operation's but for these.
fn event_name(operation: Operation, of_bucket: bool) -> &'static str {
    use Operation as O;
    match (operation, of_bucket) {
        (O::DeletePublicAccessBlock, true) => "DeleteBucketPublicAccessBlock",
        (O::DeletePublicAccessBlock, false) => "DeleteAccountPublicAccessBlock",
        (O::GetPublicAccessBlock, true) => "GetBucketPublicAccessBlock",
        (O::GetPublicAccessBlock, false) => "GetAccountPublicAccessBlock",
        (O::PutPublicAccessBlock, true) => "PutBucketPublicAccessBlock",
        (O::PutPublicAccessBlock, false) => "PutAccountPublicAccessBlock",
        (O::GetBucketLifecycleConfiguration, _) => "GetBucketLifecycle",
        (O::PutBucketLifecycleConfiguration, _) => "PutBucketLifecycle",
        (O::GetBucketNotificationConfiguration, _) => "GetBucketNotification",
        (O::PutBucketNotificationConfiguration, _) => "PutBucketNotification",
        (O::GetObjectLockConfiguration, _) => "GetBucketObjectLockConfiguration",
        (O::PutObjectLockConfiguration, _) => "PutBucketObjectLockConfiguration",
        (O::GetBucketAccelerateConfiguration, _) => "GetAccelerateConfiguration",
        (O::PutBucketAccelerateConfiguration, _) => "PutAccelerateConfiguration",
        (O::ListObjectsV2, _) => "ListObjects",
        (O::OptionsObject, _) => "PreflightRequest",
        (other, _) => other.name(),
    }
}

/// Whether it is about data (spec/cloudtrail.md 4): what happens to objects, lists of them, HeadBucket.
const fn is_data(operation: Operation) -> bool {
    use Operation as O;
    matches!(
        operation,
        O::AbortMultipartUpload
            | O::CompleteMultipartUpload
            | O::CopyObject
            | O::CreateMultipartUpload
            | O::DeleteObject
            | O::DeleteObjectAnnotation
            | O::DeleteObjectTagging
            | O::DeleteObjects
            | O::GetObject
            | O::GetObjectAcl
            | O::GetObjectAnnotation
            | O::GetObjectAttributes
            | O::GetObjectLegalHold
            | O::GetObjectRetention
            | O::GetObjectTagging
            | O::GetObjectTorrent
            | O::HeadBucket
            | O::HeadObject
            | O::ListObjectAnnotations
            | O::ListObjectVersions
            | O::ListObjects
            | O::ListObjectsV2
            | O::ListParts
            | O::PostObject
            | O::PutObject
            | O::PutObjectAcl
            | O::PutObjectAnnotation
            | O::PutObjectLegalHold
            | O::PutObjectRetention
            | O::PutObjectTagging
            | O::RenameObject
            | O::RestoreObject
            | O::SelectObjectContent
            | O::UpdateObjectEncryption
            | O::UploadPart
            | O::UploadPartCopy
            | O::WriteGetObjectResponse
    )
}
