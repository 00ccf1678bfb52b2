//! The one thread that changes the index. Whatever waits when it is free shares one durable commit.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::failpoint::{Failpoints, Point};
use super::fault::Halt;
use super::files::Files;
use super::index::{Index, Tx};

/// Changes that may share a commit.
const GROUP: usize = 64;

/// Hands changes to the thread. Dropping it waits until the last one is on the disk.
pub(super) struct Committer {
    changes: Option<mpsc::Sender<Box<dyn Change>>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    pub(super) fn start(index: Arc<Index>, files: Arc<Files>, failpoints: Failpoints) -> Result<Self, StoreError> {
        let (changes, queue) = mpsc::channel(4 * GROUP);
        let thread = std::thread::Builder::new()
            .name("store-commit".into())
            .spawn(move || run(&index, &files, &failpoints, queue))
            .map_err(|error| StoreError::File("thread store-commit", error))?;
        Ok(Self { changes: Some(changes), thread: Some(thread) })
    }

    /// Makes a change and returns when it is durable. The change checks everything before it alters
    /// anything: one that ends with [`Halt::Said`] must have left the index as it was, because others
    /// share its transaction.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, Halt> + Send + 'static,
    ) -> Result<T, Halt> {
        let (tell, told) = oneshot::channel();
        let change = Box::new(Pending { change: Some(change), outcome: None, tell });
        let changes = self.changes.as_ref().ok_or(StoreError::Closed)?;
        changes.send(change).await.map_err(|_| StoreError::Closed)?;
        told.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.changes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

trait Change: Send {
    /// Makes the change inside the transaction; whether the transaction may be committed.
    fn apply(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Tells the waiting caller.
    fn finish(self: Box<Self>, committed: bool);
}

struct Pending<F, T> {
    change: Option<F>,
    outcome: Option<Result<T, Halt>>,
    tell: oneshot::Sender<Result<T, Halt>>,
}

impl<T: Send, F: FnOnce(&mut Tx<'_>) -> Result<T, Halt> + Send> Change for Pending<F, T> {
    fn apply(&mut self, tx: &mut Tx<'_>) -> bool {
        self.outcome = self.change.take().map(|change| change(tx));
        !matches!(self.outcome, Some(Err(Halt::Broken(_))))
    }

    fn finish(self: Box<Self>, committed: bool) {
        let outcome = match self.outcome {
            Some(outcome) if committed || outcome.is_err() => outcome,
            _ => Err(StoreError::Damaged("the change could not be made durable").into()),
        };
        let _ = self.tell.send(outcome);
    }
}

fn run(index: &Index, files: &Files, failpoints: &Failpoints, mut queue: mpsc::Receiver<Box<dyn Change>>) {
    while let Some(first) = queue.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        // A panic inside costs this group: its transaction is dropped and its callers see theirs close.
        let work = std::panic::AssertUnwindSafe(|| commit(index, files, failpoints, group));
        let _ = std::panic::catch_unwind(work);
    }
}

fn commit(index: &Index, files: &Files, failpoints: &Failpoints, mut group: Vec<Box<dyn Change>>) {
    let durable = apply(index, failpoints, &mut group);
    let dead = durable.unwrap_or_else(|error| {
        tracing::error!(%error, "a commit of the store failed");
        None
    });
    let committed = dead.is_some();
    failpoints.reach(Point::Unlink);
    for change in group {
        change.finish(committed);
    }
    files.doom(dead.unwrap_or_default());
}

/// Applies all changes and commits them; the files to unlink, or nothing when it was called off.
fn apply(
    index: &Index,
    failpoints: &Failpoints,
    group: &mut [Box<dyn Change>],
) -> Result<Option<Vec<super::record::BlobId>>, StoreError> {
    let transaction = index.begin()?;
    let mut tx = Tx::open(&transaction)?;
    let sound = group.iter_mut().all(|change| change.apply(&mut tx));
    let (dirty, dead) = tx.close();
    if !sound {
        return Ok(None); // dropping the transaction undoes it
    }
    if dirty {
        failpoints.reach(Point::Commit);
        transaction.commit()?;
    }
    Ok(Some(dead))
}
