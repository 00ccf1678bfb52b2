//! The walk: one page that is the life of a request, and what one worker needs for it.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response};
use http_body::Body;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::BoxError;
use super::after::Around;
use super::answer::{self, Answer};
use super::arriving::{Arrived, Arriving};
use super::early::in_time;
use super::exit::{Exit, Out};
use super::facts::{Begun, Connection, Facts};
use super::heard::Heard;
use super::here::Here;
use super::live::{EXPECTED_OWNER, EXPECTED_SOURCE_OWNER, Live};
use super::open::Observe;
use super::rates::{Gates, Rates};
use super::refusal::Refusal;
use super::settings::Keeper;
use super::spent;
use super::stage::Parsed;
use super::stage::left::StandsBack;
use super::task::Envelope;
use super::uploads::Uploads;
use crate::audit::Journal;
use crate::body::SealedBody;
use crate::guard::Replay;
use crate::id::RequestId;
use crate::identity::Principal;
use crate::inspect::Inspector;
use crate::limit::{InFlight, Room, Taken};
use crate::s3::route::Routed;
use crate::s3::{Code, Fault, Operation};
use crate::sigv4::KeyCache;
use crate::time::{Clock, Millis, Seconds};
use crate::trace::{self, Said};
use crate::turn::{apart, others_first};
use crate::upstream::sealed::Sealed;
use crate::upstream::store;
use crate::upstream::wire::Wire;
use crate::upstream::{Forward, Owners, Reply, Requester, Upstream};

/// Answers one request, whatever it is.
pub async fn walk<B>(head: Box<Parts>, body: B, connection: Rc<Connection>, worker: &Rc<Worker>) -> Response<Answer>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    match run(head, body, connection, worker).await {
        Ok(response) => response,
        Err(refusal) => apart(|| refusal.log(worker)).await.into_response(),
    }
}

/// Puts a refusal on record that was answered before there was a request to walk.
pub async fn record_refusal(
    head: Box<Parts>,
    fault: Fault,
    id: RequestId,
    connection: Rc<Connection>,
    worker: &Worker,
) {
    let begun = worker.begun(id, worker.clock.now_millis(), &head.headers, None);
    let mut facts = Box::new(Facts::new(head, connection, begun));
    facts.name(&worker.live.load());
    let _answered_already = Refusal::new(fault, facts).log(worker).await;
}

/// From the head to the store and back. `?` collects a refusal from any stage.
async fn run<B>(
    head: Box<Parts>,
    body: B,
    connection: Rc<Connection>,
    worker: &Rc<Worker>,
) -> Result<Response<Answer>, Refusal>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let live = worker.live.load_full(); // one generation, first octet to last, or the newest behind a slow document
    let now = worker.clock.now_millis();
    let (body, arrived) = Arriving::new(body, &worker.clock);
    let begun = worker.begun(worker.next_id(), now, &head.headers, arrived);
    let addressed = Parsed::new(head, body, connection, begun)
        .address(&live)?
        .arrive(&live, &worker.rates, &*worker.clock)?
        .read_early()
        .await?;
    let addressed = StandsBack::new(addressed, worker).await;
    let authenticated = addressed.authenticate(&live, &worker.keys, now.seconds())?;
    let (live, decided) = StandsBack::new(authenticated, worker)
        .await
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
        Exit::Here(here) => apart(|| answer_here(*here, &live, now.seconds(), worker)).await,
    }
}

/// So much is always read whole: the file of a form that may be empty has no last octet to hold back.
const LEAST_WHOLE: u64 = 2;

/// The file of a form is read whole up to this length, where there is room for it: browsers send fields
/// behind it, and how long it is shows only at its end.
const FILE_IN_HAND: u64 = 8 << 20;

/// How long so many octets may take: a minute, and more for more at 16 KiB a second.
const fn patience(octets: u64) -> Duration {
    Duration::from_secs(60 + (octets >> 14))
}

