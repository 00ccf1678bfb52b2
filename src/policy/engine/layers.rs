//! The layers that take part in one question, and the walk over them.

use super::super::action::Action;
use super::super::context::{Behind, Context};
use super::super::document::{Effect, Statement};
use super::acl::{self, AccessLists};
use super::arn;
use super::decision::{Decision, Layer};
use super::facts::{Door, Facts, Filter, Hit, Own, Said, Source};
use super::principal::{Identity, Kinds};
use super::question::{Act, Caller, Question};
use super::shelf::{Candidate, Shelf};

/// The policies that take part. What is absent takes no part: it neither grants nor limits.
///
/// A policy that exists and is empty is not absent. Whoever fills this in decides which one it is; for the
/// proxy that is [`Generation`](super::Generation).
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers<'a> {
    /// Service control policies of the caller's account, level by level.
    pub service_control: &'a [std::sync::Arc<Shelf>],
    /// Resource control policies of the account that owns the resource, level by level.
    pub resource_control: &'a [std::sync::Arc<Shelf>],
    /// The policy of the VPC endpoint that the request came through.
    pub endpoint: Option<&'a Shelf>,
    /// The policies of the user with its groups, or of the role.
    pub identity: Option<&'a Shelf>,
    /// The permissions boundary.
    pub boundary: Option<&'a Shelf>,
    /// The session policies of the credentials.
    pub session: Option<&'a Shelf>,
    /// The trust policy, where a role is what is asked for. It must allow the caller whatever else does;
    /// beyond that it is the resource's policy, whose statements need no resource.
    pub trust: Option<&'a Shelf>,
    /// The policy of the bucket.
    pub bucket: Option<&'a Shelf>,
    /// The access point that the request came through.
    pub access_point: Option<AccessPoint<'a>>,
    /// Access control lists, where they are in force.
    pub lists: Option<AccessLists<'a>>,
    /// What RestrictPublicBuckets closes.
    pub restrict: Restrict,
}

/// An access point, as one question sees it.
#[derive(Clone, Copy, Debug)]
pub struct AccessPoint<'a> {
    /// The account that owns it.
    pub owner: &'a str,
    /// Its policy.
    pub policy: Option<&'a Shelf>,
}

/// What RestrictPublicBuckets closes to other accounts and the anonymous (spec/policy-evaluation.md 8.5).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Restrict {
    /// The setting is on, whether a policy is public or not.
    pub on: bool,
    /// The bucket's policy is public, and the setting is on for it.
    pub bucket: bool,
    /// The access point's policy is public, and the setting is on for it.
    pub access_point: bool,
}

/// How the statements of a layer are looked at: through the index, or each one with a record of it.
pub(super) trait Scan<'a> {
    /// A layer that does not ask who the caller is.
    fn filter(&mut self, layer: Layer, shelf: &'a Shelf, asked: &Asked<'_>) -> Filter<'a>;
    /// A layer whose statements name principals.
    fn said(&mut self, layer: Layer, shelf: &'a Shelf, asked: &Asked<'_>) -> Said<'a>;
}

/// One question about one ARN, prepared.
#[derive(Clone, Copy)]
pub(super) struct Asked<'q> {
    pub(super) question: &'q Question<'q>,
    /// What conditions see.
    pub(super) context: &'q dyn Context,
    pub(super) identity: Identity<'q>,
    /// The action, where the table knows it.
    pub(super) action: Option<Action>,
    /// The action in lower case, where the table does not.
    pub(super) unknown_action: &'q str,
    pub(super) resource: &'q str,
    /// The path of that ARN.
    path: &'q str,
    /// The first component of the path.
    component: &'q str,
    /// Statements without resources are about what is asked for: in trust policies.
    pub(super) of_role: bool,
}

