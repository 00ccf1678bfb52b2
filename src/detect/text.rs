//! One text as a stream: positions are decided in order, each when so much follows it that nothing later can
//! change what is found there.

use std::sync::Arc;

use super::keyword::{Hit, LONGEST, Labels};
use super::table::{Detectors, Form, Guard, Nearness, Row, Table, matches};

/// The longest form, in octets. What is longer is not reported.
const REACH: usize = 16 * 1024;
/// What must stand behind a form is looked for so far.
const FOLLOW: usize = 4 * 1024;
/// The most characters between a keyword and what it is for.
const NEAR: usize = 30;
/// The same where it must stand close before.
const CLOSE: usize = 12;
/// The most octets that characters so far away take, with a keyword and the octets beside it.
const AROUND: usize = NEAR * 4 + LONGEST + 2;
/// What must follow a position before it is decided.
const AHEAD: usize = REACH + FOLLOW + AROUND;
/// What is kept before it.
const BEHIND: usize = AROUND + 2;
/// How much is decided at a time.
const BLOCK: usize = 64 * 1024;

/// What was found, by its place in the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Found {
    pub(super) identifier: &'static str,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// One text: a whole input, a cell, a value. Guards and distances end at its edges.
pub(super) struct Text {
    detectors: Arc<Detectors>,
    labels: Labels,
    year: u16,
    buffer: Vec<u8>,
    /// Where the buffer begins in the text.
    base: u64,
    /// The next position to be decided, in the buffer.
    position: usize,
    /// From where on each detector looks again, in the text.
    resumes: Vec<u64>,
    /// What was found, until nothing can be found any more that begins before it.
    pending: Vec<Found>,
    /// How far what was told reaches.
    covered: u64,
    hits: Vec<Hit>,
}

impl Text {
    pub(super) fn new(detectors: Arc<Detectors>, labels: Labels, year: u16) -> Self {
        let resumes = vec![0; Table::built_in().rows.len()];
        let (buffer, pending, hits) = (Vec::new(), Vec::new(), Vec::new());
        Self { detectors, labels, year, buffer, base: 0, position: 0, resumes, pending, covered: 0, hits }
    }

    /// Takes the next piece.
    pub(super) fn feed(&mut self, octets: &[u8], found: &mut impl FnMut(Found)) {
        for piece in octets.chunks(BLOCK) {
            self.buffer.extend_from_slice(piece);
            if self.buffer.len() - self.position >= BLOCK + AHEAD {
                self.decide(self.buffer.len() - AHEAD, found);
            }
        }
    }

    /// The text has ended.
    pub(super) fn finish(&mut self, found: &mut impl FnMut(Found)) {
        self.decide(self.buffer.len(), found);
        self.release(u64::MAX, found);
    }

    /// Begins another text, with what names say of it.
    pub(super) fn restart(&mut self, labels: Labels) {
        self.labels = labels;
        self.buffer.clear();
        (self.base, self.position, self.covered) = (0, 0, 0);
        self.resumes.fill(0);
        self.pending.clear();
    }

    /// Decides all positions before `limit`.
    fn decide(&mut self, limit: usize, found: &mut impl FnMut(Found)) {
        let detectors = Arc::clone(&self.detectors);
        let from = self.position.saturating_sub(BEHIND);
        detectors.keywords.find(self.buffer.get(from..).unwrap_or_default(), &mut self.hits);
        for hit in &mut self.hits {
            (hit.start, hit.end) = (hit.start + from, hit.end + from);
        }
        let possible = self.possible();
        let mut before = self.position.checked_sub(1).and_then(|at| self.buffer.get(at)).copied();
        for position in self.position..limit {
            let Some(octet) = self.buffer.get(position).copied() else { break };
            let begin = detectors.first.get(usize::from(octet)).copied().unwrap_or_default() & possible;
            if begin != 0 && begin & allowed(before) != 0 {
                self.look(position, begin & allowed(before));
            }
            before = Some(octet);
        }
        self.position = limit;
        self.release(self.base + limit as u64, found);
        let gone = limit.saturating_sub(BEHIND);
        self.buffer.drain(..gone);
        self.base += gone as u64;
        self.position -= gone;
    }

    /// The detectors that can find anything here: those that need no keyword, or have one.
    fn possible(&self) -> u64 {
        let mut labels = self.labels;
        self.hits.iter().for_each(|hit| labels |= hit.rows);
        let rows = Table::built_in().rows.iter().enumerate();
        let free = rows.filter(|(_, row)| {
            row.nearness == Nearness::No
                || row.fallback.is_some()
                || (row.nearness == Nearness::UnlessFormatted && row.forms.iter().any(|form| form.formatted))
        });
        free.for_each(|(place, _)| labels |= Labels::one(place));
        let rows = Table::built_in().rows.iter().enumerate();
        let ahead = self.buffer.get(self.position..).unwrap_or_default();
        let without = rows.filter(|(_, row)| row.needs.is_some_and(|octet| memchr::memchr(octet, ahead).is_none()));
        labels.0 & self.detectors.on.0 & !without.fold(0, |all, (place, _)| all | Labels::one(place).0)
    }

    /// Asks those detectors at one position.
    fn look(&mut self, position: usize, mut asked: u64) {
        let here = self.base + position as u64;
        while asked != 0 {
            let place = asked.trailing_zeros() as usize;
            asked &= asked - 1;
            let Some(row) = Table::built_in().rows.get(place) else { break };
            if self.resumes.get(place).is_none_or(|resumes| *resumes > here) || !self.guards(row.guard, position, true)
            {
                continue;
            }
            if let Some((found, end)) = self.accept(place, row, position) {
                self.pending.push(found);
                if let Some(resumes) = self.resumes.get_mut(place) {
                    *resumes = self.base + end as u64;
                }
            }
        }
    }

