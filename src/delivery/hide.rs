//! Keys of objects as hashes: what leaves does not say them, yet two records of one key can be told to be
//! of one key, by whoever has the hash (`[audit] keys = "hashed"`).
//!
//! HMAC-SHA256 under a key of this proxy's own, so that nobody can try names. The journal itself is not
//! touched: it says what was asked.

use std::io;
use std::path::Path;

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Map, Value};

use crate::audit::Event;

/// The name of the key's file.
const FILE: &str = "keys.secret";
/// Octets of the key.
const KEY: usize = 32;
/// Octets of a hash that are shown.
const SHOWN: usize = 16;
/// Parameters whose values are keys or begin as keys do.
const PARAMETERS: [&str; 6] =
    ["continuation-token", "key-marker", "marker", "part-number-marker", "prefix", "start-after"];
/// Members that quote a request or name where it came from, and could hold a key in any spelling.
const DROPPED: [&str; 3] = ["referer", "signature_mismatch", "unreadable"];
/// Headers that name an object.
const HEADERS: [&str; 2] = ["x-amz-copy-source", "x-amz-rename-source"];

/// What hides keys.
pub struct Hide(hmac::Key);

impl Hide {
    /// Hides under this key.
    pub fn new(key: &[u8; KEY]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Hides under the key in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// The file cannot be read or made, or is no key.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        match std::fs::read(&path) {
            Ok(octets) => {
                let key = octets.as_slice().try_into();
                key.map(Self::new).map_err(|_| io::Error::other(format!("{path:?} is not a key of {KEY} octets")))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = [0; KEY];
                SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("no random number could be had"))?;
                super::cursor::put(&path, &key)?;
                Ok(Self::new(&key))
            }
            Err(error) => Err(error),
        }
    }

    /// What stands for a key.
    pub fn hash(&self, text: &str) -> String {
        let tag = hmac::sign(&self.0, text.as_bytes());
        let shown = tag.as_ref().get(..SHOWN).unwrap_or_default();
        shown.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// The same event without the keys of objects.
    pub fn event(&self, event: &Event) -> Event {
        let mut members = event.members().clone();
        let (bucket, key) = (event.bucket().map(str::to_owned), event.key().map(str::to_owned));
        self.text(&mut members, "key");
        if let Some(Value::String(target)) = members.get_mut("target") {
            *target = self.target(target, bucket.as_deref(), key.as_deref());
        }
        if let Some(Value::Object(source)) = members.get_mut("source") {
            self.text(source, "key");
        }
        if let Some(Value::Array(deletions)) = members.get_mut("deletions") {
            for deletion in deletions.iter_mut().filter_map(Value::as_object_mut) {
                self.text(deletion, "key");
            }
        }
        if let Some(Value::Object(headers)) = members.get_mut("headers") {
            HEADERS.iter().for_each(|name| self.text(headers, name));
        }
        for name in DROPPED {
            members.remove(name);
        }
        Event::of(event.at, event.recorded, members)
    }

    fn text(&self, members: &mut Map<String, Value>, name: &str) {
        if let Some(Value::String(text)) = members.get_mut(name) {
            *text = self.hash(text);
        }
    }

    /// The target of a request: its bucket stays, and parameters that say nothing of keys.
    fn target(&self, target: &str, bucket: Option<&str>, key: Option<&str>) -> String {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let in_path = bucket.and_then(|bucket| path.strip_prefix('/')?.strip_prefix(bucket));
        let mut out = match (key, in_path, bucket) {
            (Some(key), Some(rest), Some(bucket)) if rest.starts_with('/') => format!("/{bucket}/{}", self.hash(key)),
            (Some(key), ..) => format!("/{}", self.hash(key)),
            (None, Some("" | "/"), _) => path.to_owned(),
            (None, ..) if path == "/" => path.to_owned(),
            // What it names was not found out.
            (None, ..) => format!("/{}", self.hash(path)),
        };
        if let Some(query) = query {
            out.push('?');
            let shown = query.split('&').map(|pair| self.parameter(pair));
            out.push_str(&shown.collect::<Vec<_>>().join("&"));
        }
        out
    }

    fn parameter(&self, pair: &str) -> String {
        match pair.split_once('=') {
            Some((name, value)) if !value.is_empty() && PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) => {
                format!("{name}={}", self.hash(value))
            }
            _ => pair.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::At;
    use crate::time::Millis;

    fn hidden(members: Value) -> String {
        let Value::Object(members) = members else { panic!() };
        Hide::new(&[7; KEY]).event(&Event::of(At::default(), Millis(0), members)).to_json()
    }

    #[test]
    fn no_key_leaves_in_any_member_that_can_hold_one() {
        for members in [
            json!({ "bucket_name": "b", "key": "a/secret.txt", "target": "/b/a/secret.txt?x-id=GetObject" }),
            json!({ "bucket_name": "b", "key": "a/secret.txt", "target": "/a/secret%2Etxt" }),
            json!({ "bucket_name": "b", "target": "/b?prefix=a%2Fsecret&list-type=2&start-after=secret" }),
            json!({ "target": "/b/a/secret.txt" }),
            json!({ "bucket_name": "b", "target": "/b/", "referer": "https://x/secret" }),
            json!({ "bucket_name": "b", "target": "/b?delete", "deletions": [{ "key": "secret", "version_id": "v" }] }),
            json!({ "bucket_name": "b", "key": "k", "target": "/b/k", "source": { "bucket_name": "c", "key": "secret" },
                    "headers": { "x-amz-copy-source": "/c/secret" } }),
        ] {
            let shown = hidden(members.clone());
            assert!(!shown.contains("secret"), "{members} {shown}");
            assert!(!shown.contains("%2F") || !shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_key_stays_and_one_key_has_one_hash() {
        let shown = hidden(json!({ "bucket_name": "b", "key": "k", "target": "/b/k?versionId=v&partNumber=1" }));
        let hash = Hide::new(&[7; KEY]).hash("k");
        assert!(shown.contains(&format!("/b/{hash}?versionId=v&partNumber=1")), "{shown}");
        assert!(shown.contains(&format!("\"key\":\"{hash}\"")), "{shown}");
        assert_ne!(Hide::new(&[8; KEY]).hash("k"), hash);
    }

    #[test]
    fn the_key_of_hashes_stays_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let first = Hide::open(dir.path()).unwrap().hash("k");
        assert_eq!(Hide::open(dir.path()).unwrap().hash("k"), first);
        std::fs::write(dir.path().join(FILE), "short").unwrap();
        assert!(Hide::open(dir.path()).is_err());
    }
}
