//! Which values are secrets, by the names in front of them, and what is shown in their place.
//!
//! There are two rules. What records and log lines say of a request stays as it was sent, but for the five
//! parameters of a signed link ([`target`], [`links`]; spec/access-logs.md 3.3). Words of ours that may repeat
//! what a client sent, and canonical requests that people are shown, lose whatever is named like a secret
//! ([`write()`], [`masked`]).
//!
//! A link is quoted in many ways: escaped for HTML or JSON, encoded once more, in a key, behind `#`, in
//! another URL. So a name is looked for wherever an equals sign stands, in any of these spellings, and a value
//! is masked up to the next `&` that is spelled no deeper than its equals sign. Rather too much is masked than
//! too little. Nothing is allocated unless something is spelled so that it could be a name or an equals sign.

use std::borrow::Cow;
use std::ops::Range;

/// What stands in place of a secret (spec/access-logs.md 3.3).
pub const MASK: &[u8] = b"XXXXXXXX";

/// How names end whose values are secrets, in lower case and without what is no letter or digit: tokens,
/// customers' keys and their hashes, what the token service is asked with, and credentials.
const SECRET: [&[u8]; 16] = [
    b"amzsignature",
    b"securitytoken",
    b"sessiontoken",
    b"customerkey",
    b"customerkeymd5",
    b"encryptioncontext",
    b"webidentitytoken",
    b"samlassertion",
    b"tokencode",
    b"secretaccesskey",
    b"secretkey",
    b"amzmfa",
    b"amzs3sessiontoken",
    b"proxyauthorization",
    b"amzpolicy",
    b"amzauthorization",
];

/// The same of names that are words of every day: `/cookie=yes/` is a folder, `?cookie=yes` is none.
const SECRET_WORDS: [&[u8]; 4] = [b"signature", b"policy", b"cookie", b"authorization"];

/// What users' metadata begins with.
const METADATA: &[u8] = b"xamzmeta";

/// The parameters of signed links whose values are in no record (spec/access-logs.md 3.3).
const OF_LINKS: [&str; 5] = [
    "x-amz-signature",
    "x-amz-security-token",
    "signature",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key",
];

/// Parameters that carry a credential and that S3 has no use for where an object or a bucket is named. Of targets
/// these are masked as well: nothing that the specification shows is lost by it.
const OF_OTHERS: [&str; 6] =
    ["x-amz-s3session-token", "webidentitytoken", "samlassertion", "sessiontoken", "secretaccesskey", "tokencode"];

/// The parameter that a signer of links moves an encryption context into.
const CONTEXT: &str = "x-amz-server-side-encryption-context";

/// How often a text is decoded at most: a link in a link in a link.
const MOST_ROUNDS: usize = 6;
/// How many secrets are found without an allocation.
const FEW: usize = 8;

/// Where a text begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Begins {
    /// Anywhere: a target, a URL, a key, words.
    Anywhere,
    /// At the name of a parameter.
    AtName,
}

/// Which values are masked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rule {
    /// Whatever is named like a secret.
    All(Begins),
    /// Those of signed links, wherever one stands.
    Links,
    /// Those of signed links and credentials of other services, where each parameter of a query is looked at, too;
    /// and an encryption context, where that is hidden.
    Query { hides_context: bool },
}

/// Gives a text in pieces; in place of each secret its mask. No character is spread over two pieces.
pub fn write(text: &[u8], begins: Begins, piece: impl FnMut(&[u8])) {
    write_by(text, Rule::All(begins), piece);
}

/// Gives the target of a request in the same way: of its query the values of the parameters of signed links
/// are masked, and on demand an encryption context. Everything else stays as sent, and all of the path, which is a
/// key.
pub fn target(target: &[u8], hides_context: bool, mut piece: impl FnMut(&[u8])) {
    let query = memchr::memchr(b'?', target).map_or(target.len(), |at| at + 1);
    piece(target.get(..query).unwrap_or_default());
    write_by(target.get(query..).unwrap_or_default(), Rule::Query { hides_context }, piece);
}

/// Gives a text in the same way that may have signed links in it: the same parameters are masked where they
/// stand in one, and nothing else.
pub fn links(text: &[u8], piece: impl FnMut(&[u8])) {
    write_by(text, Rule::Links, piece);
}

