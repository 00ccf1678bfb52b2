//! What is delivered in one go: the records of a stretch of the journal, in one or more files.

use std::collections::BTreeMap;

use super::feed::Passed;
use super::render::Piece;
use super::trail::Requests;
use crate::time::Millis;

/// Records of a stretch of the journal.
pub(super) struct Load {
    /// The record that it begins with.
    pub(super) first: u64,
    /// The last one that was looked at.
    pub(super) last: u64,
    /// From where records are to be read again after it.
    pub(super) resume: u64,
    /// When the first of its records was taken.
    pub(super) opened: Option<Millis>,
    /// When the first of its requests ended.
    pub(super) oldest: Option<Millis>,
    pub(super) files: BTreeMap<FileKey, Body>,
    pub(super) octets: usize,
    pub(super) records: u64,
    /// The requests that they are about.
    pub(super) requests: Requests,
    /// Whether any of them is about a request that a client made.
    pub(super) has_requests: bool,
}

/// What tells the files of one load apart.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct FileKey {
    pub(super) bucket: String,
    /// Days since 1970.
    pub(super) day: i64,
}

/// The records of a file.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// One a line.
    pub(super) text: Vec<u8>,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) oldest: Option<Millis>,
    pub(super) newest: Option<Millis>,
}

/// How the records of a load are put into files.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Split {
    /// One for each bucket.
    pub(super) by_bucket: bool,
    /// One for each day.
    pub(super) by_day: bool,
}

impl Load {
    /// One that begins with a record, with nothing in it.
    pub(super) fn new(first: u64, resume: u64) -> Self {
        Self {
            first,
            last: first.saturating_sub(1),
            resume,
            opened: None,
            oldest: None,
            files: BTreeMap::new(),
            octets: 0,
            records: 0,
            requests: Requests::default(),
            has_requests: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Counts a request that has records in it.
    pub(super) fn count(&mut self, passed: &Passed) {
        self.has_requests |= passed.event.delivery().is_none();
        self.oldest.get_or_insert(passed.event.recorded);
        self.requests.count(passed.event.is_unknown(), passed.combined);
    }

    /// Takes a record in.
    pub(super) fn take(&mut self, piece: Piece, split: Split, now: Millis) {
        let Piece { bucket, account, region, time, text } = piece;
        let key = FileKey {
            bucket: if split.by_bucket { bucket } else { String::new() },
            day: if split.by_day { time.0.div_euclid(86_400_000) } else { 0 },
        };
        self.opened.get_or_insert(now);
        self.octets += text.len();
        self.records += 1;
        let body = self.files.entry(key).or_default();
        body.text.extend_from_slice(&text);
        body.oldest = Some(body.oldest.map_or(time, |oldest| oldest.min(time)));
        body.newest = Some(body.newest.map_or(time, |newest| newest.max(time)));
        body.account = account.or(body.account.take());
        body.region = region.or(body.region.take());
    }
}
