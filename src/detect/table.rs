//! The table of detectors: `identifiers.json`, which is data, and what it compiles to.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind, meta};
use serde::Deserialize;

use super::check::{Check, digits};
use super::heads::Heads;
use super::keyword::{Keywords, Labels};
use super::severity::{Category, Class};
use crate::near::nearest;

/// The table as it stands in the specification's vectors.
pub const TABLE: &str = include_str!("identifiers.json");

/// What may not stand directly before or behind.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Guard {
    Base64,
    Email,
    None,
    Number,
    Phone,
    Token,
    Word,
}

/// Whether one of the keywords must be near.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Nearness {
    /// Close before, without a digit between.
    Before,
    No,
    Required,
    /// Only for forms that are not told by their separators.
    UnlessFormatted,
}

/// How a detector's content may be written.
pub(super) struct Form {
    pub(super) shape: Shape,
    pub(super) formatted: bool,
    /// What must stand directly behind.
    pub(super) follow: Option<Dfa>,
}

/// A pattern as an automaton that is asked where it stands, octet by octet, greedily.
pub(super) struct Dfa {
    automaton: dense::DFA<Vec<u32>>,
    start: StateID,
}

pub(super) enum Shape {
    Pattern(Box<Dfa>),
    /// The length of an account number by its country, with or without blanks after every fourth character.
    ByCountry(Vec<([u8; 2], usize)>),
}

/// The longest form of a row that is not wide, in octets.
pub(super) const NARROW: usize = 64;

/// One detector.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) category: Category,
    pub(super) class: Class,
    pub(super) guard: Guard,
    pub(super) nearness: Nearness,
    pub(super) keywords: Vec<String>,
    pub(super) forms: Vec<Form>,
    pub(super) check: Check,
    /// What of the form is reported, where that is not all.
    pub(super) group: Option<Box<meta::Regex>>,
    /// An octet that each of its forms holds: without it nothing need be tried.
    pub(super) needs: Option<u8>,
    /// A form may be longer than [`NARROW`].
    pub(super) wide: bool,
    /// What is reported where no keyword is near.
    pub(super) fallback: Option<String>,
}

/// All detectors.
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    /// The digits of cards that are none, as values.
    pub(super) excluded: Vec<Box<[u8]>>,
    /// The rows that anything may stand before.
    pub(super) unguarded: u64,
    /// The rows with a wide form.
    pub(super) wide: u64,
    /// The rows that need an octet, and which.
    pub(super) needing: Vec<(u64, u8)>,
}

/// A selection of the table, compiled.
pub struct Detectors {
    /// The rows that are on, by their place in the table.
    pub(super) on: Labels,
    pub(super) keywords: Keywords,
    /// What their forms begin with, and those forms that need no keyword.
    pub(super) heads: Heads,
    pub(super) free: Heads,
}

impl std::fmt::Debug for Detectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Detectors({})", self.on.0.count_ones())
    }
}

/// A kind that the table does not have.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no kind `{name}`{}", near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct UnknownIdentifier {
    name: String,
    near: Option<String>,
}

impl UnknownIdentifier {
    /// The name that nobody knows.
    pub fn name(&self) -> &str {
        &self.name
    }
}

static BUILT_IN: LazyLock<Table> = LazyLock::new(Table::read);
static ALL: LazyLock<Arc<Detectors>> = LazyLock::new(|| Arc::new(Detectors::of(Labels(u64::MAX))));

impl Detectors {
    /// All of them.
    pub fn all() -> Arc<Self> {
        Arc::clone(&ALL)
    }

    /// Those with these names; a fallback is on with what it is one of.
    ///
    /// # Errors
    /// A name that the table does not have.
    pub fn only(names: &[&str]) -> Result<Arc<Self>, UnknownIdentifier> {
        let mut on = Labels::default();
        for name in names {
            let known = Table::built_in().rows.iter().position(|row| row.is(name));
            let Some(place) = known else {
                let near = nearest(name, Self::names());
                return Err(UnknownIdentifier { name: (*name).to_owned(), near: near.map(str::to_owned) });
            };
            on |= Labels::one(place);
        }
        Ok(Arc::new(Self::of(on)))
    }

