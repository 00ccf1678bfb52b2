//! An explanation as JSON.

use serde_json::{Value, json};

use super::{Says, Told, file};
use crate::policy::document::Effect;
use crate::policy::engine::{Basis, Change, Clause, Consulted, Decision, Looked, Miss, StatementRef};

impl Told<'_> {
    /// As one JSON object: every statement that was looked at, and every clause of it.
    pub fn to_json(&self) -> Value {
        let explanation = self.explanation;
        let decision = &explanation.decision;
        let turns: Vec<Value> = self.turns().map(|turn| turn.iter().map(change).collect::<Vec<_>>().into()).collect();
        json!({
            "allowed": decision.is_allow(),
            "decision": decision.name(),
            "reason": decision.reason(),
            "layer": decision.layer().map(|layer| layer.name()),
            "principal": self.principal,
            "action": self.action,
            "resource": self.resource,
            "from": self.from.map(|from| from.to_string()),
            "by": by(decision),
            "layers": explanation.layers.iter().map(layer).collect::<Vec<_>>(),
            "not_asked": self.not_asked(),
            "turns": turns,
            "notes": self.all_notes().collect::<Vec<_>>(),
        })
    }
}

/// The statements that decided, or what else did.
fn by(decision: &Decision) -> Vec<Value> {
    match decision {
        Decision::Allow(grant) => {
            let basis = |basis: &Basis| match basis {
                Basis::Statement(statement) => reference(statement),
                other => json!(other.to_string()),
            };
            grant.basis().map(basis).collect()
        }
        Decision::ExplicitDeny(forbidden) => forbidden.statement().map(reference).into_iter().collect(),
        Decision::ImplicitDeny(_) => Vec::new(),
    }
}

fn layer(consulted: &Consulted) -> Value {
    json!({
        "layer": consulted.layer.name(),
        "resource": consulted.resource,
        "says": Says::of(consulted).name(),
        "statements": consulted.statements.iter().map(looked).collect::<Vec<_>>(),
    })
}

fn looked(looked: &Looked) -> Value {
    let misses = looked.misses.iter().map(|miss| match miss {
        Miss::Action => "action",
        Miss::Principal => "principal",
        Miss::Resource => "resource",
        Miss::Condition => "condition",
    });
    json!({
        "statement": reference(&looked.statement),
        "effect": if looked.effect == Effect::Allow { "Allow" } else { "Deny" },
        "applies": looked.applies(),
        "misses": misses.collect::<Vec<_>>(),
        "conditions": looked.clauses.iter().map(clause).collect::<Vec<_>>(),
    })
}

fn clause(clause: &Clause) -> Value {
    json!({
        "operator": clause.operator, "key": clause.key, "operands": clause.operands,
        "seen": clause.seen, "holds": clause.comparison.holds,
    })
}

fn change(change: &Change) -> Value {
    match change {
        Change::Allow(layer) => json!({ "change": "allow", "layer": layer.name() }),
        Change::Meet(statement) => json!({ "change": "meet", "statement": reference(statement) }),
        Change::Remove(statement) => json!({ "change": "remove", "statement": reference(statement) }),
        Change::Unrestrict => json!({ "change": "unrestrict" }),
    }
}

/// A statement by its place.
pub(super) fn reference(statement: &StatementRef) -> Value {
    json!({
        "policy": statement.policy().name(),
        "file": file(statement),
        "line": file(statement).map(|_| statement.line()),
        "sid": statement.sid(),
        "index": statement.index(),
    })
}
