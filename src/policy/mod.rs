//! Who may do what.
//!
//! Documents are read by [`read`], checked for S3 by [`put`], and decided on by [`engine`].
//!
//! Invariant: a [`Grant`] comes from a decision alone, and names the statements that made it.

pub mod action;
pub mod block;
pub mod condition;
pub mod context;
pub mod document;
pub mod encryption;
pub mod engine;
mod json;
pub mod lint;
pub mod logging;
mod members;
pub mod pattern;
pub mod point;
mod principal;
pub mod problem;
pub mod put;
pub mod read;
pub mod value;

use std::fmt;
use std::sync::Arc;

/// The policy that may do everything, as shipped.
pub const ADMINISTRATOR: &str = "administrator";

/// Its document.
pub const ADMINISTRATOR_DOCUMENT: &str = include_str!("../../policies/identities/administrator.json");

/// A statement, by its policy and its name or place there: `identities/administrator#NO_ID-0`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatementId(Source);

/// Where the name of a statement stands.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Source {
    /// In the document that it is of, once for all requests.
    Decided(engine::Basis),
    /// Here: no document needs to say it.
    Fixed(&'static str),
}

/// Everything that a request needs was permitted. A copy is a pointer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    statements: Arc<[StatementId]>,
}

/// Decides what needs no permission and cannot be forbidden (spec/s3-operations.md 8): to ask who one is,
/// and to open a session of oneself. Only nobody may not.
pub fn decide_self(account: Option<&str>) -> Option<Grant> {
    let known = account.is_some_and(|account| !account.is_empty());
    known.then(|| Grant { statements: Arc::new([StatementId(Source::Fixed("self"))]) })
}

impl Grant {
    /// The grant of several decisions of the engine; none where nothing was decided.
    pub fn of<'g>(grants: impl IntoIterator<Item = &'g engine::Grant>) -> Option<Self> {
        let mut statements: Vec<StatementId> = Vec::with_capacity(2);
        for basis in grants.into_iter().flat_map(engine::Grant::basis) {
            if !statements.iter().any(|known| known.name() == basis.name()) {
                statements.push(StatementId(Source::Decided(basis.clone())));
            }
        }
        (!statements.is_empty()).then(|| Self { statements: statements.into() })
    }

    /// The statements that gave it, each once.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().map(StatementId::name)
    }
}

impl StatementId {
    fn name(&self) -> &str {
        match &self.0 {
            Source::Decided(basis) => basis.name(),
            Source::Fixed(name) => name,
        }
    }
}

impl fmt::Display for StatementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nobody_may_not_ask_who_one_is() {
        assert!(decide_self(Some("111122223333")).is_some());
        assert!(decide_self(Some("")).is_none() && decide_self(None).is_none());
    }

    #[test]
    fn nothing_decided_is_nothing_granted() {
        assert_eq!(Grant::of([]), None);
    }
}
