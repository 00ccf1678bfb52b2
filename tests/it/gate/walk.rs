//! Requests that go through, and what is left of them in the journal.

use super::{Ask, Gate, Mode, Script};

#[test]
fn an_object_comes_back_as_it_was_sent_in_every_payload_mode() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    for (size, mode) in [
        (0, Mode::Hash),
        (1000, Mode::Hash),
        (1000, Mode::Trailer),
        (300_000, Mode::Hash),
        (300_000, Mode::Trailer),
        (300_000, Mode::Unsigned),
    ] {
        let data: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[0]).collect();
        let put = gate.send(&Ask::put("/bucket/a%20b", &data).mode(mode));
        assert_eq!(put.status, 200, "{put:?}");
        let got = gate.send(&Ask::new("GET", "/bucket/a%20b"));
        assert_eq!((got.status, got.body == data), (200, true), "{size}");
    }
}

#[test]
fn every_request_has_an_intent_and_one_completion_or_one_combined_record() {
    let gate = Gate::embedded();
    gate.send(&Ask::new("PUT", "/bucket"));
    gate.send(&Ask::put("/bucket/k", b"data"));
    gate.send(&Ask::new("GET", "/bucket/none"));
    gate.send(&Ask { secret: "x", ..Ask::new("GET", "/bucket/k") });
    let (records, _) = gate.finish();
    let of = |member: &str| records.iter().filter(|record| record.get(member).is_some()).count();
    // An intent knows the method, a completion the outcome; a refusal both.
    assert_eq!((of("method"), of("outcome")), (4, 4), "{records:#?}");
    let refused = records.iter().find(|record| record["outcome"] == "refused").unwrap();
    assert_eq!((&refused["reason"], &refused["http_status"]), (&"signature".into(), &403.into()));
    let missing = records.iter().find(|record| record["http_status"] == 404).unwrap();
    assert_eq!((&missing["outcome"], &missing["error_code"]), (&"completed".into(), &"NoSuchKey".into()));
}

#[test]
fn the_store_hears_the_proxy_and_nothing_of_the_client() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    let ask = Ask::put("/bucket/k", b"data")
        .header("user-agent", "secret-agent")
        .header("cookie", "a=b")
        .header("x-forwarded-for", "10.1.2.3")
        .header("x-amz-meta-a", "1")
        .header("content-type", "text/plain");
    assert_eq!(gate.send(&ask).status, 200);
    let seen = store.seen();
    let head = &seen[0].head;
    assert!(head.starts_with("PUT /bucket/k HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains("Credential=AKIASTORESTORE000001/")
            && head.contains("x-amz-meta-a: 1\r\n")
            && head.contains("content-type: text/plain")
    );
    for foreign in [super::KEY, "secret-agent", "cookie", "x-forwarded-for", "connection: close"] {
        assert!(!head.contains(foreign), "{foreign} in {head}");
    }
    assert_eq!(seen[0].body, b"data");
}

#[test]
fn a_checksum_behind_a_long_body_travels_on_behind_it() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    let data = vec![7; 3_000_000];
    assert_eq!(gate.send(&Ask::put("/bucket/k", &data).mode(Mode::Trailer)).status, 200);
    let seen = &store.seen()[0];
    assert!(
        seen.whole && seen.head.contains("x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        "{}",
        seen.head
    );
    assert!(seen.head.contains("x-amz-decoded-content-length: 3000000\r\n"));
    let end = String::from_utf8_lossy(&seen.body[seen.body.len() - 60..]).into_owned();
    assert!(end.contains("\r\n0\r\nx-amz-checksum-crc32:") && end.ends_with("\r\n\r\n"), "{end}");
}

#[test]
fn what_the_store_says_of_the_proxys_own_key_never_reaches_the_client() {
    let store = Script::answering(
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 98\r\n\r\n<Error><Code>SignatureDoesNotMatch</Code><Message>AKIASTORESTORE000001 is wrong</Message></Error>  ",
    );
    let gate = Gate::before(&store);
    let reply = gate.send(&Ask::new("GET", "/bucket/k"));
    reply.refused(500, "InternalError");
    assert!(!String::from_utf8_lossy(&reply.body).contains("AKIASTORE"));
    let (records, _) = gate.finish();
    assert!(records.iter().any(|record| record["reason"] == "upstream-refuses-us"));
}

