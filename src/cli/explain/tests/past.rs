//! Requests of the past, from a real journal.

use std::net::IpAddr;
use std::path::Path;

use super::super::super::Exit;
use super::super::super::tests::{Ran, run};
use super::{RED, site, write};
use crate::audit::{Completion, Connection, Decision, Intent, Journal, Outcome, Requester, Settings};
use crate::id::RequestId;
use crate::time::Millis;

/// 2026-03-02T10:20:30.500Z
const THEN: Millis = Millis(1_772_446_830_500);
const ID: [u8; 34] = [3; 34];

fn red() -> Requester<'static> {
    Requester {
        kind: Some("IAMUser"),
        account: Some("111122223333"),
        arn: Some(RED),
        access_key: Some(b"AKIAREDEXAMPLE000001"),
        signature_version: Some("SigV4"),
        authentication: Some("AuthHeader"),
        ..Requester::default()
    }
}

fn get(headers: &'static [(&'static [u8], &'static [u8])]) -> Intent<'static> {
    Intent {
        requester: red(),
        connection: Connection {
            remote: Some(IpAddr::from([203, 0, 113, 9])),
            tls_version: Some("TLSv1.3"),
            ..Connection::default()
        },
        method: Some(b"GET"),
        target: Some(b"/logs/a"),
        operation: Some("GetObject"),
        bucket: Some(b"logs"),
        key: Some(b"a"),
        decision: Decision::Allow,
        statements: &["identities/red#Read"],
        generation: Some(7),
        headers,
        ..Intent::new(RequestId::from_random(&ID), THEN)
    }
}

fn put(headers: &'static [(&'static [u8], &'static [u8])]) -> Intent<'static> {
    Intent {
        method: Some(b"PUT"),
        target: Some(b"/logs/red/a"),
        operation: Some("PutObject"),
        key: Some(b"red/a"),
        ..get(headers)
    }
}

/// Puts the request on record and explains it.
fn explain(folder: &Path, intent: &Intent<'_>, more: &[&str]) -> Ran {
    let settings = Settings { min_free: Some(0), ..Settings::default() };
    let (journal, _) = Journal::open(folder.join("state/journal"), settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let receipt = runtime.block_on(journal.record(intent)).unwrap();
    receipt.complete(&Completion { outcome: Outcome::Completed, status: Some(200), ..Completion::default() });
    journal.close().unwrap();
    drop(journal);
    let id = intent.id.as_str().to_owned();
    let args = ["explain", id.as_str()];
    let ran = run(folder, &args.iter().chain(more).copied().collect::<Vec<_>>());
    Ran { out: ran.out.replace(&id, "ID"), ..ran }
}

#[test]
fn a_request_of_the_past_is_decided_with_what_stands_now() {
    let dir = site();
    let ran = explain(dir.path(), &get(&[]), &[]);
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Fine, ""), "{}", ran.out);
    insta::assert_snapshot!("past", ran.out);
}

#[test]
fn what_was_allowed_then_may_be_denied_now() {
    let dir = site();
    let deny = r#"{"Version": "2012-10-17", "Statement": {"Sid": "Closed", "Effect": "Deny", "Principal": "*",
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/*"}}"#;
    write(dir.path(), "policies/buckets/logs/policy.json", deny);
    let ran = explain(dir.path(), &get(&[]), &["--json"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.err);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["then"]["decision"], "allow");
    assert_eq!(told["then"]["statements"], serde_json::json!(["identities/red#Read"]));
    assert_eq!(
        (told["now"]["allowed"].as_bool(), told["now"]["checks"][0]["reason"].as_str()),
        (Some(false), Some("denied-resource"))
    );
}

#[test]
fn every_check_of_the_request_is_made_again() {
    let dir = site();
    let ran = explain(dir.path(), &put(&[(b"x-amz-tagging", b"team=red"), (b"x-amz-acl", b"private")]), &["--json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let checks: Vec<(&str, bool)> = told["now"]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["action"].as_str().unwrap(), check["allowed"].as_bool().unwrap()))
        .collect();
    assert_eq!(checks, [("s3:PutObject", true), ("s3:PutObjectAcl", false), ("s3:PutObjectTagging", false)]);
    assert_eq!(ran.exit, Exit::No);
}

#[test]
fn a_key_that_no_record_holds_is_said_to_be_unknown() {
    let dir = site();
    let deny = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::logs/*", "Condition": {"StringEquals": {"s3:ExistingObjectTag/class": "secret"}}}}"#;
    write(dir.path(), "policies/buckets/logs/policy.json", deny);
    let ran = explain(dir.path(), &get(&[]), &[]);
    assert!(ran.out.contains("note: not on record, and taken as absent: s3:ExistingObjectTag/class"), "{}", ran.out);
}

#[test]
fn what_the_record_cannot_hold_is_not_guessed() {
    let nobody = Requester { arn: None, account: None, kind: None, ..red() };
    let tagging = Intent {
        method: Some(b"PUT"),
        target: Some(b"/logs/a?tagging"),
        operation: Some("PutObjectTagging"),
        ..get(&[])
    };
    let form = Intent { method: Some(b"POST"), target: Some(b"/logs"), operation: Some("PostObject"), ..get(&[]) };
    let long = format!("/logs/{}", "a".repeat(9000));
    for (intent, complaint) in [
        (Intent { requester: nobody, ..get(&[]) }, "who asked was never verified"),
        (tagging, "the body of PutObjectTagging decides"),
        (form, "it was a form"),
        (Intent { target: Some(long.as_bytes()), ..get(&[]) }, "only the beginning of `target`"),
        (Intent { operation: Some("HeadObject"), ..get(&[]) }, "would be routed as GetObject"),
    ] {
        let dir = site();
        let ran = explain(dir.path(), &intent, &[]);
        assert_eq!(ran.exit, Exit::Unusable, "{complaint}");
        assert!(ran.err.contains(complaint), "{complaint}: {}", ran.err);
        assert!(ran.out.contains("then: allowed by identities/red#Read"), "what is known is told: {}", ran.out);
    }
}

#[test]
fn a_request_that_nobody_sent_is_not_found() {
    let dir = site();
    std::fs::create_dir_all(dir.path().join("state/journal")).unwrap();
    let ran = run(dir.path(), &["explain", "0123456789ABCDEF"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Unusable, ""));
    assert!(ran.err.contains("0123456789ABCDEF") || ran.err.contains("journal"), "{}", ran.err);
    let ran = run(dir.path(), &["explain", "nonsense"]);
    assert!(ran.exit == Exit::Unusable && ran.err.contains("this is no request id"), "{}", ran.err);
}
