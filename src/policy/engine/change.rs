//! The smallest change of policies that would turn an answer.
//!
//! Found by asking again, with a statement taken away or one more that grants: so that what is promised here
//! is what the engine would say, not a second opinion of how layers add up.

use std::sync::{Arc, LazyLock};

use super::super::document::{Effect, Statement};
use super::super::read::{self, Kind};
use super::decision::{Basis, Decision, Forbidden, Layer, StatementRef};
use super::explain::{Consulted, Miss, misses};
use super::facts::{Facts, Filter, Hit, Said};
use super::layers::{Asked, Layers, Scan};
use super::principal::Kinds;
use super::question::{Caller, Question};
use super::shelf::{Candidate, Place, Policy, Shelf};

/// The most changes that one way may need: beyond them it is no small change.
const MOST: usize = 16;

/// Changes that turn the answer together.
pub type Turn = Vec<Change>;

/// One change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// The layer gets a statement that allows just what was asked.
    Allow(Layer),
    /// The clauses of this statement hold that do not.
    Meet(StatementRef),
    /// The statement goes, or comes not to apply.
    Remove(StatementRef),
    /// RestrictPublicBuckets is switched off, or the policy is no longer public.
    Unrestrict,
}

/// How silence is ended, first to last.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Way {
    /// By statements that are there, if just their clauses fail.
    Meet,
    /// By a new statement in the layer that is silent.
    Add,
    /// By a new statement in the policy of the resource.
    AddToResource,
}

/// Every way that leads to the other answer, without those that need more than another one.
pub(super) fn turns(
    layers: &Layers<'_>,
    question: &Question<'_>,
    decision: &Decision,
    consulted: &[Consulted],
) -> Vec<Turn> {
    if decision.is_allow() {
        let turn = denying(layers, question, decision);
        return turn.map(|turn| pruned(layers, question, turn, false)).into_iter().collect();
    }
    let ways = [Way::Add, Way::Meet, Way::AddToResource];
    let mut found: Vec<Turn> = Vec::new();
    for turn in ways.into_iter().filter_map(|way| allowing(layers, question, decision, consulted, way)) {
        let turn = pruned(layers, question, turn, true);
        // A way that only adds to another one is none of its own.
        if !found.iter().any(|known| known.iter().all(|change| turn.contains(change))) {
            found.retain(|known| !turn.iter().all(|change| known.contains(change)));
            found.push(turn);
        }
    }
    found.sort_by_key(Vec::len);
    found
}

/// A turn without what it can do without: a step on the way need not be one at its end.
fn pruned(layers: &Layers<'_>, question: &Question<'_>, turn: Turn, allows: bool) -> Turn {
    let mut supposed = Supposed { changes: turn };
    let mut at = 0;
    while at < supposed.changes.len() {
        let change = supposed.changes.remove(at);
        if supposed.decide(layers, question).is_allow() != allows {
            supposed.changes.insert(at, change);
            at += 1;
        }
    }
    supposed.changes
}

/// Changes after which it is allowed.
fn allowing(
    layers: &Layers<'_>,
    question: &Question<'_>,
    decision: &Decision,
    consulted: &[Consulted],
    way: Way,
) -> Option<Turn> {
    let mut supposed = Supposed::default();
    let mut decision = decision.clone();
    while supposed.changes.len() < MOST {
        let change = match &decision {
            Decision::Allow(_) => return Some(supposed.changes),
            Decision::ExplicitDeny(Forbidden { statement: Some(statement), .. }) => Change::Remove(statement.clone()),
            Decision::ExplicitDeny(_) => Change::Unrestrict,
            Decision::ImplicitDeny(layer) => supposed.ending(*layer, consulted, way),
        };
        // What has been changed already and did not help will not help now.
        if supposed.changes.contains(&change) {
            return None;
        }
        supposed.changes.push(change);
        decision = supposed.decide(layers, question);
    }
    None
}

/// The statements without which it is no longer allowed.
fn denying(layers: &Layers<'_>, question: &Question<'_>, decision: &Decision) -> Option<Turn> {
    let mut supposed = Supposed::default();
    let mut decision = decision.clone();
    while let Decision::Allow(grant) = &decision {
        let statement = grant.basis().find_map(|basis| match basis {
            Basis::Statement(statement) => Some(statement.clone()),
            Basis::Acl | Basis::Consent | Basis::Root => None,
        })?;
        let change = Change::Remove(statement);
        if supposed.changes.len() == MOST || supposed.changes.contains(&change) {
            return None;
        }
        supposed.changes.push(change);
        decision = supposed.decide(layers, question);
    }
    Some(supposed.changes)
}

