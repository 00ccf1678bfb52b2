//! Where a request enters: screened, counted, served under guard, and let out with the right goodbye.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use http::header::{CONNECTION, HeaderValue, SERVER};
use http::request::Parts;
use http::{Request, Response};
use hyper::body::{Body, Incoming};

use super::Service;
use super::answer;
use super::connection::Connection;
use super::request_body::TimedBody;
use super::response_body::Sent;
use super::screen::screen;
use super::seats::{Gate, count};
use super::wire::{Upload, Wire};
use super::worker::Hall;
use crate::s3::{Code, Fault};

/// One connection as its requests see it.
#[derive(Debug)]
pub(super) struct Floor {
    pub(super) wire: Rc<Wire>,
    pub(super) gate: Arc<Gate>,
    pub(super) hall: Arc<Hall>,
}

/// One connection and who serves it.
pub(super) struct Door<S> {
    pub(super) service: Rc<S>,
    pub(super) connection: Rc<Connection>,
    pub(super) floor: Rc<Floor>,
}

/// A request's place among those in flight, from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct Turn {
    floor: Rc<Floor>,
    counted: bool,
}

impl Turn {
    fn begin(floor: &Rc<Floor>) -> Self {
        floor.wire.pulse.begin();
        Self { floor: Rc::clone(floor), counted: false }
    }

    fn admit(&mut self) -> Result<(), Fault> {
        self.counted = self.floor.hall.everywhere.enter(&self.floor.gate);
        if self.counted {
            return Ok(());
        }
        count(&self.floor.hall.counters.slowed);
        Err(answer::slow_down("in-flight"))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.counted {
            self.floor.hall.everywhere.leave(&self.floor.gate);
        }
        self.floor.wire.pulse.end();
    }
}

/// Serves one request. Never fails: what goes wrong is an answer.
pub(super) async fn enter<S: Service>(
    door: Rc<Door<S>>,
    request: Request<Incoming>,
) -> Result<Response<Sent<S::Body>>, Infallible> {
    let floor = &door.floor;
    let mut turn = Turn::begin(floor);
    let (parts, incoming) = request.into_parts();
    let mut parts = Box::new(parts);
    // hyper's offer of an upgrade, which nobody takes up.
    parts.extensions.clear();
    let bodiless = incoming.is_end_stream();
    let seen = floor.wire.begin(if bodiless { Upload::Read } else { Upload::Unread });
    if let Err(fault) = screen(&parts, seen, floor.gate.listener.limits.head) {
        count(&floor.hall.counters.screened);
        return Ok(refuse(&door, &parts, &fault, turn));
    }
    if let Err(fault) = turn.admit() {
        return Ok(refuse(&door, &parts, &fault, turn));
    }
    let body = match bodiless {
        true => TimedBody::empty(),
        false => TimedBody::new(incoming, Rc::clone(&floor.wire), floor.gate.listener.limits.body_idle),
    };
    // Called inside the guarded future, so that a panic on the way to it is caught as well.
    let serving = pin!(async { door.service.call(parts, body, Rc::clone(&door.connection)).await });
    let mut response = match guarded(serving).await {
        Ok(response) => response.map(|body| Sent::service(body, turn)),
        Err(Panicked) => return Ok(apologise(&door, turn)),
    };
    let headers = response.headers_mut();
    if !headers.contains_key(SERVER) {
        headers.insert(SERVER, answer::NAME);
    }
    if floor.wire.must_close() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

fn refuse<S: Service>(door: &Door<S>, parts: &Parts, fault: &Fault, turn: Turn) -> Response<Sent<S::Body>> {
    let id = answer::fresh_id();
    tracing::debug!(%id, peer = %door.connection.peer, reason = fault.reason(), "request refused");
    door.service.refused(parts, fault, id, &door.connection);
    own(door, fault, id, turn)
}

fn apologise<S: Service>(door: &Door<S>, turn: Turn) -> Response<Sent<S::Body>> {
    let id = answer::fresh_id();
    count(&door.floor.hall.counters.panics);
    tracing::error!(%id, peer = %door.connection.peer, "a request panicked; it was answered with InternalError");
    own(door, &Fault::plain(Code::InternalError, "panic"), id, turn)
}

fn own<S: Service>(door: &Door<S>, fault: &Fault, id: crate::id::RequestId, turn: Turn) -> Response<Sent<S::Body>> {
    // Remembers an unread upload; the answer says `Connection: close` in any case.
    door.floor.wire.must_close();
    let mut response = answer::response(fault, id).map(|body| Sent::own(body, Some(turn)));
    if !door.floor.wire.is_http1() {
        response.headers_mut().remove(CONNECTION);
    }
    response
}

/// A handler that panicked. The panic hook has told the rest.
struct Panicked;

/// Polls a future and turns its panic into a value. What the future owned is dropped with it, and a
/// request shares nothing half-changed: workers hold their state in cells that stay consistent.
/// It is pinned already: a request's future is large, and every move would copy all of it.
async fn guarded<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Result<T, Panicked> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}