/// Hands the request to its store: small bodies whole and verified, large ones as they come.
async fn deliver(out: Out, live: &Live, worker: &Rc<Worker>) -> Result<Response<Answer>, Refusal> {
    let Out { store, out, body, mut open, after, home } = out;
    open.watch(worker);
    let (id, verdict, called) = (out.id, body.verdict(), out.called());
    open.reads(&verdict);
    open.wait().await;
    let (mut body, _in_hand) = in_hand(body, live.verify_first.max(LEAST_WHOLE), &worker.files).await;
    let heard = match (&worker.inspector, &mut body) {
        (Some(inspector), Ok(body)) => Heard::begin(inspector, &out, home.as_deref(), body),
        _ => None,
    };
    others_first().await;
    let sent = match (body, worker.stores.get(store)) {
        (Ok(body), Some(store)) => store.send(out, body).await,
        (Err(fault), _) => Err(fault),
        (_, None) => Err(Fault::plain(Code::InternalError, "no-store")),
    };
    let measured = match sent {
        Ok(reply) => {
            let around =
                Around { live, known: &worker.uploads, keeper: &*worker.keeper, store: worker.stores.get(store) };
            after.measure(&around, open.told(), reply).await
        }
        Err(fault) => Err(fault),
    };
    let measured = measured.and_then(Reply::shown);
    match measured {
        Ok(reply) => {
            if let Some(heard) = heard {
                heard.answered(&reply, worker.clock.now_millis());
            }
            if let Some(Err(throttled)) =
                open.spent().map(|spent| spent.told(&worker.rates, &reply, worker.clock.ticks()))
            {
                return Err(Refusal::after(throttled, open));
            }
            let mut reply = open.landed(reply);
            let cut = open.rehearse(&mut reply);
            let closing = open.answered(&mut reply);
            Ok(answer::response(reply, &id, closing, cut))
        }
        Err(fault) => {
            let fault = spent::worded(fault, open.spent(), &worker.rates, worker.clock.ticks());
            Err(Refusal::after(fault.calling(&called), open))
        }
    }
}

/// Reads whole what a store hears of only when it has been verified: small bodies, and files of forms while
/// there is room. The room is kept for as long as the store is at it.
async fn in_hand(body: SealedBody, verify_first: u64, files: &Room) -> (Result<SealedBody, Fault>, Option<Taken>) {
    let longest = body.longest();
    if longest <= verify_first {
        return (in_time(patience(verify_first), pin!(body.settle(verify_first))).await, None);
    }
    let taken = if body.is_presumed() { files.take(longest.min(FILE_IN_HAND)).ok() } else { None };
    match taken {
        Some(_) => {
            let body = in_time(patience(FILE_IN_HAND), pin!(body.settle_file(FILE_IN_HAND))).await;
            // What turned out to be longer streams, and keeps nothing of the room but for a moment.
            let streams = body.as_ref().is_ok_and(SealedBody::is_presumed);
            (body, taken.filter(|_| !streams))
        }
        None => (Ok(body), None),
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
            let closing = open.answered(&mut reply);
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
            Self::Embedded(store) => apart(|| store.send(out, body)).await,
            Self::Sealed(sealed) => apart(|| sealed.send(out, body)).await,
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
    /// Room for the files of forms, over all workers.
    pub files: Room,
    /// Rates and quotas, over all workers.
    pub rates: Arc<Rates>,
    /// The writes of the last half hour, over all workers; where replays are refused.
    pub replay: Option<Arc<Replay>>,
    /// Signing keys this worker has derived.
    pub keys: KeyCache,
    /// Randomness that request ids are spun from, and how many were.
    pub ids: ([u8; 32], Cell<u64>),
    /// What is done with traces.
    pub trace: trace::Rules,
    /// Who looks at what is stored, if anybody does.
    pub inspector: Option<Arc<Inspector>>,
    /// Who counts.
    pub observer: Rc<dyn Observe>,
}

impl Worker {
    fn gates(&self, now: Seconds) -> Gates<'_> {
        let (in_flight, replay, rates) = (&self.in_flight, self.replay.as_ref(), &*self.rates);
        Gates { in_flight, replay, rates, now, clock: &*self.clock }
    }

    fn next_id(&self) -> RequestId {
        RequestId::from_random(&self.spin(0))
    }

    /// Octets that nobody can foretell; others for each request, and for what it needs them for.
    fn spin<const N: usize>(&self, what: u64) -> [u8; N] {
        let (seed, count) = (&self.ids.0, &self.ids.1);
        count.set(count.get().wrapping_add(1));
        let mut random = [0; N];
        for (at, piece) in random.chunks_mut(16).enumerate() {
            let place = count.get().wrapping_mul(4).wrapping_add(at as u64) ^ what.rotate_right(8);
            let spun = xxh3_128_with_seed(seed, place).to_le_bytes();
            piece.iter_mut().zip(spun).for_each(|(place, octet)| *place = octet);
        }
        random
    }

    /// A request that has just come, with its trace.
    fn begun(&self, id: RequestId, received: Millis, headers: &HeaderMap, arrived: Option<Arrived>) -> Begun {
        let lines = |name: &str| headers.get_all(name).into_iter().map(|value| value.as_bytes());
        let said = || Said::read(lines("traceparent"), lines("tracestate"));
        let trace = self.trace.trace(said, || self.spin(1)).map(Arc::new);
        Begun { id, received, trace, arrived }
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
        trace: facts.trace.clone(),
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
