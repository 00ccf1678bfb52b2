//! Signature Version 4 (spec/sigv4.md): who signed this request, and does the signature cover it?
//!
//! Invariants:
//! - one canonical form: what verifies an incoming request writes the outgoing one;
//! - everything that decides comes from one mechanism: never the key of one and the date of another;
//! - an unknown access key costs the same work as a known one;
//! - no secret, token or full signature in Debug output, faults or logs.

mod canonical;
mod chunks;
mod claim;
mod diagnose;
mod ecdsa;
mod form;
mod header;
mod key;
mod outgoing;
mod payload;
mod post_policy;
mod query;
mod rejection;
mod verify;

pub use canonical::host;
pub use chunks::ChunkSigner;
pub use claim::Claim;
pub use diagnose::{Diagnosis, Hints};
pub use form::Form;
pub use key::{Credential, KeyCache, KeySource, Opened, Secret};
pub use outgoing::{OutgoingPayload, OwnKeys, SignError, Signer};
pub use payload::PayloadRule;
pub use post_policy::PostPolicy;
pub use rejection::{Details, Rejection};
pub use verify::{Kind, Request, Settings, Signed, Verified, kind, verify};
