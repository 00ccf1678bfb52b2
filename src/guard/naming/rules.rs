//! The rules (spec/naming.md 4).

use std::ops::Range;

use super::estimate::{is_date, is_month_of_year, is_region, is_year};
use super::words::{ENVIRONMENTS, TELLING, is_like, is_long, tokens};
use super::{Asked, Namespace, Naming, scanner};
use crate::s3::name::{NewBucket, is_account};

/// How long a random part must be, in octets (N-20).
const RANDOM: usize = 8;

/// Directions in ids of zones: `use1-az4`.
const SHORT_DIRECTIONS: [&str; 9] = ["c", "n", "s", "e", "w", "ne", "nw", "se", "sw"];
/// What ids of zones begin with.
const SHORT_AREAS: [&str; 11] = ["af", "ap", "ca", "cn", "eu", "il", "me", "mx", "sa", "usg", "us"];

/// A rule, in the order in which broken ones are told (spec/naming.md 9).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rule {
    /// N-01: what S3 takes.
    Syntax,
    /// N-22: the namespace is one that the policy takes.
    Namespace,
    /// N-23: nobody else had it before.
    Retired,
    /// N-10: no account is named.
    AccountId,
    /// N-12: nothing points to the organisation.
    OwnWord,
    /// N-13: nothing tells what is worth stealing.
    Telling,
    /// N-18: scanners do not try it.
    Tried,
    /// N-19: no dots.
    Dots,
    /// N-20: the organisation's own scheme.
    Pattern,
    /// N-17: it takes too long to guess.
    Guessable,
    /// N-21: the digit says what is so.
    Level,
    /// N-11: nothing looks like an account.
    AccountLike,
    /// N-14: no environment is named.
    Environment,
    /// N-15: no region is named.
    Region,
    /// N-16: it does not go on by counting.
    Countable,
    /// N-24: no other bucket is called nearly the same.
    Confusable,
    /// N-25: it is no public host name.
    HostName,
}

/// How much a broken rule matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// The name is refused where the policy is enforced.
    Error,
    /// It is on record.
    Warning,
}

impl Rule {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 17] = [
        Self::Syntax,
        Self::Namespace,
        Self::Retired,
        Self::AccountId,
        Self::OwnWord,
        Self::Telling,
        Self::Tried,
        Self::Dots,
        Self::Pattern,
        Self::Guessable,
        Self::Level,
        Self::AccountLike,
        Self::Environment,
        Self::Region,
        Self::Countable,
        Self::Confusable,
        Self::HostName,
    ];

    /// As records and metrics name a refusal.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Syntax => "naming:N-01",
            Self::AccountId => "naming:N-10",
            Self::AccountLike => "naming:N-11",
            Self::OwnWord => "naming:N-12",
            Self::Telling => "naming:N-13",
            Self::Environment => "naming:N-14",
            Self::Region => "naming:N-15",
            Self::Countable => "naming:N-16",
            Self::Guessable => "naming:N-17",
            Self::Tried => "naming:N-18",
            Self::Dots => "naming:N-19",
            Self::Pattern => "naming:N-20",
            Self::Level => "naming:N-21",
            Self::Namespace => "naming:N-22",
            Self::Retired => "naming:N-23",
            Self::Confusable => "naming:N-24",
            Self::HostName => "naming:N-25",
        }
    }

    /// `N-17`
    pub fn id(self) -> &'static str {
        self.reason().trim_start_matches("naming:")
    }

    /// How much it matters.
    pub const fn severity(self) -> Severity {
        match self {
            Self::AccountLike
            | Self::Environment
            | Self::Region
            | Self::Countable
            | Self::Confusable
            | Self::HostName => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// What is wrong with a name that breaks it.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Syntax => "The specified bucket is not valid.",
            Self::AccountId => "The name contains an account id.",
            Self::AccountLike => "The name contains a number that looks like an account id.",
            Self::OwnWord => "The name contains a word that points to the organisation.",
            Self::Telling => "The name tells what is worth stealing.",
            Self::Environment => "The name reveals the environment.",
            Self::Region => "The name reveals the region.",
            Self::Countable => "The name can be continued by counting.",
            Self::Guessable => "The name can be guessed.",
            Self::Tried => "The name is in the usual lists of scanners.",
            Self::Dots => "Dots in names break TLS for virtual-hosted addresses.",
            Self::Pattern => "The name does not follow the pattern.",
            Self::Level => "The name's sensitivity digit contradicts the bucket's settings.",
            Self::Namespace => "The chosen namespace does not allow this name.",
            Self::Retired => "The name is retired.",
            Self::Confusable => "The name is easily confused with an existing bucket.",
            Self::HostName => "The name is a public host name.",
        }
    }
}

