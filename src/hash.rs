//! Hashing for maps of short keys that are looked up for every request and that no stranger chooses:
//! names of the configuration, constants, ids that were issued here.
//!
//! A stranger chooses only what is looked for, and finds a place in the map or none. For keys that come
//! from strangers the standard hasher is right; it costs several times as much.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A map whose keys no stranger chooses.
pub type QuickMap<K, V> = HashMap<K, V, Quick>;

/// Makes the hashers of one map.
#[derive(Clone, Copy, Debug)]
pub struct Quick {
    seed: u64,
}

/// XXH3 over each piece, from the one before.
#[derive(Clone, Copy, Debug)]
pub struct QuickHasher {
    state: u64,
}

impl Default for Quick {
    fn default() -> Self {
        Self { seed: RandomState::new().hash_one(0_u8) }
    }
}

impl BuildHasher for Quick {
    type Hasher = QuickHasher;

    fn build_hasher(&self) -> QuickHasher {
        QuickHasher { state: self.seed }
    }
}

impl Hasher for QuickHasher {
    fn write(&mut self, octets: &[u8]) {
        self.state = xxh3_64_with_seed(octets, self.state);
    }

    /// Ends a text; what follows it may not run into it.
    fn write_u8(&mut self, octet: u8) {
        self.state = self.state.rotate_left(5) ^ u64::from(octet);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_found_and_nothing_else() {
        let mut map = QuickMap::default();
        for n in 0..1000 {
            map.insert(format!("AKIA{n:016}"), n);
        }
        assert!((0..1000).all(|n| map.get(&*format!("AKIA{n:016}")) == Some(&n)));
        assert_eq!(map.get("AKIA"), None);
    }

    #[test]
    fn texts_in_a_row_are_told_apart_from_one_text() {
        let quick = Quick::default();
        assert_ne!(quick.hash_one(("ab", "c")), quick.hash_one(("a", "bc")));
        assert_ne!(quick.hash_one(("", "a")), quick.hash_one(("a", "")));
    }

    #[test]
    fn two_maps_hash_differently() {
        assert_ne!(Quick::default().hash_one("a"), Quick::default().hash_one("a"));
    }
}
