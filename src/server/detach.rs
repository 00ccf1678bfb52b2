//! Work that outlives the connection that asked for it.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::rc::Rc;

use tokio::sync::Notify;

use crate::turn::apart;

/// What is alive on a worker: connections and detached work. The drain waits for both.
#[derive(Debug, Default)]
pub(super) struct Tally {
    alive: Cell<usize>,
    changed: Notify,
}

thread_local! {
    static TALLY: RefCell<Rc<Tally>> = RefCell::default();
}

impl Tally {
    /// Makes this the tally of the worker that owns the thread.
    pub(super) fn install(self: &Rc<Self>) {
        TALLY.with(|place| *place.borrow_mut() = Rc::clone(self));
    }

    pub(super) fn enter(self: &Rc<Self>) -> Alive {
        self.alive.set(self.alive.get() + 1);
        Alive(Rc::clone(self))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.alive.get() == 0
    }

    /// Returns when something ended since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// One connection or one piece of detached work.
#[derive(Debug)]
pub(super) struct Alive(Rc<Tally>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.set(self.0.alive.get().saturating_sub(1));
        self.0.changed.notify_one();
    }
}

/// Runs `work` to its end even if the caller is dropped, as happens when a client hangs up: for
/// requests that change something, so that the outcome is known and recorded. Must be called on a
/// worker. A drain waits for it; a panic in it is the caller's panic.
pub async fn detach<F>(work: impl FnOnce() -> F + 'static) -> F::Output
where
    F: Future<Output: 'static> + 'static,
{
    let alive = TALLY.with(|tally| tally.borrow().enter());
    let task = tokio::task::spawn_local(apart(move || async move {
        let _alive = alive;
        work().await
    }));
    match task.await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the end of the worker cancels it, and then nobody is left to be told.
            Err(_) => pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detached_work_goes_on_without_its_caller() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let tally = Rc::new(Tally::default());
            tally.install();
            let (go, gone) = tokio::sync::oneshot::channel::<()>();
            let done = Rc::new(Cell::new(false));
            let seen = Rc::clone(&done);
            let mut call = Box::pin(detach(move || async move {
                gone.await.unwrap();
                seen.set(true);
            }));
            assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx))).await.is_pending());
            drop(call);
            assert!(!tally.is_empty());
            go.send(()).unwrap();
            tally.changed().await;
            assert!(tally.is_empty() && done.get());
        });
    }
}
