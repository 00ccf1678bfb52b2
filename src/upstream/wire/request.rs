//! The request towards a store, built from the operation (spec/sigv4.md 17).

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body::Body;

use super::outgoing::{Framed, Outgoing};
use super::signed::Signed;
use super::{Addressing, PayloadRule, Settings, owners};
use crate::body::SealedBody;
use crate::s3::checksum::{Algorithm, Value};
use crate::s3::{Code, CopySource, Fault, uri};
use crate::sigv4::{OutgoingPayload, SignError};
use crate::time::Seconds;
use crate::trace::Trace;
use crate::upstream::Forward;

/// Builds and signs. `host` is what [`host`] made, once for all requests. A read leaves `out` as it was, so that it can be built once more; a write takes the
/// headers out. A body that may go out in signed chunks is read as far as its first one.
///
/// # Errors
/// `InternalError` when the pieces make no legal HTTP request; the refusal names which. What fails in the
/// body before its first chunk. `ServiceUnavailable` while there is nothing to sign with.
pub async fn build(
    settings: &Settings,
    host: Option<&HeaderValue>,
    out: &mut Forward,
    mut body: SealedBody,
    now: Seconds,
) -> Result<Request<Outgoing>, Fault> {
    let chunks = signed_chunks(settings, &mut body).await?;
    let host = match (host, out.bucket.as_deref().filter(|bucket| in_host(settings, bucket))) {
        (Some(host), None) => host.clone(),
        (_, bucket) => HeaderValue::try_from(host_name(settings, bucket)).map_err(internal)?,
    };
    let path = path(settings, out);
    let query = canonical_query(&out.query);
    let mut headers = if is_read(out) { out.headers.clone() } else { std::mem::take(&mut out.headers) };
    headers.insert(header::HOST, host);
    owners::write(&out.owners, &mut headers)?;
    if let Some(source) = &out.copy_source {
        headers.insert(HeaderName::from_static("x-amz-copy-source"), value(&copy_source(source))?);
    }
    let (payload, mut body) = dress(settings, &mut headers, body, chunks)?;
    let method = Method::from_bytes(out.operation.spec().method.as_bytes()).map_err(internal)?;
    if body.is_end_stream() && matches!(method, Method::PUT | Method::POST) {
        // Left to itself hyper says nothing about a body that is not there, and some stores answer 411.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0_u16));
    }
    let signer = settings.signer.sign(method.as_str(), &path, &query, &mut headers, payload, now).map_err(unsigned)?;
    if let (Outgoing::Signed(body), Some(signer)) = (&mut body, signer) {
        body.sign_with(signer);
    }
    if let Some(trace) = &out.trace {
        tell_trace(trace, &mut headers)?;
    }
    let mut target = path;
    if !query.is_empty() {
        target.extend(["?", &query]);
    }
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = Uri::try_from(target).map_err(internal)?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Says which trace it belongs to. Not signed: whatever stands between here and the store may put a span of its
/// own in the place of ours, and a store may not.
fn tell_trace(trace: &Trace, headers: &mut HeaderMap) -> Result<(), Fault> {
    headers.insert(HeaderName::from_static("traceparent"), value(&trace.to_parent())?);
    if let Some(state) = &trace.state {
        headers.insert(HeaderName::from_static("tracestate"), value(state)?);
    }
    Ok(())
}

/// Whether nothing happens twice if it is asked twice.
pub fn is_read(out: &Forward) -> bool {
    matches!(out.operation.spec().method, "GET" | "HEAD")
}

/// What is known of a body that goes out in signed chunks.
#[derive(Clone, Copy)]
struct SignedChunks {
    /// The size of the client's first signed chunk.
    first: Option<u64>,
}

/// Whether a body goes out in signed chunks: where its hash is not known before its end, the store takes
/// them, and either the way to the store is not encrypted and somebody vouches for the data (the client by
/// signing its chunks, or the proxy that makes it), or `upstream.payload = "always-signed"`.
async fn signed_chunks(settings: &Settings, body: &mut SealedBody) -> Result<Option<SignedChunks>, Fault> {
    let always = settings.payload == PayloadRule::AlwaysSigned;
    if !settings.profile.signed_chunks || !(always || settings.endpoint.tls.is_none()) {
        return Ok(None);
    }
    if body.is_end_stream() || body.sha256().is_some() {
        return Ok(None);
    }
    let first = body.first_chunk().await?;
    Ok((always || body.is_made() || first.is_some()).then_some(SignedChunks { first }))
}

/// Chooses how the body travels, and says so in the headers.
///
/// | what is known of the body | to the store, over TLS | over plain HTTP |
/// |---|---|---|
/// | its SHA-256: signed by the client, a SHA-256 checksum, or all of it in hand (up to `verify_first`) | that hash, signed | the same |
/// | chunks that the client signed | `UNSIGNED-PAYLOAD` | `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`, at the client's boundaries |
/// | the same, a checksum in the trailer | `STREAMING-UNSIGNED-PAYLOAD-TRAILER` | `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER` |
/// | nothing signed | `UNSIGNED-PAYLOAD` | the same: nobody has vouched for it before |
/// | nothing signed, a checksum in the trailer | `STREAMING-UNSIGNED-PAYLOAD-TRAILER` | the same |
/// | sealed here, on its way | as what nobody signed | as chunks that the client signed |
/// | anything, `upstream.payload = "always-signed"` | as chunks that the client signed over plain HTTP | the same |
///
/// | profile | signed chunks | trailers |
/// |---|---|---|
/// | `aws`, `minio`, `garage` | yes | yes |
/// | `ceph` | yes | no: a checksum from a trailer is verified and ends here |
/// | `strict` | no: what would need them goes out as over TLS | no |
fn dress(
    settings: &Settings,
    headers: &mut HeaderMap,
    body: SealedBody,
    chunks: Option<SignedChunks>,
) -> Result<(OutgoingPayload, Outgoing), Fault> {
    let checksum = body.checksum();
    if let Some((algorithm, None)) = checksum {
        if settings.profile.trailers {
            return match chunks {
                Some(chunks) => signed(headers, body, chunks, Some(algorithm)),
                None => framed(headers, body, algorithm),
            };
        }
        // The checksum is verified here and ends here: this kind of store has no place for it.
        headers.remove("x-amz-sdk-checksum-algorithm");
    }
    if let Some((algorithm, Some(known))) = checksum {
        declare(headers, algorithm, &known)?;
    }
    if let Some(md5) = body.md5() {
        headers.insert(HeaderName::from_static("content-md5"), value(&md5.to_base64())?);
    }
    if let Some(chunks) = chunks {
        return signed(headers, body, chunks, None);
    }
    let payload = match body.sha256() {
        Some(digest) => OutgoingPayload::Hash(digest),
        None if body.is_end_stream() => OutgoingPayload::EMPTY,
        None => OutgoingPayload::Unsigned,
    };
    Ok((payload, Outgoing::Plain(body)))
}

fn framed(
    headers: &mut HeaderMap,
    body: SealedBody,
    algorithm: Algorithm,
) -> Result<(OutgoingPayload, Outgoing), Fault> {
    frame(headers, &body, Some(algorithm))?;
    Ok((OutgoingPayload::UnsignedTrailer, Outgoing::Framed(Box::new(Framed::new(body, algorithm)))))
}

fn signed(
    headers: &mut HeaderMap,
    body: SealedBody,
    chunks: SignedChunks,
    trailer: Option<Algorithm>,
) -> Result<(OutgoingPayload, Outgoing), Fault> {
    frame(headers, &body, trailer)?;
    let payload = OutgoingPayload::Chunks { trailer: trailer.is_some() };
    Ok((payload, Outgoing::Signed(Box::new(Signed::new(body, chunks.first, trailer)))))
}

/// What the head says of aws-chunked framing.
fn frame(headers: &mut HeaderMap, body: &SealedBody, trailer: Option<Algorithm>) -> Result<(), Fault> {
    headers.insert(HeaderName::from_static("x-amz-decoded-content-length"), HeaderValue::from(body.decoded_length()));
    if let Some(algorithm) = trailer {
        let name = HeaderValue::from_static(algorithm.header());
        headers.insert(HeaderName::from_static("x-amz-trailer"), name);
        let name = HeaderValue::from_static(algorithm.name());
        headers.insert(HeaderName::from_static("x-amz-sdk-checksum-algorithm"), name);
    }
    let encoding = match headers.get(header::CONTENT_ENCODING).and_then(|encoding| encoding.to_str().ok()) {
        Some(encoding) => value(&format!("aws-chunked,{encoding}"))?,
        None => HeaderValue::from_static("aws-chunked"),
    };
    headers.insert(header::CONTENT_ENCODING, encoding);
    Ok(())
}

fn declare(headers: &mut HeaderMap, algorithm: Algorithm, known: &Value) -> Result<(), Fault> {
    headers.insert(HeaderName::from_static(algorithm.header()), value(&known.to_base64())?);
    headers.insert(HeaderName::from_static("x-amz-sdk-checksum-algorithm"), HeaderValue::from_static(algorithm.name()));
    Ok(())
}

/// The host of the store itself, which most requests name; none if it has no legal spelling.
pub fn host(settings: &Settings) -> Option<HeaderValue> {
    HeaderValue::try_from(host_name(settings, None)).ok()
}

/// The host with the bucket before it, if that is where it is named.
fn host_name(settings: &Settings, bucket: Option<&str>) -> String {
    let host = settings.endpoint.host_header();
    match bucket {
        Some(bucket) => [bucket, ".", &host].concat(),
        None => host,
    }
}

/// A name with dots has no place in a certificate's wildcard.
fn in_host(settings: &Settings, bucket: &str) -> bool {
    settings.addressing == Addressing::Virtual && !bucket.contains('.')
}

fn path(settings: &Settings, out: &Forward) -> String {
    let mut path = Vec::with_capacity(64);
    if let Some(bucket) = out.bucket.as_deref().filter(|bucket| !in_host(settings, bucket)) {
        path.push(b'/');
        uri::encode_into(bucket.as_bytes(), &mut path);
    }
    if let Some(key) = &out.key {
        path.push(b'/');
        uri::encode_path_into(key.as_bytes(), &mut path);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    String::from_utf8(path).unwrap_or_default() // only ASCII is ever written
}

fn canonical_query(parameters: &[(String, String)]) -> String {
    let mut pairs: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (uri::encode(name.as_bytes()), uri::encode(value.as_bytes()))).collect();
    pairs.sort_unstable();
    let mut query = String::new();
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&name);
        query.push('=');
        query.push_str(&value);
    }
    query
}

fn copy_source(source: &CopySource) -> String {
    let mut text = format!("/{}/{}", uri::encode(source.bucket.as_bytes()), uri::encode_path(source.key.as_bytes()));
    if let Some(version) = &source.version {
        text.push_str("?versionId=");
        text.push_str(&uri::encode(version.as_bytes()));
    }
    text
}

fn value(text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text).map_err(internal)
}

fn unsigned(error: SignError) -> Fault {
    match error {
        SignError::NoKeys { .. } => {
            Fault::plain(Code::ServiceUnavailable, "upstream-no-keys").detail(error.to_string())
        }
        SignError::Header(error) => internal(error),
    }
}

fn internal(error: impl std::fmt::Display) -> Fault {
    Fault::plain(Code::InternalError, "request-not-built").detail(error.to_string())
}
