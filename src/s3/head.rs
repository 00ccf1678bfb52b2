//! A request head as it came off the wire, borrowed; what verification and routing read.

/// The head of a request: bytes as received, nothing decoded or normalised.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method token, case kept.
    pub method: &'a [u8],
    /// The request target: path and query as sent.
    pub target: &'a [u8],
    /// Header lines in wire order; names in any case.
    pub lines: &'a [(&'a [u8], &'a [u8])],
    /// `:authority` of HTTP/2.
    pub authority: Option<&'a [u8]>,
}

impl<'a> Head<'a> {
    /// The bytes before the first `?`; of a target in absolute form those behind its authority.
    pub fn path(&self) -> &'a [u8] {
        let target = self.absolute_form().map_or(self.target, |(_, path)| path);
        match memchr::memchr(b'?', target) {
            Some(at) => target.get(..at).unwrap_or_default(),
            None => target,
        }
    }

    /// Of a target in absolute form, the authority and what follows it.
    pub fn absolute_form(&self) -> Option<(&'a [u8], &'a [u8])> {
        if matches!(self.target, [] | [b'/' | b'?', ..]) {
            return None;
        }
        let rest = self.target.strip_prefix(b"http://").or_else(|| self.target.strip_prefix(b"https://"))?;
        let end = rest.iter().position(|octet| matches!(octet, b'/' | b'?')).unwrap_or(rest.len());
        rest.split_at_checked(end)
    }

    /// The bytes after the first `?`, empty when there is none.
    pub fn query(&self) -> &'a [u8] {
        match memchr::memchr(b'?', self.target) {
            Some(at) => self.target.get(at + 1..).unwrap_or_default(),
            None => &[],
        }
    }

    /// The values of every line of this name, in order. `name` is lower-case.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.lines.iter().filter(move |(line, _)| line.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value)
    }

    /// The value of the first line of this name, OWS trimmed.
    pub fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next().map(trim)
    }

    /// The value of the only line of this name, OWS trimmed.
    ///
    /// # Errors
    /// [`Repeated`] when the header has more than one line.
    pub fn only(&self, name: &str) -> Result<Option<&'a [u8]>, Repeated> {
        let mut lines = self.all(name);
        let first = lines.next();
        if lines.next().is_some() { Err(Repeated) } else { Ok(first.map(trim)) }
    }
}

/// A header that takes one value came on several lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Repeated;

/// In so few octets a mark is found sooner by looking at each.
const SHORT: usize = 32;

/// Splits a text at the first mark, which must be ASCII. For the short texts of a head: the searcher
/// behind `str::split_once` costs more than the split.
pub fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = match text.len() {
        0..=SHORT => text.bytes().position(|octet| octet == mark)?,
        _ => memchr::memchr(mark, text.as_bytes())?,
    };
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The pieces of a text between marks, as [`cut`] finds them; one more than there are marks.
pub fn pieces(text: &str, mark: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (piece, after) = cut(text, mark).map_or((text, None), |(piece, after)| (piece, Some(after)));
        rest = after;
        Some(piece)
    })
}

/// Whether a name has capital letters. Hardly one has: all of it is looked at, eight octets at a time.
pub fn has_capitals(name: &[u8]) -> bool {
    let any = |octets: &[u8]| octets.iter().fold(false, |any, octet| any | octet.is_ascii_uppercase());
    let (blocks, rest) = name.as_chunks::<8>();
    blocks.iter().any(|block| any(block)) || any(rest)
}

/// Strips spaces and tabs at both ends.
pub fn trim(value: &[u8]) -> &[u8] {
    let is_space = |octet: &u8| matches!(octet, b' ' | b'\t');
    let start = value.iter().position(|octet| !is_space(octet)).unwrap_or(value.len());
    let end = value.iter().rposition(|octet| !is_space(octet)).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_are_seen_wherever_they_stand() {
        for length in 1..40 {
            let mut name = vec![b'a'; length];
            assert!(!has_capitals(&name));
            for at in 0..length {
                name[at] = if at % 2 == 0 { b'A' } else { b'Z' };
                assert!(has_capitals(&name), "{at} of {length}");
                name[at] = b'-';
            }
        }
        assert!(!has_capitals(b"@[`{"));
    }

    #[test]
    fn pieces_are_those_of_the_standard_split() {
        for text in ["", "a", ";", "a;b", ";a;;b;", "ä;ö", "no marks"] {
            assert!(pieces(text, b';').eq(text.split(';')), "{text}");
            assert_eq!(cut(text, b';'), text.split_once(';'), "{text}");
        }
    }
}
