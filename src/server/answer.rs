//! The server's own answers: faults of the HTTP level, limits, caught panics (spec/errors.md 1, 8).

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, SERVER};
use http::{Response, StatusCode};
use ring::rand::{SecureRandom, SystemRandom};

use crate::id::RequestId;
use crate::s3::{Code, Fault, xml};
use crate::time::{Clock, SystemClock};

/// What the `Server` header says on every answer.
pub(super) const NAME: HeaderValue = HeaderValue::from_static("Bartizan");

/// The reason of the one fault whose status no S3 code has.
pub(super) const EXPECTATION: &str = "unsupported-expectation";

/// A fresh id for an answer that no service gives.
pub(super) fn fresh_id() -> RequestId {
    let mut random = [0; 34];
    // A machine without randomness has failed long before; zeros still make a legal id.
    let _ = SystemRandom::new().fill(&mut random);
    RequestId::from_random(&random)
}

/// The status of a fault; 417 has no S3 code of its own.
pub(super) fn status(fault: &Fault) -> StatusCode {
    match fault.reason() {
        EXPECTATION => StatusCode::EXPECTATION_FAILED,
        _ => StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// The whole answer to a fault. It ends the connection: after a fault of this level nobody knows
/// where the next request begins.
pub(super) fn response(fault: &Fault, id: RequestId) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(xml::error_document(fault, id.as_str(), id.host_id())));
    *response.status_mut() = status(fault);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(SERVER, NAME);
    for (name, value) in [("x-amz-request-id", id.as_str()), ("x-amz-id-2", id.host_id())] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    for (name, value) in fault.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    response
}

/// 503 `SlowDown` with the hints that SDKs obey.
pub(super) fn slow_down(reason: &'static str) -> Fault {
    Fault::plain(Code::SlowDown, reason).header("Retry-After", "1").header("x-amz-retry-after", "1000")
}

/// A head that cannot be read, and how it is answered.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) fault: Fault,
    pub(super) id: RequestId,
    /// Octets of the answer's document.
    pub(super) length: u64,
    /// The whole answer, as it is sent.
    pub(super) octets: Vec<u8>,
}

/// Our answer in place of the bare one that the HTTP parser writes when it cannot read a head at all;
/// none when these octets are anything else. The parser's answers have no `server` header, ours do.
/// `longest_head`: octets that a head may have.
pub(super) fn instead_of(bare: &[u8], longest_head: usize) -> Option<Unread> {
    let text = std::str::from_utf8(bare).ok().filter(|text| text.len() < 256 && text.ends_with("\r\n\r\n"))?;
    let status = text.strip_prefix("HTTP/1.1 ").or_else(|| text.strip_prefix("HTTP/1.0 "))?.get(..3)?;
    if !text.contains("\r\ncontent-length: 0\r\n") || text.contains("\r\nserver:") {
        return None;
    }
    let fault = match status {
        "400" => Fault::plain(Code::BadRequest, "unreadable-head"),
        "414" => Fault::plain(Code::InvalidURI, "target-too-long"),
        "431" => Fault::plain(Code::RequestHeaderSectionTooLarge, "head-too-large")
            .with("MaxSizeAllowed", longest_head.to_string()),
        _ => return None,
    };
    let id = fresh_id();
    let response = response(&fault, id);
    let status = response.status();
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    let length = response.body().len().to_string();
    let now = Duration::from_secs(SystemClock.now().0.unsigned_abs());
    let date = httpdate::fmt_http_date(UNIX_EPOCH + now);
    let mut line = |name: &[u8], value: &[u8]| {
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
    };
    for (name, value) in response.headers() {
        line(name.as_str().as_bytes(), value.as_bytes());
    }
    line(b"content-length", length.as_bytes());
    line(b"date", date.as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(response.body());
    Some(Unread { fault, id, length: response.body().len() as u64, octets: out })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_carry_ids_a_message_and_the_end_of_the_connection() {
        let id = RequestId::from_random(&[7; 34]);
        let answer = response(&slow_down("in-flight"), id);
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["x-amz-request-id"], id.as_str());
        assert_eq!(answer.headers()["x-amz-retry-after"], "1000");
        assert_eq!(answer.headers()["retry-after"], "1");
        assert_eq!(answer.headers()["connection"], "close");
        assert_eq!(answer.headers()["server"], "Bartizan");
        let expected = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your \
             request rate.</Message><RequestId>{}</RequestId><HostId>{}</HostId></Error>",
            id.as_str(),
            id.host_id()
        );
        assert_eq!(answer.body(), expected.as_bytes());
    }

    #[test]
    fn a_head_that_is_too_large_is_told_how_large_it_may_be() {
        let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        let full = String::from_utf8(instead_of(bare.as_bytes(), 16_384).unwrap().octets).unwrap();
        assert!(full.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{full}");
        assert!(full.contains("<Code>RequestHeaderSectionTooLarge</Code>"), "{full}");
        assert!(full.contains("<MaxSizeAllowed>16384</MaxSizeAllowed>"), "{full}");
    }

    #[test]
    fn only_the_parsers_bare_answers_are_replaced() {
        let bare = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let full = String::from_utf8(instead_of(bare.as_bytes(), 16_384).unwrap().octets).unwrap();
        assert!(full.starts_with("HTTP/1.1 400 Bad Request\r\n") && full.contains("<Code>BadRequest</Code>"));
        for other in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\nserver: Bartizan\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 5\r\n\r\nHello",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "",
        ] {
            assert!(instead_of(other.as_bytes(), 16_384).is_none(), "{other:?}");
        }
    }
}
