//! The condition keys of S3. Made by `examples/generate.rs`; do not edit.

use super::{KeySpec, Keys};

/// A condition key (spec/s3-authorization.md 4), in the order of the lower-case names.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Key {
    /// `aws:AssumedRoot`
    AwsAssumedRoot,
    /// `aws:CalledVia`
    AwsCalledVia,
    /// `aws:CalledViaFirst`
    AwsCalledViaFirst,
    /// `aws:CalledViaLast`
    AwsCalledViaLast,
    /// `aws:CurrentTime`
    AwsCurrentTime,
    /// `aws:Ec2InstanceSourcePrivateIPv4`
    AwsEc2InstanceSourcePrivateIPv4,
    /// `aws:Ec2InstanceSourceVpc`
    AwsEc2InstanceSourceVpc,
    /// `aws:EpochTime`
    AwsEpochTime,
    /// `aws:FederatedProvider`
    AwsFederatedProvider,
    /// `aws:MultiFactorAuthAge`
    AwsMultiFactorAuthAge,
    /// `aws:MultiFactorAuthPresent`
    AwsMultiFactorAuthPresent,
    /// `aws:PrincipalAccount`
    AwsPrincipalAccount,
    /// `aws:PrincipalArn`
    AwsPrincipalArn,
    /// `aws:PrincipalIsAWSService`
    AwsPrincipalIsAWSService,
    /// `aws:PrincipalOrgID`
    AwsPrincipalOrgID,
    /// `aws:PrincipalOrgPaths`
    AwsPrincipalOrgPaths,
    /// `aws:PrincipalServiceName`
    AwsPrincipalServiceName,
    /// `aws:PrincipalServiceNamesList`
    AwsPrincipalServiceNamesList,
    /// `aws:PrincipalTag/KEY`
    AwsPrincipalTag,
    /// `aws:PrincipalType`
    AwsPrincipalType,
    /// `aws:Referer`
    AwsReferer,
    /// `aws:RequestedRegion`
    AwsRequestedRegion,
    /// `aws:RequestTag/KEY`
    AwsRequestTag,
    /// `aws:ResourceAccount`
    AwsResourceAccount,
    /// `aws:ResourceOrgID`
    AwsResourceOrgID,
    /// `aws:ResourceOrgPaths`
    AwsResourceOrgPaths,
    /// `aws:ResourceTag/KEY`
    AwsResourceTag,
    /// `aws:SecureTransport`
    AwsSecureTransport,
    /// `aws:SourceAccount`
    AwsSourceAccount,
    /// `aws:SourceArn`
    AwsSourceArn,
    /// `aws:SourceIdentity`
    AwsSourceIdentity,
    /// `aws:SourceIp`
    AwsSourceIp,
    /// `aws:SourceOrgID`
    AwsSourceOrgID,
    /// `aws:SourceOrgPaths`
    AwsSourceOrgPaths,
    /// `aws:SourceVpc`
    AwsSourceVpc,
    /// `aws:SourceVpcArn`
    AwsSourceVpcArn,
    /// `aws:SourceVpce`
    AwsSourceVpce,
    /// `aws:TagKeys`
    AwsTagKeys,
    /// `aws:TokenIssueTime`
    AwsTokenIssueTime,
    /// `aws:UserAgent`
    AwsUserAgent,
    /// `aws:userid`
    AwsUserid,
    /// `aws:username`
    AwsUsername,
    /// `aws:ViaAWSService`
    AwsViaAWSService,
    /// `aws:VpceAccount`
    AwsVpceAccount,
    /// `aws:VpceOrgID`
    AwsVpceOrgID,
    /// `aws:VpceOrgPaths`
    AwsVpceOrgPaths,
    /// `aws:VpcSourceIp`
    AwsVpcSourceIp,
    /// `s3:AccessGrantScope`
    S3AccessGrantScope,
    /// `s3:AccessGrantsInstanceArn`
    S3AccessGrantsInstanceArn,
    /// `s3:AccessGrantsLocationScope`
    S3AccessGrantsLocationScope,
    /// `s3:AccessPointNetworkOrigin`
    S3AccessPointNetworkOrigin,
    /// `s3:AccessPointTag/KEY`
    S3AccessPointTag,
    /// `s3:annotation-prefix`
    S3AnnotationPrefix,
    /// `s3:authType`
    S3AuthType,
    /// `s3:BucketTag/KEY`
    S3BucketTag,
    /// `s3:DataAccessPointAccount`
    S3DataAccessPointAccount,
    /// `s3:DataAccessPointArn`
    S3DataAccessPointArn,
    /// `s3:delimiter`
    S3Delimiter,
    /// `s3:deliverySourceArn`
    S3DeliverySourceArn,
    /// `s3:destinationRegion`
    S3DestinationRegion,
    /// `s3:ExistingJobOperation`
    S3ExistingJobOperation,
    /// `s3:ExistingJobPriority`
    S3ExistingJobPriority,
    /// `s3:ExistingObjectTag/KEY`
    S3ExistingObjectTag,
    /// `s3:if-match`
    S3IfMatch,
    /// `s3:if-none-match`
    S3IfNoneMatch,
    /// `s3:InventoryAccessibleOptionalFields`
    S3InventoryAccessibleOptionalFields,
    /// `s3:isReplicationPauseRequest`
    S3IsReplicationPauseRequest,
    /// `s3:JobSuspendedCause`
    S3JobSuspendedCause,
    /// `s3:locationconstraint`
    S3Locationconstraint,
    /// `s3:logType`
    S3LogType,
    /// `s3:max-annotation-results`
    S3MaxAnnotationResults,
    /// `s3:max-keys`
    S3MaxKeys,
    /// `s3:object-lock-event-hold`
    S3ObjectLockEventHold,
    /// `s3:object-lock-event-hold-duration-days`
    S3ObjectLockEventHoldDurationDays,
    /// `s3:object-lock-legal-hold`
    S3ObjectLockLegalHold,
    /// `s3:object-lock-mode`
    S3ObjectLockMode,
    /// `s3:object-lock-remaining-retention-days`
    S3ObjectLockRemainingRetentionDays,
    /// `s3:object-lock-retain-until-date`
    S3ObjectLockRetainUntilDate,
    /// `s3:ObjectCreationOperation`
    S3ObjectCreationOperation,
    /// `s3:prefix`
    S3Prefix,
    /// `s3:RequestJobOperation`
    S3RequestJobOperation,
    /// `s3:RequestJobPriority`
    S3RequestJobPriority,
    /// `s3:RequestObjectTag/KEY`
    S3RequestObjectTag,
    /// `s3:RequestObjectTagKeys`
    S3RequestObjectTagKeys,
    /// `s3:ResourceAccount`
    S3ResourceAccount,
    /// `s3:resourceArnBeingAuthorized`
    S3ResourceArnBeingAuthorized,
    /// `s3:signatureAge`
    S3SignatureAge,
    /// `s3:signatureversion`
    S3Signatureversion,
    /// `s3:TlsVersion`
    S3TlsVersion,
    /// `s3:versionid`
    S3Versionid,
    /// `s3:x-amz-acl`
    S3XAmzAcl,
    /// `s3:x-amz-bucket-namespace`
    S3XAmzBucketNamespace,
    /// `s3:x-amz-content-sha256`
    S3XAmzContentSha256,
    /// `s3:x-amz-copy-source`
    S3XAmzCopySource,
    /// `s3:x-amz-grant-full-control`
    S3XAmzGrantFullControl,
    /// `s3:x-amz-grant-read`
    S3XAmzGrantRead,
    /// `s3:x-amz-grant-read-acp`
    S3XAmzGrantReadAcp,
    /// `s3:x-amz-grant-write`
    S3XAmzGrantWrite,
    /// `s3:x-amz-grant-write-acp`
    S3XAmzGrantWriteAcp,
    /// `s3:x-amz-metadata-directive`
    S3XAmzMetadataDirective,
    /// `s3:x-amz-object-annotation-directive`
    S3XAmzObjectAnnotationDirective,
    /// `s3:x-amz-object-if-match`
    S3XAmzObjectIfMatch,
    /// `s3:x-amz-object-ownership`
    S3XAmzObjectOwnership,
    /// `s3:x-amz-server-side-encryption`
    S3XAmzServerSideEncryption,
    /// `s3:x-amz-server-side-encryption-aws-kms-key-id`
    S3XAmzServerSideEncryptionAwsKmsKeyId,
    /// `s3:x-amz-server-side-encryption-customer-algorithm`
    S3XAmzServerSideEncryptionCustomerAlgorithm,
    /// `s3:x-amz-storage-class`
    S3XAmzStorageClass,
    /// `s3:x-amz-website-redirect-location`
    S3XAmzWebsiteRedirectLocation,
}

