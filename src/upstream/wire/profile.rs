//! What is known about kinds of stores, as data.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::operations::{self, Elements};
use crate::s3::Operation;

/// What a condition of a write is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum About {
    /// What is there already: `If-Match`, `If-None-Match`, and for deletions also its length and time, be they
    /// headers or parts of an entry of DeleteObjects.
    Target,
    /// What is copied or renamed: `x-amz-copy-source-if-match` and its like.
    Source,
    /// Where it ends: `x-amz-write-offset-bytes`, without which what is appended takes the place of all.
    End,
}

impl About {
    /// What the condition in a header is about; none if it holds none.
    pub fn header(name: &HeaderName) -> Option<Self> {
        match name.as_str() {
            "x-amz-write-offset-bytes" => Some(Self::End),
            name if name.starts_with("x-amz-meta-") => None,
            name if name.contains("-source-if-") => Some(Self::Source),
            name => (name.starts_with("if-") || name.contains("-if-")).then_some(Self::Target),
        }
    }
}

/// Conditions of writes, by their operation.
type Conditions = &'static [(Operation, About)];

/// Headers of locks and tags, and the operations that they are kept of.
type Said = &'static [(&'static str, &'static [Operation])];

const BUCKET_LOCK: &str = "x-amz-bucket-object-lock-enabled";
const MODE: &str = "x-amz-object-lock-mode";
const UNTIL: &str = "x-amz-object-lock-retain-until-date";
const HOLD: &str = "x-amz-object-lock-legal-hold";
const TAGGING: &str = "x-amz-tagging";
const TAGGING_DIRECTIVE: &str = "x-amz-tagging-directive";

/// In whose words a store speaks of keys.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Dialect {
    /// In S3's, as far as is known.
    #[default]
    S3,
    /// In MinIO's.
    Minio,
    /// In radosgw's.
    Ceph,
}

/// The habits of one kind of store (`upstream.profile`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Profile {
    /// The name in the configuration.
    pub name: &'static str,
    /// Takes `STREAMING-UNSIGNED-PAYLOAD-TRAILER`, so a checksum that is only known at the end can
    /// travel with the body. Otherwise the body goes out plain and the checksum ends here, verified.
    pub trailers: bool,
    /// Takes `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`; with `trailers` also the form with a signed trailer.
    pub signed_chunks: bool,
    /// The operations it has besides those that every store has; none where it has all of them.
    pub besides: Option<&'static [Operation]>,
    /// The conditions of writes that it keeps; none where it keeps all of them. A store that does not know a
    /// condition writes over, or deletes, what the client wanted kept.
    pub conditions: Option<Conditions>,
    /// What writes say besides, which it keeps; none where it keeps all of it.
    pub said: Option<Said>,
    /// What it keeps of documents: the first list that an operation is in; all of those that are in none.
    pub elements: &'static [&'static [Elements]],
    /// Whether a copy with other metadata keeps the tags of its source.
    pub copies_tags: bool,
    /// Treats keys as plain octets, so dot segments and empty segments mean nothing special there.
    pub keys_are_octets: bool,
    /// In whose words it speaks of keys.
    pub dialect: Dialect,
}

/// As Garage's sources have it; it ignores the other ones.
const COPIES: Conditions = &[(Operation::CopyObject, About::Source), (Operation::UploadPartCopy, About::Source)];

/// Tried, as radosgw's are, by tests/clients/test_understood.py.
const MINIO_KEEPS: Conditions = &[
    (Operation::PutObject, About::Target),
    (Operation::CompleteMultipartUpload, About::Target),
    (Operation::CopyObject, About::Source),
    (Operation::UploadPartCopy, About::Source),
];

const CEPH_KEEPS: Conditions = &[(Operation::PutObject, About::Target)];

const MINIO_SAID: Said = &[
    (BUCKET_LOCK, &[Operation::CreateBucket]),
    (MODE, WRITES),
    (UNTIL, WRITES),
    (HOLD, WRITES),
    (TAGGING, WRITES),
    (TAGGING_DIRECTIVE, WRITES),
];
const WRITES: &[Operation] = &[Operation::PutObject, Operation::CopyObject, Operation::CreateMultipartUpload];

/// radosgw 16 forgets them of a multipart upload and of a copy.
const CEPH_SAID: Said = &[
    (BUCKET_LOCK, &[Operation::CreateBucket]),
    (MODE, &[Operation::PutObject]),
    (UNTIL, &[Operation::PutObject]),
    (HOLD, &[Operation::PutObject]),
    (TAGGING, &[Operation::PutObject]),
];

/// The operation that says by itself what a header of locks or tags says beside a write, if stores have one; none of
/// other headers.
fn said_alone(name: &str) -> Option<Option<Operation>> {
    match name {
        BUCKET_LOCK => Some(Some(Operation::PutObjectLockConfiguration)),
        HOLD => Some(Some(Operation::PutObjectLegalHold)),
        MODE | UNTIL => Some(Some(Operation::PutObjectRetention)),
        TAGGING | TAGGING_DIRECTIVE => Some(Some(Operation::PutObjectTagging)),
        // Holds that end with an event, and whatever comes.
        name => name.starts_with("x-amz-object-lock-").then_some(None),
    }
}

