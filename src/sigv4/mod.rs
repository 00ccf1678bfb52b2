//! To be written.

mod secret;

pub use secret::Secret;
