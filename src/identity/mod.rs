//! Who may be: accounts, principals and their access keys.
//!
//! Invariants:
//! - a [`Directory`] never changes after it is built; a reload builds another;
//! - an access key belongs to exactly one principal;
//! - an anonymous caller is a [`Principal`], never an absence.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::sigv4::Secret;
use crate::time::Seconds;

mod arn;

pub use arn::{Arn, Resource};

/// The one who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Principal {
    /// The ARN that policies and records name; `*` for the anonymous.
    pub arn: String,
    /// The account; empty for the anonymous.
    pub account: String,
    /// What kind of principal.
    pub kind: Kind,
    /// The names of attached identity policies.
    pub policies: Vec<String>,
    /// Principal tags.
    pub tags: BTreeMap<String, String>,
}

/// Kinds of principals.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Nobody known.
    Anonymous,
    /// A session of a role.
    Role {
        /// The ARN of the role itself.
        role: String,
        /// The name of the session.
        session: String,
    },
    /// The root of an account.
    Root,
    /// A user.
    User,
}

/// An access key. No `Debug`: it holds secrets.
pub struct Key {
    /// The access key id.
    pub id: String,
    /// What requests are signed with.
    pub secret: Secret,
    /// What must come along as `x-amz-security-token`; with temporary keys only.
    pub token: Option<Secret>,
    /// When the key ends; with temporary keys only.
    pub expires: Option<Seconds>,
    /// Whose key it is.
    pub principal: Arc<Principal>,
}

/// All that is known of accounts and keys.
#[derive(Default)]
pub struct Directory {
    accounts: BTreeMap<String, String>,
    keys: HashMap<String, Key>,
    /// In the order they were added, for whoever wants the first.
    order: Vec<String>,
}

/// Why something may not enter a directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// An account id that is not 12 digits.
    AccountId,
    /// An account that is there already.
    DuplicateAccount,
    /// An access key that is there already.
    DuplicateKey,
    /// An access key id with other characters, too short or too long.
    KeyId,
    /// A secret too short to resist guessing.
    SecretLength,
    /// A principal of an account that nobody declared.
    UnknownAccount,
}

impl Principal {
    /// The caller who shows no signature.
    pub fn anonymous() -> Arc<Self> {
        static ANONYMOUS: LazyLock<Arc<Principal>> = LazyLock::new(|| {
            Arc::new(Principal {
                arn: "*".to_owned(),
                account: String::new(),
                kind: Kind::Anonymous,
                policies: Vec::new(),
                tags: BTreeMap::new(),
            })
        });
        Arc::clone(&ANONYMOUS)
    }

    /// Whether nobody is known to ask.
    pub fn is_anonymous(&self) -> bool {
        self.kind == Kind::Anonymous
    }
}

impl Key {
    /// Whether the key has ended.
    pub fn is_expired(&self, now: Seconds) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

impl Directory {
    /// The fewest characters of a secret.
    pub const SECRET_MINIMUM: usize = 16;

    /// Declares an account.
    pub fn add_account(&mut self, id: &str, name: &str) -> Result<(), Fault> {
        if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::AccountId);
        }
        match self.accounts.insert(id.to_owned(), name.to_owned()) {
            Some(_) => Err(Fault::DuplicateAccount),
            None => Ok(()),
        }
    }

    /// Takes a key in.
    pub fn add_key(&mut self, key: Key) -> Result<(), Fault> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !(3..=128).contains(&key.id.len()) || !key.id.bytes().all(fits) {
            return Err(Fault::KeyId);
        }
        if key.secret.expose().len() < Self::SECRET_MINIMUM {
            return Err(Fault::SecretLength);
        }
        if !self.accounts.contains_key(&key.principal.account) {
            return Err(Fault::UnknownAccount);
        }
        if self.keys.contains_key(&key.id) {
            return Err(Fault::DuplicateKey);
        }
        self.order.push(key.id.clone());
        self.keys.insert(key.id.clone(), key);
        Ok(())
    }

    /// The key of an id.
    pub fn find(&self, access_key: &str) -> Option<&Key> {
        self.keys.get(access_key)
    }

    /// All keys, in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.order.iter().filter_map(|id| self.keys.get(id))
    }

    /// Accounts and their names.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.accounts.iter().map(|(id, name)| (id.as_str(), name.as_str()))
    }

    /// Whether an account is declared.
    pub fn knows_account(&self, id: &str) -> bool {
        self.accounts.contains_key(id)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccountId => "an account id has 12 digits",
            Self::DuplicateAccount => "this account is declared twice",
            Self::DuplicateKey => "this access key is taken",
            Self::KeyId => "an access key id has 3 to 128 letters, digits, `-` and `_`",
            Self::SecretLength => "a secret has at least 16 characters",
            Self::UnknownAccount => "its account is not declared",
        })
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, account: &str) -> Key {
        let principal = Principal {
            arn: format!("arn:aws:iam::{account}:user/a"),
            account: account.to_owned(),
            kind: Kind::User,
            policies: Vec::new(),
            tags: BTreeMap::new(),
        };
        let secret = Secret::new("0123456789abcdef".to_owned());
        Key { id: id.to_owned(), secret, token: None, expires: None, principal: Arc::new(principal) }
    }

    #[test]
    fn a_key_belongs_to_one_principal_of_a_declared_account() {
        let mut directory = Directory::default();
        assert_eq!(directory.add_key(key("AKIAEXAMPLE", "111122223333")), Err(Fault::UnknownAccount));
        directory.add_account("111122223333", "main").unwrap();
        assert_eq!(directory.add_account("111122223333", "other"), Err(Fault::DuplicateAccount));
        assert_eq!(directory.add_account("11112222333a", "x"), Err(Fault::AccountId));
        directory.add_key(key("AKIAEXAMPLE", "111122223333")).unwrap();
        assert_eq!(directory.add_key(key("AKIAEXAMPLE", "111122223333")), Err(Fault::DuplicateKey));
        assert!(directory.find("AKIAEXAMPLE").is_some());
        assert!(directory.find("akiaexample").is_none());
    }

    #[test]
    fn keys_that_break_a_scope_or_can_be_guessed_are_refused() {
        let mut directory = Directory::default();
        directory.add_account("111122223333", "main").unwrap();
        for id in ["", "AK", "AKIA/SLASH", "AKIA SPACE", "AKIA\u{e9}"] {
            assert_eq!(directory.add_key(key(id, "111122223333")), Err(Fault::KeyId), "{id}");
        }
        let mut short = key("AKIASHORT", "111122223333");
        short.secret = Secret::new("short".to_owned());
        assert_eq!(directory.add_key(short), Err(Fault::SecretLength));
    }

    #[test]
    fn a_key_ends_at_its_instant() {
        let mut key = key("AKIAEXAMPLE", "111122223333");
        assert!(!key.is_expired(Seconds(i64::MAX)));
        key.expires = Some(Seconds(100));
        assert!(!key.is_expired(Seconds(99)));
        assert!(key.is_expired(Seconds(100)));
    }
}
