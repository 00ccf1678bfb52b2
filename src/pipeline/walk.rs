//! The walk: one page that is the life of a request, and what one worker needs for it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tokio::time::sleep;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::answer::{self, Answer};
use super::early::in_time;
use super::exit::{Exit, Out};
use super::facts::{Connection, Facts};
use super::here::Here;
use super::landing::Landing;
use super::live::{EXPECTED_OWNER, EXPECTED_SOURCE_OWNER, Live};
use super::rates::{Gates, Pass, Rates};
use super::refusal::{Refusal, status, told};
use super::rehearsal;
use super::settings::Keeper;
use super::spent::{self, Spent};
use super::stage::Parsed;
use super::task::{Envelope, Task};
use super::uploads::Uploads;
use crate::audit::{Completion, Journal, Outcome, Receipt};
use crate::body::{End, SealedBody, Tell, Verdict};
use crate::guard::{Replay, Write};
use crate::id::RequestId;
use crate::identity::Principal;
use crate::limit::rehearsal::Rehearsed;
use crate::limit::{InFlight, Permit, Room};
use crate::s3::route::Routed;
use crate::s3::{Code, Fault, Operation};
use crate::sigv4::KeyCache;
use crate::time::{Clock, Millis, Seconds};
use crate::upstream::sealed::Sealed;
use crate::upstream::store;
use crate::upstream::wire::{LateCode, Wire};
use crate::upstream::{Forward, Owners, Reply, Requester, Upstream};

const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");

/// Answers one request, whatever it is.
pub async fn walk<B>(request: Request<B>, connection: Rc<Connection>, worker: &Rc<Worker>) -> Response<Answer>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match run(request, connection, worker).await {
        Ok(response) => response,
        Err(refusal) => refusal.log(worker).await.into_response(),
    }
}

/// Puts a refusal on record that was answered before there was a request to walk.
pub async fn record_refusal(head: Parts, fault: Fault, id: RequestId, connection: Rc<Connection>, worker: &Worker) {
    let facts = Box::new(Facts::new(head, connection, id, worker.clock.now_millis()));
    let _answered_already = Refusal::new(fault, facts).log(worker).await;
}

/// From the head to the store and back. `?` collects a refusal from any stage.
async fn run<B>(
    request: Request<B>,
    connection: Rc<Connection>,
    worker: &Rc<Worker>,
) -> Result<Response<Answer>, Refusal>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let live = worker.live.load_full(); // one generation, first octet to last, or the newest behind a slow document
    let now = worker.clock.now_millis();
    let (live, decided) = Parsed::new(request, connection, worker.next_id(), now)
        .address(&live)?
        .arrive(&live, &worker.rates, &*worker.clock)?
        .read_early()
        .await?
        .authenticate(&live, &worker.keys, now.seconds())?
        .read_document(&live, &worker.room)
        .await?
        .authorize(&live, &worker.stores, &worker.uploads)
        .await?
        .read_document()
        .await?
        .renew(live, &worker.live, &worker.stores, &worker.uploads)
        .await?;
    let guarded = decided.guard(&live, &worker.stores, &worker.uploads).await?;
    let staged = guarded.admit(&live, &worker.gates(now.seconds()))?;
    match staged.log_intent(&worker.journal).await?.into_exit()? {
        Exit::Store(out) => deliver(out, &live, worker).await,
        Exit::Here(here) => answer_here(*here, &live, now.seconds(), worker).await,
    }
}

/// So much is always read whole: the file of a form that may be empty has no last octet to hold back.
const LEAST_WHOLE: u64 = 2;

/// How long so many octets may take: a minute, and more for more at 16 KiB a second.
const fn patience(octets: u64) -> Duration {
    Duration::from_secs(60 + (octets >> 14))
}

