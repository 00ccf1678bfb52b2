//! Directories and their keys.

mod tokens;
mod web;

use super::*;

fn key(id: &str, account: &str) -> Key {
    let principal = Principal {
        arn: format!("arn:aws:iam::{account}:user/a"),
        account: account.to_owned(),
        kind: Kind::User,
        policies: Vec::new(),
        tags: BTreeMap::new(),
        session: None,
    };
    let secret = Secret::new("0123456789abcdef".to_owned());
    Key { id: id.to_owned(), secret, token: None, expires: None, principal: Arc::new(principal) }
}

#[test]
fn a_key_belongs_to_one_principal_of_a_declared_account() {
    let mut directory = Directory::default();
    assert_eq!(directory.add_key(key("AKIAEXAMPLE", "111122223333")), Err(Fault::UnknownAccount));
    directory.add_account("111122223333", "main").unwrap();
    assert_eq!(directory.add_account("111122223333", "other"), Err(Fault::DuplicateAccount));
    assert_eq!(directory.add_account("11112222333a", "x"), Err(Fault::AccountId));
    directory.add_key(key("AKIAEXAMPLE", "111122223333")).unwrap();
    assert_eq!(directory.add_key(key("AKIAEXAMPLE", "111122223333")), Err(Fault::DuplicateKey));
    assert!(directory.find("AKIAEXAMPLE").is_some());
    assert!(directory.find("akiaexample").is_none());
}

#[test]
fn keys_that_break_a_scope_or_can_be_guessed_are_refused() {
    let mut directory = Directory::default();
    directory.add_account("111122223333", "main").unwrap();
    for id in ["", "AK", "AKIA/SLASH", "AKIA SPACE", "AKIA\u{e9}"] {
        assert_eq!(directory.add_key(key(id, "111122223333")), Err(Fault::KeyId), "{id}");
    }
    let mut short = key("AKIASHORT", "111122223333");
    short.secret = Secret::new("short".to_owned());
    assert_eq!(directory.add_key(short), Err(Fault::SecretLength));
}

#[test]
fn a_key_ends_at_its_instant() {
    let mut key = key("AKIAEXAMPLE", "111122223333");
    assert!(!key.is_expired(Seconds(i64::MAX)));
    key.expires = Some(Seconds(100));
    assert!(!key.is_expired(Seconds(99)));
    assert!(key.is_expired(Seconds(100)));
}
