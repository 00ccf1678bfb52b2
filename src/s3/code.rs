//! The error codes of S3, S3 Control and STS with their status. Made by `examples/generate.rs`; do not edit.

/// A code that S3, S3 Control, STS or the store behind the proxy puts into an error document (spec/errors.md 7).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Code {
    /// `AccessControlListNotSupported`
    AccessControlListNotSupported,
    /// `AccessDenied`
    AccessDenied,
    /// `AccessForbidden`
    AccessForbidden,
    /// `AccessPointAlreadyOwnedByYou`
    AccessPointAlreadyOwnedByYou,
    /// `AccountProblem`
    AccountProblem,
    /// `AllAccessDisabled`
    AllAccessDisabled,
    /// `AnnotationLimitExceeded`
    AnnotationLimitExceeded,
    /// `AnnotationNameTooLong`
    AnnotationNameTooLong,
    /// `AuthorizationHeaderMalformed`
    AuthorizationHeaderMalformed,
    /// `AuthorizationQueryParametersError`
    AuthorizationQueryParametersError,
    /// `BadDigest`
    BadDigest,
    /// `BadGateway`
    BadGateway,
    /// `BadRequest`
    BadRequest,
    /// `BucketAlreadyExists`
    BucketAlreadyExists,
    /// `BucketAlreadyOwnedByYou`
    BucketAlreadyOwnedByYou,
    /// `BucketNotEmpty`
    BucketNotEmpty,
    /// `Busy`
    Busy,
    /// `ConditionalRequestConflict`
    ConditionalRequestConflict,
    /// `CredentialsNotSupported`
    CredentialsNotSupported,
    /// `CrossLocationLoggingProhibitted`
    CrossLocationLoggingProhibitted,
    /// `EncryptionTypeMismatch`
    EncryptionTypeMismatch,
    /// `EntityTooLarge`
    EntityTooLarge,
    /// `EntityTooSmall`
    EntityTooSmall,
    /// `ExcessData`
    ExcessData,
    /// `ExpiredToken`
    ExpiredToken,
    /// `ExpiredTokenException`
    ExpiredTokenException,
    /// `GatewayTimeout`
    GatewayTimeout,
    /// `IDPCommunicationError`
    IDPCommunicationError,
    /// `IdempotencyParameterMismatch`
    IdempotencyParameterMismatch,
    /// `IllegalLocationConstraintException`
    IllegalLocationConstraintException,
    /// `IllegalVersioningConfigurationException`
    IllegalVersioningConfigurationException,
    /// `IncompleteBody`
    IncompleteBody,
    /// `IncompleteSignature`
    IncompleteSignature,
    /// `IncorrectNumberOfFilesInPostRequest`
    IncorrectNumberOfFilesInPostRequest,
    /// `InternalError`
    InternalError,
    /// `InternalServiceException`
    InternalServiceException,
    /// `InvalidAccessKeyId`
    InvalidAccessKeyId,
    /// `InvalidAccessPoint`
    InvalidAccessPoint,
    /// `InvalidAccessPointAliasError`
    InvalidAccessPointAliasError,
    /// `InvalidAction`
    InvalidAction,
    /// `InvalidAnnotationName`
    InvalidAnnotationName,
    /// `InvalidArgument`
    InvalidArgument,
    /// `InvalidBucketAclWithBlockPublicAccessError`
    InvalidBucketAclWithBlockPublicAccessError,
    /// `InvalidBucketAclWithObjectOwnership`
    InvalidBucketAclWithObjectOwnership,
    /// `InvalidBucketName`
    InvalidBucketName,
    /// `InvalidBucketState`
    InvalidBucketState,
    /// `InvalidChunkSizeError`
    InvalidChunkSizeError,
    /// `InvalidClientTokenId`
    InvalidClientTokenId,
    /// `InvalidDigest`
    InvalidDigest,
    /// `InvalidEncryptionAlgorithmError`
    InvalidEncryptionAlgorithmError,
    /// `InvalidIdentityToken`
    InvalidIdentityToken,
    /// `InvalidLocationConstraint`
    InvalidLocationConstraint,
    /// `InvalidObjectState`
    InvalidObjectState,
    /// `InvalidPart`
    InvalidPart,
    /// `InvalidPartNumber`
    InvalidPartNumber,
    /// `InvalidPartOrder`
    InvalidPartOrder,
    /// `InvalidPayer`
    InvalidPayer,
    /// `InvalidPolicyDocument`
    InvalidPolicyDocument,
    /// `InvalidPrefix`
    InvalidPrefix,
    /// `InvalidRange`
    InvalidRange,
    /// `InvalidRequest`
    InvalidRequest,
    /// `InvalidSecurity`
    InvalidSecurity,
    /// `InvalidStorageClass`
    InvalidStorageClass,
    /// `InvalidTag`
    InvalidTag,
    /// `InvalidTargetBucketForLogging`
    InvalidTargetBucketForLogging,
    /// `InvalidToken`
    InvalidToken,
    /// `InvalidURI`
    InvalidURI,
    /// `InvalidWriteOffset`
    InvalidWriteOffset,
    /// `KeyTooLongError`
    KeyTooLongError,
    /// `KMS.DisabledException`
    KmsDisabledException,
    /// `KMS.InvalidKeyUsageException`
    KmsInvalidKeyUsageException,
    /// `KMS.KMSInvalidStateException`
    KmsInvalidStateException,
    /// `KMS.NotFoundException`
    KmsNotFoundException,
    /// `KMS.ThrottlingException`
    KmsThrottlingException,
    /// `MalformedACLError`
    MalformedACLError,
    /// `MalformedPOSTRequest`
    MalformedPOSTRequest,
    /// `MalformedPolicy`
    MalformedPolicy,
    /// `MalformedPolicyDocument`
    MalformedPolicyDocument,
    /// `MalformedTrailerError`
    MalformedTrailerError,
    /// `MalformedXML`
    MalformedXML,
    /// `MaxMessageLengthExceeded`
    MaxMessageLengthExceeded,
    /// `MaxPostPreDataLengthExceededError`
    MaxPostPreDataLengthExceededError,
    /// `MetadataTooLarge`
    MetadataTooLarge,
    /// `MethodNotAllowed`
    MethodNotAllowed,
    /// `MissingAuthenticationToken`
    MissingAuthenticationToken,
    /// `MissingContentLength`
    MissingContentLength,
    /// `MissingContentMD5`
    MissingContentMD5,
    /// `MissingRequestBodyError`
    MissingRequestBodyError,
    /// `MissingSecurityElement`
    MissingSecurityElement,
    /// `MissingSecurityHeader`
    MissingSecurityHeader,
    /// `NoLoggingStatusForKey`
    NoLoggingStatusForKey,
    /// `NoSuchAccessPoint`
    NoSuchAccessPoint,
    /// `NoSuchAccessPointPolicy`
    NoSuchAccessPointPolicy,
    /// `NoSuchAnnotation`
    NoSuchAnnotation,
    /// `NoSuchBucket`
    NoSuchBucket,
    /// `NoSuchBucketPolicy`
    NoSuchBucketPolicy,
    /// `NoSuchCORSConfiguration`
    NoSuchCORSConfiguration,
    /// `NoSuchKey`
    NoSuchKey,
    /// `NoSuchLifecycleConfiguration`
    NoSuchLifecycleConfiguration,
    /// `NoSuchObjectLockConfiguration`
    NoSuchObjectLockConfiguration,
    /// `NoSuchPublicAccessBlockConfiguration`
    NoSuchPublicAccessBlockConfiguration,
    /// `NoSuchResource`
    NoSuchResource,
    /// `NoSuchTagSet`
    NoSuchTagSet,
    /// `NoSuchUpload`
    NoSuchUpload,
    /// `NoSuchVersion`
    NoSuchVersion,
    /// `NoSuchWebsiteConfiguration`
    NoSuchWebsiteConfiguration,
    /// `NotDeviceOwnerError`
    NotDeviceOwnerError,
    /// `NotImplemented`
    NotImplemented,
    /// `NotModified`
    NotModified,
    /// `NotSignedUp`
    NotSignedUp,
    /// `ObjectAlreadyInActiveTierError`
    ObjectAlreadyInActiveTierError,
    /// `ObjectLockConfigurationNotFoundError`
    ObjectLockConfigurationNotFoundError,
    /// `ObjectNotInActiveTierError`
    ObjectNotInActiveTierError,
    /// `OperationAborted`
    OperationAborted,
    /// `OwnershipControlsNotFoundError`
    OwnershipControlsNotFoundError,
    /// `PackedPolicyTooLarge`
    PackedPolicyTooLarge,
    /// `PermanentRedirect`
    PermanentRedirect,
    /// `PreconditionFailed`
    PreconditionFailed,
    /// `Redirect`
    Redirect,
    /// `RegionDisabledException`
    RegionDisabledException,
    /// `ReplicationConfigurationNotFoundError`
    ReplicationConfigurationNotFoundError,
    /// `RequestExpired`
    RequestExpired,
    /// `RequestHeaderSectionTooLarge`
    RequestHeaderSectionTooLarge,
    /// `RequestIsNotMultiPartContent`
    RequestIsNotMultiPartContent,
    /// `RequestLimitExceeded`
    RequestLimitExceeded,
    /// `RequestTimeTooSkewed`
    RequestTimeTooSkewed,
    /// `RequestTimeout`
    RequestTimeout,
    /// `RequestTorrentOfBucketError`
    RequestTorrentOfBucketError,
    /// `RestoreAlreadyInProgress`
    RestoreAlreadyInProgress,
    /// `ServerBusy`
    ServerBusy,
    /// `ServerSideEncryptionConfigurationNotFoundError`
    ServerSideEncryptionConfigurationNotFoundError,
    /// `ServiceUnavailable`
    ServiceUnavailable,
    /// `SignatureDoesNotMatch`
    SignatureDoesNotMatch,
    /// `SlowDown`
    SlowDown,
    /// `SlowDownRead`
    SlowDownRead,
    /// `SlowDownWrite`
    SlowDownWrite,
    /// `TemporaryRedirect`
    TemporaryRedirect,
    /// `Throttling`
    Throttling,
    /// `ThrottlingException`
    ThrottlingException,
    /// `TokenCodeInvalidError`
    TokenCodeInvalidError,
    /// `TokenRefreshRequired`
    TokenRefreshRequired,
    /// `TooManyAccessPoints`
    TooManyAccessPoints,
    /// `TooManyBuckets`
    TooManyBuckets,
    /// `TooManyParts`
    TooManyParts,
    /// `TooManyRequests`
    TooManyRequests,
    /// `TooManyRequestsException`
    TooManyRequestsException,
    /// `UnexpectedContent`
    UnexpectedContent,
    /// `UnsupportedMediaType`
    UnsupportedMediaType,
    /// `UserKeyMustBeSpecified`
    UserKeyMustBeSpecified,
    /// `ValidationError`
    ValidationError,
    /// `XAmzContentChecksumMismatch`
    XAmzContentChecksumMismatch,
    /// `XAmzContentSHA256Mismatch`
    XAmzContentSHA256Mismatch,
}

