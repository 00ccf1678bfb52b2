//! The hourly digests of a trail: when one is due, what is in it, and what the next one follows
//! (spec/cloudtrail.md 10).

use serde::{Deserialize, Serialize};

use crate::audit::digest::{LogFile, Previous};
use crate::time::Seconds;

const HOUR: i64 = 3600;
/// How far back digests are made up for: of a longer pause there is a gap, and a chain begins anew.
const LONGEST_PAUSE: i64 = 7 * 24 * HOUR;

/// Where a chain of digests stands.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trail {
    /// When the hour began whose files are gathered, in unix seconds.
    pub(super) hour: i64,
    /// The digest before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Previous>,
    /// What has been delivered in this hour.
    #[serde(default)]
    pub(super) files: Vec<LogFile>,
    /// The records that those were made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) records: Option<(u64, u64)>,
    /// How many of them there were.
    #[serde(default)]
    pub(super) delivered: u64,
    /// The requests that they are about.
    #[serde(default)]
    pub(super) requests: Requests,
}

/// How requests stand in the journal (spec/access-logs.md 11): each has an intent and a completion, or one record
/// in the place of both. Where nobody knows how one ended, it is of unknown outcome.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Requests {
    completions: u64,
    combined: u64,
    unknown: u64,
}

impl Requests {
    /// Counts one.
    pub(super) const fn count(&mut self, unknown: bool, combined: bool) {
        let place = match (unknown, combined) {
            (true, _) => &mut self.unknown,
            (false, true) => &mut self.combined,
            (false, false) => &mut self.completions,
        };
        *place += 1;
    }

    const fn add(&mut self, others: Self) {
        self.completions += others.completions;
        self.combined += others.combined;
        self.unknown += others.unknown;
    }
}

impl Trail {
    /// One that begins in the hour of an instant.
    pub(super) fn beginning(now: Seconds) -> Self {
        Self { hour: floor(now), ..Self::default() }
    }

    /// When the hour of the next digest ends, if it has ended.
    pub(super) fn due(&self, now: Seconds) -> Option<Seconds> {
        let end = self.hour.saturating_add(HOUR);
        (end <= now.0).then_some(Seconds(end))
    }

    /// After a pause of more than a week the chain begins anew. Says when it had stood still.
    pub(super) fn skip_long_pause(&mut self, now: Seconds) -> Option<Seconds> {
        if now.0.saturating_sub(self.hour) <= LONGEST_PAUSE || !self.files.is_empty() {
            return None;
        }
        let stood = Seconds(self.hour);
        *self = Self::beginning(now);
        Some(stood)
    }

    /// A file was delivered that was made of these records.
    pub(super) fn took(&mut self, file: LogFile, (first, last): (u64, u64), records: u64, requests: Requests) {
        // The same again, after a crash.
        if self.files.iter().any(|known| known.object == file.object) {
            return;
        }
        self.files.push(file);
        self.records = Some((self.records.map_or(first, |(earlier, _)| earlier), last));
        self.delivered += records;
        self.requests.add(requests);
    }

    /// What the proxy adds to the digest of this hour: made of what stands here, so that it is the same again.
    /// Of the counters of spec/access-logs.md 11 those that can be told of the hour's files alone: what was lost, gaps
    /// and what is in flight are of the journal, and no hour of it is the hour of a digest.
    pub(super) fn note(&self, instance: &str) -> serde_json::Value {
        let Requests { completions, combined, unknown } = self.requests;
        serde_json::json!({
            "instance": instance,
            "firstRecord": self.records.map(|(first, _)| first),
            "lastRecord": self.records.map(|(_, last)| last),
            "deliveredRecords": self.delivered,
            "intents": completions + unknown,
            "completions": completions,
            "combined": combined,
            "unknown": unknown,
        })
    }

    /// The digest of the hour was delivered.
    pub(super) fn closed(&mut self, previous: Previous) {
        *self = Self { hour: self.hour + HOUR, previous: Some(previous), ..Self::default() };
    }
}

fn floor(now: Seconds) -> i64 {
    now.0 - now.0.rem_euclid(HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_due_at_the_end_of_each_hour_and_of_none_twice() {
        let start = Seconds(1_700_000_000);
        let mut trail = Trail::beginning(start);
        assert_eq!(trail.due(start), None);
        let end = trail.due(Seconds(start.0 + HOUR)).unwrap();
        assert_eq!(end.0 % HOUR, 0);
        trail.closed(Previous { bucket: "b".into(), object: "o".into(), hash: "h".into(), signature: "s".into() });
        assert_eq!(trail.due(end), None);
        assert_eq!(trail.due(Seconds(end.0 + HOUR)), Some(Seconds(end.0 + HOUR)));
    }

    #[test]
    fn a_digest_counts_the_requests_of_its_files_once_and_those_of_no_other_hour() {
        let mut trail = Trail::beginning(Seconds(1_700_000_000));
        let file = |object: &str| LogFile {
            bucket: "b".into(),
            object: object.into(),
            hash_value: "h".into(),
            hash_algorithm: "SHA-256".into(),
            newest_event_time: None,
            oldest_event_time: None,
        };
        let mut requests = Requests::default();
        for (unknown, combined) in [(false, false), (false, false), (false, true), (true, false)] {
            requests.count(unknown, combined);
        }
        trail.took(file("1"), (1, 7), 6, requests);
        trail.took(file("1"), (1, 7), 6, requests);
        trail.took(file("2"), (8, 8), 1, Requests { combined: 1, ..Requests::default() });
        let note = trail.note("i");
        let counted = |name: &str| note[name].as_u64().unwrap();
        assert_eq!(["intents", "completions", "combined", "unknown"].map(counted), [3, 2, 2, 1]);
        assert_eq!(counted("deliveredRecords"), 7);
        // Nothing of a finished file is in flight, so the sums are the same.
        assert_eq!(counted("intents") + counted("combined"), 2 + 2 + 1);
        let stored = serde_json::to_string(&trail).unwrap();
        assert_eq!(serde_json::from_str::<Trail>(&stored).unwrap(), trail);
        trail.closed(Previous { bucket: "b".into(), object: "o".into(), hash: "h".into(), signature: "s".into() });
        assert_eq!(trail.note("i")["combined"], 0);
    }

    #[test]
    fn after_a_week_of_silence_the_chain_begins_anew_and_says_so() {
        let start = Seconds(1_700_000_000);
        let mut trail = Trail::beginning(start);
        assert_eq!(trail.skip_long_pause(Seconds(start.0 + 6 * 24 * HOUR)), None);
        let stood = trail.skip_long_pause(Seconds(start.0 + 8 * 24 * HOUR));
        assert_eq!(stood, Some(Seconds(floor(start))));
        assert_eq!(trail, Trail::beginning(Seconds(start.0 + 8 * 24 * HOUR)));
    }
}
