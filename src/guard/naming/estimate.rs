//! How easily a name is guessed (spec/naming.md 5): a lower bound of the work of somebody who knows the
//! organisation and the scheme, in millibits. It is the cheapest way to put the name together from pieces.

use super::words::Prices;

/// No more of a name is looked at, in octets: no bucket has a longer one.
const LONGEST: usize = 255;

/// What no octet costs more than.
pub(super) const LETTER: u32 = 4_700;
const DIGIT: u32 = 3_322;
const SEPARATOR: u32 = 500;

/// Directions in names of regions.
const DIRECTIONS: [&str; 9] =
    ["central", "north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest"];
/// What names of regions begin with.
const AREAS: [&str; 11] = ["af", "ap", "ca", "cn", "eu", "il", "me", "mx", "sa", "us-gov", "us"];

/// The estimate of a name, in millibits.
pub(super) fn estimate(name: &str, words: &Prices) -> u32 {
    let name = name.get(..name.floor_char_boundary(LONGEST)).unwrap_or_default();
    let mut costs = vec![0_u32];
    for end in 1..=name.len() {
        let price = |(begin, before): (usize, &u32)| Some(before.saturating_add(price(name.get(begin..end)?, words)?));
        let cheapest = costs.iter().enumerate().filter_map(price).min();
        // Inside a character that is no letter of names: it costs as much as one.
        let last = costs.last().copied().unwrap_or_default();
        costs.push(cheapest.unwrap_or_else(|| last.saturating_add(LETTER)));
    }
    costs.last().copied().unwrap_or_default()
}

/// What a piece costs; none if it is no piece.
fn price(piece: &str, words: &Prices) -> Option<u32> {
    if let [octet] = piece.as_bytes() {
        return [Some(single(*octet)), words.of(piece)].into_iter().flatten().min();
    }
    let run = is_run(piece.as_bytes()).then_some(5_000);
    let found = if piece.contains(['-', '.']) {
        [digits(piece), is_region(piece).then_some(5_000), None]
    } else {
        let spoken = is_pronounceable(piece).then(|| u32::try_from(piece.len()).unwrap_or(u32::MAX) * 2_200);
        [digits(piece), words.of(piece), spoken]
    };
    found.into_iter().chain([run]).flatten().min()
}

const fn single(octet: u8) -> u32 {
    match octet {
        b'-' | b'.' => SEPARATOR,
        b'0'..=b'9' => DIGIT,
        _ => LETTER,
    }
}

/// Years, dates and numbers of accounts.
fn digits(piece: &str) -> Option<u32> {
    match piece.len() {
        4 if is_year(piece) => Some(5_000),
        6 if is_month_of_year(piece) => Some(9_000),
        8 | 10 if is_date(piece) => Some(12_000),
        12 if all_digits(piece) => Some(10_000),
        _ => None,
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_digit())
}

fn number(text: Option<&str>) -> Option<u32> {
    text.filter(|text| all_digits(text)).and_then(|text| text.parse().ok())
}

/// 1980 to 2039.
pub(super) fn is_year(text: &str) -> bool {
    text.len() == 4 && number(Some(text)).is_some_and(|year| (1980..=2039).contains(&year))
}

/// `yyyymm`
pub(super) fn is_month_of_year(text: &str) -> bool {
    text.len() == 6
        && text.get(..4).is_some_and(is_year)
        && number(text.get(4..)).is_some_and(|month| (1..=12).contains(&month))
}

/// `yyyymmdd`, `yyyy-mm-dd`
pub(super) fn is_date(text: &str) -> bool {
    let (month, day) = match text.as_bytes() {
        [_, _, _, _, b'-', _, _, b'-', _, _] => (text.get(5..7), text.get(8..)),
        [_, _, _, _, _, _, _, _] => (text.get(4..6), text.get(6..)),
        _ => return false,
    };
    text.get(..4).is_some_and(is_year)
        && number(month).is_some_and(|month| (1..=12).contains(&month))
        && number(day).is_some_and(|day| (1..=31).contains(&day))
}

/// Whether a text is like the name of a region of AWS: `eu-west-1`.
pub fn is_region(text: &str) -> bool {
    AREAS.into_iter().any(|area| {
        let rest = text.strip_prefix(area).and_then(|rest| rest.strip_prefix('-'));
        let Some((direction, number)) = rest.and_then(|rest| rest.split_once('-')) else { return false };
        DIRECTIONS.contains(&direction) && matches!(number.as_bytes(), [b'1'..=b'9'])
    })
}

/// Three or more that go up by one, go down by one, or are all the same.
fn is_run(piece: &[u8]) -> bool {
    let mut steps = piece.windows(2).map(|pair| match pair {
        [one, other] => i16::from(*other) - i16::from(*one),
        _ => i16::MAX,
    });
    let first = steps.next().unwrap_or(i16::MAX);
    piece.len() >= 3 && matches!(first, -1..=1) && steps.all(|step| step == first)
}

/// Letters that can be spoken, and so remembered: four or more, a quarter to six tenths of them vowels, never
/// four vowels or four others in a row.
fn is_pronounceable(piece: &str) -> bool {
    if piece.len() < 4 || !piece.bytes().all(|octet| octet.is_ascii_lowercase()) {
        return false;
    }
    let is_vowel = |octet: u8| matches!(octet, b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    let vowels = piece.bytes().filter(|octet| is_vowel(*octet)).count() * 100;
    let (mut longest, mut row, mut last) = (0, 0, None);
    for octet in piece.bytes() {
        let kind = is_vowel(octet);
        row = if last == Some(kind) { row + 1 } else { 1 };
        (longest, last) = (row.max(longest), Some(kind));
    }
    longest < 4 && (piece.len() * 25..=piece.len() * 60).contains(&vowels)
}
