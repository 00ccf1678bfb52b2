use serde_json::json;

use super::*;
use crate::audit::Entry;
use crate::audit::frame::Kind;

/// What a read of an object leaves, with other members laid over it; `null` takes one away.
pub(in crate::audit) fn event(over: Value) -> Event {
    let mut members = json!({
        "request_id": "4G32EXQ8T0AKSF7S",
        "host_id": "gmBoYC9aMkAcXZFA+/==",
        "request_time": "2026-11-20T09:03:07.907Z",
        "remote_ip": "192.0.2.103",
        "requester_type": "IAMUser",
        "requester": "arn:aws:iam::111122223333:user/dev/alice",
        "requester_account": "111122223333",
        "access_key_id": "AKIADA27E3NRTYCS2KXW",
        "signature_version": "SigV4",
        "authentication_type": "AuthHeader",
        "tls_version": "TLSv1.3",
        "cipher_suite": "TLS_AES_128_GCM_SHA256",
        "operation": "GetObject",
        "bucket_name": "data",
        "bucket_account": "111122223333",
        "bucket_owner_id": "1af3b04230e5acf451f726623fc6a4d9becafc8025f0f27a355bab973525db51",
        "region": "eu-west-1",
        "key": "a/b.txt",
        "method": "GET",
        "target": "/data/a/b.txt",
        "http_version": "HTTP/1.1",
        "host_header": "s3.example",
        "user_agent": "aws-cli/2",
        "headers": {},
        "decision": "allow",
        "outcome": "completed",
        "http_status": 200,
        "bytes_received": 0,
        "bytes_sent": 12,
        "object_size": 12,
        "turn_around_time": 7,
        "total_time": 300,
        "response_headers": {},
    });
    for (name, value) in over.as_object().unwrap() {
        let members = members.as_object_mut().unwrap();
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    let Value::Object(members) = members else { unreachable!() };
    Event::of(At { instance: [7; 16], number: 42 }, Millis(1_795_165_000_000), members)
}

fn entry(number: u64, kind: Kind, json: &Value) -> Entry {
    Entry { number, time: number * 1_000_000_000, kind, json: json.to_string() }
}

#[test]
fn an_intent_and_its_completion_are_one_event_in_the_order_of_completion() {
    let mut pairs = Pairs::new([7; 16]);
    let intent = |id: &str| json!({ "request_id": id, "operation": "GetObject", "new": { "member": 1 } });
    assert_eq!(pairs.resume_from(), 1);
    assert_eq!(pairs.feed(&entry(1, Kind::Intent, &intent("A"))).unwrap(), None);
    assert_eq!(pairs.feed(&entry(2, Kind::Intent, &intent("B"))).unwrap(), None);
    let end = json!({ "request_id": "B", "outcome": "completed", "http_status": 200 });
    let event = pairs.feed(&entry(3, Kind::Completion, &end)).unwrap().unwrap();
    assert_eq!((event.request_id(), event.operation(), event.status()), (Some("B"), Some("GetObject"), Some(200)));
    assert_eq!(event.at, At { instance: [7; 16], number: 3 });
    assert_eq!(event.recorded, Millis(3000));
    assert_eq!(event.members()["new"], json!({ "member": 1 }), "what has no name here is kept");
    assert_eq!(pairs.resume_from(), 1, "A is still under way");
    assert_eq!(pairs.unfinished().map(|event| event.at.number).collect::<Vec<_>>(), [1]);
    let end = json!({ "request_id": "A", "outcome": "unknown" });
    assert!(pairs.feed(&entry(4, Kind::Completion, &end)).unwrap().unwrap().is_unknown());
    assert_eq!(pairs.resume_from(), 5);
    let combined = json!({ "request_id": "C", "outcome": "refused", "http_status": 403, "error_code": "AccessDenied" });
    assert_eq!(pairs.feed(&entry(5, Kind::Combined, &combined)).unwrap().unwrap().error_code(), Some("AccessDenied"));
    assert_eq!(pairs.feed(&entry(6, Kind::Seal, &json!({}))).unwrap(), None);
    assert_eq!(pairs.resume_from(), 7);
}

#[test]
fn no_record_is_lost_where_its_other_half_is() {
    let mut pairs = Pairs::new([7; 16]);
    let end = json!({ "request_id": "A", "outcome": "completed", "http_status": 200 });
    let event = pairs.feed(&entry(9, Kind::Completion, &end)).unwrap().unwrap();
    assert_eq!((event.request_id(), event.status(), event.operation()), (Some("A"), Some(200), None));
    // An id that begins twice: the first is over, nobody knows how.
    let intent = json!({ "request_id": "B" });
    assert_eq!(pairs.feed(&entry(10, Kind::Intent, &intent)).unwrap(), None);
    let older = pairs.feed(&entry(11, Kind::Intent, &intent)).unwrap().unwrap();
    assert!(older.is_unknown());
    assert_eq!(older.at.number, 10);
    assert_eq!(pairs.resume_from(), 11);
    // What is no object.
    let odd = Entry { number: 12, time: 0, kind: Kind::Combined, json: "[1".to_owned() };
    assert_eq!(pairs.feed(&odd).unwrap().unwrap().text("unreadable"), Some("[1"));
}

#[test]
fn more_requests_than_any_proxy_has_are_refused_and_not_forgotten() {
    let mut pairs = Pairs::new([7; 16]);
    for number in 1..=65_536 {
        assert!(pairs.feed(&entry(number, Kind::Intent, &json!({ "request_id": number.to_string() }))).is_ok());
    }
    assert!(pairs.feed(&entry(65_537, Kind::Intent, &json!({ "request_id": "x" }))).is_err());
    assert_eq!(pairs.resume_from(), 1);
    let end = json!({ "request_id": "1", "outcome": "completed" });
    assert!(pairs.feed(&entry(65_537, Kind::Completion, &end)).unwrap().is_some());
    assert!(pairs.feed(&entry(65_538, Kind::Intent, &json!({ "request_id": "x" }))).is_ok());
}

#[test]
fn an_event_holds_no_secret_whoever_made_it() {
    let event = event(json!({
        "target": "/b/k?X-Amz-Signature=SECRET&prefix=a",
        "referer": "https://e.example/?Signature=SECRET",
        "headers": {
            "Authorization": "SECRET",
            "Cookie": "SECRET",
            "X-Amz-Meta-Password": "SECRET",
            "X-Amz-Server-Side-Encryption-Customer-Key": "SECRET",
            "X-Amz-MFA": "serial SECRET",
            "X-Amz-Acl": "private",
            "x-amz-website-redirect-location": "https://e.example/?Signature=SECRET",
        },
    }));
    assert!(!serde_json::to_string(event.members()).unwrap().contains("SECRET"));
    assert_eq!(event.header("x-amz-acl"), Some("private"));
    assert_eq!(event.header("x-amz-mfa"), Some("HIDDEN_DUE_TO_SECURITY_REASONS"));
}

#[test]
fn ids_are_the_same_whenever_they_are_made_and_differ_by_what_they_are_of() {
    let one = event(json!({}));
    let kinds = [
        Which::Record,
        Which::Shared,
        Which::SharedOf("x"),
        Which::Addendum,
        Which::Child(0),
        Which::Child(1),
        Which::Account { account: "1", of: "x" },
        Which::Account { account: "2", of: "x" },
    ];
    let ids: Vec<_> = kinds.iter().map(|which| one.event_id(*which)).collect();
    let again: Vec<_> = kinds.iter().map(|which| event(json!({})).event_id(*which)).collect();
    assert_eq!(ids, again);
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len());
    let mut other = one.clone();
    other.at.number += 1;
    assert_ne!(other.event_id(Which::Record), ids[0]);
    for id in ids {
        assert_eq!(id.len(), 36);
        // 2026-11-20T09:03:08.207Z, version 7, variant 10
        assert!(id.starts_with("019aa006-c38f-7") || id.as_bytes()[14] == b'7', "{id}");
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
    }
    assert_eq!(event(json!({ "event_id": "given" })).event_id(Which::Record), "given");
}

