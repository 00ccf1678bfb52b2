//! The words that names are put together from (spec/naming.md 4 to 6), and how they are disguised.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

/// Affixes, roles and environments (spec/naming.md 6).
const COMMON: &str = "\
    access admin analytics api app archive artifacts assets athena attachments audit auth aws backend backup \
    backups bak bi bigdata billing bucket build builds cache cd cdn ci client clients cloud cloudfront \
    cloudtrail code common conf config configs content core corp credentials crm css customer customers data \
    database db dev develop development devops dist dl docs document documents download downloads dr dump \
    dumps elb email etl events export exports files finance flowlogs frontend ftp git hr html image images \
    img import infra int internal inventory invoices js json k8s kafka lab lake lambda landing ledger live \
    log logging logs mail main marketing master media meta metrics mirror misc ml mobile models monitoring \
    my mysql new office old ops origin output packages partner payments payroll pdf personal photos pics pii \
    portal postgres prd pre preprod private prod production project projects pub public qa raw releases repo \
    report reporting reports resources result results root s3 sales sample sandbox scripts secret secrets \
    secure security service services share shared site snapshot snapshots src stage staging stash static \
    stats stg storage store sync sys system team temp templates terraform test testing tf tfstate tmp tools \
    trail training transfer uat upload uploads user users v1 v2 vault video videos vpc warehouse web website \
    wordpress work www xml";

/// Tokens that tell what is worth stealing (N-13).
pub(super) const TELLING: &str = "\
    secret secrets password passwords passwd credential credentials private confidential payroll salary hr \
    pii gdpr customer customers patient patients card cards key keys vault finance invoices";

/// Tokens of environments (N-14).
pub(super) const ENVIRONMENTS: [&str; 10] =
    ["prod", "production", "staging", "stage", "dev", "test", "uat", "qa", "preprod", "sandbox"];

/// From how many letters on a word is found wherever it stands, and however it is disguised.
const LONG: usize = 4;

static SORTED: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut words: Vec<&str> = common().collect();
    words.sort_unstable();
    words
});

/// The words that every scanner has.
pub(super) fn common() -> impl Iterator<Item = &'static str> {
    COMMON.split_ascii_whitespace()
}

/// Whether a scanner has the word.
pub(super) fn is_common(word: &str) -> bool {
    SORTED.binary_search(&word).is_ok()
}

/// Whether a word is found wherever it stands.
pub(super) fn is_long(word: &str) -> bool {
    word.bytes().filter(u8::is_ascii_alphabetic).count() >= LONG
}

/// The letter that a digit stands for in a disguise; anything else is itself.
const fn undisguised(octet: u8) -> u8 {
    match octet {
        b'0' => b'o',
        b'1' => b'i',
        b'3' => b'e',
        b'4' => b'a',
        b'5' => b's',
        b'7' => b't',
        other => other,
    }
}

/// Whether a text is a word, or the word in disguise.
pub(super) fn is_like(text: impl Iterator<Item = u8>, word: &str) -> bool {
    let mut letters = word.bytes();
    let fits = |octet| letters.next().is_some_and(|letter| octet == letter || undisguised(octet) == letter);
    // `all` stops at the first that does not fit, and then the rest does not matter.
    let begins = { text }.all(fits);
    begins && letters.next().is_none()
}

/// The parts of a name between `-` and `.`, with their places.
pub(super) fn tokens(name: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut at = 0;
    name.split(['-', '.']).map(move |token| {
        let place = at..at + token.len();
        at = place.end + 1;
        (place, token)
    })
}

/// What words cost whoever guesses, in millibits.
#[derive(Clone, Debug, Default)]
pub(super) struct Prices {
    /// How long the longest word is, in octets.
    longest: usize,
    plain: HashMap<String, u32>,
    /// Long words, every digit as the letter that it stands for.
    disguised: HashMap<String, u32>,
}

impl Prices {
    /// Words of the organisation, the common ones, and other ones.
    pub(super) fn new<'w>(own: impl Iterator<Item = &'w str>, other: impl Iterator<Item = &'w str>) -> Self {
        let mut prices = Self::default();
        own.for_each(|word| prices.add(word, 2_000));
        common().for_each(|word| prices.add(word, 5_000));
        other.for_each(|word| prices.add(word, 9_000));
        prices
    }

    fn add(&mut self, word: &str, price: u32) {
        self.longest = self.longest.max(word.len());
        let lower = |prices: &mut HashMap<String, u32>, word: String, price: u32| {
            let there = prices.entry(word).or_insert(price);
            *there = price.min(*there);
        };
        if is_long(word) {
            lower(
                &mut self.disguised,
                word.bytes().map(|octet| char::from(undisguised(octet))).collect(),
                price + 1_000,
            );
        }
        lower(&mut self.plain, word.to_owned(), price);
    }

    /// What a piece of a name costs if it is a word.
    pub(super) fn of(&self, piece: &str) -> Option<u32> {
        if piece.len() > self.longest {
            return None;
        }
        let plain = self.plain.get(piece).copied();
        if !piece.bytes().any(|octet| undisguised(octet) != octet) {
            return plain;
        }
        let letters: String = piece.bytes().map(|octet| char::from(undisguised(octet))).collect();
        let disguised = self.disguised.get(&letters).copied();
        plain.into_iter().chain(disguised).min()
    }
}
