//! From an event to its lines (spec/access-logs.md 2, 5, 6).

use std::borrow::Cow;

use serde_json::Value;

use super::Setting;
use super::line::{Fields, Line, Spelling, spell};
use super::names::{Name, has_object_size, has_turn_around, name};
use crate::audit::event::{Deletion, Event, Source, UNKNOWN_OUTCOME};
use crate::time::Millis;

/// The lines of an event in their order: of a copy the one of its source and its own, of DeleteObjects
/// one of each key and its own, of everything else one; none of what names no bucket, or one that is not there.
pub fn lines(event: &Event, _setting: &Setting) -> Vec<Line> {
    parts(event).iter().map(|part| line(event, part)).collect()
}

/// What differs between the lines of an event, in their order.
pub(in crate::audit) fn parts(event: &Event) -> Vec<Part<'_>> {
    let name = name(event);
    let mut parts = Vec::new();
    if name.is_copy()
        && let Some(source) = event.source()
        && let Some(bucket) = source.bucket()
        && !event.is_from_no_bucket()
    {
        parts.push(of_source(event, bucket, source, &name));
    }
    let Some(bucket) = event.bucket().filter(|_| !event.is_of_no_bucket()) else { return parts };
    for deletion in event.deletions() {
        parts.push(of_deletion(event, bucket, &deletion));
    }
    parts.push(of_request(event, bucket, &name));
    parts
}

/// What differs between the lines of one request.
pub(in crate::audit) struct Part<'a> {
    bucket: &'a str,
    account: Option<&'a str>,
    owner: Option<&'a str>,
    operation: String,
    key: Option<&'a str>,
    version_id: Option<&'a str>,
    status: Option<u64>,
    error_code: Option<&'a str>,
    bytes_sent: Option<u64>,
    object_size: Option<u64>,
    total_time: Option<u64>,
    turn_around: Option<u64>,
    access_point: Option<&'a str>,
    /// It has no request line of its own.
    bare: bool,
    /// It is the request's own.
    own: bool,
}

impl Part<'_> {
    /// Whether it is the request's own, and not of what it did besides.
    pub(in crate::audit) const fn is_own(&self) -> bool {
        self.own
    }

    /// A member as JSON has it, by the name that JSON has for it; none of what the lines of an event have in
    /// common.
    pub(in crate::audit) fn member(&self, name: &str) -> Option<Value> {
        Some(match name {
            "bucket_owner_id" => self.owner.into(),
            "bucket_name" => self.bucket.into(),
            "bucket_arn" => format!("arn:aws:s3:::{}", self.bucket).into(),
            "operation" => self.operation.as_str().into(),
            "key" => self.key.into(),
            "http_status" => self.status.into(),
            "error_code" => self.error_code.into(),
            "bytes_sent" => self.bytes_sent.into(),
            "object_size" => self.object_size.into(),
            "total_time" => self.total_time.into(),
            "turn_around_time" => self.turn_around.into(),
            "version_id" => self.version_id.into(),
            "access_point_arn" => self.access_point.into(),
            "acl_required" if self.status == Some(403) => false.into(),
            "request_uri" | "referer" | "user_agent" if self.bare => Value::Null,
            _ => return None,
        })
    }
}

/// The request's own.
fn of_request<'a>(event: &'a Event, bucket: &'a str, name: &Name) -> Part<'a> {
    let known = !event.is_unknown();
    let sent = event.number("bytes_sent").filter(|sent| *sent > 0);
    Part {
        bucket,
        account: event.bucket_account(),
        owner: event.text("bucket_owner_id"),
        operation: name.to_string(),
        key: event.key(),
        version_id: event.text("version_id"),
        status: event.status(),
        error_code: event.error_code(),
        bytes_sent: sent.filter(|_| known && event.text("method") != Some("HEAD")),
        object_size: event.number("object_size").filter(|_| event.succeeded() && has_object_size(name)),
        total_time: event.number("total_time").filter(|_| known),
        turn_around: event.number("turn_around_time").filter(|_| event.succeeded() && has_turn_around(name)),
        access_point: event.text("access_point_arn"),
        bare: false,
        own: true,
    }
}

