//! `bartizan log verify`: whether the journal is what was written. Offline.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, File, Io, journal_keys, trail};
use crate::audit::{self, Finding, Proof, PublicKeys, SignError, Trust};
use crate::control::why::plain;
use crate::time::Seconds;

#[derive(Args, Debug)]
pub(super) struct Verify {
    #[command(flatten)]
    file: File,
    /// A journal's folder, or a copy of it, instead of a configuration's
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    dir: Option<PathBuf>,
    /// The journal's public keys as they were carried away: `bartizan keys journal list`
    #[arg(long, value_name = "FILE")]
    public_keys: Option<PathBuf>,
    /// A copy of the journal's signed head that lies elsewhere [default: the one beside the configuration's key]
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// A journal from before there were signatures will do
    #[arg(long)]
    unsigned_ok: bool,
    /// A loss that is known: the number of the record that tells of it
    #[arg(long, value_name = "NUMBER")]
    known_loss: Vec<u64>,
    /// A folder with delivered CloudTrail files and digests under their object names, to verify as well
    #[arg(long, value_name = "DIR")]
    trail: Option<PathBuf>,
    /// The public keys of its digests, as AWS lists them [default: `public-keys.json` in that folder]
    #[arg(long, value_name = "FILE", requires = "trail")]
    trail_keys: Option<PathBuf>,
    /// The time up to which its digests must reach, like `2026-11-20T05:00:00Z`
    #[arg(long, value_name = "TIME", requires = "trail", value_parser = time)]
    until: Option<Seconds>,
}

fn time(text: &str) -> Result<Seconds, &'static str> {
    Seconds::from_rfc3339(text).ok_or("it is no time like `2026-11-20T05:00:00Z`")
}

/// Verifies the journal, and a trail if one is named.
pub(super) fn run(verify: &Verify, json: bool, io: &mut Io<'_>) -> Exit {
    // A trail alone needs no configuration.
    let trail_alone = verify.trail.is_some() && verify.dir.is_none() && !verify.file.is_there(io);
    let (mut exit, mut told) = (Exit::Fine, serde_json::Map::new());
    if !trail_alone {
        let (dir, head) = match &verify.dir {
            Some(dir) => (io.folder.join(dir), None),
            None => match verify.file.open(io) {
                Some(config) => (config.journal(), Some(audit::head_beside(&config.journal_key()))),
                None => return Exit::Unusable,
            },
        };
        let head = verify.head.as_ref().map(|head| io.folder.join(head)).or(head);
        match journal(verify, &dir, head, io) {
            Ok(proof) => {
                exit = if proof.is_sound() { Exit::Fine } else { Exit::No };
                if json {
                    told.insert("journal".to_owned(), to_json(&proof, &dir));
                } else {
                    io.print(&spell(&proof, &dir));
                    complain(&proof, io);
                }
            }
            Err(unusable) => return unusable,
        }
    }
    if let Some(folder) = &verify.trail {
        match trail::run(&io.folder.join(folder), verify.trail_keys.as_deref(), verify.until, json, io) {
            Ok((sound, report)) => {
                exit = if sound { exit } else { Exit::No };
                told.insert("trail".to_owned(), report);
            }
            Err(unusable) => return unusable,
        }
    }
    if json {
        told.insert("ok".to_owned(), (exit == Exit::Fine).into());
        io.print(&format!("{}\n", Value::Object(told)));
    } else {
        io.print(if exit == Exit::Fine { "ok\n" } else { "bad\n" });
    }
    exit
}

fn journal(verify: &Verify, dir: &Path, head: Option<PathBuf>, io: &mut Io<'_>) -> Result<Proof, Exit> {
    let gone = matches!(dir.try_exists(), Ok(false));
    // A copy of its head tells of a journal whose folder is gone.
    let told_of = gone && head.as_ref().is_some_and(|head| head.is_file());
    // A folder that was named by hand is none that a start makes.
    if verify.dir.is_some() && gone && !told_of {
        io.complain(&format!(
            "error: there is no journal in `{}`\nhelp: name its folder with `--dir DIR`, or the configuration with `-c FILE`\n",
            dir.display()
        ));
        return Err(Exit::Unusable);
    }
    if !told_of && !super::look::is_journal(dir, io) {
        return Err(Exit::Unusable);
    }
    let unusable = |error: SignError, io: &mut Io<'_>| journal_keys::fault(&error, io);
    let carried = verify.public_keys.as_ref().map(|file| PublicKeys::read(&io.folder.join(file))).transpose();
    let keys = carried.map_err(|error| unusable(error, io))?;
    if let Some(head) = verify.head.as_ref().map(|head| io.folder.join(head)).filter(|head| !head.is_file()) {
        io.complain(&format!("error: there is no head in `{}`\nhelp: name a copy of `head.json`\n", head.display()));
        return Err(Exit::Unusable);
    }
    let (known_losses, unsigned_ok) = (verify.known_loss.clone(), verify.unsigned_ok);
    let trust = Trust { keys, head, unsigned_ok, known_losses };
    let proof = audit::prove(dir, &trust).map_err(|error| unusable(error, io))?;
    if proof.is_of_nothing() {
        io.complain(&format!(
            "error: `{}` holds no journal: none of its files is here, and no head that speaks of any\nhelp: name the folder of one\n",
            dir.display()
        ));
        return Err(Exit::Unusable);
    }
    Ok(proof)
}

