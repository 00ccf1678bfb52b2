//! Statements that another statement of the same document makes pointless.
//!
//! One statement covers another if it applies whenever the other does. What is said here is certain: two
//! statements that cannot be compared are not told of.

use super::super::action::{Action, Actions, ResourceKind};
use super::super::document::{
    ArnShape, Condition, Document, Effect, Element, Operator, ResourceEntry, Statement, Value, Who, arn_segments,
};
use super::super::pattern::{Pattern, Piece};
use super::super::problem::{Problem, Rule};

/// How many statements of a document are compared with each other; few documents have twenty.
const MOST_COMPARED: usize = 512;

/// A statement with what is compared first, because it is cheap.
struct Prepared<'d> {
    statement: &'d Statement,
    known: Actions,
}

/// Statements that never decide anything.
pub(super) fn covered(document: &Document) -> impl Iterator<Item = Problem> + '_ {
    let prepared: Vec<Prepared<'_>> = document.statements.iter().take(MOST_COMPARED).map(Prepared::new).collect();
    let found: Vec<Problem> = (0..prepared.len()).filter_map(|at| pointless(&prepared, at)).collect();
    found.into_iter()
}

/// Whether the first statement applies whenever the second does.
pub(super) fn covers(wider: &Statement, narrower: &Statement) -> bool {
    Prepared::new(wider).covers(&Prepared::new(narrower))
}

/// Why the statement at a place decides nothing.
fn pointless(all: &[Prepared<'_>], at: usize) -> Option<Problem> {
    let own = all.get(at)?;
    let other = all.iter().enumerate().find(|(place, other)| {
        let (first, effects) = (other.statement, (own.statement.effect, other.statement.effect));
        // Of two that say the same, the later one is told of.
        let counts = effects.1 == Effect::Deny || effects.0 == Effect::Allow;
        *place != at
            && counts
            && other.covers(own)
            && (first.effect != own.statement.effect || *place < at || !own.covers(other))
    });
    let (_, other) = other?;
    let (name, line) = (own.statement.name(), other.statement.name());
    let (message, help) = match (own.statement.effect, other.statement.effect) {
        (Effect::Allow, Effect::Deny) => (
            format!("`{name}` never allows anything: `{line}` denies all of it"),
            "remove one of them, or make the denial narrower",
        ),
        (Effect::Deny, _) => (
            format!("`{name}` denies nothing more: `{line}` denies all of it already"),
            "remove it, or look whether the other was meant to be narrower",
        ),
        _ => (
            format!("`{name}` allows nothing more: `{line}` allows all of it already"),
            "remove it, or look whether the other was meant to be narrower",
        ),
    };
    Some(Problem::warning(Rule::Unreachable, own.statement.span, message).help(help))
}

/// Actions that act on nothing that their statement names: `s3:ListBucket` on objects, for instance. Said
/// only where every resource is certainly of another kind.
pub(super) fn misplaced(statement: &Statement) -> impl Iterator<Item = Problem> + '_ {
    let kinds = statement.resource.as_ref().filter(|element| !element.negated).and_then(kinds);
    let entries = statement.action.entries.iter().filter(|_| !statement.action.negated);
    entries.filter_map(move |entry| {
        let kinds = kinds.as_ref()?;
        let applies = |action: Action| action.resources().iter().any(|kind| kinds.contains(kind));
        let pointless = !entry.known.is_empty() && !entry.known.iter().any(applies);
        let message = format!("`{}` acts on nothing that the statement's resources name", entry.text);
        let help = "buckets are `arn:aws:s3:::BUCKET`, objects are `arn:aws:s3:::BUCKET/KEY`";
        pointless.then(|| Problem::warning(Rule::ActionResource, entry.span, message).help(help))
    })
}

/// What the resources certainly are, if that is certain of each.
fn kinds(element: &Element<ResourceEntry>) -> Option<Vec<ResourceKind>> {
    element.entries.iter().map(kind).collect()
}

/// Whether a resource is a bucket or an object.
fn kind(entry: &ResourceEntry) -> Option<ResourceKind> {
    let path = entry.text.strip_prefix("arn:aws:s3:::")?;
    match path.split_once('/') {
        Some((bucket, _)) => (!bucket.contains("${")).then_some(ResourceKind::Object),
        // A wildcard may stand for a slash as well.
        None => (!path.contains(['*', '?', '$'])).then_some(ResourceKind::Bucket),
    }
}

impl<'d> Prepared<'d> {
    fn new(statement: &'d Statement) -> Self {
        let element = &statement.action;
        let known = |action| element.entries.iter().any(|entry| entry.known.contains(action)) != element.negated;
        Self { statement, known: Actions::that(known) }
    }

    /// Whether this one applies whenever the other does.
    fn covers(&self, other: &Self) -> bool {
        let (own, its) = (self.statement, other.statement);
        other.known.iter().all(|action| self.known.contains(action))
            && actions(own, its)
            && principals(own, its)
            && resources(own.resource.as_ref(), its.resource.as_ref())
            && own.conditions.iter().all(|clause| its.conditions.iter().any(|other| same(clause, other)))
    }
}

