//! Commands that speak to the running proxy: status, reload, drain.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::env::quote;
use super::{Exit, File, Io};
use crate::audit;
use crate::control::config::Config;
use crate::control::status::{self as running, Draining, Left, Reloaded};
use crate::control::why::plain;

/// How often it is looked whether a draining proxy is still there.
const POLL: Duration = Duration::from_millis(100);
/// How much longer than its drain a proxy may take to end: it cuts off what is left, and closes its journal.
const SPARE: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
pub(super) struct Reload {
    #[command(flatten)]
    file: File,
    /// Take policies that open more than those in force: that is meant
    #[arg(long)]
    allow_widening: bool,
}

#[derive(Args, Debug)]
pub(super) struct Drain {
    #[command(flatten)]
    file: File,
    /// Wait until it has ended: as long as `runtime.drain` allows, and a few seconds
    #[arg(long)]
    wait: bool,
}

/// `bartizan status [-c FILE]`
pub(super) fn status(file: &File, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(config) = file.open(io) else { return Exit::Unusable };
    let missing = match asked(&config, running::missing) {
        Ok(missing) => missing,
        Err(silence) => return silent(&silence, json.then(|| json!({ "ready": false, "missing": [] })), io),
    };
    if json {
        io.print(&format!("{}\n", json!({ "ready": missing.is_empty(), "missing": missing })));
    } else if missing.is_empty() {
        io.print("ready\n");
    } else {
        io.print(&format!("not ready: {}\n", missing.join(", ")));
    }
    if missing.is_empty() { Exit::Fine } else { Exit::No }
}

/// `bartizan reload [-c FILE] [--allow-widening]`
pub(super) fn reload(reload: &Reload, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(config) = reload.file.open(io) else { return Exit::Unusable };
    let Reloaded { whole, generation, findings } =
        match asked(&config, |admin| running::reload(admin, reload.allow_widening)) {
            Ok(reloaded) => reloaded,
            Err(silence) => {
                let nothing = || json!({ "ok": false, "generation": null, "findings": [] });
                return silent(&silence, json.then(nothing), io);
            }
        };
    if json {
        io.print(&format!("{}\n", json!({ "ok": whole, "generation": generation, "findings": findings })));
    } else {
        io.complain(&findings.iter().map(spell_finding).collect::<String>());
        match generation {
            Some(number) if !whole => io.print(&format!("generation {number}; what is broken stays as it was\n")),
            Some(number) => io.print(&format!("generation {number}\n")),
            None => io.print("refused: what was in force stays\n"),
        }
    }
    if whole { Exit::Fine } else { Exit::No }
}

/// `bartizan drain [-c FILE] [--wait]`
pub(super) fn drain(drain: &Drain, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(config) = drain.file.open(io) else { return Exit::Unusable };
    let order = |admin| running::drain(admin).map(|draining| (admin, draining));
    let (admin, Draining { connections, at_most }) = match asked(&config, order) {
        Ok(begun) => begun,
        Err(silence) => return silent(&silence, json.then(|| json!({ "draining": false })), io),
    };
    let seconds = at_most.as_secs();
    if !json {
        let plural = if connections == 1 { "" } else { "s" };
        io.print(&format!("draining: {connections} connection{plural}, {seconds} s at most\n"));
    }
    let ended = drain.wait.then(|| has_ended(admin, &config.journal(), at_most.saturating_add(SPARE)));
    if json {
        let mut told = json!({ "draining": true, "connections": connections, "seconds": seconds });
        if let (Some(ended), Some(told)) = (ended, told.as_object_mut()) {
            told.insert("ended".to_owned(), Value::from(ended));
        }
        io.print(&format!("{told}\n"));
    }
    match ended {
        Some(true) if !json => io.print("ended\n"),
        Some(false) => {
            let waited = at_most.saturating_add(SPARE).as_secs();
            io.complain(&format!(
                "error: the proxy has not ended after {waited} s\nhelp: look into its log; a second SIGTERM cuts off what is left\n"
            ));
            return Exit::No;
        }
        _ => {}
    }
    Exit::Fine
}

/// Waits until the proxy at this address is gone, and its journal free for the next one; false if that takes too
/// long.
fn has_ended(admin: SocketAddr, journal: &Path, patience: Duration) -> bool {
    let begin = Instant::now();
    loop {
        match running::left(admin) {
            Left::Another => return true,
            Left::Nobody if !audit::is_held(journal) => return true,
            Left::Nobody | Left::Draining => {}
        }
        if begin.elapsed() >= patience {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

/// Why nobody could be asked, and what to do.
struct Silence {
    error: String,
    help: String,
}

/// Asks the proxy that runs with this configuration.
fn asked<T>(config: &Config, ask: impl FnOnce(SocketAddr) -> io::Result<T>) -> Result<T, Silence> {
    let file = config.file.display();
    let Some(admin) = config.admin else {
        return Err(Silence {
            error: format!("`{file}` has no [admin] table, so nobody can be asked"),
            help: "add one with `address = \"127.0.0.1:9464\"`, and start the proxy again".to_owned(),
        });
    };
    ask(admin).map_err(|error| {
        let start = if config.development {
            "bartizan serve".to_owned()
        } else {
            format!("bartizan serve -c {}", quote(&file.to_string()))
        };
        Silence {
            error: format!("the admin listener {admin} does not answer: {error}"),
            help: format!(
                "start the proxy with `{start}`; if it runs, name the configuration that it was started with: `-c FILE`"
            ),
        }
    })
}

/// Says that nobody could be asked; `result` is what stands on standard output then, as JSON.
fn silent(silence: &Silence, result: Option<Value>, io: &mut Io<'_>) -> Exit {
    let Silence { error, help } = silence;
    if let Some(mut result) = result {
        if let Some(members) = result.as_object_mut() {
            members.insert("error".to_owned(), Value::from(error.as_str()));
        }
        io.print(&format!("{result}\n"));
    }
    io.complain(&format!("error: {error}\nhelp: {help}\n"));
    Exit::Unusable
}

/// A finding that came as JSON: the text it was found in stayed where it is.
pub(super) fn spell_finding(finding: &Value) -> String {
    let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| finding.get(name).and_then(Value::as_u64).map(|at| format!(":{at}")).unwrap_or_default();
    let mut spelt = format!("{}: {}\n", plain(text("severity")), plain(text("message")));
    let _ = writeln!(spelt, "  at {}{}{}", plain(text("file")), number("line"), number("column"));
    for name in ["label", "help"] {
        if !text(name).is_empty() {
            let _ = writeln!(spelt, "  {name}: {}", plain(text(name)));
        }
    }
    spelt
}

#[cfg(test)]
mod tests;
