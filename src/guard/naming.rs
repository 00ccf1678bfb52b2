//! Names of new buckets (spec/naming.md): which a policy takes, how easily one is guessed, and a better one.
//!
//! A name is no access control. But it is seen by everybody, scanners try company words with the usual
//! affixes, and a mistake in permissions becomes a leak the faster, the easier the name is found.
//!
//! Nothing here knows a store, a file or a clock: what is public, retired or there already is told by the
//! caller, and randomness is an argument. Only [`Ledger`] keeps a file. Left out, because what they need is
//! not there: levels of sensitivity beyond the digit in a name (the second half of N-21), and websites
//! (that a public host name belongs to a public bucket).

mod estimate;
mod ledger;
mod pattern;
mod rules;
mod scanner;
mod suggest;
#[cfg(test)]
mod tests;
mod words;

use std::borrow::Cow;
use std::ops::Range;

pub use estimate::is_region;
pub use ledger::{Ledger, LedgerError, Standing};
pub use pattern::{Pattern, USUAL as USUAL_PATTERN};
pub use rules::{Rule, Severity, is_confusable, regional};
pub use suggest::Wish;

use words::Prices;

/// What happens to names that break a rule.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// Nothing: S3's own syntax alone is enforced.
    #[default]
    Off,
    /// It is on record.
    Warn,
    /// It is on record, and errors are refused.
    Enforce,
}

/// Which of the two namespaces new names may be of (N-22).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Namespace {
    /// The global one, where names must not be guessed.
    #[default]
    Unguessable,
    /// That of an account in a region, where nobody else can take a name, and every name shows the account.
    AccountRegional,
    /// Both.
    Either,
}

/// What the digit in a name says of a bucket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// Nothing of it is public.
    Private,
    /// It may be.
    Public,
}

/// The policy of names, as configured (spec/naming.md 3).
#[derive(Clone, Debug)]
pub struct Settings {
    /// What happens to names that break a rule.
    pub mode: Mode,
    /// What names look like, if that is said.
    pub pattern: Option<Pattern>,
    /// What the digits of `{level}` mean.
    pub levels: Vec<(String, Level)>,
    /// What `{purpose}` may be; anything if empty.
    pub purposes: Vec<String>,
    /// Words that point to the organisation.
    pub org_words: Vec<String>,
    /// Accounts, besides those that the proxy knows.
    pub account_ids: Vec<String>,
    /// Other words that can be guessed.
    pub extra_words: Vec<String>,
    /// Domains of the organisation.
    pub domains: Vec<String>,
    /// How hard a name must be to guess, in bits.
    pub min_bits: u32,
    /// Names that nothing but syntax is asked of.
    pub allow: Vec<String>,
    /// Whether names may have dots.
    pub allow_dots: bool,
    /// Which namespaces names may be of.
    pub namespace: Namespace,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            pattern: None,
            levels: Vec::new(),
            purposes: Vec::new(),
            org_words: Vec::new(),
            account_ids: Vec::new(),
            extra_words: Vec::new(),
            domains: Vec::new(),
            min_bits: 40,
            allow: Vec::new(),
            allow_dots: false,
            namespace: Namespace::default(),
        }
    }
}

/// The policy, ready to judge names.
#[derive(Clone, Debug)]
pub struct Naming {
    settings: Settings,
    accounts: Vec<String>,
    pattern: Pattern,
    prices: Prices,
}

/// A name that is to be judged, and what only others know of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The name, as the client sent it.
    pub name: &'a str,
    /// The account that makes the bucket.
    pub account: &'a str,
    /// Where.
    pub region: &'a str,
    /// It is to be of the account's own namespace in the region.
    pub account_regional: bool,
    /// What is known of the bucket makes it public.
    pub is_public: bool,
    /// Somebody else has used the name, and it is retired.
    pub is_retired: bool,
    /// Another bucket's name is nearly the same ([`is_confusable`]).
    pub is_confusable: bool,
}

/// A rule that a name breaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The part of the name that breaks it, in octets.
    pub at: Range<usize>,
    /// What is wrong. It repeats nothing of the configuration but the bits that are needed.
    pub message: Cow<'static, str>,
}

impl Naming {
    /// Takes in a policy, with the accounts that the proxy knows.
    pub fn new<'a>(settings: Settings, accounts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut known: Vec<String> = accounts.into_iter().map(str::to_owned).collect();
        known.extend(settings.account_ids.iter().cloned());
        known.sort_unstable();
        known.dedup();
        let (own, other) = (settings.org_words.iter(), settings.extra_words.iter());
        let prices = Prices::new(own.map(String::as_str), other.map(String::as_str));
        let pattern = settings.pattern.clone().or_else(|| Pattern::parse(USUAL_PATTERN));
        Self { accounts: known, pattern: pattern.unwrap_or_default(), prices, settings }
    }

    /// What happens to names that break a rule.
    pub fn mode(&self) -> Mode {
        self.settings.mode
    }

    /// Whether nothing but syntax is asked of a name.
    pub fn exempts(&self, name: &str) -> bool {
        self.settings.allow.iter().any(|allowed| allowed == name)
    }

    /// How hard a name is to guess, in thousandths of a bit.
    pub fn estimate(&self, name: &str) -> u32 {
        estimate::estimate(name, &self.prices)
    }

    /// What the digit in a bucket's name says, where it has one.
    pub fn level(&self, name: &str) -> Option<Level> {
        let digit = self.pattern.read(rules::own_part(name))?.level?;
        self.settings.levels.iter().find(|(known, _)| known == digit).map(|(_, level)| *level)
    }

    /// Whether the digit in a bucket's name forbids it to become public (N-21).
    pub fn forbids_public(&self, name: &str) -> bool {
        self.level(name) == Some(Level::Private) && !self.exempts(name)
    }

    /// Every rule that a name breaks, in the order in which they are told: errors first.
    pub fn judge(&self, asked: &Asked<'_>) -> Vec<Finding> {
        let rules: &[Rule] = if self.exempts(asked.name) { &[Rule::Syntax] } else { &Rule::ALL };
        let found = |rule: &Rule| {
            let at = self.breaks(*rule, asked)?;
            let message = match rule {
                Rule::Guessable => {
                    let bits = in_bits(self.estimate(asked.name));
                    let min = self.settings.min_bits;
                    Cow::Owned(format!("The name can be guessed: about {bits} bits, {min} needed."))
                }
                rule => Cow::Borrowed(rule.message()),
            };
            Some(Finding { rule: *rule, at, message })
        };
        rules.iter().filter_map(found).collect()
    }

    /// Every name that scanners try for the words of the organisation, some more than once.
    pub fn tried(&self) -> impl Iterator<Item = String> {
        self.settings.org_words.iter().flat_map(|word| scanner::names(word))
    }
}

/// Thousandths of a bit as bits with one decimal, where that is not zero.
pub fn in_bits(millibits: u32) -> String {
    let tenths = millibits.saturating_add(50) / 100;
    match tenths % 10 {
        0 => format!("{}", tenths / 10),
        rest => format!("{}.{rest}", tenths / 10),
    }
}
