//! Whom a request says it is from, read without a check: for the record of one that could not be verified
//! (spec/cloudtrail.md 2). Nothing is decided by it.

use crate::s3::Head;
use crate::s3::form::Fields;
use crate::s3::route::QUERY_AUTHENTICATION;
use crate::s3::uri::Query;

/// The longest access key id.
const LONGEST: usize = 128;
/// A secret access key is longer than this, an id mostly not.
const SECRET_LENGTH: usize = 32;

/// What a request claims that uses a mechanism of authentication, however badly.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Claim {
    access_key: Option<String>,
}

impl Claim {
    /// What the head of a request claims; none if it uses no mechanism.
    pub fn of_head(head: &Head<'_>) -> Option<Self> {
        let mut headers = head.all("authorization").peekable();
        if headers.peek().is_some() {
            return Some(Self { access_key: headers.find_map(of_authorization) });
        }
        let query = Query::parse(head.query()).ok()?;
        let mut claim = None;
        for parameter in query.iter() {
            let is = |name: &str| parameter.name.eq_ignore_ascii_case(name.as_bytes());
            let value = || std::str::from_utf8(&parameter.value).ok();
            let named = match &*parameter.name {
                b"AWSAccessKeyId" => value().and_then(id),
                b"Signature" => None,
                _ if is("X-Amz-Credential") => value().and_then(of_credential),
                _ if QUERY_AUTHENTICATION.into_iter().any(is) => None,
                _ => continue,
            };
            let claim: &mut Self = claim.get_or_insert_default();
            claim.access_key = claim.access_key.take().or(named);
        }
        claim
    }

    /// What the fields of a form claim.
    pub fn of_form(fields: &Fields) -> Option<Self> {
        let field = |name: &str| fields.get(name);
        let named =
            ["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature", "awsaccesskeyid", "signature"];
        named.into_iter().any(|name| field(name).is_some()).then(|| Self {
            access_key: field("x-amz-credential")
                .and_then(of_credential)
                .or_else(|| field("awsaccesskeyid").and_then(id)),
        })
    }

    /// The access key id, if one is named that could be one: what else stands in its place may be a secret.
    pub fn access_key(&self) -> Option<&str> {
        self.access_key.as_deref()
    }
}

/// `AWS4-HMAC-SHA256 Credential=KEY/…, …`, or `AWS KEY:SIGNATURE` as Signature Version 2 has it.
fn of_authorization(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    if let Some(rest) = text.trim_start().strip_prefix("AWS ") {
        return id(rest.trim_start().split_once(':')?.0);
    }
    let (_, credential) = text.split_once("Credential=")?;
    of_credential(credential.split([',', ' ', '\t']).next()?)
}

fn of_credential(credential: &str) -> Option<String> {
    id(credential.split('/').next()?)
}

fn id(text: &str) -> Option<String> {
    let legal = text.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
    (legal && (1..=LONGEST).contains(&text.len()) && !may_be_secret(text)).then(|| text.to_owned())
}

/// Whether it looks like the other half of a pair that was put in the wrong place: long, and in letters of both
/// cases. The ids that AWS gives have capitals alone.
fn may_be_secret(text: &str) -> bool {
    let any = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    text.len() >= SECRET_LENGTH && any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(target: &str, authorization: &[&str]) -> Option<Option<String>> {
        let lines: Vec<_> = authorization.iter().map(|value| (&b"authorization"[..], value.as_bytes())).collect();
        let head = Head { method: b"GET", target: target.as_bytes(), lines: &lines, authority: None };
        Claim::of_head(&head).map(|claim| claim.access_key)
    }

    #[test]
    fn who_uses_no_mechanism_claims_nothing() {
        assert_eq!(claimed("/b/k", &[]), None);
        assert_eq!(claimed("/b/k?versionId=1&x-id=GetObject", &[]), None);
    }

    #[test]
    fn the_key_that_is_claimed_is_found_however_wrong_the_rest_is() {
        let key = Some(Some("AKID".to_owned()));
        for authorization in [
            "AWS4-HMAC-SHA256 Credential=AKID/20260314/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
            "AWS4-HMAC-SHA256 SignedHeaders=host,Credential=AKID",
            "AWS4-HMAC-SHA256  Credential=AKID, Signature",
            "Unheard-Of Credential=AKID/",
            "AWS AKID:c2lnbmF0dXJl",
        ] {
            assert_eq!(claimed("/b/k", &[authorization]), key, "{authorization}");
            assert_eq!(claimed("/b/k?X-Amz-Signature=0", &[authorization]), key, "two mechanisms");
        }
        for query in [
            "X-Amz-Credential=AKID%2F20260314%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0",
            "X-Amz-Signature=0&x-amz-credential=AKID",
            "AWSAccessKeyId=AKID&Expires=1&Signature=0",
        ] {
            assert_eq!(claimed(&format!("/b/k?{query}"), &[]), key, "{query}");
        }
    }

    #[test]
    fn what_could_be_no_key_is_not_told_but_that_something_was_claimed_is() {
        let long = format!("AWS {}:x", "A".repeat(LONGEST + 1));
        for authorization in ["Bearer c2VjcmV0", "", "AWS secret/+=:x", "AWS4-HMAC-SHA256 Credential=a secret", &long] {
            let claimed = claimed("/b/k", &[authorization]);
            assert!(matches!(&claimed, Some(None)) || claimed == Some(Some("a".to_owned())), "{authorization}");
        }
        // A secret that was put where the id belongs.
        let secret = "wJalrXUtnFEMIaK7MDENGabPxRfiCYEXAMPLEKEY";
        for authorization in [
            format!("AWS4-HMAC-SHA256 Credential={secret}/20260314/us-east-1/s3/aws4_request, Signature=0"),
            format!("AWS {secret}:x"),
            format!("AWS {secret}"),
            "AWS short".to_owned(),
        ] {
            assert_eq!(claimed("/b/k", &[&authorization]), Some(None), "{authorization}");
        }
        assert_eq!(claimed("/b/k?X-Amz-Signature=0", &[]), Some(None));
        assert_eq!(claimed("/b/k?Signature=0", &[]), Some(None));
    }
}
