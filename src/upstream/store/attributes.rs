//! What clients say about an object or bucket besides its data: headers and tags.

use std::collections::HashSet;

use http::HeaderMap;

use crate::s3::{Code, Fault, tags};

use super::record::Attributes;
use super::request::{Request, invalid_request, not_implemented};

/// Headers that come back as they were sent.
const KEPT: [&str; 6] =
    ["cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"];
pub(super) const REDIRECT: &str = "x-amz-website-redirect-location";
const META: &str = "x-amz-meta-";
const META_LIMIT: usize = 2048;

/// Everything that a write says about the object, checked.
pub(super) fn read(request: &Request) -> Result<Attributes, Fault> {
    vet(request)?;
    Ok(Attributes { headers: headers(&request.forward().headers)?, tags: tags_header(request)? })
}

/// Refuses headers that ask for what this store does not do; promising it silently would be a lie.
pub(super) fn vet(request: &Request) -> Result<(), Fault> {
    const UNSUPPORTED: [&str; 5] = [
        "x-amz-write-offset-bytes",
        "x-amz-object-lock-event-hold",
        "x-amz-object-lock-event-hold-duration-days",
        "x-amz-object-lock-event-hold-duration-years",
        "x-amz-bucket-namespace",
    ];
    const LOCK: [&str; 3] =
        ["x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold"];
    let headers = &request.forward().headers;
    if let Some(name) = UNSUPPORTED.into_iter().find(|name| headers.contains_key(*name)) {
        return Err(not_implemented(name));
    }
    if LOCK.into_iter().any(|name| headers.contains_key(name)) {
        return Err(invalid_request("no-object-lock", "Bucket is missing Object Lock Configuration"));
    }
    if headers.keys().any(|name| name.as_str().starts_with("x-amz-grant-"))
        || !matches!(request.header("x-amz-acl"), None | Some("private" | "bucket-owner-full-control"))
    {
        let message = "The bucket does not allow ACLs";
        return Err(Fault::new(Code::AccessControlListNotSupported, "no-acls", message));
    }
    match request.header("x-amz-storage-class") {
        None | Some("STANDARD") => Ok(()),
        Some(other) => {
            let message = "The storage class you specified is not valid";
            Err(Fault::new(Code::InvalidStorageClass, "storage-class", message).with("StorageClassRequested", other))
        }
    }
}

/// The headers to keep, user metadata last.
fn headers(headers: &HeaderMap) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let joined = |name: &str| {
        let lines: Vec<&[u8]> = headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
        lines.join(&b","[..])
    };
    let kept = KEPT.iter().chain([&REDIRECT]).filter(|name| headers.contains_key(**name));
    let mut found: Vec<(String, Vec<u8>)> = kept.map(|name| ((*name).to_owned(), joined(name))).collect();
    let mut size = 0_usize;
    for name in headers.keys().map(http::HeaderName::as_str) {
        let Some(short) = name.strip_prefix(META) else { continue };
        let value = joined(name);
        size = size.saturating_add(short.len()).saturating_add(value.len());
        found.push((name.to_owned(), value));
    }
    if size > META_LIMIT {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(Fault::new(Code::MetadataTooLarge, "metadata-too-large", message)
            .with("Size", size.to_string())
            .with("MaxSizeAllowed", META_LIMIT.to_string()));
    }
    Ok(found)
}

/// `x-amz-tagging`, written like a query.
pub(super) fn tags_header(request: &Request) -> Result<Vec<(String, String)>, Fault> {
    let Some(text) = request.header("x-amz-tagging") else { return Ok(Vec::new()) };
    let tags = tags::from_header(text)?;
    check_tags(&tags, 10)?;
    Ok(tags)
}

/// The rules for tags of objects (10 at most) and buckets (50).
pub(super) fn check_tags(tags: &[(String, String)], limit: usize) -> Result<(), Fault> {
    if tags.len() > limit {
        let message = if limit == 10 {
            "Object tags cannot be greater than 10".to_owned()
        } else {
            format!("Bucket tag count cannot be greater than {limit}")
        };
        return Err(Fault::new(Code::BadRequest, "too-many-tags", message));
    }
    let invalid =
        |message: &'static str, key: &str| Fault::new(Code::InvalidTag, "invalid-tag", message).with("TagKey", key);
    let allowed = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c));
    let mut seen = HashSet::new();
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > 128 || !allowed(key) {
            return Err(invalid("The TagKey you have provided is invalid", key));
        }
        if value.chars().count() > 256 || !allowed(value) {
            return Err(invalid("The TagValue you have provided is invalid", key).with("TagValue", value.as_str()));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("System tags cannot be added/updated by requester", key));
        }
        if !seen.insert(key) {
            return Err(invalid("Cannot provide multiple Tags with the same key", key));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_outside_the_rules_are_refused() {
        let check = |tags: &[(&str, &str)], expected: Option<Code>| {
            let tags: Vec<_> = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(check_tags(&tags, 10).err().map(|fault| fault.code()), expected, "{tags:?}");
        };
        let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
        check(&[("a", ""), ("ä b+-=._:/@", "x")], None);
        check(&[("", "x")], Some(Code::InvalidTag));
        check(&[(&long_key, "x")], Some(Code::InvalidTag));
        check(&[("a", &long_value)], Some(Code::InvalidTag));
        check(&[("a", "1"), ("a", "2")], Some(Code::InvalidTag));
        check(&[("aws:x", "1")], Some(Code::InvalidTag));
        check(&[("a<", "1")], Some(Code::InvalidTag));
        check(&[("a", "1"); 11], Some(Code::BadRequest));
    }
}
