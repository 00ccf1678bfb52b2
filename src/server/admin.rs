//! The admin listener: plain HTTP on loopback, some pages and orders, made by whoever knows.
//!
//! Nobody is asked who they are: whoever has an account on the machine may ask. A page in a browser may not
//! give orders: what has an origin, or could be sent without asking first, is refused.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, ORIGIN};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};

/// One page of the admin listener.
#[derive(Clone, Debug)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: &'static str,
    /// The text.
    pub body: String,
}

/// Makes `/health`, `/ready`, `/metrics` and `/v1/rehearsals`.
pub type Pages = Arc<dyn Fn(&str) -> Page + Send + Sync>;

/// Takes an order, `/v1/reload`, `/v1/drain` or one below `/v1/rehearsals/`, with its query, and tells later what
/// came of it. It does not wait.
pub type Orders = Arc<dyn Fn(&str, &str) -> oneshot::Receiver<Page> + Send + Sync>;

const CONNECTIONS: usize = 64;
/// The one media type of an order: no form of a page in a browser has it.
const ORDER_TYPE: &str = "application/json";

/// Serves for ever.
pub(super) async fn serve(socket: TcpListener, pages: Pages, orders: Orders) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(%error, "the admin listener cannot accept"),
    };
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let Ok((stream, _)) = socket.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (pages, orders) = (Arc::clone(&pages), Arc::clone(&orders));
        tokio::spawn(async move {
            let _seat = seat;
            let serve = service_fn(|request| {
                let (pages, orders) = (Arc::clone(&pages), Arc::clone(&orders));
                async move { Ok::<_, Infallible>(answer(&request, &pages, &orders).await) }
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10)).max_buf_size(16 * 1024);
            let _ = builder.serve_connection(TokioIo::new(stream), serve).await;
        });
    }
}

async fn answer<B>(request: &Request<B>, pages: &Pages, orders: &Orders) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let asked = matches!(*request.method(), Method::GET | Method::HEAD);
    let (allow, page) = match (path, asked) {
        ("/health" | "/ready" | "/metrics", true) => ("", pages(path)),
        ("/health" | "/ready" | "/metrics", false) => ("GET, HEAD", text(405, "GET only\n")),
        ("/v1/rehearsals", true) => ("", pages(path)),
        ("/v1/rehearsals", false) => ("GET, HEAD", text(405, "GET only\n")),
        (path, _) if is_order(path) && request.method() != Method::POST => ("POST", text(405, "POST only\n")),
        (path, _) if is_order(path) => ("", order(request, orders).await),
        _ => ("", text(404, "try /health, /ready, /metrics, /v1/rehearsals, /v1/reload or /v1/drain\n")),
    };
    let mut response = Response::new(Full::new(Bytes::from(page.body)));
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if page.status == 405 {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    response
}

fn is_order(path: &str) -> bool {
    matches!(path, "/v1/reload" | "/v1/drain") || path.starts_with("/v1/rehearsals/")
}

async fn order<B>(request: &Request<B>, orders: &Orders) -> Page {
    let headers = request.headers();
    if headers.contains_key(ORIGIN) {
        return text(403, "orders do not come from a page in a browser\n");
    }
    if headers.get(CONTENT_TYPE).is_none_or(|kind| kind != ORDER_TYPE) {
        return text(415, "an order has `Content-Type: application/json`\n");
    }
    let told = orders(request.uri().path(), request.uri().query().unwrap_or_default());
    told.await.unwrap_or_else(|_| text(503, "the order was not taken; try again\n"))
}

fn text(status: u16, body: &str) -> Page {
    Page { status, content_type: "text/plain; charset=utf-8", body: body.to_owned() }
}
