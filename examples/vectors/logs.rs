//! Finished requests: what the access log and the audit records say of each. And chains of digests.

use std::path::Path;

use bartizan::audit::access_log::{self, NAMES};
use bartizan::audit::cloudtrail;
use bartizan::audit::{At, Event};
use bartizan::time::Millis;
use serde_json::{Map, Value, json};

use crate::digests;
use crate::report::{self, Difference, Outcome, same};

pub(crate) fn run(directory: &Path) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    for (file_name, file) in report::files(directory)? {
        let situations = file.as_ref().and_then(|file| file.get("situations")).and_then(Value::as_array);
        let (Some(situations), "situations.json") = (situations, file_name.as_str()) else {
            outcome.case(&file_name, &file_name, || Err(Difference::unreadable("situations")));
            continue;
        };
        for (place, case) in (1_usize..).zip(situations) {
            let place = format!("{file_name}#{place}");
            let id = case.get("id").and_then(Value::as_str).unwrap_or(&place);
            outcome.case(&file_name, id, || judge(case));
        }
    }
    let chain = directory.join("digest");
    if chain.is_dir() {
        digests::run(&chain, &mut outcome)?;
    }
    Ok(outcome)
}

fn judge(case: &Value) -> Result<(), Difference> {
    let event = event(case.get("situation").ok_or_else(|| Difference::unreadable("situation"))?)?;
    let expect = case.get("expect").ok_or_else(|| Difference::unreadable("expect"))?;
    judge_lines(&event, list(expect, "access_log")?)?;
    judge_records(&event, list(expect, "cloudtrail")?)
}

fn judge_lines(event: &Event, expected: &[Value]) -> Result<(), Difference> {
    let lines = access_log::lines(event, &access_log::Setting::default());
    same("lines", &expected.len().into(), &lines.len().into())?;
    for (place, (expected, line)) in (1_usize..).zip(expected.iter().zip(&lines)) {
        let got = |name: &str| NAMES.iter().position(|known| *known == name).and_then(|at| line.fields.get(at));
        let fields = expected.get("fields").and_then(Value::as_object);
        for (name, value) in fields.ok_or_else(|| Difference::unreadable("fields"))? {
            let got = got(name).map_or(Value::Null, |text| text.as_str().into());
            same(&format!("line {place} {name}"), value, &got)?;
        }
        same(&format!("line {place} bucket"), &expected["bucket"], &line.bucket.as_str().into())?;
        let mut written = Vec::new();
        line.write(&mut written);
        let text = String::from_utf8_lossy(&written).strip_suffix('\n').unwrap_or_default().to_owned();
        same(&format!("line {place}"), &expected["line"], &text.as_str().into())?;
        let read = access_log::parse(&written).map_err(|fault| Difference {
            what: format!("line {place} read back"),
            expected: text,
            got: fault.to_string(),
        })?;
        same(&format!("line {place} read back"), &json!(line.fields.as_slice()), &json!(read.as_slice()))?;
    }
    Ok(())
}

fn judge_records(event: &Event, expected: &[Value]) -> Result<(), Difference> {
    let records = cloudtrail::records(event, &cloudtrail::Setting::default());
    same("records", &expected.len().into(), &records.len().into())?;
    for (place, (expected, record)) in (1_usize..).zip(expected.iter().zip(&records)) {
        let mut got = serde_json::to_value(record).unwrap_or_default();
        if let Some(extra) = got.get_mut("additionalEventData").and_then(Value::as_object_mut) {
            extra.remove("proxy");
            let nothing = extra.is_empty() && expected.get("additionalEventData").is_none();
            if let (true, Some(record)) = (nothing, got.as_object_mut()) {
                record.remove("additionalEventData");
            }
        }
        // Member by member, so that a difference says where it is.
        let names = expected.as_object().into_iter().chain(got.as_object()).flat_map(Map::keys);
        for name in names {
            let member = |value: &Value| value.get(name).cloned().unwrap_or_else(|| "no such member".into());
            same(&format!("record {place} {name}"), &member(expected), &member(&got))?;
        }
    }
    Ok(())
}

/// A situation in the members of the journal.
fn event(situation: &Value) -> Result<Event, Difference> {
    let mut to = Members { from: situation, out: Map::new() };
    to.copy("operation", "/operation");
    to.copy("region", "/region");
    to.copy("bucket_name", "/bucket/name");
    to.copy("bucket_account", "/bucket/account");
    to.copy("bucket_owner_id", "/bucket/owner_canonical_id");
    to.copy("key", "/key");
    to.copy("version_id", "/version_id");
    to.copy("access_point_arn", "/access_point_arn");
    to.copy("acl_required", "/acl_required");
    to.copy("bytes_received", "/body_in");
    to.copy("request_id", "/ids/request_id");
    to.copy("host_id", "/ids/host_id");
    to.copy("event_id", "/ids/event_id");
    to.copy("shared_event_id", "/ids/shared_event_id");
    request(&mut to);
    caller(&mut to)?;
    answer(&mut to);
    source(&mut to);
    children(&mut to);
    Ok(Event::of(At::default(), Millis(0), to.out))
}

