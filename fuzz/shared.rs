// What the fuzz targets and `cargo test` both run: one function for each target, over the public
// functions that serve. A function returns or fails an assertion; it never decides by itself what is
// right.

use std::collections::VecDeque;

use bartizan::body::{Chunked, Event, FormDecoder, FormEvent};
use bartizan::s3::checksum::Algorithm;
use bartizan::s3::form::{self, Fields};
use bartizan::s3::payload::ChunkSignatures;
use bartizan::s3::uri::{self, Query};
use bartizan::s3::{Code, Fault, Head};
use bartizan::sigv4::{
    self, Credential, Form, KeyCache, KeySource, Kind, PayloadRule, PostPolicy, Rejection, Secret, Settings, Verified,
};
use bartizan::time::Seconds;
use bytes::Bytes;

/// 2026-03-14T09:26:53Z
const NOW: Seconds = Seconds(1_773_480_413);
const DATE: &[u8] = b"20260314T092653Z";

struct One(Secret);

impl KeySource for One {
    fn find(&self, access_key: &str) -> Option<Credential<'_>> {
        (access_key == "AKIDEXAMPLE").then_some(Credential { secret: &self.0, token: None, expires: None })
    }

    fn generation(&self) -> u64 {
        1
    }
}

type Lines<'a> = &'a [(&'a [u8], &'a [u8])];

fn settings() -> Settings {
    Settings { ecdsa: true, payload: PayloadRule::Any, ..Settings::new("us-east-1") }
}

fn verify(target: &[u8], lines: Lines<'_>) -> Result<Verified, Box<Rejection>> {
    let head = Head { method: b"PUT", target, lines, authority: None };
    let query = Query::parse(head.query()).map_err(Fault::from)?;
    let kind = sigv4::kind(&head, &query)?;
    let request =
        sigv4::Request { head: &head, query: &query, streaming_allowed: true, tls: true, body_hash: None, form: None };
    let settings = settings();
    let keys = One(Secret::new("a secret that no input knows".to_owned()));
    let (cache, verdict) = (KeyCache::default(), kind);
    let verified = sigv4::verify(verdict, &request, &keys, &settings, &cache, NOW);
    if let Err(rejection) = &verified {
        assert_ne!(rejection.fault().code(), Code::InternalError, "{:?}", rejection.fault());
        assert!((400..=501).contains(&rejection.fault().status()));
        // What the operator is told must be found without a panic too, and hold nothing of the secret.
        let hosts = ["other.example".to_owned()];
        let hints = sigv4::Hints { hosts: &hosts, prefix: "/s3" };
        if let Some(told) = rejection.diagnose(&request, &keys, &settings, hints, &cache, NOW) {
            assert!(!format!("{told:?}").contains("no input knows"));
        }
    }
    verified
}

/// Nobody who does not know the secret is let in, whatever the header says.
pub fn fuzz_authorization(data: &[u8]) {
    let lines: [(&[u8], &[u8]); 4] = [
        (b"Host", b"proxy.example"),
        (b"X-Amz-Date", DATE),
        (b"X-Amz-Content-Sha256", b"UNSIGNED-PAYLOAD"),
        (b"Authorization", data),
    ];
    assert!(verify(b"/b/k", &lines).is_err());
}

/// The same for a query. What is not presigned is anonymous.
pub fn fuzz_query(data: &[u8]) {
    let target = [b"/b/k?", data].concat();
    if let Ok(verified) = verify(&target, &[(b"Host", b"proxy.example")]) {
        assert_eq!(verified.kind(), Kind::Anonymous);
    }
    // Canonical text is its own canonical text.
    let once = canonical(&target);
    if let Some((path, query)) = &once {
        assert_eq!(canonical(format!("{path}?{query}").as_bytes()), once);
    }
}

