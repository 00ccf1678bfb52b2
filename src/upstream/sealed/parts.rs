//! The parts of objects: their numbers and lengths, and what is known of them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::seal::{ObjectId, sealed_length};

/// How many multipart objects are remembered; with more, the oldest are forgotten. At most 60 MB.
const MOST_OBJECTS: usize = 1 << 18;
/// How many runs of equal parts are kept over all objects: 16 MB.
const MOST_RUNS: usize = 1 << 20;

/// The parts of an object in order: their numbers and the lengths of their plaintext. Neighbours are mostly
/// alike.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Parts {
    runs: Vec<Run>,
    multipart: bool,
}

/// Parts of one length whose numbers follow each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Run {
    first: u32,
    count: u32,
    length: u64,
}

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Part {
    pub(super) number: u32,
    pub(super) length: u64,
}

impl Parts {
    /// An object that was put whole.
    pub(super) fn whole(length: u64) -> Self {
        Self { runs: vec![Run { first: 1, count: 1, length }], multipart: false }
    }

    /// Whether they were uploaded one by one.
    pub(super) fn is_multipart(&self) -> bool {
        self.multipart
    }

    /// Adds a part.
    fn push(&mut self, Part { number, length }: Part) {
        match self.runs.last_mut() {
            Some(run) if run.length == length && run.first.checked_add(run.count) == Some(number) => run.count += 1,
            _ => self.runs.push(Run { first: number, count: 1, length }),
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Part> + '_ {
        let parts = |run: &Run| (run.first..=u32::MAX).take(run.count as usize).zip(std::iter::repeat(run.length));
        self.runs.iter().flat_map(parts).map(|(number, length)| Part { number, length })
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.runs.iter().fold(0, |sum, run| sum.saturating_add(run.count))
    }

    /// Octets of plaintext.
    pub(super) fn plain(&self) -> u64 {
        self.runs.iter().fold(0, |sum, run| sum.saturating_add(run.length.saturating_mul(u64::from(run.count))))
    }

    /// Octets of the stored object; none if a part is too long.
    pub(super) fn sealed(&self) -> Option<u64> {
        self.runs
            .iter()
            .try_fold(0_u64, |sum, run| sum.checked_add(sealed_length(run.length)?.checked_mul(u64::from(run.count))?))
    }

    /// The first octet of the part in a place, counted from 0, and its length.
    pub(super) fn place(&self, at: usize) -> Option<(u64, u64)> {
        let mut from = 0_u64;
        for (place, part) in self.iter().enumerate() {
            if place == at {
                return Some((from, part.length));
            }
            from = from.saturating_add(part.length);
        }
        None
    }
}

impl FromIterator<Part> for Parts {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        let mut out = Self { runs: Vec::new(), multipart: true };
        parts.into_iter().for_each(|part| out.push(part));
        out
    }
}

/// How many parts an entity tag says that an object has; none if it was put whole.
pub(super) fn parts_of(etag: &str) -> Option<u32> {
    let (_, count) = etag.trim_matches('"').rsplit_once('-')?;
    count.parse().ok().filter(|count| (1..=10_000).contains(count))
}

/// The lengths of the parts of multipart objects, as this process has completed or verified them; shared by
/// all workers. What is not known is found out from the object itself, header by header.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<Box<str>, (ObjectId, Parts)>,
    order: VecDeque<Box<str>>,
    runs: usize,
}

impl Catalogue {
    /// Remembers the parts of the object with this entity tag and id.
    pub(super) fn note(&self, etag: &str, id: ObjectId, parts: Parts) {
        let etag: Box<str> = etag.trim_matches('"').into();
        let mut inner = self.lock();
        inner.runs += parts.runs.len();
        match inner.known.insert(etag.clone(), (id, parts)) {
            Some((_, old)) => inner.runs = inner.runs.saturating_sub(old.runs.len()),
            None => inner.order.push_back(etag),
        }
        while inner.order.len() > MOST_OBJECTS || inner.runs > MOST_RUNS {
            let Some(oldest) = inner.order.pop_front() else { break };
            if let Some((_, old)) = inner.known.remove(&oldest) {
                inner.runs = inner.runs.saturating_sub(old.runs.len());
            }
        }
    }

