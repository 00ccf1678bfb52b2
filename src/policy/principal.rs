//! The forms in which a policy names a principal (spec/policy-language.md 2).

use super::document::{Who, arn_segments};

/// The types of entries in a `Principal` object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Type {
    Aws,
    Canonical,
    Service,
    Federated,
}

impl Type {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "AWS" => Some(Self::Aws),
            "CanonicalUser" => Some(Self::Canonical),
            "Service" => Some(Self::Service),
            "Federated" => Some(Self::Federated),
            _ => None,
        }
    }

    /// Whom a text means; `None` where it is not well-formed. Wildcards are part of no longer name.
    pub(super) fn read(self, text: &str) -> Option<Who> {
        let own = || text.to_owned();
        match self {
            Self::Aws if text == "*" => Some(Who::Everyone),
            Self::Aws if is_account(text) => Some(Who::Account(own())),
            Self::Aws if is_unique_id(text) => Some(Who::Deleted(own())),
            Self::Aws => arn(text),
            Self::Canonical => {
                let sound = text.len() == 64 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
                sound.then(|| Who::Canonical(own()))
            }
            Self::Service => {
                let label = |label: &str| {
                    !label.is_empty() && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
                };
                (text.contains('.') && text.split('.').all(label)).then(|| Who::Service(own()))
            }
            Self::Federated => {
                let sound = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'*');
                sound.then(|| Who::Federated(own()))
            }
        }
    }
}

fn arn(text: &str) -> Option<Who> {
    let ["arn", partition, service, "", account, resource] = arn_segments(text)? else { return None };
    let partition_sound = partition.starts_with("aws")
        && partition.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-');
    if !partition_sound || !is_account(account) {
        return None;
    }
    let own = || text.to_owned();
    match (service, resource.split_once('/')) {
        ("iam", None) if resource == "root" => Some(Who::Root(own())),
        ("iam", Some(("user", name))) if is_path_and_name(name) => Some(Who::User(own())),
        ("iam", Some(("role", name))) if is_path_and_name(name) => Some(Who::Role(own())),
        ("sts", Some(("assumed-role", rest))) => {
            let (role, session) = rest.split_once('/')?;
            (is_name(role) && is_name(session)).then(|| Who::Session(own()))
        }
        ("sts", Some(("federated-user", name))) if is_name(name) => Some(Who::FederatedUser(own())),
        _ => None,
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// `AIDA…` of a user, `AROA…` of a role.
fn is_unique_id(text: &str) -> bool {
    (text.starts_with("AIDA") || text.starts_with("AROA"))
        && (16..=128).contains(&text.len())
        && text.bytes().all(|octet| octet.is_ascii_uppercase() || octet.is_ascii_digit())
}

/// The letters of names of users, roles and sessions.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"+=,.@_-".contains(&octet))
}

/// A name with a path before it: the path may hold any printable character but wildcards.
fn is_path_and_name(text: &str) -> bool {
    let (path, name) = text.rsplit_once('/').unwrap_or(("", text));
    is_name(name)
        && !text.starts_with('/')
        && path.bytes().all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'*' | b'?'))
}
