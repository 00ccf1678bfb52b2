//! `bartizan explain`: why a request would be allowed or denied.

use serde_json::{Value, json};

use super::{Exit, Explain, Io, look};
use crate::access::hypothetical::{self, Hypothetical, Implausible, Part};
use crate::audit;
use crate::control::config::Config;
use crate::control::credentials;
use crate::control::policies::{self, Loaded};
use crate::control::why::past::{self, Again, Past};
use crate::control::why::{Told, plain};
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
            .and_then(|(directory, _)| policies::look(&config, &directory).map(|loaded| (directory, loaded)));
        match loaded {
            Ok((directory, loaded)) => {
                io.complain(&loaded.failed.clone().lenient().to_string());
                Some(Self { config, directory, loaded })
            }
            Err(findings) => {
                io.complain(&findings.to_string());
                None
            }
        }
    }
}

/// `bartizan explain …`
pub(super) fn run(explain: &Explain, json: bool, io: &mut Io<'_>) -> Exit {
    let (id, asked) = match (&explain.request_id, &explain.principal, &explain.action, &explain.resource) {
        (Some(id), ..) => (Some(id), None),
        (None, Some(principal), Some(action), Some(resource)) => (None, Some([principal, action, resource])),
        (None, principal, action, resource) => {
            return incomplete([("--as", principal), ("--do", action), ("--on", resource)], io);
        }
    };
    let Some(standing) = Standing::open(&explain.file, io) else { return Exit::Unusable };
    match asked {
        Some(asked) => imagined(explain, &standing, asked.map(String::as_str), json, io),
        None => again(id.map_or("", String::as_str), &standing, json, io),
    }
}

/// Half a question: says what it lacks, and both ways of asking.
fn incomplete(options: [(&str, &Option<String>); 3], io: &mut Io<'_>) -> Exit {
    let missing = options.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| format!("`{name}`"));
    let missing: Vec<String> = missing.collect();
    let missing = match missing.as_slice() {
        [one] => format!("{one} is missing"),
        [some @ .., last] => format!("{} and {last} are missing", some.join(", ")),
        [] => String::new(),
    };
    io.complain(&format!(
        "error: {missing}, and no request of the past is named\n\
         help: `bartizan explain --as ARN --do ACTION --on ARN` explains one that was never sent, \
         `bartizan explain REQUEST-ID` one of the past\n"
    ));
    Exit::Unusable
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

/// A request of the past: what was decided then, and what would be now.
fn again(id: &str, standing: &Standing, json: bool, io: &mut Io<'_>) -> Exit {
    if !look::is_request_id(id, io) {
        return Exit::Unusable;
    }
    let journal = standing.config.journal();
    if !look::is_journal(&journal, io) {
        return Exit::Unusable;
    }
    let records = match audit::find(&journal, id) {
        Ok(entries) => past::read(&entries),
        Err(damage) => {
            look::damaged(&damage, io);
            return Exit::Unusable;
        }
    };
    let Some(past) = past::past(&records) else {
        io.complain(&format!("error: the journal has no request {id}\n"));
        return Exit::Unusable;
    };
    let then = Then::of(&past);
    match past.again(&standing.loaded.estate, &standing.directory, &standing.config.region) {
        Ok(again) => {
            io.print(&if json { format!("{}\n", then.with(&again, id)) } else { then.followed_by(&again, id) });
            if again.is_allowed() { Exit::Fine } else { Exit::No }
        }
        Err(untold) => {
            // What was decided then is known all the same.
            io.print(&if json {
                format!("{}\n", json!({ "request_id": id, "then": then.0 }))
            } else {
                then.spelled(id)
            });
            io.complain(&format!("error: it cannot be decided again: {}\nhelp: {}\n", untold.message, untold.help));
            Exit::Unusable
        }
    }
}

/// What was decided then, as it is on record.
struct Then(Value);

impl Then {
    fn of(past: &Past<'_>) -> Self {
        let end = |name: &str| past.end.and_then(|end| end.get(name)).cloned();
        Self(json!({
            "time": past.intent.get("request_time"),
            "operation": past.intent.get("operation"),
            "decision": past.intent.get("decision"),
            "statements": past.intent.get("statements"),
            "generation": past.intent.get("generation"),
            "reason": end("reason"),
            "error_code": end("error_code"),
            "error_message": end("error_message"),
        }))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().map(plain)
    }

    /// `then: allowed by identities/red#Read (GetObject, 2026-03-14T09:26:53.000Z)`
    fn spelled(&self, id: &str) -> String {
        let word = match self.text("decision").as_deref() {
            Some("allow") => "allowed",
            Some("deny") => "denied",
            Some("throttle") => "throttled",
            _ => "failed",
        };
        let list = self.0.get("statements").and_then(Value::as_array);
        let by: Vec<String> = list.into_iter().flatten().filter_map(Value::as_str).map(plain).collect();
        let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(" and ")) };
        let why = [self.text("reason"), self.text("error_code")].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        let operation = self.text("operation").unwrap_or_else(|| "an unknown operation".to_owned());
        let time = self.text("time").unwrap_or_else(|| "an unknown time".to_owned());
        format!("{id}: {operation} at {time}\nthen: {word}{by}{why}\n")
    }

    fn followed_by(&self, again: &Again, id: &str) -> String {
        let mut text = self.spelled(id);
        let word = if again.is_allowed() { "allowed" } else { "denied" };
        let checks = again.checks.len();
        text.push_str(&format!(
            "now, with the policies that stand: {word}, after {checks} check{}\n",
            if checks == 1 { "" } else { "s" }
        ));
        each(again, |told| text.push_str(&format!("\n{told}")));
        text
    }

    fn with(&self, again: &Again, id: &str) -> Value {
        let mut checks = Vec::new();
        each(again, |told| checks.push(told.to_json()));
        json!({
            "request_id": id, "then": self.0,
            "now": { "allowed": again.is_allowed(), "checks": checks, "unknown": again.unknown },
        })
    }
}

/// Shows every check.
fn each(again: &Again, mut show: impl FnMut(Told<'_>)) {
    let unknown = (!again.unknown.is_empty())
        .then(|| format!("not on record, and taken as absent: {}", again.unknown.join(", ")));
    let notes: Vec<String> = unknown.into_iter().collect();
    for checked in &again.checks {
        show(Told {
            principal: if again.principal.is_anonymous() { "anonymous" } else { &again.principal.arn },
            action: &checked.action,
            resource: &checked.resource,
            from: again.from,
            explanation: &checked.explanation,
            notes: &notes,
        });
    }
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
pub(super) mod tests;
