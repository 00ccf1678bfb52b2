//! `bartizan keys ring`: the KMS keys that are kept here. `bartizan keys journal`: see `journal_keys`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::sync::Arc;

use clap::{Args, Subcommand};
use ring::rand::SystemRandom;
use serde_json::json;

use super::{Exit, File, Io, journal_keys, later};
use crate::control::config::Config;
use crate::control::keyring::{self, Refused};
use crate::kms::{Key, Ring, State, Unknown};

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// The KMS keys that are kept here, in the keyring
    #[command(subcommand)]
    Ring(Command),
    /// The key that signs the journal
    #[command(subcommand)]
    Journal(journal_keys::Command),
    /// Print the public key of digests, as AWS lists keys, for `log verify --trail-keys`
    Trail(File),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the keys: state, aliases, versions; never a secret
    List(File),
    /// Make a key
    Add(Add),
    /// Give a key new material; what the old has encrypted can still be read
    Rotate(One),
    /// Let nobody use a key until it is enabled again
    Disable(One),
    /// Let a key be used again
    Enable(One),
}

#[derive(Args, Debug)]
pub(super) struct Add {
    #[command(flatten)]
    file: File,
    /// What it is called besides its id: `alias/NAME`
    #[arg(value_name = "ALIAS")]
    alias: String,
}

#[derive(Args, Debug)]
pub(super) struct One {
    #[command(flatten)]
    file: File,
    /// Which key: its id, ARN, alias, or the ARN of an alias
    #[arg(value_name = "KEY")]
    key: String,
}

/// Runs one of them.
pub(super) fn run(keys: &Keys, json: bool, io: &mut Io<'_>) -> Exit {
    let command = match keys {
        Keys::Ring(command) => command,
        Keys::Trail(file) => return journal_keys::trail(file, io),
        Keys::Journal(command) => return journal_keys::run(command, json, io),
        Keys::Other(said) => {
            let said: Vec<_> = said.iter().take(1).map(|word| word.to_string_lossy()).collect();
            return later(&format!("keys {}", said.concat()), io);
        }
    };
    let now = io.clock.now();
    let random = SystemRandom::new();
    match command {
        Command::List(file) => list(file, json, io),
        Command::Add(add) => {
            let alias = &add.alias;
            change(&add.file, json, io, |config, ring| {
                let next = ring.added(&config.region, &config.account, alias, now, &random);
                let next = next.map_err(|error| Refused { message: error.to_string(), help: other_alias(alias) })?;
                let arn = next.find(alias, &config.region, &config.account).map(|key| Arc::clone(key.arn()));
                Ok((next, arn.map_err(unknown)?))
            })
        }
        Command::Rotate(one) => {
            of(one, json, io, |ring, arn| ring.rotated(arn, now, &random).map_err(|error| listed(error.to_string())))
        }
        Command::Disable(one) => of(one, json, io, |ring, arn| state(ring, arn, State::Disabled)),
        Command::Enable(one) => of(one, json, io, |ring, arn| state(ring, arn, State::Enabled)),
    }
}

fn state(ring: &Ring, arn: &str, state: State) -> Result<Ring, Refused> {
    ring.with_state(arn, state).ok_or_else(|| listed(format!("there is no key `{arn}`")))
}

/// What to write in the place of an alias that cannot be had.
fn other_alias(alias: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    match alias.strip_prefix("alias/") {
        None if !alias.is_empty() && alias.bytes().all(plain) => format!("write `alias/{alias}`"),
        _ => "choose another `alias/NAME`: letters, digits, `/`, `_` and `-`".to_owned(),
    }
}

fn unknown(unknown: Unknown) -> Refused {
    listed(unknown.fault().message().to_owned())
}

/// A key that is not there, or not of use.
fn listed(message: String) -> Refused {
    Refused { message, help: "`bartizan keys ring list` shows the keys that there are, with their aliases".to_owned() }
}

fn list(file: &File, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(config) = file.open(io) else { return Exit::Unusable };
    match keyring::load(&config) {
        Ok(ring) => {
            let shown: String = ring.keys().map(|key| if json { json_line(key) } else { line(key) }).collect();
            io.print(&shown);
            Exit::Fine
        }
        Err(findings) => {
            io.complain(&findings.to_string());
            Exit::Unusable
        }
    }
}

/// Changes one key that is named.
fn of(one: &One, json: bool, io: &mut Io<'_>, make: impl FnOnce(&Ring, &str) -> Result<Ring, Refused>) -> Exit {
    change(&one.file, json, io, |config, ring| {
        let found = ring.find(&one.key, &config.region, &config.account);
        let arn = Arc::clone(found.map_err(unknown)?.arn());
        Ok((make(ring, &arn)?, arn))
    })
}

