//! A key service behind HTTPS that speaks as AWS KMS does: JSON 1.1, Signature Version 4
//! (spec/encryption.md 15.3). Draws data keys, opens them, wraps them for another name; remembers nothing.
//!
//! Invariants:
//! - the key is named in every call, so that what another key has wrapped is refused;
//! - no data key leaves: one that is wrapped anew is wrapped inside the service;
//! - an answer is bounded in octets and time; whoever answers for another key than was asked for is not heard;
//! - a call is made once; only on a kept connection that the service has closed meanwhile, once more.
//!
//! Data keys come over TLS and HTTP, whose buffers nobody wipes; what is made of them here is wiped.

mod answer;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use ring::digest::{self, SHA256};
use serde_json::{Value, json};
use tokio::time::timeout;
use zeroize::Zeroizing;

use self::answer::{Generated, Opened, Rewrapped};
use crate::body::SealedBody;
use crate::kms::{Context, DataKey, KmsError};
use crate::sigv4::{OutgoingPayload, Signer};
use crate::time::Clock;
use crate::upstream::wire::{Download, Endpoint, Limits, Line, Outgoing, Pool};

/// The longest answer that is read; those of the service are shorter than 2 KB.
const LONGEST: usize = 16 << 10;
/// The longest wait that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const WAIT: HeaderName = HeaderName::from_static("x-amz-retry-after");

/// What one worker needs to speak to a key service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// The proxy's own key there, for the service `kms`.
    pub signer: Arc<Signer>,
    /// Bounds on the connections of a worker.
    pub limits: Limits,
    /// How long one call may take, from the connection to the last octet.
    pub patience: Duration,
}

/// A call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Call {
    /// A new data key.
    GenerateDataKey,
    /// A data key that is there.
    Decrypt,
    /// A data key from one name to another.
    ReEncrypt,
}

impl Call {
    /// Every call.
    pub const ALL: [Self; 3] = [Self::GenerateDataKey, Self::Decrypt, Self::ReEncrypt];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GenerateDataKey => "GenerateDataKey",
            Self::Decrypt => "Decrypt",
            Self::ReEncrypt => "ReEncrypt",
        }
    }

    const fn target(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GenerateDataKey => "TrentService.GenerateDataKey",
            Self::Decrypt => "TrentService.Decrypt",
            Self::ReEncrypt => "TrentService.ReEncrypt",
        })
    }
}

/// Calls that were made, over all workers.
#[derive(Debug, Default)]
pub struct Counts([[AtomicU64; 3]; 3]);

/// How calls ended.
pub const OUTCOMES: [&str; 3] = ["ok", "throttled", "error"];

impl Counts {
    fn count(&self, call: Call, outcome: usize) {
        if let Some(counted) = self.0.get(call as usize).and_then(|calls| calls.get(outcome)) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Name, outcome and number of calls since the start.
    pub fn read(&self) -> Vec<(&'static str, &'static str, u64)> {
        let of = |call: Call| {
            let counted = self.0.get(call as usize).into_iter().flatten().map(|count| count.load(Ordering::Relaxed));
            OUTCOMES.into_iter().zip(counted).map(move |(outcome, count)| (call.as_str(), outcome, count))
        };
        Call::ALL.into_iter().flat_map(of).collect()
    }
}

/// The connections of one worker to a key service.
pub(super) struct Service {
    settings: Settings,
    host: Option<HeaderValue>,
    pool: Rc<Pool>,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
}

impl Service {
    /// A service that nobody has spoken to yet.
    pub(super) fn new(settings: Settings, counts: Arc<Counts>, clock: Arc<dyn Clock>) -> Self {
        let pool = Pool::new(settings.endpoint.clone(), settings.limits);
        let host = HeaderValue::try_from(settings.endpoint.host_header()).ok();
        Self { settings, host, pool, clock, counts }
    }

    /// How long one call may take.
    pub(super) fn patience(&self) -> Duration {
        self.settings.patience
    }

    /// Draws a data key, wrapped by a key and bound to a context.
    ///
    /// # Errors
    /// See [`KmsError`].
    pub(super) async fn generate(&self, key: &str, context: &Context) -> Result<(DataKey, Vec<u8>), KmsError> {
        let asked = json!({"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": members(context)});
        let answer = self.call(Call::GenerateDataKey, key, &asked).await?;
        Generated::parse(&answer, key)
    }

    /// Opens a data key.
    ///
    /// # Errors
    /// See [`KmsError`].
    pub(super) async fn decrypt(&self, key: &str, wrapped: &[u8], context: &Context) -> Result<DataKey, KmsError> {
        let blob = answer::spelled(wrapped);
        let asked = json!({"KeyId": key, "CiphertextBlob": blob, "EncryptionContext": members(context)});
        let answer = self.call(Call::Decrypt, key, &asked).await?;
        Opened::parse(&answer, key)
    }

