//! The journal: what is on record before anything happens, and how it ended.
//!
//! Callers on any thread serialise a record, push it to a queue under a short lock, and wait as long as
//! the configured durability asks:
//!
//! - `written`: the first caller of a turn of its thread's loop lets everything run that is ready with
//!   it, then writes what has gathered in one `pwrite`. What others hand in meanwhile is written by the
//!   same hand; nobody waits for a timer, and no thread for another's turn.
//! - `synced`: one thread writes and syncs everything that waits, again and again.
//! - `queued`: the same thread writes, nobody waits.
//!
//! Completions never wait: they ride with the next group, or with the thread a moment later.
//!
//! Space: frames are refused while the file system has less room than the reserve. The default
//! reserve is 5 % of the file system or 1 GiB, whichever is smaller. The file being written is
//! allocated ahead and the next one as soon as it is half full, so that running requests can still be
//! completed then.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::batch::{Batch, Fate, Waiter};
use super::counters::{Counters, Counts};
use super::desk::{Desk, Within, with_scratch};
use super::disk::{Disk, Local};
use super::frame::Kind;
use super::json::Object;
use super::now;
use super::pen::{Pen, Yard};
use super::queue::Queue;
use super::read::Damage;
use super::record::{Completion, Intent, Outcome, write_refusal};
use super::recover::{Recovery, recover, set_aside};
use super::sign::{self, SignError};
use super::upkeep::Upkeep;
use crate::id::RequestId;

/// How often the lock of a journal is tried for before it counts as another's, and how long between.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// The smallest segment.
const SMALLEST: u64 = 4096;

/// How durable an intent is before its request goes on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Before {
    /// In memory: for tests.
    Queued,
    /// In the kernel: survives the end of the process.
    #[default]
    Written,
    /// On the disk: survives a power cut.
    Synced,
}

/// What happens to requests that cannot be recorded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhenFull {
    /// They go on and are counted; a gap record tells of them.
    Drop,
    /// They are refused.
    #[default]
    Refuse,
}

/// How a journal is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How durable an intent is before its request goes on.
    pub before: Before,
    /// What happens to requests that cannot be recorded.
    pub when_full: WhenFull,
    /// Octets of a segment file.
    pub segment_size: u64,
    /// The most frames that may wait.
    pub queue_frames: usize,
    /// The most octets that may wait.
    pub queue_bytes: usize,
    /// Octets that must stay free on the file system; `None`: 5 %, at most 1 GiB.
    pub min_free: Option<u64>,
    /// Whether a damaged journal is moved aside and a new one begun, instead of an error.
    pub accept_damage: bool,
    /// The private key that signs, made at the first start; `None`: nothing is signed.
    pub signing_key: Option<PathBuf>,
    /// How often a signed checkpoint is written while records come in.
    pub checkpoint: Duration,
    /// The age at which a file that is not full is sealed, and the next begun.
    pub roll_after: Option<Duration>,
    /// How long records are kept; `None`: for good.
    pub keep: Option<Duration>,
    /// The most octets of all files together; `None`: as many as there is room for. The file being
    /// written is never removed.
    pub max_size: Option<u64>,
    /// Whether somebody delivers records and will say which are still needed with
    /// [`Journal::hold_from`]. Until then all are.
    pub delivered: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            before: Before::Written,
            when_full: WhenFull::Refuse,
            segment_size: 64 << 20,
            queue_frames: 65_536,
            queue_bytes: 64 << 20,
            min_free: None,
            accept_damage: false,
            signing_key: None,
            checkpoint: Duration::from_secs(60),
            roll_after: None,
            keep: None,
            max_size: None,
            delivered: false,
        }
    }
}

/// Why a journal cannot be opened or closed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Records of the past are not what was written.
    #[error("the journal is damaged: {0}")]
    Damaged(#[from] Damage),
    /// The directory cannot be used.
    #[error("the journal in {path:?} cannot be used: {error}")]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another process has it.
    #[error("the journal in {path:?} is in use by another process")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The key that signs it cannot be used.
    #[error("the journal cannot be signed: {0}")]
    Sign(#[from] SignError),
}

/// The journal cannot take a record: the request must be refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JournalFull {
    /// It is closed.
    #[error("the journal is closed")]
    Closed,
    /// The disk fails.
    #[error("the journal's disk does not take records")]
    Failing,
    /// The reserve on the file system is touched.
    #[error("the journal's file system has too little room")]
    LowSpace,
    /// Too much waits to be written.
    #[error("too many records wait to be written")]
    QueueFull,
    /// One record is longer than a frame may be.
    #[error("the record is too long")]
    TooLong,
}

