//! Changes of the policies folder that a request asks for. Whether it may is decided before; here it is
//! said what to write, and whoever keeps the folder writes it.

use std::fmt;

use crate::policy::engine::public::Block;
use crate::s3::{Code, Fault};

/// What is to be written, or to be removed where there is none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// Block Public Access of an account.
    AccountBlock {
        /// Its number.
        account: String,
        /// The settings.
        block: Option<Block>,
    },
    /// Block Public Access of a bucket.
    BucketBlock {
        /// Its name.
        bucket: String,
        /// The settings.
        block: Option<Block>,
    },
    /// A bucket is gone, and with it everything that was said of it.
    BucketGone {
        /// Its name.
        bucket: String,
    },
    /// A bucket was made. As AWS has it, nothing of it becomes public before somebody says so.
    BucketMade {
        /// Its name.
        bucket: String,
        /// The account that owns it.
        owner: String,
    },
    /// The policy of a bucket.
    BucketPolicy {
        /// Its name.
        bucket: String,
        /// The document, as the request brought it.
        document: Option<String>,
    },
}

/// Why a change was not made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChangeFault {
    /// What kind of reason.
    pub kind: ChangeFaultKind,
    /// Everything, for the log alone: it may name files and other policies.
    pub detail: String,
}

/// Kinds of reasons.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChangeFaultKind {
    /// `policy_api = "refuse"`.
    Off,
    /// With the change, the folder would not be taken: a policy test fails, or the document is none.
    Refused,
    /// The folder cannot be read or written, or had faults before.
    Unavailable,
}

impl ChangeFaultKind {
    /// What the caller hears. It says nothing about other policies.
    pub fn message(self) -> &'static str {
        match self {
            Self::Off => "Policies are set by the operator of this endpoint, not by requests.",
            Self::Refused => "The rules of this endpoint do not allow this policy.",
            Self::Unavailable => "Policies cannot be changed now. Please try again.",
        }
    }

    /// A constant for records and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Off => "policy-api-off",
            Self::Refused => "policy-change-refused",
            Self::Unavailable => "policy-change-unavailable",
        }
    }
}

impl fmt::Display for ChangeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.message(), self.detail)
    }
}

impl std::error::Error for ChangeFault {}

impl From<ChangeFault> for Fault {
    fn from(fault: ChangeFault) -> Self {
        let code = match fault.kind {
            ChangeFaultKind::Off | ChangeFaultKind::Refused => Code::AccessDenied,
            ChangeFaultKind::Unavailable => Code::ServiceUnavailable,
        };
        Self::new(code, fault.kind.reason(), fault.kind.message()).detail(fault.detail)
    }
}
