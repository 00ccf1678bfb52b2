//! Audit records in the form of CloudTrail (spec/cloudtrail.md), made of events.
//!
//! Extensions stand below `additionalEventData.proxy` alone. Which records go to whom, and the files they
//! are put in, are not decided here; [`selector`](super::selector) knows the former, delivery the latter.

use serde_json::Value;

use super::event::Event;

/// What records say that events do not.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// The proxy's own account: who gets the record of a request that neither a bucket nor a caller is
    /// known of.
    pub account: String,
    /// The proxy's own region, for events that name none.
    pub region: String,
}

/// A record, its members in AWS's order.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(transparent)]
pub struct Record(Value);

/// The records of an event, in full: its own, and of DeleteObjects one for each key that was deleted.
pub fn records(_event: &Event, _setting: &Setting) -> Vec<Record> {
    Vec::new()
}

/// The accounts that get a copy: the requester's first, then that of the bucket's owner if it is another
/// (section 7).
pub fn accounts(_event: &Event, _setting: &Setting) -> Vec<String> {
    Vec::new()
}

/// The records as one of these accounts gets them.
pub fn records_for(_event: &Event, _setting: &Setting, _account: &str) -> Vec<Record> {
    Vec::new()
}

/// The record that corrects what was said of a request as long as nobody knew how it ended.
pub fn addendum(_before: &Event, _now: &Event, _setting: &Setting) -> Option<Record> {
    None
}
