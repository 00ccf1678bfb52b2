//! `bartizan keys journal`: the key that signs the journal. `bartizan keys trail`: the one of digests.

use clap::Subcommand;
use serde_json::json;

use super::{Exit, File, Io};
use crate::audit::digest::{self, SigningKey};
use crate::audit::sign::{self, PUBLIC_KEYS, PublicKey, PublicKeys, SignError};
use crate::control::files::read_private;

/// The longest file of a key.
const LONGEST: u64 = 64 << 10;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the public keys, as a list that can be carried away for `log verify --public-keys`
    List(File),
    /// Put a new key in the place of the one in use, which vouches for it
    Rotate(File),
}

/// Runs one of them.
pub(super) fn run(command: &Command, json: bool, io: &mut Io<'_>) -> Exit {
    let (Command::List(file) | Command::Rotate(file)) = command;
    let Some(config) = file.open(io) else { return Exit::Unusable };
    let dir = config.journal();
    match command {
        Command::List(_) => match PublicKeys::read(&dir.join(PUBLIC_KEYS)) {
            // The list as it is, so that it can be kept.
            Ok(list) => {
                let text = serde_json::to_string_pretty(&list).unwrap_or_default();
                io.print(&format!("{text}\n"));
                Exit::Fine
            }
            Err(error) => fault(&error, io),
        },
        Command::Rotate(_) => match sign::rotate(&config.journal_key(), &dir) {
            Ok(PublicKey { id, from, by, .. }) => {
                if json {
                    io.print(&format!("{}\n", json!({ "id": id, "from": from, "by": by })));
                } else {
                    io.print(&format!("{id}  from {from}, vouched for by {by}\n"));
                }
                io.complain(
                    "help: a proxy that is running takes it within two seconds; carry the list away again with \
                     `bartizan keys journal list`\n",
                );
                Exit::Fine
            }
            Err(error) => fault(&error, io),
        },
    }
}

/// `bartizan keys trail [-c FILE]`
pub(super) fn trail(file: &File, io: &mut Io<'_>) -> Exit {
    let Some(config) = file.open(io) else { return Exit::Unusable };
    let Some(path) = &config.audit.delivery.trail_key else {
        io.complain(
            "error: no key signs digests\nhelp: make one with `openssl genrsa -out trail.pem 2048` and write \
             `trail_key = \"trail.pem\"` in `[audit]`\n",
        );
        return Exit::No;
    };
    let read = read_private(path, LONGEST).map_err(|fault| fault.to_string());
    let key = read.and_then(|pem| SigningKey::from_pem(pem.as_bytes()).map_err(|error| error.to_string()));
    match key {
        Ok(key) => {
            io.print(&format!("{}\n", digest::PublicKey::spell_list(std::slice::from_ref(key.public()))));
            Exit::Fine
        }
        Err(error) => {
            io.complain(&format!(
                "error: `{}`: {error}\nhelp: name another with `[audit] trail_key`\n",
                path.display()
            ));
            Exit::Unusable
        }
    }
}

/// Complains about keys.
pub(super) fn fault(error: &SignError, io: &mut Io<'_>) -> Exit {
    io.complain(&format!("error: {error}\nhelp: {}\n", error.help()));
    Exit::Unusable
}
