//! One thread, one runtime, its connections: handshake, protocol, sweep, drain.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

use super::Service;
use super::accept;
use super::answer::Unread;
use super::connection::{Connection, TlsFacts};
use super::detach::Tally;
use super::door::{Door, Floor, enter};
use super::preface::{self, Closed};
use super::pulse::{CoarseClock, Phase, Pulse, Signal};
use super::seats::{Counters, Everywhere, Gate, Seat, count};
use super::settings::{Limits, Listener};
use super::wire::{Ahead, Handle, Io, Wire};
use crate::access::proxy_protocol::Preface;
use crate::turn::{self, InPieces, Socket, apart};

/// What all threads of one server share.
#[derive(Debug)]
pub(super) struct Hall {
    pub(super) everywhere: Everywhere,
    pub(super) counters: Counters,
    pub(super) draining: AtomicBool,
    /// Live connections by worker.
    pub(super) loads: Vec<AtomicUsize>,
}

/// How far the server is on its way out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Serve,
    Drain,
    Abort,
}

/// A connection that was taken and has a seat, on its way to a worker.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) stream: std::net::TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) seat: Seat,
    pub(super) load: Load,
}

/// A connection's weight on a worker.
#[derive(Debug)]
pub(super) struct Load(Arc<Hall>, usize);

