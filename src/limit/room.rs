//! How many requests may be in flight, and how much may be held in memory for those whom nobody knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::s3::{Code, Fault};

/// How many requests may be in flight, over all workers.
#[derive(Clone, Debug)]
pub struct InFlight {
    live: Arc<AtomicUsize>,
    most: usize,
}

/// A place among the requests in flight; given back when dropped.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    live: Arc<AtomicUsize>,
}

impl InFlight {
    /// At most `most` requests at a time.
    pub fn new(most: usize) -> Self {
        Self { live: Arc::default(), most }
    }

    /// A place, or the refusal that tells clients when to come back.
    ///
    /// # Errors
    /// `SlowDown` with both hints (spec/errors.md 6, 8).
    pub fn admit(&self) -> Result<Permit, Fault> {
        if self.live.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.live.fetch_sub(1, Ordering::Relaxed);
            return Err(Fault::plain(Code::SlowDown, "in-flight")
                .header("retry-after", "1")
                .header("x-amz-retry-after", "500")
                .detail(format!("{} requests are in flight (listen.limits.in_flight)", self.most)));
        }
        Ok(Permit { live: Arc::clone(&self.live) })
    }

    /// Requests in flight now.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }
}

/// How many octets may be read into memory at once for callers that nobody has decided about, over all
/// workers.
#[derive(Clone, Debug)]
pub struct Room {
    taken: Arc<AtomicU64>,
    most: u64,
}

/// Room for one document; given back when dropped.
#[derive(Debug)]
#[must_use]
pub struct Taken {
    taken: Arc<AtomicU64>,
    octets: u64,
}

impl Room {
    /// For so many octets.
    pub fn new(most: u64) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// Room for a document.
    ///
    /// # Errors
    /// `SlowDown` while others have it.
    pub fn take(&self, octets: u64) -> Result<Taken, Fault> {
        let taken = Taken { taken: Arc::clone(&self.taken), octets };
        if self.taken.fetch_add(octets, Ordering::Relaxed).saturating_add(octets) > self.most {
            let detail = format!("documents of {} octets are being read", self.most);
            return Err(Fault::plain(Code::SlowDown, "documents").header("retry-after", "1").detail(detail));
        }
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_request_ends() {
        let limit = InFlight::new(1);
        let first = limit.admit().unwrap();
        assert_eq!(limit.admit().unwrap_err().code(), Code::SlowDown);
        drop(first);
        let _second = limit.admit().unwrap();
        assert_eq!(limit.live(), 1);
    }

    #[test]
    fn callers_whom_nobody_knows_cannot_fill_the_memory() {
        let room = Room::new(10);
        let first = room.take(8).unwrap();
        assert_eq!(room.take(3).unwrap_err().code(), Code::SlowDown);
        let second = room.take(2).unwrap();
        drop(first);
        assert!(room.take(8).is_ok());
        drop(second);
        assert!(room.take(10).is_ok());
    }
}
