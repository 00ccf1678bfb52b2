//! What a store must know, so that a request means there what was decided here. A store takes what it does not
//! know for something else, or for nothing, and says that all is well: so what is not known of its kind
//! (`upstream.profile`) is refused, and nothing is changed.

use bytes::Bytes;
use http::HeaderName;

use super::encryption::reads_source;
use super::judge::Case;
use super::settings;
use crate::s3::route::Routed;
use crate::s3::xml::{self, DeleteEntry};
use crate::s3::{Code, Fault, Operation};
use crate::upstream::wire::{About, Kind};

/// Refuses what the store behind a request is not known to know of it.
///
/// # Errors
/// `NotImplemented`
pub(super) fn check(case: &Case<'_>, document: Option<&Bytes>) -> Result<(), Fault> {
    let (operation, Some(kind)) = (case.routed.operation, &case.site.kind) else { return Ok(()) };
    if case.routed.account.is_some() {
        return Ok(());
    }
    check_versions(kind, case.routed, &case.facts.deletions)?;
    if settings::is_kept_here(operation) {
        return Ok(());
    }
    check_operation(kind, operation)?;
    check_said(kind, case.routed)?;
    check_document(kind, case.routed, document)?;
    // What is read whatever the condition says is at worst read in vain.
    if operation.is_read() { Ok(()) } else { check_conditions(kind, case.routed, &case.facts.deletions) }
}

fn check_operation(kind: &Kind, operation: Operation) -> Result<(), Fault> {
    if kind.has(operation) {
        return Ok(());
    }
    let message = "The store behind this endpoint is not known to have this operation.";
    let detail = format!("{}: if the store has it, name it in `upstream.operations`", operation.name());
    Err(Fault::new(Code::NotImplemented, "store-without-operation", message).detail(detail))
}

/// A store without versions may take the object that is there for any of them: whoever may read, or delete, the
/// versions of an object could read or delete the object. Its only version is `null`.
fn check_versions(kind: &Kind, routed: &Routed, deletions: &[DeleteEntry]) -> Result<(), Fault> {
    if kind.has(Operation::ListObjectVersions) {
        return Ok(());
    }
    let of_source = routed.copy_source.as_ref().and_then(|source| source.version.as_deref());
    let of_entries = deletions.iter().filter_map(|entry| entry.version.as_deref());
    let mut asked = routed.parameter("versionId").into_iter().chain(of_source).chain(of_entries);
    if asked.all(|version| version == "null") {
        return Ok(());
    }
    let message = "The store behind this endpoint is not known to keep versions of objects.";
    let detail = "if the store has them, name ListObjectVersions in `upstream.operations`";
    Err(Fault::new(Code::NotImplemented, "store-without-versions", message).detail(detail))
}

/// Who locks or tags an object while writing it must not hear of success from a store that does neither.
fn check_said(kind: &Kind, routed: &Routed) -> Result<(), Fault> {
    let operation = routed.operation;
    let Some((name, _)) = routed.headers.iter().find(|(name, value)| !kind.keeps_said(operation, name, value)) else {
        return Ok(());
    };
    let kept = format!("what {name} says of {}", operation.name());
    let vouch = "in `upstream.operations` the operation that says the same by itself";
    Err(not_kept(kind, "header-not-kept", &kept, name.as_str(), vouch))
}

/// What a document says that the store does not know is left out there: a rule would hold for more than was meant, a
/// lock would not be one.
fn check_document(kind: &Kind, routed: &Routed, document: Option<&Bytes>) -> Result<(), Fault> {
    let (Some(known), Some(document)) = (kind.elements(routed.operation), document) else { return Ok(()) };
    if document.is_empty() {
        return Ok(());
    }
    let Some(element) = xml::first_but(document, known)? else { return Ok(()) };
    let operation = routed.operation.name();
    let kept = format!("the element {element} of {operation}, so nothing was changed");
    Err(not_kept(kind, "element-not-kept", &kept, &element, &format!("{operation} in `upstream.operations`")))
}

/// A condition that a store does not know is none there: what the client wanted kept would be gone.
fn check_conditions(kind: &Kind, routed: &Routed, deletions: &[DeleteEntry]) -> Result<(), Fault> {
    let operation = routed.operation;
    // Those of a source are kept here (`source::Bound`), if the store tells what there is.
    let by_store = |name: &HeaderName| About::header(name) != Some(About::Source) || !reads_source(operation);
    let lost = |name, value| by_store(name) && !kind.keeps_header(operation, name, value);
    let of_header = routed.headers.iter().find(|(name, value)| lost(*name, *value));
    let of_entry = || deletions.iter().find_map(|entry| Some((entry.condition()?, &entry.key)));
    let (condition, entry) = match (of_header, of_entry().filter(|_| !kind.keeps(operation, About::Target))) {
        (Some((name, _)), _) => (name.as_str(), String::new()),
        (None, Some((condition, key))) => (condition, format!(" of the entry {key:?}")),
        (None, None) => return Ok(()),
    };
    Err(lost_condition(kind, operation, condition, &entry))
}

/// The same of the source of a copy that could not be looked at.
///
/// # Errors
/// `NotImplemented`
pub(super) fn check_unseen_source(case: &Case<'_>) -> Result<(), Fault> {
    let (operation, Some(kind)) = (case.routed.operation, &case.site.kind) else { return Ok(()) };
    let of_source = |name: &&HeaderName| About::header(name) == Some(About::Source);
    match case.routed.headers.keys().find(of_source) {
        Some(name) if !kind.keeps(operation, About::Source) => Err(lost_condition(kind, operation, name.as_str(), "")),
        _ => Ok(()),
    }
}

fn lost_condition(kind: &Kind, operation: Operation, condition: &str, entry: &str) -> Fault {
    let name = operation.name();
    let kept = format!("the condition {condition} of {name}, so nothing was changed");
    let named = format!("{condition}{entry}");
    not_kept(kind, "condition-not-kept", &kept, &named, &format!("{name} in `upstream.conditions`"))
}

/// That the store is not known to keep something, and what an operator names who knows that it does.
fn not_kept(kind: &Kind, reason: &'static str, kept: &str, named: &str, vouch: &str) -> Fault {
    let message = format!("The store behind this endpoint is not known to keep {kept}.");
    let profile = kind.profile.name;
    let detail = format!("{named}: profile \"{profile}\" does not say so; if the store keeps it, name {vouch}");
    Fault::new(Code::NotImplemented, reason, message).detail(detail)
}
