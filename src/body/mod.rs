//! Bodies: unread until authorized, sealed until verified (spec/sigv4.md 8, 9).
//!
//! Invariants:
//! - an [`Unread`] body cannot be polled, only opened, with the contract that authentication made;
//! - a [`SealedBody`] keeps its last octet until every digest, checksum, signature and length holds;
//! - memory is one piece of the incoming body, whatever its length; nothing is copied;
//! - an octet is hashed at most once per algorithm.
//!
//! A body nobody was authorized to read cannot be polled:
//! ```compile_fail
//! fn poll<B: http_body::Body>(body: &mut bartizan::body::Unread<B>, cx: &mut std::task::Context<'_>) {
//!     let _ = http_body::Body::poll_frame(std::pin::Pin::new(body), cx);
//! }
//! ```
//! nor taken apart:
//! ```compile_fail
//! fn take<B>(body: bartizan::body::Unread<B>) -> B {
//!     body.0
//! }
//! ```

mod checks;
mod chunked;
mod contract;
mod metered;
mod seal;

pub use chunked::{Chunked, Event};
pub use contract::{Contract, Duties};
pub use metered::{End, Metered, Tell};
pub use seal::{SealedBody, Unread, Verdict, Verified};
