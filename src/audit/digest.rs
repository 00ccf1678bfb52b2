//! CloudTrail's digest files (spec/cloudtrail.md 10): what one holds, what of it is signed, with which
//! key, and whether a chain of them holds together. Pure: files and time are arguments.
//!
//! A digest names every log file of its hour with the hash of its content, and the digest before it with
//! hash and signature. Whoever has the public key can tell that no log file was changed or taken away,
//! and that no digest was.

mod chain;
mod key;

#[cfg(test)]
mod tests;

use ring::digest::SHA256;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use chain::{FileReport, Gap, Logs, Presented, Report, Verdict, Why, verify};
pub use key::{KeyError, PublicKey, SigningKey, fingerprint};

use crate::time::Seconds;

/// The longest digest that is read, in octets: 100 000 log files an hour.
pub const LONGEST: usize = 64 << 20;
/// How digests are signed; also the value of `x-amz-meta-signature-algorithm`.
pub const ALGORITHM: &str = "SHA256withRSA";
/// How files are hashed.
pub const HASH: &str = "SHA-256";
/// The end of the name of a digest with late additions.
const BACKFILL: &str = "_backfill.json.gz";

/// A digest file, its members in the order of AWS.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// The account whose trail it is.
    pub aws_account_id: String,
    /// When its hour began.
    pub digest_start_time: String,
    /// When its hour ended.
    pub digest_end_time: String,
    /// The bucket it is delivered to.
    #[serde(rename = "digestS3Bucket")]
    pub bucket: String,
    /// The name it is delivered under.
    #[serde(rename = "digestS3Object")]
    pub object: String,
    /// Which key signs it.
    pub digest_public_key_fingerprint: String,
    /// [`ALGORITHM`].
    pub digest_signature_algorithm: String,
    /// The time of the newest record; none if there is no record.
    pub newest_event_time: Option<String>,
    /// The time of the oldest record.
    pub oldest_event_time: Option<String>,
    /// The bucket of the digest before; none in a starting digest, as all of the next four.
    #[serde(rename = "previousDigestS3Bucket")]
    pub previous_bucket: Option<String>,
    /// Its name.
    #[serde(rename = "previousDigestS3Object")]
    pub previous_object: Option<String>,
    /// The hash of its content, lower-case hex.
    pub previous_digest_hash_value: Option<String>,
    /// [`HASH`].
    pub previous_digest_hash_algorithm: Option<String>,
    /// Its signature, lower-case hex.
    pub previous_digest_signature: Option<String>,
    /// The log files of the hour.
    pub log_files: Vec<LogFile>,
    /// What the proxy adds: instance, frame numbers, chain value, counters. Under the same signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Value>,
}

/// A log file in a digest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogFile {
    /// The bucket it is delivered to.
    #[serde(rename = "s3Bucket")]
    pub bucket: String,
    /// The name it is delivered under.
    #[serde(rename = "s3Object")]
    pub object: String,
    /// The hash of its uncompressed content, lower-case hex.
    pub hash_value: String,
    /// [`HASH`].
    pub hash_algorithm: String,
    /// The time of its newest record.
    pub newest_event_time: Option<String>,
    /// The time of its oldest record.
    pub oldest_event_time: Option<String>,
}

/// The digest that a new one follows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Previous {
    /// Its bucket.
    pub bucket: String,
    /// Its name.
    pub object: String,
    /// The hash of its uncompressed content, lower-case hex.
    pub hash: String,
    /// Its signature, lower-case hex.
    pub signature: String,
}

/// What a new digest is about.
#[derive(Clone, Debug)]
pub struct Hour<'a> {
    /// The account whose trail it is.
    pub account: &'a str,
    /// When the hour begins.
    pub start: Seconds,
    /// When it ends.
    pub end: Seconds,
    /// The bucket that the digest is delivered to.
    pub bucket: &'a str,
    /// The name that it is delivered under: see [`object_name`].
    pub object: &'a str,
    /// The digest before; none begins a chain.
    pub previous: Option<&'a Previous>,
    /// The log files of the hour.
    pub logs: Vec<LogFile>,
    /// What the proxy adds.
    pub proxy: Option<Value>,
}

