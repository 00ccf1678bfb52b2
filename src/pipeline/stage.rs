//! The stages of a request. Each has private fields and one constructor, the method of the stage
//! before it; there is no other way to make one. What is in them is handed on by pointer: on its way
//! through a chain of futures a value is copied several times at each of them.
//!
//! An address cannot be authorized; it has no such method:
//! ```compile_fail,E0599
//! fn skip<B>(request: Box<bartizan::pipeline::Addressed<B>>, live: &bartizan::pipeline::Live)
//! where
//!     B: http_body::Body<Data = bytes::Bytes> + 'static,
//!     B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
//! {
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
//! fn skip<B>(request: bartizan::pipeline::Admitted<B>)
//! where
//!     B: http_body::Body<Data = bytes::Bytes> + 'static,
//!     B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
//! {
//!     let _ = request.into_exit();
//! }
//! ```
//! A refusal that was not logged is no answer:
//! ```compile_fail,E0599
//! fn skip(refusal: bartizan::pipeline::Refusal) {
//!     let _ = refusal.into_response();
//! }
//! ```

mod authenticate;
pub(super) mod left;

use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::request::Parts;
use http_body::Body;

use super::BoxError;
use super::after::After;
use super::deletions::Refused;
use super::document;
use super::early::{self, Early};
use super::exit::{Exit, Out};
use super::facts::{Begun, Connection, Facts};
use super::guard::{self, Found};
use super::here::Here;
use super::judge::{self, Case};
use super::live::{Asked, Live};
use super::open::Open;
use super::rates::{Allowed, Gates, Pass, Rates};
use super::refusal::{Refusal, journal_full};
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
use crate::s3::route::Auth;
use crate::s3::{Code, Fault};
use crate::time::Clock;
use crate::turn::apart;
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
    inner: Box<Authenticated<B>>,
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
    inner: Box<Authorized<B>>,
}

#[derive(Debug)]
enum Payload<B> {
    /// Read before, and understood.
    Spent,
    /// Read, verified, and where its meaning matters written anew.
    Document(SealedBody),
    /// Read and verified; it is about something that is kept here.
    Setting(Box<Setting>),
    /// Untouched; with what it must be, or what the head says that is wrong with it. That is told in its turn,
    /// when the body would be opened: whoever may not write learns nothing else.
    Unread(Unread<B>, Result<Box<Contract>, Box<Fault>>),
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
    pub fn new(head: Box<Parts>, body: B, connection: Rc<Connection>, begun: Begun) -> Self {
        Self { facts: Box::new(Facts::new(head, connection, begun)), body: Some(Unread::new(body)) }
    }

    /// Finds out where the request goes and what it asks.
    ///
    /// # Errors
    /// A host that is not served, a path that does not decode, two kinds of authentication at once.
    pub fn address(mut self, live: &Live) -> Result<Box<Addressed<B>>, Refusal> {
        let listener = self.facts.connection.listener;
        self.facts.hides_context = !live.hidden_context.is_empty();
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
                if let Asked::Store(Err(_)) = &found.asked {
                    self.facts.name(live);
                }
                let (site, auth, asked) = (found.site, found.auth, found.asked);
                let (form_bucket, early) = (found.form_bucket, Early::Nothing);
                Ok(Box::new(Addressed { parsed: self, site, auth, asked, form_bucket, early }))
            }
            Err(fault) => {
                self.facts.name(live);
                Err(Refusal::new(fault, self.facts))
            }
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
    pub fn arrive(mut self: Box<Self>, live: &Live, rates: &Rates, clock: &dyn Clock) -> Result<Box<Self>, Refusal> {
        match rates.arrive(live, &mut self.parsed.facts, self.auth, clock) {
            Ok(()) => Ok(self),
            Err(fault) => Err(Refusal::early(fault, self.parsed.facts, self.asked, &self.early)),
        }
    }

