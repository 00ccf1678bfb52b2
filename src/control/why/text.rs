//! An explanation for people: the answer, then what was asked, layer by layer, then what would turn it.

use std::fmt;

use super::{Says, Told, place, plain};
use crate::policy::document::{Effect, Statement, arn_segments};
use crate::policy::engine::{Basis, Change, Clause, Consulted, Decision, Layer, Looked, Miss, StatementRef, Turn};

/// How many statements of a layer are shown that nearly apply.
const MOST_NEAR: usize = 8;
/// How many entries of an element are shown.
const MOST_ENTRIES: usize = 4;

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict())?;
        writeln!(f, "  who   {}", plain(self.principal))?;
        writeln!(f, "  does  {}", plain(self.action))?;
        writeln!(f, "  on    {}", plain(self.resource))?;
        if let Some(from) = self.from {
            writeln!(f, "  from  {from}")?;
        }
        writeln!(f)?;
        for consulted in &self.explanation.layers {
            self.layer(consulted, f)?;
        }
        if self.explanation.lists {
            writeln!(f, "acl: in force for this bucket")?;
        }
        let absent = self.not_asked();
        if !absent.is_empty() {
            writeln!(f, "not asked, nothing of the kind is attached: {}", absent.join(", "))?;
        }
        if self.turns().next().is_some() || self.all_notes().next().is_some() {
            writeln!(f)?;
        }
        for turn in self.turns() {
            writeln!(f, "help: {}", self.turn(turn))?;
        }
        for note in self.all_notes() {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

impl Told<'_> {
    fn verdict(&self) -> String {
        match &self.explanation.decision {
            Decision::Allow(grant) => {
                let by: Vec<String> = grant.basis().map(basis).collect();
                format!("allowed: by {}", by.join(" and "))
            }
            Decision::ExplicitDeny(forbidden) => match forbidden.statement() {
                Some(statement) => format!("denied: {} forbids it", spell(statement)),
                None => "denied: RestrictPublicBuckets keeps strangers out of a public bucket".to_owned(),
            },
            Decision::ImplicitDeny(layer) => format!("denied: no {} allows it", layer.words()),
        }
    }

    fn layer(&self, consulted: &Consulted, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = match consulted.resource == self.resource {
            true => String::new(),
            false => format!(" (about {})", plain(&consulted.resource)),
        };
        let says = match (Says::of(consulted), consulted.layer) {
            (Says::Allows, _) => "allows it",
            (Says::Forbids, _) => "forbids it",
            (Says::Nothing, Layer::ResourceControl) => "silent, and need not allow",
            (Says::Nothing, _) => "silent",
        };
        writeln!(f, "{}{about}: {says}", consulted.layer.name())?;
        let applying = consulted.statements.iter().filter(|looked| looked.applies());
        // A grant that is about something else is only worth a line where nothing grants.
        let lacks = Says::of(consulted) == Says::Nothing;
        let near = consulted.statements.iter().filter(|looked| match looked.misses[..] {
            [Miss::Condition] => true,
            [_] => lacks && looked.effect == Effect::Allow,
            _ => false,
        });
        let shown: Vec<&Looked> = applying.chain(near.take(MOST_NEAR)).collect();
        let width = shown.iter().map(|looked| spell(&looked.statement).chars().count()).max().unwrap_or_default();
        for looked in &shown {
            let effect = if looked.effect == Effect::Allow { "Allow" } else { "Deny " };
            let outcome = outcome(looked);
            writeln!(f, "  {:<width$}  {effect}  {outcome}", spell(&looked.statement))?;
            for clause in &looked.clauses {
                writeln!(
                    f,
                    "    {}: {}",
                    spell_clause(clause),
                    if clause.comparison.holds { "holds" } else { "fails" }
                )?;
            }
        }
        match consulted.statements.len() - shown.len() {
            0 => Ok(()),
            1 => writeln!(f, "  1 {}statement is about something else", if shown.is_empty() { "" } else { "other " }),
            more => {
                writeln!(
                    f,
                    "  {more} {}statements are about something else",
                    if shown.is_empty() { "" } else { "other " }
                )
            }
        }
    }

    /// What would turn the answer.
    fn turn(&self, turn: &Turn) -> String {
        if self.explanation.decision.is_allow() {
            let statements: Vec<String> = turn.iter().filter_map(statement_of).map(spell).collect();
            return format!("denied without {}", statements.join(" and "));
        }
        let changes: Vec<String> = turn.iter().map(|change| self.change(change)).collect();
        format!("allowed if {}", changes.join(", and "))
    }

    fn change(&self, change: &Change) -> String {
        match change {
            Change::Allow(layer) => {
                format!("{} had a statement that allows {} on {}", self.document(*layer), self.action, self.resource)
            }
            Change::Meet(statement) => match self.looked(statement) {
                Some(looked) => {
                    let clauses: Vec<String> = looked.failed().map(spell_clause).collect();
                    format!("{} applied, whose condition fails: {}", spell(statement), clauses.join("; "))
                }
                None => format!("the conditions of {} held", spell(statement)),
            },
            Change::Remove(statement) => match self.looked(statement).filter(|looked| !looked.clauses.is_empty()) {
                Some(looked) => {
                    let clauses: Vec<String> = looked.clauses.iter().map(spell_clause).collect();
                    format!("{} did not apply, whose condition holds: {}", spell(statement), clauses.join("; "))
                }
                None => format!("{} were removed", spell(statement)),
            },
            Change::Unrestrict => "RestrictPublicBuckets were off, or the bucket's policy not public".to_owned(),
        }
    }

    fn looked(&self, statement: &StatementRef) -> Option<&Looked> {
        let all = self.explanation.layers.iter().flat_map(|consulted| &consulted.statements);
        all.into_iter().find(|looked| looked.statement == *statement)
    }

    /// Where a statement of a layer would be written: its first document, or what it would be.
    fn document(&self, layer: Layer) -> String {
        let mut asked = self.explanation.layers.iter().filter(|consulted| consulted.layer == layer);
        let first = asked.find_map(|consulted| super::file(&consulted.statements.first()?.statement));
        first.unwrap_or_else(|| match layer {
            Layer::Resource => match arn_segments(self.resource) {
                Some(["arn", _, "s3", "", "", path]) => {
                    format!("buckets/{}/policy.json", plain(path.split('/').next().unwrap_or_default()))
                }
                _ => "the bucket's policy".to_owned(),
            },
            Layer::Identity => format!("a policy of {}", plain(self.principal)),
            _ => format!("the {}", layer.words()),
        })
    }
}

