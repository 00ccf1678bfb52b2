//! The admin listener: plain HTTP on loopback, three pages, made by whoever knows.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;

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

/// Makes `/health`, `/ready` and `/metrics`.
pub type Pages = Arc<dyn Fn(&str) -> Page + Send + Sync>;

const CONNECTIONS: usize = 64;

/// Serves for ever.
pub(super) async fn serve(socket: TcpListener, pages: Pages) {
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
        let pages = Arc::clone(&pages);
        tokio::spawn(async move {
            let _seat = seat;
            let serve = service_fn(|request| std::future::ready(Ok::<_, Infallible>(page(&request, &pages))));
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10)).max_buf_size(16 * 1024);
            let _ = builder.serve_connection(TokioIo::new(stream), serve).await;
        });
    }
}

fn page<B>(request: &Request<B>, pages: &Pages) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let known = matches!(path, "/health" | "/ready" | "/metrics");
    let asked = matches!(*request.method(), Method::GET | Method::HEAD);
    let text = |status, body: &str| Page { status, content_type: "text/plain; charset=utf-8", body: body.to_owned() };
    let page = match (known, asked) {
        (true, true) => pages(path),
        (true, false) => text(405, "GET only\n"),
        (false, _) => text(404, "try /health, /ready or /metrics\n"),
    };
    let mut response = Response::new(Full::new(Bytes::from(page.body)));
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if page.status == 405 {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
