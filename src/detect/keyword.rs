//! Words that must stand near: where they are in a text, and which detectors they are for.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::table::{Nearness, Row};

/// The longest keyword as it may be written, in octets; the table is held to it by a test.
pub(super) const LONGEST: usize = 64;
/// An access key id counts as a keyword for the secret.
const KEY_ID: usize = 20;
const SECRETS: &str = "AWS_CREDENTIALS";

/// A set of detectors, by their place in the table.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Labels(pub(super) u64);

impl Labels {
    pub(super) fn one(place: usize) -> Self {
        Self(1_u64.checked_shl(u32::try_from(place).unwrap_or(u32::MAX)).unwrap_or_default())
    }

    pub(super) fn has(self, place: usize) -> bool {
        self.0 & Self::one(place).0 != 0
    }
}

impl std::ops::BitOrAssign for Labels {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The keywords of a selection.
pub(super) struct Keywords {
    search: Option<AhoCorasick>,
    /// What each pattern is for.
    patterns: Vec<Word>,
}

#[derive(Clone, Copy)]
struct Word {
    rows: Labels,
    /// It begins, or ends, with a letter or digit, which must be the first, or last, of its word.
    begins: bool,
    ends: bool,
    /// The begin of an access key id, and not a word.
    key_id: bool,
}

/// A keyword in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) rows: Labels,
}

impl Keywords {
    pub(super) fn of(rows: &[Row], on: Labels) -> Self {
        let mut words: BTreeMap<Vec<u8>, Labels> = BTreeMap::new();
        let mut ids = Labels::default();
        for (place, row) in rows.iter().enumerate().filter(|(place, _)| on.has(*place)) {
            if row.id == SECRETS {
                ids |= Labels::one(place);
            }
            if row.nearness == Nearness::No {
                continue;
            }
            for spelling in row.keywords.iter().flat_map(|keyword| spellings(keyword)) {
                *words.entry(spelling).or_default() |= Labels::one(place);
            }
        }
        let of_word = |(spelling, rows): (&Vec<u8>, &Labels)| Word {
            rows: *rows,
            begins: spelling.first().is_some_and(u8::is_ascii_alphanumeric),
            ends: spelling.last().is_some_and(u8::is_ascii_alphanumeric),
            key_id: false,
        };
        let mut patterns: Vec<Word> = words.iter().map(of_word).collect();
        let mut spellings: Vec<Vec<u8>> = words.into_keys().collect();
        if ids != Labels::default() {
            for prefix in [b"AKIA", b"ASIA"] {
                spellings.push(prefix.to_vec());
                patterns.push(Word { rows: ids, begins: true, ends: true, key_id: true });
            }
        }
        let search =
            AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(&spellings).ok();
        Self { search: search.filter(|_| !patterns.is_empty()), patterns }
    }

    /// All keywords in a text, by their ends. Edges of the text are edges of words.
    pub(super) fn find(&self, text: &[u8], hits: &mut Vec<Hit>) {
        hits.clear();
        let Some(search) = &self.search else { return };
        for found in search.find_overlapping_iter(text) {
            let Some(word) = self.patterns.get(found.pattern().as_usize()) else { continue };
            let start = found.start();
            let end = if word.key_id { start + KEY_ID } else { found.end() };
            if word.key_id && !is_key_id(text.get(start..end).unwrap_or_default()) {
                continue;
            }
            let inside = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
            if (word.begins && inside(start.checked_sub(1))) || (word.ends && inside(Some(end))) {
                continue;
            }
            hits.push(Hit { start, end, rows: word.rows });
        }
        hits.sort_unstable_by_key(|hit| hit.end);
    }

    /// Which detectors have a keyword in a name. `customerCardNumber` is `customer_Card_Number`.
    pub(super) fn in_name(&self, name: &[u8]) -> Labels {
        let mut split = Vec::with_capacity(name.len() + 8);
        for (at, octet) in name.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| name.get(at));
            if octet.is_ascii_uppercase() && before.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit()) {
                split.push(b'_');
            }
            split.push(*octet);
        }
        let (mut hits, mut labels) = (Vec::new(), Labels::default());
        self.find(&split, &mut hits);
        hits.iter().for_each(|hit| labels |= hit.rows);
        labels
    }
}

fn is_key_id(text: &[u8]) -> bool {
    text.len() == KEY_ID
        && (text.starts_with(b"AKIA") || text.starts_with(b"ASIA"))
        && text.iter().skip(4).all(|octet| octet.is_ascii_uppercase() || matches!(octet, b'2'..=b'7'))
}

/// A blank in a keyword stands for nothing, or one of blank, `_`, `.` and `-`.
fn spellings(keyword: &str) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    for octet in keyword.bytes() {
        let ways: &[&[u8]] =
            if octet == b' ' { &[b"", b" ", b"_", b".", b"-"] } else { &[&[octet.to_ascii_lowercase()]] };
        all = all.iter().flat_map(|begun: &Vec<u8>| ways.iter().map(move |way| [begun, *way].concat())).collect();
    }
    all
}
