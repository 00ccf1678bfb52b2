//! `bartizan certs`: the certificates that a configuration names, and a new one in the place of one of ours.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::running::spell_finding;
use super::{Exit, File, Io};
use crate::control::certs::{self, About, RenewFault, Renewed};
use crate::control::check::{self, KeyState, Named};
use crate::control::config::{Config, Tls};
use crate::control::{Finding, Findings, status};
use crate::time::Seconds;

#[derive(Debug, Subcommand)]
pub(super) enum Certs {
    /// Print every certificate that the configuration names, and what is wrong with it; exit status 1 if anything is
    Show(File),
    /// Make new server certificates with the same names, under the CA that issued the old ones, if its key is here
    ///
    /// The CA and its key are looked for beside the certificate as `ca.pem` and `ca.key`, where `init`, development mode
    /// and `certs/make.sh` leave them, then in `listen.tls.mint`.
    Rotate(File),
}

/// Runs one of them.
pub(super) fn run(command: &Certs, json: bool, io: &mut Io<'_>) -> Exit {
    match command {
        Certs::Show(file) => show(file, json, io),
        Certs::Rotate(file) => rotate(file, json, io),
    }
}

/// One file, and what was found in it.
struct Shown<'c> {
    named: Named<'c>,
    /// The certificates in their order, as far as they can be understood.
    all: Vec<About>,
    key: Option<KeyState>,
    findings: Findings,
}

impl<'c> Shown<'c> {
    fn of(named: Named<'c>, now: Seconds) -> Self {
        let chain = certs::chain(named.file).unwrap_or_default();
        let all: Vec<About> = chain.iter().filter_map(|one| certs::about(one).ok()).collect();
        let mut findings = check::certificate(&named, now);
        if let Some(first) = all.first() {
            for host in named.hosts.iter().filter(|host| !first.covers(host)) {
                let message = format!("the certificate lacks the name `{host}`, which `hosts` has");
                let help = "have one made that has it, or take it out of `hosts`";
                findings.push(Finding::file(named.file, message).help(help));
            }
        }
        let key = named.key.map(|key| KeyState::of(named.file, key));
        Self { named, all, key, findings }
    }

    fn to_json(&self, now: Seconds) -> Value {
        let Named { what, file, key, .. } = &self.named;
        let certificates: Vec<Value> = self.all.iter().map(|about| about_json(about, now)).collect();
        let key = self.key.zip(*key).map(|(state, path)| {
            let mode = state.mode.map(|mode| format!("{mode:04o}"));
            json!({ "file": path.display().to_string(), "fits": state.fits, "mode": mode, "safe": state.is_safe() })
        });
        let findings: Vec<Value> = self.findings.iter().map(Finding::to_json).collect();
        json!({
            "for": what, "file": file.display().to_string(), "certificates": certificates, "key": key,
            "findings": findings,
        })
    }

    fn spell(&self, now: Seconds, text: &mut String) {
        let _ = writeln!(text, "{}: {}", self.named.what, self.named.file.display());
        for (at, about) in self.all.iter().enumerate() {
            if at > 0 {
                let _ = writeln!(text, "  and");
            }
            spell_about(about, now, text);
        }
        if let Some((state, path)) = self.key.zip(self.named.key) {
            let fits = match state.fits {
                Some(true) => "fits",
                Some(false) => "belongs to another certificate",
                None => "cannot be compared",
            };
            let safe = if state.is_safe() { "safe" } else { "open to everybody" };
            let mode = state.mode.map_or_else(|| "no such file".to_owned(), |mode| format!("mode {mode:04o}, {safe}"));
            let _ = writeln!(text, "  key          {}: {fits}, {mode}", path.display());
        }
    }
}

fn about_json(about: &About, now: Seconds) -> Value {
    json!({
        "subject": about.subject, "names": about.names, "issuer": about.issuer,
        "not_before": about.not_before.rfc3339(), "not_after": about.not_after.rfc3339(),
        "days_left": about.days_left(now), "key_algorithm": about.algorithm, "sha256": about.fingerprint,
    })
}

fn spell_about(about: &About, now: Seconds, text: &mut String) {
    let names = if about.names.is_empty() { "none".to_owned() } else { about.names.join(", ") };
    let days = about.days_left(now);
    let left = if days < 0 { "ended".to_owned() } else { format!("{days} days left") };
    for (name, value) in [
        ("subject", about.subject.as_str()),
        ("names", &names),
        ("issuer", &about.issuer),
        ("not before", &about.not_before.rfc3339()),
        ("not after", &format!("{}, {left}", about.not_after.rfc3339())),
        ("algorithm", &about.algorithm),
        ("SHA-256", &about.fingerprint),
    ] {
        let _ = writeln!(text, "  {name:12} {}", crate::control::why::plain(value));
    }
}

/// `bartizan certs show [-c FILE]`
fn show(file: &File, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(config) = file.open(io) else { return Exit::Unusable };
    let now = io.clock.now();
    let shown: Vec<Shown<'_>> = check::named(&config).into_iter().map(|named| Shown::of(named, now)).collect();
    let well = !shown.iter().any(|shown| shown.findings.has_errors());
    if json {
        let files: Vec<Value> = shown.iter().map(|shown| shown.to_json(now)).collect();
        io.print(&format!("{}\n", json!({ "ok": well, "files": files })));
    } else {
        let mut text = String::new();
        shown.iter().for_each(|shown| shown.spell(now, &mut text));
        if shown.is_empty() {
            text.push_str("the configuration names no certificates\n");
        }
        io.print(&text);
        shown.iter().for_each(|shown| io.complain(&shown.findings.to_string()));
    }
    if well { Exit::Fine } else { Exit::No }
}

