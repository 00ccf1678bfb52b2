//! What was found, weighed (spec/detection.md 9.5).

use std::collections::BTreeMap;

use super::table::Table;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Score 1.
    Low,
    /// Score 2.
    Medium,
    /// Score 3.
    High,
}

/// What kind of content.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Category {
    /// Keys, tokens, passwords.
    Credentials,
    /// Cards, accounts.
    Financial,
    /// About a person.
    Personal,
}

/// The type of a finding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Of one category.
    One(Category),
    /// Of several.
    Multiple,
}

/// From how many on a class is low, medium, high.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    A,
    B,
    C,
    D,
}

impl Class {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "A" => Self::A,
            "B" => Self::B,
            "C" => Self::C,
            "D" => Self::D,
            _ => return None,
        })
    }

    const fn severity(self, count: u64) -> Option<Severity> {
        let from: [Option<u64>; 3] = match self {
            Self::A => [None, None, Some(1)],
            Self::B => [None, Some(1), Some(50)],
            Self::C => [Some(1), Some(50), Some(500)],
            Self::D => [Some(1), Some(100), None],
        };
        match from {
            [.., Some(high)] if count >= high => Some(Severity::High),
            [_, Some(medium), _] if count >= medium => Some(Severity::Medium),
            [Some(low), ..] if count >= low => Some(Severity::Low),
            _ => None,
        }
    }
}

impl Severity {
    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }

    /// As a number from 1 to 3.
    pub const fn score(self) -> u8 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
        }
    }
}

impl Category {
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Credentials, Self::Financial, Self::Personal].into_iter().find(|known| known.as_str() == name)
    }

    /// The category of a detector of the table.
    pub fn of(identifier: &str) -> Option<Self> {
        Table::built_in().row_of(identifier).map(|row| row.category)
    }

    /// As findings name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "CREDENTIALS",
            Self::Financial => "FINANCIAL_INFORMATION",
            Self::Personal => "PERSONAL_INFORMATION",
        }
    }
}

impl Kind {
    /// As findings name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One(Category::Credentials) => "SensitiveData:S3Object/Credentials",
            Self::One(Category::Financial) => "SensitiveData:S3Object/Financial",
            Self::One(Category::Personal) => "SensitiveData:S3Object/Personal",
            Self::Multiple => "SensitiveData:S3Object/Multiple",
        }
    }
}

/// The severity and the type that counts come to: the highest of all; one category, or several. None where
/// nothing was found.
pub fn severity<'a>(counts: impl IntoIterator<Item = (&'a str, u64)>) -> Option<(Severity, Kind)> {
    let mut all: Option<(Severity, Kind)> = None;
    let mut by_class: BTreeMap<&str, u64> = BTreeMap::new();
    counts.into_iter().for_each(|(identifier, count)| *by_class.entry(identifier).or_default() += count);
    for (identifier, count) in by_class {
        let Some(row) = Table::built_in().row_of(identifier) else { continue };
        let class = if row.id == identifier { row.class } else { Class::C }; // a fallback
        let Some(severity) = class.severity(count) else { continue };
        let kind = Kind::One(row.category);
        all = Some(match all {
            None => (severity, kind),
            Some((other, same)) if same == kind => (severity.max(other), kind),
            Some((other, _)) => (severity.max(other), Kind::Multiple),
        });
    }
    all
}
