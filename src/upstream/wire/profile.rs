//! What is known about kinds of stores, as data.

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
    /// Treats keys as plain octets, so dot segments and empty segments mean nothing special there.
    pub keys_are_octets: bool,
}

impl Profile {
    /// Amazon S3.
    pub const AWS: Self = Self { name: "aws", trailers: true, signed_chunks: true, keys_are_octets: true };
    /// MinIO.
    pub const MINIO: Self = Self { name: "minio", trailers: true, signed_chunks: true, keys_are_octets: false };
    /// Ceph's radosgw: answers 411 to aws-chunked trailers.
    pub const CEPH: Self = Self { name: "ceph", trailers: false, signed_chunks: true, keys_are_octets: false };
    /// Garage.
    pub const GARAGE: Self = Self { name: "garage", trailers: true, signed_chunks: true, keys_are_octets: false };
    /// A store nobody vouches for: only what every S3 server takes.
    pub const STRICT: Self = Self { name: "strict", trailers: false, signed_chunks: false, keys_are_octets: false };

    /// Every profile, in the order the configuration documents them.
    pub const ALL: [Self; 5] = [Self::AWS, Self::MINIO, Self::CEPH, Self::GARAGE, Self::STRICT];

    /// The profile of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name == name)
    }
}
