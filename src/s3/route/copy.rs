//! The source of a copy (spec/s3-operations.md 4): parsed once, here.

use super::super::name::{self, KeyRules};
use super::super::{Code, Fault, uri};

/// The source of a copy, decoded once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CopySource {
    /// Source bucket.
    pub bucket: String,
    /// Source key.
    pub key: String,
    /// Source version.
    pub version: Option<String>,
}

/// Reads `bucket/key[?versionId=id]` (spec/s3-operations.md 4).
pub(super) fn read_copy_source(value: &[u8], keys: KeyRules) -> Result<CopySource, Fault> {
    let unreadable = || {
        let message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
        Fault::argument("copy-source", message, "x-amz-copy-source", std::str::from_utf8(value).ok().map(str::to_owned))
    };
    let decode = |wire: &[u8]| -> Result<String, Fault> {
        let octets = uri::decode(wire).map_err(|_| unreadable())?;
        String::from_utf8(octets.into_owned()).ok().filter(|text| !text.contains('\0')).ok_or_else(unreadable)
    };
    let (path, version) = match memchr::memmem::rfind(value, b"?versionId=") {
        Some(at) => (value.get(..at).unwrap_or_default(), value.get(at + 11..)),
        None => (value, None),
    };
    let path = decode(path)?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    if path.starts_with("arn:") {
        return Err(Fault::plain(Code::NotImplemented, "copy-source-arn").with("Header", "x-amz-copy-source"));
    }
    let (bucket, key) = path.split_once('/').filter(|(_, key)| !key.is_empty()).ok_or_else(unreadable)?;
    if !name::is_addressable_bucket(bucket) {
        return Err(Fault::plain(Code::InvalidBucketName, "copy-source-bucket").with("BucketName", bucket));
    }
    name::check_key_length(key)?;
    keys.check(key)?;
    let version = version.map(decode).transpose()?.filter(|version| !version.is_empty());
    Ok(CopySource { bucket: bucket.to_owned(), key: key.to_owned(), version })
}
