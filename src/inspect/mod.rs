//! Uploads that are looked at for sensitive content beside their request (spec/detection.md 1, 9).
//!
//! - [`Inspector`]: which uploads, their data while it passes, and the queue.
//! - `work`: the thread that looks at them; `finding`: what it writes about one; `ledger`: the file of findings.
//!
//! Nobody waits for it, and nothing is refused by it. What it cannot look at is counted, and never counted as
//! clean. A finding says what was found, how often and where; never what.
//!
//! Invariants:
//! - data that waits or is being heard takes at most [`ROOM`] octets over all workers;
//! - only what a store has taken is looked at.

mod counts;
mod finding;
mod ledger;
#[cfg(test)]
mod tests;
mod work;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use ring::digest::{Context, SHA256};

use crate::body::Ear;
use crate::detect::Detectors;
use crate::limit::{Room, Taken};
use crate::time::Millis;

pub use counts::{Counts, Reading};
use ledger::Ledger;

/// The most octets of uploads that are heard or wait to be looked at.
pub const ROOM: u64 = 64 << 20;
/// The most uploads that wait.
const WAITING: usize = 1024;
/// All of a whole, in millionths.
pub const ALL: u32 = 1_000_000;

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The part of all objects, in millionths.
    pub share: u32,
    /// The octets at the begin of an object, or of a part of one, that are looked at.
    pub most: u64,
    /// What is looked for.
    pub detectors: Arc<Detectors>,
    /// The file that findings are added to.
    pub findings: PathBuf,
}

/// An object, or a part of one, that a store has taken.
#[derive(Clone, Debug)]
pub struct Object {
    /// The account that owns the bucket.
    pub account: String,
    /// The region.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The id of the request that brought it.
    pub request: String,
    /// When the store had taken it.
    pub time: Millis,
    /// Its octets.
    pub size: u64,
    /// What it is said to be.
    pub content_type: Option<String>,
    /// How its octets are written.
    pub content_encoding: Option<String>,
    /// Its entity tag.
    pub etag: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its storage class.
    pub storage_class: Option<String>,
    /// How the store has encrypted it, and with which KMS key.
    pub encryption: Option<(String, Option<String>)>,
    /// The upload and the number, if it is a part.
    pub part: Option<(String, String)>,
}

/// Which uploads are looked at, and the way to who does it.
#[derive(Debug)]
pub struct Inspector {
    share: u32,
    most: u64,
    room: Room,
    queue: SyncSender<Job>,
    counts: Arc<Counts>,
}

/// The thread that looks. Dropped, it looks at what waits, and ends.
#[derive(Debug)]
pub struct Looking {
    queue: SyncSender<Job>,
    thread: Option<JoinHandle<()>>,
}

enum Job {
    /// Look at this.
    Look(Box<(Object, Vec<u8>, Taken)>),
    /// Nothing comes any more.
    End,
}

/// An upload that is heard. Dropped, it is forgotten.
pub struct Hearing {
    heard: Rc<RefCell<Heard>>,
    taken: Taken,
    inspector: Arc<Inspector>,
}

struct Heard {
    data: Vec<u8>,
    most: usize,
}

impl Inspector {
    /// Starts the thread.
    ///
    /// # Errors
    /// The file of findings cannot be opened; there is no thread.
    pub fn start(settings: Settings) -> io::Result<(Arc<Self>, Looking)> {
        let Settings { share, most, detectors, findings } = settings;
        let ledger = Ledger::open(findings)?;
        let (queue, jobs) = sync_channel(WAITING);
        let counts = Arc::new(Counts::default());
        let mut work = work::Work { detectors, ledger, counts: Arc::clone(&counts) };
        let thread = thread::Builder::new().name("inspect".to_owned()).spawn(move || {
            while let Ok(Job::Look(job)) = jobs.recv() {
                let (object, data, _taken) = *job;
                work.look(&object, &data);
            }
        })?;
        let looking = Looking { queue: queue.clone(), thread: Some(thread) };
        Ok((Arc::new(Self { share, most, room: Room::new(ROOM), queue, counts }), looking))
    }

    /// Begins to hear an upload of so many octets, if it is one of those that are looked at and there is room.
    /// The same object is chosen each time, or never.
    pub fn hear(self: &Arc<Self>, bucket: &str, key: &str, length: u64) -> Option<Hearing> {
        if length == 0 || !self.chooses(bucket, key) {
            return None;
        }
        let most = length.min(self.most);
        let Ok(taken) = self.room.take(most) else {
            self.counts.dropped();
            return None;
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let heard = Rc::new(RefCell::new(Heard { data: Vec::new(), most }));
        Some(Hearing { heard, taken, inspector: Arc::clone(self) })
    }

    fn chooses(&self, bucket: &str, key: &str) -> bool {
        if self.share >= ALL {
            return true;
        }
        let mut hash = Context::new(&SHA256);
        [bucket, "/", key].iter().for_each(|piece| hash.update(piece.as_bytes()));
        let octets = hash.finish().as_ref().first_chunk::<8>().copied().unwrap_or([0xff; 8]);
        // The hash as a part of one, in 64 bits.
        u128::from(u64::from_be_bytes(octets)) * u128::from(ALL) < u128::from(self.share) << 64
    }

    /// What has been counted.
    pub fn reading(&self) -> Reading {
        self.counts.reading()
    }
}

impl Hearing {
    /// Who hears the data.
    pub fn ear(&self) -> Ear {
        let heard = Rc::clone(&self.heard);
        Box::new(move |piece| heard.borrow_mut().hear(piece))
    }

    /// A store has taken it: it will be looked at.
    pub fn stored(self, object: Object) {
        let Self { heard, taken, inspector } = self;
        let data = std::mem::take(&mut heard.borrow_mut().data);
        let job = Job::Look(Box::new((object, data, taken)));
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = inspector.queue.try_send(job) {
            inspector.counts.dropped();
        }
    }
}

impl Heard {
    fn hear(&mut self, piece: &[u8]) {
        let left = self.most.saturating_sub(self.data.len());
        let piece = piece.get(..left).unwrap_or(piece);
        if self.data.is_empty() {
            self.data.reserve_exact(if piece.len() < left { self.most } else { piece.len() });
        }
        self.data.extend_from_slice(piece);
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        let told = self.queue.send(Job::End);
        if let (Ok(()), Some(thread)) = (told, self.thread.take()) {
            let _panicked = thread.join();
        }
    }
}
