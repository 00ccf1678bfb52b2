//! Names as scanners try them (spec/naming.md 7). Whether a name is one is found out by taking it apart; the
//! set itself is only ever listed one after the other, for defenders.

use super::words::{common, is_common};

/// What stands twice around a base.
const PAIRED: [&str; 16] = [
    "dev",
    "test",
    "stage",
    "staging",
    "prod",
    "production",
    "backup",
    "backups",
    "logs",
    "data",
    "assets",
    "static",
    "public",
    "private",
    "eu",
    "us",
];
const SEPARATORS: [&str; 3] = ["", "-", "."];
const YEARS: std::ops::RangeInclusive<u32> = 2015..=2030;
const NUMBERS: std::ops::RangeInclusive<u32> = 1..=99;

/// Whether a name is among those that are tried for one of the words.
pub(super) fn is_tried<'w>(name: &str, mut bases: impl Iterator<Item = &'w str>) -> bool {
    bases.any(|base| is_core(name, base) || cut(name).any(|core| is_core(core, base)))
}

/// A name without the year or number at its end, in every way to take it off.
fn cut(name: &str) -> impl Iterator<Item = &str> {
    let core = |length: usize| {
        let (core, number) = name.split_at_checked(name.len().checked_sub(length)?)?;
        let plain = number.bytes().all(|octet| octet.is_ascii_digit()) && !number.starts_with('0');
        let number: u32 = number.parse().ok().filter(|_| plain)?;
        let fits = if length == 4 { YEARS.contains(&number) } else { NUMBERS.contains(&number) };
        fits.then_some(core)
    };
    let cores = [1, 2, 4].into_iter().filter_map(core);
    cores.flat_map(|core| SEPARATORS.into_iter().filter_map(|separator| core.strip_suffix(separator)))
}

fn is_core(core: &str, base: &str) -> bool {
    if core == base {
        return true;
    }
    let behind =
        |text: &str| SEPARATORS.into_iter().any(|separator| text.strip_prefix(separator).is_some_and(is_common));
    let before =
        |text: &str| SEPARATORS.into_iter().any(|separator| text.strip_suffix(separator).is_some_and(is_common));
    core.strip_prefix(base).is_some_and(|rest| behind(rest) || is_pair(rest))
        || core.strip_suffix(base).is_some_and(before)
}

/// Two affixes, each behind a separator.
fn is_pair(rest: &str) -> bool {
    let affixes = |text: &str, then: &dyn Fn(&str) -> bool| {
        SEPARATORS
            .into_iter()
            .filter_map(|separator| text.strip_prefix(separator))
            .any(|text| PAIRED.into_iter().filter_map(|affix| text.strip_prefix(affix)).any(then))
    };
    affixes(rest, &|rest| affixes(rest, &str::is_empty))
}

/// Every name that is tried for a word, some more than once.
pub(super) fn names(base: &str) -> impl Iterator<Item = String> {
    let one = move |affix: &'static str| {
        SEPARATORS
            .into_iter()
            .flat_map(move |separator| [format!("{base}{separator}{affix}"), format!("{affix}{separator}{base}")])
    };
    let two = move |first: &'static str| {
        let second = move |second: &'static str| {
            SEPARATORS.into_iter().flat_map(move |one| {
                SEPARATORS.into_iter().map(move |other| format!("{base}{one}{first}{other}{second}"))
            })
        };
        PAIRED.into_iter().flat_map(second)
    };
    let cores = std::iter::once(base.to_owned()).chain(common().flat_map(one)).chain(PAIRED.into_iter().flat_map(two));
    cores.flat_map(|core| {
        let numbered = core.clone();
        let with = move |number: u32| {
            let numbered = numbered.clone();
            SEPARATORS.into_iter().map(move |separator| format!("{numbered}{separator}{number}"))
        };
        std::iter::once(core).chain(YEARS.chain(NUMBERS).flat_map(with))
    })
}
