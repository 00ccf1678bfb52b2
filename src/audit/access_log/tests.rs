use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::audit::Event;
use crate::audit::event::tests::event;
use crate::s3::Operation;

fn all(event: &Event) -> Vec<String> {
    lines(event, &Setting::default()).iter().map(Line::to_text).collect()
}

fn field(event: &Event, name: &str) -> String {
    let lines = lines(event, &Setting::default());
    let at = NAMES.iter().position(|known| *known == name).unwrap();
    lines.last().unwrap().fields[at].clone()
}

#[test]
fn a_read_is_one_line() {
    assert_eq!(
        all(&event(json!({}))),
        ["1af3b04230e5acf451f726623fc6a4d9becafc8025f0f27a355bab973525db51 data [20/Nov/2026:09:03:07 +0000] \
          192.0.2.103 arn:aws:iam::111122223333:user/dev/alice 4G32EXQ8T0AKSF7S REST.GET.OBJECT a/b.txt \
          \"GET /data/a/b.txt HTTP/1.1\" 200 - 12 12 300 7 \"-\" \"aws-cli/2\" - gmBoYC9aMkAcXZFA+/== SigV4 \
          TLS_AES_128_GCM_SHA256 AuthHeader s3.example TLSv1.3 - - -"]
    );
}

#[test]
fn what_names_no_bucket_has_no_line() {
    assert!(all(&event(json!({ "bucket_name": null, "key": null, "operation": "ListBuckets" }))).is_empty());
}

#[test]
fn what_names_a_bucket_that_is_not_there_has_no_line_in_its_log() {
    let buckets = |over: Value| -> Vec<String> {
        lines(&event(over), &Setting::default()).into_iter().map(|line| line.bucket).collect()
    };
    let gone = json!({ "http_status": 404, "error_code": "NoSuchBucket" });
    assert!(buckets(gone).is_empty());
    let copy = |over: Value| {
        let mut members = json!({
            "operation": "CopyObject", "http_status": 404, "error_code": "NoSuchBucket",
            "source": { "bucket_name": "old", "key": "k" },
        });
        members.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        buckets(members)
    };
    assert_eq!(copy(json!({ "missing_bucket": "old" })), ["data"]);
    assert_eq!(copy(json!({ "missing_bucket": "data" })), ["old"]);
    assert_eq!(copy(json!({ "source_status": 404, "source_error_code": "NoSuchBucket" })), ["data"]);
    assert_eq!(copy(json!({ "source_status": 200 })), ["old"]);
    assert_eq!(copy(json!({})), ["old", "data"], "which of them nobody has said");
    assert_eq!(copy(json!({ "error_code": "NoSuchKey" })), ["old", "data"]);
}

#[test]
fn every_operation_has_a_name_of_its_resource() {
    for operation in Operation::ALL {
        let name = operation_name(operation);
        assert!(!name.ends_with("OTHER"), "{operation:?}");
        assert!(name.bytes().all(|octet| octet.is_ascii_uppercase() || matches!(octet, b'.' | b'_')), "{name}");
        assert_eq!(name.split('.').count(), 3, "{name}");
    }
    for (operation, name) in [
        (Operation::UploadPartCopy, "REST.COPY.PART"),
        (Operation::GetObjectAcl, "REST.GET.ACL"),
        (Operation::PutBucketTagging, "REST.PUT.TAGGING"),
        (Operation::DeleteObjectTagging, "REST.DELETE.OBJECT_TAGGING"),
        (Operation::ListObjectAnnotations, "REST.GET.OBJECT_ANNOTATIONS"),
        (Operation::GetBucketIntelligentTieringConfiguration, "REST.GET.INTELLIGENT_TIERING"),
        (Operation::UpdateObjectEncryption, "REST.PUT.OBJECT_ENCRYPTION"),
        (Operation::OptionsObject, "REST.OPTIONS.PREFLIGHT"),
        (Operation::PostObject, "REST.POST.BUCKET"),
    ] {
        assert_eq!(operation_name(operation), name);
    }
}

#[test]
fn what_the_router_does_not_know_is_named_after_its_method() {
    let name = |over| field(&event(over), "operation");
    assert_eq!(name(json!({ "operation": null, "method": "PATCH" })), "REST.PATCH.OBJECT");
    assert_eq!(name(json!({ "operation": null, "method": "PATCH", "key": null })), "REST.PATCH.BUCKET");
    assert_eq!(name(json!({ "operation": "Preflight", "method": "OPTIONS" })), "REST.OPTIONS.PREFLIGHT");
    assert_eq!(name(json!({ "operation": "S3.EXPIRE.OBJECT", "requester": "AmazonS3" })), "S3.EXPIRE.OBJECT");
}

