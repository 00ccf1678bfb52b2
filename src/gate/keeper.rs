//! Writing settings down, on a thread of its own: files, a new generation, the swap.

use std::pin::Pin;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::guard::naming::Ledger;
use crate::pipeline::{Change, Keeper};
use crate::s3::{Code, Fault};
use crate::time::Seconds;

/// How many changes may wait.
const QUEUE: usize = 64;
/// How long to wait before asking for room again.
const PAUSE: Duration = Duration::from_millis(5);

type Answer = oneshot::Sender<Result<(), Fault>>;

/// The way to the thread that keeps settings.
pub(super) struct Keeping {
    changes: SyncSender<(Change, Answer)>,
}

impl Keeping {
    /// Begins. `keep` writes one change down and takes it in; it is called on one thread, one change after
    /// the other. The thread ends with the last way to it.
    ///
    /// # Errors
    /// No thread could be made.
    pub(super) fn start(mut keep: impl FnMut(Change) -> Result<(), Fault> + Send + 'static) -> std::io::Result<Self> {
        let (changes, waiting) = sync_channel::<(Change, Answer)>(QUEUE);
        let thread = std::thread::Builder::new().name("keeper".to_owned());
        thread.spawn(move || {
            for (change, answer) in waiting {
                // Whoever asked may have gone; what was asked happens all the same.
                let _gone = answer.send(keep(change));
            }
        })?;
        Ok(Self { changes })
    }
}

impl Keeper for Keeping {
    fn change(&self, change: Change) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + '_>> {
        // What a store has done already cannot be refused: it waits until there is room.
        let is_done = matches!(
            change,
            Change::Gone { .. } | Change::Made { .. } | Change::Retired { .. } | Change::Reused { .. }
        );
        let (answer, answered) = oneshot::channel();
        let mut order = (change, answer);
        Box::pin(async move {
            loop {
                order = match self.changes.try_send(order) {
                    Ok(()) => return answered.await.unwrap_or_else(|_| Err(lost("the keeper has ended"))),
                    Err(TrySendError::Full(order)) if is_done => order,
                    Err(TrySendError::Full(_)) => return Err(Fault::plain(Code::SlowDown, "keeper-busy")),
                    Err(TrySendError::Disconnected(_)) => return Err(lost("the keeper has ended")),
                };
                sleep(PAUSE).await;
            }
        })
    }
}

/// Writes down what names are used for no more, or again; none for a change that is about something else.
pub(super) fn of_names(change: &Change, ledger: &Ledger, now: Seconds) -> Option<Result<(), Fault>> {
    let written = match change {
        Change::Retired { bucket, by } => ledger.retire(bucket, by, now),
        Change::Reused { bucket, by } => ledger.reuse(bucket, by, now),
        _ => return None,
    };
    Some(written.map_err(|fault| {
        tracing::error!(%fault, "a retired name is forgotten with this process");
        Fault::plain(Code::InternalError, "retired-names").detail(fault.to_string())
    }))
}

fn lost(detail: &'static str) -> Fault {
    Fault::plain(Code::InternalError, "settings-not-kept").detail(detail)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    #[test]
    fn what_a_store_has_done_is_kept_however_many_changes_wait() {
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let keeping = Keeping::start(move |_| {
            let _wait = gone.recv();
            Ok(())
        });
        let keeping = keeping.unwrap();
        let bucket = || "bbb".to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut waiting = Vec::new();
            // One is being kept, the others wait for it.
            while waiting.len() <= QUEUE {
                let mut change = keeping.change(Change::Policy { bucket: bucket(), document: None, binds_root: false });
                match poll_fn(|cx| Poll::Ready(change.as_mut().poll(cx))).await {
                    Poll::Ready(refused) => assert_eq!(refused.unwrap_err().code(), Code::SlowDown),
                    Poll::Pending => waiting.push(change),
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            let mut made = keeping.change(Change::Made { bucket: bucket(), owner: "111122223333".to_owned() });
            assert!(poll_fn(|cx| Poll::Ready(made.as_mut().poll(cx).is_pending())).await);
            drop(go);
            made.await.unwrap();
        });
    }
}
