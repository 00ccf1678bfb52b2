//! The stages of a request. Each has private fields and one constructor, the method of the stage
//! before it; there is no other way to make one.
//!
//! An address cannot be authorized; it has no such method:
//! ```compile_fail,E0599
//! fn skip<B>(request: bartizan::pipeline::Addressed<B>, live: &bartizan::pipeline::Live) {
//!     let _ = request.authorize(live, &[], &Default::default());
//! }
//! ```
//! A grant cannot be made up:
//! ```compile_fail,E0451
//! fn forge(statements: std::sync::Arc<[bartizan::policy::StatementId]>) -> bartizan::policy::Grant {
//!     bartizan::policy::Grant { statements }
//! }
//! ```
//! What was not logged cannot be forwarded:
//! ```compile_fail,E0599
//! fn skip<B>(request: bartizan::pipeline::Admitted<B>) {
//!     let _ = request.into_exit();
//! }
//! ```
//! A refusal that was not logged is no answer:
//! ```compile_fail,E0599
//! fn skip(refusal: bartizan::pipeline::Refusal) {
//!     let _ = refusal.into_response();
//! }
//! ```

pub(super) mod left;

use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::Method;
use http_body::Body;

use super::BoxError;
use super::after::After;
use super::deletions::Refused;
use super::document::{self, duties};
use super::early::{self, Early};
use super::exit::{Exit, Out};
use super::facts::{Begun, Connection, Facts};
use super::guard::{self, Found};
use super::here::Here;
use super::judge::{self, Case};
use super::live::{Asked, Asker, Live, Site};
use super::open::Open;
use super::rates::{Allowed, Gates, Pass, Rates};
use super::refusal::Refusal;
use super::rule::{Overruled, Ruled, rule};
use super::settings::Setting;
use super::task::{Envelope, Task};
use super::uploads::Uploads;
use super::walk::Store;
use crate::access::Document;
use crate::audit::{Decision, Journal, Receipt};
use crate::body::{Contract, SealedBody, Unread};
use crate::guard::Write;
use crate::limit::{Permit, Room};
use crate::policy::Grant;
use crate::s3::address::is_about_access_points;
use crate::s3::payload::ChunkSignatures;
use crate::s3::route::Auth;
use crate::s3::uri::Query;
use crate::s3::{Code, Fault, Operation};
use crate::sigv4::{KeyCache, Rejection, Request};
use crate::time::{Clock, Seconds};
use crate::upstream::Owners;

/// One authority, one framing, a legal target. The body is unread.
#[derive(Debug)]
pub struct Parsed<B> {
    facts: Box<Facts>,
    /// None once it has been read whole.
    body: Option<Unread<B>>,
}

/// Which site, bucket, key and operation; or, kept for later, what is wrong with them.
#[derive(Debug)]
pub struct Addressed<B> {
    parsed: Parsed<B>,
    site: usize,
    auth: Auth,
    asked: Asked,
    form_bucket: Option<String>,
    early: Early,
}

/// Who asks, and what the body must be.
#[derive(Debug)]
pub struct Authenticated<B> {
    facts: Box<Facts>,
    site: usize,
    task: Task,
    who: Arc<crate::identity::Principal>,
    body: Payload<B>,
    /// What the body says that the decision hangs on.
    said: Document,
}

/// Statements said yes to everything that the request needs.
#[derive(Debug)]
pub struct Authorized<B> {
    inner: Authenticated<B>,
    way: Way,
    grant: Grant,
    refused: Vec<Refused>,
}

/// Where a request goes, and for which accounts that was decided.
#[derive(Debug)]
struct Way {
    store: usize,
    owners: Owners,
}

/// Rules hold. A control document has been read and verified; object data has not been touched.
#[derive(Debug)]
pub struct Guarded<B> {
    facts: Box<Facts>,
    site: usize,
    way: Way,
    task: Task,
    who: Arc<crate::identity::Principal>,
    grant: Grant,
    refused: Vec<Refused>,
    body: Payload<B>,
}