    /// The parts of an object. An entity tag is of octets that no two uploads share; the id says that the store
    /// has not taken it from another object.
    pub(super) fn find(&self, etag: &str, id: &ObjectId) -> Option<Parts> {
        let inner = self.lock();
        inner.known.get(etag.trim_matches('"')).filter(|(of, _)| of == id).map(|(_, parts)| parts.clone())
    }

    /// Octets of plaintext of what a list names.
    pub(super) fn plain(&self, etag: &str, sealed: u64) -> Option<u64> {
        let inner = self.lock();
        let (_, parts) = inner.known.get(etag.trim_matches('"'))?;
        (parts.sealed() == Some(sealed)).then(|| parts.plain())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in here leaves at most one object forgotten.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of these lengths, numbered from 1 on.
    fn parts(lengths: impl IntoIterator<Item = u64>) -> Parts {
        (1..).zip(lengths).map(|(number, length)| Part { number, length }).collect()
    }

    #[test]
    fn equal_parts_take_no_room() {
        let many = parts(std::iter::repeat_n(8 << 20, 9_999).chain([5]));
        assert_eq!(many.runs.len(), 2);
        assert_eq!(many.count(), 10_000);
        assert_eq!(many.iter().last(), Some(Part { number: 10_000, length: 5 }));
        assert_eq!(many.plain(), 9_999 * (8 << 20) + 5);
        assert_eq!(many.place(9_999), Some((9_999 * (8 << 20), 5)));
        assert_eq!(many.place(10_000), None);
        assert_eq!(many.sealed(), Some(9_999 * sealed_length(8 << 20).unwrap() + sealed_length(5).unwrap()));
        let gaps: Parts = [3, 4, 9].map(|number| Part { number, length: 1 }).into_iter().collect();
        assert_eq!((gaps.runs.len(), gaps.iter().map(|part| part.number).collect()), (2, vec![3, 4, 9]));
    }

    #[test]
    fn a_tag_says_how_many_parts() {
        for (etag, parts) in [
            ("\"0123-2\"", Some(2)),
            ("0123-10000", Some(10_000)),
            ("\"0123\"", None),
            ("\"0123-\"", None),
            ("\"0123-0\"", None),
            ("\"0123-10001\"", None),
        ] {
            assert_eq!(parts_of(etag), parts, "{etag}");
        }
    }

    #[test]
    fn the_parts_of_another_object_are_not_taken_for_its_own() {
        let catalogue = Catalogue::default();
        let two = parts([7, 8]);
        catalogue.note("\"tag-2\"", [1; 16], two.clone());
        assert_eq!(catalogue.find("tag-2", &[1; 16]), Some(two.clone()));
        assert_eq!(catalogue.find("tag-2", &[2; 16]), None);
        assert_eq!(catalogue.plain("tag-2", two.sealed().unwrap()), Some(15));
        assert_eq!(catalogue.plain("tag-2", 15), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let catalogue = Catalogue::default();
        for object in 0..=MOST_OBJECTS {
            catalogue.note(&object.to_string(), [0; 16], Parts::default());
        }
        assert_eq!(catalogue.find("0", &[0; 16]), None);
        assert!(catalogue.find("1", &[0; 16]).is_some());
        for name in ["ragged", "worse", "worst"] {
            catalogue.note(name, [0; 16], parts(0..MOST_RUNS as u64 >> 1));
        }
        assert_eq!(catalogue.find("ragged", &[0; 16]), None);
        assert!(catalogue.lock().runs <= MOST_RUNS);
    }
}
