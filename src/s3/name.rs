//! Names of buckets, access points and keys (spec/addressing.md 6).

use super::{Code, Fault};

/// Endings that stand for something that is no bucket and is not served.
pub const FOREIGN_ENDINGS: [&str; 6] = ["--ol-s3", "--x-s3", "--xa-s3", "--op-s3", "--table-s3", ".mrap"];

/// The ending of an access point's alias.
pub const ALIAS_ENDING: &str = "-s3alias";

/// The longest key, in octets of UTF-8.
pub const LONGEST_KEY: usize = 1024;

/// Whether a name may stand for a bucket at all.
pub fn is_addressable_bucket(name: &str) -> bool {
    let edge = |octet: Option<u8>| octet.is_some_and(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || matches!(octet, b'.' | b'-'))
        && edge(name.bytes().next())
        && edge(name.bytes().next_back())
        && !name.as_bytes().windows(2).any(|pair| matches!(pair, b".." | b".-" | b"-."))
        && !looks_like_ipv4(name)
        && name != "minio"
}

/// Whether a name may stand for one of the old buckets with upper case and `_`, in path style.
pub fn is_legacy_bucket(name: &str) -> bool {
    (3..=255).contains(&name.len())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_'))
        && !name.contains("..")
        && !name.eq_ignore_ascii_case("minio")
}

/// What a new bucket's name is measured against, beyond its own form.
#[derive(Clone, Copy, Debug)]
pub struct NewBucket<'a> {
    /// The account that creates it.
    pub account: &'a str,
    /// Where it is created.
    pub region: &'a str,
    /// `x-amz-bucket-namespace: account-regional` came with it.
    pub account_regional: bool,
}

impl NewBucket<'_> {
    /// Whether CreateBucket takes the name. Whether an access point has it is the caller's question.
    pub fn takes(&self, name: &str) -> bool {
        let starts = ["xn--", "sthree-", "amzn-s3-demo-"];
        let ends = [ALIAS_ENDING].into_iter().chain(FOREIGN_ENDINGS);
        is_addressable_bucket(name)
            && !starts.iter().any(|start| name.starts_with(start))
            && !ends.into_iter().any(|end| name.ends_with(end))
            && name.ends_with("-an") == self.account_regional
            && (!self.account_regional || self.is_account_regional(name))
    }

    fn is_account_regional(&self, name: &str) -> bool {
        let ending = format!("-{}-{}-an", self.account, self.region);
        name.strip_suffix(&ending).is_some_and(|prefix| !prefix.is_empty())
    }
}

/// Whether CreateAccessPoint takes the name.
pub fn is_access_point(name: &str) -> bool {
    let edge = |octet: Option<u8>| octet.is_some_and(|octet| octet != b'-');
    (3..=50).contains(&name.len())
        && name.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-')
        && edge(name.bytes().next())
        && edge(name.bytes().next_back())
        && !name.starts_with("xn--")
        && !name.ends_with(ALIAS_ENDING)
        && !name.ends_with("--xa-s3")
}

/// The ARN of an access point and the key, of the ARN of an object behind it.
pub fn split_behind_access_point(arn: &str) -> Option<(&str, &str)> {
    const POINT: &str = ":accesspoint";
    // A slash or a colon stands before the name, and the name itself may be `object`.
    let name = arn.find(POINT)? + POINT.len() + 1;
    let end = name + arn.get(name..)?.find("/object/")?;
    Some((arn.get(..end)?, arn.get(end + "/object/".len()..)?))
}

/// How long the part of an alias is that nobody can guess.
const ALIAS_MIDDLE: usize = 34;
/// How much of its name an access point's alias shows at most, so that it is no longer than a bucket's name.
const ALIAS_HEAD: usize = 63 - 1 - ALIAS_MIDDLE - ALIAS_ENDING.len();

/// The alias of an access point, its middle taken from `random`; none where that ends too early.
pub fn alias(name: &str, random: impl IntoIterator<Item = u8>) -> Option<String> {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    // 252 is seven times 36: every letter is as likely as any other.
    let letters = random.into_iter().filter(|octet| *octet < 252);
    let letters = letters.filter_map(|octet| LETTERS.get(usize::from(octet % 36)));
    let middle: String = letters.take(ALIAS_MIDDLE).map(|letter| char::from(*letter)).collect();
    let whole = middle.len() == ALIAS_MIDDLE;
    whole.then(|| [alias_head(name), "-", &middle, ALIAS_ENDING].concat())
}

/// Whether a text may be the alias of the access point of a name.
pub fn is_alias(text: &str, name: &str) -> bool {
    let middle = text
        .strip_prefix(alias_head(name))
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|rest| rest.strip_suffix(ALIAS_ENDING));
    middle.is_some_and(|middle| middle.len() == ALIAS_MIDDLE && middle.bytes().all(is_small))
}

fn alias_head(name: &str) -> &str {
    name.get(..ALIAS_HEAD).unwrap_or(name)
}

/// `vpc-` and letters and digits.
pub fn is_vpc(text: &str) -> bool {
    let id = text.strip_prefix("vpc-").unwrap_or_default();
    (1..=60).contains(&id.len()) && id.bytes().all(is_small)
}

