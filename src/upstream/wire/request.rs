//! The request towards a store, built from the operation (spec/sigv4.md 17).

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body::Body;

use super::outgoing::{Framed, Outgoing};
use super::{Addressing, Settings};
use crate::body::SealedBody;
use crate::s3::checksum::{Algorithm, Value};
use crate::s3::{Code, CopySource, Fault, uri};
use crate::sigv4::OutgoingPayload;
use crate::time::Seconds;
use crate::upstream::Forward;

/// Builds and signs.
///
/// # Errors
/// `InternalError` when the pieces make no legal HTTP request; the refusal names which.
pub fn build(settings: &Settings, out: Forward, body: SealedBody, now: Seconds) -> Result<Request<Outgoing>, Fault> {
    let host = host(settings, out.bucket.as_deref());
    let path = path(settings, &out);
    let query = canonical_query(&out.query);
    let mut headers = out.headers;
    headers.insert(header::HOST, value(&host)?);
    if let Some(source) = &out.copy_source {
        headers.insert(HeaderName::from_static("x-amz-copy-source"), value(&copy_source(source))?);
    }
    let (payload, body) = dress(settings, &mut headers, body)?;
    let method = Method::from_bytes(out.operation.spec().method.as_bytes()).map_err(internal)?;
    if body.is_end_stream() && matches!(method, Method::PUT | Method::POST) {
        // Left to itself hyper says nothing about a body that is not there, and some stores answer 411.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0_u16));
    }
    settings.signer.sign(method.as_str(), &path, &query, &mut headers, payload, now).map_err(internal)?;
    let target = if query.is_empty() { path } else { format!("{path}?{query}") };
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = Uri::try_from(target).map_err(internal)?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The same request once more, if it is a read without a body.
pub fn repeat(request: &Request<Outgoing>) -> Option<Request<Outgoing>> {
    let read = matches!(*request.method(), Method::GET | Method::HEAD) && request.body().is_end_stream();
    read.then(|| {
        let mut again = Request::new(Outgoing::Plain(SealedBody::empty()));
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.headers_mut() = request.headers().clone();
        again
    })
}

/// Chooses how the body travels, and says so in the headers.
fn dress(settings: &Settings, headers: &mut HeaderMap, body: SealedBody) -> Result<(OutgoingPayload, Outgoing), Fault> {
    let checksum = body.checksum();
    if let Some((algorithm, None)) = checksum {
        if settings.profile.trailers {
            return framed(headers, body, algorithm);
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
    headers.insert(HeaderName::from_static("x-amz-decoded-content-length"), HeaderValue::from(body.decoded_length()));
    headers.insert(HeaderName::from_static("x-amz-trailer"), HeaderValue::from_static(algorithm.header()));
    headers.insert(HeaderName::from_static("x-amz-sdk-checksum-algorithm"), HeaderValue::from_static(algorithm.name()));
    let encoding = match headers.get(header::CONTENT_ENCODING).and_then(|encoding| encoding.to_str().ok()) {
        Some(encoding) => value(&format!("aws-chunked,{encoding}"))?,
        None => HeaderValue::from_static("aws-chunked"),
    };
    headers.insert(header::CONTENT_ENCODING, encoding);
    let body = Framed::new(body, algorithm);
    Ok((OutgoingPayload::UnsignedTrailer, Outgoing::Framed(body)))
}

fn declare(headers: &mut HeaderMap, algorithm: Algorithm, known: &Value) -> Result<(), Fault> {
    headers.insert(HeaderName::from_static(algorithm.header()), value(&known.to_base64())?);
    headers.insert(HeaderName::from_static("x-amz-sdk-checksum-algorithm"), HeaderValue::from_static(algorithm.name()));
    Ok(())
}

fn host(settings: &Settings, bucket: Option<&str>) -> String {
    let endpoint = &settings.endpoint;
    let name = if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host.clone() };
    let default = if endpoint.tls.is_some() { 443 } else { 80 };
    let port = if endpoint.port == default { String::new() } else { format!(":{}", endpoint.port) };
    match bucket.filter(|bucket| in_host(settings, bucket)) {
        Some(bucket) => format!("{bucket}.{name}{port}"),
        None => format!("{name}{port}"),
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

fn internal(error: impl std::fmt::Display) -> Fault {
    Fault::plain(Code::InternalError, "request-not-built").detail(error.to_string())
}
