//! How many requests of one principal, bucket or the like may be under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dimension::{Hashed, Part, Stage, Subject};
use super::limiter::Refusal;
use super::pace::Wait;

/// How many caps a configuration may have.
pub const MOST_CAPS: usize = 4;
const SHARDS: usize = 16;
/// What clients are told: nobody knows when another request ends.
const WAIT: Wait = Wait::Nanos(500_000_000);

/// A limit of what is under way.
#[derive(Clone, Debug)]
pub struct Cap {
    /// Its name, for refusals, records and labels.
    pub name: Arc<str>,
    /// What keeps requests apart.
    pub part: Part,
    /// How many of each.
    pub most: u32,
}

/// The requests under way, over all workers. There are never more entries than requests in flight.
#[derive(Debug)]
pub struct Seats {
    caps: Vec<Cap>,
    seed: u64,
    taken: [Mutex<HashMap<u64, u32>>; SHARDS],
}

/// A place for one request; given back when dropped.
#[derive(Debug)]
#[must_use]
pub struct Seat {
    /// None where there are no caps.
    seats: Option<Arc<Seats>>,
    hashes: [Option<u64>; MOST_CAPS],
}

impl Seats {
    /// With these caps; those beyond [`MOST_CAPS`] are left out.
    pub fn new(seed: u64, mut caps: Vec<Cap>) -> Self {
        caps.truncate(MOST_CAPS);
        Self { caps, seed, taken: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Whether there are no caps.
    pub fn is_idle(&self) -> bool {
        self.caps.is_empty()
    }

    /// A place in every cap that applies.
    ///
    /// # Errors
    /// The first cap that has none left.
    pub fn take(self: &Arc<Self>, subject: &Subject<'_>) -> Result<Seat, Refusal> {
        let mut seat = Seat { seats: (!self.caps.is_empty()).then(|| Arc::clone(self)), hashes: [None; MOST_CAPS] };
        let mut hashed = Hashed::new(subject, self.seed);
        for ((number, cap), place) in (1_u64..).zip(&self.caps).zip(&mut seat.hashes) {
            let Some(part) = hashed.part(cap.part, false) else { continue };
            let hash = part.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut taken = self.lock(hash);
            let count = taken.entry(hash).or_default();
            if *count >= cap.most {
                return Err(Refusal { dimension: Arc::clone(&cap.name), stage: Stage::Request, wait: WAIT });
            }
            *count += 1;
            drop(taken);
            *place = Some(hash);
        }
        Ok(seat)
    }

    #[expect(clippy::indexing_slicing, reason = "a shard is below their number")]
    fn lock(&self, hash: u64) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.taken[hash as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(seats) = &self.seats else { return };
        for hash in self.hashes.iter().flatten() {
            let mut taken = seats.lock(*hash);
            if let Some(count) = taken.get_mut(hash) {
                *count -= 1;
                if *count == 0 {
                    taken.remove(hash);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(principal: &'a str, bucket: &'a str) -> Subject<'a> {
        Subject { principal: Some(principal), bucket: Some(bucket), ..Subject::default() }
    }

    #[test]
    fn a_seat_is_free_again_when_its_request_ends_and_a_refusal_takes_none() {
        let cap = |name: &str, part, most| Cap { name: name.into(), part, most };
        let seats = Arc::new(Seats::new(1, vec![cap("p", Part::Principal, 2), cap("b", Part::Bucket, 1)]));
        let first = seats.take(&of("alice", "a")).unwrap();
        for _ in 0..3 {
            assert_eq!(&*seats.take(&of("alice", "a")).unwrap_err().dimension, "b");
        }
        let second = seats.take(&of("alice", "b")).unwrap();
        let refusal = seats.take(&of("alice", "c")).unwrap_err();
        assert_eq!((&*refusal.dimension, refusal.retry_after_ms()), ("p", Some(500)));
        drop(first);
        let third = seats.take(&of("alice", "a")).unwrap();
        drop((second, third));
        assert!(seats.taken.iter().all(|taken| taken.lock().unwrap().is_empty()));
    }
}
