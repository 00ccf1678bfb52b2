//! Faults of the HTTP level, found in a head before anything of S3 is read (spec/sigv4.md 16, 7 to 10).
//!
//! What hyper answers or hides, and what is left for [`screen`]:
//!
//! | head | hyper 1.12 | here |
//! |---|---|---|
//! | differing or unreadable lengths, obsolete folding, space before a colon, NUL, bare CR | 400 without a body | the answer gets its document ([`super::answer::instead_of`]) |
//! | `Transfer-Encoding` on HTTP/1.0, or not ending in `chunked` | 400 without a body | as above |
//! | more than 100 lines, head over the limit | 431 without a body | 400 `RequestHeaderSectionTooLarge` |
//! | `Content-Length` with `Transfer-Encoding` | length dropped in silence | refused, by [`Seen`] |
//! | bare LF | accepted | refused, by [`Seen`] |
//! | `#` in the target | cut in silence | refused, by [`Seen`] |
//! | everything below | accepted | refused |
//! | `Upgrade` | offered, never taken | ignored |
//! | chunk framing with bare LF, sign, overflow | error of the body | `IncompleteBody` |
//! | HTTP/2: head over the limit | 431 without anything, beyond four times that | refused |
//! | HTTP/2: hop-by-hop headers, malformed pseudo-headers | stream reset | nothing |

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Version};

use super::answer::EXPECTATION;
use super::seen::Seen;
use crate::s3::{Code, Fault};

/// Refuses heads that two readers could understand differently. `seen` is what the octets said, `most` how many
/// octets a head may have; of HTTP/1 the parser has counted them.
///
/// # Errors
/// A fault of stage 1 (spec/README.md 2); the connection is closed after its answer.
pub fn screen(parts: &Parts, seen: Seen, most: usize) -> Result<(), Fault> {
    let http2 = parts.version >= Version::HTTP_2;
    if http2 && size(parts) > most {
        let fault = Fault::plain(Code::RequestHeaderSectionTooLarge, "head-too-large");
        return Err(fault.with("MaxSizeAllowed", most.to_string()));
    }
    let lines = Lines::gather(parts, http2)?;
    if lines.transfer_encoding && (seen.content_length || !seen.whole) && !http2 {
        return Err(bad("length-and-encoding", "Content-Length together with Transfer-Encoding is not accepted."));
    }
    if seen.bare_line_feed {
        return Err(bad("bare-line-feed", "Header lines must end in CR LF."));
    }
    target(parts, seen)?;
    authority(parts, &lines, http2)
}

/// The octets of a head, counted as HTTP/2 does (RFC 9113 6.5.2), without its pseudo-headers but the target.
fn size(parts: &Parts) -> usize {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    parts.headers.iter().fold(target, |sum, (name, value)| sum + name.as_str().len() + value.len() + 32)
}

/// The lines that matter here, gathered in one walk.
#[derive(Default)]
struct Lines<'a> {
    host: Option<&'a HeaderValue>,
    transfer_encoding: bool,
}

impl<'a> Lines<'a> {
    fn gather(parts: &'a Parts, http2: bool) -> Result<Self, Fault> {
        let mut lines = Self::default();
        for (name, value) in &parts.headers {
            match *name {
                header::HOST if lines.host.is_some() => {
                    return Err(bad("several-hosts", "There must be exactly one Host header."));
                }
                header::HOST => lines.host = Some(value),
                header::TRANSFER_ENCODING => {
                    let chunked = value.as_bytes().eq_ignore_ascii_case(b"chunked");
                    if http2 || lines.transfer_encoding || !chunked {
                        return Err(bad("transfer-encoding", "Transfer-Encoding must be exactly chunked."));
                    }
                    lines.transfer_encoding = true;
                }
                header::CONNECTION => connection(value)?,
                header::EXPECT if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
                    let message = "The only expectation that is understood is 100-continue.";
                    return Err(Fault::new(Code::BadRequest, EXPECTATION, message));
                }
                _ => {}
            }
        }
        Ok(lines)
    }
}

/// A client that nominates an end-to-end header here hopes that it is dropped after the checks.
fn connection(value: &HeaderValue) -> Result<(), Fault> {
    let known = |token: &[u8]| {
        let token = token.trim_ascii();
        token.is_empty() || token.eq_ignore_ascii_case(b"close") || token.eq_ignore_ascii_case(b"keep-alive")
    };
    match value.as_bytes().split(|octet| *octet == b',').all(known) {
        true => Ok(()),
        false => Err(bad("connection-nominates", "Connection may name nothing but close and keep-alive.")),
    }
}

fn target(parts: &Parts, seen: Seen) -> Result<(), Fault> {
    if parts.method == Method::CONNECT {
        return Err(bad("connect", "CONNECT is not accepted."));
    }
    if seen.fragment {
        return Err(uri("fragment", "The request target must not have a fragment.", parts));
    }
    let Some(target) = parts.uri.path_and_query() else {
        return Err(uri("target-form", "The request target must be a path.", parts));
    };
    if !target.as_str().starts_with('/') {
        return Err(uri("target-form", "The request target must be a path.", parts));
    }
    // `Uri` keeps raw octets; S3 clients percent-encode.
    if !target.as_str().is_ascii() {
        return Err(uri("raw-octets", "The request target must be percent-encoded.", parts));
    }
    Ok(())
}

/// Exactly one authority: the Host line, and whatever else names one must agree with it.
fn authority(parts: &Parts, lines: &Lines<'_>, http2: bool) -> Result<(), Fault> {
    let named = parts.uri.authority().map(|authority| authority.as_str());
    match (lines.host, named) {
        (None, Some(_)) if http2 => Ok(()),
        (None, _) => Err(bad("no-host", "There must be exactly one Host header.")),
        (Some(host), Some(named)) if !host.as_bytes().eq_ignore_ascii_case(named.as_bytes()) => {
            Err(bad("authority-differs", "The Host header and the request target name different hosts."))
        }
        (Some(_), _) => Ok(()),
    }
}