#[derive(Debug)]
enum Payload<B> {
    /// Read before, and understood.
    Spent,
    /// Read, verified, and where its meaning matters written anew.
    Document(SealedBody),
    /// Read and verified; it is about something that is kept here.
    Setting(Box<Setting>),
    /// Untouched.
    Unread(Unread<B>, Box<Contract>),
}

/// A place among the requests in flight, and within every limit.
#[derive(Debug)]
pub struct Admitted<B> {
    inner: Guarded<B>,
    permit: Permit,
    pass: Pass,
    write: Option<Write>,
}

/// On record, as durably as asked.
#[derive(Debug)]
pub struct Logged<T> {
    inner: T,
    receipt: Receipt,
}

impl<B> Parsed<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    /// Takes a request whose head has passed the server's screen.
    pub fn new(request: http::Request<B>, connection: Rc<Connection>, begun: Begun) -> Self {
        let (head, body) = request.into_parts();
        Self { facts: Box::new(Facts::new(head, connection, begun)), body: Some(Unread::new(body)) }
    }

    /// Finds out where the request goes and what it asks.
    ///
    /// # Errors
    /// A host that is not served, a path that does not decode, two kinds of authentication at once.
    pub fn address(mut self, live: &Live) -> Result<Addressed<B>, Refusal> {
        let listener = self.facts.connection.listener;
        match self.facts.with_head(|head| live.find(listener, head)) {
            Ok(found) => {
                self.facts.found(live, &found);
                if found.control {
                    self.facts.envelope = Envelope::Control;
                }
                if let Asked::Tokens(asked) = &found.asked {
                    self.facts.envelope = Envelope::Sts;
                    if let Err(fault) = asked {
                        return Err(Refusal::new(Fault::clone(fault), self.facts));
                    }
                }
                Ok(Addressed {
                    parsed: self,
                    site: found.site,
                    auth: found.auth,
                    asked: found.asked,
                    form_bucket: found.form_bucket,
                    early: Early::Nothing,
                })
            }
            Err(fault) => Err(Refusal::new(fault, self.facts)),
        }
    }
}

impl<B> Addressed<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    /// Counts it, before it costs anything.
    ///
    /// # Errors
    /// `SlowDown`.
    pub fn arrive(mut self, live: &Live, rates: &Rates, clock: &dyn Clock) -> Result<Self, Refusal> {
        match rates.arrive(live, &mut self.parsed.facts, self.auth, clock) {
            Ok(()) => Ok(self),
            Err(fault) => Err(Refusal::early(fault, self.parsed.facts, self.asked)),
        }
    }

    /// Reads what authentication needs of the body, within limits, where that is in the body: of a form
    /// the fields up to its file, of a request to the token service all of it. Of all other bodies nothing.
    ///
    /// # Errors
    /// A form that is none, or has no file; a client that takes too long.
    pub async fn read_early(self) -> Result<Self, Refusal> {
        let Self { parsed: Parsed { mut facts, body }, site, auth, asked, form_bucket, early } = self;
        facts.auth = Some(auth);
        let Some(body) = body else {
            return Ok(Self { parsed: Parsed { facts, body }, site, auth, asked, form_bucket, early });
        };
        match early::read(&facts, auth, matches!(asked, Asked::Tokens(_)), body).await {
            Ok((early, body)) => Ok(Self { parsed: Parsed { facts, body }, site, auth, asked, form_bucket, early }),
            Err(fault) => Err(Refusal::early(fault, facts, asked)),
        }
    }
}