impl<'a> Layers<'a> {
    /// Decides a question. Total: it cannot fail, wait, or look at a clock, and for actions of the table and
    /// statements without variables it allocates nothing.
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        self.facts(question, &mut Indexed).decide(question)
    }

    /// Asks every layer, each about the ARN that it is evaluated with (spec/policy-evaluation.md 6).
    pub(super) fn facts(&self, question: &Question<'_>, scan: &mut impl Scan<'a>) -> Facts<'a> {
        let (action, unknown_action) = match question.action {
            Act::Known(action) => (Some(action), String::new()),
            Act::Other(name) => (None, name.to_ascii_lowercase()),
        };
        let front = Asked {
            question,
            context: question.context,
            identity: Identity {
                caller: question.caller,
                canonical_id: question.canonical_id,
                bounded: self.boundary.is_some(),
            },
            action,
            unknown_action: &unknown_action,
            resource: question.resource,
            path: "",
            component: "",
            of_role: false,
        }
        .about(question.resource);
        let context = Behind(question.context);
        let behind = question.behind.map_or(front, |arn| Asked { context: &context, ..front.about(arn) });
        let through = self.access_point.is_some();
        let mut facts = Facts::default();
        if !self.service_control.is_empty() && question.caller.is_bound_by_organization() {
            facts.service_control = levels(self.service_control, scan, &front);
        }
        facts.resource_control = self.resource_controls(scan, &front, through.then_some(&behind));
        facts.endpoint = self.endpoint_policy(scan, &front, through.then_some(&behind));
        facts.own = self.own(scan, &front);
        facts.bucket = self.bucket.map(|shelf| scan.said(Layer::Resource, shelf, &behind)).unwrap_or_default();
        if let Some(shelf) = self.trust {
            let said = scan.said(Layer::Trust, shelf, &Asked { of_role: true, ..front });
            (facts.trust, facts.bucket) = (Some(said.as_filter()), said);
        }
        facts.door = self.access_point.map(|point| Door {
            owned: question.caller.is_of(point.owner),
            said: point.policy.map(|shelf| scan.said(Layer::AccessPoint, shelf, &front)).unwrap_or_default(),
            behind: self.own(scan, &behind),
        });
        facts.at_home = question.caller.is_of(question.owner);
        if let Some(lists) = &self.lists {
            acl::apply(lists, &behind, &mut facts);
        }
        if question.consent {
            facts.bucket.grant(Kinds::ACCOUNT, Source::Consent);
            if let Some(door) = &mut facts.door {
                door.said.grant(Kinds::ACCOUNT, Source::Consent);
            }
        }
        facts.restricted = self.restrict.turns_away(&question.caller, question.owner, self.access_point.as_ref());
        facts
    }

    /// Denies on either ARN count. Whoever acts for a service that a role was made for is not held by them.
    fn resource_controls(
        &self,
        scan: &mut impl Scan<'a>,
        front: &Asked<'_>,
        behind: Option<&Asked<'_>>,
    ) -> Option<Hit<'a>> {
        if self.resource_control.is_empty() || front.question.caller.is_linked_to_a_service() {
            return None;
        }
        let mut deny = None;
        for shelf in self.resource_control {
            for asked in std::iter::once(front).chain(behind) {
                deny = deny.or(scan.said(Layer::ResourceControl, shelf, asked).deny);
            }
        }
        deny
    }

    /// An endpoint's policy must allow both ARNs; it names principals, but any match is a match.
    fn endpoint_policy(&self, scan: &mut impl Scan<'a>, front: &Asked<'_>, behind: Option<&Asked<'_>>) -> Filter<'a> {
        let Some(shelf) = self.endpoint else { return Filter::default() };
        let first = scan.said(Layer::Endpoint, shelf, front).as_filter();
        match behind.map(|asked| scan.said(Layer::Endpoint, shelf, asked).as_filter()) {
            Some(second) => {
                Filter { present: true, allow: first.allow.and(second.allow), deny: first.deny.or(second.deny) }
            }
            None => first,
        }
    }

    /// The caller's own side.
    fn own(&self, scan: &mut impl Scan<'a>, asked: &Asked<'_>) -> Own<'a> {
        // Neither the anonymous nor services have policies, and a root user needs none.
        if asked.question.caller.identity().is_none() {
            return Own::default();
        }
        let mut ask = |layer, shelf: Option<&'a Shelf>| match shelf {
            Some(shelf) => scan.filter(layer, shelf, asked),
            None => Filter::default(),
        };
        Own {
            identity: ask(Layer::Identity, self.identity),
            boundary: ask(Layer::Boundary, self.boundary),
            session: ask(Layer::Session, self.session),
        }
    }
}

