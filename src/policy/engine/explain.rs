//! The same decision, with everything that was looked at.
//!
//! Every statement of every layer is judged in full, without the index; what applies is noted in the same
//! facts that a decision is made of. So an explanation cannot tell another story than the decision, and a
//! statement that the index lost would show as a difference.

use super::super::condition;
use super::super::context::Values;
use super::super::document::{Condition, Effect, Quantifier, Statement};
use super::decision::{Decision, Layer, StatementRef};
use super::facts::{Filter, Hit, Said};
use super::layers::{Asked, Layers, Scan};
use super::principal::Kinds;
use super::question::Question;
use super::shelf::{Candidate, Shelf};

/// A decision and how it came about. It holds values of the request: for the operator, never for the
/// caller.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What [`Layers::decide`] says.
    pub decision: Decision,
    /// The layers in the order in which they were asked. A layer of several levels, or one that is asked
    /// about two ARNs, is there several times; one that takes no part is not there.
    pub layers: Vec<Consulted>,
}

/// One policy or set of policies that was asked.
#[derive(Clone, Debug)]
pub struct Consulted {
    /// The kind of policy.
    pub layer: Layer,
    /// The ARN it was asked about.
    pub resource: String,
    /// Its statements, all of them, in order.
    pub statements: Vec<Looked>,
}

/// A statement that was looked at.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Which one.
    pub statement: StatementRef,
    /// What it does if it applies.
    pub effect: Effect,
    /// Whether it does; if not, the first element that does not match.
    pub outcome: Outcome,
}

/// What came of looking at a statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It applies.
    Applies,
    /// `Action` or `NotAction` leaves this action out.
    Action,
    /// `Principal` or `NotPrincipal` leaves the caller out.
    Principal,
    /// `Resource` or `NotResource` leaves the resource out.
    Resource,
    /// A clause does not hold.
    Condition(Failed),
}

/// A clause that does not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failed {
    /// Its place in the statement, from 0.
    pub place: usize,
    /// The operator with prefix and suffix.
    pub operator: String,
    /// The key, as the statement writes it.
    pub key: String,
    /// The values that the request has for it; `None`: the key is absent.
    pub seen: Option<Vec<String>>,
    /// What was compared.
    pub comparison: condition::Explanation,
}

impl<'a> Layers<'a> {
    /// Decides a question as [`Layers::decide`] does and says why.
    pub fn explain(&self, question: &Question<'_>) -> Explanation {
        let mut recorder = Recorder::default();
        let decision = self.facts(question, &mut recorder).decide(question);
        Explanation { decision, layers: recorder.0 }
    }
}

impl Consulted {
    /// The statements that apply and have an effect.
    pub fn applying(&self, effect: Effect) -> impl Iterator<Item = &Looked> {
        self.statements.iter().filter(move |looked| looked.effect == effect && looked.outcome == Outcome::Applies)
    }
}

/// Looks at everything and writes it down.
#[derive(Default)]
struct Recorder(Vec<Consulted>);

impl Recorder {
    /// Judges every statement and hands those that apply on.
    fn look<'a>(
        &mut self,
        layer: Layer,
        shelf: &'a Shelf,
        asked: &Asked<'_>,
        kinds: impl Fn(&Statement) -> Kinds,
        mut note: impl FnMut(Kinds, &Candidate<'a>),
    ) {
        let mut statements = Vec::new();
        for candidate in shelf.all() {
            let met = kinds(candidate.statement);
            let outcome = judge(asked, candidate.statement, met);
            if outcome == Outcome::Applies {
                note(met, &candidate);
            }
            let statement = Hit::of(&candidate).statement();
            statements.push(Looked { statement, effect: candidate.effect(), outcome });
        }
        self.0.push(Consulted { layer, resource: asked.resource.to_owned(), statements });
    }
}

impl<'a> Scan<'a> for Recorder {
    fn filter(&mut self, layer: Layer, shelf: &'a Shelf, asked: &Asked<'_>) -> Filter<'a> {
        let mut found = Filter { present: true, ..Filter::default() };
        self.look(layer, shelf, asked, |_| Kinds::WILDCARD, |_, candidate| found.note(candidate));
        found
    }

    fn said(&mut self, layer: Layer, shelf: &'a Shelf, asked: &Asked<'_>) -> Said<'a> {
        let mut found = Said::default();
        let kinds = |statement: &Statement| asked.identity.met_by(statement);
        self.look(layer, shelf, asked, kinds, |kinds, candidate| found.note(kinds, candidate));
        found
    }
}

fn judge(asked: &Asked<'_>, statement: &Statement, kinds: Kinds) -> Outcome {
    if !asked.action_matches(statement) {
        return Outcome::Action;
    }
    if kinds.is_empty() {
        return Outcome::Principal;
    }
    if !asked.resource_matches(statement) {
        return Outcome::Resource;
    }
    for (place, clause) in statement.conditions.iter().enumerate() {
        let comparison = clause.explain(asked.question.context);
        if !comparison.holds {
            let values = asked.question.context.values(&clause.key.folded);
            let seen = values.map(|values: Values<'_>| values.iter().map(str::to_owned).collect());
            let (operator, key) = (operator(clause), clause.key.text.clone());
            return Outcome::Condition(Failed { place, operator, key, seen, comparison });
        }
    }
    Outcome::Applies
}

/// An operator with prefix and suffix, as documents write it.
fn operator(clause: &Condition) -> String {
    let prefix = match clause.quantifier {
        Some(Quantifier::All) => "ForAllValues:",
        Some(Quantifier::Any) => "ForAnyValue:",
        None => "",
    };
    format!("{prefix}{}{}", clause.operator.name(), if clause.if_exists { "IfExists" } else { "" })
}
