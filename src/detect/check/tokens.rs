//! Keys and tokens.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde_json::{Map, Value};

use super::kinds;

const EXAMPLE: &[u8] = b"EXAMPLE";

/// Without padding, and with whatever bits are left over.
const URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn secret(text: &[u8]) -> bool {
    let has = |class: fn(&u8) -> bool| text.iter().any(class);
    has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && kinds(text) >= 18
        && memchr::memmem::find(text, EXAMPLE).is_none()
}

pub(super) fn access_key_id(text: &[u8]) -> bool {
    !text.ends_with(EXAMPLE) && kinds(text.get(4..).unwrap_or_default()) >= 6
}

pub(super) fn json_web_token(text: &[u8]) -> bool {
    let mut parts = text.split(|octet| *octet == b'.');
    let (Some(header), Some(payload), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let Some(header) = object(header) else { return false };
    let Some(algorithm) = header.get("alg").and_then(Value::as_str) else { return false };
    object(payload).is_some() && (!signature.is_empty() || algorithm == "none")
}

fn object(part: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL.decode(part).ok()?).ok()
}

pub(super) fn basic(text: &[u8]) -> bool {
    let Ok(decoded) = STANDARD.decode(text) else { return false };
    let Ok(pair) = std::str::from_utf8(&decoded) else { return false };
    text.len().is_multiple_of(4) && !pair.chars().any(char::is_control) && pair.find(':').is_some_and(|at| at >= 1)
}
