//! What the access log calls an operation (spec/access-logs.md 4), and which of its fields are filled for
//! it (section 5).

use std::fmt;

use crate::audit::event::Event;
use crate::s3::Operation;

/// The name of an operation in a line: `REST.GET.OBJECT`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::audit) struct Name {
    operation: Option<Operation>,
    /// `GET`, `COPY`; for what the proxy does itself, everything in front of the resource.
    verb: String,
    resource: String,
}

impl Name {
    /// Whether it reads one object and writes another.
    pub(in crate::audit) fn is_copy(&self) -> bool {
        matches!(self.operation, Some(Operation::CopyObject | Operation::UploadPartCopy))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.verb, self.resource)
    }
}

/// The name of what an event asks for. What the router does not know is named after its method and
/// whether it names a key.
pub(in crate::audit) fn name(event: &Event) -> Name {
    let asked = event.operation().unwrap_or_default();
    if let Some((verb, resource)) = asked.strip_prefix("S3.").and_then(|rest| rest.split_once('.')) {
        // What the proxy does without being asked has its name already.
        return Name { operation: None, verb: format!("S3.{verb}"), resource: resource.to_owned() };
    }
    let operation = operation(event);
    let (verb, resource) = match operation {
        Some(operation) => of_operation(operation),
        None => {
            let resource = if event.key().is_some() { "OBJECT" } else { "BUCKET" };
            (event.text("method").unwrap_or("-"), resource)
        }
    };
    Name { operation, verb: format!("REST.{verb}"), resource: resource.to_owned() }
}

/// What an event asks for, by the name in the API; a preflight by its method.
pub(in crate::audit) fn operation(event: &Event) -> Option<Operation> {
    let name = event.operation();
    let known = name.and_then(|name| Operation::ALL.into_iter().find(|operation| operation.name() == name));
    known.or_else(|| (event.text("method") == Some("OPTIONS")).then_some(Operation::OptionsObject))
}

/// The name that the access log has for an operation: `REST.GET.OBJECT`.
pub fn operation_name(operation: Operation) -> String {
    let (verb, resource) = of_operation(operation);
    format!("REST.{verb}.{resource}")
}

fn of_operation(operation: Operation) -> (&'static str, &'static str) {
    let verb = match operation {
        Operation::CopyObject | Operation::UploadPartCopy => "COPY",
        other => other.spec().method,
    };
    (verb, resource(operation))
}

/// Whether the object's size is logged: it is for what reads or writes an object's data (5.1).
pub(super) fn has_object_size(name: &Name) -> bool {
    use Operation as O;
    name.operation.is_none_or(|operation| {
        matches!(
            operation,
            O::CompleteMultipartUpload
                | O::CopyObject
                | O::GetObject
                | O::GetObjectAnnotation
                | O::GetObjectAttributes
                | O::GetObjectTorrent
                | O::HeadObject
                | O::PostObject
                | O::PutObject
                | O::PutObjectAnnotation
                | O::RenameObject
                | O::SelectObjectContent
                | O::UploadPart
                | O::UploadPartCopy
        )
    })
}

/// Whether the turn-around time is logged, by the names that real lines have it with (5.2).
pub(super) fn has_turn_around(name: &Name) -> bool {
    matches!(
        (name.verb.as_str(), name.resource.as_str()),
        ("REST.COPY", "OBJECT" | "PART")
            | ("REST.DELETE", "UPLOAD")
            | (
                "REST.GET",
                "BUCKET" | "BUCKETVERSIONS" | "OBJECT" | "OBJECT_ATTRIBUTES" | "OBJECT_TAGGING" | "UPLOAD" | "UPLOADS"
            )
            | ("REST.HEAD", "BUCKET")
            | ("REST.POST", "UPLOAD" | "UPLOADS")
            | ("REST.PUT", "OBJECT" | "PART")
    )
}

/// The resource of an operation: what its sub-resource is called, not what it does (4).
const fn resource(operation: Operation) -> &'static str {
    use Operation as O;
    match operation {
        O::CopyObject | O::DeleteObject | O::GetObject | O::HeadObject | O::PutObject => "OBJECT",
        O::CreateBucket | O::DeleteBucket | O::HeadBucket | O::ListObjects | O::ListObjectsV2 | O::PostObject => {
            "BUCKET"
        }
        O::ListObjectVersions => "BUCKETVERSIONS",
        O::DeleteObjects => "MULTI_OBJECT_DELETE",
        O::AbortMultipartUpload | O::CompleteMultipartUpload | O::ListParts => "UPLOAD",
        O::CreateMultipartUpload | O::ListMultipartUploads => "UPLOADS",
        O::UploadPart | O::UploadPartCopy => "PART",
        O::GetObjectAttributes => "OBJECT_ATTRIBUTES",
        O::DeleteObjectTagging | O::GetObjectTagging | O::PutObjectTagging => "OBJECT_TAGGING",
        O::GetBucketAcl | O::GetObjectAcl | O::PutBucketAcl | O::PutObjectAcl => "ACL",
        O::GetObjectRetention | O::PutObjectRetention => "RETENTION",
        O::GetObjectLegalHold | O::PutObjectLegalHold => "LEGAL_HOLD",
        O::UpdateObjectEncryption => "OBJECT_ENCRYPTION",
        O::RenameObject => "RENAME_OBJECT",
        O::DeleteObjectAnnotation | O::GetObjectAnnotation | O::PutObjectAnnotation => "OBJECT_ANNOTATION",
        O::ListObjectAnnotations => "OBJECT_ANNOTATIONS",
        O::RestoreObject => "RESTORE",
        O::SelectObjectContent => "SELECT",
        O::GetObjectTorrent => "TORRENT",
        O::OptionsObject => "PREFLIGHT",
        O::WriteGetObjectResponse => "WRITE_GET_OBJECT_RESPONSE",
        other => bucket_resource(other),
    }
}

