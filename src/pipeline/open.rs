//! A request whose intent is on record, until its completion is: what is learnt of it on the way, and what
//! the completion says (spec/access-logs.md 5).

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header;
use http::{HeaderName, HeaderValue};
use tokio::time::sleep;

use super::arriving::Arrived;
use super::facts::Facts;
use super::landing::Landing;
use super::measure::Measure;
use super::rates::Pass;
use super::refusal::{status, told};
use super::rehearsal;
use super::spent::Spent;
use super::task::{Envelope, Task};
use super::walk::Worker;
use crate::audit::{Completion, Deleted, Outcome, Receipt, SourceEnd};
use crate::body::{End, Tell, Verdict};
use crate::guard::Write;
use crate::guard::encryption::Seen;
use crate::id::RequestId;
use crate::limit::Permit;
use crate::limit::rehearsal::Rehearsed;
use crate::s3::Fault;
use crate::time::Millis;
use crate::trace::Trace;
use crate::upstream::Reply;
use crate::upstream::wire::{LateError, StoreError};

const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");

/// Counts what has happened.
pub trait Observe {
    /// A request has ended.
    fn finished(&self, finished: &Finished);

    /// The same of one whose trace is exported. Must not wait.
    fn span(&self, _span: &Span<'_>) {}
}

/// A request that has ended, as a span of its trace. Nothing in it is secret; no key, and nobody's name.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The trace and the span.
    pub trace: &'a Trace,
    /// The id of the request.
    pub id: RequestId,
    /// When its head had been read.
    pub begun: Millis,
    /// When the last octet of its answer was sent.
    pub ended: Millis,
    /// What was asked, where that was found out.
    pub operation: Option<&'static str>,
    /// The bucket.
    pub bucket: Option<&'a str>,
    /// How it ended.
    pub outcome: Outcome,
    /// The status sent.
    pub status: Option<u16>,
    /// The S3 error code.
    pub error_code: Option<&'a str>,
    /// Why, if it was refused or failed.
    pub reason: &'static str,
    /// Octets of the body received.
    pub bytes_in: u64,
    /// Answer sent.
    pub bytes_out: u64,
}

impl<'a> Span<'a> {
    pub(super) fn of(
        trace: &'a Trace,
        (id, begun, ended): (RequestId, Millis, Millis),
        bucket: Option<&'a str>,
        finished: &Finished,
        completion: &Completion<'a>,
    ) -> Self {
        Self {
            trace,
            id,
            begun,
            ended,
            operation: finished.operation,
            bucket,
            outcome: completion.outcome,
            status: completion.status,
            error_code: completion.error_code,
            reason: finished.reason,
            bytes_in: completion.bytes_in,
            bytes_out: completion.bytes_out,
        }
    }
}

/// What is learnt of a request between its intent and its end.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What became of the entries of a list of deletions.
    pub(super) deleted: Vec<Deleted>,
    /// The size of the source of a copy.
    pub(super) source_size: Option<u64>,
    /// It is the source of a copy that may not be read.
    pub(super) source_refused: bool,
}

/// A trace that is exported, and what its span says beside the completion.
#[derive(Debug)]
struct Traced {
    trace: Arc<Trace>,
    bucket: Option<String>,
}

/// How a request ended, in values from closed sets.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// What was asked, where that was found out.
    pub operation: Option<&'static str>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, if it was refused or failed.
    pub reason: &'static str,
    /// From the head to the end of the answer.
    pub milliseconds: u64,
    /// How much of that passed before the store's answer began.
    pub first_byte: Option<u64>,
    /// Octets of the body received.
    pub bytes_in: u64,
    /// Answer sent.
    pub bytes_out: u64,
    /// The fault that it met on purpose.
    pub rehearsed: Option<&'static str>,
    /// What a rule about encryption that only watches has seen.
    pub observed: Option<&'static str>,
    /// How long it would have had to wait for the limit that it is over.
    pub wait: Option<Duration>,
}

/// An intent on record that has no completion yet. Dropped, it completes as unknown.
pub struct Open {
    receipt: Receipt,
    _permit: Permit,
    pass: Pass,
    write: Option<Write>,
    received: Millis,
    arrived: Option<Arrived>,
    verdict: Option<Verdict>,
    operation: &'static str,
    asked: Measure,
    envelope: Envelope,
    issued: Option<String>,
    head: bool,
    told: Told,
    traced: Option<Box<Traced>>,
    landing: Option<Box<Landing>>,
    rehearsed: Option<Rehearsed>,
    seen: Option<Seen>,
    worker: Option<Rc<Worker>>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Open({:?})", self.receipt)
    }
}

