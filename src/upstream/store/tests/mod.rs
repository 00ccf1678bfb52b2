//! Tests of the store as a whole: requests in, answers out, folders looked at from outside.

mod behaviour;
mod conditions;
mod copies;
mod crash;
mod customer;
mod encryption;
mod listings;
mod model;
mod parts;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use http_body_util::BodyExt;

use super::super::{Forward, LocalBody, Owners};
use super::checksums::Algorithm;
use super::failpoint::Failpoints;
use super::{Promise, Settings, Store};
use crate::id::RequestId;
use crate::kms::Ring;
use crate::s3::CopySource;
use crate::s3::{Fault, Operation};
use crate::time::{Clock, Millis};

const ACCOUNT: &str = "111122223333";
/// Sat, 14 Mar 2026 09:26:53 GMT
const START: i64 = 1_773_480_413_000;

/// A clock that stands still until it is told to go on.
#[derive(Debug)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now_millis(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// A store in a folder, and a way to ask it.
struct Bench {
    store: Option<Store>,
    dir: PathBuf,
    clock: Arc<HandClock>,
    region: &'static str,
    runtime: tokio::runtime::Runtime,
    failpoints: Failpoints,
    io_queue: usize,
    ring: Arc<ArcSwap<Ring>>,
    _folder: Option<tempfile::TempDir>,
}

impl Bench {
    fn new() -> Self {
        Self::in_region("us-east-1")
    }

    fn in_region(region: &'static str) -> Self {
        Self::with(region, Failpoints::default())
    }

    fn with(region: &'static str, failpoints: Failpoints) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("store");
        Self { _folder: Some(folder), ..Self::at(&dir, region, failpoints) }
    }

    /// A store in a folder that is there already.
    fn at(dir: &Path, region: &'static str, failpoints: Failpoints) -> Self {
        let mut bench = Self {
            store: None,
            dir: dir.to_owned(),
            clock: Arc::new(HandClock(AtomicI64::new(START))),
            region,
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
            failpoints,
            io_queue: 256,
            ring: Arc::default(),
            _folder: None,
        };
        bench.reopen();
        bench
    }

    /// With a bucket called `b`.
    fn with_bucket() -> Self {
        let bench = Self::new();
        bench.ask(Operation::CreateBucket).bucket("b").expect(200);
        bench
    }

    fn reopen(&mut self) {
        self.store = None;
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let (failpoints, io_queue) = (self.failpoints.clone(), self.io_queue);
        let ring = Arc::clone(&self.ring);
        let settings = Settings { failpoints, io_queue, ring, ..Settings::new(self.region, clock) };
        self.store = Some(Store::open(&self.dir, settings).unwrap());
    }

    fn advance(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }

    fn ask(&self, operation: Operation) -> Ask<'_> {
        Ask {
            bench: self,
            forward: Forward {
                operation,
                bucket: None,
                key: None,
                query: Vec::new(),
                headers: HeaderMap::new(),
                copy_source: None,
                owners: Owners::default(),
                location: None,
                shown: None,
                account: ACCOUNT.into(),
                requester: None,
                id: RequestId::from_random(&[7; 34]),
                trace: None,
            },
            length: 0,
            body: Chunks::default(),
        }
    }

    /// About a key in bucket `b`.
    fn on(&self, operation: Operation, key: &str) -> Ask<'_> {
        self.ask(operation).bucket("b").key(key)
    }

    fn put(&self, key: &str, body: &[u8]) -> Answer {
        self.on(Operation::PutObject, key).body(body).expect(200)
    }

    fn get(&self, key: &str) -> Answer {
        self.on(Operation::GetObject, key).send()
    }

    /// The data files in the folder. Unlinking happens in the background, so tests that count files
    /// open the store anew first, which sweeps.
    fn files(&self) -> Vec<PathBuf> {
        data_files(&self.dir)
    }
}

fn data_files(dir: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(dir.join("data")).unwrap();
    folders
        .flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect()
}

/// A request in the making.
struct Ask<'a> {
    bench: &'a Bench,
    forward: Forward,
    length: u64,
    body: Chunks,
}