impl Profile {
    /// Amazon S3.
    pub const AWS: Self = Self {
        name: "aws",
        besides: None,
        trailers: true,
        signed_chunks: true,
        conditions: None,
        said: None,
        elements: &[],
        copies_tags: true,
        keys_are_octets: true,
        dialect: Dialect::S3,
    };
    /// MinIO.
    pub const MINIO: Self = Self {
        name: "minio",
        besides: Some(operations::MINIO),
        trailers: true,
        signed_chunks: true,
        conditions: Some(MINIO_KEEPS),
        said: Some(MINIO_SAID),
        elements: &[operations::USUAL],
        copies_tags: true,
        keys_are_octets: false,
        dialect: Dialect::Minio,
    };
    /// Ceph's radosgw: answers 411 to aws-chunked trailers.
    pub const CEPH: Self = Self {
        name: "ceph",
        besides: Some(operations::CEPH),
        trailers: false,
        signed_chunks: true,
        conditions: Some(CEPH_KEEPS),
        said: Some(CEPH_SAID),
        elements: &[operations::OF_CEPH, operations::USUAL],
        copies_tags: false,
        keys_are_octets: false,
        dialect: Dialect::Ceph,
    };
    /// Garage.
    pub const GARAGE: Self = Self {
        name: "garage",
        besides: Some(operations::GARAGE),
        trailers: true,
        signed_chunks: true,
        conditions: Some(COPIES),
        said: Some(&[]),
        elements: &[operations::OF_GARAGE, operations::USUAL],
        copies_tags: true,
        keys_are_octets: false,
        dialect: Dialect::S3,
    };
    /// A store nobody vouches for: only what every S3 server takes.
    pub const STRICT: Self = Self {
        name: "strict",
        besides: Some(&[]),
        trailers: false,
        signed_chunks: false,
        conditions: Some(&[]),
        said: Some(&[]),
        elements: &[operations::USUAL],
        copies_tags: true,
        keys_are_octets: false,
        dialect: Dialect::S3,
    };

    /// Every profile, in the order the configuration documents them.
    pub const ALL: [Self; 5] = [Self::AWS, Self::MINIO, Self::CEPH, Self::GARAGE, Self::STRICT];

    /// The profile of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name == name)
    }
}

/// One store: its kind, and what somebody has said of it besides.
#[derive(Clone, Debug)]
pub struct Kind {
    /// What is known of its kind.
    pub profile: Profile,
    /// Operations that it has besides (`upstream.operations`).
    pub operations: Arc<[Operation]>,
    /// Operations whose conditions it keeps, all of them (`upstream.conditions`).
    pub conditions: Arc<[Operation]>,
}

impl Kind {
    /// Whether the store is known to have an operation.
    pub fn has(&self, operation: Operation) -> bool {
        let Some(besides) = self.profile.besides else { return true };
        [operations::EVERYWHERE, besides, &self.operations].iter().any(|list| list.contains(&operation))
    }

    /// The elements that it is known to keep of an operation's document, as `Parent/Name`; none where all are, or an
    /// operator who has named the operation vouches for it.
    pub fn elements(&self, operation: Operation) -> Option<&'static [&'static str]> {
        if self.operations.contains(&operation) {
            return None;
        }
        let mut lists = self.profile.elements.iter().copied().flatten();
        lists.find(|(of, _)| *of == operation).map(|(_, elements)| *elements)
    }

    /// Whether it is known to keep such a condition of a write.
    pub fn keeps(&self, operation: Operation, about: About) -> bool {
        self.keeps_all(operation) || self.profile.conditions.is_some_and(|kept| kept.contains(&(operation, about)))
    }

    /// The same of the condition in a header, if it holds one.
    pub fn keeps_header(&self, operation: Operation, name: &HeaderName, value: &HeaderValue) -> bool {
        let Some(about) = About::header(name) else { return true };
        self.keeps_all(operation) || self.keeps(operation, about) && is_usual(name, value)
    }

    /// Whether it is known to keep what a header says of locks or tags. An operator who has named the operation
    /// that says the same by itself vouches for it.
    pub fn keeps_said(&self, operation: Operation, name: &HeaderName, value: &HeaderValue) -> bool {
        let (name, value) = (name.as_str(), value.as_bytes());
        let (Some(kept), Some(alone)) = (self.profile.said, said_alone(name)) else { return true };
        let nothing = match name {
            BUCKET_LOCK => value.eq_ignore_ascii_case(b"false"),
            TAGGING_DIRECTIVE => value.eq_ignore_ascii_case(b"COPY") || !self.has(Operation::PutObjectTagging),
            _ => value.is_empty(),
        };
        nothing
            || kept.iter().any(|(said, of)| *said == name && of.contains(&operation))
            || alone.is_some_and(|alone| self.operations.contains(&alone))
    }

    fn keeps_all(&self, operation: Operation) -> bool {
        self.profile.conditions.is_none() || self.conditions.contains(&operation)
    }
}

/// Whether stores that keep a condition keep it in this spelling. S3 itself knows `If-None-Match: *` alone of a write;
/// MinIO takes a list or a weak entity tag for one that matches nothing, radosgw any tag in quotes, and MinIO takes
/// an empty condition for none.
fn is_usual(name: &HeaderName, value: &HeaderValue) -> bool {
    match name.as_str() {
        "if-none-match" => value == "*",
        _ => !value.is_empty(),
    }
}
