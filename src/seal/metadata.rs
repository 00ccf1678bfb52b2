//! What a store keeps beside a sealed object: user metadata that no client sees (spec/encryption.md 14.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::key::{Commitment, ObjectId};

/// How many octets of user metadata a client may send with a sealed object; S3 takes 2048 in all.
pub const CLIENT_LIMIT: usize = 1400;

const FORM: HeaderName = HeaderName::from_static("x-amz-meta-s3hp");
const KEY: HeaderName = HeaderName::from_static("x-amz-meta-s3hp-key");
const DATA_KEY: HeaderName = HeaderName::from_static("x-amz-meta-s3hp-dek");
const ID: HeaderName = HeaderName::from_static("x-amz-meta-s3hp-id");
const COMMITMENT: HeaderName = HeaderName::from_static("x-amz-meta-s3hp-commit");
const CONTEXT: HeaderName = HeaderName::from_static("x-amz-meta-s3hp-ctx");
const CHECKSUMS: HeaderName = HeaderName::from_static("x-amz-meta-s3hp-ck");
/// The one form that there is.
const FORM_1: &str = "1;suite=1;seg=16";
/// The longest value that is read, in octets; more does not fit into an object's metadata.
const LONGEST: usize = 2048;

/// Whether a header is of this kind: never shown to a client, never taken from one.
pub fn is_ours(name: &str) -> bool {
    let rest = name.as_bytes().split_at_checked(FORM.as_str().len());
    rest.is_some_and(|(front, rest)| {
        front.eq_ignore_ascii_case(FORM.as_str().as_bytes()) && matches!(rest.first(), None | Some(b'-'))
    })
}

/// All that opens a sealed object, but for the key that opens its data key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metadata {
    /// The ARN of the key that wrapped the data key.
    pub key: String,
    /// The wrapped data key.
    pub wrapped: Vec<u8>,
    /// The object's id.
    pub id: ObjectId,
    /// What the data key commits to.
    pub commitment: Commitment,
    /// What the client added to the encryption context, in canonical form.
    pub context: Option<Vec<u8>>,
    /// Checksums of the plaintext, sealed.
    pub checksums: Option<Vec<u8>>,
}

/// Why the metadata of an object that calls itself sealed cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("metadata of a sealed object: `{0}` is missing, there twice, or not understood")]
pub struct MetadataFault(&'static str);

impl Metadata {
    /// Adds it to the headers of a request. None if the key's ARN cannot stand in a header.
    pub fn write(&self, headers: &mut HeaderMap) -> Option<()> {
        let encode = |octets: &[u8]| HeaderValue::from_str(&STANDARD.encode(octets)).ok();
        let key = HeaderValue::from_str(&self.key).ok()?;
        let always = [
            (FORM, HeaderValue::from_static(FORM_1)),
            (KEY, key),
            (DATA_KEY, encode(&self.wrapped)?),
            (ID, encode(&self.id)?),
            (COMMITMENT, encode(&self.commitment)?),
        ];
        let maybe = [(CONTEXT, &self.context), (CHECKSUMS, &self.checksums)];
        headers.extend(always);
        for (name, octets) in maybe {
            if let Some(octets) = octets {
                headers.insert(name, encode(octets)?);
            }
        }
        Some(())
    }

    /// Reads the headers of an answer; none if the object is not sealed.
    ///
    /// # Errors
    /// It says that it is, and what is needed is not there. The whole form must be one that is known.
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, MetadataFault> {
        if !headers.keys().any(|name| is_ours(name.as_str())) {
            return Ok(None);
        }
        if one(headers, &FORM, "s3hp")? != Some(FORM_1) {
            return Err(MetadataFault("s3hp"));
        }
        let key = one(headers, &KEY, "s3hp-key")?.ok_or(MetadataFault("s3hp-key"))?.to_owned();
        let needed = |name, short| octets(headers, name, short)?.ok_or(MetadataFault(short));
        let exact = |short| move |_| MetadataFault(short);
        Ok(Some(Self {
            key,
            wrapped: needed(&DATA_KEY, "s3hp-dek")?,
            id: needed(&ID, "s3hp-id")?.try_into().map_err(exact("s3hp-id"))?,
            commitment: needed(&COMMITMENT, "s3hp-commit")?.try_into().map_err(exact("s3hp-commit"))?,
            context: octets(headers, &CONTEXT, "s3hp-ctx")?,
            checksums: octets(headers, &CHECKSUMS, "s3hp-ck")?,
        }))
    }
}

/// The one value of a header.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName, short: &'static str) -> Result<Option<&'h str>, MetadataFault> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().ok().filter(|text| text.len() <= LONGEST));
    match (value, values.next()) {
        (None, None) => Ok(None),
        (Some(Some(text)), None) => Ok(Some(text)),
        _ => Err(MetadataFault(short)),
    }
}

fn octets(headers: &HeaderMap, name: &HeaderName, short: &'static str) -> Result<Option<Vec<u8>>, MetadataFault> {
    let text = one(headers, name, short)?;
    text.map(|text| STANDARD.decode(text).map_err(|_| MetadataFault(short))).transpose()
}