#[test]
fn a_redirect_is_not_followed_and_not_passed_on() {
    let store = Script::answering(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    );
    let gate = Gate::before(&store);
    gate.send(&Ask::new("GET", "/bucket/k")).refused(500, "InternalError");
    assert_eq!(store.seen().len(), 1);
}

/// An answer of a store as it goes over the wire.
fn told(status: &str, lines: &str, document: &str) -> Script {
    let length = document.len();
    Script::answering(format!("HTTP/1.1 {status}\r\n{lines}content-length: {length}\r\n\r\n{document}").leak())
}

#[test]
fn where_a_store_sends_the_proxy_no_client_is_sent() {
    let place = "<Message>elsewhere</Message><Endpoint>store.example</Endpoint>";
    for (status, code, expected) in [
        ("307 Temporary Redirect", "TemporaryRedirect", (503, "ServiceUnavailable")),
        ("301 Moved Permanently", "PermanentRedirect", (500, "InternalError")),
        ("400 Bad Request", "PermanentRedirect", (500, "InternalError")),
        ("403 Forbidden", "TemporaryRedirect", (500, "InternalError")),
    ] {
        let store = told(status, "", &format!("<Error><Code>{code}</Code>{place}</Error>"));
        let gate = Gate::before(&store);
        let reply = gate.send(&Ask::new("GET", "/bucket/k"));
        reply.refused(expected.0, expected.1);
        assert!(!String::from_utf8_lossy(&reply.body).contains("store.example"));
        assert_eq!(reply.head.contains("x-amz-retry-after: "), expected.0 == 503, "{}", reply.head);
    }
}

#[test]
fn an_error_that_is_none_of_s3_is_not_guessed_at() {
    let long = format!("<Error><Code>NoSuchKey</Code><Message>{}</Message></Error>", "m".repeat(64 << 10));
    for (status, document, expected) in [
        ("404 Not Found", "<html>no such page</html>", (500, "InternalError")),
        ("403 Forbidden", "blocked", (500, "InternalError")),
        ("404 Not Found", &long, (500, "InternalError")),
        ("500 Internal Server Error", "<html/>", (500, "InternalError")),
        ("502 Bad Gateway", "<html/>", (503, "ServiceUnavailable")),
        ("504 Gateway Timeout", "", (503, "ServiceUnavailable")),
    ] {
        let store = told(status, "", document);
        let gate = Gate::before(&store);
        gate.send(&Ask::new("GET", "/bucket/k")).refused(expected.0, expected.1);
    }
    // Some stores say nothing but the status.
    let store = told("404 Not Found", "", "");
    Gate::before(&store).send(&Ask::new("GET", "/bucket/k")).refused(404, "NoSuchKey");
}

#[test]
fn a_store_that_is_too_busy_is_passed_on_with_hints() {
    let document = "<Error><Code>SlowDown</Code><Message>m</Message></Error>";
    for (status, lines, hints) in [
        ("503 Service Unavailable", "", ["retry-after: 1\r", "x-amz-retry-after: 1000\r"]),
        ("503 Service Unavailable", "retry-after: 7\r\n", ["retry-after: 7\r", "x-amz-retry-after: 7000\r"]),
        ("429 Too Many", "x-amz-retry-after: 1500\r\n", ["retry-after: 2\r", "x-amz-retry-after: 1500\r"]),
    ] {
        let store = told(status, lines, document);
        let gate = Gate::before(&store);
        let reply = gate.send(&Ask::new("GET", "/bucket/k"));
        reply.refused(status[..3].parse().unwrap(), "SlowDown");
        for hint in hints {
            assert!(reply.head.contains(&format!("\n{hint}")), "{hint} in {}", reply.head);
        }
    }
}

