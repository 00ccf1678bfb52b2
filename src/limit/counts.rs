//! The counts of all keys of all dimensions, shared by all workers: a table in shards, bounded and swept
//! (spec/kms-throttling.md 4.3, 9). Knows nothing of requests.
//!
//! A request locks the shards of its few keys in one order, looks at all, then charges all or none; so no
//! two requests see each other half done, and a refusal leaves nothing behind.
//!
//! Memory: [`Counts::MOST`] keys by default. An entry takes 33 octets in a table that is filled between 7/16
//! and 7/8: 1,000,000 keys take at most 70 MB.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::pace::{Pace, State, Wait};
use crate::time::Ticks;

pub(super) const SHARDS: usize = 64;
/// Clocks of two threads may be read in another order than what they do: so long an entry stays, in
/// nanoseconds, after it has ceased to matter.
const SLACK: u64 = 1_000_000_000;
/// One shard is swept in so many nanoseconds.
const SWEEP_EVERY: u64 = 100_000_000;
/// Of the room, this share is not for keys that strangers choose.
const RESERVED: usize = 4;

/// A dimension, as far as its counts go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) pace: Pace,
    /// Tells it from others.
    pub(super) identity: u64,
    /// Strangers choose the keys.
    pub(super) open: bool,
}

/// One key to be charged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge<'a> {
    /// Which key of which dimension.
    pub(super) hash: u64,
    pub(super) line: &'a Line,
    pub(super) cells: u32,
    /// The place of the dimension among all.
    pub(super) at: u32,
}

/// The counts.
pub struct Counts {
    seed: u64,
    most: usize,
    shards: Box<[Mutex<Shard>]>,
    /// Entries.
    live: AtomicUsize,
    /// Those of them whose keys strangers choose.
    open: AtomicUsize,
    /// Keys that had to share one.
    overflow: AtomicU64,
    /// When a shard was swept, and which is next.
    swept: AtomicU64,
    next: AtomicUsize,
}

type Shard = HashMap<u64, Entry, BuildHasherDefault<Hashed>>;

#[derive(Clone, Copy, Debug)]
struct Entry {
    state: State,
    /// The upper half of the identity of its dimension; the lowest bit: whether strangers choose the key.
    tag: u32,
}

/// The most that a charge had to wait for.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    wait: Wait,
    at: u32,
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Counts({} keys)", self.len())
    }
}

impl Counts {
    /// How many keys there are at most, by default.
    pub const MOST: usize = 1_000_000;

    /// Holds counts of at most `most` keys. `seed` keeps strangers from making two keys meet.
    pub fn new(seed: u64, most: usize) -> Self {
        Self {
            seed,
            most,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            live: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            overflow: AtomicU64::new(0),
            swept: AtomicU64::new(0),
            next: AtomicUsize::new(0),
        }
    }

    /// The seed of the hashes.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often a key had to share one with others, because there was no room.
    pub fn overflow(&self) -> u64 {
        self.overflow.load(Ordering::Relaxed)
    }

    /// Charges all or none. The charges are brought into the order of their shards.
    ///
    /// # Errors
    /// The place of the dimension with the longest wait, the first of equals, and that wait.
    pub(super) fn charge(&self, charges: &mut [Charge<'_>], now: Ticks) -> Result<(), (u32, Wait)> {
        self.settle(charges);
        let mut verdict = None;
        self.descend(charges, now, &mut verdict);
        match verdict {
            None => Ok(()),
            Some(Verdict { wait, at }) => Err((at, wait)),
        }
    }

    /// Takes what has been used already from what comes; refuses nothing.
    pub(super) fn debit(&self, charges: &mut [Charge<'_>], now: Ticks) {
        self.settle(charges);
        for charge in charges.iter().filter(|charge| charge.cells > 0) {
            let mut shard = self.lock(charge.hash);
            let state = shard.get(&charge.hash).map(|entry| entry.state);
            self.put(&mut shard, charge, charge.line.pace.debited(state, charge.cells.into(), now));
        }
    }

    /// For each dimension: how many cells its fullest key has left, and how many keys there are. One look at
    /// every count.
    pub(super) fn survey<'a>(&self, lines: impl Iterator<Item = &'a Line>, now: Ticks) -> Vec<(u64, usize)> {
        let lines: Vec<&Line> = lines.collect();
        let mut found: Vec<_> = lines.iter().map(|line| (line.pace.left(None, now), 0)).collect();
        let places: HashMap<u32, usize> = lines.iter().zip(0..).map(|(line, at)| (tag(line.identity), at)).collect();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for entry in shard.values() {
                let at = places.get(&(entry.tag & !1));
                if let Some((line, (left, keys))) = at.and_then(|at| lines.get(*at).zip(found.get_mut(*at))) {
                    *left = (*left).min(line.pace.left(Some(entry.state), now));
                    *keys += 1;
                }
            }
        }
        found
    }

