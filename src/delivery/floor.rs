//! The lowest record that some destination still needs: retention keeps it and all behind it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What each destination needs, by the file of its cursor.
#[derive(Debug, Default)]
pub(super) struct Floor {
    needed: RefCell<BTreeMap<PathBuf, u64>>,
}

impl Floor {
    /// A destination needs no record before `number`.
    pub(super) fn set(&self, cursor: &Path, number: u64) {
        self.needed.borrow_mut().insert(cursor.to_owned(), number);
    }

    /// A destination is gone.
    pub(super) fn remove(&self, cursor: &Path) {
        self.needed.borrow_mut().remove(cursor);
    }

    /// The lowest record that one of them needs; the largest number where there is none.
    pub(super) fn lowest(&self) -> u64 {
        self.needed.borrow().values().copied().min().unwrap_or(u64::MAX)
    }
}
