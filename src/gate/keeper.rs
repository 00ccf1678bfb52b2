//! Writing settings down, on a thread of its own: files, a new generation, the swap.

use std::pin::Pin;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use tokio::sync::oneshot;

use crate::pipeline::{Change, Keeper};
use crate::s3::{Code, Fault};

/// How many changes may wait.
const QUEUE: usize = 64;

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
        let (answer, answered) = oneshot::channel();
        let sent = self.changes.try_send((change, answer));
        Box::pin(async move {
            match sent {
                Ok(()) => answered.await.unwrap_or_else(|_| Err(lost("the keeper has ended"))),
                Err(TrySendError::Full(_)) => Err(Fault::plain(Code::SlowDown, "keeper-busy")),
                Err(TrySendError::Disconnected(_)) => Err(lost("the keeper has ended")),
            }
        })
    }
}

fn lost(detail: &'static str) -> Fault {
    Fault::plain(Code::InternalError, "settings-not-kept").detail(detail)
}