/// The canonical path and query of a target, as the verifier computes them.
fn canonical(target: &[u8]) -> Option<(String, String)> {
    const SIGNED: &[u8] = b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260314/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000";
    let lines: [(&[u8], &[u8]); 4] = [
        (b"Host", b"proxy.example"),
        (b"X-Amz-Date", DATE),
        (b"X-Amz-Content-Sha256", b"UNSIGNED-PAYLOAD"),
        (b"Authorization", SIGNED),
    ];
    let rejection = verify(target, &lines).expect_err("no such signature");
    let text =
        String::from_utf8(rejection.dangerous_texts().0?.to_vec()).expect("canonical paths and queries are ASCII");
    let mut lines = text.split('\n').skip(1);
    Some((lines.next()?.to_owned(), lines.next()?.to_owned()))
}

/// The canonical path means what the wire path means, and is its own canonical form.
pub fn fuzz_path(data: &[u8]) {
    let path: Vec<u8> = data.iter().copied().filter(|octet| *octet != b'?').collect();
    let wire = [b"/", path.as_slice()].concat();
    let Some((found, _)) = canonical(&wire) else { return };
    assert!(found.starts_with('/') && found.bytes().all(|octet| octet.is_ascii_graphic()));
    let decode = |text: &[u8]| uri::decode(text).ok().map(|octets| octets.into_owned());
    assert_eq!(decode(found.as_bytes()), decode(&wire));
    assert_eq!(canonical(found.as_bytes()).map(|(path, _)| path), Some(found));
}

