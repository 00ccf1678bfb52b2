//! Requests that are over, as lines of the access log, audit records or JSON: `log export`, `log find`,
//! `log tail --format`. Reads the journal's files only, whether the proxy runs or not, in constant memory.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::look::{self, is_request_id};
use super::{Exit, File, Io, Tail};
use crate::audit::follow::{Follow, Followed};
use crate::audit::selector::Selectors;
use crate::audit::{self, Event, Pairs, access_log, cloudtrail};
use crate::control::config::Config;
use crate::delivery;
use crate::time::{Millis, Seconds};

/// How often a followed journal is looked at.
const POLL: Duration = Duration::from_millis(200);
/// Octets that are written at once.
const BLOCK: usize = 64 * 1024;

/// How requests are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Format {
    /// One object per line, with everything that is recorded
    Json,
    /// Lines of the S3 server access log
    S3,
    /// Records in the form of CloudTrail, one per line
    Cloudtrail,
}

impl Format {
    /// Whether this is what `--json` asks for, where that is said; lines of the access log are no JSON, the others
    /// are. Complains itself.
    pub(super) fn goes_with(self, json: bool, io: &mut Io<'_>) -> bool {
        let goes = !json || self != Self::S3;
        if !goes {
            io.complain(
                "error: `--json` does not go with `--format s3`: lines of the access log have no form as JSON\n\
                 help: leave one of them out, or take `--format json` or `--format cloudtrail`, which are JSON\n",
            );
        }
        goes
    }
}

#[derive(Args, Debug)]
pub(super) struct Export {
    #[command(flatten)]
    file: File,
    /// How requests are printed
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
    #[command(flatten)]
    span: Span,
    /// Only what names this bucket; of lines only those of its log
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Only what this account is told: of audit records its copies, of lines those of its buckets
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only what these selectors of CloudTrail take: a file with JSON, classic or advanced
    #[arg(long, value_name = "FILE")]
    selectors: Option<PathBuf>,
}

#[derive(Args, Debug, Default)]
struct Span {
    /// Only requests received at this time or later: `2026-11-20T09:00:00Z`, or a day
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Millis>,
    /// Only requests received before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Millis>,
}

#[derive(Args, Debug)]
pub(super) struct Find {
    #[command(flatten)]
    file: File,
    /// The `x-amz-request-id` of its answer: prints the records as they stand in the journal
    #[arg(value_name = "REQUEST-ID")]
    request_id: Option<String>,
    #[command(flatten)]
    wanted: Wanted,
    /// How requests are printed [default: json]
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Args, Debug)]
struct Wanted {
    /// Asked by this ARN, a session of this role, this access key or this principal id
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
    /// Names this bucket
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Names a key that begins so
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Ended so: completed, refused, client-gone, upstream-failed, unknown
    #[arg(long, value_name = "OUTCOME", value_parser = ["completed", "refused", "client-gone", "upstream-failed", "unknown"])]
    outcome: Option<String>,
    /// Ended for this reason, as records spell it
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    #[command(flatten)]
    span: Span,
}

/// Reads `2026-11-20T09:00:00Z` or `2026-11-20`.
fn time(text: &str) -> Result<Millis, String> {
    let day = || Seconds::from_rfc3339(&format!("{text}T00:00:00Z")).map(|day| Millis(day.0.saturating_mul(1000)));
    Millis::from_rfc3339(text)
        .or_else(day)
        .ok_or_else(|| "write `2026-11-20T09:00:00Z`, in UTC, or `2026-11-20`".to_owned())
}

impl Span {
    fn holds(&self, event: &Event) -> bool {
        let received = event.received();
        self.from.is_none_or(|from| received >= from) && self.to.is_none_or(|to| received < to)
    }
}

impl Wanted {
    fn holds(&self, event: &Event) -> bool {
        let text = |member: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| event.text(member) == Some(wanted))
        };
        let outcome = self.outcome.as_deref();
        let ended = match outcome {
            Some("unknown") => event.is_unknown(),
            _ => text("outcome", &self.outcome),
        };
        ended
            && text("reason", &self.reason)
            && self.principal.as_deref().is_none_or(|wanted| is_by(event, wanted))
            && self.bucket.as_deref().is_none_or(|wanted| names_bucket(event, wanted))
            && self.prefix.as_deref().is_none_or(|prefix| names_key(event, prefix))
            && self.span.holds(event)
    }
}

fn is_by(event: &Event, wanted: &str) -> bool {
    let members = ["requester", "requester_issuer", "access_key_id", "principal_id"];
    members.into_iter().any(|member| event.text(member) == Some(wanted))
}

fn names_bucket(event: &Event, bucket: &str) -> bool {
    event.bucket() == Some(bucket) || event.source().is_some_and(|source| source.bucket() == Some(bucket))
}

