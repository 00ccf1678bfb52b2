//! One generation of what requests are judged by. A request pins one from its first octet to its last.

use std::cell::OnceCell;
use std::sync::Arc;

use http::header::HeaderName;
use ring::digest::{SHA256, digest};

use super::encryption::StoreEncryption;
use super::facts::{Connection, Facts};
use crate::access::Estate;
use crate::access::origin::Cidr;
use crate::guard;
use crate::guard::naming::{Ledger, Naming};
use crate::identity::{Arn, Directory, Principal, TokenKeys, web};
use crate::kms::Ring;
use crate::limit::rehearsal::Rehearsals;
use crate::policy::Grant;
use crate::s3::address::{self, AccessPoints, Resource};
use crate::s3::external::External;
use crate::s3::route::{self, Auth, Routed, Rules};
use crate::s3::uri::Query;
use crate::s3::{Code, Fault, Head};
use crate::sigv4::{self, Credential, Diagnosis, Hints, KeyCache, KeySource, Opened, Rejection, Verified};
use crate::sts::{self, Ask, Circumstances, Grantor};
use crate::time::Seconds;
use crate::upstream::wire::Kind;

/// Checked here against our own accounts, and never sent on: a store has others.
pub(super) const EXPECTED_OWNER: HeaderName = HeaderName::from_static("x-amz-expected-bucket-owner");
/// The same of the source of a copy.
pub(super) const EXPECTED_SOURCE_OWNER: HeaderName = HeaderName::from_static("x-amz-source-expected-bucket-owner");

/// A region that is served: how it is addressed, and where its requests go.
#[derive(Clone, Debug)]
pub struct Site {
    /// Host names and region.
    pub address: address::Settings,
    /// How signatures for it are verified.
    pub signature: sigv4::Settings,
    /// How signatures for the token service are.
    pub tokens: sigv4::Settings,
    /// What requests are routed by.
    pub rules: Rules,
    /// Its store, by its place among the worker's.
    pub store: usize,
    /// What kind of store it is; none for the one in this process, which says itself what it has.
    pub kind: Option<Kind>,
    /// What the store does with what it is told of encryption.
    pub encryption: StoreEncryption,
    /// Whether the store has accounts of its own, and must confirm the owners that decisions were taken for.
    pub confirms_owners: bool,
}

/// What a listener stands for in the network.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// The VPC it is in.
    pub vpc: Option<String>,
    /// The VPC endpoint it stands for.
    pub vpc_endpoint: Option<String>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Whether clients may meet faults on purpose here.
    pub rehearsal: bool,
}

/// One generation.
pub struct Live {
    /// The sites of each listener, the first one tried first.
    pub listeners: Vec<Vec<Site>>,
    /// What each listener stands for.
    pub ways: Vec<Way>,
    /// The URL that the clients of each listener use, where it is another than they seem to.
    pub external: Vec<Option<External>>,
    /// Who may sign.
    pub directory: Directory,
    /// What seals and opens session tokens; none if there are to be no temporary credentials.
    pub tokens: Option<Arc<TokenKeys>>,
    /// Who may assume which role.
    pub roles: sts::Rules,
    /// What policies say.
    pub estate: Arc<Estate>,
    /// What the operator demands of every request.
    pub guard: Arc<guard::Rules>,
    /// The KMS keys that are known here.
    pub keys: Arc<Ring>,
    /// What names of new buckets may look like.
    pub naming: Naming,
    /// Names that were used before; none where nobody asks.
    pub retired: Option<Arc<Ledger>>,
    /// Faults that clients may meet on purpose, if there are any.
    pub rehearsals: Option<Arc<Rehearsals>>,
    /// Whether the access log of a bucket may go into itself.
    pub logs_into_itself: bool,
    /// The names in encryption contexts whose values no record shows.
    pub hidden_context: Arc<[Box<str>]>,
    /// Whether requests may change what policies say.
    pub policy_api: bool,
    /// Uploads up to this many octets are verified before the store hears of them.
    pub verify_first: u64,
    /// Counts generations.
    pub number: u64,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Live({})", self.number)
    }
}

