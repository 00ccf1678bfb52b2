//! The project's own form of an event: one JSON object for each line that the access log has, with its names,
//! and in that of the request itself everything else (spec/access-logs.md 7).

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Value, json};

use super::Event;
use crate::audit::access_log::{NAMES, Part, name, parts, request_line, requester};
use crate::audit::json::write_json;

/// What stands before the names that it shares with the lines of the access log.
const FIRST: [&str; 4] = ["bucket_owner_id", "bucket_name", "bucket_arn", "request_time"];

/// The names of the access log in their order.
fn names() -> impl Iterator<Item = &'static str> {
    // The first three fields of a line are called otherwise here.
    FIRST.into_iter().chain(NAMES.into_iter().skip(3))
}

impl Event {
    /// The event as JSON, one object a line, without the end of the last: one for each line that the access log
    /// has, in its order, and one for what has no line. Each says what the line says, `null` where absent, and
    /// where the event stands; the last one, which is the request's own, everything else that is recorded.
    /// `operation` is the one of the access log; that of the API is `api_operation`, and the ARN of whoever asked
    /// `requester_arn`.
    pub fn to_json(&self) -> String {
        let mut out = Vec::with_capacity(2048);
        let parts = parts(self);
        for part in &parts {
            write_json(&Own { event: self, part: Some(part), whole: part.is_own() }, &mut out);
            out.push(b'\n');
        }
        if !parts.last().is_some_and(Part::is_own) {
            write_json(&Own { event: self, part: None, whole: true }, &mut out);
        }
        let text = String::from_utf8(out).unwrap_or_default(); // JSON is UTF-8
        text.trim_end().to_owned()
    }

    /// A member as the access log has it.
    fn first(&self, member: &str) -> Value {
        let text = |value: Option<&str>| Value::from(value);
        match member {
            "bucket_arn" => self.bucket().map(|bucket| format!("arn:aws:s3:::{bucket}")).into(),
            "operation" => name(self).to_string().into(),
            "requester" => text(requester(self)),
            "request_uri" => request_line(self).into(),
            "http_status" => self.status().into(),
            "error_code" => text(self.error_code()),
            "signature_version" => text(self.caller().signature_version()),
            "authentication_type" => text(self.caller().authentication()),
            "acl_required" => self.acl_required().into(),
            other => self.members().get(other).cloned().unwrap_or_default(),
        }
    }
}

struct Own<'a> {
    event: &'a Event,
    /// The line that it is of.
    part: Option<&'a Part<'a>>,
    /// Whether everything else is said as well.
    whole: bool,
}

impl Serialize for Own<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { event, part, whole } = *self;
        let mut map = serializer.serialize_map(None)?;
        for name in names() {
            let own = part.and_then(|part| part.member(name));
            map.serialize_entry(name, &own.unwrap_or_else(|| event.first(name)))?;
        }
        map.serialize_entry("schema_version_id", "V_1_0")?;
        map.serialize_entry("api_operation", &event.operation())?;
        map.serialize_entry("requester_arn", &event.caller().arn())?;
        let instance = format!("{:032x}", u128::from_be_bytes(event.at.instance));
        map.serialize_entry("record", &json!({ "instance": instance, "number": event.at.number }))?;
        map.serialize_entry("recorded", &event.recorded.rfc3339())?;
        const OURS: [&str; 5] = ["schema_version_id", "api_operation", "requester_arn", "record", "recorded"];
        for (name, value) in event.members().iter().filter(|_| whole) {
            if !names().any(|first| first == name) && !OURS.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}
