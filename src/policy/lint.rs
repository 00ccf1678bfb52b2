//! What a document says that can hardly be meant: actions and keys that S3 does not know, keys that none of
//! the statement's actions carries, actions on nothing, clauses that never hold, statements that decide
//! nothing beside another one.

use super::action::{Action, Actions, KnownKey};
use super::document::{Document, Operator, Statement};
use super::problem::{Problem, Rule};
use crate::near::nearest;

mod cover;

/// Warnings about a document that was read, in the order of the text. Nothing here changes a decision.
pub fn lint(document: &Document) -> Vec<Problem> {
    let mut found: Vec<Problem> = document
        .statements
        .iter()
        .flat_map(|statement| {
            actions(statement)
                .chain(cover::misplaced(statement))
                .chain(keys(statement, false))
                .chain(global_keys(statement))
                .chain(quantifiers(statement))
                .chain(cover::contradictions(statement))
        })
        .chain(cover::covered(document))
        .collect();
    found.sort_by_key(|problem| problem.span);
    found
}

/// Whether one statement certainly applies whenever another does, both being about the same attachment.
/// False where that cannot be told.
pub fn covers(wider: &Statement, narrower: &Statement) -> bool {
    cover::covers(wider, narrower)
}

/// Actions of S3 that do not exist. Those of other services are not known here.
fn actions(statement: &Statement) -> impl Iterator<Item = Problem> + '_ {
    let entries = statement.action.entries.iter();
    entries.filter(|entry| entry.known.is_empty() && is_s3(&entry.text)).map(|entry| {
        let message = format!("`{}` matches no action of S3", entry.text);
        Problem::warning(Rule::Action, entry.span, message).help(meant(&entry.text))
    })
}

/// What somebody meant who wrote an action that does not exist.
pub(super) fn meant(action: &str) -> String {
    nearest(action, Action::all().map(Action::name))
        .map_or_else(|| "look the name up".to_owned(), |name| format!("did you mean `{name}`?"))
}

/// Keys that are unknown, or that no action of the statement carries. Global keys are not looked at. With
/// `strict` as S3 looks at a bucket's policy; else as warnings, and leniently where other services count.
pub(super) fn keys(statement: &Statement, strict: bool) -> impl Iterator<Item = Problem> + '_ {
    let entries = &statement.action.entries;
    let named =
        Actions::that(|action| entries.iter().any(|entry| entry.known.contains(action)) != statement.action.negated);
    let foreign = statement.action.negated || entries.iter().any(|entry| !is_s3(&entry.text));
    statement.conditions.iter().filter(|condition| !is_global(&condition.key.folded)).filter_map(move |condition| {
        let key = &condition.key;
        let problem = match KnownKey::named(&key.text) {
            None if strict || is_s3(&key.text) || !key.text.contains(':') => {
                Problem::error(Rule::Key, key.span, format!("`{}` is no condition key of S3", key.text))
                    .help("look the name up; only keys with the prefix `aws:` are taken unseen")
            }
            Some(known) if (strict || !foreign) && !named.iter().any(|action| action.carries(known)) => {
                let message = format!("no action of the statement carries `{}`", key.text);
                Problem::error(Rule::KeyAction, key.span, message).help("move the condition to a statement of its own")
            }
            _ => return None,
        };
        Some(if strict { problem } else { problem.lenient() })
    })
}

/// Keys with the prefix `aws:` that this version never sets.
fn global_keys(statement: &Statement) -> impl Iterator<Item = Problem> + '_ {
    let global = statement.conditions.iter().map(|condition| &condition.key).filter(|key| is_global(&key.folded));
    global.filter(|key| KnownKey::named(&key.text).is_none()).map(|key| {
        let message = format!("`{}` is never set: the clause sees it as absent", key.text);
        Problem::warning(Rule::Key, key.span, message).help("look the name up")
    })
}

/// Multi-valued keys under an operator without a quantifier.
fn quantifiers(statement: &Statement) -> impl Iterator<Item = Problem> + '_ {
    let bare = statement.conditions.iter().filter(|it| it.quantifier.is_none() && it.operator != Operator::Null);
    bare.filter(|it| KnownKey::named(&it.key.text).is_some_and(KnownKey::multi_valued)).map(|condition| {
        let message = format!("`{}` has several values: the clause is false when it does", condition.key.text);
        Problem::warning(Rule::Quantifier, condition.operator_span, message)
            .help("put `ForAllValues:` or `ForAnyValue:` before the operator")
    })
}

fn is_global(folded: &str) -> bool {
    folded.starts_with("aws:")
}

/// Whether an action or key belongs to S3.
fn is_s3(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, _)| service.eq_ignore_ascii_case("s3"))
}

#[cfg(test)]
mod tests;
