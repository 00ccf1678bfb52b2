//! Who may be: accounts, principals and their access keys.
//!
//! Invariants:
//! - a [`Directory`] never changes after it is built; a reload builds another;
//! - an access key belongs to exactly one principal;
//! - an anonymous caller is a [`Principal`], never an absence;
//! - temporary credentials are of a principal that is still there: its policies and tags are those of
//!   today, and without it they are of nobody.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use ring::digest;

use crate::hash::QuickMap;
use crate::policy::engine::Caller;
use crate::sigv4::Secret;
use crate::time::Seconds;

mod arn;
mod codec;
mod session;
#[cfg(test)]
mod tests;
mod token;
pub mod web;

pub use arn::{Arn, Resource};
pub use session::{Federated, Session, SessionPolicies};
pub use token::{LONGEST_TOKEN, Of, PREFIX, SealFault, Sealed, TokenKey, TokenKeys};

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
    /// Principal tags; those of the session over those of its role.
    pub tags: BTreeMap<String, String>,
    /// What its temporary credentials say of it; none with lasting ones.
    pub session: Option<Arc<Session>>,
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
    /// Somebody whom a provider of web identities vouches for. May assume roles, and nothing else.
    Web,
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

/// A role that may be assumed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Its account.
    pub account: String,
    /// The names of attached identity policies.
    pub policies: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The name of its trust policy; nobody can assume a role without one.
    pub trust: Option<String>,
    /// How long a session may last, in seconds.
    pub max_session: u32,
}

/// All that is known of accounts and keys.
#[derive(Default)]
pub struct Directory {
    accounts: BTreeMap<String, String>,
    keys: QuickMap<String, Key>,
    /// In the order they were added, for whoever wants the first.
    order: Vec<String>,
    users: BTreeMap<String, Arc<Principal>>,
    roles: BTreeMap<String, Role>,
    /// The names of permissions boundaries, by the ARN of the user or role.
    boundaries: BTreeMap<String, String>,
    issuers: Vec<web::Issuer>,
    files: Vec<PathBuf>,
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
                session: None,
            })
        });
        Arc::clone(&ANONYMOUS)
    }

    /// Somebody whom a provider vouches for, about to assume a role of an account.
    pub fn of_web(federated: Federated, partition: &str, account: &str, now: Seconds) -> Self {
        Self {
            arn: format!("arn:{partition}:iam::{account}:oidc-provider/{}", federated.provider()),
            account: account.to_owned(),
            kind: Kind::Web,
            policies: Vec::new(),
            tags: BTreeMap::new(),
            session: Some(Arc::new(Session {
                issued: now,
                expires: now,
                policies: SessionPolicies::default(),
                tags: BTreeMap::new(),
                transitive: Vec::new(),
                source_identity: None,
                mfa: false,
                federated: Some(federated),
            })),
        }
    }

    /// A session of a role, as it is today.
    pub fn of_role(role: &Role, name: &str, session: Option<Arc<Session>>) -> Option<Self> {
        let arn = Arn::parse(&role.arn)?;
        let tags = match &session {
            Some(session) => session::overlaid(&role.tags, &session.tags),
            None => role.tags.clone(),
        };
        Some(Self {
            arn: format!("arn:{}:sts::{}:assumed-role/{}/{name}", arn.partition, arn.account, arn.resource.name()),
            account: role.account.clone(),
            kind: Kind::Role { role: role.arn.clone(), session: name.to_owned() },
            policies: role.policies.clone(),
            tags,
            session,
        })
    }

    /// The unique id that policies and records name (`aws:userid`): the account's number for its root,
    /// `AIDA…` for a user, `AROA…:session` for a session of a role.
    pub fn user_id(&self) -> String {
        match &self.kind {
            Kind::Anonymous => "anonymous".to_owned(),
            Kind::Root => self.account.clone(),
            Kind::User => unique_id("AIDA", &self.arn),
            Kind::Web => match self.session.as_ref().and_then(|session| session.federated.as_ref()) {
                Some(federated) => {
                    format!("{}:{}:{}", federated.provider(), federated.audience, federated.subject)
                }
                None => String::new(),
            },
            Kind::Role { role, session } => format!("{}:{session}", unique_id("AROA", role)),
        }
    }

    /// The ARN of the provider that vouched for the caller of a session, if one did.
    pub fn provider(&self) -> Option<String> {
        let federated = self.session.as_ref()?.federated.as_ref()?;
        let partition = Arn::parse(&self.arn).map_or("aws", |arn| arn.partition);
        Some(format!("arn:{partition}:iam::{}:oidc-provider/{}", self.account, federated.provider()))
    }

    /// The caller as policies know it.
    pub fn as_caller(&self) -> Caller<'_> {
        let (account, arn) = (self.account.as_str(), self.arn.as_str());
        match &self.kind {
            Kind::Anonymous => Caller::Anonymous,
            Kind::Role { role, .. } => Caller::Role { account, arn, role },
            Kind::Root => Caller::Root { account, arn },
            Kind::User => Caller::User { account, arn },
            Kind::Web => Caller::Web { provider: arn },
        }
    }

    /// Whether nobody is known to ask.
    pub fn is_anonymous(&self) -> bool {
        self.kind == Kind::Anonymous
    }
}

