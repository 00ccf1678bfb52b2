//! The signature towards the store (spec/sigv4.md 17), by the same canonical form.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName, InvalidHeaderValue};
use http::{HeaderMap, HeaderValue};
use smallvec::SmallVec;

use super::canonical::{self, SignedText};
use super::chunks::{ChunkSigner, EMPTY};
use super::header::Algorithm;
use super::key::{self, Secret, SigningKey};
use crate::s3::checksum::SHA256_OF_NOTHING;
use crate::s3::head::trim;
use crate::time::Seconds;

/// What the payload line of an outgoing request says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutgoingPayload {
    /// The SHA-256 of the body.
    Hash([u8; 32]),
    /// Nothing of the body is signed.
    Unsigned,
    /// aws-chunked, with a checksum in its trailer.
    UnsignedTrailer,
    /// aws-chunked, every chunk signed.
    Chunks {
        /// A checksum follows in a signed trailer.
        trailer: bool,
    },
}

impl OutgoingPayload {
    /// The hash of nothing.
    pub const EMPTY: Self = Self::Hash(SHA256_OF_NOTHING);

    /// As `x-amz-content-sha256` and the last line of the canonical request say it.
    fn value(self) -> Result<HeaderValue, InvalidHeaderValue> {
        Ok(HeaderValue::from_static(match self {
            Self::EMPTY => EMPTY,
            Self::Hash(hash) => return HeaderValue::from_bytes(&key::hex32(&hash)),
            Self::Unsigned => "UNSIGNED-PAYLOAD",
            Self::UnsignedTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            Self::Chunks { trailer: false } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            Self::Chunks { trailer: true } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        }))
    }
}

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const PAYLOAD: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// What keys are prepared for that nobody has signed with yet: the first request is of another day.
const FIRST_DAY: Seconds = Seconds(0);

/// A key of the proxy's own, with all that belongs to it.
#[derive(Debug)]
pub struct OwnKeys {
    /// The access key id.
    pub access_key: String,
    /// The secret.
    pub secret: Secret,
    /// The token of temporary credentials.
    pub token: Option<Secret>,
    /// When they are over; they sign nothing from then on.
    pub expires: Option<Seconds>,
}

/// Why a request is not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A token or key cannot stand in a header.
    #[error("the key or its token cannot stand in a header")]
    Header(#[from] InvalidHeaderValue),
    /// None have come yet, or those that came are over.
    #[error("there are no keys from {source_name}: {}", if *.expired { "the last ones have expired" } else { "none have come yet" })]
    NoKeys {
        /// Where they come from.
        source_name: &'static str,
        /// There were some.
        expired: bool,
    },
}

/// Signs requests with the proxy's own key. Others may be put in its place at any time: access key, token and
/// derived key are one value behind one pointer, so that no request sees parts of two.
pub struct Signer {
    region: String,
    service: &'static str,
    source_name: &'static str,
    held: ArcSwapOption<Today>,
}

/// The keys, and what stays the same for a day.
struct Today {
    keys: Arc<OwnKeys>,
    number: i64,
    /// `YYYYMMDD/region/service/aws4_request`
    scope: String,
    /// The begin of every Authorization header, up to the names.
    opening: String,
    key: Arc<SigningKey>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.held.load();
        let access_key = held.as_ref().map_or("no key", |today| today.keys.access_key.as_str());
        write!(f, "Signer({access_key}, {})", self.region)
    }
}

impl Signer {
    /// Signs as this key in this region, for service `s3`.
    pub fn new(access_key: String, secret: Secret, token: Option<Secret>, region: String) -> Self {
        Self::holding(Arc::new(OwnKeys { access_key, secret, token, expires: None }), region)
    }

    /// The same with keys that others may hold too.
    pub fn holding(keys: Arc<OwnKeys>, region: String) -> Self {
        let signer = Self::awaiting("the configuration", region);
        signer.hold(keys, FIRST_DAY);
        signer
    }

    /// Signs nothing before it is given keys. `source_name`: what its errors call the place they come from.
    pub fn awaiting(source_name: &'static str, region: String) -> Self {
        Self { region, service: "s3", source_name, held: ArcSwapOption::empty() }
    }

    /// The same for another service, by its name in scopes.
    #[must_use]
    pub fn for_service(self, service: &'static str) -> Self {
        let keys = self.held.load().as_ref().map(|today| Arc::clone(&today.keys));
        let signer = Self { service, held: ArcSwapOption::empty(), ..self };
        if let Some(keys) = keys {
            signer.hold(keys, FIRST_DAY);
        }
        signer
    }

