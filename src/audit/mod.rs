//! The journal of requests: what was about to happen is on record before it happens, how it ended
//! follows, and nobody can take a record out unseen.
//!
//! - [`record`]: what is written about a request, as JSON.
//! - [`journal`]: writing it, as durably as configured, with one write for many; `upkeep` beside it
//!   signs, and `retain` removes.
//! - [`read`]: every record in order, and whether the files are as they were written.
//! - [`follow`]: every record from a number on, while the journal grows.
//! - [`event`]: a finished request, which every rendering is made of: [`access_log`], [`cloudtrail`],
//!   and [`Event::to_json`](event::Event::to_json).
//! - [`selector`]: which records are handed on.
//! - [`sign`]: the key that signs the journal, and the public keys.
//! - [`verify`](mod@verify): whether a journal is what was written, and what is wrong if not.
//! - [`digest`]: CloudTrail's digest files and their chain.
//! - [`tail`](mod@tail): records as lines for people and shippers.

pub mod access_log;
mod batch;
pub mod cloudtrail;
mod counters;
mod desk;
pub mod digest;
mod disk;
pub mod event;
pub mod follow;
mod frame;
mod head;
pub mod journal;
mod json;
mod mask;
mod pen;
mod queue;
pub mod read;
pub mod record;
mod recover;
mod retain;
mod segment;
pub mod selector;
pub mod sign;
pub mod tail;
mod upkeep;
pub mod verify;

#[cfg(test)]
mod tests;

pub use counters::Counts;
pub use event::{At, Event, Pairs};
pub use frame::{Chain, Flaw, Kind};
pub use head::beside as head_beside;
pub use journal::{Before, Filed, Journal, JournalError, JournalFull, Receipt, Settings, WhenFull, is_held};
pub use read::{Damage, Fault, Summary, find, instance, records, verify};
pub use record::{
    Completion, Connection, Decision, Deleted, Delivery, Encryption, InContext, Intent, Mismatch, Origin, Outcome,
    Requester, Source, SourceEnd,
};
pub use recover::{HeadState, OpenIntent, Recovery, Torn, Unsigned};
pub use segment::Entry;
pub use sign::{PublicKeys, SignError};
pub use tail::{StartAt, tail};
pub use verify::{Finding, Proof, Trust, What, prove};

use crate::time::{Clock as _, SystemClock};

/// Now, in unix nanoseconds.
fn now() -> u64 {
    SystemClock.now_nanos()
}
