//! Rules that hold whoever asks.

pub mod naming;

mod acl;
pub mod encryption;
mod replay;
pub mod transport;

pub use acl::{check_acl, check_ownership, speaks_of_lists};
pub use replay::{MOST as MOST_WRITES, Replay, Write};

/// What the operator demands of every request.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// How what is written must be encrypted.
    pub encryption: encryption::Rules,
    /// How requests must come.
    pub transport: transport::Rules,
    /// Levels of sensitivity.
    pub levels: encryption::Levels,
    /// Whoever is refused is told which rule it was.
    pub explain: bool,
}
