//! Where callers hand in frames: one short lock, one pen, and a thread that writes when nobody else does.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use super::batch::{Batch, Fate, Waiter};
use super::counters::Counters;
use super::disk::Room;
use super::frame::{FOOT, HEAD, HEADER, Kind, MAX_PAYLOAD};
use super::journal::{Before, JournalFull, Settings, WhenFull};
use super::now;
use super::pen::{Failure, SEAL_ROOM, Spare, Yard, tend};
use super::queue::{Bounds, LaneNumber, Queue, Settled, Sleep};
use super::record::{Completion, Outcome};
use super::upkeep::Upkeep;
use crate::id::RequestId;

/// What room a record may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Within {
    /// What is left above the reserve.
    Limit,
    /// The reserve too.
    Reserve,
}

/// How long completions wait for a group to ride with.
const RIDE: Duration = Duration::from_millis(50);
/// How often room, a failed disk and files to tend are looked at.
const ROUND: Duration = Duration::from_secs(1);
const ROUND_NANOS: u64 = 1_000_000_000;
/// How many batches one caller writes before it hands over to the thread.
const TURNS: usize = 8;
/// How long, and how often, the end waits for the pen.
const WAIT: Duration = Duration::from_millis(5);
const MOST_WAITS: usize = 2000;
/// A scratch buffer larger than this is given back.
const KEEP: usize = 256 * 1024;
/// Everything callers and the background thread share.
pub(super) struct Desk {
    pub(super) queue: Mutex<Queue>,
    pub(super) bell: Condvar,
    pub(super) low_space: AtomicBool,
    pub(super) counters: Arc<Counters>,
    pub(super) yard: Arc<Yard>,
    pub(super) settings: Settings,
    /// Records from this number on are still needed by somebody who delivers them.
    pub(super) hold: AtomicU64,
    pub(super) upkeep: Mutex<Upkeep>,
    /// Held as long as the journal is open.
    pub(super) _lock: std::fs::File,
}

