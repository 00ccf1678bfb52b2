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
use crate::s3::uri;

/// The name of the key's file.
const FILE: &str = "keys.secret";
/// Octets of the key.
const KEY: usize = 32;
/// Octets of a hash that are shown.
const SHOWN: usize = 16;
/// Parameters whose values say nothing of keys.
const PLAIN: [&str; 26] = [
    "AWSAccessKeyId",
    "Action",
    "Expires",
    "Signature",
    "Version",
    "X-Amz-Algorithm",
    "X-Amz-Content-Sha256",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Region-Set",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "encoding-type",
    "fetch-owner",
    "list-type",
    "max-buckets",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "partNumber",
    "uploadId",
    "versionId",
    "x-id",
];
/// Parameters that are shown by their names; their values are hashes.
const NAMED: [&str; 50] = [
    "accelerate",
    "acl",
    "analytics",
    "append",
    "attributes",
    "continuation-token",
    "cors",
    "delete",
    "delimiter",
    "encryption",
    "id",
    "intelligent-tiering",
    "inventory",
    "key-marker",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "marker",
    "metadataConfiguration",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "prefix",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "select",
    "session",
    "start-after",
    "tagging",
    "torrent",
    "upload-id-marker",
    "uploads",
    "version-id-marker",
    "versioning",
    "versions",
];
/// Members that quote a request or name where it came from, and could hold a key in any spelling.
const DROPPED: [&str; 6] =
    ["detail", "encryption_context", "error_message", "referer", "signature_mismatch", "unreadable"];
/// Headers that are shown as they are; no key has a place in them.
const HEADERS: [&str; 27] = [
    "content-encoding",
    "if-modified-since",
    "if-unmodified-since",
    "range",
    "x-amz-acl",
    "x-amz-bucket-namespace",
    "x-amz-bucket-object-lock-enabled",
    "x-amz-bypass-governance-retention",
    "x-amz-content-sha256",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-copy-source-range",
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-decoded-content-length",
    "x-amz-expected-bucket-owner",
    "x-amz-metadata-directive",
    "x-amz-mfa",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-ownership",
    "x-amz-request-payer",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
];
/// The most octets of the name or version of a client that is shown.
const PRODUCT: usize = 32;

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
            let hidden: Vec<_> = headers.keys().filter(|name| !HEADERS.contains(&name.as_str())).cloned().collect();
            hidden.iter().for_each(|name| self.text(headers, name));
        }
        if let Some(Value::String(agent)) = members.get_mut("user_agent") {
            *agent = product(agent).map_or_else(|| self.hash(agent), str::to_owned);
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

    /// The target of a request: its bucket stays, and parameters that are known to say nothing of keys.
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

    /// A parameter is known by its name as the router reads it, and written so; one that is not is a hash.
    fn parameter(&self, pair: &str) -> String {
        let (name, value) = pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
        let decoded = uri::decode(name.as_bytes()).unwrap_or(name.as_bytes().into());
        let known =
            |names: &[&'static str]| names.iter().copied().find(|known| decoded.eq_ignore_ascii_case(known.as_bytes()));
        match (known(&PLAIN), known(&NAMED), value) {
            (Some(name), _, Some(value)) if is_plain(value) => format!("{name}={value}"),
            (Some(name), ..) | (_, Some(name), _) => match value {
                Some("") => format!("{name}="),
                Some(value) => format!("{name}={}", self.hash(value)),
                None => name.to_owned(),
            },
            (None, None, _) if pair.is_empty() => String::new(),
            (None, None, _) => self.hash(pair),
        }
    }
}

/// Whether a value of a parameter is what numbers, ids, dates, credentials and masks are made of.
fn is_plain(value: &str) -> bool {
    let escaped = value.replace("%2F", "").replace("%3B", "").replace("%3D", "");
    escaped
        .bytes()
        .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b'/' | b';' | b'=' | b'*'))
}

/// What a client calls itself and its version, if that is how its user agent begins: `aws-cli/2.15.30`.
fn product(agent: &str) -> Option<&str> {
    let first = agent.split(' ').next()?;
    let (name, version) = first.split_once('/')?;
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    let is_version = |octet: u8| octet.is_ascii_digit() || octet == b'.';
    let fits = |text: &str| !text.is_empty() && text.len() <= PRODUCT;
    (fits(name) && fits(version) && name.bytes().all(is_name) && version.bytes().all(is_version)).then_some(first)
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
            json!({ "bucket_name": "b", "detail": "no statement allows s3:GetObject on b/secret", "error_message":
                    "User: x is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/secret\"" }),
            json!({ "bucket_name": "b", "target": "/b?pre%66ix=secret&delimiter=secret&delete=secret&MARKER=secret" }),
            json!({ "bucket_name": "b", "target": "/b?secret&other=secret&key-marker=secret&s%65cret=1&=secret" }),
            json!({ "bucket_name": "b", "key": "k", "target": "/b/k?response-content-disposition=f%3Dsecret" }),
            json!({ "bucket_name": "b", "key": "k", "target": "/b/k?versionId=a%20secret&uploadId=%3Csecret%3E" }),
            json!({ "headers": { "x-amz-website-redirect-location": "/secret", "x-amz-tagging": "a=secret",
                    "if-match": "secret", "if-none-match": "secret", "origin": "secret", "content-type": "a/secret",
                    "x-amz-copy-source-if-match": "secret" } }),
            json!({ "encryption_context": { "aws:s3:arn": "arn:aws:s3:::b/secret", "secret": "x" } }),
            json!({ "user_agent": "secret" }),
            json!({ "user_agent": "curl/8.1 https://h/b/secret" }),
        ] {
            let shown = hidden(members.clone()).to_lowercase();
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
        let shown = hidden(json!({ "target": "/?X-Amz-Date=20260101T000000Z&X-Amz-Credential=A%2F1%2Fs3&acl&tagging=",
            "user_agent": "aws-cli/2.15.30 Python/3.11", "headers": { "range": "bytes=0-1" }, "error_code": "AccessDenied" }));
        assert!(shown.contains("/?X-Amz-Date=20260101T000000Z&X-Amz-Credential=A%2F1%2Fs3&acl&tagging="), "{shown}");
        assert!(shown.contains("\"aws-cli/2.15.30\"") && shown.contains("bytes=0-1"), "{shown}");
        assert!(shown.contains("AccessDenied"), "{shown}");
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
