//! Standing back for others on the way to a decision, and what becomes of a request whose client leaves
//! meanwhile: it is dropped there, and must be on record like every other.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::{Addressed, Authenticated, Refusal};
use crate::pipeline::walk::Worker;
use crate::s3::{Code, Fault};
use crate::turn::{OthersFirst, others_first};

/// A stage of which nothing is on record yet.
pub trait Unrecorded {
    /// The refusal that it ends with, because nobody waits for it any more.
    fn left(self) -> Refusal;
}

fn gone() -> Fault {
    Fault::plain(Code::RequestTimeout, "client-left")
}

impl<B> Unrecorded for Box<Addressed<B>> {
    fn left(self) -> Refusal {
        Refusal::early(gone(), self.parsed.facts, self.asked, &self.early)
    }
}

impl<B> Unrecorded for Box<Authenticated<B>> {
    fn left(self) -> Refusal {
        self.refused(gone())
    }
}

/// A request that lets others come first ([`turn`](crate::turn)).
pub struct StandsBack<'w, S: Unrecorded> {
    stage: Option<S>,
    others: OthersFirst,
    worker: &'w Worker,
}

impl<'w, S: Unrecorded> StandsBack<'w, S> {
    /// Lets the others of this turn come first; then the stage goes on as it was.
    pub fn new(stage: S, worker: &'w Worker) -> Self {
        Self { stage: Some(stage), others: others_first(), worker }
    }
}

/// Nothing in it is pinned.
impl<S: Unrecorded> Unpin for StandsBack<'_, S> {}

impl<S: Unrecorded> Future for StandsBack<'_, S> {
    type Output = S;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S> {
        ready!(Pin::new(&mut self.others).poll(cx));
        // Nobody asks once more after it has been given back.
        self.stage.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl<S: Unrecorded> Drop for StandsBack<'_, S> {
    fn drop(&mut self) {
        if let Some(stage) = self.stage.take() {
            // One look hands the record in; there is nobody to tell how that went.
            let recorded = std::pin::pin!(stage.left().log(self.worker));
            let _nobody_waits = recorded.poll(&mut Context::from_waker(Waker::noop())).is_ready();
        }
    }
}