    /// Reads what authentication needs of the body, within limits, where that is in the body: of a form
    /// the fields up to its file, of a request to the token service all of it. Of all other bodies nothing.
    ///
    /// # Errors
    /// A form that is none, or has no file; a client that takes too long.
    pub async fn read_early(mut self: Box<Self>) -> Result<Box<Self>, Refusal> {
        self.parsed.facts.auth = Some(self.auth);
        let tokens = matches!(self.asked, Asked::Tokens(_));
        let Some(part) = early::needed(self.auth, tokens) else { return Ok(self) };
        let Some(body) = self.parsed.body.take() else { return Ok(self) };
        match apart(|| early::read(part, &self.parsed.facts, body)).await {
            Ok((early, body)) => {
                (self.early, self.parsed.body) = (early, body);
                Ok(self)
            }
            Err(fault) => Err(Refusal::early(fault, self.parsed.facts, self.asked, &self.early)),
        }
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
    pub async fn read_document(mut self: Box<Self>, live: &Live, room: &Room) -> Result<Box<Self>, Refusal> {
        let operation = match &self.task {
            Task::Store(routed) if Document::is_needed(routed.operation) => routed.operation,
            _ => return Ok(self),
        };
        let rules = live.site(self.facts.connection.listener, self.site).map(|site| site.rules);
        let read = match (self.task.routed(), std::mem::replace(&mut self.body, Payload::Spent), rules) {
            (Some(routed), Payload::Unread(body, Ok(contract)), Ok(rules)) => {
                let document = apart(|| document::read_within(room, body, *contract, routed)).await;
                document.and_then(|document| Ok((document::understand(&document, operation, rules)?, document)))
            }
            (Some(_), Payload::Unread(_, Err(fault)), _) => Err(*fault),
            (_, _, Err(fault)) => Err(fault),
            _ => Err(Fault::plain(Code::InternalError, "body-spent")),
        };
        match read {
            Ok((said, document)) => {
                self.facts.keep_document(operation, document.whole());
                (self.said, self.body) = (said, Payload::Document(document));
                Ok(self)
            }
            Err(fault) => Err(self.refused(fault)),
        }
    }
}

impl<B> Authenticated<B> {
    #[allow(clippy::boxed_local, reason = "by pointer, as every stage")]
    fn refused(self: Box<Self>, fault: Fault) -> Refusal {
        Refusal::asked(fault, self.facts, self.task)
    }

