//! What the layers said, and what follows from it: the table of spec/policy-evaluation.md 4 and 6.

use std::sync::Arc;

use super::decision::{Basis, Decision, Forbidden, Grant, Layer, StatementRef};
use super::principal::Kinds;
use super::question::{Caller, Question};
use super::shelf::{Candidate, Place, Policy};

/// A statement that applies.
#[derive(Clone, Copy)]
pub(super) struct Hit<'a> {
    pub(super) place: Place,
    pub(super) policy: &'a Arc<Policy>,
}

/// What grants on the resource's side.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Acl,
    Consent,
    Statement(Hit<'a>),
}

/// What a layer without principals said.
#[derive(Clone, Copy, Default)]
pub(super) struct Filter<'a> {
    /// Whether it takes part.
    pub(super) present: bool,
    pub(super) allow: Option<Hit<'a>>,
    pub(super) deny: Option<Hit<'a>>,
}

/// What a policy of a resource said, by the way in which it names the caller.
#[derive(Clone, Copy, Default)]
pub(super) struct Said<'a> {
    pub(super) deny: Option<Hit<'a>>,
    grants: [Option<Source<'a>>; 4],
    /// Statements cannot grant it, whatever they say.
    powerless: bool,
}

/// What an access point adds.
#[derive(Clone, Copy)]
pub(super) struct Door<'a> {
    /// The caller's account owns the access point.
    pub(super) owned: bool,
    /// Its policy.
    pub(super) said: Said<'a>,
    /// The identity's side, asked about the bucket's ARN.
    pub(super) behind: Own<'a>,
}

/// The caller's own side.
#[derive(Clone, Copy, Default)]
pub(super) struct Own<'a> {
    pub(super) identity: Filter<'a>,
    pub(super) boundary: Filter<'a>,
    pub(super) session: Filter<'a>,
}

/// What all layers said.
#[derive(Clone, Copy, Default)]
pub(super) struct Facts<'a> {
    /// Only present for callers that it binds; allows if every level does.
    pub(super) service_control: Filter<'a>,
    /// Silence of these means nothing.
    pub(super) resource_control: Option<Hit<'a>>,
    pub(super) endpoint: Filter<'a>,
    pub(super) own: Own<'a>,
    pub(super) bucket: Said<'a>,
    /// What a role's trust policy said, as far as it must allow; the rest of it is in `bucket`.
    pub(super) trust: Option<Filter<'a>>,
    /// The caller's account owns what is asked for.
    pub(super) at_home: bool,
    pub(super) door: Option<Door<'a>>,
    /// RestrictPublicBuckets is in force and would turn this caller away.
    pub(super) restricted: bool,
}

impl Filter<'_> {
    fn passes(&self) -> bool {
        !self.present || self.allow.is_some()
    }
}

impl<'a> Said<'a> {
    /// For layers where any way of naming the caller will do.
    pub(super) fn as_filter(&self) -> Filter<'a> {
        let statement = |source: Source<'a>| match source {
            Source::Statement(hit) => Some(hit),
            Source::Acl | Source::Consent => None,
        };
        let allows = self.grants.iter().flatten().filter_map(|source| statement(*source));
        Filter { present: true, allow: allows.min_by_key(|hit| hit.place), deny: self.deny }
    }

    /// Takes from statements what they grant, and would grant; what they forbid stays.
    pub(super) fn forget_grants(&mut self) {
        self.grants = [None; 4];
        self.powerless = true;
    }

    /// Notes a grant unless one of its kind is known already.
    pub(super) fn grant(&mut self, kinds: Kinds, source: Source<'a>) {
        for (slot, kind) in self.grants.iter_mut().zip(Kinds::ALL) {
            if kinds.has(kind) && slot.is_none_or(|known| source.comes_before(&known)) {
                *slot = Some(source);
            }
        }
    }

    /// Notes a statement that names the caller in every way.
    pub(super) fn grant_all(&mut self, hit: Hit<'a>) {
        if self.powerless {
            return;
        }
        for kinds in Kinds::ALL {
            self.grant(kinds, Source::Statement(hit));
        }
    }

    /// Whether a statement there could still add something.
    pub(super) fn lacks(&self, kinds: Kinds, place: Place) -> bool {
        self.grants.iter().zip(Kinds::ALL).any(|(slot, kind)| {
            kinds.has(kind)
                && slot.is_none_or(|known| match known {
                    Source::Statement(hit) => place < hit.place,
                    Source::Acl | Source::Consent => true,
                })
        })
    }

    fn by(&self, kinds: &[Kinds]) -> Option<Source<'a>> {
        let found = self.grants.iter().zip(Kinds::ALL).find(|(slot, kind)| slot.is_some() && kinds.contains(kind));
        found.and_then(|(slot, _)| *slot)
    }
}

