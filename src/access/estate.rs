//! What one generation of the policies folder says, compiled: who owns what, who belongs where, and the
//! documents that decide.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;

use super::facts::Organization;
use crate::identity::canonical_id;
use crate::policy::engine::public::Block;
use crate::policy::engine::{Generation, Sources};

/// One generation of policies. Immutable; a reload makes another.
#[derive(Debug, Default)]
pub struct Estate {
    rules: Generation,
    /// The account that owns every bucket without settings.
    account: String,
    /// By account.
    organizations: HashMap<String, Organization>,
    texts: HashMap<String, Bytes>,
    blocks: HashMap<String, Block>,
}

impl Estate {
    /// Compiles the documents of a folder. `account` owns every bucket that nothing is said about;
    /// `organizations` says which accounts belong where.
    pub fn new(account: &str, sources: Sources, organizations: HashMap<String, Organization>) -> Self {
        Self {
            rules: Generation::new(sources),
            account: account.to_owned(),
            organizations,
            texts: HashMap::new(),
            blocks: HashMap::new(),
        }
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

    /// The policy of a bucket, as it was written.
    pub fn policy_text(&self, bucket: &str) -> Option<&Bytes> {
        self.texts.get(bucket)
    }

    /// Block Public Access of a bucket, if it has been said.
    pub fn block(&self, bucket: &str) -> Option<Block> {
        self.blocks.get(bucket).copied()
    }

    /// The organization of an account, with the path of the account in it.
    pub fn organization(&self, account: &str) -> Option<&Organization> {
        self.organizations.get(account)
    }
}
