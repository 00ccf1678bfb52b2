//! The source of a copy (spec/s3-operations.md 4): parsed once, here.

use std::borrow::Cow;

use super::super::name::{self, KeyRules};
use super::super::{Code, Fault, uri};
use super::Through;

/// The source of a copy, decoded once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CopySource {
    /// The header as sent; for conditions that look at it, never to find the source.
    pub sent: String,
    /// Source bucket; behind an access point empty until the address has been resolved.
    pub bucket: String,
    /// The access point that the source is read through.
    pub through: Option<Box<Through>>,
    /// Source key.
    pub key: String,
    /// Source version.
    pub version: Option<String>,
}

impl CopySource {
    /// A source by its parts, as if it had been sent in the one canonical spelling.
    pub fn new(bucket: &str, key: &str, version: Option<&str>) -> Self {
        let mut source =
            Self { bucket: bucket.into(), key: key.into(), version: version.map(str::to_owned), ..Self::default() };
        source.sent = source.canonical();
        source
    }

    /// The one spelling of this source that every client library writes: no slash in front, everything but
    /// unreserved characters and `/` escaped. Others name the same object and read differently in a
    /// condition.
    pub fn canonical(&self) -> String {
        let named = match self.through.as_deref().map(|through| through.shown.as_str()) {
            Some(arn) if arn.starts_with("arn:") => Cow::Owned(format!("{arn}/object")),
            Some(alias) => Cow::Borrowed(alias),
            None => Cow::Borrowed(self.bucket.as_str()),
        };
        let mut text = format!("{named}/{}", uri::encode_path(self.key.as_bytes()));
        if let Some(version) = &self.version {
            text.push_str("?versionId=");
            text.push_str(&uri::encode(version.as_bytes()));
        }
        text
    }
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
    let (bucket, key, through) = named(path, unreadable)?;
    keys.check(key)?;
    let version = version.map(decode).transpose()?.filter(|version| !version.is_empty());
    let sent = std::str::from_utf8(value).map_err(|_| unreadable())?.to_owned();
    let through = through.map(|shown| Box::new(Through { arn: String::new(), shown: shown.to_owned() }));
    Ok(CopySource { sent, bucket: bucket.to_owned(), through, key: key.to_owned(), version })
}

/// The bucket, or what names an access point instead, and the key.
fn named(path: &str, unreadable: impl Fn() -> Fault) -> Result<(&str, &str, Option<&str>), Fault> {
    if path.starts_with("arn:") {
        let found = name::split_behind_access_point(path).or_else(|| path.split_once("/object/"));
        let (point, key) = found.filter(|(_, key)| !key.is_empty()).ok_or_else(unreadable)?;
        return Ok(("", key, Some(point)));
    }
    let (bucket, key) = path.split_once('/').filter(|(_, key)| !key.is_empty()).ok_or_else(unreadable)?;
    if bucket.ends_with(name::ALIAS_ENDING) {
        return Ok(("", key, Some(bucket)));
    }
    if name::FOREIGN_ENDINGS.iter().any(|ending| bucket.ends_with(ending)) {
        return Err(Fault::plain(Code::NotImplemented, "copy-source-alias").with("Header", "x-amz-copy-source"));
    }
    if !name::is_addressable_bucket(bucket) {
        return Err(Fault::plain(Code::InvalidBucketName, "copy-source-bucket").with("BucketName", bucket));
    }
    Ok((bucket, key, None))
}