/// A digest that is ready to be delivered: compressed, under its name, the signature in its metadata.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signed {
    /// The document, uncompressed.
    pub document: Vec<u8>,
    /// What the next digest says of this one; its `signature` is that of the object's metadata.
    pub as_previous: Previous,
}

/// Writes the digest of an hour and signs it.
///
/// # Errors
/// [`KeyError::Sign`] if the key does not sign.
pub fn sign(hour: Hour<'_>, key: &SigningKey) -> Result<Signed, KeyError> {
    let Hour { account, start, end, bucket, object, previous, logs, proxy } = hour;
    let of_previous = |member: fn(&Previous) -> &String| previous.map(member).cloned();
    let newest = logs.iter().filter_map(|log| log.newest_event_time.clone()).max();
    let oldest = logs.iter().filter_map(|log| log.oldest_event_time.clone()).min();
    let digest = Digest {
        aws_account_id: account.to_owned(),
        digest_start_time: start.rfc3339(),
        digest_end_time: end.rfc3339(),
        bucket: bucket.to_owned(),
        object: object.to_owned(),
        digest_public_key_fingerprint: key.public().fingerprint().to_owned(),
        digest_signature_algorithm: ALGORITHM.to_owned(),
        newest_event_time: newest,
        oldest_event_time: oldest,
        previous_bucket: of_previous(|previous| &previous.bucket),
        previous_object: of_previous(|previous| &previous.object),
        previous_digest_hash_value: of_previous(|previous| &previous.hash),
        previous_digest_hash_algorithm: previous.map(|_| HASH.to_owned()),
        previous_digest_signature: of_previous(|previous| &previous.signature),
        log_files: logs,
        proxy,
    };
    let document = serde_json::to_vec(&digest).map_err(|_| KeyError::Sign)?;
    let hash = hash(&document);
    let previous = digest.previous_digest_signature.as_deref();
    let text = string_to_sign(&digest.digest_end_time, bucket, object, &hash, previous);
    let signature = key.sign(text.as_bytes())?;
    let as_previous = Previous { bucket: bucket.to_owned(), object: object.to_owned(), hash, signature };
    Ok(Signed { document, as_previous })
}

/// The text whose signature is that of a digest: four lines without a last line feed. `hash` is that of
/// the uncompressed digest, `previous` the signature of the digest before, none in a starting digest.
pub fn string_to_sign(end: &str, bucket: &str, object: &str, hash: &str, previous: Option<&str>) -> String {
    format!("{end}\n{bucket}/{object}\n{hash}\n{}", previous.unwrap_or("null"))
}

/// The hash of a file's uncompressed content, lower-case hex.
pub fn hash(content: &[u8]) -> String {
    hex(ring::digest::digest(&SHA256, content).as_ref())
}

/// `{prefix/}AWSLogs/{account}/CloudTrail-Digest/{region}/{YYYY}/{MM}/{DD}/{account}_CloudTrail-Digest_…`.
/// `prefix` without a slash at its end; empty for none.
pub fn object_name(prefix: &str, account: &str, region: &str, trail: &str, home: &str, end: Seconds) -> String {
    let (year, month, day, ..) = end.civil();
    let slash = if prefix.is_empty() { "" } else { "/" };
    let at = end.compact();
    format!(
        "{prefix}{slash}AWSLogs/{account}/CloudTrail-Digest/{region}/{year:04}/{month:02}/{day:02}/\
         {account}_CloudTrail-Digest_{region}_{trail}_{home}_{at}.json.gz"
    )
}

/// Which chain a digest belongs to, by its name: the prefix, and account, regions and trail without the time.
pub fn chain_of(object: &str) -> (&str, &str) {
    let prefix = object.split_once("AWSLogs/").map_or("", |(prefix, _)| prefix);
    let file = object.rsplit('/').next().unwrap_or(object);
    let file = file.strip_suffix(BACKFILL).unwrap_or(file);
    (prefix, file.rsplit_once('_').map_or(file, |(chain, _)| chain))
}

/// Lower-case hex.
pub(super) fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Reads hex of either case; `None` if it is not.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let octets = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect::<Option<_>>()?;
    rest.is_empty().then_some(octets)
}
