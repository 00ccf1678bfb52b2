//! What comes out: a decision, and the statements it rests on.

use std::fmt;
use std::sync::Arc;

use super::super::document::{Span, Statement};
use super::shelf::Policy;

/// The answer to one question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// It may be done.
    Allow(Grant),
    /// Something forbids it.
    ExplicitDeny(Forbidden),
    /// Nothing allows it; the layer is the first one that would have had to (spec/policy-evaluation.md 10).
    ImplicitDeny(Layer),
}

/// A permission that was given. It comes from the engine alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    pub(super) basis: [Option<Basis>; 3],
}

/// What forbids.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Forbidden {
    pub(super) layer: Layer,
    pub(super) statement: Option<StatementRef>,
}

/// What a permission rests on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Basis {
    /// An entry of the access control list of the bucket or object.
    Acl,
    /// The resource belongs to the caller's account, and the caller is its root user.
    Root,
    /// The resource's side need not be asked ([`Question::consent`](super::Question)).
    Consent,
    /// A statement that allows it.
    Statement(StatementRef),
}

/// A statement: its document and its place there.
#[derive(Clone)]
pub struct StatementRef {
    pub(super) policy: Arc<Policy>,
    pub(super) index: u32,
}

/// Kinds of policies, in the order in which denials are looked for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Layer {
    /// Of the caller's organization.
    ServiceControl,
    /// Of the organization of the resource's account.
    ResourceControl,
    /// Of the VPC endpoint that the request came through.
    Endpoint,
    /// Attached to the caller, or to one of its groups.
    Identity,
    /// The caller's permissions boundary.
    Boundary,
    /// Of the credentials.
    Session,
    /// Of the role that is to be assumed: whom it trusts.
    Trust,
    /// Of the bucket.
    Resource,
    /// Of the access point.
    AccessPoint,
    /// Access control lists of bucket and object.
    Acl,
    /// Block Public Access.
    PublicAccessBlock,
}

impl Layer {
    /// The words of AWS for the kind of policy.
    pub fn words(self) -> &'static str {
        match self {
            Self::ServiceControl => "service control policy",
            Self::ResourceControl => "resource control policy",
            Self::Endpoint => "VPC endpoint policy",
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Trust => "role trust policy",
            Self::Resource | Self::AccessPoint | Self::Acl | Self::PublicAccessBlock => "resource-based policy",
        }
    }

    /// A constant for records and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceControl => "service-control",
            Self::ResourceControl => "resource-control",
            Self::Endpoint => "endpoint",
            Self::Identity => "identity",
            Self::Boundary => "boundary",
            Self::Session => "session",
            Self::Trust => "trust",
            Self::Resource => "resource",
            Self::AccessPoint => "access-point",
            Self::Acl => "acl",
            Self::PublicAccessBlock => "public-access-block",
        }
    }
}

impl Decision {
    /// Whether it may be done.
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    /// Whether something forbids it, so that nothing else can make up for it.
    pub fn is_explicit_deny(&self) -> bool {
        matches!(self, Self::ExplicitDeny(_))
    }

    /// The layer that a denial rests on.
    pub fn layer(&self) -> Option<Layer> {
        match self {
            Self::Allow(_) => None,
            Self::ExplicitDeny(forbidden) => Some(forbidden.layer),
            Self::ImplicitDeny(layer) => Some(*layer),
        }
    }

    /// `Allow`, `ExplicitDeny` or `ImplicitDeny`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Allow(_) => "Allow",
            Self::ExplicitDeny(_) => "ExplicitDeny",
            Self::ImplicitDeny(_) => "ImplicitDeny",
        }
    }

    /// A constant for records and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allowed",
            Self::ExplicitDeny(Forbidden { layer, .. }) => match layer {
                Layer::ServiceControl => "denied-service-control",
                Layer::ResourceControl => "denied-resource-control",
                Layer::Endpoint => "denied-endpoint",
                Layer::Identity => "denied-identity",
                Layer::Boundary => "denied-boundary",
                Layer::Session => "denied-session",
                Layer::Trust => "denied-trust",
                Layer::Resource => "denied-resource",
                Layer::AccessPoint => "denied-access-point",
                Layer::Acl => "denied-acl",
                Layer::PublicAccessBlock => "denied-public-access-block",
            },
            Self::ImplicitDeny(layer) => match layer {
                Layer::ServiceControl => "silent-service-control",
                Layer::ResourceControl => "silent-resource-control",
                Layer::Endpoint => "silent-endpoint",
                Layer::Identity => "silent-identity",
                Layer::Boundary => "silent-boundary",
                Layer::Session => "silent-session",
                Layer::Trust => "silent-trust",
                Layer::Resource => "silent-resource",
                Layer::AccessPoint => "silent-access-point",
                Layer::Acl => "silent-acl",
                Layer::PublicAccessBlock => "silent-public-access-block",
            },
        }
    }

    /// What AWS tells a caller who may know the reason (spec/policy-evaluation.md 10). Strangers and the
    /// anonymous hear `Access Denied` and no more. Nothing to say when it is allowed.
    pub fn message(&self, caller: &str, action: &str, resource: &str) -> Option<String> {
        let skeleton = || format!("User: {caller} is not authorized to perform: {action} on resource: \"{resource}\"");
        match self {
            Self::Allow(_) => None,
            Self::ExplicitDeny(Forbidden { layer, .. }) => {
                let words = layer.words();
                let article = if *layer == Layer::Identity { "an" } else { "a" };
                Some(format!("{} with an explicit deny in {article} {words}", skeleton()))
            }
            Self::ImplicitDeny(layer) => {
                Some(format!("{} because no {} allows the {action} action", skeleton(), layer.words()))
            }
        }
    }
}

impl Grant {
    /// What it rests on: for a request between accounts both sides, the caller's first.
    pub fn basis(&self) -> impl Iterator<Item = &Basis> {
        self.basis.iter().flatten()
    }
}

impl Forbidden {
    /// The kind of policy that forbids.
    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// The statement that forbids; none for Block Public Access.
    pub fn statement(&self) -> Option<&StatementRef> {
        self.statement.as_ref()
    }
}

impl StatementRef {
    /// The document.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The place of the statement in the document, from 0.
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// `identities/team#Read` or, for a statement without a name, `identities/team#NO_ID-2`.
    pub fn name(&self) -> &str {
        self.policy.statement_name(self.index())
    }

    /// The statement as it was read.
    pub fn statement(&self) -> Option<&Statement> {
        self.policy.statement(self.index())
    }

    /// Its own name.
    pub fn sid(&self) -> Option<&str> {
        Some(self.statement()?.sid.as_ref()?.value.as_str())
    }

    /// Where it is in the text of the document.
    pub fn span(&self) -> Span {
        self.statement().map(|statement| statement.span).unwrap_or_default()
    }

    /// The line on which it begins, from 1.
    pub fn line(&self) -> usize {
        self.policy.document().lines.place(self.span()).0
    }
}

/// The same statement of the same document: a reload makes others.
impl PartialEq for StatementRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.policy, &other.policy) && self.index == other.index
    }
}

impl Eq for StatementRef {}

impl fmt::Debug for StatementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatementRef({self})")
    }
}

/// As [`StatementRef::name`] says it.
impl fmt::Display for StatementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Basis {
    /// What records call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Acl => "acl",
            Self::Root => "root",
            Self::Consent => "consent",
            Self::Statement(statement) => statement.name(),
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
