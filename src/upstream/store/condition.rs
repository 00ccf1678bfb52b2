//! Conditional requests.

use std::time::SystemTime;

use http::HeaderMap;

use crate::s3::{Code, Fault};

use super::answer::instant;
use super::record::Facts;
use super::request::{Request, no_such_key, not_implemented};

/// What the conditions of a read say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Holds,
    NotModified,
    /// This condition failed.
    Failed(&'static str),
}

/// The four conditions; copies have them under other names.
pub(super) struct Conditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
    if_modified_since: Option<SystemTime>,
    if_unmodified_since: Option<SystemTime>,
    /// Reads may answer 304; copies never do.
    copy: bool,
}

impl Conditions {
    pub(super) fn of_read(headers: &HeaderMap) -> Self {
        Self::new(headers, ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"], false)
    }

    pub(super) fn of_copy(headers: &HeaderMap) -> Self {
        let names = [
            "x-amz-copy-source-if-match",
            "x-amz-copy-source-if-none-match",
            "x-amz-copy-source-if-modified-since",
            "x-amz-copy-source-if-unmodified-since",
        ];
        Self::new(headers, names, true)
    }

    fn new(headers: &HeaderMap, [same, other, since, before]: [&str; 4], copy: bool) -> Self {
        // No entity tag is anything but ASCII, so what is not matches none; left out, it would always hold.
        let text =
            |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
        // A date that cannot be read is as good as none.
        let date = |name: &str| text(name).and_then(|date| httpdate::parse_http_date(&date).ok());
        Self {
            if_match: text(same),
            if_none_match: text(other),
            if_modified_since: date(since),
            if_unmodified_since: date(before),
            copy,
        }
    }

    /// An entity tag, where there is one, beats the date beside it.
    pub(super) fn check(&self, facts: &Facts) -> Verdict {
        let modified = instant(facts.modified);
        let (failed_match, failed_before, failed_none, failed_since) = if self.copy {
            (
                "x-amz-copy-source-If-Match",
                "x-amz-copy-source-If-Unmodified-Since",
                Verdict::Failed("x-amz-copy-source-If-None-Match"),
                Verdict::Failed("x-amz-copy-source-If-Modified-Since"),
            )
        } else {
            ("If-Match", "If-Unmodified-Since", Verdict::NotModified, Verdict::NotModified)
        };
        match (&self.if_match, self.if_unmodified_since) {
            (Some(tags), _) if !names(tags, &facts.etag) => return Verdict::Failed(failed_match),
            (None, Some(limit)) if modified > limit => return Verdict::Failed(failed_before),
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since) {
            (Some(tags), _) if names(tags, &facts.etag) => failed_none,
            (None, Some(limit)) if modified <= limit => failed_since,
            _ => Verdict::Holds,
        }
    }
}

/// The conditions of a write or a delete, checked in the same transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    if_match: Option<String>,
    if_none_match: bool,
}

impl Guard {
    pub(super) fn read(request: &Request) -> Result<Self, Fault> {
        let if_match = request.header("if-match").map(str::to_owned);
        let if_none_match = match request.header("if-none-match") {
            None => false,
            Some("*") if if_match.is_none() => true,
            Some(_) => return Err(not_implemented("If-None-Match")),
        };
        Ok(Self { if_match, if_none_match })
    }

    /// Only an object with this entity tag.
    pub(super) fn matching(etag: Option<String>) -> Self {
        Self { if_match: etag, if_none_match: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.if_match.is_none() && !self.if_none_match
    }

    pub(super) fn check(&self, key: &str, current: Option<&Facts>) -> Result<(), Fault> {
        match (current, &self.if_match) {
            (Some(_), _) if self.if_none_match => Err(failed("If-None-Match")),
            (None, Some(_)) => Err(no_such_key(key)),
            (Some(facts), Some(tags)) if !names(tags, &facts.etag) => Err(failed("If-Match")),
            _ => Ok(()),
        }
    }
}

pub(super) fn failed(condition: &'static str) -> Fault {
    let message = "At least one of the pre-conditions you specified did not hold";
    Fault::new(Code::PreconditionFailed, "precondition-failed", message).with("Condition", condition)
}

/// Whether a list of entity tags, quoted or not, has this one. `*` has all.
fn names(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || tag.trim_matches('"') == etag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "Sat, 14 Mar 2026 09:26:52 GMT";
    const SAME: &str = "Sat, 14 Mar 2026 09:26:53 GMT";

    fn check(conditions: &[(&'static str, &str)], expected: Verdict) {
        let facts = Facts {
            version: 0,
            delete_marker: false,
            modified: 1_773_480_413_700,
            size: 0,
            etag: "abc".into(),
            owner: String::new(),
            checksum: None,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in conditions {
            headers.insert(*name, value.parse().unwrap());
        }
        assert_eq!(Conditions::of_read(&headers).check(&facts), expected, "{conditions:?}");
    }

    #[test]
    fn entity_tags_beat_dates_as_in_s3() {
        let (matches, none) = ("if-match", "if-none-match");
        let (since, before) = ("if-modified-since", "if-unmodified-since");
        check(&[], Verdict::Holds);
        check(&[(matches, "\"abc\"")], Verdict::Holds);
        check(&[(matches, "abc")], Verdict::Holds);
        check(&[(matches, "*")], Verdict::Holds);
        check(&[(matches, "\"x\", \"abc\"")], Verdict::Holds);
        check(&[(matches, "\"x\"")], Verdict::Failed("If-Match"));
        check(&[(matches, "\"abc\""), (before, OLD)], Verdict::Holds);
        check(&[(before, OLD)], Verdict::Failed("If-Unmodified-Since"));
        check(&[(before, SAME)], Verdict::Holds);
        check(&[(none, "\"abc\"")], Verdict::NotModified);
        check(&[(none, "\"x\"")], Verdict::Holds);
        check(&[(none, "\"x\""), (since, SAME)], Verdict::Holds);
        check(&[(since, SAME)], Verdict::NotModified);
        check(&[(since, OLD)], Verdict::Holds);
        check(&[(since, "yesterday")], Verdict::Holds);
        check(&[(matches, "\"x\""), (none, "\"abc\"")], Verdict::Failed("If-Match"));
        check(&[(matches, "ä")], Verdict::Failed("If-Match"));
        check(&[(none, "ä")], Verdict::Holds);
    }
}
