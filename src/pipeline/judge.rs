//! The decision about one request to a store: what it is taken from, and what it comes to
//! (spec/s3-authorization.md 2). Pure: what a decision hangs on and only the store knows is looked up by
//! whoever asks ([`super::look`]).

use super::facts::Facts;
use super::live::{EXPECTED_OWNER, EXPECTED_SOURCE_OWNER, Live, Site};
use crate::access::absence::{self, Verdict};
use crate::access::{self, Ask, Caller, Channel, Document, Endpoint, Given, Looked, Needs, Owner, Side, origin, words};
use crate::identity::Principal;
use crate::policy::engine::{Brought, Decision, Grant, Shelf};
use crate::s3::route::{Auth, Routed, Through};
use crate::s3::{Code, Fault, Operation};
use crate::upstream::Owners;

/// One request, with everything that its decision is taken from.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) live: &'a Live,
    pub(super) site: &'a Site,
    pub(super) facts: &'a Facts,
    pub(super) routed: &'a Routed,
    pub(super) document: &'a Document,
    pub(super) who: &'a Principal,
}

/// What a decision came to.
#[derive(Debug)]
pub(super) enum Round {
    /// It hangs on facts that nobody has looked up.
    Look(Needs),
    /// Nothing that is looked up would change it.
    Settled(Ruling),
}

/// What is permitted, and what is not.
#[derive(Debug, Default)]
pub(super) struct Ruling {
    /// Every permission that was given.
    pub(super) grants: Vec<Grant>,
    /// Of a list of deletions the refused ones, by their place, in order.
    pub(super) entries: Vec<(usize, Fault)>,
    /// The refusal of the request as a whole.
    pub(super) denial: Option<Denial>,
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Denial {
    pub(super) fault: Fault,
    /// The statement that forbids, if one does.
    pub(super) statement: Option<String>,
    /// Whether it is the source of a copy that may not be read.
    pub(super) source: bool,
    /// The object to look for before the denial is told: a caller who may list, and whom nothing forbids
    /// to read, may know that it is not there.
    pub(super) look_first: Option<Side>,
}

impl<'a> Case<'a> {
    /// What has to hold before policies are asked: the owners that the client expects; and of S3 Control
    /// everybody has what is about its own account (spec/policy-evaluation.md 5).
    ///
    /// # Errors
    /// `AccessDenied`
    pub(super) fn check_expected_owners(&self) -> Result<(), Fault> {
        if self.routed.account.as_deref().is_some_and(|account| account != self.who.account) {
            return Err(Fault::plain(Code::AccessDenied, "other-account"));
        }
        let source = self.routed.copy_source.as_ref().map(|source| source.bucket.as_str());
        for (name, bucket) in [(EXPECTED_OWNER, self.routed.bucket.as_deref()), (EXPECTED_SOURCE_OWNER, source)] {
            let owner = bucket.map(|bucket| self.live.estate.owner(bucket)).unwrap_or_default();
            if self.routed.headers.get(&name).is_some_and(|expected| expected.as_bytes() != owner.as_bytes()) {
                let fault = Fault::plain(Code::AccessDenied, "expected-owner");
                return Err(fault.detail(format!("{name} names another account than the bucket's")));
            }
        }
        Ok(())
    }

