//! Which operations kinds of stores have. One that a store does not know it takes for the plain one: `DELETE
//! /bucket?metrics` for the removal of the bucket, `GET /key?annotation` for the object itself. So only what a
//! store is known to have is asked of it; everything else is refused here.

use crate::s3::Operation::{self, *};

/// What every server that speaks S3 has.
pub const EVERYWHERE: &[Operation] = &[
    GetObject,
    PutObject,
    HeadObject,
    DeleteObject,
    ListObjectsV2,
    ListObjects,
    ListBuckets,
    HeadBucket,
    CopyObject,
    CreateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    ListParts,
    ListMultipartUploads,
    DeleteObjects,
    PostObject,
    CreateBucket,
    DeleteBucket,
    GetBucketLocation,
];

/// What Garage has besides. PutBucketWebsite is not among them: there it shows the bucket to everybody, on a port of
/// its own that no policy here reaches.
pub const GARAGE: &[Operation] = &[
    DeleteBucketCors,
    DeleteBucketLifecycle,
    DeleteBucketWebsite,
    GetBucketCors,
    GetBucketLifecycleConfiguration,
    GetBucketWebsite,
    PutBucketCors,
    PutBucketLifecycleConfiguration,
];

/// What MinIO has besides.
pub const MINIO: &[Operation] = &[
    DeleteBucketCors,
    DeleteBucketLifecycle,
    DeleteBucketReplication,
    DeleteBucketTagging,
    DeleteObjectTagging,
    GetBucketCors,
    GetBucketLifecycleConfiguration,
    GetBucketNotificationConfiguration,
    GetBucketReplication,
    GetBucketTagging,
    GetBucketVersioning,
    GetObjectAttributes,
    GetObjectLegalHold,
    GetObjectLockConfiguration,
    GetObjectRetention,
    GetObjectTagging,
    ListObjectVersions,
    PutBucketCors,
    PutBucketLifecycleConfiguration,
    PutBucketNotificationConfiguration,
    PutBucketReplication,
    PutBucketTagging,
    PutBucketVersioning,
    PutObjectLegalHold,
    PutObjectLockConfiguration,
    PutObjectRetention,
    PutObjectTagging,
    RestoreObject,
];

/// What radosgw has besides.
pub const CEPH: &[Operation] = &[
    DeleteBucketCors,
    DeleteBucketLifecycle,
    DeleteBucketReplication,
    DeleteBucketTagging,
    DeleteBucketWebsite,
    DeleteObjectTagging,
    GetBucketCors,
    GetBucketLifecycleConfiguration,
    GetBucketNotificationConfiguration,
    GetBucketReplication,
    GetBucketRequestPayment,
    GetBucketTagging,
    GetBucketVersioning,
    GetBucketWebsite,
    GetObjectLegalHold,
    GetObjectLockConfiguration,
    GetObjectRetention,
    GetObjectTagging,
    ListObjectVersions,
    PutBucketCors,
    PutBucketLifecycleConfiguration,
    PutBucketNotificationConfiguration,
    PutBucketReplication,
    PutBucketRequestPayment,
    PutBucketTagging,
    PutBucketVersioning,
    PutBucketWebsite,
    PutObjectLegalHold,
    PutObjectLockConfiguration,
    PutObjectRetention,
    PutObjectTagging,
];

/// The elements of an operation's document that a store is known to keep, as `Parent/Name`.
pub type Elements = (Operation, &'static [&'static str]);

/// What stores other than S3 itself keep, if nothing else is said of them. (What MinIO has of its own in a document
/// about versions takes prefixes out of it, which nobody here would know of.)
pub const USUAL: &[Elements] = &[
    (PutBucketVersioning, &["VersioningConfiguration/Status"]),
    (PutObjectRetention, &["Retention/Mode", "Retention/RetainUntilDate"]),
    (
        PutObjectLockConfiguration,
        &[
            "ObjectLockConfiguration/ObjectLockEnabled",
            "ObjectLockConfiguration/Rule",
            "Rule/DefaultRetention",
            "DefaultRetention/Mode",
            "DefaultRetention/Days",
            "DefaultRetention/Years",
        ],
    ),
    (CreateBucket, &["CreateBucketConfiguration/LocationConstraint"]),
    (
        RestoreObject,
        &[
            "RestoreRequest/Days",
            "RestoreRequest/Tier",
            "RestoreRequest/Description",
            "RestoreRequest/GlacierJobParameters",
            "GlacierJobParameters/Tier",
        ],
    ),
];

/// What radosgw 16 keeps.
pub const OF_CEPH: &[Elements] = &[
    (PutBucketLifecycleConfiguration, CEPH_LIFECYCLE),
    (PutBucketVersioning, &["VersioningConfiguration/Status", "VersioningConfiguration/MfaDelete"]),
];

/// What Garage keeps.
pub const OF_GARAGE: &[Elements] = &[(PutBucketLifecycleConfiguration, GARAGE_LIFECYCLE)];

/// radosgw 16 takes a filter by size, or one that it does not know, for one that takes everything, and drops
/// `NewerNoncurrentVersions`.
const CEPH_LIFECYCLE: &[&str] = &[
    "LifecycleConfiguration/Rule",
    "Rule/ID",
    "Rule/Status",
    "Rule/Prefix",
    "Rule/Filter",
    "Filter/Prefix",
    "Filter/Tag",
    "Filter/And",
    "And/Prefix",
    "And/Tag",
    "Tag/Key",
    "Tag/Value",
    "Rule/Expiration",
    "Expiration/Days",
    "Expiration/Date",
    "Expiration/ExpiredObjectDeleteMarker",
    "Rule/NoncurrentVersionExpiration",
    "NoncurrentVersionExpiration/NoncurrentDays",
    "Rule/Transition",
    "Transition/Days",
    "Transition/Date",
    "Transition/StorageClass",
    "Rule/NoncurrentVersionTransition",
    "NoncurrentVersionTransition/NoncurrentDays",
    "NoncurrentVersionTransition/StorageClass",
    "Rule/AbortIncompleteMultipartUpload",
    "AbortIncompleteMultipartUpload/DaysAfterInitiation",
];

/// As Garage's sources read it; what they do not name they leave out.
const GARAGE_LIFECYCLE: &[&str] = &[
    "LifecycleConfiguration/Rule",
    "Rule/ID",
    "Rule/Status",
    "Rule/Filter",
    "Filter/Prefix",
    "Filter/ObjectSizeGreaterThan",
    "Filter/ObjectSizeLessThan",
    "Filter/And",
    "And/Prefix",
    "And/ObjectSizeGreaterThan",
    "And/ObjectSizeLessThan",
    "Rule/Expiration",
    "Expiration/Days",
    "Expiration/Date",
    "Rule/AbortIncompleteMultipartUpload",
    "AbortIncompleteMultipartUpload/DaysAfterInitiation",
];
