//! The source of a copy, as records say it (spec/access-logs.md 6).

use super::super::json::Object;
use super::{LONG, SHORT};

/// What is copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Source<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The decoded key.
    pub key: &'a str,
    /// The version, if one is meant.
    pub version_id: Option<&'a str>,
    /// The account that owns the bucket.
    pub bucket_account: Option<&'a str>,
    /// The canonical id of the bucket's owner.
    pub bucket_owner: Option<&'a str>,
    /// The access point that it is read through.
    pub access_point: Option<&'a str>,
}

/// What became of reading it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SourceEnd<'a> {
    /// The status of the read.
    pub status: u16,
    /// The S3 error code of the read.
    pub error_code: Option<&'a str>,
    /// The full size of the object, if it is known.
    pub object_size: Option<u64>,
}

impl Source<'_> {
    pub(super) fn members(&self, object: &mut Object<'_>) {
        object.text("bucket_name", self.bucket.as_bytes(), SHORT);
        object.text("key", self.key.as_bytes(), LONG);
        object.maybe("version_id", self.version_id, SHORT);
        object.maybe("bucket_account", self.bucket_account, SHORT);
        object.maybe("bucket_owner_id", self.bucket_owner, SHORT);
        object.maybe("access_point_arn", self.access_point, SHORT);
    }
}

impl SourceEnd<'_> {
    pub(super) fn members(&self, object: &mut Object<'_>) {
        object.number("source_status", u64::from(self.status));
        object.maybe("source_error_code", self.error_code, SHORT);
        object.maybe_number("source_object_size", self.object_size);
    }
}
