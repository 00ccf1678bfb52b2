//! The PutObject that a form stands for (spec/sigv4.md 10.4). What holds for a PutObject holds for it,
//! because it is routed as one.

use super::{
    Auth, CONSUMED, IDLE, Operation, QUERY_AUTHENTICATION, Routed, Rules, among, is_checksum_value,
    misplaced_copy_source, route, unknown_header,
};
use crate::s3::form::{AUTHENTICATION, Fields};
use crate::s3::uri::{self, Query};
use crate::s3::{Fault, Head, xml};

/// Fields that are no headers of the object.
const OF_THE_FORM: [&str; 7] = [
    "awsaccesskeyid",
    "bucket",
    "key",
    "redirect",
    "success_action_redirect",
    "success_action_status",
    "x-amz-security-token",
];

/// Headers that speak of a framing which the file of a form has not.
const NEVER: [&str; 3] = ["x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer"];

/// The headers of the object, from the fields of its form.
#[derive(Debug)]
pub struct FormHeaders<'a>(Vec<(&'a str, std::borrow::Cow<'a, str>)>);

impl<'a> FormHeaders<'a> {
    /// Maps fields to headers.
    ///
    /// # Errors
    /// `NotImplemented` and `InvalidArgument` for a field that would make another request of it;
    /// `MalformedXML` for tags that are none.
    pub fn of(fields: &'a Fields) -> Result<Self, Fault> {
        let mut headers = Vec::new();
        for (name, value) in fields.iter() {
            if NEVER.contains(&name) {
                return Err(unknown_header(name.as_bytes()));
            }
            if OF_THE_FORM.contains(&name) || AUTHENTICATION.contains(&name) || name.starts_with("x-ignore-") {
                continue;
            }
            match name {
                "x-amz-copy-source" => return Err(misplaced_copy_source(value.as_bytes())),
                "acl" => headers.push(("x-amz-acl", value.into())),
                "tagging" => headers.push(("x-amz-tagging", tags(value)?.into())),
                _ => headers.push((name, value.into())),
            }
        }
        Ok(Self(headers))
    }

    /// Lends them as the head of a PutObject.
    pub fn with_head<T>(&self, read: impl FnOnce(&Head<'_>) -> T) -> T {
        let lines: Vec<(&[u8], &[u8])> =
            self.0.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        read(&Head { method: b"PUT", target: b"/", lines: &lines, authority: None })
    }
}

/// The document in the field `tagging`, as the header has it.
fn tags(document: &str) -> Result<String, Fault> {
    let pair =
        |(key, value): (String, String)| format!("{}={}", uri::encode(key.as_bytes()), uri::encode(value.as_bytes()));
    let pairs: Vec<String> = xml::tags(document.as_bytes())?.into_iter().map(pair).collect();
    Ok(pairs.join("&"))
}

/// Headers of authentication, payload and transport. They are known everywhere; of a form, which its fields
/// alone speak for, they say nothing.
fn means_nothing(lower: &[u8]) -> bool {
    among(&IDLE, lower) || among(&CONSUMED, lower) || among(&QUERY_AUTHENTICATION, lower) || is_checksum_value(lower)
}

/// Routes a form to this bucket. `head` is the request's own: it may say nothing of the object, because
/// no policy has seen it.
///
/// # Errors
/// As for [`route`]; the rules of keys.
pub fn route_form(
    bucket: &str,
    fields: &Fields,
    headers: &FormHeaders<'_>,
    head: &Head<'_>,
    rules: Rules,
) -> Result<Routed, Fault> {
    for (line, _) in head.lines {
        let lower = std::str::from_utf8(line).unwrap_or_default().to_ascii_lowercase();
        if lower.starts_with("x-amz-") && !means_nothing(lower.as_bytes()) {
            return Err(unknown_header(lower.as_bytes()));
        }
    }
    if fields.get("bucket").is_some_and(|named| named != bucket) {
        let message = "The form names another bucket than the request.";
        return Err(Fault::argument("form-bucket", message, "bucket", None));
    }
    let key = fields.get("key").unwrap_or_default();
    if key.contains('\0') {
        return Err(Fault::argument("form-key-nul", "The key contains a NUL octet.", "key", None));
    }
    let (bucket, key) = (Some(bucket.to_owned()), Some(key.to_owned()));
    let routed = headers.with_head(|put| route(bucket, key, put, &Query::default(), Auth::Form, rules))?;
    // Nothing else is a PUT of an object without parameters and without a source; should that ever change,
    // it is refused.
    if routed.operation == Operation::PutObject { Ok(routed) } else { Err(misplaced_copy_source(&[])) }
}
