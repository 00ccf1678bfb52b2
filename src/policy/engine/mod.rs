//! Deciding: documents compiled, questions asked, answers with reasons (spec/policy-evaluation.md).
//!
//! - [`Generation`] holds every document of the proxy by what it is attached to. It picks the [`Layers`] of
//!   a [`Question`] and decides it.
//! - [`Layers::decide`] asks each layer for what applies and adds it up; [`Layers::explain`] does the same
//!   and writes down everything it looked at.
//! - [`public`] judges policies for Block Public Access, [`acl`] access control lists.
//!
//! Invariants:
//! - total: a decision cannot fail, wait, look at a clock, or allocate on the common path;
//! - a [`Grant`] comes from a decision alone and names the statements it rests on;
//! - one place adds up what layers say (`facts`), for decisions, explanations and what would change them.

pub mod acl;
mod arn;
mod change;
mod decision;
mod explain;
mod facts;
mod generation;
mod layers;
mod principal;
pub mod public;
mod question;
mod shelf;
#[cfg(test)]
mod tests;

pub use change::{Change, Turn};
pub use decision::{Basis, Decision, Forbidden, Grant, Layer, StatementRef};
pub use explain::{Clause, Consulted, Explanation, Looked, Miss};
pub use generation::{
    AccessPointRef, AccessPointRules, AccountRules, Attachments, Brought, BucketRules, Generation, Sources,
};
pub use layers::{AccessPoint, Layers, Restrict};
pub use question::{Act, Caller, Question};
pub use shelf::{Policy, Shelf};
