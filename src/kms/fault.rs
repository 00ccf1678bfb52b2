//! Why a key is not found or not used, and what S3 says then (spec/encryption.md 4, 15.5).

use std::sync::Arc;
use std::time::Duration;

use crate::s3::{Code, Fault};

use super::keyring::{Key, State, Usage};
use super::name;

/// The reason of [`KmsError::Throttled`]: whoever knows the client tells it in the words that are configured.
pub const KMS_THROTTLED: &str = "kms-throttled";

/// Why no key of the ring is meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unknown {
    /// There is none of this name (E-13).
    NoSuchKey {
        /// What S3 says.
        message: String,
    },
    /// The ARN is of another region (E-14).
    OtherRegion {
        /// The region in the ARN.
        region: String,
    },
}

impl Unknown {
    pub(super) fn no_such_key(message: impl Into<String>) -> Self {
        Self::NoSuchKey { message: message.into() }
    }

    /// The name is none that a key could have, or nobody will be told whether there is one.
    pub fn invalid(sent: &str) -> Self {
        Self::no_such_key(format!("Invalid keyId '{sent}'"))
    }

    /// There is no key with this ARN. S3 names the ARN only where its id could be one of KMS.
    pub fn missing(arn: &str) -> Self {
        match name::parts(arn) {
            Some((_, _, id)) if !name::is_of_kms(id) => Self::invalid(id),
            _ => Self::no_such_key(format!("Key '{arn}' does not exist")),
        }
    }

    /// What S3 answers.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoSuchKey { message } => Fault::new(Code::KmsNotFoundException, "unknown-kms-key", message.clone()),
            Self::OtherRegion { region } => {
                Fault::new(Code::KmsNotFoundException, "kms-key-of-other-region", format!("Invalid arn {region}"))
            }
        }
    }
}

/// Why a key did not encrypt or decrypt: the errors of a provider (spec/encryption.md 15.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KmsError {
    /// The provider has no such key.
    NotFound {
        /// Its ARN.
        arn: Arc<str>,
    },
    /// The key is disabled.
    Disabled {
        /// Its ARN.
        arn: Arc<str>,
    },
    /// The key waits for its deletion, or has no material here.
    InvalidState {
        /// Its ARN.
        arn: Arc<str>,
        /// What it waits for: `pending deletion`, `pending import`.
        state: &'static str,
    },
    /// The key is for something else.
    InvalidUsage {
        /// Its ARN.
        arn: Arc<str>,
        /// What it is for.
        usage: Usage,
    },
    /// The provider does not let this proxy use the key.
    AccessDenied {
        /// Its ARN.
        arn: Arc<str>,
    },
    /// The provider is asked too often.
    Throttled {
        /// When to ask again, if it said so.
        retry_after: Option<Duration>,
    },
    /// The provider cannot be asked, or does not answer as one.
    Unavailable {
        /// What is wrong, for the operator. No secret.
        why: String,
    },
    /// What should be opened was not wrapped under this key with this context, or was altered.
    InvalidCiphertext,
    /// A version of a key has wrapped as much as it may. It must be rotated.
    Exhausted {
        /// Its ARN.
        arn: Arc<str>,
    },
    /// This machine gives no random numbers.
    NoRandomness,
}

impl KmsError {
    /// What keeps a key of the ring from being used; nothing, if it can be.
    pub(super) fn of(key: &Key) -> Result<(), Self> {
        let arn = || Arc::clone(key.arn());
        match (key.state(), key.usage()) {
            (State::Disabled, _) => Err(Self::Disabled { arn: arn() }),
            (State::PendingDeletion, _) => Err(Self::InvalidState { arn: arn(), state: "pending deletion" }),
            (State::Enabled, Usage::EncryptDecrypt) => Ok(()),
            (State::Enabled, usage) => Err(Self::InvalidUsage { arn: arn(), usage }),
        }
    }

    /// What S3 answers (spec/encryption.md 15.5). What a client may do with a key is the business of others, who
    /// answer for themselves; what the proxy itself may not do tells a stranger least.
    pub fn fault(&self) -> Fault {
        let unavailable = |reason| Fault::plain(Code::ServiceUnavailable, reason);
        match self {
            Self::NotFound { arn } => Unknown::missing(arn).fault(),
            Self::Disabled { arn } => {
                Fault::new(Code::KmsDisabledException, "kms-key-disabled", format!("{arn} is disabled."))
            }
            Self::InvalidState { arn, state } => {
                Fault::new(Code::KmsInvalidStateException, "kms-key-state", format!("{arn} is {state}."))
            }
            Self::InvalidUsage { arn, usage } => {
                let usage = usage.as_str();
                let message = format!("{arn} key usage is {usage} which is not valid for GenerateDataKey.");
                Fault::new(Code::KmsInvalidKeyUsageException, "kms-key-usage", message)
            }
            Self::AccessDenied { arn } => Fault::plain(Code::AccessDenied, "kms-access-denied").detail(format!(
                "the key service does not let the proxy use {arn}: look at its policy and keys.credentials"
            )),
            Self::Throttled { retry_after } => {
                let fault = Fault::plain(Code::ThrottlingException, KMS_THROTTLED);
                match retry_after {
                    Some(wait) => fault.header("x-amz-retry-after", wait.as_millis().to_string()),
                    None => fault,
                }
            }
            Self::Unavailable { why } => unavailable("kms-unavailable").detail(why.as_str()),
            Self::NoRandomness => unavailable("no-randomness"),
            Self::Exhausted { arn } => {
                unavailable("kms-key-exhausted").detail(format!("{arn} must be rotated before it wraps more keys"))
            }
            Self::InvalidCiphertext => Fault::plain(Code::InternalError, "seal-broken")
                .detail("a wrapped data key does not open under its key and context"),
        }
    }
}

impl std::fmt::Display for KmsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fault = self.fault();
        f.write_str(fault.private_detail().unwrap_or_else(|| fault.message()))
    }
}

impl std::error::Error for KmsError {}
