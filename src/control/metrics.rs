//! What the proxy counts, under the names that interfaces promise.
//!
//! Invariants:
//! - label values are constants of the program, or names of limits in the configuration; never a key, a
//!   principal or an address;
//! - a worker counts through handles of its own, without a lock after the first time.

mod delivery;
mod inspection;
mod journal;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::audit::Counts;
use crate::delivery::Reading as DeliveryReading;
use crate::hash::QuickMap;
use crate::time::Seconds;

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Real = Gauge<f64, AtomicU64>;
type Timings = Family<Asked, Histogram, fn() -> Histogram>;

#[derive(Clone, Copy, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Ended {
    operation: &'static str,
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Asked {
    operation: &'static str,
}

#[derive(Clone, Copy, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Way {
    direction: &'static str,
}

#[derive(Clone, Copy, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OnPurpose {
    fault: &'static str,
}

#[derive(Clone, Copy, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfSpan {
    fate: &'static str,
}

/// What became of a span.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SpanFate {
    /// Too many waited.
    Dropped,
    /// The collector has taken it.
    Exported,
    /// The collector has not.
    Failed,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Rule {
    rule: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Called {
    call: &'static str,
    level: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Decided {
    dimension: String,
    decision: &'static str,
}

#[derive(Clone, Copy, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Observed {
    event: &'static str,
}

#[derive(Clone, Copy, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Answered {
    call: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Copy, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Looked {
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Limited {
    dimension: String,
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Ended, Counter>,
    seconds: Timings,
    upstream_seconds: Timings,
    received: Counter,
    sent: Counter,
    throttled: Family<Rule, Counter>,
    decisions: Family<Decided, Counter>,
    waits: Histogram,
    observed: Family<Observed, Counter>,
    kms_calls: Family<Called, Counter>,
    key_service_calls: Family<Answered, Counter>,
    data_keys: Family<Looked, Counter>,
    utilisation: Family<Limited, Real>,
    until_throttled: Family<Limited, Gauge>,
    throttle_keys: Family<Limited, Gauge>,
    throttle_overflow: Counter,
    store_degraded: Gauge,
    replicas: Gauge,
    rehearsed: Family<OnPurpose, Counter>,
    spans: Family<OfSpan, Counter>,
    connections: Gauge,
    journal: journal::Journal,
    generation: Gauge,
    reload_failures: Counter,
    certificate_expiry: Real,
    upstream_keys_expiry: Real,
    deliveries: delivery::Deliveries,
    inspection: inspection::Inspection,
}

/// One worker's way to the metrics. It belongs to one thread.
#[derive(Debug)]
pub struct Worker {
    metrics: Arc<Metrics>,
    requests: RefCell<QuickMap<Ended, Counter>>,
    seconds: RefCell<QuickMap<Asked, [Histogram; 2]>>,
}

/// The end of one request.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// The operation's name, or `-` where none was recognised.
    pub operation: &'static str,
    /// How it ended, as the record says.
    pub outcome: &'static str,
    /// Why it was refused, or `-`.
    pub reason: &'static str,
    /// From the end of its head to the last byte of its answer.
    pub took: Duration,
    /// How much of that was the upstream's.
    pub upstream: Option<Duration>,
    /// Bytes of body from the client.
    pub received: u64,
    /// Bytes of body to the client.
    pub sent: u64,
    /// The fault that it met on purpose.
    pub rehearsed: Option<&'static str>,
    /// What a rule about encryption that only watches has seen.
    pub observed: Option<&'static str>,
    /// How long it would have had to wait for the limit that it is over.
    pub wait: Option<Duration>,
}

/// What is asked of others when the metrics are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// What the journal has counted since the start.
    pub journal: Counts,
    /// The number of the generation of policies.
    pub policy_generation: u64,
    /// When the first certificate of a listener ends.
    pub certificate_expiry: Option<Seconds>,
    /// When the first keys end that the proxy was given for a while.
    pub upstream_keys_expiry: Option<Seconds>,
    /// Open client connections.
    pub connections: u64,
}