    /// The first form that everything holds of (spec/detection.md 9.2), and where it ends.
    fn accept(&self, place: usize, row: &'static Row, position: usize) -> Option<(Found, usize)> {
        let end = self.buffer.len().min(position + REACH);
        let ahead = self.buffer.get(position..end)?;
        let table = Table::built_in();
        for form in &row.forms {
            let Some(length) = form.shape.matches(ahead).filter(|length| *length > 0) else { continue };
            let (text, end) = (ahead.get(..length)?, position + length);
            if !self.guards(row.guard, end, false) {
                continue;
            }
            let group = match &row.group {
                None => 0..length,
                Some(regex) => {
                    let mut captures = regex.create_captures();
                    regex.captures(text, &mut captures);
                    match captures.get_group(1) {
                        Some(span) => span.range(),
                        None => continue,
                    }
                }
            };
            let checked = text.get(group.clone())?;
            if !row.check.holds(checked, self.year, &table.excluded) || !self.follows(form, end) {
                continue;
            }
            let identifier = match (self.is_near(place, row, form, position..end), &row.fallback) {
                (true, _) => &row.id,
                (false, Some(fallback)) => fallback,
                (false, None) => continue,
            };
            let at = |offset: usize| self.base + (position + offset) as u64;
            return Some((Found { identifier, start: at(group.start), end: at(group.end) }, end));
        }
        None
    }

    fn follows(&self, form: &Form, end: usize) -> bool {
        let Some(follow) = &form.follow else { return true };
        let until = self.buffer.len().min(end + FOLLOW);
        self.buffer.get(end..until).is_some_and(|behind| matches(follow, behind).is_some())
    }

    /// Whether the octets beside an edge leave it one.
    fn guards(&self, guard: Guard, edge: usize, left: bool) -> bool {
        let octet = |distance: usize| match left {
            true => edge.checked_sub(distance + 1).and_then(|at| self.buffer.get(at)),
            false => self.buffer.get(edge + distance),
        };
        let Some(beside) = octet(0) else { return true };
        let refused = match guard {
            Guard::None => false,
            Guard::Word => beside.is_ascii_alphanumeric(),
            Guard::Token => beside.is_ascii_alphanumeric() || matches!(beside, b'_' | b'-'),
            Guard::Base64 => {
                beside.is_ascii_alphanumeric() || matches!(beside, b'+' | b'/') || (!left && *beside == b'=')
            }
            Guard::Email if left => {
                beside.is_ascii_alphanumeric() || matches!(beside, b'.' | b'_' | b'%' | b'+' | b'-' | b'@')
            }
            Guard::Email => beside.is_ascii_alphanumeric() || matches!(beside, b'-' | b'@' | b'_'),
            Guard::Phone if left && matches!(beside, b'+' | b'(') => true,
            Guard::Number | Guard::Phone => {
                let digit_beyond = octet(1).is_some_and(u8::is_ascii_digit);
                beside.is_ascii_alphanumeric() || (matches!(beside, b'.' | b'-' | b'/') && digit_beyond)
            }
        };
        !refused
    }

    /// Whether a keyword is near, or none need be.
    fn is_near(&self, place: usize, row: &Row, form: &Form, candidate: std::ops::Range<usize>) -> bool {
        let needed = match row.nearness {
            Nearness::No => false,
            Nearness::UnlessFormatted => !form.formatted,
            Nearness::Before | Nearness::Required => true,
        };
        if !needed || self.labels.has(place) {
            return true;
        }
        let earliest = candidate.start.saturating_sub(AROUND);
        let from = self.hits.partition_point(|hit| hit.end < earliest);
        let near = self.hits.get(from..).unwrap_or_default().iter();
        let near = near.take_while(|hit| hit.end <= candidate.end + AROUND).filter(|hit| hit.rows.has(place));
        let close = row.nearness == Nearness::Before;
        near.into_iter().any(|hit| {
            let (between, before) = match (hit.end <= candidate.start, candidate.end <= hit.start) {
                (true, _) => (hit.end..candidate.start, true),
                (_, true) => (candidate.end..hit.start, false),
                _ => return false, // a keyword may not be a part of it
            };
            let between = self.buffer.get(between).unwrap_or_default();
            let characters = between.iter().filter(|octet| **octet & 0xc0 != 0x80).count();
            match close {
                true => before && characters <= CLOSE && !between.iter().any(u8::is_ascii_digit),
                false => characters <= NEAR,
            }
        })
    }

    /// Tells what begins before `decided`, but for what lies within something longer: that begins before it, or
    /// where it does.
    fn release(&mut self, decided: u64, found: &mut impl FnMut(Found)) {
        self.pending.sort_by_key(|one| (one.start, std::cmp::Reverse(one.end)));
        let count = self.pending.partition_point(|one| one.start < decided);
        let (mut start, mut longest) = (None, 0);
        for one in self.pending.drain(..count) {
            if start != Some(one.start) {
                self.covered = self.covered.max(longest); // by all that begin before it
                (start, longest) = (Some(one.start), one.end);
            }
            if self.covered < one.end && longest == one.end {
                found(one);
            }
        }
        self.covered = self.covered.max(longest);
    }
}

/// The detectors whose guard does not refuse this octet before them; the guard itself looks closer.
fn allowed(before: Option<u8>) -> u64 {
    match before {
        Some(octet) if octet.is_ascii_alphanumeric() => Table::built_in().unguarded,
        _ => u64::MAX,
    }
}
