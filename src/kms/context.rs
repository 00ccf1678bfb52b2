//! The encryption context: what a wrapped key is bound to (spec/encryption.md 6).

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};

/// The longest context that a client may send, in octets of JSON (E-10).
pub const LONGEST_CONTEXT: usize = 8192;
/// The member that S3 adds: the ARN of the object, or of the bucket with a bucket key.
pub const S3_ARN: &str = "aws:s3:arn";

/// Names and values; whoever unwraps must say the same. No secrets belong here, it is written to logs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Context(BTreeMap<String, String>);

/// Why a client's context is refused. All of it is E-10.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ContextFault {
    /// The header is no base64.
    NotBase64,
    /// It decodes to more than [`LONGEST_CONTEXT`] octets.
    TooLong,
    /// It is no JSON object whose values are texts, or a name stands there twice.
    NotStrings,
    /// It has [`S3_ARN`] with another value than the object's.
    Reserved,
}

impl Context {
    /// Reads the header `x-amz-server-side-encryption-context`.
    ///
    /// # Errors
    /// See [`ContextFault`].
    pub fn from_header(value: &[u8]) -> Result<Self, ContextFault> {
        // Whoever sends more than this decodes to more than is allowed.
        if value.len() > LONGEST_CONTEXT.div_ceil(3) * 4 {
            return Err(ContextFault::TooLong);
        }
        Self::parse(&STANDARD.decode(value).map_err(|_| ContextFault::NotBase64)?)
    }

    /// Reads a JSON object of texts.
    ///
    /// # Errors
    /// See [`ContextFault`].
    pub fn parse(json: &[u8]) -> Result<Self, ContextFault> {
        if json.len() > LONGEST_CONTEXT {
            return Err(ContextFault::TooLong);
        }
        let mut reader = serde_json::Deserializer::from_slice(json);
        let members = reader.deserialize_map(Strings).map_err(|_| ContextFault::NotStrings)?;
        reader.end().map_err(|_| ContextFault::NotStrings)?;
        Ok(Self(members))
    }

    /// Adds the ARN of the object, or of its bucket with a bucket key.
    ///
    /// # Errors
    /// The client has said another.
    pub fn with_s3_arn(mut self, arn: &str) -> Result<Self, ContextFault> {
        match self.0.get(S3_ARN) {
            Some(said) if said != arn => return Err(ContextFault::Reserved),
            Some(_) => {}
            None => drop(self.0.insert(S3_ARN.to_owned(), arn.to_owned())),
        }
        Ok(self)
    }

    /// What it says of the object itself, where S3 will say it too.
    pub fn said_arn(&self) -> Option<&str> {
        self.0.get(S3_ARN).map(String::as_str)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in the order of the names' octets.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The one spelling of this context: names in order, no white space, no escape that is not needed.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.push(b'{');
        for (place, (name, value)) in self.0.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            quote(name, &mut out);
            out.push(b':');
            quote(value, &mut out);
        }
        out.push(b'}');
        out
    }
}

fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for octet in text.bytes() {
        match octet {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', octet]),
            0..0x20 => out.extend_from_slice(format!("\\u{octet:04x}").as_bytes()),
            _ => out.push(octet),
        }
    }
    out.push(b'"');
}

/// An object of texts, each name once. Values of other kinds are refused before anything is read of them.
struct Strings;

impl<'de> Visitor<'de> for Strings {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = BTreeMap::new();
        while let Some((name, value)) = members.next_entry::<String, String>()? {
            if found.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(found)
    }
}
