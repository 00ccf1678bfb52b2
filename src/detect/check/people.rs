//! Dates of birth, telephones, addresses of mail, places, vehicles.

use super::{all_equal, digits, kinds, number, weighted};
use crate::time::days_in_month;

const MONTHS: [&[u8]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
/// Names of files look like addresses of mail.
const SUFFIXES: [&[u8]; 10] = [b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"json", b"html"];
/// Countries and the lengths of their national numbers.
const COUNTRIES: [(&[u8], std::ops::RangeInclusive<usize>); 12] = [
    (&[1], 10..=10),
    (&[3, 3], 9..=9),
    (&[3, 4], 9..=9),
    (&[3, 9], 8..=11),
    (&[4, 4], 9..=10),
    (&[4, 9], 7..=11),
    (&[5, 5], 10..=11),
    (&[6, 1], 9..=9),
    (&[6, 5], 8..=8),
    (&[8, 1], 9..=10),
    (&[8, 4], 9..=10),
    (&[9, 1], 10..=10),
];

/// A real date from 1900 to the present year. Of two numbers in front of a year, either may be the month.
pub(super) fn date_of_birth(text: &[u8], year: u16) -> bool {
    let name = text.split(|octet| !octet.is_ascii_alphabetic()).find(|word| !word.is_empty());
    let numbers: smallvec::SmallVec<[u64; 3]> = text
        .split(|octet| !octet.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(|part| number(&digits(part)))
        .collect();
    let lived = |of_year: u64| (1900..=u64::from(year)).contains(&of_year);
    let month = |name: &[u8]| {
        let begins = |known: &&[u8]| name.get(..3).is_some_and(|begin| begin.eq_ignore_ascii_case(known));
        MONTHS.iter().position(begins).map_or(0, |at| at as u64 + 1)
    };
    match (name, numbers.as_slice()) {
        (Some(name), [day, of_year]) => lived(*of_year) && is_date(*of_year, month(name), *day),
        (None, [of_year @ (1000..), of_month, day]) => lived(*of_year) && is_date(*of_year, *of_month, *day),
        (None, [one, other, of_year]) => {
            lived(*of_year) && (is_date(*of_year, *one, *other) || is_date(*of_year, *other, *one))
        }
        _ => false,
    }
}

fn is_date(year: u64, month: u64, day: u64) -> bool {
    let whole = |number: u64| i64::try_from(number).unwrap_or_default();
    (1..=days_in_month(whole(year), whole(month))).contains(&whole(day))
}

pub(super) fn phone(text: &[u8]) -> bool {
    let all = digits(text);
    if text.first() != Some(&b'+') {
        return is_north_american(&all);
    }
    let Some((code, lengths)) = COUNTRIES.iter().find(|(code, _)| all.starts_with(code)) else { return false };
    let national = all.get(code.len()..).unwrap_or_default();
    let fits = lengths.contains(&national.len()) && national.first() != Some(&0) && !all_equal(national);
    fits && (*code != [1] || is_north_american(national))
}

/// Area and exchange begin with 2 to 9 and do not end in 11.
fn is_north_american(national: &[u8]) -> bool {
    let part = |part: Option<&[u8]>| matches!(part, Some([2..=9, second, third]) if (*second, *third) != (1, 1));
    national.len() == 10 && part(national.get(..3)) && part(national.get(3..6)) && !all_equal(national)
}

pub(super) fn email(text: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', text) else { return false };
    let (local, domain) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
    let dots =
        local.first() == Some(&b'.') || local.last() == Some(&b'.') || memchr::memmem::find(local, b"..").is_some();
    let label =
        |label: &[u8]| (1..=63).contains(&label.len()) && label.first() != Some(&b'-') && label.last() != Some(&b'-');
    let last = domain.rsplit(|octet| *octet == b'.').next().unwrap_or_default();
    local.len() <= 64
        && !dots
        && domain.split(|octet| *octet == b'.').all(label)
        && last.iter().all(u8::is_ascii_alphabetic)
        && !SUFFIXES.iter().any(|suffix| last.eq_ignore_ascii_case(suffix))
}

pub(super) fn place(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let mut numbers =
        text.split([',', ' ', '\t', '\r', '\n', '\x0b', '\x0c']).filter(|part| !part.is_empty()).map(str::parse::<f64>);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(latitude)), Some(Ok(longitude)), None) => {
            latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && !(latitude == 0.0 && longitude == 0.0)
        }
        _ => false,
    }
}

pub(super) fn vehicle(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |octet: &u8| match octet {
        b'0'..=b'9' => octet - b'0',
        b'A'..=b'H' => octet - b'A' + 1,
        b'J'..=b'N' => octet - b'J' + 1,
        b'P' => 7,
        b'R' => 9,
        b'S'..=b'Z' => octet - b'S' + 2,
        _ => 0,
    };
    let values: super::Octets = text.iter().map(value).collect();
    let check = match weighted(&values, &WEIGHTS) % 11 {
        10 => b'X',
        digit => b'0' + u8::try_from(digit).unwrap_or_default(),
    };
    text.get(8) == Some(&check) && kinds(text) >= 3
}