/// Whether every action of the other, also of other services, is one of this one's.
fn actions(own: &Statement, its: &Statement) -> bool {
    let everything = !own.action.negated && own.action.entries.iter().any(|entry| entry.text == "*");
    everything
        || !own.action.negated
            && !its.action.negated
            && its.action.entries.iter().all(|other| {
                own.action.entries.iter().any(|entry| pattern(&entry.pattern, &other.text.to_ascii_lowercase()))
            })
}

fn principals(own: &Statement, its: &Statement) -> bool {
    let (mine, other) = match (&own.principal, &its.principal) {
        (None, None) => return true,
        (Some(mine), Some(other)) => (mine, other),
        _ => return false,
    };
    if mine.negated || other.negated {
        let everyone = !mine.negated && mine.entries.iter().any(|entry| entry.who == Who::Everyone);
        return everyone && own.effect == Effect::Deny;
    }
    // An Allow that names everyone grants less than one that names somebody; a Deny does not care.
    let covers = |mine: &Who, other: &Who| {
        mine == other || is_account_of(mine, other) || own.effect == Effect::Deny && *mine == Who::Everyone
    };
    other.entries.iter().all(|other| mine.entries.iter().any(|mine| covers(&mine.who, &other.who)))
}

/// The number of an account names it in every partition, the ARN of its root in one.
fn is_account_of(number: &Who, root: &Who) -> bool {
    matches!((number, root), (Who::Account(number), Who::Root(arn))
        if arn_segments(arn).is_some_and(|[_, _, _, _, account, _]| account == number))
}

fn resources(own: Option<&Element<ResourceEntry>>, its: Option<&Element<ResourceEntry>>) -> bool {
    match (own, its) {
        (None, None) => true,
        (Some(own), Some(_)) if !own.negated && own.entries.iter().any(|entry| entry.text == "*") => true,
        (Some(own), Some(its)) if !own.negated && !its.negated => {
            its.entries.iter().all(|other| own.entries.iter().any(|entry| resource(entry, other)))
        }
        _ => false,
    }
}

fn resource(own: &ResourceEntry, other: &ResourceEntry) -> bool {
    if own.text == other.text {
        return true;
    }
    match (&own.shape, &other.shape) {
        (ArnShape::Whole(whole), _) => pattern(whole, &other.text),
        (ArnShape::Segments(own), ArnShape::Segments(_)) => {
            let parts = other.text.splitn(6, ':');
            own.patterns.iter().zip(parts).all(|(own, other)| pattern(own, other))
        }
        _ => false,
    }
}

/// Whether a pattern matches whatever another one, given as text, matches. A `*` or variable there is
/// covered by a `*` here, and by nothing else.
fn pattern(own: &Pattern, other: &str) -> bool {
    let plain = own.pieces().iter().all(|piece| matches!(piece, Piece::Text(_) | Piece::Run));
    plain && own.matches_plain(other)
}

/// Clauses that cannot hold together, so that their statement never applies.
pub(super) fn contradictions(statement: &Statement) -> impl Iterator<Item = Problem> + '_ {
    let clauses = &statement.conditions;
    clauses.iter().enumerate().filter_map(move |(at, clause)| {
        let before = clauses.iter().take(at).find(|before| exclude(before, clause))?;
        let message = format!("this clause and the one with `{}` never hold together", before.operator.name());
        let help = "clauses of one statement must all hold: write two statements, or put the values in one list";
        Some(Problem::warning(Rule::Unreachable, clause.span, message).help(help))
    })
}

/// Whether two clauses about one key certainly exclude each other.
fn exclude(one: &Condition, other: &Condition) -> bool {
    // Two spellings of a tag's key may be two tags.
    if one.key.asked != other.key.asked {
        return false;
    }
    let absent = |clause: &Condition| {
        clause.operator == Operator::Null && clause.operands.iter().all(|it| it.value == Value::Absent(true))
    };
    let demands = |clause: &Condition| {
        let positive = !clause.operator.negated() && clause.operator != Operator::Null;
        positive && !clause.if_exists && clause.quantifier.is_none()
    };
    if absent(one) && demands(other) || absent(other) && demands(one) {
        return true;
    }
    let exact = |clause: &Condition| {
        let equals = matches!(clause.operator, Operator::StringEquals | Operator::Bool);
        equals && demands(clause) && clause.operands.iter().all(|operand| !operand.text.contains("${"))
    };
    let shared = |text: &str| other.operands.iter().any(|operand| operand.text.eq_ignore_ascii_case(text));
    exact(one) && exact(other) && !one.operands.iter().any(|operand| shared(&operand.text))
}

/// Whether two clauses say the same.
fn same(own: &Condition, other: &Condition) -> bool {
    let texts = |clause: &Condition| {
        let mut texts: Vec<String> = clause.operands.iter().map(|operand| operand.text.clone()).collect();
        texts.sort_unstable();
        texts
    };
    own.operator == other.operator
        && own.quantifier == other.quantifier
        && own.if_exists == other.if_exists
        && own.key.asked == other.key.asked
        && texts(own) == texts(other)
}
