//! A record and its members, in the order in which AWS writes them (spec/cloudtrail.md 1).

use serde::Serialize;
use serde_json::Value;

use super::fit::{SHORT, cut, fit};
use super::members::{Members, Node};
use super::names::{Called, called};
use super::{Setting, extra, identity, parameters, resources};
use crate::audit::event::{Deletion, Event, Which, second};
use crate::audit::json::write_json;

/// A record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Record(pub(super) Members);

impl Record {
    /// Its members.
    pub fn members(&self) -> &Members {
        &self.0
    }

    /// A member that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.text(name)
    }

    /// A member that is a boolean.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.0.member(name)? {
            Node::Plain(value) => value.as_bool(),
            _ => None,
        }
    }

    /// Appends it as one line of JSON and the line's end.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_json(self, out);
        out.push(b'\n');
    }
}

/// The records of an event, in full: its own, and of DeleteObjects one for each key that was deleted or
/// may have been.
pub fn records(event: &Event, setting: &Setting) -> Vec<Record> {
    let called = called(event);
    let mut out = vec![of_call(event, &called, setting)];
    if called.name == "DeleteObjects" {
        for (place, deletion) in event.deletions().iter().enumerate() {
            if deletion.status.is_none_or(|status| (200..300).contains(&status)) {
                out.push(of_key(event, place, deletion, setting));
            }
        }
    }
    out
}

/// Of whom the owner of the bucket is told by a copy of its own.
pub(super) fn owner(event: &Event) -> Option<&str> {
    event.bucket_account().filter(|account| !account.is_empty())
}

/// Whether several accounts get it, or nobody knows who asked.
pub(super) fn is_shared(event: &Event) -> bool {
    let caller = event.caller();
    match (caller.account(), owner(event)) {
        (Some(asks), Some(owns)) => asks != owns,
        _ => caller.is_anonymous(),
    }
}

/// What is different in the records of one event.
struct Part<'a> {
    name: &'a str,
    error: Option<(&'a str, Option<&'a str>)>,
    parameters: Members,
    answered: Option<Members>,
    extra: Members,
    which: Which<'a>,
    reads: bool,
    resources: Vec<Members>,
    kind: &'static str,
    management: bool,
    shared: bool,
    tls: bool,
}

fn of_call(event: &Event, called: &Called<'_>, setting: &Setting) -> Record {
    let (parameters, omitted) = parameters::asked(event, called);
    let part = Part {
        name: &called.name,
        error: event.error_code().map(|code| (code, event.text("error_message"))),
        parameters,
        answered: parameters::answered(event, called),
        extra: extra::of_call(event, called, &omitted),
        which: Which::Record,
        reads: called.reads,
        resources: resources::resources(event, called),
        kind: "AwsApiCall",
        management: called.management,
        shared: is_shared(event),
        tls: true,
    };
    record(event, called.source, part, setting)
}

fn of_key(event: &Event, place: usize, deletion: &Deletion<'_>, setting: &Setting) -> Record {
    let part = Part {
        name: "DeleteObject",
        error: deletion.error_code.filter(|_| deletion.status.is_none()).map(|code| (code, None)),
        parameters: parameters::asked_of(event, deletion),
        answered: None,
        extra: extra::of_key(event),
        which: Which::Child(place),
        reads: false,
        resources: resources::of_key(event, deletion.key),
        kind: "AwsServiceEvent",
        management: false,
        shared: false,
        tls: false,
    };
    record(event, "s3.amazonaws.com", part, setting)
}

fn record(event: &Event, source: &'static str, part: Part<'_>, setting: &Setting) -> Record {
    let caller = event.caller();
    let service = caller.arn().filter(|_| caller.kind() == Some("AWSService"));
    let mut out = Members::default();
    out.put("eventVersion", "1.11");
    out.put("userIdentity", identity::identity(event));
    out.put("eventTime", second(event.ended()));
    out.put("eventSource", source);
    out.put("eventName", part.name);
    out.put("awsRegion", event.text("region").unwrap_or(&setting.region));
    out.maybe("sourceIPAddress", service.or_else(|| event.text("remote_ip")));
    let agent = || format!("[{}]", cut(event.text("user_agent").unwrap_or_default(), SHORT - 2));
    out.put("userAgent", service.map_or_else(agent, str::to_owned));
    if let Some((code, message)) = part.error {
        out.put("errorCode", cut(code, SHORT));
        out.maybe("errorMessage", message.map(|message| cut(message, SHORT)));
    }
    out.put("requestParameters", or_null(part.parameters));
    out.put("responseElements", or_null(part.answered.unwrap_or_default()));
    out.put("additionalEventData", part.extra);
    out.maybe("requestID", event.request_id());
    out.put("eventID", event.event_id(part.which));
    out.put("readOnly", part.reads);
    if !part.resources.is_empty() {
        out.put("resources", part.resources);
    }
    out.put("eventType", part.kind);
    out.put("managementEvent", part.management);
    out.put("recipientAccountId", owner(event).or(caller.account()).unwrap_or(&setting.account));
    if part.shared {
        out.put("sharedEventID", event.event_id(Which::Shared));
    }
    out.maybe("vpcEndpointId", event.text("vpc_endpoint_id"));
    out.maybe("vpcEndpointAccountId", event.text("vpc_endpoint_account"));
    out.put("eventCategory", if part.management { "Management" } else { "Data" });
    out.maybe("tlsDetails", tls(event).filter(|_| part.tls));
    fit(&mut out);
    Record(out)
}

fn or_null(members: Members) -> Node {
    if members.is_empty() { Node::Plain(Value::Null) } else { members.into() }
}

/// `tlsDetails`; `None` without TLS.
fn tls(event: &Event) -> Option<Members> {
    let version = event.text("tls_version")?;
    let mut out = Members::default();
    out.put("tlsVersion", version);
    out.maybe("cipherSuite", event.text("cipher_suite"));
    out.maybe("clientProvidedHostHeader", event.text("host_header"));
    out.maybe("keyExchange", event.text("key_exchange"));
    Some(out)
}
