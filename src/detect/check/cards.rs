//! Cards and bank accounts.

use super::{Octets, digits, kinds, luhn, number, weighted};

/// The lengths that cards with this beginning have.
fn lengths(card: &[u8]) -> &'static [usize] {
    let first = |count: usize| number(card.get(..count).unwrap_or_default());
    match (first(1), first(2), first(3), first(4), first(6)) {
        (4, ..) => &[16, 19],
        (_, 51..=55, ..) | (.., 222_100..=272_099) => &[16],
        (_, 34 | 37, ..) => &[15],
        (_, 36 | 38 | 39, ..) | (_, _, 300..=305, ..) | (_, _, _, 3095, _) => &[14],
        (_, 65, ..) | (_, _, 644..=649, ..) | (_, _, _, 6011, _) => &[16, 17, 18, 19],
        (_, _, _, 3528..=3589 | 5019, _) => &[16],
        (_, 62, ..) | (_, _, _, 8100..=8171, _) => &[16, 17, 18, 19],
        _ => &[],
    }
}

pub(super) fn card(card: &[u8], excluded: &[Box<[u8]>]) -> bool {
    lengths(card).contains(&card.len())
        && luhn(card)
        && kinds(card) >= 3
        && !excluded.iter().any(|known| **known == *card)
}

/// The magnetic stripe: the number, then what stands behind the last separator: YYMM and three digits more.
pub(super) fn track(text: &[u8], excluded: &[Box<[u8]>]) -> bool {
    let of_card: Octets = text.iter().skip_while(|octet| !octet.is_ascii_digit()).copied().collect();
    let length = of_card.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let behind = text.rsplit(|octet| matches!(octet, b'^' | b'=')).next().unwrap_or_default();
    let behind = digits(behind);
    let month = number(behind.get(2..4).unwrap_or_default());
    behind.len() >= 7 && (1..=12).contains(&month) && card(&digits(of_card.get(..length).unwrap_or_default()), excluded)
}

/// Month and year, at most twenty years ahead.
pub(super) fn expiry(text: &[u8], year: u16) -> bool {
    let mut parts = text.split(|octet| matches!(octet, b'/' | b'-')).map(digits);
    let (Some(month), Some(of_year), None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let century = if of_year.len() == 2 { 2000 } else { 0 };
    (1..=12).contains(&number(&month)) && (2000..=u64::from(year) + 20).contains(&(number(&of_year) + century))
}

pub(super) fn iban(text: &[u8]) -> bool {
    let Some((head, tail)) = text.split_at_checked(4) else { return false };
    let mut rest = 0_u32;
    for octet in tail.iter().chain(head) {
        let value = match octet {
            b'0'..=b'9' => u32::from(octet - b'0'),
            b'A'..=b'Z' => u32::from(octet - b'A') + 10,
            _ => return false,
        };
        rest = (rest * if value > 9 { 100 } else { 10 } + value) % 97;
    }
    let check = number(&digits(head));
    !matches!(check, 0 | 1 | 99) && rest == 1
}

pub(super) fn aba(text: &[u8]) -> bool {
    let district = number(text.get(..2).unwrap_or_default());
    let known = matches!(district, 1..=12 | 21..=32 | 61..=72 | 80);
    known && weighted(text, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}
