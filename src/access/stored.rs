//! What only the store knows. It is asked for when a decision hangs on it, and never before.

use std::fmt;

use crate::s3::encryption::Encryption;
use crate::s3::tags::Tags;

/// What has been looked up so far. Every answer may be `None`: not yet known. Whoever asks then notes the
/// [`Needs`], so that the caller looks just that up and asks again.
pub trait Stored {
    /// Whether the source of the copy has tags: `x-amz-tagging-count` of a HEAD.
    fn source_has_tags(&self) -> Option<bool> {
        self.source_tags().map(|tags| !tags.is_empty())
    }

    /// The tags of the source of the copy; empty when there is no such object.
    fn source_tags(&self) -> Option<&Tags>;

    /// The tags of the version the request is about, before it is carried out; empty when there is none.
    fn target_tags(&self) -> Option<&Tags>;

    /// The encryption that a multipart upload was begun with; `Some(None)` when nobody remembers.
    fn upload(&self) -> Option<Option<&UploadEncryption>>;
}

/// Nothing has been looked up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

/// What has been looked up, as plain values.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// Whether the source has tags, where only that was asked.
    pub source_has_tags: Option<bool>,
    /// The source's tags.
    pub source_tags: Option<Tags>,
    /// The target's tags.
    pub target_tags: Option<Tags>,
    /// The upload's encryption.
    pub upload: Option<Option<UploadEncryption>>,
}

/// What CreateMultipartUpload said about encryption (spec/s3-authorization.md 6, multipart-encryption).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UploadEncryption {
    /// `x-amz-server-side-encryption`
    pub algorithm: Option<String>,
    /// `x-amz-server-side-encryption-aws-kms-key-id`, as conditions saw it then.
    pub kms_key: Option<String>,
    /// `x-amz-server-side-encryption-customer-algorithm`
    pub customer_algorithm: Option<String>,
    /// How its parts are encrypted, whoever said so.
    pub encryption: Encryption,
}

/// Facts that a result would change with.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Needs(u8);

impl Needs {
    /// None.
    pub const NONE: Self = Self(0);
    /// [`Stored::source_has_tags`]
    pub const SOURCE_HAS_TAGS: Self = Self(1);
    /// [`Stored::source_tags`]
    pub const SOURCE_TAGS: Self = Self(2);
    /// [`Stored::target_tags`]
    pub const TARGET_TAGS: Self = Self(4);
    /// [`Stored::upload`]
    pub const UPLOAD: Self = Self(8);

    /// Whether nothing is missing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of these are among them.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::SOURCE_HAS_TAGS, "source-has-tags"),
            (Self::SOURCE_TAGS, "source-tags"),
            (Self::TARGET_TAGS, "target-tags"),
            (Self::UPLOAD, "upload"),
        ];
        f.debug_set().entries(names.iter().filter(|(need, _)| self.has(*need)).map(|(_, name)| name)).finish()
    }
}

impl Stored for Nothing {
    fn source_tags(&self) -> Option<&Tags> {
        None
    }

    fn target_tags(&self) -> Option<&Tags> {
        None
    }

    fn upload(&self) -> Option<Option<&UploadEncryption>> {
        None
    }
}

impl Stored for Looked {
    fn source_has_tags(&self) -> Option<bool> {
        self.source_has_tags.or_else(|| self.source_tags.as_ref().map(|tags| !tags.is_empty()))
    }

    fn source_tags(&self) -> Option<&Tags> {
        self.source_tags.as_ref()
    }

    fn target_tags(&self) -> Option<&Tags> {
        self.target_tags.as_ref()
    }

    fn upload(&self) -> Option<Option<&UploadEncryption>> {
        self.upload.as_ref().map(Option::as_ref)
    }
}
