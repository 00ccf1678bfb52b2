use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::*;

/// Answers one request, and gives what it was.
fn answering(answer: &'static str) -> (HttpTo, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut seen, mut piece) = (Vec::new(), [0; 1024]);
        while !seen.ends_with(b"end\n") {
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0);
            seen.extend_from_slice(&piece[..read]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(seen).unwrap()
    });
    let token = Some(Arc::new(crate::sigv4::Secret::new("hunter2".to_owned())));
    let to = HttpTo { tls: false, host: "127.0.0.1".to_owned(), port, target: "/in?a=b".to_owned(), token, ca: None };
    (to, thread)
}

fn send(answer: &'static str) -> (Result<(), Trouble>, String) {
    let (to, thread) = answering(answer);
    let batch = Post {
        content_type: "application/x-ndjson",
        delivery: "ab/1-9".to_owned(),
        content: Bytes::from_static(b"{}\nend\n"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sent = runtime.block_on(post(&to, None, &batch, Seconds(0)));
    (sent, thread.join().unwrap())
}

#[test]
fn a_batch_says_what_it_is_and_2xx_alone_takes_it() {
    let (sent, seen) = send("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(sent, Ok(()));
    for line in [
        "POST /in?a=b HTTP/1.1\r\n",
        "content-type: application/x-ndjson\r\n",
        "bartizan-delivery: ab/1-9\r\n",
        "authorization: Bearer hunter2\r\n",
        "content-length: 7\r\n",
    ] {
        assert!(seen.contains(line), "{line} {seen}");
    }
    for answer in ["HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 500 No\r\n\r\n", ""] {
        assert!(matches!(send(answer).0, Err(Trouble::Later { .. })), "{answer}");
    }
}

#[test]
fn a_refusal_for_good_is_told_from_one_that_passes() {
    let later = |answer| match send(answer).0 {
        Err(Trouble::Later { after, .. }) => after,
        other => panic!("{other:?}"),
    };
    let wait = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(later(wait), Some(Duration::from_secs(7)));
    let date = "HTTP/1.1 503 No\r\nretry-after: Thu, 01 Jan 1970 00:01:00 GMT\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(later(date), Some(Duration::from_secs(60)));
    assert_eq!(later("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"), None);
    let Err(Trouble::Rejected { why }) = send("HTTP/1.1 400 Bad Request\r\ncontent-length: 5\r\n\r\nnope\n").0 else {
        panic!()
    };
    assert!(why.contains("400") && why.contains("nope"), "{why}");
}

#[test]
fn tls_without_anybody_to_trust_is_no_connection() {
    let (to, _thread) = answering("");
    let to = HttpTo { tls: true, ..to };
    let batch = Post { content_type: "text/plain", delivery: String::new(), content: Bytes::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(post(&to, None, &batch, Seconds(0))).is_err());
}

fn asked(answer: &'static str) -> Result<(StatusCode, Vec<u8>), Trouble> {
    let (to, _thread) = answering(answer);
    let request = Request::builder().uri("/in").header(HOST, authority(&to.host, to.port));
    let request = request.body(Full::new(Bytes::from_static(b"end\n"))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(ask((&to.host, to.port), None, request));
    answer.map(|Answer { status, body }| (status, body.to_vec()))
}

#[test]
fn an_answer_is_read_whole_and_no_redirect_is_followed() {
    let found = asked("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkeys").unwrap();
    assert_eq!(found, (StatusCode::OK, b"keys".to_vec()));
    let moved = asked("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").unwrap();
    assert_eq!(moved.0, StatusCode::FOUND);
    assert!(asked("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nkeys").is_err());
    assert!(asked("no HTTP").is_err());
}

#[test]
fn an_answer_that_is_too_long_is_none() {
    let long: &'static str = Box::leak(format!("HTTP/1.1 200 OK\r\n\r\n{}", "a".repeat(LONGEST + 1)).into());
    let Err(Trouble::Later { why, .. }) = asked(long) else { panic!() };
    assert_eq!(&*why, "it answers with more than 64 KiB");
}

#[test]
fn an_authority_has_brackets_around_ipv6() {
    assert_eq!((authority("::1", 80), authority("a", 443)), ("[::1]:80".to_owned(), "a:443".to_owned()));
}
