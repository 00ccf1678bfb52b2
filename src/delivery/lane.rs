//! One destination: gathers what comes, delivers it, remembers how far it has come, and tries again.
//!
//! Invariants:
//! - what is behind the cursor has been dealt with; what is before it has not, or will be once more under
//!   the same name;
//! - one load at a time, in order; a load is planned on the disk before it is delivered under a name;
//! - nothing is given up before seven days of failing, and then loudly.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::yield_now;

use super::backoff::Backoff;
use super::counts::{Count, add};
use super::cursor::{Cursor, Pending};
use super::digests::Digests;
use super::feed::{Feed, Passed, Place, Step};
use super::floor::Floor;
use super::load::Load;
use super::out::{Out, keep_rejected};
use super::render::Rendering;
use super::world::{Trouble, World};
use crate::time::Millis;

/// How often a journal is looked at that had no more.
const POLL: Duration = Duration::from_secs(1);
/// How often the cursor is written of a destination that nothing is for.
const REST: i64 = 60_000;
/// How long a delivery is tried.
const GIVE_UP: i64 = 7 * 86_400;
/// How often the log hears of a destination that keeps failing, in seconds.
const AGAIN: i64 = 3600;
/// What waits for another try may have so many octets; more is gathered again from the journal.
const HELD: usize = 4 << 20;
/// What all loads may have together; a load is closed early when they have more.
const BUDGET: usize = 256 << 20;
/// But not below this.
const LEAST: usize = 64 << 10;

/// When a load is closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Roll {
    pub(super) octets: usize,
    pub(super) every: Duration,
}

/// What all destinations have in common.
pub(super) struct Common<W> {
    pub(super) world: Rc<W>,
    pub(super) feed: RefCell<Feed>,
    pub(super) floor: Floor,
    /// Octets of all loads.
    pub(super) loaded: Cell<usize>,
}

/// One destination at work.
pub(super) struct Lane<W> {
    pub(super) common: Rc<Common<W>>,
    /// Its name, in words for the log.
    pub(super) name: String,
    /// The file of its cursor.
    pub(super) path: PathBuf,
    pub(super) cursor: Cursor,
    pub(super) out: Out,
    pub(super) rendering: Rendering,
    pub(super) roll: Roll,
    pub(super) digests: Option<Digests>,
    pub(super) count: Arc<Count>,
    /// It is to end: what is there is delivered once, and nothing is waited for.
    pub(super) ended: Rc<Cell<bool>>,
    pub(super) place: Place,
    pub(super) stored: Millis,
    /// What the log has heard of last.
    pub(super) said: Option<Arc<str>>,
}

enum Gathered {
    Load(Load),
    /// Nothing to do now.
    Idle,
    /// Nothing more, and it is to end.
    Over,
}

/// Whether a load is done with.
enum Tried {
    Done,
    /// It is to be tried again, by another process or lane.
    Left,
}

impl<W: World> Lane<W> {
    /// Delivers until it is to end.
    pub(super) async fn run(mut self) {
        self.place = self.place_of_cursor();
        if self.digests.is_none() {
            self.cursor.trail = None; // nobody would ever empty it
        }
        let mut failed = Backoff::default();
        loop {
            if let Err(trouble) = self.digest().await {
                if self.is_ending() {
                    return;
                }
                self.pause(&mut failed, &trouble).await;
                continue;
            }
            failed = Backoff::default();
            match self.gather().await {
                Gathered::Load(load) => {
                    if let Tried::Left = self.deliver(load).await {
                        return;
                    }
                }
                Gathered::Idle => {}
                Gathered::Over => {
                    self.rest(true);
                    return;
                }
            }
        }
    }

    fn is_ending(&self) -> bool {
        self.ended.get() || self.common.world.is_stopping()
    }

    fn place_of_cursor(&self) -> Place {
        Place::new(self.cursor.resume_from, self.cursor.delivered + 1)
    }

    /// Gathers a load. One that was planned is gathered as it was planned.
    async fn gather(&mut self) -> Gathered {
        let planned = self.cursor.pending.map(|pending| pending.last);
        let mut load = Load::new(self.cursor.delivered + 1, self.cursor.resume_from);
        loop {
            if planned.is_some_and(|last| self.place.next > last) {
                return self.closed(load, planned);
            }
            let step = self.step().await;
            let now = self.common.world.now();
            match step {
                Step::Event(passed) => {
                    if planned.is_some_and(|last| passed.number > last) {
                        self.place = Place::new(load.resume, passed.number);
                        return self.closed(load, planned);
                    }
                    self.take(&mut load, &passed, now);
                    (load.last, load.resume) = (passed.number, passed.resume);
                    if planned.is_none() && self.is_full(&load, now, Duration::from_millis(1)) {
                        return self.closed(load, planned);
                    }
                }
                Step::Missing { first, last } => {
                    self.missing(first, last);
                    load.last = last;
                }
                Step::Busy => yield_now().await,
                Step::End if planned.is_some() => return self.closed(load, planned),
                Step::End if load.is_empty() => {
                    self.rest(false);
                    if self.is_ending() {
                        return Gathered::Over;
                    }
                    self.common.world.sleep(POLL.min(self.roll.every.max(Duration::from_millis(100)))).await;
                    return Gathered::Idle;
                }
                Step::End if self.is_ending() || self.is_full(&load, now, Duration::ZERO) => {
                    return self.closed(load, planned);
                }
                Step::End => {
                    let left = self.roll.every.saturating_sub(age(&load, now));
                    self.common.world.sleep(POLL.min(left)).await;
                }
            }
        }
    }