impl Ask<'_> {
    fn bucket(mut self, name: &str) -> Self {
        self.forward.bucket = Some(name.into());
        self
    }

    fn key(mut self, key: &str) -> Self {
        self.forward.key = Some(key.into());
        self
    }

    fn account(mut self, account: &str) -> Self {
        self.forward.account = account.into();
        self
    }

    fn query(mut self, name: &str, value: &str) -> Self {
        self.forward.query.push((name.into(), value.into()));
        self
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.forward.headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    fn source(mut self, bucket: &str, key: &str) -> Self {
        self.forward.copy_source = Some(CopySource::new(bucket, key, None));
        self
    }

    /// A body in frames of 10 000 octets.
    fn body(mut self, body: &[u8]) -> Self {
        self.length = body.len() as u64;
        self.body = Chunks(body.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect());
        self
    }

    /// A body that fails after so many octets of those it promised.
    fn failing_body(mut self, body: &[u8], after: usize, fault: Fault) -> Self {
        self = self.body(&body[..after]);
        self.length = body.len() as u64;
        self.body.0.push_back(Err(fault));
        self
    }

    /// A body that ends early or late.
    fn promise(mut self, length: u64) -> Self {
        self.length = length;
        self
    }

    fn try_send(self) -> Result<Answer, Fault> {
        // The seal reads this from the request; here it is in the headers alone.
        let declared = |algorithm: Algorithm| {
            let text = self.forward.headers.get(algorithm.header())?.as_bytes();
            Some((algorithm, Some(BASE64.decode(text).ok()?)))
        };
        let promise = Promise { length: self.length, checksum: Algorithm::ALL.into_iter().find_map(declared) };
        let store = self.bench.store.as_ref().unwrap();
        self.bench.runtime.block_on(async move {
            let reply = store.serve(self.forward, promise, self.body).await?;
            let body = match reply.body {
                LocalBody::Empty => Bytes::new(),
                LocalBody::Full(body) => body,
                LocalBody::Stream(stream) => stream.collect().await.unwrap().to_bytes(),
            };
            Ok(Answer { status: reply.status.as_u16(), headers: reply.headers, body })
        })
    }

    fn send(self) -> Answer {
        self.try_send().unwrap()
    }

    #[track_caller]
    fn expect(self, status: u16) -> Answer {
        let (operation, key) = (self.forward.operation, self.forward.key.clone());
        let answer = self.send();
        assert_eq!(answer.status, status, "{operation:?} {key:?}: {}", answer.text());
        answer
    }

    /// Expects an error document with this code.
    #[track_caller]
    fn refused(self, status: u16, code: &str) -> Answer {
        let answer = self.expect(status);
        assert_eq!(answer.element("Code"), Some(code), "{}", answer.text());
        answer
    }
}

/// A request whose headers are all that matters.
fn probe() -> Forward {
    Forward {
        operation: Operation::HeadObject,
        bucket: None,
        key: None,
        query: Vec::new(),
        headers: HeaderMap::new(),
        copy_source: None,
        owners: Owners::default(),
        location: None,
        shown: None,
        account: String::new(),
        requester: None,
        id: RequestId::from_random(&[0; 34]),
        trace: None,
    }
}

/// Frames, and perhaps a fault.
#[derive(Default)]
struct Chunks(VecDeque<Result<Bytes, Fault>>);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        Poll::Ready(self.0.pop_front().map(|piece| piece.map(Frame::data)))
    }
}

#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn etag(&self) -> String {
        self.header("etag").unwrap().to_owned()
    }

    /// The text of the first element of this name.
    fn element(&self, name: &str) -> Option<&str> {
        self.elements(name).into_iter().next()
    }

    /// The texts of all elements of this name, still escaped.
    fn elements(&self, name: &str) -> Vec<&str> {
        let text = std::str::from_utf8(&self.body).unwrap();
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        text.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap()).collect()
    }
}

/// Octets that differ everywhere.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut noise: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| next()).collect();
    noise.truncate(length);
    noise
}
