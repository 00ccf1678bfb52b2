//! Documents compiled for asking: an index from a question to the few statements that could apply.
//!
//! A statement is found by the account it names, by the first component of its resource (the bucket, as a
//! rule), by the literal beginning of the resource, and by the set of its actions. Statements about other
//! accounts, buckets, prefixes or actions are never looked at, however many there are.
//!
//! Invariant: the index only leaves out what cannot apply. What it finds is still judged in full.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::super::action::{Action, Actions};
use super::super::document::{self, Effect, Element, ResourceEntry, Statement, Who};
use super::arn;
use super::question::Caller;
use crate::hash::QuickMap;

/// A document with the name it is known by.
#[derive(Debug)]
pub struct Policy {
    name: Box<str>,
    document: document::Document,
    /// What each statement is called, in records of what it has decided.
    statements: Box<[Box<str>]>,
}

/// Documents that take part together: the policies of a user with its groups, a bucket's policy, one level
/// of an organization.
#[derive(Debug, Default)]
pub struct Shelf {
    policies: Vec<Arc<Policy>>,
    /// Statements that do not name accounts, or not only accounts.
    everyone: Zone,
    /// Statements of resource policies whose principals all belong to an account.
    accounts: QuickMap<Box<str>, Zone>,
}

/// Statements about one set of callers.
#[derive(Debug, Default)]
struct Zone {
    /// By the first component of the resource, where that is literal.
    named: QuickMap<Box<str>, Node>,
    /// All others.
    wide: Node,
}

/// Statements by the literal beginning of their resource.
#[derive(Debug, Default)]
struct Node {
    /// Sorted by text, without doubles.
    prefixes: Vec<Prefix>,
    groups: Vec<Group>,
    postings: Vec<Posting>,
}

#[derive(Debug)]
struct Prefix {
    text: Box<str>,
    /// The longest other prefix of this text.
    parent: Option<u32>,
    groups: Range<u32>,
}

/// Postings of statements with the same set of known actions.
#[derive(Debug)]
struct Group {
    actions: Actions,
    postings: Range<u32>,
}

/// A statement, and what of its resource element led here.
#[derive(Clone, Copy, Debug)]
struct Posting {
    place: Place,
    entry: Option<u32>,
}

/// The place of a statement on a shelf; earlier ones are named first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    policy: u32,
    statement: u32,
}

/// A statement that the index found.
pub(super) struct Candidate<'a> {
    pub(super) place: Place,
    pub(super) policy: &'a Arc<Policy>,
    pub(super) statement: &'a Statement,
    /// The entry of `Resource` that could match; `None`: judge the whole element.
    pub(super) entry: Option<&'a ResourceEntry>,
}

impl Policy {
    /// Names a document.
    pub fn new(name: impl Into<Box<str>>, document: document::Document) -> Arc<Self> {
        let name = name.into();
        let called = |(at, statement): (usize, &Statement)| match &statement.sid {
            Some(sid) => format!("{name}#{}", sid.value).into(),
            None => format!("{name}#NO_ID-{at}").into(),
        };
        let statements = document.statements.iter().enumerate().map(called).collect();
        Arc::new(Self { name, document, statements })
    }

    /// What it is known by: the file it came from, as a rule.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it says.
    pub fn document(&self) -> &document::Document {
        &self.document
    }

    pub(super) fn statement(&self, index: usize) -> Option<&Statement> {
        self.document.statements.get(index)
    }

    /// What a statement is called: `identities/team#Read` or, without a name of its own,
    /// `identities/team#NO_ID-2`.
    pub(super) fn statement_name(&self, index: usize) -> &str {
        self.statements.get(index).map_or(&*self.name, |name| name)
    }
}

impl Shelf {
    /// Compiles documents. More than `u32::MAX` statements in one document cannot be: a document has a bound.
    pub fn new(policies: Vec<Arc<Policy>>) -> Self {
        let mut everyone = ZoneBuilder::default();
        let mut accounts: QuickMap<Box<str>, ZoneBuilder<'_>> = QuickMap::default();
        for (policy_at, policy) in (0_u32..).zip(&policies) {
            for (statement_at, statement) in (0_u32..).zip(&policy.document.statements) {
                let place = Place { policy: policy_at, statement: statement_at };
                match accounts_of(statement) {
                    None => everyone.add(place, statement),
                    Some(named) => {
                        for account in named {
                            accounts.entry(account.into()).or_default().add(place, statement);
                        }
                    }
                }
            }
        }
        let accounts = accounts.into_iter().map(|(account, zone)| (account, zone.build())).collect();
        Self { everyone: everyone.build(), accounts, policies }
    }

    /// The documents.
    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.policies
    }

    /// Every statement, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = Candidate<'_>> {
        (0_u32..).zip(&self.policies).flat_map(|(policy_at, policy)| {
            (0_u32..).zip(&policy.document.statements).map(move |(statement_at, statement)| Candidate {
                place: Place { policy: policy_at, statement: statement_at },
                policy,
                statement,
                entry: None,
            })
        })
    }

    /// Calls `visit` with every statement that could apply to the resource whose ARN has this path, and this
    /// as its first component; with some of them more than once.
    pub(super) fn candidates<'a>(
        &'a self,
        caller: &Caller<'_>,
        action: Option<Action>,
        (component, path): (&str, &str),
        visit: &mut impl FnMut(Candidate<'a>),
    ) {
        let mut post = |posting: Posting| {
            let Some(policy) = self.policies.get(posting.place.policy as usize) else { return };
            let Some(statement) = policy.statement(posting.place.statement as usize) else { return };
            let entries = statement.resource.as_ref().map(|element| element.entries.as_slice());
            let entry = posting.entry.and_then(|at| entries?.get(at as usize));
            visit(Candidate { place: posting.place, policy, statement, entry });
        };
        self.everyone.find(component, path, action, &mut post);
        if let Some(zone) = caller.account().and_then(|account| self.accounts.get(account)) {
            zone.find(component, path, action, &mut post);
        }
    }
}

