//! One text as a stream: positions are decided in order, each when so much follows it that nothing later can
//! change what is found there.

use std::sync::Arc;

use super::keyword::{Hit, LONGEST, Labels};
use super::table::{Detectors, Form, Guard, NARROW, Nearness, Row, Table};

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
/// What is kept before it: a keyword that ends as far away as one counts, and the octet before it.
const BEHIND: usize = AROUND + LONGEST + 2;
/// Which keywords are near is kept for so many positions together.
const STRIDE: usize = 64;
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
    /// For each stride of the buffer, the detectors with a keyword so near that it may count there.
    near: Vec<u64>,
}

impl Text {
    pub(super) fn new(detectors: Arc<Detectors>, labels: Labels, year: u16) -> Self {
        let resumes = vec![0; Table::built_in().rows.len()];
        let (buffer, pending, hits, near) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { detectors, labels, year, buffer, base: 0, position: 0, resumes, pending, covered: 0, hits, near }
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
        self.draw_near(limit);
        let table = Table::built_in();
        let ahead = self.buffer.get(self.position..).unwrap_or_default();
        let lacking = table.needing.iter().filter(|(_, octet)| memchr::memchr(*octet, ahead).is_none());
        let possible = detectors.on.0 & !lacking.fold(0, |all, (row, _)| all | row);
        let guarded = possible & table.unguarded;
        let mut inside = self.position.checked_sub(1).and_then(|at| self.buffer.get(at)).is_some_and(is_inside);
        let mut position = self.position;
        while position < limit {
            let near = self.near.get(position / STRIDE).copied().unwrap_or_default();
            let until = limit.min((position / STRIDE + 1) * STRIDE);
            while position < until {
                let here = self.buffer.get(position..).unwrap_or_default();
                let Some(octet) = here.first() else {
                    position = limit;
                    break;
                };
                let asked = if inside { guarded } else { possible } & detectors.heads.begun_by(*octet);
                inside = is_inside(octet);
                if asked != 0 {
                    let begin = detectors.free.rows(here, asked & !near) | detectors.heads.rows(here, asked & near);
                    if begin != 0 {
                        self.look(position, begin, Labels(near));
                    }
                }
                position += 1;
            }
        }
        self.position = limit;
        self.release(self.base + limit as u64, found);
        let gone = limit.saturating_sub(BEHIND);
        self.buffer.drain(..gone);
        self.base += gone as u64;
        self.position -= gone;
    }

    /// Finds out where which keywords may count: before them, behind them, and everywhere for wide forms.
    fn draw_near(&mut self, limit: usize) {
        let wide = self.hits.iter().fold(0, |all, hit| all | hit.rows.0) & Table::built_in().wide;
        self.near.clear();
        self.near.resize(limit / STRIDE + 1, self.labels.0 | wide);
        for hit in &self.hits {
            let from = hit.start.saturating_sub(AROUND + NARROW) / STRIDE;
            let strides = self.near.iter_mut().take((hit.end + AROUND) / STRIDE + 1).skip(from);
            strides.for_each(|near| *near |= hit.rows.0);
        }
    }

    /// Asks those detectors at one position.
    fn look(&mut self, position: usize, mut asked: u64, near: Labels) {
        let here = self.base + position as u64;
        while asked != 0 {
            let place = asked.trailing_zeros() as usize;
            asked &= asked - 1;
            let Some(row) = Table::built_in().rows.get(place) else { break };
            if self.resumes.get(place).is_none_or(|resumes| *resumes > here) || !self.guards(row.guard, position, true)
            {
                continue;
            }
            if let Some((found, end)) = self.accept(place, row, position, near.has(place)) {
                self.pending.push(found);
                if let Some(resumes) = self.resumes.get_mut(place) {
                    *resumes = self.base + end as u64;
                }
            }
        }
    }

    /// The first form that everything holds of (spec/detection.md 9.2), and where it ends.
    fn accept(&self, place: usize, row: &'static Row, position: usize, near: bool) -> Option<(Found, usize)> {
        let end = self.buffer.len().min(position + REACH);
        let ahead = self.buffer.get(position..end)?;
        let table = Table::built_in();
        for form in row.forms.iter().filter(|form| near || row.is_free(form)) {
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
        self.buffer.get(end..until).is_some_and(|behind| follow.stands_at(behind))
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
        // The nearest before and the nearest behind: no other can be nearer, or have fewer digits between. A keyword
        // may not be a part of the candidate.
        let split = self.hits.partition_point(|hit| hit.end <= candidate.start);
        let (before, behind) = self.hits.split_at_checked(split).unwrap_or_default();
        let earliest = candidate.start.saturating_sub(AROUND);
        let before = before.iter().rev().take_while(|hit| hit.end >= earliest).find(|hit| hit.rows.has(place));
        let between = |from: usize, to: usize| self.buffer.get(from..to).unwrap_or_default();
        let is_within =
            |between: &[u8], most: usize| between.iter().filter(|octet| **octet & 0xc0 != 0x80).count() <= most;
        if row.nearness == Nearness::Before {
            return before.is_some_and(|hit| {
                let between = between(hit.end, candidate.start);
                is_within(between, CLOSE) && !between.iter().any(u8::is_ascii_digit)
            });
        }
        let behind = behind.iter().take_while(|hit| hit.end <= candidate.end + AROUND);
        let behind = behind.filter(|hit| candidate.end <= hit.start && hit.rows.has(place)).map(|hit| hit.start).min();
        before.is_some_and(|hit| is_within(between(hit.end, candidate.start), NEAR))
            || behind.is_some_and(|start| is_within(between(candidate.end, start), NEAR))
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

/// Whether every guard refuses this octet before a candidate; the guards themselves look closer.
fn is_inside(before: &u8) -> bool {
    before.is_ascii_alphanumeric()
}
