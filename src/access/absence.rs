//! Who is told that something is not there (spec/policy-evaluation.md 7).

use super::ask::Side;
use crate::policy::engine::Decision;
use crate::s3::{Code, Fault, Operation};

/// What policy says to one or several questions together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// All of them may be done.
    Allowed,
    /// Something forbids one of them.
    Forbidden,
    /// Nothing forbids any, and nothing allows one of them.
    Silent,
}

/// What the caller hears about something that is not there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// That it is not there.
    Absence,
    /// What the store says: a write, or a read that says nothing of a key that is not there.
    AsStored,
    /// That it may not.
    Denial,
}

/// What is not there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Missing<'a> {
    /// The key has a delete marker on top.
    DeleteMarker,
    /// The key has no version at all.
    Key,
    /// The key has no version of this id.
    Version(&'a str),
}

impl Verdict {
    /// Both together: a prohibition weighs more than silence.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Forbidden, _) | (_, Self::Forbidden) => Self::Forbidden,
            (Self::Silent, _) | (_, Self::Silent) => Self::Silent,
            (Self::Allowed, Self::Allowed) => Self::Allowed,
        }
    }
}

impl From<&Decision> for Verdict {
    fn from(decision: &Decision) -> Self {
        match decision {
            Decision::Allow(_) => Self::Allowed,
            Decision::ExplicitDeny(_) => Self::Forbidden,
            Decision::ImplicitDeny(_) => Self::Silent,
        }
    }
}

/// What is told of an absence. `read` is what the checks of this side came to, `list` what
/// [`Given::before_absence`](super::Given::before_absence) came to.
pub const fn told(operation: Operation, side: Side, read: Verdict, list: Verdict) -> Told {
    match (list_matters(operation, side, read), read, list) {
        (true, _, Verdict::Allowed) => Told::Absence,
        (false, Verdict::Allowed, _) => Told::AsStored,
        _ => Told::Denial,
    }
}

/// Whether listing decides what is told, so that it has to be asked about: with a denied read before the
/// denial, with an allowed one when the store has nothing.
pub const fn list_matters(operation: Operation, side: Side, read: Verdict) -> bool {
    let hides = match side {
        Side::Source => true,
        Side::Target => matches!(
            operation,
            Operation::GetObject
                | Operation::GetObjectAttributes
                | Operation::HeadObject
                | Operation::SelectObjectContent
        ),
    };
    hides && !matches!(read, Verdict::Forbidden)
}

/// Whether the store has to be looked into before a denial: a caller who may list, and whom nothing
/// forbids to read, may know that there is nothing to read. In no other case is a denial preceded by a
/// look-up, so that it takes the same time whether the object is there or not.
pub const fn looks_before_denial(operation: Operation, side: Side, read: Verdict, list: Verdict) -> bool {
    matches!(read, Verdict::Silent) && matches!(told(operation, side, read, list), Told::Absence)
}

impl Missing<'_> {
    /// The answer for whoever may hear it.
    pub fn fault(self, key: &str) -> Fault {
        match self {
            Self::DeleteMarker => {
                Fault::plain(Code::NoSuchKey, "delete-marker").with("Key", key).header("x-amz-delete-marker", "true")
            }
            Self::Key => Fault::plain(Code::NoSuchKey, "no-such-key").with("Key", key),
            Self::Version(id) => {
                Fault::plain(Code::NoSuchVersion, "no-such-version").with("Key", key).with("VersionId", id)
            }
        }
    }

    /// Whether it is a version, for which listing versions counts.
    pub const fn is_version(self) -> bool {
        matches!(self, Self::Version(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_may_list_learns_that_a_key_is_not_there() {
        use Verdict::{Allowed, Forbidden, Silent};
        for operation in [Operation::GetObject, Operation::HeadObject, Operation::GetObjectAttributes] {
            for (read, list, expected) in [
                (Allowed, Allowed, Told::Absence),
                (Allowed, Silent, Told::Denial),
                (Allowed, Forbidden, Told::Denial),
                (Silent, Allowed, Told::Absence),
                (Silent, Silent, Told::Denial),
                (Silent, Forbidden, Told::Denial),
                (Forbidden, Allowed, Told::Denial),
                (Forbidden, Silent, Told::Denial),
            ] {
                assert_eq!(told(operation, Side::Target, read, list), expected, "{operation:?} {read:?} {list:?}");
                assert_eq!(told(Operation::CopyObject, Side::Source, read, list), expected, "source {read:?} {list:?}");
            }
        }
    }

    #[test]
    fn a_write_tells_what_the_store_says_once_it_is_allowed() {
        let told = |read| told(Operation::DeleteObject, Side::Target, read, Verdict::Silent);
        assert_eq!(told(Verdict::Allowed), Told::AsStored);
        assert_eq!(told(Verdict::Silent), Told::Denial);
        assert!(!list_matters(Operation::CopyObject, Side::Target, Verdict::Allowed));
    }

    #[test]
    fn a_denial_looks_into_the_store_in_one_case_only() {
        use Verdict::{Allowed, Forbidden, Silent};
        let mut cases = Vec::new();
        for read in [Allowed, Silent, Forbidden] {
            for list in [Allowed, Silent, Forbidden] {
                if looks_before_denial(Operation::GetObject, Side::Target, read, list) {
                    cases.push((read, list));
                }
            }
        }
        assert_eq!(cases, [(Silent, Allowed)]);
        assert!(!looks_before_denial(Operation::PutObject, Side::Target, Silent, Allowed));
    }

    #[test]
    fn several_checks_are_as_strong_as_the_weakest() {
        use Verdict::{Allowed, Forbidden, Silent};
        assert_eq!(Allowed.and(Allowed), Allowed);
        assert_eq!(Allowed.and(Silent), Silent);
        assert_eq!(Silent.and(Forbidden), Forbidden);
        assert_eq!(Forbidden.and(Allowed), Forbidden);
    }

    #[test]
    fn a_delete_marker_is_named_to_who_may_know() {
        let fault = Missing::DeleteMarker.fault("k");
        assert_eq!(
            (fault.code(), fault.headers()),
            (Code::NoSuchKey, &[("x-amz-delete-marker", "true".to_owned())][..])
        );
        assert_eq!(Missing::Version("v").fault("k").code(), Code::NoSuchVersion);
    }
}
