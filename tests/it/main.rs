//! Tests of the whole, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod architecture;
mod body;
mod documents;
mod fuzz;
mod gate;
mod profile;
mod server;
mod signing;
