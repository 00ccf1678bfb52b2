//! Typed values of conditions (spec/policy-language.md 5.2): numbers, instants, blocks of addresses.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::s3::head::cut;
use crate::time::Seconds;

/// A decimal number of any length, compared exactly. Two spellings of one number are equal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decimal {
    negative: bool,
    /// Without zeros in front; empty below one.
    whole: Box<str>,
    /// Without zeros behind; empty for whole numbers.
    fraction: Box<str>,
}

/// A point in time, to whatever fraction of a second it was written.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Instant {
    seconds: i64,
    /// Digits behind the point, without zeros at the end: their order as text is their order as numbers.
    fraction: Box<str>,
}

/// An address or a block of them, without host bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    network: IpAddr,
    prefix: u8,
}

/// A [`Decimal`] in the text it is read from.
#[derive(Clone, Copy)]
struct Digits<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl Decimal {
    /// Reads `-12.50`: a sign or none, digits, perhaps a point and digits. No exponent, no separators.
    pub fn parse(text: &str) -> Option<Self> {
        let Digits { negative, whole, fraction } = Digits::parse(text)?;
        Some(Self { negative, whole: whole.into(), fraction: fraction.into() })
    }

    /// How the number of a text compares with this one; `None` where it is no number. Allocates nothing.
    pub fn compared(&self, text: &str) -> Option<Ordering> {
        Digits::parse(text).map(|digits| digits.cmp(self.digits()))
    }

    fn digits(&self) -> Digits<'_> {
        Digits { negative: self.negative, whole: &self.whole, fraction: &self.fraction }
    }
}

impl<'a> Digits<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let negative = text.starts_with('-');
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = cut(digits, b'.').map_or((digits, None), |(whole, behind)| (whole, Some(behind)));
        if !is_digits(whole) || !fraction.is_none_or(is_digits) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.unwrap_or_default().trim_end_matches('0');
        // There is one zero, and it has no sign.
        let negative = negative && !(whole.is_empty() && fraction.is_empty());
        Some(Self { negative, whole, fraction })
    }

    fn cmp(self, other: Digits<'_>) -> Ordering {
        let magnitude = (self.whole.len().cmp(&other.whole.len()))
            .then_with(|| self.whole.cmp(other.whole))
            .then_with(|| self.fraction.cmp(other.fraction));
        match (self.negative, other.negative) {
            (false, false) => magnitude,
            (true, true) => magnitude.reverse(),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.digits().cmp(other.digits())
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Instant {
    /// Whole seconds since 1970; what is left of one is dropped.
    pub fn seconds(&self) -> Seconds {
        Seconds(self.seconds)
    }

    /// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, `YYYY-MM-DDThh:mm`, `…:ss`, `…:ss.s` with a zone (`Z`,
    /// `+hh:mm`, `-hh:mm`) or none for UTC, or whole seconds since 1970. Four digits are a year.
    pub fn parse(text: &str) -> Option<Self> {
        let year_alone = text.len() == 4 && is_digits(text);
        if is_digits(text.strip_prefix('-').unwrap_or(text)) && !year_alone {
            return Some(Self { seconds: text.parse().ok()?, fraction: Box::default() });
        }
        let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
        let mut parts = date.split('-');
        let year = digits(parts.next()?, 4)?;
        let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
        let day = parts.next().map_or(Some(1), |part| digits(part, 2))?;
        if parts.next().is_some() || time.is_some() && date.len() != 10 {
            return None;
        }
        let (clock, offset) = time.map_or(Some(("00:00", 0)), zone)?;
        let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, part)| (clock, Some(part)));
        let mut parts = clock.split(':');
        let hour = digits(parts.next()?, 2)?;
        let minute = digits(parts.next()?, 2)?;
        let second = parts.next().map(|part| digits(part, 2));
        if parts.next().is_some() || fraction.is_some_and(|part| second.is_none() || !is_digits(part)) {
            return None;
        }
        let seconds = civil(year, month, day, hour, minute, second.unwrap_or(Some(0))?)?;
        let fraction = fraction.unwrap_or_default().trim_end_matches('0').into();
        Some(Self { seconds: seconds - offset, fraction })
    }
}

/// A time of day and its zone's distance from UTC in seconds.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let (clock, zone) = time.split_at_checked(at)?;
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    let offset = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
    Some((clock, if zone.starts_with('-') { -offset } else { offset }))
}

/// Seconds since 1970 of a date of any year from 0 on. The calendar repeats every 400 years.
fn civil(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<i64> {
    const CYCLE: i64 = 146_097 * 86_400;
    let cycles = if year < 1970 { 5 } else { 0 };
    let Seconds(seconds) = Seconds::from_civil(year + cycles * 400, month, day, hour, minute, second)?;
    Some(seconds - cycles * CYCLE)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// A number of exactly `count` digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && is_digits(text)).then(|| text.parse().ok())?
}

impl Block {
    /// Reads an address, or an address with a prefix length. Host bits are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(prefix) => {
                let sound = is_digits(prefix) && (prefix == "0" || !prefix.starts_with('0'));
                sound.then(|| prefix.parse::<u8>().ok())?.filter(|prefix| *prefix <= bits)?
            }
        };
        Some(Self { network: network(address, prefix), prefix })
    }

    /// Whether an address lies in it. Addresses of the other family never do.
    pub fn contains(self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && network(address, self.prefix) == self.network
    }

    /// The first address.
    pub fn network(self) -> IpAddr {
        self.network
    }

    /// How many leading bits are fixed.
    pub fn prefix(self) -> u8 {
        self.prefix
    }
}

/// The address of a request. IPv4 that came in IPv6 clothes is IPv4 (spec/policy-language.md 5.2).
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// An address with everything behind the prefix set to zero.
fn network(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix.into())).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix.into())).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests;
