//! Which permissions each operation needs. Made by `examples/generate.rs`; do not edit.

use super::{Check, Key, Keys, Permission, Shaping, State, Target, When};

const ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const COMPLETE_MULTIPART_UPLOAD_PUT_OBJECT: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3IfMatch,
    Key::S3IfNoneMatch,
    Key::S3ObjectCreationOperation,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
    Key::S3XAmzServerSideEncryption,
    Key::S3XAmzServerSideEncryptionAwsKmsKeyId,
    Key::S3XAmzServerSideEncryptionCustomerAlgorithm,
]);
const COPY_OBJECT_GET_OBJECT: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ExistingObjectTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const COPY_OBJECT_GET_OBJECT_VERSION: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ExistingObjectTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3Versionid,
    Key::S3XAmzContentSha256,
]);
const COPY_OBJECT_PUT_OBJECT: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3IfMatch,
    Key::S3IfNoneMatch,
    Key::S3ObjectLockEventHold,
    Key::S3ObjectLockEventHoldDurationDays,
    Key::S3ObjectLockLegalHold,
    Key::S3ObjectLockMode,
    Key::S3ObjectLockRemainingRetentionDays,
    Key::S3ObjectLockRetainUntilDate,
    Key::S3ObjectCreationOperation,
    Key::S3RequestObjectTag,
    Key::S3RequestObjectTagKeys,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzAcl,
    Key::S3XAmzContentSha256,
    Key::S3XAmzCopySource,
    Key::S3XAmzGrantFullControl,
    Key::S3XAmzGrantRead,
    Key::S3XAmzGrantReadAcp,
    Key::S3XAmzGrantWriteAcp,
    Key::S3XAmzMetadataDirective,
    Key::S3XAmzObjectAnnotationDirective,
    Key::S3XAmzServerSideEncryption,
    Key::S3XAmzServerSideEncryptionAwsKmsKeyId,
    Key::S3XAmzServerSideEncryptionCustomerAlgorithm,
    Key::S3XAmzStorageClass,
    Key::S3XAmzWebsiteRedirectLocation,
]);
const COPY_OBJECT_PUT_OBJECT_ACL: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ExistingObjectTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzAcl,
    Key::S3XAmzContentSha256,
    Key::S3XAmzGrantFullControl,
    Key::S3XAmzGrantRead,
    Key::S3XAmzGrantReadAcp,
    Key::S3XAmzGrantWriteAcp,
    Key::S3XAmzStorageClass,
]);
const COPY_OBJECT_PUT_OBJECT_TAGGING: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ExistingObjectTag,
    Key::S3RequestObjectTag,
    Key::S3RequestObjectTagKeys,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const COPY_OBJECT_PUT_OBJECT_RETENTION: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ObjectLockEventHold,
    Key::S3ObjectLockEventHoldDurationDays,
    Key::S3ObjectLockMode,
    Key::S3ObjectLockRemainingRetentionDays,
    Key::S3ObjectLockRetainUntilDate,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const COPY_OBJECT_PUT_OBJECT_LEGAL_HOLD: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ObjectLockLegalHold,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const CREATE_ACCESS_POINT_CREATE_ACCESS_POINT: Keys = Keys::of(&[
    Key::AwsRequestTag,
    Key::AwsTagKeys,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AuthType,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3Locationconstraint,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const CREATE_ACCESS_POINT_TAG_RESOURCE: Keys = Keys::of(&[
    Key::AwsRequestTag,
    Key::AwsTagKeys,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AuthType,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const CREATE_BUCKET_CREATE_BUCKET: Keys = Keys::of(&[
    Key::AwsRequestTag,
    Key::AwsResourceTag,
    Key::AwsTagKeys,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3Locationconstraint,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzAcl,
    Key::S3XAmzBucketNamespace,
    Key::S3XAmzContentSha256,
    Key::S3XAmzGrantFullControl,
    Key::S3XAmzGrantRead,
    Key::S3XAmzGrantReadAcp,
    Key::S3XAmzGrantWrite,
    Key::S3XAmzGrantWriteAcp,
    Key::S3XAmzObjectOwnership,
]);
const CREATE_BUCKET_PUT_BUCKET_ACL: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzAcl,
    Key::S3XAmzContentSha256,
    Key::S3XAmzGrantFullControl,
    Key::S3XAmzGrantRead,
    Key::S3XAmzGrantReadAcp,
    Key::S3XAmzGrantWrite,
    Key::S3XAmzGrantWriteAcp,
]);
const CREATE_BUCKET_PUT_BUCKET_OBJECT_LOCK_CONFIGURATION: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
]);
const CREATE_BUCKET_PUT_BUCKET_VERSIONING: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const CREATE_BUCKET_TAG_RESOURCE: Keys = Keys::of(&[
    Key::AwsRequestTag,
    Key::AwsResourceTag,
    Key::AwsTagKeys,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const CREATE_MULTIPART_UPLOAD_PUT_OBJECT: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ObjectLockEventHold,
    Key::S3ObjectLockEventHoldDurationDays,
    Key::S3ObjectLockLegalHold,
    Key::S3ObjectLockMode,
    Key::S3ObjectLockRemainingRetentionDays,
    Key::S3ObjectLockRetainUntilDate,
    Key::S3ObjectCreationOperation,
    Key::S3RequestObjectTag,
    Key::S3RequestObjectTagKeys,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzAcl,
    Key::S3XAmzContentSha256,
    Key::S3XAmzGrantFullControl,
    Key::S3XAmzGrantRead,
    Key::S3XAmzGrantReadAcp,
    Key::S3XAmzGrantWriteAcp,
    Key::S3XAmzServerSideEncryption,
    Key::S3XAmzServerSideEncryptionAwsKmsKeyId,
    Key::S3XAmzServerSideEncryptionCustomerAlgorithm,
    Key::S3XAmzStorageClass,
    Key::S3XAmzWebsiteRedirectLocation,
]);
const CREATE_MULTIPART_UPLOAD_PUT_OBJECT_ACL: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzAcl,
    Key::S3XAmzContentSha256,
    Key::S3XAmzGrantFullControl,
    Key::S3XAmzGrantRead,
    Key::S3XAmzGrantReadAcp,
    Key::S3XAmzGrantWriteAcp,
    Key::S3XAmzStorageClass,
]);
const CREATE_MULTIPART_UPLOAD_PUT_OBJECT_TAGGING: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3RequestObjectTag,
    Key::S3RequestObjectTagKeys,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const DELETE_ACCESS_POINT_DELETE_ACCESS_POINT: Keys = Keys::of(&[
    Key::S3AuthType,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const DELETE_OBJECT_DELETE_OBJECT: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3IfMatch,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const DELETE_OBJECT_DELETE_OBJECT_VERSION: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3Versionid,
    Key::S3XAmzContentSha256,
]);
const DELETE_OBJECT_ANNOTATION_DELETE_OBJECT_ANNOTATION: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ExistingObjectTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
    Key::S3XAmzObjectIfMatch,
]);
const DELETE_OBJECT_ANNOTATION_DELETE_OBJECT_VERSION_ANNOTATION: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ExistingObjectTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3Versionid,
    Key::S3XAmzContentSha256,
    Key::S3XAmzObjectIfMatch,
]);
const GET_OBJECT_ANNOTATION_GET_OBJECT_ANNOTATION: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ExistingObjectTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const GET_OBJECT_ANNOTATION_GET_OBJECT_VERSION_ANNOTATION: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ExistingObjectTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3Versionid,
    Key::S3XAmzContentSha256,
]);
const LIST_OBJECT_ANNOTATIONS_LIST_OBJECT_ANNOTATIONS: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AnnotationPrefix,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ExistingObjectTag,
    Key::S3MaxAnnotationResults,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const LIST_OBJECT_ANNOTATIONS_LIST_OBJECT_VERSION_ANNOTATIONS: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AnnotationPrefix,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ExistingObjectTag,
    Key::S3MaxAnnotationResults,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3Versionid,
    Key::S3XAmzContentSha256,
]);
const LIST_OBJECT_VERSIONS_LIST_BUCKET_VERSIONS: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3Delimiter,
    Key::S3MaxKeys,
    Key::S3Prefix,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const POST_OBJECT_PUT_OBJECT: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3IfMatch,
    Key::S3IfNoneMatch,
    Key::S3ObjectLockEventHold,
    Key::S3ObjectLockEventHoldDurationDays,
    Key::S3ObjectLockLegalHold,
    Key::S3ObjectLockMode,
    Key::S3ObjectLockRemainingRetentionDays,
    Key::S3ObjectLockRetainUntilDate,
    Key::S3ObjectCreationOperation,
    Key::S3RequestObjectTag,
    Key::S3RequestObjectTagKeys,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzAcl,
    Key::S3XAmzContentSha256,
    Key::S3XAmzGrantFullControl,
    Key::S3XAmzGrantRead,
    Key::S3XAmzGrantReadAcp,
    Key::S3XAmzGrantWriteAcp,
    Key::S3XAmzServerSideEncryption,
    Key::S3XAmzServerSideEncryptionAwsKmsKeyId,
    Key::S3XAmzServerSideEncryptionCustomerAlgorithm,
    Key::S3XAmzStorageClass,
    Key::S3XAmzWebsiteRedirectLocation,
]);
const POST_OBJECT_PUT_OBJECT_ACL: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzAcl,
    Key::S3XAmzContentSha256,
    Key::S3XAmzGrantFullControl,
    Key::S3XAmzGrantRead,
    Key::S3XAmzGrantReadAcp,
    Key::S3XAmzGrantWriteAcp,
    Key::S3XAmzStorageClass,
]);
const POST_OBJECT_PUT_OBJECT_TAGGING: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3RequestObjectTag,
    Key::S3RequestObjectTagKeys,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const POST_OBJECT_PUT_OBJECT_RETENTION: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ObjectLockEventHold,
    Key::S3ObjectLockEventHoldDurationDays,
    Key::S3ObjectLockMode,
    Key::S3ObjectLockRemainingRetentionDays,
    Key::S3ObjectLockRetainUntilDate,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const POST_OBJECT_PUT_OBJECT_LEGAL_HOLD: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ObjectLockLegalHold,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const PUT_BUCKET_INVENTORY_CONFIGURATION_PUT_INVENTORY_CONFIGURATION: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3InventoryAccessibleOptionalFields,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const PUT_BUCKET_OWNERSHIP_CONTROLS_PUT_BUCKET_OWNERSHIP_CONTROLS: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
    Key::S3XAmzObjectOwnership,
]);
const PUT_OBJECT_PUT_OBJECT: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3IfMatch,
    Key::S3IfNoneMatch,
    Key::S3ObjectLockEventHold,
    Key::S3ObjectLockEventHoldDurationDays,
    Key::S3ObjectLockLegalHold,
    Key::S3ObjectLockMode,
    Key::S3ObjectLockRemainingRetentionDays,
    Key::S3ObjectLockRetainUntilDate,
    Key::S3ObjectCreationOperation,
    Key::S3RequestObjectTag,
    Key::S3RequestObjectTagKeys,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzAcl,
    Key::S3XAmzContentSha256,
    Key::S3XAmzGrantFullControl,
    Key::S3XAmzGrantRead,
    Key::S3XAmzGrantReadAcp,
    Key::S3XAmzGrantWriteAcp,
    Key::S3XAmzServerSideEncryption,
    Key::S3XAmzServerSideEncryptionAwsKmsKeyId,
    Key::S3XAmzServerSideEncryptionCustomerAlgorithm,
    Key::S3XAmzStorageClass,
    Key::S3XAmzWebsiteRedirectLocation,
]);
const PUT_OBJECT_ACL_PUT_OBJECT_ACL: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ExistingObjectTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzAcl,
    Key::S3XAmzContentSha256,
    Key::S3XAmzGrantFullControl,
    Key::S3XAmzGrantRead,
    Key::S3XAmzGrantReadAcp,
    Key::S3XAmzGrantWrite,
    Key::S3XAmzGrantWriteAcp,
]);
const PUT_OBJECT_ACL_PUT_OBJECT_VERSION_ACL: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ExistingObjectTag,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3Versionid,
    Key::S3XAmzAcl,
    Key::S3XAmzContentSha256,
    Key::S3XAmzGrantFullControl,
    Key::S3XAmzGrantRead,
    Key::S3XAmzGrantReadAcp,
    Key::S3XAmzGrantWrite,
    Key::S3XAmzGrantWriteAcp,
]);
const PUT_OBJECT_TAGGING_PUT_OBJECT_VERSION_TAGGING: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ExistingObjectTag,
    Key::S3RequestObjectTag,
    Key::S3RequestObjectTagKeys,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3Versionid,
    Key::S3XAmzContentSha256,
]);
const TAG_RESOURCE_TAG_RESOURCE: Keys = Keys::of(&[
    Key::AwsRequestTag,
    Key::AwsResourceTag,
    Key::AwsTagKeys,
    Key::S3AuthType,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
]);
const UPLOAD_PART_PUT_OBJECT: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ObjectCreationOperation,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
    Key::S3XAmzServerSideEncryption,
    Key::S3XAmzServerSideEncryptionAwsKmsKeyId,
    Key::S3XAmzServerSideEncryptionCustomerAlgorithm,
]);
const UPLOAD_PART_COPY_PUT_OBJECT: Keys = Keys::of(&[
    Key::AwsResourceTag,
    Key::S3AccessPointNetworkOrigin,
    Key::S3AccessPointTag,
    Key::S3AuthType,
    Key::S3BucketTag,
    Key::S3DataAccessPointAccount,
    Key::S3DataAccessPointArn,
    Key::S3ObjectCreationOperation,
    Key::S3ResourceAccount,
    Key::S3SignatureAge,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
    Key::S3XAmzContentSha256,
    Key::S3XAmzCopySource,
    Key::S3XAmzServerSideEncryption,
    Key::S3XAmzServerSideEncryptionAwsKmsKeyId,
    Key::S3XAmzServerSideEncryptionCustomerAlgorithm,
]);

