//! What was asked and what was answered: `requestParameters`, `responseElements` (spec/cloudtrail.md
//! 3.1, 3.2).

use super::document;
use super::members::Members;
use super::names::{Called, STS};
use crate::audit::event::{Deletion, Event};
use crate::audit::mask::HIDDEN;
use crate::audit::record::SHOWN_OF_ANSWERS;
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

/// `requestParameters`, and the names of query parameters that have no room in it: they are there twice,
/// or are called as what stands there already: the bucket, a header, the document.
pub(super) fn asked(event: &Event, called: &Called<'_>) -> (Members, Vec<String>) {
    let mut out = Members::default();
    let mut omitted = Vec::new();
    out.maybe("bucketName", event.bucket());
    out.maybe("Host", event.text("host_header"));
    out.maybe("key", event.key());
    out.maybe("roleArn", event.text("role_arn"));
    out.maybe("roleSessionName", event.text("role_session_name"));
    let document = document::read(event);
    // What was sent beside the target counts more than what is only called so there.
    let is_taken = |name: &str| {
        matches!(name, "bucketName" | "Host" | "key")
            || document.as_ref().is_some_and(|(root, _)| root == name)
            || ASKED.contains(&name) && event.header(name).is_some()
    };
    for (name, value) in query(event) {
        let lower = name.to_ascii_lowercase();
        let hidden = lower == "x-amz-mfa";
        if !hidden && is_withheld(&lower) {
            continue;
        }
        // The token service is asked in its query, too; what was made of that is there already, and what else is
        // secret of that is withheld.
        let asked_twice = || matches!(lower.as_str(), "rolearn" | "rolesessionname");
        if called.source == STS && (asked_twice() || mask::is_secret(lower.as_bytes())) {
            continue;
        }
        if is_taken(&name) || out.has(&name) {
            omitted.push(name);
            continue;
        }
        out.put(name, if hidden { String::from_utf8_lossy(HIDDEN).into_owned() } else { value });
    }
    for name in ASKED {
        out.maybe(name, event.header(name));
    }
    if let Some((root, document)) = document {
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

/// What the token service answers: which key it handed out, and who that is. Its secret and its token are in no
/// record.
fn issued(event: &Event) -> Option<Members> {
    let mut out = Members::default();
    let mut credentials = Members::default();
    credentials.put("accessKeyId", event.text("issued_access_key_id").filter(|_| event.succeeded())?);
    out.put("credentials", credentials);
    let session = event.text("role_arn").zip(event.text("role_session_name"));
    if let Some(arn) = session.and_then(|(role, session)| assumed(role, session)) {
        let mut user = Members::default();
        user.put("arn", arn);
        out.put("assumedRoleUser", user);
    }
    Some(out)
}

/// The ARN of a session of a role: `arn:aws:sts::111122223333:assumed-role/worker/session`.
fn assumed(role: &str, session: &str) -> Option<String> {
    let (partition, rest) = role.strip_prefix("arn:")?.split_once(":iam::")?;
    let (account, path) = rest.split_once(":role/")?;
    let name = path.rsplit('/').next()?;
    Some(format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}"))
}

/// `responseElements`; `None` for what only reads, for what failed, and where there is nothing to say.
pub(super) fn answered(event: &Event, called: &Called<'_>) -> Option<Members> {
    if called.source == STS {
        return issued(event);
    }
    let mut out = Members::default();
    if !called.reads && event.succeeded() {
        for name in SHOWN_OF_ANSWERS {
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
    let besides = || match lower.strip_prefix("x-amz-") {
        Some("credential" | "server-side-encryption-context") => true,
        Some("server-side-encryption-customer-key-md5" | "copy-source-server-side-encryption-customer-key-md5") => true,
        Some(rest) => rest.starts_with("meta-"),
        None => matches!(lower, "authorization" | "awsaccesskeyid" | "cookie"),
    };
    mask::is_of_target(lower.as_bytes()) || besides()
}