impl Source<'_> {
    /// Statements are named before entries of a list; among statements the first one is.
    fn comes_before(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Statement(own), Self::Statement(other)) => own.place < other.place,
            (Self::Statement(_), _) => true,
            _ => false,
        }
    }

    fn basis(&self) -> Basis {
        match self {
            Self::Acl => Basis::Acl,
            Self::Consent => Basis::Consent,
            Self::Statement(hit) => Basis::Statement(hit.statement()),
        }
    }
}

impl<'a> Hit<'a> {
    pub(super) fn of(candidate: &Candidate<'a>) -> Self {
        Self { place: candidate.place, policy: candidate.policy }
    }

    pub(super) fn statement(&self) -> StatementRef {
        StatementRef { policy: Arc::clone(self.policy), index: self.place.statement() }
    }
}

impl<'a> Own<'a> {
    /// The first filter of the caller's side that is silent.
    fn limit(&self) -> Option<Layer> {
        if !self.boundary.passes() {
            Some(Layer::Boundary)
        } else if !self.session.passes() {
            Some(Layer::Session)
        } else {
            None
        }
    }

    /// The statement of the identity's policies that allows it, within boundary and session policy.
    fn allow(&self) -> Option<Hit<'a>> {
        self.identity.allow.filter(|_| self.limit().is_none())
    }

    /// The same where a Deny has not ended the question already: about the bucket behind an access point,
    /// whose ARN the caller's policies are only asked about to stand in for the bucket's.
    fn allow_undenied(&self) -> Option<Hit<'a>> {
        self.allow().filter(|_| self.denies().iter().all(|(_, deny)| deny.is_none()))
    }

    fn silence(&self) -> Layer {
        self.limit().unwrap_or(Layer::Identity)
    }

    fn denies(&self) -> [(Layer, &Option<Hit<'a>>); 3] {
        [
            (Layer::Identity, &self.identity.deny),
            (Layer::Boundary, &self.boundary.deny),
            (Layer::Session, &self.session.deny),
        ]
    }
}

/// What one side rests on: the caller's own policies, the resource's, or both.
type Rests = [Option<Basis>; 2];

