//! `bartizan log tail`: records as lines, the last ones or from a number on, and new ones as they come.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::json::Object;
use super::read::{Damage, Fault, Manner, Step, Walk};
use super::segment::{Entry, list};
use crate::time::Millis;

/// How often a followed journal is looked at.
const POLL: Duration = Duration::from_millis(200);

/// Where to begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartAt {
    /// With what comes from now on.
    End,
    /// With the first record.
    First,
    /// With the last so many records.
    Last(usize),
    /// With a record's number.
    Number(u64),
}

/// Prints one JSON object per line: the record with its `number`, `time` and `type` before its own
/// members. Seals and checkpoints are left out. With `follow` it waits for more until `stop` says so or
/// the reader of `out` is gone.
///
/// # Errors
/// The first [`Damage`], or that `out` cannot be written to.
pub fn tail(
    dir: &Path,
    from: StartAt,
    follow: bool,
    out: &mut dyn Write,
    stop: &dyn Fn() -> bool,
) -> Result<(), Damage> {
    let told = |error: io::Error| match error.kind() {
        // `log tail | head`
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Damage { path: dir.to_owned(), offset: 0, fault: Fault::Io(error) }),
    };
    let (mut walk, last) = begin(dir, from)?;
    let written = last.iter().try_for_each(|entry| print(entry, out)).and_then(|()| out.flush());
    if let Err(error) = written {
        return told(error);
    }
    drop(last);
    while !stop() {
        match walk.step()? {
            Step::Entry(entry) if is_wanted(&entry, from) => {
                if let Err(error) = print(&entry, out) {
                    return told(error);
                }
            }
            Step::Entry(_) => {}
            Step::Torn(damage) if !follow => return out.flush().or_else(told).and(Err(damage)),
            Step::End if !follow => return out.flush().or_else(told),
            Step::End | Step::Torn(_) => {
                if let Err(error) = out.flush() {
                    return told(error);
                }
                std::thread::sleep(POLL);
            }
        }
    }
    Ok(())
}

/// A walk that stands where printing begins, and what must be printed before.
fn begin(dir: &Path, from: StartAt) -> Result<(Walk, VecDeque<Entry>), Damage> {
    let most = match from {
        StartAt::First | StartAt::Number(_) => return Ok((Walk::new(dir, None, Manner::Follow), VecDeque::new())),
        StartAt::End => 0,
        StartAt::Last(most) => most,
    };
    let io = |error: io::Error| Damage { path: dir.to_owned(), offset: 0, fault: error.into() };
    let names = list(dir).map_err(io)?;
    // Backwards from the last file, until there is enough.
    for name in names.iter().rev() {
        let (walk, last) = read_last(Walk::new(dir, Some(name.sequence), Manner::Follow), most)?;
        if last.len() == most || Some(name) == names.first() {
            return Ok((walk, last));
        }
    }
    Ok((Walk::new(dir, None, Manner::Follow), VecDeque::new()))
}

/// Walks to the end and keeps the last records.
fn read_last(mut walk: Walk, most: usize) -> Result<(Walk, VecDeque<Entry>), Damage> {
    let mut last = VecDeque::new();
    while let Step::Entry(entry) = walk.step()? {
        if entry.kind.is_of_the_journal() {
            continue;
        }
        last.push_back(entry);
        if last.len() > most {
            last.pop_front();
        }
    }
    Ok((walk, last))
}

fn is_wanted(entry: &Entry, from: StartAt) -> bool {
    let reached = match from {
        StartAt::Number(number) => entry.number >= number,
        StartAt::End | StartAt::Last(_) | StartAt::First => true,
    };
    reached && !entry.kind.is_of_the_journal()
}

fn print(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&entry.line())?;
    out.write_all(b"\n")
}

impl Entry {
    /// The record as one line: `number`, `time` and `type`, then its own members.
    pub fn line(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(self.json.len() + 96);
        let mut object = Object::begin(&mut line);
        object.number("number", self.number);
        object.instant("time", Millis(i64::try_from(self.time / 1_000_000).unwrap_or(i64::MAX)));
        object.text("type", self.kind.as_str().as_bytes(), 16);
        object.end();
        if let Some(members) = self.json.strip_prefix('{').filter(|members| *members != "}") {
            line.pop();
            line.push(b',');
            line.extend_from_slice(members.as_bytes());
        }
        line
    }
}