fn names_key(event: &Event, prefix: &str) -> bool {
    let source = event.source().and_then(|source| source.key());
    event.key().into_iter().chain(source).any(|key| key.starts_with(prefix))
        || event.deletions().iter().any(|deletion| deletion.key.starts_with(prefix))
}

/// How events are printed, and what of them.
struct Printer {
    format: Format,
    bucket: Option<String>,
    account: Option<String>,
    selectors: Option<Selectors>,
    trail: cloudtrail::Setting,
    delivery: Arc<delivery::Settings>,
}

impl Printer {
    fn new(format: Format, config: &Config) -> Self {
        let trail = cloudtrail::Setting { account: config.account.clone(), region: config.region.clone() };
        let delivery = Arc::clone(&config.audit.delivery);
        Self { format, bucket: None, account: None, selectors: None, trail, delivery }
    }

    /// Appends what is printed of an event, line by line.
    fn print(&self, event: &Event, out: &mut Vec<u8>) {
        if self.bucket.as_deref().is_some_and(|bucket| !names_bucket(event, bucket)) {
            return;
        }
        let located = self.delivery.located(event);
        let event = located.as_ref().unwrap_or(event);
        match self.format {
            Format::Cloudtrail => {
                let records = match &self.account {
                    Some(account) => cloudtrail::records_for(event, &self.trail, account),
                    None => cloudtrail::records(event, &self.trail),
                };
                let taken = |record: &&cloudtrail::Record| self.takes(std::slice::from_ref(record));
                records.iter().filter(taken).for_each(|record| record.write(out));
            }
            Format::Json => {
                let told = |account: &String| cloudtrail::accounts(event, &self.trail).contains(account);
                if self.account.as_ref().is_none_or(told) && self.takes_event(event) {
                    out.extend_from_slice(event.to_json().as_bytes());
                    out.push(b'\n');
                }
            }
            Format::S3 if self.takes_event(event) => {
                for line in access_log::lines(event, &access_log::Setting::default()) {
                    let owner = self.account.is_none() || self.account == line.account;
                    if owner && self.bucket.as_ref().is_none_or(|bucket| *bucket == line.bucket) {
                        line.write(out);
                    }
                }
            }
            Format::S3 => {}
        }
    }

    /// Whether selectors take any of its audit records.
    fn takes_event(&self, event: &Event) -> bool {
        self.selectors.is_none() || self.takes(&cloudtrail::records(event, &self.trail))
    }

    fn takes(&self, records: &[impl std::borrow::Borrow<cloudtrail::Record>]) -> bool {
        let Some(selectors) = &self.selectors else { return true };
        records.iter().any(|record| selectors.takes(record.borrow()))
    }
}

/// `bartizan log export`
pub(super) fn export(export: &Export, json: bool, io: &mut Io<'_>) -> Exit {
    if !export.format.goes_with(json, io) {
        return Exit::Unusable;
    }
    let config = match journal(&export.file, io) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let mut printer = Printer::new(export.format, &config);
    printer.bucket.clone_from(&export.bucket);
    printer.account.clone_from(&export.account);
    if let Some(file) = &export.selectors {
        let path = io.folder.join(file);
        let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        match read.and_then(|text| Selectors::parse(&text).map_err(|error| error.to_string())) {
            Ok(selectors) => printer.selectors = Some(selectors),
            Err(why) => {
                io.complain(&format!("error: the selectors in `{}` cannot be read: {why}\n", path.display()));
                return Exit::Unusable;
            }
        }
    }
    match print_all(&config.journal(), &printer, |event| export.span.holds(event), io) {
        Ok(_) => Exit::Fine,
        Err(exit) => exit,
    }
}

/// `bartizan log find`
pub(super) fn find(find: &Find, json: bool, io: &mut Io<'_>) -> Exit {
    if find.format.is_some_and(|format| !format.goes_with(json, io)) {
        return Exit::Unusable;
    }
    let wanted = &find.wanted;
    let id = find.request_id.as_deref();
    let conditions = wanted.principal.is_some()
        || wanted.bucket.is_some()
        || wanted.prefix.is_some()
        || wanted.outcome.is_some()
        || wanted.reason.is_some()
        || wanted.span.from.is_some()
        || wanted.span.to.is_some();
    match id {
        // The records as they stand there.
        Some(id) if !conditions && find.format.is_none() => return look::log_find(&find.file, id, json, io),
        Some(id) if !is_request_id(id, io) => return Exit::Unusable,
        None if !conditions => {
            io.complain("error: nothing is looked for\nhelp: name a request by its id, or a condition: `--principal`, `--bucket`, …\n");
            return Exit::Unusable;
        }
        _ => {}
    }
    let config = match journal(&find.file, io) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let printer = Printer::new(find.format.unwrap_or(Format::Json), &config);
    let is_wanted = |event: &Event| id.is_none_or(|id| event.request_id() == Some(id)) && wanted.holds(event);
    match print_all(&config.journal(), &printer, is_wanted, io) {
        Ok(0) => {
            io.complain("error: the journal has no such request that is over\n");
            Exit::No
        }
        Ok(_) => Exit::Fine,
        Err(exit) => exit,
    }
}

