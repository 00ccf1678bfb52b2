//! A policy document, read: what it says, where it says it (spec/policy-language.md 1 to 6).
//!
//! Made by [`read`](super::read::read) alone. Whatever can be prepared once is prepared here: patterns are
//! cut at their wildcards, numbers, dates, addresses and base64 are parsed, names are folded. Deciding a
//! request parses nothing but the request's own values.

use std::borrow::Cow;

use super::action::Actions;
use super::context::Context;
use super::pattern::{Pattern, Variables, Verdict, Wildcards};
use super::value::{Block, Decimal, Instant};

/// A range of octets in the text a document was read from.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Span {
    /// The first octet.
    pub start: u32,
    /// The octet behind the last.
    pub end: u32,
}

/// Something with its place in the text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spanned<T> {
    /// What stands there.
    pub value: T,
    /// Where.
    pub span: Span,
}

/// Where the lines of a text begin, so that a [`Span`] can be shown as line and column.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lines(Vec<u32>);

/// A document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What its `Version` turns on.
    pub version: Version,
    /// Its `Id`.
    pub id: Option<Spanned<String>>,
    /// Its statements, at least one, in the order of the text.
    pub statements: Vec<Statement>,
    /// The lines of the text.
    pub lines: Lines,
}

/// The language version (spec/policy-language.md 1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// `2008-10-17`, or none: `${...}` is text.
    Old,
    /// `2012-10-17`: policy variables work.
    Variables,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its place in the document, from 0.
    pub place: usize,
    /// Its `Sid`.
    pub sid: Option<Spanned<String>>,
    /// `Effect`.
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`; `None` where the kind of document has none.
    pub principal: Option<Element<Principal>>,
    /// `Action` or `NotAction`.
    pub action: Element<ActionEntry>,
    /// `Resource` or `NotResource`; `None` in trust policies only.
    pub resource: Option<Element<ResourceEntry>>,
    /// The clauses of `Condition`, one per operator and key; all must hold.
    pub conditions: Vec<Condition>,
    /// The statement with its braces.
    pub span: Span,
}

/// What an applying statement does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// It grants.
    Allow,
    /// It forbids, whatever else grants.
    Deny,
}

/// An element that comes in two forms: `Action` and `NotAction`, for instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Element<T> {
    /// The `Not` form: it matches what no entry matches. (`NotPrincipal` has rules of its own.)
    pub negated: bool,
    /// The entries, at least one.
    pub entries: Vec<T>,
    /// The value of the element.
    pub span: Span,
}

/// An entry of `Principal` or `NotPrincipal` (spec/policy-language.md 2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Principal {
    /// Who is meant.
    pub who: Who,
    /// The entry as written, decoded.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// Whom an entry means. ARNs are compared octet by octet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Who {
    /// `"*"` or `{"AWS": "*"}`: everyone, the anonymous included.
    Everyone,
    /// An account by its number: every principal of the account.
    Account(String),
    /// An account by the ARN of its root: every principal of the account in the partition of that ARN.
    Root(String),
    /// An account by its canonical ID.
    Canonical(String),
    /// A user, by ARN with path.
    User(String),
    /// Every session of a role, by the role's ARN with path.
    Role(String),
    /// One session of a role: `arn:…:sts::…:assumed-role/NAME/SESSION`, without the role's path.
    Session(String),
    /// One federated session: `arn:…:sts::…:federated-user/NAME`.
    FederatedUser(String),
    /// An AWS service: `cloudtrail.amazonaws.com`.
    Service(String),
    /// An identity provider, for those whom it vouches for. Only trust policies are ever asked about them.
    Federated(String),
    /// `AIDA…`, `AROA…`: what AWS shows for a deleted user or role. Matches nobody.
    Deleted(String),
}

/// An entry of `Action` or `NotAction`. Letter case is ignored.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionEntry {
    /// The entry as written, decoded.
    pub text: String,
    /// The entry in lower case, cut at its wildcards.
    pub pattern: Pattern,
    /// The known actions of S3 that it matches; a fast path for [`ActionEntry::matches`].
    pub known: Actions,
    /// Where it stands.
    pub span: Span,
}

/// An entry of `Resource` or `NotResource` (spec/policy-language.md 4).
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceEntry {
    /// The entry as written, decoded.
    pub text: String,
    /// How it is matched.
    pub shape: ArnShape,
    /// Where it stands.
    pub span: Span,
}

/// A pattern for ARNs. Variables count behind the fifth colon of the text as written, and only there.
#[derive(Clone, Debug, PartialEq)]
pub enum ArnShape {
    /// Five colons or more: each of the six segments by itself.
    Segments(Box<Segments>),
    /// Fewer colons and a `*` at the end: over the whole ARN. Resources only.
    Whole(Pattern),
    /// Anything else: matches nothing.
    Nothing,
}

/// The six segments of a pattern for ARNs.
#[derive(Clone, Debug, PartialEq)]
pub struct Segments {
    /// Each by itself.
    pub patterns: [Pattern; 6],
    /// The first five with their colons where they are plain text, as in nearly every policy: then they take
    /// one comparison.
    head: Option<Box<str>>,
}

/// One clause: an operator, a key, its operands (spec/policy-language.md 5).
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The operator without prefix and suffix.
    pub operator: Operator,
    /// `ForAllValues:`, `ForAnyValue:` or neither.
    pub quantifier: Option<Quantifier>,
    /// The suffix `IfExists`.
    pub if_exists: bool,
    /// The key.
    pub key: Key,
    /// What the key's values are compared with, at least one.
    pub operands: Vec<Operand>,
    /// From the key to the end of the operands.
    pub span: Span,
    /// The operator with prefix and suffix, as it stands.
    pub operator_span: Span,
}

/// The prefix of an operator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Quantifier {
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

/// The name of a condition key. Letter case is ignored, also behind the slash of a tag key; but where a request
/// has two such tags, the spelling says which one is meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// As written.
    pub text: String,
    /// Folded with [`fold`](super::context::fold): what is the same here is the same key.
    pub folded: String,
    /// As a [`Context`] is asked for it, made with [`asked`](super::context::asked).
    pub asked: String,
    /// Where it stands.
    pub span: Span,
}

/// A value that a clause compares with.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    /// The operand as text: `10` for the number 10.
    pub text: String,
    /// The same, prepared for the operator.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// An operand, prepared.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// For the String operators and `Bool`. Wildcards only for `StringLike` and `StringNotLike`.
    Text(Pattern),
    /// For the Arn operators.
    Arn(ArnShape),
    /// For the Numeric operators.
    Number(Decimal),
    /// For the Date operators.
    Date(Instant),
    /// For `BinaryEquals`, decoded.
    Binary(Vec<u8>),
    /// For `IpAddress` and `NotIpAddress`.
    Address(Block),
    /// For `Null`.
    Absent(bool),
    /// Malformed: matches nothing, so that a positive clause fails and a negated one holds.
    Malformed,
}

/// A condition operator.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "the names are the language's own; spec/policy-language.md 5.2 says what each does")]
pub enum Operator {
    StringEquals,
    StringNotEquals,
    StringEqualsIgnoreCase,
    StringNotEqualsIgnoreCase,
    StringLike,
    StringNotLike,
    NumericEquals,
    NumericNotEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    DateEquals,
    DateNotEquals,
    DateLessThan,
    DateLessThanEquals,
    DateGreaterThan,
    DateGreaterThanEquals,
    Bool,
    BinaryEquals,
    IpAddress,
    NotIpAddress,
    ArnEquals,
    ArnLike,
    ArnNotEquals,
    ArnNotLike,
    Null,
}

/// What an operator compares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// Text, exactly.
    Exact,
    /// Text, letter case ignored.
    IgnoreCase,
    /// Text with wildcards.
    Like,
    /// Numbers.
    Number,
    /// Instants.
    Date,
    /// `true` and `false`.
    Bool,
    /// Octets written in base64.
    Binary,
    /// Addresses and blocks of them.
    Address,
    /// ARNs, segment by segment.
    Arn,
    /// Whether the key is there at all.
    Null,
}

impl Span {
    /// Makes a span; texts are far shorter than `u32::MAX`.
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end) }
    }

    /// The range, for slicing the text.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Lines {
    /// Finds the lines of a text.
    pub fn of(text: impl AsRef<[u8]>) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text.as_ref());
        Self(breaks.map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX)).collect())
    }

    /// Line and column of the beginning of a span, both from 1. Columns count octets.
    pub fn place(&self, span: Span) -> (usize, usize) {
        let line = self.0.partition_point(|start| *start <= span.start);
        let start = line.checked_sub(1).and_then(|before| self.0.get(before)).copied().unwrap_or(0);
        (line + 1, (span.start - start) as usize + 1)
    }
}

impl Statement {
    /// Its `Sid`, or `NO_ID-<n>` as S3 names a statement without one.
    pub fn name(&self) -> Cow<'_, str> {
        match &self.sid {
            Some(sid) => Cow::Borrowed(&sid.value),
            None => Cow::Owned(format!("NO_ID-{}", self.place)),
        }
    }
}

impl ActionEntry {
    /// Whether it matches an action, known or not, given in lower case: `s3:getobject`.
    pub fn matches(&self, action: &str) -> bool {
        self.pattern.matches_plain(action)
    }
}

impl ResourceEntry {
    /// Whether it matches a resource: an ARN, or `*` for no particular one.
    pub fn matches(&self, resource: &str, context: &dyn Context) -> bool {
        self.shape.matches(resource, context) == Verdict::Match
    }
}

impl ArnShape {
    /// Cuts a pattern at its first five colons; what has fewer matches nothing.
    pub fn segments(text: &str, variables: Variables) -> Self {
        let Some(parts) = arn_segments(text) else { return Self::Nothing };
        let mut place = 0;
        let patterns = parts.map(|part| {
            place += 1;
            Pattern::new(part, Wildcards::On, if place == 6 { variables } else { Variables::Off })
        });
        let [heads @ .., _] = &patterns;
        let plain: Option<String> = heads.iter().map(|pattern| Some(format!("{}:", pattern.only_text()?))).collect();
        Self::Segments(Box::new(Segments { head: plain.map(Into::into), patterns }))
    }

    /// The same for an entry of `Resource`, where a pattern with fewer colons that ends in `*` goes over
    /// the whole ARN.
    pub fn resource(text: &str, variables: Variables) -> Self {
        match Self::segments(text, variables) {
            Self::Nothing if text.ends_with('*') => Self::Whole(Pattern::new(text, Wildcards::On, Variables::Off)),
            shape => shape,
        }
    }

    /// Matches a whole text. What is no ARN matches no segments.
    pub fn matches(&self, text: &str, context: &dyn Context) -> Verdict {
        match self {
            Self::Nothing => Verdict::Differ,
            Self::Whole(pattern) => pattern.matches(text, context),
            Self::Segments(segments) => segments.matches(text, context),
        }
    }
}

impl Segments {
    fn matches(&self, text: &str, context: &dyn Context) -> Verdict {
        let [heads @ .., last] = &self.patterns;
        let behind = match &self.head {
            Some(head) => text.strip_prefix(&**head),
            None => heads.iter().try_fold(text, |rest, pattern| {
                rest.split_once(':').filter(|(part, _)| pattern.matches_plain(part)).map(|(_, behind)| behind)
            }),
        };
        match behind.filter(|_| text.starts_with("arn:")) {
            Some(resource) => last.matches(resource, context),
            None => Verdict::Differ,
        }
    }
}

/// The six segments of an ARN, cut at its first five colons.
pub fn arn_segments(text: &str) -> Option<[&str; 6]> {
    let mut rest = text;
    let mut next = || {
        let colon = rest.bytes().position(|octet| octet == b':')?;
        let (piece, after) = (rest.get(..colon)?, rest.get(colon + 1..)?);
        rest = after;
        Some(piece)
    };
    let [a, b, c, d, e] = [next()?, next()?, next()?, next()?, next()?];
    Some([a, b, c, d, e, rest])
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 27] = [
        Self::StringEquals,
        Self::StringNotEquals,
        Self::StringEqualsIgnoreCase,
        Self::StringNotEqualsIgnoreCase,
        Self::StringLike,
        Self::StringNotLike,
        Self::NumericEquals,
        Self::NumericNotEquals,
        Self::NumericLessThan,
        Self::NumericLessThanEquals,
        Self::NumericGreaterThan,
        Self::NumericGreaterThanEquals,
        Self::DateEquals,
        Self::DateNotEquals,
        Self::DateLessThan,
        Self::DateLessThanEquals,
        Self::DateGreaterThan,
        Self::DateGreaterThanEquals,
        Self::Bool,
        Self::BinaryEquals,
        Self::IpAddress,
        Self::NotIpAddress,
        Self::ArnEquals,
        Self::ArnLike,
        Self::ArnNotEquals,
        Self::ArnNotLike,
        Self::Null,
    ];

    /// The operator of a name, exactly as spelt.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.name() == name)
    }

    /// Whether the clause asks that no operand match.
    pub const fn negated(self) -> bool {
        matches!(
            self,
            Self::StringNotEquals
                | Self::StringNotEqualsIgnoreCase
                | Self::StringNotLike
                | Self::NumericNotEquals
                | Self::DateNotEquals
                | Self::NotIpAddress
                | Self::ArnNotEquals
                | Self::ArnNotLike
        )
    }

    /// What it compares.
    pub const fn family(self) -> Family {
        match self {
            Self::StringEquals | Self::StringNotEquals => Family::Exact,
            Self::StringEqualsIgnoreCase | Self::StringNotEqualsIgnoreCase => Family::IgnoreCase,
            Self::StringLike | Self::StringNotLike => Family::Like,
            Self::NumericEquals
            | Self::NumericNotEquals
            | Self::NumericLessThan
            | Self::NumericLessThanEquals
            | Self::NumericGreaterThan
            | Self::NumericGreaterThanEquals => Family::Number,
            Self::DateEquals
            | Self::DateNotEquals
            | Self::DateLessThan
            | Self::DateLessThanEquals
            | Self::DateGreaterThan
            | Self::DateGreaterThanEquals => Family::Date,
            Self::Bool => Family::Bool,
            Self::BinaryEquals => Family::Binary,
            Self::IpAddress | Self::NotIpAddress => Family::Address,
            Self::ArnEquals | Self::ArnLike | Self::ArnNotEquals | Self::ArnNotLike => Family::Arn,
            Self::Null => Family::Null,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StringEquals => "StringEquals",
            Self::StringNotEquals => "StringNotEquals",
            Self::StringEqualsIgnoreCase => "StringEqualsIgnoreCase",
            Self::StringNotEqualsIgnoreCase => "StringNotEqualsIgnoreCase",
            Self::StringLike => "StringLike",
            Self::StringNotLike => "StringNotLike",
            Self::NumericEquals => "NumericEquals",
            Self::NumericNotEquals => "NumericNotEquals",
            Self::NumericLessThan => "NumericLessThan",
            Self::NumericLessThanEquals => "NumericLessThanEquals",
            Self::NumericGreaterThan => "NumericGreaterThan",
            Self::NumericGreaterThanEquals => "NumericGreaterThanEquals",
            Self::DateEquals => "DateEquals",
            Self::DateNotEquals => "DateNotEquals",
            Self::DateLessThan => "DateLessThan",
            Self::DateLessThanEquals => "DateLessThanEquals",
            Self::DateGreaterThan => "DateGreaterThan",
            Self::DateGreaterThanEquals => "DateGreaterThanEquals",
            Self::Bool => "Bool",
            Self::BinaryEquals => "BinaryEquals",
            Self::IpAddress => "IpAddress",
            Self::NotIpAddress => "NotIpAddress",
            Self::ArnEquals => "ArnEquals",
            Self::ArnLike => "ArnLike",
            Self::ArnNotEquals => "ArnNotEquals",
            Self::ArnNotLike => "ArnNotLike",
            Self::Null => "Null",
        }
    }
}
