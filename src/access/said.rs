//! What of a request a condition key shows as it is.

use crate::s3::Operation;
use crate::s3::permission::Key;

/// The header that a key shows as it is.
pub(super) fn header_of(key: Key) -> Option<&'static str> {
    Some(match key {
        Key::S3IfMatch => "if-match",
        Key::S3IfNoneMatch => "if-none-match",
        Key::S3ObjectLockEventHold => "x-amz-object-lock-event-hold",
        Key::S3ObjectLockLegalHold => "x-amz-object-lock-legal-hold",
        Key::S3ObjectLockMode => "x-amz-object-lock-mode",
        Key::S3XAmzAcl => "x-amz-acl",
        Key::S3XAmzBucketNamespace => "x-amz-bucket-namespace",
        Key::S3XAmzGrantFullControl => "x-amz-grant-full-control",
        Key::S3XAmzGrantRead => "x-amz-grant-read",
        Key::S3XAmzGrantReadAcp => "x-amz-grant-read-acp",
        Key::S3XAmzGrantWrite => "x-amz-grant-write",
        Key::S3XAmzGrantWriteAcp => "x-amz-grant-write-acp",
        Key::S3XAmzMetadataDirective => "x-amz-metadata-directive",
        Key::S3XAmzObjectAnnotationDirective => "x-amz-object-annotation-directive",
        Key::S3XAmzObjectIfMatch => "x-amz-object-if-match",
        Key::S3XAmzServerSideEncryption => "x-amz-server-side-encryption",
        Key::S3XAmzServerSideEncryptionCustomerAlgorithm => "x-amz-server-side-encryption-customer-algorithm",
        Key::S3XAmzStorageClass => "x-amz-storage-class",
        Key::S3XAmzWebsiteRedirectLocation => "x-amz-website-redirect-location",
        _ => return None,
    })
}

/// Whether the operation makes an object, or only a step towards one; neither for all others.
pub(super) fn creates(operation: Operation) -> Option<bool> {
    match operation {
        Operation::CompleteMultipartUpload | Operation::CopyObject | Operation::PutObject => Some(true),
        Operation::CreateMultipartUpload | Operation::UploadPart | Operation::UploadPartCopy => Some(false),
        _ => None,
    }
}
