//! Uploads: asked for, refused, abandoned.

use std::io::{Read, Write};
use std::time::Duration;

use super::{one, one_answer, plain, start, to_end};

const REFUSED: &str = "<Error><Code>AccessDenied</Code></Error>";

/// Sends a whole upload before it reads anything, as many clients do.
fn upload_then_read(stream: &mut (impl Read + Write), head: &str, length: usize) -> String {
    stream.write_all(head.as_bytes()).unwrap();
    let piece = vec![b'x'; 64 * 1024];
    let mut left = length;
    while left > 0 {
        let count = left.min(piece.len());
        stream.write_all(&piece[..count]).unwrap();
        left -= count;
    }
    stream.flush().unwrap();
    one_answer(stream)
}

#[test]
fn a_refused_upload_is_answered_and_the_answer_can_be_read() {
    let server = start(one(plain()));
    let length = 8 << 20;
    let head = format!("PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    for _ in 0..8 {
        let mut stream = server.connect();
        let answer = upload_then_read(&mut stream, &head, length);
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with(REFUSED), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "a clean end, no reset");
    }
}

#[test]
fn a_refused_upload_over_tls_is_answered_and_the_answer_can_be_read() {
    let certificates = super::tls::Certificates::new();
    let server = start(one(certificates.listener()));
    let length = 8 << 20;
    let head = format!("PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    for _ in 0..8 {
        let mut stream = certificates.connect(&server, &[]);
        let answer = upload_then_read(&mut stream, &head, length);
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with(REFUSED), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
}

#[test]
fn a_refusal_of_the_server_itself_can_be_read_too() {
    let server = start(one(plain()));
    let length = 8 << 20;
    let head = format!("PUT /k HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: {length}\r\n\r\n");
    assert!(upload_then_read(&mut server.connect(), &head, length).contains("<Code>BadRequest</Code>"));
    let head = format!("PUT /k HTTP/1.1\r\nHost : a\r\nContent-Length: {length}\r\n\r\n");
    assert!(upload_then_read(&mut server.connect(), &head, length).contains("<Code>BadRequest</Code>"));
}

#[test]
fn an_endless_upload_after_a_refusal_is_cut_off() {
    let mut listener = plain();
    listener.limits.linger_bytes = 1 << 20;
    let server = start(one(listener));
    let mut stream = server.connect();
    stream.write_all(b"PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 1099511627776\r\n\r\n").unwrap();
    let piece = vec![b'x'; 64 * 1024];
    while stream.write_all(&piece).is_ok() {}
    super::eventually(|| server.control.connections() == 0);
}

#[test]
fn a_silent_client_after_a_refusal_is_cut_off() {
    let mut listener = plain();
    listener.limits.linger = Duration::from_millis(100);
    let server = start(one(listener));
    let mut stream = server.connect();
    stream.write_all(b"PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n").unwrap();
    assert!(one_answer(&mut stream).ends_with(REFUSED));
    super::eventually(|| server.control.connections() == 0);
    drop(stream);
}

#[test]
fn an_upload_is_asked_for_only_when_somebody_reads_it() {
    let server = start(one(plain()));
    let head = |path| format!("PUT {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    let mut stream = server.connect();
    stream.write_all(head("/echo").as_bytes()).unwrap();
    assert_eq!(one_answer(&mut stream), "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").unwrap();
    let answer = one_answer(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("abc"), "{answer}");

    let answer = server.exchange(head("/refuse").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 403 ") && !answer.contains("100 Continue"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[test]
fn a_client_that_stops_sending_is_told() {
    let mut listener = plain();
    listener.limits.body_idle = Duration::from_millis(100);
    let server = start(one(listener));
    let mut stream = server.connect();
    stream.write_all(b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").unwrap();
    let answer = to_end(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("RequestTimeout"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[test]
fn a_slow_upload_that_goes_on_is_not_a_stalled_one() {
    let mut listener = plain();
    listener.limits.body_idle = Duration::from_secs(2);
    let server = start(one(listener));
    let mut stream = server.connect();
    stream.write_all(b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n").unwrap();
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(100));
        stream.write_all(b"x").unwrap();
    }
    assert!(one_answer(&mut stream).starts_with("HTTP/1.1 200 "));
}

#[test]
fn large_uploads_arrive_whole_over_plain_and_tls() {
    let certificates = super::tls::Certificates::new();
    let (clear, sealed) = (start(one(plain())), start(one(certificates.listener())));
    let length = 3 << 20;
    let head = format!("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    let expected = "x".repeat(length);
    let mut stream = clear.connect();
    for _ in 0..2 {
        assert!(upload_then_read(&mut stream, &head, length).ends_with(&expected));
    }
    let mut stream = certificates.connect(&sealed, &[]);
    for _ in 0..2 {
        assert!(upload_then_read(&mut stream, &head, length).ends_with(&expected));
    }
}

#[test]
fn a_client_that_goes_away_in_the_middle_costs_nothing_but_its_connection() {
    let server = start(one(plain()));
    let mut stream = server.connect();
    stream.write_all(b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").unwrap();
    server.arrived(1);
    drop(stream);
    super::eventually(|| server.control.connections() == 0);
    assert!(server.exchange(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ends_with("hello /1"));
}
