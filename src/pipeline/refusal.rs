//! A request that goes nowhere: recorded first, answered then.

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::answer::{Answer, stamp, stamp_sts};
use super::deletions::refusals;
use super::early::Early;
use super::facts::{Connection, Facts};
use super::live::Asked;
use super::open::{Finished, Open, Span};
use super::record::unproved;
use super::rehearsal;
use super::rule::{Instead, Overruled};
use super::task::{Envelope, Task};
use super::walk::Worker;
use crate::audit::{Completion, Decision, Intent, JournalFull, Outcome, SourceEnd};
use crate::id::RequestId;
use crate::limit::surface::{NEVER, is_of_key_service};
use crate::s3::{Code, Fault, Operation, xml};
use crate::sts;

/// Why a request is refused, with what is known of it. Not an answer: see [`Refusal::log`].
#[derive(Debug)]
pub struct Refusal(Box<Inner>);

#[derive(Debug)]
struct Inner {
    fault: Fault,
    state: State,
    /// What is answered in the place of an error, with 200.
    instead: Option<Instead>,
}

#[derive(Debug)]
enum State {
    /// Before the intent was on record.
    Before(Box<Facts>),
    /// After.
    After(Box<Open>),
}

/// A refusal that is on record, and so may be answered.
#[derive(Debug)]
pub struct LoggedRefusal {
    fault: Fault,
    id: RequestId,
    bare: bool,
    envelope: Envelope,
    document: Bytes,
    /// The document is in the place of an error.
    instead: bool,
}

impl Refusal {
    pub(super) fn new(fault: Fault, mut facts: Box<Facts>) -> Self {
        if fault.is_of_control() {
            facts.envelope = Envelope::Control;
        }
        Self(Box::new(Inner { fault, state: State::Before(facts), instead: None }))
    }

    pub(super) fn asked(fault: Fault, mut facts: Box<Facts>, task: Task) -> Self {
        facts.task = Some(task);
        Self::new(fault, facts)
    }

    /// Before it is known who asks; what was asked may be known already.
    pub(super) fn early(fault: Fault, mut facts: Box<Facts>, asked: Asked, early: &Early) -> Self {
        facts.claim_of(early);
        match asked {
            Asked::Store(Ok(routed)) => Self::asked(fault, facts, Task::Store(routed)),
            Asked::Store(Err(_)) | Asked::Tokens(_) => Self::new(fault, facts),
        }
    }

    /// By policy.
    pub(super) fn overruled(overruled: Overruled, mut facts: Box<Facts>, task: Task) -> Self {
        let Overruled { fault, statement, source, instead } = overruled;
        facts.forbidden = statement;
        facts.source_refused = source;
        let mut refusal = Self::asked(fault, facts, task);
        refusal.0.instead = instead;
        refusal
    }

    pub(super) fn after(fault: Fault, open: Box<Open>) -> Self {
        Self(Box::new(Inner { fault, state: State::After(open), instead: None }))
    }

    /// Puts the refusal on record: as one combined record, or as the completion of its intent. Where the
    /// journal takes nothing, the answer says that instead.
    pub async fn log(self, worker: &Worker) -> LoggedRefusal {
        let Inner { fault, state, instead } = *self.0;
        match state {
            State::After(open) => {
                let fault = rehearsal::marked(fault, open.rehearsed());
                let answer = LoggedRefusal::new(fault, open.id(), open.is_head(), open.envelope());
                open.refused(&answer.fault, answer.document.len() as u64);
                answer
            }
            State::Before(mut facts) => {
                facts.claim();
                let rehearsed = facts.rehearsed.get();
                let fault = in_region(rehearsal::marked(fault, rehearsed), &facts);
                let answer = LoggedRefusal::new(fault, facts.id, facts.is_head(), facts.envelope);
                record(&facts, answer, instead, worker).await
            }
        }
    }
}

