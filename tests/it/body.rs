//! The seal between a client and a store, each at the end of a real HTTP/1.1 connection in memory.

use std::pin::Pin;
use std::task::{Context, Poll};

use bartizan::body::{Contract, Duties, SealedBody, Unread};
use bartizan::s3::Head;
use bartizan::s3::payload::Payload;
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

const OBJECT: Duties = Duties { takes_body: true, needs_length: true, needs_checksum: false, checksums_of_body: true };
/// `Content-MD5` of `hello`.
const HELLO: &str = "XUFAKrxLKna5cZ2REBfFkg==";
/// `Content-MD5` of nothing.
const NOTHING: &str = "1B2M2Y8AsgTpgAmY7PhCfg==";

/// What a client sends, piece by piece; it is not over before it says so.
struct Pieces(Vec<&'static str>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        cx.waker().wake_by_ref();
        Poll::Ready((!self.0.is_empty()).then(|| Ok(Frame::data(Bytes::from_static(self.0.remove(0).as_bytes())))))
    }
}

fn sealed(length: &str, md5: &str, pieces: &[&'static str]) -> SealedBody {
    let lines: [(&[u8], &[u8]); 2] = [(b"content-length", length.as_bytes()), (b"content-md5", md5.as_bytes())];
    let head = Head { method: b"PUT", target: b"/b/k", lines: &lines, authority: None };
    let contract = Contract::new(Payload::Unsigned, None, &head, OBJECT).unwrap();
    Unread::new(Pieces(pieces.to_vec())).open(contract).unwrap()
}

/// What a store makes of a request with this body: its framing and the object, if there is one.
async fn store(body: SealedBody) -> Option<(Option<String>, Bytes)> {
    let (near, far) = tokio::io::duplex(64);
    let (created, object) = tokio::sync::oneshot::channel();
    let created = std::cell::Cell::new(Some(created));
    let service = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| {
        let created = created.take();
        async move {
            let length = request.headers().get("content-length").map(|length| length.to_str().unwrap().to_owned());
            // A store commits when it has the whole body, and only then.
            let data = request.into_body().collect().await?.to_bytes();
            created.unwrap().send((length, data)).unwrap();
            Ok::<_, hyper::Error>(Response::new(http_body_util::Empty::<Bytes>::new()))
        }
    });
    let serve = async {
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service).await;
    };
    let send = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
        let request = Request::put("/b/k").header("host", "store").body(body).unwrap();
        let exchange = async move { drop(sender.send_request(request).await) };
        let (_, _) = tokio::join!(connection, exchange);
    };
    tokio::join!(serve, send);
    drop(created);
    object.await.ok()
}

#[tokio::test(flavor = "current_thread")]
async fn a_good_upload_arrives_with_its_exact_length() {
    let created = store(sealed("5", HELLO, &["hel", "lo"])).await;
    assert_eq!(created, Some((Some("5".to_owned()), Bytes::from_static(b"hello"))));
    let settled = sealed("5", HELLO, &["hel", "lo"]).settle(100).await.unwrap();
    assert_eq!(store(settled).await, Some((Some("5".to_owned()), Bytes::from_static(b"hello"))));
}

#[tokio::test(flavor = "current_thread")]
async fn a_bad_upload_creates_no_object() {
    assert_eq!(store(sealed("5", NOTHING, &["hel", "lo"])).await, None, "wrong digest");
    assert_eq!(store(sealed("5", NOTHING, &["hello"])).await, None, "wrong digest, one piece");
    assert_eq!(store(sealed("5", HELLO, &["hel", "l"])).await, None, "one octet short");
    assert_eq!(store(sealed("5", HELLO, &["hel", "lo", "!"])).await, None, "one octet long");
}

#[tokio::test(flavor = "current_thread")]
async fn a_bad_upload_of_nothing_creates_no_object() {
    assert_eq!(store(sealed("0", HELLO, &[])).await, None);
    assert!(sealed("0", HELLO, &[]).settle(0).await.is_err());
}
