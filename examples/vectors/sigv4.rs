//! Signatures: the verifier, and the body decoder that its result is handed to.

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bartizan::body::{Chunked, Contract, Duties, Event, FormHead, SealedBody, Unread};
use bartizan::s3::checksum::Algorithm;
use bartizan::s3::payload::{ChunkSignatures, Payload};
use bartizan::s3::route::FormHeaders;
use bartizan::s3::uri::{Query, decode};
use bartizan::s3::{Fault, Head, Operation, address, form};
use bartizan::sigv4::{self, Credential, KeyCache, KeySource, Kind, PayloadRule, Secret, Verified};
use bartizan::time::Seconds;
use base64::Engine as _;
use bytes::Bytes;
use http_body::Body as _;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::report::{self, Difference, Outcome, same};

pub(crate) fn run(directory: &Path) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    for (name, file) in report::files(directory)? {
        if name == "index.json" {
            continue;
        }
        let known = file.as_ref().is_some_and(|file| file.get("schema").is_some());
        let (Some(cases), true) = (file.as_ref().and_then(report::cases), known) else {
            outcome.case(&name, &name, || Err(Difference::unreadable("cases")));
            continue;
        };
        for case in cases {
            let id = case.get("id").and_then(Value::as_str).unwrap_or(&name);
            outcome.case(&name, id, || judge(case));
        }
    }
    Ok(outcome)
}

/// One credential and nothing else.
struct Only {
    access_key: String,
    secret: Secret,
    token: Option<Secret>,
    expires: Option<Seconds>,
}

impl KeySource for Only {
    fn find(&self, access_key: &str) -> Option<Credential<'_>> {
        (access_key == self.access_key).then_some(Credential {
            secret: &self.secret,
            token: self.token.as_ref(),
            expires: self.expires,
        })
    }

    fn generation(&self) -> u64 {
        1
    }
}

fn judge(case: &Value) -> Result<(), Difference> {
    let body = base64::engine::general_purpose::STANDARD
        .decode(text(case, "body")?)
        .map_err(|_| Difference::unreadable("body"))?;
    let body = Bytes::from(body);
    let expected = case.get("expected").and_then(Value::as_object).ok_or_else(|| Difference::unreadable("expected"))?;
    let mut first: Option<Value> = None;
    for piece in [usize::MAX, 65_536, 4096, 7, 1] {
        let members = attempt(case, &body, piece)?;
        for (name, value) in expected.iter().filter(|(name, _)| *name != "details" && *name != "note") {
            same(name, value, members.get(name).unwrap_or(&Value::Null))?;
        }
        if let Some(first) = &first {
            same("outcome in pieces", first, &members)?;
        }
        first.get_or_insert(members);
    }
    let path = case.get("decoded_path").and_then(Value::as_str);
    if let Some(expected) = path {
        let target = text(case, "uri")?;
        let wire = target.split('?').next().unwrap_or_default();
        let got = decode(wire.as_bytes())
            .map_or_else(|_| String::new(), |octets| String::from_utf8_lossy(&octets).into_owned());
        same("decoded_path", &json!(expected), &json!(got))?;
    }
    Ok(())
}

fn attempt(case: &Value, body: &Bytes, piece: usize) -> Result<Value, Difference> {
    let (method, target) = (text(case, "method")?, text(case, "uri")?);
    let headers = case.get("headers").and_then(Value::as_array).ok_or_else(|| Difference::unreadable("headers"))?;
    let lines: Vec<(&[u8], &[u8])> = headers
        .iter()
        .map(|line| {
            let part = |at: usize| line.get(at)?.as_str().map(str::as_bytes);
            part(0).zip(part(1)).ok_or_else(|| Difference::unreadable("headers"))
        })
        .collect::<Result<_, _>>()?;
    let authority = case.get("authority").and_then(Value::as_str).map(str::as_bytes);
    let head = Head { method: method.as_bytes(), target: target.as_bytes(), lines: &lines, authority };
    outcome(case, &head, body, piece)
}

