//! The keyring: which keys there are, and what they do.

use std::fmt;
use std::sync::Arc;

use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::context::Context;
use super::fault::{KmsError, Unknown};
use super::file::RingError;
use super::name::{self, Arn, Name, Resource};
use super::wrap::{DataKey, Sealed, Version, Wrapped};
use crate::hash::QuickMap;
use crate::id::uuid;
use crate::time::Seconds;

/// The alias of the key that stands in where `aws:kms` names none (spec/encryption.md 5).
pub const DEFAULT_ALIAS: &str = "alias/aws/s3";

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub enum State {
    /// Yes.
    #[default]
    Enabled,
    /// Not until it is enabled again.
    Disabled,
    /// Not any more, unless the deletion is called off.
    PendingDeletion,
}

/// What a key is for. Only a symmetric one that encrypts can wrap data keys.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Usage {
    /// Encrypting and decrypting.
    #[default]
    EncryptDecrypt,
    /// Signatures.
    SignVerify,
    /// Message authentication codes.
    GenerateVerifyMac,
    /// Agreeing on keys.
    KeyAgreement,
}

impl Usage {
    /// Its name in KMS.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EncryptDecrypt => "ENCRYPT_DECRYPT",
            Self::SignVerify => "SIGN_VERIFY",
            Self::GenerateVerifyMac => "GENERATE_VERIFY_MAC",
            Self::KeyAgreement => "KEY_AGREEMENT",
        }
    }
}

/// A key. One without versions has no material here: it lives in a store's own KMS, and the ring names it.
#[derive(Clone)]
pub struct Key {
    arn: Arc<str>,
    aliases: Vec<Box<str>>,
    state: State,
    usage: Usage,
    /// In the order of their ids; the last one wraps.
    versions: Vec<Version>,
}

impl Key {
    pub(super) fn new(arn: Arc<str>, aliases: Vec<Box<str>>, state: State, usage: Usage) -> Self {
        Self { arn, aliases, state, usage, versions: Vec::new() }
    }

    pub(super) fn having(mut self, versions: Vec<Version>) -> Self {
        self.versions = versions;
        self
    }

    /// Its ARN, by which answers, records and stored objects name it.
    pub fn arn(&self) -> &Arc<str> {
        &self.arn
    }

    /// Its account, twelve digits.
    pub fn account(&self) -> &str {
        Arn::parse(&self.arn).map_or("", |arn| arn.account)
    }

    /// Its region.
    pub fn region(&self) -> &str {
        Arn::parse(&self.arn).map_or("", |arn| arn.region)
    }

    /// Its aliases, `alias/` in front.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.aliases.iter().map(AsRef::as_ref)
    }

    /// Whether it may be used.
    pub fn state(&self) -> State {
        self.state
    }

    /// What it is for.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Whether it can wrap here, or is only known by name.
    pub fn has_material(&self) -> bool {
        !self.versions.is_empty()
    }

    /// What its state and usage keep it from: the errors E-15, E-16 and E-17.
    ///
    /// # Errors
    /// It cannot be used now.
    pub fn check(&self) -> Result<(), KmsError> {
        KmsError::of(self)
    }

    /// Whether the newest version has wrapped so much that it is time for another. Counted since the
    /// process began.
    pub fn wants_rotation(&self) -> bool {
        self.versions.last().is_some_and(Version::wants_rotation)
    }

    /// The ids of the versions with the time of their making, oldest first.
    pub fn versions(&self) -> impl Iterator<Item = (u32, Option<&str>)> {
        self.versions.iter().map(|version| (version.id, version.created.as_deref()))
    }

    pub(super) fn material(&self) -> &[Version] {
        &self.versions
    }

    /// The ARNs of its aliases.
    pub(super) fn alias_arns(&self) -> impl Iterator<Item = String> {
        let front = self.arn.rsplit_once("key/").map_or("", |(front, _)| front);
        self.aliases.iter().map(move |alias| format!("{front}{alias}"))
    }

    fn no_material(&self) -> KmsError {
        KmsError::InvalidState { arn: Arc::clone(&self.arn), state: "pending import" }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u32> = self.versions.iter().map(|version| version.id).collect();
        f.debug_struct("Key").field("arn", &self.arn).field("state", &self.state).field("versions", &ids).finish()
    }
}

