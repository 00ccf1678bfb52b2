//! Finds the boundary of a form's parts in data that comes in pieces, without holding any of it.

use bytes::{Buf, Bytes};
use memchr::memmem::Finder;

/// The search for `CRLF--boundary`. Between pieces it keeps a number: how much of the delimiter has
/// been seen. What turns out to be data is handed out as a slice of the delimiter, which it equals.
pub(super) struct Seeker {
    delimiter: Bytes,
    finder: Finder<'static>,
    /// So much of the delimiter matches the octets before the input…
    at: usize,
    /// …but for so many at its start, which were there before the data.
    from: usize,
}

/// What the search found.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// Data, never empty.
    Data(Bytes),
    /// The delimiter.
    Delimiter,
    /// The delimiter without its line end, right where the data should begin: some readers take it for
    /// the end of an empty part, others for data.
    DelimiterAtStart,
    /// The input is used up.
    More,
}

impl std::fmt::Debug for Seeker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seeker({} of {})", self.at, self.delimiter.len())
    }
}

/// The line end in front of a delimiter.
const LINE_END: usize = 2;

impl Seeker {
    /// At the start of a body, or of data behind a line end.
    pub(super) fn new(boundary: &str) -> Self {
        let delimiter = Bytes::from(format!("\r\n--{boundary}"));
        let finder = Finder::new(&*delimiter).into_owned();
        Self { delimiter, finder, at: LINE_END, from: LINE_END }
    }

    /// Data begins, behind a line end.
    pub(super) fn restart(&mut self) {
        (self.at, self.from) = (LINE_END, LINE_END);
    }

    pub(super) fn delimiter_length(&self) -> usize {
        self.delimiter.len()
    }

    /// Takes from the front of `input` up to and including the next thing found.
    pub(super) fn seek(&mut self, input: &mut Bytes) -> Found {
        while input.has_remaining() {
            let found = if self.at > 0 { self.go_on(input) } else { self.look(input) };
            if let Some(found) = found {
                return found;
            }
        }
        Found::More
    }

    /// Part of the delimiter has been seen: does it go on?
    fn go_on(&mut self, input: &mut Bytes) -> Option<Found> {
        let rest = self.delimiter.get(self.at..).unwrap_or_default();
        let same = rest.iter().zip(input.iter()).take_while(|(due, come)| due == come).count();
        let (all, used_up) = (same == rest.len(), same == input.len());
        input.advance(same);
        self.at = self.at.saturating_add(same);
        if all {
            let at_start = self.from > 0;
            (self.at, self.from) = (0, 0);
            return Some(if at_start { Found::DelimiterAtStart } else { Found::Delimiter });
        }
        if used_up {
            return None;
        }
        // The delimiter has its only CR at its start, so it cannot begin in what has been seen of it.
        let seen = self.from..self.at;
        (self.at, self.from) = (0, 0);
        (!seen.is_empty()).then(|| Found::Data(self.delimiter.slice(seen)))
    }

    /// Nothing of the delimiter has been seen.
    fn look(&mut self, input: &mut Bytes) -> Option<Found> {
        let data = match self.finder.find(input) {
            Some(0) => {
                input.advance(self.delimiter.len());
                return Some(Found::Delimiter);
            }
            Some(at) => input.split_to(at),
            None => {
                let last = memchr::memrchr(b'\r', input).unwrap_or(input.len());
                let begun = input.get(last..).is_some_and(|end| self.delimiter.starts_with(end));
                let data = input.split_to(if begun { last } else { input.len() });
                self.at = input.len();
                input.clear();
                data
            }
        };
        (!data.is_empty()).then_some(Found::Data(data))
    }
}
