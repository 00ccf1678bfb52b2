//! Spans of finished requests to a collector: OTLP over HTTP, in its JSON form, from a thread of its own.
//!
//! Nobody waits for it. A request hands its span to a bounded queue, or it is dropped and counted; a collector
//! that does not take a batch has had its chance. Spans show how long things take; what has happened is in the
//! journal. They name no principal, no key of an object and nothing that is secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::{GateError, build};
use crate::audit::Outcome;
use crate::control::config::{Collector, Config};
use crate::control::metrics::{Metrics, SpanFate};
use crate::delivery::{HttpTo, Post, Trouble, client};
use crate::id::RequestId;
use crate::pipeline::Span;
use crate::time::{Clock as _, Millis, SystemClock};
use crate::trace::Trace;

/// The most spans that wait.
const WAITING: usize = 4096;
/// The most spans of one message.
const BATCH: usize = 512;
/// How long spans gather.
const GATHER: Duration = Duration::from_secs(1);
/// How long a collector may take over a message.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most octets of a name that a store has answered.
const LONGEST: usize = 128;

/// Where requests hand their spans in.
#[derive(Clone)]
pub(super) struct Spans {
    queue: SyncSender<Ended>,
    metrics: Arc<Metrics>,
}

/// The thread that sends them. Dropped, it sends what waits, as long as the collector takes it, and ends.
pub(super) struct Sending {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A span that waits.
struct Ended {
    trace: Trace,
    id: RequestId,
    begun: Millis,
    ended: Millis,
    operation: Option<&'static str>,
    bucket: Option<String>,
    outcome: Outcome,
    status: Option<u16>,
    error_code: Option<String>,
    reason: &'static str,
    bytes: (u64, u64),
}

impl Spans {
    /// Starts the thread, where there is a collector.
    ///
    /// # Errors
    /// No thread, no certificates to trust.
    pub(super) fn start(config: &Config, metrics: &Arc<Metrics>) -> Result<Option<(Self, Sending)>, GateError> {
        let Some(Collector { endpoint, path }) = config.trace.otlp.clone() else { return Ok(None) };
        let tls = endpoint.tls.then(|| build::trust(None, "trace.otlp")).transpose()?;
        let (host, port) = (endpoint.host, endpoint.port);
        let to = HttpTo { tls: endpoint.tls, host, port, target: path, token: None, ca: None };
        let (queue, waiting) = sync_channel(WAITING);
        let over = Arc::new(AtomicBool::new(false));
        let (counted, ends) = (Arc::clone(metrics), Arc::clone(&over));
        let thread = thread::Builder::new().name("spans".to_owned()).spawn(move || match Builder::new_current_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => Sender { to, tls, runtime, metrics: counted, over: ends }.run(&waiting),
            Err(error) => tracing::error!(%error, "spans cannot be sent"),
        });
        let thread = thread.map_err(GateError::Thread)?;
        Ok(Some((Self { queue, metrics: Arc::clone(metrics) }, Sending { over, thread: Some(thread) })))
    }