impl Naming {
    /// Where a name breaks a rule; none where it does not.
    pub(super) fn breaks(&self, rule: Rule, asked: &Asked<'_>) -> Option<Range<usize>> {
        let (settings, name) = (&self.settings, asked.name);
        let whole = |broken: bool| broken.then_some(0..name.len());
        // Whoever chose that namespace has chosen to show the account.
        let exempt = asked.account_regional && settings.namespace != Namespace::Unguessable;
        match rule {
            Rule::AccountId | Rule::Region | Rule::Guessable if exempt => None,
            Rule::Syntax => whole(!asked.is_valid()),
            Rule::Namespace => whole(match settings.namespace {
                Namespace::Unguessable => asked.account_regional,
                Namespace::AccountRegional => !asked.account_regional,
                Namespace::Either => false,
            }),
            Rule::Retired => whole(asked.is_retired),
            Rule::AccountId => self.accounts.iter().find_map(|account| grouped(name, account)),
            Rule::OwnWord => settings.org_words.iter().find_map(|word| own_word(name, word)),
            Rule::Telling => self.telling(name),
            Rule::Tried => whole(scanner::is_tried(name, settings.org_words.iter().map(String::as_str))),
            Rule::Dots => name.find('.').filter(|_| !settings.allow_dots).map(|at| at..at + 1),
            Rule::Pattern => whole(settings.pattern.is_some() && !self.fits(own_part(name))),
            Rule::Guessable => whole(self.is_guessed(name)),
            Rule::Level => whole(asked.is_public && self.forbids_public(name)),
            Rule::AccountLike => self.like_account(name),
            Rule::Environment => tokens(name).find(|(_, token)| ENVIRONMENTS.contains(token)).map(|(at, _)| at),
            Rule::Region => region(name),
            Rule::Countable => self.countable(name),
            Rule::Confusable => whole(asked.is_confusable),
            Rule::HostName => whole(settings.domains.iter().any(|domain| is_below(name, domain))),
        }
    }

    fn is_guessed(&self, name: &str) -> bool {
        self.estimate(name) < self.settings.min_bits.saturating_mul(1000)
    }

    fn telling(&self, name: &str) -> Option<Range<usize>> {
        let is_purpose = |word: &str| self.settings.purposes.iter().any(|purpose| purpose == word);
        let tells = |token: &str| {
            let mut words = TELLING.split_ascii_whitespace().filter(|word| is_like(token.bytes(), word));
            words.any(|word| !is_purpose(word) && !is_purpose(token))
        };
        tokens(name).find(|(_, token)| tells(token)).map(|(at, _)| at)
    }

    /// The organisation's own scheme.
    fn fits(&self, name: &str) -> bool {
        let Some(parts) = self.pattern.read(name) else { return false };
        let settings = &self.settings;
        let purpose =
            |purpose: &str| settings.purposes.is_empty() || settings.purposes.iter().any(|own| own == purpose);
        let level = |level: &str| match settings.levels.is_empty() {
            true => matches!(level.as_bytes(), [b'0'..=b'9']),
            false => settings.levels.iter().any(|(own, _)| own == level),
        };
        parts.purpose.is_none_or(purpose) && parts.level.is_none_or(level) && parts.random.is_none_or(is_random)
    }

    /// A run of twelve digits that is no account known here.
    fn like_account(&self, name: &str) -> Option<Range<usize>> {
        let known = |number: &str| self.accounts.iter().any(|account| account == number);
        runs(name).find(|at| name.get(at.clone()).is_some_and(|run| is_account(run) && !known(run)))
    }

    fn countable(&self, name: &str) -> Option<Range<usize>> {
        let (at, last) = tokens(name).last()?;
        if is_year(last) || is_month_of_year(last) || is_date(last) {
            return Some(at);
        }
        let dashed = name.len().checked_sub("2026-11-26".len())?;
        let parted = name.get(..dashed).is_some_and(|before| before.is_empty() || before.ends_with(['-', '.']));
        if parted && name.get(dashed..).is_some_and(is_date) {
            return Some(dashed..name.len());
        }
        let counts = (1..=3).contains(&last.len()) && last.bytes().all(|octet| octet.is_ascii_digit());
        let random = || name.get(..at.start.saturating_sub(1)).is_some_and(|before| !self.is_guessed(before));
        (counts && !random()).then_some(at)
    }
}

impl Asked<'_> {
    fn is_valid(&self) -> bool {
        let Self { name, account, region, account_regional, .. } = *self;
        NewBucket { account, region, account_regional }.takes(name)
    }
}

/// What of a name of an account's own namespace was chosen; of any other all.
pub(super) fn own_part(name: &str) -> &str {
    regional(name).map_or(name, |(own, ..)| own)
}

