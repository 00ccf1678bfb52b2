//! From base64 to conditions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Condition, PostPolicy, Test};
use crate::s3::form::LengthRange;
use crate::s3::{Code, Fault};
use crate::time::Seconds;

/// The most of a value that an answer shows.
const SHOWN: usize = 100;

pub(super) fn parse(field: &str) -> Result<PostPolicy, Fault> {
    let text = STANDARD.decode(field).map_err(|_| invalid("invalid Base64 encoding."))?;
    // Fields are at most 20 KB, so the document is; its depth is bounded by the reader.
    let Ok(Json::Object(members)) = serde_json::from_slice(&saturated(text)) else {
        return Err(invalid("Invalid JSON."));
    };
    let (mut expiration, mut conditions) = (None, None);
    for (name, value) in members {
        let place = match name.as_str() {
            "expiration" => &mut expiration,
            "conditions" => &mut conditions,
            _ => return Err(unexpected(&name)),
        };
        if place.replace(value).is_some() {
            return Err(unexpected(&name));
        }
    }
    let expiration = expiration.ok_or_else(|| invalid("Policy missing expiration."))?;
    let conditions = conditions.ok_or_else(|| invalid("Policy missing conditions."))?;
    let expiration = match &expiration {
        Json::Text(text) => instant(text).ok_or_else(|| bad_expiration(text))?,
        _ => return Err(bad_expiration("")),
    };
    let Json::List(conditions) = conditions else { return Err(invalid("Invalid 'conditions' value: must be a List.")) };
    let conditions = conditions.into_iter().map(condition).collect::<Result<_, _>>()?;
    Ok(PostPolicy { expiration, conditions })
}

fn condition(json: Json) -> Result<Condition, Fault> {
    match json {
        Json::Object(members) => simple(members),
        Json::List(list) => tested(list),
        _ => Err(invalid("Invalid condition test: must be a List or Object.")),
    }
}

/// `{"acl": "private"}`
fn simple(members: Vec<(String, Json)>) -> Result<Condition, Fault> {
    let Ok([(name, value)]) = <[_; 1]>::try_from(members) else {
        return Err(invalid("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."));
    };
    let Json::Text(value) = value else {
        return Err(invalid("Invalid Simple-Condition: value must be a string."));
    };
    Ok(Condition::Field { test: Test::Equals, name: format!("${}", name.to_ascii_lowercase()), value })
}

/// `["starts-with", "$key", "user/"]`
fn tested(list: Vec<Json>) -> Result<Condition, Fault> {
    let mut list = list.into_iter();
    let Some(Json::Text(operator)) = list.next() else {
        return Err(invalid("Invalid Condition: missing operation identifier."));
    };
    let test = match operator.to_ascii_lowercase().as_str() {
        "eq" => Some(Test::Equals),
        "starts-with" => Some(Test::StartsWith),
        "content-length-range" => None,
        _ => return Err(invalid(&format!("Invalid Condition: unknown operation '{}'.", shown(&operator)))),
    };
    let (Some(first), Some(second), None) = (list.next(), list.next(), list.next()) else {
        return Err(invalid(&format!("Invalid {operator}: wrong number of arguments.")));
    };
    let Some(test) = test else {
        let (Some(least), Some(most)) = (first.count(), second.count()) else {
            return Err(invalid(&format!("Invalid {operator}: arguments must be numbers that are not negative.")));
        };
        return Ok(Condition::Length(LengthRange { least, most }));
    };
    let (Json::Text(name), Json::Text(value)) = (first, second) else {
        return Err(invalid(&format!("Invalid {operator}: arguments must be strings.")));
    };
    Ok(Condition::Field { test, name: name.to_ascii_lowercase(), value })
}

/// `2026-03-14T12:00:00.000Z`. Whole seconds are enough: now is one, and later than a fraction of a
/// second only when it is later than the second.
fn instant(text: &str) -> Option<Seconds> {
    let text = text.strip_suffix('Z')?;
    let text = match text.split_once('.') {
        Some((whole, fraction)) if digits(fraction) => whole,
        Some(_) => return None,
        None => text,
    };
    let (date, time) = text.split_once('T')?;
    let date: Vec<&str> = date.split('-').collect();
    let time: Vec<&str> = time.split(':').collect();
    let (&[year, month, day], &[hour, minute, second]) = (date.as_slice(), time.as_slice()) else { return None };
    let number = |text: &str, length: usize| {
        if text.len() == length && digits(text) { text.parse::<i64>().ok() } else { None }
    };
    Seconds::from_civil(
        number(year, 4)?,
        number(month, 2)?,
        number(day, 2)?,
        number(hour, 2)?,
        number(minute, 2)?,
        number(second, 2)?,
    )
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

fn bad_expiration(text: &str) -> Fault {
    invalid(&format!("Invalid 'expiration' value: '{}'", shown(text)))
}

fn unexpected(name: &str) -> Fault {
    invalid(&format!("Unexpected: \"{}\"", shown(name)))
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

fn invalid(why: &str) -> Fault {
    Fault::new(Code::InvalidPolicyDocument, "form-policy", format!("Invalid Policy: {why}"))
}

/// The document with every count that is too large for a `u64` as the largest: the reader would make a
/// rough number of it, and none at all of many digits. In a string it stays as it is.
fn saturated(document: Vec<u8>) -> Vec<u8> {
    const LARGEST: &[u8] = b"18446744073709551615";
    let is_large = |run: &[u8]| {
        let whole = !run.starts_with(b"0") && run.iter().all(u8::is_ascii_digit);
        whole && (run.len(), run) > (LARGEST.len(), LARGEST)
    };
    let (mut quoted, mut escaped) = (false, false);
    // What stands between two of these marks outside of strings is a whole number or no number.
    let of_number = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
    let mut outside = |octet: u8| {
        let was = quoted;
        if !escaped && octet == b'"' {
            quoted = !quoted;
        }
        escaped = quoted && !escaped && octet == b'\\';
        !was && !quoted
    };
    let mut out = Vec::with_capacity(document.len());
    let mut run = 0; // where the number begins in what has been written
    for octet in document {
        if outside(octet) && of_number(octet) {
            out.push(octet);
            continue;
        }
        if out.get(run..).is_some_and(is_large) {
            out.truncate(run);
            out.extend_from_slice(LARGEST);
        }
        out.push(octet);
        run = out.len();
    }
    out
}

/// JSON as it is written: members stay in order, and twice where they are twice.
enum Json {
    List(Vec<Self>),
    Number(u64),
    Object(Vec<(String, Self)>),
    /// Anything that means nothing here.
    Other,
    Text(String),
}

impl Json {
    /// A number, or the decimal digits of one.
    fn count(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            // Only what is too large does not parse.
            Self::Text(text) if digits(text) => Some(text.parse().unwrap_or(u64::MAX)),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other) // negative
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = list.next_element()? {
            out.push(entry);
        }
        Ok(Json::List(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut out = Vec::new();
        while let Some(member) = members.next_entry()? {
            out.push(member);
        }
        Ok(Json::Object(out))
    }
}