fn statement_of(change: &Change) -> Option<&StatementRef> {
    match change {
        Change::Meet(statement) | Change::Remove(statement) => Some(statement),
        Change::Allow(_) | Change::Unrestrict => None,
    }
}

/// What a permission rests on.
pub(super) fn basis(basis: &Basis) -> String {
    match basis {
        Basis::Acl => "an entry of the access control list".to_owned(),
        Basis::Consent => "consent of the resource, which will be the caller's own".to_owned(),
        Basis::Root => "root of the account, which may do everything there".to_owned(),
        Basis::Statement(statement) => spell(statement),
    }
}

/// A statement by its place, and its name if it has one.
fn spell(statement: &StatementRef) -> String {
    match statement.sid() {
        Some(sid) => format!("{} `{}`", place(statement), plain(sid)),
        None => place(statement),
    }
}

/// Why a statement does not apply, or that it does.
fn outcome(looked: &Looked) -> String {
    let statement = looked.statement.statement();
    let [miss] = looked.misses[..] else {
        return if looked.applies() { "applies".to_owned() } else { "is about something else".to_owned() };
    };
    match miss {
        Miss::Action => format!("is about other actions{}", statement.map(actions).unwrap_or_default()),
        Miss::Principal => format!("is about other callers{}", statement.map(principals).unwrap_or_default()),
        Miss::Resource => format!("is about other resources{}", statement.map(resources).unwrap_or_default()),
        Miss::Condition => "would apply, but a condition does not hold".to_owned(),
    }
}

fn actions(statement: &Statement) -> String {
    let texts = statement.action.entries.iter().map(|entry| entry.text.as_str());
    entries("NotAction", statement.action.negated, texts)
}

fn principals(statement: &Statement) -> String {
    statement.principal.as_ref().map_or_else(String::new, |element| {
        entries("NotPrincipal", element.negated, element.entries.iter().map(|entry| entry.text.as_str()))
    })
}

fn resources(statement: &Statement) -> String {
    statement.resource.as_ref().map_or_else(String::new, |element| {
        entries("NotResource", element.negated, element.entries.iter().map(|entry| entry.text.as_str()))
    })
}

fn entries<'t>(name: &str, negated: bool, texts: impl ExactSizeIterator<Item = &'t str>) -> String {
    let more = texts.len().saturating_sub(MOST_ENTRIES);
    let mut shown: Vec<String> = texts.take(MOST_ENTRIES).map(plain).collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    format!(": {}{}", if negated { format!("{name} ") } else { String::new() }, shown.join(", "))
}

/// `IpAddress aws:SourceIp 203.0.113.0/24, seen 203.0.113.9`
fn spell_clause(clause: &Clause) -> String {
    let operands: Vec<String> = clause.operands.iter().map(|operand| plain(operand)).collect();
    let seen = match &clause.seen {
        None => "absent".to_owned(),
        Some(values) if values.is_empty() => "seen without a value".to_owned(),
        Some(values) => {
            let values: Vec<String> = values.iter().map(|value| plain(value)).collect();
            format!("seen {}", values.join(", "))
        }
    };
    format!("{} {} [{}], {seen}", clause.operator, plain(&clause.key), operands.join(", "))
}
