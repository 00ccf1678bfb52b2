//! Finished requests in the order of their ends, for many readers of one journal.
//!
//! All destinations that keep up share one reader and what it has read last. One that is behind reads for
//! itself from where it is, so that it holds up nobody, and comes back to the others when it has caught up.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::audit::follow::{Follow, Followed};
use crate::audit::{Damage, Event, Kind, Pairs};

/// The most that is kept of what was read last.
const MOST: usize = 4096;
/// The most octets of it, by the length of the records.
const MOST_OCTETS: usize = 16 << 20;
/// Records that are read in one go.
const STRIDE: usize = 64;

/// A finished request and where reading stands behind it.
#[derive(Debug)]
pub(super) struct Passed {
    /// The record that it ended with, or that told that it would never end.
    pub(super) number: u64,
    /// From where records are to be read again after it.
    pub(super) resume: u64,
    pub(super) event: Event,
    /// One record says all of it: it was refused before there was an intent.
    pub(super) combined: bool,
}

/// What reading on came to.
#[derive(Debug)]
pub(super) enum Step {
    /// A finished request.
    Event(Rc<Passed>),
    /// Something was read, and no request ended.
    Busy,
    /// No more, for now.
    End,
    /// Records that are not there any more.
    Missing { first: u64, last: u64 },
}

/// Where one destination stands.
#[derive(Default)]
pub(super) struct Place {
    /// Requests that ended with an earlier record are behind it.
    pub(super) next: u64,
    /// From where records are to be read again after a restart.
    pub(super) resume: u64,
    own: Option<Box<Reader>>,
}

impl Place {
    pub(super) fn new(resume: u64, next: u64) -> Self {
        Self { next, resume, own: None }
    }
}

/// The shared reader and what it has read last.
pub(super) struct Feed {
    dir: PathBuf,
    instance: [u8; 16],
    front: Reader,
    /// Requests that ended with this record or a later one are in `last`, or not yet read.
    from: u64,
    last: VecDeque<Kept>,
    octets: usize,
}

struct Kept {
    number: u64,
    octets: usize,
    item: Item,
}

#[derive(Clone)]
enum Item {
    Event(Rc<Passed>),
    /// From this record to the kept one's number.
    Missing(u64),
}

impl Feed {
    /// Over the journal in a folder; the shared reader begins at `place`, which is to be that of the
    /// destination that has come furthest.
    pub(super) fn new(dir: &Path, instance: [u8; 16], place: &Place) -> Self {
        Self {
            dir: dir.to_owned(),
            instance,
            front: Reader::new(dir, instance, place.resume),
            from: place.next,
            last: VecDeque::new(),
            octets: 0,
        }
    }

    /// The place behind everything that has been read.
    pub(super) fn front(&self) -> Place {
        Place::new(self.front.pairs.resume_from(), self.front.follow.next_number())
    }

    /// What comes next at a place, which moves on. Reads a little; never waits.
    ///
    /// # Errors
    /// [`Damage`]: the journal is not as it was written. The place stays.
    pub(super) fn next(&mut self, place: &mut Place) -> Result<Step, Damage> {
        if place.next < self.from {
            return self.behind(place);
        }
        place.own = None;
        if let Some(step) = self.kept(place) {
            return Ok(step);
        }
        match self.front.read()? {
            Read::Item(number, octets, item) => {
                self.keep(Kept { number, octets, item });
                Ok(self.kept(place).unwrap_or(Step::Busy))
            }
            Read::Busy => {
                self.move_to_front(place);
                Ok(Step::Busy)
            }
            Read::End => {
                self.move_to_front(place);
                Ok(Step::End)
            }
        }
    }

    /// Nothing has ended between the place and the front.
    fn move_to_front(&self, place: &mut Place) {
        let front = self.front.follow.next_number();
        if front >= place.next {
            *place = self.front();
        }
    }

    fn kept(&self, place: &mut Place) -> Option<Step> {
        let at = self.last.partition_point(|kept| kept.number < place.next);
        let Kept { number, item, .. } = self.last.get(at)?;
        let step = match item {
            Item::Event(passed) => {
                place.resume = passed.resume;
                Step::Event(Rc::clone(passed))
            }
            Item::Missing(first) => Step::Missing { first: (*first).max(place.next), last: *number },
        };
        place.next = number + 1;
        Some(step)
    }

    fn keep(&mut self, kept: Kept) {
        self.octets += kept.octets;
        self.last.push_back(kept);
        while self.last.len() > MOST || self.octets > MOST_OCTETS {
            let Some(gone) = self.last.pop_front() else { break };
            self.octets -= gone.octets;
            self.from = gone.number + 1;
        }
    }

    fn behind(&mut self, place: &mut Place) -> Result<Step, Damage> {
        let (dir, instance, resume) = (&self.dir, self.instance, place.resume);
        let own = place.own.get_or_insert_with(|| Box::new(Reader::new(dir, instance, resume)));
        let (number, item) = match own.read()? {
            Read::Item(number, _, item) => (number, item),
            Read::Busy => return Ok(Step::Busy),
            Read::End => return Ok(Step::End),
        };
        if number < place.next {
            return Ok(Step::Busy);
        }
        let step = match item {
            Item::Event(passed) => {
                place.resume = passed.resume;
                Step::Event(passed)
            }
            Item::Missing(first) => Step::Missing { first: first.max(place.next), last: number },
        };
        place.next = number + 1;
        Ok(step)
    }
}

/// One reader of a journal.
struct Reader {
    follow: Follow,
    pairs: Pairs,
    instance: [u8; 16],
}

enum Read {
    /// The number of a record, its length, and what it came to.
    Item(u64, usize, Item),
    Busy,
    End,
}

impl Reader {
    fn new(dir: &Path, instance: [u8; 16], resume: u64) -> Self {
        Self { follow: Follow::new(dir, resume), pairs: Pairs::new(instance), instance }
    }

    fn read(&mut self) -> Result<Read, Damage> {
        for _ in 0..STRIDE {
            let entry = match self.follow.advance()? {
                Followed::Entry(entry) => entry,
                Followed::End => return Ok(Read::End),
                Followed::Missing { first, last } => return Ok(Read::Item(last, 0, Item::Missing(first))),
            };
            let fed = self.pairs.feed(&entry).or_else(|overfull| {
                // No proxy does this; what is open is told of by its end alone.
                tracing::error!(%overfull, "requests under way are forgotten by deliveries");
                self.pairs = Pairs::new(self.instance);
                self.pairs.feed(&entry)
            });
            if let Ok(Some(event)) = fed {
                let resume = self.pairs.resume_from();
                let combined = entry.kind == Kind::Combined;
                let passed = Passed { number: entry.number, resume, event, combined };
                return Ok(Read::Item(entry.number, entry.json.len(), Item::Event(Rc::new(passed))));
            }
        }
        Ok(Read::Busy)
    }
}
