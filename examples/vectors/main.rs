//! Runs test vectors against the functions the proxy itself uses:
//!
//! ```text
//! cargo run --release --example vectors -- KIND DIR
//! ```
//!
//! One line per failing case, `N passed, N failed` on the last line. Exit status 0: nothing failed;
//! 1: something failed; 2: the call is wrong, or DIR cannot be read or holds no case.

mod addressing;
mod decisions;
mod digests;
mod kms;
mod logs;
mod pii;
mod policy;
mod public;
mod report;
mod sigv4;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use report::Outcome;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(kind), Some(directory), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return unusable("usage: vectors KIND DIR");
    };
    // A kind is one module with a function `run`.
    let run: fn(&Path) -> Result<Outcome, String> = match kind.to_str() {
        Some("addressing") => addressing::run,
        Some("kms") => kms::run,
        Some("logs") => logs::run,
        Some("policy") => policy::run,
        Some("public") => public::run,
        Some("sigv4") => sigv4::run,
        Some("pii") => pii::run,
        _ => return unusable("KIND is one of sigv4, addressing, policy, public, kms, logs, pii"),
    };
    match run(Path::new(&directory)) {
        Ok(outcome) if outcome.is_empty() => unusable("DIR holds no case"),
        Ok(outcome) => outcome.finish(),
        Err(reason) => unusable(&reason),
    }
}

fn unusable(reason: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "vectors: {reason}");
    ExitCode::from(2)
}