fn bad(reason: &'static str, message: &'static str) -> Fault {
    Fault::new(Code::BadRequest, reason, message)
}

fn uri(reason: &'static str, message: &'static str, parts: &Parts) -> Fault {
    Fault::new(Code::InvalidURI, reason, message).with("URI", parts.uri.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Seen = Seen { whole: true, bare_line_feed: false, content_length: false, fragment: false };

    fn check(request: (&str, &str, Version, &[(&str, &str)]), seen: Seen, expected: &str) {
        let (method, target, version, lines) = request;
        let mut builder = http::Request::builder().method(method).uri(target).version(version);
        for (name, value) in lines {
            builder = builder.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let (parts, ()) = builder.body(()).unwrap().into_parts();
        let reason = screen(&parts, seen, 16 << 10).err().map_or("", |fault| fault.reason());
        assert_eq!(reason, expected, "{request:?}");
    }

    #[test]
    fn heads_with_two_readings_are_refused() {
        let h1 = Version::HTTP_11;
        let host = ("host", "s3.example");
        check(("GET", "/b/k?x", h1, &[host]), WHOLE, "");
        check(("GET", "/b/a/../b//%2F%252F", h1, &[host]), WHOLE, "");
        check(("GET", "/", h1, &[]), WHOLE, "no-host");
        check(("GET", "/", Version::HTTP_10, &[]), WHOLE, "no-host");
        check(("GET", "/", h1, &[host, host]), WHOLE, "several-hosts");
        check(("GET", "http://s3.example/k", h1, &[host]), WHOLE, "");
        check(("GET", "http://S3.example/k", h1, &[host]), WHOLE, "");
        check(("GET", "http://other/k", h1, &[host]), WHOLE, "authority-differs");
        check(("GET", "http://me@s3.example/k", h1, &[host]), WHOLE, "authority-differs");
        check(("GET", "s3.example", h1, &[host]), WHOLE, "target-form");
        check(("OPTIONS", "*", h1, &[host]), WHOLE, "target-form");
        check(("OPTIONS", "/b/k", h1, &[host]), WHOLE, "");
        check(("CONNECT", "s3.example:443", h1, &[host]), WHOLE, "connect");
        check(("GET", "/", h1, &[host, ("connection", "close")]), WHOLE, "");
        check(("GET", "/", h1, &[host, ("connection", "Keep-Alive, ,close")]), WHOLE, "");
        check(("GET", "/", h1, &[host, ("connection", "x-amz-acl")]), WHOLE, "connection-nominates");
        check(
            ("GET", "/", h1, &[host, ("connection", "close"), ("connection", "host")]),
            WHOLE,
            "connection-nominates",
        );
        check(("GET", "/", h1, &[host, ("connection", "upgrade"), ("upgrade", "h2c")]), WHOLE, "connection-nominates");
        check(("GET", "/", h1, &[host, ("upgrade", "h2c")]), WHOLE, "");
        check(("PUT", "/", h1, &[host, ("expect", "100-Continue")]), WHOLE, "");
        check(("PUT", "/", h1, &[host, ("expect", "200-ok")]), WHOLE, EXPECTATION);
        check(("PUT", "/", h1, &[host, ("transfer-encoding", "chunked")]), WHOLE, "");
        check(("PUT", "/", h1, &[host, ("transfer-encoding", "gzip, chunked")]), WHOLE, "transfer-encoding");
        let twice = ("transfer-encoding", "chunked");
        check(("PUT", "/", h1, &[host, twice, twice]), WHOLE, "transfer-encoding");
    }

    #[test]
    fn what_the_octets_said_counts() {
        let h1 = Version::HTTP_11;
        let host = ("host", "s3.example");
        let chunked = ("transfer-encoding", "chunked");
        let length = Seen { content_length: true, ..WHOLE };
        check(("PUT", "/", h1, &[host, chunked]), length, "length-and-encoding");
        check(("PUT", "/", h1, &[host]), length, "");
        check(("PUT", "/", h1, &[host, chunked]), Seen::default(), "length-and-encoding");
        check(("PUT", "/", h1, &[host]), Seen { bare_line_feed: true, ..WHOLE }, "bare-line-feed");
        check(("PUT", "/", h1, &[host]), Seen { fragment: true, ..WHOLE }, "fragment");
    }

    #[test]
    fn http2_has_one_authority_too() {
        let h2 = Version::HTTP_2;
        check(("GET", "https://s3.example/k", h2, &[]), Seen::default(), "");
        check(("GET", "https://s3.example/k", h2, &[("host", "s3.example")]), Seen::default(), "");
        check(("GET", "https://s3.example/k", h2, &[("host", "other")]), Seen::default(), "authority-differs");
        check(("GET", "/k", h2, &[]), Seen::default(), "no-host");
        check(("PUT", "https://a/k", h2, &[("transfer-encoding", "chunked")]), Seen::default(), "transfer-encoding");
    }

    #[test]
    fn raw_octets_in_the_path_are_refused() {
        let target = http::Uri::try_from(bytes::Bytes::from_static("/b/\u{e9}".as_bytes()).as_ref()).unwrap();
        let (mut parts, ()) = http::Request::builder().header("host", "a").body(()).unwrap().into_parts();
        parts.uri = target;
        assert_eq!(screen(&parts, WHOLE, 16 << 10).unwrap_err().reason(), "raw-octets");
    }
}
