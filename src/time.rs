//! Instants as whole seconds, and the three spellings S3 clients use. The clock itself is a trait,
//! so that nothing below the server reads one.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Seconds(pub i64);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Millis(pub i64);

/// Nanoseconds of a clock that nobody sets, from a start of its own: for measuring what has passed.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticks(pub u64);

/// Where the present comes from.
pub trait Clock: Send + Sync {
    /// Now, in milliseconds.
    fn now_millis(&self) -> Millis;

    /// Now, in whole seconds.
    fn now(&self) -> Seconds {
        self.now_millis().seconds()
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z, as exactly as this clock knows them.
    fn now_nanos(&self) -> u64 {
        u64::try_from(self.now_millis().0).unwrap_or(0).saturating_mul(1_000_000)
    }

    /// What has passed on a clock that nobody sets.
    fn ticks(&self) -> Ticks {
        Ticks(self.now_nanos())
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_millis(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn now_nanos(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn ticks(&self) -> Ticks {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        Ticks(u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

impl Ticks {
    /// So many milliseconds after the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }
}

impl Millis {
    /// Reads `2026-03-14T09:26:53Z`, with up to nine digits of a fraction behind the second; what is
    /// finer than a millisecond is dropped.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let (second, fraction) = text.strip_suffix('Z')?.split_at_checked(19)?;
        let Seconds(seconds) = Seconds::from_rfc3339(&format!("{second}Z"))?;
        let digits = match fraction.strip_prefix('.') {
            Some(digits) if (1..=9).contains(&digits.len()) => digits,
            None if fraction.is_empty() => "0",
            _ => return None,
        };
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let millis = digits.bytes().chain([b'0'; 2]).take(3).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(Self(seconds.checked_mul(1000)?.checked_add(millis)?))
    }

    /// The whole second this falls in.
    pub const fn seconds(self) -> Seconds {
        Seconds(self.0.div_euclid(1000))
    }

    /// `2026-03-14T09:26:53.000Z`
    pub fn rfc3339(self) -> String {
        let mut out = Vec::with_capacity(24);
        self.rfc3339_into(&mut out);
        String::from_utf8(out).unwrap_or_default() // only ASCII is ever written
    }

    /// Appends what [`Millis::rfc3339`] says: every record has one or more.
    pub fn rfc3339_into(self, out: &mut Vec<u8>) {
        let [c, y, m, d, h, min, s] = self.seconds().pairs();
        let (tens, [_, hundreds]) = (pair(self.0), pair(self.0.rem_euclid(1000) / 100));
        let date = [c[0], c[1], y[0], y[1], b'-', m[0], m[1], b'-', d[0], d[1], b'T'];
        let time = [h[0], h[1], b':', min[0], min[1], b':', s[0], s[1], b'.', hundreds, tens[0], tens[1], b'Z'];
        out.extend_from_slice(&date);
        out.extend_from_slice(&time);
    }
}

/// How many days a month of the calendar has; none where there is no such month.
pub const fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

impl Seconds {
    /// Reads `20260314T092653Z`, exactly 16 octets and a real instant of the years 1970 to 9999; no
    /// leap second.
    pub fn from_compact(text: &[u8]) -> Option<Self> {
        let text: &[u8; 16] = text.try_into().ok()?;
        if text[8] != b'T' || text[15] != b'Z' {
            return None;
        }
        let number = |from: usize, to: usize| {
            text.get(from..to)?.iter().try_fold(0_i64, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
        };
        Self::from_civil(number(0, 4)?, number(4, 6)?, number(6, 8)?, number(9, 11)?, number(11, 13)?, number(13, 15)?)
    }

    /// Reads `2026-03-14T09:26:53Z`, spelled as [`Seconds::rfc3339`] spells it.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        if text.len() != 20 {
            return None;
        }
        let compact: String = text.chars().filter(|character| !['-', ':'].contains(character)).collect();
        let instant = Self::from_compact(compact.as_bytes())?;
        (instant.rfc3339() == text).then_some(instant)
    }

    /// The instant of a calendar date and time in UTC, if it is a real one from 1970 on.
    pub fn from_civil(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<Self> {
        let real = (1970..=9999).contains(&year)
            && (1..=days_in_month(year, month)).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..60).contains(&second);
        // Days since the epoch, counting years from March so that the leap day is last.
        let y = if month <= 2 { year - 1 } else { year };
        let year_of_era = y.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days = y.div_euclid(400) * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
            - 719_468;
        real.then_some(Self(days * 86_400 + hour * 3600 + minute * 60 + second))
    }

    /// `20260314T092653Z`
    pub fn compact(self) -> String {
        String::from_utf8_lossy(&self.compact_octets()).into_owned() // only ASCII
    }

    /// What [`Seconds::compact`] says, for where it goes into a buffer.
    pub fn compact_octets(self) -> [u8; 16] {
        let [c, y, m, d, h, min, s] = self.pairs();
        [c[0], c[1], y[0], y[1], m[0], m[1], d[0], d[1], b'T', h[0], h[1], min[0], min[1], s[0], s[1], b'Z']
    }

    /// `2026-03-14T09:26:53Z`
    pub fn rfc3339(self) -> String {
        let mut text = Millis(self.0.saturating_mul(1000)).rfc3339();
        text.truncate(19); // without the thousandths
        text.push('Z');
        text
    }

    /// Century, year, month, day, hour, minute and second, two digits each. By hand: a request spells
    /// several instants.
    fn pairs(self) -> [[u8; 2]; 7] {
        let (year, month, day, hour, minute, second) = self.civil();
        [year.div_euclid(100), year, month, day, hour, minute, second].map(pair)
    }

    /// Year, month, day, hour, minute, second in UTC.
    pub const fn civil(self) -> (i64, i64, i64, i64, i64, i64) {
        let days = self.0.div_euclid(86_400) + 719_468;
        let second = self.0.rem_euclid(86_400);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + days.div_euclid(146_097) * 400 + if month <= 2 { 1 } else { 0 };
        (year, month, day_of_year - (153 * shifted + 2) / 5 + 1, second / 3600, second / 60 % 60, second % 60)
    }
}

/// The last two digits of a number.
fn pair(number: i64) -> [u8; 2] {
    let number = u8::try_from(number.rem_euclid(100)).unwrap_or(0);
    [b'0' + number / 10, b'0' + number % 10]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_dates_are_read_and_written_back() {
        for text in ["19700101T000000Z", "20240229T235959Z", "20260314T092653Z", "99991231T235959Z"] {
            assert_eq!(Seconds::from_compact(text.as_bytes()).unwrap().compact(), text);
        }
        assert_eq!(Seconds::from_compact(b"20260314T092653Z"), Some(Seconds(1_773_480_413)));
    }

    #[test]
    fn instants_are_spelled_to_the_millisecond() {
        assert_eq!(Millis(1_773_480_413_042).rfc3339(), "2026-03-14T09:26:53.042Z");
        assert_eq!(Millis(999).rfc3339(), "1970-01-01T00:00:00.999Z");
        assert_eq!(Millis(253_402_300_799_100).rfc3339(), "9999-12-31T23:59:59.100Z");
        assert_eq!(Seconds(1_773_480_413).rfc3339(), "2026-03-14T09:26:53Z");
    }

    #[test]
    fn unreal_dates_are_refused() {
        for text in [
            "20230229T000000Z",
            "20261301T000000Z",
            "20260314T092660Z",
            "19691231T235959Z",
            "20260314t092653Z",
            "20260314T092653",
        ] {
            assert_eq!(Seconds::from_compact(text.as_bytes()), None, "{text}");
        }
    }
}
