//! The binary: hands the process's own world to the library.

use std::path::PathBuf;
use std::process::ExitCode;

use bartizan::cli::{self, Io};
use bartizan::control::ProcessEnvironment;
use bartizan::time::SystemClock;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut io = Io {
        out: &mut std::io::stdout(),
        err: &mut std::io::stderr(),
        environment: &ProcessEnvironment,
        folder: PathBuf::new(),
        clock: &SystemClock,
    };
    cli::main_with(std::env::args_os(), &mut io).into()
}
