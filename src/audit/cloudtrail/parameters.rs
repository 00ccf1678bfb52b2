//! What was asked and what was answered: `requestParameters`, `responseElements` (spec/cloudtrail.md
//! 3.1, 3.2).

use super::document;
use super::members::Members;
use super::names::Called;
use crate::audit::event::{Deletion, Event};
use crate::audit::mask::HIDDEN;
use crate::s3::{mask, uri};

/// Headers of the request that a record shows, in this order.
pub(super) const ASKED: [&str; 22] = [
    "x-amz-acl",
    "x-amz-storage-class",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-copy-source",
    "x-amz-copy-source-range",
    "x-amz-metadata-directive",
    "x-amz-tagging",
    "x-amz-tagging-directive",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold",
    "x-amz-bypass-governance-retention",
    "x-amz-expected-bucket-owner",
    "x-amz-request-payer",
    "x-amz-bucket-object-lock-enabled",
    "x-amz-object-ownership",
    "x-amz-bucket-namespace",
    "x-amz-website-redirect-location",
    "x-amz-mfa",
];

/// Headers of the answer that a record shows, in this order.
pub(super) const ANSWERED: [&str; 8] = [
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-version-id",
    "x-amz-delete-marker",
    "x-amz-copy-source-version-id",
    "x-amz-expiration",
];

/// `requestParameters`, and the names of query parameters that have no room in it: they are there twice,
/// or are called as what stands there already.
pub(super) fn asked(event: &Event) -> (Members, Vec<String>) {
    let mut out = Members::default();
    let mut omitted = Vec::new();
    out.maybe("bucketName", event.bucket());
    out.maybe("Host", event.text("host_header"));
    out.maybe("key", event.key());
    for (name, value) in query(event) {
        let lower = name.to_ascii_lowercase();
        let hidden = lower == "x-amz-mfa";
        // `?policy` says which operation it is.
        if !hidden && is_withheld(&lower) && (lower != "policy" || !value.is_empty()) {
            continue;
        }
        if matches!(name.as_str(), "bucketName" | "Host" | "key") || out.has(&name) {
            omitted.push(name);
            continue;
        }
        out.put(name, if hidden { String::from_utf8_lossy(HIDDEN).into_owned() } else { value });
    }
    for name in ASKED {
        if let Some(value) = event.header(name) {
            out.set(name, value);
        }
    }
    if let Some((root, document)) = document::read(event) {
        if out.has(&root) {
            omitted.push(root);
        } else {
            out.put(root, document);
        }
    }
    (out, omitted)
}

/// The same of one key of DeleteObjects.
pub(super) fn asked_of(event: &Event, deletion: &Deletion<'_>) -> Members {
    let mut out = Members::default();
    out.maybe("bucketName", event.bucket());
    out.maybe("Host", event.text("host_header"));
    out.put("key", deletion.key);
    out.maybe("versionId", deletion.version_id);
    out
}

/// `responseElements`; `None` for what only reads, for what failed, and where there is nothing to say.
pub(super) fn answered(event: &Event, called: &Called<'_>) -> Option<Members> {
    let mut out = Members::default();
    if !called.reads && event.succeeded() {
        for name in ANSWERED {
            out.maybe(name, event.response_header(name));
        }
    }
    (!out.is_empty()).then_some(out)
}

/// The query's parameters as the router reads them: decoded once, in order. A broken escape stands for
/// itself.
fn query(event: &Event) -> impl Iterator<Item = (String, String)> + '_ {
    let query = event.text("target").and_then(|target| target.split_once('?')).map_or("", |(_, query)| query);
    query.split('&').filter(|piece| !piece.is_empty()).map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        (decoded(name), decoded(value))
    })
}

fn decoded(text: &str) -> String {
    let octets = uri::decode(text.as_bytes()).unwrap_or(text.as_bytes().into());
    String::from_utf8_lossy(&octets).into_owned()
}

/// Whether a parameter, by its lower-case name, is in no record: credentials, customers' keys and what
/// belongs to users.
fn is_withheld(lower: &str) -> bool {
    mask::is_secret(lower.as_bytes()) || matches!(lower, "awsaccesskeyid" | "x-amz-credential")
}