impl Load {
    pub(super) fn put(hall: &Arc<Hall>, worker: usize) -> Self {
        if let Some(load) = hall.loads.get(worker) {
            load.fetch_add(1, Ordering::Relaxed);
        }
        Self(Arc::clone(hall), worker)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if let Some(load) = self.0.loads.get(self.1) {
            load.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What a worker thread is given.
pub(super) struct Desk {
    pub(super) index: usize,
    pub(super) hall: Arc<Hall>,
    pub(super) arrivals: mpsc::UnboundedReceiver<Arrival>,
    /// The worker's own sockets, when it accepts for itself.
    pub(super) sockets: Vec<(Arc<Gate>, std::net::TcpListener)>,
    pub(super) stage: watch::Receiver<Stage>,
    pub(super) tick: Duration,
}

/// How often connections are looked at, so that no limit is missed by more than a quarter.
pub(super) fn tick<'a>(listeners: impl Iterator<Item = &'a Listener>) -> Duration {
    let shortest = listeners.flat_map(|listener| {
        let Limits { head_timeout, handshake_timeout, idle, write_idle, linger, .. } = listener.limits;
        [head_timeout, handshake_timeout, idle, write_idle, linger]
    });
    let shortest = shortest.min().unwrap_or(Duration::from_secs(2));
    (shortest / 4).clamp(Duration::from_millis(10), Duration::from_millis(500))
}

pub(super) struct Worker<S> {
    index: usize,
    service: Rc<S>,
    hall: Arc<Hall>,
    clock: Rc<CoarseClock>,
    pulses: RefCell<HashMap<u64, Rc<Pulse>>>,
    next: Cell<u64>,
    tally: Rc<Tally>,
}

/// Works until the server drains and the last connection has gone, or until it is told to abort.
pub(super) async fn work<S: Service>(desk: Desk, make: impl FnOnce(usize) -> S) {
    let Desk { index, hall, mut arrivals, sockets, mut stage, tick } = desk;
    let tally = Rc::new(Tally::default());
    tally.install();
    let worker = Rc::new(Worker {
        index,
        service: Rc::new(make(index)),
        hall,
        clock: CoarseClock::new(),
        pulses: RefCell::default(),
        next: Cell::new(0),
        tally,
    });
    let mut own = Vec::new();
    for (gate, socket) in sockets {
        let worker = Rc::clone(&worker);
        own.push(tokio::task::spawn_local(async move {
            let place = |gate: &Arc<Gate>, stream, peer, seat| {
                let load = Load::put(&worker.hall, worker.index);
                worker.welcome(Arrival { stream, peer, seat, load }, gate);
            };
            accept::accept(&gate, socket, &worker.hall.counters, place).await;
        }));
    }
    let sender = tokio::task::spawn_local(turn::open());
    let sweeper = tokio::task::spawn_local(sweep(Rc::clone(&worker), tick));
    let mut draining = false;
    while !(draining && worker.tally.is_empty()) {
        tokio::select! {
            biased;
            Some(arrival) = arrivals.recv(), if !draining => {
                let gate = Arc::clone(&arrival.seat.gate);
                worker.welcome(arrival, &gate);
            }
            changed = stage.changed() => {
                let now = if changed.is_ok() { *stage.borrow_and_update() } else { Stage::Abort };
                match now {
                    Stage::Serve => {}
                    Stage::Drain => {
                        own.drain(..).for_each(|acceptor| acceptor.abort());
                        draining = true;
                        // Nothing has been read from those that wait here.
                        arrivals.close();
                        while arrivals.try_recv().is_ok() {}
                        worker.drain();
                    }
                    Stage::Abort => break,
                }
            }
            () = worker.tally.changed() => {}
        }
    }
    sweeper.abort();
    sender.abort();
}

async fn sweep<S: Service>(worker: Rc<Worker<S>>, tick: Duration) {
    loop {
        tokio::time::sleep(tick).await;
        let now = worker.clock.advance();
        for pulse in worker.pulses.borrow().values() {
            pulse.tell(pulse.verdict(now));
        }
    }
}

impl<S: Service> Worker<S> {
    fn welcome(self: &Rc<Self>, arrival: Arrival, gate: &Arc<Gate>) {
        let alive = self.tally.enter();
        let (worker, gate) = (Rc::clone(self), Arc::clone(gate));
        tokio::task::spawn_local(async move {
            let _alive = alive;
            let number = worker.next.get();
            worker.next.set(number.wrapping_add(1));
            let pulse = Rc::new(Pulse::new(Rc::clone(&worker.clock), &gate.listener.limits));
            worker.pulses.borrow_mut().insert(number, Rc::clone(&pulse));
            let _leave = Leave { worker: Rc::clone(&worker), number };
            let Arrival { stream, peer, seat: _seat, load: _load } = arrival;
            worker.serve(stream, peer, gate, pulse).await;
        });
    }

    fn drain(&self) {
        for pulse in self.pulses.borrow().values() {
            // Nothing has been asked yet on a connection that is still shaking hands.
            pulse.tell(if pulse.phase() == Phase::Handshake { Signal::Kill } else { Signal::Drain });
        }
    }

    async fn serve(self: &Rc<Self>, stream: std::net::TcpStream, peer: SocketAddr, gate: Arc<Gate>, pulse: Rc<Pulse>) {
        let Ok((stream, local)) = prepare(stream) else { return };
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let Some(met) = apart(|| meet(stream, peer, &gate, &pulse)).await else {
            return count(&self.hall.counters.handshakes_failed);
        };
        let Met { io, peer, tls, http2, vpc_endpoint } = met;
        pulse.enter(if http2 { Phase::Idle } else { Phase::Head });
        let wire = Rc::new(Wire::new(io, Rc::clone(&pulse), !http2));
        let listener = Arc::clone(&gate.listener);
        let connection = Rc::new(Connection::new(listener, (peer, local), vpc_endpoint, tls, self.index));
        let linger = gate.listener.limits.linger_bytes;
        let head = gate.listener.limits.head;
        let floor = Rc::new(Floor { wire: Rc::clone(&wire), gate, hall: Arc::clone(&self.hall) });
        let service = Rc::clone(&self.service);
        let door = Rc::new(Door { service, connection: Rc::clone(&connection), floor });
        let serve = service_fn(move |request| enter(Rc::clone(&door), request));
        let io = TokioIo::new(Handle(Rc::clone(&wire)));
        let ended = match http2 {
            true => apart(|| drive(&pulse, second(head).serve_connection(io, serve))).await,
            false => apart(|| drive(&pulse, first(head).serve_connection(io, serve))).await,
        };
        if let Some(unread) = wire.unread() {
            let Unread { fault, id, length, .. } = *unread;
            tracing::debug!(%id, %peer, reason = fault.reason(), "head not read");
            self.service.unread(&fault, id, length, &connection);
        }
        match ended {
            None => return,
            Some(Err(error)) => tracing::debug!(%peer, %error, "connection ended"),
            Some(Ok(())) => {}
        }
        apart(|| pulse.unless_killed(wire.close(linger))).await;
    }
}

/// Takes a connection off the sweeper's list.
struct Leave<S> {
    worker: Rc<Worker<S>>,
    number: u64,
}

impl<S> Drop for Leave<S> {
    fn drop(&mut self) {
        self.worker.pulses.borrow_mut().remove(&self.number);
    }
}

fn prepare(stream: std::net::TcpStream) -> std::io::Result<(TcpStream, SocketAddr)> {
    let local = stream.local_addr()?;
    stream.set_nodelay(true)?;
    Ok((TcpStream::from_std(stream)?, SocketAddr::new(local.ip().to_canonical(), local.port())))
}

/// A connection that has been introduced.
struct Met {
    io: Io,
    peer: SocketAddr,
    tls: Option<TlsFacts>,
    http2: bool,
    vpc_endpoint: Option<String>,
}

/// Everything before the first request; none when it failed or took too long.
async fn meet(mut stream: TcpStream, peer: SocketAddr, gate: &Gate, pulse: &Pulse) -> Option<Met> {
    let preface = introduce(&mut stream, peer, gate, pulse).await?;
    let peer = preface.source.map_or(peer, |source| SocketAddr::new(source, 0));
    let (io, tls, http2) = shake(Socket::new(stream), gate, pulse).await?;
    Some(Met { io, peer, tls, http2, vpc_endpoint: preface.vpc_endpoint })
}

/// What a balancer says of the connection, on a listener that demands it; none when it is refused or took
/// too long.
async fn introduce(stream: &mut TcpStream, peer: SocketAddr, gate: &Gate, pulse: &Pulse) -> Option<Preface> {
    let Some(balancers) = &gate.listener.proxy_protocol else { return Some(Preface::default()) };
    let read = match balancers.iter().any(|network| network.contains(peer.ip())) {
        true => pulse.unless_killed(preface::read(stream)).await?,
        false => Err(Closed::Stranger(peer.ip())),
    };
    match read {
        Ok(preface) => Some(preface),
        Err(error) => {
            tracing::debug!(listener = gate.listener.name, %peer, %error, "connection closed");
            None
        }
    }
}

/// The TLS handshake, if the listener has TLS; none when it failed or took too long.
async fn shake(stream: Socket, gate: &Gate, pulse: &Pulse) -> Option<(Io, Option<TlsFacts>, bool)> {
    let Some(live) = &gate.tls else {
        return Some((Io::Plain(stream), None, false));
    };
    /// What rustls may hold of an answer that the client has not taken.
    const HELD: usize = 128 * 1024;
    let acceptor = TlsAcceptor::from(live.current());
    let accept = acceptor.accept_with(Ahead::new(stream), |session| session.set_buffer_limit(Some(HELD)));
    match pulse.unless_killed(accept).await? {
        Ok(stream) => {
            let session = stream.get_ref().1;
            let (facts, http2) = (TlsFacts::of(session), session.alpn_protocol() == Some(b"h2"));
            Some((Io::Tls(Box::new(InPieces::new(stream))), Some(facts), http2))
        }
        Err(error) => {
            tracing::debug!(listener = gate.listener.name, %error, "TLS handshake failed");
            None
        }
    }
}

/// HTTP/1.1 as we speak it. Its timeouts are ours ([`Pulse`]): hyper's would set a timer per request.
fn first(head: usize) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_header_size(head).max_buf_size(128 * 1024);
    builder
}

/// HTTP/2 as we speak it.
fn second(head: usize) -> http2::Builder<Local> {
    let mut builder = http2::Builder::new(Local);
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(128)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(128)
        // Beyond it the library answers, without a document; what is only too long, the screen refuses.
        .max_header_list_size(u32::try_from(head.saturating_mul(4)).unwrap_or(64 * 1024))
        .max_send_buf_size(256 * 1024)
        // What an unread upload may hold of our memory.
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(512 * 1024);
    builder
}

/// Spawns the streams of an HTTP/2 connection on its worker.
#[derive(Clone, Copy, Debug)]
struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// Runs a connection to its end; none when it was killed.
async fn drive<C: GracefulConnection>(pulse: &Pulse, connection: C) -> Option<Result<(), C::Error>> {
    let mut connection = pin!(connection);
    let mut told = false;
    poll_fn(|cx| {
        pulse.listen(cx.waker());
        match pulse.signal() {
            Signal::Kill => return Poll::Ready(None),
            Signal::Drain if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
            Signal::Drain | Signal::Live => {}
        }
        connection.as_mut().poll(cx).map(Some)
    })
    .await
}
