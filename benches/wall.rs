//! Wall-clock benches of the hot pieces: `cargo bench --bench wall`. Compare within one run; machines
//! are noisy.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench stops at the first surprise")]

#[path = "wall/policy.rs"]
mod policy;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bartizan::body::{Chunked, Contract, Duties, Event, SealedBody, Unread};
use bartizan::s3::checksum::{self, Algorithm};
use bartizan::s3::payload::Payload;
use bartizan::s3::uri::Query;
use bartizan::s3::{Head, checksum::Hasher};
use bartizan::sigv4::{
    self, Credential, Details, KeyCache, KeySource, Kind, OutgoingPayload, PayloadRule, Secret, Signer,
};
use bartizan::time::Seconds;
use bytes::Bytes;
use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::Full;

const NOW: Seconds = Seconds(1_773_480_413);

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

/// Verifying a GET the way a worker does, signing key remembered.
#[divan::bench]
fn verify_header(bencher: Bencher) {
    let (headers, keys, cache) = (signed(), One(Secret::new("secret".into())), KeyCache::default());
    let settings = sigv4::Settings {
        regions: vec!["us-east-1".into()],
        service: "s3".into(),
        skew: 900,
        presign_longest: 604_800,
        payload: PayloadRule::SignedOrTls,
        extra_signed: Vec::new(),
        details: Details::Masked,
    };
    bencher.bench_local(|| {
        let lines: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
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
        sigv4::verify(Kind::Header, &request, &keys, &settings, &cache, NOW).expect("the signature is right")
    });
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
