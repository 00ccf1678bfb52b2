//! What has been looked at, and what came of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What came of looking at an upload. What was found counts more than how far it went.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Fate {
    /// All of it was looked at, and nothing found.
    Clean,
    /// A part of it was looked at, and nothing found.
    Partial,
    /// Something was found.
    Sensitive,
    /// It is nothing that can be looked at.
    Skipped,
}

impl Fate {
    pub(super) const ALL: [Self; 4] = [Self::Clean, Self::Partial, Self::Sensitive, Self::Skipped];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Partial => "partial",
            Self::Sensitive => "sensitive",
            Self::Skipped => "skipped",
        }
    }
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    fates: BTreeMap<Fate, (u64, u64)>,
    findings: BTreeMap<(&'static str, &'static str), u64>,
    dropped: u64,
    unwritten: u64,
}

/// Counts at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reading {
    /// Uploads and their octets that were looked at, by what came of it.
    pub looked: Vec<(&'static str, u64, u64)>,
    /// Findings by type and severity.
    pub findings: Vec<(&'static str, &'static str, u64)>,
    /// Uploads that were to be looked at and were not, for want of room.
    pub dropped: u64,
    /// Findings that could not be written.
    pub unwritten: u64,
}

impl Counts {
    pub(super) fn dropped(&self) {
        self.with(|inner| inner.dropped += 1);
    }

    pub(super) fn unwritten(&self) {
        self.with(|inner| inner.unwritten += 1);
    }

    pub(super) fn looked(&self, fate: Fate, octets: u64) {
        self.with(|inner| {
            let (uploads, sum) = inner.fates.entry(fate).or_default();
            *uploads += 1;
            *sum = sum.saturating_add(octets);
        });
    }

    pub(super) fn found(&self, kind: &'static str, severity: &'static str) {
        self.with(|inner| *inner.findings.entry((kind, severity)).or_default() += 1);
    }

    pub(super) fn reading(&self) -> Reading {
        self.with(|inner| Reading {
            looked: Fate::ALL
                .map(|fate| (fate, inner.fates.get(&fate).copied().unwrap_or_default()))
                .map(|(fate, (uploads, octets))| (fate.as_str(), uploads, octets))
                .to_vec(),
            findings: inner.findings.iter().map(|((kind, severity), count)| (*kind, *severity, *count)).collect(),
            dropped: inner.dropped,
            unwritten: inner.unwritten,
        })
    }

    fn with<T>(&self, count: impl FnOnce(&mut Inner) -> T) -> T {
        count(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
