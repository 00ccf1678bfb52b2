//! One quota over several machines: what this one holds of it, what it has to ask for, what it owes
//! (spec/kms-throttling.md 10). Knows nothing of the store that keeps the counts of all, and asks nobody:
//! somebody calls [`Leases::due`], takes what it says to the store, and brings the answer.
//!
//! Every cell that passes is charged to the store: a leased one before, any other right after. Those others
//! are few: while a count has no lease, so many pass as a slice holds, if by what was last heard they would.
//! So over all machines never more pass than the quota and one slice for each machine. What is left of a
//! lease that has ended is given back.
//!
//! Memory: [`Leases::ROOM`] counts of at most 112 octets, in tables that are at least half full: 16 MB. Those
//! beyond are counted by the divided quota.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use super::counts::{Charge, Hashed};
use super::label::Label;
use super::pace::{Pace, State, Wait};
use crate::time::Ticks;

/// How long a lease lasts, in nanoseconds.
pub const TERM: u64 = 20_000_000;
const SHARDS: usize = 16;
/// What is told whoever comes while a lease is on its way, in nanoseconds.
const SOON: u64 = 5_000_000;
/// Of the room, this share is not for keys that strangers choose.
const RESERVED: usize = 4;

/// What this machine holds of the counts of all.
#[derive(Debug)]
pub struct Leases {
    /// By the place of the dimension.
    lines: Box<[Line]>,
    shards: Box<[Mutex<Shard>]>,
    live: AtomicUsize,
    open: AtomicUsize,
    /// Whether the store was there when it was asked last.
    up: AtomicBool,
    /// Whether the thread has been called since it last looked.
    rung: AtomicBool,
    thread: OnceLock<Thread>,
}

/// A dimension, as all machines together count it.
#[derive(Debug)]
struct Line {
    pace: Pace,
    /// The most cells that a machine takes at once without having been asked for more.
    slice: AtomicU32,
}

#[derive(Debug, Default)]
struct Shard {
    known: HashMap<u64, Record, BuildHasherDefault<Hashed>>,
    /// Those that are to be looked at.
    queue: Vec<u64>,
}

#[derive(Debug)]
struct Record {
    label: Label,
    at: u32,
    open: bool,
    queued: bool,
    /// Cells that are leased, and until when.
    left: u32,
    until: u64,
    /// Cells that passed without a lease since the store answered; of these those that it is being told of.
    ahead: u32,
    told: u32,
    /// Cells that the store has not been told of; below zero those that it gets back.
    owed: i64,
    /// The largest demand that found too little.
    needed: u32,
    /// When all cells would be back, by what was last heard and what has happened here since.
    known: u64,
    /// When it was last used.
    used: u64,
}

/// What the store is to be asked about one count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ask {
    /// Its name.
    pub label: Label,
    /// Nanoseconds for a cell.
    pub interval: u64,
    /// How many nanoseconds ahead of the clock it may run.
    pub tolerance: u64,
    /// Cells to be charged whether or not they are there; below zero to be given back.
    pub owed: i64,
    /// Cells to be leased, as many of them as are there.
    pub want: u32,
    hash: u64,
}

impl Ask {
    /// The same for a store that may have heard it already: what may be charged twice is, what may be given
    /// back twice is not.
    #[must_use]
    pub fn again(&self) -> Self {
        Self { owed: self.owed.max(0), ..*self }
    }
}

/// What the store says to it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Grant {
    /// So many cells are leased.
    pub cells: u32,
    /// So many nanoseconds after the answer all cells would be back.
    pub ahead: u64,
}

impl Line {
    fn slice(&self) -> u32 {
        self.slice.load(Ordering::Relaxed)
    }
}

impl Leases {
    /// How many counts there are at most.
    pub const ROOM: usize = 1 << 16;