/// What is asked of rates and quotas when the metrics are read.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Refusals since the start, by the name of the limit.
    pub refused: Vec<(String, u64)>,
    /// Calls of the key service that were charged since the start, by name and level of sensitivity.
    pub calls: Vec<(&'static str, String, u64)>,
    /// Calls of the key service that were made since the start, by name and outcome.
    pub made: Vec<(&'static str, &'static str, u64)>,
    /// Data keys that were at hand (`hit`), or not (`miss`), since the start.
    pub data_keys: Vec<(&'static str, u64)>,
    /// Keys that had to share a count.
    pub overflow: u64,
    /// Whether the store of shared limits is away.
    pub degraded: bool,
    /// How many machines share the limits, this one counted.
    pub replicas: u32,
    /// What is counted.
    pub dimensions: Vec<LimitState>,
}

/// How full a limit is.
#[derive(Clone, Debug)]
pub struct LimitState {
    /// Its name in the configuration.
    pub name: String,
    /// How often it has let something pass since the start.
    pub passed: u64,
    /// How often it has refused something since the start.
    pub refused: u64,
    /// How many counts it has.
    pub keys: u64,
    /// Of uses of keys: those of the last second by the rate, and how many the fullest count has left.
    pub of_keys: Option<(f64, u64)>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("bartizan"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(timing),
            upstream_seconds: Family::new_with_constructor(timing),
            received: Counter::default(),
            sent: Counter::default(),
            throttled: Family::default(),
            decisions: Family::default(),
            waits: Histogram::new(exponential_buckets(0.001, 4.0, 12)), // to more than an hour
            observed: Family::default(),
            kms_calls: Family::default(),
            key_service_calls: Family::default(),
            data_keys: Family::default(),
            utilisation: Family::default(),
            until_throttled: Family::default(),
            throttle_keys: Family::default(),
            throttle_overflow: Counter::default(),
            store_degraded: Gauge::default(),
            replicas: Gauge::default(),
            rehearsed: Family::default(),
            spans: Family::default(),
            connections: Gauge::default(),
            journal: journal::Journal::default(),
            generation: Gauge::default(),
            reload_failures: Counter::default(),
            certificate_expiry: Real::default(),
            upstream_keys_expiry: Real::default(),
            deliveries: delivery::Deliveries::default(),
            inspection: inspection::Inspection::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let bytes = Family::<Way, Counter, fn() -> Counter>::new_with_constructor(Counter::default);
        self.received = bytes.get_or_create_owned(&Way { direction: "in" });
        self.sent = bytes.get_or_create_owned(&Way { direction: "out" });
        let registry = &mut self.registry;
        registry.register("requests", "Requests that have ended", self.requests.clone());
        registry.register("request_seconds", "Time of a request", self.seconds.clone());
        registry.register("upstream_seconds", "Time of the upstream", self.upstream_seconds.clone());
        registry.register("bytes", "Bytes of bodies, from and to clients", bytes);
        registry.register("throttled", "Requests over a rate", self.throttled.clone());
        registry.register("throttle_decisions", "What limits have decided", self.decisions.clone());
        registry.register("throttle_wait_seconds", "How long what was refused would wait", self.waits.clone());
        let observed = self.observed.clone();
        registry.register("encryption_observed", "Writes that a rule would refuse and only watches", observed);
        registry.register("kms_calls", "Calls of the key service that were charged", self.kms_calls.clone());
        let made = self.key_service_calls.clone();
        registry.register("key_service_calls", "Calls of the key service that were made", made);
        registry.register("data_keys", "Data keys of buckets that were at hand, or not", self.data_keys.clone());
        let utilisation = self.utilisation.clone();
        registry.register("kms_quota_utilisation", "Calls of the last second by the rate", utilisation);
        let until = self.until_throttled.clone();
        registry.register("kms_requests_until_throttled", "Calls that the fullest count has left", until);
        registry.register("throttle_keys", "Counts of a limit", self.throttle_keys.clone());
        let overflow = self.throttle_overflow.clone();
        registry.register("throttle_overflow", "Keys that had to share a count", overflow);
        let degraded = self.store_degraded.clone();
        registry.register("throttle_store_degraded", "Whether the store of shared limits is away", degraded);
        registry.register("throttle_replicas", "Proxies that share the limits", self.replicas.clone());
        registry.register("rehearsed", "Requests that met a fault on purpose", self.rehearsed.clone());
        registry.register("spans", "Spans for a collector of traces", self.spans.clone());
        self.journal.register(registry);
        registry.register("policy_generation", "Number of the live generation of policies", self.generation.clone());
        let failures = self.reload_failures.clone();
        registry.register("policy_reload_failures", "Generations of policies that were refused", failures);
        let expiry = self.certificate_expiry.clone();
        registry.register("certificate_expiry_seconds", "Time until the first server certificate ends", expiry);
        let keys = self.upstream_keys_expiry.clone();
        registry.register("upstream_keys_expiry_seconds", "Time until the first keys from elsewhere end", keys);
        self.deliveries.register(registry);
        self.inspection.register(registry);
        registry.register("connections", "Open client connections", self.connections.clone());
    }

    /// A way in for one worker.
    pub fn worker(self: &Arc<Self>) -> Worker {
        Worker { metrics: Arc::clone(self), requests: RefCell::default(), seconds: RefCell::default() }
    }

    /// Counts spans by what became of them.
    pub fn spans(&self, fate: SpanFate, count: u64) {
        let fate = match fate {
            SpanFate::Dropped => "dropped",
            SpanFate::Exported => "exported",
            SpanFate::Failed => "failed",
        };
        self.spans.get_or_create(&OfSpan { fate }).inc_by(count);
    }

    /// Counts a generation of policies that was refused.
    pub fn policy_reload_failed(&self) {
        self.reload_failures.inc();
    }

    /// Takes in what was found in uploads.
    pub fn take_inspection(&self, reading: &crate::inspect::Reading) {
        self.inspection.take(reading);
    }

    /// Takes in what deliveries have counted.
    pub fn take_deliveries(&self, readings: &[DeliveryReading]) {
        self.deliveries.take(readings);
    }

    /// Everything, in the text format of Prometheus.
    pub fn render(&self, reading: &Reading, limits: &Limits, now: Seconds) -> String {
        self.take_limits(limits);
        self.journal.take(&reading.journal);
        self.generation.set(i64::try_from(reading.policy_generation).unwrap_or(i64::MAX));
        self.connections.set(i64::try_from(reading.connections).unwrap_or(i64::MAX));
        let left = |end: Option<Seconds>| end.map_or(f64::NAN, |end| seconds(end.0.saturating_sub(now.0)));
        self.certificate_expiry.set(left(reading.certificate_expiry));
        self.upstream_keys_expiry.set(left(reading.upstream_keys_expiry));
        let mut text = String::with_capacity(16 << 10);
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Metrics {
    /// The counts of limits only grow, as counters must.
    fn take_limits(&self, limits: &Limits) {
        for (rule, count) in &limits.refused {
            self.throttled.get_or_create(&Rule { rule: rule.clone() }).inner().store(*count, Ordering::Relaxed);
        }
        for (call, level, count) in &limits.calls {
            let called = Called { call, level: level.clone() };
            self.kms_calls.get_or_create(&called).inner().store(*count, Ordering::Relaxed);
        }
        for (call, outcome, count) in &limits.made {
            self.key_service_calls.get_or_create(&Answered { call, outcome }).inner().store(*count, Ordering::Relaxed);
        }
        for (outcome, count) in &limits.data_keys {
            self.data_keys.get_or_create(&Looked { outcome }).inner().store(*count, Ordering::Relaxed);
        }
        self.throttle_overflow.inner().store(limits.overflow, Ordering::Relaxed);
        self.store_degraded.set(limits.degraded.into());
        self.replicas.set(limits.replicas.into());
        for limit in &limits.dimensions {
            for (decision, count) in [("allow", limit.passed), ("throttle", limit.refused)] {
                let decided = Decided { dimension: limit.name.clone(), decision };
                self.decisions.get_or_create(&decided).inner().store(count, Ordering::Relaxed);
            }
            let label = Limited { dimension: limit.name.clone() };
            let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            self.throttle_keys.get_or_create(&label).set(whole(limit.keys));
            if let Some((utilisation, left)) = limit.of_keys {
                self.utilisation.get_or_create(&label).set(utilisation);
                self.until_throttled.get_or_create(&label).set(whole(left));
            }
        }
    }
}

impl Worker {
    /// Counts the end of a request.
    pub fn ended(&self, end: &End) {
        let labels = Ended { operation: end.operation, outcome: end.outcome, reason: end.reason };
        let metrics = &self.metrics;
        self.requests.borrow_mut().entry(labels).or_insert_with(|| metrics.requests.get_or_create_owned(&labels)).inc();
        let asked = Asked { operation: end.operation };
        let mut seconds = self.seconds.borrow_mut();
        let [request, upstream] = seconds.entry(asked).or_insert_with(|| {
            [metrics.seconds.get_or_create_owned(&asked), metrics.upstream_seconds.get_or_create_owned(&asked)]
        });
        request.observe(end.took.as_secs_f64());
        if let Some(took) = end.upstream {
            upstream.observe(took.as_secs_f64());
        }
        if let Some(fault) = end.rehearsed {
            metrics.rehearsed.get_or_create(&OnPurpose { fault }).inc();
        }
        if let Some(event) = end.observed {
            metrics.observed.get_or_create(&Observed { event }).inc();
        }
        if let Some(wait) = end.wait {
            metrics.waits.observe(wait.as_secs_f64());
        }
        metrics.received.inc_by(end.received);
        metrics.sent.inc_by(end.sent);
    }
}

/// From half a millisecond to half a minute.
fn timing() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 17))
}

