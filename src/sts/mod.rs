//! The token service: what may be asked, what is answered (spec/s3-operations.md 8).
//!
//! Invariants:
//! - a request is a bounded form in which every name occurs once and is known; nothing is taken from
//!   anywhere else;
//! - credentials are made in one place, [`Grantor::answer`], behind a decision that allowed it;
//! - no secret, token or web identity token is in a fault, a record or a `Debug` text.

mod answer;
mod ask;
mod envelope;
mod form;
mod rules;
#[cfg(test)]
mod tests;

pub use answer::{Answered, Grantor};
pub use ask::{Ask, AssumeRole, Narrowed, WebIdentity};
pub use envelope::{Said, error_document, said};
pub use form::LONGEST_BODY;
pub use rules::{Circumstances, Rules};

/// The XML namespace of its documents.
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// What a scope names it.
pub const SERVICE: &str = "sts";