/// Where a request goes and what it asks; or, kept until the caller is known, what is wrong with that.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) site: usize,
    pub(super) auth: Auth,
    /// The bucket that a form is addressed to.
    pub(super) form_bucket: Option<String>,
    /// It is for S3 Control.
    pub(super) control: bool,
    pub(super) asked: Asked,
}

/// Whom a request is for.
#[derive(Debug)]
pub(super) enum Asked {
    /// A store; or what is wrong with that.
    Store(Result<Box<Routed>, Box<Fault>>),
    /// The token service; or why it is not.
    Tokens(Result<(), Box<Fault>>),
}

/// Who asks the token service, and for what.
pub(super) struct Asker {
    pub(super) who: Arc<Principal>,
    /// The signature over the body; a web identity may come without one.
    pub(super) verified: Option<Verified>,
    pub(super) ask: Box<Ask>,
}

impl Live {
    /// Maps and routes a request.
    ///
    /// # Errors
    /// What is answered at once: host, path, query that does not decode, kinds of authentication.
    pub(super) fn find(&self, listener: usize, head: &Head<'_>) -> Result<Found, Fault> {
        // What is found out here is told, and acted on, only after the whole path has been verified.
        let target = self.external(listener).map_or(head.target, |external| external.asked_target(head.target));
        let head = &Head { target, ..*head };
        let host = sigv4::host(head)?;
        let (site, kept) = self.map(listener, host, head)?;
        let control = match &kept {
            Ok(resource) => matches!(resource, Resource::Control { .. }),
            Err(fault) => fault.is_of_control(),
        };
        let told = |fault: Fault| if control { fault.of_control() } else { fault };
        let query = Query::parse(head.query())
            .map_err(|bad| told(Fault::from(bad).with("URI", String::from_utf8_lossy(head.target))))?;
        let auth = sigv4::kind(head, &query).map_err(told)?;
        let Site { rules, address, .. } = self.site(listener, site)?;
        let rules = *rules;
        // For whoever comes without a signature there are no access points: nothing tells one that is there
        // from one that is not, nor what is wrong with a request to it.
        let unsigned = || address::Settings { access_points: AccessPoints::default(), ..address.clone() };
        let kept = match kept {
            Ok(Resource::AccessPoint { .. }) if auth == Auth::Anonymous => address::map(&unsigned(), host, head)?,
            kept => kept,
        };
        if let Some(asked) = self.tokens_asked(&kept, head) {
            return Ok(Found {
                site,
                auth,
                form_bucket: None,
                control: false,
                asked: Asked::Tokens(asked.map_err(Box::new)),
            });
        }
        // Also where a path has a key: what is wrong with that is told once the form has been verified.
        let form_bucket = match &kept {
            Ok(Resource::Bucket { bucket, .. }) if auth == Auth::Form => Some(bucket.clone()),
            Ok(Resource::AccessPoint { through, .. }) if auth == Auth::Form => Some(through.shown.clone()),
            _ => None,
        };
        let routed = kept.and_then(|resource| match resource {
            Resource::Service => route::route(None, None, head, &query, auth, rules),
            Resource::Bucket { bucket, key } => route::route(Some(bucket), key, head, &query, auth, rules),
            Resource::AccessPoint { through, bucket, key } => {
                route::route_through(through, bucket, key, head, &query, auth, rules)
            }
            Resource::Control { account } => {
                let place = self.site(listener, site)?.address.place();
                route::route_control(account, place, head, &query, auth, rules)
            }
            // The token service has been looked for above.
            Resource::Kms | Resource::Sts => {
                Err(not_here("other-service", "This service is not available in this version."))
            }
        });
        let routed = routed.and_then(|mut routed| {
            match routed.copy_source.as_mut().filter(|source| source.through.is_some()) {
                Some(source) if auth == Auth::Anonymous => unsigned().resolve(source)?,
                Some(source) => address.resolve(source)?,
                None => {}
            }
            Ok(routed)
        });
        Ok(Found { site, auth, form_bucket, control, asked: Asked::Store(routed.map(Box::new).map_err(Box::new)) })
    }