fn outcome(case: &Value, head: &Head<'_>, body: &Bytes, piece: usize) -> Result<Value, Difference> {
    let keys = Only {
        access_key: text(case, "access_key")?.to_owned(),
        secret: Secret::new(text(case, "secret")?.to_owned()),
        token: case.get("session_token").and_then(Value::as_str).map(|token| Secret::new(token.to_owned())),
        expires: case.get("token_expiration").and_then(Value::as_str).and_then(instant),
    };
    let service = text(case, "service")?;
    let settings = sigv4::Settings {
        service: service.to_owned(),
        ecdsa: case.get("sigv4a").and_then(Value::as_bool).unwrap_or(false),
        payload: PayloadRule::Any,
        details: sigv4::Details::Full,
        ..sigv4::Settings::new(text(case, "region")?)
    };
    let now = case.get("now").and_then(Value::as_str).and_then(instant).ok_or_else(|| Difference::unreadable("now"))?;
    let query = match http_level(head) {
        Ok(query) => query,
        Err(fault) => return Ok(rejected(&fault, None)),
    };
    let kind = match sigv4::kind(head, &query) {
        Ok(kind) => kind,
        Err(fault) => return Ok(rejected(&fault, None)),
    };
    let subresource =
        query.iter().any(|parameter| &*parameter.name != b"uploadId" && Operation::is_subresource(&parameter.name));
    let body_hash = (service != "s3").then(|| <[u8; 32]>::try_from(digest(&SHA256, body).as_ref()).unwrap_or_default());
    let form = match kind {
        Kind::Form => match ready(read_form(head, body, piece)) {
            Ok(form) => Some(form),
            Err(fault) => return Ok(rejected(&fault, None)),
        },
        _ => None,
    };
    let bucket = case.get("post_bucket").and_then(Value::as_str);
    let request = sigv4::Request {
        head,
        query: &query,
        streaming_allowed: head.method == b"PUT" && !subresource,
        tls: true,
        body_hash,
        form: form.as_ref().map(|(form, _)| sigv4::Form { fields: form.fields(), bucket }),
    };
    let verified = match sigv4::verify(kind, &request, &keys, &settings, &KeyCache::default(), now) {
        Ok(verified) => verified,
        Err(rejection) => return Ok(rejected(rejection.fault(), Some(rejection.dangerous_texts()))),
    };
    if verified.kind() == Kind::Anonymous {
        return Ok(json!({"outcome": "anonymous"}));
    }
    if let Some(form) = form {
        return Ok(read_file(head, &verified, form));
    }
    // The chain of chunk signatures can be walked once: a second verification brings a second one.
    let again = sigv4::verify(kind, &request, &keys, &settings, &KeyCache::default(), now);
    match again {
        Ok(again) => Ok(read_body(head, body, piece, (verified, again), service)),
        Err(rejection) => Ok(rejected(rejection.fault(), None)),
    }
}

/// What comes before everything else, as the proxy does it: one Host of legal form, a host that is served,
/// path and query. The cases name no host that is served: it is the one that is asked for.
fn http_level<'h>(head: &Head<'h>) -> Result<Query<'h>, Fault> {
    let host = sigv4::host(head)?;
    let base_domains = vec![address::host_name(host)?.into_owned()];
    // What the address stands for is kept until the caller is known, and no question of these cases.
    let _kept = address::map(&address::Settings { base_domains, ..address::Settings::default() }, host, head)?;
    Ok(Query::parse(head.query())?)
}

/// Reads a form up to its file.
async fn read_form(head: &Head<'_>, body: &Bytes, piece: usize) -> Result<(FormHead, Unread<Pieces>), Fault> {
    let boundary = form::boundary(head)?;
    Unread::new(Pieces { rest: body.clone(), piece }).read_form(boundary).await
}

/// Hands the file of a verified form to the body decoder, as the proxy does with a small one.
fn read_file(head: &Head<'_>, verified: &Verified, (form, body): (FormHead, Unread<Pieces>)) -> Value {
    let headers = FormHeaders::of(form.fields());
    let contract = headers
        .and_then(|headers| headers.with_head(|put| Contract::of_file(head, put, &form, verified.file_length())));
    let settled = contract.and_then(|contract| body.open(contract)).and_then(|body| ready(body.settle(u64::MAX)));
    let data = match settled.and_then(drain) {
        Ok(data) => data,
        Err(fault) => return rejected(&fault, None),
    };
    let mut members = accepted(head, verified);
    if let Some(members) = members.as_object_mut() {
        members.insert("canonical_request".to_owned(), Value::Null);
        members.insert("key".to_owned(), json!(form.fields().get("key")));
        members.insert("decoded_length".to_owned(), json!(data.len()));
        members.insert("decoded_body_sha256".to_owned(), json!(hex(digest(&SHA256, &data).as_ref())));
    }
    members
}

/// What comes of a future over a body in memory. It never waits for more, but it gives up its turn now and
/// then and wants to be asked again.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}