/// Hands the request to its store: small bodies whole and verified, large ones as they come.
async fn deliver(out: Out, live: &Live, worker: &Rc<Worker>) -> Result<Response<Answer>, Refusal> {
    let Out { store, out, body, mut open, after } = out;
    open.watch(worker);
    let (id, verdict, called) = (out.id, body.verdict(), out.called());
    open.wait().await;
    let verify_first = live.verify_first.max(LEAST_WHOLE);
    let body = match body.longest() <= verify_first {
        true => in_time(patience(verify_first), body.settle(verify_first)).await,
        false => Ok(body),
    };
    let sent = match (body, worker.stores.get(store)) {
        (Ok(body), Some(store)) => store.send(out, body).await,
        (Err(fault), _) => Err(fault),
        (_, None) => Err(Fault::plain(Code::InternalError, "no-store")),
    };
    let measured = match sent {
        Ok(reply) => after.measure(live, &worker.uploads, &*worker.keeper, worker.stores.get(store), reply).await,
        Err(fault) => Err(fault),
    };
    let measured = measured.and_then(Reply::shown);
    match measured {
        Ok(reply) => {
            if let Some(Err(throttled)) =
                open.spent().map(|spent| spent.told(&worker.rates, &reply, worker.clock.ticks()))
            {
                return Err(Refusal::after(throttled, open));
            }
            let mut reply = open.landed(reply);
            let cut = open.rehearse(&mut reply);
            let closing = open.answered(&mut reply, verdict);
            Ok(answer::response(reply, &id, closing, cut))
        }
        Err(fault) => {
            let fault = spent::worded(fault, open.spent(), &worker.rates, worker.clock.ticks());
            Err(Refusal::after(fault.calling(&called), open))
        }
    }
}

/// Answers a request that no store is asked about.
async fn answer_here(here: Here, live: &Live, now: Seconds, worker: &Rc<Worker>) -> Result<Response<Answer>, Refusal> {
    here.wait().await;
    let (mut open, reply) = here.answer(live, &*worker.keeper, now).await;
    let envelope = open.envelope();
    open.watch(worker);
    match reply {
        Ok(mut reply) => {
            let id = open.id();
            let cut = open.rehearse(&mut reply);
            let closing = open.answered(&mut reply, Verdict::default());
            let mut response = answer::response(reply, &id, closing, cut);
            if envelope == Envelope::Sts {
                answer::stamp_sts(response.headers_mut(), &id);
            }
            Ok(response)
        }
        Err(fault) => Err(Refusal::after(fault, open)),
    }
}

/// The store behind a site.
pub enum Store {
    /// In this process.
    Embedded(Arc<store::Store>),
    /// Behind HTTP, which sees nothing in the clear.
    Sealed(Box<Sealed>),
    /// Behind HTTP.
    Wire(Box<Wire>),
}

impl Upstream for Store {
    async fn send(&self, out: Box<Forward>, body: SealedBody) -> Result<Reply, Fault> {
        match self {
            Self::Embedded(store) => store.send(out, body).await,
            Self::Sealed(sealed) => sealed.send(out, body).await,
            Self::Wire(wire) => wire.send(out, body).await,
        }
    }
}

/// Everything one worker needs; nothing of it is locked but what is shared on purpose.
pub struct Worker {
    /// The current generation.
    pub live: Arc<ArcSwap<Live>>,
    /// The stores, by their place.
    pub stores: Vec<Store>,
    /// The journal of the process.
    pub journal: Arc<Journal>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// How multipart uploads under way were begun, over all workers.
    pub uploads: Arc<Uploads>,
    /// Who writes settings down.
    pub keeper: Arc<dyn Keeper>,
    /// Requests in flight, over all workers.
    pub in_flight: InFlight,
    /// Room for what is read before a decision, over all workers.
    pub room: Room,
    /// Rates and quotas, over all workers.
    pub rates: Arc<Rates>,
    /// The writes of the last half hour, over all workers; where replays are refused.
    pub replay: Option<Arc<Replay>>,
    /// Signing keys this worker has derived.
    pub keys: KeyCache,
    /// Randomness that request ids are spun from, and how many were.
    pub ids: ([u8; 32], Cell<u64>),
    /// Who counts.
    pub observer: Rc<dyn Observe>,
}

impl Worker {
    fn gates(&self, now: Seconds) -> Gates<'_> {
        let (in_flight, replay, rates) = (&self.in_flight, self.replay.as_ref(), &*self.rates);
        Gates { in_flight, replay, rates, now, clock: &*self.clock }
    }

    fn next_id(&self) -> RequestId {
        let (seed, count) = (&self.ids.0, &self.ids.1);
        count.set(count.get().wrapping_add(1));
        let mut random = [0; 34];
        for (at, piece) in random.chunks_mut(16).enumerate() {
            let spun = xxh3_128_with_seed(seed, count.get().wrapping_mul(3).wrapping_add(at as u64)).to_le_bytes();
            piece.iter_mut().zip(spun).for_each(|(place, octet)| *place = octet);
        }
        RequestId::from_random(&random)
    }
}

/// Counts what has happened.
pub trait Observe {
    /// A request has ended.
    fn finished(&self, finished: &Finished);
}