fn write_by(text: &[u8], rule: Rule, mut piece: impl FnMut(&[u8])) {
    if !has_marks(text) {
        return piece(text);
    }
    let mut shown = 0;
    spans(text, rule, |span| {
        if span.end >= shown {
            piece(text.get(shown..span.start.max(shown)).unwrap_or_default());
            piece(MASK);
            shown = span.end;
        }
    });
    piece(text.get(shown..).unwrap_or_default());
}

/// The same as octets of their own; `None` where the text may be shown as it is.
pub fn masked(text: &[u8], begins: Begins) -> Option<Vec<u8>> {
    if !has_marks(text) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    write(text, begins, |piece| out.extend_from_slice(piece));
    (out != text).then_some(out)
}

/// The same of text.
pub fn text(text: &str) -> Cow<'_, str> {
    match masked(text.as_bytes(), Begins::Anywhere) {
        // Only whole values are replaced, so this stays what it was: UTF-8.
        Some(masked) => String::from_utf8_lossy(&masked).into_owned().into(),
        None => text.into(),
    }
}

/// Whether the value of a header or parameter of this name is secret, or a user's own.
pub fn is_secret(name: &[u8]) -> bool {
    let encoded = memchr::memchr(b'%', name).is_some();
    is_secret_name(name, Begins::AtName) || encoded && is_secret_name(&Decoded::of(name).octets, Begins::AtName)
}

/// Whether a parameter of the query, by its decoded name, is masked wherever an object or a bucket is named.
pub fn is_of_target(name: &[u8]) -> bool {
    let is = |secret: &&str| name.eq_ignore_ascii_case(secret.as_bytes());
    OF_LINKS.iter().any(is) || OF_OTHERS.iter().any(is)
}

/// Whether anything is there that a name of a secret could not do without. One pass, without branches.
fn has_marks(text: &[u8]) -> bool {
    let is_mark = |octet: &u8| matches!(octet, b'=' | b'%' | b'\\' | b'#' | b'@');
    let (blocks, rest) = text.as_chunks::<16>();
    blocks.iter().any(|block| block.iter().fold(false, |any, octet| any | is_mark(octet))) || rest.iter().any(is_mark)
}

/// Where secrets stand, in order.
fn spans(text: &[u8], rule: Rule, mut found: impl FnMut(Range<usize>)) {
    // Nearly always names are spelled plainly, and there are few secrets or none.
    let mut few: [Range<usize>; FEW] = Default::default();
    let (mut count, mut shown, mut odd) = (0, 0, false);
    scan(
        text,
        rule,
        |at| (at, 0),
        |span| {
            odd |= escapes(text.get(shown..span.start).unwrap_or_default());
            shown = shown.max(span.end);
            match few.get_mut(count) {
                Some(place) => *place = span,
                None => odd = true,
            }
            count += 1;
        },
    );
    odd |= escapes(text.get(shown..).unwrap_or_default());
    if !odd {
        return few.into_iter().take(count).for_each(found);
    }
    let decoded = Decoded::of(text);
    scan(&decoded.octets, rule, |at| decoded.place(at), &mut found);
}

/// Whether decoding could bring out a name or an equals sign. Escapes in values do not matter.
fn escapes(text: &[u8]) -> bool {
    // Where the name that is looked at ends; looked for once, however many escapes are in it.
    let mut end = 0;
    memchr::memchr3_iter(b'%', b'\\', b'#', text).any(|at| match text.get(at..).unwrap_or_default() {
        // An encoded percent sign, equals sign, at sign, backslash, number sign
        [b'%', b'2', b'5', ..]
        | [b'%', b'3', b'D' | b'd', ..]
        | [b'%', b'4', b'0', ..]
        | [b'%', b'5', b'C' | b'c', ..]
        | [b'%', b'2', b'3', ..]
        | [b'\\', ..] => true,
        [b'#', ..] => at.checked_sub(1).and_then(|before| text.get(before)) == Some(&b'&'),
        rest => {
            if end <= at {
                end = at + rest.iter().position(|octet| is_end(*octet) || *octet == b'/').unwrap_or(rest.len());
            }
            text.get(end) == Some(&b'=')
        }
    })
}

