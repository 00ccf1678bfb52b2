//! `bartizan policy`: questions over the whole set of policies.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::explain::{Standing, implausible};
use super::{Exit, File, Io, key_value};
use crate::control::config::Config;
use crate::control::policies::{self, Loaded};
use crate::control::why::plain;
use crate::control::why::search::{self, Difference, Differences, May, Side};
use crate::control::{Finding, Findings, credentials};
use crate::identity::Directory;
use crate::policy::engine::Decision;
use crate::time::Millis;

#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Search for requests that two policies folders answer differently
    Diff(Diff),
    /// Show what can hardly be meant
    Lint(File),
    /// Show the buckets whose policies are public
    Public(File),
    /// Run the policy tests
    Test(File),
    /// Show who can do something, of everybody who is configured or named
    WhoCan(WhoCan),
}

#[derive(Args, Debug)]
pub(super) struct Diff {
    #[command(flatten)]
    file: File,
    /// The folder that stands
    before: PathBuf,
    /// The folder that is to stand
    after: PathBuf,
}

#[derive(Args, Debug)]
pub(super) struct WhoCan {
    #[command(flatten)]
    file: File,
    /// What is to be done: `s3:GetObject`
    #[arg(long = "do", value_name = "ACTION")]
    action: String,
    /// On what
    #[arg(long = "on", value_name = "ARN")]
    resource: String,
    /// A condition key that the request carries; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    with: Vec<(String, String)>,
}

pub(super) fn run(policy: &Policy, json: bool, io: &mut Io<'_>) -> Exit {
    match policy {
        Policy::Diff(diff) => self::diff(diff, json, io),
        Policy::Lint(file) => lint(file, json, io),
        Policy::Public(file) => public(file, json, io),
        Policy::Test(file) => test(file, json, io),
        Policy::WhoCan(who_can) => self::who_can(who_can, json, io),
    }
}

