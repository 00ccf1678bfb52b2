//! What is asked: one action on one resource by one caller.

use super::super::action::Action;
use super::super::context::Context;
use super::arn;

/// Who asks (spec/policy-evaluation.md 1).
///
/// Invariant: every ARN here is the one that credentials were verified for; nothing in it was chosen by the
/// request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Caller<'a> {
    /// Nobody known.
    Anonymous,
    /// A session of `GetFederationToken`.
    Federated {
        /// Its account.
        account: &'a str,
        /// `arn:aws:sts::ACCOUNT:federated-user/NAME`.
        arn: &'a str,
        /// The ARN of the user who made it.
        parent: &'a str,
    },
    /// A session of a role.
    Role {
        /// Its account.
        account: &'a str,
        /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`.
        arn: &'a str,
        /// The ARN of the role with its path, which the session's ARN does not hold.
        role: &'a str,
    },
    /// The root user of an account.
    Root {
        /// The account.
        account: &'a str,
        /// `arn:aws:iam::ACCOUNT:root`.
        arn: &'a str,
    },
    /// A service that acts for itself.
    Service {
        /// `cloudtrail.amazonaws.com`.
        name: &'a str,
    },
    /// A user, with a long-term key or a session of `GetSessionToken`.
    User {
        /// Its account.
        account: &'a str,
        /// Its ARN with the path.
        arn: &'a str,
    },
    /// Somebody whom a provider of web identities has vouched for, about to become a session of a role.
    Web {
        /// `arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH`, in the account of the role.
        provider: &'a str,
    },
}

/// An action by name. Known ones are looked up once, not for each question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act<'a> {
    /// An action of S3.
    Known(Action),
    /// Any other name. Wildcards may match it.
    Other(&'a str),
}

/// One action on one resource by one caller, with everything that conditions can look at.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub caller: Caller<'a>,
    /// The canonical id of the caller's account, where accounts have one.
    pub canonical_id: Option<&'a str>,
    /// What is to be done.
    pub action: Act<'a>,
    /// The ARN of what is acted on, or `*`. Through an access point: the access point's ARN.
    pub resource: &'a str,
    /// Through an access point: the ARN of the bucket or object behind it.
    pub behind: Option<&'a str>,
    /// The account that owns the bucket; the caller's own where no bucket is named.
    pub owner: &'a str,
    /// The condition keys of the request.
    pub context: &'a dyn Context,
    /// The resource's side consents without being asked: a write that carries an ACL and whose object
    /// will be the caller's own (spec/s3-authorization.md 6, acl-on-write). Denies still count.
    pub consent: bool,
}

impl<'a> Caller<'a> {
    /// The caller's account; none for the anonymous and for services.
    pub fn account(&self) -> Option<&'a str> {
        match *self {
            Self::Anonymous | Self::Service { .. } | Self::Web { .. } => None,
            Self::Federated { account, .. }
            | Self::Role { account, .. }
            | Self::Root { account, .. }
            | Self::User { account, .. } => Some(account),
        }
    }

    /// The ARN that policies and records name.
    pub fn arn(&self) -> Option<&'a str> {
        match *self {
            Self::Anonymous | Self::Service { .. } => None,
            Self::Federated { arn, .. } | Self::Role { arn, .. } | Self::Root { arn, .. } | Self::User { arn, .. } => {
                Some(arn)
            }
            Self::Web { provider } => Some(provider),
        }
    }

    /// The ARN of the user or role whose policies the caller has: the role of a session, the maker of a
    /// federated one.
    pub fn identity(&self) -> Option<&'a str> {
        match *self {
            Self::Anonymous | Self::Service { .. } | Self::Root { .. } | Self::Web { .. } => None,
            Self::Federated { parent: arn, .. } | Self::Role { role: arn, .. } | Self::User { arn, .. } => Some(arn),
        }
    }

    /// Whether the account is the caller's. An account that nobody has is nobody's.
    pub fn is_of(&self, account: &str) -> bool {
        !account.is_empty() && self.account() == Some(account)
    }

    /// Whether the organization's policies on callers speak about it: never about services, their roles, and
    /// the anonymous.
    pub(super) fn is_bound_by_organization(&self) -> bool {
        self.account().is_some() && !self.is_linked_to_a_service()
    }

    /// Whether it is a session of a service-linked role. The role's ARN says so, which holds the path; that of
    /// the session does not.
    pub(super) fn is_linked_to_a_service(&self) -> bool {
        matches!(self, Self::Role { role, .. } if arn::path(role).starts_with("role/aws-service-role/"))
    }

    pub(super) fn is_root(&self) -> bool {
        matches!(self, Self::Root { .. })
    }
}

impl<'a> Act<'a> {
    /// The action of a name, in any letter case.
    pub fn named(name: &'a str) -> Self {
        Action::named(name).map_or(Self::Other(name), Self::Known)
    }

    /// The action, where the table knows it.
    pub fn known(self) -> Option<Action> {
        match self {
            Self::Known(action) => Some(action),
            Self::Other(_) => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        match self {
            Self::Known(action) => action.name(),
            Self::Other(name) => name,
        }
    }
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question")
            .field("caller", &self.caller)
            .field("action", &self.action.name())
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}