/// Finds secrets in decoded octets. `place` says where an octet stands in the text, and how deep.
fn scan(octets: &[u8], rule: Rule, place: impl Fn(usize) -> (usize, u8), mut found: impl FnMut(Range<usize>)) {
    let mut at = 0;
    // Where the last at sign stands, and where the login in front of it begins.
    let mut last: (usize, Option<usize>) = (0, None);
    while let Some(mark) = octets.get(at..).and_then(|rest| memchr::memchr2(b'=', b'@', rest)) {
        let mark = at + mark;
        let before = octets.get(..mark).unwrap_or_default();
        at = mark + 1;
        if octets.get(mark) == Some(&b'@') {
            last = (at, login(before, last));
            if let (Some(login), Rule::All(_)) = (last.1, rule) {
                found(place(login).0..place(mark).0);
            }
        } else if rule.masks(before) {
            let (_, depth) = place(mark);
            let value = octets.get(at..).unwrap_or_default();
            let is_end = |(nth, octet): (usize, &u8)| rule.ends(*octet) && place(at + nth).1 <= depth;
            let end = at + value.iter().enumerate().position(is_end).unwrap_or(value.len());
            // `?policy=` is the name of an operation.
            let is_flag =
                end == at && before.last_chunk().is_some_and(|name: &[u8; 6]| name.eq_ignore_ascii_case(b"policy"));
            if !is_flag {
                found(place(at).0..place(end).0);
            }
            at = end;
        }
    }
}

impl Rule {
    /// Whether the value behind these octets and an equals sign is masked.
    fn masks(self, before: &[u8]) -> bool {
        match self {
            Self::All(begins) => is_secret_name(before, begins),
            Self::Links => is_of_link(before, None),
            Self::Query { hides_context } => is_of_link(before, Some(hides_context)),
        }
    }

    /// Whether a value ends here. A link in a text ends where none can go on; a parameter of a query at the next
    /// one.
    const fn ends(self, octet: u8) -> bool {
        match self {
            Self::All(_) | Self::Query { .. } => matches!(octet, b'&' | b'\n'),
            Self::Links => matches!(octet, b'&' | b'#' | b'"' | b'<' | b'>' | 0..=b' '),
        }
    }
}

/// Whether a parameter of a signed link is named at the end: behind what begins or divides a query, or at the
/// start of one, of which `query` says whether it hides a context. An `Authorization` that somebody has pasted has
/// commas there.
fn is_of_link(before: &[u8], query: Option<bool>) -> bool {
    let is_query = query.is_some();
    let before = without_blanks(before);
    let start = before.iter().rposition(|octet| is_separator(*octet)).map_or(0, |at| at + 1);
    let (front, name) = before.split_at_checked(start).unwrap_or_default();
    let front = if is_query { without_blanks(front) } else { front };
    let is = |secret: &&str| name.eq_ignore_ascii_case(secret.as_bytes());
    let named = if is_query { is_of_target(name) } else { OF_LINKS.iter().any(is) };
    (named || query == Some(true) && is(&CONTEXT))
        && match front.last() {
            None => is_query,
            Some(b'?' | b'&' | b';' | b'#') => true,
            Some(_) => memchr::memmem::find(before, b"Credential=").is_some(),
        }
}

/// Without what some readers do not count to a name: blanks however they are spelled, and the brackets of a list.
fn without_blanks(text: &[u8]) -> &[u8] {
    let is_name = |octet: &u8| !matches!(octet, 0..=b' ' | b'+' | b'[' | b']' | 0x7F);
    text.get(..text.iter().rposition(is_name).map_or(0, |at| at + 1)).unwrap_or_default()
}

/// Where the name and password begin that stand in front of an at sign, as in `https://name:password@host`.
/// `last` is what was found in front of the at sign before this one: no octet is looked at twice.
fn login(before: &[u8], last: (usize, Option<usize>)) -> Option<usize> {
    let new = before.get(last.0..).unwrap_or_default();
    let is_end = |octet: &u8| matches!(octet, b'/' | b'?' | b'#' | b'&') || *octet <= b' ';
    let Some(at) = new.iter().rposition(is_end).map(|at| last.0 + at) else { return last.1 };
    (before.get(..=at)?.ends_with(b"//") && at + 1 < before.len()).then_some(at + 1)
}

