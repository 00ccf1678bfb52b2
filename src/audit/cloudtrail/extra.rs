//! `additionalEventData`: what AWS says beyond the request, and below `proxy` what we say
//! (spec/cloudtrail.md 3.3).

use serde_json::{Value, json};

use super::members::Members;
use super::names::Called;
use crate::audit::event::Event;
use crate::s3::Operation;

/// Of the call itself.
pub(super) fn of_call(event: &Event, called: &Called<'_>, omitted: &[String]) -> Members {
    let mut out = Members::default();
    let known = !event.is_unknown();
    out.maybe("SignatureVersion", event.caller().signature_version());
    out.maybe("CipherSuite", event.text("cipher_suite"));
    out.maybe("bytesTransferredIn", event.number("bytes_received").filter(|_| known));
    out.maybe("SSEApplied", encryption(event, called));
    out.maybe("AuthenticationMethod", event.caller().authentication());
    out.maybe("x-amz-id-2", event.text("host_id"));
    out.maybe("bytesTransferredOut", event.number("bytes_sent").filter(|_| known));
    out.maybe("aclRequired", event.acl_required().then_some("Yes"));
    out.put("proxy", proxy(event, omitted));
    out
}

/// Of one key of DeleteObjects.
pub(super) fn of_key(event: &Event) -> Members {
    let mut out = Members::default();
    out.maybe("x-amz-id-2", event.text("host_id"));
    let mut proxy = Members::default();
    proxy.put("intent", at(event));
    out.put("proxy", proxy);
    out
}

/// How a new object is encrypted, and whether the request asked for that.
fn encryption(event: &Event, called: &Called<'_>) -> Option<String> {
    use Operation as O;
    let makes =
        matches!(called.operation, Some(O::CopyObject | O::CreateMultipartUpload | O::PostObject | O::PutObject));
    if !makes || !event.succeeded() {
        return None;
    }
    let told = |record: &str, member: &str| event.members().get(record)?.get(member)?.as_str();
    if event.header("x-amz-server-side-encryption-customer-algorithm").is_some() {
        return Some("SSE_C".to_owned());
    }
    let asked = event.header("x-amz-server-side-encryption");
    let algorithm = event
        .response_header("x-amz-server-side-encryption")
        .or_else(|| told("confirmed_encryption", "algorithm"))
        .or(asked)
        .or_else(|| told("encryption", "algorithm"))?;
    let kind = match algorithm {
        "AES256" => "SSE_S3",
        "aws:kms" => "SSE_KMS",
        "aws:kms:dsse" => "DSSE_KMS",
        "SSE-C" => return Some("SSE_C".to_owned()),
        _ => return None,
    };
    // A form asks in its fields, which are no headers.
    let asked = asked.is_some() || told("encryption", "origin") == Some("request");
    Some(format!("{}{kind}", if asked { "" } else { "Default_" }))
}

/// Everything of ours.
fn proxy(event: &Event, omitted: &[String]) -> Members {
    let mut out = Members::default();
    let mut member = |name: &'static str, recorded: &str| {
        out.maybe(name, event.members().get(recorded).filter(|value| !value.is_null()).cloned());
    };
    member("decision", "decision");
    member("reason", "reason");
    member("statementIds", "statements");
    member("rule", "naming");
    member("kmsCalls", "kms_calls");
    member("dimension", "dimension");
    member("encryption", "encryption");
    member("encryptionEvent", "encryption_event");
    member("encryptionContext", "encryption_context");
    member("backend", "backend");
    member("backendRequestId", "upstream_request_id");
    member("outcome", "outcome");
    member("generation", "generation");
    member("rehearsed", "rehearsed");
    member("trace", "trace");
    out.put("intent", at(event));
    if !omitted.is_empty() {
        out.put("omittedParameters", Value::from(omitted.to_vec()));
    }
    let cut: Vec<&str> = [("truncated", "record"), ("document_truncated", "document")]
        .into_iter()
        .filter_map(|(flag, what)| event.flag(flag).then_some(what))
        .collect();
    if !cut.is_empty() {
        out.put("truncated", Value::from(cut));
    }
    out
}

/// Where the event stands.
fn at(event: &Event) -> Value {
    json!({ "instance": format!("{:032x}", u128::from_be_bytes(event.at.instance)), "number": event.at.number })
}
