//! Looking at one upload.

use std::sync::Arc;

use super::Object;
use super::counts::{Counts, Fate};
use super::finding::{Seen, document};
use super::ledger::Ledger;
use crate::detect::{Detectors, Encoding, Format, Reason, Report, Scanner, Status, severity};

/// What the thread has.
pub(super) struct Work {
    pub(super) detectors: Arc<Detectors>,
    pub(super) ledger: Ledger,
    pub(super) counts: Arc<Counts>,
}

impl Work {
    /// Looks at it, counts it, and writes down what was found.
    pub(super) fn look(&mut self, object: &Object, data: &[u8]) {
        let whole = data.len() as u64 >= object.size;
        let report = scan(&self.detectors, object, data);
        let status = status(report.status, whole, object.part.is_some());
        let found = severity(report.counts.iter().map(|(identifier, count)| (*identifier, *count)));
        let fate = match (found, status) {
            (Some(_), _) => Fate::Sensitive,
            (None, Status::Complete) => Fate::Clean,
            (None, Status::Partial(_)) => Fate::Partial,
            (None, Status::Skipped(_)) => Fate::Skipped,
        };
        self.counts.looked(fate, data.len() as u64);
        let Some((severity, kind)) = found else { return };
        self.counts.found(kind.as_str(), severity.as_str());
        let seen = Seen { severity, kind, status, report: &report };
        if let Err(error) = self.ledger.add(&document(object, &seen), object.time.seconds()) {
            self.counts.unwritten();
            tracing::error!(%error, request_id = object.request, "a finding could not be written");
        }
    }
}

/// What is in the data, as far as it was heard.
fn scan(detectors: &Arc<Detectors>, object: &Object, data: &[u8]) -> Report {
    let Ok(encoding) = Encoding::of(object.content_encoding.as_deref().unwrap_or_default()) else {
        return Report { status: Status::Skipped(Reason::EncryptedOrCompressed), ..Report::default() };
    };
    // Of a part, the type of the whole is not known, and all but the first begin in its middle.
    let format = object.content_type.as_deref().and_then(Format::of);
    let year = object.time.rfc3339().get(..4).and_then(|year| year.parse().ok()).unwrap_or_default();
    let mut scanner = Scanner::new(Arc::clone(detectors), format, encoding, year);
    scanner.feed(data);
    scanner.finish()
}

/// How far it went: what was skipped was, whatever else; what was not heard was not looked at.
fn status(scanned: Status, whole: bool, part: bool) -> Status {
    match scanned {
        Status::Skipped(_) => scanned,
        _ if !whole => Status::Partial(Reason::SizeLimit),
        Status::Complete if part => Status::Partial(Reason::Sampled),
        _ => scanned,
    }
}