thread_local! {
    /// Where records are serialised before they are queued.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What became of a frame that was handed in.
pub(super) enum Begun {
    /// It is decided.
    Done(Result<Fate, JournalFull>),
    /// Somebody else writes it.
    Waiting(Wait),
}

impl Desk {
    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a frame may be queued.
    pub(super) fn admits(&self, queue: &Queue, kind: Kind, payload: usize) -> Result<(), JournalFull> {
        let length = payload + HEAD + FOOT;
        let longest = self.settings.segment_size - SEAL_ROOM - HEADER as u64;
        let bounds = Bounds { frames: self.settings.queue_frames, bytes: self.settings.queue_bytes };
        if queue.closed {
            Err(JournalFull::Closed)
        } else if payload > MAX_PAYLOAD || length as u64 > longest {
            Err(JournalFull::TooLong)
        } else if queue.dead || (kind != Kind::Completion && queue.failing) {
            Err(JournalFull::Failing)
        } else if kind != Kind::Completion && self.low_space.load(Ordering::Relaxed) {
            Err(JournalFull::LowSpace)
        } else if !queue.has_room(kind, length, bounds) {
            Err(JournalFull::QueueFull)
        } else {
            Ok(())
        }
    }

    /// Hands in an intent or a refusal.
    pub(super) fn submit(self: &Arc<Self>, kind: Kind, id: RequestId, payload: &[u8]) -> Begun {
        self.submit_within(Within::Limit, kind, id, payload)
    }

    /// The same, where the reserve may be touched.
    pub(super) fn submit_within(self: &Arc<Self>, within: Within, kind: Kind, id: RequestId, payload: &[u8]) -> Begun {
        let time = now();
        let mut queue = self.lock();
        let admitted = match self.admits(&queue, kind, payload.len()) {
            Err(JournalFull::LowSpace) if within == Within::Reserve => {
                // All else that completions are held to.
                self.admits(&queue, Kind::Completion, payload.len())
            }
            admitted => admitted,
        };
        if let Err(full) = admitted {
            return Begun::Done(self.turn_away(&mut queue, kind, id, full));
        }
        if self.settings.before == Before::Queued {
            queue.batch.push(kind, Waiter::Nobody, time, payload);
            self.call(&mut queue);
            return Begun::Done(Ok(Fate::Written));
        }
        let place = queue.claim();
        let mut turn = Turn::Over;
        if self.settings.before == Before::Synced {
            queue.batch.push(kind, Waiter::Slot(place), time, payload);
            self.call(&mut queue);
        } else {
            let (number, lane) = queue.lane(thread::current().id());
            if lane.is_empty() {
                turn = Turn::Begins(number);
            }
            lane.push(kind, Waiter::Slot(place), time, payload);
        }
        Begun::Waiting(Wait { desk: Arc::clone(self), place: Some(place), turn, id, kind })
    }

    /// Writes what has gathered in a lane, unless somebody is writing who will.
    fn end_turn(&self, lane: LaneNumber) {
        let mut queue = self.lock();
        queue.end_turn(lane);
        self.write_on(queue);
    }

    /// Whether the frame is on record; `Ok(false)` if it was let go.
    pub(super) async fn settle_for(&self, begun: Begun) -> Result<bool, JournalFull> {
        let fate = match begun {
            Begun::Done(done) => done?,
            Begun::Waiting(wait) => {
                let (kind, id) = (wait.kind, wait.id);
                let fate = wait.await;
                self.judge(kind, id, fate)?
            }
        };
        Ok(fate == Fate::Written)
    }

    /// A frame that was not even queued.
    fn turn_away(&self, queue: &mut Queue, kind: Kind, id: RequestId, full: JournalFull) -> Result<Fate, JournalFull> {
        if self.settings.when_full == WhenFull::Refuse || full == JournalFull::Closed {
            // A request whose intent was not taken comes again as a refusal; it is one request.
            if kind != Kind::Combined || !queue.comes_again(id) {
                self.counters.refused();
            }
            if kind == Kind::Intent {
                queue.expect(id);
            }
            return Err(full);
        }
        queue.lost.add(kind, now());
        self.counters.lost(kind);
        Ok(Fate::Failed)
    }

    /// A frame that was queued and has its fate.
    fn judge(&self, kind: Kind, id: RequestId, fate: Fate) -> Result<Fate, JournalFull> {
        if fate == Fate::Written {
            return Ok(fate);
        }
        self.turn_away(&mut self.lock(), kind, id, JournalFull::Failing)
    }

    /// A frame that is not on record, and whose request is gone.
    fn count_failed(&self, kind: Kind, id: RequestId) {
        let _nobody_hears = self.judge(kind, id, Fate::Failed);
    }

    pub(super) fn complete(&self, id: RequestId, completion: &Completion<'_>) {
        with_scratch(|scratch| {
            completion.write(id, scratch);
            self.push_completion(scratch);
        });
    }

    pub(super) fn complete_unknown(&self, id: RequestId, reason: &str) {
        self.counters.unknown();
        let outcome = Outcome::Unknown;
        self.complete(id, &Completion { outcome, reason: Some(reason), ..Completion::default() });
    }

    fn push_completion(&self, payload: &[u8]) {
        let time = now();
        let mut queue = self.lock();
        if self.admits(&queue, Kind::Completion, payload.len()).is_err() {
            queue.lost.add(Kind::Completion, time);
            self.counters.lost(Kind::Completion);
            return;
        }
        queue.batch.push(Kind::Completion, Waiter::Nobody, time, payload);
        if queue.sleep == Sleep::Long {
            queue.sleep = Sleep::Awake;
            drop(queue);
            self.bell.notify_one();
        }
    }

    /// Calls the background thread to write at once.
    fn call(&self, queue: &mut Queue) {
        queue.urgent = true;
        if std::mem::take(&mut queue.sleep) != Sleep::Awake {
            self.bell.notify_one();
        }
    }

    /// Takes the pen and writes what waits, until nothing does or it is somebody else's turn.
    fn write_on<'q>(&'q self, mut queue: MutexGuard<'q, Queue>) {
        for turn in 1..=TURNS {
            let Some((mut pen, mut batch)) = queue.take() else { return };
            drop(queue);
            let holding = Holding(self);
            pen.write(&mut batch);
            std::mem::forget(holding);
            let mut settled = Settled::default();
            queue = self.lock();
            queue.settle(&batch, &mut settled);
            queue.give_back(pen);
            recycle(&mut queue, batch);
            let over = turn == TURNS || queue.batch.is_empty();
            if over && !queue.batch.is_empty() {
                self.call(&mut queue);
            }
            drop(queue);
            settled.wakers.into_iter().for_each(Waker::wake);
            settled.left.into_iter().for_each(|id| self.complete_unknown(id, "left"));
            settled.failed.into_iter().for_each(|(kind, id)| self.count_failed(kind, id));
            if over {
                return;
            }
            queue = self.lock();
        }
    }

    /// The background thread.
    pub(super) fn tend(&self) {
        let mut looked = now();
        loop {
            let queue = self.lock();
            if queue.closed {
                return;
            }
            let queue = self.rest(queue);
            self.write_on(queue);
            let time = now();
            // A clock that was set back starts a new round.
            if !(looked..looked.saturating_add(ROUND_NANOS)).contains(&time) {
                looked = time;
                self.look_around(time);
            }
        }
    }

    /// Waits until there is something to write.
    fn rest<'q>(&'q self, mut queue: MutexGuard<'q, Queue>) -> MutexGuard<'q, Queue> {
        if queue.batch.is_empty() {
            queue.sleep = Sleep::Long;
            queue = self.bell.wait_timeout(queue, ROUND).unwrap_or_else(PoisonError::into_inner).0;
        }
        if !queue.urgent && !queue.closed && !queue.batch.is_empty() {
            // Let completions gather; whoever must be written at once calls.
            queue.sleep = Sleep::Short;
            queue = self.bell.wait_timeout(queue, RIDE).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.sleep = Sleep::Awake;
        queue
    }

    /// What is done every second.
    fn look_around(&self, time: u64) {
        self.look_at_room();
        let tended = tend(&self.yard, self.settings.segment_size);
        self.counters.failed(&tended, Failure::Sync);
        self.reopen(time);
        self.keep_up(time);
    }

    /// Tries again what failed, and rolls a file that has become old.
    fn reopen(&self, time: u64) {
        let mut queue = self.lock();
        let Some(mut pen) = queue.pen.take() else { return };
        pen.lost.merge(std::mem::take(&mut queue.lost));
        drop(queue);
        if pen.reopen().is_ok() {
            pen.catch_up();
            self.roll_aged(&mut pen, time);
        }
        let mut queue = self.lock();
        queue.give_back(pen);
        // A turn lasts no second; whoever should have ended this one is gone for good.
        queue.end_turns();
        if !queue.batch.is_empty() {
            queue.urgent = true;
        }
    }

    pub(super) fn look_at_room(&self) {
        let low = match self.yard.disk.room(&self.yard.dir) {
            Ok(Room { free, total }) => free < self.settings.min_free.unwrap_or((total / 20).min(1 << 30)),
            Err(_) => false,
        };
        self.low_space.store(low, Ordering::Relaxed);
    }

    /// The end: everything is written, the file sealed.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut queue = self.lock();
        queue.end_turns();
        // Whoever has the pen gives it back after a write.
        for _ in 0..MOST_WAITS {
            if queue.dead || (queue.pen.is_some() && queue.batch.is_empty()) {
                break;
            }
            if queue.pen.is_some() {
                self.write_on(queue);
                queue = self.lock();
            } else {
                queue = self.bell.wait_timeout(queue, WAIT).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        let Some(mut pen) = queue.pen.take() else { return Err(io::Error::other("nobody can write")) };
        pen.lost.merge(std::mem::take(&mut queue.lost));
        drop(queue);
        let tended = tend(&self.yard, self.settings.segment_size);
        let closed = pen.close();
        let stand = pen.stand();
        self.lock().stand = stand;
        if closed.is_ok() {
            self.write_last_head();
        }
        if let Spare::Ready(_) = std::mem::take(&mut *self.yard.spare.lock().unwrap_or_else(PoisonError::into_inner)) {
            drop(self.yard.disk.remove(&self.yard.spare_path()));
        }
        closed.and(tended)
    }
}

/// Held while frames are written. If that panics the pen is gone: the journal fails from then on, and
/// nobody waits in vain.
struct Holding<'d>(&'d Desk);

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        (queue.failing, queue.dead) = (true, true);
        queue.clear();
        let wakers = queue.give_up();
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn recycle(queue: &mut Queue, mut batch: Batch) {
    batch.clear();
    queue.empty = batch;
}

/// Waits until a frame is written.
///
/// The first frame of a turn yields once: its task comes again behind everything that was ready with
/// it, and then writes for all that has gathered. So one write serves a whole turn, and no timer runs.
pub(super) struct Wait {
    desk: Arc<Desk>,
    place: Option<usize>,
    turn: Turn,
    id: RequestId,
    kind: Kind,
}

/// Whether a waiting frame ends the turn of its lane.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// It will, and has yet to let the others come.
    Begins(LaneNumber),
    /// It does as soon as it is polled again.
    Ends(LaneNumber),
    /// Another one does, or did.
    Over,
}