    /// Hands a span in; drops it where too many wait.
    pub(super) fn give(&self, span: &Span<'_>) {
        let ended = Ended {
            trace: span.trace.clone(),
            id: span.id,
            begun: span.begun,
            ended: span.ended,
            operation: span.operation,
            bucket: span.bucket.map(str::to_owned),
            outcome: span.outcome,
            status: span.status,
            error_code: span.error_code.map(|code| code.chars().take(LONGEST).collect()),
            reason: span.reason,
            bytes: (span.bytes_in, span.bytes_out),
        };
        if self.queue.try_send(ended).is_err() {
            self.metrics.spans(SpanFate::Dropped, 1);
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Sender {
    to: HttpTo,
    tls: Option<Arc<rustls::ClientConfig>>,
    runtime: Runtime,
    metrics: Arc<Metrics>,
    over: Arc<AtomicBool>,
}

impl Sender {
    fn run(&self, waiting: &Receiver<Ended>) {
        let mut failing = false;
        loop {
            let over = self.over.load(Ordering::Relaxed);
            let batch = gather(waiting, if over { Duration::ZERO } else { GATHER });
            if over && (batch.is_empty() || failing) {
                return;
            }
            if batch.is_empty() {
                continue;
            }
            let message = encode(&batch);
            let sent = self.runtime.block_on(async { timeout(PATIENCE, self.send(message)).await });
            let problem = match sent {
                Ok(Ok(())) => None,
                Ok(Err(Trouble::Later { why, .. } | Trouble::Rejected { why })) => Some(why),
                Err(_) => Some("no answer in time".into()),
            };
            let fate = if problem.is_none() { SpanFate::Exported } else { SpanFate::Failed };
            self.metrics.spans(fate, batch.len() as u64);
            match problem {
                Some(problem) if !failing => tracing::warn!(%problem, "the collector takes no spans"),
                None if failing => tracing::info!("the collector takes spans again"),
                _ => {}
            }
            failing = fate == SpanFate::Failed;
        }
    }

    async fn send(&self, message: Vec<u8>) -> Result<(), Trouble> {
        let post = Post { content_type: "application/json", delivery: "spans".to_owned(), content: message.into() };
        client::post(&self.to, self.tls.as_ref(), &post, SystemClock.now()).await
    }
}

/// What comes within so long, or as much as goes into one message.
fn gather(waiting: &Receiver<Ended>, within: Duration) -> Vec<Ended> {
    let end = SystemClock.ticks().0.saturating_add(u64::try_from(within.as_nanos()).unwrap_or(u64::MAX));
    let mut batch = Vec::new();
    while batch.len() < BATCH {
        let left = Duration::from_nanos(end.saturating_sub(SystemClock.ticks().0));
        match waiting.recv_timeout(left) {
            Ok(ended) => batch.push(ended),
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(left); // nobody asks for anything any more
                break;
            }
        }
    }
    batch
}

/// A message of the JSON form of OTLP: ids as hexadecimal digits, 64-bit numbers as text.
fn encode(batch: &[Ended]) -> Vec<u8> {
    let spans: Vec<Value> = batch.iter().map(span).collect();
    let message = json!({"resourceSpans": [{
        "resource": {"attributes": [
            text("service.name", env!("CARGO_PKG_NAME")),
            text("service.version", env!("CARGO_PKG_VERSION")),
        ]},
        "scopeSpans": [{"scope": {"name": env!("CARGO_PKG_NAME")}, "spans": spans}],
    }]});
    message.to_string().into_bytes()
}

fn span(ended: &Ended) -> Value {
    const SERVER: u8 = 2;
    const ERROR: u8 = 2;
    let nanos = |at: Millis| at.0.max(0).saturating_mul(1_000_000).to_string();
    let mut attributes = vec![
        text("aws.request_id", ended.id.as_str()),
        text("bartizan.outcome", ended.outcome.as_str()),
        number("http.request.body.size", ended.bytes.0),
        number("http.response.body.size", ended.bytes.1),
    ];
    attributes.extend(ended.operation.map(|operation| text("rpc.method", operation)));
    attributes.extend(ended.operation.map(|_| text("rpc.service", "S3")));
    attributes.extend(ended.bucket.as_deref().map(|bucket| text("aws.s3.bucket", bucket)));
    attributes.extend(ended.status.map(|status| number("http.response.status_code", u64::from(status))));
    attributes.extend(ended.error_code.as_deref().map(|code| text("error.type", code)));
    if !ended.reason.is_empty() {
        attributes.push(text("bartizan.reason", ended.reason));
    }
    let mut span = json!({
        "traceId": ended.trace.id.to_string(),
        "spanId": ended.trace.span.to_string(),
        "name": ended.operation.unwrap_or("S3"),
        "kind": SERVER,
        "startTimeUnixNano": nanos(ended.begun),
        "endTimeUnixNano": nanos(ended.ended),
        "attributes": attributes,
    });
    if let Some(span) = span.as_object_mut() {
        let mut add = |name: &str, value: Value| drop(span.insert(name.to_owned(), value));
        if let Some(parent) = ended.trace.parent {
            add("parentSpanId", parent.to_string().into());
        }
        if let Some(state) = &ended.trace.state {
            add("traceState", state.as_str().into());
        }
        // What the client did wrong is no error of the server.
        if ended.status.is_some_and(|status| status >= 500) || ended.outcome == Outcome::UpstreamFailed {
            add("status", json!({"code": ERROR}));
        }
    }
    span
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Ratio, Rules, Said};

    fn ended(said: Said, status: u16) -> Ended {
        let rules = Rules { propagate: true, export: Ratio::new(1.0) };
        Ended {
            trace: rules.trace(|| said, || [7; 24]).unwrap(),
            id: RequestId::from_random(&[7; 34]),
            begun: Millis(1_773_480_413_042),
            ended: Millis(1_773_480_413_050),
            operation: Some("GetObject"),
            bucket: Some("bucket".to_owned()),
            outcome: Outcome::Completed,
            status: Some(status),
            error_code: (status >= 400).then(|| "NoSuchKey".to_owned()),
            reason: "",
            bytes: (0, 5),
        }
    }

    #[test]
    fn a_message_is_what_the_json_form_of_the_protocol_asks_for() {
        let parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let said = Said::read([&parent[..]].into_iter(), [&b"a=1"[..]].into_iter());
        let message: Value = serde_json::from_slice(&encode(&[ended(said, 404), ended(Said::Nothing, 503)])).unwrap();
        let scope = &message["resourceSpans"][0]["scopeSpans"][0];
        let (first, second) = (&scope["spans"][0], &scope["spans"][1]);
        assert_eq!(first["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(
            (&first["spanId"], &first["parentSpanId"]),
            (&"0707070707070707".into(), &"00f067aa0ba902b7".into())
        );
        assert_eq!((&first["traceState"], &first["kind"], &first["status"]), (&"a=1".into(), &2.into(), &Value::Null));
        assert_eq!(first["startTimeUnixNano"], "1773480413042000000");
        assert_eq!(first["endTimeUnixNano"], "1773480413050000000");
        let status = json!({"key": "http.response.status_code", "value": {"intValue": "404"}});
        assert!(first["attributes"].as_array().unwrap().contains(&status));
        assert_eq!((&second["status"]["code"], &second["parentSpanId"]), (&2.into(), &Value::Null));
    }

    #[test]
    fn too_many_spans_are_dropped_and_counted_and_nobody_waits() {
        let metrics = Arc::new(Metrics::default());
        let (queue, _waiting) = sync_channel(2);
        let spans = Spans { queue, metrics: Arc::clone(&metrics) };
        let one = ended(Said::Nothing, 200);
        for _ in 0..5 {
            spans.give(&Span {
                trace: &one.trace,
                id: one.id,
                begun: one.begun,
                ended: one.ended,
                operation: one.operation,
                bucket: one.bucket.as_deref(),
                outcome: one.outcome,
                status: one.status,
                error_code: None,
                reason: "",
                bytes_in: 0,
                bytes_out: 0,
            });
        }
        let text =
            metrics.render(&crate::control::metrics::Reading::default(), &Default::default(), crate::time::Seconds(0));
        assert!(text.contains("bartizan_spans_total{fate=\"dropped\"} 3"), "{text}");
    }
}