/// `bartizan policy who-can --do ACTION --on ARN`
fn who_can(asked: &WhoCan, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(standing) = Standing::open(&asked.file, io) else { return Exit::Unusable };
    let found = search::who_can(&standing.side(io.clock.now_millis()), &asked.action, &asked.resource, &asked.with);
    let found = match found {
        Ok(found) => found,
        Err(fault) => return implausible(&fault, io),
    };
    let lines: Vec<(&str, &str, &[String])> = found
        .iter()
        .map(|(arn, may)| match may {
            May::Now(by) => (arn.as_str(), "now", by.as_slice()),
            May::UnderConditions(by) => (arn.as_str(), "under-conditions", by.as_slice()),
            May::IfItsAccountAllows => (arn.as_str(), "if-its-account-allows", &[][..]),
        })
        .collect();
    if json {
        let list: Vec<Value> =
            lines.iter().map(|(arn, may, by)| json!({ "principal": arn, "may": may, "by": by })).collect();
        io.print(&format!("{}\n", json!({ "action": asked.action, "resource": asked.resource, "who": list })));
    } else {
        let width = lines.iter().map(|(arn, ..)| arn.chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for (arn, may, by) in &lines {
            let by = plain(&by.join(" and "));
            let how = match *may {
                "now" => format!("by {by}"),
                "under-conditions" => format!("if the conditions of {by} held"),
                _ => "if its own account allows it, of which nothing is known here".to_owned(),
            };
            let _ = writeln!(text, "{:<width$}  {how}", plain(arn));
        }
        if lines.is_empty() {
            text.push_str("nobody of those who are configured or named\n");
        }
        io.print(&text);
    }
    if lines.is_empty() { Exit::No } else { Exit::Fine }
}

/// `bartizan policy public`
fn public(file: &File, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(standing) = Standing::open(file, io) else { return Exit::Unusable };
    let found = search::public(&standing.side(io.clock.now_millis()));
    if json {
        let statement = |(name, line): &(String, usize)| json!({ "statement": name, "line": line });
        let list: Vec<Value> = found
            .iter()
            .map(|bucket| {
                let statements: Vec<Value> = bucket.statements.iter().map(statement).collect();
                let file = format!("buckets/{}/policy.json", bucket.bucket);
                json!({
                    "bucket": bucket.bucket, "file": file, "statements": statements, "restricted": bucket.restricted,
                })
            })
            .collect();
        io.print(&format!("{}\n", json!({ "public": list })));
    } else {
        let mut text = String::new();
        for bucket in &found {
            let stopped = match bucket.restricted {
                true => "public, and stopped: RestrictPublicBuckets lets in its own account and services only",
                false => "public: whoever the statements name gets in",
            };
            let _ = writeln!(text, "{}: {stopped}", bucket.bucket);
            for (name, line) in &bucket.statements {
                let _ = writeln!(text, "  buckets/{}/policy.json:{line} `{}`", bucket.bucket, plain(name));
            }
        }
        if found.is_empty() {
            text.push_str("no bucket has a public policy\n");
        }
        io.print(&text);
    }
    if found.iter().all(|bucket| bucket.restricted) { Exit::Fine } else { Exit::No }
}

/// `bartizan policy test`
fn test(file: &File, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(config) = file.open(io) else { return Exit::Unusable };
    let loaded =
        credentials::load(&config, io.environment).and_then(|(directory, _)| policies::load(&config, &directory));
    match loaded {
        Ok(loaded) => {
            let names: Vec<&str> = loaded.tests.iter().map(policies::Expectation::name).collect();
            match json {
                true => io.print(&format!("{}\n", json!({ "ok": true, "tests": names, "findings": [] }))),
                false => io.print(&format!(
                    "{}\n",
                    if names.len() == 1 { "1 test holds".to_owned() } else { format!("{} tests hold", names.len()) }
                )),
            }
            Exit::Fine
        }
        Err(findings) => {
            report(&findings, json, "no generation can be made of this folder", io);
            Exit::No
        }
    }
}

/// `bartizan policy lint`
fn lint(file: &File, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(config) = file.open(io) else { return Exit::Unusable };
    let findings = match look(&config, io) {
        Ok((_, Loaded { mut warnings, failed, .. })) => {
            warnings.extend(failed);
            warnings
        }
        Err(findings) => findings,
    };
    if findings.is_empty() {
        io.print(&if json { format!("{}\n", json!({ "ok": true, "findings": [] })) } else { "ok\n".to_owned() });
        return Exit::Fine;
    }
    let summary = super::count(&findings);
    report(&findings, json, &summary, io);
    Exit::No
}

fn report(findings: &Findings, json: bool, summary: &str, io: &mut Io<'_>) {
    if json {
        let list: Vec<Value> = findings.iter().map(Finding::to_json).collect();
        io.print(&format!("{}\n", json!({ "ok": false, "findings": list })));
    } else {
        io.complain(&findings.to_string());
        io.print(&format!("{summary}\n"));
    }
}

/// `bartizan policy diff FOLDER FOLDER`
fn diff(diff: &Diff, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(mut config) = diff.file.open(io) else { return Exit::Unusable };
    let credentials = config.credentials.clone();
    let mut sides: Vec<(Directory, Loaded)> = Vec::new();
    for folder in [&diff.before, &diff.after] {
        let folder = io.folder.join(folder);
        if !folder.is_dir() {
            io.complain(&format!("error: `{}` is no folder\nhelp: name two policies folders\n", folder.display()));
            return Exit::Unusable;
        }
        // A folder without its own people is about those of the configuration.
        let own = folder.join("credentials.toml");
        config.credentials = if own.is_file() { own } else { credentials.clone() };
        config.policies = folder;
        match look(&config, io) {
            Ok(side) => {
                io.complain(&side.1.failed.clone().lenient().to_string());
                sides.push(side);
            }
            Err(findings) => {
                io.complain(&findings.to_string());
                return Exit::Unusable;
            }
        }
    }
    let now = io.clock.now_millis();
    let [before, after] = sides.as_slice() else { return Exit::Unusable };
    let found = search::diff(&side(before, &config, now), &side(after, &config, now));
    io.print(&if json { format!("{}\n", to_json(&found)) } else { spelled(&found, &diff.before, &diff.after) });
    if found.found == 0 { Exit::Fine } else { Exit::No }
}

fn spelled(found: &Differences, before: &Path, after: &Path) -> String {
    let mut text = String::new();
    for Difference { principal, action, resource, with, before, after } in &found.told {
        let with: Vec<String> = with.iter().map(|(key, value)| format!(" --with {key}={value}")).collect();
        let asked = plain(&format!("--as {principal} --do {action} --on {resource}{}", with.join("")));
        let _ = writeln!(text, "{asked}\n  before: {}\n  after:  {}", word(before.as_ref()), word(after.as_ref()));
    }
    let more = found.found - found.told.len();
    if more > 0 {
        let _ = writeln!(text, "and {more} more");
    }
    let differ = if found.found == 1 { "1 differs".to_owned() } else { format!("{} differ", found.found) };
    let cut = if found.cut { ", as many as are tried at most" } else { "" };
    let _ = writeln!(
        text,
        "{} tried on {} and {}{cut}: {differ}",
        counted(found.tried, "request"),
        before.display(),
        after.display()
    );
    text.push_str(
        "note: this is a search along the statements of both folders, not a proof that nothing else differs\n",
    );
    text
}

fn word(decision: Option<&Decision>) -> String {
    match decision {
        None => "denied, there is no such principal".to_owned(),
        Some(Decision::Allow(grant)) => {
            let basis: Vec<String> = grant.basis().map(ToString::to_string).collect();
            plain(&format!("allowed by {}", basis.join(" and ")))
        }
        Some(Decision::ExplicitDeny(forbidden)) => match forbidden.statement() {
            Some(statement) => plain(&format!("denied by {statement}")),
            None => "denied by RestrictPublicBuckets".to_owned(),
        },
        Some(Decision::ImplicitDeny(layer)) => format!("denied, no {} allows it", layer.words()),
    }
}

fn to_json(found: &Differences) -> Value {
    let side = |decision: &Option<Decision>| match decision {
        None => json!({ "allowed": false, "reason": "no-such-principal" }),
        Some(decision) => json!({ "allowed": decision.is_allow(), "reason": decision.reason() }),
    };
    let difference = |one: &Difference| {
        let with: Vec<Value> = one.with.iter().map(|(key, value)| json!([key, value])).collect();
        json!({
            "principal": one.principal, "action": one.action, "resource": one.resource, "with": with,
            "before": side(&one.before), "after": side(&one.after),
        })
    };
    json!({
        "differences": found.told.iter().map(difference).collect::<Vec<_>>(),
        "found": found.found, "tried": found.tried, "complete": !found.cut, "proof": false,
    })
}

/// Tests may fail: what is asked here decides nothing.
fn look(config: &Config, io: &Io<'_>) -> Result<(Directory, Loaded), Findings> {
    let (directory, _) = credentials::load(config, io.environment)?;
    policies::look(config, &directory).map(|loaded| (directory, loaded))
}

fn side<'a>((directory, loaded): &'a (Directory, Loaded), config: &'a Config, now: Millis) -> Side<'a> {
    Side { estate: &loaded.estate, sources: &loaded.sources, directory, region: &config.region, now }
}

impl Standing {
    fn side(&self, now: Millis) -> Side<'_> {
        let (directory, region) = (&self.directory, self.config.region.as_str());
        Side { estate: &self.loaded.estate, sources: &self.loaded.sources, directory, region, now }
    }
}

/// `1 test`, `2 tests`
fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
