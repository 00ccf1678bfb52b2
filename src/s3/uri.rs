//! Percent-coding as S3 does it (spec/sigv4.md 4.1): octets, never characters; decoded exactly once.

use std::borrow::Cow;

use super::octets::Octets;
use super::{Code, Fault};

/// A `%` without two hexadecimal digits behind it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BadEscape;

impl From<BadEscape> for Fault {
    fn from(_: BadEscape) -> Self {
        Self::new(Code::InvalidURI, "bad-uri", "Couldn't parse the specified URI.")
    }
}

/// Decodes once: `%XX` is that octet, `+` is a space, everything else stands for itself.
///
/// # Errors
/// [`BadEscape`] when a `%` is not followed by two hexadecimal digits.
pub fn decode(text: &[u8]) -> Result<Cow<'_, [u8]>, BadEscape> {
    let Some(first) = memchr::memchr2(b'%', b'+', text) else { return Ok(Cow::Borrowed(text)) };
    let (clean, rest) = text.split_at(first);
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(clean);
    let mut octets = rest.iter();
    while let Some(&octet) = octets.next() {
        out.push(match octet {
            b'+' => b' ',
            b'%' => {
                let (Some(high), Some(low)) =
                    (octets.next().and_then(|&d| digit(d)), octets.next().and_then(|&d| digit(d)))
                else {
                    return Err(BadEscape);
                };
                high << 4 | low
            }
            other => other,
        });
    }
    Ok(Cow::Owned(out))
}

/// Encodes everything but unreserved octets, `/` included, with upper-case digits.
pub fn encode_into(octets: &[u8], out: &mut Vec<u8>) {
    escape(octets, out, is_unreserved);
}

/// Encodes everything but unreserved octets and `/`.
pub fn encode_path_into(octets: &[u8], out: &mut Vec<u8>) {
    escape(octets, out, is_plain_in_path);
}

/// [`encode_into`] as text, for query names and values.
pub fn encode(octets: &[u8]) -> String {
    let mut out = Vec::with_capacity(octets.len() + 8);
    encode_into(octets, &mut out);
    String::from_utf8(out).unwrap_or_default() // only ASCII is ever written
}

/// [`encode_path_into`] as text.
pub fn encode_path(octets: &[u8]) -> String {
    let mut out = Vec::with_capacity(octets.len() + 8);
    encode_path_into(octets, &mut out);
    String::from_utf8(out).unwrap_or_default() // only ASCII is ever written
}

/// `A-Z a-z 0-9 - . _ ~`: what is never escaped in canonical text.
pub fn is_unreserved(octet: u8) -> bool {
    UNRESERVED.has(octet)
}

/// What is never escaped in a canonical path, slashes too.
pub fn is_plain_in_path(octet: u8) -> bool {
    IN_PATH.has(octet)
}

const UNRESERVED: Octets = Octets::of(b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~");
static IN_PATH: Octets = UNRESERVED.and(b"/");

fn escape(octets: &[u8], out: &mut Vec<u8>, keep: impl Fn(u8) -> bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &octet in octets {
        if keep(octet) {
            out.push(octet);
        } else {
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'%', digit(octet >> 4), digit(octet & 15)]);
        }
    }
}

const fn digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// The query of a request target, split at `&` and the first `=`, decoded once, in wire order.
#[derive(Clone, Debug, Default)]
pub struct Query<'a> {
    parameters: Vec<Parameter<'a>>,
}

/// One query parameter, decoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parameter<'a> {
    /// Decoded name; never looked at in another case.
    pub name: Cow<'a, [u8]>,
    /// Decoded value; empty when there was no `=`.
    pub value: Cow<'a, [u8]>,
}

impl<'a> Query<'a> {
    /// Parameters that were taken from another query.
    pub fn of(parameters: Vec<Parameter<'a>>) -> Self {
        Self { parameters }
    }

    /// Splits and decodes. Empty pieces are dropped; `;` is an ordinary character.
    ///
    /// # Errors
    /// [`BadEscape`] as for [`decode`].
    pub fn parse(wire: &'a [u8]) -> Result<Self, BadEscape> {
        if wire.is_empty() {
            return Ok(Self::default());
        }
        let mut parameters = Vec::with_capacity(8);
        for piece in wire.split(|&octet| octet == b'&').filter(|piece| !piece.is_empty()) {
            let at = memchr::memchr(b'=', piece);
            let (name, value) = match at {
                Some(at) => (piece.get(..at).unwrap_or_default(), piece.get(at + 1..).unwrap_or_default()),
                None => (piece, &[][..]),
            };
            parameters.push(Parameter { name: decode(name)?, value: decode(value)? });
        }
        Ok(Self { parameters })
    }

    /// All parameters in wire order.
    pub fn iter(&self) -> std::slice::Iter<'_, Parameter<'a>> {
        self.parameters.iter()
    }

    /// The first parameter of this exact name.
    pub fn first(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|parameter| *parameter.name == *name).map(|parameter| &*parameter.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once_and_reads_plus_as_space() {
        assert_eq!(&*decode(b"a%252Fb+c%2B").unwrap(), b"a%2Fb c+");
        assert_eq!(decode(b"a%2"), Err(BadEscape));
        assert_eq!(decode(b"%zz"), Err(BadEscape));
    }

    #[test]
    fn letters_digits_and_four_marks_are_unreserved() {
        for octet in 0..=u8::MAX {
            let expected = octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~');
            assert_eq!(is_unreserved(octet), expected, "{octet}");
        }
    }

    #[test]
    fn a_query_keeps_order_and_duplicates() {
        let query = Query::parse(b"b=1&&a&b=2%26").unwrap();
        let pairs: Vec<_> = query.iter().map(|p| (p.name.to_vec(), p.value.to_vec())).collect();
        assert_eq!(pairs, [(b"b".to_vec(), b"1".to_vec()), (b"a".to_vec(), vec![]), (b"b".to_vec(), b"2&".to_vec())]);
    }
}
