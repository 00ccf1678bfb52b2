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
pub mod engine;
mod json;
pub mod lint;
pub mod pattern;
mod principal;
pub mod problem;
pub mod put;
pub mod read;
pub mod value;

use std::borrow::Cow;
use std::fmt;

/// The policy that may do everything, as shipped.
pub const ADMINISTRATOR: &str = "administrator";

/// Its document.
pub const ADMINISTRATOR_DOCUMENT: &str = include_str!("../../policies/identities/administrator.json");

/// A statement, by its policy and its name or place there: `identities/administrator#NO_ID-0`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatementId(Cow<'static, str>);

/// Everything that a request needs was permitted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    statements: Vec<StatementId>,
}

/// Decides what needs no permission and cannot be forbidden (spec/s3-operations.md 8): to ask who one is,
/// and to open a session of oneself. Only nobody may not.
pub fn decide_self(account: Option<&str>) -> Option<Grant> {
    let known = account.is_some_and(|account| !account.is_empty());
    known.then(|| Grant { statements: vec![StatementId("self".into())] })
}

impl Grant {
    /// The grant of several decisions of the engine; none where nothing was decided.
    pub fn of<'g>(grants: impl IntoIterator<Item = &'g engine::Grant>) -> Option<Self> {
        let mut statements: Vec<StatementId> = Vec::with_capacity(2);
        for basis in grants.into_iter().flat_map(engine::Grant::basis) {
            let statement = StatementId(basis.to_string().into());
            if !statements.contains(&statement) {
                statements.push(statement);
            }
        }
        (!statements.is_empty()).then_some(Self { statements })
    }

    /// The statements that gave it, each once.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().map(|statement| &*statement.0)
    }
}

impl fmt::Display for StatementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
