//! Session tokens: sealed, so that nothing about a session has to be kept, and any process with the same
//! key opens them.
//!
//! A token is `version | key mark | nonce | sealed session`, in URL-safe base64 without padding. It is
//! sealed with AES-256-GCM and bound to its access key id. The access key id itself carries a mark made
//! with the key, so that an id which was issued here is told apart from one that never was.
//!
//! Invariants:
//! - one text for one token: another spelling of the same octets is refused;
//! - nothing of an unopened token is believed, and nothing in it is parsed;
//! - a key seals at most about four thousand million tokens (random nonces of 96 bits); rotate it before.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SecureRandom;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Session;
use super::codec::{self, Reader, Writer};
use crate::sigv4::Secret;
use crate::time::Seconds;

/// The form of the tokens made here.
const VERSION: u8 = 1;
/// The octets that tell keys apart.
const MARK: usize = 4;
/// What stands in front of the sealed octets.
const FRONT: usize = 1 + MARK + NONCE_LEN;
/// The longest token, as text. The head of a request must have room for it.
pub const LONGEST_TOKEN: usize = 6 * 1024;
/// What ids of temporary access keys begin with.
pub const PREFIX: &str = "ASIA";
/// Characters of an access key id that are random, and those that vouch for them: 55 and 25 bits.
const RANDOM: usize = 11;
const VOUCHING: usize = 5;
/// Octets of a secret; thirty are forty characters.
const SECRET: usize = 30;
/// Characters of the text of an access key id: base32 without digits that look like letters.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A key that seals tokens: 32 octets, and what is derived from them. No `Debug`.
pub struct TokenKey {
    seal: LessSafeKey,
    ids: hmac::Key,
    mark: [u8; MARK],
}

/// The key that seals, and older ones that still open.
pub struct TokenKeys {
    /// The first one seals.
    keys: Vec<TokenKey>,
}

/// Temporary credentials with all that is known of them. No `Debug`: they hold a secret.
pub struct Sealed {
    /// The access key id.
    pub access_key: String,
    /// What requests are signed with.
    pub secret: Secret,
    /// Whose they are.
    pub of: Of,
    /// The session.
    pub session: Session,
}

/// Whose temporary credentials are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Of {
    /// A role's, under the name of a session.
    Role {
        /// The ARN of the role.
        arn: String,
        /// The name of the session.
        name: String,
    },
    /// A user's, or the root's.
    User {
        /// The ARN of the user.
        arn: String,
    },
}

/// Why no credentials can be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SealFault {
    /// This machine has no random numbers.
    NoRandomness,
    /// The session does not fit into a token.
    TooLong,
}

impl TokenKey {
    /// How many octets a key has.
    pub const LENGTH: usize = 32;

    /// A key of 32 octets.
    pub fn new(octets: &[u8; Self::LENGTH]) -> Option<Self> {
        let root = hmac::Key::new(HMAC_SHA256, octets);
        let derive = |label: &str| hmac::sign(&root, label.as_bytes());
        let seal = UnboundKey::new(&AES_256_GCM, derive("bartizan session token 1").as_ref()).ok()?;
        let ids = hmac::Key::new(HMAC_SHA256, derive("bartizan access key id 1").as_ref());
        let mut mark = [0; MARK];
        mark.copy_from_slice(derive("bartizan key mark 1").as_ref().get(..MARK)?);
        Some(Self { seal: LessSafeKey::new(seal), ids, mark })
    }

    /// Reads a key written as base64 or as 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let octets = Zeroizing::new(match text.len() {
            64 => hexadecimal(text)?,
            _ => STANDARD.decode(text).ok()?,
        });
        Self::new(octets.as_slice().try_into().ok()?)
    }

    /// A new key, as base64.
    pub fn generate(random: &dyn SecureRandom) -> Option<Zeroizing<String>> {
        let mut octets = Zeroizing::new([0; Self::LENGTH]);
        random.fill(&mut *octets).ok()?;
        Some(Zeroizing::new(STANDARD.encode(octets.as_slice())))
    }

    /// The characters that vouch for the random part of an access key id.
    fn vouch(&self, random: &[u8]) -> [u8; VOUCHING] {
        let tag = hmac::sign(&self.ids, random);
        let mut out = [b'A'; VOUCHING];
        out.iter_mut().zip(tag.as_ref()).for_each(|(place, octet)| *place = letter(*octet));
        out
    }
}

impl TokenKeys {
    /// The key that seals, and older ones.
    pub fn new(current: TokenKey, older: Vec<TokenKey>) -> Self {
        Self { keys: std::iter::once(current).chain(older).collect() }
    }

