//! Questions over all policies: who can do something, what is public, what differs between two folders.

use std::collections::BTreeSet;

use super::candidates::{self, With};
use crate::access::Estate;
use crate::access::hypothetical::{self, Hypothetical, Implausible};
use crate::identity::Directory;
use crate::policy::document::Statement;
use crate::policy::engine::public::{self, BlockLevels, PolicyOf};
use crate::policy::engine::{Change, Decision, Sources};
use crate::time::Millis;

/// How many requests are tried between two folders.
pub const MOST_REQUESTS: usize = 100_000;
/// How many times a request is made up for that, some of them more than once.
const MOST_STEPS: usize = 20 * MOST_REQUESTS;
/// How many differences are told.
pub const MOST_TOLD: usize = 100;

/// Policies with those whom they are about.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// What decides.
    pub estate: &'a Estate,
    /// The documents.
    pub sources: &'a Sources,
    /// Who is there.
    pub directory: &'a Directory,
    /// The region of the proxy.
    pub region: &'a str,
    /// The present.
    pub now: Millis,
}

/// How far somebody may.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum May {
    /// Now, by these statements.
    Now(Vec<String>),
    /// If conditions held that do not hold as it was asked.
    UnderConditions(Vec<String>),
    /// If policies of its own account allow it, of which nothing is known here.
    IfItsAccountAllows,
}

/// Who can do one thing, of everybody who is configured or named.
///
/// # Errors
/// [`Implausible`]: nobody could ask for that.
pub fn who_can(side: &Side<'_>, action: &str, resource: &str, with: &With) -> Result<Vec<(String, May)>, Implausible> {
    let mut found = Vec::new();
    for arn in candidates::principals(side.sources, side.directory) {
        // Policies may name who is not there.
        let Ok(who) = hypothetical::principal(side.directory, &arn, side.now.seconds()) else { continue };
        let (from, region, now) = (None, side.region, side.now);
        let asked = Hypothetical { principal: &who.principal, action, resource, from, with, region, now };
        let explanation = asked.explain(side.estate)?;
        let met = |change: &Change| match change {
            Change::Meet(statement) => Some(super::place(statement)),
            _ => None,
        };
        let may = match &explanation.decision {
            Decision::Allow(grant) => Some(May::Now(grant.basis().map(super::text::basis).collect())),
            _ => {
                let turns = || explanation.turns.iter();
                let own = Change::Allow(crate::policy::engine::Layer::Identity);
                if who.assumed && turns().any(|turn| *turn == [own.clone()]) {
                    Some(May::IfItsAccountAllows)
                } else {
                    turns().find_map(|turn| turn.iter().map(met).collect()).map(May::UnderConditions)
                }
            }
        };
        found.extend(may.map(|may| (arn, may)));
    }
    Ok(found)
}

/// A bucket whose policy is public.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicBucket {
    /// Its name.
    pub bucket: String,
    /// The statements that make it so, with their lines.
    pub statements: Vec<(String, usize)>,
    /// RestrictPublicBuckets keeps everybody out but its owner's account and services.
    pub restricted: bool,
}

/// Every bucket whose policy is public (spec/policy-evaluation.md 8).
pub fn public(side: &Side<'_>) -> Vec<PublicBucket> {
    let mut found = Vec::new();
    for (bucket, rules) in &side.sources.buckets {
        let Some(policy) = &rules.policy else { continue };
        let document = policy.document();
        let opening = public::opening(document, PolicyOf::Bucket);
        let statements: Vec<_> =
            opening.map(|statement| (statement.name().into_owned(), document.lines.place(statement.span).0)).collect();
        if !statements.is_empty() {
            let levels: BlockLevels = side.estate.rules().block_levels(bucket, &rules.owner, None);
            let restricted = levels.effective().restrict_public_buckets;
            found.push(PublicBucket { bucket: bucket.clone(), statements, restricted });
        }
    }
    found
}

/// A request that two folders answer differently.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Who asks.
    pub principal: String,
    /// For what.
    pub action: &'static str,
    /// On what.
    pub resource: String,
    /// With which keys.
    pub with: With,
    /// What the first folder says: a reason, or nothing where there is no such principal.
    pub before: Option<Decision>,
    /// What the second one says.
    pub after: Option<Decision>,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Differences {
    /// The first [`MOST_TOLD`] of them.
    pub told: Vec<Difference>,
    /// How many there were.
    pub found: usize,
    /// How many requests were tried.
    pub tried: usize,
    /// Not everything was tried that could have been.
    pub cut: bool,
}

