//! Rules that hold whoever asks.

mod replay;

pub use replay::{MOST as MOST_WRITES, Replay, Write};