    /// Asks policy everything that the request needs, as far as `looked` goes.
    ///
    /// # Errors
    /// What is wrong with the request so that it cannot be asked about.
    pub(super) fn decide(&self, looked: &Looked, session: Option<&Shelf>) -> Result<Round, Fault> {
        let given = self.given();
        let asks = access::checks(&given, looked)?;
        let request = access::Request::new(given, self.access_facts()?, looked)?;
        let mut ruling = Ruling { grants: Vec::with_capacity(2), ..Ruling::default() };
        let mut verdicts = (Verdict::Allowed, Verdict::Allowed);
        let mut hangs = Needs::NONE;
        for ask in &asks {
            let decision = self.ask(&request, ask, session);
            if ask.hinges_on().is_some() && !decision.is_allow() {
                hangs = hangs.and(asks.needs());
                continue;
            }
            let side = if ask.side() == Side::Source { &mut verdicts.0 } else { &mut verdicts.1 };
            *side = side.and((&decision).into());
            if let Decision::Allow(grant) = decision {
                ruling.grants.push(grant);
                continue;
            }
            ruling.refuse(ask, self.denied(ask, &decision), &decision);
        }
        // Whoever may not do the rest need not be asked about the state of anything.
        let hangs = if ruling.denial.is_some() { Needs::NONE } else { hangs };
        let needs = hangs.and(request.needs());
        if !needs.is_empty() {
            return Ok(Round::Look(needs));
        }
        if let Some(denial) = &mut ruling.denial {
            denial.look_first = self.look_first(&request, verdicts, session)?;
        } else {
            self.check_account()?;
        }
        Ok(Round::Settled(ruling))
    }

    /// Policies of a bucket are managed from its own account alone (spec/policy-evaluation.md 5).
    fn check_account(&self) -> Result<(), Fault> {
        if self.manages_policy() && !self.is_at_home() {
            let message = "The specified method is not allowed against this resource.";
            return Err(Fault::new(Code::MethodNotAllowed, "policy-of-another-account", message));
        }
        Ok(())
    }

    fn manages_policy(&self) -> bool {
        matches!(
            self.routed.operation,
            Operation::DeleteBucketPolicy | Operation::GetBucketPolicy | Operation::PutBucketPolicy
        )
    }

    /// Whether the bucket, if there is one, is of the caller's account.
    fn is_at_home(&self) -> bool {
        self.routed.bucket.as_deref().is_none_or(|bucket| self.live.estate.owner(bucket) == self.who.account)
    }

    /// Where a denied read leaves the caller the right to hear that there is nothing to read.
    fn look_first(
        &self,
        request: &access::Request<'_>,
        (source, target): (Verdict, Verdict),
        session: Option<&Shelf>,
    ) -> Result<Option<Side>, Fault> {
        let (side, read) = match (source, target) {
            (Verdict::Silent, Verdict::Allowed) => (Side::Source, source),
            (Verdict::Allowed, Verdict::Silent) => (Side::Target, target),
            _ => return Ok(None),
        };
        let operation = self.routed.operation;
        if !absence::list_matters(operation, side, read) {
            return Ok(None);
        }
        let list = self.may_list(request, side, self.names_version(side), session)?;
        Ok(absence::looks_before_denial(operation, side, read, list).then_some(side))
    }

    /// Whether the caller may list what it asked for, so that it may hear that it is not there.
    pub(super) fn may_list(
        &self,
        request: &access::Request<'_>,
        side: Side,
        of_version: bool,
        session: Option<&Shelf>,
    ) -> Result<Verdict, Fault> {
        let ask = self.given().before_absence(side, of_version)?;
        Ok((&self.ask(request, &ask, session)).into())
    }

    pub(super) fn names_version(&self, side: Side) -> bool {
        match side {
            Side::Source => self.routed.copy_source.as_ref().is_some_and(|source| source.version.is_some()),
            Side::Target => self.routed.parameter("versionId").is_some(),
        }
    }

    /// One question.
    pub(super) fn ask(&self, request: &access::Request<'_>, ask: &Ask, session: Option<&Shelf>) -> Decision {
        let view = request.view(ask);
        let rules = self.live.estate.rules();
        let consent = self.given().consents(ask, false);
        let question = view.question(consent);
        let question =
            crate::policy::engine::Question { canonical_id: rules.canonical_id(&self.who.account), ..question };
        rules.decide(&question, &Brought { session, endpoint: self.endpoint(), object: None })
    }

