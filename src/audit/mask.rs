//! Keeps secrets out of records: which headers may be shown, and how. Which values are secrets is said by
//! [`crate::s3::mask`].

use std::borrow::Cow;

use super::json::Text;
use crate::s3::head::has_capitals;
use crate::s3::mask::{self, Begins};

/// The longest header name that is of interest.
const LONGEST_NAME: usize = 64;

/// How a text is masked that a client chooses, or that may repeat what it has sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Masking {
    /// Words of ours, and what is rendered nowhere: whatever is named like a secret.
    Careful,
    /// The parameters of signed links where one stands (spec/access-logs.md 3.3).
    Links,
    /// The same of the query of a target, and of an encryption context there if that is hidden.
    Target { hides_context: bool },
}

impl Masking {
    /// How a target is masked: with care where it names no bucket, for then no line of an access log shows it,
    /// and it may be what the token service is asked.
    pub(super) fn of_target(names_bucket: bool, hides_context: bool) -> Self {
        if names_bucket { Self::Target { hides_context } } else { Self::Careful }
    }

    /// Writes a text; what is not masked stays as sent.
    pub(super) fn write(self, text: &[u8], out: &mut Text<'_>) {
        self.pieces(text, |piece| out.piece(piece));
    }

    /// The text, if anything of it is masked.
    pub(super) fn masked(self, text: &str) -> Option<String> {
        let mut out = Vec::with_capacity(text.len());
        self.pieces(text.as_bytes(), |piece| out.extend_from_slice(piece));
        // Only whole values are replaced, so this stays what it was: UTF-8.
        (out != text.as_bytes()).then(|| String::from_utf8_lossy(&out).into_owned())
    }

    fn pieces(self, text: &[u8], piece: impl FnMut(&[u8])) {
        match self {
            Self::Careful => mask::write(text, Begins::Anywhere, piece),
            Self::Links => mask::links(text, piece),
            Self::Target { hides_context } => mask::target(text, hides_context, piece),
        }
    }
}

/// How a member of a record is masked; not at all where both renderings have to say what was sent: keys, versions,
/// names, lists.
pub(super) fn masking_of(member: &str, names_bucket: bool) -> Option<Masking> {
    match member {
        // A context that is hidden was when the record was made.
        "target" => Some(Masking::of_target(names_bucket, false)),
        "headers" | "referer" | "user_agent" => Some(Masking::Links),
        "access_point_arn" | "bucket_name" | "deletion_results" | "deletions" | "document" | "host_header" | "key"
        | "missing_bucket" | "principal_id" | "requester" | "requester_issuer" | "response_headers" | "role_arn"
        | "role_session_name" | "session_name" | "source" | "source_identity" | "statements" | "version_id" => None,
        _ => Some(Masking::Careful),
    }
}

/// How a header is shown in a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shown {
    /// Its value, as sent.
    Value,
    /// That it was there.
    Hidden,
}

/// What is written for a header of which only the presence may be known.
pub(super) const HIDDEN: &[u8] = b"HIDDEN_DUE_TO_SECURITY_REASONS";

/// A header name in lower case and how its value is shown; `None` for every header that is not on the
/// list, all that carry secrets and users' metadata among them.
pub(super) fn header_of_interest(name: &[u8]) -> Option<(Cow<'_, [u8]>, Shown)> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    let lower: Cow<'_, [u8]> = match has_capitals(name) {
        true => name.to_ascii_lowercase().into(),
        false => name.into(),
    };
    match &*lower {
        b"x-amz-mfa" => Some((lower, Shown::Hidden)),
        listed if is_listed(listed) => Some((lower, Shown::Value)),
        _ => None,
    }
}

fn is_listed(name: &[u8]) -> bool {
    match name.strip_prefix(b"x-amz-") {
        Some(rest) => is_listed_of_amazon(rest),
        // what decides about the outcome
        None => matches!(
            name,
            b"content-encoding"
                | b"content-type"
                | b"if-match"
                | b"if-modified-since"
                | b"if-none-match"
                | b"if-unmodified-since"
                | b"origin"
                | b"range"
        ),
    }
}

