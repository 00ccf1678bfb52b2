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
    /// A destination needs no record before `number`. Gives the lowest that one of them needs.
    pub(super) fn set(&self, cursor: &Path, number: u64) -> u64 {
        let mut needed = self.needed.borrow_mut();
        needed.insert(cursor.to_owned(), number);
        needed.values().copied().min().unwrap_or(u64::MAX)
    }

    /// A destination is gone. Gives the lowest that one of the others needs; the largest number if there are none.
    pub(super) fn remove(&self, cursor: &Path) -> u64 {
        let mut needed = self.needed.borrow_mut();
        needed.remove(cursor);
        needed.values().copied().min().unwrap_or(u64::MAX)
    }
}
