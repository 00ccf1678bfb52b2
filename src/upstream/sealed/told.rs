//! Headers between clients and the store: what is kept beside a sealed object, and what is told of it
//! (spec/encryption.md 14.3, 14.6).

use http::{HeaderMap, HeaderName, HeaderValue};

use super::keys::{Name, Wanted, broken, context_of};
use crate::s3::checksum::{Algorithm, Value};
use crate::s3::encryption::{BUCKET_KEY, CONTEXT, KEY_ID, KIND, Kind};
use crate::s3::{Code, Fault};
use crate::seal::{CLIENT_LIMIT, Metadata, ObjectKey, is_ours};

/// The most user metadata that S3 keeps, names and values together, in octets.
const STORE_LIMIT: usize = 2048;
const META: &str = "x-amz-meta-";
/// What `x-proxy-size` says of a list in which a size is that of the sealed octets.
pub(super) const PROXY_SIZE: HeaderName = HeaderName::from_static("x-proxy-size");
/// Whether checksums are wanted with an answer.
pub(super) const CHECKSUM_MODE: HeaderName = HeaderName::from_static("x-amz-checksum-mode");
const CHECKSUM_TYPE: HeaderName = HeaderName::from_static("x-amz-checksum-type");

/// Whether a header speaks of server-side encryption, or of a digest of the data.
fn is_dropped(name: &str) -> bool {
    name.starts_with("x-amz-server-side-encryption")
        || name.starts_with("x-amz-copy-source-server-side-encryption")
        || name.starts_with("x-amz-checksum-")
        || matches!(name, "x-amz-sdk-checksum-algorithm" | "content-md5" | "x-amz-object-size")
}

/// Takes out what the store must not hear, or say: encryption is done here, and digests are of the plaintext
/// on one side and of the sealed octets on the other.
pub(super) fn strip(headers: &mut HeaderMap) {
    remove(headers, is_dropped);
}