    /// What was planned holds what it was planned to hold, whatever was found.
    fn closed(&self, mut load: Load, planned: Option<u64>) -> Gathered {
        load.last = planned.unwrap_or(load.last).max(load.last);
        Gathered::Load(load)
    }

    /// Reads on. A journal that is not as it was written is no reason to go past anything.
    async fn step(&mut self) -> Step {
        loop {
            let step = self.common.feed.borrow_mut().next(&mut self.place);
            match step {
                Ok(step) => return step,
                Err(damage) => {
                    tracing::error!(sink = self.name, %damage, "deliveries stand still at a damaged journal");
                    self.count.failing.store(true, Ordering::Relaxed);
                    if self.is_ending() {
                        return Step::End;
                    }
                    self.common.world.sleep(Duration::from_secs(60)).await;
                }
            }
        }
    }

    fn take(&mut self, load: &mut Load, passed: &Passed, now: Millis) {
        let (before, split) = (load.octets, self.out.split());
        let pieces = self.rendering.pieces(&passed.event);
        if !pieces.is_empty() {
            load.count(passed);
        }
        for piece in pieces {
            load.take(piece, split, now);
        }
        self.common.loaded.set(self.common.loaded.get() + load.octets - before);
    }

    /// Whether a load is to be closed. `least`: one that is closed at once is so at the end of the journal
    /// only, so that what comes together goes together.
    fn is_full(&self, load: &Load, now: Millis, least: Duration) -> bool {
        let crowded = self.common.loaded.get() > BUDGET && load.octets >= LEAST;
        let old = self.roll.every >= least && age(load, now) >= self.roll.every;
        !load.is_empty() && (load.octets >= self.roll.octets || crowded || old)
    }

    fn missing(&self, first: u64, last: u64) {
        add(&self.count.missing, last.saturating_sub(first) + 1);
        tracing::error!(
            sink = self.name,
            first,
            last,
            "records of the journal were removed before they were delivered; keep the journal longer"
        );
    }

    /// Nothing is for this destination up to its place. The cursor follows now and then, so that the journal
    /// need not be kept for it.
    fn rest(&mut self, now: bool) {
        let (next, resume) = (self.place.next, self.place.resume);
        if self.cursor.pending.is_some() || next <= self.cursor.delivered + 1 && resume <= self.cursor.resume_from {
            return;
        }
        (self.cursor.delivered, self.cursor.resume_from) = (next - 1, resume);
        let time = self.common.world.now();
        self.count.lag_millis.store(0, Ordering::Relaxed);
        if now || time.0.saturating_sub(self.stored.0) >= REST {
            drop(self.store());
        }
    }

    fn store(&mut self) -> Result<(), Trouble> {
        self.cursor.store(&self.path).map_err(|error| {
            tracing::error!(sink = self.name, %error, "the cursor of a destination cannot be written");
            Trouble::later(format!("its cursor cannot be written: {error}"))
        })?;
        self.stored = self.common.world.now();
        self.common.floor.set(&self.path, self.cursor.resume_from);
        Ok(())
    }

    /// Delivers a load however long it takes.
    async fn deliver(&mut self, mut load: Load) -> Tried {
        let mut backoff = Backoff::default();
        loop {
            let tried = self.try_once(&load).await;
            let ended = match tried {
                Ok(()) => {
                    add(&self.count.records, load.records);
                    add(&self.count.deliveries, 1);
                    self.finish(&load).await
                }
                Err(Trouble::Rejected { why }) => self.reject(&load, &why).await,
                Err(trouble) => Err(trouble),
            };
            let Err(trouble) = ended else {
                self.unload(&load);
                return Tried::Done;
            };
            if self.has_failed_too_long() {
                self.give_up(&load, &trouble);
                if self.finish(&load).await.is_ok() {
                    self.unload(&load);
                    return Tried::Done;
                }
            }
            self.note_failure(&load);
            if self.is_ending() {
                self.unload(&load);
                return Tried::Left;
            }
            let held = load.octets <= HELD;
            if !held {
                self.unload(&load);
                load = Load::new(load.first, load.resume);
            }
            self.pause(&mut backoff, &trouble).await;
            if !held {
                self.place = self.place_of_cursor();
                let Gathered::Load(again) = self.gather().await else { return Tried::Left };
                load = again;
            }
        }
    }