impl Key {
    /// Every key.
    pub const ALL: [Self; 108] = [
        Self::AwsAssumedRoot,
        Self::AwsCalledVia,
        Self::AwsCalledViaFirst,
        Self::AwsCalledViaLast,
        Self::AwsCurrentTime,
        Self::AwsEc2InstanceSourcePrivateIPv4,
        Self::AwsEc2InstanceSourceVpc,
        Self::AwsEpochTime,
        Self::AwsFederatedProvider,
        Self::AwsMultiFactorAuthAge,
        Self::AwsMultiFactorAuthPresent,
        Self::AwsPrincipalAccount,
        Self::AwsPrincipalArn,
        Self::AwsPrincipalIsAWSService,
        Self::AwsPrincipalOrgID,
        Self::AwsPrincipalOrgPaths,
        Self::AwsPrincipalServiceName,
        Self::AwsPrincipalServiceNamesList,
        Self::AwsPrincipalTag,
        Self::AwsPrincipalType,
        Self::AwsReferer,
        Self::AwsRequestedRegion,
        Self::AwsRequestTag,
        Self::AwsResourceAccount,
        Self::AwsResourceOrgID,
        Self::AwsResourceOrgPaths,
        Self::AwsResourceTag,
        Self::AwsSecureTransport,
        Self::AwsSourceAccount,
        Self::AwsSourceArn,
        Self::AwsSourceIdentity,
        Self::AwsSourceIp,
        Self::AwsSourceOrgID,
        Self::AwsSourceOrgPaths,
        Self::AwsSourceVpc,
        Self::AwsSourceVpcArn,
        Self::AwsSourceVpce,
        Self::AwsTagKeys,
        Self::AwsTokenIssueTime,
        Self::AwsUserAgent,
        Self::AwsUserid,
        Self::AwsUsername,
        Self::AwsViaAWSService,
        Self::AwsVpceAccount,
        Self::AwsVpceOrgID,
        Self::AwsVpceOrgPaths,
        Self::AwsVpcSourceIp,
        Self::S3AccessGrantScope,
        Self::S3AccessGrantsInstanceArn,
        Self::S3AccessGrantsLocationScope,
        Self::S3AccessPointNetworkOrigin,
        Self::S3AccessPointTag,
        Self::S3AnnotationPrefix,
        Self::S3AuthType,
        Self::S3BucketTag,
        Self::S3DataAccessPointAccount,
        Self::S3DataAccessPointArn,
        Self::S3Delimiter,
        Self::S3DeliverySourceArn,
        Self::S3DestinationRegion,
        Self::S3ExistingJobOperation,
        Self::S3ExistingJobPriority,
        Self::S3ExistingObjectTag,
        Self::S3IfMatch,
        Self::S3IfNoneMatch,
        Self::S3InventoryAccessibleOptionalFields,
        Self::S3IsReplicationPauseRequest,
        Self::S3JobSuspendedCause,
        Self::S3Locationconstraint,
        Self::S3LogType,
        Self::S3MaxAnnotationResults,
        Self::S3MaxKeys,
        Self::S3ObjectLockEventHold,
        Self::S3ObjectLockEventHoldDurationDays,
        Self::S3ObjectLockLegalHold,
        Self::S3ObjectLockMode,
        Self::S3ObjectLockRemainingRetentionDays,
        Self::S3ObjectLockRetainUntilDate,
        Self::S3ObjectCreationOperation,
        Self::S3Prefix,
        Self::S3RequestJobOperation,
        Self::S3RequestJobPriority,
        Self::S3RequestObjectTag,
        Self::S3RequestObjectTagKeys,
        Self::S3ResourceAccount,
        Self::S3ResourceArnBeingAuthorized,
        Self::S3SignatureAge,
        Self::S3Signatureversion,
        Self::S3TlsVersion,
        Self::S3Versionid,
        Self::S3XAmzAcl,
        Self::S3XAmzBucketNamespace,
        Self::S3XAmzContentSha256,
        Self::S3XAmzCopySource,
        Self::S3XAmzGrantFullControl,
        Self::S3XAmzGrantRead,
        Self::S3XAmzGrantReadAcp,
        Self::S3XAmzGrantWrite,
        Self::S3XAmzGrantWriteAcp,
        Self::S3XAmzMetadataDirective,
        Self::S3XAmzObjectAnnotationDirective,
        Self::S3XAmzObjectIfMatch,
        Self::S3XAmzObjectOwnership,
        Self::S3XAmzServerSideEncryption,
        Self::S3XAmzServerSideEncryptionAwsKmsKeyId,
        Self::S3XAmzServerSideEncryptionCustomerAlgorithm,
        Self::S3XAmzStorageClass,
        Self::S3XAmzWebsiteRedirectLocation,
    ];
}

