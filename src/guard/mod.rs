//! Rules that hold whoever asks.

pub mod naming;

mod acl;
mod replay;

pub use acl::{check_acl, check_ownership, speaks_of_lists};
pub use replay::{MOST as MOST_WRITES, Replay, Write};