/// All keys. Never changes; share it in an `Arc`.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    keys: Vec<Key>,
    /// Places in `keys`, by the ARNs of keys and aliases.
    by_arn: QuickMap<Box<str>, usize>,
}

impl Ring {
    /// Puts keys together.
    ///
    /// # Errors
    /// Two keys share an ARN or an alias.
    pub(super) fn of(keys: Vec<Key>) -> Result<Self, RingError> {
        let mut by_arn = QuickMap::default();
        for (place, key) in keys.iter().enumerate() {
            let names = std::iter::once(key.arn.to_string()).chain(key.alias_arns());
            for name in names {
                if let Some(other) = by_arn.insert(name.clone().into_boxed_str(), place) {
                    return Err(RingError::at(place, format!("`{name}` names keys[{other}] already")));
                }
            }
        }
        Ok(Self { keys, by_arn })
    }

    /// A ring with one fresh key.
    ///
    /// # Errors
    /// As of [`Ring::added`].
    pub fn fresh(
        region: &str,
        account: &str,
        alias: &str,
        now: Seconds,
        random: &dyn SecureRandom,
    ) -> Result<Self, RingError> {
        Self::default().added(region, account, alias, now, random)
    }

    /// A ring with one key that somebody else keeps, and lends for a request.
    pub fn lent(secret: Zeroizing<[u8; 32]>) -> Self {
        let key = Key::new("lent".into(), Vec::new(), State::Enabled, Usage::EncryptDecrypt);
        Self { keys: vec![key.having(vec![Version::new(1, secret, None)])], by_arn: QuickMap::default() }
    }

    /// This ring with one fresh key more, under an alias such as `alias/NAME`.
    ///
    /// # Errors
    /// The alias is another key's or none; region or account are none; there are no random numbers.
    pub fn added(
        &self,
        region: &str,
        account: &str,
        alias: &str,
        now: Seconds,
        random: &dyn SecureRandom,
    ) -> Result<Self, RingError> {
        let place = self.keys.len();
        if !(name::is_region(region) && name::is_account(account) && name::is_alias(alias)) {
            let message = format!("`{alias}` in account `{account}` and region `{region}` is no name of a key");
            return Err(RingError::at(place, message));
        }
        let mut id = [0; 16];
        random.fill(&mut id).map_err(|_| RingError::no_randomness(place))?;
        let arn = name::arn(region, account, &uuid(4, id)).into();
        let key = Key::new(arn, vec![alias.into()], State::Enabled, Usage::EncryptDecrypt);
        let key = key.having(vec![fresh_version(1, now, random).ok_or_else(|| RingError::no_randomness(place))?]);
        Self::of(self.keys.iter().cloned().chain([key]).collect())
    }

    /// This ring with another version of a key, which wraps from now on. Older ones still open.
    ///
    /// # Errors
    /// There is no such key, it has no material here, or there are no random numbers.
    pub fn rotated(&self, arn: &str, now: Seconds, random: &dyn SecureRandom) -> Result<Self, RingError> {
        let place = self.by_arn.get(arn).copied().unwrap_or(self.keys.len());
        let mut next = self.clone();
        let key = next.keys.get_mut(place).ok_or_else(|| RingError::at(place, format!("there is no key `{arn}`")))?;
        let Some(id) = key.versions.last().and_then(|last| last.id.checked_add(1)) else {
            return Err(RingError::at(place, format!("`{arn}` has no versions that another could follow")));
        };
        key.versions.push(fresh_version(id, now, random).ok_or_else(|| RingError::no_randomness(place))?);
        Ok(next)
    }

    /// This ring with a key in another state; none if there is no such key.
    pub fn with_state(&self, arn: &str, state: State) -> Option<Self> {
        let mut next = self.clone();
        next.keys.get_mut(*self.by_arn.get(arn)?)?.state = state;
        Some(next)
    }

    /// This ring, counting on from what an older one has wrapped with the same versions.
    #[must_use]
    pub fn counting_on(mut self, older: &Self) -> Self {
        for key in &mut self.keys {
            let Some(old) = older.by_arn(&key.arn) else { continue };
            for version in &mut key.versions {
                let same = old.versions.iter().find(|old| old.id == version.id && old.secret == version.secret);
                if let Some(old) = same {
                    version.wraps = Arc::clone(&old.wraps);
                }
            }
        }
        self
    }