impl<'a> Facts<'a> {
    /// Changes the caller's own side, wherever it was asked.
    pub(super) fn each_own(&mut self, change: impl Fn(&mut Own<'a>)) {
        change(&mut self.own);
        if let Some(door) = &mut self.door {
            change(&mut door.behind);
        }
    }

    /// The decision that the layers add up to.
    pub(super) fn decide(&self, question: &Question<'_>) -> Decision {
        if let Some((layer, hit)) = self.denied() {
            return Decision::ExplicitDeny(Forbidden { layer, statement: Some(hit.statement()) });
        }
        if !self.service_control.passes() {
            return Decision::ImplicitDeny(Layer::ServiceControl);
        }
        if !self.endpoint.passes() {
            return Decision::ImplicitDeny(Layer::Endpoint);
        }
        if self.trust.is_some_and(|trust| !trust.passes()) {
            return Decision::ImplicitDeny(Layer::Trust);
        }
        let allowed = match &self.door {
            None => self.direct(question).map(|[own, resource]| [own, resource, None]),
            Some(door) => self.through(door, question),
        };
        match allowed {
            Err(layer) => Decision::ImplicitDeny(layer),
            Ok(_) if self.restricted => {
                Decision::ExplicitDeny(Forbidden { layer: Layer::PublicAccessBlock, statement: None })
            }
            Ok(basis) => Decision::Allow(Grant { basis }),
        }
    }

    /// The first layer with a statement that forbids (spec/policy-evaluation.md 10).
    fn denied(&self) -> Option<(Layer, Hit<'a>)> {
        let of = |layer: Layer, hit: &Option<Hit<'a>>| hit.map(|hit| (layer, hit));
        let of_resource = if self.trust.is_some() { Layer::Trust } else { Layer::Resource };
        of(Layer::ServiceControl, &self.service_control.deny)
            .or_else(|| of(Layer::ResourceControl, &self.resource_control))
            .or_else(|| of(Layer::Endpoint, &self.endpoint.deny))
            .or_else(|| self.own.denies().into_iter().find_map(|(layer, hit)| of(layer, hit)))
            .or_else(|| self.door.as_ref().and_then(|door| of(Layer::AccessPoint, &door.said.deny)))
            .or_else(|| of(of_resource, &self.bucket.deny))
    }

    /// A request straight to the bucket.
    fn direct(&self, question: &Question<'_>) -> Result<Rests, Layer> {
        match question.caller {
            Caller::Anonymous => resource_alone(self.bucket.by(&[Kinds::WILDCARD])),
            Caller::Service { .. } => resource_alone(self.bucket.by(&Kinds::ALL)),
            // Everyone is not whoever has an account with the provider: it must be named.
            Caller::Web { .. } => resource_alone(self.bucket.by(&[Kinds::DIRECT])),
            _ if self.at_home => at_home(&question.caller, &self.bucket, &self.own, self.own.allow()),
            _ => abroad(&question.caller, &self.bucket, &self.own, Layer::Resource),
        }
    }

    /// A request through an access point: its owner and the bucket's must both agree.
    fn through(&self, door: &Door<'a>, question: &Question<'_>) -> Result<[Option<Basis>; 3], Layer> {
        let caller = &question.caller;
        let [own, point] = if door.owned {
            at_home(caller, &door.said, &self.own, self.own.allow())?
        } else {
            abroad(caller, &door.said, &self.own, Layer::AccessPoint)?
        };
        let [also, bucket] = if self.at_home {
            at_home(caller, &self.bucket, &self.own, self.own.allow().or(door.behind.allow_undenied()))
                .map_err(|layer| if layer == Layer::Identity { Layer::Resource } else { layer })?
        } else {
            abroad(caller, &self.bucket, &self.own, Layer::Resource)?
        };
        Ok([own.or(also), point, bucket])
    }
}

/// Callers without policies of their own.
fn resource_alone(source: Option<Source<'_>>) -> Result<Rests, Layer> {
    source.map(|source| [None, Some(source.basis())]).ok_or(Layer::Resource)
}

/// The caller's account owns what is asked for: one side is enough.
fn at_home(caller: &Caller<'_>, said: &Said<'_>, own: &Own<'_>, allow: Option<Hit<'_>>) -> Result<Rests, Layer> {
    if caller.is_root() {
        return Ok([Some(Basis::Root), None]);
    }
    // Granted to the caller itself, or to everyone: silent policies of its own do not matter.
    if let Some(source) = said.by(&[Kinds::WILDCARD, Kinds::DIRECT]) {
        return Ok([None, Some(source.basis())]);
    }
    if let (Some(source), None) = (said.by(&[Kinds::ROLE]), own.limit()) {
        return Ok([None, Some(source.basis())]);
    }
    match allow {
        Some(hit) => Ok([Some(Basis::Statement(hit.statement())), None]),
        None => Err(own.silence()),
    }
}

/// Another account owns it: both sides are needed.
fn abroad(caller: &Caller<'_>, said: &Said<'_>, own: &Own<'_>, resource: Layer) -> Result<Rests, Layer> {
    let own_basis = match own.allow() {
        _ if caller.is_root() => Basis::Root,
        Some(hit) => Basis::Statement(hit.statement()),
        // The anonymous and services have no side of their own: it is the resource's that is missing.
        None if caller.account().is_none() => return Err(resource),
        None => return Err(own.silence()),
    };
    match said.by(&Kinds::ALL) {
        Some(source) => Ok([Some(own_basis), Some(source.basis())]),
        None => Err(resource),
    }
}
