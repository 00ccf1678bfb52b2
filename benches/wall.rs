//! Wall-clock benches of the hot pieces: `cargo bench --bench wall`. Compare within one run; machines
//! are noisy.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench stops at the first surprise")]

#[path = "wall/journal.rs"]
mod journal;
#[path = "wall/limit.rs"]
mod limit;
#[path = "wall/policy.rs"]
mod policy;
#[path = "wall/seal.rs"]
mod seal;
#[path = "wall/store.rs"]
mod store;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bartizan::body::{Chunked, Contract, Duties, Event, SealedBody, Unread};
use bartizan::s3::checksum::{self, Algorithm};
use bartizan::s3::payload::Payload;
use bartizan::s3::uri::Query;
use bartizan::s3::{Head, checksum::Hasher};
use bartizan::sigv4::{self, Credential, KeyCache, KeySource, Kind, OutgoingPayload, PayloadRule, Secret, Signer};
use bartizan::time::Seconds;
use bytes::Bytes;
use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::Full;
use smallvec::SmallVec;

/// The allocator of the program.
#[cfg(not(feature = "counted"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
/// The same, counting: divan shows how often and how much. Counting takes time itself.
#[cfg(feature = "counted")]
#[global_allocator]
static ALLOCATOR: divan::AllocProfiler<mimalloc::MiMalloc> = divan::AllocProfiler::new(mimalloc::MiMalloc);

const NOW: Seconds = Seconds(1_773_480_413);

/// Made by botocore.
const PRESIGNED: &str = "/bucket/some/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260314%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260314T092653Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=8bbb050780df39b047f0afd160d2e9abf8bce7bfb679f2e69d80f7a9dd3fb604";
/// Made by awscrt.
const ECDSA: &str = "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20260314/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-region-set, Signature=30450220460f388567bc4b8f9f04a0cf9b46766c4b3464a37e9d1225e76b121d1deb39520221008c34ee59352288b702200bf205479b8362a267a69d057eef3c11c30979699d45";

fn main() {
    divan::main();
}

struct One(Secret);

impl KeySource for One {
    fn find(&self, access_key: &str) -> Option<Credential<'_>> {
        (access_key == "AKIDEXAMPLE").then_some(Credential { secret: &self.0, token: None, expires: None })
    }

    fn generation(&self) -> u64 {
        1
    }
}

fn signed() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("s3.proxy.example:9443"));
    let signer = Signer::new("AKIDEXAMPLE".into(), Secret::new("secret".into()), None, "us-east-1".into());
    signer.sign("GET", "/bucket/some/key", "", &mut headers, OutgoingPayload::EMPTY, NOW).unwrap();
    headers
}

fn settings() -> sigv4::Settings {
    sigv4::Settings { ecdsa: true, payload: PayloadRule::Any, ..sigv4::Settings::new("us-east-1") }
}

/// Verifies over and over; every answer must be the same: accepted, or not.
fn verify_again(bencher: Bencher, kind: Kind, target: &str, lines: &[(&[u8], &[u8])], accepted: bool) {
    let (keys, cache, settings) = (One(Secret::new("secret".into())), KeyCache::default(), settings());
    bencher.bench_local(|| {
        let head = Head { method: b"GET", target: target.as_bytes(), lines, authority: None };
        let query = Query::parse(head.query()).unwrap();
        let request = sigv4::Request {
            head: &head,
            query: &query,
            streaming_allowed: false,
            tls: true,
            body_hash: None,
            form: None,
        };
        let verdict = sigv4::verify(kind, &request, &keys, &settings, &cache, NOW);
        assert_eq!(verdict.is_ok(), accepted, "{verdict:?}");
        verdict
    });
}

/// The same with a key that nobody has: the work is that of a known one.
#[divan::bench]
fn verify_header_unknown_key(bencher: Bencher) {
    let mut headers = signed();
    let text = headers.get("authorization").unwrap().to_str().unwrap().replace("AKIDEXAMPLE", "AKIDSTRANGE");
    headers.insert("authorization", HeaderValue::from_str(&text).unwrap());
    verify_again(bencher, Kind::Header, "/bucket/some/key", &view(&headers), false);
}

/// A presigned GET, made by another implementation (botocore) with the same key.
#[divan::bench]
fn verify_presigned(bencher: Bencher) {
    verify_again(bencher, Kind::Query, PRESIGNED, &[(b"host", b"s3.proxy.example:9443")], true);
}

