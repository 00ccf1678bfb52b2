//! What temporary credentials say beyond the principal they belong to.

use std::collections::BTreeMap;

use crate::time::Seconds;

/// The part of a principal that its session adds. Nothing in it is secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// When the session began (`aws:TokenIssueTime`).
    pub issued: Seconds,
    /// When it ends.
    pub expires: Seconds,
    /// Policies that narrow what the session may do.
    pub policies: SessionPolicies,
    /// The tags given with the session, as given.
    pub tags: BTreeMap<String, String>,
    /// The keys of tags that go on into roles assumed with this session.
    pub transitive: Vec<String>,
    /// Who is behind it all (`aws:SourceIdentity`); once set it cannot be changed by assuming roles.
    pub source_identity: Option<String>,
    /// Whether a second factor was shown (`aws:MultiFactorAuthPresent`).
    pub mfa: bool,
    /// Who vouched for the caller, where that was not this directory.
    pub federated: Option<Federated>,
}

/// Policies given with a session. Both empty: nothing is narrowed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SessionPolicies {
    /// A policy document, as given.
    pub inline: Option<String>,
    /// The ARNs of managed policies.
    pub arns: Vec<String>,
}

/// An identity that another system has vouched for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Federated {
    /// The issuer, as its tokens name it.
    pub issuer: String,
    /// The subject, as the issuer names it.
    pub subject: String,
    /// For whom the issuer made the token.
    pub audience: String,
}

impl SessionPolicies {
    /// Whether nothing is narrowed.
    pub fn is_empty(&self) -> bool {
        self.inline.is_none() && self.arns.is_empty()
    }
}

impl Federated {
    /// The issuer without its scheme: how condition keys and provider ARNs name it.
    pub fn provider(&self) -> &str {
        provider(&self.issuer)
    }
}

/// An issuer without its scheme.
pub(super) fn provider(issuer: &str) -> &str {
    issuer.strip_prefix("https://").unwrap_or(issuer)
}

/// Puts the tags of a session over those of its role. Tag keys differ by more than case.
pub(super) fn overlaid(
    role: &BTreeMap<String, String>,
    session: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let hidden = |key: &str| session.keys().any(|own| own.eq_ignore_ascii_case(key));
    let kept = role.iter().filter(|(key, _)| !hidden(key));
    kept.chain(session).map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_tag_hides_the_roles_tag_in_whatever_case() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let role = map(&[("Team", "red"), ("cost", "1")]);
        assert_eq!(overlaid(&role, &map(&[("team", "blue")])), map(&[("cost", "1"), ("team", "blue")]));
        assert_eq!(overlaid(&role, &map(&[])), role);
    }
}