/// What became of the pairs of a configuration.
#[derive(Default)]
struct Rotated<'c> {
    made: Vec<(&'c Path, &'c Path, Renewed)>,
    refused: Vec<(&'c Path, RenewFault)>,
}

/// `bartizan certs rotate [-c FILE]`
fn rotate(file: &File, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(config) = file.open(io) else { return Exit::Unusable };
    let rotated = renew(&config, io.clock.now());
    if rotated.made.is_empty() && rotated.refused.is_empty() {
        io.complain(
            "error: no listener has a certificate\nhelp: add `tls = { certificate = \"…\", key = \"…\" }` to one\n",
        );
    }
    for (path, fault) in &rotated.refused {
        // Where one is ours, the others are not what was meant.
        let word = match fault {
            RenewFault::Foreign(..) if !rotated.made.is_empty() => "note",
            _ => "error",
        };
        let kept = match fault.nothing_changed() {
            true => format!("\n  `{}` and its key are as they were", path.display()),
            false => String::new(),
        };
        io.complain(&format!("{word}: {fault}{kept}\nhelp: {}\n", fault.help()));
    }
    rotated.made.iter().for_each(|(.., renewed)| io.complain(&renewed.notes.to_string()));
    let taken = (!rotated.made.is_empty()).then(|| reload(&config, io)).flatten();
    if json {
        io.print(&format!("{}\n", rotated.to_json(taken)));
    } else {
        io.print(&rotated.spell(taken));
    }
    let failed = |(_, fault): &(&Path, RenewFault)| !matches!(fault, RenewFault::Foreign(..));
    match taken {
        _ if rotated.made.is_empty() || rotated.refused.iter().any(failed) => Exit::Unusable,
        Some(false) => Exit::No,
        _ => Exit::Fine,
    }
}

/// Makes each pair of a listener anew; several listeners may have the same pair.
fn renew(config: &Config, now: Seconds) -> Rotated<'_> {
    let mut rotated = Rotated::default();
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for pair in config.listen.iter().filter_map(|listener| listener.tls.as_ref()).map(Pair::of) {
        if !pairs.iter().any(|known| known.files == pair.files) {
            pairs.push(pair);
        }
    }
    for pair in &pairs {
        let (certificate, key) = (pair.tls.certificate.as_path(), pair.tls.key.as_path());
        let mint = pair.tls.mint.as_ref().map(|mint| (mint.ca.as_path(), mint.key.as_path()));
        let renewed = match pairs.iter().find_map(|other| pair.torn_from(other)) {
            Some(why) => Err(RenewFault::Shared(certificate.to_owned(), why)),
            None => certs::renew(certificate, key, mint, now),
        };
        match renewed {
            Ok(renewed) => rotated.made.push((certificate, key, renewed)),
            Err(fault) => rotated.refused.push((certificate, fault)),
        }
    }
    rotated
}

/// The certificate and the key of a listener.
struct Pair<'c> {
    tls: &'c Tls,
    /// Where both lie, whatever links lead there.
    files: [PathBuf; 2],
}

impl<'c> Pair<'c> {
    fn of(tls: &'c Tls) -> Self {
        let files = [&tls.certificate, &tls.key].map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
        Self { tls, files }
    }

    /// Why another pair no longer fits if this one is made anew: one half of it would be new.
    fn torn_from(&self, other: &Self) -> Option<String> {
        let ([certificate, key], [other_certificate, other_key]) = (&self.files, &other.files);
        match (certificate == other_certificate, key == other_key) {
            (false, true) => Some(format!("`{}` has the same key `{}`", other_certificate.display(), key.display())),
            (true, false) => Some(format!("it has a second key file, `{}`", other_key.display())),
            _ => None,
        }
    }
}

/// Has the running proxy take them; none where nobody could be asked. Complains itself.
fn reload(config: &Config, io: &mut Io<'_>) -> Option<bool> {
    let reloaded = status::reload(config.admin?, false).ok()?;
    io.complain(&reloaded.findings.iter().map(spell_finding).collect::<String>());
    Some(reloaded.whole)
}

impl Rotated<'_> {
    fn to_json(&self, taken: Option<bool>) -> Value {
        let made = self.made.iter().map(|(certificate, key, renewed)| {
            let about = &renewed.about;
            json!({
                "file": certificate.display().to_string(), "key": key.display().to_string(), "names": about.names,
                "not_after": about.not_after.rfc3339(), "ends_with_ca": renewed.capped, "sha256": about.fingerprint,
                "findings": renewed.notes.iter().map(Finding::to_json).collect::<Vec<_>>(),
            })
        });
        let refused = self.refused.iter().map(|(certificate, fault)| {
            json!({ "file": certificate.display().to_string(), "why": fault.to_string(), "help": fault.help() })
        });
        json!({ "rotated": made.collect::<Vec<_>>(), "refused": refused.collect::<Vec<_>>(), "reloaded": taken })
    }

    fn spell(&self, taken: Option<bool>) -> String {
        let mut text = String::new();
        for (certificate, key, Renewed { about, capped, .. }) in &self.made {
            let (certificate, key, names) = (certificate.display(), key.display(), about.names.join(", "));
            let _ = writeln!(text, "wrote {key}\nwrote {certificate}");
            let why = if *capped { ", when its CA ends" } else { "" };
            let _ = writeln!(text, "  for {names}\n  until {}{why}", about.not_after.rfc3339());
        }
        let _ = match taken {
            _ if self.made.is_empty() => Ok(()),
            Some(true) => writeln!(text, "the running proxy has taken it"),
            Some(false) => writeln!(text, "the running proxy has not taken all that it was to take anew"),
            None => writeln!(
                text,
                "no running proxy could be asked; one that runs takes it within seconds, or at once on SIGHUP"
            ),
        };
        text
    }
}

#[cfg(test)]
mod tests;