    /// Whether a request is for the token service: by its host, or a `POST /` that is signed for it or
    /// brings its kind of form (spec/s3-operations.md 8).
    fn tokens_asked(&self, kept: &address::Kept, head: &Head<'_>) -> Option<Result<(), Fault>> {
        match kept {
            Ok(Resource::Sts) => {}
            Ok(Resource::Service) if head.method == b"POST" && (is_signed_for_sts(head) || is_query_form(head)) => {}
            _ => return None,
        }
        if self.tokens.is_none() {
            return Some(Err(not_here("temporary-off", "Temporary credentials are not handed out here.")));
        }
        if head.method != b"POST" || head.path() != b"/" || head.target.contains(&b'?') {
            let message = "Requests to this service are POST / with the parameters in the body.";
            return Some(Err(Fault::new(Code::InvalidAction, "tokens-target", message)));
        }
        Some(Ok(()))
    }

    /// The first site of the listener that serves the host.
    fn map(&self, listener: usize, host: &[u8], head: &Head<'_>) -> Result<(usize, address::Kept), Fault> {
        let mut refused = None;
        for (at, site) in self.listeners.get(listener).into_iter().flatten().enumerate() {
            match address::map(&site.address, host, head) {
                Ok(kept) => return Ok((at, kept)),
                Err(fault) if fault.reason() == address::UNKNOWN_HOST => refused = Some(fault),
                Err(fault) => return Err(fault),
            }
        }
        Err(refused.unwrap_or_else(|| Fault::plain(Code::InternalError, "no-site")))
    }

    /// Whether a label of a host name is that of an access point.
    pub fn claims(&self, label: &str) -> bool {
        let addresses = self.listeners.iter().flatten().map(|site| &site.address);
        addresses.into_iter().any(|address| address.access_points.claim(&address.region, label))
    }

    /// What a listener stands for.
    pub(super) fn way(&self, listener: usize) -> Option<&Way> {
        self.ways.get(listener)
    }

    /// The VPC endpoint that a connection came through: the one that a balancer names, or the listener's.
    pub(super) fn endpoint<'a>(&'a self, connection: &'a Connection) -> Option<&'a str> {
        let way = self.way(connection.listener);
        connection.vpc_endpoint.as_deref().or_else(|| way.and_then(|way| way.vpc_endpoint.as_deref()))
    }

