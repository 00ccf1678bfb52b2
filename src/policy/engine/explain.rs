//! The same decision, with everything that was looked at.
//!
//! Every statement of every layer is judged in full, without the index; what applies is noted in the same
//! facts that a decision is made of. So an explanation cannot tell another story than the decision, and a
//! statement that the index lost would show as a difference.

use super::super::condition;
use super::super::context::Values;
use super::super::document::{Condition, Effect, Quantifier, Statement};
use super::change::{self, Turn};
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
    /// The caller's account owns what is asked for: one side's consent is enough.
    pub at_home: bool,
    /// Access control lists are in force.
    pub lists: bool,
    /// Whether RestrictPublicBuckets would turn this caller away.
    pub restricted: bool,
    /// The smallest changes that were found to turn the answer, each one enough by itself. None where no
    /// change of policies alone would.
    pub turns: Vec<Turn>,
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
    /// The elements that do not match, in the order of [`Miss`]; it applies if there are none. Conditions
    /// count only where everything else matches.
    pub misses: Vec<Miss>,
    /// Its clauses, in order, whether they hold or not; not looked at where another element does not match.
    pub clauses: Vec<Clause>,
}

/// An element of a statement that does not match.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Miss {
    /// `Action` or `NotAction` leaves this action out.
    Action,
    /// `Principal` or `NotPrincipal` leaves the caller out.
    Principal,
    /// `Resource` or `NotResource` leaves the resource out.
    Resource,
    /// At least one clause does not hold.
    Condition,
}

/// A clause beside what the request has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Clause {
    /// The operator with prefix and suffix.
    pub operator: String,
    /// The key, as the statement writes it.
    pub key: String,
    /// What it is compared with, as the statement writes it.
    pub operands: Vec<String>,
    /// The values that the request has for it; `None`: the key is absent.
    pub seen: Option<Vec<String>>,
    /// What was compared, and whether the clause holds.
    pub comparison: condition::Explanation,
}

impl<'a> Layers<'a> {
    /// Decides a question as [`Layers::decide`] does and says why.
    pub fn explain(&self, question: &Question<'_>) -> Explanation {
        let mut recorder = Recorder::default();
        let facts = self.facts(question, &mut recorder);
        let decision = facts.decide(question);
        let turns = change::turns(self, question, &decision, &recorder.0);
        Explanation {
            decision,
            layers: recorder.0,
            at_home: facts.at_home,
            lists: self.lists.is_some(),
            restricted: facts.restricted,
            turns,
        }
    }
}

impl Consulted {
    /// The statements that apply and have an effect.
    pub fn applying(&self, effect: Effect) -> impl Iterator<Item = &Looked> {
        self.statements.iter().filter(move |looked| looked.effect == effect && looked.applies())
    }
}

impl Looked {
    /// Whether the statement applies.
    pub fn applies(&self) -> bool {
        self.misses.is_empty()
    }

    /// The clauses that do not hold.
    pub fn failed(&self) -> impl Iterator<Item = &Clause> {
        self.clauses.iter().filter(|clause| !clause.comparison.holds)
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
            let statement = Hit::of(&candidate).statement();
            let misses = misses(asked, candidate.statement, met);
            let clauses = match misses[..] {
                [] | [Miss::Condition] => candidate.statement.conditions.iter().map(|one| beside(one, asked)).collect(),
                _ => Vec::new(),
            };
            let looked = Looked { statement, effect: candidate.effect(), misses, clauses };
            if looked.applies() {
                note(met, &candidate);
            }
            statements.push(looked);
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

/// The elements of a statement that do not match; `kinds` says how its principals meet the caller.
pub(super) fn misses(asked: &Asked<'_>, statement: &Statement, kinds: Kinds) -> Vec<Miss> {
    let elements = [
        (Miss::Action, asked.action_matches(statement)),
        (Miss::Principal, !kinds.is_empty()),
        (Miss::Resource, asked.resource_matches(statement)),
    ];
    let mut misses: Vec<Miss> = elements.into_iter().filter_map(|(miss, matches)| (!matches).then_some(miss)).collect();
    if misses.is_empty() && !statement.conditions.iter().all(|clause| clause.holds(asked.context)) {
        misses.push(Miss::Condition);
    }
    misses
}

fn beside(clause: &Condition, asked: &Asked<'_>) -> Clause {
    let context = asked.context;
    let values = context.values(&clause.key.asked);
    Clause {
        operator: operator(clause),
        key: clause.key.text.clone(),
        operands: clause.operands.iter().map(|operand| operand.text.clone()).collect(),
        seen: values.map(|values: Values<'_>| values.iter().map(str::to_owned).collect()),
        comparison: clause.explain(context),
    }
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
