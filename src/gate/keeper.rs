//! Writing settings down, on a thread of its own: files, a new generation, the swap.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use tokio::sync::oneshot;

use crate::access::change::{Change, ChangeFault};
use crate::control::policies::Keeper;
use crate::pipeline::Keep;
use crate::s3::{Code, Fault};

/// How many changes may wait.
const QUEUE: usize = 64;

type Answer = oneshot::Sender<Result<u64, ChangeFault>>;

/// The way to the thread that writes changes down.
pub(super) struct Keeping {
    changes: SyncSender<(Change, Answer)>,
}

impl Keeping {
    /// Begins. Changes are made one after the other; the thread ends with the last way to it.
    ///
    /// # Errors
    /// No thread could be made.
    pub(super) fn start(keeper: Arc<Keeper>) -> std::io::Result<Self> {
        let (changes, waiting) = sync_channel::<(Change, Answer)>(QUEUE);
        let thread = std::thread::Builder::new().name("settings".to_owned());
        thread.spawn(move || {
            for (change, answer) in waiting {
                // Whoever asked may have gone; what was asked happens all the same.
                let _gone = answer.send(keeper.change(&change));
            }
        })?;
        Ok(Self { changes })
    }
}

impl Keep for Keeping {
    fn change(&self, change: Change) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + '_>> {
        let (answer, answered) = oneshot::channel();
        let sent = self.changes.try_send((change, answer));
        let ended = || Fault::plain(Code::InternalError, "settings-not-kept").detail("the thread has ended");
        Box::pin(async move {
            match sent {
                Ok(()) => match answered.await {
                    Ok(Ok(_generation)) => Ok(()),
                    Ok(Err(fault)) => Err(fault.into()),
                    Err(_) => Err(ended()),
                },
                Err(TrySendError::Full(_)) => Err(Fault::plain(Code::SlowDown, "settings-busy")),
                Err(TrySendError::Disconnected(_)) => Err(ended()),
            }
        })
    }
}