/// The journal of one instance. Cheap to share behind an `Arc`; closed by [`Journal::close`] or when dropped.
pub struct Journal {
    desk: Arc<Desk>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Proof that an intent is as durable as configured. It ends in exactly one completion: the one given
/// to [`Journal::complete`], or one of unknown outcome if it is dropped.
#[must_use = "an intent on record must be completed"]
pub struct Receipt {
    /// `None`: completed, or the intent was let go unrecorded.
    open: Option<Arc<Desk>>,
    id: RequestId,
}

/// Proof that a refusal is as durable as configured.
#[must_use = "a refusal is answered with the proof that it is on record"]
#[derive(Debug)]
pub struct Filed {
    id: RequestId,
}

impl Journal {
    /// Opens the journal in a directory, which is made if need be: takes the lock, reads what a former
    /// process left, completes its open intents as unknown, and begins a new segment.
    ///
    /// # Errors
    /// [`JournalError`] if another process has it, if records of the past are damaged, or if it cannot
    /// be written to.
    pub fn open(dir: impl AsRef<Path>, settings: Settings) -> Result<(Self, Recovery), JournalError> {
        Self::open_on(dir.as_ref(), settings, Box::new(Local))
    }

    pub(super) fn open_on(
        dir: &Path,
        mut settings: Settings,
        disk: Box<dyn Disk>,
    ) -> Result<(Self, Recovery), JournalError> {
        settings.segment_size = settings.segment_size.max(SMALLEST);
        let lock = lock(dir)?;
        let counters = Arc::new(Counters::default());
        let (signer, made) = match &settings.signing_key {
            Some(key) => sign::load_or_make(key, dir).map(|(signer, made)| (Some(Arc::new(signer)), made))?,
            None => (None, false),
        };
        let yard = Yard {
            disk,
            dir: dir.to_owned(),
            spare: Mutex::default(),
            retired: Mutex::default(),
            signer: Mutex::new(signer.clone()),
        };
        let yard = Arc::new(yard);
        drop(yard.disk.remove(&yard.spare_path()));
        let (last, recovery) = match recover(dir, signer.as_deref(), settings.signing_key.as_deref(), made) {
            Err(JournalError::Damaged(_)) if settings.accept_damage => {
                let aside = set_aside(dir)?;
                // What was signed has been moved away, so the copy beside the key speaks of nothing here.
                recover(dir, signer.as_deref(), None, true)
                    .map(|(last, recovery)| (last, Recovery { set_aside: Some(aside), clean: false, ..recovery }))?
            }
            read => read?,
        };
        let synced = settings.before == Before::Synced;
        let mut pen = Pen::new(Arc::clone(&yard), Arc::clone(&counters), settings.segment_size, synced, last);
        let upkeep = Upkeep::begin(dir, &settings, &last, &recovery);
        let began = pen.reopen().and_then(|()| complete_open(&mut pen, &recovery, &counters));
        let began = began.and_then(|()| upkeep.first_head(&yard, &pen.stand()));
        let upkeep = began.map_err(|error| JournalError::Io { path: dir.to_owned(), error })?;
        let desk = Arc::new(Desk {
            queue: Mutex::new(Queue::new(Box::new(pen))),
            bell: Condvar::new(),
            low_space: AtomicBool::new(false),
            counters,
            yard,
            hold: AtomicU64::new(if settings.delivered { 0 } else { u64::MAX }),
            upkeep: Mutex::new(upkeep),
            settings,
            _lock: lock,
        });
        desk.look_at_room();
        let tending = Arc::clone(&desk);
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || tending.tend());
        let thread = thread.map_err(|error| JournalError::Io { path: dir.to_owned(), error })?;
        Ok((Self { desk, thread: Mutex::new(Some(thread)) }, recovery))
    }

    #[cfg(test)]
    pub(super) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Puts the intent of a delivery on record, as [`record`](Self::record) does, and where the file system
    /// has no more room than the reserve, from that: retention waits for deliveries, so they may not have to
    /// wait for room.
    ///
    /// # Errors
    /// As for [`record`](Self::record), but for [`JournalFull::LowSpace`].
    pub async fn record_delivery(&self, intent: &Intent<'_>) -> Result<Receipt, JournalFull> {
        self.record_within(Within::Reserve, intent).await
    }

    /// Puts an intent on record. Returns once it is as durable as configured. A caller that gives up
    /// waiting leaves an intent that is completed as unknown.
    ///
    /// # Errors
    /// [`JournalFull`] if it is not on record; the request must be refused. With [`WhenFull::Drop`] it
    /// is counted instead, and the receipt leads to no completion.
    pub async fn record(&self, intent: &Intent<'_>) -> Result<Receipt, JournalFull> {
        self.record_within(Within::Limit, intent).await
    }

    async fn record_within(&self, within: Within, intent: &Intent<'_>) -> Result<Receipt, JournalFull> {
        let begun = with_scratch(|scratch| {
            intent.write(scratch);
            self.desk.submit_within(within, Kind::Intent, intent.id, scratch)
        });
        let recorded = self.desk.settle_for(begun).await?;
        Ok(Receipt { open: recorded.then(|| Arc::clone(&self.desk)), id: intent.id })
    }

