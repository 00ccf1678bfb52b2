//! Writes one JSON object into a byte buffer: no tree, no allocation beyond the buffer's growth.
//!
//! What comes out is one line of valid UTF-8 whatever goes in. Bytes that are no UTF-8 become `%XX`,
//! as in the access log. Control characters, line separators and marks that turn the direction of
//! text are escaped, so that a record neither breaks a line nor plays with the terminal that shows it.

use std::io::Write as _;
use std::net::IpAddr;

use crate::time::Millis;

/// What replaces the rest of a text that is too long.
const CUT: &[u8] = "…".as_bytes();

/// An object under construction. Names are constants of ours and never need an escape.
pub(super) struct Object<'b> {
    out: &'b mut Vec<u8>,
    empty: bool,
}

impl<'b> Object<'b> {
    /// Opens the object.
    pub(super) fn begin(out: &'b mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Closes the object.
    pub(super) fn end(self) {
        self.out.push(b'}');
    }

    /// How many octets the buffer holds.
    pub(super) fn written(&self) -> usize {
        self.out.len()
    }

    /// A text of at most `limit` octets; what is longer is cut at a character and ends in `…`.
    pub(super) fn text(&mut self, name: &'static str, value: &[u8], limit: usize) {
        // Nearly every text is short and plain.
        if value.len() <= limit && is_all_plain(value) {
            return self.word(name, value);
        }
        self.name(name.as_bytes());
        let mut text = Text::begin(self.out, limit);
        text.piece(value);
        text.end();
    }

    /// A short text of our own, which needs no escape.
    pub(super) fn word(&mut self, name: &'static str, value: &[u8]) {
        debug_assert!(is_all_plain(value));
        self.comma();
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":\"");
        self.out.extend_from_slice(value);
        self.out.push(b'"');
    }

    /// Members that were written before, without the braces around them.
    pub(super) fn members(&mut self, written: &[u8]) {
        if !written.is_empty() {
            if !std::mem::take(&mut self.empty) {
                self.out.push(b',');
            }
            self.out.extend_from_slice(written);
        }
    }

    /// A text if there is one.
    pub(super) fn maybe(&mut self, name: &'static str, value: Option<impl AsRef<[u8]>>, limit: usize) {
        if let Some(value) = value {
            self.text(name, value.as_ref(), limit);
        }
    }

    /// A text that arrives in pieces. A character must not be spread over two of them.
    pub(super) fn pieces(&mut self, name: &'static str, limit: usize, write: impl FnOnce(&mut Text<'_>)) {
        self.name(name.as_bytes());
        let mut text = Text::begin(self.out, limit);
        write(&mut text);
        text.end();
    }

    /// A member whose name is made of lower-case letters, digits and dashes only.
    pub(super) fn member(&mut self, name: &[u8], limit: usize, write: impl FnOnce(&mut Text<'_>)) {
        debug_assert!(name.iter().all(|o| o.is_ascii_graphic() && *o != b'"' && *o != b'\\'));
        self.name(name);
        let mut text = Text::begin(self.out, limit);
        write(&mut text);
        text.end();
    }

    /// A member whose name somebody else has chosen.
    pub(super) fn named_freely(
        &mut self,
        name: impl FnOnce(&mut Text<'_>),
        value: impl FnOnce(&mut Text<'_>),
        limit: usize,
    ) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        let mut text = Text::begin(self.out, limit);
        name(&mut text);
        text.end();
        self.out.push(b':');
        let mut text = Text::begin(self.out, limit);
        value(&mut text);
        text.end();
    }

    /// A number.
    pub(super) fn number(&mut self, name: &'static str, value: u64) {
        self.name(name.as_bytes());
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A number if there is one.
    pub(super) fn maybe_number(&mut self, name: &'static str, value: Option<u64>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }

    /// A boolean.
    pub(super) fn flag(&mut self, name: &'static str, value: bool) {
        self.name(name.as_bytes());
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// An instant as `2026-03-14T09:26:53.000Z`.
    pub(super) fn instant(&mut self, name: &'static str, value: Millis) {
        self.name(name.as_bytes());
        self.out.push(b'"');
        value.rfc3339_into(self.out);
        self.out.push(b'"');
    }

    /// An address.
    pub(super) fn address(&mut self, name: &'static str, value: IpAddr) {
        let IpAddr::V4(value) = value else { return self.display(name, value) };
        self.name(name.as_bytes());
        for (place, octet) in value.octets().into_iter().enumerate() {
            self.out.push(if place == 0 { b'"' } else { b'.' });
            self.out.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
        }
        self.out.push(b'"');
    }

    /// Something that prints itself in characters that need no escape.
    pub(super) fn display(&mut self, name: &'static str, value: impl std::fmt::Display) {
        self.name(name.as_bytes());
        let _ = write!(self.out, "\"{value}\"");
    }

    /// A list of texts.
    pub(super) fn texts<'t>(&mut self, name: &'static str, values: impl Iterator<Item = &'t str>, limit: usize) {
        self.name(name.as_bytes());
        self.out.push(b'[');
        for (place, value) in values.enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            let mut text = Text::begin(self.out, limit);
            text.piece(value.as_bytes());
            text.end();
        }
        self.out.push(b']');
    }

    /// A list of objects.
    pub(super) fn objects<T>(&mut self, name: &'static str, values: &[T], write: impl Fn(&T, &mut Object<'_>)) {
        self.name(name.as_bytes());
        self.out.push(b'[');
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            let mut inner = Object::begin(self.out);
            write(value, &mut inner);
            inner.end();
        }
        self.out.push(b']');
    }

    /// An object within.
    pub(super) fn object(&mut self, name: &'static str, write: impl FnOnce(&mut Object<'_>)) {
        self.name(name.as_bytes());
        let mut inner = Object::begin(self.out);
        write(&mut inner);
        inner.end();
    }

    /// An object within, unless nothing is written into it.
    pub(super) fn object_if_any(&mut self, name: &'static str, write: impl FnOnce(&mut Object<'_>)) {
        let (before, first) = (self.out.len(), self.empty);
        self.name(name.as_bytes());
        let mut inner = Object::begin(self.out);
        write(&mut inner);
        if inner.empty {
            self.out.truncate(before);
            self.empty = first;
        } else {
            inner.end();
        }
    }

    fn name(&mut self, name: &[u8]) {
        self.comma();
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(b"\":");
    }

    /// What stands before a name, with its quotation mark.
    fn comma(&mut self) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        self.out.push(b'"');
    }
}

