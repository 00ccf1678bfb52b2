//! A listener that clients reach under another name or below a path: what they signed, and what they ask
//! (the `external_url` of a listener; it takes the place of spec/addressing.md 3.3).
//!
//! One rule: **a request is verified as if it had been sent to the external URL, whatever way it took.**
//! - Host: the external name, or one below it, counts as it came. Another name of this listener was put
//!   there by the proxy in front: the external authority takes its place, a label in front of it stays.
//!   Any other name is refused as always.
//! - Path: one that begins with the prefix, up to the end or to a `/`, counts as it came. From any other
//!   the proxy in front has cut the prefix: it is put back.
//! - There is one reading and one verification. A client that signed anything else, a name of this
//!   listener or a path without the prefix, gets `SignatureDoesNotMatch`.
//!
//! What is asked is what stands behind the prefix. A bucket called like the prefix's first segment cannot
//! be reached through a proxy that cuts: `/s3/key` reads as the prefix. Signed, that is refused.

use std::borrow::Cow;

use super::address::{self, Settings};

/// The URL that clients use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct External {
    scheme: &'static str,
    host: String,
    authority: String,
    prefix: String,
}

impl External {
    /// From the parts of a URL. `host` is lower-case, an IPv6 address in brackets; `prefix` is empty, or
    /// begins with `/`, does not end with one, and is its own canonical form.
    pub fn new(tls: bool, host: String, port: u16, prefix: String) -> Self {
        let (scheme, default) = if tls { ("https", 443) } else { ("http", 80) };
        let authority = if port == default { host.clone() } else { format!("{host}:{port}") };
        Self { scheme, host, authority, prefix }
    }

    /// Its name, without port: one more base name of the listener.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its path, without a `/` at its end; empty where there is none.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The URL, without a `/` at its end.
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.prefix)
    }

    /// The same for one resource.
    pub fn url_of(&self, signed_host: &[u8], signed_target: &[u8]) -> String {
        let path = signed_target.split(|&octet| octet == b'?').next().unwrap_or_default();
        format!("{}://{}{}", self.scheme, String::from_utf8_lossy(signed_host), String::from_utf8_lossy(path))
    }

    /// A request target as the client sent it.
    pub fn signed_target<'t>(&self, target: &'t [u8]) -> Cow<'t, [u8]> {
        if self.behind_prefix(target).is_some() {
            return Cow::Borrowed(target);
        }
        Cow::Owned([self.prefix.as_bytes(), target].concat())
    }

    /// A request target as the rest of the program reads it: what stands behind the prefix.
    pub fn asked_target<'t>(&self, target: &'t [u8]) -> &'t [u8] {
        self.behind_prefix(target).unwrap_or(target)
    }

    /// The authority that the client sent.
    pub fn signed_host<'h>(&self, settings: &Settings, host: &'h [u8]) -> Cow<'h, [u8]> {
        match address::base_and_label_of(settings, host) {
            Some((base, label)) if base != self.host => Cow::Owned(match label {
                Some(label) => format!("{label}.{}", self.authority).into_bytes(),
                None => self.authority.clone().into_bytes(),
            }),
            _ => Cow::Borrowed(host),
        }
    }

    /// The rest of a target that begins with the prefix; only at the border of a segment.
    fn behind_prefix<'t>(&self, target: &'t [u8]) -> Option<&'t [u8]> {
        let rest = target.strip_prefix(self.prefix.as_bytes())?;
        matches!(rest.first(), None | Some(b'/' | b'?')).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below() -> External {
        External::new(true, "files.example.com".to_owned(), 443, "/s3".to_owned())
    }

    #[test]
    fn the_prefix_is_cut_only_at_the_border_of_a_segment() {
        for (wire, signed, asked) in [
            ("/s3/b/k?a=/s3/", "/s3/b/k?a=/s3/", "/b/k?a=/s3/"),
            ("/s3", "/s3", ""),
            ("/s3?list-type=2", "/s3?list-type=2", "?list-type=2"),
            ("/s3/", "/s3/", "/"),
            ("/s3//k", "/s3//k", "//k"),
            ("/s3x/k", "/s3/s3x/k", "/s3x/k"),
            ("/%733/k", "/s3/%733/k", "/%733/k"),
            ("/S3/k", "/s3/S3/k", "/S3/k"),
            ("/", "/s3/", "/"),
            ("/b/s3/k", "/s3/b/s3/k", "/b/s3/k"),
            ("/s3/s3/k", "/s3/s3/k", "/s3/k"),
            ("/s3%2Fb/k", "/s3/s3%2Fb/k", "/s3%2Fb/k"),
        ] {
            assert_eq!(&*below().signed_target(wire.as_bytes()), signed.as_bytes(), "{wire}");
            assert_eq!(below().asked_target(wire.as_bytes()), asked.as_bytes(), "{wire}");
        }
        let bare = External::new(true, "files.example.com".to_owned(), 443, String::new());
        assert_eq!(&*bare.signed_target(b"/b/k"), b"/b/k");
        assert_eq!(bare.asked_target(b"/b/k"), b"/b/k");
    }

    #[test]
    fn a_name_of_the_listener_stands_for_the_external_one_and_a_stranger_for_nobody() {
        let base_domains = ["files.example.com", "s3.internal", "127.0.0.1"].map(str::to_owned).to_vec();
        let settings = Settings { base_domains, ..Settings::default() };
        for (wire, signed) in [
            ("files.example.com", "files.example.com"),
            ("Files.example.com:443", "Files.example.com:443"),
            ("b.files.example.com", "b.files.example.com"),
            ("s3.internal:9443", "files.example.com"),
            ("b.s3.internal", "b.files.example.com"),
            ("127.0.0.1:8080", "files.example.com"),
            ("evil.example", "evil.example"),
            ("evilfiles.example.com", "evilfiles.example.com"),
            ("no host", "no host"),
        ] {
            assert_eq!(&*below().signed_host(&settings, wire.as_bytes()), signed.as_bytes(), "{wire}");
        }
    }

    #[test]
    fn the_url_names_a_port_only_where_it_is_not_the_usual_one() {
        assert_eq!(below().url(), "https://files.example.com/s3");
        let plain = External::new(false, "[::1]".to_owned(), 8080, String::new());
        assert_eq!(plain.url(), "http://[::1]:8080");
        assert_eq!(below().url_of(b"b.files.example.com", b"/s3/k?x"), "https://b.files.example.com/s3/k");
    }
}