impl<B> Addressed<B> {
    /// Verifies the signature; then tells what addressing kept; then fixes what the body must be.
    ///
    /// # Errors
    /// Whatever the order of spec/sigv4.md 13 finds first.
    pub fn authenticate(self, live: &Live, cache: &KeyCache, now: Seconds) -> Result<Authenticated<B>, Refusal> {
        let Self { mut parsed, site: at, auth, asked, form_bucket, early } = self;
        parsed.facts.auth = Some(auth);
        let site = match live.site(parsed.facts.connection.listener, at) {
            Ok(site) => site,
            Err(fault) => return Err(Refusal::new(fault, parsed.facts)),
        };
        let routed = match (asked, &early) {
            (Asked::Store(routed), _) => routed,
            (Asked::Tokens(Ok(())), Early::Whole(body)) => {
                return parsed.ask(live, (at, site), auth, &body.0, cache, now);
            }
            (Asked::Tokens(Err(fault)), _) => return Err(Refusal::new(*fault, parsed.facts)),
            (Asked::Tokens(Ok(())), _) => {
                return Err(Refusal::new(Fault::plain(Code::InternalError, "body-not-read"), parsed.facts));
            }
        };
        let streaming = routed.as_ref().is_ok_and(|routed| routed.operation.spec().streaming);
        let tls = parsed.facts.connection.is_tls();
        let listener = parsed.facts.connection.listener;
        let verified = parsed.facts.with_head(|head| {
            live.as_signed(listener, site, head, |head| {
                let query = Query::parse(head.query()).map_err(Fault::from)?;
                let form = early.form(form_bucket.as_deref());
                let request = Request { head, query: &query, streaming_allowed: streaming, tls, body_hash: None, form };
                let (who, mut verified) = live.verify(site, auth, &request, cache, now)?;
                // What the body must be is read here, where the head is at hand, and told in its turn.
                let plain = routed.as_ref().ok().filter(|_| form.is_none());
                let contract = plain.map(|routed| {
                    let signatures = verified.take_chunks().map(|chunks| chunks as Box<dyn ChunkSignatures>);
                    Contract::new(verified.payload(), signatures, head, duties(routed))
                });
                Ok::<_, Box<Rejection>>((who, verified, contract))
            })
        });
        if live.external(listener).is_some() {
            parsed.facts.url = parsed.facts.with_head(|head| live.external_url(listener, site, head));
        }
        let (who, mut verified, contract) = match verified {
            Ok(verified) => verified,
            Err(rejection) => {
                parsed.facts.rejected(live, (site, &site.signature), &rejection, cache, now);
                return Err(Refusal::early(rejection.into_fault(), parsed.facts, Asked::Store(routed)));
            }
        };
        parsed.facts.known(live, &who);
        parsed.facts.signed = verified.signed();
        (parsed.facts.access_key, parsed.facts.signature) = verified.take_names();
        if verified.kind() == Auth::Header && !matches!(parsed.facts.head.method, Method::GET | Method::HEAD) {
            parsed.facts.signed_text = Some(verified.take_signed_text());
        }
        let form = match early {
            Early::Form(form) => Some((form_bucket, form)),
            Early::Nothing | Early::Whole(_) => None,
        };
        let routed = match (routed, &form) {
            (Ok(asked), Some((bucket, form))) => {
                let upload = early::upload(&mut parsed.facts, &asked, bucket.as_deref(), form.fields(), site.rules);
                upload.map(Box::new).map_err(Box::new)
            }
            // Nobody has read the form: nothing of it is known, so nothing of it may leave.
            (Ok(asked), None) if asked.operation == Operation::PostObject => {
                Err(Fault::plain(crate::s3::Code::InternalError, "form-not-read").into())
            }
            (routed, _) => routed,
        };
        let routed = match routed {
            Ok(routed) => routed,
            // Strangers could find out which access points there are.
            Err(fault) if who.is_anonymous() && is_about_access_points(&fault) => {
                return Err(Refusal::new(Fault::plain(Code::AccessDenied, "access-point-unsigned"), parsed.facts));
            }
            Err(fault) => return Err(Refusal::new(*fault, parsed.facts)),
        };
        let Parsed { facts, body } = parsed;
        let contract = match (&form, contract) {
            (Some((_, form)), _) => facts.with_head(|head| early::file_contract(head, form, verified.file_length())),
            (None, Some(contract)) => contract,
            (None, None) => Err(Fault::plain(Code::InternalError, "no-contract")),
        };
        let body = match (contract, body) {
            (Ok(contract), Some(body)) => Payload::Unread(body, Box::new(contract)),
            (Err(fault), _) => return Err(Refusal::asked(fault, facts, Task::Store(routed))),
            (Ok(_), None) => {
                return Err(Refusal::asked(
                    Fault::plain(Code::InternalError, "body-spent"),
                    facts,
                    Task::Store(routed),
                ));
            }
        };
        Ok(Authenticated { facts, site: at, task: Task::Store(routed), who, body, said: Document::None })
    }
}