/// The canonical user id of an account: 64 hexadecimal digits that always come out the same.
pub fn canonical_id(account: &str) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"canonical user of account ");
    context.update(account.as_bytes());
    context.finish().as_ref().iter().fold(String::with_capacity(64), |mut text, octet| {
        let _infallible = write!(text, "{octet:02x}");
        text
    })
}

/// Seventeen characters that stand for an ARN, the same on every machine. (AWS draws them, so a principal
/// made anew is another one there; here it is the one of this ARN.)
fn unique_id(kind: &str, arn: &str) -> String {
    let digest = digest::digest(&digest::SHA256, arn.as_bytes());
    let letters = digest.as_ref().iter().take(17).map(|octet| char::from(token::letter(*octet)));
    kind.chars().chain(letters).collect()
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

    /// Takes a user or root in, so that its temporary credentials find it again.
    pub fn add_user(&mut self, user: &Arc<Principal>) {
        self.users.insert(user.arn.clone(), Arc::clone(user));
    }

    /// All users and roots, in the order of their ARNs.
    pub fn users(&self) -> impl Iterator<Item = &Arc<Principal>> {
        self.users.values()
    }

    /// The user or root of an ARN.
    pub fn user(&self, arn: &str) -> Option<&Arc<Principal>> {
        self.users.get(arn)
    }

    /// Sets the permissions boundary of a user or role, by the name of its document.
    pub fn set_boundary(&mut self, arn: &str, name: String) {
        self.boundaries.insert(arn.to_owned(), name);
    }

    /// The name of the permissions boundary of a user or role, if it has one.
    pub fn boundary(&self, arn: &str) -> Option<&str> {
        self.boundaries.get(arn).map(String::as_str)
    }

    /// Takes a role in.
    pub fn add_role(&mut self, role: Role) {
        self.roles.insert(role.arn.clone(), role);
    }

    /// The role of an ARN.
    pub fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.get(arn)
    }

    /// All roles, in the order of their ARNs.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// Takes a provider of web identities in.
    pub fn add_issuer(&mut self, issuer: web::Issuer) {
        self.issuers.push(issuer);
    }

    /// Notes a file that some of this was read from.
    pub fn add_file(&mut self, path: PathBuf) {
        self.files.push(path);
    }

    /// The files that some of this was read from, beside the one that names them.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The providers of web identities.
    pub fn issuers(&self) -> &[web::Issuer] {
        &self.issuers
    }

    /// Whose temporary credentials these are today; nobody's once the role or user is gone.
    pub fn principal_of(&self, of: &Of, session: Session) -> Option<Arc<Principal>> {
        let session = Some(Arc::new(session));
        match of {
            Of::Role { arn, name } => Principal::of_role(self.roles.get(arn)?, name, session).map(Arc::new),
            Of::User { arn } => {
                let user = self.users.get(arn)?;
                Some(Arc::new(Principal { session, ..Principal::clone(user) }))
            }
        }
    }

    /// Whether the user, root or role is there that a principal is, or has a session of.
    pub fn has(&self, who: &Principal) -> bool {
        match &who.kind {
            Kind::Anonymous | Kind::Web => false,
            Kind::Role { role, .. } => self.roles.contains_key(role),
            Kind::Root | Kind::User => self.users.contains_key(&who.arn),
        }
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

    /// Whether the ARN of a root is one of an account in its partition: the one that its users and roles are in, or
    /// the usual one where it has none.
    pub fn lives_in(&self, root: &str) -> bool {
        let Some(root) = Arn::parse(root) else { return false };
        let arns = self.users().map(|user| &user.arn).chain(self.roles().map(|role| &role.arn));
        let mut own = arns.filter_map(|arn| Arn::parse(arn)).filter(|arn| arn.account == root.account).peekable();
        if own.peek().is_none() {
            return root.partition == "aws";
        }
        own.any(|arn| arn.partition == root.partition)
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
