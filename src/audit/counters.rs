//! What a journal counts: a closed set of numbers for metrics and for the balance of records.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::frame::Kind;
use super::pen::Failure;

/// The live counts. Written by whoever holds the pen, read by anybody.
#[derive(Debug, Default)]
pub(super) struct Counters {
    intents: AtomicU64,
    completions: AtomicU64,
    combined: AtomicU64,
    gaps: AtomicU64,
    seals: AtomicU64,
    checkpoints: AtomicU64,
    removed: AtomicU64,
    upkeep_failures: AtomicU64,
    unknown: AtomicU64,
    recovered: AtomicU64,
    lost_intents: AtomicU64,
    lost_completions: AtomicU64,
    lost_combined: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
    groups: AtomicU64,
    largest_group: AtomicU64,
    segments: AtomicU64,
    write_failures: AtomicU64,
    sync_failures: AtomicU64,
}

/// The counts of a journal since it was opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Intents on record.
    pub intents: u64,
    /// Completions on record, those of unknown outcome included.
    pub completions: u64,
    /// Refusals on record.
    pub combined: u64,
    /// Gap records.
    pub gaps: u64,
    /// Seals.
    pub seals: u64,
    /// Signed checkpoints.
    pub checkpoints: u64,
    /// Segment files that retention has removed.
    pub removed: u64,
    /// Failures to write the head, to take up a key, to remove or roll a file. Tried again a second later.
    pub upkeep_failures: u64,
    /// Completions that had to be written because nobody said how the request ended.
    pub unknown: u64,
    /// Open intents that a former process left; each was completed as of unknown outcome.
    pub recovered: u64,
    /// Intents that went unrecorded (`when_full = "drop"`).
    pub lost_intents: u64,
    /// Completions that went unrecorded.
    pub lost_completions: u64,
    /// Refusals that went unrecorded (`when_full = "drop"`).
    pub lost_combined: u64,
    /// Requests the journal could not take.
    pub refused: u64,
    /// Octets of frames.
    pub bytes: u64,
    /// Groups of frames written at once.
    pub groups: u64,
    /// The most frames in one group.
    pub largest_group: u64,
    /// Segment files begun.
    pub segments: u64,
    /// Writes that failed.
    pub write_failures: u64,
    /// Syncs that failed.
    pub sync_failures: u64,
    /// Intents on record without a completion, those of a former process included.
    /// `intents + recovered = completions + open`.
    pub open: u64,
    /// Frames that wait to be written.
    pub waiting: u64,
    /// Age of the oldest frame that waits, in nanoseconds.
    pub lag_nanos: u64,
}

impl Counts {
    /// All records on disk.
    pub fn records(&self) -> u64 {
        self.intents + self.completions + self.combined + self.gaps + self.seals + self.checkpoints
    }
}

impl Counters {
    pub(super) fn recorded(&self, kind: Kind, length: usize) {
        add(&self.bytes, length as u64);
        match kind {
            Kind::Checkpoint => add(&self.checkpoints, 1),
            Kind::Combined => add(&self.combined, 1),
            Kind::Completion => add(&self.completions, 1),
            Kind::Gap => add(&self.gaps, 1),
            Kind::Intent => add(&self.intents, 1),
            Kind::Seal => add(&self.seals, 1),
        }
    }

    pub(super) fn lost(&self, kind: Kind) {
        match kind {
            Kind::Combined => add(&self.lost_combined, 1),
            Kind::Completion => add(&self.lost_completions, 1),
            Kind::Intent => add(&self.lost_intents, 1),
            Kind::Checkpoint | Kind::Gap | Kind::Seal => {}
        }
    }

    pub(super) fn group(&self, frames: u64) {
        add(&self.groups, 1);
        self.largest_group.fetch_max(frames, Ordering::Relaxed);
    }

    pub(super) fn rolled(&self) {
        add(&self.segments, 1);
    }

    pub(super) fn unknown(&self) {
        add(&self.unknown, 1);
    }

    pub(super) fn recovered(&self) {
        add(&self.recovered, 1);
    }

    pub(super) fn refused(&self) {
        add(&self.refused, 1);
    }

    pub(super) fn removed(&self, files: u64) {
        add(&self.removed, files);
    }

    pub(super) fn upkeep_failed(&self) {
        add(&self.upkeep_failures, 1);
    }

    /// Counts a result if it is a failure.
    pub(super) fn failed<T>(&self, result: &io::Result<T>, failure: Failure) {
        match (result, failure) {
            (Ok(_), _) => {}
            (Err(_), Failure::Sync) => add(&self.sync_failures, 1),
            (Err(_), Failure::Write) => add(&self.write_failures, 1),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            intents: read(&self.intents),
            completions: read(&self.completions),
            combined: read(&self.combined),
            gaps: read(&self.gaps),
            seals: read(&self.seals),
            checkpoints: read(&self.checkpoints),
            removed: read(&self.removed),
            upkeep_failures: read(&self.upkeep_failures),
            unknown: read(&self.unknown),
            recovered: read(&self.recovered),
            lost_intents: read(&self.lost_intents),
            lost_completions: read(&self.lost_completions),
            lost_combined: read(&self.lost_combined),
            refused: read(&self.refused),
            bytes: read(&self.bytes),
            groups: read(&self.groups),
            largest_group: read(&self.largest_group),
            segments: read(&self.segments),
            write_failures: read(&self.write_failures),
            sync_failures: read(&self.sync_failures),
            open: 0,
            waiting: 0,
            lag_nanos: 0,
        }
    }
}

fn add(count: &AtomicU64, by: u64) {
    count.fetch_add(by, Ordering::Relaxed);
}
