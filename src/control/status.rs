//! What a running proxy says of itself, and what it is told to do, over its admin listener.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a reload may take.
const RELOAD_PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer that is read.
const ANSWER_LIMIT: u64 = 16 << 20;

/// Asks whether the proxy is ready. The answer is what it misses: empty when it is.
///
/// # Errors
/// Nothing answers there, or something else than this program does.
pub fn missing(admin: SocketAddr) -> io::Result<Vec<String>> {
    let question = format!("GET /ready HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n");
    parse(&ask(admin, &question, PATIENCE)?).ok_or_else(foreign)
}

/// What became of an order to reload.
#[derive(Clone, Debug, PartialEq)]
pub struct Reloaded {
    /// The number of the new generation; none: it was refused.
    pub generation: Option<u64>,
    /// What is wrong with it, or what somebody should know.
    pub findings: Vec<Value>,
}

/// Has the proxy read policies and access keys again.
///
/// # Errors
/// Nothing answers there, or something else than this program does, or it has no time.
pub fn reload(admin: SocketAddr, allow_widening: bool) -> io::Result<Reloaded> {
    let query = if allow_widening { "?allow_widening=true" } else { "" };
    let order = format!(
        "POST /v1/reload{query} HTTP/1.1\r\nhost: {admin}\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n"
    );
    parse_reloaded(&ask(admin, &order, RELOAD_PATIENCE)?).ok_or_else(foreign)
}

fn ask(admin: SocketAddr, question: &str, patience: Duration) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(question.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_LIMIT).read_to_end(&mut answer)?;
    Ok(answer)
}

fn foreign() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is not one of this program's")
}

/// Status and number must agree.
fn parse_reloaded(answer: &[u8]) -> Option<Reloaded> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let body: Value = serde_json::from_str(body).ok()?;
    let generation = body.get("generation")?;
    let findings = body.get("findings")?.as_array()?.clone();
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    match (status, generation.as_u64()) {
        ("200", Some(number)) => Some(Reloaded { generation: Some(number), findings }),
        ("409", None) => Some(Reloaded { generation: None, findings }),
        _ => None,
    }
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
    fn a_reload_is_believed_only_when_status_and_number_agree() {
        let answer =
            |status: &str, body: &str| parse_reloaded(format!("HTTP/1.1 {status}\r\na: b\r\n\r\n{body}\n").as_bytes());
        let taken = answer("200 OK", r#"{"generation": 2, "findings": []}"#);
        assert_eq!(taken, Some(Reloaded { generation: Some(2), findings: Vec::new() }));
        assert!(answer("409 x", r#"{"generation": null, "findings": [{}]}"#).unwrap().generation.is_none());
        for (status, body) in [
            ("409 x", r#"{"generation": 2, "findings": []}"#),
            ("200 OK", r#"{"generation": null, "findings": []}"#),
            ("200 OK", "[]"),
            ("503 x", "the order was not taken"),
        ] {
            assert_eq!(answer(status, body), None, "{status} {body}");
        }
    }

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
