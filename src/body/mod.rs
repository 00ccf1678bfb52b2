//! Bodies: unread until authorized, sealed until verified (spec/sigv4.md 8, 9).
//!
//! Invariants:
//! - an [`Unread`] body cannot be polled, only opened, with the contract that authentication made; what
//!   authentication itself needs is read before, within limits, and never the file of a form;
//! - a [`SealedBody`] keeps its last octet until every digest, checksum, signature and length holds;
//! - memory is one piece of the incoming body, and at most 64 KiB more of a chunk whose signature is
//!   not yet checked, whatever the length, and data is never copied on its way; but for what is settled
//!   within a limit;
//! - an octet is hashed at most once per algorithm, and once more as part of a signed chunk.
//!
//! A body can be put away by anybody:
//! ```
//! fn put<B>(body: B) -> bartizan::body::Unread<B>
//! where
//!     B: http_body::Body<Data = bytes::Bytes> + 'static,
//!     B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
//! {
//!     bartizan::body::Unread::new(body)
//! }
//! ```
//! But then it cannot be polled:
//! ```compile_fail
//! fn poll<B: http_body::Body + Unpin>(body: &mut bartizan::body::Unread<B>, cx: &mut std::task::Context<'_>) {
//!     let _ = http_body::Body::poll_frame(std::pin::Pin::new(body), cx);
//! }
//! ```
//! nor taken apart:
//! ```compile_fail
//! fn take<B>(body: bartizan::body::Unread<B>) -> B {
//!     body.0
//! }
//! ```
//! and a contract is not loosened once it is made:
//! ```compile_fail
//! fn loosen(contract: bartizan::body::Contract) -> bartizan::body::Contract {
//!     bartizan::body::Contract { payload: bartizan::s3::payload::Payload::Unsigned, ..contract }
//! }
//! ```

mod checks;
mod chunked;
mod contract;
mod cut;
mod early;
mod flow;
mod form;
mod metered;
mod seal;
mod seek;
mod trailer;
mod verdict;

#[cfg(test)]
mod tests;

pub use chunked::{Chunked, Event};
pub use contract::{Contract, Duties};
pub use cut::Cut;
pub use early::FormHead;
pub use form::{FormDecoder, FormEvent};
pub use metered::{End, Metered, Tell};
pub use seal::{Ear, MadeData, SealedBody, Unread, Verified};
pub use verdict::Verdict;

/// An error of a body, whatever it was.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
