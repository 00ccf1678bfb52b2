//! Data keys that a key service has given and that serve more than once (spec/encryption.md 15.4): keys of
//! buckets. One belongs to a requester, a KMS key and an encryption context, so that nobody's permission
//! serves another and no name another; what is bound to one object is asked for every time.
//!
//! Shared by all workers. Whoever needs a key that is being asked for waits for it, so the service hears of
//! it once, as the limits count it (spec/kms-throttling.md 3).
//!
//! Invariants:
//! - a key serves for [`LIFETIME`] at most, and [`MOST_USES`] objects or [`MOST_OCTETS`];
//! - nothing is kept from before a keyring was read again;
//! - at most [`MOST`] are kept; the oldest goes first; what goes is wiped.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ring::digest::{Context as Digest, SHA256};

use crate::kms::{DataKey, Ring};
use crate::limit::ledger;
use crate::time::Ticks;

/// How long a key of a bucket serves, in nanoseconds: as long as the limits take it to.
const LIFETIME: u64 = ledger::LIFETIME;
/// How many objects one seals, and how often one opens.
const MOST_USES: u32 = 1_000;
/// How many octets one seals, as far as requests say it.
const MOST_OCTETS: u64 = 64 << 30;
/// How many are kept.
const MOST: usize = 4_096;

/// The keys that are kept.
#[derive(Default)]
pub(super) struct Cache {
    shelf: Mutex<Shelf>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({})", self.shelf().slots.len())
    }
}

#[derive(Default)]
struct Shelf {
    slots: HashMap<Id, Placed>,
    /// In the order of their making.
    order: VecDeque<(Id, Ticks)>,
    /// Never followed: it tells whether the keyring is still the same.
    ring: Weak<Ring>,
}

struct Placed {
    made: Ticks,
    slot: Arc<Slot>,
}

/// What a key belongs to, all of it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Id([u8; 32]);

/// The place of a key. Who fills it holds it locked until the service has answered.
#[derive(Default)]
pub(super) struct Slot(tokio::sync::Mutex<Option<Held>>);

/// A key in use.
pub(super) struct Held {
    data: Arc<DataKey>,
    wrapped: Vec<u8>,
    uses: u32,
    octets: u64,
}

impl Id {
    /// The key that a requester seals with, or (with what is `wrapped`) the one that it opens.
    pub(super) fn of(key: &str, requester: [&str; 2], context: &[u8], wrapped: Option<&[u8]>) -> Self {
        let mut digest = Digest::new(&SHA256);
        let pieces = [key.as_bytes(), requester[0].as_bytes(), requester[1].as_bytes(), context];
        // Each with its length, so that none runs into the next.
        for piece in pieces.into_iter().chain(wrapped) {
            digest.update(&(piece.len() as u64).to_le_bytes());
            digest.update(piece);
        }
        let mut id = [0; 32];
        id.iter_mut().zip(digest.finish().as_ref()).for_each(|(place, octet)| *place = *octet);
        Self(id)
    }
}

impl Cache {
    /// The place of a key, kept or still to be filled.
    pub(super) fn slot(&self, id: Id, ring: &Arc<Ring>, now: Ticks) -> Arc<Slot> {
        let mut shelf = self.shelf();
        shelf.keep_to(ring);
        shelf.sweep(now, MOST - 1);
        if let Some(placed) = shelf.slots.get(&id) {
            return Arc::clone(&placed.slot);
        }
        let slot = Arc::<Slot>::default();
        shelf.slots.insert(id, Placed { made: now, slot: Arc::clone(&slot) });
        shelf.order.push_back((id, now));
        slot
    }

    /// The place of a key, if there is one.
    pub(super) fn find(&self, id: Id, ring: &Arc<Ring>, now: Ticks) -> Option<Arc<Slot>> {
        let mut shelf = self.shelf();
        shelf.keep_to(ring);
        shelf.sweep(now, MOST);
        shelf.slots.get(&id).map(|placed| Arc::clone(&placed.slot))
    }

    /// Wipes what has served its time.
    pub(super) fn sweep(&self, now: Ticks) {
        self.shelf().sweep(now, MOST);
    }

    /// Counts a look: whether a key was there.
    pub(super) fn count(&self, hit: bool) {
        if hit { &self.hits } else { &self.misses }.fetch_add(1, Ordering::Relaxed);
    }

    /// Looks since the start that found a key, and that did not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// Another ring may have another state of any key.
    fn keep_to(&mut self, ring: &Arc<Ring>) {
        if !std::ptr::eq(self.ring.as_ptr(), Arc::as_ptr(ring)) {
            self.slots.clear();
            self.order.clear();
            self.ring = Arc::downgrade(ring);
        }
    }

    fn sweep(&mut self, now: Ticks, most: usize) {
        while let Some((id, made)) = self.order.front().copied() {
            if now.0.saturating_sub(made.0) < LIFETIME && self.order.len() <= most {
                break;
            }
            self.order.pop_front();
            // A slot in use lives on with whoever uses it, and no longer.
            if self.slots.get(&id).is_some_and(|placed| placed.made == made) {
                self.slots.remove(&id);
            }
        }
    }
}