impl Keys {
    /// What every request may be asked, whatever the action.
    pub const GLOBAL: Self = Self::of(&[
        Key::AwsAssumedRoot,
        Key::AwsCalledVia,
        Key::AwsCalledViaFirst,
        Key::AwsCalledViaLast,
        Key::AwsCurrentTime,
        Key::AwsEc2InstanceSourcePrivateIPv4,
        Key::AwsEc2InstanceSourceVpc,
        Key::AwsEpochTime,
        Key::AwsFederatedProvider,
        Key::AwsMultiFactorAuthAge,
        Key::AwsMultiFactorAuthPresent,
        Key::AwsPrincipalAccount,
        Key::AwsPrincipalArn,
        Key::AwsPrincipalIsAWSService,
        Key::AwsPrincipalOrgID,
        Key::AwsPrincipalOrgPaths,
        Key::AwsPrincipalServiceName,
        Key::AwsPrincipalServiceNamesList,
        Key::AwsPrincipalTag,
        Key::AwsPrincipalType,
        Key::AwsReferer,
        Key::AwsRequestedRegion,
        Key::AwsResourceAccount,
        Key::AwsResourceOrgID,
        Key::AwsResourceOrgPaths,
        Key::AwsSecureTransport,
        Key::AwsSourceAccount,
        Key::AwsSourceArn,
        Key::AwsSourceIdentity,
        Key::AwsSourceIp,
        Key::AwsSourceOrgID,
        Key::AwsSourceOrgPaths,
        Key::AwsSourceVpc,
        Key::AwsSourceVpcArn,
        Key::AwsSourceVpce,
        Key::AwsTokenIssueTime,
        Key::AwsUserAgent,
        Key::AwsUserid,
        Key::AwsUsername,
        Key::AwsViaAWSService,
        Key::AwsVpceAccount,
        Key::AwsVpceOrgID,
        Key::AwsVpceOrgPaths,
        Key::AwsVpcSourceIp,
    ]);
}

