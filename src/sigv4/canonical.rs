//! The canonical request (spec/sigv4.md 4).

use super::header::Algorithm;
use crate::s3::head::trim;
use crate::s3::uri::{self, Query};
use crate::s3::{Code, Fault, Head};

/// The one authority of a request: the Host header, or `:authority` of HTTP/2.
///
/// # Errors
/// `BadRequest` unless there is exactly one, not empty; where both are there they must be equal, and so
/// must the authority of a target in absolute form. Whether it is a legal name is the mapping's question.
pub fn host<'a>(head: &Head<'a>) -> Result<&'a [u8], Fault> {
    let bad = |message: &'static str| Fault::new(Code::BadRequest, "host", message);
    let header = head.only("host").map_err(|_| bad("The request has more than one Host header."))?;
    let host = match (head.authority, header) {
        (Some(authority), Some(header)) if authority != header => {
            return Err(bad("The Host header and the authority of the request differ."));
        }
        (Some(authority), _) => authority,
        (None, Some(header)) => header,
        (None, None) => return Err(bad("The request has no Host header.")),
    };
    if host.is_empty() {
        return Err(bad("The Host header is empty."));
    }
    match head.absolute_form() {
        Some((named, _)) if !named.eq_ignore_ascii_case(host) => {
            Err(bad("The Host header and the request target name different hosts."))
        }
        _ => Ok(host),
    }
}

/// Which of the two readings of the path (spec/sigv4.md 4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PathForm {
    /// The whole path decoded, then encoded, `/` left alone.
    Whole,
    /// Each segment by itself, so that `%2F` stays.
    Segments,
}

/// The canonical URI of a wire path.
pub(super) fn path_into(wire: &[u8], form: PathForm, out: &mut Vec<u8>) -> Result<(), Fault> {
    if wire.is_empty() {
        out.push(b'/');
        return Ok(());
    }
    // The usual path is its own canonical form.
    if form == PathForm::Whole && wire.iter().all(|&octet| uri::is_plain_in_path(octet)) {
        out.extend_from_slice(wire);
        return Ok(());
    }
    match form {
        PathForm::Whole => {
            let decoded = uri::decode(wire)?;
            if decoded.contains(&0) || std::str::from_utf8(&decoded).is_err() {
                return Err(uri::BadEscape.into());
            }
            uri::encode_path_into(&decoded, out);
        }
        PathForm::Segments => {
            for (at, segment) in wire.split(|&octet| octet == b'/').enumerate() {
                if at > 0 {
                    out.push(b'/');
                }
                uri::encode_into(&uri::decode(segment)?, out);
            }
        }
    }
    Ok(())
}

/// The canonical query; in query authentication without the signature.
pub(super) fn query_into(query: &Query<'_>, without_signature: bool, out: &mut Vec<u8>) {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .iter()
        .filter(|parameter| !(without_signature && &*parameter.name == b"X-Amz-Signature"))
        .map(|parameter| {
            let (mut name, mut value) =
                (Vec::with_capacity(parameter.name.len()), Vec::with_capacity(parameter.value.len()));
            uri::encode_into(&parameter.name, &mut name);
            uri::encode_into(&parameter.value, &mut value);
            (name, value)
        })
        .collect();
    pairs.sort_unstable();
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

/// One canonical header line: every line of the name, trimmed, inner spaces folded, joined with `,`.
/// False when the request has no such header.
pub(super) fn header_into(head: &Head<'_>, name: &str, out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut there = false;
    if name == "host"
        && let Some(authority) = head.authority
    {
        out.extend_from_slice(authority);
        there = true;
    } else {
        for value in head.all(name) {
            if there {
                out.push(b',');
            }
            fold_into(trim(value), out);
            there = true;
        }
    }
    out.push(b'\n');
    there
}

/// Whether there is nothing to fold: the usual value has no blank inside.
pub(super) fn is_folded(value: &[u8]) -> bool {
    memchr::memchr2(b' ', b'\t', value).is_none()
}

/// Turns every run of spaces and tabs into one space.
pub(super) fn fold_into(value: &[u8], out: &mut Vec<u8>) {
    if is_folded(value) {
        return out.extend_from_slice(value);
    }
    let mut space = false;
    for &octet in value {
        let blank = matches!(octet, b' ' | b'\t');
        if !blank {
            out.push(octet);
        } else if !space {
            out.push(b' ');
        }
        space = blank;
    }
}

/// `;`-joined names.
pub(super) fn names_into(names: &[&str], out: &mut Vec<u8>) {
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.push(b';');
        }
        out.extend_from_slice(name.as_bytes());
    }
}

/// A canonical request and, behind it, its string to sign (spec/sigv4.md 5).
#[derive(Debug, Default)]
pub(super) struct SignedText {
    octets: Vec<u8>,
    cut: usize,
}