#[test]
fn a_key_of_many_is_deleted_if_the_request_says_so_and_nothing_else_is_told() {
    let over = |over: Value| {
        let mut members = json!({
            "operation": "DeleteObjects",
            "key": null,
            "deletions": [{ "key": "a" }, { "key": "b", "version_id": "v" }, { "key": "c" }],
            "deletion_results": [{ "at": 1, "status": 403, "error_code": "AccessDenied" }, { "at": 9, "status": 1 }],
        });
        members.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        let event = event(members);
        event.deletions().iter().map(|one| (one.status, one.error_code.map(str::to_owned))).collect::<Vec<_>>()
    };
    let denied = (Some(403), Some("AccessDenied".to_owned()));
    assert_eq!(over(json!({})), [(Some(204), None), denied.clone(), (Some(204), None)]);
    let down = (Some(503), Some("SlowDown".to_owned()));
    let status = json!({ "http_status": 503, "error_code": "SlowDown" });
    assert_eq!(over(status), [down.clone(), denied.clone(), down]);
    let nobody_knows = (None, Some(UNKNOWN_OUTCOME.to_owned()));
    assert_eq!(over(json!({ "outcome": "unknown" })), [nobody_knows.clone(), denied, nobody_knows]);
}

#[test]
fn our_own_form_has_an_object_for_each_line_and_says_everything_in_that_of_the_request() {
    let objects = |over: Value| -> Vec<Value> {
        let text = event(over).to_json();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let told = |object: &Value| -> Vec<Value> {
        ["operation", "bucket_name", "key", "http_status", "error_code", "bytes_sent"]
            .map(|name| object[name].clone())
            .to_vec()
    };
    let copy = objects(json!({
        "operation": "CopyObject", "key": "new", "statements": ["s1"], "source_status": 200, "source_object_size": 99,
        "source": { "bucket_name": "old", "bucket_owner_id": "0b", "key": "x y", "version_id": "v1" },
    }));
    assert_eq!(copy.len(), 2);
    assert_eq!(
        told(&copy[0]),
        ["REST.COPY.OBJECT_GET".into(), "old".into(), "x y".into(), 200.into(), Value::Null, Value::Null]
    );
    assert_eq!((&copy[0]["version_id"], &copy[0]["object_size"]), (&"v1".into(), &99.into()));
    assert_eq!((&copy[0]["bucket_owner_id"], &copy[0]["bucket_arn"]), (&"0b".into(), &"arn:aws:s3:::old".into()));
    assert_eq!(
        told(&copy[1]),
        ["REST.COPY.OBJECT".into(), "data".into(), "new".into(), 200.into(), Value::Null, 12.into()]
    );
    assert_eq!((&copy[0]["statements"], &copy[1]["statements"]), (&Value::Null, &json!(["s1"])));
    let many = objects(json!({
        "operation": "DeleteObjects", "method": "POST", "key": null, "object_size": null,
        "deletions": [{ "key": "a" }, { "key": "b", "version_id": "v" }],
        "deletion_results": [{ "at": 1, "status": 403, "error_code": "AccessDenied" }],
    }));
    assert_eq!(many.len(), 3);
    let batch = "BATCH.DELETE.OBJECT";
    assert_eq!(told(&many[0]), [batch.into(), "data".into(), "a".into(), 204.into(), Value::Null, Value::Null]);
    assert_eq!(
        told(&many[1]),
        [batch.into(), "data".into(), "b".into(), 403.into(), "AccessDenied".into(), Value::Null]
    );
    assert_eq!((&many[1]["request_uri"], &many[1]["user_agent"]), (&Value::Null, &Value::Null));
    assert!(many[0]["deletions"].is_null() && many[2]["deletions"].is_array());
    assert!(
        many.iter()
            .all(|object| object["record"] == many[2]["record"] && object["request_id"] == many[2]["request_id"])
    );
    // What has no line has an object all the same.
    let listed = objects(json!({ "operation": "ListBuckets", "bucket_name": null, "key": null }));
    assert_eq!(listed.iter().map(|object| &object["operation"]).collect::<Vec<_>>(), ["REST.GET.SERVICE"]);
    let nowhere = objects(json!({ "http_status": 404, "error_code": "NoSuchBucket" }));
    assert_eq!(nowhere.len(), 1);
}

#[test]
fn our_own_form_has_the_names_of_the_access_log_first_and_then_everything() {
    let event = event(json!({
        "key": "a \u{202e}\n\"b",
        "http_status": 404,
        "error_code": "NoSuchKey",
        "object_size": null,
        "statements": ["s1"],
        "acl_required": null,
    }));
    let line = event.to_json();
    assert!(line.starts_with(r#"{"bucket_owner_id":"1af3b"#), "{line}");
    assert!(line.contains(r#""key":"a \u202E\n\"b""#), "{line}");
    assert!(!line.contains('\n'));
    let value: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["key"], "a \u{202e}\n\"b");
    assert_eq!(value["operation"], "REST.GET.OBJECT");
    assert_eq!(value["api_operation"], "GetObject");
    assert_eq!(value["bucket_arn"], "arn:aws:s3:::data");
    assert_eq!(value["http_status"], 404);
    assert_eq!(value["object_size"], Value::Null);
    assert_eq!(value["acl_required"], false);
    assert_eq!(value["request_uri"], "GET /data/a/b.txt HTTP/1.1");
    assert_eq!(value["statements"], json!(["s1"]));
    assert_eq!(value["record"]["number"], 42);
    assert_eq!(value["schema_version_id"], "V_1_0");
}
