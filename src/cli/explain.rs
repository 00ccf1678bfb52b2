//! `bartizan explain`: why a request would be allowed or denied.

use super::{Exit, Explain, Io};
use crate::access::hypothetical::{self, Hypothetical, Implausible, Part};
use crate::control::config::Config;
use crate::control::credentials;
use crate::control::policies::{self, Loaded};
use crate::control::why::Told;
use crate::identity::Directory;
use crate::policy::engine::{Explanation, Miss};

/// What stands: the configuration, who is there, what decides.
pub(super) struct Standing {
    pub(super) config: Config,
    pub(super) directory: Directory,
    pub(super) loaded: Loaded,
}

impl Standing {
    /// Reads it all. Complains itself.
    pub(super) fn open(file: &super::File, io: &mut Io<'_>) -> Option<Self> {
        let config = file.open(io)?;
        let loaded = credentials::load(&config, io.environment)
            .and_then(|(directory, _)| policies::load(&config, &directory).map(|loaded| (directory, loaded)));
        match loaded {
            Ok((directory, loaded)) => Some(Self { config, directory, loaded }),
            Err(findings) => {
                io.complain(&findings.to_string());
                None
            }
        }
    }
}

/// `bartizan explain …`
pub(super) fn run(explain: &Explain, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(standing) = Standing::open(&explain.file, io) else { return Exit::Unusable };
    match (&explain.principal, &explain.action, &explain.resource) {
        (Some(principal), Some(action), Some(resource)) => {
            imagined(explain, &standing, [principal, action, resource], json, io)
        }
        _ => {
            io.complain("error: a request of the past cannot be explained yet\n");
            Exit::Unusable
        }
    }
}

/// A request that was never sent.
fn imagined(
    explain: &Explain,
    standing: &Standing,
    [principal, action, resource]: [&str; 3],
    json: bool,
    io: &mut Io<'_>,
) -> Exit {
    let now = io.clock.now_millis();
    let asked = hypothetical::principal(&standing.directory, principal, now.seconds()).and_then(|found| {
        let asked = Hypothetical {
            principal: &found.principal,
            action,
            resource,
            from: explain.from,
            with: &explain.with,
            region: &standing.config.region,
            now,
        };
        let explanation = asked.explain(&standing.loaded.estate)?;
        Ok((found, explanation))
    });
    let (found, explanation) = match asked {
        Ok(answer) => answer,
        Err(fault) => return implausible(&fault, io),
    };
    let mut notes = Vec::new();
    if found.assumed {
        notes.push(
            "the account of this principal is not configured here: it is taken to have no policies of its own"
                .to_owned(),
        );
    }
    if resource.contains(['*', '?']) && resource != "*" {
        notes.push("`*` and `?` in --on are taken as they are, as parts of one key".to_owned());
    }
    notes.extend(absences(&explanation));
    let told = Told {
        principal: if found.principal.is_anonymous() { "anonymous" } else { &found.principal.arn },
        action,
        resource,
        from: explain.from,
        explanation: &explanation,
        notes: &notes,
    };
    if json {
        io.print(&format!("{}\n", told.to_json()));
    } else {
        io.print(&told.to_string());
    }
    if explanation.decision.is_allow() { Exit::Fine } else { Exit::No }
}

/// Keys that a clause looked for in vain, where it mattered: a real request may carry them.
fn absences(explanation: &Explanation) -> Option<String> {
    let mut absent: Vec<&str> = Vec::new();
    for looked in explanation.layers.iter().flat_map(|consulted| &consulted.statements) {
        if looked.misses.iter().all(|miss| *miss == Miss::Condition) {
            let keys = looked.clauses.iter().filter(|clause| clause.seen.is_none()).map(|clause| clause.key.as_str());
            absent.extend(keys);
        }
    }
    absent.sort_unstable_by_key(|key| key.to_lowercase());
    absent.dedup_by(|left, right| left.eq_ignore_ascii_case(right));
    let spelled: Vec<String> = absent
        .into_iter()
        .map(|key| match key.eq_ignore_ascii_case("aws:SourceIp") {
            true => "--from ADDRESS".to_owned(),
            false => format!("--with {key}=…"),
        })
        .collect();
    (!spelled.is_empty())
        .then(|| format!("absent here, and looked for: a request that carries it is asked with {}", spelled.join(" ")))
}

/// What cannot be asked.
pub(super) fn implausible(fault: &Implausible, io: &mut Io<'_>) -> Exit {
    let option = match &fault.part {
        Part::Action => "--do",
        Part::Principal => "--as",
        Part::Resource => "--on",
        Part::With(_) => "--with",
    };
    io.complain(&format!("error: {option}: {}\nhelp: {}\n", fault.message, fault.help));
    Exit::Unusable
}

#[cfg(test)]
mod tests;
