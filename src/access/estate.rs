//! What one generation of the policies folder says, compiled: who owns what, who belongs where, and the
//! documents that decide.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;

use super::facts::Organization;
use crate::identity::canonical_id;
use crate::policy::engine::public::Block;
use crate::policy::engine::{Generation, Sources};
use crate::s3::tags::Tags;

/// One generation of policies. Immutable; a reload makes another.
#[derive(Debug, Default)]
pub struct Estate {
    rules: Generation,
    /// The account that owns every bucket without settings.
    account: String,
    /// By account.
    organizations: HashMap<String, Organization>,
    /// By bucket.
    kept: HashMap<String, Kept>,
    /// Block Public Access of accounts, where it has been said.
    account_blocks: HashMap<String, Block>,
}

/// What is kept of a bucket for those who ask for it.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Its tags, with access by attributes.
    pub tags: Option<Tags>,
    /// Its policy, as it was written.
    pub policy: Option<Bytes>,
    /// Its Block Public Access, if it has been said.
    pub block: Option<Block>,
}

impl Estate {
    /// Compiles the documents of a folder. `account` owns every bucket that nothing is said about;
    /// `organizations` says which accounts belong where.
    pub fn new(account: &str, sources: Sources, organizations: HashMap<String, Organization>) -> Self {
        Self { rules: Generation::new(sources), account: account.to_owned(), organizations, ..Self::default() }
    }

    /// Takes in what is kept of buckets and accounts besides what decides.
    #[must_use]
    pub fn with_kept(self, kept: HashMap<String, Kept>, account_blocks: HashMap<String, Block>) -> Self {
        Self { kept, account_blocks, ..self }
    }

    /// What decides.
    pub fn rules(&self) -> &Generation {
        &self.rules
    }

    /// The account that owns a bucket.
    pub fn owner(&self, bucket: &str) -> &str {
        self.rules.owner(bucket).unwrap_or(&self.account)
    }

    /// Whether anything is said of a bucket.
    pub fn knows(&self, bucket: &str) -> bool {
        self.rules.owner(bucket).is_some()
    }

    /// The canonical id of an account, in lists and owners.
    pub fn canonical_id(&self, account: &str) -> Cow<'_, str> {
        match self.rules.canonical_id(account) {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(canonical_id(account)),
        }
    }

    /// What is kept of a bucket besides what decides.
    pub fn kept(&self, bucket: &str) -> Option<&Kept> {
        self.kept.get(bucket)
    }

    /// Block Public Access of an account, if it has been said.
    pub fn account_block(&self, account: &str) -> Option<Block> {
        self.account_blocks.get(account).copied()
    }

    /// The tags of a bucket that conditions may see; none without access by attributes.
    pub fn tags(&self, bucket: &str) -> Option<&Tags> {
        self.kept(bucket)?.tags.as_ref()
    }

    /// The organization of an account, with the path of the account in it.
    pub fn organization(&self, account: &str) -> Option<&Organization> {
        self.organizations.get(account)
    }
}
