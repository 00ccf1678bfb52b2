//! The keyring's JSON (spec/encryption.md 15.2), read strictly and written back.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::keyring::{Key, Ring, State, Usage};
use super::name::{self, Arn, Resource};
use super::wrap::{DataKey, Version};
use crate::time::Seconds;

/// The longest keyring, in octets.
pub const LONGEST_FILE: usize = 1 << 20;
const MOST_KEYS: usize = 4096;
const MOST_ALIASES: usize = 64;
const MOST_VERSIONS: usize = 4096;

/// What is wrong with a keyring, and where. Never a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct RingError {
    place: String,
    message: String,
}

impl RingError {
    /// Something about a key, by its place in the list.
    pub(super) fn at(key: usize, message: impl Into<String>) -> Self {
        Self { place: format!("keys[{key}]"), message: message.into() }
    }

    pub(super) fn no_randomness(key: usize) -> Self {
        Self::at(key, "the system gives no random numbers")
    }

    fn inside(key: usize, member: &str, message: impl Into<String>) -> Self {
        Self { place: format!("keys[{key}].{member}"), message: message.into() }
    }

    fn whole(message: impl Into<String>) -> Self {
        Self { place: "the keyring".to_owned(), message: message.into() }
    }

    fn syntax(error: &serde_json::Error) -> Self {
        let (place, text) = (format!("line {} column {}", error.line(), error.column()), error.to_string());
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        // What stands in the wrong place may be a secret: say what should stand there.
        let message = match text.rsplit_once(", expected ") {
            Some((found, expected)) if found.starts_with("invalid ") => format!("expected {expected}"),
            _ => text.to_owned(),
        };
        Self { place, message }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenRing {
    keys: Vec<WrittenKey>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    arn: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    state: State,
    #[serde(default, skip_serializing_if = "is_usual")]
    usage: Usage,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    versions: Vec<WrittenVersion>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenVersion {
    id: u32,
    kek_b64: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<String>,
}

fn is_usual(usage: &Usage) -> bool {
    *usage == Usage::EncryptDecrypt
}

/// 32 octets, in base64.
struct Secret(Zeroizing<[u8; DataKey::LENGTH]>);

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&Zeroizing::new(STANDARD.encode(*self.0)))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("32 octets in base64, as `openssl rand -base64 32` writes them")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secret, E> {
                let wrong = || E::invalid_value(serde::de::Unexpected::Other("secret"), &self);
                let mut octets = Zeroizing::new([0; DataKey::LENGTH]);
                let decoded = Zeroizing::new(STANDARD.decode(text).map_err(|_| wrong())?);
                let exact: &[u8; DataKey::LENGTH] = decoded.as_slice().try_into().map_err(|_| wrong())?;
                octets.copy_from_slice(exact);
                Ok(Secret(octets))
            }
        }
        from.deserialize_str(Text)
    }
}

impl Ring {
    /// Reads a keyring. Unknown members, members that stand twice, ARNs and aliases of several keys and
    /// everything out of form are errors.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(json: &[u8]) -> Result<Self, RingError> {
        if json.len() > LONGEST_FILE {
            return Err(RingError::whole(format!("longer than {LONGEST_FILE} octets")));
        }
        let written: WrittenRing = serde_json::from_slice(json).map_err(|error| RingError::syntax(&error))?;
        if written.keys.len() > MOST_KEYS {
            return Err(RingError::whole(format!("more than {MOST_KEYS} keys")));
        }
        let keys = written.keys.into_iter().enumerate().map(|(place, key)| read(place, key));
        Self::of(keys.collect::<Result<_, _>>()?)
    }

    /// The JSON that [`Ring::parse`] reads, secrets included; for a file that only its owner reads.
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let key = |key: &Key| WrittenKey {
            arn: key.arn().to_string(),
            aliases: key.aliases().map(str::to_owned).collect(),
            state: key.state(),
            usage: key.usage(),
            versions: key.material().iter().map(write).collect(),
        };
        let written = WrittenRing { keys: self.keys().map(key).collect() };
        // Room for all of it from the start: a vector that grows leaves secrets behind.
        let secrets: usize = self
            .keys()
            .map(|key| 512 + key.aliases().map(|alias| alias.len() + 32).sum::<usize>() + key.material().len() * 256)
            .sum();
        let mut out = Zeroizing::new(Vec::with_capacity(64 + secrets));
        // Neither a vector nor these values can refuse.
        let _ = serde_json::to_writer_pretty(&mut *out, &written);
        out.push(b'\n');
        out
    }
}

fn write(version: &Version) -> WrittenVersion {
    WrittenVersion { id: version.id, kek_b64: Secret(version.secret.clone()), created: version.created.clone() }
}

fn read(place: usize, written: WrittenKey) -> Result<Key, RingError> {
    let wrong = |member: &str, message: String| Err(RingError::inside(place, member, message));
    let WrittenKey { arn, aliases, state, usage, versions } = written;
    if !Arn::parse(&arn).is_some_and(|arn| matches!(arn.resource, Resource::Key(_))) {
        return wrong("arn", "expected the ARN of a key, `arn:aws:kms:REGION:ACCOUNT:key/ID`".to_owned());
    }
    if aliases.len() > MOST_ALIASES {
        return wrong("aliases", format!("more than {MOST_ALIASES}"));
    }
    if let Some(at) = aliases.iter().position(|alias| !name::is_alias(alias)) {
        let message = "expected `alias/NAME` of letters, digits, `/`, `_` and `-`, 256 characters at most";
        return wrong(&format!("aliases[{at}]"), message.to_owned());
    }
    if versions.len() > MOST_VERSIONS {
        return wrong("versions", format!("more than {MOST_VERSIONS}"));
    }
    if usage != Usage::EncryptDecrypt && !versions.is_empty() {
        return wrong("versions", format!("a key for {} has no secrets here", usage.as_str()));
    }
    let mut ids = BTreeSet::new();
    let mut material = Vec::with_capacity(versions.len());
    for (at, version) in versions.into_iter().enumerate() {
        if version.id == 0 || !ids.insert(version.id) {
            return wrong(&format!("versions[{at}].id"), "expected a number from 1 on, each once".to_owned());
        }
        if version.created.as_deref().is_some_and(|text| Seconds::from_rfc3339(text).is_none()) {
            return wrong(&format!("versions[{at}].created"), "expected a time, `2026-03-14T09:26:53Z`".to_owned());
        }
        material.push(Version::new(version.id, version.kek_b64.0, version.created));
    }
    material.sort_by_key(|version| version.id);
    let aliases = aliases.into_iter().map(String::into_boxed_str).collect();
    Ok(Key::new(arn.into(), aliases, state, usage).having(material))
}
