//! The operations of S3. (The generated table replaces this list.)

/// What a request asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operation {
    /// `AbortMultipartUpload`
    AbortMultipartUpload,
    /// `CompleteMultipartUpload`
    CompleteMultipartUpload,
    /// `CopyObject`
    CopyObject,
    /// `CreateBucket`
    CreateBucket,
    /// `CreateBucketMetadataConfiguration`
    CreateBucketMetadataConfiguration,
    /// `CreateBucketMetadataTableConfiguration`
    CreateBucketMetadataTableConfiguration,
    /// `CreateMultipartUpload`
    CreateMultipartUpload,
    /// `CreateSession`
    CreateSession,
    /// `DeleteBucket`
    DeleteBucket,
    /// `DeleteBucketAnalyticsConfiguration`
    DeleteBucketAnalyticsConfiguration,
    /// `DeleteBucketCors`
    DeleteBucketCors,
    /// `DeleteBucketEncryption`
    DeleteBucketEncryption,
    /// `DeleteBucketIntelligentTieringConfiguration`
    DeleteBucketIntelligentTieringConfiguration,
    /// `DeleteBucketInventoryConfiguration`
    DeleteBucketInventoryConfiguration,
    /// `DeleteBucketLifecycle`
    DeleteBucketLifecycle,
    /// `DeleteBucketMetadataConfiguration`
    DeleteBucketMetadataConfiguration,
    /// `DeleteBucketMetadataTableConfiguration`
    DeleteBucketMetadataTableConfiguration,
    /// `DeleteBucketMetricsConfiguration`
    DeleteBucketMetricsConfiguration,
    /// `DeleteBucketOwnershipControls`
    DeleteBucketOwnershipControls,
    /// `DeleteBucketPolicy`
    DeleteBucketPolicy,
    /// `DeleteBucketReplication`
    DeleteBucketReplication,
    /// `DeleteBucketTagging`
    DeleteBucketTagging,
    /// `DeleteBucketWebsite`
    DeleteBucketWebsite,
    /// `DeleteObject`
    DeleteObject,
    /// `DeleteObjectAnnotation`
    DeleteObjectAnnotation,
    /// `DeleteObjectTagging`
    DeleteObjectTagging,
    /// `DeleteObjects`
    DeleteObjects,
    /// `DeletePublicAccessBlock`
    DeletePublicAccessBlock,
    /// `GetBucketAbac`
    GetBucketAbac,
    /// `GetBucketAccelerateConfiguration`
    GetBucketAccelerateConfiguration,
    /// `GetBucketAcl`
    GetBucketAcl,
    /// `GetBucketAnalyticsConfiguration`
    GetBucketAnalyticsConfiguration,
    /// `GetBucketCors`
    GetBucketCors,
    /// `GetBucketEncryption`
    GetBucketEncryption,
    /// `GetBucketIntelligentTieringConfiguration`
    GetBucketIntelligentTieringConfiguration,
    /// `GetBucketInventoryConfiguration`
    GetBucketInventoryConfiguration,
    /// `GetBucketLifecycleConfiguration`
    GetBucketLifecycleConfiguration,
    /// `GetBucketLocation`
    GetBucketLocation,
    /// `GetBucketLogging`
    GetBucketLogging,
    /// `GetBucketMetadataConfiguration`
    GetBucketMetadataConfiguration,
    /// `GetBucketMetadataTableConfiguration`
    GetBucketMetadataTableConfiguration,
    /// `GetBucketMetricsConfiguration`
    GetBucketMetricsConfiguration,
    /// `GetBucketNotificationConfiguration`
    GetBucketNotificationConfiguration,
    /// `GetBucketOwnershipControls`
    GetBucketOwnershipControls,
    /// `GetBucketPolicy`
    GetBucketPolicy,
    /// `GetBucketPolicyStatus`
    GetBucketPolicyStatus,
    /// `GetBucketReplication`
    GetBucketReplication,
    /// `GetBucketRequestPayment`
    GetBucketRequestPayment,
    /// `GetBucketTagging`
    GetBucketTagging,
    /// `GetBucketVersioning`
    GetBucketVersioning,
    /// `GetBucketWebsite`
    GetBucketWebsite,
    /// `GetObject`
    GetObject,
    /// `GetObjectAcl`
    GetObjectAcl,
    /// `GetObjectAnnotation`
    GetObjectAnnotation,
    /// `GetObjectAttributes`
    GetObjectAttributes,
    /// `GetObjectLegalHold`
    GetObjectLegalHold,
    /// `GetObjectLockConfiguration`
    GetObjectLockConfiguration,
    /// `GetObjectRetention`
    GetObjectRetention,
    /// `GetObjectTagging`
    GetObjectTagging,
    /// `GetObjectTorrent`
    GetObjectTorrent,
    /// `GetPublicAccessBlock`
    GetPublicAccessBlock,
    /// `HeadBucket`
    HeadBucket,
    /// `HeadObject`
    HeadObject,
    /// `ListBucketAnalyticsConfigurations`
    ListBucketAnalyticsConfigurations,
    /// `ListBucketIntelligentTieringConfigurations`
    ListBucketIntelligentTieringConfigurations,
    /// `ListBucketInventoryConfigurations`
    ListBucketInventoryConfigurations,
    /// `ListBucketMetricsConfigurations`
    ListBucketMetricsConfigurations,
    /// `ListBuckets`
    ListBuckets,
    /// `ListMultipartUploads`
    ListMultipartUploads,
    /// `ListObjectAnnotations`
    ListObjectAnnotations,
    /// `ListObjectVersions`
    ListObjectVersions,
    /// `ListObjects`
    ListObjects,
    /// `ListObjectsV2`
    ListObjectsV2,
    /// `ListParts`
    ListParts,
    /// `OptionsObject`
    OptionsObject,
    /// `PostObject`
    PostObject,
    /// `PutBucketAbac`
    PutBucketAbac,
    /// `PutBucketAccelerateConfiguration`
    PutBucketAccelerateConfiguration,
    /// `PutBucketAcl`
    PutBucketAcl,
    /// `PutBucketAnalyticsConfiguration`
    PutBucketAnalyticsConfiguration,
    /// `PutBucketCors`
    PutBucketCors,
    /// `PutBucketEncryption`
    PutBucketEncryption,
    /// `PutBucketIntelligentTieringConfiguration`
    PutBucketIntelligentTieringConfiguration,
    /// `PutBucketInventoryConfiguration`
    PutBucketInventoryConfiguration,
    /// `PutBucketLifecycleConfiguration`
    PutBucketLifecycleConfiguration,
    /// `PutBucketLogging`
    PutBucketLogging,
    /// `PutBucketMetricsConfiguration`
    PutBucketMetricsConfiguration,
    /// `PutBucketNotificationConfiguration`
    PutBucketNotificationConfiguration,
    /// `PutBucketOwnershipControls`
    PutBucketOwnershipControls,
    /// `PutBucketPolicy`
    PutBucketPolicy,
    /// `PutBucketReplication`
    PutBucketReplication,
    /// `PutBucketRequestPayment`
    PutBucketRequestPayment,
    /// `PutBucketTagging`
    PutBucketTagging,
    /// `PutBucketVersioning`
    PutBucketVersioning,
    /// `PutBucketWebsite`
    PutBucketWebsite,
    /// `PutObject`
    PutObject,
    /// `PutObjectAcl`
    PutObjectAcl,
    /// `PutObjectAnnotation`
    PutObjectAnnotation,
    /// `PutObjectLegalHold`
    PutObjectLegalHold,
    /// `PutObjectLockConfiguration`
    PutObjectLockConfiguration,
    /// `PutObjectRetention`
    PutObjectRetention,
    /// `PutObjectTagging`
    PutObjectTagging,
    /// `PutPublicAccessBlock`
    PutPublicAccessBlock,
    /// `RenameObject`
    RenameObject,
    /// `RestoreObject`
    RestoreObject,
    /// `SelectObjectContent`
    SelectObjectContent,
    /// `UpdateBucketMetadataAnnotationTableConfiguration`
    UpdateBucketMetadataAnnotationTableConfiguration,
    /// `UpdateBucketMetadataInventoryTableConfiguration`
    UpdateBucketMetadataInventoryTableConfiguration,
    /// `UpdateBucketMetadataJournalTableConfiguration`
    UpdateBucketMetadataJournalTableConfiguration,
    /// `UpdateObjectEncryption`
    UpdateObjectEncryption,
    /// `UploadPart`
    UploadPart,
    /// `UploadPartCopy`
    UploadPartCopy,
    /// `WriteGetObjectResponse`
    WriteGetObjectResponse,
}
