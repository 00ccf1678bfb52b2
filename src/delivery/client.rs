//! Requests to servers that are no stores: one connection for each, within time limits, over TLS that is verified.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::settings::HttpTo;
use super::world::{Post, Trouble};
use crate::time::Seconds;

/// How long a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);
/// How much of an answer is read.
const LONGEST: usize = 64 << 10;
/// How much of it is shown.
const SHOWN: usize = 200;

/// Hands a batch to a server. `tls`: whom to trust, for `https`; `now`: for an answer that names a time.
///
/// # Errors
/// [`Trouble`]: 2xx alone is success; 4xx but 408 and 429 is for good.
pub async fn post(
    to: &HttpTo,
    tls: Option<&Arc<rustls::ClientConfig>>,
    post: &Post,
    now: Seconds,
) -> Result<(), Trouble> {
    let tls = tls.filter(|_| to.tls);
    if to.tls && tls.is_none() {
        return Err(Trouble::later("nothing is known that a server could be trusted by"));
    }
    send((&to.host, to.port), tls, request(to, post)?, async |response| judge(response, now).await).await
}

/// What a server answers.
pub struct Answer {
    /// Status; no redirect is followed.
    pub status: StatusCode,
    /// Body.
    pub body: Zeroizing<Vec<u8>>,
}

/// Sends one request over a connection of its own, and reads the answer, of at most 64 KiB. `tls`: whom to
/// trust; none for plain HTTP.
///
/// # Errors
/// No connection, none that is trusted, no whole answer. Nothing of an answer is told.
pub async fn ask(
    to: (&str, u16),
    tls: Option<&Arc<rustls::ClientConfig>>,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Trouble> {
    send(to, tls, request, read).await
}

/// Sends a request; `then` makes of the answer what is wanted.
async fn send<A>(
    (host, port): (&str, u16),
    tls: Option<&Arc<rustls::ClientConfig>>,
    request: Request<Full<Bytes>>,
    then: impl AsyncFnOnce(Response<Incoming>) -> Result<A, Trouble>,
) -> Result<A, Trouble> {
    let connected = timeout(CONNECT, TcpStream::connect((host, port))).await;
    let tcp = connected.map_err(|_| Trouble::later("no connection within 10 s"))??;
    tcp.set_nodelay(true)?;
    let Some(config) = tls else {
        return exchange(TokioIo::new(tcp), request, then).await;
    };
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let shaken = timeout(CONNECT, TlsConnector::from(Arc::clone(config)).connect(name, tcp)).await;
    let stream = shaken.map_err(|_| Trouble::later("no TLS within 10 s"))??;
    exchange(TokioIo::new(stream), request, then).await
}

/// `Host` for a server: brackets around IPv6.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn request(to: &HttpTo, post: &Post) -> Result<Request<Full<Bytes>>, Trouble> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(&to.target)
        .header(HOST, authority(&to.host, to.port))
        .header(USER_AGENT, "bartizan")
        .header(CONTENT_TYPE, post.content_type)
        .header(CONTENT_LENGTH, post.content.len())
        .header("bartizan-delivery", &post.delivery);
    if let Some(token) = &to.token {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(io::Error::other)?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    request.body(Full::new(post.content.clone())).map_err(|error| Trouble::later(error.to_string()))
}

async fn exchange<T, A>(
    io: T,
    request: Request<Full<Bytes>>,
    then: impl AsyncFnOnce(Response<Incoming>) -> Result<A, Trouble>,
) -> Result<A, Trouble>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    let failed = |error: hyper::Error| Trouble::later(format!("the connection broke: {error}"));
    let (mut sender, connection) = http1::handshake(io).await.map_err(failed)?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(failed)?;
        then(response).await
    };
    // Driven by whoever waits for the answer.
    let both = drive(connection, answered);
    timeout(ANSWER, both).await.unwrap_or_else(|_| Err(Trouble::later("no answer within 60 s")))
}

/// Polls a connection beside what waits for it.
async fn drive<C, A>(connection: C, answered: A) -> A::Output
where
    C: Future,
    A: Future,
{
    let (mut connection, mut answered) = (std::pin::pin!(connection), std::pin::pin!(answered));
    let mut open = true;
    std::future::poll_fn(|cx| {
        if open && connection.as_mut().poll(cx).is_ready() {
            open = false; // what it brought is there
        }
        answered.as_mut().poll(cx)
    })
    .await
}

async fn read(response: Response<Incoming>) -> Result<Answer, Trouble> {
    let (head, mut incoming) = response.into_parts();
    // Room for all of it from the start: a vector that grows leaves secrets behind.
    let mut body = Zeroizing::new(Vec::with_capacity(LONGEST));
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| Trouble::later(format!("the connection broke: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if body.len() + data.len() > LONGEST {
            return Err(Trouble::later("it answers with more than 64 KiB"));
        }
        body.extend_from_slice(&data);
    }
    Ok(Answer { status: head.status, body })
}

async fn judge(response: Response<Incoming>, now: Seconds) -> Result<(), Trouble> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let after = response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
    let told = Limited::new(response.into_body(), LONGEST).collect().await;
    let told = told.map(|all| String::from_utf8_lossy(&all.to_bytes()).into_owned()).unwrap_or_default();
    let told: String = told.chars().filter(|character| !character.is_control()).take(SHOWN).collect();
    let why: Arc<str> = format!("it answers {status}: {told}").into();
    let passes = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    if status.is_client_error() && !passes {
        Err(Trouble::Rejected { why })
    } else {
        Err(Trouble::Later { why, after })
    }
}

/// Seconds, or a date.
fn retry_after(text: &str, now: Seconds) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let then = then.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(then.saturating_sub(Duration::from_secs(u64::try_from(now.0).unwrap_or(0))))
}

#[cfg(test)]
mod tests;
