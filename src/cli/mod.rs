//! The command line.
//!
//! Exit status: 0 fine; 1 the answer is "no"; 2 the call, the configuration or the environment is unusable.
//! Diagnostics go to standard error, results to standard output.

use std::ffi::OsString;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::control::config::Config;
use crate::control::{Environment, Findings, Severity, development};
use crate::time::Clock;

mod certs;
mod env;
mod explain;
mod journal_keys;
mod keys;
mod log;
mod look;
mod names;
mod policy;
mod running;
mod serve;
mod trail;
mod verify;

/// What a command came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Fine.
    Fine = 0,
    /// The answer is "no".
    No = 1,
    /// The call, the configuration or the environment is unusable.
    Unusable = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The world of a command: the process's, or a test's.
pub struct Io<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Diagnostics.
    pub err: &'a mut dyn Write,
    /// Environment variables.
    pub environment: &'a dyn Environment,
    /// The current folder; empty for the process's own.
    pub folder: PathBuf,
    /// The present.
    pub clock: &'a dyn Clock,
}

/// A hardening proxy for S3: verifies, decides, records, signs anew and forwards.
#[derive(Debug, Parser)]
#[command(name = "bartizan", version, disable_help_subcommand = true)]
struct Cli {
    /// Give results as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy; without any configuration file, in development mode
    Serve(File),
    /// Write a first configuration, certificates, an administrator and a bucket policy
    Init {
        /// Where to; the current folder if not given
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Print the variables that make `aws` talk to the proxy, for `eval "$(bartizan env)"`; first what to unset
    Env(File),
    /// Look for faults in configuration, certificates, access keys and policies
    Check(File),
    /// Read the journal
    #[command(subcommand)]
    Log(Log),
    /// Look at clock, limits, disk, ports and upstream, and say what to fix
    Doctor(File),
    /// Ask the running proxy whether it is ready, and what is missing if not
    Status(File),
    /// Say why a request would be allowed or denied, or why one of the past was
    Explain(Explain),
    /// Questions over the whole set of policies
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Names of buckets: what is wrong with them, and better ones
    #[command(subcommand)]
    Names(names::Names),
    /// The KMS keys that are kept here
    #[command(subcommand)]
    Keys(keys::Keys),
    /// The certificates that the configuration names
    #[command(subcommand)]
    Certs(certs::Certs),
    /// Have the running proxy take policies, access keys and certificates anew
    Reload(running::Reload),
    /// Have the running proxy finish what it has begun, and end
    Drain(running::Drain),
}

#[derive(Debug, Subcommand)]
enum Log {
    /// Print records, one JSON object per line
    Tail(Tail),
    /// Print the records of one request, or all requests that meet conditions; exit status 1 if none does
    Find(log::Find),
    /// Look whether the journal is what was written, and what was delivered what was signed for
    Verify(verify::Verify),
    /// Print requests that are over: as JSON, lines of the S3 access log or records of CloudTrail
    Export(log::Export),
}

#[derive(Args, Debug)]
struct File {
    /// The configuration file [default: $BARTIZAN_CONFIG, ./bartizan.toml, or development mode]
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Tail {
    #[command(flatten)]
    file: File,
    /// Wait for more
    #[arg(short, long)]
    follow: bool,
    /// Only the last so many records that are there
    #[arg(short = 'n', long, value_name = "COUNT")]
    last: Option<u32>,
    /// How records are printed; as JSON each as it stands in the journal, else requests when they are over
    #[arg(long, value_enum, default_value = "json")]
    format: log::Format,
}

#[derive(Args, Debug)]
#[command(
    override_usage = "bartizan explain --as ARN --do ACTION --on ARN [--from IP] [--with KEY=VALUE]... [OPTIONS]\n       \
                            bartizan explain REQUEST-ID [OPTIONS]"
)]
struct Explain {
    #[command(flatten)]
    file: File,
    /// Explain this request of the past: the `x-amz-request-id` of its answer
    #[arg(value_name = "REQUEST-ID", conflicts_with_all = ["principal", "action", "resource", "from", "with"])]
    request_id: Option<String>,
    /// Who asks: the ARN of a user, a role, a session of a role or a root; or `anonymous`
    #[arg(long = "as", value_name = "ARN")]
    principal: Option<String>,
    /// What is to be done: `s3:GetObject`
    #[arg(long = "do", value_name = "ACTION")]
    action: Option<String>,
    /// On what
    #[arg(long = "on", value_name = "ARN")]
    resource: Option<String>,
    /// The client's address
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    /// A condition key that the request carries; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    with: Vec<(String, String)>,
}

/// Reads `key=value`; the value may hold more of the sign.
fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE: `aws:SourceVpce=vpce-0a1b2c3d`".to_owned()),
    }
}

/// Where the configuration is.
enum Place {
    File(PathBuf),
    Development(PathBuf),
}

