//! `credentials.toml`: accounts, users, roles, their access keys, and providers of web identities.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::config::Config;
use super::finding::{Finding, Findings};
use super::reader::{self, Table};
use super::{Environment, files};
use crate::identity::{Arn, Directory, Fault, Key, Kind, Principal, Resource, Role};
use crate::time::Seconds;

mod oidc;
mod places;

pub(super) use places::places;

/// How large the file may be.
const FILE_LIMIT: u64 = 16 << 20;
/// How long a session of a role lasts at least and, as AWS has it, at most; and what a role says that says
/// nothing.
const SESSION: std::ops::RangeInclusive<Duration> = Duration::from_secs(900)..=Duration::from_secs(43_200);
const SESSION_DEFAULT: Duration = Duration::from_secs(3600);

/// Reads the file of access keys that a configuration names. Only its owner may be able to read it.
pub fn load(config: &Config, environment: &dyn Environment) -> Result<(Directory, Findings), Findings> {
    let path = &config.credentials;
    let text = files::read_private(path, FILE_LIMIT).and_then(files::written).map_err(|fault| {
        let help = "it holds users and their keys, and only the user that runs the proxy may read it";
        Findings::from(Finding::file(path, format!("the file of access keys {fault}")).help(help))
    })?;
    parse(path, &zeroize::Zeroizing::new(text), &config.account, environment)
}

/// Reads the text of a file of access keys. `account` is declared even if the file does not name it.
pub fn parse(
    path: &Path,
    text: &str,
    account: &str,
    environment: &dyn Environment,
) -> Result<(Directory, Findings), Findings> {
    reader::read(path, text, environment, |root| {
        let mut directory = Directory::default();
        accounts(root, &mut directory);
        if !directory.knows_account(account) {
            // The configuration has checked it.
            let _ = directory.add_account(account, "");
        }
        let groups = groups(root);
        let mut arns = HashSet::new();
        for mut table in optional_tables(root, "user") {
            user(&mut table, &mut directory, &mut arns, &groups);
            table.finish();
        }
        for mut table in optional_tables(root, "role") {
            role(&mut table, &mut directory, &mut arns);
            table.finish();
        }
        for mut table in optional_tables(root, "oidc") {
            oidc::read(&mut table, &mut directory);
            table.finish();
        }
        Some(directory)
    })
}

fn optional_tables<'r>(root: &mut Table<'r>, key: &'static str) -> Vec<Table<'r>> {
    if root.has(key) { root.tables(key) } else { Vec::new() }
}

fn accounts(root: &mut Table<'_>, directory: &mut Directory) {
    for mut table in optional_tables(root, "account") {
        let id = table.string("id");
        if id.is_none() && !table.has("id") {
            table.required("id", "id = \"111122223333\"");
        }
        let name = table.string("name").map(|found| found.value).unwrap_or_default();
        if let Some(id) = id
            && let Err(fault) = directory.add_account(&id.value, &name)
        {
            table.fault(id.span, "this account cannot be declared", &fault.to_string(), "write each account once");
        }
        table.finish();
    }
}

/// A principal's ARN, new and of the right kind.
fn arn(table: &mut Table<'_>, arns: &mut HashSet<String>, directory: &Directory, kind: &str) -> Option<String> {
    let expected = format!("an ARN such as \"arn:aws:iam::111122223333:{kind}/name\"");
    let right = |text: &str| {
        let arn = Arn::parse(text)?;
        let fits = match arn.resource {
            Resource::Role(_) => kind == "role",
            Resource::Root | Resource::User(_) => kind == "user",
        };
        fits.then(|| (text.to_owned(), arn.account.to_owned()))
    };
    let found = table.parsed("arn", &expected, right);
    if found.is_none() && !table.has("arn") {
        table.required("arn", &format!("arn = \"arn:aws:iam::111122223333:{kind}/name\""));
    }
    let found = found?;
    let (arn, account) = found.value;
    if !directory.knows_account(&account) {
        let help = format!("declare it: `[[account]]` with `id = \"{account}\"`");
        table.fault(found.span, "this account is not known", "not declared", help);
        return None;
    }
    if !arns.insert(arn.clone()) {
        table.fault(
            found.span,
            "this principal is declared twice",
            "taken above",
            "put its keys together in one table",
        );
        return None;
    }
    Some(arn)
}

