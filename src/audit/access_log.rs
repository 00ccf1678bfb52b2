//! The S3 server access log (spec/access-logs.md): one line of 27 fields per request and bucket, and the
//! reader of such lines.
//!
//! Unlike AWS's, a line is always one line and can be read back: what a client sends cannot end a field
//! (section 3). Which lines go where, and when, is not decided here.

mod fields;
mod line;
mod names;
mod parse;

pub use fields::lines;
pub(in crate::audit) use fields::{Part, parts, request_line, requester};
pub use line::{Fields, Line, NAMES};
pub use names::operation_name;
pub(in crate::audit) use names::{name, operation};
pub use parse::{Unreadable, parse};

/// What lines say that events do not.
#[derive(Clone, Debug, Default)]
pub struct Setting {}

#[cfg(test)]
mod tests;
