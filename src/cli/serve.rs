//! `bartizan serve`

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::Arc;

use serde_json::json;

use super::env::quote;
use super::{Exit, File, Io, Place};
use crate::control::config::{Config, Log, LogFormat};
use crate::control::metrics::Metrics;
use crate::control::policies::Loaded;
use crate::control::{check, credentials, development, policies};
use crate::gate;
use crate::identity::Directory;
use crate::server::Bound;

/// Everything that was read and found good before an address is bound.
pub(crate) struct Prepared {
    /// The configuration.
    pub(crate) config: Config,
    /// Accounts and access keys.
    pub(crate) directory: Directory,
    /// The policies, for this directory.
    pub(crate) loaded: Loaded,
    /// Empty counters.
    pub(crate) metrics: Arc<Metrics>,
}

/// Runs the proxy until it is told to stop.
pub(super) fn run(file: &File, json: bool, program: &str, io: &mut Io<'_>) -> Exit {
    let Some(prepared) = prepare(file, io) else { return Exit::Unusable };
    start_log(prepared.config.log);
    let development = prepared.config.development;
    let announce = |bound: &[Bound]| io.print(&announcement(bound, development, json, program));
    match launch(prepared, announce) {
        Ok(()) => Exit::Fine,
        Err(fault) => {
            // Findings say themselves that they are errors, and what to do.
            let told = fault.findings().map(ToString::to_string).unwrap_or_else(|| {
                let help = fault.help().map(|help| format!("help: {help}\n")).unwrap_or_default();
                format!("error: {fault}\n{help}")
            });
            io.complain(&told);
            Exit::Unusable
        }
    }
}

/// Serves until told to stop.
fn launch(prepared: Prepared, announce: impl FnOnce(&[Bound])) -> Result<(), gate::GateError> {
    let Prepared { config, directory, loaded, metrics } = prepared;
    gate::run(config, directory, loaded, &metrics, announce)
}

/// Reads everything and refuses to go on with a fault in any of it.
fn prepare(file: &File, io: &mut Io<'_>) -> Option<Prepared> {
    let now = io.clock.now();
    let config = match file.place(io) {
        Place::File(_) => file.open(io)?,
        Place::Development(folder) => match development::prepare(&folder, now) {
            Ok(config) => config,
            Err(fault) => {
                let help =
                    "start it in a folder that you may write to, or write a configuration with `bartizan init DIR`";
                io.complain(&format!("error: development mode cannot start: {fault}\nhelp: {help}\n"));
                return None;
            }
        },
    };
    let mut findings = check::certificates(&config, now);
    findings.extend(check::state(&config));
    let read = credentials::load(&config, io.environment).and_then(|(directory, warnings)| {
        findings.extend(warnings);
        policies::load(&config, &directory).map(|loaded| (directory, loaded))
    });
    match &read {
        Ok((_, loaded)) => findings.extend(loaded.warnings.clone()),
        Err(faults) => findings.extend(faults.clone()),
    }
    io.complain(&findings.to_string());
    if findings.has_errors() {
        return None;
    }
    let (directory, loaded) = read.ok()?;
    Some(Prepared { config, directory, loaded, metrics: Arc::new(Metrics::default()) })
}

/// One line per address, in development mode the three lines to try it, and `ready`.
fn announcement(bound: &[Bound], development: bool, json: bool, program: &str) -> String {
    let mut text = String::new();
    for Bound { name, address, tls } in bound {
        let url = format!("{}://{address}", if *tls { "https" } else { "http" });
        let _ = if json {
            writeln!(text, "{}", json!({ "listener": name, "url": url }))
        } else {
            writeln!(text, "{name} listens on {url}")
        };
    }
    if json {
        let _ = writeln!(text, "{}", json!({ "ready": true }));
        return text;
    }
    if development {
        let program = quote(program);
        let _ = writeln!(text, "eval \"$({program} env)\"\naws s3 mb s3://first-bucket\naws s3 ls");
    }
    text.push_str("ready\n");
    text
}

/// The log of the program itself goes to standard error: text for people, JSON for machines.
fn start_log(log: Log) {
    let text = match log.format {
        Some(format) => format == LogFormat::Text,
        None => std::io::stderr().is_terminal(),
    };
    let filter = tracing_subscriber::EnvFilter::new(log.level.as_str());
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    // A second start in one process keeps the first log.
    let _ = if text { builder.try_init() } else { builder.json().try_init() };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_the_last_line() {
        let bound = [
            Bound { name: "main".to_owned(), address: "127.0.0.1:9443".parse().unwrap(), tls: true },
            Bound { name: "admin".to_owned(), address: "127.0.0.1:9464".parse().unwrap(), tls: false },
        ];
        assert_eq!(
            announcement(&bound, true, false, "./my bartizan"),
            "main listens on https://127.0.0.1:9443\nadmin listens on http://127.0.0.1:9464\n\
             eval \"$('./my bartizan' env)\"\naws s3 mb s3://first-bucket\naws s3 ls\nready\n"
        );
        assert_eq!(announcement(&bound[1..], false, false, "x"), "admin listens on http://127.0.0.1:9464\nready\n");
        assert!(announcement(&bound, true, true, "x").ends_with("{\"ready\":true}\n"));
    }
}