/// `bartizan log tail --format s3`, `--format cloudtrail`
pub(super) fn tail(tail: &Tail, format: Format, io: &mut Io<'_>) -> Exit {
    let config = match journal(&tail.file, io) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let printer = Printer::new(format, &config);
    let pairs = match pairs(&config.journal(), io) {
        Ok(pairs) => pairs,
        Err(exit) => return exit,
    };
    match follow(&config.journal(), pairs, &printer, tail, io.out) {
        Ok(()) => Exit::Fine,
        Err(trouble) => trouble.complain(io),
    }
}

/// A configuration with a journal. Complains itself.
fn journal(file: &File, io: &mut Io<'_>) -> Result<Config, Exit> {
    let config = file.open(io).ok_or(Exit::Unusable)?;
    if look::is_journal(&config.journal(), io) { Ok(config) } else { Err(Exit::Unusable) }
}

/// Why a journal was not read to its end.
enum Trouble {
    Damage(audit::Damage),
    /// Records that do not belong together.
    Told(String),
}

impl Trouble {
    fn complain(&self, io: &mut Io<'_>) -> Exit {
        match self {
            Self::Damage(damage) => look::damaged(damage, io),
            Self::Told(why) => {
                io.complain(&format!("error: {why}\n"));
                Exit::No
            }
        }
    }
}

/// Complains itself.
fn pairs(journal: &Path, io: &mut Io<'_>) -> Result<Pairs, Exit> {
    let instance = audit::instance(journal).map_err(|damage| look::damaged(&damage, io))?;
    Ok(Pairs::new(instance.unwrap_or_default()))
}

/// Prints all events that are wanted, and says how many these were, unless not all could be read.
/// Complains itself.
fn print_all(
    journal: &Path,
    printer: &Printer,
    is_wanted: impl Fn(&Event) -> bool,
    io: &mut Io<'_>,
) -> Result<u64, Exit> {
    let mut pairs = pairs(journal, io)?;
    let mut out = io::BufWriter::with_capacity(BLOCK, &mut *io.out);
    let (mut count, mut text) = (0, Vec::new());
    let mut trouble = None;
    for entry in audit::records(journal) {
        let fed = match entry {
            Ok(entry) => pairs.feed(&entry).map_err(|fault| Trouble::Told(fault.to_string())),
            Err(damage) => Err(Trouble::Damage(damage)),
        };
        match fed {
            Ok(Some(event)) if is_wanted(&event) => {
                text.clear();
                printer.print(&event, &mut text);
                count += u64::from(!text.is_empty());
                if out.write_all(&text).is_err() {
                    return Ok(count); // the reader has gone away
                }
            }
            Ok(_) => {}
            Err(why) => {
                trouble = Some(why);
                break;
            }
        }
    }
    let _ = out.flush();
    drop(out);
    if let Some(trouble) = trouble {
        return Err(trouble.complain(io));
    }
    let open = pairs.unfinished().filter(is_wanted).count();
    if open > 0 {
        io.complain(&format!("note: left out, because they are not over or not closed since a crash: {open}\n"));
    }
    Ok(count)
}

/// Prints the events there are, or the last of them, and goes on as they come if asked to.
fn follow(
    journal: &Path,
    mut pairs: Pairs,
    printer: &Printer,
    tail: &Tail,
    out: &mut dyn Write,
) -> Result<(), Trouble> {
    let most = tail.last.map(|last| usize::try_from(last).unwrap_or(usize::MAX));
    let mut follow = Follow::new(journal, 1);
    let mut last: VecDeque<Vec<u8>> = VecDeque::new();
    let mut at_end = false;
    let mut out = io::BufWriter::with_capacity(BLOCK, out);
    loop {
        let entry = match follow.advance().map_err(Trouble::Damage)? {
            Followed::Entry(entry) => entry,
            // Those at the beginning are gone with retention.
            Followed::Missing { .. } => continue,
            Followed::End => {
                at_end = true;
                let written = last.drain(..).try_for_each(|text| out.write_all(&text)).and_then(|()| out.flush());
                if written.is_err() || !tail.follow {
                    return Ok(());
                }
                std::thread::sleep(POLL);
                continue;
            }
        };
        let Some(event) = pairs.feed(&entry).map_err(|fault| Trouble::Told(fault.to_string()))? else { continue };
        let mut text = Vec::new();
        printer.print(&event, &mut text);
        match most {
            Some(most) if !at_end => {
                last.push_back(text);
                if last.len() > most {
                    last.pop_front();
                }
            }
            _ if out.write_all(&text).is_err() => return Ok(()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
