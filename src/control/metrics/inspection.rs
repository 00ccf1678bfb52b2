//! What was looked at for sensitive content, under the names of spec/detection.md 2.3. Labels are constants of
//! the program; they exist from the start where anything is looked at.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::inspect::Reading;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Looked {
    result: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Found {
    r#type: &'static str,
    severity: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Dropped {
    consumer: &'static str,
}

/// The metrics of inspection.
#[derive(Debug, Default)]
pub(super) struct Inspection {
    uploads: Family<Looked, Counter>,
    octets: Family<Looked, Counter>,
    findings: Family<Found, Counter>,
    unwritten: Family<Dropped, Counter>,
    dropped: Family<Dropped, Counter>,
}

impl Inspection {
    pub(super) fn register(&self, registry: &mut Registry) {
        let looked = "Uploads that were looked at for sensitive content, by what came of it";
        registry.register("scan_objects", looked, self.uploads.clone());
        registry.register("scan_bytes", "Octets of them that were looked at", self.octets.clone());
        registry.register("findings", "Findings, by type and severity", self.findings.clone());
        let unwritten = "Findings that could not be written to their file";
        registry.register("findings_unwritten", unwritten, self.unwritten.clone());
        let dropped = "What was to be looked at and was not, for want of room";
        registry.register("detection_dropped", dropped, self.dropped.clone());
    }

    /// The counts only grow, as counters must.
    pub(super) fn take(&self, reading: &Reading) {
        let store = |counter: &Counter, value| counter.inner().store(value, Ordering::Relaxed);
        for (result, uploads, octets) in &reading.looked {
            store(&self.uploads.get_or_create(&Looked { result }), *uploads);
            store(&self.octets.get_or_create(&Looked { result }), *octets);
        }
        for (r#type, severity, count) in &reading.findings {
            store(&self.findings.get_or_create(&Found { r#type, severity }), *count);
        }
        let content = Dropped { consumer: "content" };
        store(&self.unwritten.get_or_create(&content), reading.unwritten);
        store(&self.dropped.get_or_create(&content), reading.dropped);
    }
}
