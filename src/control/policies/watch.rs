//! The thread that takes new generations: when a file has changed, when it is told to.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::super::finding::Findings;
use super::keeper::{Consent, Keeper, Taken};

/// How often files are looked at where nobody tells of changes: network mounts, for instance.
const POLL: Duration = Duration::from_secs(30);
/// How long files must have looked the same before they are read: editors and deployments write several.
const QUIET: Duration = Duration::from_millis(300);
/// How long that may take; then what is there is read.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many orders may wait.
const QUEUE: usize = 64;

/// Whoever waits for a reload is told through this.
pub type Answer = Box<dyn FnOnce(Reloaded) + Send>;

/// What became of a reload.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The number of the new generation; none: the policies before stay in force.
    pub generation: Option<u64>,
    /// What is wrong, or what somebody should know: of the policies, and of what was taken beside them.
    pub findings: Findings,
}

impl Reloaded {
    fn of(outcome: Result<Taken, Findings>, mut beside: Findings) -> Self {
        let (generation, findings) = match outcome {
            Ok(taken) => (Some(taken.number), taken.warnings),
            Err(findings) => (None, findings),
        };
        beside.extend(findings);
        Self { generation, findings: beside }
    }

    /// Whether all of it was taken.
    pub fn is_whole(&self) -> bool {
        self.generation.is_some() && !self.findings.has_errors()
    }
}

enum Order {
    /// Something may have changed.
    Look,
    /// Read everything, changed or not.
    Reload(Consent, Findings, Option<Answer>),
    Stop,
}

/// A hand on the thread.
pub struct Watch {
    orders: SyncSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to watch the folder of a keeper.
    ///
    /// # Errors
    /// The thread could not be made.
    pub fn start(keeper: Arc<Keeper>) -> std::io::Result<Self> {
        Self::start_with(keeper, POLL)
    }

    fn start_with(keeper: Arc<Keeper>, poll: Duration) -> std::io::Result<Self> {
        let (orders, inbox) = sync_channel(QUEUE);
        let watcher = watcher(keeper.watched(), orders.clone());
        let work = move || {
            let _watcher = watcher;
            attend(&keeper, &inbox, poll);
        };
        let thread = std::thread::Builder::new().name("policies".to_owned()).spawn(work)?;
        Ok(Self { orders, thread: Some(thread) })
    }

    /// Asks for a reload, and goes on. `answer` is told what came of it, with what was found beside the
    /// policies; it is dropped if the queue is full or the thread is gone.
    pub fn reload(&self, consent: Consent, beside: Findings, answer: Option<Answer>) {
        if self.orders.try_send(Order::Reload(consent, beside, answer)).is_err() {
            tracing::warn!("too many reloads are waiting; this one was left out");
        }
    }

    /// Ends the thread, once it has done what it is doing.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end();
        }
    }
}

/// Tells of changes, where the system does. Where it does not, looking now and then has to do.
fn watcher(folders: Vec<PathBuf>, orders: SyncSender<Order>) -> Option<RecommendedWatcher> {
    let told = move |event: notify::Result<notify::Event>| {
        // Reading a file is an event too, and no change.
        let matters = event.map_or(true, |event| !event.kind.is_access());
        // A full queue holds a look already.
        if matters && let Err(TrySendError::Disconnected(_)) = orders.try_send(Order::Look) {
            tracing::debug!("nobody watches the policies any more");
        }
    };
    let mut watcher = notify::recommended_watcher(told)
        .inspect_err(|error| tracing::warn!(%error, "changes of policies are noticed every 30 seconds only"))
        .ok()?;
    for (place, folder) in folders.iter().enumerate() {
        // The first is the folder of policies; beside the file of access keys lies what does not matter.
        let mode = if place == 0 { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        if let Err(error) = watcher.watch(folder, mode) {
            let folder = folder.display();
            tracing::warn!(%error, %folder, "changes here are noticed every 30 seconds only");
        }
    }
    Some(watcher)
}

fn attend(keeper: &Keeper, inbox: &Receiver<Order>, poll: Duration) {
    loop {
        let order = match inbox.recv_timeout(poll) {
            Ok(Order::Look) | Err(RecvTimeoutError::Timeout) => match settled(keeper, inbox) {
                Some(order) => order,
                None => {
                    report(keeper.refresh());
                    continue;
                }
            },
            Ok(order) => order,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        match order {
            Order::Look => {}
            Order::Reload(consent, beside, answer) => {
                let outcome = keeper.reload(consent);
                report(Some(outcome.clone()));
                if let Some(answer) = answer {
                    answer(Reloaded::of(outcome, beside));
                }
            }
            Order::Stop => return,
        }
    }
}

/// Waits until the files look the same for a while. An order that comes meanwhile is given back.
fn settled(keeper: &Keeper, inbox: &Receiver<Order>) -> Option<Order> {
    let begin = Instant::now();
    let mut before = keeper.changed()?;
    while begin.elapsed() < PATIENCE {
        let quiet = Instant::now();
        while let Some(left) = QUIET.checked_sub(quiet.elapsed()) {
            match inbox.recv_timeout(left) {
                Ok(Order::Look) => {}
                Ok(order) => return Some(order),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return Some(Order::Stop),
            }
        }
        match keeper.changed() {
            Some(now) if now != before => before = now,
            _ => break,
        }
    }
    None
}

fn report(outcome: Option<Result<Taken, Findings>>) {
    match outcome {
        Some(Ok(taken)) => {
            tracing::info!(generation = taken.number, "policies and access keys have been read again");
            if !taken.warnings.is_empty() {
                tracing::warn!(findings = %taken.warnings, "the new policies have warnings");
            }
        }
        Some(Err(findings)) => tracing::error!(%findings, "new policies are refused; those before stay in force"),
        None => {}
    }
}