fn request(to: &mut Members<'_>) {
    to.copy("request_time", "/request/received");
    to.copy("method", "/request/method");
    to.copy("target", "/request/target");
    to.copy("http_version", "/request/http_version");
    to.copy("headers", "/request/headers");
    to.copy("host_header", "/request/headers/host");
    to.copy("user_agent", "/request/headers/user-agent");
    to.copy("referer", "/request/headers/referer");
    to.copy("remote_ip", "/request/remote_ip");
    to.copy("source_region", "/request/source_region");
    to.copy("vpc_endpoint_id", "/request/vpc_endpoint_id");
    to.copy("vpc_endpoint_account", "/request/vpc_endpoint_account");
    to.copy("tls_version", "/request/tls/version");
    to.copy("cipher_suite", "/request/tls/cipher");
    to.copy("key_exchange", "/request/tls/group");
}

fn caller(to: &mut Members<'_>) -> Result<(), Difference> {
    to.copy("signature_version", "/auth/signature");
    to.copy("requester_type", "/auth/identity/type");
    to.copy("requester", "/auth/identity/arn");
    to.copy("requester_account", "/auth/identity/account");
    to.copy("requester_canonical_id", "/auth/identity/canonical_id");
    to.copy("requester_issuer", "/auth/identity/issuer/arn");
    to.copy("principal_id", "/auth/identity/principal_id");
    to.copy("access_key_id", "/auth/access_key_id");
    to.copy("access_key_id", "/auth/identity/access_key_id");
    to.copy("user_name", "/auth/identity/user_name");
    to.copy("session_created", "/auth/identity/created");
    to.copy("mfa", "/auth/identity/mfa");
    to.copy("source_identity", "/auth/identity/source_identity");
    // The words of the journal for how it came in.
    let (member, value) = match to.from.pointer("/auth/type").and_then(Value::as_str) {
        Some("header") => ("authentication_type", "AuthHeader"),
        Some("query") => ("authentication_type", "QueryString"),
        Some("post") => ("authentication_type", "HtmlForm"),
        Some("failed") => ("requester_type", "Unknown"),
        Some("anonymous") => return Ok(()),
        _ => return Err(Difference::unreadable("auth.type")),
    };
    to.out.insert(member.to_owned(), value.into());
    Ok(())
}

fn answer(to: &mut Members<'_>) {
    to.copy("http_status", "/response/status");
    to.copy("error_code", "/response/error_code");
    to.copy("error_message", "/response/error_message");
    to.copy("bytes_sent", "/response/body_bytes");
    to.copy("object_size", "/response/object_size");
    to.copy("response_headers", "/response/headers");
    to.copy("first_byte_time", "/timing/first_byte_sent");
    to.copy("total_time", "/timing/last_byte_sent");
    let time = |name: &str| to.from.pointer(name).and_then(Value::as_u64);
    let times = time("/timing/first_byte_sent").zip(time("/timing/last_byte_received"));
    if let Some(between) = times.and_then(|(sent, received)| sent.checked_sub(received)) {
        to.out.insert("turn_around_time".to_owned(), between.into());
    }
}

fn source(to: &mut Members<'_>) {
    let Some(from) = to.from.get("source").filter(|source| source.is_object()) else { return };
    let mut source = Members { from, out: Map::new() };
    source.copy("bucket_name", "/bucket/name");
    source.copy("bucket_account", "/bucket/account");
    source.copy("bucket_owner_id", "/bucket/owner_canonical_id");
    source.copy("key", "/key");
    source.copy("version_id", "/version_id");
    source.copy("access_point_arn", "/access_point_arn");
    let source = source.out;
    to.out.insert("source".to_owned(), source.into());
    to.copy("source_status", "/source/status");
    to.copy("source_error_code", "/source/error_code");
    to.copy("source_object_size", "/source/object_size");
}

fn children(to: &mut Members<'_>) {
    let Some(children) = to.from.get("children").and_then(Value::as_array) else { return };
    let (mut asked, mut results) = (Vec::new(), Vec::new());
    for (at, from) in children.iter().enumerate() {
        let mut child = Members { from, out: Map::new() };
        child.copy("key", "/key");
        child.copy("version_id", "/version_id");
        child.copy("event_id", "/event_id");
        asked.push(Value::from(child.out));
        let mut result = Members { from, out: Map::from_iter([("at".to_owned(), at.into())]) };
        result.copy("status", "/status");
        result.copy("error_code", "/error_code");
        results.push(Value::from(result.out));
    }
    to.out.insert("deletions".to_owned(), asked.into());
    to.out.insert("deletion_results".to_owned(), results.into());
}

/// Copies what is there and not null.
struct Members<'a> {
    from: &'a Value,
    out: Map<String, Value>,
}

impl Members<'_> {
    fn copy(&mut self, name: &str, pointer: &str) {
        if let Some(value) = self.from.pointer(pointer).filter(|value| !value.is_null()) {
            self.out.insert(name.to_owned(), value.clone());
        }
    }
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], Difference> {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| Difference::unreadable(name))
}
