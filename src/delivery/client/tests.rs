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