/// The same of what follows `x-amz-`.
fn is_listed_of_amazon(name: &[u8]) -> bool {
    match name {
        // spec/cloudtrail.md 3.1
        b"acl"
        | b"bucket-namespace"
        | b"bucket-object-lock-enabled"
        | b"bypass-governance-retention"
        | b"copy-source"
        | b"copy-source-range"
        | b"copy-source-server-side-encryption-customer-algorithm"
        | b"expected-bucket-owner"
        | b"grant-full-control"
        | b"grant-read"
        | b"grant-read-acp"
        | b"grant-write"
        | b"grant-write-acp"
        | b"metadata-directive"
        | b"object-lock-legal-hold"
        | b"object-lock-mode"
        | b"object-lock-retain-until-date"
        | b"object-ownership"
        | b"request-payer"
        | b"server-side-encryption"
        | b"server-side-encryption-aws-kms-key-id"
        | b"server-side-encryption-bucket-key-enabled"
        | b"server-side-encryption-customer-algorithm"
        | b"storage-class"
        | b"tagging"
        | b"tagging-directive"
        | b"website-redirect-location"
        // what decides about the outcome
        | b"content-sha256"
        | b"copy-source-if-match"
        | b"copy-source-if-modified-since"
        | b"copy-source-if-none-match"
        | b"copy-source-if-unmodified-since"
        | b"decoded-content-length"
        | b"source-expected-bucket-owner" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::Object;
    use super::*;

    fn masked(target: &str) -> String {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        object.pieces("t", 8192, |text| Masking::Target { hides_context: false }.write(target.as_bytes(), text));
        object.end();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        value["t"].as_str().unwrap().to_owned()
    }

    #[test]
    fn secrets_in_a_target_are_masked_and_the_rest_stays_as_sent() {
        let check = |target: &str, expected: &str| assert_eq!(masked(target), expected);
        check("/b/k", "/b/k");
        check("/b/k?", "/b/k?");
        check("/b/k?x-id=GetObject", "/b/k?x-id=GetObject");
        check("/b/k?X-Amz-Signature=abc", "/b/k?X-Amz-Signature=XXXXXXXX");
        check("/b/k?a=1&x-amz-SIGNATURE=abc&b=2", "/b/k?a=1&x-amz-SIGNATURE=XXXXXXXX&b=2");
        check("/b/k?X%2DAmz%2dSignature=abc&c", "/b/k?X%2DAmz%2dSignature=XXXXXXXX&c");
        check("/b?Signature=a%3D&Expires=1", "/b?Signature=XXXXXXXX&Expires=1");
        check(
            "/b?X-Amz-Security-Token=t&X-Amz-Signature=s",
            "/b?X-Amz-Security-Token=XXXXXXXX&X-Amz-Signature=XXXXXXXX",
        );
        check(
            "/b/k?x-amz-server-side-encryption-customer-key=k==",
            "/b/k?x-amz-server-side-encryption-customer-key=XXXXXXXX",
        );
        check("/b?X-Amz-Signature", "/b?X-Amz-Signature");
        check("/b?%zz=1&%4=2&%=3&&=4", "/b?%zz=1&%4=2&%=3&&=4");
        check("/b/ü?ü=ü&Signature=ü&ü", "/b/ü?ü=ü&Signature=XXXXXXXX&ü");
    }

    #[test]
    fn headers_that_carry_secrets_are_never_of_interest() {
        for name in [
            "Authorization",
            "Cookie",
            "X-Amz-Security-Token",
            "x-amz-server-side-encryption-customer-key",
            "x-amz-server-side-encryption-customer-key-MD5",
            "x-amz-copy-source-server-side-encryption-customer-key",
            "x-amz-server-side-encryption-context",
            "x-amz-meta-password",
            "proxy-authorization",
        ] {
            assert_eq!(header_of_interest(name.as_bytes()), None, "{name}");
        }
        assert_eq!(header_of_interest(b"X-Amz-MFA"), Some((b"x-amz-mfa"[..].into(), Shown::Hidden)));
        assert_eq!(header_of_interest(b"X-Amz-Acl"), Some((b"x-amz-acl"[..].into(), Shown::Value)));
        assert_eq!(header_of_interest(&[b'a'; 65]), None);
    }
}