    /// For dimensions of these paces in their order, on one of so many machines.
    pub(super) fn new(paces: impl Iterator<Item = Pace>, machines: u32) -> Self {
        Self {
            lines: paces.map(|pace| Line { pace, slice: slice(&pace, machines).into() }).collect(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            live: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            up: AtomicBool::new(false),
            rung: AtomicBool::new(false),
            thread: OnceLock::new(),
        }
    }

    /// On one of so many machines from now on.
    pub(super) fn divide(&self, machines: u32) {
        for line in &self.lines {
            line.slice.store(slice(&line.pace, machines), Ordering::Relaxed);
        }
    }

    /// Whether the store is there. While it is not, the divided quota holds.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// The store has come or gone.
    pub fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }

    /// The thread that is woken when there is something to ask; the first one that says so.
    pub fn call(&self, thread: Thread) {
        let _only_one = self.thread.set(thread);
    }

    /// Takes the cells of all charges, or none. Those for which there is no room, and which are to be charged
    /// otherwise, come first; so many are they.
    ///
    /// # Errors
    /// As of [`Counts::charge`](super::Counts).
    pub(super) fn take(
        &self,
        charges: &mut [Charge<'_>],
        label: impl Fn(&Charge<'_>) -> Option<Label>,
        now: Ticks,
    ) -> Result<usize, (u32, Wait)> {
        let (mut at, mut rest, mut worst) = (0, charges.len(), None);
        while let Some(charge) = charges.get(at).filter(|_| at < rest) {
            let taken = self.with(charge, &label, now, |record, line| record.take(line, charge.cells, now));
            match taken {
                Some(Ok(())) => {
                    rest -= 1;
                    charges.swap(at, rest);
                    continue;
                }
                Some(Err(wait)) => worst = worst.max(Some((wait, Reverse(charge.at)))),
                None => {}
            }
            at += 1;
        }
        match worst {
            None => Ok(rest),
            Some((wait, Reverse(at))) => {
                self.give_back(charges.get(rest..).unwrap_or_default(), now);
                Err((at, wait))
            }
        }
    }

    /// What was taken for a request that is refused for another limit's sake.
    pub(super) fn give_back(&self, charges: &[Charge<'_>], now: Ticks) {
        for charge in charges {
            self.with(charge, &|_| None, now, |record, line| record.give_back(line, charge.cells, now));
        }
    }

    /// Notes what has passed by another count or has been used already: the store will be told. Whatever
    /// there is no room for comes first; so many are they.
    pub(super) fn note(
        &self,
        charges: &mut [Charge<'_>],
        label: impl Fn(&Charge<'_>) -> Option<Label>,
        now: Ticks,
    ) -> usize {
        let (mut at, mut rest) = (0, charges.len());
        while let Some(charge) = charges.get(at).filter(|_| at < rest) {
            let up = self.is_up();
            if self.with(charge, &label, now, |record, line| record.owe(line, charge.cells, up, now)).is_some() {
                rest -= 1;
                charges.swap(at, rest);
            } else {
                at += 1;
            }
        }
        rest
    }

    /// What the store is to be asked now: at most about so many counts.
    pub fn due(&self, now: Ticks, most: usize) -> Vec<Ask> {
        self.rung.store(false, Ordering::Release);
        let mut asks = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            let Shard { known, queue } = &mut *shard;
            queue.retain(|hash| {
                let Some(record) = known.get_mut(hash) else { return false };
                let Some(line) = self.lines.get(record.at as usize) else { return false };
                let room = asks.len() < most;
                let ask = if room { record.ask(line, *hash, now) } else { None };
                // It stays until nothing of it is open.
                record.queued = !room || ask.is_some() || record.is_open();
                asks.extend(ask);
                record.queued
            });
        }
        asks
    }

    /// Whether something waits to be looked at.
    pub fn is_waiting(&self) -> bool {
        self.shards.iter().any(|shard| !lock(shard).queue.is_empty())
    }

    /// The answer of the store: one grant for each ask, in their order. `sent`: when it was asked.
    pub fn granted(&self, asks: &[Ask], grants: &[Grant], sent: Ticks, now: Ticks) {
        for (ask, grant) in asks.iter().zip(grants) {
            let mut shard = self.lock(ask.hash);
            if let Some(record) = shard.known.get_mut(&ask.hash) {
                record.granted(ask, *grant, sent, now);
            }
        }
    }

    /// There was no answer. What may or may not have been charged is charged once more: that is strict, the
    /// other way would not be.
    pub fn failed(&self, asks: &[Ask]) {
        for ask in asks {
            let mut shard = self.lock(ask.hash);
            if let Some(record) = shard.known.get_mut(&ask.hash) {
                record.owed = record.owed.saturating_add(ask.again().owed);
            }
        }
    }

    /// Forgets counts that say nothing which the store would not say. To be called several times a second.
    pub fn sweep(&self, now: Ticks) {
        for shard in &self.shards {
            let (mut gone, mut open) = (0, 0);
            lock(shard).known.retain(|_, record| {
                let stays = record.queued || record.is_open() || record.known > now.0 || record.is_busy(now);
                gone += usize::from(!stays);
                open += usize::from(!stays && record.open);
                stays
            });
            self.live.fetch_sub(gone, Ordering::Relaxed);
            self.open.fetch_sub(open, Ordering::Relaxed);
        }
    }

    /// How many cells the fullest count of a dimension has left, by what was last heard, and how many counts
    /// are known here.
    pub(super) fn fullest(&self, at: u32, now: Ticks) -> (u64, usize) {
        let Some(line) = self.lines.get(at as usize) else { return (0, 0) };
        let (mut left, mut count) = (line.pace.left(None, now), 0);
        for shard in &self.shards {
            for record in lock(shard).known.values().filter(|record| record.at == at) {
                left = left.min(line.pace.left(Some(State::until(record.known)), now));
                count += 1;
            }
        }
        (left, count)
    }

    /// Hands the record of a key over, a new one if there is room; then calls whoever asks the store, if
    /// that is due.
    fn with<T>(
        &self,
        charge: &Charge<'_>,
        label: &impl Fn(&Charge<'_>) -> Option<Label>,
        now: Ticks,
        then: impl FnOnce(&mut Record, &Line) -> T,
    ) -> Option<T> {
        let line = self.lines.get(charge.at as usize)?;
        let mut shard = self.lock(charge.hash);
        let Shard { known, queue } = &mut *shard;
        let record = match known.entry(charge.hash) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => place.insert(self.admit(charge, label(charge), now)?),
        };
        let done = then(record, line);
        if !record.queued && record.is_open() {
            record.queued = true;
            queue.push(charge.hash);
        }
        let presses = record.presses(line);
        drop(shard);
        if presses && self.is_up() && !self.rung.swap(true, Ordering::AcqRel) {
            self.thread.get().inspect(|thread| thread.unpark());
        }
        Some(done)
    }

    fn admit(&self, charge: &Charge<'_>, label: Option<Label>, now: Ticks) -> Option<Record> {
        let (label, open) = (label?, charge.line.open);
        let of_strangers = self.open.load(Ordering::Relaxed);
        if self.live.load(Ordering::Relaxed) >= Self::ROOM || open && of_strangers >= Self::ROOM - Self::ROOM / RESERVED
        {
            return None;
        }
        self.live.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(open.into(), Ordering::Relaxed);
        Some(Record::new(label, charge.at, open, now))
    }

    #[expect(clippy::indexing_slicing, reason = "a shard is below their number")]
    fn lock(&self, hash: u64) -> MutexGuard<'_, Shard> {
        lock(&self.shards[(hash >> 32) as usize % SHARDS])
    }
}

/// A fiftieth of a second's cells or a quarter of the burst, whichever is more, of that one machine's part;
/// no more than a quarter of the burst, and at least one.
fn slice(pace: &Pace, machines: u32) -> u32 {
    let quarter = pace.burst() / 4;
    let part = (pace.rate().one_second() / 50).max(quarter) / u64::from(machines.max(1));
    u32::try_from(part.min(quarter).max(1)).unwrap_or(u32::MAX)
}

/// Nothing is left half done in there.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Record {
    fn new(label: Label, at: u32, open: bool, now: Ticks) -> Self {
        let (queued, left, ahead, told, owed, needed) = (false, 0, 0, 0, 0, 0);
        Self { label, at, open, queued, left, until: 0, ahead, told, owed, needed, known: 0, used: now.0 }
    }

    fn take(&mut self, line: &Line, cells: u32, now: Ticks) -> Result<(), Wait> {
        if cells == 0 {
            return Ok(());
        }
        self.used = now.0;
        if self.until > now.0 && self.left >= cells {
            self.left -= cells;
            return Ok(());
        }
        let known = State::until(self.known);
        line.pace.peek(Some(known), cells.into(), now)?;
        if self.ahead > 0 && self.ahead.saturating_add(cells) > line.slice() {
            self.needed = self.needed.max(cells);
            return Err(Wait::Nanos(SOON));
        }
        self.ahead = self.ahead.saturating_add(cells);
        self.owed = self.owed.saturating_add(cells.into());
        self.known = line.pace.charged(Some(known), cells.into(), now).end();
        Ok(())
    }

    fn give_back(&mut self, line: &Line, cells: u32, now: Ticks) {
        if self.until > now.0 {
            self.left = self.left.saturating_add(cells);
            return;
        }
        self.owed = self.owed.saturating_sub(cells.into());
        self.ahead = self.ahead.saturating_sub(cells);
        self.known = self.known.saturating_sub(line.pace.interval().saturating_mul(cells.into()));
    }

    fn owe(&mut self, line: &Line, cells: u32, up: bool, now: Ticks) {
        self.used = now.0;
        self.owed = self.owed.saturating_add(cells.into());
        self.known = line.pace.debited(Some(State::until(self.known)), cells.into(), now).end();
        if !up {
            // However long the store is away: what has come back since is not owed.
            let out = self.known.saturating_sub(now.0).div_ceil(line.pace.interval());
            self.owed = self.owed.min(i64::try_from(out).unwrap_or(i64::MAX));
        }
    }

    fn is_busy(&self, now: Ticks) -> bool {
        now.0.saturating_sub(self.used) < TERM
    }

    /// Whether it has to be looked at again.
    fn is_open(&self) -> bool {
        self.left > 0 || self.owed != 0 || self.needed > 0 || self.told > 0
    }

    /// Whether that must be soon.
    fn presses(&self, line: &Line) -> bool {
        self.queued && (self.owed > 0 || self.needed > 0 || self.left <= line.slice() / 2)
    }

    fn ask(&mut self, line: &Line, hash: u64, now: Ticks) -> Option<Ask> {
        if self.until <= now.0 {
            self.owed = self.owed.saturating_sub(self.left.into());
            self.left = 0;
        }
        let busy = self.is_busy(now);
        if busy && self.left > 0 && self.until < now.0.saturating_add(TERM / 2) {
            // It is charged already, and stays so.
            self.until = now.0.saturating_add(TERM);
        }
        let target = line.slice().max(self.needed);
        // By what was last heard there may be nothing to be had.
        let some = line.pace.peek(Some(State::until(self.known)), 1, now).is_ok();
        let want = if busy && some && self.left <= target / 2 { target.saturating_sub(self.left) } else { 0 };
        if self.owed == 0 && want == 0 {
            self.needed = 0;
            return None;
        }
        let owed = std::mem::take(&mut self.owed);
        self.told = self.ahead;
        let (interval, tolerance) = (line.pace.interval(), line.pace.tolerance());
        Some(Ask { label: self.label, interval, tolerance, owed, want, hash })
    }

    fn granted(&mut self, ask: &Ask, grant: Grant, sent: Ticks, now: Ticks) {
        self.ahead = self.ahead.saturating_sub(std::mem::take(&mut self.told));
        self.needed = 0;
        let since = ask.interval.saturating_mul(u64::try_from(self.owed).unwrap_or(0));
        self.known = now.0.saturating_add(grant.ahead).saturating_add(since);
        if grant.cells > 0 {
            // What has run out meanwhile has not been used since.
            self.left = self.left.saturating_add(grant.cells.min(ask.want));
            self.until = sent.0.saturating_add(TERM);
        }
    }
}

#[cfg(test)]
#[path = "lease/tests.rs"]
mod tests;
