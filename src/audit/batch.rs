//! Frames on their way to the disk, and the count of those that never got there.

use super::frame::{self, Kind};
use super::json::Object;
use crate::time::Millis;

/// A buffer larger than this is given back once it is empty.
const KEEP: usize = 4 << 20;

/// Who waits for a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Waiter {
    /// Nobody.
    Nobody,
    /// A slot of the queue.
    Slot(usize),
}

/// A frame's fate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// Not decided.
    Open,
    /// As durable as demanded.
    Written,
    /// Not on record.
    Failed,
}

/// A frame of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) length: usize,
    pub(super) kind: Kind,
    pub(super) waiter: Waiter,
    pub(super) fate: Fate,
}

/// Frames in order, their octets without a space between them, so that they leave in one write.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) octets: Vec<u8>,
    pub(super) frames: Vec<Pending>,
    /// When the first frame came, in unix nanoseconds.
    pub(super) since: u64,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Adds a frame.
    pub(super) fn push(&mut self, kind: Kind, waiter: Waiter, now: u64, payload: &[u8]) {
        if self.frames.is_empty() {
            self.since = now;
        }
        let length = frame::append(&mut self.octets, kind, now, payload);
        self.frames.push(Pending { length, kind, waiter, fate: Fate::Open });
    }

    /// Takes over the frames of another batch, behind its own.
    pub(super) fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
        } else {
            self.octets.extend_from_slice(&other.octets);
            self.frames.append(&mut other.frames);
        }
        other.clear();
    }

    /// Each frame with its octets.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Pending, &[u8])> {
        let mut rest = self.octets.as_slice();
        self.frames.iter().map(move |pending| {
            let (frame, after) = rest.split_at_checked(pending.length).unwrap_or((rest, &[]));
            rest = after;
            (pending, frame)
        })
    }

    /// Empties the batch, keeping its buffers unless they grew out of proportion.
    pub(super) fn clear(&mut self) {
        if self.octets.capacity() > KEEP {
            *self = Self::default();
        }
        self.octets.clear();
        self.frames.clear();
    }
}

/// Frames that could not be written, until a gap frame tells of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lost {
    pub(super) intents: u64,
    pub(super) completions: u64,
    pub(super) combined: u64,
    from: u64,
    to: u64,
}

impl Lost {
    /// Counts one.
    pub(super) fn add(&mut self, kind: Kind, now: u64) {
        if self.is_none() {
            self.from = now;
        }
        self.to = now;
        match kind {
            Kind::Intent => self.intents += 1,
            Kind::Completion => self.completions += 1,
            Kind::Combined => self.combined += 1,
            Kind::Checkpoint | Kind::Gap | Kind::Seal => {}
        }
    }

    /// Takes over what another has counted.
    pub(super) fn merge(&mut self, other: Self) {
        if other.is_none() {
            return;
        }
        self.from = if self.is_none() { other.from } else { self.from.min(other.from) };
        self.to = self.to.max(other.to);
        self.intents += other.intents;
        self.completions += other.completions;
        self.combined += other.combined;
    }

    pub(super) fn is_none(&self) -> bool {
        self.intents + self.completions + self.combined == 0
    }

    /// The payload of a gap frame.
    pub(super) fn payload(&self) -> Vec<u8> {
        let millis = |nanos: u64| Millis(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX));
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        object.number("lost_intents", self.intents);
        object.number("lost_completions", self.completions);
        object.number("lost_combined", self.combined);
        object.instant("from", millis(self.from));
        object.instant("to", millis(self.to));
        object.end();
        out
    }
}
