//! Keys that encrypt keys: the local keyring, how requests name its keys, the encryption context, and
//! the wrapping of data keys (spec/encryption.md 5, 6, 15).
//!
//! Pure: the file is read and written elsewhere, random numbers are an argument. Who may use a key is not
//! known here; that is asked before.
//!
//! Invariants:
//! - a [`Ring`] never changes; what changes it gives another;
//! - no secret is in a `Debug`, a message or a copy that is not wiped;
//! - a wrapped key opens under its own key and its own context alone.

mod context;
mod fault;
mod file;
mod keyring;
mod name;
#[cfg(test)]
mod tests;
mod wrap;

pub use context::{Context, ContextFault, LONGEST_CONTEXT, S3_ARN};
pub use fault::{KMS_THROTTLED, KmsError, Unknown};
pub use file::{LONGEST_FILE, RingError};
pub use keyring::{DEFAULT_ALIAS, Key, Ring, State, Usage};
pub use name::{elsewhere, parts};
pub use wrap::{DataKey, WRAPPED, Wrapped};
