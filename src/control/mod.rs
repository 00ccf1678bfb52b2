//! What runs the proxy rather than serves a request: configuration, credentials, certificates, findings,
//! metrics, the admin answers.
//!
//! Invariants:
//! - a fault in a file is a [`Finding`] with file, line, column and a way out, never a panic;
//! - a setting that this version cannot honour is refused, never ignored;
//! - no secret is part of a finding: the source text is masked before it can be shown.

pub mod admin;
pub mod certs;
pub mod check;
pub mod config;
pub mod credentials;
pub mod development;
pub mod doctor;
pub mod files;
pub mod finding;
pub mod init;
pub mod keyring;
pub mod metrics;
pub mod policies;
pub mod status;
pub mod tokens;
pub mod why;

mod reader;
mod units;

pub use finding::{Finding, Findings, Severity};

/// The environment variables of the process, or of a test.
pub trait Environment {
    /// The value of a variable, if it is set and is UTF-8.
    fn variable(&self, name: &str) -> Option<String>;
}

/// The real environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// A fixed environment, for tests and embedders.
impl Environment for std::collections::BTreeMap<String, String> {
    fn variable(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}
