//! Commands that look and tell: init, check, doctor, log.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Value, json};

use super::log::{self, Format};
use super::{Exit, File, Io, Place, Tail, count};
use crate::audit::{self, StartAt};
use crate::control::why::plain;
use crate::control::{Findings, check, development, doctor, files, init};

/// `bartizan init [DIR]`
pub(super) fn init(folder: &Path, json: bool, program: &str, io: &mut Io<'_>) -> Exit {
    // "." adds nothing to a path but noise.
    let folder = if folder == Path::new(".") { io.folder.clone() } else { io.folder.join(folder) };
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder.as_path() };
    match init::run(shown, io.clock.now()) {
        Ok(init::Written { files, extended }) if json => {
            let paths: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
            let extended = extended.map(|path| path.display().to_string());
            io.print(&format!("{}\n", json!({ "written": paths, "extended": extended })));
            Exit::Fine
        }
        Ok(init::Written { files, extended }) => {
            let mut text = String::new();
            for path in files {
                let _ = writeln!(text, "wrote {}", path.display());
            }
            if let Some(path) = extended {
                let _ = writeln!(text, "added to {}: what holds secrets is ignored by git", path.display());
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
        Place::File(path) => file.load(path, io),
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
        Place::File(path) if !path.is_file() || std::fs::File::open(path).is_err() => Exit::Unusable,
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
    if !is_journal(&config.journal(), io) {
        return Exit::Unusable;
    }
    match records(&config.journal(), tail, io) {
        Ok(()) => Exit::Fine,
        Err(damage) => damaged(&damage, io),
    }
}

/// Whether there is a folder of a journal that this user may read. Complains itself.
pub(super) fn is_journal(journal: &Path, io: &mut Io<'_>) -> bool {
    match std::fs::read_dir(journal) {
        Ok(_) => true,
        Err(error) => {
            io.complain(&no_journal(journal, &error));
            false
        }
    }
}

/// Why a folder cannot be read as a journal, and what to do. What may not be looked at may be there.
fn no_journal(journal: &Path, error: &std::io::Error) -> String {
    let shown = journal.display();
    match error.kind() {
        ErrorKind::NotFound => format!(
            "error: there is no journal in `{shown}` yet\nhelp: `bartizan serve` makes it, with this configuration\n"
        ),
        ErrorKind::PermissionDenied => {
            format!("error: this user may not read the journal in `{shown}`\nhelp: {}\n", files::OTHER_USER)
        }
        ErrorKind::NotADirectory => format!(
            "error: `{shown}` is no folder, as a journal is one\nhelp: move the file away, or name another `state` folder\n"
        ),
        _ => format!("error: the journal in `{shown}` cannot be read: {error}\nhelp: look at its disk\n"),
    }
}

/// Complains about a journal that is damaged, or that this user may not read.
pub(super) fn damaged(damage: &audit::Damage, io: &mut Io<'_>) -> Exit {
    match &damage.fault {
        audit::Fault::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
            io.complain(&no_journal(&damage.path, error));
            Exit::Unusable
        }
        _ => {
            io.complain(&format!("error: {damage}\n"));
            Exit::No
        }
    }
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
    if !is_journal(&config.journal(), io) {
        return Exit::Unusable;
    }
    let entries = match audit::find(&config.journal(), id) {
        Ok(entries) => entries,
        Err(damage) => return damaged(&damage, io),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_of_another_user_is_not_called_absent() {
        let told = no_journal(Path::new("state/journal"), &ErrorKind::PermissionDenied.into());
        assert!(told.starts_with("error: this user may not read the journal in `state/journal`\nhelp: "), "{told}");
        let told = no_journal(Path::new("state/journal"), &ErrorKind::NotFound.into());
        assert!(told.starts_with("error: there is no journal in `state/journal` yet\nhelp: "), "{told}");
    }

    #[test]
    fn a_file_that_may_not_be_read_is_no_damage() {
        let damage = |fault| audit::Damage { path: "state/journal/1".into(), offset: 0, fault };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let environment = std::collections::BTreeMap::new();
        let clock = &crate::time::SystemClock;
        let mut io = Io { out: &mut out, err: &mut err, environment: &environment, folder: "".into(), clock };
        let denied = std::io::Error::from(ErrorKind::PermissionDenied);
        assert_eq!(damaged(&damage(audit::Fault::Io(denied)), &mut io), Exit::Unusable);
        assert_eq!(damaged(&damage(audit::Fault::Foreign), &mut io), Exit::No);
        let err = String::from_utf8(err).unwrap();
        assert!(err.contains("may not read") && err.contains("octet 0: the file belongs to another"), "{err}");
    }
}