impl<B> Parsed<B> {
    /// Verifies a request to the token service, whose body has been read.
    fn ask(
        mut self,
        live: &Live,
        (at, site): (usize, &Site),
        auth: Auth,
        body: &[u8],
        cache: &KeyCache,
        now: Seconds,
    ) -> Result<Authenticated<B>, Refusal> {
        let listener = self.facts.connection.listener;
        let verified = self.facts.with_head(|head| {
            live.as_signed(listener, site, head, |head| live.verify_tokens(site, auth, head, body, cache, now))
        });
        let Asker { who, verified, ask } = match verified {
            Ok(verified) => verified,
            Err(rejection) => {
                self.facts.rejected(live, (site, &site.tokens), &rejection, cache, now);
                return Err(Refusal::new(rejection.into_fault(), self.facts));
            }
        };
        self.facts.known(live, &who);
        (self.facts.access_key, self.facts.signature) =
            verified.map(|mut verified| verified.take_names()).unwrap_or_default();
        let (task, body, said) = (Task::Tokens(ask), Payload::Spent, Document::None);
        Ok(Authenticated { facts: self.facts, site: at, task, who, body, said })
    }
}

impl<B> Authenticated<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    /// Reads, verifies and understands the documents that the decision hangs on, within limits. All other
    /// bodies stay unread.
    ///
    /// # Errors
    /// A document that does not verify or parse; `SlowDown`.
    pub async fn read_document(mut self, live: &Live, room: &Room) -> Result<Self, Refusal> {
        let operation = match &self.task {
            Task::Store(routed) if Document::is_needed(routed.operation) => routed.operation,
            _ => return Ok(self),
        };
        let rules = live.site(self.facts.connection.listener, self.site).map(|site| site.rules);
        let read = match (self.task.routed(), std::mem::replace(&mut self.body, Payload::Spent), rules) {
            (Some(routed), Payload::Unread(body, contract), Ok(rules)) => {
                let document = document::read_within(room, body, *contract, routed).await;
                document.and_then(|document| Ok((document::understand(&document, operation, rules)?, document)))
            }
            (_, _, Err(fault)) => Err(fault),
            _ => Err(Fault::plain(Code::InternalError, "body-spent")),
        };
        match read {
            Ok((said, document)) => {
                self.facts.keep_document(operation, document.whole());
                Ok(Self { said, body: Payload::Document(document), ..self })
            }
            Err(fault) => Err(Refusal::asked(fault, self.facts, self.task)),
        }
    }
}

impl<B> Authenticated<B> {
    /// Asks policy. What a decision hangs on is looked up in the store.
    ///
    /// # Errors
    /// `AccessDenied`; `NoSuchKey` and `NoSuchVersion` for who may know that; `ServiceUnavailable` where the
    /// decision hangs on a fact that the store does not tell.
    pub async fn authorize(
        mut self,
        live: &Live,
        stores: &[Store],
        uploads: &Uploads,
    ) -> Result<Authorized<B>, Refusal> {
        match self.rule(live, stores, uploads).await {
            Ok((Ruled { grant, refused }, way)) => {
                self.facts.grant = Some(grant.clone());
                Ok(Authorized { inner: self, way, grant, refused })
            }
            Err(overruled) => {
                self.facts.keep(self.said);
                Err(Refusal::overruled(overruled, self.facts, self.task))
            }
        }
    }