#[test]
fn absent_and_a_dash_differ() {
    assert_eq!(field(&event(json!({ "user_agent": "-", "key": "-" })), "user_agent"), "\"%2D\"");
    assert_eq!(field(&event(json!({ "user_agent": "-", "key": "-" })), "key"), "%2D");
    assert_eq!(field(&event(json!({ "user_agent": null })), "user_agent"), "\"-\"");
}

#[test]
fn keys_are_encoded_twice() {
    let key = |key: &str| field(&event(json!({ "key": key })), "key");
    assert_eq!(key("a b"), "a%2520b");
    assert_eq!(key("release=1"), "release%253D1");
    assert_eq!(key("ü/~_.-"), "%25C3%25BC/~_.-");
    assert_eq!(key("%41"), "%252541");
}

#[test]
fn sizes_and_times_are_where_the_service_has_them() {
    let fields = |over: Value| {
        let event = event(over);
        ["bytes_sent", "object_size", "turn_around_time"].map(|name| field(&event, name))
    };
    assert_eq!(fields(json!({ "method": "HEAD", "operation": "HeadObject" })), ["-", "12", "-"]);
    assert_eq!(fields(json!({ "http_status": 304, "bytes_sent": 0 })), ["-", "-", "-"]);
    assert_eq!(fields(json!({ "http_status": 404, "error_code": "NoSuchKey" })), ["12", "-", "-"]);
    assert_eq!(fields(json!({ "operation": "CopyObject", "error_code": "InternalError" })), ["12", "-", "-"]);
    assert_eq!(fields(json!({ "operation": "GetBucketAcl", "key": null })), ["12", "-", "-"]);
    assert_eq!(fields(json!({ "operation": "GetObjectTagging" })), ["12", "-", "7"]);
    assert_eq!(fields(json!({ "turn_around_time": null })), ["12", "12", "-"]);
}

#[test]
fn who_could_not_prove_it_is_not_named() {
    let failed = event(json!({ "requester_type": "Unknown", "http_status": 403 }));
    for name in ["requester", "signature_version", "authentication_type"] {
        assert_eq!(field(&failed, name), "-", "{name}");
    }
    // So older records say it.
    let failed = event(json!({ "requester_type": null, "requester": null, "requester_account": null }));
    assert_eq!(field(&failed, "signature_version"), "-");
    let root =
        json!({ "requester_type": "Root", "requester": "arn:aws:iam::1:root", "requester_canonical_id": "c0ffee" });
    assert_eq!(field(&event(root), "requester"), "c0ffee");
    let form = event(json!({ "authentication_type": "HtmlForm" }));
    assert_eq!((field(&form, "signature_version"), field(&form, "authentication_type")), ("SigV4".into(), "-".into()));
    let denied = event(json!({ "acl_required": true, "http_status": 403, "decision": "deny" }));
    assert_eq!(field(&denied, "acl_required"), "-");
    assert_eq!(field(&event(json!({ "acl_required": true })), "acl_required"), "Yes");
}

#[test]
fn a_copy_has_a_line_in_the_log_of_either_bucket() {
    let copy = json!({
        "operation": "CopyObject", "method": "PUT", "target": "/data/new", "key": "new",
        "source": { "bucket_name": "old", "bucket_owner_id": "0b", "bucket_account": "444455556666", "key": "x y", "version_id": "v1" },
        "source_status": 200, "source_object_size": 99,
    });
    let lines = lines(&event(copy), &Setting::default());
    assert_eq!(lines.iter().map(|line| line.bucket.as_str()).collect::<Vec<_>>(), ["old", "data"]);
    assert_eq!(lines[0].account.as_deref(), Some("444455556666"));
    let text = lines[0].to_text();
    assert!(text.starts_with("0b old ["), "{text}");
    assert!(text.contains(" REST.COPY.OBJECT_GET x%2520y \"PUT /data/new HTTP/1.1\" 200 - - 99 300 - "), "{text}");
    assert!(text.contains(" v1 gmBo"), "{text}");
    assert!(lines[1].to_text().contains(" REST.COPY.OBJECT new \"PUT /data/new HTTP/1.1\" 200 - 12 12 300 7 "));
}

#[test]
fn keys_of_many_have_lines_of_their_own_before_the_request() {
    let all = all(&event(json!({
        "operation": "DeleteObjects", "method": "POST", "target": "/data?delete", "key": null, "object_size": null,
        "deletions": [{ "key": "a" }, { "key": "b", "version_id": "v" }],
        "deletion_results": [{ "at": 1, "status": 403, "error_code": "AccessDenied" }],
    })));
    assert_eq!(all.len(), 3);
    assert!(all[0].contains(" BATCH.DELETE.OBJECT a - 204 - - - - - - - - gmBo"), "{}", all[0]);
    assert!(all[1].contains(" BATCH.DELETE.OBJECT b - 403 AccessDenied - - - - - - v gmBo"), "{}", all[1]);
    assert!(all[2].contains(" REST.POST.MULTI_OBJECT_DELETE - \"POST /data?delete HTTP/1.1\" 200 - 12 - 300 - "));
    for line in &all {
        assert_eq!(parse(line.as_bytes()).unwrap().join(" "), *line);
    }
}

