//! Kinds of sensitive content, and how they are told from what only looks like them (spec/detection.md 9).
//!
//! - `table`: the detectors, as data; `check`: their check digits and dates; `keyword`: words that must stand near.
//! - `heads`: which detectors a position can be of at all.
//! - `text`: one text as a stream; `csv` and `json`: texts within tables and documents.
//! - [`Scanner`]: an object as a stream, opened, told what it is, and looked at.
//! - [`severity()`]: what the counts come to; [`Custom`]: detectors that somebody else defines.
//!
//! Invariants:
//! - what is reported never depends on how the input is cut;
//! - memory is bounded whatever comes, and so is the work for each octet;
//! - no octet that was found leaves this module.

mod check;
mod csv;
mod custom;
mod decode;
mod format;
mod heads;
mod json;
mod keyword;
mod scanner;
mod severity;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub use custom::{Custom, CustomError};
pub use decode::{Encoding, Unsupported};
pub use format::Format;
pub use scanner::{Detection, Place, Report, Scanner};
pub use severity::{Category, Kind, Severity, severity};
pub use status::{Reason, Status};
pub use table::{Detectors, TABLE, UnknownIdentifier};