/// Every level must allow; the statement of the last one is as good as any.
fn levels<'a>(shelves: &'a [std::sync::Arc<Shelf>], scan: &mut impl Scan<'a>, asked: &Asked<'_>) -> Filter<'a> {
    let mut all = Filter::default();
    for shelf in shelves {
        let level = scan.filter(Layer::ServiceControl, shelf, asked);
        let allow = if all.present { all.allow.and(level.allow) } else { level.allow };
        all = Filter { present: true, allow, deny: all.deny.or(level.deny) };
    }
    all
}

impl Restrict {
    /// Whether a caller whom the policies allow is cut off all the same.
    pub fn turns_away(&self, caller: &Caller<'_>, owner: &str, point: Option<&AccessPoint<'_>>) -> bool {
        if matches!(caller, Caller::Service { .. }) || caller.is_of(owner) {
            return false;
        }
        let owns_point = point.is_some_and(|point| caller.is_of(point.owner));
        self.bucket || (self.access_point && !owns_point)
    }
}

/// Looks through the index.
struct Indexed;

impl<'a> Scan<'a> for Indexed {
    fn filter(&mut self, _: Layer, shelf: &'a Shelf, asked: &Asked<'_>) -> Filter<'a> {
        let mut found = Filter { present: true, ..Filter::default() };
        shelf.candidates(&asked.question.caller, asked.action, (asked.component, asked.path), &mut |candidate| {
            if found.wants(&candidate) && asked.applies(&candidate) {
                found.note(&candidate);
            }
        });
        found
    }

    fn said(&mut self, _: Layer, shelf: &'a Shelf, asked: &Asked<'_>) -> Said<'a> {
        let mut found = Said::default();
        shelf.candidates(&asked.question.caller, asked.action, (asked.component, asked.path), &mut |candidate| {
            let kinds = asked.identity.met_by(candidate.statement);
            if found.wants(kinds, &candidate) && asked.applies(&candidate) {
                found.note(kinds, &candidate);
            }
        });
        found
    }
}

impl<'q> Asked<'q> {
    /// The same question about this ARN.
    fn about(self, arn: &'q str) -> Self {
        let path = arn::path(arn);
        Self { resource: arn, path, component: arn::component(path), ..self }
    }

    /// Whether a statement applies, but for its principals.
    fn applies(&self, candidate: &Candidate<'_>) -> bool {
        let statement = candidate.statement;
        let resource = || match candidate.entry {
            Some(entry) => entry.matches(self.resource, self.context),
            None => self.resource_matches(statement),
        };
        // The index has seen to known actions.
        let action = self.action.is_some() || self.action_matches(statement);
        action && resource() && statement.conditions.iter().all(|clause| clause.holds(self.context))
    }

    pub(super) fn action_matches(&self, statement: &Statement) -> bool {
        let element = &statement.action;
        let listed = element.entries.iter().any(|entry| match self.action {
            Some(action) => entry.known.contains(action),
            None => entry.matches(self.unknown_action),
        });
        listed != element.negated
    }

    pub(super) fn resource_matches(&self, statement: &Statement) -> bool {
        // Elsewhere a statement without resources belongs to another kind of document, and is about nothing.
        statement.resource.as_ref().map_or(self.of_role, |element| {
            element.entries.iter().any(|entry| entry.matches(self.resource, self.context)) != element.negated
        })
    }
}

impl<'a> Filter<'a> {
    fn wants(&self, candidate: &Candidate<'_>) -> bool {
        let known = if candidate.effect() == Effect::Allow { &self.allow } else { &self.deny };
        known.is_none_or(|known| candidate.place < known.place)
    }

    pub(super) fn note(&mut self, candidate: &Candidate<'a>) {
        if self.wants(candidate) {
            let known = if candidate.effect() == Effect::Allow { &mut self.allow } else { &mut self.deny };
            *known = Some(Hit::of(candidate));
        }
    }
}

impl<'a> Said<'a> {
    fn wants(&self, kinds: Kinds, candidate: &Candidate<'_>) -> bool {
        match candidate.effect() {
            Effect::Allow => self.lacks(kinds, candidate.place),
            Effect::Deny => !kinds.is_empty() && self.deny.is_none_or(|known| candidate.place < known.place),
        }
    }

    pub(super) fn note(&mut self, kinds: Kinds, candidate: &Candidate<'a>) {
        if self.wants(kinds, candidate) {
            match candidate.effect() {
                Effect::Allow => self.grant(kinds, Source::Statement(Hit::of(candidate))),
                Effect::Deny => self.deny = Some(Hit::of(candidate)),
            }
        }
    }
}
