//! Commands that look and tell: init, check, doctor, log.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::log::{self, Format};
use super::{Exit, File, Io, Place, Tail, count};
use crate::audit::{self, StartAt};
use crate::control::config::Config;
use crate::control::why::plain;
use crate::control::{Findings, check, development, doctor, init};

/// `bartizan init [DIR]`
pub(super) fn init(folder: &Path, json: bool, program: &str, io: &mut Io<'_>) -> Exit {
    // "." adds nothing to a path but noise.
    let folder = if folder == Path::new(".") { io.folder.clone() } else { io.folder.join(folder) };
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder.as_path() };
    match init::run(shown, io.clock.now()) {
        Ok(written) if json => {
            let paths: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
            io.print(&format!("{}\n", json!({ "written": paths })));
            Exit::Fine
        }
        Ok(written) => {
            let mut text = String::new();
            for path in written {
                let _ = writeln!(text, "wrote {}", path.display());
            }
            let file = shown.join("bartizan.toml");
            let file = super::env::quote(&file.display().to_string());
            let program = super::env::quote(program);
            let _ = writeln!(text, "next:\n  {program} serve -c {file}\n  eval \"$({program} env -c {file})\"");
            let _ = writeln!(text, "  aws s3 mb s3://{}", init::BUCKET);
            io.print(&text);
            Exit::Fine
        }
        Err(fault) => {
            let (what, help) = match fault.is_in_the_way() {
                true => ("nothing was written", "choose another folder, or move the file away"),
                false => ("the configuration could not be written", "choose a folder that you may write to"),
            };
            io.complain(&format!("error: {what}: {fault}\nhelp: {help}\n"));
            Exit::Unusable
        }
    }
}

/// `bartizan check [-c FILE]`
pub(super) fn check(file: &File, json: bool, io: &mut Io<'_>) -> Exit {
    let place = file.place(io);
    let loaded = match &place {
        Place::File(path) => Config::load(path, io.environment),
        Place::Development(folder) => match development::open(folder) {
            Some(Ok(config)) => Ok((config, Findings::default())),
            _ => {
                let _ = file.open(io);
                return Exit::Unusable;
            }
        },
    };
    let findings = match loaded {
        Ok((config, mut findings)) => {
            findings.extend(check::run(&config, io.environment, io.clock.now()));
            findings
        }
        Err(findings) => findings,
    };
    let exit = match &place {
        // There was nothing to look at.
        Place::File(path) if !path.is_file() => Exit::Unusable,
        _ if findings.has_errors() => Exit::No,
        _ => Exit::Fine,
    };
    if json {
        let list: Vec<_> = findings.iter().map(crate::control::Finding::to_json).collect();
        io.print(&format!("{}\n", json!({ "ok": exit == Exit::Fine, "findings": list })));
    } else {
        io.complain(&findings.to_string());
        io.print(&format!("{}\n", if findings.is_empty() { "ok".to_owned() } else { count(&findings) }));
    }
    exit
}

/// `bartizan doctor [-c FILE]`
pub(super) fn doctor(file: &File, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(config) = file.open(io) else { return Exit::Unusable };
    let checked = doctor::run(&config, io.clock);
    let healthy = checked.iter().all(|checked| checked.fix.is_none());
    if json {
        let list: Vec<_> = checked
            .iter()
            .map(|checked| json!({ "what": checked.what, "found": checked.found, "fix": checked.fix }))
            .collect();
        io.print(&format!("{}\n", json!({ "ok": healthy, "checked": list })));
    } else {
        let mut text = String::new();
        for checked in &checked {
            let word = if checked.fix.is_some() { "bad" } else { "ok " };
            let _ = writeln!(text, "{word} {}: {}", checked.what, checked.found);
            if let Some(fix) = &checked.fix {
                let _ = writeln!(text, "    fix: {fix}");
            }
        }
        io.print(&text);
    }
    if healthy { Exit::Fine } else { Exit::No }
}

/// `bartizan log tail [-c FILE] [--follow] [--format FORMAT]`; as JSON the records as they stand in the
/// journal.
pub(super) fn log_tail(tail: &Tail, json: bool, io: &mut Io<'_>) -> Exit {
    if !tail.format.goes_with(json, io) {
        return Exit::Unusable;
    }
    if tail.format != Format::Json {
        return log::tail(tail, tail.format, io);
    }
    let Some(config) = tail.file.open(io) else { return Exit::Unusable };
    if !config.journal().exists() {
        no_journal(&config, io);
        return Exit::No;
    }
    match records(&config.journal(), tail, io) {
        Ok(()) => Exit::Fine,
        Err(fault) => {
            io.complain(&format!("error: {fault}\n"));
            Exit::No
        }
    }
}

pub(super) fn no_journal(config: &Config, io: &mut Io<'_>) {
    io.complain(&format!(
        "error: there is no journal in `{}` yet\nhelp: it is made by `bartizan serve` with this configuration\n",
        config.journal().display()
    ));
}

/// Prints the records of a journal, and goes on as they come if asked to.
fn records(journal: &Path, tail: &Tail, io: &mut Io<'_>) -> Result<(), audit::Damage> {
    let start = tail.last.map_or(StartAt::First, |last| StartAt::Last(usize::try_from(last).unwrap_or(usize::MAX)));
    audit::tail(journal, start, tail.follow, io.out, &|| false)
}

/// Whether it is a request id. Complains itself.
pub(super) fn is_request_id(id: &str, io: &mut Io<'_>) -> bool {
    let fits = id.len() == 16 && id.bytes().all(|octet| octet.is_ascii_uppercase() || octet.is_ascii_digit());
    if !fits {
        io.complain("error: this is no request id\nhelp: take the 16 characters of `x-amz-request-id`\n");
    }
    fits
}

/// `bartizan log find REQUEST-ID [-c FILE]`
pub(super) fn log_find(file: &File, id: &str, json: bool, io: &mut Io<'_>) -> Exit {
    if !is_request_id(id, io) {
        return Exit::Unusable;
    }
    let Some(config) = file.open(io) else { return Exit::Unusable };
    let entries = match audit::find(&config.journal(), id) {
        Ok(entries) => entries,
        Err(fault) => {
            io.complain(&format!("error: {fault}\n"));
            return Exit::No;
        }
    };
    let records: Vec<Value> = entries.iter().filter_map(|entry| serde_json::from_slice(&entry.line()).ok()).collect();
    if json {
        io.print(&format!("{}\n", json!({ "request_id": id, "records": records })));
    } else {
        io.print(&records.iter().map(spell_record).collect::<Vec<_>>().join("\n"));
    }
    if records.is_empty() {
        io.complain(&format!("error: the journal has no request {id}\n"));
        return Exit::No;
    }
    Exit::Fine
}

/// A record for people: one member a line, texts of several lines below their name.
fn spell_record(record: &Value) -> String {
    let mut text = String::new();
    spell_members(record, 0, &mut text);
    text
}

fn spell_members(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => {
                let _ = writeln!(text, "{indent}{name}:");
                spell_members(value, depth + 1, text);
            }
            Value::String(lines) if lines.contains('\n') => {
                let _ = writeln!(text, "{indent}{name}:");
                for line in lines.split('\n') {
                    let _ = writeln!(text, "{indent}  | {}", plain(line));
                }
            }
            Value::String(line) => {
                let _ = writeln!(text, "{indent}{name}: {}", plain(line));
            }
            other => {
                let _ = writeln!(text, "{indent}{name}: {other}");
            }
        }
    }
}