/// One row per key, in the order of [`Key::ALL`].
pub(super) static SPECS: &[KeySpec] = &[
    KeySpec { name: "aws:AssumedRoot", tagged: false, many: false },
    KeySpec { name: "aws:CalledVia", tagged: false, many: true },
    KeySpec { name: "aws:CalledViaFirst", tagged: false, many: false },
    KeySpec { name: "aws:CalledViaLast", tagged: false, many: false },
    KeySpec { name: "aws:CurrentTime", tagged: false, many: false },
    KeySpec { name: "aws:Ec2InstanceSourcePrivateIPv4", tagged: false, many: false },
    KeySpec { name: "aws:Ec2InstanceSourceVpc", tagged: false, many: false },
    KeySpec { name: "aws:EpochTime", tagged: false, many: false },
    KeySpec { name: "aws:FederatedProvider", tagged: false, many: false },
    KeySpec { name: "aws:MultiFactorAuthAge", tagged: false, many: false },
    KeySpec { name: "aws:MultiFactorAuthPresent", tagged: false, many: false },
    KeySpec { name: "aws:PrincipalAccount", tagged: false, many: false },
    KeySpec { name: "aws:PrincipalArn", tagged: false, many: false },
    KeySpec { name: "aws:PrincipalIsAWSService", tagged: false, many: false },
    KeySpec { name: "aws:PrincipalOrgID", tagged: false, many: false },
    KeySpec { name: "aws:PrincipalOrgPaths", tagged: false, many: true },
    KeySpec { name: "aws:PrincipalServiceName", tagged: false, many: false },
    KeySpec { name: "aws:PrincipalServiceNamesList", tagged: false, many: true },
    KeySpec { name: "aws:PrincipalTag", tagged: true, many: false },
    KeySpec { name: "aws:PrincipalType", tagged: false, many: false },
    KeySpec { name: "aws:Referer", tagged: false, many: false },
    KeySpec { name: "aws:RequestedRegion", tagged: false, many: false },
    KeySpec { name: "aws:RequestTag", tagged: true, many: false },
    KeySpec { name: "aws:ResourceAccount", tagged: false, many: false },
    KeySpec { name: "aws:ResourceOrgID", tagged: false, many: false },
    KeySpec { name: "aws:ResourceOrgPaths", tagged: false, many: true },
    KeySpec { name: "aws:ResourceTag", tagged: true, many: false },
    KeySpec { name: "aws:SecureTransport", tagged: false, many: false },
    KeySpec { name: "aws:SourceAccount", tagged: false, many: false },
    KeySpec { name: "aws:SourceArn", tagged: false, many: false },
    KeySpec { name: "aws:SourceIdentity", tagged: false, many: false },
    KeySpec { name: "aws:SourceIp", tagged: false, many: false },
    KeySpec { name: "aws:SourceOrgID", tagged: false, many: false },
    KeySpec { name: "aws:SourceOrgPaths", tagged: false, many: true },
    KeySpec { name: "aws:SourceVpc", tagged: false, many: false },
    KeySpec { name: "aws:SourceVpcArn", tagged: false, many: false },
    KeySpec { name: "aws:SourceVpce", tagged: false, many: false },
    KeySpec { name: "aws:TagKeys", tagged: false, many: true },
    KeySpec { name: "aws:TokenIssueTime", tagged: false, many: false },
    KeySpec { name: "aws:UserAgent", tagged: false, many: false },
    KeySpec { name: "aws:userid", tagged: false, many: false },
    KeySpec { name: "aws:username", tagged: false, many: false },
    KeySpec { name: "aws:ViaAWSService", tagged: false, many: false },
    KeySpec { name: "aws:VpceAccount", tagged: false, many: false },
    KeySpec { name: "aws:VpceOrgID", tagged: false, many: false },
    KeySpec { name: "aws:VpceOrgPaths", tagged: false, many: true },
    KeySpec { name: "aws:VpcSourceIp", tagged: false, many: false },
    KeySpec { name: "s3:AccessGrantScope", tagged: false, many: false },
    KeySpec { name: "s3:AccessGrantsInstanceArn", tagged: false, many: false },
    KeySpec { name: "s3:AccessGrantsLocationScope", tagged: false, many: false },
    KeySpec { name: "s3:AccessPointNetworkOrigin", tagged: false, many: false },
    KeySpec { name: "s3:AccessPointTag", tagged: true, many: false },
    KeySpec { name: "s3:annotation-prefix", tagged: false, many: false },
    KeySpec { name: "s3:authType", tagged: false, many: false },
    KeySpec { name: "s3:BucketTag", tagged: true, many: false },
    KeySpec { name: "s3:DataAccessPointAccount", tagged: false, many: false },
    KeySpec { name: "s3:DataAccessPointArn", tagged: false, many: false },
    KeySpec { name: "s3:delimiter", tagged: false, many: false },
    KeySpec { name: "s3:deliverySourceArn", tagged: false, many: false },
    KeySpec { name: "s3:destinationRegion", tagged: false, many: false },
    KeySpec { name: "s3:ExistingJobOperation", tagged: false, many: false },
    KeySpec { name: "s3:ExistingJobPriority", tagged: false, many: false },
    KeySpec { name: "s3:ExistingObjectTag", tagged: true, many: false },
    KeySpec { name: "s3:if-match", tagged: false, many: false },
    KeySpec { name: "s3:if-none-match", tagged: false, many: false },
    KeySpec { name: "s3:InventoryAccessibleOptionalFields", tagged: false, many: true },
    KeySpec { name: "s3:isReplicationPauseRequest", tagged: false, many: false },
    KeySpec { name: "s3:JobSuspendedCause", tagged: false, many: false },
    KeySpec { name: "s3:locationconstraint", tagged: false, many: false },
    KeySpec { name: "s3:logType", tagged: false, many: false },
    KeySpec { name: "s3:max-annotation-results", tagged: false, many: false },
    KeySpec { name: "s3:max-keys", tagged: false, many: false },
    KeySpec { name: "s3:object-lock-event-hold", tagged: false, many: false },
    KeySpec { name: "s3:object-lock-event-hold-duration-days", tagged: false, many: false },
    KeySpec { name: "s3:object-lock-legal-hold", tagged: false, many: false },
    KeySpec { name: "s3:object-lock-mode", tagged: false, many: false },
    KeySpec { name: "s3:object-lock-remaining-retention-days", tagged: false, many: false },
    KeySpec { name: "s3:object-lock-retain-until-date", tagged: false, many: false },
    KeySpec { name: "s3:ObjectCreationOperation", tagged: false, many: false },
    KeySpec { name: "s3:prefix", tagged: false, many: false },
    KeySpec { name: "s3:RequestJobOperation", tagged: false, many: false },
    KeySpec { name: "s3:RequestJobPriority", tagged: false, many: false },
    KeySpec { name: "s3:RequestObjectTag", tagged: true, many: false },
    KeySpec { name: "s3:RequestObjectTagKeys", tagged: false, many: true },
    KeySpec { name: "s3:ResourceAccount", tagged: false, many: false },
    KeySpec { name: "s3:resourceArnBeingAuthorized", tagged: false, many: false },
    KeySpec { name: "s3:signatureAge", tagged: false, many: false },
    KeySpec { name: "s3:signatureversion", tagged: false, many: false },
    KeySpec { name: "s3:TlsVersion", tagged: false, many: false },
    KeySpec { name: "s3:versionid", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-acl", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-bucket-namespace", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-content-sha256", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-copy-source", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-grant-full-control", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-grant-read", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-grant-read-acp", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-grant-write", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-grant-write-acp", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-metadata-directive", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-object-annotation-directive", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-object-if-match", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-object-ownership", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-server-side-encryption", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-server-side-encryption-aws-kms-key-id", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-server-side-encryption-customer-algorithm", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-storage-class", tagged: false, many: false },
    KeySpec { name: "s3:x-amz-website-redirect-location", tagged: false, many: false },
];