    /// The VPC that a connection came through. Where a balancer names another endpoint than the listener's,
    /// nobody knows which one that is in.
    pub(super) fn vpc<'a>(&'a self, connection: &Connection) -> Option<&'a str> {
        let way = self.way(connection.listener)?;
        let known = match (&connection.vpc_endpoint, &way.vpc_endpoint) {
            (Some(named), Some(own)) => named == own,
            _ => true,
        };
        way.vpc.as_deref().filter(|_| known)
    }

    /// Where the clients of a listener think they are.
    pub(super) fn external(&self, listener: usize) -> Option<&External> {
        self.external.get(listener).and_then(Option::as_ref)
    }

    /// Lends a head as the client signed it: to the external URL, where there is one (s3/external.rs).
    pub(super) fn as_signed<T>(
        &self,
        listener: usize,
        site: &Site,
        head: &Head<'_>,
        read: impl FnOnce(&Head<'_>) -> T,
    ) -> T {
        let (Some(external), Ok(host)) = (self.external(listener), sigv4::host(head)) else { return read(head) };
        let (target, host) = (external.signed_target(head.target), external.signed_host(&site.address, host));
        let mut lines: Vec<(&[u8], &[u8])> = head.lines.to_vec();
        for (_, value) in lines.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case(b"host")) {
            *value = &host;
        }
        read(&Head { method: head.method, target: &target, lines: &lines, authority: head.authority.map(|_| &*host) })
    }

    /// The URL of what a request names, as its client knows it; none where that is what it seems.
    pub(super) fn external_url(&self, listener: usize, site: &Site, head: &Head<'_>) -> Option<String> {
        let (external, host) = (self.external(listener)?, sigv4::host(head).ok()?);
        let (host, target) = (external.signed_host(&site.address, host), external.signed_target(head.target));
        Some(external.url_of(&host, &target))
    }

    /// A site of a listener.
    pub(super) fn site(&self, listener: usize, site: usize) -> Result<&Site, Fault> {
        let found = self.listeners.get(listener).and_then(|sites| sites.get(site));
        found.ok_or_else(|| Fault::plain(Code::InternalError, "no-site"))
    }

    /// Verifies who signed.
    pub(super) fn verify(
        &self,
        site: &Site,
        auth: Auth,
        request: &sigv4::Request<'_>,
        cache: &KeyCache,
        now: Seconds,
    ) -> Result<(Arc<Principal>, Verified), Box<Rejection>> {
        self.verify_for(&site.signature, auth, request, cache, now)
    }

    fn verify_for(
        &self,
        settings: &sigv4::Settings,
        auth: Auth,
        request: &sigv4::Request<'_>,
        cache: &KeyCache,
        now: Seconds,
    ) -> Result<(Arc<Principal>, Verified), Box<Rejection>> {
        let lookup = Lookup { live: self, opened: OnceCell::new() };
        let verified = sigv4::verify(auth, request, &lookup, settings, cache, now)?;
        let who = match verified.access_key() {
            None => Principal::anonymous(),
            // In the order of the verifier: a key that is kept, else the one of the token.
            Some(key) => match (self.directory.find(key), lookup.opened.into_inner()) {
                (Some(key), _) => Arc::clone(&key.principal),
                (None, Some(who)) => who,
                (None, None) => return Err(Fault::plain(Code::InternalError, "key-vanished").into()),
            },
        };
        Ok((who, verified))
    }

    /// Whether credentials that were good under an older generation are good under this one.
    ///
    /// # Errors
    /// `InvalidAccessKeyId`
    pub(super) fn check_still(&self, access_key: Option<&str>, who: &Principal) -> Result<(), Fault> {
        let Some(access_key) = access_key else { return Ok(()) };
        let good = match self.directory.find(access_key) {
            Some(key) => key.principal.arn == who.arn,
            None => {
                let issued = self.tokens.as_ref().is_some_and(|tokens| tokens.issued(access_key));
                issued && self.directory.has(who)
            }
        };
        if good { Ok(()) } else { Err(Fault::plain(Code::InvalidAccessKeyId, "key-revoked")) }
    }

    /// Verifies who asks the token service for what: by the signature over the body, or by the token of a
    /// provider of web identities in it.
    ///
    /// # Errors
    /// What is wrong with signature, form or token; `MissingAuthenticationToken`.
    pub(super) fn verify_tokens(
        &self,
        site: &Site,
        auth: Auth,
        head: &Head<'_>,
        body: &[u8],
        cache: &KeyCache,
        now: Seconds,
    ) -> Result<Asker, Box<Rejection>> {
        let signed = match auth {
            Auth::Anonymous => None,
            Auth::Header => {
                let query = Query::default();
                let body_hash = digest(&SHA256, body).as_ref().try_into().ok();
                let request =
                    sigv4::Request { head, query: &query, streaming_allowed: false, tls: true, body_hash, form: None };
                Some(self.verify_for(&site.tokens, auth, &request, cache, now)?)
            }
            Auth::Form | Auth::Query => {
                return Err(Fault::plain(Code::MissingAuthenticationToken, "tokens-auth").into());
            }
        };
        let ask = Box::new(Ask::read(body)?);
        let (who, verified) = match (&*ask, signed) {
            (Ask::WebIdentity(asked), signed) => {
                let federated = web::verify(asked.token.expose(), self.directory.issuers(), now).map_err(web_fault)?;
                let partition = Arn::parse(&asked.narrowed.role).map_or("aws", |arn| arn.partition);
                let who = Principal::of_web(federated, partition, &asked.narrowed.account, now);
                (Arc::new(who), signed.map(|(_, verified)| verified))
            }
            (_, Some((who, verified))) => (who, Some(verified)),
            (_, None) => return Err(Fault::plain(Code::MissingAuthenticationToken, "tokens-unsigned").into()),
        };
        Ok(Asker { who, verified, ask })
    }

    /// Decides about a request to the token service.
    ///
    /// # Errors
    /// As for [`sts::Rules::decide`]; what such a request must satisfy besides.
    pub(super) fn decide_tokens(&self, site: &Site, who: &Principal, ask: &Ask, facts: &Facts) -> Result<Grant, Fault> {
        let role = ask.narrowed().and_then(|narrowed| self.directory.role(&narrowed.role));
        let organization = |account: &str| {
            let found = self.estate.organization(account)?;
            Some((found.id.as_str(), found.paths.as_slice()))
        };
        let seen = Circumstances {
            vpc: self.vpc(&facts.connection),
            vpc_endpoint: self.endpoint(&facts.connection),
            caller_organization: organization(&who.account),
            role_organization: role.and_then(|role| organization(&role.account)),
            ..facts.circumstances(&site.address.region)
        };
        let grant = self.roles.decide(ask, who, role, seen)?;
        Grantor::check(ask, who, role)?;
        Ok(grant)
    }

    /// Finds out, for the operator, what the client of a signature that does not match probably did. `head`
    /// is as the client signed it, `settings` what it was verified by.
    pub(super) fn diagnose(
        &self,
        (listener, site): (usize, &Site),
        settings: &sigv4::Settings,
        rejection: &Rejection,
        head: &Head<'_>,
        cache: &KeyCache,
        now: Seconds,
    ) -> Option<Box<Diagnosis>> {
        if rejection.fault().code() != Code::SignatureDoesNotMatch {
            return None;
        }
        let query = Query::parse(head.query()).ok()?;
        let request =
            sigv4::Request { head, query: &query, streaming_allowed: false, tls: false, body_hash: None, form: None };
        let prefix = self.external(listener).map_or("", External::prefix);
        let hints = Hints { hosts: &site.address.base_domains, prefix };
        let keys = Lookup { live: self, opened: OnceCell::new() };
        rejection.diagnose(&request, &keys, settings, hints, cache, now).map(Box::new)
    }
}

