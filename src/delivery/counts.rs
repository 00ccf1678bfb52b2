//! What deliveries count, for metrics: by destination, whose number is configured.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the destinations of buckets whose logging is on are called together.
pub const BUCKET_LOGGING: &str = "bucket-logging";

/// The counts of all destinations.
#[derive(Debug, Default)]
pub struct Counts {
    /// By the name of the cursor.
    all: Mutex<BTreeMap<String, (String, Arc<Count>)>>,
}

/// The counts of one.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) records: AtomicU64,
    pub(super) deliveries: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) given_up: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) missing: AtomicU64,
    pub(super) lag_millis: AtomicU64,
    pub(super) failing: AtomicBool,
}

/// What one destination, or those of all logged buckets together, have counted since the start.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reading {
    /// Its name.
    pub sink: String,
    /// Records that were delivered.
    pub records: u64,
    /// Deliveries that were taken.
    pub deliveries: u64,
    /// Tries that failed.
    pub failures: u64,
    /// Records that were given up after seven days.
    pub given_up: u64,
    /// Records that the destination refused for good.
    pub rejected: u64,
    /// Records of the journal that were gone before they were delivered.
    pub missing: u64,
    /// Whether the last try of any failed.
    pub failing: bool,
    /// How old the oldest request was that the last delivery, or try, was about; the largest of all, in
    /// milliseconds.
    pub lag_millis: u64,
}

impl Counts {
    /// The counts of a destination, under a label.
    pub(super) fn of(&self, name: &str, label: &str) -> Arc<Count> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&all.entry(name.to_owned()).or_insert_with(|| (label.to_owned(), Arc::default())).1)
    }

    /// What has been counted, by label.
    pub fn read(&self) -> Vec<Reading> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut readings: BTreeMap<&str, Reading> = BTreeMap::new();
        for (label, count) in all.values() {
            let sum = readings.entry(label).or_insert_with(|| Reading { sink: label.clone(), ..Reading::default() });
            let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            sum.records += of(&count.records);
            sum.deliveries += of(&count.deliveries);
            sum.failures += of(&count.failures);
            sum.given_up += of(&count.given_up);
            sum.rejected += of(&count.rejected);
            sum.missing += of(&count.missing);
            sum.failing |= count.failing.load(Ordering::Relaxed);
            sum.lag_millis = sum.lag_millis.max(of(&count.lag_millis));
        }
        readings.into_values().collect()
    }
}

/// Adds.
pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