const fn is_small(octet: u8) -> bool {
    octet.is_ascii_lowercase() || octet.is_ascii_digit()
}

/// Twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|octet| octet.is_ascii_digit())
}

fn looks_like_ipv4(name: &str) -> bool {
    name.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.')
        && name.split('.').count() == 4
        && name.split('.').all(|part| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit()))
}

/// What keys may look like (`guard.names`). Stores that keep keys as files read `..` and `//` as
/// places; there, one key is authorized and another object is served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyRules {
    /// `.` and `..`, in the wide reading: `\` separates too, white space around dots does not hide them.
    pub dot_segments: bool,
    /// `//` and a leading `/`.
    pub empty_segments: bool,
    /// Octets below 0x20 and 0x7f.
    pub control_bytes: bool,
}

impl KeyRules {
    /// Refuses all of it: the default for every store but S3 itself.
    pub const REFUSE: Self = Self { dot_segments: true, empty_segments: true, control_bytes: true };
    /// Keys are octets.
    pub const ALLOW: Self = Self { dot_segments: false, empty_segments: false, control_bytes: false };

    /// Refuses a key that no rules allow, or that these forbid.
    ///
    /// # Errors
    /// `KeyTooLongError`; `InvalidArgument` naming `key`.
    pub fn check(self, key: &str) -> Result<(), Fault> {
        check_key_length(key)?;
        let refuse = |reason, message: &'static str| {
            Err(Fault::argument(reason, message, "key", None).detail(format!("{key:?}")))
        };
        // A letter or digit at the begin, as nearly every segment has, is never trimmed.
        let dots = |segment: &[u8]| {
            !segment.first().is_some_and(u8::is_ascii_alphanumeric)
                && std::str::from_utf8(segment).is_ok_and(|segment| matches!(segment.trim(), "." | ".."))
        };
        let segments = || key.as_bytes().split(|octet| matches!(octet, b'/' | b'\\'));
        if self.control_bytes && key.bytes().any(|octet| octet < 0x20 || octet == 0x7f) {
            return refuse(
                "key-control-bytes",
                "The key contains control characters, which this endpoint does not accept.",
            );
        }
        if self.dot_segments && memchr::memchr(b'.', key.as_bytes()).is_some() && segments().any(dots) {
            return refuse(
                "key-dot-segment",
                "The key contains a '.' or '..' segment, which this endpoint does not accept.",
            );
        }
        if self.empty_segments && (key.starts_with('/') || key.as_bytes().windows(2).any(|pair| pair == b"//")) {
            return refuse(
                "key-empty-segment",
                "The key contains an empty segment, which this endpoint does not accept.",
            );
        }
        Ok(())
    }
}

/// Refuses keys longer than S3 has them.
fn check_key_length(key: &str) -> Result<(), Fault> {
    if key.len() <= LONGEST_KEY {
        return Ok(());
    }
    Err(Fault::plain(Code::KeyTooLongError, "key-too-long")
        .with("Size", key.len().to_string())
        .with("MaxSizeAllowed", LONGEST_KEY.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_a_file_store_reads_as_places_are_refused() {
        for key in ["../secret/k", "a/../b", "a/..", ".", "a\\..\\b", "a/ .. /b", "a//b", "/a", "a\nb", "a\u{7f}"] {
            assert!(KeyRules::REFUSE.check(key).is_err(), "{key:?}");
            assert!(KeyRules::ALLOW.check(key).is_ok(), "{key:?}");
        }
        for key in ["a/b", "a/", "...", "a/..b", ".hidden", "a b", "日"] {
            assert!(KeyRules::REFUSE.check(key).is_ok(), "{key:?}");
        }
    }

    #[test]
    fn an_alias_begins_with_the_name_and_is_no_longer_than_a_bucket_name() {
        let random = || (0..=255_u8).rev();
        let long = "a".repeat(50);
        for name in ["abc", "reports-of-20-letter", "reports-of-21-letters", &long] {
            let alias = alias(name, random()).unwrap();
            assert!(alias.len() <= 63 && is_alias(&alias, name), "{alias}");
            assert!(is_addressable_bucket(&alias), "{alias}");
            assert!(!is_alias(&alias, "another") && !is_alias(&alias.replace('9', "A"), name), "{alias}");
        }
        assert_eq!(alias("abc", random().take(20)), None, "too little to be unguessable");
        assert!(is_vpc("vpc-1a2b3c") && !is_vpc("vpc-") && !is_vpc("vpc-A") && !is_vpc("vpce-1a"));
    }

    #[test]
    fn account_regional_names_belong_to_their_account_and_region() {
        let new = |account_regional| NewBucket { account: "111122223333", region: "us-east-1", account_regional };
        assert!(new(true).takes("logs-111122223333-us-east-1-an"));
        assert!(!new(true).takes("logs-999922223333-us-east-1-an"));
        assert!(!new(false).takes("logs-111122223333-us-east-1-an"));
        assert!(!new(true).takes("logs"));
        assert!(new(false).takes("logs"));
    }
}
