//! The server over real sockets on loopback, spoken to octet by octet, with a toy service behind it.

mod hostile;
mod life;
mod tls;
mod upload;

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bartizan::id::RequestId;
use bartizan::s3::Fault;
use bartizan::server::{
    Connection, Control, Error, Hooks, Listener, Page, Server, Service, Settings, TimedBody, detach,
};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use http_body_util::Full;
use tokio::sync::Semaphore;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// What tests and toy share.
struct Shared {
    /// Requests to `/wait` and `/detach` go on when a permit is here.
    go: Semaphore,
    /// Requests that have come as far as the service.
    arrived: AtomicUsize,
    /// Detached work that came to its end.
    finished: AtomicUsize,
    /// Reasons of requests that never became one.
    refused: Mutex<Vec<&'static str>>,
    drained: AtomicUsize,
    reloaded: AtomicUsize,
}

struct Toy(Arc<Shared>);

impl Service for Toy {
    type Body = Full<bytes::Bytes>;

    fn call(
        &self,
        head: Box<Parts>,
        body: TimedBody,
        connection: Rc<Connection>,
    ) -> impl Future<Output = Response<Full<bytes::Bytes>>> {
        let shared = Arc::clone(&self.0);
        async move {
            shared.arrived.fetch_add(1, Ordering::SeqCst);
            let path = head.uri.path().to_owned();
            match path.as_str() {
                "/echo" => match body.collect().await {
                    Ok(body) => answer(200, body.to_bytes()),
                    Err(error) => answer(error.fault().status(), error.fault().code().as_str()),
                },
                "/refuse" => answer(403, "<Error><Code>AccessDenied</Code></Error>"),
                "/panic" => panic!("a bug"),
                "/wait" => {
                    shared.go.acquire().await.unwrap().forget();
                    answer(200, "waited")
                }
                "/detach" => {
                    let done = move || async move {
                        shared.go.acquire().await.unwrap().forget();
                        shared.finished.fetch_add(1, Ordering::SeqCst);
                    };
                    detach(done).await;
                    answer(200, "done")
                }
                "/detached-panic" => detach(|| async { panic!("a bug") }).await,
                "/large" => answer(200, vec![b'x'; 4 << 20]),
                "/facts" => answer(200, facts(&connection)),
                other => answer(200, format!("hello {other}")),
            }
        }
    }

    fn refused(&self, _: &Parts, fault: &Fault, _: RequestId, _: &Connection) {
        self.0.refused.lock().unwrap().push(fault.reason());
    }
}

fn answer(status: u16, body: impl Into<bytes::Bytes>) -> Response<Full<bytes::Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn facts(connection: &Connection) -> String {
    let Connection { listener, peer, tls, .. } = connection;
    let tls = tls.as_ref().map(|tls| {
        let certificate = tls.client_certificate.as_ref().map_or(0, |der| der.len());
        format!("{} {} {:?} {certificate}", tls.version, tls.cipher_suite, tls.server_name)
    });
    format!("{} {} {}", listener.name, peer.ip(), tls.unwrap_or_else(|| "plain".to_owned()))
}

/// A server on its own threads; dropped, it drains and must end well.
struct Running {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    control: Control,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

fn start(settings: Settings) -> Running {
    let server = Server::bind(Settings { workers: 2, ..settings }).unwrap();
    let bound = server.bound().to_vec();
    let control = server.control();
    let shared = Arc::new(Shared {
        go: Semaphore::new(0),
        arrived: AtomicUsize::new(0),
        finished: AtomicUsize::new(0),
        refused: Mutex::default(),
        drained: AtomicUsize::new(0),
        reloaded: AtomicUsize::new(0),
    });
    let (toy, hooked, asked) = (Arc::clone(&shared), Arc::clone(&shared), control.clone());
    let thread = std::thread::spawn(move || {
        let again = Arc::clone(&hooked);
        let hooks = Hooks {
            pages: Arc::new(move |path| Page {
                status: if path == "/ready" && asked.is_draining() { 503 } else { 200 },
                content_type: "text/plain",
                body: format!("page {path}"),
            }),
            orders: Arc::new(|path, query| {
                let (tell, told) = tokio::sync::oneshot::channel();
                let body = format!("order {path} {query}");
                let _ = tell.send(Page { status: 200, content_type: "text/plain", body });
                told
            }),
            reload: Box::new(move |_| {
                again.reloaded.fetch_add(1, Ordering::SeqCst);
            }),
            drained: Box::new(move || {
                hooked.drained.fetch_add(1, Ordering::SeqCst);
            }),
            ..Hooks::default()
        };
        server.run(move |_| Toy(Arc::clone(&toy)), hooks)
    });
    let admin = bound.iter().find(|bound| bound.name == "admin").map(|bound| bound.address);
    Running { address: bound[0].address, admin, control, shared, thread: Some(thread) }
}

fn plain() -> Listener {
    Listener::new("main", "127.0.0.1:0".parse().unwrap())
}

fn one(listener: Listener) -> Settings {
    Settings { listeners: vec![listener], ..Settings::default() }
}

impl Running {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends octets on a fresh connection and reads until the server closes it.
    fn exchange(&self, octets: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(octets).unwrap();
        to_end(&mut stream)
    }

    fn arrived(&self, count: usize) {
        eventually(|| self.shared.arrived.load(Ordering::SeqCst) >= count);
    }

    fn stop(self) -> Result<(), Error> {
        self.control.drain();
        self.ended()
    }

    /// Waits until the server has ended.
    fn ended(mut self) -> Result<(), Error> {
        let outcome = self.thread.take().unwrap().join().unwrap();
        assert_eq!(self.shared.drained.load(Ordering::SeqCst), 1);
        outcome
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.control.drain();
            let outcome = thread.join();
            if !std::thread::panicking() {
                outcome.unwrap().unwrap();
            }
        }
    }
}

/// Waits until something is so.
fn eventually(mut so: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !so() {
        assert!(begin.elapsed() < PATIENCE, "it never came to be");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn to_end(stream: &mut impl Read) -> String {
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        panic!("{error} after {:?}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads one answer with a `content-length` and leaves the connection open.
fn one_answer(stream: &mut impl Read) -> String {
    let mut answer = Vec::new();
    let mut octet = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut octet).unwrap(), 1, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.push(octet[0]);
    }
    let head = String::from_utf8(answer.clone()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8_lossy(&body)
}
