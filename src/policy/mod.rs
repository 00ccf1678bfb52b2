//! Who may do what.
//!
//! Documents are read by [`read`], checked for S3 by [`put`], and decided on by [`engine`].
//!
//! The pipeline does not ask the engine yet. Until then one rule holds: whoever has the shipped
//! `administrator` policy, and no other, may do everything in the account it belongs to; everybody else,
//! the anonymous included, may do nothing.
//!
//! Invariants:
//! - pure and total: [`decide`] cannot fail, wait, or look at a clock;
//! - a [`Grant`] comes from [`decide`] alone, and names the statement that made it.

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

use std::fmt;

/// The one policy that this version evaluates.
pub const ADMINISTRATOR: &str = "administrator";

/// The document of [`ADMINISTRATOR`], as shipped.
pub const ADMINISTRATOR_DOCUMENT: &str = include_str!("../../policies/identities/administrator.json");

/// One action on one resource by one principal.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The account of the principal; `None` for the anonymous.
    pub account: Option<&'a str>,
    /// The names of the principal's policies.
    pub policies: &'a [String],
    /// The account that owns the bucket, or the caller's own where no bucket is named.
    pub owner: &'a str,
    /// `s3:GetObject`, for instance.
    pub action: &'a str,
    /// The ARN of what is acted on, or `*`.
    pub resource: &'a str,
    /// Session policies narrow what the principal may do.
    pub narrowed: bool,
}

/// A statement, by its policy and its place there: `identity/administrator#1`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatementId(std::borrow::Cow<'static, str>);

/// A permission that was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    statement: StatementId,
}

/// Why no permission was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Denial {
    /// No statement of this layer allows it.
    Silent(Layer),
}

/// Where permissions come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layer {
    /// Policies attached to the principal.
    Identity,
    /// The policy of the bucket.
    Resource,
    /// Policies given with the session.
    Session,
}

/// Decides one question.
pub fn decide(question: &Question<'_>) -> Result<Grant, Denial> {
    let Some(account) = question.account.filter(|account| !account.is_empty()) else {
        return Err(Denial::Silent(Layer::Resource));
    };
    // A second policy could hold a Deny that nothing evaluates yet: then nothing is granted.
    let administrator = !question.policies.is_empty() && question.policies.iter().all(|name| name == ADMINISTRATOR);
    if !administrator {
        return Err(Denial::Silent(Layer::Identity));
    }
    if question.narrowed {
        return Err(Denial::Silent(Layer::Session));
    }
    if account != question.owner {
        return Err(Denial::Silent(Layer::Resource));
    }
    Ok(Grant { statement: StatementId("identity/administrator#1".into()) })
}

/// Decides what needs no permission and cannot be forbidden (spec/s3-operations.md 8): to ask who one is,
/// and to open a session of oneself. Only nobody may not.
pub fn decide_self(account: Option<&str>) -> Result<Grant, Denial> {
    match account {
        Some(account) if !account.is_empty() => Ok(Grant { statement: StatementId("self".into()) }),
        _ => Err(Denial::Silent(Layer::Identity)),
    }
}

impl Grant {
    /// The grant of a decision of the engine.
    pub fn of(grant: &engine::Grant) -> Self {
        let basis: Vec<String> = grant.basis().map(ToString::to_string).collect();
        Self { statement: StatementId(basis.join(" ").into()) }
    }

    /// The statement that gave it.
    pub fn statement(&self) -> &StatementId {
        &self.statement
    }
}

impl Denial {
    /// A constant for records and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Silent(Layer::Identity) => "silent-identity",
            Self::Silent(Layer::Resource) => "silent-resource",
            Self::Silent(Layer::Session) => "silent-session",
        }
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

    #[track_caller]
    fn check(account: Option<&str>, policies: &[&str], owner: &str, expected: Result<&str, Denial>) {
        let policies: Vec<String> = policies.iter().map(|name| (*name).to_owned()).collect();
        let question = Question {
            account,
            policies: &policies,
            owner,
            action: "s3:GetObject",
            resource: "arn:aws:s3:::b/k",
            narrowed: false,
        };
        let answer = decide(&question).map(|grant| grant.statement().to_string());
        assert_eq!(answer.as_deref().map_err(|denial| *denial), expected);
    }

    #[test]
    fn an_administrator_may_do_everything_at_home() {
        check(Some("111122223333"), &["administrator"], "111122223333", Ok("identity/administrator#1"));
    }

    #[test]
    fn everybody_else_may_do_nothing() {
        let identity = Err(Denial::Silent(Layer::Identity));
        let resource = Err(Denial::Silent(Layer::Resource));
        check(Some("111122223333"), &["administrator"], "444455556666", resource);
        check(Some("111122223333"), &[], "111122223333", identity);
        check(Some("111122223333"), &["readwrite"], "111122223333", identity);
        check(Some("111122223333"), &["administrator", "deny-deletes"], "111122223333", identity);
        check(None, &[], "111122223333", resource);
        check(Some(""), &["administrator"], "", resource);
        check(None, &["administrator"], "", resource);
    }

    #[test]
    fn session_policies_that_nobody_evaluates_leave_nothing() {
        let policies = ["administrator".to_owned()];
        let question = |narrowed| Question {
            account: Some("111122223333"),
            policies: &policies,
            owner: "111122223333",
            action: "s3:GetObject",
            resource: "arn:aws:s3:::b/k",
            narrowed,
        };
        assert!(decide(&question(false)).is_ok());
        assert_eq!(decide(&question(true)), Err(Denial::Silent(Layer::Session)));
    }

    #[test]
    fn only_nobody_may_not_ask_who_one_is() {
        assert!(decide_self(Some("111122223333")).is_ok());
        assert!(decide_self(Some("")).is_err() && decide_self(None).is_err());
    }
}
