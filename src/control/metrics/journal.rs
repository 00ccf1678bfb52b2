//! What the journal counts, as metrics. Its own counts only grow, as counters must.
//!
//! `intents + recovered = completions + open`, once nothing waits: every intent has one completion or is
//! open; `unknown` of the completions say that nobody knows how the request ended.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Real;
use crate::audit::Counts;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Failed {
    what: &'static str,
}

/// The journal's metrics.
#[derive(Debug, Default)]
pub(super) struct Journal {
    records: Counter,
    lag: Real,
    kinds: Family<OfKind, Counter>,
    lost: Family<OfKind, Counter>,
    failures: Family<Failed, Counter>,
    unknown: Counter,
    recovered: Counter,
    refused: Counter,
    removed: Counter,
    open: Gauge,
    waiting: Gauge,
}

impl Journal {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("journal_records", "Records in the journal", self.records.clone());
        registry.register("journal_lag_seconds", "Age of the oldest waiting record", self.lag.clone());
        registry.register("journal_kinds", "Records in the journal by kind", self.kinds.clone());
        registry.register("journal_lost", "Records that could not be written, by kind", self.lost.clone());
        registry.register("journal_failures", "Failures of the journal's disk", self.failures.clone());
        registry.register("journal_unknown", "Completions of unknown outcome", self.unknown.clone());
        registry.register("journal_recovered", "Open intents that the last run left", self.recovered.clone());
        registry.register("journal_refused", "Requests that the journal could not take", self.refused.clone());
        registry.register("journal_removed_segments", "Segments that retention removed", self.removed.clone());
        registry.register("journal_open", "Intents without a completion", self.open.clone());
        registry.register("journal_waiting", "Records that wait to be written", self.waiting.clone());
    }

    /// Takes what the journal counted.
    pub(super) fn take(&self, counts: &Counts) {
        let store = |counter: &Counter, count: u64| counter.inner().store(count, Ordering::Relaxed);
        let set = |gauge: &Gauge, count: u64| gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        store(&self.records, counts.records());
        self.lag.set(std::time::Duration::from_nanos(counts.lag_nanos).as_secs_f64());
        for (kind, count) in [
            ("intent", counts.intents),
            ("completion", counts.completions),
            ("combined", counts.combined),
            ("gap", counts.gaps),
            ("seal", counts.seals),
            ("checkpoint", counts.checkpoints),
        ] {
            store(&self.kinds.get_or_create(&OfKind { kind }), count);
        }
        for (kind, count) in [
            ("intent", counts.lost_intents),
            ("completion", counts.lost_completions),
            ("combined", counts.lost_combined),
        ] {
            store(&self.lost.get_or_create(&OfKind { kind }), count);
        }
        for (what, count) in
            [("write", counts.write_failures), ("sync", counts.sync_failures), ("upkeep", counts.upkeep_failures)]
        {
            store(&self.failures.get_or_create(&Failed { what }), count);
        }
        store(&self.unknown, counts.unknown);
        store(&self.recovered, counts.recovered);
        store(&self.refused, counts.refused);
        store(&self.removed, counts.removed);
        set(&self.open, counts.open);
        set(&self.waiting, counts.waiting);
    }
}
