//! A request that goes nowhere: recorded first, answered then.

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::answer::{Answer, stamp, stamp_sts};
use super::facts::Facts;
use super::rehearsal;
use super::rule::Overruled;
use super::task::{Envelope, Task};
use super::walk::{Finished, Open, Worker};
use crate::audit::{Completion, Decision, JournalFull, Outcome};
use crate::id::RequestId;
use crate::limit::rehearsal::Rehearsed;
use crate::limit::surface::{NEVER, is_of_key_service};
use crate::s3::{Code, Fault, xml};
use crate::sts;

/// Why a request is refused, with what is known of it. Not an answer: see [`Refusal::log`].
#[derive(Debug)]
pub struct Refusal(Box<Inner>);

#[derive(Debug)]
struct Inner {
    fault: Fault,
    state: State,
    /// A document that is answered in the place of an error, with 200.
    instead: Option<Vec<u8>>,
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
    instead: Option<Vec<u8>>,
}

impl Refusal {
    pub(super) fn new(fault: Fault, facts: Box<Facts>) -> Self {
        Self(Box::new(Inner { fault, state: State::Before(facts), instead: None }))
    }

    pub(super) fn asked(fault: Fault, mut facts: Box<Facts>, task: Task) -> Self {
        facts.task = Some(task);
        Self::new(fault, facts)
    }

    /// By policy.
    pub(super) fn overruled(overruled: Overruled, mut facts: Box<Facts>, task: Task) -> Self {
        let Overruled { fault, statement, instead } = overruled;
        facts.forbidden = statement;
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
                let (id, bare, envelope) = (open.id(), open.is_head(), open.envelope());
                let fault = rehearsal::marked(fault, open.rehearsed());
                open.refused(&fault);
                LoggedRefusal { fault, id, bare, envelope, instead }
            }
            State::Before(facts) => {
                let rehearsed = facts.rehearsed.get();
                let fault = rehearsal::marked(fault, rehearsed);
                let completion = Completion {
                    mismatch: facts.mismatch(),
                    dimension: facts.limit.as_deref(),
                    status: Some(status(&fault, facts.is_head(), facts.envelope)),
                    ..told(&fault, facts.envelope)
                };
                let throttled = fault.code() == Code::SlowDown || is_of_key_service(fault.code());
                let decision = if throttled { Decision::Throttle } else { Decision::Deny };
                let lent = facts.lent(facts.grant.as_ref());
                worker.observer.finished(&counted(&fault, facts.task.as_ref(), rehearsed));
                facts.tell_mismatch();
                let recorded = worker.journal.refuse(&facts.intent(None, &lent, decision), &completion).await;
                let (fault, instead) = match recorded {
                    Ok(_filed) => (fault, instead),
                    Err(full) => (journal_full(&full), None),
                };
                LoggedRefusal { fault, id: facts.id, bare: facts.is_head(), envelope: facts.envelope, instead }
            }
        }
    }
}

impl LoggedRefusal {
    /// The error answer (spec/errors.md 1).
    pub fn into_response(self) -> Response<Answer> {
        let Self { fault, id, bare, envelope, instead } = self;
        if envelope == Envelope::Sts {
            return in_words_of_sts(&fault, &id);
        }
        if let Some(document) = instead {
            let mut response = Response::new(Answer::full(Bytes::from(document)));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            stamp(response.headers_mut(), &id);
            return response;
        }
        let body = if bare {
            Answer::empty()
        } else {
            let document = match envelope {
                Envelope::Control => xml::control_error_document(&fault, id.as_str(), id.host_id()),
                Envelope::S3 | Envelope::Sts => xml::error_document(&fault, id.as_str(), id.host_id()),
            };
            Answer::full(Bytes::from(document))
        };
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
fn in_words_of_sts(fault: &Fault, id: &RequestId) -> Response<Answer> {
    let said = sts::said(fault);
    let mut response = Response::new(Answer::full(Bytes::from(sts::error_document(&said, id.as_str()))));
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

fn counted(fault: &Fault, task: Option<&Task>, rehearsed: Option<&Rehearsed>) -> Finished {
    Finished {
        rehearsed: rehearsed.map(|rehearsed| rehearsed.fault.word()),
        operation: task.map(Task::name),
        outcome: Outcome::Refused,
        reason: fault.reason(),
        milliseconds: 0,
        first_byte: None,
        bytes_in: 0,
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
        ..Completion::default()
    }
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