/// A date is read the one way it is written.
pub fn fuzz_date(data: &[u8]) {
    if let Some(time) = Seconds::from_compact(data) {
        assert_eq!(time.compact().as_bytes(), data);
    }
    for name in [&b"Date"[..], b"X-Amz-Date"] {
        let lines: [(&[u8], &[u8]); 4] = [
            (b"Host", b"proxy.example"),
            (name, data),
            (b"X-Amz-Content-Sha256", b"UNSIGNED-PAYLOAD"),
            (b"Authorization", b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260314/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=0"),
        ];
        assert!(verify(b"/b/k", &lines).is_err());
    }
}

/// Takes every signature that has the form of one: the decoder is what is tried.
#[derive(Debug)]
struct Anything;

impl ChunkSignatures for Anything {
    fn chunk(&mut self, _: &[u8; 32], _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }

    fn trailer(&mut self, _: &[u8], _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }

    fn seen(&self) -> &[String] {
        &[]
    }
}

/// How a body is read: its data, and how it ended.
fn decoded(body: &[u8], length: u64, signed: bool, trailer: bool, piece: usize) -> (Vec<u8>, Result<(), Code>) {
    let signatures = signed.then(|| Box::new(Anything) as Box<dyn ChunkSignatures>);
    let mut decoder = Chunked::new(length, signatures, trailer, trailer.then_some(Algorithm::Crc32));
    let mut data = Vec::new();
    let mut pieces: VecDeque<Bytes> = body.chunks(piece.max(1)).map(Bytes::copy_from_slice).collect();
    while let Some(mut input) = pieces.pop_front() {
        loop {
            match decoder.feed(&mut input) {
                Ok(Event::Data(more)) => {
                    assert!(!more.is_empty());
                    data.extend_from_slice(&more);
                    assert!(data.len() as u64 <= length, "more than was announced");
                }
                Ok(Event::More) => break,
                Err(fault) => {
                    assert_ne!(fault.code(), Code::InternalError);
                    assert!(decoder.finish().is_err(), "broken stays broken");
                    return (data, Err(fault.code()));
                }
            }
        }
    }
    let end = decoder.finish().map_err(|fault| fault.code());
    (data, end)
}

/// A body is read alike whatever pieces it comes in, and is whole only with every octet it announced.
pub fn fuzz_chunks(data: &[u8]) {
    let Some((&[mode, low, high, piece], body)) = data.split_first_chunk::<4>() else { return };
    let length = u64::from(u16::from_le_bytes([low, high]));
    let (signed, trailer) = (mode & 1 != 0, mode & 2 != 0);
    let (whole, end) = decoded(body, length, signed, trailer, usize::MAX);
    let (pieces, other) = decoded(body, length, signed, trailer, usize::from(piece));
    assert_eq!(end, other);
    if end.is_ok() {
        assert_eq!((whole.len() as u64, &whole), (length, &pieces));
    }
}

/// How a form is read: the fields before its file, the file's name and data, and how it ended.
#[derive(Debug, Default, Eq, PartialEq)]
struct ReadForm {
    fields: Vec<(String, String)>,
    file: Option<String>,
    data: Vec<u8>,
    fault: Option<Code>,
}

fn read_form(boundary: &str, body: &[u8], piece: usize) -> ReadForm {
    let mut decoder = FormDecoder::new(boundary);
    let mut read = ReadForm::default();
    let mut pieces: VecDeque<Bytes> = body.chunks(piece.max(1)).map(Bytes::copy_from_slice).collect();
    while let Some(mut input) = pieces.pop_front() {
        loop {
            match decoder.feed(&mut input) {
                Ok(FormEvent::Field { name, value }) => {
                    assert!(read.file.is_none(), "a field behind the file");
                    read.fields.push((name, value));
                    assert!(read.fields.len() <= form::MOST_FIELDS);
                }
                Ok(FormEvent::File(name)) => assert!(read.file.replace(format!("{name:?}")).is_none(), "two files"),
                Ok(FormEvent::Data(more)) => {
                    assert!(read.file.is_some() && !more.is_empty());
                    read.data.extend_from_slice(&more);
                }
                Ok(FormEvent::More) => break,
                Err(fault) => {
                    assert_ne!(fault.code(), Code::InternalError);
                    assert!(decoder.finish().is_err(), "broken stays broken");
                    return ReadForm { fault: Some(fault.code()), ..read };
                }
            }
        }
    }
    ReadForm { fault: decoder.finish().err().map(|fault| fault.code()), ..read }
}

/// A form is read alike whatever pieces it comes in, and lets nobody in who does not know the secret. The
/// input: a size of pieces, a content type up to a line feed, the body.
pub fn fuzz_form(data: &[u8]) {
    let Some((&piece, rest)) = data.split_first() else { return };
    let Some(end) = rest.iter().position(|octet| *octet == b'\n') else { return };
    let (kind, body) = (&rest[..end], &rest[end + 1..]);
    let lines: [(&[u8], &[u8]); 2] = [(b"Host", b"proxy.example"), (b"Content-Type", kind)];
    let head = Head { method: b"POST", target: b"/b", lines: &lines, authority: None };
    let Ok(boundary) = form::boundary(&head) else { return };
    let whole = read_form(boundary, body, usize::MAX);
    let pieces = read_form(boundary, body, usize::from(piece));
    // Of a form that breaks off inside its file, how much was handed out before depends on the pieces.
    assert_eq!((&whole.fields, &whole.file, whole.fault), (&pieces.fields, &pieces.file, pieces.fault));
    if whole.fault.is_none() {
        assert_eq!(whole.data, pieces.data);
    }
    let mut fields = Fields::default();
    for (name, value) in whole.fields {
        if fields.push(&name, value).is_err() {
            return;
        }
    }
    if let Some(policy) = fields.get("policy").and_then(|policy| PostPolicy::parse(policy).ok()) {
        let _ = policy.check(&fields, Some("b"), NOW);
    }
    let query = Query::default();
    let form = Some(Form { fields: &fields, bucket: Some("b") });
    let request =
        sigv4::Request { head: &head, query: &query, streaming_allowed: false, tls: true, body_hash: None, form };
    let keys = One(Secret::new("a secret that no input knows".to_owned()));
    match sigv4::verify(Kind::Form, &request, &keys, &settings(), &KeyCache::default(), NOW) {
        Ok(verified) => assert_eq!(verified.kind(), Kind::Anonymous),
        Err(rejection) => assert_ne!(rejection.fault().code(), Code::InternalError),
    }
}