    /// The key that a request names: by id, ARN, alias or ARN of an alias. Bare names are looked up in
    /// `account` and `region`; an ARN of another region is told apart.
    ///
    /// # Errors
    /// There is no such key (E-13), or not in this region (E-14).
    pub fn find(&self, sent: &str, region: &str, account: &str) -> Result<&Key, Unknown> {
        let name = Name::parse(sent).ok_or_else(|| invalid(sent))?;
        match name {
            Name::Arn(arn) if arn.region != region => Err(Unknown::OtherRegion { region: arn.region.to_owned() }),
            Name::Arn(arn) => self.by_arn(sent).ok_or_else(|| match arn.resource {
                Resource::Key(id) => missing(sent, id, sent),
                Resource::Alias(_) => invalid(sent),
            }),
            Name::Id(id) => {
                let arn = name::arn(region, account, id);
                self.by_arn(&arn).ok_or_else(|| missing(sent, id, &arn))
            }
            Name::Alias(alias) => self.by_arn(&name::arn(region, account, alias)).ok_or_else(|| invalid(sent)),
        }
    }

    /// The key of this ARN, or of an alias with this ARN.
    pub fn by_arn(&self, arn: &str) -> Option<&Key> {
        self.by_arn.get(arn).and_then(|place| self.keys.get(*place))
    }

    /// The key of an account that `aws:kms` means where it names none: its [`DEFAULT_ALIAS`]. None also
    /// when the account has one in several regions; [`Ring::find`] takes the region into account.
    pub fn default_for(&self, account: &str) -> Option<&Key> {
        let is_default = |key: &&Key| key.account() == account && key.aliases().any(|alias| alias == DEFAULT_ALIAS);
        let mut found = self.keys.iter().filter(is_default);
        found.next().filter(|_| found.next().is_none())
    }

    /// All keys, in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// Draws a data key and wraps it.
    ///
    /// # Errors
    /// The key cannot be used, has no material here or has wrapped too much; there are no random numbers.
    pub fn generate(
        &self,
        key: &Key,
        context: &Context,
        random: &dyn SecureRandom,
    ) -> Result<(DataKey, Wrapped), KmsError> {
        let data = DataKey::draw(random)?;
        let wrapped = wrap(key, &data, context, random)?;
        Ok((data, wrapped))
    }

    /// Opens a wrapped data key.
    ///
    /// # Errors
    /// The key cannot be used, or has not wrapped this with this context.
    pub fn unwrap(&self, key: &Key, wrapped: &[u8], context: &Context) -> Result<DataKey, KmsError> {
        key.check()?;
        if !key.has_material() {
            return Err(key.no_material());
        }
        let sealed = Sealed::parse(wrapped).ok_or(KmsError::InvalidCiphertext)?;
        let version = key.versions.iter().find(|version| version.id == sealed.version);
        version.ok_or(KmsError::InvalidCiphertext)?.open(key, &sealed, context)
    }

    /// Wraps what one key has wrapped under another, or under another context. The data key stays.
    ///
    /// # Errors
    /// As of [`Ring::unwrap`] and [`Ring::generate`].
    pub fn rewrap(
        &self,
        (from, old): (&Key, &Context),
        (to, new): (&Key, &Context),
        wrapped: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<Wrapped, KmsError> {
        wrap(to, &self.unwrap(from, wrapped, old)?, new, random)
    }
}

fn wrap(key: &Key, data: &DataKey, context: &Context, random: &dyn SecureRandom) -> Result<Wrapped, KmsError> {
    key.check()?;
    key.versions.last().ok_or_else(|| key.no_material())?.wrap(key, data, context, random)
}

fn invalid(sent: &str) -> Unknown {
    Unknown::invalid(sent)
}

/// S3 names the ARN only where the id could have been one of KMS.
fn missing(sent: &str, id: &str, arn: &str) -> Unknown {
    if name::is_of_kms(id) { Unknown::no_such_key(format!("Key '{arn}' does not exist")) } else { invalid(sent) }
}

fn fresh_version(id: u32, now: Seconds, random: &dyn SecureRandom) -> Option<Version> {
    let mut secret = Zeroizing::new([0; DataKey::LENGTH]);
    random.fill(secret.as_mut()).ok()?;
    Some(Version::new(id, secret, Some(now.rfc3339())))
}
