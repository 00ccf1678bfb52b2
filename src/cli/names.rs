//! `bartizan names`: the policy of names, asked about names that are there or could be (spec/naming.md 9, 10).

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};

use super::explain::Standing;
use super::{Exit, File, Io};
use crate::control::why::plain;
use crate::guard::naming::{Asked, Finding, Naming, Severity, Wish, in_bits, is_confusable, regional};

/// How many octets a name is drawn from.
const RANDOM: usize = 4096;

#[derive(Debug, Subcommand)]
pub(super) enum Names {
    /// Show which rules names break, and how hard they are to guess
    Lint(Lint),
    /// Make a name that the policy takes
    New(New),
    /// Print every name that scanners try for the words of `naming.org_words`, to look for one's own
    Tried(File),
}

#[derive(Args, Debug)]
pub(super) struct Lint {
    #[command(flatten)]
    file: File,
    /// The names; the buckets that the policies folder knows if none is given
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

#[derive(Args, Debug)]
pub(super) struct New {
    #[command(flatten)]
    file: File,
    /// What the bucket is for: one word
    #[arg(long)]
    purpose: String,
    /// The digit that says how sensitive it is
    #[arg(long, default_value = "1")]
    level: String,
}

/// What there is to say of one name.
struct Judged<'a> {
    name: &'a str,
    millibits: u32,
    findings: Vec<Finding>,
    /// A better one.
    instead: Option<String>,
}

pub(super) fn run(names: &Names, json: bool, io: &mut Io<'_>) -> Exit {
    let file = match names {
        Names::Lint(lint) => &lint.file,
        Names::New(new) => &new.file,
        Names::Tried(file) => file,
    };
    let Some(standing) = Standing::open(file, io) else { return Exit::Unusable };
    let naming = standing.config.judge_of_names(&standing.directory);
    match names {
        Names::Lint(lint) => self::lint(lint, &standing, &naming, json, io),
        Names::New(new) => self::new(new, &standing, &naming, json, io),
        Names::Tried(_) => tried(&naming, json, io),
    }
}

/// `bartizan names lint`
fn lint(lint: &Lint, standing: &Standing, naming: &Naming, json: bool, io: &mut Io<'_>) -> Exit {
    let known = &standing.loaded.sources.buckets;
    let names: Vec<&str> = match lint.names.is_empty() {
        true => known.keys().map(String::as_str).collect(),
        false => lint.names.iter().map(String::as_str).collect(),
    };
    let mut judged = Vec::with_capacity(names.len());
    for name in names {
        let own = regional(name);
        let asked = Asked {
            name,
            account: own.map_or(&standing.config.account, |(_, account, _)| account),
            region: own.map_or(&standing.config.region, |(.., region)| region),
            account_regional: own.is_some(),
            is_public: standing.loaded.estate.rules().has_public_policy(name) == Some(true),
            is_retired: false, // that says something of new buckets alone
            is_confusable: known.keys().any(|other| is_confusable(name, other)),
        };
        let findings = naming.judge(&asked);
        let instead = match findings.first().map(|finding| finding.rule.severity()) {
            Some(Severity::Error) => random().and_then(|mut random| naming.instead_of(&asked, &mut random)),
            _ => None,
        };
        judged.push(Judged { name, millibits: naming.estimate(name), findings, instead });
    }
    io.print(&if json { in_json(&judged) } else { in_words(&judged) });
    let severities = || judged.iter().flat_map(|judged| &judged.findings).map(|finding| finding.rule.severity());
    if severities().any(|severity| severity == Severity::Error) {
        Exit::Unusable
    } else if severities().next().is_some() {
        Exit::No
    } else {
        Exit::Fine
    }
}

fn in_words(judged: &[Judged<'_>]) -> String {
    let mut text = String::new();
    for Judged { name, millibits, findings, instead } in judged {
        let _ = writeln!(text, "{}: {} bits", plain(name), in_bits(*millibits));
        for Finding { rule, message, .. } in findings {
            let _ = writeln!(text, "  {} {}: {message}", rule.id(), word(rule.severity()));
        }
        if let Some(instead) = instead {
            let _ = writeln!(text, "  no bucket can be renamed: make {instead}, and move with the next change");
        }
    }
    if judged.is_empty() {
        text.push_str("no bucket is known\n");
    }
    text
}

fn in_json(judged: &[Judged<'_>]) -> String {
    let finding = |finding: &Finding| {
        json!({
            "rule": finding.rule.id(),
            "severity": word(finding.rule.severity()),
            "at": [finding.at.start, finding.at.end],
            "message": finding.message,
        })
    };
    let one = |judged: &Judged<'_>| {
        let rules: Vec<Value> = judged.findings.iter().map(finding).collect();
        json!({ "name": judged.name, "millibits": judged.millibits, "rules": rules, "instead": judged.instead })
    };
    let names: Vec<Value> = judged.iter().map(one).collect();
    format!("{}\n", json!({ "names": names }))
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// `bartizan names new`
fn new(new: &New, standing: &Standing, naming: &Naming, json: bool, io: &mut Io<'_>) -> Exit {
    let config = &standing.config;
    let wish = Wish { purpose: &new.purpose, level: &new.level, account: &config.account, region: &config.region };
    if let Some(key) = naming.refuses(&wish) {
        io.complain(&format!("error: that is none of `naming.{key}`\n"));
        return Exit::Unusable;
    }
    match random().and_then(|mut random| naming.generate(&wish, &mut random)) {
        Some(name) => {
            io.print(&if json { format!("{}\n", json!({ "name": name })) } else { format!("{name}\n") });
            Exit::Fine
        }
        None => {
            let purpose = plain(&new.purpose);
            io.complain(&format!(
                "error: the policy takes no name with this purpose and level\n\
                 help: `bartizan names lint {purpose}` says what is wrong with the word\n"
            ));
            Exit::Unusable
        }
    }
}

/// `bartizan names tried`
fn tried(naming: &Naming, json: bool, io: &mut Io<'_>) -> Exit {
    if json {
        io.complain("error: `names tried` has no JSON: it is one name a line\n");
        return Exit::Unusable;
    }
    let mut names = naming.tried().peekable();
    if names.peek().is_none() {
        io.complain("error: there are no words of the organisation\nhelp: name some with `naming.org_words`\n");
        return Exit::Unusable;
    }
    let mut text = String::new();
    for name in names {
        text.push_str(&name);
        text.push('\n');
        if text.len() > 64 << 10 {
            io.print(&text);
            text.clear();
        }
    }
    io.print(&text);
    Exit::Fine
}

fn random() -> Option<std::array::IntoIter<u8, RANDOM>> {
    let mut random = [0; RANDOM];
    SystemRandom::new().fill(&mut random).ok()?;
    Some(random.into_iter())
}

#[cfg(test)]
mod tests;
