//! Detectors that somebody defines: a regular expression, words that must stand before it, words that spoil it
//! (spec/detection.md 9.4).

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_syntax::hir::{Hir, HirKind};

/// The most characters of an expression.
const LONGEST: usize = 512;
const MOST_KEYWORDS: usize = 50;
const MOST_IGNORED: usize = 10;
/// How far a keyword may be from the end of a match, unless said otherwise, in characters.
const DISTANCE: usize = 50;
const FARTHEST: usize = 300;
/// The most memory that an expression may take, in octets.
const SIZE: usize = 1 << 20;

/// A detector that somebody has defined.
pub struct Custom {
    regex: Regex,
    keywords: Vec<Vec<u8>>,
    ignored: Vec<Vec<u8>>,
    distance: usize,
}

impl std::fmt::Debug for Custom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Custom")
    }
}

/// Why a definition is none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CustomError {
    /// The expression is too long.
    #[error("`regex` has more than 512 characters")]
    Long,
    /// It is no expression, or says what a finite automaton cannot do.
    #[error("`regex` is not usable: {0}")]
    Regex(String),
    /// It captures.
    #[error("`regex` may hold no groups that capture: write `(?:...)` for a group")]
    Captures,
    /// A list is too long, or a word of it too short or too long.
    #[error("`{list}` takes up to {most} words of {} to {} characters", length.start(), length.end())]
    Words {
        /// Which.
        list: &'static str,
        /// How many it takes.
        most: usize,
        /// How long they may be.
        length: std::ops::RangeInclusive<usize>,
    },
    /// The distance.
    #[error("`maximumMatchDistance` is from 1 to 300")]
    Distance,
}

impl Custom {
    /// Reads a definition; `distance` counts characters from the end of a keyword to the end of the match.
    ///
    /// # Errors
    /// What is outside of its limits.
    pub fn new(regex: &str, keywords: &[&str], ignored: &[&str], distance: Option<u64>) -> Result<Self, CustomError> {
        if regex.chars().count() > LONGEST {
            return Err(CustomError::Long);
        }
        let broken = |error: &dyn std::fmt::Display| CustomError::Regex(error.to_string());
        let parsed = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(regex);
        let parsed = parsed.map_err(|error| broken(&error))?;
        if captures(&parsed) {
            return Err(CustomError::Captures);
        }
        let config = Regex::config().nfa_size_limit(Some(SIZE)).hybrid_cache_capacity(SIZE).utf8_empty(false);
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let regex = Regex::builder().configure(config).syntax(syntax).build(regex).map_err(|error| broken(&error))?;
        let distance = match distance {
            None => DISTANCE,
            Some(distance) => {
                usize::try_from(distance).ok().filter(|it| (1..=FARTHEST).contains(it)).ok_or(CustomError::Distance)?
            }
        };
        let keywords = words("keywords", keywords, MOST_KEYWORDS, 3..=90)?;
        let keywords = keywords.into_iter().map(|keyword| keyword.to_ascii_lowercase()).collect();
        Ok(Self { regex, keywords, ignored: words("ignoreWords", ignored, MOST_IGNORED, 4..=90)?, distance })
    }

    /// What of a text it finds, from left to right: begin and end, in octets.
    pub fn find(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let lower = text.to_ascii_lowercase();
        let found = self.regex.find_iter(text).map(|found| (found.start(), found.end()));
        found.filter(|(start, end)| start < end && self.counts(text, &lower, (*start, *end))).collect()
    }

    fn counts(&self, text: &[u8], lower: &[u8], (start, end): (usize, usize)) -> bool {
        let matched = text.get(start..end).unwrap_or_default();
        if self.ignored.iter().any(|word| memchr::memmem::find(matched, word).is_some()) {
            return false;
        }
        // A keyword stands before the match, and ends within reach of the match's end.
        let mut characters = 0;
        let starts = (0..end).rev().find(|at| {
            characters += usize::from(text.get(*at).is_some_and(|octet| octet & 0xc0 != 0x80));
            characters > self.distance
        });
        let earliest = starts.map_or(0, |at| at + 1);
        self.keywords.is_empty()
            || self.keywords.iter().any(|keyword| {
                let from = earliest.saturating_sub(keyword.len());
                let near = lower.get(from..start).unwrap_or_default();
                memchr::memmem::rfind(near, keyword).is_some_and(|at| from + at + keyword.len() >= earliest)
            })
    }
}

fn captures(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(_) => true,
        HirKind::Repetition(repetition) => captures(&repetition.sub),
        HirKind::Concat(all) | HirKind::Alternation(all) => all.iter().any(captures),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}

fn words(
    list: &'static str,
    words: &[&str],
    most: usize,
    length: std::ops::RangeInclusive<usize>,
) -> Result<Vec<Vec<u8>>, CustomError> {
    let fits = words.len() <= most && words.iter().all(|word| length.contains(&word.chars().count()));
    match fits {
        true => Ok(words.iter().map(|word| word.as_bytes().to_vec()).collect()),
        false => Err(CustomError::Words { list, most, length }),
    }
}
