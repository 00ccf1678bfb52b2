//! Secrets and the keys derived from them.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::{Arc, LazyLock};

use ring::hmac::{self, HMAC_SHA256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::ecdsa::PublicKey;
use super::header::Scope;
use crate::hash::QuickMap;
use crate::s3::Fault;
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

    /// Whether this is what was given. The time it takes tells the length alone; eight octets at a time.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        let (own, own_rest) = self.0.as_bytes().as_chunks::<8>();
        let (given, given_rest) = given.as_chunks::<8>();
        let word = |octets: &[u8; 8]| u64::from_ne_bytes(*octets);
        let words = own.iter().zip(given).map(|(own, given)| word(own).ct_eq(&word(given)));
        let same = words.fold(own_rest.ct_eq(given_rest), |same, word| same & word);
        own.len() == given.len() && bool::from(same)
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

/// The signing key of one day, region and service, prepared: what HMAC makes of every key before it signs is
/// two of the fifteen blocks of SHA-256 that a usual request takes to verify. No Debug content, no copy, wiped
/// when dropped.
pub(super) struct SigningKey(hmac::Key);

impl SigningKey {
    fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, key))
    }

    /// The signature of a text.
    pub(super) fn sign(&self, text: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&self.0, text).as_ref());
        out
    }

    /// Whether this is the signature of a text, compared in constant time.
    pub(super) fn has_signed(&self, text: &[u8], signature: &[u8; 32]) -> bool {
        hmac::verify(&self.0, text, signature).is_ok()
    }

    /// What was prepared signs as the key does, and ring does not wipe it: another is written over it.
    fn wipe(&mut self) {
        static NOBODYS: LazyLock<hmac::Key> = LazyLock::new(|| hmac::Key::new(HMAC_SHA256, &[0; 32]));
        self.0 = NOBODYS.clone();
        std::hint::black_box(&mut self.0);
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// A link of the chain that ends in the signing key.
pub(super) type Derived = Zeroizing<[u8; 32]>;

/// Derives the signing key (spec/sigv4.md 5).
pub(super) fn derive(secret: &Secret, day: &[u8], region: &str, service: &str) -> Arc<SigningKey> {
    Arc::new(SigningKey::new(&*derived(secret, day, region, service)))
}

fn derived(secret: &Secret, day: &[u8], region: &str, service: &str) -> Derived {
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
pub(super) fn mac(key: &[u8], message: &[u8]) -> Derived {
    Zeroizing::new(SigningKey::new(key).sign(message))
}

/// Most access keys of a kind whose signing keys are remembered by one worker.
const MOST_KEYS: usize = 4096;
/// Most scopes remembered for one access key: today and yesterday, two services.
const MOST_SCOPES: usize = 4;

/// Signing keys that one worker remembers. Only keys of known credentials get in, and one stand-in for all
/// others, so a stranger cannot push them out, and sessions do not push out lasting keys. A signing key serves the very secret it was
/// derived from and no other, whatever the access key id. Evicted ones are wiped.
#[derive(Default)]
pub struct KeyCache {
    lasting: RefCell<Cached>,
    sessions: RefCell<Cached>,
    /// In which second how many mismatches were looked into.
    looked_into: Cell<Option<(Seconds, u32)>>,
}

#[derive(Default)]
struct Cached {
    generation: u64,
    keys: QuickMap<Box<str>, OfSecret>,
}

/// What was derived of one secret.
struct OfSecret {
    secret: Secret,
    scopes: Vec<Scoped>,
    public: Option<PublicKey>,
}

/// What stands in for the secret of an access key that is not known; its signatures prove nothing.
pub(super) fn stand_in() -> Secret {
    Secret::new("0".repeat(40))
}

struct Scoped {
    day: [u8; 8],
    region: Box<str>,
    service: Box<str>,
    key: Arc<SigningKey>,
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyCache({}, {})", self.lasting.borrow().keys.len(), self.sessions.borrow().keys.len())
    }
}

impl KeyCache {
    /// The signing key of an access key that is kept, derived at most once per scope and generation.
    pub(super) fn key(&self, generation: u64, scope: &Scope<'_>, secret: &Secret) -> Arc<SigningKey> {
        self.lasting.borrow_mut().key(generation, scope, secret)
    }

    /// The signing key of a session.
    pub(super) fn session(&self, generation: u64, scope: &Scope<'_>, secret: &Secret) -> Arc<SigningKey> {
        self.sessions.borrow_mut().key(generation, scope, secret)
    }

    /// The public key of an access key that is kept, for Signature Version 4A; derived at most once per
    /// generation.
    pub(super) fn public(&self, generation: u64, scope: &Scope<'_>, secret: &Secret) -> Result<PublicKey, Fault> {
        self.lasting.borrow_mut().public(generation, scope.access_key, secret)
    }

    /// The public key of a session.
    pub(super) fn public_of_session(
        &self,
        generation: u64,
        scope: &Scope<'_>,
        secret: &Secret,
    ) -> Result<PublicKey, Fault> {
        self.sessions.borrow_mut().public(generation, scope.access_key, secret)
    }

    /// Counts what costs more than a request may; at most `most` times a second.
    pub(super) fn has_time_for_another(&self, now: Seconds, most: u32) -> bool {
        let count = self.looked_into.get().filter(|(second, _)| *second == now).map_or(0, |(_, count)| count);
        self.looked_into.set(Some((now, count.saturating_add(1))));
        count < most
    }
}

impl Cached {
    fn key(&mut self, generation: u64, scope: &Scope<'_>, secret: &Secret) -> Arc<SigningKey> {
        let Scope { access_key, day, region, service, .. } = *scope;
        let region = region.unwrap_or_default();
        // The usual case first, which allocates nothing.
        if self.generation == generation
            && let Some(of) = self.keys.get(access_key).filter(|of| of.is_of(secret))
            && let Some(found) = of.scopes.iter().find(|scoped| scoped.is(day, region, service))
        {
            return Arc::clone(&found.key);
        }
        let key = derive(secret, &day, region, service);
        let of = self.of(generation, access_key, secret);
        if of.scopes.len() >= MOST_SCOPES {
            of.scopes.remove(0);
        }
        of.scopes.push(Scoped { day, region: region.into(), service: service.into(), key: Arc::clone(&key) });
        key
    }

    fn public(&mut self, generation: u64, access_key: &str, secret: &Secret) -> Result<PublicKey, Fault> {
        let of = self.of(generation, access_key, secret);
        match of.public {
            Some(public) => Ok(public),
            None => {
                let public = PublicKey::derive(access_key, secret)?;
                of.public = Some(public);
                Ok(public)
            }
        }
    }

    /// The place of a secret, in this generation.
    fn of(&mut self, generation: u64, access_key: &str, secret: &Secret) -> &mut OfSecret {
        if self.generation != generation {
            self.keys.clear();
            self.generation = generation;
        }
        if self.keys.len() >= MOST_KEYS && !self.keys.contains_key(access_key) {
            self.keys.clear();
        }
        let of = self.keys.entry(access_key.into()).or_insert_with(|| OfSecret::new(secret));
        if !of.is_of(secret) {
            *of = OfSecret::new(secret); // what was derived of another secret is wiped
        }
        of
    }
}

impl OfSecret {
    fn new(secret: &Secret) -> Self {
        Self { secret: Secret::new(secret.expose().to_owned()), scopes: Vec::new(), public: None }
    }

    fn is_of(&self, secret: &Secret) -> bool {
        self.secret.is(secret.expose().as_bytes())
    }
}

impl Scoped {
    fn is(&self, day: [u8; 8], region: &str, service: &str) -> bool {
        self.day == day && &*self.region == region && &*self.service == service
    }
}

/// Appends lower-case hexadecimal.
pub(super) fn hex_into(octets: &[u8], out: &mut Vec<u8>) {
    out.reserve(octets.len() * 2);
    for octet in octets {
        out.extend_from_slice(&[digit(octet >> 4), digit(octet & 15)]);
    }
}

/// A digest in lower-case hexadecimal.
pub(super) fn hex32(octets: &[u8; 32]) -> [u8; 64] {
    let mut out = [0; 64];
    for (place, octet) in out.as_chunks_mut::<2>().0.iter_mut().zip(octets) {
        *place = [octet >> 4, octet & 15];
    }
    out.map(digit) // many at a time
}

const fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble }
}