    /// Wraps a data key for another context, under the same key.
    ///
    /// # Errors
    /// See [`KmsError`].
    pub(super) async fn rewrap(
        &self,
        key: &str,
        (wrapped, old): (&[u8], &Context),
        new: &Context,
    ) -> Result<Vec<u8>, KmsError> {
        let asked = json!({
            "CiphertextBlob": answer::spelled(wrapped),
            "SourceKeyId": key,
            "SourceEncryptionContext": members(old),
            "DestinationKeyId": key,
            "DestinationEncryptionContext": members(new),
        });
        let answer = self.call(Call::ReEncrypt, key, &asked).await?;
        Rewrapped::parse(&answer, key)
    }

    /// One call, whole, in time.
    async fn call(&self, call: Call, key: &str, asked: &Value) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let asked = Bytes::from(asked.to_string());
        let limit = self.settings.patience;
        let answered = timeout(limit, self.answered(call, key, asked)).await;
        let answered = answered.unwrap_or_else(|_| Err(unavailable(format!("did not answer within {limit:?}"))));
        let outcome = match &answered {
            Ok(_) => 0,
            Err(KmsError::Throttled { .. }) => 1,
            Err(_) => 2,
        };
        self.counts.count(call, outcome);
        if let Err(error @ (KmsError::Unavailable { .. } | KmsError::AccessDenied { .. })) = &answered {
            tracing::warn!(call = call.as_str(), key, "{error}");
        }
        answered
    }

    async fn answered(&self, call: Call, key: &str, asked: Bytes) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let (response, line) = self.exchange(call, asked).await?;
        let (head, incoming) = response.into_parts();
        let body = read(Download::new(incoming, line, self.settings.patience)).await?;
        if head.status == StatusCode::OK {
            return Ok(body);
        }
        let text = |name: &HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
        let wait = text(&WAIT).and_then(|millis| millis.parse().ok()).map(Duration::from_millis);
        let wait = wait.or_else(|| text(&RETRY_AFTER)?.parse().ok().map(Duration::from_secs));
        let wait = wait.map(|wait| wait.min(LONGEST_WAIT));
        Err(answer::error(key, head.status, text(&ERROR_TYPE), &body, wait))
    }

    async fn exchange(&self, call: Call, asked: Bytes) -> Result<(Response<Incoming>, Line), KmsError> {
        let cannot = |error: &dyn std::fmt::Display| unavailable(format!("cannot be reached: {error}"));
        let mut line = self.pool.line().await.map_err(|error| cannot(&error))?;
        let kept = !line.is_fresh();
        match line.exchange(self.request(call, asked.clone())?).await {
            Ok(response) => return Ok((response, line)),
            // Closed while it was idle. A data key that was drawn and never came costs nothing but a call.
            Err(_) if kept => {}
            Err(error) => return Err(cannot(error.error())),
        }
        let mut line = self.pool.connect().await.map_err(|error| cannot(&error))?;
        match line.exchange(self.request(call, asked)?).await {
            Ok(response) => Ok((response, line)),
            Err(error) => Err(cannot(error.error())),
        }
    }

    fn request(&self, call: Call, asked: Bytes) -> Result<Request<Outgoing>, KmsError> {
        let cannot = || unavailable("cannot be asked: the request cannot be written".to_owned());
        let mut headers = HeaderMap::new();
        headers.insert(HOST, self.host.clone().ok_or_else(cannot)?);
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(TARGET, call.target());
        let hash = digest::digest(&SHA256, &asked);
        let payload = OutgoingPayload::Hash(hash.as_ref().try_into().map_err(|_| cannot())?);
        let signed = self.settings.signer.sign("POST", "/", "", &mut headers, payload, self.clock.now());
        signed.map_err(|error| unavailable(format!("cannot be asked: {error}")))?;
        let mut request = Request::new(Outgoing::Plain(SealedBody::full(asked)));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// Names and values, as the service takes them.
fn members(context: &Context) -> Value {
    context.members().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

async fn read(mut body: Download) -> Result<Zeroizing<Vec<u8>>, KmsError> {
    // Room for all of it from the start: a vector that grows leaves secrets behind.
    let mut all = Zeroizing::new(Vec::with_capacity(LONGEST));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unavailable(format!("broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if all.len() + data.len() > LONGEST {
            return Err(unavailable(format!("answers with more than {LONGEST} octets")));
        }
        all.extend_from_slice(&data);
    }
    Ok(all)
}

fn unavailable(what: String) -> KmsError {
    KmsError::Unavailable { why: format!("the key service {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_told_as_it_is_bound() {
        let context =
            Context::parse(br#"{"team":"red","a":"\"b\""}"#).unwrap().with_s3_arn("arn:aws:s3:::b/k").unwrap();
        assert_eq!(members(&context).to_string(), r#"{"a":"\"b\"","aws:s3:arn":"arn:aws:s3:::b/k","team":"red"}"#);
    }

    #[test]
    fn every_call_and_outcome_is_counted_by_its_name() {
        let counts = Counts::default();
        counts.count(Call::Decrypt, 1);
        counts.count(Call::Decrypt, 1);
        counts.count(Call::ReEncrypt, 2);
        let read = counts.read();
        assert_eq!(read.len(), 9);
        assert!(read.contains(&("Decrypt", "throttled", 2)) && read.contains(&("ReEncrypt", "error", 1)));
        assert!(read.contains(&("GenerateDataKey", "ok", 0)));
    }
}
