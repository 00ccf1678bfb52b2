//! Texts with wildcards and policy variables (spec/policy-language.md 4, 5.2, 6).
//!
//! A pattern is cut once, when its document is read. Matching searches the literal pieces with `memmem`
//! and never goes back over a `*`, so it is linear in the text for patterns without `?`, and at worst the
//! length of the text times the length of the pattern.
//!
//! Invariant: what a variable brings in is text. A `*` in a tag's value is a star, not a wildcard.

use std::borrow::Cow;

use memchr::memmem;

use super::context::{Context, Values, asked, folded};

/// A text, cut at its wildcards and variables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern {
    pieces: Box<[Piece]>,
    /// No wildcard, no variable and no escape: the text is what it matches.
    fixed: bool,
    /// A variable stands in it.
    variable: bool,
}

/// A piece of a [`Pattern`]. No two texts and no two runs are neighbours.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece {
    /// Exactly this.
    Text(String),
    /// `?`: exactly one character.
    One,
    /// `*`: any characters, also none.
    Run,
    /// `${key}` or `${key, 'default'}`.
    Variable {
        /// The key, as a context is asked for it; `None` where the name is empty or has blanks, and no key can have it.
        key: Option<String>,
        /// What stands for the value where the key is absent.
        default: Option<String>,
    },
}

/// What a pattern's `*` and `?` mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wildcards {
    /// What they say.
    On,
    /// Characters like others.
    Off,
}

/// What `${...}` means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Variables {
    /// A variable or an escape.
    On,
    /// Characters like others.
    Off,
}

/// What came of a comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// They match.
    Match,
    /// They do not.
    Differ,
    /// A variable has no value: nothing matches.
    NoValue,
}

impl Pattern {
    /// Cuts a text.
    pub fn new(text: &str, wildcards: Wildcards, variables: Variables) -> Self {
        let mut cutter = Cutter::default();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            if variables == Variables::On
                && let Some((inner, behind)) = rest.strip_prefix("${").and_then(|inner| inner.split_once('}'))
            {
                cutter.variable(inner);
                rest = behind;
                continue;
            }
            match letter {
                '*' if wildcards == Wildcards::On => cutter.wildcard(Piece::Run),
                '?' if wildcards == Wildcards::On => cutter.wildcard(Piece::One),
                _ => cutter.text(letter.encode_utf8(&mut [0; 4])),
            }
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
        let variable = cutter.pieces.iter().any(|piece| matches!(piece, Piece::Variable { .. }));
        Self { pieces: cutter.pieces.into(), fixed: !cutter.special, variable }
    }

    /// Matches a whole text, octet by octet but for the wildcards.
    pub fn matches(&self, text: &str, context: &dyn Context) -> Verdict {
        if !self.variable {
            return verdict(glob(&self.pieces, text));
        }
        // Most patterns of a policy are not about this text, and need no value to say so.
        if !text.starts_with(self.prefix()) {
            return Verdict::Differ;
        }
        match self.substituted(context) {
            Some(pieces) => verdict(glob(&pieces, text)),
            None => Verdict::NoValue,
        }
    }

    /// Compares with a whole text, letter case ignored. The pattern was made without wildcards.
    pub fn same_but_case(&self, text: &str, context: &dyn Context) -> Verdict {
        if let Some(own) = self.only_text()
            && own.is_ascii()
            && text.is_ascii()
        {
            return verdict(own.eq_ignore_ascii_case(text));
        }
        let Some(pieces) = self.substituted(context) else { return Verdict::NoValue };
        let mine = pieces.iter().flat_map(|piece| folded(if let Piece::Text(text) = piece { text } else { "" }));
        verdict(mine.eq(folded(text)))
    }

    /// Matches where no variable can be: actions, and the first five segments of an ARN.
    pub fn matches_plain(&self, text: &str) -> bool {
        glob(&self.pieces, text)
    }

    /// The pieces.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether it matches its own text and nothing else: no wildcard, no variable, no escape.
    pub fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// Whether a variable stands in it.
    pub fn has_variables(&self) -> bool {
        self.variable
    }

