//! Server-side encryption, as requests and answers speak of it (spec/encryption.md 1, 2).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use zeroize::Zeroizing;

/// `x-amz-server-side-encryption`
pub const KIND: HeaderName = HeaderName::from_static("x-amz-server-side-encryption");
/// `x-amz-server-side-encryption-aws-kms-key-id`
pub const KEY_ID: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id");
/// `x-amz-server-side-encryption-context`
pub const CONTEXT: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-context");
/// `x-amz-server-side-encryption-bucket-key-enabled`
pub const BUCKET_KEY: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-bucket-key-enabled");

/// The three headers about a key that the client keeps (SSE-C).
#[derive(Debug)]
pub struct Triple {
    /// The algorithm: `AES256`.
    pub algorithm: HeaderName,
    /// The key, in base64. A secret.
    pub key: HeaderName,
    /// The MD5 of the key, in base64.
    pub md5: HeaderName,
}

/// Of the object that a request is about.
pub const CUSTOMER: Triple = Triple {
    algorithm: HeaderName::from_static("x-amz-server-side-encryption-customer-algorithm"),
    key: HeaderName::from_static("x-amz-server-side-encryption-customer-key"),
    md5: HeaderName::from_static("x-amz-server-side-encryption-customer-key-md5"),
};

/// Of what is copied.
pub const SOURCE: Triple = Triple {
    algorithm: HeaderName::from_static("x-amz-copy-source-server-side-encryption-customer-algorithm"),
    key: HeaderName::from_static("x-amz-copy-source-server-side-encryption-customer-key"),
    md5: HeaderName::from_static("x-amz-copy-source-server-side-encryption-customer-key-md5"),
};

impl Triple {
    /// Whether any of them is there.
    pub fn is_in(&self, headers: &HeaderMap) -> bool {
        [&self.algorithm, &self.key, &self.md5].into_iter().any(|name| headers.contains_key(name))
    }

    /// The key itself, if it is one: 32 octets. Wiped when dropped.
    pub fn decoded(&self, headers: &HeaderMap) -> Option<Zeroizing<[u8; 32]>> {
        let mut octets = Zeroizing::new([0; 33]); // more than a key has room, and is none
        let written = STANDARD.decode_slice(headers.get(&self.key)?.as_bytes(), octets.as_mut()).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(octets.get(..32).filter(|_| written == 32)?);
        Some(key)
    }
}

/// The kinds that have a name on the wire; from the weakest to the strongest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// `AES256`: a key of the service.
    S3,
    /// `aws:kms`: a KMS key.
    Kms,
    /// `aws:kms:dsse`: a KMS key, two layers.
    Dsse,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::S3, Self::Kms, Self::Dsse];

    /// The kind of this name; its case counts.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "AES256",
            Self::Kms => "aws:kms",
            Self::Dsse => "aws:kms:dsse",
        }
    }

    /// Whether a KMS key is used.
    pub const fn uses_kms(self) -> bool {
        matches!(self, Self::Kms | Self::Dsse)
    }
}

/// How an object is encrypted, or is to be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Encryption {
    /// Not at all, or nobody knows.
    #[default]
    None,
    /// With a key that the client sends (SSE-C).
    Customer,
    /// With a key of the service.
    S3,
    /// With a KMS key.
    Kms {
        /// The key's ARN.
        key: Arc<str>,
        /// Under a key of the bucket, which costs KMS one call for many objects.
        bucket_key: bool,
    },
    /// With a KMS key, in two layers.
    Dsse {
        /// The key's ARN.
        key: Arc<str>,
    },
}

impl Encryption {
    /// The KMS key, by its ARN.
    pub fn key(&self) -> Option<&Arc<str>> {
        match self {
            Self::Kms { key, .. } | Self::Dsse { key } => Some(key),
            Self::None | Self::Customer | Self::S3 => None,
        }
    }

    /// Whether it is under a key of the bucket.
    pub fn has_bucket_key(&self) -> bool {
        matches!(self, Self::Kms { bucket_key: true, .. })
    }

    /// What the wire calls it; none of what it has no name for.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::None | Self::Customer => None,
            Self::S3 => Some(Kind::S3),
            Self::Kms { .. } => Some(Kind::Kms),
            Self::Dsse { .. } => Some(Kind::Dsse),
        }
    }
}
