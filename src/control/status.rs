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
    /// Whether all of it was taken.
    pub whole: bool,
    /// The number of the new generation of policies; none: it was refused.
    pub generation: Option<u64>,
    /// What is wrong with it, or what somebody should know.
    pub findings: Vec<Value>,
}

/// Has the proxy take policies, access keys and certificates anew.
///
/// # Errors
/// Nothing answers there, or something else than this program does, or it has no time.
pub fn reload(admin: SocketAddr, allow_widening: bool) -> io::Result<Reloaded> {
    let query = if allow_widening { "?allow_widening=true" } else { "" };
    let order = order(&format!("/v1/reload{query}"), admin);
    parse_reloaded(&ask(admin, &order, RELOAD_PATIENCE)?).ok_or_else(foreign)
}

/// A drain that has begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Draining {
    /// Connections that are open.
    pub connections: u64,
    /// How long requests in flight may take.
    pub at_most: Duration,
}

/// Has the proxy finish what it has begun, and end.
///
/// # Errors
/// Nothing answers there, or something else than this program does.
pub fn drain(admin: SocketAddr) -> io::Result<Draining> {
    parse_draining(&ask(admin, &order("/v1/drain", admin), PATIENCE)?).ok_or_else(foreign)
}

/// Who answers where a proxy was told to drain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Left {
    /// One that has started since.
    Another,
    /// The one that drains.
    Draining,
    /// Nobody listens any more.
    Nobody,
}

/// Looks who answers where a proxy was told to drain. An answer that breaks off is still its own.
pub fn left(admin: SocketAddr) -> Left {
    match missing(admin) {
        Ok(missing) if !missing.iter().any(|word| word == "draining") => Left::Another,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Left::Nobody,
        Ok(_) | Err(_) => Left::Draining,
    }
}

/// An order, as the admin listener takes it.
fn order(path: &str, admin: SocketAddr) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {admin}\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n"
    )
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

/// Status and number must agree: without a number nothing is whole.
fn parse_reloaded(answer: &[u8]) -> Option<Reloaded> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let body: Value = serde_json::from_str(body).ok()?;
    let generation = body.get("generation")?;
    let findings = body.get("findings")?.as_array()?.clone();
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    match (status, generation.as_u64()) {
        ("200", Some(number)) => Some(Reloaded { whole: true, generation: Some(number), findings }),
        ("409", generation) => Some(Reloaded { whole: false, generation, findings }),
        _ => None,
    }
}

/// It must say that it drains.
fn parse_draining(answer: &[u8]) -> Option<Draining> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let body: Value = serde_json::from_str(body).ok()?;
    let number = |name: &str| body.get(name).and_then(Value::as_u64);
    let draining = Draining { connections: number("connections")?, at_most: Duration::from_secs(number("seconds")?) };
    let begun = head.starts_with("HTTP/1.1 200 ") && body.get("draining").and_then(Value::as_bool) == Some(true);
    begun.then_some(draining)
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
        assert_eq!(taken, Some(Reloaded { whole: true, generation: Some(2), findings: Vec::new() }));
        assert!(answer("409 x", r#"{"generation": null, "findings": [{}]}"#).unwrap().generation.is_none());
        assert!(!answer("409 x", r#"{"generation": 2, "findings": [{}]}"#).unwrap().whole);
        for (status, body) in [
            ("200 OK", r#"{"generation": null, "findings": []}"#),
            ("200 OK", "[]"),
            ("503 x", "the order was not taken"),
        ] {
            assert_eq!(answer(status, body), None, "{status} {body}");
        }
    }

    #[test]
    fn a_drain_is_believed_only_when_it_has_begun() {
        let answer =
            |status: &str, body: &str| parse_draining(format!("HTTP/1.1 {status}\r\na: b\r\n\r\n{body}\n").as_bytes());
        let begun = answer("200 OK", r#"{"connections": 2, "draining": true, "seconds": 30}"#);
        assert_eq!(begun, Some(Draining { connections: 2, at_most: Duration::from_secs(30) }));
        for (status, body) in [
            ("200 OK", r#"{"connections": 2, "draining": false, "seconds": 30}"#),
            ("404 x", r#"{"connections": 2, "draining": true, "seconds": 30}"#),
            ("200 OK", r#"{"draining": true}"#),
            ("200 OK", "<html>"),
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
