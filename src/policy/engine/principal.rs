//! Whom a statement speaks about (spec/policy-language.md 2).

use super::super::document::{Effect, Element, Principal, Statement, Who};
use super::arn;
use super::question::Caller;

/// The ways in which a statement's principal meets a caller.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Kinds(u8);

impl Kinds {
    /// `*`
    pub(super) const WILDCARD: Self = Self(1);
    /// The user, the session or the service itself.
    pub(super) const DIRECT: Self = Self(2);
    /// The role of a session, the maker of a federated one.
    pub(super) const ROLE: Self = Self(4);
    /// The account.
    pub(super) const ACCOUNT: Self = Self(8);

    pub(super) const ALL: [Self; 4] = [Self::WILDCARD, Self::DIRECT, Self::ROLE, Self::ACCOUNT];

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// What of a caller principals are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'a> {
    pub(super) caller: Caller<'a>,
    pub(super) canonical_id: Option<&'a str>,
    /// A Deny with NotPrincipal hits whoever has a boundary.
    pub(super) bounded: bool,
}

impl Identity<'_> {
    /// How a statement of a resource policy meets the caller; empty if it does not. Statements without the
    /// element are about nobody here: policies of identities do not come by this way.
    pub(super) fn met_by(&self, statement: &Statement) -> Kinds {
        match &statement.principal {
            Some(element) if element.negated => {
                // An Allow for everyone but a few grants nothing: S3 would not have stored it.
                let hit = statement.effect == Effect::Deny && !self.is_spared(element);
                if hit { Kinds::WILDCARD } else { Kinds::default() }
            }
            Some(element) => self.kinds(element),
            None => Kinds::default(),
        }
    }

    fn kinds(&self, element: &Element<Principal>) -> Kinds {
        let mut kinds = Kinds::default();
        for entry in &element.entries {
            if let Some(kind) = self.kind(&entry.who) {
                kinds.add(kind);
            }
        }
        kinds
    }

    fn kind(&self, who: &Who) -> Option<Kinds> {
        let (kind, met) = match (who, &self.caller) {
            (Who::Everyone, _) => (Kinds::WILDCARD, true),
            (Who::Account(number), caller) => (Kinds::ACCOUNT, caller.is_of(number)),
            (Who::Root(name), caller) => (Kinds::ACCOUNT, is_of_root(caller, name)),
            (Who::Canonical(id), _) => (Kinds::ACCOUNT, self.canonical_id == Some(id)),
            (Who::User(name), Caller::User { arn, .. }) => (Kinds::DIRECT, name == arn),
            (Who::User(name), Caller::Federated { parent, .. }) => (Kinds::ROLE, name == parent),
            (Who::Role(name), Caller::Role { role, .. }) => (Kinds::ROLE, name == role),
            (Who::Session(name), Caller::Role { arn, .. })
            | (Who::FederatedUser(name), Caller::Federated { arn, .. })
            | (Who::Service(name), Caller::Service { name: arn })
            | (Who::Federated(name), Caller::Web { provider: arn }) => (Kinds::DIRECT, name == arn),
            _ => return None,
        };
        met.then_some(kind)
    }

    /// Whether a Deny with NotPrincipal spares the caller: every level of its identity must be listed.
    fn is_spared(&self, element: &Element<Principal>) -> bool {
        if self.bounded {
            return false;
        }
        let kinds = self.kinds(element);
        kinds.has(Kinds::WILDCARD)
            || match self.caller {
                Caller::Anonymous => false,
                Caller::Service { .. } | Caller::Web { .. } => kinds.has(Kinds::DIRECT),
                Caller::Root { .. } => kinds.has(Kinds::ACCOUNT),
                Caller::User { .. } => kinds.has(Kinds::ACCOUNT) && kinds.has(Kinds::DIRECT),
                Caller::Role { .. } | Caller::Federated { .. } => {
                    kinds.has(Kinds::ACCOUNT) && kinds.has(Kinds::ROLE) && kinds.has(Kinds::DIRECT)
                }
            }
    }
}

/// Whether a caller is of the account whose root this ARN names. Accounts of two partitions may have one
/// number, and are strangers to each other.
fn is_of_root(caller: &Caller<'_>, root: &str) -> bool {
    arn::account(root).is_some_and(|account| caller.is_of(account))
        && caller.arn().is_some_and(|own| arn::partition(own) == arn::partition(root))
}
