//! What a request asks, and who answers it: a store, or this process.

use crate::s3::route::Routed;
use crate::sts::Ask;

/// What was asked.
#[derive(Debug)]
pub(super) enum Task {
    /// Something of a store.
    Store(Box<Routed>),
    /// Something of the token service, which is answered here.
    Tokens(Box<Ask>),
}

/// In whose words errors are told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Envelope {
    /// As S3 Control does.
    Control,
    /// As S3 does.
    #[default]
    S3,
    /// As STS does.
    Sts,
}

impl Task {
    /// What is asked, as SDKs name it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Store(routed) => routed.operation.name(),
            Self::Tokens(ask) => ask.name(),
        }
    }

    /// What is asked of a store.
    pub(super) fn routed(&self) -> Option<&Routed> {
        match self {
            Self::Store(routed) => Some(routed),
            Self::Tokens(_) => None,
        }
    }

    /// The same, to be changed by what was decided.
    pub(super) fn routed_mut(&mut self) -> Option<&mut Routed> {
        match self {
            Self::Store(routed) => Some(routed),
            Self::Tokens(_) => None,
        }
    }

    /// The role that is to be assumed, and under which name.
    pub(super) fn role(&self) -> Option<(&str, &str)> {
        match self {
            Self::Store(_) => None,
            Self::Tokens(ask) => ask.narrowed().map(|narrowed| (narrowed.role.as_str(), narrowed.session.as_str())),
        }
    }
}

impl From<Box<Routed>> for Task {
    fn from(routed: Box<Routed>) -> Self {
        Self::Store(routed)
    }
}