/// Searches for requests that are allowed by one side and denied by the other. What is not found may be
/// there all the same.
pub fn diff(before: &Side<'_>, after: &Side<'_>) -> Differences {
    let mut principals = candidates::principals(before.sources, before.directory);
    principals.extend(candidates::principals(after.sources, after.directory));
    let buckets: BTreeSet<&str> =
        before.sources.buckets.keys().chain(after.sources.buckets.keys()).map(String::as_str).collect();
    let mut asked = BTreeSet::new();
    let mut found = Differences::default();
    let mut steps = 0;
    for statement in statements(before, after) {
        let contexts = candidates::contexts(statement);
        for resource in candidates::resources(statement, &buckets) {
            for action in candidates::actions(statement) {
                for with in &contexts {
                    for principal in &principals {
                        steps += 1;
                        if asked.len() == MOST_REQUESTS || steps == MOST_STEPS {
                            found.cut = true;
                            return found;
                        }
                        if asked.insert((principal.clone(), action, resource.clone(), with.clone())) {
                            compare(before, after, principal, action, &resource, with, &mut found);
                        }
                    }
                }
            }
        }
    }
    found
}

/// The statements of both sides, those first that only one of them has.
fn statements<'a>(before: &Side<'a>, after: &Side<'a>) -> Vec<&'a Statement> {
    let of = |side: &Side<'a>| -> Vec<(String, &'a Statement)> {
        let policies = candidates::policies(side.sources).into_iter();
        let named = policies.flat_map(|policy| policy.document().statements.iter().map(move |one| (policy, one)));
        named.map(|(policy, statement)| (format!("{} {}", policy.name(), said(statement)), statement)).collect()
    };
    let (old, new) = (of(before), of(after));
    let names = |list: &[(String, &Statement)]| list.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
    let (old_names, new_names) = (names(&old), names(&new));
    let mut all: Vec<(bool, &Statement)> = Vec::new();
    all.extend(old.iter().map(|(name, statement)| (new_names.contains(name), *statement)));
    all.extend(new.iter().filter(|(name, _)| !old_names.contains(name)).map(|(_, statement)| (false, *statement)));
    all.sort_by_key(|(both, _)| *both);
    all.into_iter().map(|(_, statement)| statement).collect()
}

/// What a statement says, without where it says it.
fn said(statement: &Statement) -> String {
    let actions = statement.action.entries.iter().map(|entry| entry.text.as_str());
    let resources = statement.resource.iter().flat_map(|element| &element.entries).map(|entry| entry.text.as_str());
    let principals = statement.principal.iter().flat_map(|element| &element.entries).map(|entry| entry.text.as_str());
    let conditions = statement.conditions.iter().flat_map(|clause| {
        [clause.operator.name(), clause.key.text.as_str()]
            .into_iter()
            .chain(clause.operands.iter().map(|operand| operand.text.as_str()))
    });
    let texts: Vec<&str> =
        actions.chain(["|"]).chain(resources).chain(["|"]).chain(principals).chain(["|"]).chain(conditions).collect();
    let negated = |found: Option<bool>| found.unwrap_or_default();
    format!(
        "{:?} {} {} {} {}",
        statement.effect,
        statement.action.negated,
        negated(statement.resource.as_ref().map(|element| element.negated)),
        negated(statement.principal.as_ref().map(|element| element.negated)),
        texts.join(" ")
    )
}

/// Asks both sides, and keeps what differs.
fn compare(
    before: &Side<'_>,
    after: &Side<'_>,
    principal: &str,
    action: &'static str,
    resource: &str,
    with: &With,
    found: &mut Differences,
) {
    let ask = |side: &Side<'_>| -> Result<Option<Decision>, Implausible> {
        let Ok(who) = hypothetical::principal(side.directory, principal, side.now.seconds()) else { return Ok(None) };
        let (from, region, now) = (None, side.region, side.now);
        Hypothetical { principal: &who.principal, action, resource, from, with, region, now }
            .decide(side.estate)
            .map(Some)
    };
    // What nobody could send is no example.
    let (Ok(old), Ok(new)) = (ask(before), ask(after)) else { return };
    found.tried += 1;
    let allowed = |decision: &Option<Decision>| decision.as_ref().is_some_and(Decision::is_allow);
    if allowed(&old) == allowed(&new) {
        return;
    }
    found.found += 1;
    if found.told.len() < MOST_TOLD {
        let (principal, resource, with) = (principal.to_owned(), resource.to_owned(), with.clone());
        found.told.push(Difference { principal, action, resource, with, before: old, after: new });
    }
}