/// What no name of a parameter goes on behind.
const fn is_separator(octet: u8) -> bool {
    matches!(octet, b'&' | b';' | b'?' | b'#' | b'=' | b',' | b'/' | b'"' | b'\'' | b'`' | b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether a name that is secret stands at the end.
fn is_secret_name(before: &[u8], begins: Begins) -> bool {
    let before = match before.iter().rposition(|octet| octet.is_ascii_alphanumeric() || is_end(*octet)) {
        Some(last) => before.get(..=last).unwrap_or_default(),
        None => return false,
    };
    let start = before.iter().rposition(|octet| is_separator(*octet));
    let name = before.get(start.map_or(0, |at| at + 1)..).unwrap_or_default();
    let letters = || name.iter().filter(|octet| octet.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
    let is_word = |secret: &&[u8]| letters().eq(secret.iter().copied());
    let ends = |secret: &&[u8]| {
        let mut letters = letters().rev();
        secret.iter().rev().all(|octet| letters.next() == Some(*octet))
    };
    let mut first = letters();
    if SECRET.iter().any(ends) || METADATA.iter().all(|octet| first.next() == Some(*octet)) {
        return true;
    }
    let is_parameter = match start.and_then(|at| before.get(at)) {
        Some(separator) => *separator != b'/',
        None => begins == Begins::AtName,
    };
    is_parameter && SECRET_WORDS.iter().any(is_word)
}

/// What ends a search for a name to the left: between a name and its equals sign anything else may stand.
const fn is_end(octet: u8) -> bool {
    matches!(octet, b'&' | b';' | b'?' | b'#' | b'=')
}

/// A text decoded until nothing is left to decode, and where each octet comes from.
struct Decoded {
    octets: Vec<u8>,
    /// Where each octet starts in the text, and how often it was decoded.
    places: Vec<(usize, u8)>,
    length: usize,
}

impl Decoded {
    fn of(text: &[u8]) -> Self {
        let places = (0..text.len()).map(|at| (at, 0)).collect();
        let mut decoded = Self { octets: text.to_vec(), places, length: text.len() };
        for _ in 0..MOST_ROUNDS {
            if !decoded.round() {
                break;
            }
        }
        decoded
    }

    fn place(&self, at: usize) -> (usize, u8) {
        self.places.get(at).copied().unwrap_or((self.length, 0))
    }

    /// Decodes once. Says whether there was anything to decode.
    fn round(&mut self) -> bool {
        let (mut octets, mut places) = (Vec::with_capacity(self.octets.len()), Vec::with_capacity(self.octets.len()));
        let mut at = 0;
        while let Some(rest) = self.octets.get(at..).filter(|rest| !rest.is_empty()) {
            let (octet, length) = escape(rest).unwrap_or((rest.first().copied().unwrap_or_default(), 1));
            let (start, _) = self.place(at);
            let depth = (at..at + length).map(|at| self.place(at).1).max().unwrap_or_default();
            octets.push(octet);
            places.push((start, depth + u8::from(length > 1)));
            at += length;
        }
        let changed = octets.len() < self.octets.len();
        (self.octets, self.places) = (octets, places);
        changed
    }
}

/// The octet that an escape at the start stands for, and the length of the escape: of URLs, of JSON, of HTML.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let two = |high: u8, low: u8, length| Some((hex(high)? << 4 | hex(low)?, length));
    match text {
        [b'%', high, low, ..] => two(*high, *low, 3),
        [b'\\', b'u', b'0', b'0', high, low, ..] => two(*high, *low, 6),
        [b'\\', b'x', high, low, ..] => two(*high, *low, 4),
        [b'&', b'#', b'x' | b'X', b'3', b'D' | b'd', b';', ..] => Some((b'=', 6)),
        [b'&', b'#', b'6', b'1', b';', ..] => Some((b'=', 5)),
        _ => None,
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
pub(crate) mod tests;
