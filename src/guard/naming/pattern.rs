//! The scheme of an organisation's names: `{purpose}-{level}-{random}` (spec/naming.md 3, N-20).

/// The pattern that generated names have where none is configured.
pub const USUAL: &str = "{purpose}-{level}-{random}";

/// How long a pattern may be, in octets: no bucket's name is longer.
const LONGEST: usize = 63;

/// A pattern: fixed text and places.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Fixed(String),
    Level,
    Purpose,
    Random,
}

/// What stands in the places of a name.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Parts<'n> {
    pub(super) purpose: Option<&'n str>,
    pub(super) level: Option<&'n str>,
    pub(super) random: Option<&'n str>,
}

impl Pattern {
    /// Reads a pattern. Each place is named once at most, `{random}` once; and between two of them stands
    /// something that begins with `-` or `.`, so that a name is read in one way only.
    pub fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let (piece, behind) = if letter == '{' {
                let (name, behind) = rest.strip_prefix('{')?.split_once('}')?;
                (Piece::place(name)?, behind)
            } else {
                let (fixed, behind) = rest.split_at_checked(rest.find('{').unwrap_or(rest.len()))?;
                (Piece::Fixed(fixed.to_owned()), behind)
            };
            let parted = matches!(&piece, Piece::Fixed(fixed) if fixed.starts_with(['-', '.']));
            let twice = piece.is_place() && pieces.contains(&piece);
            if twice || !parted && pieces.last().is_some_and(Piece::is_place) {
                return None;
            }
            pieces.push(piece);
            rest = behind;
        }
        let fits = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || matches!(octet, b'-' | b'.');
        let fixed = pieces.iter().all(|piece| !matches!(piece, Piece::Fixed(text) if !text.bytes().all(fits)));
        (fixed && text.len() <= LONGEST && pieces.contains(&Piece::Random)).then_some(Self(pieces))
    }

    /// Takes a name apart; none if it has another shape.
    pub(super) fn read<'n>(&self, name: &'n str) -> Option<Parts<'n>> {
        let mut parts = Parts::default();
        let mut rest = name;
        for piece in &self.0 {
            if let Piece::Fixed(fixed) = piece {
                rest = rest.strip_prefix(fixed.as_str())?;
                continue;
            }
            let end = rest.find(['-', '.']).unwrap_or(rest.len());
            let (token, behind) = rest.split_at_checked(end).filter(|(token, _)| !token.is_empty())?;
            match piece {
                Piece::Level => parts.level = Some(token),
                Piece::Purpose => parts.purpose = Some(token),
                Piece::Fixed(_) | Piece::Random => parts.random = Some(token),
            }
            rest = behind;
        }
        rest.is_empty().then_some(parts)
    }

    /// Puts a name together.
    pub(super) fn write(&self, purpose: &str, level: &str, random: &str) -> String {
        let mut name = String::new();
        for piece in &self.0 {
            name.push_str(match piece {
                Piece::Fixed(fixed) => fixed,
                Piece::Level => level,
                Piece::Purpose => purpose,
                Piece::Random => random,
            });
        }
        name
    }
}

impl Piece {
    fn place(name: &str) -> Option<Self> {
        match name {
            "level" => Some(Self::Level),
            "purpose" => Some(Self::Purpose),
            "random" => Some(Self::Random),
            _ => None,
        }
    }

    const fn is_place(&self) -> bool {
        !matches!(self, Self::Fixed(_))
    }
}