impl Code {
    /// The text of the element `Code`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessControlListNotSupported => "AccessControlListNotSupported",
            Self::AccessDenied => "AccessDenied",
            Self::AccessForbidden => "AccessForbidden",
            Self::AccessPointAlreadyOwnedByYou => "AccessPointAlreadyOwnedByYou",
            Self::AccountProblem => "AccountProblem",
            Self::AllAccessDisabled => "AllAccessDisabled",
            Self::AnnotationLimitExceeded => "AnnotationLimitExceeded",
            Self::AnnotationNameTooLong => "AnnotationNameTooLong",
            Self::AuthorizationHeaderMalformed => "AuthorizationHeaderMalformed",
            Self::AuthorizationQueryParametersError => "AuthorizationQueryParametersError",
            Self::BadDigest => "BadDigest",
            Self::BadGateway => "BadGateway",
            Self::BadRequest => "BadRequest",
            Self::BucketAlreadyExists => "BucketAlreadyExists",
            Self::BucketAlreadyOwnedByYou => "BucketAlreadyOwnedByYou",
            Self::BucketNotEmpty => "BucketNotEmpty",
            Self::Busy => "Busy",
            Self::ConditionalRequestConflict => "ConditionalRequestConflict",
            Self::CredentialsNotSupported => "CredentialsNotSupported",
            Self::CrossLocationLoggingProhibitted => "CrossLocationLoggingProhibitted",
            Self::EncryptionTypeMismatch => "EncryptionTypeMismatch",
            Self::EntityTooLarge => "EntityTooLarge",
            Self::EntityTooSmall => "EntityTooSmall",
            Self::ExcessData => "ExcessData",
            Self::ExpiredToken => "ExpiredToken",
            Self::ExpiredTokenException => "ExpiredTokenException",
            Self::GatewayTimeout => "GatewayTimeout",
            Self::IDPCommunicationError => "IDPCommunicationError",
            Self::IdempotencyParameterMismatch => "IdempotencyParameterMismatch",
            Self::IllegalLocationConstraintException => "IllegalLocationConstraintException",
            Self::IllegalVersioningConfigurationException => "IllegalVersioningConfigurationException",
            Self::IncompleteBody => "IncompleteBody",
            Self::IncompleteSignature => "IncompleteSignature",
            Self::IncorrectNumberOfFilesInPostRequest => "IncorrectNumberOfFilesInPostRequest",
            Self::InternalError => "InternalError",
            Self::InternalServiceException => "InternalServiceException",
            Self::InvalidAccessKeyId => "InvalidAccessKeyId",
            Self::InvalidAccessPoint => "InvalidAccessPoint",
            Self::InvalidAccessPointAliasError => "InvalidAccessPointAliasError",
            Self::InvalidAction => "InvalidAction",
            Self::InvalidAnnotationName => "InvalidAnnotationName",
            Self::InvalidArgument => "InvalidArgument",
            Self::InvalidBucketAclWithBlockPublicAccessError => "InvalidBucketAclWithBlockPublicAccessError",
            Self::InvalidBucketAclWithObjectOwnership => "InvalidBucketAclWithObjectOwnership",
            Self::InvalidBucketName => "InvalidBucketName",
            Self::InvalidBucketState => "InvalidBucketState",
            Self::InvalidChunkSizeError => "InvalidChunkSizeError",
            Self::InvalidClientTokenId => "InvalidClientTokenId",
            Self::InvalidDigest => "InvalidDigest",
            Self::InvalidEncryptionAlgorithmError => "InvalidEncryptionAlgorithmError",
            Self::InvalidIdentityToken => "InvalidIdentityToken",
            Self::InvalidLocationConstraint => "InvalidLocationConstraint",
            Self::InvalidObjectState => "InvalidObjectState",
            Self::InvalidPart => "InvalidPart",
            Self::InvalidPartNumber => "InvalidPartNumber",
            Self::InvalidPartOrder => "InvalidPartOrder",
            Self::InvalidPayer => "InvalidPayer",
            Self::InvalidPolicyDocument => "InvalidPolicyDocument",
            Self::InvalidPrefix => "InvalidPrefix",
            Self::InvalidRange => "InvalidRange",
            Self::InvalidRequest => "InvalidRequest",
            Self::InvalidSecurity => "InvalidSecurity",
            Self::InvalidStorageClass => "InvalidStorageClass",
            Self::InvalidTag => "InvalidTag",
            Self::InvalidTargetBucketForLogging => "InvalidTargetBucketForLogging",
            Self::InvalidToken => "InvalidToken",
            Self::InvalidURI => "InvalidURI",
            Self::InvalidWriteOffset => "InvalidWriteOffset",
            Self::KeyTooLongError => "KeyTooLongError",
            Self::KmsDisabledException => "KMS.DisabledException",
            Self::KmsInvalidKeyUsageException => "KMS.InvalidKeyUsageException",
            Self::KmsInvalidStateException => "KMS.KMSInvalidStateException",
            Self::KmsNotFoundException => "KMS.NotFoundException",
            Self::KmsThrottlingException => "KMS.ThrottlingException",
            Self::MalformedACLError => "MalformedACLError",
            Self::MalformedPOSTRequest => "MalformedPOSTRequest",
            Self::MalformedPolicy => "MalformedPolicy",
            Self::MalformedPolicyDocument => "MalformedPolicyDocument",
            Self::MalformedTrailerError => "MalformedTrailerError",
            Self::MalformedXML => "MalformedXML",
            Self::MaxMessageLengthExceeded => "MaxMessageLengthExceeded",
            Self::MaxPostPreDataLengthExceededError => "MaxPostPreDataLengthExceededError",
            Self::MetadataTooLarge => "MetadataTooLarge",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::MissingAuthenticationToken => "MissingAuthenticationToken",
            Self::MissingContentLength => "MissingContentLength",
            Self::MissingContentMD5 => "MissingContentMD5",
            Self::MissingRequestBodyError => "MissingRequestBodyError",
            Self::MissingSecurityElement => "MissingSecurityElement",
            Self::MissingSecurityHeader => "MissingSecurityHeader",
            Self::NoLoggingStatusForKey => "NoLoggingStatusForKey",
            Self::NoSuchAccessPoint => "NoSuchAccessPoint",
            Self::NoSuchAccessPointPolicy => "NoSuchAccessPointPolicy",
            Self::NoSuchAnnotation => "NoSuchAnnotation",
            Self::NoSuchBucket => "NoSuchBucket",
            Self::NoSuchBucketPolicy => "NoSuchBucketPolicy",
            Self::NoSuchCORSConfiguration => "NoSuchCORSConfiguration",
            Self::NoSuchKey => "NoSuchKey",
            Self::NoSuchLifecycleConfiguration => "NoSuchLifecycleConfiguration",
            Self::NoSuchObjectLockConfiguration => "NoSuchObjectLockConfiguration",
            Self::NoSuchPublicAccessBlockConfiguration => "NoSuchPublicAccessBlockConfiguration",
            Self::NoSuchResource => "NoSuchResource",
            Self::NoSuchTagSet => "NoSuchTagSet",
            Self::NoSuchUpload => "NoSuchUpload",
            Self::NoSuchVersion => "NoSuchVersion",
            Self::NoSuchWebsiteConfiguration => "NoSuchWebsiteConfiguration",
            Self::NotDeviceOwnerError => "NotDeviceOwnerError",
            Self::NotImplemented => "NotImplemented",
            Self::NotModified => "NotModified",
            Self::NotSignedUp => "NotSignedUp",
            Self::ObjectAlreadyInActiveTierError => "ObjectAlreadyInActiveTierError",
            Self::ObjectLockConfigurationNotFoundError => "ObjectLockConfigurationNotFoundError",
            Self::ObjectNotInActiveTierError => "ObjectNotInActiveTierError",
            Self::OperationAborted => "OperationAborted",
            Self::OwnershipControlsNotFoundError => "OwnershipControlsNotFoundError",
            Self::PackedPolicyTooLarge => "PackedPolicyTooLarge",
            Self::PermanentRedirect => "PermanentRedirect",
            Self::PreconditionFailed => "PreconditionFailed",
            Self::Redirect => "Redirect",
            Self::RegionDisabledException => "RegionDisabledException",
            Self::ReplicationConfigurationNotFoundError => "ReplicationConfigurationNotFoundError",
            Self::RequestExpired => "RequestExpired",
            Self::RequestHeaderSectionTooLarge => "RequestHeaderSectionTooLarge",
            Self::RequestIsNotMultiPartContent => "RequestIsNotMultiPartContent",
            Self::RequestLimitExceeded => "RequestLimitExceeded",
            Self::RequestTimeTooSkewed => "RequestTimeTooSkewed",
            Self::RequestTimeout => "RequestTimeout",
            Self::RequestTorrentOfBucketError => "RequestTorrentOfBucketError",
            Self::RestoreAlreadyInProgress => "RestoreAlreadyInProgress",
            Self::ServerBusy => "ServerBusy",
            Self::ServerSideEncryptionConfigurationNotFoundError => "ServerSideEncryptionConfigurationNotFoundError",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::SignatureDoesNotMatch => "SignatureDoesNotMatch",
            Self::SlowDown => "SlowDown",
            Self::SlowDownRead => "SlowDownRead",
            Self::SlowDownWrite => "SlowDownWrite",
            Self::TemporaryRedirect => "TemporaryRedirect",
            Self::Throttling => "Throttling",
            Self::ThrottlingException => "ThrottlingException",
            Self::TokenCodeInvalidError => "TokenCodeInvalidError",
            Self::TokenRefreshRequired => "TokenRefreshRequired",
            Self::TooManyAccessPoints => "TooManyAccessPoints",
            Self::TooManyBuckets => "TooManyBuckets",
            Self::TooManyParts => "TooManyParts",
            Self::TooManyRequests => "TooManyRequests",
            Self::TooManyRequestsException => "TooManyRequestsException",
            Self::UnexpectedContent => "UnexpectedContent",
            Self::UnsupportedMediaType => "UnsupportedMediaType",
            Self::UserKeyMustBeSpecified => "UserKeyMustBeSpecified",
            Self::ValidationError => "ValidationError",
            Self::XAmzContentChecksumMismatch => "XAmzContentChecksumMismatch",
            Self::XAmzContentSHA256Mismatch => "XAmzContentSHA256Mismatch",
        }
    }

    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::PermanentRedirect => 301,
            Self::NotModified => 304,
            Self::Redirect | Self::TemporaryRedirect => 307,
            Self::AccessControlListNotSupported
            | Self::AnnotationLimitExceeded
            | Self::AnnotationNameTooLong
            | Self::AuthorizationHeaderMalformed
            | Self::AuthorizationQueryParametersError
            | Self::BadDigest
            | Self::BadRequest
            | Self::CredentialsNotSupported
            | Self::EncryptionTypeMismatch
            | Self::EntityTooLarge
            | Self::EntityTooSmall
            | Self::ExcessData
            | Self::ExpiredToken
            | Self::ExpiredTokenException
            | Self::IDPCommunicationError
            | Self::IdempotencyParameterMismatch
            | Self::IllegalLocationConstraintException
            | Self::IllegalVersioningConfigurationException
            | Self::IncompleteBody
            | Self::IncompleteSignature
            | Self::IncorrectNumberOfFilesInPostRequest
            | Self::InvalidAccessPoint
            | Self::InvalidAccessPointAliasError
            | Self::InvalidAction
            | Self::InvalidAnnotationName
            | Self::InvalidArgument
            | Self::InvalidBucketAclWithBlockPublicAccessError
            | Self::InvalidBucketAclWithObjectOwnership
            | Self::InvalidBucketName
            | Self::InvalidChunkSizeError
            | Self::InvalidDigest
            | Self::InvalidEncryptionAlgorithmError
            | Self::InvalidIdentityToken
            | Self::InvalidLocationConstraint
            | Self::InvalidPart
            | Self::InvalidPartOrder
            | Self::InvalidPolicyDocument
            | Self::InvalidPrefix
            | Self::InvalidRequest
            | Self::InvalidStorageClass
            | Self::InvalidTag
            | Self::InvalidTargetBucketForLogging
            | Self::InvalidToken
            | Self::InvalidURI
            | Self::InvalidWriteOffset
            | Self::KeyTooLongError
            | Self::KmsDisabledException
            | Self::KmsInvalidKeyUsageException
            | Self::KmsInvalidStateException
            | Self::KmsNotFoundException
            | Self::KmsThrottlingException
            | Self::MalformedACLError
            | Self::MalformedPOSTRequest
            | Self::MalformedPolicy
            | Self::MalformedPolicyDocument
            | Self::MalformedTrailerError
            | Self::MalformedXML
            | Self::MaxMessageLengthExceeded
            | Self::MaxPostPreDataLengthExceededError
            | Self::MetadataTooLarge
            | Self::MissingContentMD5
            | Self::MissingRequestBodyError
            | Self::MissingSecurityElement
            | Self::MissingSecurityHeader
            | Self::NoLoggingStatusForKey
            | Self::NotDeviceOwnerError
            | Self::PackedPolicyTooLarge
            | Self::RequestExpired
            | Self::RequestHeaderSectionTooLarge
            | Self::RequestTimeout
            | Self::RequestTorrentOfBucketError
            | Self::Throttling
            | Self::ThrottlingException
            | Self::TokenCodeInvalidError
            | Self::TokenRefreshRequired
            | Self::TooManyAccessPoints
            | Self::TooManyBuckets
            | Self::TooManyParts
            | Self::UnexpectedContent
            | Self::UserKeyMustBeSpecified
            | Self::ValidationError
            | Self::XAmzContentChecksumMismatch
            | Self::XAmzContentSHA256Mismatch => 400,
            Self::AccessDenied
            | Self::AccessForbidden
            | Self::AccountProblem
            | Self::AllAccessDisabled
            | Self::CrossLocationLoggingProhibitted
            | Self::InvalidAccessKeyId
            | Self::InvalidClientTokenId
            | Self::InvalidObjectState
            | Self::InvalidPayer
            | Self::InvalidSecurity
            | Self::MissingAuthenticationToken
            | Self::NotSignedUp
            | Self::ObjectAlreadyInActiveTierError
            | Self::ObjectNotInActiveTierError
            | Self::RegionDisabledException
            | Self::RequestTimeTooSkewed
            | Self::SignatureDoesNotMatch => 403,
            Self::NoSuchAccessPoint
            | Self::NoSuchAccessPointPolicy
            | Self::NoSuchAnnotation
            | Self::NoSuchBucket
            | Self::NoSuchBucketPolicy
            | Self::NoSuchCORSConfiguration
            | Self::NoSuchKey
            | Self::NoSuchLifecycleConfiguration
            | Self::NoSuchObjectLockConfiguration
            | Self::NoSuchPublicAccessBlockConfiguration
            | Self::NoSuchResource
            | Self::NoSuchTagSet
            | Self::NoSuchUpload
            | Self::NoSuchVersion
            | Self::NoSuchWebsiteConfiguration
            | Self::ObjectLockConfigurationNotFoundError
            | Self::OwnershipControlsNotFoundError
            | Self::ReplicationConfigurationNotFoundError
            | Self::ServerSideEncryptionConfigurationNotFoundError => 404,
            Self::MethodNotAllowed => 405,
            Self::AccessPointAlreadyOwnedByYou
            | Self::BucketAlreadyExists
            | Self::BucketAlreadyOwnedByYou
            | Self::BucketNotEmpty
            | Self::ConditionalRequestConflict
            | Self::InvalidBucketState
            | Self::OperationAborted
            | Self::RestoreAlreadyInProgress => 409,
            Self::MissingContentLength => 411,
            Self::PreconditionFailed | Self::RequestIsNotMultiPartContent => 412,
            Self::UnsupportedMediaType => 415,
            Self::InvalidPartNumber | Self::InvalidRange => 416,
            Self::TooManyRequests | Self::TooManyRequestsException => 429,
            Self::InternalError | Self::InternalServiceException => 500,
            Self::NotImplemented => 501,
            Self::BadGateway => 502,
            Self::Busy
            | Self::RequestLimitExceeded
            | Self::ServerBusy
            | Self::ServiceUnavailable
            | Self::SlowDown
            | Self::SlowDownRead
            | Self::SlowDownWrite => 503,
            Self::GatewayTimeout => 504,
        }
    }

    /// The sentence S3 uses when nothing more precise is known. Never empty.
    pub const fn message(self) -> &'static str {
        match self {
            Self::AccessControlListNotSupported => "The bucket does not allow ACLs",
            Self::AccessDenied => "Access Denied",
            Self::AccessForbidden => "CORS preflight not allowed.",
            Self::AccessPointAlreadyOwnedByYou => "Access point exists.",
            Self::AccountProblem => "Account blocked.",
            Self::AllAccessDisabled => "Resource locked by the provider.",
            Self::AnnotationLimitExceeded => "Too many annotations.",
            Self::AnnotationNameTooLong => "Annotation name too long.",
            Self::AuthorizationHeaderMalformed => {
                "The Authorization header could not be parsed, or its credential scope is wrong for this endpoint."
            }
            Self::AuthorizationQueryParametersError => {
                "Same for presigned requests: parameter missing, duplicated, out of range, or wrong scope."
            }
            Self::BadDigest => "The Content-MD5 you specified did not match what we received.",
            Self::BadGateway => "Plain HTTP status from a load balancer; no S3 code of its own.",
            Self::BadRequest => "An error occurred when parsing the HTTP request.",
            Self::BucketAlreadyExists => "Name taken by someone else.",
            Self::BucketAlreadyOwnedByYou => "You already own it (us-east-1 answers 200 instead).",
            Self::BucketNotEmpty => "Cannot delete.",
            Self::Busy => "Older S3.",
            Self::ConditionalRequestConflict => "A concurrent change during a conditional write.",
            Self::CredentialsNotSupported => "The request must not carry credentials.",
            Self::CrossLocationLoggingProhibitted => "Cross S3 location logging not allowed. ",
            Self::EncryptionTypeMismatch => "Append with another encryption than the object's.",
            Self::EntityTooLarge => "Your proposed upload exceeds the maximum allowed size",
            Self::EntityTooSmall => "Your proposed upload is smaller than the minimum allowed size",
            Self::ExcessData => "MinIO: more bytes than announced.",
            Self::ExpiredToken => "The provided token has expired.",
            Self::ExpiredTokenException => "Web identity token or session expired.",
            Self::GatewayTimeout => "Same.",
            Self::IDPCommunicationError => "Web identity provider unreachable.",
            Self::IdempotencyParameterMismatch => "Same client token, other parameters (RenameObject).",
            Self::IllegalLocationConstraintException => "Region of the endpoint and of the bucket do not fit.",
            Self::IllegalVersioningConfigurationException => "The Versioning element must be specified",
            Self::IncompleteBody => "The request body terminated unexpectedly",
            Self::IncompleteSignature => "Authorization header cannot be parsed (query and JSON services).",
            Self::IncorrectNumberOfFilesInPostRequest => "POST must carry exactly one file.",
            Self::InternalError => "We encountered an internal error. Please try again.",
            Self::InternalServiceException => "Fault.",
            Self::InvalidAccessKeyId => "The AWS Access Key Id you provided does not exist in our records.",
            Self::InvalidAccessPoint => "Access point name or account invalid.",
            Self::InvalidAccessPointAliasError => "Alias unknown.",
            Self::InvalidAction => "Unknown Action.",
            Self::InvalidAnnotationName => "Annotation name not allowed.",
            Self::InvalidArgument => "One argument is wrong; the elements say which.",
            Self::InvalidBucketAclWithBlockPublicAccessError => {
                "Bucket cannot have public ACLs set with BlockPublicAccess enabled"
            }
            Self::InvalidBucketAclWithObjectOwnership => {
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
            }
            Self::InvalidBucketName => "The specified bucket is not valid.",
            Self::InvalidBucketState => {
                "Bucket setting forbids it (object lock against versioning, MFA delete against lifecycle)."
            }
            Self::InvalidChunkSizeError => "Only the last chunk is allowed to have a size less than 8192 bytes",
            Self::InvalidClientTokenId => "The security token included in the request is invalid.",
            Self::InvalidDigest => "The Content-MD5 you specified is not valid.",
            Self::InvalidEncryptionAlgorithmError => {
                "The Encryption request you specified is not valid. Supported value: AES256."
            }
            Self::InvalidIdentityToken => "Web identity token not accepted.",
            Self::InvalidLocationConstraint => "Unknown region in CreateBucket.",
            Self::InvalidObjectState => "Object archived.",
            Self::InvalidPart => "Part missing or etag differs.",
            Self::InvalidPartNumber => "partNumber beyond the object's parts.",
            Self::InvalidPartOrder => "Part list not ascending.",
            Self::InvalidPayer => "Requester cannot pay.",
            Self::InvalidPolicyDocument => "POST policy not base64, not JSON or not to schema.",
            Self::InvalidPrefix => "Prefix not allowed here (annotations).",
            Self::InvalidRange => "The requested range is not satisfiable",
            Self::InvalidRequest => {
                "Well-formed but not allowed; the message tells why (Signature Version 2, wrong payload mode, checksum header trouble, missing x-amz-content-sha256)."
            }
            Self::InvalidSecurity => "Credentials could not be used.",
            Self::InvalidStorageClass => "Unknown storage class.",
            Self::InvalidTag => "Tag key or value not allowed.",
            Self::InvalidTargetBucketForLogging => "Log bucket missing, foreign or not writable.",
            Self::InvalidToken => "The provided token is malformed or otherwise invalid.",
            Self::InvalidURI => "Couldn't parse the specified URI.",
            Self::InvalidWriteOffset => "Append offset wrong (directory buckets).",
            Self::KeyTooLongError => "Your key is too long",
            Self::KmsDisabledException => "Key disabled.",
            Self::KmsInvalidKeyUsageException => "Key is not for symmetric encryption.",
            Self::KmsInvalidStateException => "Key pending deletion or import.",
            Self::KmsNotFoundException => "Key unknown.",
            Self::KmsThrottlingException => {
                "KMS throttled the data key call; from the proxy only in the surface `prefixed`."
            }
            Self::MalformedACLError => "Bad ACL document.",
            Self::MalformedPOSTRequest => "The body of your POST request is not well-formed multipart/form-data.",
            Self::MalformedPolicy => "Bad bucket policy.",
            Self::MalformedPolicyDocument => "Session policy not valid.",
            Self::MalformedTrailerError => {
                "The request contained trailing data that was not well-formed or did not conform to our published schema."
            }
            Self::MalformedXML => {
                "The XML you provided was not well-formed or did not validate against our published schema"
            }
            Self::MaxMessageLengthExceeded => "Your request was too big.",
            Self::MaxPostPreDataLengthExceededError => {
                "Your POST request fields preceding the upload file were too large."
            }
            Self::MetadataTooLarge => "Your metadata headers exceed the maximum allowed metadata size",
            Self::MethodNotAllowed => "The specified method is not allowed against this resource.",
            Self::MissingAuthenticationToken => "Request is missing Authentication Token",
            Self::MissingContentLength => "You must provide the Content-Length HTTP header.",
            Self::MissingContentMD5 => "MinIO: operation needs Content-MD5 or a checksum.",
            Self::MissingRequestBodyError => "Request Body is empty",
            Self::MissingSecurityElement => "SOAP only.",
            Self::MissingSecurityHeader => "Your request was missing a required header",
            Self::NoLoggingStatusForKey => "`?logging` with an object key in the path.",
            Self::NoSuchAccessPoint => "The specified accesspoint does not exist",
            Self::NoSuchAccessPointPolicy => "Access point has no policy.",
            Self::NoSuchAnnotation => "Annotation missing.",
            Self::NoSuchBucket => "The specified bucket does not exist",
            Self::NoSuchBucketPolicy => "No bucket policy.",
            Self::NoSuchCORSConfiguration => "No CORS rules.",
            Self::NoSuchKey => "The specified key does not exist.",
            Self::NoSuchLifecycleConfiguration => "No lifecycle rules.",
            Self::NoSuchObjectLockConfiguration => "Object has no retention.",
            Self::NoSuchPublicAccessBlockConfiguration => "No public access block.",
            Self::NoSuchResource => "The specified resource doesn't exist.",
            Self::NoSuchTagSet => "No tags.",
            Self::NoSuchUpload => {
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
            }
            Self::NoSuchVersion => "The specified version does not exist.",
            Self::NoSuchWebsiteConfiguration => "No website settings.",
            Self::NotDeviceOwnerError => "The device that generated the token is not owned by the authenticated user.",
            Self::NotImplemented => "A header you provided implies functionality that is not implemented",
            Self::NotModified => "Conditional GET; never a body.",
            Self::NotSignedUp => "Account not enabled for the service.",
            Self::ObjectAlreadyInActiveTierError => "Nothing to restore.",
            Self::ObjectLockConfigurationNotFoundError => "No object lock settings.",
            Self::ObjectNotInActiveTierError => "Source of a copy or annotation is archived.",
            Self::OperationAborted => "Conflicting operation under way.",
            Self::OwnershipControlsNotFoundError => "No ownership controls.",
            Self::PackedPolicyTooLarge => "Session policy and tags too large.",
            Self::PermanentRedirect => "Bucket lives at another endpoint.",
            Self::PreconditionFailed => "At least one of the pre-conditions you specified did not hold",
            Self::Redirect => "Temporary redirect.",
            Self::RegionDisabledException => "STS off in that region.",
            Self::ReplicationConfigurationNotFoundError => "No replication rules.",
            Self::RequestExpired => "Legacy code for an expired request; S3 uses AccessDenied for presigned URLs.",
            Self::RequestHeaderSectionTooLarge => "Your request header section exceeds the maximum allowed size.",
            Self::RequestIsNotMultiPartContent => "POST upload without multipart/form-data.",
            Self::RequestLimitExceeded => "Rate limit of a query service.",
            Self::RequestTimeTooSkewed => "The difference between the request time and the current time is too large.",
            Self::RequestTimeout => {
                "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed."
            }
            Self::RequestTorrentOfBucketError => "Retired feature.",
            Self::RestoreAlreadyInProgress => "Restore running.",
            Self::ServerBusy => "MinIO overload.",
            Self::ServerSideEncryptionConfigurationNotFoundError => "No default encryption (MinIO; S3 always has one).",
            Self::ServiceUnavailable => "Service is unable to handle request.",
            Self::SignatureDoesNotMatch => {
                "The request signature we calculated does not match the signature you provided. Check your key and signing method."
            }
            Self::SlowDown => "Please reduce your request rate.",
            Self::SlowDownRead => "MinIO.",
            Self::SlowDownWrite => "MinIO.",
            Self::TemporaryRedirect => "DNS still moving.",
            Self::Throttling => "STS query throttling.",
            Self::ThrottlingException => {
                "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
            }
            Self::TokenCodeInvalidError => "The serial number and/or token code you provided is not valid.",
            Self::TokenRefreshRequired => "The token must be renewed.",
            Self::TooManyAccessPoints => "Access point quota reached.",
            Self::TooManyBuckets => "Bucket quota reached.",
            Self::TooManyParts => "More parts or appends than allowed.",
            Self::TooManyRequests => "MinIO.",
            Self::TooManyRequestsException => "Throttled (batch jobs and friends).",
            Self::UnexpectedContent => "This request contains unsupported content.",
            Self::UnsupportedMediaType => "Content type of an annotation not supported.",
            Self::UserKeyMustBeSpecified => "POST without key field.",
            Self::ValidationError => "Parameter missing or out of range.",
            Self::XAmzContentChecksumMismatch => "MinIO's code for a checksum mismatch.",
            Self::XAmzContentSHA256Mismatch => {
                "The provided 'x-amz-content-sha256' header does not match what was computed."
            }
        }
    }
}
