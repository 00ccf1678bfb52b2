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

/// Signs requests with the proxy's own key.
pub struct Signer {
    access_key: String,
    secret: Secret,
    token: Option<Secret>,
    region: String,
    service: &'static str,
    today: ArcSwapOption<Today>,
}

/// What stays the same for a day.
struct Today {
    number: i64,
    /// `YYYYMMDD/region/service/aws4_request`
    scope: String,
    /// The begin of every Authorization header, up to the names.
    opening: String,
    key: Arc<SigningKey>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, {})", self.access_key, self.region)
    }
}

impl Signer {
    /// Signs as this key in this region, for service `s3`.
    pub fn new(access_key: String, secret: Secret, token: Option<Secret>, region: String) -> Self {
        Self { access_key, secret, token, region, service: "s3", today: ArcSwapOption::empty() }
    }

    /// The same for another service, by its name in scopes.
    #[must_use]
    pub fn for_service(self, service: &'static str) -> Self {
        Self { service, today: ArcSwapOption::empty(), ..self }
    }

    /// Signs a request whose path and query are already canonical: adds `x-amz-date`,
    /// `x-amz-content-sha256`, the token and `authorization`. Every header of the map is signed. Gives
    /// back what signs the chunks of the body, where there are any.
    ///
    /// # Errors
    /// A token or key that cannot stand in a header.
    pub fn sign(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &mut HeaderMap,
        payload: OutgoingPayload,
        now: Seconds,
    ) -> Result<Option<ChunkSigner>, InvalidHeaderValue> {
        let time = now.compact_octets();
        let time = std::str::from_utf8(&time).unwrap_or_default(); // digits and two letters
        headers.insert(DATE, HeaderValue::from_str(time)?);
        headers.insert(PAYLOAD, payload.value()?);
        if let Some(token) = &self.token {
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
        let today = self.today(now, time);
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

    /// Today's signing key and scope, made once a day.
    fn today(&self, now: Seconds, time: &str) -> Arc<Today> {
        let number = now.0.div_euclid(86_400);
        if let Some(today) = &*self.today.load()
            && today.number == number
        {
            return Arc::clone(today);
        }
        let day = time.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let opening = format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=", self.access_key);
        let key = key::derive(&self.secret, day.as_bytes(), &self.region, self.service);
        let today = Arc::new(Today { number, scope, opening, key });
        self.today.store(Some(Arc::clone(&today)));
        today
    }
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
