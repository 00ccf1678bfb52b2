//! What those who hand out keys answer: read strictly, kept secret.

use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize as _, Zeroizing};

use crate::s3::xml::Element;
use crate::sigv4::{OwnKeys, Secret};
use crate::time::Millis;

/// The longest access key id that is taken; those of AWS may have up to 128 characters.
const LONGEST_ID: usize = 128;
/// The longest secret.
const LONGEST_SECRET: usize = 1024;
/// The longest token: the head of a request has room for it.
const LONGEST_TOKEN: usize = 16 << 10;
/// The longest name of a role.
const LONGEST_ROLE: usize = 128;
/// The longest code of an error that is told.
const LONGEST_CODE: usize = 64;

/// Why an answer brings no keys. What the answer says besides is not told: it may hold a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// It is something else.
    #[error("it answers something else than keys")]
    Strange,
    /// It says no, with this code.
    #[error("it answers {0}")]
    Refused(String),
}

/// Keys as containers and instances get them. What is missing is told apart from what is refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Issued {
    code: Option<String>,
    #[serde(default, deserialize_with = "wiped")]
    access_key_id: Option<Zeroizing<String>>,
    #[serde(default, deserialize_with = "wiped")]
    secret_access_key: Option<Zeroizing<String>>,
    #[serde(default, deserialize_with = "wiped")]
    token: Option<Zeroizing<String>>,
    expiration: Option<String>,
}

fn wiped<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    Option::deserialize(from).map(|text: Option<String>| text.map(Zeroizing::new))
}

/// Keys from what runs a container, or from the metadata of an instance.
///
/// # Errors
/// [`Unusable`]
pub fn issued(json: &[u8]) -> Result<OwnKeys, Unusable> {
    // What the parser says may show what it has read.
    let Issued { code, access_key_id, secret_access_key, token, expiration } =
        serde_json::from_slice(json).map_err(|_| Unusable::Strange)?;
    if let Some(code) = code.filter(|code| code != "Success") {
        return Err(if is_code(&code) { Unusable::Refused(code) } else { Unusable::Strange });
    }
    keys(access_key_id, secret_access_key, token, expiration.as_deref()).ok_or(Unusable::Strange)
}

/// Keys from the answer to AssumeRoleWithWebIdentity.
///
/// # Errors
/// [`Unusable`]
pub fn assumed(xml: &[u8]) -> Result<OwnKeys, Unusable> {
    const ROOT: &str = "AssumeRoleWithWebIdentityResponse";
    let mut document = Element::parse(xml, ROOT).map_err(|_| Unusable::Strange)?;
    let found = granted(&document);
    wipe(&mut document);
    found.ok_or(Unusable::Strange)
}

fn granted(document: &Element) -> Option<OwnKeys> {
    let result = document.child("AssumeRoleWithWebIdentityResult").ok()??;
    let granted = result.child("Credentials").ok()??;
    let text = |name| granted.text_of(name).ok().flatten();
    let own = |name| text(name).map(|text| Zeroizing::new(text.to_owned()));
    keys(own("AccessKeyId"), own("SecretAccessKey"), Some(own("SessionToken")?), text("Expiration"))
}

/// Why a token service says no: its code, if the document has one.
pub fn refusal(xml: &[u8]) -> Option<String> {
    let document = Element::parse(xml, "ErrorResponse").ok()?;
    let code = document.child("Error").ok()??.text_of("Code").ok()??;
    is_code(code).then(|| code.to_owned())
}

/// The role of an instance: the first line of the list.
pub fn role(list: &[u8]) -> Option<&str> {
    let role = std::str::from_utf8(list).ok()?.lines().next()?.trim();
    // It becomes part of a path.
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"+=,.@-_".contains(&octet);
    ((1..=LONGEST_ROLE).contains(&role.len()) && role.bytes().all(fits)).then_some(role)
}

/// The token that later questions to the metadata service carry.
pub fn metadata_token(body: &[u8]) -> Option<Secret> {
    let token = std::str::from_utf8(body).ok()?.trim();
    is_visible(token, LONGEST_TOKEN).then(|| Secret::new(token.to_owned()))
}