/// The same of the configuration of buckets and of what is not about one.
const fn bucket_resource(operation: Operation) -> &'static str {
    use Operation as O;
    match operation {
        O::GetBucketLocation => "LOCATION",
        O::DeleteBucketPolicy | O::GetBucketPolicy | O::PutBucketPolicy => "BUCKETPOLICY",
        O::GetBucketPolicyStatus => "POLICY_STATUS",
        O::DeletePublicAccessBlock | O::GetPublicAccessBlock | O::PutPublicAccessBlock => "PUBLIC_ACCESS_BLOCK",
        O::DeleteBucketOwnershipControls | O::GetBucketOwnershipControls | O::PutBucketOwnershipControls => {
            "OWNERSHIP_CONTROLS"
        }
        O::DeleteBucketEncryption | O::GetBucketEncryption | O::PutBucketEncryption => "ENCRYPTION",
        O::GetBucketVersioning | O::PutBucketVersioning => "VERSIONING",
        O::GetBucketLogging | O::PutBucketLogging => "LOGGING_STATUS",
        O::GetObjectLockConfiguration | O::PutObjectLockConfiguration => "OBJECT_LOCK_CONFIGURATION",
        O::DeleteBucketCors | O::GetBucketCors | O::PutBucketCors => "CORS",
        O::DeleteBucketLifecycle | O::GetBucketLifecycleConfiguration | O::PutBucketLifecycleConfiguration => {
            "LIFECYCLE"
        }
        O::DeleteBucketWebsite | O::GetBucketWebsite | O::PutBucketWebsite => "WEBSITE",
        O::DeleteBucketTagging | O::GetBucketTagging | O::PutBucketTagging => "TAGGING",
        O::DeleteBucketReplication | O::GetBucketReplication | O::PutBucketReplication => "REPLICATION",
        O::GetBucketNotificationConfiguration | O::PutBucketNotificationConfiguration => "NOTIFICATION",
        O::GetBucketRequestPayment | O::PutBucketRequestPayment => "REQUEST_PAYMENT",
        O::GetBucketAccelerateConfiguration | O::PutBucketAccelerateConfiguration => "ACCELERATE",
        O::DeleteBucketAnalyticsConfiguration
        | O::GetBucketAnalyticsConfiguration
        | O::ListBucketAnalyticsConfigurations
        | O::PutBucketAnalyticsConfiguration => "ANALYTICS",
        O::DeleteBucketMetricsConfiguration
        | O::GetBucketMetricsConfiguration
        | O::ListBucketMetricsConfigurations
        | O::PutBucketMetricsConfiguration => "METRICS",
        O::DeleteBucketInventoryConfiguration
        | O::GetBucketInventoryConfiguration
        | O::ListBucketInventoryConfigurations
        | O::PutBucketInventoryConfiguration => "INVENTORY",
        O::DeleteBucketIntelligentTieringConfiguration
        | O::GetBucketIntelligentTieringConfiguration
        | O::ListBucketIntelligentTieringConfigurations
        | O::PutBucketIntelligentTieringConfiguration => "INTELLIGENT_TIERING",
        other => newer_resource(other),
    }
}

/// The same of what real lines do not show yet.
const fn newer_resource(operation: Operation) -> &'static str {
    use Operation as O;
    match operation {
        O::CreateBucketMetadataConfiguration
        | O::DeleteBucketMetadataConfiguration
        | O::GetBucketMetadataConfiguration => "METADATA_CONFIGURATION",
        O::CreateBucketMetadataTableConfiguration
        | O::DeleteBucketMetadataTableConfiguration
        | O::GetBucketMetadataTableConfiguration => "METADATA_TABLE_CONFIGURATION",
        O::UpdateBucketMetadataAnnotationTableConfiguration => "METADATA_ANNOTATION_TABLE_CONFIGURATION",
        O::UpdateBucketMetadataInventoryTableConfiguration => "METADATA_INVENTORY_TABLE_CONFIGURATION",
        O::UpdateBucketMetadataJournalTableConfiguration => "METADATA_JOURNAL_TABLE_CONFIGURATION",
        O::GetBucketAbac | O::PutBucketAbac => "ABAC",
        O::CreateSession => "SESSION",
        O::CreateAccessPoint | O::DeleteAccessPoint | O::GetAccessPoint => "ACCESS_POINT",
        O::ListAccessPoints => "ACCESS_POINTS",
        O::DeleteAccessPointPolicy | O::GetAccessPointPolicy | O::PutAccessPointPolicy => "ACCESS_POINT_POLICY",
        O::GetAccessPointPolicyStatus => "ACCESS_POINT_POLICY_STATUS",
        O::ListTagsForResource | O::TagResource | O::UntagResource => "TAGS",
        O::ListBuckets => "SERVICE",
        // Everything else has its name above; a test goes through all operations.
        _ => "OTHER",
    }
}