    async fn rule(&mut self, live: &Live, stores: &[Store], uploads: &Uploads) -> Result<(Ruled, Way), Overruled> {
        self.facts.client = Some(judge::client(live, &self.facts)?);
        let site = live.site(self.facts.connection.listener, self.site)?;
        match &self.task {
            Task::Tokens(ask) => {
                let grant = live.decide_tokens(site, &self.who, ask, &self.facts)?;
                let way = Way { store: site.store, owners: Owners::default() };
                Ok((Ruled { grant, refused: Vec::new() }, way))
            }
            Task::Store(routed) => {
                let case = Case { live, site, facts: &self.facts, routed, document: &self.said, who: &self.who };
                let ruled = rule(&case, stores.get(site.store), uploads).await?;
                let source = routed.copy_source.as_ref().map(|source| source.bucket.as_str());
                let owners = case.owners(routed.bucket.as_deref(), source);
                Ok((ruled, Way { store: site.store, owners }))
            }
        }
    }
}

impl<B> Authorized<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    /// Reads and verifies all other control documents.
    ///
    /// # Errors
    /// A document that does not verify.
    pub async fn read_document(mut self) -> Result<Self, Refusal> {
        let Some(routed) = self.inner.task.routed().filter(|routed| routed.has_document()) else { return Ok(self) };
        match std::mem::replace(&mut self.inner.body, Payload::Spent) {
            Payload::Unread(body, contract) => match document::read(body, *contract, routed).await {
                Ok(document) => {
                    self.inner.facts.keep_document(routed.operation, document.whole());
                    self.inner.body = Payload::Document(document);
                }
                Err(fault) => return Err(Refusal::asked(fault, self.inner.facts, self.inner.task)),
            },
            body => self.inner.body = body,
        }
        Ok(self)
    }

    /// Decides once more, where a body was waited for and a newer generation has come meanwhile: whoever
    /// keeps a body back must not keep a permission with it. Gives the generation that has decided.
    ///
    /// # Errors
    /// As for [`Authenticated::authorize`]; credentials that are not good any more.
    pub async fn renew(
        self,
        live: Arc<Live>,
        newest: &ArcSwap<Live>,
        stores: &[Store],
        uploads: &Uploads,
    ) -> Result<(Arc<Live>, Self), Refusal> {
        if !matches!(self.inner.body, Payload::Document(_)) || newest.load().number == live.number {
            return Ok((live, self));
        }
        let (live, inner) = (newest.load_full(), self.inner);
        match live.check_still(inner.facts.access_key.as_deref(), &inner.who) {
            Ok(()) => inner.authorize(&live, stores, uploads).await.map(|renewed| (live, renewed)),
            Err(fault) => Err(Refusal::asked(fault, inner.facts, inner.task)),
        }
    }

    /// Applies the rules that hold whoever asks.
    ///
    /// # Errors
    /// A document that does not parse, or that a rule refuses.
    pub async fn guard(self, live: &Live, stores: &[Store], uploads: &Uploads) -> Result<Guarded<B>, Refusal> {
        let Self { inner: Authenticated { mut facts, site, mut task, who, body, said }, way, grant, refused } = self;
        let body = match (body, &said) {
            (Payload::Document(document), Document::Delete(delete)) => {
                Payload::Document(document::kept(&document, delete, &refused))
            }
            (body, _) => body,
        };
        facts.keep(said);
        let found = match (task.routed(), live.site(facts.connection.listener, site)) {
            (None, _) => Ok(Found::default()),
            (Some(_), Err(fault)) => Err(fault),
            (Some(routed), Ok(site)) => {
                let case = Case { live, site, facts: &facts, routed, document: &Document::None, who: &who };
                let document = match &body {
                    Payload::Document(document) => document.whole(),
                    _ => None,
                };
                guard::guard(&case, document, stores, way.store, uploads).await
            }
        };
        let mut found = match found {
            Ok(found) => found,
            Err(fault) => return Err(Refusal::asked(fault, facts, task)),
        };
        found.apply(task.routed_mut());
        (facts.encryption, facts.source_size) = (found.encryption, found.source_size);
        let body = found.setting.map_or(body, |setting| Payload::Setting(Box::new(setting)));
        Ok(Guarded { facts, site, way, task, who, grant, refused, body })
    }
}

