//! What became of a body, for those who no longer hold it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::s3::Fault;

/// What became of a body: how much was read, whether all of it held, or why not. Cheap to clone; every
/// clone sees the same.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    fault: OnceLock<Fault>,
    verified: AtomicBool,
    octets: AtomicU64,
}

impl Verdict {
    /// Why the body failed, if it did. Its first fault stands.
    pub fn fault(&self) -> Option<Fault> {
        self.inner.fault.get().cloned()
    }

    /// Whether all of it came and everything held.
    pub fn holds(&self) -> bool {
        self.inner.verified.load(Ordering::Relaxed)
    }

    /// Octets of object data read so far.
    pub fn bytes(&self) -> u64 {
        self.inner.octets.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, octets: usize) {
        self.inner.octets.fetch_add(octets as u64, Ordering::Relaxed);
    }

    pub(super) fn verified(&self) {
        self.inner.verified.store(true, Ordering::Relaxed);
    }

    /// Records a fault; gives back the one that stands.
    pub(super) fn failed(&self, fault: Fault) -> Fault {
        self.inner.fault.get_or_init(|| fault).clone()
    }
}
