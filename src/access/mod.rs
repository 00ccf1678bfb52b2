//! From a routed request to the questions that policy must answer (spec/s3-authorization.md).
//!
//! Pure: nothing here waits or looks at a clock. What only the store knows is asked through [`Stored`].
//!
//! How to call it, for one request:
//!
//! 1. Where [`Document::is_needed`] says so, read and verify the body, then [`Document::read`].
//! 2. [`checks`] gives the list: each [`Ask`] is one action on one resource of one [`Side`]. Every one must
//!    be allowed; those with an [`Ask::entry`] deny or allow that entry of a list of deletions alone.
//! 3. [`Request::new`] holds what conditions may compare; [`Request::view`] of an ask is the
//!    [`Context`](crate::policy::context::Context) of its question, and [`View::question`] the question
//!    itself; whoever holds canonical ids adds the caller's.
//! 4. An answer may hang on what was not looked up. While [`Request::needs`] are not empty, neither an
//!    allowance nor a denial is final: a condition asked for a tag and found none. Beside that, a denial of
//!    an ask that [`Ask::hinges_on`] a state is not final; an allowance is, because more was asked than
//!    the state could have demanded. Then look just that up, as [`Looked`], and begin again at 2.
//! 5. Before a read is denied or a 404 is told, [`absence`] says whether listing has to be asked
//!    ([`Given::before_absence`]) and what the caller hears.
//! 6. [`Given::shaping`] names headers of the answer that need permissions of their own.
//! 7. [`words`] says whether the caller may hear why.
//!
//! The test `a_copy_is_decided_by_real_policies` shows the whole way.

pub mod absence;
pub mod hypothetical;
pub mod origin;
pub mod proxy_protocol;
pub mod words;

mod ask;
mod context;
mod document;
mod estate;
mod facts;
mod kms;
mod point;
mod said;
mod stored;
#[cfg(test)]
mod tests;

pub use ask::{Ask, Asks, Given, Side, checks};
pub use context::{Request, View};
pub use document::{Document, Retention};
pub use estate::{Estate, Kept, Point};
pub use facts::{AccessPoint, Caller, Channel, Endpoint, Facts, Organization, Owner, Signature, tls_version};
pub use kms::{KeyAction, KeyUse, KeyView, key_denied};
pub use point::{NewPoint, read_block, read_policy};
pub use stored::{Looked, Needs, Nothing, Stored, UploadEncryption};
