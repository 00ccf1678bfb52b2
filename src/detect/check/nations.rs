//! Numbers that nations give to people and firms.

use super::{Octets, all_equal, digits, luhn, number, weighted};

/// The control letters of Spain, by the rest of a division by 23.
const SPANISH: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

fn at(values: &[u8], place: usize) -> u32 {
    values.get(place).map_or(0, |value| u32::from(*value))
}

fn part(digits: &[u8], range: std::ops::Range<usize>) -> u64 {
    number(digits.get(range).unwrap_or_default())
}

pub(super) fn ssn(text: &[u8]) -> bool {
    let (area, group, serial) = (part(text, 0..3), part(text, 3..5), part(text, 5..9));
    let known = matches!(number(text), 123_456_789 | 78_051_120 | 219_099_999);
    !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0 && !all_equal(text) && !known
}

pub(super) fn itin(text: &[u8]) -> bool {
    at(text, 0) == 9 && matches!(part(text, 3..5), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

pub(super) fn nino(text: &[u8]) -> bool {
    let [first, second, ..] = text else { return false };
    let never = b"DFIQUV";
    !never.contains(first)
        && !never.contains(second)
        && *second != b'O'
        && ![b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].iter().any(|prefix| text.starts_with(*prefix))
}

pub(super) fn nhs(text: &[u8]) -> bool {
    let check = 11 - weighted(text, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if check == 11 { 0 } else { check };
    check == at(text, 9) && !all_equal(text)
}

pub(super) fn sin(text: &[u8]) -> bool {
    !matches!(at(text, 0), 0 | 8) && luhn(text) && !all_equal(text)
}

pub(super) fn npi(text: &[u8]) -> bool {
    let all: Octets = [8, 0, 8, 4, 0].iter().chain(text).copied().collect();
    luhn(&all)
}

/// Of the seven digits alone; what is in front are letters.
pub(super) fn dea(text: &[u8]) -> bool {
    // A nine may stand in the place of the second letter.
    let text = text.get(text.len().saturating_sub(7)..).unwrap_or_default();
    (weighted(text, &[1, 2, 1, 2, 1, 2])) % 10 == at(text, 6)
}

pub(super) fn cpf(text: &[u8]) -> bool {
    let check = |count: u32| {
        let weights: smallvec::SmallVec<[u32; 11]> = (2..=count).rev().collect();
        weighted(text, &weights) * 10 % 11 % 10
    };
    check(10) == at(text, 9) && check(11) == at(text, 10) && !all_equal(text)
}

pub(super) fn cnpj(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let values: Octets = text.iter().map(|octet| octet.wrapping_sub(b'0')).collect();
    let check = |weights: &[u32]| match weighted(&values, weights) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    let first = check(WEIGHTS.get(1..).unwrap_or_default());
    first == at(&values, 12) && check(&WEIGHTS) == at(&values, 13)
}

pub(super) fn dni(text: &[u8]) -> bool {
    spanish(number(&digits(text)), text.last())
}

pub(super) fn nie(text: &[u8]) -> bool {
    let front = match text.first() {
        Some(b'X') => 0,
        Some(b'Y') => 1,
        Some(b'Z') => 2,
        _ => return false,
    };
    spanish(front * 10_000_000 + number(&digits(text)), text.last())
}

fn spanish(number: u64, letter: Option<&u8>) -> bool {
    usize::try_from(number % 23).ok().and_then(|rest| SPANISH.get(rest)) == letter
}

pub(super) fn nir(text: &[u8]) -> bool {
    let department = text.get(5..7).unwrap_or_default();
    let in_corsica: &[u8] = match department {
        b"2A" => b"19",
        b"2B" => b"18",
        other => other,
    };
    let all: Octets =
        [text.get(..5).unwrap_or_default(), in_corsica, text.get(7..).unwrap_or_default()].concat().into();
    let all = digits(&all);
    let month = part(&all, 3..5);
    let key = 97 - part(&all, 0..13) % 97;
    all.len() == 15 && matches!(month, 1..=12 | 20..=42 | 50..=99) && department != b"00" && key == part(&all, 13..15)
}

pub(super) fn steuer(text: &[u8]) -> bool {
    let Some((check, first)) = text.split_last() else { return false };
    let mut counts = [0_u8; 10];
    for digit in first {
        if let Some(count) = counts.get_mut(usize::from(*digit)) {
            *count += 1;
        }
    }
    let of = |wanted: u8| counts.iter().filter(|count| **count == wanted).count();
    let repeats = (of(2), of(3)) == (1, 0) || (of(2), of(3)) == (0, 1);
    let in_a_row = first.windows(3).any(all_equal);
    let most = counts.iter().max().copied().unwrap_or_default();
    let product = first.iter().fold(10, |product, digit| match (u32::from(*digit) + product) % 10 {
        0 => 20 % 11,
        sum => 2 * sum % 11,
    });
    first.first() != Some(&0) && repeats && most <= 3 && !in_a_row && (11 - product) % 10 == u32::from(*check)
}

pub(super) fn codice_fiscale(text: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let Some((letter, first)) = text.split_last() else { return false };
    let sum: u32 = first
        .iter()
        .enumerate()
        .map(|(place, octet)| {
            let value = if octet.is_ascii_digit() { octet - b'0' } else { octet.wrapping_sub(b'A') };
            match place % 2 {
                0 => ODD.get(usize::from(value)).copied().unwrap_or_default(),
                _ => u32::from(value),
            }
        })
        .sum();
    u32::from(b'A') + sum % 26 == u32::from(*letter)
}

pub(super) fn aadhaar(text: &[u8]) -> bool {
    const TABLE: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permuted = |times: usize, digit: u8| {
        (0..times % 8).fold(digit, |digit, _| PERMUTATION.get(usize::from(digit)).copied().unwrap_or_default())
    };
    let sum = text.iter().rev().enumerate().fold(0_u8, |sum, (place, digit)| {
        let row = TABLE.get(usize::from(sum));
        row.and_then(|row| row.get(usize::from(permuted(place, *digit)))).copied().unwrap_or_default()
    });
    at(text, 0) >= 2 && sum == 0 && !text.iter().eq(text.iter().rev())
}

pub(super) fn tfn(text: &[u8]) -> bool {
    let weights: &[u32] = if text.len() == 8 { &[10, 7, 8, 4, 6, 3, 5, 1] } else { &[1, 4, 3, 7, 5, 8, 6, 9, 10] };
    weighted(text, weights).is_multiple_of(11)
}

pub(super) fn nric(text: &[u8]) -> bool {
    let (Some(kind), Some(letter)) = (text.first(), text.last()) else { return false };
    let more = if matches!(kind, b'T' | b'G') { 4 } else { 0 };
    let letters = if matches!(kind, b'S' | b'T') { b"JZIHGFEDCBA" } else { b"XWUTRQPNMLK" };
    let rest = (weighted(&digits(text), &[2, 7, 6, 5, 4, 3, 2]) + more) % 11;
    usize::try_from(rest).ok().and_then(|rest| letters.get(rest)) == Some(letter)
}

pub(super) fn cccd(text: &[u8], year: u16) -> bool {
    let province = matches!(
        part(text, 0..3),
        1 | 2 | 4 | 6 | 8 | 10 | 11 | 12 | 14 | 15 | 17 | 19 | 20 | 22 | 24..=27 | 30 | 31 | 33..=38 | 40 | 42
            | 44..=46 | 48 | 49 | 51 | 52 | 54 | 56 | 58 | 60 | 62 | 64 | 66..=68 | 70 | 72 | 74 | 75 | 77 | 79 | 80
            | 82..=84 | 86 | 87 | 89 | 91..=96
    );
    let century = match at(text, 3) {
        0 | 1 => 1900,
        2 | 3 => 2000,
        _ => return false,
    };
    province && century + part(text, 4..6) <= u64::from(year)
}
