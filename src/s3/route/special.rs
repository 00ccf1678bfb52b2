//! Answers that S3 gives of its own: to preflights and to well-known mistakes.

use http::header::ACCESS_CONTROL_REQUEST_METHOD;
use http::{HeaderMap, HeaderValue};

use super::Routed;
use crate::s3::operation::{Level, Operation};
use crate::s3::{Code, Fault, Head};

/// A preflight. What it asks about is another request, so its own query and headers mean nothing.
pub(super) fn preflight(bucket: Option<String>, key: Option<String>, head: &Head<'_>) -> Routed {
    let mut headers = HeaderMap::new();
    let asked = head.first(ACCESS_CONTROL_REQUEST_METHOD.as_str()).unwrap_or(head.method);
    if let Ok(asked) = HeaderValue::from_bytes(asked) {
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, asked);
    }
    let (operation, parameters) = (Operation::OptionsObject, Vec::new());
    Routed { operation, bucket, key, parameters, headers, copy_source: None, account: None, point: None, through: None }
}

/// The answer to a preflight, which no policy is asked about: no bucket here has CORS rules that could say
/// yes.
pub fn no_cors(preflight: &Routed) -> Fault {
    let asked = preflight.headers.get(ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes).unwrap_or_default();
    let level = match (&preflight.bucket, &preflight.key) {
        (None, _) => Level::Service,
        (_, None) => Level::Bucket,
        _ => Level::Object,
    };
    Fault::new(Code::AccessForbidden, "no-cors", "CORSResponse: CORS is not enabled for this bucket.")
        .with("Method", String::from_utf8_lossy(asked))
        .with("ResourceType", level.resource_type())
}

/// Answers S3 gives for well-known mistakes (rule 8).
pub(super) fn special_answer(level: Level, method: &str, subresource: &str) -> Option<Fault> {
    if level != Level::Object {
        return None;
    }
    match (method, subresource) {
        ("GET", "uploads") => Some(Fault::new(
            Code::InvalidRequest,
            "key-with-uploads",
            "Key is not expected for the GET method ?uploads subresource",
        )),
        ("GET", "versions") => Some(Fault::new(
            Code::InvalidRequest,
            "key-with-versions",
            "There is no such thing as the ?versions sub-resource for a key",
        )),
        (_, "logging") => Some(Fault::new(
            Code::NoLoggingStatusForKey,
            "key-with-logging",
            "There is no such thing as the ?logging sub-resource for a key",
        )),
        _ => None,
    }
}