fn spell(proof: &Proof, dir: &Path) -> String {
    let audit::Summary { files, records, intents, completions, combined, gaps, first, last, sealed } = proof.summary;
    let mut text = format!("journal   {}\n", dir.display());
    let (Some(first), Some(last)) = (first, last) else {
        text.push_str("records   none\n");
        return text;
    };
    let _ = writeln!(
        text,
        "records   {first} to {last} in {files} files, {records} in all: {intents} intents, {completions} completions, \
         {combined} refusals, {gaps} gaps"
    );
    match (proof.signed_from, proof.signed_to) {
        (Some(from), Some(to)) => {
            let keys = if proof.own_keys { "keys that you brought" } else { "keys that lie beside the journal" };
            let _ = writeln!(text, "signed    up to {to}, since {from}, by {} signatures of {keys}", proof.signatures);
            if to < last {
                let _ = writeln!(text, "unsigned  {} to {last}: no signature covers them yet", to + 1);
            }
        }
        _ => text.push_str("signed    nothing: whoever can write to the journal's folder can write all of it anew\n"),
    }
    if proof.begins_at.is_some() {
        let _ = writeln!(text, "removed   what was before record {first}, by retention, and that is signed for");
    } else if first > 1 && proof.is_sound() {
        let _ = writeln!(text, "removed   what was before record {first}; nothing that is signed says why");
    }
    if let Some(to) = proof.untimed_to {
        let _ = writeln!(text, "times     those up to record {to} are not signed for: an earlier version wrote them");
    }
    if let Some(offset) = proof.half_written {
        let _ = writeln!(
            text,
            "half      a write was interrupted at octet {offset} of the last file; the next start cuts it off"
        );
    }
    for (from, to, told) in &proof.late {
        let _ =
            writeln!(text, "late      {from} to {to} were signed for only at the next start, as record {told} tells");
    }
    for known in &proof.known {
        let _ = writeln!(text, "known     {}", plain(&known.to_string()));
    }
    let _ = writeln!(
        text,
        "{}",
        if sealed { "closed    yes" } else { "closed    no: it is being written, or was not closed" }
    );
    text
}

/// The first of what is wrong in full, the rest shorter.
fn complain(proof: &Proof, io: &mut Io<'_>) {
    for (nth, finding) in proof.findings.iter().enumerate() {
        let help = if nth == 0 { format!("help: {}\n", finding.what.help()) } else { String::new() };
        io.complain(&format!("error: {}\n{help}", plain(&finding.to_string())));
    }
}

fn to_json(proof: &Proof, dir: &Path) -> Value {
    let audit::Summary { files, records, intents, completions, combined, gaps, first, last, sealed } = proof.summary;
    let finding = |finding: &Finding| {
        json!({
            "code": finding.what.code(),
            "file": finding.path.display().to_string(),
            "offset": finding.offset,
            "record": finding.number,
            "message": finding.what.to_string(),
            "help": finding.what.help(),
        })
    };
    json!({
        "folder": dir.display().to_string(),
        "ok": proof.is_sound(),
        "files": files, "records": records, "intents": intents, "completions": completions,
        "combined": combined, "gaps": gaps, "first": first, "last": last, "closed": sealed,
        "signatures": proof.signatures, "signed_from": proof.signed_from, "signed_to": proof.signed_to,
        "half_written": proof.half_written,
        "late": proof.late.iter().map(|(from, to, told)| json!([from, to, told])).collect::<Vec<_>>(),
        "untimed_to": proof.untimed_to,
        "own_keys": proof.own_keys, "begins_at": proof.begins_at,
        "findings": proof.findings.iter().map(finding).collect::<Vec<_>>(),
        "known": proof.known.iter().map(finding).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
