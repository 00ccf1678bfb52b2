//! Bodies: unread until authorized, sealed until verified.
//!
//! Invariants:
//! - an [`Unread`] body cannot be polled, only opened with the contract that authentication made;
//! - a [`SealedBody`] keeps its last frame until every digest, checksum, signature and length holds.

mod contract;
mod seal;

pub use contract::{Contract, Declared};
pub use seal::{SealedBody, Unread, Verdict};
