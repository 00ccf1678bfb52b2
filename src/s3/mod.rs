//! The vocabulary of S3: addresses, names, operations, headers, checksums, errors, documents.
//!
//! Invariant: pure. No IO, clock, task or random number; imports nothing above itself.

pub mod address;
pub mod checksum;
pub mod encryption;
pub mod external;
pub mod fault;
pub mod form;
pub mod head;
pub mod mask;
pub mod name;
pub mod octets;
pub mod operation;
pub mod payload;
pub mod permission;
pub mod route;
pub mod tags;
pub mod uri;
pub mod xml;

mod code;

pub use code::Code;
pub use fault::Fault;
pub use head::Head;
pub use operation::Operation;
pub use route::CopySource;
