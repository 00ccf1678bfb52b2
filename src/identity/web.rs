//! Web identities: tokens of OpenID Connect providers, verified with keys that are configured. No key
//! is ever fetched, and none that a token brings along is looked at.
//!
//! Invariants:
//! - a key has one algorithm; the token's `alg` must be it. `none` and the HMAC algorithms do not exist;
//! - what a token claims is believed only after its signature has been verified, but for the issuer,
//!   which chooses among the configured ones;
//! - a token is bounded before it is decoded, and a claim that occurs twice is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Federated;
use crate::time::Seconds;

/// The longest token (spec/s3-operations.md 8).
pub const LONGEST: usize = 20_000;
/// The longest header of a token, decoded.
const LONGEST_HEADER: usize = 2048;
/// The longest issuer, subject and audience.
const LONGEST_NAME: usize = 255;
/// How far ahead of this clock an issuer's may be. The end of a token is not stretched.
const SKEW: i64 = 60;
/// The most keys of a provider.
const MOST_KEYS: usize = 64;
/// The largest key: 8192 bits.
const LONGEST_MODULUS: usize = 1024;
/// The smallest: 2048 bits.
const SHORTEST_MODULUS: usize = 256;

/// A provider whose tokens are believed.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// How its tokens name it, scheme included.
    pub issuer: String,
    /// For whom its tokens must be made.
    pub audiences: Vec<String>,
    /// What they are signed with.
    pub keys: Keys,
}

/// The public keys of a provider.
#[derive(Clone, Debug)]
pub struct Keys(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    public: Public,
}

#[derive(Clone, Debug)]
enum Public {
    /// ES256: an uncompressed point of P-256.
    Ec(Vec<u8>),
    /// RS256: modulus and exponent.
    Rsa(Vec<u8>, Vec<u8>),
}

/// Why a set of keys is of no use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeysFault {
    /// Two keys that a token cannot tell apart.
    Ambiguous,
    /// No key for RS256 or ES256.
    Empty,
    /// Not a JSON Web Key Set.
    NotASet,
    /// A key of its own kind that is malformed, too short or too long, or holds a private part.
    Malformed,
    /// More keys than a provider has.
    TooMany,
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WebFault {
    /// An algorithm that is not offered, or not that of the key.
    Algorithm,
    /// Made for somebody else.
    Audience,
    /// Claims that are missing, too long, or not supported here.
    Claims,
    /// Over.
    Expired,
    /// Nobody who is known.
    Issuer,
    /// No key of this name.
    Key,
    /// Not three parts of base64 with JSON in the first two, or too long.
    Malformed,
    /// Not yet valid, or made in the future.
    NotYet,
    /// Not signed with the key.
    Signature,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    nbf: Option<i64>,
    iat: i64,
    #[serde(rename = "https://aws.amazon.com/tags")]
    tags: Option<IgnoredAny>,
    #[serde(rename = "https://aws.amazon.com/source_identity")]
    source_identity: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Keys {
    /// Reads a JSON Web Key Set. Keys for other algorithms are left out; a key for one of ours that is
    /// not in order is a fault.
    ///
    /// # Errors
    /// A set that is none, or of no use.
    pub fn parse(text: &str) -> Result<Self, KeysFault> {
        let set: Set = serde_json::from_str(text).map_err(|_| KeysFault::NotASet)?;
        if set.keys.len() > MOST_KEYS {
            return Err(KeysFault::TooMany);
        }
        let mut keys: Vec<Key> = Vec::new();
        for value in set.keys {
            let jwk: Jwk = serde_json::from_value(value).map_err(|_| KeysFault::Malformed)?;
            let Some(key) = Key::read(jwk)? else { continue };
            let same = |other: &Key| other.id == key.id && other.public.algorithm() == key.public.algorithm();
            if keys.iter().any(same) {
                return Err(KeysFault::Ambiguous);
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(KeysFault::Empty) } else { Ok(Self(keys)) }
    }

    /// The key that a header names. Without a name there must be but one of the algorithm.
    fn choose(&self, header: &Header) -> Result<&Key, WebFault> {
        if !["ES256", "RS256"].contains(&header.alg.as_str()) {
            return Err(WebFault::Algorithm);
        }
        let named = |key: &&Key| header.kid.is_none() || key.id == header.kid;
        let mut found = self.0.iter().filter(named).peekable();
        if found.peek().is_none() {
            return Err(WebFault::Key);
        }
        let mut fitting = found.filter(|key| key.public.algorithm() == header.alg);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None, _) => Err(WebFault::Algorithm),
            (Some(_), Some(_)) => Err(WebFault::Key),
        }
    }
}