#[expect(clippy::cast_precision_loss, reason = "seconds of the life of a certificate or of keys are far below 2^52")]
fn seconds(seconds: i64) -> f64 {
    seconds as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_promised_name_is_there() {
        let metrics = Arc::new(Metrics::default());
        let worker = metrics.worker();
        let end = End {
            operation: "GetObject",
            outcome: "completed",
            reason: "-",
            took: Duration::from_millis(3),
            upstream: Some(Duration::from_millis(2)),
            received: 0,
            sent: 1000,
            rehearsed: Some("cut"),
            observed: None,
            wait: None,
        };
        worker.ended(&end);
        worker.ended(&end);
        let wait = Some(Duration::from_millis(3));
        metrics.worker().ended(&End { outcome: "refused", reason: "unknown-key", upstream: None, wait, ..end });
        worker.ended(&End {
            operation: "PutObject",
            observed: Some("EncryptionWrong"),
            rehearsed: None,
            sent: 0,
            ..end
        });
        let state = |name: &str, of_keys| LimitState { name: name.to_owned(), passed: 7, refused: 1, keys: 2, of_keys };
        let limits = Limits {
            refused: vec![("rate.kms.symmetric".to_owned(), 1)],
            calls: vec![("Decrypt", "-".to_owned(), 5), ("Decrypt", "restricted".to_owned(), 2)],
            made: vec![("Decrypt", "ok", 4)],
            data_keys: vec![("hit", 9)],
            overflow: 6,
            degraded: true,
            replicas: 3,
            dimensions: vec![state("rate.kms.symmetric", Some((0.5, 40))), state("tenants", None)],
        };
        metrics.policy_reload_failed();
        metrics.spans(SpanFate::Failed, 4);
        let reading = Reading {
            journal: Counts {
                intents: 3,
                completions: 2,
                combined: 1,
                gaps: 1,
                unknown: 1,
                lost_completions: 4,
                lag_nanos: 1_500_000_000,
                open: 1,
                ..Counts::default()
            },
            policy_generation: 1,
            certificate_expiry: Some(Seconds(1100)),
            upstream_keys_expiry: Some(Seconds(1030)),
            connections: 3,
        };
        let text = metrics.render(&reading, &limits, Seconds(1000));
        for line in [
            r#"bartizan_requests_total{operation="GetObject",outcome="completed",reason="-"} 2"#,
            r#"bartizan_requests_total{operation="GetObject",outcome="refused",reason="unknown-key"} 1"#,
            r#"bartizan_request_seconds_count{operation="GetObject"} 3"#,
            r#"bartizan_upstream_seconds_count{operation="GetObject"} 2"#,
            r#"bartizan_bytes_total{direction="out"} 3000"#,
            r#"bartizan_bytes_total{direction="in"} 0"#,
            r#"bartizan_throttled_total{rule="rate.kms.symmetric"} 1"#,
            r#"bartizan_throttle_decisions_total{dimension="tenants",decision="allow"} 7"#,
            r#"bartizan_throttle_decisions_total{dimension="tenants",decision="throttle"} 1"#,
            "bartizan_throttle_wait_seconds_sum 0.003",
            r#"bartizan_throttle_wait_seconds_bucket{le="0.004"} 1"#,
            r#"bartizan_encryption_observed_total{event="EncryptionWrong"} 1"#,
            r#"bartizan_kms_calls_total{call="Decrypt",level="-"} 5"#,
            r#"bartizan_kms_calls_total{call="Decrypt",level="restricted"} 2"#,
            r#"bartizan_key_service_calls_total{call="Decrypt",outcome="ok"} 4"#,
            r#"bartizan_data_keys_total{outcome="hit"} 9"#,
            r#"bartizan_kms_quota_utilisation{dimension="rate.kms.symmetric"} 0.5"#,
            r#"bartizan_kms_requests_until_throttled{dimension="rate.kms.symmetric"} 40"#,
            r#"bartizan_throttle_keys{dimension="tenants"} 2"#,
            "bartizan_throttle_overflow_total 6",
            "bartizan_throttle_store_degraded 1",
            "bartizan_throttle_replicas 3",
            r#"bartizan_rehearsed_total{fault="cut"} 3"#,
            r#"bartizan_spans_total{fate="failed"} 4"#,
            "bartizan_journal_records_total 7",
            r#"bartizan_journal_kinds_total{kind="intent"} 3"#,
            r#"bartizan_journal_kinds_total{kind="completion"} 2"#,
            r#"bartizan_journal_kinds_total{kind="combined"} 1"#,
            r#"bartizan_journal_kinds_total{kind="gap"} 1"#,
            "bartizan_journal_unknown_total 1",
            r#"bartizan_journal_lost_total{kind="completion"} 4"#,
            r#"bartizan_journal_lost_total{kind="intent"} 0"#,
            r#"bartizan_journal_failures_total{what="sync"} 0"#,
            "bartizan_journal_open 1",
            "bartizan_journal_lag_seconds 1.5",
            "bartizan_policy_generation 1",
            "bartizan_policy_reload_failures_total 1",
            "bartizan_certificate_expiry_seconds 100.0",
            "bartizan_upstream_keys_expiry_seconds 30.0",
            "bartizan_connections 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