    /// Signs with these from now on.
    pub fn hold(&self, keys: Arc<OwnKeys>, now: Seconds) {
        let time = now.compact_octets();
        let today = self.derived(keys, now, std::str::from_utf8(&time).unwrap_or_default());
        self.held.store(Some(Arc::new(today)));
    }

    /// Whether a request would be signed now.
    pub fn has_keys(&self, now: Seconds) -> bool {
        self.held.load().as_ref().is_some_and(|today| today.is_good(now))
    }

    /// When the keys that are held end; none where there are none, or they do not end.
    pub fn keys_end(&self) -> Option<Seconds> {
        self.held.load().as_ref().and_then(|today| today.keys.expires)
    }

    /// Signs a request whose path and query are already canonical: adds `x-amz-date`,
    /// `x-amz-content-sha256`, the token and `authorization`. Every header of the map is signed. Gives
    /// back what signs the chunks of the body, where there are any.
    ///
    /// # Errors
    /// [`SignError`]
    pub fn sign(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &mut HeaderMap,
        payload: OutgoingPayload,
        now: Seconds,
    ) -> Result<Option<ChunkSigner>, SignError> {
        let time = now.compact_octets();
        let time = std::str::from_utf8(&time).unwrap_or_default(); // digits and two letters
        let today = self.today(now, time)?;
        headers.insert(DATE, HeaderValue::from_str(time)?);
        headers.insert(PAYLOAD, payload.value()?);
        if let Some(token) = &today.keys.token {
            let mut value = HeaderValue::from_str(token.expose())?;
            value.set_sensitive(true);
            headers.insert(TOKEN, value);
        }
        // Lines of one name come one after the other, in their order, and stay so.
        let mut lines: SmallVec<[(&str, &[u8]); 16]> = SmallVec::new();
        lines.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        lines.sort_by_key(|(name, _)| *name);
        let mut text = Vec::with_capacity(1024);
        let signed = canonical_into((method, path, query), &lines, &mut text);
        drop(lines);
        let text = SignedText::new(Algorithm::Hmac, time, &today.scope, text);
        let signature = key::hex32(&today.key.sign(text.string_to_sign()));
        let names = text.canonical_request().get(signed).unwrap_or_default();
        let mut value = Vec::with_capacity(today.opening.len() + names.len() + 12 + signature.len());
        for part in [today.opening.as_bytes(), names, b", Signature=", &signature] {
            value.extend_from_slice(part);
        }
        let mut value = HeaderValue::from_maybe_shared(Bytes::from(value))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        let signs_chunks = matches!(payload, OutgoingPayload::Chunks { .. });
        let signature = || String::from_utf8_lossy(&signature).into_owned();
        Ok(signs_chunks.then(|| ChunkSigner::new(Arc::clone(&today.key), time, &today.scope, signature())))
    }

    /// The keys with today's signing key and scope, made once a day.
    fn today(&self, now: Seconds, time: &str) -> Result<Arc<Today>, SignError> {
        let held = self.held.load();
        let none = |expired| SignError::NoKeys { source_name: self.source_name, expired };
        let today = held.as_ref().ok_or_else(|| none(false))?;
        if !today.is_good(now) {
            return Err(none(true));
        }
        if today.number == day(now) {
            return Ok(Arc::clone(today));
        }
        let today = Arc::new(self.derived(Arc::clone(&today.keys), now, time));
        // Where other keys have come meanwhile, they stay.
        self.held.compare_and_swap(&*held, Some(Arc::clone(&today)));
        Ok(today)
    }

    fn derived(&self, keys: Arc<OwnKeys>, now: Seconds, time: &str) -> Today {
        let date = time.get(..8).unwrap_or_default();
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let opening = format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=", keys.access_key);
        let key = key::derive(&keys.secret, date.as_bytes(), &self.region, self.service);
        Today { keys, number: day(now), scope, opening, key }
    }
}

impl Today {
    fn is_good(&self, now: Seconds) -> bool {
        self.keys.expires.is_none_or(|end| now < end)
    }
}

/// The number of a day.
fn day(now: Seconds) -> i64 {
    now.0.div_euclid(86_400)
}

