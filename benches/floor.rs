//! The floor under the proxy: a forwarder on the same libraries that checks, signs and records nothing.
//! What it costs per request is what hyper, tokio and rustls cost; nothing built on them costs less.
//!
//!     cargo bench --bench floor -- LISTEN UPSTREAM CERTIFICATE KEY [FOLDER]
//!
//! With a folder it also does to a GET what the proxy cannot do without (floor/pieces.rs), and lets a journal grow
//! there: nothing that verifies, decides, records and signs costs less than that.
//!
//! TLS in, plain HTTP/1.1 out, kept connections on both sides, one thread. As in the proxy, the task
//! that waits for an answer drives the connection to the store. Loopback only; README.md says what it told.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench stops at the first surprise")]

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

#[path = "floor/pieces.rs"]
mod pieces;

use bartizan::turn;
use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use pieces::Pieces;

type Idle = Rc<RefCell<Vec<Line>>>;

/// One connection to the store, driven by whoever has it.
struct Line {
    sender: SendRequest<Incoming>,
    connection: Pin<Box<dyn Future<Output = hyper::Result<()>>>>,
}

impl Line {
    async fn to(upstream: SocketAddr) -> Self {
        let tcp = TcpStream::connect(upstream).await.expect("the store listens");
        tcp.set_nodelay(true).unwrap();
        let io = TokioIo::new(turn::Socket::new(tcp));
        let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        Self { sender, connection: Box::pin(connection) }
    }

    fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        self.connection.as_mut().poll(cx).is_pending()
    }
}

/// An answer's body, which gives its connection back.
struct Answer {
    body: Incoming,
    line: Option<Line>,
    idle: Idle,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let mut polled = Pin::new(&mut this.body).poll_frame(cx);
        if let (Poll::Pending, Some(line)) = (&polled, &mut this.line) {
            line.drive(cx);
            polled = Pin::new(&mut this.body).poll_frame(cx);
        }
        if polled.is_ready()
            && this.body.is_end_stream()
            && let Some(mut line) = this.line.take()
            && line.drive(&mut Context::from_waker(Waker::noop()))
        {
            this.idle.borrow_mut().push(line);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn forward(mut request: Request<Incoming>, upstream: SocketAddr, idle: Idle) -> hyper::Result<Response<Answer>> {
    let kept = idle.borrow_mut().pop();
    let mut line = match kept {
        Some(line) => line,
        None => Line::to(upstream).await,
    };
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = Uri::try_from(target).unwrap();
    request.headers_mut().remove(header::CONNECTION);
    let Line { sender, connection } = &mut line;
    let mut sending = pin!(sender.send_request(request));
    let response = poll_fn(|cx| {
        let _ = connection.as_mut().poll(cx);
        sending.as_mut().poll(cx)
    })
    .await?;
    Ok(response.map(|body| Answer { body, line: Some(line), idle }))
}

/// The same, but for what is done to the request first, and to its record at last.
async fn checked(
    mut request: Request<Incoming>,
    pieces: Rc<Pieces>,
    upstream: SocketAddr,
    idle: Idle,
) -> hyper::Result<Response<Answer>> {
    let receipt = pieces.admit(&mut request).await;
    let response = forward(request, upstream, idle).await;
    pieces::complete(receipt);
    response
}

/// How every connection is served.
struct House {
    acceptor: TlsAcceptor,
    upstream: SocketAddr,
    idle: Idle,
    pieces: Option<Rc<Pieces>>,
}

async fn serve(tcp: TcpStream, house: Rc<House>) {
    // Without an outbox, which only the pieces open, such a socket is like any other.
    let Ok(tls) = house.acceptor.accept(turn::Socket::new(tcp)).await else { return };
    let mut builder = hyper::server::conn::http1::Builder::new();
    let builder = builder.header_read_timeout(None);
    let (io, upstream, pieces) = (TokioIo::new(tls), house.upstream, house.pieces.clone());
    let idle = move || Rc::clone(&house.idle);
    let _ended = match pieces {
        None => builder.serve_connection(io, service_fn(move |request| forward(request, upstream, idle()))).await,
        Some(pieces) => {
            let service = service_fn(move |request| checked(request, Rc::clone(&pieces), upstream, idle()));
            builder.serve_connection(io, service).await
        }
    };
}

fn acceptor(certificate: &str, key: &str) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap().collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [listen, upstream, certificate, key, folder @ ..] = arguments.as_slice() else {
        return; // `cargo bench` without arguments runs every bench
    };
    let upstream = upstream.parse().expect("an address");
    let pieces = folder.first().map(|folder| Rc::new(Pieces::new(folder.as_ref())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        if pieces.is_some() {
            tokio::task::spawn_local(turn::open());
        }
        let listener = TcpListener::bind(listen).await.unwrap();
        let house = Rc::new(House { acceptor: acceptor(certificate, key), upstream, idle: Idle::default(), pieces });
        while let Ok((tcp, _)) = listener.accept().await {
            tcp.set_nodelay(true).unwrap();
            tokio::task::spawn_local(serve(tcp, Rc::clone(&house)));
        }
    });
}
