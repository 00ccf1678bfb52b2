//! Audit records in the form of CloudTrail (spec/cloudtrail.md), made of events.
//!
//! Extensions stand below `additionalEventData.proxy` alone. Which records go to whom, and the files they
//! are put in, are not decided here: [`selector`](super::selector) knows the former, delivery the latter.

mod copies;
mod document;
mod extra;
mod fit;
mod identity;
mod members;
mod names;
mod parameters;
mod record;
mod resources;

pub use copies::{accounts, addendum, records_for};
pub use members::{Members, Node};
pub use record::{Record, records};

/// What records say that events do not.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// The proxy's own account: who gets the record of a request that neither a bucket nor a caller is
    /// known of.
    pub account: String,
    /// The proxy's own region, for events that name none.
    pub region: String,
}

#[cfg(test)]
mod tests;