fn keys(
    id: Option<Zeroizing<String>>,
    secret: Option<Zeroizing<String>>,
    token: Option<Zeroizing<String>>,
    expiration: Option<&str>,
) -> Option<OwnKeys> {
    let (id, secret) = (id?, secret?);
    // A scope is behind the id, separated by `/`, and names of headers are, separated by `,`.
    let fits = is_visible(&id, LONGEST_ID)
        && !id.contains(['/', ','])
        && is_visible(&secret, LONGEST_SECRET)
        && token.as_ref().is_none_or(|token| is_visible(token, LONGEST_TOKEN));
    let expires = Millis::from_rfc3339(expiration?.trim())?.seconds();
    let taken = |mut text: Zeroizing<String>| Secret::new(std::mem::take(&mut *text));
    let access_key = id.as_str().to_owned();
    fits.then(|| OwnKeys { access_key, secret: taken(secret), token: token.map(taken), expires: Some(expires) })
}

/// Whether it can stand in a header: visible characters of ASCII, some.
fn is_visible(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic())
}

/// Whether it is a name as errors have them, and nothing that a secret could be told with.
fn is_code(code: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphabetic() || octet == b'.';
    (1..=LONGEST_CODE).contains(&code.len()) && code.bytes().all(fits)
}

/// Nothing of a document with secrets stays in memory.
fn wipe(element: &mut Element) {
    element.text.zeroize();
    element.children.iter_mut().for_each(wipe);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Seconds;

    const METADATA: &str = r#"{
        "Code" : "Success",
        "LastUpdated" : "2026-03-14T09:26:53Z",
        "Type" : "AWS-HMAC",
        "AccessKeyId" : "ASIAEXAMPLE",
        "SecretAccessKey" : "wJalr/+=secret",
        "Token" : "IQoJ/+==",
        "Expiration" : "2026-03-14T15:32:07Z"
    }"#;
    const CONTAINER: &str = r#"{"RoleArn":"arn:aws:iam::111122223333:role/r","AccessKeyId":"ASIAEXAMPLE",
        "SecretAccessKey":"wJalr/+=secret","Token":"IQoJ/+==","Expiration":"2026-03-14T15:32:07.123Z"}"#;
    const ASSUMED: &str = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>system:serviceaccount:a:b</SubjectFromWebIdentityToken>
    <AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/r/bartizan</Arn><AssumedRoleId>A:b</AssumedRoleId></AssumedRoleUser>
    <Credentials>
      <SessionToken>IQoJ/+==</SessionToken>
      <SecretAccessKey>wJalr/+=secret</SecretAccessKey>
      <Expiration>2026-03-14T15:32:07Z</Expiration>
      <AccessKeyId>ASIAEXAMPLE</AccessKeyId>
    </Credentials>
    <Provider>arn:aws:iam::111122223333:oidc-provider/p</Provider>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"#;

    #[track_caller]
    fn read(found: Result<OwnKeys, Unusable>) {
        let keys = found.unwrap();
        assert_eq!((keys.access_key.as_str(), keys.secret.expose()), ("ASIAEXAMPLE", "wJalr/+=secret"));
        assert_eq!(keys.token.unwrap().expose(), "IQoJ/+==");
        assert_eq!(keys.expires, Seconds::from_rfc3339("2026-03-14T15:32:07Z"));
    }

    #[test]
    fn keys_of_instances_and_containers_are_read() {
        read(issued(METADATA.as_bytes()));
        read(issued(CONTAINER.as_bytes()));
        let lasting = METADATA.replace("\"Token\" : \"IQoJ/+==\",", "");
        assert!(issued(lasting.as_bytes()).unwrap().token.is_none());
    }

    #[test]
    fn an_answer_that_is_not_keys_with_an_end_brings_none() {
        for (from, to) in [
            ("\"AccessKeyId\"", "\"Id\""),
            ("\"SecretAccessKey\"", "\"Secret\""),
            ("\"Expiration\"", "\"Until\""),
            ("2026-03-14T15:32:07Z", "tomorrow"),
            ("2026-03-14T15:32:07Z", "2026-03-14T15:32:07+01:00"),
            ("\"ASIAEXAMPLE\"", "\"\""),
            ("\"ASIAEXAMPLE\"", "\"ASIA/EXAMPLE\""),
            ("\"ASIAEXAMPLE\"", "\"ASIA EXAMPLE\""),
            ("\"ASIAEXAMPLE\"", "7"),
            ("wJalr/+=secret", "two\\r\\nlines"),
            ("wJalr/+=secret", ""),
            ("\"IQoJ/+==\"", "\"\""),
            ("\"IQoJ/+==\"", "\"a b\""),
            ("}", ""),
            ("\"Success\"", "\"no way, <wJalr>\""),
        ] {
            let text = METADATA.replace(from, to);
            assert_ne!(text, METADATA, "{from}");
            assert_eq!(issued(text.as_bytes()).unwrap_err(), Unusable::Strange, "{from} {to}");
        }
        for text in ["", "[]", "null", "\u{0}", "{}", "<xml/>"] {
            assert_eq!(issued(text.as_bytes()).unwrap_err(), Unusable::Strange, "{text}");
        }
        let long = METADATA.replace("IQoJ", &"a".repeat(LONGEST_TOKEN));
        assert_eq!(issued(long.as_bytes()).unwrap_err(), Unusable::Strange);
    }

    #[test]
    fn an_answer_that_says_no_is_told_by_its_code_alone() {
        let text = METADATA.replace("Success", "AssumeRoleUnauthorizedAccess");
        let refused = issued(text.as_bytes()).unwrap_err();
        assert_eq!(refused.to_string(), "it answers AssumeRoleUnauthorizedAccess");
        assert!(!format!("{refused:?} {refused}").contains("secret"));
    }

    #[test]
    fn an_assumed_role_is_read() {
        read(assumed(ASSUMED.as_bytes()));
    }

    #[test]
    fn a_document_that_is_not_an_assumed_role_brings_no_keys() {
        for (from, to) in [
            ("AssumeRoleWithWebIdentityResponse", "AssumeRoleResponse"),
            ("AssumeRoleWithWebIdentityResult", "Result"),
            ("Credentials>", "Keys>"),
            ("AccessKeyId>", "Id>"),
            ("SecretAccessKey>", "Secret>"),
            ("SessionToken>", "Token>"),
            ("Expiration>", "Until>"),
            ("2026-03-14T15:32:07Z", "soon"),
            ("<AccessKeyId>", "<AccessKeyId>A</AccessKeyId><AccessKeyId>"),
            ("ASIAEXAMPLE", "<b>A</b>"),
            ("wJalr", "&unknown;"),
            ("IQoJ", "two words"),
            ("</Credentials>", ""),
            ("<AssumeRoleWithWebIdentityResponse", "<!DOCTYPE a><AssumeRoleWithWebIdentityResponse"),
        ] {
            let text = ASSUMED.replace(from, to);
            assert_ne!(text, ASSUMED, "{from}");
            assert_eq!(assumed(text.as_bytes()).unwrap_err(), Unusable::Strange, "{from} {to}");
        }
        for text in [&b""[..], b"{}", b"\xff\xfe", METADATA.as_bytes()] {
            assert_eq!(assumed(text).unwrap_err(), Unusable::Strange);
        }
    }

    #[test]
    fn a_refusal_is_told_by_its_code() {
        let document = |code: &str| {
            format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                 <Code>{code}</Code><Message>hunter2</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            )
        };
        let of = |code: &str| refusal(document(code).as_bytes());
        assert_eq!(of("InvalidIdentityToken").as_deref(), Some("InvalidIdentityToken"));
        for code in ["", "eyJhbGciOi.J9", "two words", &"A".repeat(LONGEST_CODE + 1)] {
            assert_eq!(of(code), None, "{code}");
        }
        for text in ["", "<Error><Code>A</Code></Error>", "<ErrorResponse/>", "busy"] {
            assert_eq!(refusal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_role_is_the_first_line_and_can_stand_in_a_path() {
        assert_eq!(role(b"proxy-role"), Some("proxy-role"));
        assert_eq!(role(b"a.b+c=d,e@f_1\nsecond\n"), Some("a.b+c=d,e@f_1"));
        for list in [&b""[..], b"\n", b"../token", b"a/b", b"a b", b"a?b", b"\xff", &[b'a'; LONGEST_ROLE + 1]] {
            assert_eq!(role(list), None, "{list:?}");
        }
    }

    #[test]
    fn a_token_of_the_metadata_service_can_stand_in_a_header() {
        assert_eq!(metadata_token(b"AQAEAL==\n").unwrap().expose(), "AQAEAL==");
        for body in [&b""[..], b" ", b"a\r\nb: c", b"a b", b"\xff", &[b'a'; LONGEST_TOKEN + 1]] {
            assert!(metadata_token(body).is_none(), "{body:?}");
        }
    }
}
