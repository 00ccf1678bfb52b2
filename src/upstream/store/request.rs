//! A request as the operations read it.

use std::sync::Arc;

use crate::s3::{Code, Fault};

use super::super::{CopySource, Forward};
use super::checksums::Algorithm;
use super::record::BucketRow;

/// A request, shared between the caller and the store's threads.
#[derive(Clone)]
pub(super) struct Request(Arc<Forward>);

impl Request {
    /// Refuses names that could not have come through the front door and would blur the index.
    pub(super) fn new(forward: Forward) -> Result<Self, (Box<Forward>, Fault)> {
        match vet_names(&forward) {
            Ok(()) => Ok(Self(Arc::new(forward))),
            Err(fault) => Err((Box::new(forward), fault)),
        }
    }

    pub(super) fn forward(&self) -> &Forward {
        &self.0
    }

    pub(super) fn bucket(&self) -> &str {
        self.0.bucket.as_deref().unwrap_or_default()
    }

    pub(super) fn key(&self) -> &str {
        self.0.key.as_deref().unwrap_or_default()
    }

    pub(super) fn source(&self) -> Result<&CopySource, Fault> {
        self.0.copy_source.as_ref().ok_or_else(|| {
            let message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
            Fault::argument("copy-source", message, "x-amz-copy-source", None)
        })
    }

    /// A query parameter; an empty one counts as present.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.0.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A header that is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).map(str::trim)
    }

    /// A whole number from the query, between 0 and a limit that larger ones are cut to.
    pub(super) fn count(&self, name: &'static str, limit: usize) -> Result<usize, Fault> {
        let Some(text) = self.query(name).filter(|text| !text.is_empty()) else { return Ok(limit) };
        match text.parse::<i32>().ok().and_then(|number| usize::try_from(number).ok()) {
            Some(number) => Ok(number.min(limit)),
            None => {
                let message = format!("Provided {name} not an integer or within integer range");
                Err(Fault::argument("not-a-count", message, name, Some(text.to_owned())))
            }
        }
    }

    /// The version asked for: none, or the one called `null`, or one that does not exist.
    pub(super) fn version(&self) -> Result<Version, Fault> {
        Version::read(self.query("versionId"))
    }

    /// `partNumber`, if it is there.
    pub(super) fn part_number(&self) -> Result<Option<u32>, Fault> {
        let Some(text) = self.query("partNumber") else { return Ok(None) };
        match text.parse::<u32>() {
            Ok(number @ 1..=10_000) => Ok(Some(number)),
            _ => {
                let message = "Part number must be an integer between 1 and 10000, inclusive";
                Err(Fault::argument("part-number", message, "partNumber", Some(text.to_owned())))
            }
        }
    }

    /// `x-amz-checksum-algorithm`, if it is there.
    pub(super) fn checksum_algorithm(&self) -> Result<Option<Algorithm>, Fault> {
        let Some(name) = self.header("x-amz-checksum-algorithm") else { return Ok(None) };
        Algorithm::named(name).map(Some).ok_or_else(|| {
            let message = "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
                [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]";
            Fault::new(Code::InvalidRequest, "checksum-algorithm", message)
        })
    }

    /// The checksums that came as headers.
    pub(super) fn checksum_headers(&self) -> impl Iterator<Item = (Algorithm, &str)> {
        Algorithm::ALL.into_iter().filter_map(|algorithm| Some((algorithm, self.header(algorithm.header())?)))
    }

    /// The bucket, if it exists and belongs to whom the caller says.
    pub(super) fn owned_bucket(&self, row: Option<BucketRow>) -> Result<BucketRow, Fault> {
        owned(row, self.bucket(), self.header("x-amz-expected-bucket-owner"))
    }

    /// The same for the source of a copy.
    pub(super) fn owned_source(&self, row: Option<BucketRow>, name: &str) -> Result<BucketRow, Fault> {
        owned(row, name, self.header("x-amz-source-expected-bucket-owner"))
    }
}

fn vet_names(forward: &Forward) -> Result<(), Fault> {
    let source = forward.copy_source.as_ref();
    let names = [&forward.bucket, &forward.key].into_iter().flatten();
    let mut names = names.chain(source.into_iter().flat_map(|source| [&source.bucket, &source.key]));
    if names.any(|name| name.is_empty() || name.contains('\0')) {
        return Err(Fault::plain(Code::InvalidURI, "name-with-nul"));
    }
    if forward.key.as_ref().is_some_and(|key| key.len() > 1024) {
        return Err(Fault::plain(Code::KeyTooLongError, "key-too-long").with("MaxSizeAllowed", "1024"));
    }
    Ok(())
}

fn owned(row: Option<BucketRow>, name: &str, expected: Option<&str>) -> Result<BucketRow, Fault> {
    let row = row.ok_or_else(|| no_such_bucket(name))?;
    match expected {
        Some(expected) if expected != row.owner => {
            Err(Fault::new(Code::AccessDenied, "expected-bucket-owner", "Access Denied"))
        }
        _ => Ok(row),
    }
}

/// Which version of an object is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Version {
    /// The current one.
    Current,
    /// The one called `null`.
    Null,
    /// None that exists here.
    Unknown,
}

impl Version {
    pub(super) fn read(id: Option<&str>) -> Result<Self, Fault> {
        match id {
            None => Ok(Self::Current),
            Some("null") => Ok(Self::Null),
            Some(id) if !id.is_empty() && id.len() <= 1024 && id.bytes().all(|octet| octet.is_ascii_graphic()) => {
                Ok(Self::Unknown)
            }
            Some(id) => {
                let message = "Invalid version id specified";
                Err(Fault::argument("version-id", message, "versionId", Some(id.to_owned())))
            }
        }
    }
}

pub(super) fn no_such_bucket(name: &str) -> Fault {
    Fault::new(Code::NoSuchBucket, "no-such-bucket", "The specified bucket does not exist").with("BucketName", name)
}

pub(super) fn no_such_key(key: &str) -> Fault {
    Fault::new(Code::NoSuchKey, "no-such-key", "The specified key does not exist.").with("Key", key)
}

pub(super) fn no_such_version(key: &str, version: &str) -> Fault {
    Fault::plain(Code::NoSuchVersion, "no-such-version").with("Key", key).with("VersionId", version)
}

pub(super) fn not_implemented(header: &'static str) -> Fault {
    let message = "A header you provided implies functionality that is not implemented";
    Fault::new(Code::NotImplemented, "header-not-implemented", message).with("Header", header)
}

pub(super) fn invalid_request(reason: &'static str, message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Code::InvalidRequest, reason, message)
}
