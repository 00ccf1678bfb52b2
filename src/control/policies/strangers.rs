//! Principals of documents that nobody is: users, roles and providers of our own accounts that the
//! directory does not know.

use crate::identity::{Arn, Directory};
use crate::policy::document::{Document, Principal, Who, arn_segments};
use crate::policy::problem::{Problem, Rule};

/// Warnings about the principals of a document, in the order of the text.
pub(super) fn strangers(document: &Document, directory: &Directory) -> Vec<Problem> {
    let elements = document.statements.iter().filter_map(|statement| statement.principal.as_ref());
    let entries = elements.flat_map(|element| &element.entries);
    entries.filter(|entry| !exists(&entry.who, directory)).map(problem).collect()
}

fn problem(principal: &Principal) -> Problem {
    let message = match principal.who {
        Who::Deleted(_) => format!("`{}` stands for somebody who is gone", principal.text),
        _ => format!("`{}` does not exist", principal.text),
    };
    let help = "nobody is meant: look at its spelling and path, or add it to credentials.toml";
    Problem::warning(Rule::Principal, principal.span, message).help(help)
}

/// Whether somebody may come as this principal. Whoever belongs to an account that is not ours is not for
/// us to say.
fn exists(who: &Who, directory: &Directory) -> bool {
    match who {
        Who::Everyone | Who::Account(_) | Who::Canonical(_) | Who::Service(_) => true,
        Who::Root(arn) => directory.lives_in(arn) || !is_ours(arn, directory),
        Who::User(arn) => directory.user(arn).is_some() || !is_ours(arn, directory),
        Who::Role(arn) => directory.role(arn).is_some() || !is_ours(arn, directory),
        Who::Session(arn) => has_role(arn, directory) || !is_ours(arn, directory),
        // Nobody here can get credentials of this kind.
        Who::FederatedUser(arn) => !is_ours(arn, directory),
        Who::Federated(provider) => vouches(provider, directory),
        Who::Deleted(_) => false,
    }
}

fn is_ours(arn: &str, directory: &Directory) -> bool {
    arn_segments(arn).is_some_and(|[_, _, _, _, account, _]| directory.knows_account(account))
}

/// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`: the role by its name, without its path.
fn has_role(session: &str, directory: &Directory) -> bool {
    let Some([_, _, _, _, account, path]) = arn_segments(session) else { return false };
    let name = path.split('/').nth(1).unwrap_or_default();
    let named = |arn: &str| Arn::parse(arn).is_some_and(|arn| arn.account == account && arn.resource.name() == name);
    directory.roles().any(|role| named(&role.arn))
}

/// `arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH` of a provider that is declared.
fn vouches(provider: &str, directory: &Directory) -> bool {
    let Some([_, _, "iam", _, account, path]) = arn_segments(provider) else { return false };
    let Some(host) = path.strip_prefix("oidc-provider/") else { return false };
    let declared = |issuer: &str| issuer.strip_prefix("https://") == Some(host);
    !directory.knows_account(account) || directory.issuers().iter().any(|known| declared(&known.issuer))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::super::super::credentials;
    use super::*;
    use crate::policy::read::{Kind, read};

    #[track_caller]
    fn check(principal: &str, expected: &str) {
        let text = "[[user]]\narn = \"arn:aws:iam::111122223333:user/alice\"\n\
                    [[role]]\narn = \"arn:aws:iam::111122223333:role/team/reader\"\n";
        let parsed = credentials::parse(Path::new("credentials.toml"), text, "111122223333", &BTreeMap::new());
        let directory = parsed.unwrap_or_else(|findings| panic!("{findings}")).0;
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"s3:GetObject","Resource":"*"}}}}"#
        );
        let document = read(text.as_bytes(), Kind::Resource).unwrap().document;
        let told: Vec<String> = strangers(&document, &directory).into_iter().map(|problem| problem.message).collect();
        assert!(told.concat().contains(expected) && told.is_empty() == expected.is_empty(), "{principal}: {told:?}");
    }

    #[test]
    fn somebody_whom_the_directory_does_not_know_is_told() {
        check("arn:aws:iam::111122223333:user/alice", "");
        check("arn:aws:iam::111122223333:user/bob", "does not exist");
        check("arn:aws:iam::111122223333:role/team/reader", "");
        check("arn:aws:iam::111122223333:role/reader", "does not exist");
        check("arn:aws:sts::111122223333:assumed-role/reader/ci", "");
        check("arn:aws:sts::111122223333:assumed-role/writer/ci", "does not exist");
        check("arn:aws:sts::111122223333:federated-user/carol", "does not exist");
        check("AIDAEXAMPLEEXAMPLE", "is gone");
        check("arn:aws:iam::111122223333:root", "");
        check("arn:aws-cn:iam::111122223333:root", "does not exist");
    }

    #[test]
    fn other_accounts_are_not_ours_to_judge() {
        check("arn:aws:iam::999999999999:user/bob", "");
        check("999999999999", "");
        check("*", "");
    }
}
