//! What may run at once, how often, and what it costs. Returns permits and refusals, and knows nothing of
//! stages, answers or configuration.
//!
//! - [`room`]: requests in flight, octets in memory.
//! - [`pace`]: how cells are counted; [`dimension`]: what a limit applies to; [`counts`]: the counts of all
//!   keys; [`limiter`]: all of it for one request.
//! - [`cost`]: what a request asks of the key service; [`ledger`]: what that depends on.

pub mod cost;
pub mod counts;
pub mod dimension;
pub mod ledger;
pub mod limiter;
pub mod pace;
pub mod room;

pub use cost::{Call, Cost};
pub use counts::Counts;
pub use dimension::{Class, Dimension, KeyType, Part, Stage, Subject, What};
pub use ledger::{Ledger, Place, Use};
pub use limiter::{Limiter, Refusal};
pub use pace::{Algorithm, Pace, Rate, Wait};
pub use room::{InFlight, Permit, Room, Taken};