/// A GET of Signature Version 4A, made by another implementation (awscrt), its public key remembered.
#[divan::bench]
fn verify_ecdsa(bencher: Bencher) {
    let lines: [(&[u8], &[u8]); 5] = [
        (b"host", b"s3.proxy.example:9443"),
        (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"),
        (b"x-amz-date", b"20260314T092653Z"),
        (b"x-amz-region-set", b"*"),
        (b"authorization", ECDSA.as_bytes()),
    ];
    verify_again(bencher, Kind::Header, "/bucket/some/key", &lines, true);
}

/// Deriving the key pair of a secret, once for each access key of Signature Version 4A.
#[divan::bench]
fn verify_ecdsa_first_time(bencher: Bencher) {
    let lines: [(&[u8], &[u8]); 5] = [
        (b"host", b"s3.proxy.example:9443"),
        (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"),
        (b"x-amz-date", b"20260314T092653Z"),
        (b"x-amz-region-set", b"*"),
        (b"authorization", ECDSA.as_bytes()),
    ];
    let (keys, settings) = (One(Secret::new("secret".into())), settings());
    bencher.bench_local(|| {
        let head = Head { method: b"GET", target: b"/bucket/some/key", lines: &lines, authority: None };
        let query = Query::parse(head.query()).unwrap();
        let request = sigv4::Request {
            head: &head,
            query: &query,
            streaming_allowed: false,
            tls: true,
            body_hash: None,
            form: None,
        };
        sigv4::verify(Kind::Header, &request, &keys, &settings, &KeyCache::default(), NOW).expect("it is right")
    });
}

/// Signing one chunk towards a store whose hash is known; checking one costs the same HMAC.
#[divan::bench]
fn sign_chunk(bencher: Bencher) {
    let signer = Signer::new("AKIDEXAMPLE".into(), Secret::new("secret".into()), None, "us-east-1".into());
    let mut headers = HeaderMap::new();
    let payload = OutgoingPayload::Chunks { trailer: false };
    let mut chunks = signer.sign("PUT", "/b/k", "", &mut headers, payload, NOW).unwrap().unwrap();
    bencher.bench_local(|| chunks.chunk(&[7; 32]).len());
}

/// Verifying a GET the way a worker does, signing key remembered.
#[divan::bench]
fn verify_header(bencher: Bencher) {
    let headers = signed();
    verify_again(bencher, Kind::Header, "/bucket/some/key", &view(&headers), true);
}

type Lines<'a> = SmallVec<[(&'a [u8], &'a [u8]); 24]>;

/// The view of a head that addressing, verification and contract read, as the gate lends it.
fn view(headers: &HeaderMap) -> Lines<'_> {
    headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect()
}

/// Making that view.
#[divan::bench]
fn view_head(bencher: Bencher) {
    let headers = signed();
    bencher.bench_local(|| black_box(view(black_box(&headers))).len());
}

/// Signing the same request towards a store.
#[divan::bench]
fn sign_outgoing(bencher: Bencher) {
    let signer = Signer::new("AKIDEXAMPLE".into(), Secret::new("secret".into()), None, "us-east-1".into());
    bencher.bench_local(|| {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("127.0.0.1:9000"));
        signer.sign("GET", "/bucket/some/key", "", &mut headers, OutgoingPayload::EMPTY, NOW).unwrap();
        headers
    });
}

/// One mebibyte of aws-chunked, chunks of 64 KiB, with a CRC32 trailer.
#[divan::bench]
fn decode_chunked_1mib(bencher: Bencher) {
    let mut encoded = Vec::new();
    for _ in 0..16 {
        encoded.extend_from_slice(b"10000\r\n");
        encoded.extend_from_slice(&[7; 65_536]);
        encoded.extend_from_slice(b"\r\n");
    }
    let value = checksum::of(Algorithm::Crc32, &[7; 1 << 20]).to_base64();
    encoded.extend_from_slice(format!("0\r\nx-amz-checksum-crc32:{value}\r\n\r\n").as_bytes());
    let encoded = Bytes::from(encoded);
    bencher.counter(divan::counter::BytesCount::new(1_usize << 20)).bench_local(|| {
        let mut decoder = Chunked::new(1 << 20, None, true, Some(Algorithm::Crc32));
        let mut input = encoded.clone();
        while let Event::Data(data) = decoder.feed(&mut input).unwrap() {
            black_box(data);
        }
        decoder.finish().unwrap();
    });
}

/// One mebibyte through the seal, its SHA-256 signed.
#[divan::bench]
fn seal_signed_1mib(bencher: Bencher) {
    let data = Bytes::from(vec![7; 1 << 20]);
    let digest: [u8; 32] = checksum::of(Algorithm::Sha256, &data).as_bytes().try_into().unwrap();
    let duties = Duties { takes_body: true, needs_length: true, needs_checksum: false, checksums_of_body: true };
    bencher.counter(divan::counter::BytesCount::new(1_usize << 20)).bench_local(|| {
        let lines: [(&[u8], &[u8]); 1] = [(b"content-length", b"1048576")];
        let head = Head { method: b"PUT", target: b"/b/k", lines: &lines, authority: None };
        let contract = Contract::new(Payload::Hash(digest), None, &head, duties).unwrap();
        let mut body: SealedBody = Unread::new(Full::new(data.clone())).open(contract).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
            black_box(frame.unwrap());
        }
    });
}

/// Every checksum over 64 KiB.
#[divan::bench(args = Algorithm::ALL)]
fn checksum_64kib(bencher: Bencher, algorithm: Algorithm) {
    let data = vec![7; 65_536];
    bencher.counter(divan::counter::BytesCount::new(data.len())).bench_local(|| {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&data);
        hasher.finish()
    });
}