    /// Asks policy. What a decision hangs on is looked up in the store.
    ///
    /// # Errors
    /// `AccessDenied`; `NoSuchBucket`; `NoSuchKey` and `NoSuchVersion` for who may know that;
    /// `ServiceUnavailable` where the decision hangs on a fact that the store does not tell.
    pub async fn authorize(
        mut self: Box<Self>,
        live: &Live,
        stores: &[Store],
        uploads: &Uploads,
    ) -> Result<Box<Authorized<B>>, Refusal> {
        match self.rule(live, stores, uploads).await {
            Ok((Ruled { grant, refused }, way)) => {
                self.facts.grant = Some(grant.clone());
                Ok(Box::new(Authorized { inner: self, way, grant, refused }))
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
    pub async fn read_document(mut self: Box<Self>) -> Result<Box<Self>, Refusal> {
        let Some(routed) = self.inner.task.routed().filter(|routed| routed.has_document()) else { return Ok(self) };
        match std::mem::replace(&mut self.inner.body, Payload::Spent) {
            Payload::Unread(body, Ok(contract)) => match apart(|| document::read(body, *contract, routed)).await {
                Ok(document) => {
                    self.inner.facts.keep_document(routed.operation, document.whole());
                    self.inner.body = Payload::Document(document);
                }
                Err(fault) => return Err(self.inner.refused(fault)),
            },
            Payload::Unread(_, Err(fault)) => return Err(self.inner.refused(*fault)),
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
        self: Box<Self>,
        live: Arc<Live>,
        newest: &ArcSwap<Live>,
        stores: &[Store],
        uploads: &Uploads,
    ) -> Result<(Arc<Live>, Box<Self>), Refusal> {
        if !matches!(self.inner.body, Payload::Document(_)) || newest.load().number == live.number {
            return Ok((live, self));
        }
        let (live, inner) = (newest.load_full(), self.inner);
        match live.check_still(inner.facts.access_key.as_deref(), &inner.who) {
            Ok(()) => apart(|| inner.authorize(&live, stores, uploads)).await.map(|renewed| (live, renewed)),
            Err(fault) => Err(inner.refused(fault)),
        }
    }

    /// Applies the rules that hold whoever asks.
    ///
    /// # Errors
    /// A document that does not parse, or that a rule refuses.
    pub async fn guard(
        mut self: Box<Self>,
        live: &Live,
        stores: &[Store],
        uploads: &Uploads,
    ) -> Result<Guarded<B>, Refusal> {
        let Self { inner, way, refused, .. } = &mut *self;
        let Authenticated { facts, site, task, who, body, said } = &mut **inner;
        if let (Payload::Document(document), Document::Delete(delete)) = (&mut *body, &*said) {
            *document = document::kept(document, delete, refused);
        }
        facts.keep(std::mem::replace(said, Document::None));
        let found = match (task.routed(), live.site(facts.connection.listener, *site)) {
            (None, _) => Ok(Found::default()),
            (Some(_), Err(fault)) => Err(fault),
            (Some(routed), Ok(site)) => {
                let case = Case { live, site, facts, routed, document: &Document::None, who };
                let document = match &*body {
                    Payload::Document(document) => document.whole(),
                    _ => None,
                };
                guard::guard(&case, document, stores, way.store, uploads).await
            }
        };
        let mut found = match found {
            Ok(found) => found,
            Err(fault) => return Err(self.inner.refused(fault)),
        };
        found.apply(task.routed_mut());
        (facts.encryption, facts.source_size) = (found.encryption, found.source_size);
        if let Some(setting) = found.setting {
            // Nothing is read of it; what its head says that is wrong with it counts all the same.
            if let Payload::Unread(_, Err(fault)) = body {
                let fault = Fault::clone(fault);
                return Err(self.inner.refused(fault));
            }
            *body = Payload::Setting(setting);
        }
        Ok(Guarded { inner: self })
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
        let Authenticated { facts, site, task, who, body, .. } = &mut *self.inner.inner;
        let length = if let Payload::Unread(_, Ok(contract)) = body { contract.length() } else { None };
        match gates.admit(Allowed { live, site: *site, facts, task, who, length }) {
            Ok((permit, write, pass)) => Ok(Admitted { inner: self, permit, pass, write }),
            Err(fault) => Err(self.inner.inner.refused(fault)),
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
            let Authorized { inner, grant, .. } = &*self.inner.inner;
            let Authenticated { facts, task, .. } = &**inner;
            let lent = facts.lent(Some(grant));
            journal.record(&facts.intent(Some(task), &lent, Decision::Allow)).await
        };
        match recorded {
            Ok(receipt) => Ok(Logged { inner: self, receipt }),
            Err(full) => Err(self.inner.inner.inner.refused(journal_full(&full))),
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
    /// A body that is wrong from the start: empty where its hash says otherwise, or what its head says of it.
    pub fn into_exit(self) -> Result<Exit, Refusal> {
        let Self { inner: Admitted { inner: guarded, permit, pass, write }, receipt } = self;
        let Authorized { inner, way: Way { store, owners }, refused, .. } = *guarded.inner;
        let Authenticated { mut facts, site, task, who, body, .. } = *inner;
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
            Payload::Unread(body, contract) => match contract.map_err(|fault| *fault).and_then(|it| body.open(*it)) {
                Ok(body) => body,
                Err(fault) => return Err(Refusal::after(fault, open)),
            },
        };
        Ok(match task {
            Task::Store(routed) => {
                let out = Box::new(super::walk::forward(&facts, *routed, &who, owners));
                let home = facts.home.clone();
                let after = After::of(&out, facts, site, &who, refused);
                Exit::Store(Out { store, out, body, open, after, home })
            }
            Task::Tokens(ask) => Exit::Here(Box::new(Here::tokens(ask, who, open))),
        })
    }
}