/// Where the verifier of one request finds keys; it keeps whose the token was that it opened.
struct Lookup<'l> {
    live: &'l Live,
    opened: OnceCell<Arc<Principal>>,
}

impl KeySource for Lookup<'_> {
    fn find(&self, access_key: &str) -> Option<Credential<'_>> {
        let key = self.live.directory.find(access_key)?;
        Some(Credential { secret: &key.secret, token: key.token.as_ref(), expires: key.expires })
    }

    fn open(&self, access_key: &str, token: &[u8]) -> Opened {
        let Some(keys) = &self.live.tokens else { return Opened::Unknown };
        let Some(sealed) = keys.open(access_key, token) else {
            return if keys.issued(access_key) { Opened::Other } else { Opened::Unknown };
        };
        let expires = sealed.session.expires;
        // The role or user may be gone since.
        match self.live.directory.principal_of(&sealed.of, sealed.session) {
            Some(who) if self.opened.set(Arc::clone(&who)).is_ok() => {
                Opened::Session { secret: sealed.secret, expires }
            }
            _ => Opened::Unknown,
        }
    }

    fn generation(&self) -> u64 {
        self.live.number
    }
}

/// A scope of the token service in the Authorization header. What it is worth is found out later.
fn is_signed_for_sts(head: &Head<'_>) -> bool {
    let value = head.first("authorization").unwrap_or_default();
    memchr::memmem::find(value, b"/sts/aws4_request").is_some()
}

/// The kind of form that the query protocol is written in.
fn is_query_form(head: &Head<'_>) -> bool {
    let kind = head.first("content-type").unwrap_or_default();
    let kind = kind.split(|&octet| octet == b';').next().unwrap_or_default();
    crate::s3::head::trim(kind).eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

/// Why a web identity is not believed, as the token service says it.
fn web_fault(fault: web::WebFault) -> Fault {
    let code = match fault {
        web::WebFault::Expired => Code::ExpiredTokenException,
        _ => Code::InvalidIdentityToken,
    };
    Fault::new(code, fault.reason(), fault.message())
}

fn not_here(reason: &'static str, message: &'static str) -> Fault {
    Fault::new(Code::NotImplemented, reason, message)
}
