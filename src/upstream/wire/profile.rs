//! What is known about kinds of stores, as data.

use super::operations;
use crate::s3::Operation;

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
    /// Keeps the conditions of entries of DeleteObjects (`ETag`, `LastModifiedTime`, `Size`). A store that does
    /// not know them deletes what the client wanted kept.
    pub delete_conditions: bool,
    /// Treats keys as plain octets, so dot segments and empty segments mean nothing special there.
    pub keys_are_octets: bool,
    /// In whose words it speaks of keys.
    pub dialect: Dialect,
}

impl Profile {
    /// Amazon S3.
    pub const AWS: Self = Self {
        name: "aws",
        besides: None,
        trailers: true,
        signed_chunks: true,
        delete_conditions: true,
        keys_are_octets: true,
        dialect: Dialect::S3,
    };
    /// MinIO.
    pub const MINIO: Self = Self {
        name: "minio",
        besides: Some(operations::MINIO),
        trailers: true,
        signed_chunks: true,
        delete_conditions: false,
        keys_are_octets: false,
        dialect: Dialect::Minio,
    };
    /// Ceph's radosgw: answers 411 to aws-chunked trailers.
    pub const CEPH: Self = Self {
        name: "ceph",
        besides: Some(operations::CEPH),
        trailers: false,
        signed_chunks: true,
        delete_conditions: false,
        keys_are_octets: false,
        dialect: Dialect::Ceph,
    };
    /// Garage.
    pub const GARAGE: Self = Self {
        name: "garage",
        besides: Some(operations::GARAGE),
        trailers: true,
        signed_chunks: true,
        delete_conditions: false,
        keys_are_octets: false,
        dialect: Dialect::S3,
    };
    /// A store nobody vouches for: only what every S3 server takes.
    pub const STRICT: Self = Self {
        name: "strict",
        besides: Some(&[]),
        trailers: false,
        signed_chunks: false,
        delete_conditions: false,
        keys_are_octets: false,
        dialect: Dialect::S3,
    };

    /// Every profile, in the order the configuration documents them.
    pub const ALL: [Self; 5] = [Self::AWS, Self::MINIO, Self::CEPH, Self::GARAGE, Self::STRICT];

    /// Whether the store has an operation. `more`: what somebody has said that this one has besides.
    pub fn has(&self, operation: Operation, more: &[Operation]) -> bool {
        let Some(besides) = self.besides else { return true };
        [operations::EVERYWHERE, besides, more].iter().any(|list| list.contains(&operation))
    }

    /// The profile of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name == name)
    }
}
