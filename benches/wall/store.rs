//! The embedded store, through its own door: an object in and out, disk included.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bartizan::body::{Contract, Duties, SealedBody, Unread};
use bartizan::id::RequestId;
use bartizan::s3::payload::Payload;
use bartizan::s3::{Head, Operation};
use bartizan::time::SystemClock;
use bartizan::upstream::store::{Settings, Store};
use bartizan::upstream::{Forward, Owners, Reply, Upstream as _};
use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use http::HeaderMap;
use http_body::Frame;

/// How many octets go in and out.
const LENGTH: usize = 64 << 20;
/// How many come at once.
const PIECE: usize = 64 << 10;

struct Pieces(VecDeque<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

fn body(piece: &Bytes, length: usize) -> SealedBody {
    let text = length.to_string();
    let lines: [(&[u8], &[u8]); 1] = [(b"content-length", text.as_bytes())];
    let head = Head { method: b"PUT", target: b"/b/k", lines: &lines, authority: None };
    let duties = Duties { takes_body: true, needs_length: true, needs_checksum: false, checksums_of_body: true };
    let contract = Contract::new(Payload::Unsigned, None, &head, duties).unwrap();
    let pieces = std::iter::repeat_n(piece.clone(), length / PIECE).collect();
    Unread::new(Pieces(pieces)).open(contract).unwrap()
}

fn forward(operation: Operation, key: Option<&str>) -> Box<Forward> {
    Box::new(Forward {
        operation,
        bucket: Some("bbb".to_owned()),
        key: key.map(str::to_owned),
        query: Vec::new(),
        headers: HeaderMap::new(),
        copy_source: None,
        owners: Owners::default(),
        location: None,
        shown: None,
        account: "111122223333".to_owned(),
        requester: None,
        id: RequestId::from_random(&[7; 34]),
        trace: None,
    })
}

/// A store in a fresh folder, with a bucket.
struct World {
    store: Store,
    runtime: tokio::runtime::Runtime,
    piece: Bytes,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::new("us-east-1", Arc::new(SystemClock));
        let store = Store::open(&folder.path().join("store"), settings).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let world = Self { store, runtime, piece: Bytes::from(vec![5; PIECE]), _folder: folder };
        world.ask(Operation::CreateBucket, None, 0);
        world
    }

    fn ask(&self, operation: Operation, key: Option<&str>, length: usize) -> Reply {
        let reply = self.runtime.block_on(self.store.send(forward(operation, key), body(&self.piece, length))).unwrap();
        assert!(reply.status.is_success(), "{:?}", reply.status);
        reply
    }

    fn put(&self) {
        self.ask(Operation::PutObject, Some("k"), LENGTH);
    }

    fn get(&self) {
        let reply = self.ask(Operation::GetObject, Some("k"), 0);
        let read = self.runtime.block_on(reply.body.whole(LENGTH)).unwrap();
        assert_eq!(read.len(), LENGTH);
    }
}

/// PutObject of 64 MiB.
#[divan::bench(sample_count = 15)]
fn store_put(bencher: Bencher) {
    let world = World::new();
    bencher.counter(BytesCount::new(LENGTH)).bench_local(|| world.put());
}

/// GetObject of 64 MiB.
#[divan::bench(sample_count = 15)]
fn store_get(bencher: Bencher) {
    let world = World::new();
    world.put();
    bencher.counter(BytesCount::new(LENGTH)).bench_local(|| world.get());
}