/// Policies as they would be after some changes.
#[derive(Default)]
struct Supposed {
    changes: Vec<Change>,
}

impl Supposed {
    /// What ends the silence of a layer.
    fn ending(&self, layer: Layer, consulted: &[Consulted], way: Way) -> Change {
        let near = || {
            let statements = consulted.iter().filter(|asked| asked.layer == layer).flat_map(|asked| &asked.statements);
            let near = statements.filter(|looked| looked.effect == Effect::Allow && looked.misses == [Miss::Condition]);
            near.map(|looked| Change::Meet(looked.statement.clone())).find(|change| !self.changes.contains(change))
        };
        match way {
            Way::Meet => near().unwrap_or(Change::Allow(layer)),
            Way::AddToResource if layer == Layer::Identity => Change::Allow(Layer::Resource),
            Way::Add | Way::AddToResource => Change::Allow(layer),
        }
    }

    fn decide(&self, layers: &Layers<'_>, question: &Question<'_>) -> Decision {
        let mut facts = layers.facts(question, &mut &*self);
        for change in &self.changes {
            if let Change::Allow(layer) = change {
                allow(&mut facts, *layer);
                // A statement that names nobody's account makes the policy public (spec/policy-evaluation.md 8.3).
                facts.restricted |= layers.restrict.on && *layer == Layer::Resource && nameless(question);
            }
        }
        facts.restricted &= !self.changes.contains(&Change::Unrestrict);
        facts.decide(question)
    }

    /// Whether a statement applies, as things are supposed to be.
    fn applies(&self, asked: &Asked<'_>, candidate: &Candidate<'_>, kinds: Kinds) -> bool {
        let is = |statement: &StatementRef| {
            std::ptr::eq(statement.policy(), &**candidate.policy) && statement.index == candidate.place.statement()
        };
        let removed = |change: &Change| matches!(change, Change::Remove(statement) if is(statement));
        let met = |change: &Change| matches!(change, Change::Meet(statement) if is(statement));
        if self.changes.iter().any(removed) {
            return false;
        }
        let misses = misses(asked, candidate.statement, kinds);
        misses.is_empty() || misses == [Miss::Condition] && self.changes.iter().any(met)
    }
}

impl<'a> Scan<'a> for &Supposed {
    fn filter(&mut self, _: Layer, shelf: &'a Shelf, asked: &Asked<'_>) -> Filter<'a> {
        let mut found = Filter { present: true, ..Filter::default() };
        for candidate in shelf.all().filter(|candidate| self.applies(asked, candidate, Kinds::WILDCARD)) {
            found.note(&candidate);
        }
        found
    }

    fn said(&mut self, _: Layer, shelf: &'a Shelf, asked: &Asked<'_>) -> Said<'a> {
        let mut found = Said::default();
        let kinds = |statement: &Statement| asked.identity.met_by(statement);
        for candidate in shelf.all() {
            let kinds = kinds(candidate.statement);
            if self.applies(asked, &candidate, kinds) {
                found.note(kinds, &candidate);
            }
        }
        found
    }
}

/// Whether no principal is just the caller, or its account.
fn nameless(question: &Question<'_>) -> bool {
    matches!(question.caller, Caller::Anonymous | Caller::Web { .. })
}

/// Stands for the statement that somebody would write.
static SUPPOSED: LazyLock<Option<Arc<Policy>>> = LazyLock::new(|| {
    let text = br#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    read::read(text, Kind::Identity).ok().map(|reading| Policy::new("supposed", reading.document))
});

/// Notes that a layer has a statement that allows it.
fn allow(facts: &mut Facts<'_>, layer: Layer) {
    let Some(hit) = SUPPOSED.as_ref().map(|policy| Hit { place: Place::FIRST, policy }) else { return };
    match layer {
        Layer::ServiceControl => facts.service_control.allow = Some(hit),
        Layer::Endpoint => facts.endpoint.allow = Some(hit),
        Layer::Identity => facts.each_own(|own| own.identity.allow = Some(hit)),
        Layer::Boundary => facts.each_own(|own| own.boundary.allow = Some(hit)),
        Layer::Session => facts.each_own(|own| own.session.allow = Some(hit)),
        Layer::Trust => {
            if let Some(trust) = &mut facts.trust {
                trust.allow = Some(hit);
            }
            facts.bucket.grant_all(hit);
        }
        Layer::Resource => facts.bucket.grant_all(hit),
        Layer::AccessPoint => {
            if let Some(door) = &mut facts.door {
                door.said.grant_all(hit);
            }
        }
        // Nothing is ever silent here.
        Layer::Acl | Layer::PublicAccessBlock | Layer::ResourceControl => {}
    }
}