/// Whoever asks for a bucket alone hears where it is, whatever the answer (spec/errors.md 2).
fn in_region(fault: Fault, facts: &Facts) -> Fault {
    let routed = facts.task.as_ref().and_then(Task::routed);
    let asks = match (routed, &facts.named) {
        (Some(routed), _) => routed.operation == Operation::HeadBucket,
        (None, Some(named)) => named.key.is_none() && facts.is_head(),
        (None, None) => false,
    };
    match facts.home.as_ref().and_then(|home| home.region.as_deref()).filter(|_| asks) {
        Some(region) => fault.header("x-amz-bucket-region", region),
        None => fault,
    }
}

/// Puts a refusal on record before there is an intent.
async fn record(facts: &Facts, answer: LoggedRefusal, instead: Option<Instead>, worker: &Worker) -> LoggedRefusal {
    let Instead { document, refused } = instead.unwrap_or_default();
    let deleted = refusals(&refused);
    let answer = match document {
        Some(document) => LoggedRefusal { document: document.into(), instead: true, ..answer },
        None => answer,
    };
    let (fault, envelope) = (&answer.fault, answer.envelope);
    let now = worker.clock.now_millis();
    let mut completion = Completion {
        mismatch: facts.mismatch(),
        dimension: facts.limit.as_deref(),
        bytes_in: octets_in(facts),
        status: Some(status(fault, answer.bare, envelope)),
        bytes_out: answer.document.len() as u64,
        total_ms: u64::try_from(now.0.saturating_sub(facts.received.0)).ok(),
        deleted: &deleted,
        ..told(fault, envelope)
    };
    if answer.instead {
        // Each entry has its own error; the answer as a whole is none.
        completion = Completion { status: Some(200), error_code: None, error_message: None, ..completion };
    }
    if facts.source_refused {
        let (status, error_code) = (completion.status.unwrap_or_default(), completion.error_code);
        completion.source = Some(SourceEnd { status, error_code, object_size: None });
    }
    let throttled = fault.code() == Code::SlowDown || is_of_key_service(fault.code());
    let decision = if throttled { Decision::Throttle } else { Decision::Deny };
    let lent = facts.lent(facts.grant.as_ref());
    let finished = counted(fault, facts);
    worker.observer.finished(&finished);
    if let Some(trace) = facts.trace.as_deref().filter(|trace| worker.trace.exports(trace)) {
        let routed = facts.task.as_ref().and_then(Task::routed);
        let bucket = routed.and_then(|routed| routed.bucket.as_deref());
        worker.observer.span(&Span::of(trace, (facts.id, facts.received, now), bucket, &finished, &completion));
    }
    facts.tell_mismatch();
    let recorded = worker.journal.refuse(&facts.intent(None, &lent, decision), &completion).await;
    match recorded {
        Ok(_filed) => answer,
        Err(full) => LoggedRefusal::new(journal_full(&full), answer.id, answer.bare, answer.envelope),
    }
}

/// Puts on record that a head could not be read. Of what was asked nothing is known, nor who asked: it is answered
/// before anybody could look.
pub async fn record_unread(fault: Fault, id: RequestId, sent: u64, connection: &Connection, worker: &Worker) {
    let completion = Completion { bytes_out: sent, total_ms: Some(0), ..completion(&fault) };
    let finished = Finished {
        rehearsed: None,
        observed: None,
        wait: None,
        operation: None,
        outcome: Outcome::Refused,
        reason: fault.reason(),
        milliseconds: 0,
        first_byte: None,
        bytes_in: 0,
        bytes_out: 0,
    };
    worker.observer.finished(&finished);
    let intent = Intent::new(id, worker.clock.now_millis());
    let intent = Intent { connection: connection.record(None), requester: unproved(), ..intent };
    let _answered_already = worker.journal.refuse(&intent, &completion).await;
}

impl LoggedRefusal {
    fn new(fault: Fault, id: RequestId, bare: bool, envelope: Envelope) -> Self {
        let document = match envelope {
            Envelope::Sts => sts::error_document(&sts::said(&fault), id.as_str()),
            Envelope::Control | Envelope::S3 if bare => Vec::new(),
            Envelope::Control => xml::control_error_document(&fault, id.as_str(), id.host_id()),
            Envelope::S3 => xml::error_document(&fault, id.as_str(), id.host_id()),
        };
        Self { fault, id, bare, envelope, document: document.into(), instead: false }
    }

