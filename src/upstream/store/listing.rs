//! ListObjects, ListObjectsV2 and ListObjectVersions.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::s3::Fault;

use super::Reply;
use super::answer::{self, checksum_type, date, owner, quoted};
use super::fault::Halt;
use super::list::{After, Item, Page, Walk, walk};
use super::record::{Facts, Row};
use super::request::Request;
use super::shell::Shell;
use super::xml::{Xml, url};

/// Lines in a page.
pub(super) const PAGE: usize = 1000;

/// The parameters that all listings share.
pub(super) struct Query<'a> {
    pub(super) prefix: &'a str,
    pub(super) delimiter: &'a str,
    pub(super) limit: usize,
    encode: bool,
}

impl<'a> Query<'a> {
    pub(super) fn read(request: &'a Request, limit: &'static str) -> Result<Self, Fault> {
        let encode = match request.query("encoding-type") {
            None | Some("") => false,
            Some("url") => true,
            Some(other) => {
                let message = "Invalid Encoding Method specified in Request";
                return Err(Fault::argument("encoding-type", message, "encoding-type", Some(other.to_owned())));
            }
        };
        Ok(Self {
            prefix: request.query("prefix").unwrap_or_default(),
            delimiter: request.query("delimiter").unwrap_or_default(),
            limit: request.count(limit, PAGE)?,
            encode,
        })
    }

    pub(super) fn walk(&self, request: &'a Request, after: After, once_per_key: bool) -> Walk<'a> {
        let Self { prefix, delimiter, limit, .. } = *self;
        Walk { bucket: request.bucket(), prefix, delimiter, after, limit, once_per_key }
    }

    /// A name as the client wants it.
    pub(super) fn name(&self, xml: &mut Xml, element: &str, name: &str) {
        if self.encode {
            xml.text(element, &url(name))
        } else {
            xml.text(element, name)
        };
    }

    /// The elements that say what was asked for; `limit_element` is `MaxKeys` or `MaxUploads`.
    pub(super) fn echo(&self, xml: &mut Xml, limit_element: &str, truncated: bool) {
        self.name(xml, "Prefix", self.prefix);
        xml.number(limit_element, self.limit);
        if !self.delimiter.is_empty() {
            self.name(xml, "Delimiter", self.delimiter);
        }
        if self.encode {
            xml.text("EncodingType", "url");
        }
        xml.flag("IsTruncated", truncated);
    }

    pub(super) fn prefixes<T>(&self, xml: &mut Xml, page: &Page<T>) {
        for item in &page.items {
            if let Item::Prefix(prefix) = item {
                xml.open("CommonPrefixes");
                self.name(xml, "Prefix", prefix);
                xml.close("CommonPrefixes");
            }
        }
    }
}

/// `GET /bucket`
pub(super) async fn objects_v1(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let asked = request.clone();
    let read = move |_: &_, view: &super::index::View| {
        let request = &asked;
        let query = Query::read(request, "max-keys")?;
        request.owned_bucket(view.bucket(request.bucket())?)?;
        let marker = request.query("marker").unwrap_or_default();
        let after = After::marker(marker, query.prefix, query.delimiter);
        let page = walk(&view.objects, &query.walk(request, after, true), current)?;
        let mut xml = Xml::new("ListBucketResult");
        xml.text("Name", request.bucket());
        query.name(&mut xml, "Marker", marker);
        query.echo(&mut xml, "MaxKeys", page.truncated);
        if page.truncated && !query.delimiter.is_empty() {
            query.name(&mut xml, "NextMarker", last_name(&page));
        }
        contents(&mut xml, &query, &page, true);
        query.prefixes(&mut xml, &page);
        Ok(answer::document(xml.finish("ListBucketResult")))
    };
    shell.read(read).await
}

/// `GET /bucket?list-type=2`
pub(super) async fn objects_v2(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let asked = request.clone();
    let read = move |_: &_, view: &super::index::View| {
        let request = &asked;
        let query = Query::read(request, "max-keys")?;
        request.owned_bucket(view.bucket(request.bucket())?)?;
        let (token, start) = (request.query("continuation-token"), request.query("start-after").unwrap_or_default());
        let after = match token {
            Some(token) => untoken(token)?,
            None => After::marker(start, query.prefix, query.delimiter),
        };
        let page = walk(&view.objects, &query.walk(request, after, true), current)?;
        let mut xml = Xml::new("ListBucketResult");
        xml.text("Name", request.bucket());
        query.echo(&mut xml, "MaxKeys", page.truncated);
        if let Some(token) = token {
            xml.text("ContinuationToken", token);
        }
        if page.truncated {
            xml.text("NextContinuationToken", &to_token(&page.last()));
        }
        if !start.is_empty() {
            query.name(&mut xml, "StartAfter", start);
        }
        xml.number("KeyCount", page.items.len());
        contents(&mut xml, &query, &page, request.query("fetch-owner") == Some("true"));
        query.prefixes(&mut xml, &page);
        Ok(answer::document(xml.finish("ListBucketResult")))
    };
    shell.read(read).await
}

/// `GET /bucket?versions`
pub(super) async fn versions(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let asked = request.clone();
    let read = move |_: &_, view: &super::index::View| {
        let request = &asked;
        let query = Query::read(request, "max-keys")?;
        request.owned_bucket(view.bucket(request.bucket())?)?;
        let (key, version) = version_markers(request)?;
        // Every key has one version, `null`, so a page never begins in the middle of a key.
        let after = After::marker(key, query.prefix, query.delimiter);
        let page = walk(&view.objects, &query.walk(request, after, true), current)?;
        let mut xml = Xml::new("ListVersionsResult");
        xml.text("Name", request.bucket());
        query.name(&mut xml, "KeyMarker", key);
        xml.text("VersionIdMarker", version);
        query.echo(&mut xml, "MaxKeys", page.truncated);
        if page.truncated {
            query.name(&mut xml, "NextKeyMarker", last_name(&page));
            if let Some(Item::Entry { .. }) = page.items.last() {
                xml.text("NextVersionIdMarker", "null");
            }
        }
        for item in &page.items {
            if let Item::Entry { key, value, .. } = item {
                xml.open("Version");
                query.name(&mut xml, "Key", key);
                xml.text("VersionId", "null").flag("IsLatest", true);
                facts(&mut xml, value, true);
                xml.close("Version");
            }
        }
        query.prefixes(&mut xml, &page);
        Ok(answer::document(xml.finish("ListVersionsResult")))
    };
    shell.read(read).await
}

fn version_markers(request: &Request) -> Result<(&str, &str), Fault> {
    let (key, version) = (request.query("key-marker").unwrap_or_default(), request.query("version-id-marker"));
    let refuse = |message: &'static str, value: &str| {
        Err(Fault::argument("version-marker", message, "version-id-marker", Some(value.to_owned())))
    };
    match version {
        Some("") if !key.is_empty() => refuse("A version-id marker cannot be empty.", ""),
        Some(version) if !version.is_empty() && key.is_empty() => {
            refuse("A version-id marker cannot be specified without a key marker.", version)
        }
        Some(version) if !version.is_empty() && version != "null" => refuse("Invalid version id specified", version),
        version => Ok((key, version.unwrap_or_default())),
    }
}

