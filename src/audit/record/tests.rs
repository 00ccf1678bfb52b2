use http::HeaderValue;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::super::frame::MAX_PAYLOAD;
use super::*;
use crate::s3::mask::tests::{SPELLINGS, spellings_of_links};
use crate::trace::{Rules, Said};

fn id() -> RequestId {
    RequestId::from_random(&[7; 34])
}

fn json(intent: &Intent<'_>) -> Value {
    let mut out = Vec::new();
    intent.write(&mut out);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn keys_versions_and_headers_are_on_record_as_they_were_sent_whatever_they_look_like() {
    let odd = "a/X-Amz-Signature=1&Signature=2/x-amz-security-token=3/secretkey=4/https://u:p@h";
    let tags = "policy=a&Signature-Kind=b&cookie=c&sessiontoken=d";
    let entries = [DeleteEntry { key: odd.to_owned(), version: Some(odd.to_owned()), ..DeleteEntry::default() }];
    let target = format!("/b/{odd}?policy=a&cookie=b&my-secretkey=c");
    let intent = Intent {
        bucket: Some(b"b"),
        key: Some(odd.as_bytes()),
        version_id: Some(odd.as_bytes()),
        target: Some(target.as_bytes()),
        source: Some(Source { bucket: "b", key: odd, version_id: Some(odd), ..Source::default() }),
        deletions: &entries,
        headers: &[(b"x-amz-tagging", tags.as_bytes())],
        ..Intent::new(id(), Millis(0))
    };
    let record = json(&intent);
    for place in
        ["/key", "/version_id", "/source/key", "/source/version_id", "/deletions/0/key", "/deletions/0/version_id"]
    {
        assert_eq!(record.pointer(place).unwrap(), odd, "{place}");
    }
    assert_eq!((&record["target"], &record["headers"]["x-amz-tagging"]), (&target.as_str().into(), &tags.into()));
    // Where no bucket is named it may be the token service that is asked.
    let asked = Intent { bucket: None, target: Some(b"/?WebIdentityToken=1&Version=2"), ..intent };
    assert_eq!(json(&asked)["target"], "/?WebIdentityToken=XXXXXXXX&Version=2");
}

#[test]
fn an_intent_says_who_asks_for_what_and_why_it_may() {
    let intent = Intent {
        requester: Requester {
            kind: Some("IAMUser"),
            account: Some("111122223333"),
            arn: Some("arn:aws:iam::111122223333:user/alice"),
            access_key: Some(b"AKIAALICEEXAMPLE0001"),
            signature_version: Some("SigV4"),
            authentication: Some("AuthHeader"),
            signature: Some(b"0123456789abcdef"),
            ..Requester::default()
        },
        connection: Connection { remote: Some("::ffff:192.0.2.7".parse().unwrap()), ..Connection::default() },
        method: Some(b"PUT"),
        target: Some(b"/b/k"),
        operation: Some("PutObject"),
        bucket: Some(b"b"),
        key: Some(b"k"),
        content_length: Some(5),
        decision: Decision::Allow,
        statements: &["writers/0", "b/Allow-writers"],
        naming: &["N-14"],
        rehearsed: Some("late"),
        headers: &[(b"X-Amz-Acl", b"private"), (b"Authorization", b"secret"), (b"Range", b"a"), (b"range", b"b")],
        encryption: Some(Encryption { algorithm: "AES256", origin: Some("default"), ..Encryption::default() }),
        ..Intent::new(id(), Millis(1_773_480_413_042))
    };
    let expected = serde_json::json!({
        "request_id": id().as_str(), "host_id": id().host_id(), "request_time": "2026-03-14T09:26:53.042Z",
        "remote_ip": "192.0.2.7", "requester_type": "IAMUser", "requester": "arn:aws:iam::111122223333:user/alice",
        "requester_account": "111122223333", "access_key_id": "AKIAALICEEXAMPLE0001", "signature_version": "SigV4",
        "authentication_type": "AuthHeader", "signature": "01234567", "operation": "PutObject", "bucket_name": "b",
        "key": "k", "method": "PUT", "target": "/b/k", "content_length": 5, "decision": "allow", "naming": ["N-14"], "rehearsed": "late",
        "encryption": {"algorithm": "AES256", "origin": "default"}, "statements": ["writers/0", "b/Allow-writers"],
        "headers": {"x-amz-acl": "private", "range": "a,b"},
    });
    assert_eq!(json(&intent), expected);
}

#[test]
fn a_context_is_on_record_without_what_is_hidden_or_secret_and_stays_one_line() {
    let member = |name: &str, value: Option<&str>| (Box::from(name), value.map(Box::from));
    let context = [
        member("patient", None),
        member("team \"a\"\n", Some("red\u{202e}\\")),
        member("link?X-Amz-Signature=abc", Some("https://h/k?X-Amz-Signature=abc&x=1")),
    ];
    let intent = Intent {
        encryption_event: Some("EncryptionWrong"),
        encryption_context: Some(&context),
        ..Intent::new(id(), Millis(0))
    };
    let mut out = Vec::new();
    intent.write(&mut out);
    assert!(!out.contains(&b'\n'), "{}", String::from_utf8_lossy(&out));
    let written = json(&intent);
    assert_eq!(written["encryption_event"], "EncryptionWrong");
    let expected = serde_json::json!({
        "patient": "XXXXXXXX", "team \"a\"\n": "red\u{202e}\\",
        "link?X-Amz-Signature=XXXXXXXX": "https://h/k?X-Amz-Signature=XXXXXXXX&x=1",
    });
    assert_eq!(written["encryption_context"], expected);
}

#[test]
fn what_requests_have_in_common_is_written_as_if_it_stood_in_each() {
    let requester = Requester {
        kind: Some("IAMUser"),
        arn: Some("arn:aws:iam::111122223333:user/\"odd\""),
        access_key: Some(b"AKIAALICEEXAMPLE0001"),
        signature: Some(b"0123456789abcdef"),
        ..Requester::default()
    };
    let connection = Connection { remote: Some("192.0.2.7".parse().unwrap()), ..Connection::default() };
    let written = |intent: Intent<'_>| {
        let mut out = Vec::new();
        intent.write(&mut out);
        String::from_utf8(out).unwrap()
    };
    for (connection, requester) in [(connection, requester), (Connection::default(), Requester::default())] {
        let origin = Origin::of(&connection, &requester);
        let apart = Intent { connection, requester, method: Some(b"GET"), ..Intent::new(id(), Millis(0)) };
        let only_signature = Requester { signature: requester.signature, ..Requester::default() };
        let together =
            Intent { origin: Some(&origin), connection: Connection::default(), requester: only_signature, ..apart };
        assert_eq!(written(together), written(apart));
    }
}