#[test]
fn a_store_that_is_not_there_is_said_so_with_hints() {
    let gone = Script { address: "127.0.0.1:1".to_owned(), seen: std::sync::Arc::default() };
    let gate = Gate::before(&gone);
    let reply = gate.send(&Ask::new("GET", "/bucket/k"));
    reply.refused(503, "ServiceUnavailable");
    assert!(reply.head.contains("x-amz-retry-after: "), "{}", reply.head);
}

#[test]
fn an_error_without_a_message_gets_one() {
    let document = "<Error><Code>NoSuchKey</Code><RequestId>theirs</RequestId></Error>";
    let answer = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{document}", document.len());
    let store = Script::answering(answer.leak());
    let gate = Gate::before(&store);
    let reply = gate.send(&Ask::new("GET", "/bucket/k"));
    reply.refused(404, "NoSuchKey");
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(text.contains("<Message>NoSuchKey</Message>") && !text.contains("theirs"), "{text}");
}

#[test]
fn continue_is_said_only_after_the_decision() {
    let gate = Gate::embedded();
    let ask = Ask { secret: "wrong", ..Ask::put("/bucket/k", &[7; 100_000]) }.header("expect", "100-continue");
    let (head, _) = ask.parts();
    let reply = gate.send_raw(head.as_bytes()); // not an octet of the body
    reply.refused(403, "SignatureDoesNotMatch");
    assert!(!reply.head.contains("100 Continue"), "{}", reply.head);
}

#[test]
fn a_new_key_works_after_sighup_and_a_broken_file_changes_nothing() {
    let gate = Gate::embedded();
    let file = gate.folder.path().join("policies/credentials.toml");
    let fresh = Ask { key: "AKIAFRESHFRESH000001", ..Ask::new("PUT", "/bucket") };
    gate.send(&fresh).refused(403, "InvalidAccessKeyId");
    let before = std::fs::read_to_string(&file).unwrap();
    let reload = |text: &str, done: &str| {
        std::fs::write(&file, text).unwrap();
        assert!(
            std::process::Command::new("kill").args(["-HUP", &gate.child.id().to_string()]).status().unwrap().success()
        );
        let told = || std::fs::read_to_string(gate.folder.path().join("stderr")).unwrap();
        while !told().contains(done) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    };
    reload(&before.replace(super::KEY, "AKIAFRESHFRESH000001"), "have been read again");
    assert_eq!(gate.send(&fresh).status, 200);
    gate.send(&Ask::new("GET", "/bucket")).refused(403, "InvalidAccessKeyId");
    reload("", "stay in force"); // as one sees it whose editor is just writing it
    assert_eq!(gate.send(&fresh).status, 200);
    reload("not toml", "not TOML here");
    assert_eq!(gate.send(&fresh).status, 200);
}

#[test]
fn a_store_that_falls_silent_in_the_middle_breaks_the_answer_off() {
    let store = Script::answering("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
    let gate = Gate::before(&store);
    let reply = gate.send(&Ask::new("GET", "/bucket/k"));
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"abc"[..]), "short of its length, so the client notices");
    let (records, _) = gate.finish();
    assert!(records.iter().any(|record| record["outcome"] == "upstream-failed"), "{records:#?}");
}

#[test]
fn a_store_that_never_answers_is_given_up() {
    let store = Script::answering("");
    let gate = Gate::before(&store);
    gate.send(&Ask::new("GET", "/bucket/k")).refused(503, "ServiceUnavailable");
}

#[test]
fn a_preflight_is_answered_without_policy_store_or_signature() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    for (target, more) in [
        ("/bucket/k", ""),
        ("/nowhere?X-Amz-Signature=0&partNumber=1&uploadId=u", ""),
        ("/bucket/k", "authorization: AWS4-HMAC-SHA256 nonsense\r\n"),
    ] {
        let asked = format!(
            "OPTIONS {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\norigin: https://app.example\r\n\
             access-control-request-method: PUT\r\n{more}\r\n"
        );
        let reply = gate.send_raw(asked.as_bytes());
        reply.refused(403, "AccessForbidden");
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(text.contains("<Method>PUT</Method><ResourceType>"), "{text}");
        assert!(!reply.head.to_ascii_lowercase().contains("access-control-allow"), "{}", reply.head);
    }
    assert!(store.seen().is_empty());
}
