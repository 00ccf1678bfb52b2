//! What a key service answers: read strictly, kept secret, and never believed about another key.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::unavailable;
use crate::kms::{DataKey, KmsError, Usage};

/// The longest wrapped data key that is taken; those of AWS are below 200 octets, and it must fit into the
/// metadata of an object.
const LONGEST_WRAPPED: usize = 512;
/// What of a message is told to the operator.
const LONGEST_MESSAGE: usize = 200;

/// Codes of refusals that speak of the proxy's own identity or of its request, not of the key.
const OWN: [&str; 10] = [
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// A new data key.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Generated {
    key_id: Option<String>,
    plaintext: Plain,
    ciphertext_blob: Blob,
}

/// A data key that was opened.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Opened {
    key_id: Option<String>,
    plaintext: Plain,
}

/// A data key in another wrapping.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Rewrapped {
    key_id: Option<String>,
    ciphertext_blob: Blob,
}

impl Generated {
    pub(super) fn parse(json: &[u8], key: &str) -> Result<(DataKey, Vec<u8>), KmsError> {
        let Self { key_id, plaintext, ciphertext_blob } = parsed(json)?;
        of_key(key_id.as_deref(), key)?;
        Ok((DataKey::new(plaintext.0), ciphertext_blob.0))
    }
}

impl Opened {
    pub(super) fn parse(json: &[u8], key: &str) -> Result<DataKey, KmsError> {
        let Self { key_id, plaintext } = parsed(json)?;
        of_key(key_id.as_deref(), key)?;
        Ok(DataKey::new(plaintext.0))
    }
}

impl Rewrapped {
    pub(super) fn parse(json: &[u8], key: &str) -> Result<Vec<u8>, KmsError> {
        let Self { key_id, ciphertext_blob } = parsed(json)?;
        of_key(key_id.as_deref(), key)?;
        Ok(ciphertext_blob.0)
    }
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, KmsError> {
    // What the parser says may show what it has read.
    serde_json::from_slice(json).map_err(|_| unavailable("answers something else than a key".to_owned()))
}

/// Whether it is about the key that was asked for.
fn of_key(told: Option<&str>, key: &str) -> Result<(), KmsError> {
    match told {
        Some(told) if told != key => Err(unavailable(format!("answers for another key than {key}"))),
        _ => Ok(()),
    }
}

/// Octets as the service takes them.
pub(super) fn spelled(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// A data key in the clear, in base64.
struct Plain(Zeroizing<[u8; DataKey::LENGTH]>);

/// A wrapped one.
struct Blob(Vec<u8>);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Text(|text: &str| {
            let decoded = Zeroizing::new(STANDARD.decode(text).ok()?);
            let mut octets = Zeroizing::new([0; DataKey::LENGTH]);
            octets.copy_from_slice(decoded.as_array::<{ DataKey::LENGTH }>()?);
            Some(Self(octets))
        }))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Text(|text: &str| {
            let decoded = STANDARD.decode(text).ok()?;
            (1..=LONGEST_WRAPPED).contains(&decoded.len()).then_some(Self(decoded))
        }))
    }
}

/// Reads a text at once, so that no copy of it is kept.
struct Text<F>(F);

impl<T, F: FnOnce(&str) -> Option<T>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("octets in base64")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).ok_or_else(|| E::custom("not these octets"))
    }
}

/// An error document.
#[derive(Default, Deserialize)]
struct Told {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

/// Why a call was refused (spec/encryption.md 15.3).
pub(super) fn error(
    key: &str,
    status: StatusCode,
    header: Option<&str>,
    body: &[u8],
    retry_after: Option<Duration>,
) -> KmsError {
    let told: Told = serde_json::from_slice(body).unwrap_or_default();
    let arn = || key.into();
    match name(&told.kind, header) {
        "NotFoundException" | "InvalidArnException" => KmsError::NotFound { arn: arn() },
        "DisabledException" => KmsError::Disabled { arn: arn() },
        "KMSInvalidStateException" => KmsError::InvalidState { arn: arn(), state: state(&told.message) },
        "InvalidKeyUsageException" | "UnsupportedOperationException" => {
            KmsError::InvalidUsage { arn: arn(), usage: usage(&told.message) }
        }
        "AccessDeniedException" => KmsError::AccessDenied { arn: arn() },
        "InvalidCiphertextException" | "IncorrectKeyException" => KmsError::InvalidCiphertext,
        "ThrottlingException" | "Throttling" | "LimitExceededException" | "TooManyRequestsException" => {
            KmsError::Throttled { retry_after }
        }
        _ if status == StatusCode::TOO_MANY_REQUESTS => KmsError::Throttled { retry_after },
        name if OWN.contains(&name) => unavailable(format!(
            "does not take the proxy's own signature ({name}): check keys.credentials, keys.region and the clock"
        )),
        name => unavailable(format!("answered {status} {name} {}", shown(&told.message))),
    }
}

/// The name of an error: `prefix#Name`, or `Name:more`.
fn name<'a>(kind: &'a str, header: Option<&'a str>) -> &'a str {
    let said = if kind.is_empty() { header.unwrap_or_default() } else { kind };
    let said = said.rsplit_once('#').map_or(said, |(_, name)| name);
    let said = said.split_once(':').map_or(said, |(name, _)| name).trim();
    let fits = said.len() <= 64 && said.bytes().all(|octet| octet.is_ascii_alphanumeric());
    if fits { said } else { "" }
}

fn state(message: &str) -> &'static str {
    let states = ["pending deletion", "pending import", "pending replica deletion"];
    states.into_iter().find(|state| message.contains(state)).unwrap_or("unavailable")
}

