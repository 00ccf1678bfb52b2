//! Heads and bodies that try to be read in two ways, too long, too slow or too many.

use std::io::Write;
use std::time::Duration;

use super::{one, one_answer, plain, start, to_end};

/// The octets of a request, and the status and code of its answer; no code means that it was served.
type Row = (&'static str, u16, &'static str);

const HOSTILE: &[Row] = &[
    (
        "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "BadRequest",
    ),
    (
        "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        400,
        "BadRequest",
    ),
    ("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400, "BadRequest"),
    ("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", 400, "BadRequest"),
    ("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400, "BadRequest"),
    ("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", 400, "BadRequest"),
    ("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nabc", 400, "BadRequest"),
    (
        "PUT /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        200,
        "",
    ),
    (
        "PUT /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        200,
        "",
    ),
    ("PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, "BadRequest"),
    ("PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400, "BadRequest"),
    ("PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, "BadRequest"),
    (
        "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "BadRequest",
    ),
    ("PUT /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "BadRequest"),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "BadRequest"),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "BadRequest"),
    ("GET / HTTP/1.1\r\n\r\n", 400, "BadRequest"),
    ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BadRequest"),
    ("GET http://a/k HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, ""),
    ("GET / HTTP/1.1\nHost: a\n\n", 400, "BadRequest"),
    ("GET / HTTP/1.1\r\nHost: a\nx: y\r\n\r\n", 400, "BadRequest"),
    ("GET / HTTP/1.1\r\nHost: a\rx: y\r\n\r\n", 400, "BadRequest"),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "BadRequest"),
    ("GET / HTTP/1.1\r\nHost: a\r\nx: y\r\n z\r\n\r\n", 400, "BadRequest"),
    ("GET / HTTP/1.1\r\nHost: a\r\nx: \0\r\n\r\n", 400, "BadRequest"),
    ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", 400, "InvalidURI"),
    ("GET /k#f HTTP/1.1\r\nHost: a\r\n\r\n", 400, "InvalidURI"),
    ("GET /a/../b//%2F HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, ""),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 400, "BadRequest"),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "InvalidURI"),
    ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, "InvalidURI"),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x-amz-server-side-encryption\r\n\r\n", 400, "BadRequest"),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: h2c\r\n\r\n", 200, ""),
    ("PUT /echo HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", 417, "BadRequest"),
    ("GET / HTTP/3.1\r\nHost: a\r\n\r\n", 400, "BadRequest"),
    ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BadRequest"),
    ("\u{1}\u{2}\u{3}\r\n\r\n", 400, "BadRequest"),
    ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", 200, ""),
    ("PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n", 400, "IncompleteBody"),
    (
        "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
        400,
        "IncompleteBody",
    ),
    (
        "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n",
        400,
        "IncompleteBody",
    ),
];

fn check(answer: &str, (request, status, code): Row) {
    let context = format!("{request:?} got {answer:?}");
    let version = if request.contains("HTTP/1.0\r\nHost: a\r\n\r\n") { "1.0" } else { "1.1" };
    assert!(answer.starts_with(&format!("HTTP/{version} {status} ")), "{context}");
    assert!(answer.contains("\r\nserver: Bartizan\r\n"), "{context}");
    assert!(answer.contains("\r\ndate: "), "{context}");
    if !code.is_empty() {
        assert!(answer.contains(code), "{context}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{context}");
    }
    if !code.is_empty() && code != "IncompleteBody" {
        assert!(answer.contains(&format!("<Error><Code>{code}</Code><Message>")), "{context}");
        assert!(answer.contains("\r\nx-amz-request-id: "), "{context}");
    }
    assert_eq!(answer.matches("HTTP/1.").count(), 1, "one answer: {context}");
}

#[test]
fn a_head_with_two_readings_is_answered_and_the_connection_closed() {
    let server = start(one(plain()));
    for row in HOSTILE {
        check(&server.exchange(row.0.as_bytes()), *row);
    }
    let refused = server.shared.refused.lock().unwrap();
    assert!(refused.contains(&"length-and-encoding") && refused.contains(&"bare-line-feed"), "{refused:?}");
}

#[test]
fn a_head_is_understood_the_same_however_it_is_cut() {
    let server = start(one(plain()));
    for row in HOSTILE.iter().filter(|row| row.2 == "BadRequest").take(8) {
        let mut stream = server.connect();
        for octet in row.0.as_bytes() {
            // The server may have answered and closed before the last octet.
            if stream.write_all(&[*octet]).is_err() {
                break;
            }
        }
        check(&to_end(&mut stream), *row);
    }
}

#[test]
fn nothing_behind_a_refused_head_is_served() {
    let server = start(one(plain()));
    let smuggled = "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
                    GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = server.exchange(smuggled.as_bytes());
    assert!(!answer.contains("hello") && answer.matches("HTTP/1.1").count() == 1, "{answer}");
}

#[test]
fn requests_sent_ahead_are_served_in_order() {
    let server = start(one(plain()));
    let two = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = server.exchange(two.as_bytes());
    let (first, second) = (answer.find("hello /1").unwrap(), answer.find("hello /2").unwrap());
    assert!(first < second);
    // What was sent ahead was not seen whole on the wire, so its framing must be plain.
    let chunked = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
                   PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert!(server.exchange(chunked.as_bytes()).contains("<Code>BadRequest</Code>"));
}

#[test]
fn chunked_uploads_share_a_connection_when_they_wait_their_turn() {
    let server = start(one(plain()));
    let mut stream = server.connect();
    for _ in 0..3 {
        let head = "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        for rest in ["3\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\nx-amz-acl: public-read\r\n\r\n"] {
            stream.write_all(format!("{head}{rest}").as_bytes()).unwrap();
            let answer = one_answer(&mut stream);
            assert!(answer.ends_with("abc") && !answer.contains("connection: close"), "{answer}");
        }
    }
}

#[test]
fn a_head_over_the_limit_is_refused() {
    let server = start(one(plain()));
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n", "y".repeat(17 * 1024));
    let told = server.exchange(long.as_bytes());
    assert!(told.contains("<Code>RequestHeaderSectionTooLarge</Code>") && told.contains("<MaxSizeAllowed>"), "{told}");
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(101));
    assert!(server.exchange(many.as_bytes()).contains("<Code>RequestHeaderSectionTooLarge</Code>"));
    let fits = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nx: {}\r\n\r\n", "y".repeat(15 * 1024));
    assert!(server.exchange(fits.as_bytes()).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_slow_head_is_cut_off() {
    let mut listener = plain();
    listener.limits.head_timeout = Duration::from_millis(100);
    let server = start(one(listener));
    // Nothing at all, a piece of the first head, and a piece of the second.
    assert_eq!(server.exchange(b""), "");
    assert_eq!(server.exchange(b"GET / HTTP/1.1\r\nHo"), "");
    let mut stream = server.connect();
    stream.write_all(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(one_answer(&mut stream).ends_with("hello /1"));
    stream.write_all(b"GET /2 HT").unwrap();
    assert_eq!(to_end(&mut stream), "");
}

#[test]
fn an_idle_connection_is_closed() {
    let mut listener = plain();
    listener.limits.idle = Duration::from_millis(100);
    let server = start(one(listener));
    let answer = server.exchange(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.ends_with("hello /1"), "{answer}");
}

#[test]
fn a_client_that_takes_no_answer_is_let_go() {
    let mut listener = plain();
    listener.limits.write_idle = Duration::from_millis(100);
    let server = start(one(listener));
    let mut stream = server.connect();
    for _ in 0..16 {
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    server.arrived(1);
    super::eventually(|| server.control.connections() == 0);
    drop(stream);
}

#[test]
fn an_address_has_its_share_of_connections_and_no_more() {
    let mut listener = plain();
    listener.limits.per_address = 2;
    let server = start(one(listener));
    let mut first = server.connect();
    let mut second = server.connect();
    for stream in [&mut first, &mut second] {
        stream.write_all(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert!(one_answer(stream).ends_with("hello /1"));
    }
    let mut third = server.connect();
    let mut octet = [0];
    assert!(!matches!(std::io::Read::read(&mut third, &mut octet), Ok(1..)), "closed without a word");
    drop(first);
    super::eventually(|| server.control.connections() == 1);
    assert!(server.exchange(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ends_with("hello /1"));
}

#[test]
fn requests_over_the_limit_are_told_when_to_come_back() {
    let server = start(super::Settings { in_flight: 1, ..one(plain()) });
    let mut busy = server.connect();
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    server.arrived(1);
    let answer = server.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("<Code>SlowDown</Code>"), "{answer}");
    assert!(
        answer.contains("\r\nretry-after: 1\r\n") && answer.contains("\r\nx-amz-retry-after: 1000\r\n"),
        "{answer}"
    );
    let head = server.exchange(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 503 ") && head.ends_with("\r\n\r\n"), "{head}");
    server.shared.go.add_permits(1);
    assert!(one_answer(&mut busy).ends_with("waited"));
    assert!(server.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200 "));
}