    /// The session policies of the credentials.
    ///
    /// # Errors
    /// `AccessDenied` where one cannot be read, or is not there any more: it could have forbidden anything.
    pub(super) fn session(&self) -> Result<Option<Shelf>, Fault> {
        let Some(session) = &self.who.session else { return Ok(None) };
        self.live
            .roles
            .session(&session.policies, &self.who.account)
            .map_err(|fault| Fault::plain(Code::AccessDenied, "session-policy").detail(fault.message().to_owned()))
    }

    /// The accounts that a store of several accounts must confirm.
    pub(super) fn owners(&self, target: Option<&str>, source: Option<&str>) -> Owners {
        if !self.site.confirms_owners {
            return Owners::default();
        }
        let owner = |bucket: Option<&str>| bucket.map(|bucket| self.live.estate.owner(bucket).to_owned());
        // There is none yet to confirm.
        let target = target.filter(|_| self.routed.operation != Operation::CreateBucket);
        Owners { target: owner(target), source: owner(source) }
    }

    pub(super) fn given(&self) -> Given<'a> {
        Given { partition: &self.site.address.partition, routed: self.routed, document: self.document }
    }

    /// The VPC endpoint that the request came through.
    fn endpoint(&self) -> Option<&'a str> {
        self.live.endpoint(&self.facts.connection)
    }

    /// What conditions may ask about besides the request's own text.
    ///
    /// # Errors
    /// As for [`origin::client`].
    pub(super) fn access_facts(&self) -> Result<access::Facts<'a>, Fault> {
        let Self { live, site, facts, .. } = *self;
        let connection = &facts.connection;
        let header = |name: &http::HeaderName| facts.head.headers.get(name).map(http::HeaderValue::as_bytes);
        let vpc = live.vpc(connection);
        let id = self.endpoint();
        Ok(access::Facts {
            caller: self.caller(),
            signature: access::Signature {
                kind: facts.auth.unwrap_or(Auth::Anonymous),
                algorithm: facts.signed.map(|signed| signed.algorithm).unwrap_or_default(),
                signed: facts.signed.map(|signed| signed.at),
            },
            channel: Channel {
                tls: connection.tls.as_ref().and_then(|tls| access::tls_version(tls.version)),
                address: client(live, facts)?,
                endpoint: (id.is_some() || vpc.is_some()).then_some(Endpoint { id, vpc, ..Endpoint::default() }),
            },
            now: facts.received,
            region: &site.address.region,
            target: self.target(),
            source: self.source(),
            content_sha256: header(&CONTENT_SHA256).and_then(|sent| std::str::from_utf8(sent).ok()),
            user_agent: header(&http::header::USER_AGENT),
            referer: header(&http::header::REFERER),
            kms_key: self.kms_key_seen(),
        })
    }

    pub(super) fn caller(&self) -> Caller<'a> {
        Caller { principal: self.who, organization: self.live.estate.organization(&self.who.account) }
    }

    /// Whose it is that is asked for. To make a bucket is nobody's business but the maker's: there is none yet
    /// that somebody owns.
    fn target(&self) -> Owner<'a> {
        let bucket = self.routed.bucket.as_deref().filter(|_| self.routed.operation != Operation::CreateBucket);
        self.control_target().unwrap_or_else(|| self.owner(bucket, self.routed.through.as_deref()))
    }

    /// Whose the source of a copy is.
    fn source(&self) -> Owner<'a> {
        let source = self.routed.copy_source.as_ref().map(|source| source.bucket.as_str());
        self.owner(source, self.source_through())
    }

    fn owner(&self, bucket: Option<&str>, through: Option<&Through>) -> Owner<'a> {
        bucket.map(|bucket| self.live.estate.whose(bucket, through)).unwrap_or_default()
    }

    /// The access point that the source of a copy is read through.
    fn source_through(&self) -> Option<&'a Through> {
        self.routed.copy_source.as_ref()?.through.as_deref()
    }

    /// What holds of access points whatever policies say (spec/access-points.md 4, 5, 8): nobody comes
    /// without a signature, or in the clear, or from elsewhere than the VPC that one is bound to; and one
    /// whose bucket now belongs to somebody else leads nowhere.
    ///
    /// # Errors
    /// `AccessDenied`, `NoSuchBucket`
    pub(super) fn check_access_points(&self) -> Result<(), Fault> {
        let source = self.routed.copy_source.as_ref().map(|source| source.bucket.as_str());
        let target = (self.routed.through.as_deref(), self.routed.bucket.as_deref());
        for (through, bucket) in [target, (self.source_through(), source)] {
            let Some(through) = through else { continue };
            self.check_access_point(through, bucket.unwrap_or_default())?;
        }
        Ok(())
    }

    fn check_access_point(&self, through: &Through, bucket: &str) -> Result<(), Fault> {
        let denied = |reason, detail: &str| Err(Fault::plain(Code::AccessDenied, reason).detail(detail.to_owned()));
        if self.who.is_anonymous() {
            return denied("access-point-unsigned", "access points are not for the anonymous");
        }
        if !self.facts.connection.is_tls() {
            return denied("access-point-in-the-clear", "access points are reached over TLS only");
        }
        let estate = &self.live.estate;
        let Some(point) = estate.access_point(&through.arn) else {
            return denied("access-point-gone", "the access point is gone");
        };
        // One of the same name was made while the body of this request came in.
        if point.bucket != bucket {
            return denied("access-point-moved", "the access point leads to another bucket now");
        }
        let own = self.live.vpc(&self.facts.connection);
        if let Some(vpc) = point.vpc.as_deref().filter(|vpc| own != Some(*vpc)) {
            return denied("network-origin", &format!("the access point is reached from {vpc} only"));
        }
        if estate.owner(bucket) != point.bucket_account {
            let fault = Fault::plain(Code::NoSuchBucket, "access-point-bucket").with("BucketName", &through.shown);
            return Err(fault.detail("the bucket is of another account than when the access point was made"));
        }
        Ok(())
    }

    /// What the caller hears of a denial, and the operator besides.
    pub(super) fn denied(&self, ask: &Ask, decision: &Decision) -> Fault {
        let owner = if ask.side() == Side::Source { self.source() } else { self.target() };
        words::denied(&self.caller(), &owner, ask, decision)
    }
}

