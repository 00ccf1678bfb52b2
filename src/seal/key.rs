//! The keys of an object, all derived from its data key (spec/encryption.md 14.1).

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Broken;
use super::sealer::SALT;

/// What tells objects apart that share a data key: 16 random octets, drawn once for each object or upload.
pub type ObjectId = [u8; 16];
/// What a data key commits to: no other opens the object.
pub type Commitment = [u8; 32];

const COMMIT: &[u8] = b"S3HP/1 commit";
const META: &[u8] = b"S3HP/1 meta";
const UPLOAD: &[u8] = b"S3HP/1 upload";
const PART: &[u8] = b"S3HP/1 part";
/// The suite: AES-256-GCM, HKDF-SHA256.
pub(super) const SUITE: u8 = 1;
/// The part of a nonce that belongs to a part.
pub(super) const PREFIX: usize = 7;

/// A data key at work for one object. No `Debug` content; wiped when dropped.
#[derive(Clone)]
pub struct ObjectKey {
    data: Zeroizing<[u8; 32]>,
    id: ObjectId,
}

impl ObjectKey {
    /// A data key and the object's id.
    pub fn new(data: &[u8; 32], id: ObjectId) -> Self {
        Self { data: Zeroizing::new(*data), id }
    }

    /// The same, where it is the key that the object was sealed with.
    ///
    /// # Errors
    /// It is another.
    pub fn committed(data: &[u8; 32], id: ObjectId, commitment: &Commitment) -> Result<Self, Broken> {
        let key = Self::new(data, id);
        let same = key.commitment().ct_eq(commitment);
        if bool::from(same) { Ok(key) } else { Err(Broken::Commitment) }
    }

    /// The object's id.
    pub fn id(&self) -> &ObjectId {
        &self.id
    }

    /// What is kept beside the object, to know the key again.
    pub fn commitment(&self) -> Commitment {
        *derive(&self.data, &self.id, &[COMMIT])
    }

    /// Seals the checksums of the plaintext, for the metadata. Once for each object: the nonce is fixed. A
    /// copy takes the sealed octets over.
    pub fn seal_checksums(&self, json: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = json.to_vec();
        self.checksums()?.seal_in_place_append_tag(zero_nonce(), Aad::from(b"ck"), &mut sealed).ok()?;
        Some(sealed)
    }

    /// Opens what [`ObjectKey::seal_checksums`] has sealed.
    pub fn open_checksums(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut octets = sealed.to_vec();
        let length = self.checksums()?.open_in_place(zero_nonce(), Aad::from(b"ck"), &mut octets).ok()?.len();
        octets.truncate(length);
        Some(octets)
    }

    /// A proof that whoever wrote these octets had this key: for what an upload is known by before it is an
    /// object. To be compared in constant time.
    pub fn vouch(&self, octets: &[u8]) -> [u8; 32] {
        *derive(&self.data, &self.id, &[UPLOAD, octets])
    }

    fn checksums(&self) -> Option<LessSafeKey> {
        cipher(&derive(&self.data, &self.id, &[META]))
    }

    /// The cipher of a part, and what its nonces begin with.
    pub(super) fn part(&self, number: u32, salt: &[u8; SALT]) -> Option<(LessSafeKey, [u8; PREFIX])> {
        let info: [&[u8]; 4] = [PART, &[SUITE], &self.id, &number.to_be_bytes()];
        let octets: Zeroizing<[u8; 32 + PREFIX]> = derive(&self.data, salt, &info);
        let (key, prefix) = octets.split_first_chunk::<32>()?;
        Some((cipher(key)?, *prefix.as_array()?))
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectKey(…)")
    }
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// How many octets are wanted.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA256.
pub(super) fn derive<const N: usize>(secret: &[u8; 32], salt: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let extracted: Prk = Salt::new(HKDF_SHA256, salt).extract(secret);
    let mut out = Zeroizing::new([0; N]);
    // It refuses what is longer than 255 hashes; nobody asks for that.
    let filled = extracted.expand(info, Length(N)).and_then(|octets| octets.fill(out.as_mut()));
    debug_assert!(filled.is_ok(), "too many octets asked for");
    out
}