impl Key {
    /// A key for one of our algorithms; `None` for another.
    fn read(jwk: Jwk) -> Result<Option<Self>, KeysFault> {
        let Jwk { kty, purpose, alg, kid, crv, x, y, n, e, d } = jwk;
        let ours = |name: &str| alg.as_deref().is_none_or(|alg| alg == name);
        if purpose.is_some_and(|purpose| purpose != "sig") {
            return Ok(None);
        }
        let part = |text: Option<String>| {
            URL_SAFE_NO_PAD.decode(text.ok_or(KeysFault::Malformed)?).map_err(|_| KeysFault::Malformed)
        };
        let public = match kty.as_str() {
            "RSA" if ours("RS256") => {
                let strip =
                    |number: Vec<u8>| -> Vec<u8> { number.into_iter().skip_while(|octet| *octet == 0).collect() };
                let (modulus, exponent) = (strip(part(n)?), strip(part(e)?));
                let fits = (SHORTEST_MODULUS..=LONGEST_MODULUS).contains(&modulus.len());
                if !fits || !(1..=8).contains(&exponent.len()) {
                    return Err(KeysFault::Malformed);
                }
                Public::Rsa(modulus, exponent)
            }
            "EC" if ours("ES256") && crv.as_deref() == Some("P-256") => {
                let (x, y) = (part(x)?, part(y)?);
                if x.len() != 32 || y.len() != 32 {
                    return Err(KeysFault::Malformed);
                }
                Public::Ec([&[4], x.as_slice(), &y].concat())
            }
            _ => return Ok(None),
        };
        // A private key in this file is a mistake that should be seen at once.
        if d.is_some() { Err(KeysFault::Malformed) } else { Ok(Some(Self { id: kid, public })) }
    }
}

impl Public {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ec(_) => "ES256",
            Self::Rsa(..) => "RS256",
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ec(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
            Self::Rsa(n, e) => RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        }
        .is_ok()
    }
}

/// Verifies a token against the providers that are known.
///
/// # Errors
/// The first thing that does not hold: form, issuer, key, signature, audience, time.
pub fn verify(token: &str, issuers: &[Issuer], now: Seconds) -> Result<Federated, WebFault> {
    if token.len() > LONGEST {
        return Err(WebFault::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(WebFault::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(WebFault::Malformed)?;
    let [header, payload, signature] = [header, payload, signature].map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let (Some(header), Some(payload), Some(signature)) = (header, payload, signature) else {
        return Err(WebFault::Malformed);
    };
    if header.len() > LONGEST_HEADER {
        return Err(WebFault::Malformed);
    }
    let header: Header = serde_json::from_slice(&header).map_err(|_| WebFault::Malformed)?;
    if header.crit.is_some() {
        return Err(WebFault::Claims); // says that something must be understood, which is not
    }
    let claims: Claims = serde_json::from_slice(&payload).map_err(|error| match error.is_data() {
        true => WebFault::Claims,
        false => WebFault::Malformed,
    })?;
    let issuer = issuers.iter().find(|issuer| issuer.issuer == claims.iss).ok_or(WebFault::Issuer)?;
    let key = issuer.keys.choose(&header)?;
    if !key.public.verify(message.as_bytes(), &signature) {
        return Err(WebFault::Signature);
    }
    believe(claims, issuer, now)
}

/// What a verified token must say.
fn believe(claims: Claims, issuer: &Issuer, now: Seconds) -> Result<Federated, WebFault> {
    let Claims { iss, sub, aud, azp, exp, nbf, iat, tags, source_identity } = claims;
    let audience = audience(aud, azp)?;
    if !issuer.audiences.contains(&audience) {
        return Err(WebFault::Audience);
    }
    if now.0 >= exp {
        return Err(WebFault::Expired);
    }
    if [nbf, Some(iat)].into_iter().flatten().any(|from| from > now.0.saturating_add(SKEW)) {
        return Err(WebFault::NotYet);
    }
    let named = |name: &str| (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    if !named(&sub) || !named(&audience) || tags.is_some() || source_identity.is_some() {
        return Err(WebFault::Claims);
    }
    Ok(Federated { issuer: iss, subject: sub, audience })
}

/// For whom a token is made: its one audience, or among several the one that it was handed out to.
fn audience(aud: Audience, azp: Option<String>) -> Result<String, WebFault> {
    match aud {
        Audience::One(one) => Ok(one),
        Audience::Several(several) => match (several.as_slice(), azp) {
            ([one], _) => Ok(one.clone()),
            (_, Some(azp)) if several.contains(&azp) => Ok(azp),
            _ => Err(WebFault::Audience),
        },
    }
}

impl WebFault {
    /// A constant for records and metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Algorithm => "web-algorithm",
            Self::Audience => "web-audience",
            Self::Claims => "web-claims",
            Self::Expired => "web-expired",
            Self::Issuer => "web-issuer",
            Self::Key => "web-key",
            Self::Malformed => "web-malformed",
            Self::NotYet => "web-not-yet",
            Self::Signature => "web-signature",
        }
    }

    /// What the caller is told.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Algorithm => "The token must be signed with RS256 or ES256, the algorithm of its key.",
            Self::Audience => "Incorrect token audience",
            Self::Claims => {
                "The token lacks one of iss, sub, aud, exp and iat, or says something that is not supported here."
            }
            Self::Expired => "Token expired: its time is over",
            Self::Issuer => "No OpenIDConnect provider found in your account for this issuer",
            Self::Key => "Couldn't retrieve verification key from your identity provider",
            Self::Malformed => {
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
            }
            Self::NotYet => "The token is not valid yet",
            Self::Signature => "Signature verification failed",
        }
    }
}

impl std::fmt::Display for KeysFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ambiguous => "two of its keys cannot be told apart: give each a `kid`",
            Self::Empty => "it holds no key for RS256 or ES256",
            Self::NotASet => "it is not a JSON Web Key Set: {\"keys\": [ … ]}",
            Self::Malformed => "one of its keys is malformed, shorter than 2048 bits, or a private key",
            Self::TooMany => "it holds more than 64 keys",
        })
    }
}