/// One row per operation, in the order of [`super::super::Operation::ALL`].
pub(super) static ROWS: &[Permission] = &[
    // AbortMultipartUpload
    Permission {
        checks: &[Check {
            action: "s3:AbortMultipartUpload",
            target: Target::Object,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // CompleteMultipartUpload
    Permission {
        checks: &[Check {
            action: "s3:PutObject",
            target: Target::Object,
            when: When::Always,
            per_item: false,
            keys: COMPLETE_MULTIPART_UPLOAD_PUT_OBJECT,
        }],
        shaping: &[],
        access_point: true,
    },
    // CopyObject
    Permission {
        checks: &[
            Check {
                action: "s3:GetObject",
                target: Target::Source,
                when: When::Not(&When::CopySourceVersion),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT,
            },
            Check {
                action: "s3:GetObjectVersion",
                target: Target::Source,
                when: When::CopySourceVersion,
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT_VERSION,
            },
            Check {
                action: "s3:GetObjectTagging",
                target: Target::Source,
                when: When::All(&[
                    When::All(&[
                        When::Not(&When::HeaderEquals {
                            name: "x-amz-tagging-directive",
                            value: "REPLACE",
                            any_case: true,
                        }),
                        When::State(State::SourceHasTags),
                    ]),
                    When::Not(&When::CopySourceVersion),
                ]),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT,
            },
            Check {
                action: "s3:GetObjectVersionTagging",
                target: Target::Source,
                when: When::All(&[
                    When::All(&[
                        When::Not(&When::HeaderEquals {
                            name: "x-amz-tagging-directive",
                            value: "REPLACE",
                            any_case: true,
                        }),
                        When::State(State::SourceHasTags),
                    ]),
                    When::CopySourceVersion,
                ]),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT_VERSION,
            },
            Check {
                action: "s3:PutObject",
                target: Target::Object,
                when: When::Always,
                per_item: false,
                keys: COPY_OBJECT_PUT_OBJECT,
            },
            Check {
                action: "s3:PutObjectAcl",
                target: Target::Object,
                when: When::AnyHeader(&[
                    "x-amz-acl",
                    "x-amz-grant-full-control",
                    "x-amz-grant-read",
                    "x-amz-grant-read-acp",
                    "x-amz-grant-write",
                    "x-amz-grant-write-acp",
                ]),
                per_item: false,
                keys: COPY_OBJECT_PUT_OBJECT_ACL,
            },
            Check {
                action: "s3:PutObjectTagging",
                target: Target::Object,
                when: When::Any(&[
                    When::All(&[
                        When::Not(&When::HeaderEquals {
                            name: "x-amz-tagging-directive",
                            value: "REPLACE",
                            any_case: true,
                        }),
                        When::State(State::SourceHasTags),
                    ]),
                    When::All(&[
                        When::HeaderEquals { name: "x-amz-tagging-directive", value: "REPLACE", any_case: true },
                        When::Header("x-amz-tagging"),
                    ]),
                ]),
                per_item: false,
                keys: COPY_OBJECT_PUT_OBJECT_TAGGING,
            },
            Check {
                action: "s3:PutObjectRetention",
                target: Target::Object,
                when: When::AnyHeader(&[
                    "x-amz-object-lock-mode",
                    "x-amz-object-lock-retain-until-date",
                    "x-amz-object-lock-event-hold",
                    "x-amz-object-lock-event-hold-duration-days",
                    "x-amz-object-lock-event-hold-duration-years",
                ]),
                per_item: false,
                keys: COPY_OBJECT_PUT_OBJECT_RETENTION,
            },
            Check {
                action: "s3:PutObjectLegalHold",
                target: Target::Object,
                when: When::Header("x-amz-object-lock-legal-hold"),
                per_item: false,
                keys: COPY_OBJECT_PUT_OBJECT_LEGAL_HOLD,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // CreateAccessPoint
    Permission {
        checks: &[
            Check {
                action: "s3:CreateAccessPoint",
                target: Target::Accesspoint,
                when: When::Always,
                per_item: false,
                keys: CREATE_ACCESS_POINT_CREATE_ACCESS_POINT,
            },
            Check {
                action: "s3:TagResource",
                target: Target::Accesspoint,
                when: When::Body("CreateAccessPointRequest/Tags/Tag"),
                per_item: false,
                keys: CREATE_ACCESS_POINT_TAG_RESOURCE,
            },
        ],
        shaping: &[],
        access_point: false,
    },
    // CreateBucket
    Permission {
        checks: &[
            Check {
                action: "s3:CreateBucket",
                target: Target::Bucket,
                when: When::Always,
                per_item: false,
                keys: CREATE_BUCKET_CREATE_BUCKET,
            },
            Check {
                action: "s3:PutBucketAcl",
                target: Target::Bucket,
                when: When::Any(&[
                    When::All(&[
                        When::Header("x-amz-acl"),
                        When::Not(&When::HeaderEquals { name: "x-amz-acl", value: "private", any_case: false }),
                    ]),
                    When::AnyHeader(&[
                        "x-amz-grant-full-control",
                        "x-amz-grant-read",
                        "x-amz-grant-read-acp",
                        "x-amz-grant-write",
                        "x-amz-grant-write-acp",
                    ]),
                ]),
                per_item: false,
                keys: CREATE_BUCKET_PUT_BUCKET_ACL,
            },
            Check {
                action: "s3:PutBucketObjectLockConfiguration",
                target: Target::Bucket,
                when: When::HeaderEquals { name: "x-amz-bucket-object-lock-enabled", value: "true", any_case: true },
                per_item: false,
                keys: CREATE_BUCKET_PUT_BUCKET_OBJECT_LOCK_CONFIGURATION,
            },
            Check {
                action: "s3:PutBucketVersioning",
                target: Target::Bucket,
                when: When::HeaderEquals { name: "x-amz-bucket-object-lock-enabled", value: "true", any_case: true },
                per_item: false,
                keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
            },
            Check {
                action: "s3:PutBucketOwnershipControls",
                target: Target::Bucket,
                when: When::Header("x-amz-object-ownership"),
                per_item: false,
                keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
            },
            Check {
                action: "s3:TagResource",
                target: Target::Bucket,
                when: When::Body("CreateBucketConfiguration/Tags/Tag"),
                per_item: false,
                keys: CREATE_BUCKET_TAG_RESOURCE,
            },
        ],
        shaping: &[],
        access_point: false,
    },
    // CreateBucketMetadataConfiguration
    Permission {
        checks: &[Check {
            action: "s3:CreateBucketMetadataTableConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // CreateBucketMetadataTableConfiguration
    Permission {
        checks: &[Check {
            action: "s3:CreateBucketMetadataTableConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // CreateMultipartUpload
    Permission {
        checks: &[
            Check {
                action: "s3:PutObject",
                target: Target::Object,
                when: When::Always,
                per_item: false,
                keys: CREATE_MULTIPART_UPLOAD_PUT_OBJECT,
            },
            Check {
                action: "s3:PutObjectAcl",
                target: Target::Object,
                when: When::AnyHeader(&[
                    "x-amz-acl",
                    "x-amz-grant-full-control",
                    "x-amz-grant-read",
                    "x-amz-grant-read-acp",
                    "x-amz-grant-write",
                    "x-amz-grant-write-acp",
                ]),
                per_item: false,
                keys: CREATE_MULTIPART_UPLOAD_PUT_OBJECT_ACL,
            },
            Check {
                action: "s3:PutObjectTagging",
                target: Target::Object,
                when: When::Header("x-amz-tagging"),
                per_item: false,
                keys: CREATE_MULTIPART_UPLOAD_PUT_OBJECT_TAGGING,
            },
            Check {
                action: "s3:PutObjectRetention",
                target: Target::Object,
                when: When::AnyHeader(&[
                    "x-amz-object-lock-mode",
                    "x-amz-object-lock-retain-until-date",
                    "x-amz-object-lock-event-hold",
                    "x-amz-object-lock-event-hold-duration-days",
                    "x-amz-object-lock-event-hold-duration-years",
                ]),
                per_item: false,
                keys: COPY_OBJECT_PUT_OBJECT_RETENTION,
            },
            Check {
                action: "s3:PutObjectLegalHold",
                target: Target::Object,
                when: When::Header("x-amz-object-lock-legal-hold"),
                per_item: false,
                keys: COPY_OBJECT_PUT_OBJECT_LEGAL_HOLD,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // CreateSession
    Permission { checks: &[], shaping: &[], access_point: false },
    // DeleteAccessPoint
    Permission {
        checks: &[Check {
            action: "s3:DeleteAccessPoint",
            target: Target::Accesspoint,
            when: When::Always,
            per_item: false,
            keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteAccessPointPolicy
    Permission {
        checks: &[Check {
            action: "s3:DeleteAccessPointPolicy",
            target: Target::Accesspoint,
            when: When::Always,
            per_item: false,
            keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucket
    Permission {
        checks: &[Check {
            action: "s3:DeleteBucket",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketAnalyticsConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutAnalyticsConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketCors
    Permission {
        checks: &[Check {
            action: "s3:PutBucketCORS",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketEncryption
    Permission {
        checks: &[Check {
            action: "s3:PutEncryptionConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketIntelligentTieringConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutIntelligentTieringConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketInventoryConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutInventoryConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketLifecycle
    Permission {
        checks: &[Check {
            action: "s3:PutLifecycleConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketMetadataConfiguration
    Permission {
        checks: &[Check {
            action: "s3:DeleteBucketMetadataTableConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketMetadataTableConfiguration
    Permission {
        checks: &[Check {
            action: "s3:DeleteBucketMetadataTableConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketMetricsConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutMetricsConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketOwnershipControls
    Permission {
        checks: &[Check {
            action: "s3:PutBucketOwnershipControls",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketPolicy
    Permission {
        checks: &[Check {
            action: "s3:DeleteBucketPolicy",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketReplication
    Permission {
        checks: &[Check {
            action: "s3:PutReplicationConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketTagging
    Permission {
        checks: &[Check {
            action: "s3:PutBucketTagging",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteBucketWebsite
    Permission {
        checks: &[Check {
            action: "s3:DeleteBucketWebsite",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // DeleteObject
    Permission {
        checks: &[
            Check {
                action: "s3:DeleteObject",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: DELETE_OBJECT_DELETE_OBJECT,
            },
            Check {
                action: "s3:DeleteObjectVersion",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: DELETE_OBJECT_DELETE_OBJECT_VERSION,
            },
            Check {
                action: "s3:BypassGovernanceRetention",
                target: Target::Object,
                when: When::HeaderEquals { name: "x-amz-bypass-governance-retention", value: "true", any_case: true },
                per_item: false,
                keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // DeleteObjectAnnotation
    Permission {
        checks: &[
            Check {
                action: "s3:DeleteObjectAnnotation",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: DELETE_OBJECT_ANNOTATION_DELETE_OBJECT_ANNOTATION,
            },
            Check {
                action: "s3:DeleteObjectVersionAnnotation",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: DELETE_OBJECT_ANNOTATION_DELETE_OBJECT_VERSION_ANNOTATION,
            },
        ],
        shaping: &[],
        access_point: false,
    },
    // DeleteObjectTagging
    Permission {
        checks: &[
            Check {
                action: "s3:DeleteObjectTagging",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT,
            },
            Check {
                action: "s3:DeleteObjectVersionTagging",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT_VERSION,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // DeleteObjects
    Permission {
        checks: &[
            Check {
                action: "s3:DeleteObject",
                target: Target::Object,
                when: When::Not(&When::Item("VersionId")),
                per_item: true,
                keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
            },
            Check {
                action: "s3:DeleteObjectVersion",
                target: Target::Object,
                when: When::Item("VersionId"),
                per_item: true,
                keys: DELETE_OBJECT_DELETE_OBJECT_VERSION,
            },
            Check {
                action: "s3:BypassGovernanceRetention",
                target: Target::Object,
                when: When::HeaderEquals { name: "x-amz-bypass-governance-retention", value: "true", any_case: true },
                per_item: true,
                keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // DeletePublicAccessBlock
    Permission {
        checks: &[Check {
            action: "s3:PutBucketPublicAccessBlock",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetAccessPoint
    Permission {
        checks: &[Check {
            action: "s3:GetAccessPoint",
            target: Target::Accesspoint,
            when: When::Always,
            per_item: false,
            keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetAccessPointPolicy
    Permission {
        checks: &[Check {
            action: "s3:GetAccessPointPolicy",
            target: Target::Accesspoint,
            when: When::Always,
            per_item: false,
            keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetAccessPointPolicyStatus
    Permission {
        checks: &[Check {
            action: "s3:GetAccessPointPolicyStatus",
            target: Target::Accesspoint,
            when: When::Always,
            per_item: false,
            keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketAbac
    Permission {
        checks: &[Check {
            action: "s3:GetBucketAbac",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketAccelerateConfiguration
    Permission {
        checks: &[Check {
            action: "s3:GetAccelerateConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketAcl
    Permission {
        checks: &[Check {
            action: "s3:GetBucketAcl",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // GetBucketAnalyticsConfiguration
    Permission {
        checks: &[Check {
            action: "s3:GetAnalyticsConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketCors
    Permission {
        checks: &[Check {
            action: "s3:GetBucketCORS",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // GetBucketEncryption
    Permission {
        checks: &[Check {
            action: "s3:GetEncryptionConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketIntelligentTieringConfiguration
    Permission {
        checks: &[Check {
            action: "s3:GetIntelligentTieringConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketInventoryConfiguration
    Permission {
        checks: &[Check {
            action: "s3:GetInventoryConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketLifecycleConfiguration
    Permission {
        checks: &[Check {
            action: "s3:GetLifecycleConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketLocation
    Permission {
        checks: &[Check {
            action: "s3:GetBucketLocation",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // GetBucketLogging
    Permission {
        checks: &[Check {
            action: "s3:GetBucketLogging",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketMetadataConfiguration
    Permission {
        checks: &[Check {
            action: "s3:GetBucketMetadataTableConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketMetadataTableConfiguration
    Permission {
        checks: &[Check {
            action: "s3:GetBucketMetadataTableConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketMetricsConfiguration
    Permission {
        checks: &[Check {
            action: "s3:GetMetricsConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketNotificationConfiguration
    Permission {
        checks: &[Check {
            action: "s3:GetBucketNotification",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // GetBucketOwnershipControls
    Permission {
        checks: &[Check {
            action: "s3:GetBucketOwnershipControls",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketPolicy
    Permission {
        checks: &[Check {
            action: "s3:GetBucketPolicy",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // GetBucketPolicyStatus
    Permission {
        checks: &[Check {
            action: "s3:GetBucketPolicyStatus",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketReplication
    Permission {
        checks: &[Check {
            action: "s3:GetReplicationConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketRequestPayment
    Permission {
        checks: &[Check {
            action: "s3:GetBucketRequestPayment",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketTagging
    Permission {
        checks: &[Check {
            action: "s3:GetBucketTagging",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketVersioning
    Permission {
        checks: &[Check {
            action: "s3:GetBucketVersioning",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetBucketWebsite
    Permission {
        checks: &[Check {
            action: "s3:GetBucketWebsite",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetObject
    Permission {
        checks: &[
            Check {
                action: "s3:GetObject",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT,
            },
            Check {
                action: "s3:GetObjectVersion",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT_VERSION,
            },
        ],
        shaping: &[
            Shaping {
                check: Check {
                    action: "s3:GetObjectTagging",
                    target: Target::Object,
                    when: When::Always,
                    per_item: false,
                    keys: COPY_OBJECT_GET_OBJECT,
                },
                version: Some(Check {
                    action: "s3:GetObjectVersionTagging",
                    target: Target::Object,
                    when: When::Always,
                    per_item: false,
                    keys: COPY_OBJECT_GET_OBJECT_VERSION,
                }),
                headers: &["x-amz-tagging-count"],
            },
            Shaping {
                check: Check {
                    action: "s3:GetObjectLegalHold",
                    target: Target::Object,
                    when: When::Always,
                    per_item: false,
                    keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
                },
                version: None,
                headers: &["x-amz-object-lock-legal-hold"],
            },
            Shaping {
                check: Check {
                    action: "s3:GetObjectRetention",
                    target: Target::Object,
                    when: When::Always,
                    per_item: false,
                    keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
                },
                version: None,
                headers: &["x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"],
            },
        ],
        access_point: true,
    },
    // GetObjectAcl
    Permission {
        checks: &[
            Check {
                action: "s3:GetObjectAcl",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT,
            },
            Check {
                action: "s3:GetObjectVersionAcl",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT_VERSION,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // GetObjectAnnotation
    Permission {
        checks: &[
            Check {
                action: "s3:GetObjectAnnotation",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: GET_OBJECT_ANNOTATION_GET_OBJECT_ANNOTATION,
            },
            Check {
                action: "s3:GetObjectVersionAnnotation",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: GET_OBJECT_ANNOTATION_GET_OBJECT_VERSION_ANNOTATION,
            },
        ],
        shaping: &[],
        access_point: false,
    },
    // GetObjectAttributes
    Permission {
        checks: &[
            Check {
                action: "s3:GetObject",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
            },
            Check {
                action: "s3:GetObjectVersion",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: DELETE_OBJECT_DELETE_OBJECT_VERSION,
            },
            Check {
                action: "s3:GetObjectAttributes",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
            },
            Check {
                action: "s3:GetObjectVersionAttributes",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: DELETE_OBJECT_DELETE_OBJECT_VERSION,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // GetObjectLegalHold
    Permission {
        checks: &[Check {
            action: "s3:GetObjectLegalHold",
            target: Target::Object,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // GetObjectLockConfiguration
    Permission {
        checks: &[Check {
            action: "s3:GetBucketObjectLockConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_OBJECT_LOCK_CONFIGURATION,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetObjectRetention
    Permission {
        checks: &[Check {
            action: "s3:GetObjectRetention",
            target: Target::Object,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // GetObjectTagging
    Permission {
        checks: &[
            Check {
                action: "s3:GetObjectTagging",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT,
            },
            Check {
                action: "s3:GetObjectVersionTagging",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT_VERSION,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // GetObjectTorrent
    Permission {
        checks: &[Check {
            action: "s3:GetObject",
            target: Target::Object,
            when: When::Always,
            per_item: false,
            keys: GET_OBJECT_ANNOTATION_GET_OBJECT_ANNOTATION,
        }],
        shaping: &[],
        access_point: false,
    },
    // GetPublicAccessBlock
    Permission {
        checks: &[Check {
            action: "s3:GetBucketPublicAccessBlock",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // HeadBucket
    Permission {
        checks: &[Check {
            action: "s3:ListBucket",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // HeadObject
    Permission {
        checks: &[
            Check {
                action: "s3:GetObject",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT,
            },
            Check {
                action: "s3:GetObjectVersion",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT_VERSION,
            },
        ],
        shaping: &[
            Shaping {
                check: Check {
                    action: "s3:GetObjectTagging",
                    target: Target::Object,
                    when: When::Always,
                    per_item: false,
                    keys: COPY_OBJECT_GET_OBJECT,
                },
                version: Some(Check {
                    action: "s3:GetObjectVersionTagging",
                    target: Target::Object,
                    when: When::Always,
                    per_item: false,
                    keys: COPY_OBJECT_GET_OBJECT_VERSION,
                }),
                headers: &["x-amz-tagging-count"],
            },
            Shaping {
                check: Check {
                    action: "s3:GetObjectLegalHold",
                    target: Target::Object,
                    when: When::Always,
                    per_item: false,
                    keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
                },
                version: None,
                headers: &["x-amz-object-lock-legal-hold"],
            },
            Shaping {
                check: Check {
                    action: "s3:GetObjectRetention",
                    target: Target::Object,
                    when: When::Always,
                    per_item: false,
                    keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
                },
                version: None,
                headers: &["x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"],
            },
        ],
        access_point: true,
    },
    // ListAccessPoints
    Permission {
        checks: &[Check {
            action: "s3:ListAccessPoints",
            target: Target::All,
            when: When::Always,
            per_item: false,
            keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
        }],
        shaping: &[],
        access_point: false,
    },
    // ListBucketAnalyticsConfigurations
    Permission {
        checks: &[Check {
            action: "s3:GetAnalyticsConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // ListBucketIntelligentTieringConfigurations
    Permission {
        checks: &[Check {
            action: "s3:GetIntelligentTieringConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // ListBucketInventoryConfigurations
    Permission {
        checks: &[Check {
            action: "s3:GetInventoryConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // ListBucketMetricsConfigurations
    Permission {
        checks: &[Check {
            action: "s3:GetMetricsConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // ListBuckets
    Permission {
        checks: &[Check {
            action: "s3:ListAllMyBuckets",
            target: Target::All,
            when: When::Always,
            per_item: false,
            keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
        }],
        shaping: &[],
        access_point: false,
    },
    // ListMultipartUploads
    Permission {
        checks: &[Check {
            action: "s3:ListBucketMultipartUploads",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // ListObjectAnnotations
    Permission {
        checks: &[
            Check {
                action: "s3:ListObjectAnnotations",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: LIST_OBJECT_ANNOTATIONS_LIST_OBJECT_ANNOTATIONS,
            },
            Check {
                action: "s3:ListObjectVersionAnnotations",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: LIST_OBJECT_ANNOTATIONS_LIST_OBJECT_VERSION_ANNOTATIONS,
            },
        ],
        shaping: &[],
        access_point: false,
    },
    // ListObjectVersions
    Permission {
        checks: &[Check {
            action: "s3:ListBucketVersions",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: LIST_OBJECT_VERSIONS_LIST_BUCKET_VERSIONS,
        }],
        shaping: &[],
        access_point: true,
    },
    // ListObjects
    Permission {
        checks: &[Check {
            action: "s3:ListBucket",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: LIST_OBJECT_VERSIONS_LIST_BUCKET_VERSIONS,
        }],
        shaping: &[],
        access_point: true,
    },
    // ListObjectsV2
    Permission {
        checks: &[Check {
            action: "s3:ListBucket",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: LIST_OBJECT_VERSIONS_LIST_BUCKET_VERSIONS,
        }],
        shaping: &[],
        access_point: true,
    },
    // ListParts
    Permission {
        checks: &[Check {
            action: "s3:ListMultipartUploadParts",
            target: Target::Object,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // ListTagsForResource
    Permission {
        checks: &[Check {
            action: "s3:ListTagsForResource",
            target: Target::Tagged,
            when: When::Always,
            per_item: false,
            keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
        }],
        shaping: &[],
        access_point: false,
    },
    // OptionsObject
    Permission { checks: &[], shaping: &[], access_point: false },
    // PostObject
    Permission {
        checks: &[
            Check {
                action: "s3:PutObject",
                target: Target::Object,
                when: When::Always,
                per_item: false,
                keys: POST_OBJECT_PUT_OBJECT,
            },
            Check {
                action: "s3:PutObjectAcl",
                target: Target::Object,
                when: When::Any(&[
                    When::Form("acl"),
                    When::Form("x-amz-grant-full-control"),
                    When::Form("x-amz-grant-read"),
                    When::Form("x-amz-grant-read-acp"),
                    When::Form("x-amz-grant-write-acp"),
                ]),
                per_item: false,
                keys: POST_OBJECT_PUT_OBJECT_ACL,
            },
            Check {
                action: "s3:PutObjectTagging",
                target: Target::Object,
                when: When::Form("tagging"),
                per_item: false,
                keys: POST_OBJECT_PUT_OBJECT_TAGGING,
            },
            Check {
                action: "s3:PutObjectRetention",
                target: Target::Object,
                when: When::Any(&[
                    When::Form("x-amz-object-lock-mode"),
                    When::Form("x-amz-object-lock-retain-until-date"),
                    When::Form("x-amz-object-lock-event-hold"),
                    When::Form("x-amz-object-lock-event-hold-duration-days"),
                    When::Form("x-amz-object-lock-event-hold-duration-years"),
                ]),
                per_item: false,
                keys: POST_OBJECT_PUT_OBJECT_RETENTION,
            },
            Check {
                action: "s3:PutObjectLegalHold",
                target: Target::Object,
                when: When::Form("x-amz-object-lock-legal-hold"),
                per_item: false,
                keys: POST_OBJECT_PUT_OBJECT_LEGAL_HOLD,
            },
        ],
        shaping: &[],
        access_point: false,
    },
    // PutAccessPointPolicy
    Permission {
        checks: &[Check {
            action: "s3:PutAccessPointPolicy",
            target: Target::Accesspoint,
            when: When::Always,
            per_item: false,
            keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketAbac
    Permission {
        checks: &[Check {
            action: "s3:PutBucketAbac",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketAccelerateConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutAccelerateConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketAcl
    Permission {
        checks: &[Check {
            action: "s3:PutBucketAcl",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_ACL,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketAnalyticsConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutAnalyticsConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketCors
    Permission {
        checks: &[Check {
            action: "s3:PutBucketCORS",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketEncryption
    Permission {
        checks: &[Check {
            action: "s3:PutEncryptionConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketIntelligentTieringConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutIntelligentTieringConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketInventoryConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutInventoryConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: PUT_BUCKET_INVENTORY_CONFIGURATION_PUT_INVENTORY_CONFIGURATION,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketLifecycleConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutLifecycleConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketLogging
    Permission {
        checks: &[Check {
            action: "s3:PutBucketLogging",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketMetricsConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutMetricsConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketNotificationConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutBucketNotification",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketOwnershipControls
    Permission {
        checks: &[Check {
            action: "s3:PutBucketOwnershipControls",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: PUT_BUCKET_OWNERSHIP_CONTROLS_PUT_BUCKET_OWNERSHIP_CONTROLS,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketPolicy
    Permission {
        checks: &[Check {
            action: "s3:PutBucketPolicy",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketReplication
    Permission {
        checks: &[Check {
            action: "s3:PutReplicationConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketRequestPayment
    Permission {
        checks: &[Check {
            action: "s3:PutBucketRequestPayment",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketTagging
    Permission {
        checks: &[Check {
            action: "s3:PutBucketTagging",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketVersioning
    Permission {
        checks: &[Check {
            action: "s3:PutBucketVersioning",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutBucketWebsite
    Permission {
        checks: &[Check {
            action: "s3:PutBucketWebsite",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutObject
    Permission {
        checks: &[
            Check {
                action: "s3:PutObject",
                target: Target::Object,
                when: When::Always,
                per_item: false,
                keys: PUT_OBJECT_PUT_OBJECT,
            },
            Check {
                action: "s3:PutObjectAcl",
                target: Target::Object,
                when: When::AnyHeader(&[
                    "x-amz-acl",
                    "x-amz-grant-full-control",
                    "x-amz-grant-read",
                    "x-amz-grant-read-acp",
                    "x-amz-grant-write",
                    "x-amz-grant-write-acp",
                ]),
                per_item: false,
                keys: CREATE_MULTIPART_UPLOAD_PUT_OBJECT_ACL,
            },
            Check {
                action: "s3:PutObjectTagging",
                target: Target::Object,
                when: When::Header("x-amz-tagging"),
                per_item: false,
                keys: CREATE_MULTIPART_UPLOAD_PUT_OBJECT_TAGGING,
            },
            Check {
                action: "s3:PutObjectRetention",
                target: Target::Object,
                when: When::AnyHeader(&[
                    "x-amz-object-lock-mode",
                    "x-amz-object-lock-retain-until-date",
                    "x-amz-object-lock-event-hold",
                    "x-amz-object-lock-event-hold-duration-days",
                    "x-amz-object-lock-event-hold-duration-years",
                ]),
                per_item: false,
                keys: COPY_OBJECT_PUT_OBJECT_RETENTION,
            },
            Check {
                action: "s3:PutObjectLegalHold",
                target: Target::Object,
                when: When::Header("x-amz-object-lock-legal-hold"),
                per_item: false,
                keys: COPY_OBJECT_PUT_OBJECT_LEGAL_HOLD,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // PutObjectAcl
    Permission {
        checks: &[
            Check {
                action: "s3:PutObjectAcl",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: PUT_OBJECT_ACL_PUT_OBJECT_ACL,
            },
            Check {
                action: "s3:PutObjectVersionAcl",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: PUT_OBJECT_ACL_PUT_OBJECT_VERSION_ACL,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // PutObjectAnnotation
    Permission {
        checks: &[
            Check {
                action: "s3:PutObjectAnnotation",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: DELETE_OBJECT_ANNOTATION_DELETE_OBJECT_ANNOTATION,
            },
            Check {
                action: "s3:PutObjectVersionAnnotation",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: DELETE_OBJECT_ANNOTATION_DELETE_OBJECT_VERSION_ANNOTATION,
            },
        ],
        shaping: &[],
        access_point: false,
    },
    // PutObjectLegalHold
    Permission {
        checks: &[Check {
            action: "s3:PutObjectLegalHold",
            target: Target::Object,
            when: When::Always,
            per_item: false,
            keys: COPY_OBJECT_PUT_OBJECT_LEGAL_HOLD,
        }],
        shaping: &[],
        access_point: true,
    },
    // PutObjectLockConfiguration
    Permission {
        checks: &[Check {
            action: "s3:PutBucketObjectLockConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_OBJECT_LOCK_CONFIGURATION,
        }],
        shaping: &[],
        access_point: false,
    },
    // PutObjectRetention
    Permission {
        checks: &[
            Check {
                action: "s3:PutObjectRetention",
                target: Target::Object,
                when: When::Always,
                per_item: false,
                keys: COPY_OBJECT_PUT_OBJECT_RETENTION,
            },
            Check {
                action: "s3:BypassGovernanceRetention",
                target: Target::Object,
                when: When::HeaderEquals { name: "x-amz-bypass-governance-retention", value: "true", any_case: true },
                per_item: false,
                keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // PutObjectTagging
    Permission {
        checks: &[
            Check {
                action: "s3:PutObjectTagging",
                target: Target::Object,
                when: When::Not(&When::Query("versionId")),
                per_item: false,
                keys: COPY_OBJECT_PUT_OBJECT_TAGGING,
            },
            Check {
                action: "s3:PutObjectVersionTagging",
                target: Target::Object,
                when: When::Query("versionId"),
                per_item: false,
                keys: PUT_OBJECT_TAGGING_PUT_OBJECT_VERSION_TAGGING,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // PutPublicAccessBlock
    Permission {
        checks: &[Check {
            action: "s3:PutBucketPublicAccessBlock",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // RenameObject
    Permission { checks: &[], shaping: &[], access_point: false },
    // RestoreObject
    Permission {
        checks: &[Check {
            action: "s3:RestoreObject",
            target: Target::Object,
            when: When::Always,
            per_item: false,
            keys: ABORT_MULTIPART_UPLOAD_ABORT_MULTIPART_UPLOAD,
        }],
        shaping: &[],
        access_point: true,
    },
    // SelectObjectContent
    Permission {
        checks: &[Check {
            action: "s3:GetObject",
            target: Target::Object,
            when: When::Always,
            per_item: false,
            keys: GET_OBJECT_ANNOTATION_GET_OBJECT_ANNOTATION,
        }],
        shaping: &[],
        access_point: false,
    },
    // TagResource
    Permission {
        checks: &[Check {
            action: "s3:TagResource",
            target: Target::Tagged,
            when: When::Always,
            per_item: false,
            keys: TAG_RESOURCE_TAG_RESOURCE,
        }],
        shaping: &[],
        access_point: false,
    },
    // UntagResource
    Permission {
        checks: &[Check {
            action: "s3:UntagResource",
            target: Target::Tagged,
            when: When::Always,
            per_item: false,
            keys: TAG_RESOURCE_TAG_RESOURCE,
        }],
        shaping: &[],
        access_point: false,
    },
    // UpdateBucketMetadataAnnotationTableConfiguration
    Permission {
        checks: &[Check {
            action: "s3:UpdateBucketMetadataAnnotationTableConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // UpdateBucketMetadataInventoryTableConfiguration
    Permission {
        checks: &[Check {
            action: "s3:UpdateBucketMetadataInventoryTableConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // UpdateBucketMetadataJournalTableConfiguration
    Permission {
        checks: &[Check {
            action: "s3:UpdateBucketMetadataJournalTableConfiguration",
            target: Target::Bucket,
            when: When::Always,
            per_item: false,
            keys: CREATE_BUCKET_PUT_BUCKET_VERSIONING,
        }],
        shaping: &[],
        access_point: false,
    },
    // UpdateObjectEncryption
    Permission {
        checks: &[Check {
            action: "s3:UpdateObjectEncryption",
            target: Target::Object,
            when: When::Always,
            per_item: false,
            keys: GET_OBJECT_ANNOTATION_GET_OBJECT_ANNOTATION,
        }],
        shaping: &[],
        access_point: false,
    },
    // UploadPart
    Permission {
        checks: &[Check {
            action: "s3:PutObject",
            target: Target::Object,
            when: When::Always,
            per_item: false,
            keys: UPLOAD_PART_PUT_OBJECT,
        }],
        shaping: &[],
        access_point: true,
    },
    // UploadPartCopy
    Permission {
        checks: &[
            Check {
                action: "s3:GetObject",
                target: Target::Source,
                when: When::Not(&When::CopySourceVersion),
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT,
            },
            Check {
                action: "s3:GetObjectVersion",
                target: Target::Source,
                when: When::CopySourceVersion,
                per_item: false,
                keys: COPY_OBJECT_GET_OBJECT_VERSION,
            },
            Check {
                action: "s3:PutObject",
                target: Target::Object,
                when: When::Always,
                per_item: false,
                keys: UPLOAD_PART_COPY_PUT_OBJECT,
            },
        ],
        shaping: &[],
        access_point: true,
    },
    // WriteGetObjectResponse
    Permission { checks: &[], shaping: &[], access_point: false },
];

/// The operations of S3 Control, in the order of their names.
pub(super) static CONTROL: &[(&str, Permission)] = &[
    (
        "CreateAccessPoint",
        Permission {
            checks: &[
                Check {
                    action: "s3:CreateAccessPoint",
                    target: Target::Accesspoint,
                    when: When::Always,
                    per_item: false,
                    keys: CREATE_ACCESS_POINT_CREATE_ACCESS_POINT,
                },
                Check {
                    action: "s3:TagResource",
                    target: Target::Accesspoint,
                    when: When::Body("CreateAccessPointRequest/Tags/Tag"),
                    per_item: false,
                    keys: CREATE_ACCESS_POINT_TAG_RESOURCE,
                },
            ],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "DeleteAccessPoint",
        Permission {
            checks: &[Check {
                action: "s3:DeleteAccessPoint",
                target: Target::Accesspoint,
                when: When::Always,
                per_item: false,
                keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "DeleteAccessPointPolicy",
        Permission {
            checks: &[Check {
                action: "s3:DeleteAccessPointPolicy",
                target: Target::Accesspoint,
                when: When::Always,
                per_item: false,
                keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "DeletePublicAccessBlock",
        Permission {
            checks: &[Check {
                action: "s3:PutAccountPublicAccessBlock",
                target: Target::All,
                when: When::Always,
                per_item: false,
                keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "GetAccessPoint",
        Permission {
            checks: &[Check {
                action: "s3:GetAccessPoint",
                target: Target::Accesspoint,
                when: When::Always,
                per_item: false,
                keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "GetAccessPointPolicy",
        Permission {
            checks: &[Check {
                action: "s3:GetAccessPointPolicy",
                target: Target::Accesspoint,
                when: When::Always,
                per_item: false,
                keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "GetAccessPointPolicyStatus",
        Permission {
            checks: &[Check {
                action: "s3:GetAccessPointPolicyStatus",
                target: Target::Accesspoint,
                when: When::Always,
                per_item: false,
                keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "GetPublicAccessBlock",
        Permission {
            checks: &[Check {
                action: "s3:GetAccountPublicAccessBlock",
                target: Target::All,
                when: When::Always,
                per_item: false,
                keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "ListAccessPoints",
        Permission {
            checks: &[Check {
                action: "s3:ListAccessPoints",
                target: Target::All,
                when: When::Always,
                per_item: false,
                keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "ListTagsForResource",
        Permission {
            checks: &[Check {
                action: "s3:ListTagsForResource",
                target: Target::Tagged,
                when: When::Always,
                per_item: false,
                keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "PutAccessPointPolicy",
        Permission {
            checks: &[Check {
                action: "s3:PutAccessPointPolicy",
                target: Target::Accesspoint,
                when: When::Always,
                per_item: false,
                keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "PutPublicAccessBlock",
        Permission {
            checks: &[Check {
                action: "s3:PutAccountPublicAccessBlock",
                target: Target::All,
                when: When::Always,
                per_item: false,
                keys: DELETE_ACCESS_POINT_DELETE_ACCESS_POINT,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "TagResource",
        Permission {
            checks: &[Check {
                action: "s3:TagResource",
                target: Target::Tagged,
                when: When::Always,
                per_item: false,
                keys: TAG_RESOURCE_TAG_RESOURCE,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
    (
        "UntagResource",
        Permission {
            checks: &[Check {
                action: "s3:UntagResource",
                target: Target::Tagged,
                when: When::Always,
                per_item: false,
                keys: TAG_RESOURCE_TAG_RESOURCE,
            }],
            shaping: &[],
            access_point: false,
        },
    ),
];

/// What is asked before an absence is told: of a key, of a version.
pub(super) static IMPLIED: [Check; 2] = [
    Check {
        action: "s3:ListBucket",
        target: Target::Bucket,
        when: When::Always,
        per_item: false,
        keys: LIST_OBJECT_VERSIONS_LIST_BUCKET_VERSIONS,
    },
    Check {
        action: "s3:ListBucketVersions",
        target: Target::Bucket,
        when: When::Always,
        per_item: false,
        keys: LIST_OBJECT_VERSIONS_LIST_BUCKET_VERSIONS,
    },
];