    /// Forgets what makes no difference any more, in as many shards as are due. To be called several times
    /// a second.
    pub fn sweep(&self, now: Ticks) {
        let before = self.swept.load(Ordering::Relaxed);
        let due = usize::try_from(now.0.saturating_sub(before) / SWEEP_EVERY).unwrap_or(SHARDS).min(SHARDS);
        let taken = self.swept.compare_exchange(before, now.0, Ordering::Relaxed, Ordering::Relaxed);
        if due == 0 || taken.is_err() {
            return;
        }
        let past = Ticks(now.0.saturating_sub(SLACK));
        for _ in 0..due {
            let at = self.next.fetch_add(1, Ordering::Relaxed) % SHARDS;
            self.forget(at, past);
        }
    }

    /// Forgets what was of no matter then in one shard.
    pub(super) fn forget(&self, shard: usize, then: Ticks) {
        let Some(shard) = self.shards.get(shard) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut gone, mut open) = (0, 0);
        shard.retain(|_, entry| {
            let neutral = entry.state.is_neutral(then);
            gone += usize::from(neutral);
            open += usize::from(neutral && entry.tag & 1 == 1);
            !neutral
        });
        if shard.capacity() > 64 && shard.len() < shard.capacity() / 4 {
            let room = shard.len() * 2;
            shard.shrink_to(room);
        }
        drop(shard);
        self.live.fetch_sub(gone, Ordering::Relaxed);
        self.open.fetch_sub(open, Ordering::Relaxed);
    }

    /// Gives keys that there is no room for the one that all such keys of their dimension share; then brings
    /// all into the order in which shards are locked, each key once.
    fn settle(&self, charges: &mut [Charge<'_>]) {
        let live = self.live.load(Ordering::Relaxed).saturating_add(charges.len());
        let reserved = self.most / RESERVED;
        if live > self.most - reserved {
            let open = self.open.load(Ordering::Relaxed).saturating_add(charges.len());
            for charge in charges.iter_mut() {
                let full = live > self.most || charge.line.open && open > self.most - reserved;
                if full && !self.lock(charge.hash).contains_key(&charge.hash) {
                    charge.hash = charge.line.identity;
                    self.overflow.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        charges.sort_unstable_by_key(|charge| (shard(charge.hash), charge.hash));
        // Two KMS keys of one request may have come to share one count.
        let mut before: Option<&mut Charge<'_>> = None;
        for charge in charges.iter_mut() {
            match before.as_deref_mut() {
                Some(before) if before.hash == charge.hash => {
                    charge.cells += before.cells;
                    before.cells = 0;
                }
                _ => {}
            }
            before = Some(charge);
        }
    }

    /// Locks the shard of the first charge, looks at all that are in it, does the same with the rest while
    /// holding it, and charges on the way back if none was refused.
    fn descend(&self, charges: &[Charge<'_>], now: Ticks, verdict: &mut Option<Verdict>) {
        let Some(first) = charges.first() else { return };
        let here = charges.iter().take_while(|charge| shard(charge.hash) == shard(first.hash)).count();
        let (here, rest) = charges.split_at_checked(here).unwrap_or_default();
        let mut guard = self.lock(first.hash);
        if let [only] = here {
            // As it is nearly always; then it is looked for once.
            let found = guard.get_mut(&only.hash);
            let state = found.as_ref().map(|entry| entry.state);
            only.peek(state, now, verdict);
            self.descend(rest, now, verdict);
            if verdict.is_none() {
                let state = only.line.pace.charged(state, only.cells.into(), now);
                match found {
                    Some(entry) => entry.state = state,
                    None => self.put(&mut guard, only, state),
                }
            }
            return;
        }
        let state = |shard: &Shard, charge: &Charge<'_>| shard.get(&charge.hash).map(|entry| entry.state);
        for charge in here.iter().filter(|charge| charge.cells > 0) {
            charge.peek(state(&guard, charge), now, verdict);
        }
        self.descend(rest, now, verdict);
        if verdict.is_none() {
            for charge in here.iter().filter(|charge| charge.cells > 0) {
                let state = charge.line.pace.charged(state(&guard, charge), charge.cells.into(), now);
                self.put(&mut guard, charge, state);
            }
        }
    }

    fn put(&self, shard: &mut Shard, charge: &Charge<'_>, state: State) {
        let tag = tag(charge.line.identity) | u32::from(charge.line.open);
        if shard.insert(charge.hash, Entry { state, tag }).is_none() {
            self.live.fetch_add(1, Ordering::Relaxed);
            self.open.fetch_add(charge.line.open.into(), Ordering::Relaxed);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "a shard is below their number")]
    fn lock(&self, hash: u64) -> MutexGuard<'_, Shard> {
        // Nothing is left half done in there.
        self.shards[shard(hash)].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Charge<'_> {
    fn peek(&self, state: Option<State>, now: Ticks, verdict: &mut Option<Verdict>) {
        if let Err(wait) = self.line.pace.peek(state, self.cells.into(), now) {
            let longer = |best: &Verdict| (wait, best.at) > (best.wait, self.at);
            if verdict.as_ref().is_none_or(longer) {
                *verdict = Some(Verdict { wait, at: self.at });
            }
        }
    }
}

/// The lowest bits find the place in a shard, the highest tell entries there apart.
const fn shard(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
}

const fn tag(identity: u64) -> u32 {
    (identity >> 32) as u32 & !1
}

/// The keys are hashes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
#[path = "counts/tests.rs"]
mod tests;
