//! What deliveries have counted, under the names that `docs/delivery.md` promises. Labels are names of the
//! configuration, and one for all buckets whose logging is on.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::delivery::Reading;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Destination {
    sink: String,
}

type Count = Family<Destination, Counter>;

/// The metrics of deliveries.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    records: Count,
    batches: Count,
    failures: Count,
    given_up: Count,
    rejected: Count,
    missing: Count,
    failing: Family<Destination, Gauge>,
    lag: Family<Destination, Gauge<f64, AtomicU64>>,
}

impl Deliveries {
    pub(super) fn register(&self, registry: &mut Registry) {
        let mut count = |name, help, count: &Count| registry.register(name, help, count.clone());
        count("delivery_records", "Records that were delivered", &self.records);
        count("delivery_batches", "Deliveries that were taken", &self.batches);
        count("delivery_failures", "Tries of a delivery that failed", &self.failures);
        count("delivery_given_up_records", "Records that were given up after seven days", &self.given_up);
        count("delivery_rejected_records", "Records that a destination refused for good", &self.rejected);
        count("delivery_missing_records", "Records that were gone before they were delivered", &self.missing);
        registry.register("delivery_failing", "Whether the last try of a destination failed", self.failing.clone());
        registry.register("delivery_lag_seconds", "Age of what was delivered or tried last", self.lag.clone());
    }

    /// The counts of deliveries only grow, as counters must.
    pub(super) fn take(&self, readings: &[Reading]) {
        for reading in readings {
            let label = Destination { sink: reading.sink.clone() };
            for (count, value) in [
                (&self.records, reading.records),
                (&self.batches, reading.deliveries),
                (&self.failures, reading.failures),
                (&self.given_up, reading.given_up),
                (&self.rejected, reading.rejected),
                (&self.missing, reading.missing),
            ] {
                count.get_or_create(&label).inner().store(value, Ordering::Relaxed);
            }
            self.failing.get_or_create(&label).set(reading.failing.into());
            let lag = std::time::Duration::from_millis(reading.lag_millis);
            self.lag.get_or_create(&label).set(lag.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn every_promised_name_is_there() {
        let (deliveries, mut registry) = (Deliveries::default(), Registry::with_prefix("bartizan"));
        deliveries.register(&mut registry);
        let reading = Reading {
            records: 1,
            deliveries: 2,
            failures: 3,
            given_up: 4,
            rejected: 5,
            missing: 6,
            ..Reading::default()
        };
        deliveries.take(&[Reading { sink: "trail".to_owned(), failing: true, lag_millis: 1500, ..reading }]);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"bartizan_delivery_records_total{sink="trail"} 1"#,
            r#"bartizan_delivery_batches_total{sink="trail"} 2"#,
            r#"bartizan_delivery_failures_total{sink="trail"} 3"#,
            r#"bartizan_delivery_given_up_records_total{sink="trail"} 4"#,
            r#"bartizan_delivery_rejected_records_total{sink="trail"} 5"#,
            r#"bartizan_delivery_missing_records_total{sink="trail"} 6"#,
            r#"bartizan_delivery_failing{sink="trail"} 1"#,
            r#"bartizan_delivery_lag_seconds{sink="trail"} 1.5"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