/// Changes the file and shows the key that was changed.
fn change(
    file: &File,
    json: bool,
    io: &mut Io<'_>,
    make: impl FnOnce(&Config, &Ring) -> Result<(Ring, Arc<str>), Refused>,
) -> Exit {
    let Some(config) = file.open(io) else { return Exit::Unusable };
    let mut shown = String::new();
    let changed = keyring::change(&config, |ring| {
        let (next, arn) = make(&config, ring)?;
        if let Some(key) = next.by_arn(&arn) {
            shown = if json { json_line(key) } else { line(key) };
        }
        Ok(next)
    });
    match changed {
        Ok(()) => {
            io.print(&shown);
            io.complain("help: a proxy that is running takes it with `bartizan reload`\n");
            Exit::Fine
        }
        Err(findings) => {
            io.complain(&findings.to_string());
            Exit::Unusable
        }
    }
}

fn word(key: &Key) -> &'static str {
    match key.state() {
        State::Enabled => "enabled",
        State::Disabled => "disabled",
        State::PendingDeletion => "pending deletion",
    }
}

/// `ARN  enabled  alias/a alias/b  2 versions, the last of 2026-03-14T09:26:53Z`
fn line(key: &Key) -> String {
    let aliases = key.aliases().collect::<Vec<_>>().join(" ");
    let aliases = if aliases.is_empty() { "-" } else { &aliases };
    let mut text = format!("{}  {}  {aliases}", key.arn(), word(key));
    let _ = match (key.versions().count(), key.versions().last()) {
        (0, _) | (_, None) => writeln!(text, "  no secret here"),
        (1, Some((_, created))) => writeln!(text, "  1 version{}", of_time(created)),
        (count, Some((_, created))) => writeln!(text, "  {count} versions, the last{}", of_time(created)),
    };
    text
}

fn of_time(created: Option<&str>) -> String {
    created.map(|created| format!(" of {created}")).unwrap_or_default()
}

fn json_line(key: &Key) -> String {
    let versions: Vec<_> = key.versions().map(|(id, created)| json!({ "id": id, "created": created })).collect();
    let aliases: Vec<&str> = key.aliases().collect();
    let value = json!({
        "arn": &**key.arn(), "state": word(key), "usage": key.usage().as_str(), "aliases": aliases,
        "versions": versions,
    });
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use super::*;

    #[test]
    fn keys_are_made_listed_rotated_and_switched_off_and_on() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), &["init"]);
        let ran = |args: &[&str]| run(dir.path(), &[&["keys", "ring"], args].concat());
        assert_eq!(ran(&["list"]).out.lines().count(), 2);
        let added = ran(&["add", "alias/red"]);
        assert_eq!(added.exit, Exit::Fine, "{}", added.err);
        assert!(added.out.contains("alias/red  1 version of ") && added.err.contains("bartizan reload"));
        let arn = added.out.split(' ').next().unwrap().to_owned();
        for name in ["alias/red", &arn, arn.rsplit('/').next().unwrap()] {
            assert_eq!(ran(&["disable", name]).exit, Exit::Fine, "{name}");
            assert!(ran(&["list"]).out.contains(&format!("{arn}  disabled  alias/red")), "{name}");
            assert!(ran(&["enable", name]).out.starts_with(&format!("{arn}  enabled")), "{name}");
        }
        assert!(ran(&["rotate", "alias/red"]).out.contains("2 versions, the last of "));
        let listed = ran(&["list", "--json"]).out;
        let last: serde_json::Value = serde_json::from_str(listed.lines().last().unwrap()).unwrap();
        assert_eq!((&last["arn"], &last["state"]), (&json!(arn), &json!("enabled")));
        assert_eq!(last["versions"].as_array().unwrap().len(), 2);
        let file = std::fs::read_to_string(dir.path().join("state/keyring.json")).unwrap();
        let secrets = file.lines().filter_map(|line| line.split('"').nth(3).filter(|_| line.contains("kek_b64")));
        for secret in secrets {
            assert!(secret.len() == 44 && !listed.contains(secret));
        }
    }

    #[test]
    fn a_change_that_cannot_be_made_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), &["init"]);
        let path = dir.path().join("state/keyring.json");
        let before = std::fs::read(&path).unwrap();
        for (args, why) in [
            (&["add", "alias/aws/s3"][..], "already"),
            (&["add", "red"], "no name of a key"),
            (&["rotate", "alias/none"], "Invalid keyId 'alias/none'"),
            (&["disable", "1234abcd-12ab-34cd-56ef-1234567890ab"], "does not exist"),
        ] {
            let ran = run(dir.path(), &[&["keys", "ring"], args].concat());
            assert_eq!(ran.exit, Exit::Unusable, "{args:?}");
            assert!(ran.err.contains(why), "{args:?}: {}", ran.err);
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(run(dir.path(), &["keys", "ring", "add", "alias/a"]).exit, Exit::Unusable);
        assert_eq!(std::fs::read(&path).unwrap(), b"{}", "a broken ring is never replaced");
    }
}
