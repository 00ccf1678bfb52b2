//! What a store must know, so that a request means there what was decided here. A store takes what it does not
//! know for something else, or for nothing, and says that all is well: so what is not known of its kind
//! (`upstream.profile`) is refused, and nothing is changed.

use super::judge::Case;
use super::settings;
use crate::s3::route::Routed;
use crate::s3::xml::DeleteEntry;
use crate::s3::{Code, Fault, Operation};
use crate::upstream::wire::{About, Kind};

/// Headers that say something which a store keeps if it has an operation that says it alone. Of those that begin
/// alike the first one counts.
const ALSO_SAID_BY: [(&str, Operation); 4] = [
    ("x-amz-bucket-object-lock-enabled", Operation::PutObjectLockConfiguration),
    ("x-amz-object-lock-legal-hold", Operation::PutObjectLegalHold),
    ("x-amz-object-lock-", Operation::PutObjectRetention),
    ("x-amz-tagging", Operation::PutObjectTagging),
];

/// # Errors
/// `NotImplemented`
pub(super) fn check(case: &Case<'_>) -> Result<(), Fault> {
    let (operation, Some(kind)) = (case.routed.operation, &case.site.kind) else { return Ok(()) };
    if case.routed.account.is_some() || settings::is_kept_here(operation) {
        return Ok(());
    }
    check_operation(kind, operation)?;
    check_versions(kind, case.routed, &case.facts.deletions)?;
    check_said(kind, case.routed)?;
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
    for (name, value) in &routed.headers {
        let said_by = |(header, _): &&(&str, Operation)| match header.strip_suffix('-') {
            Some(_) => name.as_str().starts_with(header),
            None => name.as_str() == *header,
        };
        let Some((_, operation)) = ALSO_SAID_BY.iter().find(said_by).filter(|_| !value.is_empty()) else { continue };
        let unlocked =
            *operation == Operation::PutObjectLockConfiguration && value.as_bytes().eq_ignore_ascii_case(b"false");
        if !unlocked && !kind.has(*operation) {
            let message = format!("The store behind this endpoint is not known to keep what {name} says.");
            let detail = format!("{name}: if the store keeps it, name {} in `upstream.operations`", operation.name());
            return Err(Fault::new(Code::NotImplemented, "header-not-kept", message).detail(detail));
        }
    }
    Ok(())
}

/// A condition that a store does not know is none there: what the client wanted kept would be gone.
fn check_conditions(kind: &Kind, routed: &Routed, deletions: &[DeleteEntry]) -> Result<(), Fault> {
    let operation = routed.operation;
    let of_header = routed.headers.iter().find(|(name, value)| !kind.keeps_header(operation, name, value));
    let of_entry = || deletions.iter().find_map(|entry| Some((entry.condition()?, &entry.key)));
    let (condition, entry) = match (of_header, of_entry().filter(|_| !kind.keeps(operation, About::Target))) {
        (Some((name, _)), _) => (name.as_str(), String::new()),
        (None, Some((condition, key))) => (condition, format!(" of the entry {key:?}")),
        (None, None) => return Ok(()),
    };
    let name = operation.name();
    let message = format!(
        "The store behind this endpoint is not known to keep the condition {condition} of {name}, so nothing was changed."
    );
    let detail = format!(
        "{condition}{entry}: profile \"{}\" does not say so; if the store keeps it, name {name} in `upstream.conditions`",
        kind.profile.name
    );
    Err(Fault::new(Code::NotImplemented, "condition-not-kept", message).detail(detail))
}
