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
    pub(super) fn took(&mut self, file: LogFile, (first, last): (u64, u64), records: u64) {
        // The same again, after a crash.
        if self.files.iter().any(|known| known.object == file.object) {
            return;
        }
        self.files.push(file);
        self.records = Some((self.records.map_or(first, |(earlier, _)| earlier), last));
        self.delivered += records;
    }

    /// What the proxy adds to the digest of this hour: made of what stands here, so that it is the same again.
    pub(super) fn note(&self, instance: &str) -> serde_json::Value {
        serde_json::json!({
            "instance": instance,
            "firstRecord": self.records.map(|(first, _)| first),
            "lastRecord": self.records.map(|(_, last)| last),
            "deliveredRecords": self.delivered,
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
    fn after_a_week_of_silence_the_chain_begins_anew_and_says_so() {
        let start = Seconds(1_700_000_000);
        let mut trail = Trail::beginning(start);
        assert_eq!(trail.skip_long_pause(Seconds(start.0 + 6 * 24 * HOUR)), None);
        let stood = trail.skip_long_pause(Seconds(start.0 + 8 * 24 * HOUR));
        assert_eq!(stood, Some(Seconds(floor(start))));
        assert_eq!(trail, Trail::beginning(Seconds(start.0 + 8 * 24 * HOUR)));
    }
}
