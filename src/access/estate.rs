//! What one generation of the policies folder says, compiled: who owns what, who belongs where, and the
//! documents that decide.

use std::collections::HashMap;

use super::facts::Organization;
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
    /// By bucket, for those with access by attributes.
    tags: HashMap<String, Tags>,
}

impl Estate {
    /// Compiles the documents of a folder. `account` owns every bucket that nothing is said about;
    /// `organizations` says which accounts belong where.
    pub fn new(account: &str, sources: Sources, organizations: HashMap<String, Organization>) -> Self {
        Self { rules: Generation::new(sources), account: account.to_owned(), organizations, tags: HashMap::new() }
    }

    /// Switches access by attributes on for the buckets of these tags.
    #[must_use]
    pub fn with_tags(self, tags: HashMap<String, Tags>) -> Self {
        Self { tags, ..self }
    }

    /// What decides.
    pub fn rules(&self) -> &Generation {
        &self.rules
    }

    /// The account that owns a bucket.
    pub fn owner(&self, bucket: &str) -> &str {
        self.rules.owner(bucket).unwrap_or(&self.account)
    }

    /// The tags of a bucket that conditions may see; none without access by attributes.
    pub fn tags(&self, bucket: &str) -> Option<&Tags> {
        self.tags.get(bucket)
    }

    /// The organization of an account, with the path of the account in it.
    pub fn organization(&self, account: &str) -> Option<&Organization> {
        self.organizations.get(account)
    }
}