    /// The names of the table, fallbacks among them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let rows = Table::built_in().rows.iter();
        rows.flat_map(|row| std::iter::once(row.id.as_str()).chain(row.fallback.as_deref()))
    }

    fn of(wanted: Labels) -> Self {
        let table = Table::built_in();
        let rows = || table.rows.iter().enumerate().filter(|(place, _)| wanted.has(*place));
        let forms = || rows().flat_map(|(place, row)| row.forms.iter().map(move |form| (place, row, form)));
        let mut on = Labels::default();
        rows().for_each(|(place, _)| on |= Labels::one(place));
        let heads = Heads::of(forms().map(|(place, _, form)| (Labels::one(place).0, form)));
        let free = forms().filter(|(_, row, form)| row.is_free(form));
        let free = Heads::of(free.map(|(place, _, form)| (Labels::one(place).0, form)));
        Self { on, keywords: Keywords::of(&table.rows, on), heads, free }
    }

    /// Which detectors find one of their keywords in a name.
    pub(super) fn labelled(&self, name: &[u8]) -> Labels {
        self.keywords.in_name(name)
    }
}

impl Row {
    /// Whether this form of it can be found without a keyword.
    pub(super) fn is_free(&self, form: &Form) -> bool {
        match self.nearness {
            Nearness::No => true,
            Nearness::UnlessFormatted => form.formatted || self.fallback.is_some(),
            Nearness::Before | Nearness::Required => self.fallback.is_some(),
        }
    }

    fn is(&self, identifier: &str) -> bool {
        self.id == identifier || self.fallback.as_deref() == Some(identifier)
    }
}

impl Table {
    pub(super) fn built_in() -> &'static Self {
        &BUILT_IN
    }

    pub(super) fn row_of(&self, identifier: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.is(identifier))
    }

    /// What of the table cannot be read is left out, and a test finds it missing.
    fn read() -> Self {
        let Written { excluded, rows } = serde_json::from_str(TABLE).unwrap_or_default();
        let rows: Vec<Row> = rows.into_iter().filter_map(WrittenRow::compile).collect();
        let all = |which: fn(&Row) -> bool| {
            let places = rows.iter().enumerate().filter(|(_, row)| which(row));
            places.fold(0, |all, (place, _)| all | Labels::one(place).0)
        };
        let (unguarded, wide) = (all(|row| row.guard == Guard::None), all(|row| row.wide));
        let needs = |(place, row): (usize, &Row)| row.needs.map(|octet| (Labels::one(place).0, octet));
        let needing = rows.iter().enumerate().filter_map(needs).collect();
        let excluded = excluded.iter().map(|card| digits(card.as_bytes()).to_vec().into()).collect();
        Self { rows, excluded, unguarded, wide, needing }
    }
}

/// The table as its file has it.
#[derive(Default, Deserialize)]
struct Written {
    #[serde(rename = "excludedCardNumbers")]
    excluded: Vec<String>,
    #[serde(rename = "identifiers")]
    rows: Vec<WrittenRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenRow {
    id: String,
    category: String,
    severity_class: String,
    guard: Guard,
    keyword: Nearness,
    keywords: Vec<String>,
    forms: Vec<WrittenForm>,
    check: String,
    group: Option<u64>,
    fallback: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenForm {
    pattern: Option<String>,
    per_country_length: Option<BTreeMap<String, usize>>,
    #[serde(default)]
    formatted: bool,
    follow: Option<String>,
}

impl WrittenRow {
    fn compile(self) -> Option<Row> {
        let pattern = self.forms.first().and_then(|form| form.pattern.as_deref()).unwrap_or_default();
        let group = match self.group {
            None => None,
            Some(_) => Some(Box::new(meta::Builder::new().syntax(octets()).build(pattern).ok()?)),
        };
        let check = Check::named(&self.check)?;
        let wide = !self.forms.iter().all(|form| form.longest().is_some_and(|longest| longest <= NARROW));
        Some(Row {
            category: Category::named(&self.category)?,
            class: Class::named(&self.severity_class)?,
            guard: self.guard,
            nearness: self.keyword,
            forms: self.forms.into_iter().map(WrittenForm::compile).collect::<Option<Vec<_>>>()?,
            id: self.id,
            keywords: self.keywords,
            check,
            group,
            needs: (check == Check::Email).then_some(b'@'),
            wide,
            fallback: self.fallback,
        })
    }
}

impl WrittenForm {
    /// The longest text of this form, in octets, if there is one.
    fn longest(&self) -> Option<usize> {
        match (&self.pattern, &self.per_country_length) {
            (Some(pattern), _) => {
                let parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern);
                parser.ok()?.properties().maximum_len()
            }
            (None, Some(lengths)) => lengths.values().max().map(|length| length + length / 4),
            (None, None) => None,
        }
    }

    fn compile(self) -> Option<Form> {
        let of_country = |(country, length): (String, usize)| Some((country.into_bytes().try_into().ok()?, length));
        let shape = match (self.pattern, self.per_country_length) {
            (Some(pattern), None) => Shape::Pattern(Box::new(compile(&pattern)?)),
            (None, Some(lengths)) => Shape::ByCountry(lengths.into_iter().map(of_country).collect::<Option<Vec<_>>>()?),
            _ => return None,
        };
        let follow = match self.follow {
            Some(pattern) => Some(compile(&pattern)?),
            None => None,
        };
        Some(Form { shape, formatted: self.formatted, follow })
    }
}

fn octets() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// Matched where it is asked for alone, greedily, octet by octet.
fn compile(pattern: &str) -> Option<Dfa> {
    let config = dense::Config::new().start_kind(StartKind::Anchored).match_kind(MatchKind::LeftmostFirst);
    let automaton = dense::Builder::new().configure(config).syntax(octets()).build(pattern).ok()?;
    // Nothing in the table looks at what stands before, so that there is one start.
    let start = automaton.start_state_forward(&Input::new("").anchored(Anchored::Yes)).ok()?;
    Some(Dfa { automaton, start })
}

impl Dfa {
    pub(super) fn start(&self) -> StateID {
        self.start
    }

