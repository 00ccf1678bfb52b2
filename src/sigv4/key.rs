//! Secrets and the keys derived from them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use ring::hmac::{self, HMAC_SHA256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::header::Scope;
use crate::time::Seconds;

/// A secret: no Debug content, no copy, wiped when dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret in.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself; for key derivation, constant-time comparison and what the user asked to see.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is known of an access key.
#[derive(Clone, Copy, Debug)]
pub struct Credential<'a> {
    /// The secret access key.
    pub secret: &'a Secret,
    /// The session token that belongs to it; only temporary keys have one.
    pub token: Option<&'a Secret>,
    /// When the session is over.
    pub expires: Option<Seconds>,
}

/// What a token says of an access key that nobody keeps.
#[derive(Debug)]
pub enum Opened {
    /// No such key was ever issued, or nobody may use it any more.
    Unknown,
    /// The key was issued, but not with this token.
    Other,
    /// It is the token of this key.
    Session {
        /// The secret access key.
        secret: Secret,
        /// When the session is over.
        expires: Seconds,
    },
}

/// Where access keys are looked up.
pub trait KeySource {
    /// The credential of an access key that is kept.
    fn find(&self, access_key: &str) -> Option<Credential<'_>>;

    /// The credential that a token carries, for keys that are not kept. It is asked whenever there is a
    /// token, also with a key that is kept, so that the work tells nobody which keys are.
    fn open(&self, access_key: &str, token: &[u8]) -> Opened {
        let _ = (access_key, token);
        Opened::Unknown
    }

    /// Changes whenever any secret may have; derived keys of another generation are forgotten.
    fn generation(&self) -> u64;
}

/// The signing key of one day, region and service.
pub(super) type SigningKey = Zeroizing<[u8; 32]>;

/// Derives the signing key (spec/sigv4.md 5).
pub(super) fn derive(secret: &Secret, day: &[u8], region: &str, service: &str) -> SigningKey {
    let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.expose().len()));
    first.extend_from_slice(b"AWS4");
    first.extend_from_slice(secret.expose().as_bytes());
    let mut key = mac(&first, day);
    for part in [region.as_bytes(), service.as_bytes(), b"aws4_request"] {
        key = mac(&*key, part);
    }
    key
}

/// HMAC-SHA-256.
pub(super) fn mac(key: &[u8], message: &[u8]) -> SigningKey {
    let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, key), message);
    let mut out = Zeroizing::new([0; 32]);
    out.copy_from_slice(tag.as_ref());
    out
}

/// Most access keys of a kind whose signing keys are remembered by one worker.
const MOST_KEYS: usize = 4096;
/// Most scopes remembered for one access key: today and yesterday, two services.
const MOST_SCOPES: usize = 4;

/// Signing keys that one worker remembers. Only keys of known credentials get in, so a stranger cannot
/// push them out, and sessions do not push out lasting keys. A signing key serves the very secret it was
/// derived from and no other, whatever the access key id. Evicted ones are wiped.
#[derive(Default)]
pub struct KeyCache {
    lasting: RefCell<Cached>,
    sessions: RefCell<Cached>,
}

#[derive(Default)]
struct Cached {
    generation: u64,
    keys: HashMap<Box<str>, OfSecret>,
}

/// The signing keys of one secret.
struct OfSecret {
    secret: Secret,
    scopes: Vec<Scoped>,
}

struct Scoped {
    day: [u8; 8],
    region: Box<str>,
    service: Box<str>,
    key: SigningKey,
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyCache({}, {})", self.lasting.borrow().keys.len(), self.sessions.borrow().keys.len())
    }
}

impl KeyCache {
    /// The signing key of an access key that is kept, derived at most once per scope and generation.
    pub(super) fn key(&self, generation: u64, scope: &Scope<'_>, secret: &Secret) -> SigningKey {
        self.lasting.borrow_mut().key(generation, scope, secret)
    }

    /// The signing key of a session.
    pub(super) fn session(&self, generation: u64, scope: &Scope<'_>, secret: &Secret) -> SigningKey {
        self.sessions.borrow_mut().key(generation, scope, secret)
    }
}

