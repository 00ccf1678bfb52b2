//! What may run at once, how often, and what it costs. Returns permits and refusals, and knows nothing of
//! stages, answers or configuration.
//!
//! - [`room`]: requests in flight, octets in memory; [`seats`]: requests under way of one principal or bucket.
//! - [`pace`]: how cells are counted; [`dimension`]: what a limit applies to; [`counts`]: the counts of all
//!   keys; [`limiter`]: all of it for one request.
//! - [`lease`]: what this machine holds of a quota that several share; [`label`]: what they call its counts.
//! - [`rehearsal`]: faults that clients meet on purpose.
//! - [`surface`]: in whose words it is refused.
//! - [`cost`]: what a request asks of the key service; [`ledger`]: what that depends on.

pub mod cost;
pub mod counts;
pub mod dimension;
pub mod label;
pub mod lease;
pub mod ledger;
pub mod limiter;
pub mod pace;
pub mod rehearsal;
pub mod room;
pub mod seats;
pub mod surface;

pub use cost::{Call, Cost};
pub use counts::Counts;
pub use dimension::{Class, Dimension, KeyType, Part, Stage, Subject, What};
pub use label::Label;
pub use lease::{Ask, Grant, Leases};
pub use ledger::{Ledger, Place, Use};
pub use limiter::{Limiter, Refusal};
pub use pace::{Algorithm, Pace, Rate, Wait};
pub use room::{InFlight, Permit, Room, Taken};
pub use seats::{Cap, MOST_CAPS, Seat, Seats};
pub use surface::Surface;