/// How a request ended, in values from closed sets.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// What was asked, where that was found out.
    pub operation: Option<&'static str>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, if it was refused or failed.
    pub reason: &'static str,
    /// From the head to the end of the answer.
    pub milliseconds: u64,
    /// How much of that passed before the store's answer began.
    pub first_byte: Option<u64>,
    /// Object data received.
    pub bytes_in: u64,
    /// Answer sent.
    pub bytes_out: u64,
    /// The fault that it met on purpose.
    pub rehearsed: Option<&'static str>,
}

/// An intent on record that has no completion yet. Dropped, it completes as unknown.
pub struct Open {
    receipt: Receipt,
    _permit: Permit,
    pass: Pass,
    write: Option<Write>,
    received: Millis,
    operation: &'static str,
    envelope: Envelope,
    issued: Option<String>,
    head: bool,
    landing: Option<Box<Landing>>,
    rehearsed: Option<Rehearsed>,
    worker: Option<Rc<Worker>>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Open({:?})", self.receipt)
    }
}

impl Open {
    pub(super) fn new(
        receipt: Receipt,
        (permit, pass): (Permit, Pass),
        mut write: Option<Write>,
        facts: &mut Facts,
        task: &Task,
    ) -> Box<Self> {
        if let Some(write) = &mut write {
            write.sent();
        }
        Box::new(Self {
            receipt,
            _permit: permit,
            pass,
            write,
            received: facts.received,
            operation: task.name(),
            envelope: facts.envelope,
            issued: None,
            head: facts.is_head(),
            landing: facts.landing.take(),
            rehearsed: facts.rehearsed.take(),
            worker: None,
        })
    }

    /// Lends it a clock and somebody who counts.
    fn watch(&mut self, worker: &Rc<Worker>) {
        self.worker = Some(Rc::clone(worker));
    }

    pub(super) fn id(&self) -> RequestId {
        self.receipt.id()
    }

    /// In whose words its errors are told.
    pub(super) fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// An access key was made.
    pub(super) fn issued(&mut self, access_key: Option<String>) {
        self.issued = access_key;
    }

    /// The fault that it meets on purpose.
    pub(super) fn rehearsed(&self) -> Option<&Rehearsed> {
        self.rehearsed.as_ref()
    }

    /// Waits, where that is rehearsed.
    pub(super) async fn wait(&self) {
        if let Some(wait) = rehearsal::wait(self.rehearsed()) {
            sleep(wait).await;
        }
    }

    /// Marks an answer whose request met a fault on purpose, and gives the octets after which it breaks off.
    fn rehearse(&self, reply: &mut Reply) -> Option<u64> {
        rehearsal::mark(&mut reply.headers, self.rehearsed());
        rehearsal::cut(self.rehearsed())
    }

    pub(super) fn is_head(&self) -> bool {
        self.head
    }

    /// What was charged for it, where its answer is of interest for that.
    fn spent(&self) -> Option<&Spent> {
        self.pass.spent.as_deref()
    }

    fn elapsed(&self) -> Option<u64> {
        let now = self.worker.as_ref()?.clock.now_millis();
        u64::try_from(now.0.saturating_sub(self.received.0)).ok()
    }

    /// Ends with a fault found after the intent was on record.
    pub(super) fn refused(self: Box<Self>, fault: &Fault) {
        let outcome = if fault.reason().starts_with("upstream-") { Outcome::UpstreamFailed } else { Outcome::Refused };
        let status = Some(status(fault, self.head, self.envelope));
        let completion = Completion { outcome, status, total_ms: self.elapsed(), ..told(fault, self.envelope) };
        self.close(&completion, fault.reason());
    }

    /// The store's answer, as a form is answered.
    fn landed(&mut self, reply: Reply) -> Reply {
        match self.landing.take() {
            Some(landing) => landing.answer(reply),
            None => reply,
        }
    }

    /// The store has answered; the record ends with the answer's body.
    fn answered(self: Box<Self>, reply: &mut Reply, verdict: Verdict) -> Closing {
        let first_byte_ms = self.elapsed();
        let etag = reply.headers.get(header::ETAG).cloned();
        let created = reply.headers.get(VERSION_ID).cloned();
        Closing {
            ending: Some(Box::new(Ending {
                open: self,
                status: reply.status.as_u16(),
                code: reply.code.take(),
                late: None,
                upstream_id: reply.upstream_id.take(),
                verdict,
                first_byte_ms,
                etag,
                created,
            })),
        }
    }