    /// Puts a refusal on record, intent and completion in one. Returns once it is as durable as
    /// configured.
    ///
    /// # Errors
    /// [`JournalFull`] if it is not on record.
    pub async fn refuse(&self, intent: &Intent<'_>, completion: &Completion<'_>) -> Result<Filed, JournalFull> {
        let begun = with_scratch(|scratch| {
            write_refusal(intent, completion, scratch);
            self.desk.submit(Kind::Combined, intent.id, scratch)
        });
        self.desk.settle_for(begun).await?;
        Ok(Filed { id: intent.id })
    }

    /// Completes an intent. Never waits; the record rides with the next group.
    pub fn complete(&self, mut receipt: Receipt, completion: &Completion<'_>) {
        receipt.end(completion);
    }

    /// Records from this number on are still needed: retention leaves every file that holds one of them.
    pub fn hold_from(&self, number: u64) {
        self.desk.hold.store(number, Ordering::Relaxed);
    }

    /// What has been counted since the journal was opened.
    pub fn counts(&self) -> Counts {
        let queue = self.desk.lock();
        let waiting = queue.waiting() as u64;
        let lag_nanos = queue.since().map_or(0, |since| now().saturating_sub(since));
        let open = queue.stand.end.open;
        Counts { waiting, lag_nanos, open, ..self.desk.counters.counts() }
    }

    /// Whether everything that was handed in is in a file.
    pub fn is_idle(&self) -> bool {
        let queue = self.desk.lock();
        queue.waiting() == 0 && queue.pen.is_some()
    }

    /// Whether an intent would be taken now.
    ///
    /// # Errors
    /// [`JournalFull`] with the reason why not.
    pub fn ready(&self) -> Result<(), JournalFull> {
        self.desk.admits(&self.desk.lock(), Kind::Intent, 0)
    }

    /// Writes what waits, seals the file and makes it durable. What is recorded later is refused.
    /// Closing again does nothing.
    ///
    /// # Errors
    /// [`JournalError::Io`] if the file could not be sealed.
    pub fn close(&self) -> Result<(), JournalError> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return Ok(()) };
        self.desk.lock().closed = true;
        self.desk.bell.notify_all();
        // A thread that panicked has nothing more to say.
        drop(thread.join());
        let closed = self.desk.finish();
        closed.map_err(|error| JournalError::Io { path: self.desk.yard.dir.clone(), error })
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("dir", &self.desk.yard.dir).finish_non_exhaustive()
    }
}

impl Receipt {
    /// The id of the request.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// Completes the intent without the journal at hand: the receipt knows where it came from.
    pub fn complete(mut self, completion: &Completion<'_>) {
        self.end(completion);
    }

    fn end(&mut self, completion: &Completion<'_>) {
        if let Some(desk) = self.open.take() {
            desk.complete(self.id, completion);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(desk) = self.open.take() {
            desk.complete_unknown(self.id, "dropped");
        }
    }
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Receipt").field(&self.id).finish()
    }
}

impl Filed {
    /// The id of the request.
    pub fn id(&self) -> RequestId {
        self.id
    }
}

/// Completes what a former process left open.
fn complete_open(pen: &mut Pen, recovery: &Recovery, counters: &Counters) -> io::Result<()> {
    let mut batch = Batch::default();
    let mut payload = Vec::new();
    let end = Completion { outcome: Outcome::Unknown, reason: Some("recovered"), ..Completion::default() };
    if let Some(torn) = &recovery.torn {
        let mut object = Object::begin(&mut payload);
        object.number("torn_octets", torn.octets);
        object.number("torn_records", torn.records);
        object.end();
        batch.push(Kind::Gap, Waiter::Nobody, now(), &payload);
    }
    if let Some(payload) = recovery.head.note(recovery.missing) {
        batch.push(Kind::Gap, Waiter::Nobody, now(), &payload);
    }
    if let Some(unsigned) = &recovery.unsigned {
        batch.push(Kind::Gap, Waiter::Nobody, now(), &unsigned.note());
    }
    for open in &recovery.open {
        payload.clear();
        end.write_for(&open.request_id, &mut payload);
        batch.push(Kind::Completion, Waiter::Nobody, now(), &payload);
        counters.unknown();
        counters.recovered();
    }
    pen.write(&mut batch);
    if batch.frames.iter().any(|frame| frame.fate == Fate::Failed) {
        return Err(io::Error::other("the completions of a former process could not be written"));
    }
    Ok(())
}

/// Whether a process has the journal in this directory open. What cannot be looked at is taken for free.
pub fn is_held(dir: &Path) -> bool {
    let Ok(file) = std::fs::File::open(dir.join("lock")) else { return false };
    let tried = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared);
    matches!(tried, Err(rustix::io::Errno::WOULDBLOCK))
}

/// Makes the directory and takes its lock.
fn lock(dir: &Path) -> Result<std::fs::File, JournalError> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let path = dir.to_owned();
    let io = |error| JournalError::Io { path: path.clone(), error };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
    let mut options = std::fs::OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).mode(0o600).open(dir.join("lock")).map_err(io)?;
    // A program that this process is just starting holds it for a moment too, until it runs.
    for _ in 0..LOCK_TRIES {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
            Err(error) => return Err(io(error.into())),
        }
    }
    Err(JournalError::Locked { path })
}
