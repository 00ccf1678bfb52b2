//! Which detectors a position can be of, by the few octets that begin there: looks into tables, that leave little to
//! the automata.

use super::table::{Form, Shape};

/// How many octets are looked at.
const DEPTH: usize = 8;

/// A set of octets.
type Octets = [bool; 256];

/// For each of the first octets, the rows one of whose forms can have it there, as bits.
pub(super) struct Heads(Box<[[u64; 256]; DEPTH]>);

impl Heads {
    /// Of forms, each with the bit of its row.
    pub(super) fn of<'a>(forms: impl Iterator<Item = (u64, &'a Form)>) -> Self {
        let mut tables = Box::new([[0; 256]; DEPTH]);
        for (row, form) in forms {
            for (table, octets) in tables.iter_mut().zip(form.shape.heads()) {
                table.iter_mut().zip(octets).filter(|(_, can)| *can).for_each(|(rows, _)| *rows |= row);
            }
        }
        Self(tables)
    }

    /// Those that this octet can begin.
    #[inline]
    pub(super) fn begun_by(&self, octet: u8) -> u64 {
        let [first, ..] = &*self.0;
        first.get(usize::from(octet)).copied().unwrap_or_default()
    }

    /// Those of the rows asked for that what begins here can be of. Where the text ends, any can.
    #[inline]
    pub(super) fn rows(&self, text: &[u8], asked: u64) -> u64 {
        let mut left = asked;
        for (table, octet) in self.0.iter().zip(text) {
            if left == 0 {
                break;
            }
            left &= table.get(usize::from(*octet)).copied().unwrap_or_default();
        }
        left
    }
}

impl Shape {
    /// The octets that it can have at each of its first places; behind its shortest end, all.
    fn heads(&self) -> [Octets; DEPTH] {
        let mut heads = [[false; 256]; DEPTH];
        match self {
            Self::ByCountry(lengths) => {
                for (place, octets) in heads.iter_mut().enumerate() {
                    for (octet, can) in (0..=u8::MAX).zip(octets) {
                        *can = match place {
                            0 | 1 => lengths.iter().any(|(country, _)| country.get(place) == Some(&octet)),
                            2 | 3 => octet.is_ascii_digit(),
                            _ => octet.is_ascii_digit() || octet.is_ascii_uppercase() || octet == b' ',
                        };
                    }
                }
            }
            Self::Pattern(dfa) => {
                let mut states = vec![dfa.start()];
                let mut ended = false;
                for octets in &mut heads {
                    ended |= states.iter().any(|state| dfa.ends(*state));
                    if ended {
                        octets.fill(true);
                        continue;
                    }
                    let mut next = Vec::new();
                    for state in states {
                        for (octet, can) in (0..=u8::MAX).zip(octets.iter_mut()) {
                            if let Some(to) = dfa.next(state, octet) {
                                *can = true;
                                next.push(to);
                            }
                        }
                        next.sort_unstable();
                        next.dedup();
                    }
                    states = next;
                }
            }
        }
        heads
    }
}