#[test]
fn the_hash_of_nothing_is_not_worth_a_line_and_every_other_is() {
    let of = |hash: &'static [u8]| {
        let headers: &[(&[u8], &[u8])] = &[(b"host", b"h"), (b"x-amz-content-sha256", hash)];
        json(&Intent { headers, ..Intent::new(id(), Millis(0)) })["headers"].clone()
    };
    assert_eq!(of(HASH_OF_NOTHING), Value::Null);
    assert_eq!(of(b"UNSIGNED-PAYLOAD"), serde_json::json!({"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}));
}

#[test]
fn a_refusal_is_one_object_of_both_records() {
    let intent = Intent { operation: Some("GetObject"), ..Intent::new(id(), Millis(0)) };
    let end = Completion {
        outcome: Outcome::Refused,
        status: Some(403),
        error_code: Some("AccessDenied"),
        reason: Some("policy"),
        ..Completion::default()
    };
    let mut out = Vec::new();
    write_refusal(&intent, &end, &mut out);
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["operation"], "GetObject");
    assert_eq!(value["outcome"], "refused");
    assert_eq!(value["http_status"], 403);
    assert_eq!(out.windows(12).filter(|window| window == b"\"request_id\"").count(), 1);
}

#[test]
fn the_largest_head_still_makes_a_record_that_a_frame_can_hold() {
    let long = vec![0x01; 64 * 1024];
    let text = "\u{1}".repeat(2048);
    let statements = vec![text.as_str(); 200];
    let acl: &[u8] = b"x-amz-acl";
    let lines = vec![(acl, long.as_slice()); 500];
    let document = vec![0x01; DOCUMENT];
    let some = Some(long.as_slice());
    let short = Some(text.as_str());
    let requester = Requester {
        kind: short,
        account: short,
        arn: short,
        principal_id: short,
        canonical_id: short,
        issuer: short,
        source_identity: short,
        web_provider: short,
        access_key: some,
        session: short,
        signature_version: short,
        authentication: short,
        signature: some,
        ..Requester::default()
    };
    let encryption = Some(Encryption { algorithm: &text, key: short, origin: short, calls: Some(1) });
    let intent = Intent {
        requester,
        source: Some(Source {
            bucket: &text,
            key: &text,
            version_id: short,
            bucket_account: short,
            bucket_owner: short,
            access_point: short,
        }),
        document: Some(&document),
        host: some,
        method: some,
        target: some,
        operation: short,
        bucket: some,
        key: some,
        version_id: some,
        user_agent: some,
        referer: some,
        statements: &statements,
        headers: &lines,
        encryption,
        ..Intent::new(id(), Millis(0))
    };
    let end = Completion {
        detail: short,
        error_message: short,
        etag: some,
        created_version: some,
        upstream_id: some,
        encryption,
        ..Completion::default()
    };
    let mut out = Vec::new();
    write_refusal(&intent, &end, &mut out);
    assert!(out.len() < MAX_PAYLOAD / 4, "{}", out.len());
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["truncated"], true);
}

