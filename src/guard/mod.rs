//! Rules that hold whoever asks.

mod acl;
pub mod encryption;
mod replay;
pub mod transport;

pub use acl::{check_acl, check_ownership, speaks_of_lists};
pub use replay::{MOST as MOST_WRITES, Replay, Write};
