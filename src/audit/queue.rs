//! What waits to be written, and who waits for it. All of it lies behind one short lock.

use std::collections::VecDeque;
use std::task::Waker;
use std::thread::ThreadId;

use super::batch::{Batch, Fate, Lost, Waiter};
use super::frame::Kind;
use super::pen::{Pen, Stand};
use crate::id::RequestId;

/// Completions are taken until the queue is larger than its bound by this factor (in eighths).
const SLACK_EIGHTHS: usize = 10;

/// The most refused intents that are remembered.
const MOST_EXPECTED: usize = 1024;

/// A place where one caller waits for its frame.
#[derive(Debug)]
enum Slot {
    /// Nobody uses it.
    Free,
    /// Its frame is on the way; the waker of who waits.
    Waiting(Option<Waker>),
    /// Its frame has a fate; nobody has asked yet.
    Settled(Fate),
    /// Its frame is on the way, but who waited has left.
    Left(RequestId, Kind),
}

/// How the background thread sleeps.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Sleep {
    /// Not at all.
    #[default]
    Awake,
    /// Until something comes.
    Long,
    /// Until completions have gathered, or somebody waits.
    Short,
}

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) frames: usize,
    pub(super) bytes: usize,
}

/// Frames that gather while one thread works off what is ready: they leave in one write at the end of
/// that turn. A thread has one lane for good, so there are as many as there are workers.
struct Lane {
    thread: ThreadId,
    batch: Batch,
}

/// The number of a thread's lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct LaneNumber(usize);

/// The queue.
pub(super) struct Queue {
    /// What may be written at once.
    pub(super) batch: Batch,
    lanes: Vec<Lane>,
    /// The pen, unless somebody is writing.
    pub(super) pen: Option<Box<Pen>>,
    /// How far the journal had come when the pen was last given back.
    pub(super) stand: Stand,
    /// An empty batch whose buffers are used again.
    pub(super) empty: Batch,
    pub(super) lost: Lost,
    /// The disk does not take frames.
    pub(super) failing: bool,
    pub(super) closed: bool,
    /// The pen was lost to a panic.
    pub(super) dead: bool,
    /// Whether the background thread sleeps.
    pub(super) sleep: Sleep,
    /// Frames are there that somebody waits for, and only the background thread will write them.
    pub(super) urgent: bool,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Requests whose intent was refused, and whose refusal may come yet.
    expected: VecDeque<RequestId>,
}

/// What settling a batch leads to, once the lock is released.
#[derive(Default)]
pub(super) struct Settled {
    /// Who must be woken.
    pub(super) wakers: Vec<Waker>,
    /// Intents on record that nobody will act on.
    pub(super) left: Vec<RequestId>,
    /// Frames that nobody waits for any more, and that are not on record.
    pub(super) failed: Vec<(Kind, RequestId)>,
}

impl Queue {
    pub(super) fn new(pen: Box<Pen>) -> Self {
        Self {
            batch: Batch::default(),
            lanes: Vec::new(),
            failing: pen.is_broken(),
            stand: pen.stand(),
            pen: Some(pen),
            empty: Batch::default(),
            lost: Lost::default(),
            closed: false,
            dead: false,
            sleep: Sleep::Awake,
            urgent: false,
            slots: Vec::new(),
            free: Vec::new(),
            expected: VecDeque::new(),
        }
    }

    /// Remembers a request whose intent was refused.
    pub(super) fn expect(&mut self, id: RequestId) {
        if self.expected.len() == MOST_EXPECTED {
            self.expected.pop_front();
        }
        self.expected.push_back(id);
    }

    /// Whether a refusal is that of a request whose intent was refused. It comes once.
    pub(super) fn comes_again(&mut self, id: RequestId) -> bool {
        let place = self.expected.iter().rposition(|expected| *expected == id);
        place.and_then(|place| self.expected.remove(place)).is_some()
    }

    /// Whether a frame of this kind and size has room. Completions have some more: what they end has
    /// already been admitted.
    pub(super) fn has_room(&self, kind: Kind, length: usize, bounds: Bounds) -> bool {
        let eighths = if kind == Kind::Completion { SLACK_EIGHTHS } else { 8 };
        let frames = bounds.frames.saturating_mul(eighths) / 8;
        let bytes = bounds.bytes.saturating_mul(eighths) / 8;
        let held: usize = self.batches().map(|batch| batch.octets.len()).sum();
        self.waiting() < frames && held.saturating_add(length) <= bytes
    }

    /// How many frames wait.
    pub(super) fn waiting(&self) -> usize {
        self.batches().map(|batch| batch.frames.len()).sum()
    }

    /// When the oldest of them came.
    pub(super) fn since(&self) -> Option<u64> {
        self.batches().filter(|batch| !batch.is_empty()).map(|batch| batch.since).min()
    }

    fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.lanes.iter().map(|lane| &lane.batch).chain([&self.batch])
    }

    /// The lane of this thread.
    pub(super) fn lane(&mut self, thread: ThreadId) -> (LaneNumber, &mut Batch) {
        let known = self.lanes.iter().position(|lane| lane.thread == thread);
        let place = known.unwrap_or(self.lanes.len());
        if known.is_none() {
            self.lanes.push(Lane { thread, batch: Batch::default() });
        }
        let batch = self.lanes.get_mut(place).map_or(&mut self.batch, |lane| &mut lane.batch);
        (LaneNumber(place), batch)
    }

    /// The turn of a lane is over: what is in it may be written.
    pub(super) fn end_turn(&mut self, LaneNumber(place): LaneNumber) {
        if let Some(lane) = self.lanes.get_mut(place) {
            self.batch.append(&mut lane.batch);
        }
    }

    /// The same for all lanes.
    pub(super) fn end_turns(&mut self) {
        self.lanes.iter_mut().for_each(|lane| self.batch.append(&mut lane.batch));
    }

    /// Forgets every frame.
    pub(super) fn clear(&mut self) {
        self.end_turns();
        self.batch.clear();
    }

    /// Takes everything queued, if there is something and the pen is free.
    pub(super) fn take(&mut self) -> Option<(Box<Pen>, Batch)> {
        if self.batch.is_empty() {
            return None;
        }
        let mut pen = self.pen.take()?;
        pen.lost.merge(std::mem::take(&mut self.lost));
        self.urgent = false;
        Some((pen, std::mem::replace(&mut self.batch, std::mem::take(&mut self.empty))))
    }

    /// Gives the pen back.
    pub(super) fn give_back(&mut self, pen: Box<Pen>) {
        (self.failing, self.stand) = (pen.is_broken(), pen.stand());
        self.pen = Some(pen);
    }

    /// Gives a place to wait.
    pub(super) fn claim(&mut self) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.put(place, Slot::Waiting(None));
                place
            }
            None => {
                self.slots.push(Slot::Waiting(None));
                self.slots.len() - 1
            }
        }
    }

    /// The fate of a waiting frame, or `None` and the waker is kept. The place is free after a fate.
    pub(super) fn ask(&mut self, place: usize, waker: &Waker) -> Option<Fate> {
        match self.slots.get_mut(place) {
            Some(Slot::Settled(fate)) => {
                let fate = *fate;
                self.release(place);
                Some(fate)
            }
            Some(Slot::Waiting(kept)) => {
                match kept {
                    Some(kept) => kept.clone_from(waker),
                    None => *kept = Some(waker.clone()),
                }
                None
            }
            Some(Slot::Free | Slot::Left(..)) | None => Some(Fate::Failed),
        }
    }

    /// Stops waiting. The fate, if it was settled already.
    pub(super) fn leave(&mut self, place: usize, id: RequestId, kind: Kind) -> Option<Fate> {
        match self.slots.get(place) {
            Some(Slot::Settled(fate)) => {
                let fate = *fate;
                self.release(place);
                Some(fate)
            }
            Some(Slot::Waiting(_)) => {
                self.put(place, Slot::Left(id, kind));
                None
            }
            Some(Slot::Free | Slot::Left(..)) | None => None,
        }
    }

    /// Tells everybody the fate of a batch's frames.
    pub(super) fn settle(&mut self, batch: &Batch, settled: &mut Settled) {
        for pending in &batch.frames {
            match pending.waiter {
                Waiter::Nobody => {}
                Waiter::Slot(place) => match self.slots.get_mut(place) {
                    Some(Slot::Waiting(waker)) => {
                        settled.wakers.extend(waker.take());
                        self.put(place, Slot::Settled(pending.fate));
                    }
                    Some(Slot::Left(id, kind)) => {
                        match (*kind, pending.fate) {
                            (Kind::Intent, Fate::Written) => settled.left.push(*id),
                            (kind, Fate::Failed) => settled.failed.push((kind, *id)),
                            _ => {}
                        }
                        self.release(place);
                    }
                    Some(Slot::Free | Slot::Settled(_)) | None => {}
                },
            }
        }
    }

    /// Everybody who waits is told that it failed.
    pub(super) fn give_up(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for slot in &mut self.slots {
            if let Slot::Waiting(waker) = slot {
                wakers.extend(waker.take());
                *slot = Slot::Settled(Fate::Failed);
            }
        }
        wakers
    }

    fn release(&mut self, place: usize) {
        self.put(place, Slot::Free);
        self.free.push(place);
    }

    fn put(&mut self, place: usize, slot: Slot) {
        if let Some(old) = self.slots.get_mut(place) {
            *old = slot;
        }
    }
}