    fn close(mut self: Box<Self>, completion: &Completion<'_>, reason: &'static str) {
        if let Some(write) = self.write.take() {
            match (completion.outcome, completion.status.unwrap_or_default()) {
                (Outcome::Completed, 200..300) if completion.error_code.is_none() => write.answered(),
                (Outcome::Completed, 300..500) | (Outcome::Refused, _) => write.refused(),
                _ => drop(write), // it may have happened
            }
        }
        if let Some(worker) = &self.worker {
            worker.observer.finished(&Finished {
                operation: Some(self.operation),
                outcome: completion.outcome,
                reason,
                milliseconds: completion.total_ms.unwrap_or_default(),
                first_byte: completion.first_byte_ms,
                bytes_in: completion.bytes_in,
                bytes_out: completion.bytes_out,
                rehearsed: self.rehearsed().map(|rehearsed| rehearsed.fault.word()),
            });
        }
        self.receipt.complete(completion);
    }
}

/// Completes the record when the answer's body ends, however it does.
#[derive(Debug)]
pub struct Closing {
    ending: Option<Box<Ending>>,
}

#[derive(Debug)]
struct Ending {
    open: Box<Open>,
    status: u16,
    code: Option<String>,
    late: Option<LateCode>,
    upstream_id: Option<HeaderValue>,
    verdict: Verdict,
    first_byte_ms: Option<u64>,
    etag: Option<HeaderValue>,
    created: Option<HeaderValue>,
}

impl Closing {
    /// An error code may still turn up at the end of the body.
    pub(super) fn await_code(&mut self, code: LateCode) {
        if let Some(ending) = &mut self.ending {
            ending.late = Some(code);
        }
    }

    /// The whole answer is in hand.
    pub(super) fn end_now(&mut self, bytes: u64) {
        self.end(End { bytes, complete: true, failed: false });
    }

    fn end(&mut self, end: End) {
        let Some(ending) = self.ending.take() else { return };
        let Ending { open, status, code, late, upstream_id, verdict, first_byte_ms, etag, created } = *ending;
        let code = code.or_else(|| late.and_then(|late| late.get().cloned()));
        let outcome = match end {
            End { complete: true, .. } => Outcome::Completed,
            End { failed: true, .. } => Outcome::UpstreamFailed,
            _ => Outcome::ClientGone,
        };
        let issued = open.issued.clone();
        let completion = Completion {
            outcome,
            issued_key: issued.as_deref(),
            status: Some(status),
            error_code: code.as_deref(),
            bytes_in: verdict.bytes(),
            bytes_out: end.bytes,
            first_byte_ms,
            total_ms: open.elapsed(),
            created_version: created.as_ref().map(HeaderValue::as_bytes),
            etag: etag.as_ref().map(HeaderValue::as_bytes),
            upstream_id: upstream_id.as_ref().map(HeaderValue::as_bytes),
            ..Completion::default()
        };
        open.close(&completion, "");
    }
}

impl Tell for Closing {
    fn tell(mut self, end: End) {
        self.end(end);
    }
}

impl Drop for Closing {
    /// The answer never reached a body that counts: the client was gone before.
    fn drop(&mut self) {
        self.end(End { bytes: 0, complete: false, failed: false });
    }
}

/// What goes to the store, from what was routed.
pub(super) fn forward(facts: &Facts, routed: Routed, who: &Arc<Principal>, owners: Owners) -> Forward {
    let location = location(facts, &routed);
    let Routed { operation, bucket, key, parameters, mut headers, copy_source, through, .. } = routed;
    // Checked here; what a store is told of owners is what was decided.
    headers.remove(EXPECTED_OWNER);
    headers.remove(EXPECTED_SOURCE_OWNER);
    Forward {
        operation,
        bucket,
        key,
        query: parameters,
        headers,
        copy_source,
        owners,
        location,
        shown: through.map(|through| through.shown),
        account: who.account.clone(),
        requester: Some(requester(who, facts.access_key.as_deref())),
        id: facts.id,
    }
}

fn requester(who: &Arc<Principal>, access_key: Option<&str>) -> Requester {
    let access_key = access_key.filter(|_| who.session.is_some());
    Requester { who: Arc::clone(who), access_key: access_key.map(Into::into) }
}

/// Where the client will find what it made.
fn location(facts: &Facts, routed: &Routed) -> Option<String> {
    let bucket = routed.bucket.as_deref()?;
    match routed.operation {
        Operation::CreateBucket => Some(format!("/{bucket}")),
        Operation::CompleteMultipartUpload => facts.asked_url(),
        _ => None,
    }
}