    /// The one text that it matches, if there is only one whatever the request says.
    pub fn only_text(&self) -> Option<&str> {
        match &*self.pieces {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What every text that it matches begins with.
    pub fn prefix(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// The pieces with every variable replaced by its value; `None` where one has none.
    fn substituted(&self, context: &dyn Context) -> Option<Cow<'_, [Piece]>> {
        if !self.variable {
            return Some(Cow::Borrowed(&self.pieces));
        }
        let mut cutter = Cutter::default();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => cutter.text(text),
                Piece::One | Piece::Run => cutter.wildcard(piece.clone()),
                Piece::Variable { key, default } => match (context.values(key.as_deref()?), default) {
                    (Some(Values::One(value)), _) => cutter.text(value),
                    (None, Some(default)) => cutter.text(default),
                    (Some(Values::Many(_)), _) | (None, None) => return None,
                },
            }
        }
        Some(Cow::Owned(cutter.pieces))
    }
}

fn verdict(matched: bool) -> Verdict {
    if matched { Verdict::Match } else { Verdict::Differ }
}

/// Collects pieces, so that neighbours of one kind become one.
#[derive(Default)]
struct Cutter {
    pieces: Vec<Piece>,
    special: bool,
}

impl Cutter {
    fn text(&mut self, more: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.push_str(more),
            _ if more.is_empty() => {}
            _ => self.pieces.push(Piece::Text(more.to_owned())),
        }
    }

    fn wildcard(&mut self, piece: Piece) {
        self.special = true;
        if piece != Piece::Run || self.pieces.last() != Some(&Piece::Run) {
            self.pieces.push(piece);
        }
    }

    /// What stands between `${` and `}`.
    fn variable(&mut self, inner: &str) {
        self.special = true;
        if matches!(inner, "*" | "?" | "$") {
            return self.text(inner);
        }
        let (name, default) = match inner.split_once(',') {
            Some((name, behind)) => (name, quoted(behind.trim_start_matches(' ')).map(str::to_owned)),
            None => (inner, None),
        };
        // A comma without a quoted default behind it is a name that no key has.
        let whole = default.is_some() == inner.contains(',');
        let sound = whole && !name.is_empty() && !name.contains(char::is_whitespace);
        self.pieces.push(Piece::Variable { key: sound.then(|| asked(name)), default });
    }
}

/// The text between two single quotes that are the first and the last character and the only ones.
fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.strip_suffix('\'').filter(|inner| !inner.contains('\''))
}

/// Matches a whole text with pieces that hold no variable.
fn glob(pieces: &[Piece], text: &str) -> bool {
    // What nearly every pattern of a policy is.
    match pieces {
        [Piece::Text(own)] => return own == text,
        [Piece::Text(own), Piece::Run] => return text.starts_with(own.as_str()),
        [Piece::Run] => return true,
        _ => {}
    }
    let mut segments = pieces.split(|piece| *piece == Piece::Run);
    let Some(rest) = segments.next().and_then(|first| after(first, text)) else { return false };
    let Some(last) = segments.next_back() else { return rest.is_empty() };
    let Some(mut rest) = before(last, rest) else { return false };
    for segment in segments {
        // The leftmost place is the best one: whatever comes later has the most room then.
        match behind_leftmost(segment, rest) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    true
}

/// What is left of a text behind a segment at its beginning.
fn after<'t>(segment: &[Piece], text: &'t str) -> Option<&'t str> {
    segment.iter().try_fold(text, |rest, piece| match piece {
        Piece::Text(text) => rest.strip_prefix(text.as_str()),
        _ => behind_one(rest),
    })
}

/// What is left of a text before a segment at its end.
fn before<'t>(segment: &[Piece], text: &'t str) -> Option<&'t str> {
    segment.iter().rev().try_fold(text, |rest, piece| match piece {
        Piece::Text(text) => rest.strip_suffix(text.as_str()),
        _ => {
            let mut letters = rest.chars();
            letters.next_back().map(|_| letters.as_str())
        }
    })
}

/// What is left of a text behind the leftmost place where a segment matches.
fn behind_leftmost<'t>(segment: &[Piece], text: &'t str) -> Option<&'t str> {
    let ones = segment.iter().take_while(|piece| **piece == Piece::One).count();
    let (ones, rest) = segment.split_at_checked(ones)?;
    let mut text = after(ones, text)?;
    let Some((Piece::Text(first), rest)) = rest.split_first() else { return Some(text) };
    loop {
        let at = memmem::find(text.as_bytes(), first.as_bytes())?;
        let found = text.get(at..)?;
        if let Some(behind) = found.strip_prefix(first.as_str()).and_then(|behind| after(rest, behind)) {
            return Some(behind);
        }
        text = behind_one(found)?;
    }
}

fn behind_one(text: &str) -> Option<&str> {
    let mut letters = text.chars();
    letters.next().map(|_| letters.as_str())
}

#[cfg(test)]
mod tests;