impl Slot {
    /// Locks it: who finds nothing in it fills it.
    pub(super) async fn lock(&self) -> tokio::sync::MutexGuard<'_, Option<Held>> {
        self.0.lock().await
    }

    /// What is in it, if nobody is at it.
    pub(super) fn look(&self) -> Option<Arc<DataKey>> {
        self.0.try_lock().ok()?.as_ref().map(|held| Arc::clone(&held.data))
    }
}

impl Held {
    /// A key that has not served yet.
    pub(super) fn new(data: Arc<DataKey>, wrapped: Vec<u8>) -> Self {
        Self { data, wrapped, uses: 0, octets: 0 }
    }

    /// Takes it for one more object of so many octets; none where it has served its time.
    pub(super) fn take(&mut self, octets: u64) -> Option<(Arc<DataKey>, Vec<u8>)> {
        let sum = self.octets.saturating_add(octets);
        // The first use is always one: an object may be larger than what several may be.
        if self.uses >= MOST_USES || self.uses > 0 && sum > MOST_OCTETS {
            return None;
        }
        (self.uses, self.octets) = (self.uses + 1, sum);
        Some((Arc::clone(&self.data), self.wrapped.clone()))
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const WHO: [&str; 2] = ["arn:aws:iam::111122223333:user/a", ""];

    fn id(number: u32) -> Id {
        Id::of("key", WHO, &number.to_le_bytes(), None)
    }

    fn held() -> Held {
        Held::new(Arc::new(DataKey::new(Zeroizing::new([7; 32]))), vec![1])
    }

    fn fill(slot: &Slot) {
        *slot.0.try_lock().unwrap() = Some(held());
    }

    #[test]
    fn no_two_keys_requesters_contexts_or_wrappings_share_a_place() {
        let ids = [
            Id::of("key", ["a", ""], b"c", None),
            Id::of("ke", ["ya", ""], b"c", None),
            Id::of("key", ["", "a"], b"c", None),
            Id::of("key", ["a", "c"], b"", None),
            Id::of("key", ["a", ""], b"c", Some(b"")),
            Id::of("key", ["a", ""], b"c", Some(b"w")),
            Id::of("key", ["a", ""], b"cw", None),
            Id::of("other", ["a", ""], b"c", None),
        ];
        for (at, one) in ids.iter().enumerate() {
            assert!(ids.iter().skip(at + 1).all(|other| other != one), "{at}");
        }
    }

    #[test]
    fn a_key_serves_its_time_and_not_a_nanosecond_longer() {
        let (cache, ring) = (Cache::default(), Arc::<Ring>::default());
        fill(&cache.slot(id(1), &ring, Ticks(10)));
        assert!(cache.find(id(1), &ring, Ticks(10 + LIFETIME - 1)).unwrap().look().is_some());
        assert!(cache.find(id(1), &ring, Ticks(10 + LIFETIME)).is_none());
        assert!(cache.slot(id(1), &ring, Ticks(10 + LIFETIME)).look().is_none(), "a place that is empty again");
    }

    #[test]
    fn what_has_served_its_time_is_wiped_where_nobody_asks_for_it() {
        let (cache, ring) = (Cache::default(), Arc::<Ring>::default());
        let slot = cache.slot(id(1), &ring, Ticks(0));
        fill(&slot);
        let data = Arc::downgrade(&slot.look().unwrap());
        drop(slot);
        cache.sweep(Ticks(LIFETIME - 1));
        assert!(data.upgrade().is_some());
        cache.sweep(Ticks(LIFETIME));
        assert!(data.upgrade().is_none());
        fn wiped<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        wiped(&Zeroizing::new([0_u8; 32])); // of which a data key is made
    }

    #[test]
    fn a_keyring_that_was_read_again_leaves_nothing_of_before() {
        let (cache, one, other) = (Cache::default(), Arc::<Ring>::default(), Arc::<Ring>::default());
        fill(&cache.slot(id(1), &one, Ticks(0)));
        assert!(cache.find(id(1), &one, Ticks(0)).is_some());
        assert!(cache.find(id(1), &other, Ticks(0)).is_none());
        assert!(cache.find(id(1), &one, Ticks(0)).is_none());
    }

    #[test]
    fn the_oldest_goes_first_and_there_are_never_more_than_there_is_room_for() {
        let (cache, ring) = (Cache::default(), Arc::<Ring>::default());
        for number in 0..MOST as u32 + 100 {
            cache.slot(id(number), &ring, Ticks(u64::from(number)));
        }
        let now = Ticks(MOST as u64 + 100);
        let shelf = cache.shelf();
        assert_eq!((shelf.slots.len(), shelf.order.len()), (MOST, MOST));
        drop(shelf);
        assert!(cache.find(id(99), &ring, now).is_none() && cache.find(id(100), &ring, now).is_some());
    }

    #[test]
    fn a_key_seals_a_thousand_objects_or_sixty_four_gibibytes() {
        let mut one = held();
        assert!((0..MOST_USES).all(|_| one.take(1).is_some()) && one.take(1).is_none());
        let mut one = held();
        assert!(one.take(MOST_OCTETS - 1).is_some() && one.take(2).is_none() && one.take(1).is_some());
        let mut one = held();
        assert!(one.take(MOST_OCTETS + 1).is_some() && one.take(0).is_none(), "one that is larger is alone");
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let (cache, ring) = (Cache::default(), Arc::<Ring>::default());
        fill(&cache.slot(id(1), &ring, Ticks(0)));
        assert_eq!(format!("{cache:?}"), "Cache(1)");
    }
}
