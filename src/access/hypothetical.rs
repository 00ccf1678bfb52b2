//! A request that was never sent: what policy would say to it, and why.
//!
//! Its condition keys come from the same table as those of real requests
//! ([`View`]); keys given by hand lie over them. What follows from principal, owner, address and
//! time is there without being given; what a request would say itself (headers, parameters, tags) is there
//! only if given, and absent otherwise.
//!
//! Invariants:
//! - nothing is guessed: an action, resource, key or value that no real request could have is an
//!   [`Implausible`], never a decision;
//! - no key is visible that the action cannot carry.

mod keys;
mod resource;
#[cfg(test)]
mod tests;
mod who;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use http::HeaderMap;

use super::ask::{Ask, Given};
use super::context::{Request, View};
use super::document::Document;
use super::estate::Estate;
use super::facts::{Caller, Channel, Endpoint, Facts, Owner, Signature};
use super::stored::Nothing;
use crate::identity::Principal;
use crate::policy::context::{Context, Values};
use crate::policy::engine::{Act, Brought, Decision, Explanation, Question};
use crate::s3::Operation;
use crate::s3::permission::Key;
use crate::s3::route::{Auth, Routed};
use crate::time::Millis;
use keys::Given as ByHand;
use resource::Resource;

pub use who::{Found, begun as session, principal};

/// A request that was never sent.
#[derive(Clone, Copy, Debug)]
pub struct Hypothetical<'a> {
    /// Who asks ([`principal`] finds one by its ARN).
    pub principal: &'a Principal,
    /// `s3:GetObject`, in any letter case.
    pub action: &'a str,
    /// An ARN, or `*` for actions on nothing in particular.
    pub resource: &'a str,
    /// The client's address; without one, `aws:SourceIp` is absent.
    pub from: Option<IpAddr>,
    /// Condition keys given by hand. They add to what follows from the rest, or replace it. A multi-valued
    /// key may be there several times. `aws:SourceVpce` selects the endpoint's policy.
    pub with: &'a [(String, String)],
    /// The region of the endpoint.
    pub region: &'a str,
    /// The present, unless `aws:CurrentTime` is given.
    pub now: Millis,
}

/// Why a request cannot be: no proxy could be asked this.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Implausible {
    /// What of it.
    pub part: Part,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// A part of a [`Hypothetical`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// The action.
    Action,
    /// The principal.
    Principal,
    /// The resource.
    Resource,
    /// A key given by hand, as given.
    With(String),
}