/// The source of a copy, in the log of the bucket that it is read from. What became of the read is what
/// became of the request where nothing else is known.
fn of_source<'a>(event: &'a Event, bucket: &'a str, source: Source<'a>, name: &Name) -> Part<'a> {
    let own = event.number("source_status");
    let (status, error_code) = match own {
        Some(status) => (Some(status), event.text("source_error_code")),
        None => (event.status(), event.error_code()),
    };
    let read = status.is_some_and(|status| (200..300).contains(&status)) && error_code.is_none();
    Part {
        bucket,
        account: source.bucket_account(),
        owner: source.bucket_owner_id(),
        operation: format!("{name}_GET"),
        key: source.key(),
        version_id: source.version_id(),
        status,
        error_code,
        bytes_sent: None,
        object_size: event.number("source_object_size").filter(|_| read),
        total_time: event.number("total_time").filter(|_| !event.is_unknown()),
        turn_around: None,
        access_point: source.access_point_arn().or_else(|| event.text("access_point_arn")),
        bare: false,
        own: false,
    }
}

/// One key of DeleteObjects.
fn of_deletion<'a>(event: &'a Event, bucket: &'a str, deletion: &Deletion<'a>) -> Part<'a> {
    let unknown = deletion.status.is_none().then_some(UNKNOWN_OUTCOME);
    Part {
        bucket,
        account: event.bucket_account(),
        owner: event.text("bucket_owner_id"),
        operation: "BATCH.DELETE.OBJECT".to_owned(),
        key: Some(deletion.key),
        version_id: deletion.version_id,
        status: deletion.status,
        error_code: deletion.error_code.or(unknown),
        bytes_sent: None,
        object_size: None,
        total_time: None,
        turn_around: None,
        access_point: event.text("access_point_arn"),
        bare: true,
        own: false,
    }
}

fn line(event: &Event, part: &Part<'_>) -> Line {
    Line {
        bucket: part.bucket.to_owned(),
        account: part.account.map(str::to_owned),
        region: event.text("region").map(str::to_owned),
        fields: fields(event, part),
    }
}

fn fields<'e>(event: &'e Event, part: &'e Part<'_>) -> Fields {
    use Spelling::{Bare, Key, Quoted, Time};
    let text = |value: Option<&'e str>| (Bare, value.map(Cow::Borrowed));
    let member = |name: &str| text(event.text(name));
    let number = |value: Option<u64>| (Bare, value.map(|value| value.to_string().into()));
    let quoted = |value: Option<Cow<'e, str>>| if part.bare { (Bare, None) } else { (Quoted, value) };
    let caller = event.caller();
    let denied = part.status == Some(403);
    spell(&[
        text(part.owner),
        text(Some(part.bucket)),
        (Time, Some(time(event.received()).into())),
        member("remote_ip"),
        text(requester(event)),
        member("request_id"),
        text(Some(&part.operation)),
        (Key, part.key.map(Cow::Borrowed)),
        quoted(request_line(event).map(Cow::Owned)),
        number(part.status),
        text(part.error_code),
        number(part.bytes_sent),
        number(part.object_size),
        number(part.total_time),
        number(part.turn_around),
        quoted(event.text("referer").map(Cow::Borrowed)),
        quoted(event.text("user_agent").map(Cow::Borrowed)),
        text(part.version_id),
        member("host_id"),
        text(caller.signature_version()),
        member("cipher_suite"),
        // A form has neither header nor query (5.5).
        text(caller.authentication().filter(|kind| *kind != "HtmlForm")),
        member("host_header"),
        member("tls_version"),
        text(part.access_point),
        text((event.acl_required() && !denied).then_some("Yes")),
        member("source_region"),
    ])
}

/// Field 5: of root the canonical id, if it is known; of what nobody asked for, the service's (section 6).
pub(in crate::audit) fn requester(event: &Event) -> Option<&str> {
    let arn = event.caller().arn()?;
    if event.caller().kind() == Some("AWSService") {
        return Some("AmazonS3");
    }
    let root = event.caller().kind() == Some("Root");
    Some(event.text("requester_canonical_id").filter(|_| root).unwrap_or(arn))
}

/// Field 9: the first line of the request; what of it is missing is left out.
pub(in crate::audit) fn request_line(event: &Event) -> Option<String> {
    let parts: Vec<_> = ["method", "target", "http_version"].into_iter().filter_map(|name| event.text(name)).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// `06/Feb/2019:00:00:38 +0000`
fn time(received: Millis) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day, hour, minute, second) = received.seconds().civil();
    let month = usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or("Jan");
    format!("{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
}