/// Runs one command. `args` begins with the name of the program.
pub fn main_with(args: impl IntoIterator<Item = OsString>, io: &mut Io<'_>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let program = args.first().map_or_else(|| "bartizan".into(), |name| name.to_string_lossy().into_owned());
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            io.complain(&error.render().to_string());
            return Exit::Unusable;
        }
        Err(help) => {
            io.print(&help.render().to_string());
            return Exit::Fine;
        }
    };
    match cli.command {
        Command::Serve(file) => serve::run(&file, cli.json, &program, io),
        Command::Init { folder } => look::init(&folder, cli.json, &program, io),
        Command::Env(file) => env::run(&file, cli.json, io),
        Command::Check(file) => look::check(&file, cli.json, io),
        Command::Log(Log::Tail(tail)) => look::log_tail(&tail, cli.json, io),
        Command::Log(Log::Find(find)) => log::find(&find, cli.json, io),
        Command::Doctor(file) => look::doctor(&file, cli.json, io),
        Command::Status(file) => running::status(&file, cli.json, io),
        Command::Explain(explain) => explain::run(&explain, cli.json, io),
        Command::Policy(policy) => policy::run(&policy, cli.json, io),
        Command::Names(names) => names::run(&names, cli.json, io),
        Command::Keys(keys) => keys::run(&keys, cli.json, io),
        Command::Certs(command) => certs::run(&command, cli.json, io),
        Command::Reload(reload) => running::reload(&reload, cli.json, io),
        Command::Drain(drain) => running::drain(&drain, cli.json, io),
        Command::Log(Log::Verify(verify)) => verify::run(&verify, cli.json, io),
        Command::Log(Log::Export(export)) => log::export(&export, cli.json, io),
    }
}

fn later(name: &str, io: &mut Io<'_>) -> Exit {
    io.complain(&format!("error: `{name}` is not available in this version\n"));
    Exit::Unusable
}

/// What to do where the variable leads to no file.
const BY_VARIABLE: &str =
    "`$BARTIZAN_CONFIG` names this path: set it to a configuration file, or name one with `-c FILE`";

/// The configuration that the environment names.
fn variable(io: &Io<'_>) -> Option<PathBuf> {
    io.environment.variable("BARTIZAN_CONFIG").filter(|name| !name.is_empty()).map(PathBuf::from)
}

impl File {
    /// `-c`, else `$BARTIZAN_CONFIG`, else `./bartizan.toml`, else development mode.
    fn place(&self, io: &Io<'_>) -> Place {
        if let Some(path) = self.config.clone().or_else(|| variable(io)) {
            return Place::File(io.folder.join(path));
        }
        let usual = io.folder.join("bartizan.toml");
        // A link that leads nowhere counts as a file: better a complaint than another mode.
        if usual.symlink_metadata().is_ok() {
            return Place::File(usual);
        }
        Place::Development(io.folder.join(development::FOLDER))
    }

    /// Whether there is a configuration, or a development mode that was begun.
    fn is_there(&self, io: &Io<'_>) -> bool {
        match self.place(io) {
            Place::File(_) => true,
            Place::Development(folder) => folder.is_dir(),
        }
    }

    /// Reads the configuration at a path that [`File::place`] gave.
    fn load(&self, path: &Path, io: &Io<'_>) -> Result<(Config, Findings), Findings> {
        let by_variable = self.config.is_none() && variable(io).is_some();
        Config::load(path, io.environment).map_err(|findings| match by_variable && !path.is_file() {
            true => findings.advised(BY_VARIABLE),
            false => findings,
        })
    }

    /// The configuration, as it is: nothing is made. Complains itself.
    fn open(&self, io: &mut Io<'_>) -> Option<Config> {
        let opened = match self.place(io) {
            Place::File(path) => self.load(&path, io).map_err(|findings| findings.to_string()),
            Place::Development(folder) => match development::open(&folder) {
                Some(opened) => opened.map(|config| (config, Findings::default())).map_err(|fault| {
                    let help = "run this as the user that started it, or name a configuration with `-c FILE`";
                    format!("error: development mode cannot be read: {fault}\nhelp: {help}\n")
                }),
                None => Err("error: there is no configuration here\n\
                             help: name one with `-c FILE`, write one with `bartizan init`, or start \
                             development mode with `bartizan serve`\n"
                    .to_owned()),
            },
        };
        match opened {
            Ok((config, warnings)) => {
                io.complain(&warnings.to_string());
                Some(config)
            }
            Err(complaint) => {
                io.complain(&complaint);
                None
            }
        }
    }
}

impl Io<'_> {
    /// Writes a result. A reader that has gone away is no fault of ours.
    fn print(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    /// Writes a diagnostic.
    fn complain(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
    }
}

/// `2 errors, 1 warning`
fn count(findings: &Findings) -> String {
    let number = |severity, word: &str| {
        let count = findings.iter().filter(|finding| finding.severity() == severity).count();
        format!("{count} {word}{}", if count == 1 { "" } else { "s" })
    };
    format!("{}, {}", number(Severity::Error, "error"), number(Severity::Warning, "warning"))
}

#[cfg(test)]
mod tests;
