//! What the octets of a request head say that the parser above keeps to itself: bare line feeds, a
//! fragment in the target, and a `Content-Length` that `Transfer-Encoding` overruled.

/// Watches the octets of one HTTP/1 request head pass by; copies at most the begin of one line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeadScan {
    seen: Seen,
    /// Octets of the current line that came with an earlier read.
    carried: usize,
    prefix: [u8; LENGTH_NAME.len()],
    last: u8,
    lines: u32,
}

/// What is known about a head besides its parsed form.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// The head passed by from its first octet to its last. False for HTTP/2 and for requests that
    /// were sent before the answer to the one before.
    pub whole: bool,
    /// A line ended in LF without CR.
    pub bare_line_feed: bool,
    /// There was a `Content-Length` line.
    pub content_length: bool,
    /// The request target had a `#`.
    pub fragment: bool,
}

const LENGTH_NAME: &[u8] = b"content-length:";

impl HeadScan {
    pub(super) fn seen(&self) -> Seen {
        self.seen
    }

    /// Takes the next octets of the connection; those after the head are left alone.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut from = 0;
        for at in memchr::memchr_iter(b'\n', bytes) {
            if self.seen.whole {
                return;
            }
            self.line(bytes.get(from..at).unwrap_or_default());
            from = at + 1;
        }
        if !self.seen.whole {
            self.carry(bytes.get(from..).unwrap_or_default());
        }
    }

    /// The rest of a line, without its LF.
    fn line(&mut self, rest: &[u8]) {
        let last = rest.last().copied().unwrap_or(self.last);
        let length = self.carried.saturating_add(rest.len());
        let ended = length > 0 && last == b'\r';
        self.seen.bare_line_feed |= !ended;
        let empty = length == usize::from(ended);
        if self.lines == 0 {
            self.seen.fragment |= memchr::memchr(b'#', rest).is_some();
        } else if self.carried == 0 {
            self.seen.content_length |= names_length(rest);
        } else {
            self.carry(rest);
            self.seen.content_length |= names_length(&self.prefix);
        }
        // Empty lines before the request line are skipped, as the parser does.
        match empty {
            true => self.seen.whole = self.lines > 0,
            false => self.lines = self.lines.saturating_add(1),
        }
        (self.carried, self.last, self.prefix) = (0, 0, [0; LENGTH_NAME.len()]);
    }

    /// Keeps the begin of a line whose end has not come yet.
    fn carry(&mut self, bytes: &[u8]) {
        if self.lines == 0 {
            self.seen.fragment |= memchr::memchr(b'#', bytes).is_some();
        }
        for (place, octet) in self.prefix.iter_mut().skip(self.carried).zip(bytes) {
            *place = *octet;
        }
        self.carried = self.carried.saturating_add(bytes.len());
        self.last = bytes.last().copied().unwrap_or(self.last);
    }
}

fn names_length(line: &[u8]) -> bool {
    // The first letter settles nearly every line.
    line.first().is_some_and(|first| first | 0x20 == b'c')
        && line.get(..LENGTH_NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(LENGTH_NAME))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(pieces: &[&[u8]]) -> Seen {
        let mut scan = HeadScan::default();
        pieces.iter().for_each(|piece| scan.feed(piece));
        scan.seen()
    }

    fn check(head: &str, expected: Seen) {
        let bytes = head.as_bytes();
        assert_eq!(scan(&[bytes]), expected, "{head:?}");
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(scan(&single), expected, "{head:?} octet by octet");
    }

    #[test]
    fn what_the_parser_hides_is_seen_however_the_head_is_cut() {
        let whole = Seen { whole: true, ..Seen::default() };
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", whole);
        check("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", whole);
        check("GET / HTTP/1.1\r\nHost: a\r\n", Seen::default());
        check("GET / HTTP/1.1\r\ncOntent-leNgth: 1\r\n\r\nx", Seen { content_length: true, ..whole });
        check("GET / HTTP/1.1\r\ncontent-length-x: 1\r\n\r\n", whole);
        check("PUT / HTTP/1.1\r\nHost: a\r\n\r\ncontent-length: 1\r\n", whole);
        check("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", Seen { fragment: true, ..whole });
        check("GET /a HTTP/1.1\r\nHost: a#b\r\n\r\n", whole);
        check("GET / HTTP/1.1\nHost: a\r\n\r\n", Seen { bare_line_feed: true, ..whole });
        check("GET / HTTP/1.1\r\nHost: a\r\n\n", Seen { bare_line_feed: true, ..whole });
    }

    proptest! {
        #[test]
        fn cutting_never_changes_what_is_seen(head in "[CcGg:#a-e\r\n]{0,80}", cut in 0_usize..80) {
            let cut = cut.min(head.len());
            let (left, right) = head.as_bytes().split_at(cut);
            prop_assert_eq!(scan(&[left, right]), scan(&[head.as_bytes()]));
        }
    }
}