    /// Plans the load, where it has a name, and delivers it.
    async fn try_once(&mut self, load: &Load) -> Result<(), Trouble> {
        if load.is_empty() {
            return Ok(());
        }
        if self.out.is_named() && self.cursor.pending.is_none() {
            let at = self.common.world.now().seconds().0;
            self.cursor.pending = Some(Pending::new(load.last, at)?);
            if let Err(trouble) = self.store() {
                self.cursor.pending = None;
                return Err(trouble);
            }
        }
        let world = Rc::clone(&self.common.world);
        self.out.deliver(&*world, load, &mut self.cursor).await
    }

    /// The load has been dealt with: the cursor goes behind it.
    async fn finish(&mut self, load: &Load) -> Result<(), Trouble> {
        (self.cursor.delivered, self.cursor.resume_from) = (load.last, load.resume);
        self.cursor.pending = None;
        if self.count.failing.swap(false, Ordering::Relaxed) {
            tracing::info!(sink = self.name, "a destination takes records again");
        }
        self.note_lag(load);
        let mut backoff = Backoff::default();
        // What was delivered is not delivered again by this process, whatever the disk says.
        while let Err(trouble) = self.store() {
            if self.is_ending() {
                break;
            }
            self.pause(&mut backoff, &trouble).await;
        }
        Ok(())
    }

    fn note_lag(&self, load: &Load) {
        let oldest = load.oldest.unwrap_or_else(|| self.common.world.now());
        let lag = self.common.world.now().0.saturating_sub(oldest.0);
        self.count.lag_millis.store(u64::try_from(lag).unwrap_or(0), Ordering::Relaxed);
    }

    /// A destination that will never take it: it is kept here instead.
    async fn reject(&mut self, load: &Load, why: &str) -> Result<(), Trouble> {
        let path = self.path.with_extension("rejected");
        keep_rejected(&path, load)?;
        add(&self.count.rejected, load.records);
        let (first, last, records) = (load.first, load.last, load.records);
        let kept = path.display();
        tracing::error!(sink = self.name, why, first, last, records, %kept, "a destination refuses records for good");
        self.finish(load).await
    }

    fn has_failed_too_long(&self) -> bool {
        let now = self.common.world.now().seconds().0;
        let since = self.cursor.pending.and_then(|pending| pending.failing_since);
        since.is_some_and(|since| now.saturating_sub(since) >= GIVE_UP)
    }

    fn give_up(&self, load: &Load, trouble: &Trouble) {
        add(&self.count.given_up, load.records);
        let (first, last, records) = (load.first, load.last, load.records);
        tracing::error!(
            sink = self.name,
            ?trouble,
            first,
            last,
            records,
            "records are given up after seven days; the journal has them as long as it is kept"
        );
    }

    /// Remembers since when it fails, over restarts too.
    fn note_failure(&mut self, load: &Load) {
        self.note_lag(load);
        let now = self.common.world.now().seconds().0;
        // What has a name was planned before.
        let plan = Pending { last: load.last, at: now, salt: None, failing_since: None };
        let pending = self.cursor.pending.get_or_insert(plan);
        if pending.failing_since.is_none() {
            pending.failing_since = Some(now);
            drop(self.store()); // said already
        }
    }

    /// Waits before the next try. The log hears of the first failure, of another reason, and then once an hour.
    async fn pause(&mut self, backoff: &mut Backoff, trouble: &Trouble) {
        let world = Rc::clone(&self.common.world);
        let (why, asked) = match trouble {
            Trouble::Later { why, after } => (why, *after),
            Trouble::Rejected { why } => (why, None),
        };
        add(&self.count.failures, 1);
        let now = world.now().seconds().0;
        let was_failing = self.count.failing.swap(true, Ordering::Relaxed);
        let wait = backoff.next(world.random(), asked);
        let waits = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
        let is_news = self.said.as_ref() != Some(why);
        if !was_failing || is_news || now.rem_euclid(AGAIN) < waits {
            self.said = Some(Arc::clone(why));
            tracing::warn!(
                sink = self.name,
                ?trouble,
                ?wait,
                "a destination takes no records; they wait in the journal"
            );
        }
        world.sleep(wait).await;
    }

    fn unload(&self, load: &Load) {
        self.common.loaded.set(self.common.loaded.get().saturating_sub(load.octets));
    }

    /// Delivers the digests that are due.
    async fn digest(&mut self) -> Result<(), Trouble> {
        let Some(digests) = &mut self.digests else { return Ok(()) };
        let world = Rc::clone(&self.common.world);
        while digests.deliver_next(&*world, &mut self.cursor).await? {
            // Stored after each, so that the next follows what is there.
            let stored = self.cursor.store(&self.path);
            stored.map_err(|error| Trouble::later(format!("its cursor cannot be written: {error}")))?;
        }
        Ok(())
    }
}

fn age(load: &Load, now: Millis) -> Duration {
    let opened = load.opened.unwrap_or(now);
    Duration::from_millis(u64::try_from(now.0.saturating_sub(opened.0)).unwrap_or(0))
}