/// The accounts that a statement's principals belong to, if every principal belongs to one.
fn accounts_of(statement: &Statement) -> Option<Vec<&str>> {
    let principal = statement.principal.as_ref().filter(|element| !element.negated)?;
    let mut accounts = Vec::new();
    for entry in &principal.entries {
        match &entry.who {
            Who::Everyone | Who::Canonical(_) | Who::Service(_) | Who::Federated(_) => return None,
            Who::Deleted(_) => {}
            Who::Account(number) => accounts.push(number.as_str()),
            Who::Root(arn) | Who::User(arn) | Who::Role(arn) | Who::Session(arn) | Who::FederatedUser(arn) => {
                accounts.push(arn::account(arn)?);
            }
        }
    }
    accounts.sort_unstable();
    accounts.dedup();
    Some(accounts)
}

impl Zone {
    fn find(&self, component: &str, path: &str, action: Option<Action>, post: &mut impl FnMut(Posting)) {
        if let Some(node) = self.named.get(component) {
            node.find(path, action, post);
        }
        self.wide.find(path, action, post);
    }
}

impl Node {
    /// All prefixes of `path` lie on one chain of parents: the one of its predecessor in the order of texts.
    fn find(&self, path: &str, action: Option<Action>, post: &mut impl FnMut(Posting)) {
        // Most nodes have one, which is looked at below in any case.
        let behind = match self.prefixes.len() {
            few @ 0..=1 => few,
            _ => self.prefixes.partition_point(|prefix| &*prefix.text <= path),
        };
        let mut at = behind.checked_sub(1);
        while let Some(prefix) = at.and_then(|at| self.prefixes.get(at)) {
            if path.starts_with(&*prefix.text) {
                let groups = self.groups.get(prefix.groups.start as usize..prefix.groups.end as usize);
                for group in groups.unwrap_or_default() {
                    // An action that the table does not know may match a wildcard: then every group counts.
                    if action.is_none_or(|action| group.actions.contains(action)) {
                        let postings = group.postings.start as usize..group.postings.end as usize;
                        self.postings.get(postings).unwrap_or_default().iter().copied().for_each(&mut *post);
                    }
                }
            }
            at = prefix.parent.map(|parent| parent as usize);
        }
    }
}

/// Collects what a [`Zone`] will hold.
#[derive(Default)]
struct ZoneBuilder<'a> {
    named: QuickMap<&'a str, NodeBuilder<'a>>,
    wide: NodeBuilder<'a>,
}

/// Postings by prefix and actions. Sorted maps: what is compiled does not depend on chance.
type NodeBuilder<'a> = BTreeMap<&'a str, BTreeMap<Actions, Vec<Posting>>>;

impl<'a> ZoneBuilder<'a> {
    fn add(&mut self, place: Place, statement: &'a Statement) {
        let actions = known_actions(statement);
        match &statement.resource {
            Some(Element { negated: false, entries, .. }) => {
                for (at, entry) in (0_u32..).zip(entries) {
                    let literal = arn::literal_path(&entry.text);
                    let node = match arn::whole_component(literal, &entry.text) {
                        Some(component) => self.named.entry(component).or_default(),
                        None => &mut self.wide,
                    };
                    let posting = Posting { place, entry: Some(at) };
                    node.entry(literal).or_default().entry(actions).or_default().push(posting);
                }
            }
            _ => {
                let posting = Posting { place, entry: None };
                self.wide.entry("").or_default().entry(actions).or_default().push(posting);
            }
        }
    }

    fn build(self) -> Zone {
        let named = self.named.into_iter().map(|(component, node)| (component.into(), build(node)));
        Zone { named: named.collect(), wide: build(self.wide) }
    }
}

fn build(node: NodeBuilder<'_>) -> Node {
    let mut built = Node::default();
    // The prefixes that the current one may begin with, longest last.
    let mut open: Vec<(u32, &str)> = Vec::new();
    for (at, (text, groups)) in (0_u32..).zip(node) {
        while open.last().is_some_and(|(_, parent)| !text.starts_with(parent)) {
            open.pop();
        }
        let first = count(&built.groups);
        for (actions, postings) in groups {
            let start = count(&built.postings);
            built.postings.extend(postings);
            built.groups.push(Group { actions, postings: start..count(&built.postings) });
        }
        let parent = open.last().map(|(parent, _)| *parent);
        built.prefixes.push(Prefix { text: text.into(), parent, groups: first..count(&built.groups) });
        open.push((at, text));
    }
    built
}

fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

/// The known actions that the action element of a statement matches.
fn known_actions(statement: &Statement) -> Actions {
    let element = &statement.action;
    Actions::that(|action| element.entries.iter().any(|entry| entry.known.contains(action)) != element.negated)
}

impl Place {
    /// Before all others.
    pub(super) const FIRST: Self = Self { policy: 0, statement: 0 };

    /// The statement's place in its document.
    pub(super) fn statement(self) -> u32 {
        self.statement
    }
}

impl Candidate<'_> {
    pub(super) fn effect(&self) -> Effect {
        self.statement.effect
    }
}