fn remove(headers: &mut HeaderMap, gone: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| gone(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Checks the metadata of a client.
///
/// # Errors
/// `MetadataTooLarge`: over 1,400 octets; `InvalidArgument`: a name that is kept for the proxy.
pub(super) fn check_metadata(headers: &HeaderMap) -> Result<(), Fault> {
    if let Some(name) = headers.keys().find(|name| is_ours(name.as_str())) {
        let message = "Metadata whose name begins with s3hp is kept for the proxy.";
        return Err(Fault::argument("sealed-metadata-name", message, name.as_str(), None));
    }
    let size = metadata_size(headers);
    if size > CLIENT_LIMIT {
        return Err(too_large(size, CLIENT_LIMIT));
    }
    Ok(())
}

/// Octets of user metadata, as S3 counts them.
fn metadata_size(headers: &HeaderMap) -> usize {
    headers.iter().fold(0, |sum, (name, value)| match name.as_str().strip_prefix(META) {
        Some(name) => sum.saturating_add(name.len()).saturating_add(value.len()),
        None => sum,
    })
}

fn too_large(size: usize, limit: usize) -> Fault {
    Fault::plain(Code::MetadataTooLarge, "sealed-metadata-size")
        .with("Size", size.to_string())
        .with("MaxSizeAllowed", limit.to_string())
}

/// Writes what opens an object beside it.
///
/// # Errors
/// `MetadataTooLarge`: with the encryption context it is more than a store keeps.
pub(super) fn write(metadata: &Metadata, headers: &mut HeaderMap) -> Result<(), Fault> {
    let unwritable = || Fault::plain(Code::InternalError, "sealed-metadata");
    metadata.write(headers).ok_or_else(unwritable)?;
    let size = metadata_size(headers);
    if size > STORE_LIMIT { Err(too_large(size, STORE_LIMIT)) } else { Ok(()) }
}

/// Reads it back; none of what is not sealed.
///
/// # Errors
/// `InternalError`: it says that it is sealed, and cannot be read.
pub(super) fn read(headers: &HeaderMap, name: Name<'_>) -> Result<Option<Metadata>, Fault> {
    Metadata::read(headers).map_err(|error| broken(error, name))
}

/// Says how an object is encrypted, in the place of what the store says, and takes its metadata out.
///
/// # Errors
/// `InternalError`: it is sealed for another name.
pub(super) fn tell(headers: &mut HeaderMap, metadata: &Metadata, name: Name<'_>) -> Result<(), Fault> {
    let (_, for_bucket) =
        context_of(metadata, name).ok_or_else(|| broken("its encryption context is that of another object", name))?;
    remove(headers, is_ours);
    say(headers, &metadata.key, for_bucket);
    Ok(())
}

/// The same of what has just been written, with the context for the operations that answer it.
pub(super) fn tell_written(headers: &mut HeaderMap, wanted: &Wanted, context: Option<HeaderValue>) {
    say(headers, &wanted.key, wanted.bucket_key);
    if let Some(context) = context {
        headers.insert(CONTEXT, context);
    }
}

pub(super) fn say(headers: &mut HeaderMap, key: &str, bucket_key: bool) {
    strip(headers);
    headers.insert(KIND, HeaderValue::from_static(Kind::Kms.as_str()));
    if let Ok(key) = HeaderValue::from_str(key) {
        headers.insert(KEY_ID, key);
    }
    if bucket_key {
        headers.insert(BUCKET_KEY, HeaderValue::from_static("true"));
    }
}

/// Seals the checksum of the plaintext, for the metadata.
pub(super) fn keep_checksum(key: &ObjectKey, (algorithm, value): (Algorithm, Value)) -> Option<Vec<u8>> {
    key.seal_checksums(format!(r#"{{"{}":"{}"}}"#, algorithm.name(), value.to_base64()).as_bytes())
}

/// Tells the checksum that was kept; nothing where none was.
///
/// # Errors
/// `InternalError`: what was kept does not open.
pub(super) fn tell_kept_checksum(
    headers: &mut HeaderMap,
    key: &ObjectKey,
    metadata: &Metadata,
    name: Name<'_>,
) -> Result<(), Fault> {
    let Some(sealed) = &metadata.checksums else { return Ok(()) };
    let unreadable = || broken("the checksums of its plaintext do not open", name);
    let json = key.open_checksums(sealed).ok_or_else(unreadable)?;
    let kept: std::collections::BTreeMap<String, String> = serde_json::from_slice(&json).map_err(|_| unreadable())?;
    for (algorithm, value) in kept {
        let algorithm = Algorithm::named(&algorithm).ok_or_else(unreadable)?;
        let value = Value::from_base64(algorithm, value.as_bytes()).ok_or_else(unreadable)?;
        tell_checksum(headers, (algorithm, value));
    }
    Ok(())
}

/// Tells the checksum of a whole object.
pub(super) fn tell_checksum(headers: &mut HeaderMap, checksum: (Algorithm, Value)) {
    tell_part_checksum(headers, checksum);
    headers.insert(CHECKSUM_TYPE, HeaderValue::from_static("FULL_OBJECT"));
}

/// Tells the checksum of a part.
pub(super) fn tell_part_checksum(headers: &mut HeaderMap, (algorithm, value): (Algorithm, Value)) {
    if let Ok(value) = HeaderValue::from_str(&value.to_base64()) {
        headers.insert(HeaderName::from_static(algorithm.header()), value);
    }
}

/// Whether checksums are wanted with an answer.
pub(super) fn wants_checksums(headers: &HeaderMap) -> bool {
    headers.get(CHECKSUM_MODE).is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"enabled"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::checksum;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn nothing_of_encryption_and_no_digest_goes_either_way() {
        let mut all = headers(&[
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "arn"),
            ("x-amz-server-side-encryption-context", "e30="),
            ("x-amz-copy-source-server-side-encryption-customer-key", "k"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("x-amz-checksum-type", "FULL_OBJECT"),
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
            ("content-md5", "x"),
            ("content-type", "text/plain"),
            ("x-amz-meta-a", "b"),
        ]);
        strip(&mut all);
        assert_eq!(all, headers(&[("content-type", "text/plain"), ("x-amz-meta-a", "b")]));
    }

    #[test]
    fn a_client_has_room_for_1400_octets_of_metadata_and_none_of_ours() {
        let long = "v".repeat(1400 - 4);
        assert!(check_metadata(&headers(&[("x-amz-meta-name", &long), ("content-type", &long)])).is_ok());
        let fault = check_metadata(&headers(&[("x-amz-meta-name", &long), ("x-amz-meta-a", "")])).unwrap_err();
        assert_eq!(fault.code(), Code::MetadataTooLarge);
        for name in ["x-amz-meta-s3hp", "x-amz-meta-s3hp-dek", "x-amz-meta-s3hp-anything"] {
            assert_eq!(check_metadata(&headers(&[(name, "x")])).unwrap_err().code(), Code::InvalidArgument);
        }
        assert!(check_metadata(&headers(&[("x-amz-meta-s3hpx", "x")])).is_ok());
    }

    #[test]
    fn a_checksum_comes_back_and_no_other_key_reads_it() {
        let name = Name { bucket: "b", key: "k" };
        let key = ObjectKey::new(&[1; 32], [2; 16]);
        let value = checksum::of(Algorithm::Crc64Nvme, b"hello");
        let checksums = keep_checksum(&key, (Algorithm::Crc64Nvme, value));
        let metadata = Metadata {
            key: "arn".to_owned(),
            wrapped: vec![0; 65],
            id: [2; 16],
            commitment: key.commitment(),
            context: None,
            checksums,
        };
        let mut told = HeaderMap::new();
        tell_kept_checksum(&mut told, &key, &metadata, name).unwrap();
        let base64 = value.to_base64();
        assert_eq!(told, headers(&[("x-amz-checksum-crc64nvme", &base64), ("x-amz-checksum-type", "FULL_OBJECT")]));
        let other = ObjectKey::new(&[3; 32], [2; 16]);
        assert!(tell_kept_checksum(&mut told, &other, &metadata, name).is_err());
    }
}