    /// Makes credentials for a session, and the token that carries them.
    ///
    /// # Errors
    /// No random numbers, or a session that is too long for a token.
    pub fn issue(&self, of: Of, session: Session, random: &dyn SecureRandom) -> Result<(Sealed, Secret), SealFault> {
        let key = self.keys.first().ok_or(SealFault::NoRandomness)?;
        let fill = |octets: &mut [u8]| random.fill(octets).map_err(|_| SealFault::NoRandomness);
        let mut drawn = [0; RANDOM];
        fill(&mut drawn)?;
        let letters: Vec<u8> = drawn.iter().map(|octet| letter(*octet)).collect();
        let id: Vec<u8> = [PREFIX.as_bytes(), &letters, &key.vouch(&letters)].concat();
        let mut octets = Zeroizing::new([0; SECRET]);
        fill(&mut *octets)?;
        let sealed = Sealed {
            access_key: String::from_utf8(id).unwrap_or_default(), // only letters and digits
            secret: Secret::new(STANDARD.encode(octets.as_slice())),
            of,
            session,
        };
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce)?;
        let token = seal(key, &sealed, nonce)?;
        Ok((sealed, token))
    }

    /// Whether an access key id was issued under one of these keys.
    pub fn issued(&self, access_key: &str) -> bool {
        let Some(text) = access_key.strip_prefix(PREFIX).map(str::as_bytes) else { return false };
        let Some((random, given)) = text.split_at_checked(RANDOM) else { return false };
        self.keys.iter().any(|key| bool::from(key.vouch(random).ct_eq(given)))
    }

    /// Opens a token that came with an access key id. Nothing but the seal is checked, not even the end
    /// of the session.
    pub fn open(&self, access_key: &str, token: &[u8]) -> Option<Sealed> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let mut octets = Zeroizing::new(URL_SAFE_NO_PAD.decode(token).ok()?);
        let (front, sealed) = octets.split_at_mut_checked(FRONT)?;
        let (&version, rest) = front.split_first()?;
        let (mark, nonce) = rest.split_at_checked(MARK)?;
        // The mark is no secret. A token of an unknown key costs what any other does.
        let known = self.keys.iter().find(|key| key.mark == mark);
        let key = known.or_else(|| self.keys.first())?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let bound = bound(version, mark, access_key);
        let plain = key.seal.open_in_place(nonce, Aad::from(bound), sealed).ok()?;
        if version != VERSION || known.is_none() {
            return None;
        }
        read(access_key, plain)
    }
}

/// What a token is bound to besides its content.
fn bound(version: u8, mark: &[u8], access_key: &str) -> Vec<u8> {
    [&[version], mark, access_key.as_bytes()].concat()
}

fn seal(key: &TokenKey, sealed: &Sealed, nonce: [u8; NONCE_LEN]) -> Result<Secret, SealFault> {
    let mut plain = Zeroizing::new(write(sealed).ok_or(SealFault::TooLong)?);
    let front: Vec<u8> = [&[VERSION], &key.mark[..], &nonce].concat();
    let bound = bound(VERSION, &key.mark, &sealed.access_key);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag =
        key.seal.seal_in_place_separate_tag(nonce, Aad::from(bound), &mut plain).map_err(|_| SealFault::TooLong)?;
    let token = URL_SAFE_NO_PAD.encode([&front, plain.as_slice(), tag.as_ref()].concat());
    if token.len() > LONGEST_TOKEN { Err(SealFault::TooLong) } else { Ok(Secret::new(token)) }
}

/// The session in canonical form; `None` if a part is too long for it.
fn write(sealed: &Sealed) -> Option<Vec<u8>> {
    let Sealed { secret, of, session, .. } = sealed;
    let mut out = Writer::default();
    out.text(secret.expose())?;
    match of {
        Of::Role { arn, name } => {
            out.octet(1);
            out.text(arn)?;
            out.text(name)?;
        }
        Of::User { arn } => {
            out.octet(2);
            out.text(arn)?;
        }
    }
    codec::write_session(session, &mut out)?;
    Some(out.finish())
}

fn read(access_key: &str, plain: &[u8]) -> Option<Sealed> {
    let mut input = Reader::new(plain);
    let secret = Secret::new(input.text()?);
    let of = match input.octet()? {
        1 => Of::Role { arn: input.text()?, name: input.text()? },
        2 => Of::User { arn: input.text()? },
        _ => return None,
    };
    let session = codec::read_session(&mut input)?;
    input.finish()?;
    Some(Sealed { access_key: access_key.to_owned(), secret, of, session })
}

impl Sealed {
    /// Whether the session is over.
    pub fn is_over(&self, now: Seconds) -> bool {
        now >= self.session.expires
    }
}

/// A letter or digit for five bits.
pub(super) fn letter(octet: u8) -> u8 {
    ALPHABET.get(usize::from(octet & 31)).copied().unwrap_or(b'A')
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |octet: &u8| char::from(*octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}
