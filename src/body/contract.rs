//! What must hold of a body before its last frame may leave.

/// What a body must satisfy (spec/sigv4.md 8, 9).
#[derive(Debug)]
pub struct Contract {}

/// A checksum that the client declared: its algorithm, and its value unless that comes in the trailer.
#[derive(Clone, Debug)]
pub struct Declared {}