/// The parts of a name in the form of an account's own namespace: what was chosen, account, region.
pub fn regional(name: &str) -> Option<(&str, &str, &str)> {
    let rest = name.strip_suffix("-an")?;
    let (at, account) = tokens(rest).filter(|(_, token)| is_account(token)).last()?;
    let own = rest.get(..at.start.checked_sub(1)?).filter(|own| !own.is_empty())?;
    Some((own, account, rest.get(at.end + 1..)?))
}

/// Where an account stands in a name, its groups of four parted or not.
fn grouped(name: &str, account: &str) -> Option<Range<usize>> {
    let octets = name.as_bytes();
    let end = |begin: usize| {
        let mut at = begin;
        for (place, digit) in account.bytes().enumerate() {
            if matches!(place, 4 | 8) && octets.get(at).is_some_and(|octet| matches!(octet, b'-' | b'.')) {
                at += 1;
            }
            if octets.get(at) != Some(&digit) {
                return None;
            }
            at += 1;
        }
        Some(begin..at)
    };
    (0..octets.len()).find_map(end).filter(|_| !account.is_empty())
}

/// Where a word of the organisation stands in a name: a short one as a token, a long one anywhere, across
/// `-` and `.`, in disguise too.
fn own_word(name: &str, word: &str) -> Option<Range<usize>> {
    if let Some((at, _)) = tokens(name).find(|(_, token)| *token == word) {
        return Some(at);
    }
    if !is_long(word) {
        return None;
    }
    let letters: Vec<(usize, u8)> = name.bytes().enumerate().collect();
    let closed: Vec<(usize, u8)> = letters.iter().copied().filter(|(_, octet)| !matches!(octet, b'-' | b'.')).collect();
    [letters, closed].iter().find_map(|letters| {
        let found = letters.windows(word.len()).find(|part| is_like(part.iter().map(|(_, octet)| *octet), word))?;
        Some(found.first()?.0..found.last()?.0 + 1)
    })
}

/// Eight letters and digits or more, both.
fn is_random(text: &str) -> bool {
    text.len() >= RANDOM
        && text.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit())
        && text.bytes().any(|octet| octet.is_ascii_digit())
        && text.bytes().any(|octet| octet.is_ascii_lowercase())
}

/// Runs of digits, each as long as it is.
fn runs(name: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    name.as_bytes().chunk_by(|one, other| one.is_ascii_digit() == other.is_ascii_digit()).map(move |run| {
        let begin = at;
        at += run.len();
        begin..at
    })
}

/// Where a name names a region or a zone.
fn region(name: &str) -> Option<Range<usize>> {
    let places: Vec<Range<usize>> = tokens(name).map(|(at, _)| at).collect();
    let from = |(first, begin): (usize, &Range<usize>)| {
        // A zone has two parts, a region three or four.
        let mut ends = places.iter().skip(first + 1).take(3).map(|at| at.end);
        let end = ends.find(|end| name.get(begin.start..*end).is_some_and(is_region_or_zone))?;
        Some(begin.start..end)
    };
    places.iter().enumerate().find_map(from)
}

fn is_region_or_zone(text: &str) -> bool {
    let zone = text.strip_suffix(|letter: char| letter.is_ascii_lowercase());
    is_region(text) || zone.is_some_and(is_region) || is_zone_id(text)
}

/// `use1-az4`
fn is_zone_id(text: &str) -> bool {
    let Some((region, zone)) = text.split_once("-az") else { return false };
    let direction = region.strip_suffix(|digit: char| digit.is_ascii_digit());
    matches!(zone.as_bytes(), [b'1'..=b'9'])
        && SHORT_AREAS.into_iter().any(|area| {
            direction.and_then(|rest| rest.strip_prefix(area)).is_some_and(|rest| SHORT_DIRECTIONS.contains(&rest))
        })
}

/// Whether a name is a domain or a host below it.
fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|host| host.is_empty() || host.ends_with('.'))
}

/// Whether two names are nearly the same: one letter more, less or another, or equal but for `-` (N-24).
/// Equal ones are not.
pub fn is_confusable(name: &str, other: &str) -> bool {
    if name == other {
        return false;
    }
    let closed = |name: &'_ str| name.bytes().filter(|octet| *octet != b'-').collect::<Vec<_>>();
    let (one, two) = (name.as_bytes(), other.as_bytes());
    let begins = one.iter().zip(two).take_while(|(one, two)| one == two).count();
    let rest = |octets: &[u8], skip| octets.get(begins + skip..).map(<[u8]>::to_vec);
    let edits = [(1, 1), (0, 1), (1, 0)];
    edits.into_iter().any(|(here, there)| rest(one, here).is_some_and(|left| Some(left) == rest(two, there)))
        || closed(name) == closed(other)
}
