use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::{Credential, KeyCache, KeySource, Rejection, Request, Secret, Settings, Verified};
use super::super::{Kind, key, verify};
use super::*;
use crate::s3::Head;
use crate::s3::form::LengthRange;
use crate::s3::uri::Query;

const SIGNED: Seconds = Seconds(1_773_480_413); // 2026-03-14T09:26:53Z
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

struct Only {
    secret: Secret,
    token: Option<Secret>,
    expires: Option<Seconds>,
}

impl KeySource for Only {
    fn find(&self, access_key: &str) -> Option<Credential<'_>> {
        let found = Credential { secret: &self.secret, token: self.token.as_ref(), expires: self.expires };
        (access_key == "AKID").then_some(found)
    }

    fn generation(&self) -> u64 {
        1
    }
}

fn long_term() -> Only {
    Only { secret: Secret::new(SECRET.to_owned()), token: None, expires: None }
}

fn session() -> Only {
    Only { token: Some(Secret::new("right".to_owned())), expires: Some(Seconds(SIGNED.0 + 60)), ..long_term() }
}

/// The fields of a signed form; a pair replaces or adds one, an empty value takes it out.
fn fields(changes: &[(&str, &str)]) -> Fields {
    let names = ["key", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token", "acl"];
    let conditions: Vec<String> = names.iter().map(|name| format!("[\"starts-with\",\"${name}\",\"\"]")).collect();
    let optional = |name: &str| changes.iter().any(|(changed, value)| *changed == name && !value.is_empty());
    let conditions: Vec<String> = names
        .iter()
        .zip(conditions)
        .filter(|(name, _)| !matches!(**name, "x-amz-security-token" | "acl") || optional(name))
        .map(|(_, condition)| condition)
        .collect();
    let policy = STANDARD.encode(format!(
        "{{\"expiration\":\"2036-01-01T00:00:00Z\",\"conditions\":[{{\"bucket\":\"b\"}},[\"content-length-range\",1,9],{}]}}",
        conditions.join(",")
    ));
    let signing = key::derive(&Secret::new(SECRET.to_owned()), b"20260314", "us-east-1", "s3");
    let signature = key::hex(&signing.sign(policy.as_bytes()));
    let mut fields = Fields::default();
    let signed = [
        ("key", "k"),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-credential", "AKID/20260314/us-east-1/s3/aws4_request"),
        ("x-amz-date", "20260314T092653Z"),
        ("policy", policy.as_str()),
        ("x-amz-signature", signature.as_str()),
    ];
    for (name, value) in signed {
        let value = changes.iter().find(|(changed, _)| *changed == name).map_or(value, |(_, value)| value);
        if !value.is_empty() {
            fields.push(name, value.to_owned()).unwrap();
        }
    }
    for (name, value) in changes.iter().filter(|(name, _)| signed.iter().all(|(known, _)| known != name)) {
        fields.push(name, (*value).to_owned()).unwrap();
    }
    fields
}

fn settings() -> Settings {
    Settings::new("us-east-1")
}

fn ask(fields: &Fields, keys: &Only, now: Seconds, tls: bool) -> Result<Verified, Box<Rejection>> {
    let query = Query::default();
    let head = Head { method: b"POST", target: b"/b", lines: &[], authority: None };
    let form = Some(Form { fields, bucket: Some("b") });
    let request = Request { head: &head, query: &query, streaming_allowed: false, tls, body_hash: None, form };
    verify(Kind::Form, &request, keys, &settings(), &KeyCache::default(), now)
}

fn code(changes: &[(&str, &str)], keys: &Only, now: Seconds) -> Option<Code> {
    ask(&fields(changes), keys, now, true).err().map(|rejection| rejection.fault().code())
}

#[test]
fn a_signed_form_is_from_its_signer() {
    let verified = ask(&fields(&[]), &long_term(), SIGNED, true).unwrap();
    assert_eq!((verified.kind(), verified.access_key()), (Kind::Form, Some("AKID")));
    assert_eq!(verified.file_length(), LengthRange { least: 1, most: 9 });
    let nobody = [("policy", ""), ("x-amz-algorithm", ""), ("x-amz-credential", ""), ("x-amz-date", "")];
    let nobody: Vec<_> = nobody.into_iter().chain([("x-amz-signature", "")]).collect();
    let verified = ask(&fields(&nobody), &long_term(), SIGNED, true).unwrap();
    assert_eq!((verified.kind(), verified.access_key()), (Kind::Anonymous, None));
}

#[test]
fn tokens_belong_to_their_key_and_end_with_the_session() {
    let token = |value| [("x-amz-security-token", value)];
    assert_eq!(code(&token("right"), &session(), SIGNED), None);
    assert_eq!(code(&[], &session(), SIGNED), Some(Code::InvalidAccessKeyId));
    assert_eq!(code(&token("other"), &session(), SIGNED), Some(Code::InvalidToken));
    assert_eq!(code(&token("right"), &session(), Seconds(SIGNED.0 + 60)), Some(Code::ExpiredToken));
    assert_eq!(code(&token("right"), &long_term(), SIGNED), Some(Code::InvalidToken));
}

#[test]
fn a_form_is_neither_from_the_future_nor_older_than_a_week() {
    for (seconds, expected) in
        [(-901, Some(Code::AccessDenied)), (-900, None), (604_800, None), (604_801, Some(Code::AccessDenied))]
    {
        assert_eq!(code(&[], &long_term(), Seconds(SIGNED.0 + seconds)), expected, "{seconds}");
    }
}

#[test]
fn of_several_faults_the_first_in_order_is_told() {
    // Each line leaves one fault less in front.
    let faults = [
        ("signature", "x", Code::InvalidRequest),
        ("key", "", Code::InvalidArgument),
        ("x-amz-algorithm", "AWS4-HMAC-SHA1", Code::InvalidArgument),
        ("x-amz-date", "2026", Code::InvalidArgument),
        ("x-amz-credential", "STRANGER/20260314/us-east-1/s3/aws4_request", Code::InvalidAccessKeyId),
        ("x-amz-signature", "0", Code::SignatureDoesNotMatch),
    ];
    for at in 0..faults.len() {
        let left: Vec<_> = faults[at..].iter().map(|(name, value, _)| (*name, *value)).collect();
        assert_eq!(code(&left, &long_term(), SIGNED), Some(faults[at].2), "{left:?}");
    }
    // What was signed and is no policy is told only to the signer.
    assert_eq!(code(&[("policy", "e30=")], &long_term(), SIGNED), Some(Code::SignatureDoesNotMatch));
}

#[test]
fn every_fault_of_a_credential_names_it() {
    for credential in [
        "AKID",
        "/20260314/us-east-1/s3/aws4_request",
        "AKID/2026031/us-east-1/s3/aws4_request",
        "AKID/20260315/us-east-1/s3/aws4_request",
        "AKID/20260314/eu-west-1/s3/aws4_request",
        "AKID/20260314/us-east-1/sts/aws4_request",
        "AKID/20260314/us-east-1/s3/aws4",
    ] {
        let rejection = ask(&fields(&[("x-amz-credential", credential)]), &long_term(), SIGNED, true).unwrap_err();
        let elements = rejection.fault().elements().to_vec();
        assert_eq!(rejection.fault().code(), Code::InvalidArgument, "{credential}");
        assert_eq!(elements, [("ArgumentName", "x-amz-credential".to_owned())]);
    }
}

#[test]
fn a_form_counts_as_unsigned_payload() {
    let rejection = ask(&fields(&[]), &long_term(), SIGNED, false).unwrap_err();
    assert_eq!((rejection.fault().code(), rejection.fault().reason()), (Code::InvalidRequest, "payload-rule"));
}

#[test]
fn a_mismatch_shows_the_policy_and_no_canonical_request() {
    let changed = fields(&[("x-amz-signature", &"0".repeat(64))]);
    let rejection = ask(&changed, &long_term(), SIGNED, true).unwrap_err();
    let names: Vec<&str> = rejection.fault().elements().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["AWSAccessKeyId", "StringToSign", "SignatureProvided", "StringToSignBytes"]);
    assert_eq!(rejection.fault().elements()[1].1, changed.get("policy").unwrap());
    assert_eq!(rejection.access_key(), Some("AKID"));
}

#[test]
fn a_form_that_was_not_read_is_verified_by_nobody() {
    let query = Query::default();
    let head = Head { method: b"POST", target: b"/b", lines: &[], authority: None };
    let request =
        Request { head: &head, query: &query, streaming_allowed: false, tls: true, body_hash: None, form: None };
    let verified = verify(Kind::Form, &request, &long_term(), &settings(), &KeyCache::default(), SIGNED);
    assert_eq!(verified.unwrap_err().fault().code(), Code::InternalError);
}
