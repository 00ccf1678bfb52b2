//! How large a record may be, and what goes where it is larger (spec/cloudtrail.md 1).

use serde::Serialize;
use serde_json::Value;

use super::members::{Members, Node};

const KIB: usize = 1024;
/// The most octets of an error code, an error message and a user agent.
pub(super) const SHORT: usize = KIB;
/// The most octets of `requestParameters`.
const PARAMETERS: usize = 100 * KIB;
/// The most octets of `additionalEventData`.
const EXTRA: usize = 28 * KIB;
/// The most octets of a record.
const RECORD: usize = 256 * KIB;
/// What room is left for the names of what was cut.
const NOTE: usize = 256;

/// At most so many octets, cut before a character.
pub(super) fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or_default()
}

/// Makes a record fit, and says below `proxy` which of its members lost something. The request's id and
/// what it was about always stay.
pub(super) fn fit(record: &mut Members) {
    let mut lost = Vec::new();
    if let Some(Node::Members(extra)) = record.member_mut("additionalEventData") {
        if let Some(Node::Members(proxy)) = extra.member_mut("proxy")
            && drop_largest(proxy, EXTRA / 2, &["intent", "truncated"])
        {
            lost.push("additionalEventData");
        }
        if drop_largest(extra, EXTRA - NOTE, &["proxy", "x-amz-id-2"]) {
            lost.push("additionalEventData");
        }
    }
    if let Some(Node::Members(parameters)) = record.member_mut("requestParameters")
        && drop_largest(parameters, PARAMETERS, &["bucketName", "Host", "key"])
    {
        lost.push("requestParameters");
    }
    if length(record) > RECORD - NOTE
        && record.member("responseElements").is_some_and(|node| *node != Value::Null.into())
    {
        record.set("responseElements", Value::Null);
        lost.push("responseElements");
    }
    if length(record) > RECORD - NOTE
        && let Some(Node::Members(parameters)) = record.member_mut("requestParameters")
    {
        parameters.retain(|name| matches!(name, "bucketName" | "key"));
        lost.push("requestParameters");
    }
    lost.dedup();
    if !lost.is_empty() {
        note(record, &lost);
    }
}

/// Says what was lost, beside what the journal lost before.
fn note(record: &mut Members, lost: &[&str]) {
    let Some(Node::Members(extra)) = record.member_mut("additionalEventData") else { return };
    let Some(Node::Members(proxy)) = extra.member_mut("proxy") else { return };
    let mut all = match proxy.member("truncated") {
        Some(Node::Plain(Value::Array(before))) => before.clone(),
        _ => Vec::new(),
    };
    all.extend(lost.iter().map(|name| Value::from(*name)));
    proxy.set("truncated", Value::Array(all));
}

/// Drops the largest members that need not be kept until the rest fits. Says whether any went.
fn drop_largest(members: &mut Members, limit: usize, keep: &[&str]) -> bool {
    let mut dropped = false;
    while length(members) > limit {
        let droppable = members.iter().filter(|(name, _)| !keep.contains(name));
        let Some(largest) =
            droppable.max_by_key(|(name, node)| name.len() + length(node)).map(|(name, _)| name.to_owned())
        else {
            return dropped;
        };
        members.retain(|name| name != largest);
        dropped = true;
    }
    dropped
}

/// How many octets something has as JSON, counted and not kept.
fn length(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0 += octets.len();
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}