    /// The error answer (spec/errors.md 1).
    pub fn into_response(self) -> Response<Answer> {
        let Self { fault, id, bare, envelope, document, instead } = self;
        if envelope == Envelope::Sts {
            return in_words_of_sts(&fault, &id, document);
        }
        if instead {
            let mut response = Response::new(Answer::full(document));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            stamp(response.headers_mut(), &id);
            return response;
        }
        let body = if bare { Answer::empty() } else { Answer::full(document) };
        let mut response = Response::new(body);
        let status = status(&fault, bare, envelope);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if !bare {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        }
        let in_vain = fault.reason() == NEVER;
        if status == 503 && !in_vain && !fault.headers().iter().any(|(name, _)| *name == "retry-after") {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            headers.insert(HeaderName::from_static("x-amz-retry-after"), HeaderValue::from_static("1000"));
        }
        add_headers(headers, &fault);
        stamp(headers, &id);
        response
    }

    /// The fault that is answered.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }
}

/// The status of an error answer. Without a document a 400 would be taken for good, whatever the code.
pub(super) fn status(fault: &Fault, bare: bool, envelope: Envelope) -> u16 {
    match envelope {
        Envelope::Sts => sts::said(fault).status,
        Envelope::Control | Envelope::S3 if bare && is_of_key_service(fault.code()) => 503,
        Envelope::Control | Envelope::S3 => fault.status(),
    }
}

/// The error answer of the token service (spec/errors.md 4).
fn in_words_of_sts(fault: &Fault, id: &RequestId, document: Bytes) -> Response<Answer> {
    let said = sts::said(fault);
    let mut response = Response::new(Answer::full(document));
    *response.status_mut() = StatusCode::from_u16(said.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    add_headers(headers, fault);
    stamp_sts(headers, id);
    response
}

fn add_headers(headers: &mut HeaderMap, fault: &Fault) {
    for (name, value) in fault.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
}

/// Octets of the body that the client had sent.
fn octets_in(facts: &Facts) -> u64 {
    facts.arrived.as_ref().map_or(0, |arrived| arrived.octets())
}

fn counted(fault: &Fault, facts: &Facts) -> Finished {
    Finished {
        rehearsed: facts.rehearsed.get().map(|rehearsed| rehearsed.fault.word()),
        observed: None, // it has not gone on
        wait: facts.wait,
        operation: facts.task.as_ref().map(Task::name),
        outcome: Outcome::Refused,
        reason: fault.reason(),
        milliseconds: 0,
        first_byte: None,
        bytes_in: octets_in(facts),
        bytes_out: 0,
    }
}

/// A refusal's completion.
pub(super) fn completion(fault: &Fault) -> Completion<'_> {
    Completion {
        outcome: Outcome::Refused,
        status: Some(fault.status()),
        error_code: Some(fault.code().as_str()),
        error_message: Some(fault.message()),
        reason: Some(fault.reason()),
        detail: fault.private_detail(),
        missing_bucket: missing(fault),
        ..Completion::default()
    }
}

/// The bucket that is not there.
fn missing(fault: &Fault) -> Option<&str> {
    let is_bucket = fault.code() == Code::NoSuchBucket;
    let mut elements = fault.elements().iter().filter(|_| is_bucket);
    elements.find(|(name, _)| *name == "BucketName").map(|(_, bucket)| bucket.as_str())
}

/// The same with the status, code and words that the client gets.
pub(super) fn told(fault: &Fault, envelope: Envelope) -> Completion<'_> {
    match envelope {
        Envelope::Control | Envelope::S3 => completion(fault),
        Envelope::Sts => {
            let said = sts::said(fault);
            Completion { status: Some(said.status), error_code: Some(said.code), ..completion(fault) }
        }
    }
}

/// What a client hears when nothing can be put on record.
pub(super) fn journal_full(full: &JournalFull) -> Fault {
    Fault::plain(Code::ServiceUnavailable, "journal-full").detail(full.to_string())
}