fn usage(message: &str) -> Usage {
    let others = [Usage::SignVerify, Usage::GenerateVerifyMac, Usage::KeyAgreement];
    others.into_iter().find(|usage| message.contains(usage.as_str())).unwrap_or_default()
}

fn shown(message: &str) -> String {
    message.chars().filter(|letter| !letter.is_control()).take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn of(status: u16, body: &str) -> KmsError {
        error(KEY, StatusCode::from_u16(status).unwrap(), None, body.as_bytes(), None)
    }

    #[test]
    fn every_error_of_the_service_has_an_answer_of_s3() {
        let arn = || KEY.into();
        let pending = r#"{"__type":"KMSInvalidStateException","message":"ARN is pending deletion."}"#;
        let import = r#"{"__type":"KMSInvalidStateException","message":"ARN is pending import."}"#;
        let mac = r#"{"__type":"InvalidKeyUsageException","message":"key usage is GENERATE_VERIFY_MAC which is"}"#;
        for (status, body, expected) in [
            (400, r#"{"__type":"NotFoundException"}"#, KmsError::NotFound { arn: arn() }),
            (400, r#"{"__type":"com.amazonaws.kms#NotFoundException"}"#, KmsError::NotFound { arn: arn() }),
            (400, r#"{"__type":"DisabledException","message":"x"}"#, KmsError::Disabled { arn: arn() }),
            (400, pending, KmsError::InvalidState { arn: arn(), state: "pending deletion" }),
            (400, import, KmsError::InvalidState { arn: arn(), state: "pending import" }),
            (400, mac, KmsError::InvalidUsage { arn: arn(), usage: Usage::GenerateVerifyMac }),
            (400, r#"{"__type":"AccessDeniedException","Message":"no"}"#, KmsError::AccessDenied { arn: arn() }),
            (400, r#"{"__type":"InvalidCiphertextException"}"#, KmsError::InvalidCiphertext),
            (400, r#"{"__type":"IncorrectKeyException"}"#, KmsError::InvalidCiphertext),
            (400, r#"{"__type":"ThrottlingException"}"#, KmsError::Throttled { retry_after: None }),
            (400, r#"{"__type":"LimitExceededException"}"#, KmsError::Throttled { retry_after: None }),
            (429, "no json", KmsError::Throttled { retry_after: None }),
        ] {
            assert_eq!(of(status, body), expected, "{body}");
        }
        for (status, body) in [
            (500, r#"{"__type":"KMSInternalException"}"#),
            (500, r#"{"__type":"DependencyTimeoutException"}"#),
            (500, r#"{"__type":"KeyUnavailableException"}"#),
            (400, r#"{"__type":"UnrecognizedClientException"}"#),
            (503, "<html>"),
            (400, r#"{"__type":7}"#),
            (302, ""),
        ] {
            assert!(matches!(of(status, body), KmsError::Unavailable { .. }), "{body}");
        }
    }

    #[test]
    fn the_name_of_an_error_is_read_from_the_header_where_the_document_has_none() {
        let header = Some("NotFoundException:http://internal.amazon.com/coral/");
        let told = error(KEY, StatusCode::BAD_REQUEST, header, b"{}", None);
        assert_eq!(told, KmsError::NotFound { arn: KEY.into() });
        assert_eq!(name("a\r\nb", None), "");
        assert_eq!(name(&"a".repeat(65), None), "");
    }

    #[test]
    fn an_answer_for_another_key_is_none() {
        let plain = spelled(&[7; 32]);
        let json = |id: &str| format!(r#"{{"KeyId":"{id}","Plaintext":"{plain}","CiphertextBlob":"AAAA","New":1}}"#);
        let (key, wrapped) = Generated::parse(json(KEY).as_bytes(), KEY).unwrap();
        assert_eq!((key.expose(), wrapped.as_slice()), (&[7; 32], &[0; 3][..]));
        assert!(
            Opened::parse(json(KEY).as_bytes(), KEY).is_ok() && Rewrapped::parse(json(KEY).as_bytes(), KEY).is_ok()
        );
        for other in ["arn:other", ""] {
            assert!(Generated::parse(json(other).as_bytes(), KEY).is_err());
            assert!(Opened::parse(json(other).as_bytes(), KEY).is_err());
            assert!(Rewrapped::parse(json(other).as_bytes(), KEY).is_err());
        }
    }

    #[test]
    fn what_is_no_data_key_is_refused_and_never_shown() {
        let secret = spelled(&[7; 31]);
        for plain in [&secret, "", "?", &spelled(&[7; 33])] {
            let json = format!(r#"{{"Plaintext":"{plain}","CiphertextBlob":"AAAA"}}"#);
            let told = Generated::parse(json.as_bytes(), KEY).unwrap_err();
            assert!(!told.to_string().contains(plain) || plain.is_empty(), "{told}");
        }
        for blob in [String::new(), spelled(&[1; LONGEST_WRAPPED + 1]), "?".to_owned()] {
            let json = format!(r#"{{"CiphertextBlob":"{blob}"}}"#);
            assert!(Rewrapped::parse(json.as_bytes(), KEY).is_err());
        }
        assert!(Opened::parse(b"[]", KEY).is_err() && Opened::parse(b"", KEY).is_err());
    }

    #[test]
    fn a_message_of_the_service_cannot_break_a_line_of_the_log() {
        let told = of(500, "{\"__type\":\"Odd\",\"message\":\"a\\nb\"}");
        assert_eq!(told, unavailable("answered 500 Internal Server Error Odd ab".to_owned()));
        assert!(shown(&"x".repeat(5000)).len() == LONGEST_MESSAGE);
    }
}