impl Cached {
    fn key(&mut self, generation: u64, scope: &Scope<'_>, secret: &Secret) -> SigningKey {
        if self.generation != generation {
            self.keys.clear();
            self.generation = generation;
        }
        let Scope { access_key, day, region, service, .. } = *scope;
        let text = secret.expose();
        let known = self.keys.get(access_key);
        let known = known.filter(|of| bool::from(of.secret.expose().as_bytes().ct_eq(text.as_bytes())));
        let same = |scoped: &&Scoped| scoped.day == day && &*scoped.region == region && &*scoped.service == service;
        if let Some(found) = known.and_then(|of| of.scopes.iter().find(same)) {
            return found.key.clone();
        }
        let fresh = known.is_none();
        let key = derive(secret, &day, region, service);
        if self.keys.len() >= MOST_KEYS && !self.keys.contains_key(access_key) {
            self.keys.clear();
        }
        let new = || OfSecret { secret: Secret::new(text.to_owned()), scopes: Vec::new() };
        let of = self.keys.entry(access_key.into()).or_insert_with(new);
        if fresh {
            *of = new(); // the signing keys of another secret are wiped
        }
        if of.scopes.len() >= MOST_SCOPES {
            of.scopes.remove(0);
        }
        of.scopes.push(Scoped { day, region: region.into(), service: service.into(), key: key.clone() });
        key
    }
}

/// Appends lower-case hexadecimal.
pub(super) fn hex_into(octets: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for octet in octets {
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
        out.extend_from_slice(&[digit(octet >> 4), digit(octet & 15)]);
    }
}

/// Lower-case hexadecimal as text.
pub(super) fn hex(octets: &[u8]) -> String {
    let mut out = Vec::with_capacity(octets.len() * 2);
    hex_into(octets, &mut out);
    String::from_utf8(out).unwrap_or_default() // only ASCII is ever written
}

/// Reads 64 lower-case hexadecimal digits; nothing else is a digest or a signature.
pub(super) fn unhex32(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |octet: u8| match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        _ => None,
    };
    let text: &[u8; 64] = text.try_into().ok()?;
    let mut out = [0; 32];
    for (place, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *place = digit(high)? << 4 | digit(low)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_key_comes_out() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        let key = derive(&secret, b"20150830", "us-east-1", "iam");
        assert_eq!(hex(&*key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    }

    fn scope(access_key: &str, day: [u8; 8]) -> Scope<'_> {
        Scope { access_key, day, region: "r", service: "s3", text: "" }
    }

    #[test]
    fn a_rotated_secret_is_not_verified_with_the_old_key() {
        let cache = KeyCache::default();
        let scope = scope("AK", *b"20260314");
        let key = |generation, secret: &str| cache.key(generation, &scope, &Secret::new(secret.to_owned()));
        let old = key(1, "old");
        assert_eq!(*key(1, "old"), *old);
        assert_ne!(*key(2, "new"), *old);
    }

    #[test]
    fn the_key_of_one_session_never_serves_another_of_the_same_access_key_id() {
        let cache = KeyCache::default();
        let scope = scope("ASIA", *b"20260314");
        let key = |secret: &str| cache.session(1, &scope, &Secret::new(secret.to_owned()));
        let (one, other) = (key("one"), key("other"));
        assert_ne!(*one, *other);
        assert_eq!(*key("one"), *derive(&Secret::new("one".to_owned()), b"20260314", "r", "s3"));
        assert_eq!(*key("one"), *one);
    }

    #[test]
    fn the_cache_is_bounded_and_sessions_do_not_push_out_lasting_keys() {
        let cache = KeyCache::default();
        let secret = Secret::new("s".to_owned());
        cache.key(1, &scope("LASTING", *b"20260314"), &secret);
        for n in 0..MOST_KEYS + 10 {
            cache.session(1, &scope(&format!("AK{n}"), *b"20260314"), &secret);
        }
        for n in 0..10_u8 {
            cache.session(1, &scope("AK", [b'0' + n; 8]), &secret);
        }
        let sessions = cache.sessions.borrow();
        assert!(sessions.keys.len() <= MOST_KEYS);
        assert!(sessions.keys.values().all(|of| of.scopes.len() <= MOST_SCOPES));
        assert!(cache.lasting.borrow().keys.contains_key("LASTING"));
    }

    #[test]
    fn a_secret_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(…)");
    }
}
