//! What a running proxy says of itself, asked over its admin listener.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read; a list of a few words is expected.
const ANSWER_LIMIT: u64 = 64 << 10;

/// Asks whether the proxy is ready. The answer is what it misses: empty when it is.
///
/// # Errors
/// Nothing answers there, or something else than this program does.
pub fn missing(admin: SocketAddr) -> io::Result<Vec<String>> {
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let question = format!("GET /ready HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n");
    stream.write_all(question.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_LIMIT).read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not one of this program's"))
}

/// Status and list must agree.
fn parse(answer: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let list: Vec<String> = serde_json::from_str(body).ok()?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    matches!((status, list.is_empty()), ("200", true) | ("503", false)).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_believed_only_when_it_is_ours() {
        let answer = |status: &str, body: &str| parse(format!("HTTP/1.1 {status}\r\na: b\r\n\r\n{body}\n").as_bytes());
        assert_eq!(answer("200 OK", "[]"), Some(vec![]));
        assert_eq!(answer("503 Service Unavailable", "[\"upstream\"]"), Some(vec!["upstream".to_owned()]));
        for (status, body) in
            [("200 OK", "[\"upstream\"]"), ("503 x", "[]"), ("404 x", "[]"), ("200 OK", "<html>"), ("2", "[]")]
        {
            assert_eq!(answer(status, body), None, "{status} {body}");
        }
    }
}