impl Open {
    pub(super) fn new(
        receipt: Receipt,
        (permit, pass): (Permit, Pass),
        mut write: Option<Write>,
        facts: &mut Facts,
        task: &Task,
    ) -> Box<Self> {
        if let Some(write) = &mut write {
            write.sent();
        }
        Box::new(Self {
            receipt,
            _permit: permit,
            pass,
            write,
            received: facts.received,
            arrived: facts.arrived.take(),
            verdict: None,
            operation: task.name(),
            asked: Measure::of(facts, task),
            envelope: facts.envelope,
            issued: None,
            head: facts.is_head(),
            told: Told { source_size: facts.source_size, ..Told::default() },
            traced: facts.trace.as_ref().map(|trace| {
                let bucket = task.routed().and_then(|routed| routed.bucket.clone());
                Box::new(Traced { trace: Arc::clone(trace), bucket })
            }),
            landing: facts.landing.take(),
            rehearsed: facts.rehearsed.take(),
            seen: facts.encryption.seen,
            worker: None,
        })
    }

    /// Lends it a clock and somebody who counts.
    pub(super) fn watch(&mut self, worker: &Rc<Worker>) {
        self.traced = self.traced.take().filter(|traced| worker.trace.exports(&traced.trace));
        self.worker = Some(Rc::clone(worker));
    }

    /// Lets it know how much of the body has been read.
    pub(super) fn reads(&mut self, verdict: &Verdict) {
        self.verdict = Some(verdict.clone());
    }

    /// Where it is noted what is learnt on the way.
    pub(super) fn told(&mut self) -> &mut Told {
        &mut self.told
    }

    /// Octets of the body that the client has sent, whatever they are: forms and frames count whole.
    fn bytes_in(&self) -> u64 {
        self.arrived.as_ref().map_or(0, |arrived| arrived.octets())
    }

    /// Octets of object data among them.
    fn data_in(&self) -> u64 {
        self.verdict.as_ref().map_or(0, Verdict::bytes)
    }

    pub(super) fn id(&self) -> RequestId {
        self.receipt.id()
    }

    /// In whose words its errors are told.
    pub(super) fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// An access key was made.
    pub(super) fn issued(&mut self, access_key: Option<String>) {
        self.issued = access_key;
    }

    /// The fault that it meets on purpose.
    pub(super) fn rehearsed(&self) -> Option<&Rehearsed> {
        self.rehearsed.as_ref()
    }

    /// Waits, where that is rehearsed.
    pub(super) async fn wait(&self) {
        if let Some(wait) = rehearsal::wait(self.rehearsed()) {
            sleep(wait).await;
        }
    }

    /// Marks an answer whose request met a fault on purpose, and gives the octets after which it breaks off.
    pub(super) fn rehearse(&self, reply: &mut Reply) -> Option<u64> {
        rehearsal::mark(&mut reply.headers, self.rehearsed());
        rehearsal::cut(self.rehearsed())
    }

    pub(super) fn is_head(&self) -> bool {
        self.head
    }

    /// What was charged for it, where its answer is of interest for that.
    pub(super) fn spent(&self) -> Option<&Spent> {
        self.pass.spent.as_deref()
    }

    fn elapsed(&self) -> Option<u64> {
        self.since(self.received)
    }

    /// Milliseconds since then.
    fn since(&self, then: Millis) -> Option<u64> {
        let now = self.worker.as_ref()?.clock.now_millis();
        u64::try_from(now.0.saturating_sub(then.0)).ok()
    }

    /// Milliseconds since the last octet of the request came, where its record says that.
    fn turned_around(&self) -> Option<u64> {
        if !self.asked.has_turn_around() {
            return None;
        }
        match &self.arrived {
            Some(arrived) => self.since(arrived.whole()?),
            None => self.elapsed(),
        }
    }

    /// Ends with a fault found after the intent was on record, which is told in so many octets.
    pub(super) fn refused(self: Box<Self>, fault: &Fault, bytes_out: u64) {
        let outcome = if fault.reason().starts_with("upstream-") { Outcome::UpstreamFailed } else { Outcome::Refused };
        let (status, told) = (status(fault, self.head, self.envelope), told(fault, self.envelope));
        let refused = SourceEnd { status, error_code: told.error_code, object_size: None };
        let completion = Completion {
            outcome,
            status: Some(status),
            total_ms: self.elapsed(),
            bytes_in: self.bytes_in(),
            bytes_out,
            source: self.told.source_refused.then_some(refused),
            ..told
        };
        self.close(&completion, fault.reason());
    }

    /// The store's answer, as a form is answered.
    pub(super) fn landed(&mut self, reply: Reply) -> Reply {
        match self.landing.take() {
            Some(landing) => landing.answer(reply),
            None => reply,
        }
    }

    /// The store has answered; the record ends with the answer's body.
    pub(super) fn answered(mut self: Box<Self>, reply: &mut Reply) -> Closing {
        self.told.source_size = self.told.source_size.or(reply.size);
        let (first_byte_ms, turn_around_ms) = (self.elapsed(), self.turned_around());
        let etag = reply.headers.get(header::ETAG).cloned();
        let code = self.asked.code(reply);
        Closing {
            ending: Some(Box::new(Ending {
                status: reply.status.as_u16(),
                size: self.asked.size(reply, self.data_in(), self.told.source_size),
                shown: self.asked.shown(reply),
                message: self.asked.message(reply, code.as_deref()),
                code,
                late: None,
                missing: self.asked.missing(reply),
                upstream_id: reply.upstream_id.take(),
                first_byte_ms,
                turn_around_ms,
                etag,
                open: self,
            })),
        }
    }