/// What names a document of the policies folder.
const DOCUMENT_NAME: &str = "the name of a file below identities/, without .json";

fn document_name(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,@-".contains(&byte);
    ((1..=128).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
}

/// The most documents of one user, group or role; AWS stops at 20.
const MOST_POLICIES: usize = 64;

/// The names of attached documents, each once.
fn policies(table: &mut Table<'_>) -> Vec<String> {
    let found = table.list("policies", DOCUMENT_NAME, document_name);
    if let (Some(extra), true) = (found.get(MOST_POLICIES), found.len() > MOST_POLICIES) {
        let message = format!("`{}` has more than {MOST_POLICIES} documents", table.path_of("policies"));
        table.fault(extra.span.clone(), message, "one too many", "put their statements together");
    }
    let mut names = Vec::new();
    for name in found.into_iter().map(|found| found.value) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The documents of each group, by its name.
fn groups(root: &mut Table<'_>) -> HashMap<String, Vec<String>> {
    let mut groups = HashMap::new();
    for mut table in optional_tables(root, "group") {
        let name = table.parsed("name", GROUP_NAME, group_name);
        if name.is_none() && !table.has("name") {
            table.required("name", "name = \"developers\"");
        }
        let policies = policies(&mut table);
        if let Some(name) = name {
            // A fault refuses the file, so that which of the two stays does not matter.
            if groups.insert(name.value, policies).is_some() {
                table.fault(name.span, "this group is declared twice", "taken above", "put its policies together");
            }
        }
        table.finish();
    }
    groups
}

const GROUP_NAME: &str = "a name of 1 to 128 letters, digits and `_+=,.@-`";

fn group_name(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    ((1..=128).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
}

/// Adds the documents of the groups of a user to its own.
fn join(table: &mut Table<'_>, groups: &HashMap<String, Vec<String>>, policies: &mut Vec<String>) {
    for found in table.list("groups", GROUP_NAME, group_name) {
        let Some(group) = groups.get(&found.value) else {
            let help = format!("declare it: `[[group]]` with `name = \"{}\"`", found.value);
            table.fault(found.span, "this group is not known", "not declared", help);
            continue;
        };
        for name in group {
            if !policies.contains(name) {
                policies.push(name.clone());
            }
        }
    }
}

/// The permissions boundary of a user or role.
fn boundary(table: &mut Table<'_>, directory: &mut Directory, arn: Option<&str>) {
    let name = table.parsed("boundary", DOCUMENT_NAME, document_name);
    if let (Some(arn), Some(name)) = (arn, name) {
        directory.set_boundary(arn, name.value);
    }
}

fn user(
    table: &mut Table<'_>,
    directory: &mut Directory,
    arns: &mut HashSet<String>,
    groups: &HashMap<String, Vec<String>>,
) {
    let arn = arn(table, arns, directory, "user");
    if arn.as_deref().and_then(Arn::parse).is_some_and(|arn| arn.resource == Resource::Root) {
        // It may do everything in its account, and no document of its own is ever asked.
        table.pointless(&["policies", "groups", "boundary"], "the root of an account");
    }
    let mut policies = policies(table);
    join(table, groups, &mut policies);
    boundary(table, directory, arn.as_deref());
    let tags = table.pairs("tags").into_iter().collect();
    let principal = arn.as_deref().and_then(Arn::parse).map(|parsed| {
        let kind = if parsed.resource == Resource::Root { Kind::Root } else { Kind::User };
        Arc::new(Principal {
            arn: parsed_text(arn.as_deref()),
            account: parsed.account.to_owned(),
            kind,
            policies,
            tags,
            session: None,
        })
    });
    if let Some(principal) = &principal {
        directory.add_user(principal);
    }
    for mut keys in optional_tables(table, "keys") {
        keys.pointless(&["token", "session", "expires"], "a key of a user");
        let key = id_and_secret(&mut keys);
        if let (Some((id, secret)), Some(principal)) = (key, &principal) {
            let principal = Arc::clone(principal);
            add(&mut keys, directory, Key { id, secret, token: None, expires: None, principal });
        }
        keys.finish();
    }
}

fn role(table: &mut Table<'_>, directory: &mut Directory, arns: &mut HashSet<String>) {
    let arn = arn(table, arns, directory, "role");
    let policies = policies(table);
    boundary(table, directory, arn.as_deref());
    let tags = table.pairs("tags").into_iter().collect();
    let trust = table.parsed("trust", DOCUMENT_NAME, document_name).map(|found| found.value);
    let longest = table.duration("max_session", SESSION, SESSION_DEFAULT).as_secs();
    let role = arn.as_deref().and_then(Arn::parse).map(|parsed| Role {
        arn: parsed_text(arn.as_deref()),
        account: parsed.account.to_owned(),
        policies,
        tags,
        trust,
        max_session: u32::try_from(longest).unwrap_or_default(),
    });
    for mut keys in optional_tables(table, "keys") {
        let key = id_and_secret(&mut keys);
        let session = session(&mut keys);
        let token = keys.secret("token");
        if token.is_none() && !keys.has("token") {
            keys.required("token", "token = \"…\"");
        }
        let expires = keys.parsed("expires", "an instant such as \"2027-01-01T00:00:00Z\"", Seconds::from_rfc3339);
        if expires.is_none() && !keys.has("expires") {
            keys.required("expires", "expires = \"2027-01-01T00:00:00Z\"");
        }
        let principal = role.as_ref().zip(session).and_then(|(role, name)| Principal::of_role(role, &name, None));
        if let (Some((id, secret)), Some(principal)) = (key, principal) {
            let (principal, expires) = (Arc::new(principal), expires.map(|found| found.value));
            add(&mut keys, directory, Key { id, secret, token, expires, principal });
        }
        keys.finish();
    }
    if let Some(role) = role {
        directory.add_role(role);
    }
}

fn parsed_text(arn: Option<&str>) -> String {
    arn.unwrap_or_default().to_owned()
}

fn session(keys: &mut Table<'_>) -> Option<String> {
    let name = |text: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        ((2..=64).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
    };
    let session = keys.parsed("session", "2 to 64 letters, digits and `_+=,.@-`", name);
    if session.is_none() && !keys.has("session") {
        keys.required("session", "session = \"ci-42\"");
    }
    session.map(|found| found.value)
}

fn id_and_secret(keys: &mut Table<'_>) -> Option<(String, crate::sigv4::Secret)> {
    let id = keys.string("id");
    if id.is_none() && !keys.has("id") {
        keys.required("id", "id = \"AKIA…\"");
    }
    let secret = keys.secret("secret");
    if secret.is_none() && !keys.has("secret") {
        keys.required("secret", "secret = { env = \"…\" }");
    }
    Some((id?.value, secret?))
}

fn add(keys: &mut Table<'_>, directory: &mut Directory, key: Key) {
    let Err(fault) = directory.add_key(key) else { return };
    let place = if fault == Fault::SecretLength { keys.span_of("secret") } else { keys.span_of("id") };
    let help = "keys are unique over all principals, and secrets are long and random";
    keys.fault(place.unwrap_or_else(|| keys.span()), "this key cannot be used", &fault.to_string(), help);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const EXAMPLE: &str = r#"
[[account]]
id   = "111122223333"
name = "main"

[[user]]
arn      = "arn:aws:iam::111122223333:user/alice"
policies = ["readwrite"]
tags     = { team = "red" }
keys     = [{ id = "AKIAALICEEXAMPLE0001", secret = { env = "ALICE_SECRET" } }]

[[role]]
arn      = "arn:aws:iam::111122223333:role/team/reader"
trust    = "reader-trust"
policies = ["readonly"]
keys     = [{ id = "ASIAREADEREXAMPLE001", secret = "a-secret-of-enough-length", token = "t0ken", session = "ci-42", expires = "2027-01-01T00:00:00Z" }]
"#;

    fn environment() -> BTreeMap<String, String> {
        [("ALICE_SECRET".to_owned(), "alice-secret-alice-secret".to_owned())].into()
    }

    fn faults(text: &str) -> String {
        match parse(Path::new("credentials.toml"), text, "111122223333", &environment()) {
            Ok(_) => panic!("accepted"),
            Err(findings) => findings.to_string(),
        }
    }

    #[test]
    fn the_documented_example_is_read() {
        let parsed = parse(Path::new("credentials.toml"), EXAMPLE, "111122223333", &environment());
        let (directory, _) = parsed.map_err(|findings| findings.to_string()).unwrap();
        let alice = directory.find("AKIAALICEEXAMPLE0001").unwrap();
        assert_eq!(alice.secret.expose(), "alice-secret-alice-secret");
        assert_eq!(alice.principal.arn, "arn:aws:iam::111122223333:user/alice");
        assert_eq!(alice.principal.tags["team"], "red");
        let reader = directory.find("ASIAREADEREXAMPLE001").unwrap();
        assert_eq!(reader.principal.arn, "arn:aws:sts::111122223333:assumed-role/reader/ci-42");
        assert_eq!(reader.token.as_ref().unwrap().expose(), "t0ken");
        assert_eq!(reader.expires, Some(Seconds(1_798_761_600)));
    }

    #[test]
    fn the_shipped_example_is_read() {
        let text = include_str!("../../policies/credentials.example.toml");
        let environment = [("ALICE_SECRET".to_owned(), "alice-secret-alice-secret".to_owned())].into();
        let parsed: Result<_, Findings> =
            parse(Path::new("example"), text, "111122223333", &environment as &BTreeMap<_, _>);
        assert_eq!(parsed.unwrap_or_else(|findings| panic!("{findings}")).0.keys().count(), 1);
    }

    #[test]
    fn doubles_are_refused() {
        let text = r#"
[[user]]
arn = "arn:aws:iam::111122223333:user/a"
keys = [{ id = "AKIAONE", secret = "0123456789abcdef" }]
[[user]]
arn = "arn:aws:iam::111122223333:user/a"
[[user]]
arn = "arn:aws:iam::111122223333:user/b"
keys = [{ id = "AKIAONE", secret = "0123456789abcdef" }]
"#;
        insta::assert_snapshot!(faults(text));
    }

    #[test]
    fn every_fault_is_told_and_no_secret_is_shown() {
        let text = r#"
[[account]]
id = "123"
[[user]]
arn = "arn:aws:iam::111122223333:role/a"
boundary = "b"
keys = [{ id = "AKIA ONE", secret = "hunter2hunter2hunter2" }, { id = "AKIATWO", secret = "hunter2" }]
[[user]]
arn = "arn:aws:iam::999999999999:user/a"
[[user]]
arn = "arn:aws:iam::111122223333:user/c"
keys = [{ id = "AKIA ONE", secret = "hunter2hunter2hunter2" }, { id = "AKIATWO", secret = "hunter2" }, { id = "AKIATHREE", secret = { env = "UNSET" }, token = "hunter2" }]
[[role]]
arn = "arn:aws:iam::111122223333:role/c"
keys = [{ id = "AKIAFOUR", secret = "hunter2hunter2hunter2", expires = "2027-02-30T00:00:00Z" }]
"#;
        let faults = faults(text);
        assert!(!faults.contains("hunter2"), "{faults}");
        insta::assert_snapshot!(faults);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials.toml");
        files::write_new(&path, 0o600, EXAMPLE.as_bytes()).unwrap();
        let text = format!(
            "account = \"111122223333\"\ncredentials.file = \"{}\"\nupstream.kind = \"embedded\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n",
            path.display()
        );
        let parsed = Config::parse(&dir.path().join("bartizan.toml"), &text, &environment());
        let (config, _) = parsed.map_err(|findings| findings.to_string()).unwrap();
        assert!(load(&config, &environment()).is_ok());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let Err(findings) = load(&config, &environment()) else { panic!("accepted") };
        assert!(findings.to_string().contains("mode 0644"), "{findings}");
    }
}