impl Hypothetical<'_> {
    /// What policy says.
    ///
    /// # Errors
    /// [`Implausible`]: an action that does not exist, a resource it does not act on, a key that is unknown,
    /// that the action cannot carry, or whose value is of another type.
    pub fn decide(&self, estate: &Estate) -> Result<Decision, Implausible> {
        self.ask(estate, |question, brought| estate.rules().decide(question, brought))
    }

    /// What policy says, and why.
    ///
    /// # Errors
    /// As [`Hypothetical::decide`].
    pub fn explain(&self, estate: &Estate) -> Result<Explanation, Implausible> {
        self.ask(estate, |question, brought| estate.rules().explain(question, brought))
    }

    /// Puts the question together and hands it on.
    ///
    /// # Errors
    /// As [`Hypothetical::decide`].
    pub fn ask<T>(
        &self,
        estate: &Estate,
        then: impl FnOnce(&Question<'_>, &Brought<'_>) -> T,
    ) -> Result<T, Implausible> {
        let act = resource::act(self.action)?;
        let by_hand = ByHand::new(act, self.with)?;
        let resource = Resource::new(act, self.resource, self.principal, estate)?;
        let caller = &self.principal.account;
        let point = resource.point.as_ref().map(|point| point.facts());
        let target = Owner {
            account: resource.owner.as_deref(),
            organization: resource.owner.as_deref().and_then(|owner| estate.organization(owner)),
            tags: resource.bucket.as_deref().and_then(|bucket| estate.tags(bucket)),
            access_point: point,
        };
        let facts = Facts {
            caller: Caller { principal: self.principal, organization: estate.organization(caller) },
            signature: Signature {
                kind: if self.principal.is_anonymous() { Auth::Anonymous } else { Auth::Header },
                algorithm: "AWS4-HMAC-SHA256",
                signed: None,
            },
            channel: self.channel(&by_hand),
            now: by_hand.now().unwrap_or(self.now),
            region: self.region,
            target,
            source: Owner::default(),
            content_sha256: None,
            user_agent: None,
            referer: None,
            kms_key: None,
        };
        let routed = routed(act, &resource);
        let given = Given { partition: &resource.partition, routed: &routed, document: &Document::None };
        let request = Request::bare(given, facts, &Nothing);
        let ask = Ask::imagined(&resource.arn, resource.behind.as_deref());
        let view = request.view(&ask);
        let context = Imagined { act, by_hand: &by_hand, view: &view, has_address: self.from.is_some() };
        let question = Question {
            action: act,
            context: &context,
            canonical_id: estate.rules().canonical_id(caller),
            ..view.question(false)
        };
        let brought = Brought { endpoint: by_hand.one(Key::AwsSourceVpce), ..Brought::default() };
        Ok(then(&question, &brought))
    }

    /// How it comes: over TLS 1.3 and by no endpoint, unless keys given by hand say otherwise.
    fn channel<'k>(&self, by_hand: &'k ByHand) -> Channel<'k> {
        let one = |key| by_hand.one(key);
        let plain = one(Key::AwsSecureTransport).is_some_and(|says| says.eq_ignore_ascii_case("false"));
        let by_endpoint = [Key::AwsSourceVpce, Key::AwsSourceVpc, Key::AwsSourceVpcArn, Key::AwsVpcSourceIp];
        let endpoint = by_endpoint.into_iter().any(|key| one(key).is_some());
        Channel {
            tls: (!plain).then_some("1.3"),
            address: self.from.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            endpoint: endpoint.then(Endpoint::default),
        }
    }
}

/// What the keys of a real request are read from, as far as the action tells. It has neither headers nor
/// parameters: those come as keys.
fn routed(act: Act<'_>, resource: &Resource) -> Routed {
    let name = act.name();
    let asks = |operation: &Operation| operation.permission().checks.iter().any(|check| check.action == name);
    let plain = name.split_once(':').map_or(name, |(_, plain)| plain);
    let named = Operation::ALL.into_iter().find(|operation| operation.name() == plain && asks(operation));
    Routed {
        // Only whether it makes an object, and whether it can inherit encryption, is read from it.
        operation: named.or_else(|| Operation::ALL.into_iter().find(asks)).unwrap_or(Operation::GetObject),
        bucket: resource.bucket.clone(),
        key: None,
        parameters: Vec::new(),
        headers: HeaderMap::new(),
        copy_source: None,
        account: None,
        point: None,
        through: None,
    }
}

/// The keys of a request that was never sent: those given by hand over those that follow from the rest.
struct Imagined<'a> {
    act: Act<'a>,
    by_hand: &'a ByHand,
    view: &'a View<'a>,
    has_address: bool,
}

impl Context for Imagined<'_> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        let (found, tag) = Key::find(key)?;
        if !keys::carries(self.act, found) {
            return None;
        }
        if let Some(values) = self.by_hand.values(key) {
            return Some(values);
        }
        // Nobody said from where.
        if !self.has_address && matches!(found, Key::AwsSourceIp | Key::AwsVpcSourceIp) {
            return None;
        }
        self.view.known(found, tag)
    }

    fn values_behind(&self, key: &str) -> Option<Values<'_>> {
        let (found, tag) = Key::find(key)?;
        match tag {
            Some(tag) if found == Key::AwsResourceTag && keys::carries(self.act, found) => {
                self.by_hand.values(key).or_else(|| self.view.bucket_tag(tag))
            }
            _ => self.values(key),
        }
    }
}

impl Implausible {
    fn new(part: Part, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { part, message: message.into(), help: help.into() }
    }
}

impl fmt::Display for Implausible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message, self.help)
    }
}

impl std::error::Error for Implausible {}