const CONTENT_SHA256: http::HeaderName = http::HeaderName::from_static("x-amz-content-sha256");
const FORWARDED_FOR: http::HeaderName = http::HeaderName::from_static("x-forwarded-for");

/// The client's address, by the proxies that the listener trusts.
///
/// # Errors
/// As for [`origin::client`].
pub(super) fn client(live: &Live, facts: &Facts) -> Result<std::net::IpAddr, Fault> {
    let peer = facts.connection.peer;
    let trusted = live.way(facts.connection.listener).map(|way| way.trusted_proxies.as_slice()).unwrap_or_default();
    if trusted.is_empty() {
        return Ok(peer.to_canonical());
    }
    let lines: Vec<&[u8]> = facts.head.headers.get_all(FORWARDED_FOR).iter().map(http::HeaderValue::as_bytes).collect();
    origin::client(peer, &lines, |address| trusted.iter().any(|network| network.contains(address)))
}

impl Ruling {
    /// Notes a refusal: of one entry, or of all. The first reason is the one that is told, but a
    /// prohibition before silence.
    fn refuse(&mut self, ask: &Ask, fault: Fault, decision: &Decision) {
        let statement = match decision {
            Decision::ExplicitDeny(forbidden) => forbidden.statement().map(ToString::to_string),
            _ => None,
        };
        if let Some(entry) = ask.entry() {
            if self.entries.last().is_none_or(|(last, _)| *last != entry) {
                self.entries.push((entry, fault));
            }
            return;
        }
        if self.denial.as_ref().is_none_or(|there| there.statement.is_none() && statement.is_some()) {
            self.denial = Some(Denial { fault, statement, source: ask.side() == Side::Source, look_first: None });
        }
    }
}