/// Writes the canonical request over sorted lines; gives back where the list of names stands in it.
fn canonical_into(
    (method, path, query): (&str, &str, &str),
    lines: &[(&str, &[u8])],
    out: &mut Vec<u8>,
) -> Range<usize> {
    for part in [method, "\n", path, "\n", query, "\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    let same_name = |(one, _): &(&str, &[u8]), (other, _): &(&str, &[u8])| one == other;
    for same in lines.chunk_by(same_name) {
        for (at, (name, value)) in same.iter().enumerate() {
            out.extend_from_slice(if at == 0 { name.as_bytes() } else { b"," });
            out.extend_from_slice(if at == 0 { b":" } else { b"" });
            canonical::fold_into(trim(value), out);
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    let start = out.len();
    for (at, (name, _)) in lines.chunk_by(same_name).filter_map(<[_]>::first).enumerate() {
        out.extend_from_slice(if at == 0 { b"" } else { b";" });
        out.extend_from_slice(name.as_bytes());
    }
    let names = start..out.len();
    out.push(b'\n');
    let payload = lines.iter().find(|(name, _)| *name == PAYLOAD.as_str());
    out.extend_from_slice(payload.map(|(_, value)| *value).unwrap_or_default());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Seconds = Seconds(1_800_000_000);

    fn keys(name: &str, token: Option<&str>, expires: Option<Seconds>) -> Arc<OwnKeys> {
        let (secret, token) =
            (Secret::new(format!("secret of {name}")), token.map(|text| Secret::new(text.to_owned())));
        Arc::new(OwnKeys { access_key: name.to_owned(), secret, token, expires })
    }

    fn signed(signer: &Signer, now: Seconds) -> Result<HeaderMap, SignError> {
        let mut headers = HeaderMap::new();
        signer.sign("GET", "/b/k", "", &mut headers, OutgoingPayload::EMPTY, now).map(|_| headers)
    }

    /// As a signer signs that never held anything else.
    fn alone(keys: Arc<OwnKeys>, now: Seconds) -> HeaderMap {
        signed(&Signer::holding(keys, "us-east-1".to_owned()), now).unwrap()
    }

    #[test]
    fn access_key_token_and_signature_change_together() {
        let (first, second) = (keys("A", Some("token-a"), None), keys("B", Some("token-b"), None));
        let signer = Signer::holding(Arc::clone(&first), "us-east-1".to_owned());
        assert_eq!(signed(&signer, NOW).unwrap(), alone(Arc::clone(&first), NOW));
        signer.hold(Arc::clone(&second), NOW);
        assert_eq!(signed(&signer, NOW).unwrap(), alone(Arc::clone(&second), NOW));
        // Also on another day, and by keys without a token.
        let tomorrow = Seconds(NOW.0 + 86_400);
        assert_eq!(signed(&signer, tomorrow).unwrap(), alone(second, tomorrow));
        let lasting = keys("C", None, None);
        signer.hold(Arc::clone(&lasting), NOW);
        assert!(!signed(&signer, tomorrow).unwrap().contains_key(TOKEN));
        assert_eq!(signed(&signer, tomorrow).unwrap(), alone(lasting, tomorrow));
    }

    #[test]
    fn nothing_is_signed_without_keys_or_with_those_that_are_over() {
        let signer = Signer::awaiting("a test", "us-east-1".to_owned()).for_service("kms");
        let told = |now| signed(&signer, now).unwrap_err().to_string();
        assert_eq!(told(NOW), "there are no keys from a test: none have come yet");
        assert!(!signer.has_keys(NOW));
        signer.hold(keys("A", Some("hunter2"), Some(NOW)), Seconds(NOW.0 - 60));
        assert!(signer.has_keys(Seconds(NOW.0 - 1)) && signed(&signer, Seconds(NOW.0 - 1)).is_ok());
        assert_eq!(told(NOW), "there are no keys from a test: the last ones have expired");
        assert!(!signer.has_keys(NOW));
        assert_eq!(format!("{signer:?}"), "Signer(A, us-east-1)");
        assert!(!format!("{:?}", keys("A", Some("hunter2"), None)).contains("hunter2"));
    }

    #[test]
    fn a_service_is_part_of_what_is_signed() {
        let signer = || Signer::holding(keys("A", None, None), "r".to_owned());
        let value = |signer: &Signer| signed(signer, NOW).unwrap()[AUTHORIZATION].to_str().unwrap().to_owned();
        assert!(value(&signer().for_service("kms")).contains("/r/kms/aws4_request"));
        assert_eq!(value(&signer().for_service("s3")), value(&signer()));
    }
}