impl SignedText {
    /// What is signed of this canonical request.
    pub(super) fn new(algorithm: Algorithm, time: &str, scope: &str, canonical: Vec<u8>) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, &canonical);
        let digest = digest.as_ref().try_into().unwrap_or_default(); // it has 32 octets
        let cut = canonical.len();
        let mut octets = canonical;
        for part in [algorithm.name(), "\n", time, "\n", scope, "\n"] {
            octets.extend_from_slice(part.as_bytes());
        }
        octets.extend_from_slice(&super::key::hex32(&digest));
        Self { octets, cut }
    }

    /// A text that is signed as it is.
    pub(super) fn bare(text: &[u8]) -> Self {
        Self { octets: text.to_vec(), cut: 0 }
    }

    pub(super) fn canonical_request(&self) -> &[u8] {
        self.octets.get(..self.cut).unwrap_or_default()
    }

    pub(super) fn string_to_sign(&self) -> &[u8] {
        self.octets.get(self.cut..).unwrap_or_default()
    }

    /// The string to sign alone.
    pub(super) fn into_string_to_sign(mut self) -> Vec<u8> {
        self.octets.drain(..self.cut);
        self.octets
    }
}

/// The values that never go on the wire or into a log are replaced (spec/sigv4.md 15).
pub(super) fn masked(canonical: &[u8]) -> String {
    const HIDDEN: [&str; 3] = [
        "x-amz-security-token",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-copy-source-server-side-encryption-customer-key",
    ];
    let text = String::from_utf8_lossy(canonical);
    let mut lines: Vec<String> = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let hidden_header =
            line.split_once(':').filter(|(name, _)| HIDDEN.contains(name)).map(|(name, _)| format!("{name}:********"));
        lines.push(match hidden_header {
            Some(hidden) => hidden,
            None if at == 2 => line.split('&').map(|pair| mask_pair(pair, &HIDDEN)).collect::<Vec<_>>().join("&"),
            None => line.to_owned(),
        });
    }
    lines.join("\n")
}

fn mask_pair(pair: &str, hidden: &[&str]) -> String {
    match pair.split_once('=') {
        Some((name, _)) if hidden.iter().any(|hidden| name.eq_ignore_ascii_case(hidden)) => format!("{name}=********"),
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(wire: &str, form: PathForm) -> String {
        let mut out = Vec::new();
        path_into(wire.as_bytes(), form, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_path_is_plain_where_nothing_is_escaped() {
        for octet in 0..=u8::MAX {
            assert_eq!(uri::is_plain_in_path(octet), uri::is_unreserved(octet) || octet == b'/', "{octet}");
        }
    }

    #[test]
    fn paths_are_decoded_once_and_never_cleaned() {
        for (wire, expected) in [
            ("/b/a%20b", "/b/a%20b"),
            ("/b/a+b", "/b/a%20b"),
            ("/b/a%2Bb", "/b/a%2Bb"),
            ("/b/x=y@z(1)", "/b/x%3Dy%40z%281%29"),
            ("/b/%e6%97%a5", "/b/%E6%97%A5"),
            ("/b/%7Ea%2D", "/b/~a-"),
            ("/b/a//b", "/b/a//b"),
            ("/b/a/../c", "/b/a/../c"),
            ("/b/%2E%2E/c", "/b/../c"),
            ("/b/a%252Fb", "/b/a%252Fb"),
            ("/b/a%2Fb", "/b/a/b"),
            ("", "/"),
        ] {
            assert_eq!(path(wire, PathForm::Whole), expected, "{wire}");
        }
        assert_eq!(path("/b/a%2fb", PathForm::Segments), "/b/a%2Fb");
    }

    #[test]
    fn a_target_in_absolute_form_names_the_host_or_nothing() {
        let ask = |target: &'static str| {
            let lines: &[(&[u8], &[u8])] = &[(b"host", b"proxy.example")];
            let head = Head { method: b"GET", target: target.as_bytes(), lines, authority: None };
            (host(&head).map_err(|fault| fault.code()).map(<[u8]>::to_vec), head.path().to_vec())
        };
        for target in ["http://proxy.example/b/k?x=/y", "https://PROXY.example/b/k", "/b/k", "/b/k?u=http://other/"] {
            assert_eq!(ask(target), (Ok(b"proxy.example".to_vec()), b"/b/k".to_vec()), "{target}");
        }
        assert_eq!(ask("http://proxy.example?x").1, b"");
        for target in ["http://other/b/k", "http://me@proxy.example/b/k", "http:///b/k", "http://proxy.example:80/"] {
            assert_eq!(ask(target).0, Err(Code::BadRequest), "{target}");
        }
    }

    #[test]
    fn a_token_never_leaves_in_a_canonical_request() {
        let text = masked(
            b"GET\n/\nX-Amz-Security-Token=secret&a=b\nhost:h\nx-amz-security-token:secret\n\nhost\nUNSIGNED-PAYLOAD",
        );
        assert!(!text.contains("secret"));
        assert!(text.contains("a=b") && text.contains("host:h"));
    }
}
