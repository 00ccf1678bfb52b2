//! Faults played to a client that wants to know how it bears them (docs/rehearsal.md): throttled, failed,
//! late, broken off. They fire on listeners that are marked for it and nowhere else, after the request was
//! authenticated and allowed, and each is on the record and on the answer by its name.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue};

use super::facts::Facts;
use super::judge::Case;
use super::naming::lasting;
use crate::limit::rehearsal::{self, Asked, Rehearsed};
use crate::s3::{Code, Fault};

/// Which rehearsal an answer is from.
const REHEARSAL: &str = "x-bartizan-rehearsal";

/// Chooses a fault for a request, and plays it if it ends the request here. One that waits or breaks off is
/// noted, and played when the store is asked or has answered.
///
/// # Errors
/// The fault.
pub(super) fn play(case: &Case<'_>) -> Result<(), Fault> {
    let Some(rehearsals) = &case.live.rehearsals else { return Ok(()) };
    let marked = case.live.way(case.facts.connection.listener).is_some_and(|way| way.rehearsal);
    if !marked {
        return Ok(());
    }
    let routed = case.routed;
    let chosen = rehearsals.choose(&Asked {
        principal: &case.who.arn,
        role: Some(lasting(case.who)),
        bucket: routed.bucket.as_deref().unwrap_or_default(),
        key: routed.key.as_deref().or_else(|| routed.parameter("prefix")),
        operation: routed.operation,
    });
    let Some(chosen) = chosen else { return Ok(()) };
    let fault = fault(&chosen, case.facts);
    let _noted = case.facts.rehearsed.set(chosen);
    fault.map_or(Ok(()), Err)
}

/// What the client hears; none where the request goes on.
fn fault(chosen: &Rehearsed, facts: &Facts) -> Option<Fault> {
    let fault = match chosen.fault {
        rehearsal::Fault::Cut(_) | rehearsal::Fault::Latency(_) => return None,
        rehearsal::Fault::Error => Fault::plain(Code::InternalError, "rehearsal"),
        rehearsal::Fault::Throttle => later(Fault::plain(Code::SlowDown, "rehearsal")),
        rehearsal::Fault::KmsThrottle => {
            let fault = later(Fault::plain(Code::ThrottlingException, "rehearsal"));
            // Without a document, clients would take it for a mistake of theirs (spec/kms-throttling.md 5.2).
            if facts.is_head() { fault.told_as(503) } else { fault }
        }
    };
    Some(fault.detail(format!("rehearsal `{}`", chosen.name)))
}

/// With both hints when to come back.
fn later(fault: Fault) -> Fault {
    fault.header("retry-after", "1").header("x-amz-retry-after", "500")
}

/// The same fault with the name of the rehearsal that its request met.
pub(super) fn marked(fault: Fault, rehearsed: Option<&Rehearsed>) -> Fault {
    match rehearsed {
        Some(rehearsed) => fault.header(REHEARSAL, &*rehearsed.name),
        None => fault,
    }
}

/// Puts the name of a rehearsal on an answer.
pub(super) fn mark(headers: &mut http::HeaderMap, rehearsed: Option<&Rehearsed>) {
    if let Some(name) = rehearsed.and_then(|rehearsed| HeaderValue::from_str(&rehearsed.name).ok()) {
        headers.insert(HeaderName::from_static(REHEARSAL), name);
    }
}

/// How long a request waits before its store is asked.
pub(super) fn wait(rehearsed: Option<&Rehearsed>) -> Option<Duration> {
    match rehearsed?.fault {
        rehearsal::Fault::Latency(wait) => Some(wait),
        _ => None,
    }
}

/// After how many octets the answer breaks off.
pub(super) fn cut(rehearsed: Option<&Rehearsed>) -> Option<u64> {
    match rehearsed?.fault {
        rehearsal::Fault::Cut(after) => Some(after),
        _ => None,
    }
}
