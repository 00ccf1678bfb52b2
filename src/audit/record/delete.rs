//! A list of deletions, and what became of each, as records say it (spec/access-logs.md 6).

use super::super::json::Object;
use super::{LONG, SHORT};
use crate::s3::xml::DeleteEntry;

/// What became of an entry of a list of deletions, where that is more than that it is gone.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Deleted {
    /// Its place in the list, from 0.
    pub at: usize,
    /// 204, or the status of its error.
    pub status: u16,
    /// The S3 code of its error.
    pub error_code: Option<String>,
    /// The delete marker that was made, or removed.
    pub delete_marker_version_id: Option<String>,
}

/// Writes all entries: each of them becomes a line of its own.
pub(super) fn write_entries(entries: &[DeleteEntry], object: &mut Object<'_>) {
    if !entries.is_empty() {
        object.objects("deletions", entries, |entry, inner| {
            inner.text("key", entry.key.as_bytes(), LONG);
            inner.maybe("version_id", entry.version.as_deref(), SHORT);
        });
    }
}

/// Writes what is to be said of them afterwards.
pub(super) fn write_results(results: &[Deleted], object: &mut Object<'_>) {
    if !results.is_empty() {
        object.objects("deletion_results", results, |result, inner| {
            inner.number("at", result.at as u64);
            inner.number("status", u64::from(result.status));
            inner.maybe("error_code", result.error_code.as_deref(), SHORT);
            inner.maybe("delete_marker_version_id", result.delete_marker_version_id.as_deref(), SHORT);
        });
    }
}