/// A JSON string under construction.
pub(super) struct Text<'b> {
    out: &'b mut Vec<u8>,
    left: usize,
    cut: bool,
}

impl<'b> Text<'b> {
    fn begin(out: &'b mut Vec<u8>, limit: usize) -> Self {
        out.push(b'"');
        Self { out, left: limit, cut: false }
    }

    /// Appends octets as they came.
    pub(super) fn piece(&mut self, octets: &[u8]) {
        if octets.len() <= self.left && is_all_plain(octets) {
            self.left -= octets.len();
            return self.out.extend_from_slice(octets);
        }
        self.odd_piece(octets);
    }

    #[cold]
    fn odd_piece(&mut self, octets: &[u8]) {
        let kept = clip(octets, self.left);
        self.cut |= kept.len() < octets.len();
        self.left = if self.cut { 0 } else { self.left - kept.len() };
        let mut rest = kept;
        while !rest.is_empty() {
            let (plain, odd) = rest.split_at(plain_run(rest));
            self.out.extend_from_slice(plain);
            rest = escape_one(odd, self.out);
        }
    }

    fn end(self) {
        if self.cut {
            self.out.extend_from_slice(CUT);
        }
        self.out.push(b'"');
    }
}

/// Appends a value as JSON in one line, with the same escapes as everything here.
pub(super) fn write_json(value: &impl serde::Serialize, out: &mut Vec<u8>) {
    /// Escapes what the writer takes for plain.
    struct Careful(Vec<u8>);
    impl serde_json::ser::Formatter for Careful {
        fn write_string_fragment<W: ?Sized + std::io::Write>(
            &mut self,
            writer: &mut W,
            fragment: &str,
        ) -> std::io::Result<()> {
            let mut rest = fragment.as_bytes();
            self.0.clear();
            while !rest.is_empty() {
                let (plain, odd) = rest.split_at(plain_run(rest));
                self.0.extend_from_slice(plain);
                rest = escape_one(odd, &mut self.0);
            }
            writer.write_all(&self.0)
        }
    }
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Careful(Vec::new()));
    // Texts, numbers and lists of them can always be written.
    let _ = value.serialize(&mut serializer);
}

/// At most `limit` octets, cut before a character rather than in it.
fn clip(octets: &[u8], limit: usize) -> &[u8] {
    let Some((kept, rest)) = octets.split_at_checked(limit) else { return octets };
    let goes_on = |octet: Option<&u8>| octet.is_some_and(|octet| octet & 0xC0 == 0x80);
    if !goes_on(rest.first()) {
        return kept;
    }
    let back = kept.iter().rev().take(4).position(|octet| octet & 0xC0 == 0xC0).map_or(0, |at| at + 1);
    kept.get(..kept.len() - back).unwrap_or(kept)
}

const fn is_plain(octet: u8) -> bool {
    (octet >= 0x20) & (octet < 0x7F) & (octet != b'"') & (octet != b'\\')
}

/// Whether a block goes out as it is; tested without a branch.
#[inline]
fn is_block_plain<const N: usize>(block: &[u8; N]) -> bool {
    block.iter().fold(true, |all, octet| all & is_plain(*octet))
}

/// Whether all of it goes out as it is.
fn is_all_plain(octets: &[u8]) -> bool {
    // Where the blocks leave a rest, the last ones are looked at once more rather than the rest by itself.
    if let Some(last) = octets.last_chunk::<16>() {
        return octets.as_chunks::<16>().0.iter().all(is_block_plain) && is_block_plain(last);
    }
    match (octets.first_chunk::<8>(), octets.last_chunk::<8>()) {
        (Some(first), Some(last)) => is_block_plain(first) & is_block_plain(last),
        _ => octets.iter().all(|octet| is_plain(*octet)),
    }
}