impl<B> Guarded<B> {
    /// Finds a place among the requests in flight and within every limit; charges the uses of keys that it
    /// costs, before its body is read. A write that was signed is looked up in the memory of writes.
    ///
    /// # Errors
    /// `SlowDown`; `ThrottlingException`, or what the surface says in its place; `AccessDenied` for a replay
    /// that would do harm.
    pub fn admit(mut self, live: &Live, gates: &Gates<'_>) -> Result<Admitted<B>, Refusal> {
        let Self { facts, site, task, who, body, .. } = &mut self;
        let length = if let Payload::Unread(_, contract) = body { contract.length() } else { None };
        match gates.admit(Allowed { live, site: *site, facts, task, who, length }) {
            Ok((permit, write, pass)) => Ok(Admitted { inner: self, permit, pass, write }),
            Err(fault) => Err(Refusal::asked(fault, self.facts, self.task)),
        }
    }
}

impl<B> Admitted<B> {
    /// Puts the intent on record.
    ///
    /// # Errors
    /// `ServiceUnavailable` if the journal does not take it.
    pub async fn log_intent(self, journal: &Journal) -> Result<Logged<Self>, Refusal> {
        let recorded = {
            let Guarded { facts, task, grant, .. } = &self.inner;
            let lent = facts.lent(Some(grant));
            journal.record(&facts.intent(Some(task), &lent, Decision::Allow)).await
        };
        match recorded {
            Ok(receipt) => Ok(Logged { inner: self, receipt }),
            Err(full) => Err(Refusal::asked(super::refusal::journal_full(&full), self.inner.facts, self.inner.task)),
        }
    }
}

impl<B> Logged<Admitted<B>>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    /// The one door. To a store: what leaves is a head, a body that checks itself, and the open record.
    /// Or to this process, which answers itself.
    ///
    /// # Errors
    /// A body that is wrong from the start: empty where its hash says otherwise.
    pub fn into_exit(self) -> Result<Exit, Refusal> {
        let Self { inner: Admitted { inner: guarded, permit, pass, write }, receipt } = self;
        let Guarded { mut facts, site, way: Way { store, owners }, task, who, refused, body, .. } = guarded;
        let open = Open::new(receipt, (permit, pass), write, &mut facts, &task);
        let body = match body {
            Payload::Spent => SealedBody::empty(),
            Payload::Document(document) => document,
            Payload::Setting(setting) => {
                let Task::Store(routed) = task else {
                    return Err(Refusal::after(Fault::plain(Code::InternalError, "setting-of-nothing"), open));
                };
                return Ok(Exit::Here(Box::new(Here::setting(*setting, routed.operation, open))));
            }
            Payload::Unread(body, contract) => match body.open(*contract) {
                Ok(body) => body,
                Err(fault) => return Err(Refusal::after(fault, open)),
            },
        };
        Ok(match task {
            Task::Store(routed) => {
                let out = Box::new(super::walk::forward(&facts, *routed, &who, owners));
                let after = After::of(&out, facts, site, &who, refused);
                Exit::Store(Out { store, out, body, open, after })
            }
            Task::Tokens(ask) => Exit::Here(Box::new(Here::tokens(ask, who, open))),
        })
    }
}
