//! The names of delivered files (spec/access-logs.md 8, spec/cloudtrail.md 9). A name is made of what is in
//! the file and of the plan, so that what is delivered again has the name that it had.

use ring::digest::{Context, SHA256};

use crate::policy::logging::{DateSource, KeyFormat};
use crate::time::Seconds;

/// What a file holds, of whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range<'a> {
    /// The destination.
    pub(super) sink: &'a str,
    /// The journal.
    pub(super) instance: &'a str,
    /// The records it was made of.
    pub(super) first: u64,
    pub(super) last: u64,
    /// What else tells files of one delivery apart.
    pub(super) part: &'a str,
    /// What nobody else knows of the plan.
    pub(super) salt: Option<u64>,
}

impl Range<'_> {
    fn hash(&self) -> [u8; 32] {
        let mut hash = Context::new(&SHA256);
        for text in [self.sink, self.instance, self.part] {
            hash.update(&(text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.update(&self.first.to_be_bytes());
        hash.update(&self.last.to_be_bytes());
        if let Some(salt) = self.salt {
            hash.update(&salt.to_be_bytes());
        }
        hash.finish().as_ref().try_into().unwrap_or_default()
    }

    /// 16 characters of `0-9A-F`.
    pub(super) fn hexadecimal(&self) -> String {
        self.hash().iter().take(8).map(|octet| format!("{octet:02X}")).collect()
    }

    /// 16 characters of letters and digits.
    pub(super) fn letters(&self) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let digit = |octet: &u8| DIGITS.get(usize::from(octet % 62)).copied().map_or('0', char::from);
        self.hash().iter().take(16).map(digit).collect()
    }
}

/// Whose log a file is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) bucket: &'a str,
    /// The day of its records, as an instant of it.
    pub(super) day: Seconds,
}

/// `{prefix}{YYYY}-{MM}-{DD}-{hh}-{mm}-{ss}-{UNIQUE}`, or with account, region, bucket and day behind the prefix.
pub(super) fn access_log(prefix: &str, format: KeyFormat, of: Of<'_>, at: Seconds, unique: &str) -> String {
    let KeyFormat::Partitioned(source) = format else { return format!("{prefix}{}-{unique}", stamp(at)) };
    let shown = match source {
        DateSource::Delivery => at,
        // The day alone is told.
        DateSource::Event => Seconds(of.day.0 - of.day.0.rem_euclid(86_400)),
    };
    let (year, month, day, ..) = shown.civil();
    let Of { account, region, bucket, .. } = of;
    format!("{prefix}{account}/{region}/{bucket}/{year:04}/{month:02}/{day:02}/{}-{unique}", stamp(shown))
}

fn stamp(at: Seconds) -> String {
    let (year, month, day, hour, minute, second) = at.civil();
    format!("{year:04}-{month:02}-{day:02}-{hour:02}-{minute:02}-{second:02}")
}

/// `{prefix/}AWSLogs/{account}/CloudTrail/{region}/{YYYY}/{MM}/{DD}/{account}_CloudTrail_{region}_{time}_{unique}.json.gz`
pub(super) fn trail(prefix: &str, account: &str, region: &str, at: Seconds, unique: &str) -> String {
    let (year, month, day, hour, minute, _) = at.civil();
    let (prefix, slash) = folder(prefix);
    format!(
        "{prefix}{slash}AWSLogs/{account}/CloudTrail/{region}/{year:04}/{month:02}/{day:02}/\
         {account}_CloudTrail_{region}_{year:04}{month:02}{day:02}T{hour:02}{minute:02}Z_{unique}.json.gz"
    )
}

/// A prefix without the slash at its end, and the slash.
pub(super) fn folder(prefix: &str) -> (&str, &'static str) {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    (prefix, if prefix.is_empty() { "" } else { "/" })
}

/// `{prefix}{YYYY}-{MM}-{DD}-{hh}-{mm}-{ss}-{UNIQUE}.jsonl`
pub(super) fn json(prefix: &str, at: Seconds, unique: &str) -> String {
    format!("{prefix}{}-{unique}.jsonl", stamp(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Range<'_> = Range { sink: "a", instance: "i", first: 1, last: 9, part: "bucket", salt: None };

    #[test]
    fn names_are_those_that_are_documented() {
        let at = Seconds::from_compact(b"20261127T055430Z").unwrap();
        let day = Seconds::from_compact(b"20261126T235959Z").unwrap();
        let of = Of { account: "111122223333", region: "us-east-1", bucket: "app", day };
        let name = |format| access_log("logs/", format, of, at, "0123456789ABCDEF");
        assert_eq!(name(KeyFormat::Simple), "logs/2026-11-27-05-54-30-0123456789ABCDEF");
        assert_eq!(
            name(KeyFormat::Partitioned(DateSource::Delivery)),
            "logs/111122223333/us-east-1/app/2026/11/27/2026-11-27-05-54-30-0123456789ABCDEF"
        );
        assert_eq!(
            name(KeyFormat::Partitioned(DateSource::Event)),
            "logs/111122223333/us-east-1/app/2026/11/26/2026-11-26-00-00-00-0123456789ABCDEF"
        );
        let file = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/27/\
                    111122223333_CloudTrail_us-east-1_20261127T0554Z_0123456789abcdeF.json.gz";
        for (prefix, before) in [("", ""), ("p", "p/"), ("p/", "p/")] {
            let made = trail(prefix, "111122223333", "us-east-1", at, "0123456789abcdeF");
            assert_eq!(made, format!("{before}{file}"));
        }
        assert_eq!(json("j-", at, "U"), "j-2026-11-27-05-54-30-U.jsonl");
    }

    #[test]
    fn a_name_is_that_of_its_records_and_of_no_others() {
        let unique = RANGE.hexadecimal();
        assert!(unique.len() == 16 && unique.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'A'..=b'F')));
        assert_eq!(RANGE.hexadecimal(), unique);
        let letters = RANGE.letters();
        assert!(letters.len() == 16 && letters.bytes().all(|octet| octet.is_ascii_alphanumeric()));
        for other in [
            Range { sink: "b", ..RANGE },
            Range { instance: "j", ..RANGE },
            Range { first: 2, ..RANGE },
            Range { last: 8, ..RANGE },
            Range { part: "other", ..RANGE },
            Range { salt: Some(0), ..RANGE },
            Range { sink: "ai", instance: "", ..RANGE },
        ] {
            assert_ne!(other.hexadecimal(), unique, "{other:?}");
        }
    }
}
