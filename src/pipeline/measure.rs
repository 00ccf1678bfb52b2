//! What the record of a request says of its answer, by what was asked (spec/access-logs.md 5 and 6,
//! spec/cloudtrail.md 3.2).

use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderValue, StatusCode};

use super::facts::Facts;
use super::open::Told;
use super::task::Task;
use crate::audit::SourceEnd;
use crate::audit::record::SHOWN_OF_ANSWERS;
use crate::s3::route::Auth;
use crate::s3::xml::Element;
use crate::s3::{Code, Operation};
use crate::upstream::wire::StoreError;
use crate::upstream::{Reply, ReplyBody};

/// What an answer to a HEAD may mean that its status alone does not say.
const WITHOUT_DOCUMENT: [Code; 4] = [Code::NoSuchBucket, Code::NoSuchVersion, Code::NotImplemented, Code::SlowDown];

/// What was asked, as far as it decides what the record of the answer says.
#[derive(Debug)]
pub(super) struct Measure {
    operation: Option<Operation>,
    form: bool,
    versioned: bool,
    /// Octets of the source that are copied, if not all.
    range: Option<u64>,
}

impl Measure {
    pub(super) fn of(facts: &Facts, task: &Task) -> Self {
        let routed = task.routed();
        let range = routed.and_then(|routed| routed.headers.get("x-amz-copy-source-range")?.to_str().ok());
        Self {
            operation: routed.map(|routed| routed.operation),
            form: facts.auth == Some(Auth::Form),
            versioned: routed.is_some_and(|routed| routed.parameter("versionId").is_some()),
            range: range.and_then(octets_of_range),
        }
    }

    /// Whether the record says how long the answer took to begin (5.2).
    pub(super) fn has_turn_around(&self) -> bool {
        use Operation as Op;
        let listed = matches!(
            self.operation,
            Some(
                Op::AbortMultipartUpload
                    | Op::CompleteMultipartUpload
                    | Op::CopyObject
                    | Op::CreateMultipartUpload
                    | Op::GetObject
                    | Op::GetObjectAttributes
                    | Op::GetObjectTagging
                    | Op::HeadBucket
                    | Op::ListMultipartUploads
                    | Op::ListObjectVersions
                    | Op::ListObjects
                    | Op::ListObjectsV2
                    | Op::ListParts
                    | Op::PutObject
                    | Op::UploadPart
                    | Op::UploadPartCopy
            )
        );
        listed && !self.form
    }

    /// The full size of the object concerned (5.1). Of what is copied, and of what parts make, as far as the
    /// store says it.
    pub(super) fn size(&self, reply: &Reply, data_in: u64, source: Option<u64>) -> Option<u64> {
        if reply.status.as_u16() >= 400 || reply.status == StatusCode::NOT_MODIFIED {
            return None;
        }
        let said = || reply.size.or(source);
        match self.operation? {
            Operation::GetObject | Operation::HeadObject => {
                let text = |name| reply.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
                match text(CONTENT_RANGE) {
                    Some(range) => range.rsplit_once('/')?.1.parse().ok(),
                    None => text(CONTENT_LENGTH)?.parse().ok(),
                }
            }
            Operation::PutObject | Operation::UploadPart => Some(data_in),
            Operation::UploadPartCopy => self.range.or_else(said),
            Operation::CompleteMultipartUpload | Operation::CopyObject | Operation::GetObjectAttributes => said(),
            _ => None,
        }
    }

    /// What the record shows of the answer's headers: of what changes something, and succeeds.
    pub(super) fn shown(&self, reply: &Reply) -> Vec<(&'static str, HeaderValue)> {
        let reads =
            self.operation.is_none_or(|operation| matches!(operation.spec().method, "GET" | "HEAD" | "OPTIONS"));
        if reads || reply.status.as_u16() >= 400 {
            return Vec::new();
        }
        let found = |name| reply.headers.get(name).map(|value| (name, value.clone()));
        SHOWN_OF_ANSWERS.into_iter().filter_map(found).collect()
    }

    /// Whether a version in the answer is one that was made, rather than one that was named.
    pub(super) fn makes_versions(&self) -> bool {
        !self.versioned
    }

    /// The error code: also where there is no document to say it (5.4). A 304 is no error.
    pub(super) fn code(&self, reply: &mut Reply) -> Option<String> {
        let said = reply.code.take();
        match reply.status.as_u16() {
            304 => None,
            status @ 400.. => said.or_else(|| Some(self.code_of(status).as_str().to_owned())),
            _ => said,
        }
    }

    /// The message of the error document; of an answer that has none, as to a HEAD, what S3 says of its code
    /// (spec/cloudtrail.md 6).
    pub(super) fn message(&self, reply: &Reply, code: Option<&str>) -> Option<String> {
        let code = code?;
        if let ReplyBody::Full(document) = &reply.body
            && let Some(error) = StoreError::parse(document)
        {
            return Some(error.message().to_owned());
        }
        let mut likely = [self.code_of(reply.status.as_u16())].into_iter().chain(WITHOUT_DOCUMENT);
        likely.find(|likely| likely.as_str() == code).map(|likely| likely.message().to_owned())
    }

    fn code_of(&self, status: u16) -> Code {
        match (status, self.operation) {
            (403, _) => Code::AccessDenied,
            (404, Some(Operation::HeadBucket)) => Code::NoSuchBucket,
            (404, _) => Code::NoSuchKey,
            (405, _) => Code::MethodNotAllowed,
            (409, _) => Code::OperationAborted,
            (411, _) => Code::MissingContentLength,
            (412, _) => Code::PreconditionFailed,
            (416, _) => Code::InvalidRange,
            (503, _) => Code::ServiceUnavailable,
            (500.., _) => Code::InternalError,
            _ => Code::InvalidRequest,
        }
    }

    /// Which of the buckets of a copy it is that is not there.
    pub(super) fn missing(&self, reply: &Reply) -> Option<String> {
        let asked = self.is_copy() && reply.status == StatusCode::NOT_FOUND;
        let (ReplyBody::Full(document), true) = (&reply.body, asked) else { return None };
        let error = Element::parse(document, "Error").ok()?;
        let is_bucket = error.text_of("Code").ok()? == Some(Code::NoSuchBucket.as_str());
        error.text_of("BucketName").ok()?.filter(|_| is_bucket).map(str::to_owned)
    }

    fn is_copy(&self) -> bool {
        matches!(self.operation, Some(Operation::CopyObject | Operation::UploadPartCopy))
    }

    /// What became of reading the source of a copy, as far as that can be told from the answer to the copy.
    pub(super) fn source<'c>(&self, status: u16, code: Option<&'c str>, told: &Told) -> Option<SourceEnd<'c>> {
        if !self.is_copy() {
            return None;
        }
        match code {
            None if (200..300).contains(&status) => {
                Some(SourceEnd { status: 200, error_code: None, object_size: told.source_size })
            }
            // Nothing is read of the object that is written over.
            Some("InvalidObjectState" | "InvalidRange" | "NoSuchKey" | "NoSuchVersion") if status >= 400 => {
                Some(SourceEnd { status, error_code: code, object_size: None })
            }
            _ => None,
        }
    }
}

/// How many octets `bytes=FIRST-LAST` names.
fn octets_of_range(range: &str) -> Option<u64> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    last.checked_sub(first)?.checked_add(1)
}
