//! Kept-alive connections to one store, owned by one worker: no lock, no sharing.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::outgoing::Outgoing;
use crate::turn::{InPieces, Socket, apart};

/// Where a store listens.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Name or address to connect to.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// TLS settings; none for plain HTTP.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl Endpoint {
    /// What the Host header says: no port where it is the scheme's own.
    pub fn host_header(&self) -> String {
        let mut host = String::with_capacity(128);
        match self.host.contains(':') {
            true => host.extend(["[", &self.host, "]"]),
            false => host.push_str(&self.host),
        }
        let default = if self.tls.is_some() { 443 } else { 80 };
        if self.port != default {
            host.extend([":", itoa::Buffer::new().format(self.port)]);
        }
        host
    }
}

/// Bounds on connections to a store.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections of this worker, busy and idle.
    pub connections: usize,
    /// TCP and TLS handshakes together.
    pub connect: Duration,
    /// How long an idle connection is kept. Below the store's own limit, so that it closes first.
    pub idle: Duration,
}

/// Why no connection could be had.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The worker's share of connections is in use.
    #[error("all {0} connections to the store are in use")]
    Exhausted(usize),
    /// The store did not answer in time.
    #[error("no connection within {0:?}")]
    Slow(Duration),
    /// The name, the socket or the handshake failed.
    #[error("cannot connect: {0}")]
    Failed(#[from] io::Error),
    /// The connection broke before the first request.
    #[error("cannot speak HTTP: {0}")]
    Http(#[from] hyper::Error),
}

/// The connections of one worker to one store.
#[derive(Debug)]
pub struct Pool {
    endpoint: Endpoint,
    limits: Limits,
    idle: RefCell<Vec<Idle>>,
    open: Cell<usize>,
}

#[derive(Debug)]
struct Idle {
    line: Line,
    since: Instant,
}

/// One connection, checked out. Dropping it closes it; [`Line::put_back`] keeps it.
///
/// Whoever has it drives it: the connection is polled by the task that waits for its answer, so a
/// request costs no hand-over between tasks. An idle one is looked at when it is wanted again.
pub struct Line {
    sender: SendRequest<Outgoing>,
    connection: Option<Connection>,
    pool: Rc<Pool>,
    fresh: bool,
}

type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>>>>;

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line")
            .field("open", &self.connection.is_some())
            .field("fresh", &self.fresh)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool without connections.
    pub fn new(endpoint: Endpoint, limits: Limits) -> Rc<Self> {
        Rc::new(Self { endpoint, limits, idle: RefCell::new(Vec::new()), open: Cell::new(0) })
    }

    /// The most recently used idle connection that is still good, else a new one.
    pub async fn line(self: &Rc<Self>) -> Result<Line, ConnectError> {
        while let Some(mut line) = self.take_idle() {
            if line.ready().await {
                return Ok(line);
            }
        }
        apart(|| self.connect()).await
    }

    /// A new connection, whatever is idle.
    pub async fn connect(self: &Rc<Self>) -> Result<Line, ConnectError> {
        if self.open.get() >= self.limits.connections {
            // An idle connection may have died unnoticed; its place is free again.
            self.idle.borrow_mut().retain_mut(|idle| idle.line.drive(&mut nobody()));
            if self.open.get() >= self.limits.connections {
                return Err(ConnectError::Exhausted(self.limits.connections));
            }
        }
        let limit = self.limits.connect;
        let place = Place::taken(self);
        let made = timeout(limit, handshake(&self.endpoint)).await;
        let (sender, connection) = made.map_err(|_| ConnectError::Slow(limit))??;
        std::mem::forget(place); // the line holds it from here on
        Ok(Line { sender, connection: Some(connection), pool: Rc::clone(self), fresh: true })
    }

    fn take_idle(&self) -> Option<Line> {
        let mut idle = self.idle.borrow_mut();
        let oldest = Instant::now().checked_sub(self.limits.idle)?;
        let Idle { line, since } = idle.pop()?;
        if since < oldest {
            idle.clear(); // everything below is older still
            return None;
        }
        Some(line)
    }
}

impl Line {
    /// Whether no request has gone over it yet.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Moves octets either way; false once the connection has ended.
    pub fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        // A broken connection shows at its request; there is nobody to tell here.
        if connection.as_mut().poll(cx).is_ready() {
            self.connection = None;
        }
        self.connection.is_some()
    }

    /// Waits until it takes a request; false when it never will.
    async fn ready(&mut self) -> bool {
        // Nearly always it does at once. Then nobody may be left to be woken by the request.
        if let Poll::Ready(ready) = self.poll_ready(&mut nobody()) {
            return ready;
        }
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match self.drive(cx) {
            true => self.sender.poll_ready(cx).map(|ready| ready.is_ok()),
            false => Poll::Ready(false),
        }
    }

    /// Sends a request and drives the connection until its answer begins.
    ///
    /// Only the connection itself can make the answer ready, and it is looked at after every move of the
    /// connection. So nobody need be woken for it: the task would only wake itself, and be polled once
    /// more for nothing. What must wake it is the socket, and the body of an upload.
    pub async fn exchange(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Outgoing>>> {
        let uploading = !request.body().is_end_stream();
        let mut sending = pin!(self.sender.try_send_request(request));
        let mut begun = false;
        poll_fn(|cx| {
            if begun && !uploading {
                // Whoever reads the answer drives on, and is woken then.
                self.drive(&mut nobody());
                if let Poll::Ready(answer) = sending.as_mut().poll(&mut nobody()) {
                    return Poll::Ready(answer);
                }
            }
            begun = true;
            self.drive(cx);
            sending.as_mut().poll(&mut nobody())
        })
        .await
    }

    /// Keeps the connection for the next request, if this one is over in both directions: a store that
    /// answers before it has read the whole body leaves nothing to go on with.
    pub fn put_back(mut self) {
        if self.drive(&mut nobody()) && self.sender.is_ready() {
            self.fresh = false;
            let pool = Rc::clone(&self.pool);
            pool.idle.borrow_mut().push(Idle { line: self, since: Instant::now() });
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.pool.open.set(self.pool.open.get().saturating_sub(1));
    }
}

/// For a look at what will be looked at again in any case.
pub(super) fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// A place in the count while the connection is being made.
struct Place<'a>(&'a Pool);

impl<'a> Place<'a> {
    fn taken(pool: &'a Pool) -> Self {
        pool.open.set(pool.open.get() + 1);
        Self(pool)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
    }
}

type Spoken = (SendRequest<Outgoing>, Connection);

async fn handshake(endpoint: &Endpoint) -> Result<Spoken, ConnectError> {
    let tcp = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
    tcp.set_nodelay(true)?;
    let tcp = Socket::new(tcp);
    let Some(config) = &endpoint.tls else { return speak(TokioIo::new(tcp)).await };
    let name = ServerName::try_from(endpoint.host.clone()).map_err(io::Error::other)?;
    let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?;
    speak(TokioIo::new(InPieces::new(tls))).await
}

async fn speak<T>(io: T) -> Result<Spoken, ConnectError>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new().max_buf_size(512 * 1024).handshake(io).await?;
    Ok((sender, Box::pin(connection)))
}