/// The current version of a key, unless that is a delete marker.
fn current(_key: &str, _tail: &[u8], value: &[u8]) -> Result<Option<Facts>, super::StoreError> {
    Ok(Some(Facts::decode(value)?).filter(|facts| !facts.delete_marker))
}

fn contents(xml: &mut Xml, query: &Query<'_>, page: &Page<Facts>, with_owner: bool) {
    for item in &page.items {
        if let Item::Entry { key, value, .. } = item {
            xml.open("Contents");
            query.name(xml, "Key", key);
            facts(xml, value, with_owner);
            xml.close("Contents");
        }
    }
}

fn facts(xml: &mut Xml, facts: &Facts, with_owner: bool) {
    xml.text("LastModified", &date(facts.modified)).text("ETag", &quoted(&facts.etag));
    if let Some(checksum) = &facts.checksum {
        xml.text("ChecksumAlgorithm", checksum.algorithm.name());
        xml.text("ChecksumType", checksum_type(checksum.composite));
    }
    xml.number("Size", facts.size);
    if with_owner {
        owner(xml, "Owner", &facts.owner);
    }
    xml.text("StorageClass", "STANDARD");
}

fn last_name<T>(page: &Page<T>) -> &str {
    match page.items.last() {
        Some(Item::Entry { key, .. }) => key,
        Some(Item::Prefix(prefix)) => prefix,
        None => "",
    }
}

/// A continuation token: what kind of name the last page ended with, and the name.
fn to_token(after: &After) -> String {
    let (kind, name) = match after {
        After::Nothing => ("n", ""),
        After::Key(key) | After::Row(key, _) => ("k", key.as_str()),
        After::Prefix(prefix) => ("p", prefix.as_str()),
    };
    BASE64.encode(format!("{kind}{name}"))
}

/// Reads a token. A forged one only begins elsewhere in the same bucket.
fn untoken(token: &str) -> Result<After, Fault> {
    let text = BASE64.decode(token).ok().and_then(|octets| String::from_utf8(octets).ok());
    let after = text.as_deref().and_then(|text| match text.split_at_checked(1)? {
        ("k", key) => Some(After::Key(key.to_owned())),
        ("p", prefix) => Some(After::Prefix(prefix.to_owned())),
        _ => None,
    });
    after.ok_or_else(|| {
        let message = "The continuation token provided is incorrect";
        Fault::argument("continuation-token", message, "continuation-token", None)
    })
}