/// How many octets at the start go out as they are.
fn plain_run(octets: &[u8]) -> usize {
    let (blocks, _) = octets.as_chunks::<16>();
    let blocks = blocks.iter().take_while(|block| is_block_plain(block)).count();
    let tail = octets.get(blocks * 16..).unwrap_or_default();
    blocks * 16 + tail.iter().take_while(|octet| is_plain(**octet)).count()
}

/// Writes the first character, which is not plain, and returns what follows it.
fn escape_one<'t>(octets: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
    let Some((&first, rest)) = octets.split_first() else { return octets };
    match first {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0..=0x7F => escape_unit(u32::from(first), out),
        _ => {
            let Some((character, after)) = first_character(octets) else {
                out.push(b'%');
                hex(u32::from(first), 2, out);
                return rest;
            };
            if is_dangerous(character) {
                escape_unit(u32::from(character), out);
            } else {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            return after;
        }
    }
    rest
}

/// The character of several octets at the start, if it is valid UTF-8.
fn first_character(octets: &[u8]) -> Option<(char, &[u8])> {
    let width = match octets.first()? {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let (character, after) = octets.split_at_checked(width)?;
    Some((std::str::from_utf8(character).ok()?.chars().next()?, after))
}

/// Controls, separators of lines, and marks that turn the direction of text. All are below U+10000.
const fn is_dangerous(character: char) -> bool {
    matches!(character, '\u{80}'..='\u{9F}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

fn escape_unit(unit: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    hex(unit, 4, out);
}

fn hex(value: u32, digits: u32, out: &mut Vec<u8>) {
    for place in (0..digits).rev() {
        let digit = (value >> (4 * place)) & 0xF;
        out.push(char::from_digit(digit, 16).map_or(b'0', |digit| digit.to_ascii_uppercase() as u8));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quoted(octets: &[u8], limit: usize) -> String {
        let mut out = Vec::new();
        let mut text = Text::begin(&mut out, limit);
        text.piece(octets);
        text.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_escaped_as_json_and_bad_octets_as_in_the_access_log() {
        let check = |octets: &[u8], expected: &str| assert_eq!(quoted(octets, 8192), expected);
        check(b"", r#""""#);
        check(b"plain text of more than sixteen octets", r#""plain text of more than sixteen octets""#);
        check(b"a\"b\\c", r#""a\"b\\c""#);
        check(b"\n\r\t\0\x1b\x7f", r#""\n\r\t\u0000\u001B\u007F""#);
        check("grün €😀".as_bytes(), "\"grün €😀\"");
        check(b"\xFF\xC0\x80", r#""%FF%C0%80""#);
        check(b"\xE2\x82", r#""%E2%82""#);
        check("\u{2028}\u{85}\u{202E}".as_bytes(), r#""\u2028\u0085\u202E""#);
    }

    #[test]
    fn long_text_is_cut_before_a_character() {
        assert_eq!(quoted("ab€€".as_bytes(), 4), "\"ab…\"");
        assert_eq!(quoted("ab€€".as_bytes(), 5), "\"ab€…\"");
        assert_eq!(quoted(b"abc", 3), "\"abc\"");
        assert_eq!(quoted(b"abcd", 3), "\"abc…\"");
    }

    #[test]
    fn instants_are_spelled_as_everywhere_else() {
        for millis in [0, 1, 999, 1_773_480_413_042, 253_402_300_799_999] {
            let mut out = Vec::new();
            let mut object = Object::begin(&mut out);
            object.instant("t", Millis(millis));
            object.end();
            assert_eq!(String::from_utf8(out).unwrap(), format!("{{\"t\":\"{}\"}}", Millis(millis).rfc3339()));
        }
    }

    #[test]
    fn an_object_of_nothing_leaves_no_trace() {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        object.object_if_any("a", |_| {});
        object.object_if_any("b", |inner| inner.number("n", 1));
        object.object_if_any("c", |_| {});
        object.end();
        assert_eq!(out, br#"{"b":{"n":1}}"#);
    }

    #[test]
    fn nothing_follows_a_cut() {
        let mut out = Vec::new();
        let mut text = Text::begin(&mut out, 4);
        text.piece(b"abcdef");
        text.piece(b"g");
        text.end();
        assert_eq!(out, "\"abcd…\"".as_bytes());
    }

    proptest! {
        #[test]
        fn any_octets_make_one_valid_string(octets in proptest::collection::vec(any::<u8>(), 0..200), limit in 0_usize..220) {
            let text = quoted(&octets, limit);
            let back: String = serde_json::from_str(&text).unwrap();
            prop_assert!(!text.chars().any(char::is_control));
            if let Ok(same) = std::str::from_utf8(&octets) && limit >= octets.len() {
                prop_assert_eq!(back, same);
            }
        }
    }
}
