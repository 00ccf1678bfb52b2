//! Data keys, and how a version of a key wraps them (spec/encryption.md 15.2).
//!
//! `0x01 | version | nonce | sealed data key`, sealed with AES-256-GCM and bound to the key's ARN and the
//! context.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::context::Context;
use super::fault::KmsError;
use super::keyring::Key;

/// The length of a wrapped data key in octets.
pub const WRAPPED: usize = 1 + 4 + NONCE_LEN + DataKey::LENGTH + 16;
/// The form of what is wrapped here.
const FORM: u8 = 1;
/// What a nonce of 96 random bits allows one key to seal.
const MOST_WRAPS: u64 = 1 << 32;
/// From here on the key asks to be rotated.
const MANY_WRAPS: u64 = 1 << 31;

/// A key for data, in the clear. No `Debug` content, no copy, wiped when dropped.
pub struct DataKey(Zeroizing<[u8; Self::LENGTH]>);

impl DataKey {
    /// The length of a data key in octets.
    pub const LENGTH: usize = 32;

    /// Takes a key in.
    pub fn new(octets: Zeroizing<[u8; Self::LENGTH]>) -> Self {
        Self(octets)
    }

    /// Draws a new key.
    ///
    /// # Errors
    /// There are no random numbers.
    pub fn draw(random: &dyn SecureRandom) -> Result<Self, KmsError> {
        let mut octets = Zeroizing::new([0; Self::LENGTH]);
        random.fill(octets.as_mut()).map_err(|_| KmsError::NoRandomness)?;
        Ok(Self(octets))
    }

    /// The key itself; for deriving others from it.
    pub fn expose(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// A data key that only its key opens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wrapped(pub [u8; WRAPPED]);

impl AsRef<[u8]> for Wrapped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// One version of a key's material.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) id: u32,
    pub(super) secret: Zeroizing<[u8; DataKey::LENGTH]>,
    pub(super) created: Option<String>,
    /// How often it has wrapped since the process began.
    pub(super) wraps: Arc<AtomicU64>,
}

impl Version {
    pub(super) fn new(id: u32, secret: Zeroizing<[u8; DataKey::LENGTH]>, created: Option<String>) -> Self {
        Self { id, secret, created, wraps: Arc::default() }
    }

    pub(super) fn wants_rotation(&self) -> bool {
        self.wraps.load(Ordering::Relaxed) >= MANY_WRAPS
    }

    /// The cipher, for one use: a prepared one would keep the secret where nothing wipes it for good.
    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, self.secret.as_ref()).ok().map(LessSafeKey::new)
    }

    /// Wraps a data key.
    pub(super) fn wrap(
        &self,
        key: &Key,
        data: &DataKey,
        context: &Context,
        random: &dyn SecureRandom,
    ) -> Result<Wrapped, KmsError> {
        let exhausted = || KmsError::Exhausted { arn: Arc::clone(key.arn()) };
        if self.wraps.fetch_add(1, Ordering::Relaxed) >= MOST_WRAPS {
            self.wraps.store(MOST_WRAPS, Ordering::Relaxed); // never around the end
            return Err(exhausted());
        }
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce).map_err(|_| KmsError::NoRandomness)?;
        let mut sealed = Zeroizing::new(*data.expose());
        let cipher = self.cipher().ok_or_else(exhausted)?;
        let bound = Aad::from(bound(key.arn(), context));
        let tag = cipher
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), bound, sealed.as_mut())
            .map_err(|_| exhausted())?;
        let mut out = [0; WRAPPED];
        let whole = [&[FORM][..], &self.id.to_be_bytes(), &nonce, sealed.as_ref(), tag.as_ref()];
        out.iter_mut().zip(whole.into_iter().flatten()).for_each(|(place, octet)| *place = *octet);
        Ok(Wrapped(out))
    }

    /// Opens what this version has wrapped.
    pub(super) fn open(&self, key: &Key, sealed: &Sealed, context: &Context) -> Result<DataKey, KmsError> {
        let mut octets = Zeroizing::new(sealed.octets);
        let cipher = self.cipher().ok_or(KmsError::InvalidCiphertext)?;
        let bound = Aad::from(bound(key.arn(), context));
        let nonce = Nonce::assume_unique_for_key(sealed.nonce);
        let plain = cipher.open_in_place(nonce, bound, octets.as_mut()).map_err(|_| KmsError::InvalidCiphertext)?;
        let mut secret = Zeroizing::new([0; DataKey::LENGTH]);
        secret.copy_from_slice(plain.get(..DataKey::LENGTH).ok_or(KmsError::InvalidCiphertext)?);
        Ok(DataKey(secret))
    }
}

/// A wrapped key, taken apart.
pub(super) struct Sealed {
    pub(super) version: u32,
    nonce: [u8; NONCE_LEN],
    octets: [u8; DataKey::LENGTH + 16],
}

impl Sealed {
    pub(super) fn parse(wrapped: &[u8]) -> Option<Self> {
        let wrapped: &[u8; WRAPPED] = wrapped.try_into().ok()?;
        let (form, rest) = wrapped.split_first()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (nonce, octets) = rest.split_first_chunk::<NONCE_LEN>()?;
        let octets = *octets.as_array()?;
        (*form == FORM).then_some(Self { version: u32::from_be_bytes(*version), nonce: *nonce, octets })
    }
}

/// What a wrapped key is bound to.
fn bound(arn: &str, context: &Context) -> Vec<u8> {
    [b"S3HP/1 wrap\0", arn.as_bytes(), b"\0", &context.canonical()].concat()
}
