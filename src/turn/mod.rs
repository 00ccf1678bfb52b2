//! A turn of a worker's loop: everything that is ready at once, one task after the other.
//!
//! A small request runs through more code than the processor's nearest caches hold, ours and the system's. With
//! several requests in one turn it is cheaper to do the same for all of them and then the next thing for all of
//! them: the code is at hand from the second one on. So a request stands back between two parts of its way
//! ([`others_first`]), and what it writes leaves at the end of the turn ([`Socket`]). Alone it goes on at once; no
//! timer runs. What is large and rarely needed is kept out of the way ([`apart()`]). What all that is worth is in
//! benches/README.md.

mod apart;
mod outbox;
mod pieces;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pub use apart::apart;
pub use outbox::{Socket, open};
pub use pieces::InPieces;

/// Lets everything that is ready in this turn come first.
pub fn others_first() -> OthersFirst {
    OthersFirst { stood_back: false }
}

/// Ready when it is polled for the second time, behind everything that was ready with it. (`yield_now` of tokio
/// would ask the system for news first.)
#[derive(Debug)]
#[must_use = "nobody stands back before it is awaited"]
pub struct OthersFirst {
    stood_back: bool,
}

impl Future for OthersFirst {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.stood_back, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