    fn close(mut self: Box<Self>, completion: &Completion<'_>, reason: &'static str) {
        if let Some(write) = self.write.take() {
            match (completion.outcome, completion.status.unwrap_or_default()) {
                (Outcome::Completed, 200..300) if completion.error_code.is_none() => write.answered(),
                (Outcome::Completed, 300..500) | (Outcome::Refused, _) => write.refused(),
                _ => drop(write), // it may have happened
            }
        }
        if let Some(worker) = &self.worker {
            let finished = Finished {
                operation: Some(self.operation),
                outcome: completion.outcome,
                reason,
                milliseconds: completion.total_ms.unwrap_or_default(),
                first_byte: completion.first_byte_ms,
                bytes_in: completion.bytes_in,
                bytes_out: completion.bytes_out,
                rehearsed: self.rehearsed().map(|rehearsed| rehearsed.fault.word()),
                observed: self.seen.map(Seen::as_str),
                wait: None,
            };
            worker.observer.finished(&finished);
            if let Some(traced) = &self.traced {
                let times = (self.id(), self.received, worker.clock.now_millis());
                let bucket = traced.bucket.as_deref();
                worker.observer.span(&Span::of(&traced.trace, times, bucket, &finished, completion));
            }
        }
        self.receipt.complete(completion);
    }
}

/// Completes the record when the answer's body ends, however it does.
#[derive(Debug)]
pub struct Closing {
    ending: Option<Box<Ending>>,
}

#[derive(Debug)]
struct Ending {
    open: Box<Open>,
    status: u16,
    code: Option<String>,
    message: Option<String>,
    late: Option<LateError>,
    upstream_id: Option<HeaderValue>,
    size: Option<u64>,
    first_byte_ms: Option<u64>,
    turn_around_ms: Option<u64>,
    etag: Option<HeaderValue>,
    /// The bucket that is not there, where the store says which.
    missing: Option<String>,
    /// What the record shows of the answer's headers.
    shown: Vec<(&'static str, HeaderValue)>,
}

impl Closing {
    /// An error may still turn up at the end of the body.
    pub(super) fn await_error(&mut self, error: LateError) {
        if let Some(ending) = &mut self.ending {
            ending.late = Some(error);
        }
    }

    /// The whole answer is in hand.
    pub(super) fn end_now(&mut self, bytes: u64) {
        self.end(End { bytes, complete: true, failed: false });
    }

    fn end(&mut self, end: End) {
        let Some(ending) = self.ending.take() else { return };
        let Ending {
            mut open,
            status,
            code,
            message,
            late,
            upstream_id,
            size,
            first_byte_ms,
            turn_around_ms,
            etag,
            missing,
            shown,
        } = *ending;
        let late = late.as_ref().and_then(|late| late.get());
        let error_code = code.as_deref().or_else(|| late.map(|error| &*error.code));
        let error_message = message.as_deref().or_else(|| late.map(StoreError::message));
        let outcome = match end {
            End { complete: true, .. } => Outcome::Completed,
            End { failed: true, .. } => Outcome::UpstreamFailed,
            _ => Outcome::ClientGone,
        };
        let sent = end.complete || end.bytes > 0;
        let (issued, deleted) = (open.issued.take(), std::mem::take(&mut open.told.deleted));
        let created = shown.iter().find(|(name, _)| *name == VERSION_ID && open.asked.makes_versions());
        let completion = Completion {
            outcome,
            issued_key: issued.as_deref(),
            status: Some(status),
            error_code,
            error_message,
            bytes_in: open.bytes_in(),
            bytes_out: end.bytes,
            object_size: size.filter(|_| error_code.is_none()),
            first_byte_ms,
            turn_around_ms: turn_around_ms.filter(|_| sent && error_code.is_none() && (200..300).contains(&status)),
            total_ms: open.elapsed(),
            created_version: created.map(|(_, value)| value.as_bytes()),
            missing_bucket: missing.as_deref(),
            etag: etag.as_ref().map(HeaderValue::as_bytes),
            response_headers: &shown,
            source: open.asked.source(status, error_code, &open.told),
            deleted: &deleted,
            upstream_id: upstream_id.as_ref().map(HeaderValue::as_bytes),
            ..Completion::default()
        };
        open.close(&completion, "");
    }
}

impl Tell for Closing {
    fn tell(mut self, end: End) {
        self.end(end);
    }
}

impl Drop for Closing {
    /// The answer never reached a body that counts: the client was gone before.
    fn drop(&mut self) {
        self.end(End { bytes: 0, complete: false, failed: false });
    }
}
