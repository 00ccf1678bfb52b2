//! The signature towards the store (spec/sigv4.md 17), by the same canonical form.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName, InvalidHeaderValue};
use http::{HeaderMap, HeaderValue};

use super::canonical;
use super::chunks::ChunkSigner;
use super::header::Algorithm;
use super::key::{self, Secret, SigningKey};
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
    pub const EMPTY: Self = Self::Hash([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae,
        0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    fn text(self) -> String {
        match self {
            Self::Hash(hash) => key::hex(&hash),
            Self::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
            Self::UnsignedTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
            Self::Chunks { trailer: false } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned(),
            Self::Chunks { trailer: true } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".to_owned(),
        }
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
    today: ArcSwapOption<Today>,
}

/// What stays the same for a day.
struct Today {
    number: i64,
    /// `YYYYMMDD/region/s3/aws4_request`
    scope: String,
    /// The begin of every Authorization header, up to the names.
    opening: String,
    key: SigningKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, {})", self.access_key, self.region)
    }
}

impl Signer {
    /// Signs as this key in this region, for service `s3`.
    pub fn new(access_key: String, secret: Secret, token: Option<Secret>, region: String) -> Self {
        Self { access_key, secret, token, region, today: ArcSwapOption::empty() }
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
        let time = now.compact();
        let signs_chunks = matches!(payload, OutgoingPayload::Chunks { .. });
        let payload = payload.text();
        headers.insert(DATE, HeaderValue::from_str(&time)?);
        headers.insert(PAYLOAD, HeaderValue::from_str(&payload)?);
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_str(token.expose())?;
            value.set_sensitive(true);
            headers.insert(TOKEN, value);
        }
        // Lines of one name come one after the other, in their order, and stay so.
        let mut lines: Vec<(&str, &HeaderValue)> = headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
        lines.sort_by_key(|(name, _)| *name);
        let mut canonical = Vec::with_capacity(1024);
        for part in [method, "\n", path, "\n", query, "\n"] {
            canonical.extend_from_slice(part.as_bytes());
        }
        for same in lines.chunk_by(|(one, _), (other, _)| one == other) {
            for (at, (name, value)) in same.iter().enumerate() {
                canonical.extend_from_slice(if at == 0 { name.as_bytes() } else { b"," });
                canonical.extend_from_slice(if at == 0 { b":" } else { b"" });
                canonical::fold_into(crate::s3::head::trim(value.as_bytes()), &mut canonical);
            }
            canonical.push(b'\n');
        }
        let mut names: Vec<&str> = lines.into_iter().map(|(name, _)| name).collect();
        names.dedup();
        canonical.push(b'\n');
        canonical::names_into(&names, &mut canonical);
        canonical.push(b'\n');
        canonical.extend_from_slice(payload.as_bytes());
        let today = self.today(now, &time);
        let to_sign = canonical::string_to_sign(Algorithm::Hmac, &time, &today.scope, &canonical);
        let signature = key::hex(&*key::mac(&*today.key, &to_sign));
        let mut value = Vec::with_capacity(512);
        value.extend_from_slice(today.opening.as_bytes());
        canonical::names_into(&names, &mut value);
        value.extend_from_slice(b", Signature=");
        value.extend_from_slice(signature.as_bytes());
        let mut value = HeaderValue::from_maybe_shared(Bytes::from(value))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        Ok(signs_chunks.then(|| ChunkSigner::new(&today.key, &time, &today.scope, signature)))
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
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let opening = format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=", self.access_key);
        let key = key::derive(&self.secret, day.as_bytes(), &self.region, "s3");
        let today = Arc::new(Today { number, scope, opening, key });
        self.today.store(Some(Arc::clone(&today)));
        today
    }
}