/// Lower-case hexadecimal as text.
pub(super) fn hex(octets: &[u8]) -> String {
    let mut out = Vec::with_capacity(octets.len() * 2);
    hex_into(octets, &mut out);
    String::from_utf8(out).unwrap_or_default() // only ASCII is ever written
}

/// Reads 64 lower-case hexadecimal digits; nothing else is a digest or a signature.
pub(super) fn unhex32(text: &[u8]) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let whole = unhex_into(text, &mut out)?.len() == 32;
    whole.then_some(out)
}

/// Reads lower-case hexadecimal digits, two for each octet, as many as there is room for.
pub(super) fn unhex_into<'o>(text: &[u8], out: &'o mut [u8]) -> Option<&'o [u8]> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let out = out.get_mut(..pairs.len())?;
    let mut seen = 0;
    for (place, pair) in out.iter_mut().zip(pairs) {
        let [high, low] = pair.map(nibble);
        seen |= high | low;
        *place = high << 4 | low & 15;
    }
    (seen < 16).then_some(out)
}

/// The value of a digit; 16 for what is none. Without a jump: every request has two digests.
fn nibble(octet: u8) -> u8 {
    match (octet.wrapping_sub(b'0'), octet.wrapping_sub(b'a')) {
        (digit @ 0..10, _) => digit,
        (_, letter @ 0..6) => letter + 10,
        _ => 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_key_comes_out() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        let key = derived(&secret, b"20150830", "us-east-1", "iam");
        assert_eq!(hex(&*key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
        let prepared = derive(&secret, b"20150830", "us-east-1", "iam");
        assert_eq!(prepared.sign(b"text"), *mac(&*key, b"text"));
    }

    /// Two keys are one if they sign alike.
    fn sample(key: &SigningKey) -> [u8; 32] {
        let signature = key.sign(b"sample");
        assert!(key.has_signed(b"sample", &signature) && !key.has_signed(b"simple", &signature));
        signature
    }

    #[test]
    fn nothing_of_a_prepared_key_is_left_when_it_is_wiped() {
        let mut key = SigningKey::new(&*derived(&Secret::new("s".to_owned()), b"20150830", "r", "s3"));
        let signature = sample(&key);
        key.wipe();
        assert!(!key.has_signed(b"sample", &signature));
        assert_eq!(sample(&key), *mac(&[0; 32], b"sample"));
        assert_eq!(format!("{key:?}"), "SigningKey(…)");
    }

    fn scope(access_key: &str, day: [u8; 8]) -> Scope<'_> {
        Scope { access_key, day, region: Some("r"), service: "s3", text: "" }
    }

    #[test]
    fn a_rotated_secret_is_not_verified_with_the_old_key() {
        let cache = KeyCache::default();
        let scope = scope("AK", *b"20260314");
        let key = |generation, secret: &str| sample(&cache.key(generation, &scope, &Secret::new(secret.to_owned())));
        let old = key(1, "old");
        assert_eq!(key(1, "old"), old);
        assert_ne!(key(2, "new"), old);
    }

    #[test]
    fn the_key_of_one_session_never_serves_another_of_the_same_access_key_id() {
        let cache = KeyCache::default();
        let scope = scope("ASIA", *b"20260314");
        let key = |secret: &str| sample(&cache.session(1, &scope, &Secret::new(secret.to_owned())));
        let (one, other) = (key("one"), key("other"));
        assert_ne!(one, other);
        assert_eq!(key("one"), sample(&derive(&Secret::new("one".to_owned()), b"20260314", "r", "s3")));
        assert_eq!(key("one"), one);
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
    fn a_public_key_is_derived_once_and_forgotten_with_its_generation() {
        let cache = KeyCache::default();
        let scope = scope("AK", *b"20260314");
        let public =
            |generation, secret: &str| cache.public(generation, &scope, &Secret::new(secret.to_owned())).unwrap();
        let old = public(1, "old");
        assert_eq!(public(1, "old"), old);
        assert_ne!(public(1, "new"), old, "whatever the generation");
        assert_ne!(public(2, "new"), old);
        assert_eq!(cache.lasting.borrow().keys.len(), 1);
    }

    #[test]
    fn a_secret_shows_nothing() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        let credential = Credential { secret: &secret, token: Some(&secret), expires: None };
        assert!(!format!("{credential:?}").contains("hunter2"));
    }

    /// The type that holds a secret wipes it when dropped, and so does the type that holds a derived key;
    /// neither can be copied or printed. What does not hold does not compile.
    #[test]
    fn a_secret_is_wiped_when_it_is_dropped() {
        fn wiped<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        let secret = Secret::new("hunter2".to_owned());
        wiped(&secret.0);
        wiped(&derived(&secret, b"20260314", "r", "s3"));
        assert!(std::mem::needs_drop::<Secret>() && std::mem::needs_drop::<SigningKey>());
    }

    #[test]
    fn a_secret_is_itself_and_nothing_else() {
        for length in 0..40 {
            let text = "s".repeat(length);
            let secret = Secret::new(text.clone());
            assert!(secret.is(text.as_bytes()));
            assert!(!secret.is("s".repeat(length + 1).as_bytes()) && !secret.is("s".repeat(length + 8).as_bytes()));
            for at in 0..length {
                let mut other = text.clone().into_bytes();
                other[at] ^= 1;
                assert!(!secret.is(&other) && !secret.is(&other[..at]), "{at} of {length}");
            }
        }
    }

    #[test]
    fn only_lower_case_digits_in_pairs_are_hexadecimal() {
        let read = |text: &str| unhex_into(text.as_bytes(), &mut [0; 4]).map(<[u8]>::to_vec);
        assert_eq!(read("00ff"), Some(vec![0, 255]));
        assert_eq!(read(""), Some(vec![]));
        for bad in ["0", "0F", "0g", "0011223344", " 0", "+1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(unhex32(&[b'0'; 62]), None);
    }
}
