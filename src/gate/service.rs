//! The bridge between a worker's connections and the walk.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::request::Parts;
use http::{Method, Response};
use http_body_util::BodyExt as _;

use super::build::StorePlan;
use super::spans::Spans;
use crate::audit::Journal;
use crate::control::metrics::{self, Metrics};
use crate::delivery::Counts;
use crate::guard::Replay;
use crate::id::RequestId;
use crate::inspect::Inspector;
use crate::limit::{InFlight, Room};
use crate::pipeline::{
    self, Answer, Finished, Keeper, Last, Live, Observe, Rates, Span, Store, TlsFacts, Uploads, Worker, walk,
};
use crate::s3::Fault;
use crate::server::{Connection, Service, TimedBody, detach};
use crate::sigv4::KeyCache;
use crate::time::Clock;
use crate::trace;
use crate::upstream::sealed::Sealed;
use crate::upstream::wire::Wire;

/// What all workers share.
pub(super) struct Shared {
    pub(super) live: Arc<ArcSwap<Live>>,
    pub(super) stores: Vec<StorePlan>,
    pub(super) journal: Arc<Journal>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) uploads: Arc<Uploads>,
    pub(super) keeper: Arc<dyn Keeper>,
    pub(super) in_flight: InFlight,
    pub(super) room: Room,
    pub(super) files: Room,
    pub(super) rates: Arc<Rates>,
    pub(super) replay: Option<Arc<Replay>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) deliveries: Arc<Counts>,
    pub(super) seed: [u8; 32],
    pub(super) trace: trace::Rules,
    pub(super) inspector: Option<Arc<Inspector>>,
    pub(super) spans: Option<Spans>,
}

/// What serves on one worker.
pub(super) struct Gate {
    worker: Rc<Worker>,
}

struct Counting {
    metrics: metrics::Worker,
    spans: Option<Spans>,
}

/// A store as one thread has it.
pub(super) fn store(plan: &StorePlan, clock: &Arc<dyn Clock>) -> Store {
    match plan {
        StorePlan::Embedded(store) => Store::Embedded(Arc::clone(store)),
        StorePlan::Sealed(settings, sealing) => {
            let wire = Wire::new((**settings).clone(), Arc::clone(clock));
            Store::Sealed(Box::new(Sealed::new(wire, (**sealing).clone())))
        }
        StorePlan::Wire(settings) => Store::Wire(Box::new(Wire::new((**settings).clone(), Arc::clone(clock)))),
    }
}

impl Gate {
    pub(super) fn new(shared: &Arc<Shared>, number: usize) -> Self {
        // Workers count in stretches of their own, so that no two make the same id.
        let first = (number as u64) << 48;
        let worker = Worker {
            live: Arc::clone(&shared.live),
            stores: shared.stores.iter().map(|plan| store(plan, &shared.clock)).collect(),
            journal: Arc::clone(&shared.journal),
            clock: Arc::clone(&shared.clock),
            uploads: Arc::clone(&shared.uploads),
            keeper: Arc::clone(&shared.keeper),
            in_flight: shared.in_flight.clone(),
            room: shared.room.clone(),
            files: shared.files.clone(),
            rates: Arc::clone(&shared.rates),
            replay: shared.replay.clone(),
            keys: KeyCache::default(),
            ids: (shared.seed, Cell::new(first)),
            trace: shared.trace,
            inspector: shared.inspector.clone(),
            observer: Rc::new(Counting { metrics: shared.metrics.worker(), spans: shared.spans.clone() }),
        };
        Self { worker: Rc::new(worker) }
    }
}

impl Service for Gate {
    type Body = Answer;

    async fn call(&self, head: Box<Parts>, body: TimedBody, connection: Rc<Connection>) -> Response<Answer> {
        let facts = connection.keep(facts);
        let body = body.map_err(|error| error.fault());
        if matches!(head.method, Method::GET | Method::HEAD) {
            return walk(head, body, facts, &self.worker).await;
        }
        // Who hangs up after sending a write cannot hide its outcome.
        let worker = Rc::clone(&self.worker);
        detach(move || async move { walk(head, body, facts, &worker).await }).await
    }

    fn refused(&self, head: &Parts, fault: &Fault, id: RequestId, connection: &Connection) {
        let (facts, worker) = (connection.keep(facts), Rc::clone(&self.worker));
        let (head, fault) = (Box::new(head.clone()), fault.clone());
        tokio::task::spawn_local(async move { pipeline::record_refusal(head, fault, id, facts, &worker).await });
    }

    fn unread(&self, fault: &Fault, id: RequestId, sent: u64, connection: &Connection) {
        let (facts, worker) = (connection.keep(facts), Rc::clone(&self.worker));
        let fault = fault.clone();
        tokio::task::spawn_local(async move { pipeline::record_unread(fault, id, sent, &facts, &worker).await });
    }
}

/// What is on record about a connection, made once for all its requests.
fn facts(connection: &Connection) -> pipeline::Connection {
    pipeline::Connection {
        listener: connection.listener.number,
        peer: connection.peer.ip(),
        vpc_endpoint: connection.vpc_endpoint.clone(),
        tls: connection.tls.as_ref().map(|tls| TlsFacts {
            version: tls.version,
            cipher: tls.cipher_suite,
            key_exchange: tls.key_exchange,
        }),
        last: Last::default(),
    }
}

impl Observe for Counting {
    fn finished(&self, finished: &Finished) {
        self.metrics.ended(&metrics::End {
            operation: finished.operation.unwrap_or("-"),
            outcome: finished.outcome.as_str(),
            reason: if finished.reason.is_empty() { "-" } else { finished.reason },
            took: Duration::from_millis(finished.milliseconds),
            upstream: finished.first_byte.map(Duration::from_millis),
            received: finished.bytes_in,
            sent: finished.bytes_out,
            rehearsed: finished.rehearsed,
            observed: finished.observed,
            wait: finished.wait,
        });
    }

    fn span(&self, span: &Span<'_>) {
        if let Some(spans) = &self.spans {
            spans.give(span);
        }
    }
}