#[test]
fn a_thousand_of_the_longest_keys_and_what_became_of_them_fit_into_one_frame() {
    let entry = DeleteEntry { key: "\u{1}".repeat(1024), version: Some("v".repeat(1024)), ..DeleteEntry::default() };
    let deletions = vec![entry; 1000];
    let told = |at| Deleted {
        at,
        status: 400,
        error_code: Some("x".repeat(100)),
        delete_marker_version_id: Some("m".repeat(100)),
    };
    let deleted: Vec<Deleted> = (0..1000).map(told).collect();
    let mut out = Vec::new();
    let intent = Intent { deletions: &deletions, ..Intent::new(id(), Millis(0)) };
    write_refusal(&intent, &Completion { deleted: &deleted, ..Completion::default() }, &mut out);
    assert!(out.len() < MAX_PAYLOAD, "{}", out.len());
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["deletions"][999]["key"], "\u{1}".repeat(1024), "none is cut");
    assert_eq!(value["deletion_results"][999]["at"], 999);
}

#[test]
fn a_record_says_what_lines_about_copies_documents_and_traces_need() {
    let said = Said::read(
        [&b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"[..]].into_iter(),
        [&b"a=1"[..]].into_iter(),
    );
    let trace = Rules { propagate: true, export: None }.trace(|| said, || [7; 24]);
    let source = Source { bucket: "from", key: "a b", version_id: Some("v"), ..Source::default() };
    let document = b"<A>\n</A>";
    let intent = Intent {
        source: Some(source),
        document: Some(document),
        trace: trace.as_ref(),
        ..Intent::new(id(), Millis(0))
    };
    let value = json(&intent);
    assert_eq!(value["source"], serde_json::json!({"bucket_name": "from", "key": "a b", "version_id": "v"}));
    assert_eq!(value["document"], "<A>\n</A>");
    let expected = serde_json::json!({
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "0707070707070707", "parent_id": "00f067aa0ba902b7",
        "state": "a=1",
    });
    assert_eq!(value["trace"], expected);
    let long = vec![b'a'; DOCUMENT + 1];
    let value = json(&Intent { document: Some(&long), ..Intent::new(id(), Millis(0)) });
    assert_eq!((&value["document"], &value["document_truncated"]), (&Value::Null, &true.into()));
}

#[test]
fn the_time_to_the_first_octet_is_written_only_where_it_says_more_than_the_turn_around() {
    let of = |turn_around_ms| {
        let mut out = Vec::new();
        let end = Completion { first_byte_ms: Some(5), turn_around_ms, ..Completion::default() };
        end.write(id(), &mut out);
        let value: Value = serde_json::from_slice(&out).unwrap();
        (value["first_byte_time"].as_u64(), value["turn_around_time"].as_u64())
    };
    assert_eq!(of(None), (Some(5), None));
    assert_eq!(of(Some(5)), (None, Some(5)));
    assert_eq!(of(Some(2)), (Some(5), Some(2)));
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..40),
        "\\PC{0,12}".prop_map(String::into_bytes),
        proptest::sample::select(vec!["\"}", "\\", "\\u0000", "\r\nHTTP/1.1 200", "\",\"decision\":\"allow"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

proptest! {
    #[test]
    fn random_bytes_in_any_field_never_break_or_forge_a_record(
        bucket in octets(), key in octets(), agent in octets(), referer in octets(), host in octets(),
        method in octets(), query in octets(), version in octets(), access_key in octets(), value in octets(),
    ) {
        let target = [b"/b/k?", query.as_slice()].concat();
        let lines: [(&[u8], &[u8]); 2] = [(b"x-amz-acl", &value), (&key, &value)];
        let text = String::from_utf8_lossy(&key).into_owned();
        let deletions = [DeleteEntry { key: text.clone(), version: Some(text.clone()), ..DeleteEntry::default() }];
        let deleted = [Deleted { at: 0, status: 400, error_code: Some(text.clone()), delete_marker_version_id: None }];
        let intent = Intent {
            requester: Requester { access_key: Some(&access_key), ..Requester::default() },
            bucket: Some(&bucket),
            key: Some(&key),
            user_agent: Some(&agent),
            referer: Some(&referer),
            host: Some(&host),
            method: Some(&method),
            target: Some(&target),
            version_id: Some(&version),
            document: Some(&agent),
            deletions: &deletions,
            source: Some(Source { bucket: &text, key: &text, ..Source::default() }),
            headers: &lines,
            ..Intent::new(id(), Millis(0))
        };
        let mut out = Vec::new();
        write_refusal(&intent, &Completion { etag: Some(&value), deleted: &deleted, ..Completion::default() }, &mut out);
        let text = std::str::from_utf8(&out).unwrap();
        prop_assert!(!text.chars().any(char::is_control), "one line");
        let parsed: Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(&parsed["decision"], "deny");
        prop_assert_eq!(parsed.as_object().unwrap().len(), 22);
        if let Ok(same) = std::str::from_utf8(&key) {
            prop_assert_eq!(&parsed["key"], same);
        }
        if let Ok(same) = std::str::from_utf8(&agent) {
            prop_assert_eq!(&parsed["user_agent"], same);
        }
    }

    #[test]
    fn a_signed_link_is_in_no_place_of_a_record_that_holds_links_however_it_is_quoted(
        secret in "[A-Za-z0-9]{20,40}", spelling in proptest::sample::select(spellings_of_links()),
        anything in proptest::sample::select(SPELLINGS.to_vec()), bucket in any::<bool>(),
    ) {
        let link = spelling.replace("?%20", "?").replace("{}", &secret);
        let said = anything.replace("{}", &secret);
        let (sent, target) = (Some(link.as_bytes()), format!("/b/k?next={link}"));
        let lines: Vec<(&[u8], &[u8])> = ["x-amz-copy-source", "origin", "if-match", "x-amz-website-redirect-location"]
            .iter().map(|name| (name.as_bytes(), link.as_bytes())).collect();
        let intent = Intent {
            bucket: bucket.then_some(b"b"), target: Some(target.as_bytes()), user_agent: sent, referer: sent,
            headers: &lines,
            ..Intent::new(id(), Millis(0))
        };
        let mut out = Vec::new();
        let end = Completion { detail: Some(&said), error_message: Some(&said), ..Completion::default() };
        write_refusal(&intent, &end, &mut out);
        let text = String::from_utf8(out).unwrap();
        prop_assert!(!text.contains(&secret), "{text}");
    }

    #[test]
    fn no_secret_of_a_request_is_ever_in_its_record(secret in "[A-Za-z0-9]{20,40}", other in "[a-z]{1,8}") {
        let answered: Vec<_> = SHOWN_OF_ANSWERS.into_iter().map(|name| (name, HeaderValue::from_static("shown"))).collect();
        let target = format!("/b/k?X-Amz-Signature={secret}&{other}=1&x-amz-security-token={secret}&SIGNATURE={secret}");
        let referer = format!("https://h/b/k?X%2DAmz-Signature={secret}");
        let secret = secret.as_bytes();
        let lines: Vec<(&[u8], &[u8])> = [
            "Authorization", "X-Amz-Security-Token", "Cookie", "x-amz-server-side-encryption-customer-key",
            "x-amz-server-side-encryption-customer-key-md5", "x-amz-mfa", "x-amz-meta-a",
            "x-amz-copy-source-server-side-encryption-customer-key", "traceparent", "tracestate", "proxy-authorization",
            "x-amz-copy-source-server-side-encryption-customer-key-md5", "x-amz-server-side-encryption-context",
        ].iter().map(|name| (name.as_bytes(), secret)).collect();
        let intent = Intent {
            requester: Requester { signature: Some(secret), ..Requester::default() },
            target: Some(target.as_bytes()),
            referer: Some(referer.as_bytes()),
            headers: &lines,
            ..Intent::new(id(), Millis(0))
        };
        let mut out = Vec::new();
        write_refusal(&intent, &Completion { response_headers: &answered, ..Completion::default() }, &mut out);
        prop_assert!(!out.windows(secret.len()).any(|window| window == secret));
        prop_assert!(out.windows(other.len()).any(|window| window == other.as_bytes()));
    }
}
