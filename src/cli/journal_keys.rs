//! `bartizan keys journal`: the key that signs the journal.

use clap::Subcommand;
use serde_json::json;

use super::{Exit, File, Io};
use crate::audit::sign::{self, PUBLIC_KEYS, PublicKey, PublicKeys, SignError};

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

/// Complains about keys.
pub(super) fn fault(error: &SignError, io: &mut Io<'_>) -> Exit {
    io.complain(&format!("error: {error}\nhelp: {}\n", error.help()));
    Exit::Unusable
}
