//! The parts of objects: their numbers and lengths.

use crate::seal::sealed_length;

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

    /// Runs of equal parts: the number of the first, how many, and how long each.
    pub(super) fn runs(&self) -> impl ExactSizeIterator<Item = (u32, u32, u64)> + '_ {
        self.runs.iter().map(|run| (run.first, run.count, run.length))
    }

    /// The parts of an upload from its runs; none if they are none.
    pub(super) fn from_runs(runs: &[(u32, u32, u64)]) -> Option<Self> {
        let mut behind = 0_u32;
        for (first, count, length) in runs {
            let ascends = *first > behind && *count > 0 && sealed_length(*length).is_some();
            behind = first.checked_add(*count)?.checked_sub(1).filter(|last| ascends && *last <= 10_000)?;
        }
        let run = |&(first, count, length): &(u32, u32, u64)| Run { first, count, length };
        (!runs.is_empty()).then(|| Self { runs: runs.iter().map(run).collect(), multipart: true })
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
        assert_eq!(Parts::from_runs(&many.runs().collect::<Vec<_>>()), Some(many.clone()));
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
    fn what_are_no_runs_of_parts_are_none() {
        for wrong in
            [&[][..], &[(0, 1, 5)], &[(1, 0, 5)], &[(1, 2, 5), (2, 1, 5)], &[(10_000, 2, 5)], &[(1, 1, u64::MAX)]]
        {
            assert_eq!(Parts::from_runs(wrong), None, "{wrong:?}");
        }
        assert!(Parts::from_runs(&[(1, 2, 5), (3, 1, 6), (10_000, 1, 0)]).is_some());
    }
}