    /// The state behind an octet; none where nothing can match any more.
    #[inline]
    pub(super) fn next(&self, state: StateID, octet: u8) -> Option<StateID> {
        let next = self.automaton.next_state(state, octet);
        (!self.automaton.is_dead_state(next)).then_some(next)
    }

    /// Whether what led to this state matches.
    pub(super) fn ends(&self, state: StateID) -> bool {
        self.automaton.is_match_state(self.automaton.next_eoi_state(state))
    }

    /// Whether anything matches at the begin of the text.
    pub(super) fn stands_at(&self, text: &[u8]) -> bool {
        let found = self.automaton.try_search_fwd(&Input::new(text).anchored(Anchored::Yes).earliest(true));
        found.is_ok_and(|found| found.is_some())
    }

    /// The length of what matches at the begin of the text.
    #[inline]
    pub(super) fn matches(&self, text: &[u8]) -> Option<usize> {
        let (mut state, mut length) = (self.start, None);
        for (at, octet) in text.iter().enumerate() {
            state = self.automaton.next_state(state, *octet);
            if self.automaton.is_special_state(state) {
                if self.automaton.is_match_state(state) {
                    length = Some(at); // a match is known one octet later
                } else if self.automaton.is_dead_state(state) {
                    return length;
                }
            }
        }
        if self.ends(state) { Some(text.len()) } else { length }
    }
}

impl Shape {
    /// The length of what has this shape at the begin of the text.
    pub(super) fn matches(&self, text: &[u8]) -> Option<usize> {
        match self {
            Self::Pattern(dfa) => dfa.matches(text),
            Self::ByCountry(lengths) => account(lengths, text),
        }
    }
}

/// Country, two digits, then capitals and digits; a blank after every fourth character, or none.
fn account(lengths: &[([u8; 2], usize)], text: &[u8]) -> Option<usize> {
    let country = text.get(..2)?;
    let (_, length) = lengths.iter().find(|(known, _)| known == country)?;
    let fits = |at: usize, octet: u8| match at {
        0 | 1 => true,
        2 | 3 => octet.is_ascii_digit(),
        _ => octet.is_ascii_digit() || octet.is_ascii_uppercase(),
    };
    let compact = text.get(..*length)?;
    if compact.iter().enumerate().all(|(at, octet)| fits(at, *octet)) {
        return Some(*length);
    }
    let spaced = text.get(..length + (length - 1) / 4)?;
    let good = spaced.iter().enumerate().all(|(at, octet)| match at % 5 {
        4 => *octet == b' ',
        _ => fits(at - at / 5, *octet),
    });
    good.then_some(spaced.len())
}