/// Hands the verified request to the body decoder.
fn read_body(
    head: &Head<'_>,
    body: &Bytes,
    piece: usize,
    (mut verified, again): (Verified, Verified),
    service: &str,
) -> Value {
    let mut members = accepted(head, &verified);
    let canonical = verified.dangerous_canonical_request().to_vec();
    let streaming = matches!(verified.payload(), Payload::Chunks { .. });
    let duties =
        Duties { takes_body: true, needs_length: streaming, needs_checksum: false, checksums_of_body: service == "s3" };
    let contract = match Contract::new(verified.payload(), signatures(&mut verified), head, duties) {
        Ok(contract) => contract,
        Err(fault) => return rejected(&fault, None),
    };
    let data = match Unread::new(Pieces { rest: body.clone(), piece }).open(contract).and_then(drain) {
        Ok(data) => data,
        Err(fault) => return rejected(&fault, Some((Some(&canonical), None))),
    };
    if let Some(members) = members.as_object_mut() {
        members.insert("decoded_length".to_owned(), json!(data.len()));
        members.insert("decoded_body_sha256".to_owned(), json!(hex(digest(&SHA256, &data).as_ref())));
        if streaming {
            members.extend(framing(head, body, again, data.len()));
        }
    }
    members
}

fn signatures(verified: &mut Verified) -> Option<Box<dyn ChunkSignatures>> {
    verified.take_chunks().map(|chunks| chunks as Box<dyn ChunkSignatures>)
}

/// Trailers and chunk signatures, from the decoder itself.
fn framing(head: &Head<'_>, body: &Bytes, mut verified: Verified, length: usize) -> serde_json::Map<String, Value> {
    let Payload::Chunks { trailer, .. } = verified.payload() else { return serde_json::Map::new() };
    let announced = head.first("x-amz-trailer").and_then(|name| Algorithm::of_header(std::str::from_utf8(name).ok()?));
    let mut decoder = Chunked::new(length as u64, signatures(&mut verified), trailer, announced);
    let mut input = body.clone();
    while matches!(decoder.feed(&mut input), Ok(Event::Data(_))) {}
    let trailers: serde_json::Map<String, Value> =
        decoder.trailers().iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut members = serde_json::Map::new();
    members.insert("trailers".to_owned(), Value::Object(trailers));
    members.insert("chunk_signatures".to_owned(), json!(decoder.signatures_seen()));
    members
}

fn drain(mut body: SealedBody) -> Result<Vec<u8>, Fault> {
    let mut data = Vec::new();
    while let Some(frame) = ready(std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))) {
        data.extend_from_slice(&frame?.into_data().unwrap_or_default());
    }
    Ok(data)
}

fn accepted(head: &Head<'_>, verified: &Verified) -> Value {
    let mode = match verified.payload() {
        Payload::Hash(_) => "HEX".to_owned(),
        Payload::Unsigned if verified.kind() == Kind::Form => "POST".to_owned(),
        Payload::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
        Payload::Chunks { .. } => head
            .first("x-amz-content-sha256")
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .unwrap_or_default(),
    };
    json!({
        "outcome": "accept",
        "auth": match verified.kind() { Kind::Query => "query", Kind::Form => "post", _ => "header" },
        "canonical_request": String::from_utf8_lossy(verified.dangerous_canonical_request()),
        "string_to_sign": String::from_utf8_lossy(verified.dangerous_string_to_sign()),
        "signature": verified.dangerous_signature(),
        "payload_mode": mode,
    })
}

type Texts<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

fn rejected(fault: &Fault, texts: Option<Texts<'_>>) -> Value {
    let element =
        |name: &str| fault.elements().iter().find(|(element, _)| *element == name).map(|(_, text)| text.clone());
    let text = |text: Option<&[u8]>, name: &str| {
        text.map(|text| String::from_utf8_lossy(text).into_owned()).or_else(|| element(name))
    };
    let (canonical, to_sign) = texts.unwrap_or_default();
    json!({
        "outcome": "reject",
        "error_code": fault.code().as_str(),
        "status": fault.status(),
        "argument_name": element("ArgumentName"),
        "headers_not_signed": element("HeadersNotSigned").map(|names| names.split(", ").map(str::to_owned).collect::<Vec<_>>()),
        "region": element("Region"),
        "message": fault.message(),
        "canonical_request": text(canonical, "CanonicalRequest"),
        "string_to_sign": text(to_sign, "StringToSign"),
    })
}

/// A body in pieces of one size.
struct Pieces {
    rest: Bytes,
    piece: usize,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let take = self.piece.min(self.rest.len());
        Poll::Ready((take > 0).then(|| Ok(http_body::Frame::data(self.rest.split_to(take)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }
}

fn instant(text: &str) -> Option<Seconds> {
    let compact: String = text.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    Seconds::from_compact(compact.as_bytes())
}

fn text<'a>(case: &'a Value, name: &str) -> Result<&'a str, Difference> {
    case.get(name).and_then(Value::as_str).ok_or_else(|| Difference::unreadable(name))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