#[test]
fn an_unknown_outcome_says_so_and_claims_nothing() {
    let event = event(json!({ "outcome": "unknown", "acl_required": true }));
    let line = &all(&event)[0];
    assert!(line.contains(" - ProxyUnknownOutcome - - - - \"-\" \"aws-cli/2\" "), "{line}");
}

#[test]
fn long_fields_are_cut_before_a_character_and_lines_have_an_end() {
    let agent = field(&event(json!({ "user_agent": "ü".repeat(8000) })), "user_agent");
    assert!(agent.ends_with("%C3%BC%E2%80%A6\""), "{agent}");
    assert!(agent.len() <= 8192 + 2 && agent.len() > 8192 - 12, "{}", agent.len());
    assert_eq!((agent.len() - 2 - 9) % 6, 0, "no half of a character");
    let exact = "a".repeat(8192);
    assert_eq!(field(&event(json!({ "user_agent": exact })), "user_agent"), format!("\"{exact}\""));
    let huge = "\"".repeat(60_000);
    let line = all(&event(json!({
        "user_agent": huge, "referer": huge, "target": huge, "host_header": huge, "key": huge, "version_id": huge,
        "requester": huge, "error_code": huge, "tls_version": huge,
    })))
    .remove(0);
    assert!(line.len() <= 32 * 1024, "{}", line.len());
    assert!(parse(line.as_bytes()).is_ok());
}

#[test]
fn only_lines_are_read_and_old_and_new_ones_too() {
    let line = all(&event(json!({}))).remove(0);
    let fields = parse(line.as_bytes()).unwrap();
    let words: Vec<_> = line.split(' ').collect();
    for cut in 1..=3 {
        let shorter = words[..words.len() - cut].join(" ");
        let read = parse(shorter.as_bytes()).unwrap();
        assert_eq!(read[..27 - cut], fields[..27 - cut]);
        assert!(read[27 - cut..].iter().all(|field| field == "-"));
    }
    assert!(matches!(parse(words[..words.len() - 4].join(" ").as_bytes()), Err(Unreadable::Few(23))));
    assert_eq!(parse(format!("{line} more fields\n").as_bytes()).unwrap(), fields);
    assert_eq!(parse(b""), Err(Unreadable::Field(1)));
    assert_eq!(parse(line.replace("\"aws-cli/2\"", "aws-cli/2").as_bytes()), Err(Unreadable::Field(17)));
    assert_eq!(parse(line.replace("\"aws-cli/2\"", "\"aws\"cli/2\"").as_bytes()), Err(Unreadable::Field(17)));
    assert_eq!(parse(line.replace("[20/Nov", "20/Nov").as_bytes()), Err(Unreadable::Field(3)));
    assert_eq!(parse(line.replace(" 200 ", "  ").as_bytes()), Err(Unreadable::Field(10)));
    assert!(matches!(parse(line.replace("aws", "a\nb").as_bytes()), Err(Unreadable::Octet(_))));
    assert!(matches!(parse(line.replace("aws", "é").as_bytes()), Err(Unreadable::Octet(_))));
}

proptest! {
    #[test]
    fn nothing_that_a_client_sends_makes_another_line_or_field(
        agent in any::<String>(),
        referer in any::<String>(),
        key in any::<String>(),
        host in any::<String>(),
        query in any::<String>(),
        version in any::<String>(),
        secret in "[A-Za-z0-9]{24}",
        name in prop::sample::select(vec!["X-Amz-Signature", "x%2damz-SECURITY-token", "Signature",
            "x-amz-server-side-encryption-customer-key", "X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key"]),
    ) {
        let target = format!("/b/k?{query}&{name}={secret}&{query}");
        let event = event(json!({
            "user_agent": agent, "referer": format!("https://e.example/?{name}={secret}&{referer}"), "key": key, "host_header": host,
            "target": target, "version_id": version,
        }));
        let mut out = Vec::new();
        let lines = lines(&event, &Setting::default());
        prop_assert_eq!(lines.len(), 1);
        lines[0].write(&mut out);
        prop_assert_eq!(out.iter().filter(|octet| **octet == b'\n').count(), 1);
        prop_assert_eq!(&parse(&out).unwrap(), &lines[0].fields);
        prop_assert!(!String::from_utf8(out).unwrap().contains(&secret));
        prop_assert!(!event.to_json().contains(&secret));
    }
}