impl Future for Wait {
    type Output = Fate;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fate> {
        let Some(place) = self.place else { return Poll::Ready(Fate::Failed) };
        match self.turn {
            Turn::Begins(lane) => {
                self.turn = Turn::Ends(lane);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Turn::Ends(lane) => {
                self.turn = Turn::Over;
                self.desk.end_turn(lane);
            }
            Turn::Over => {}
        }
        let Some(fate) = self.desk.lock().ask(place, cx.waker()) else { return Poll::Pending };
        self.place = None;
        Poll::Ready(fate)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        // The others wait for it even if nobody waits for this one.
        if let Turn::Begins(lane) | Turn::Ends(lane) = self.turn {
            self.desk.end_turn(lane);
        }
        let fate = self.desk.lock().leave(place, self.id, self.kind);
        match fate {
            Some(Fate::Written) if self.kind == Kind::Intent => self.desk.complete_unknown(self.id, "left"),
            Some(Fate::Failed) => self.desk.count_failed(self.kind, self.id),
            _ => {}
        }
    }
}

/// Runs with this thread's buffer, which keeps its room from one record to the next.
pub(super) fn with_scratch<T>(run: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
        Ok(mut scratch) => {
            scratch.clear();
            let done = run(&mut scratch);
            if scratch.capacity() > KEEP {
                *scratch = Vec::new();
            }
            done
        }
        // A waker that records something itself.
        Err(_) => run(&mut Vec::new()),
    })
}
