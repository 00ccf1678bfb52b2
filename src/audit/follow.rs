//! Following a journal from a record on, while it grows and while retention takes its oldest files away.

use std::io;
use std::path::{Path, PathBuf};

use super::read::{Damage, Fault, Manner, Step, Walk};
use super::segment::{Entry, Found, Name, Segment, list};

/// Reads the records of a journal in order, from a number on. It is asked again whenever there may be
/// more; it never waits.
pub struct Follow {
    dir: PathBuf,
    /// The number that is wanted next.
    next: u64,
    walk: Option<Walk>,
}

/// What following came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Followed {
    /// The next record.
    Entry(Entry),
    /// No more, for now.
    End,
    /// Records that are not there any more: their files were removed. What follows is read next.
    Missing {
        /// The first of them.
        first: u64,
        /// The last.
        last: u64,
    },
}

impl Follow {
    /// From the record with a number on; 0 or 1 is the beginning.
    pub fn new(dir: &Path, number: u64) -> Self {
        Self { dir: dir.to_owned(), next: number.max(1), walk: None }
    }

    /// The number that is wanted next.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// The next record, if it is there.
    ///
    /// # Errors
    /// [`Damage`]: the journal is not as it was written. Asking again looks again.
    pub fn advance(&mut self) -> Result<Followed, Damage> {
        let mut found_again = false;
        loop {
            let entry = match self.step() {
                Ok(Step::Entry(entry)) => entry,
                // What is being written is looked at again.
                Ok(Step::End | Step::Torn(_)) => return Ok(Followed::End),
                // Retention has taken the file that comes next.
                Err(Damage { fault: Fault::Missing(_), .. }) if !found_again => {
                    found_again = true;
                    self.walk = None;
                    continue;
                }
                Err(damage) => {
                    self.walk = None;
                    return Err(damage);
                }
            };
            if entry.number < self.next {
                continue;
            }
            if entry.number > self.next {
                let missing = Followed::Missing { first: self.next, last: entry.number - 1 };
                self.next = entry.number;
                self.walk = None; // the record that was read is read again
                return Ok(missing);
            }
            self.next += 1;
            return Ok(Followed::Entry(entry));
        }
    }

    fn step(&mut self) -> Result<Step, Damage> {
        let walk = match &mut self.walk {
            Some(walk) => walk,
            none => {
                let sequence = locate(&self.dir, self.next).map_err(|error| Damage {
                    path: self.dir.clone(),
                    offset: 0,
                    fault: error.into(),
                })?;
                none.insert(Walk::new(&self.dir, sequence, Manner::Follow))
            }
        };
        walk.step()
    }
}

/// The file that a record is in, or would be: the last one that does not begin behind it.
fn locate(dir: &Path, number: u64) -> io::Result<Option<u64>> {
    let names = list(dir)?;
    for name in names.iter().rev() {
        if first_number(name)?.is_some_and(|first| first <= number) {
            return Ok(Some(name.sequence));
        }
    }
    Ok(None)
}

/// The number of the first record of a file; none where there is no record yet, or the file is gone.
fn first_number(name: &Name) -> io::Result<Option<u64>> {
    let Ok(mut segment) = Segment::open(name, None) else { return Ok(None) };
    Ok(match segment.read()? {
        Found::Entry(entry) => Some(entry.number),
        Found::End | Found::Flaw(_) => None,
    })
}

/// The number of the first record of the newest file that has one; 1 in an empty journal. Reads one record.
///
/// # Errors
/// The folder or the file cannot be read.
pub fn newest(dir: &Path) -> io::Result<u64> {
    for name in list(dir)?.iter().rev() {
        if let Some(first) = first_number(name)? {
            return Ok(first);
        }
    }
    Ok(1)
}

/// The number that a reader begins with who wants only what is written from now on: that behind the last
/// record there is, and 1 in an empty journal. With it comes the first number of the file that it is in,
/// from where requests are read again that are under way.
///
/// # Errors
/// The first [`Damage`] in the last file.
pub fn end(dir: &Path) -> Result<(u64, u64), Damage> {
    let io = |error: io::Error| Damage { path: dir.to_owned(), offset: 0, fault: error.into() };
    let begin = newest(dir).map_err(io)?;
    let mut follow = Follow::new(dir, begin);
    while follow.advance()? != Followed::End {}
    Ok((follow.next_number(), begin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Completion, Intent, Journal, Kind, Settings};
    use crate::id::RequestId;
    use crate::time::Millis;

    fn write(journal: &Journal, count: u8) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            for id in 0..count {
                let intent = Intent::new(RequestId::from_random(&[id; 34]), Millis(0));
                let receipt = journal.record(&intent).await.unwrap();
                journal.complete(receipt, &Completion::default());
            }
        });
    }

    fn small() -> Settings {
        Settings { segment_size: 4096, min_free: Some(0), ..Settings::default() }
    }

    fn numbers(follow: &mut Follow) -> Vec<u64> {
        let mut numbers = Vec::new();
        loop {
            match follow.advance().unwrap() {
                Followed::Entry(entry) => numbers.push(entry.number),
                Followed::End => return numbers,
                Followed::Missing { first, last } => panic!("{first} to {last} are missing"),
            }
        }
    }

    #[test]
    fn a_reader_begins_with_any_record_and_sees_each_after_it_once() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(dir.path(), small()).unwrap();
        write(&journal, 100);
        journal.close().unwrap();
        let all = numbers(&mut Follow::new(dir.path(), 0));
        assert_eq!(all, (1..=all.len() as u64).collect::<Vec<_>>());
        assert!(list(dir.path()).unwrap().len() > 3);
        for from in [1, 2, 57, 100, 199] {
            assert_eq!(numbers(&mut Follow::new(dir.path(), from)).first(), Some(&from));
        }
        let (next, begin) = end(dir.path()).unwrap();
        assert_eq!((next, begin), (all.len() as u64 + 1, newest(dir.path()).unwrap()));
    }

    #[test]
    fn a_follower_sees_what_is_written_later_and_across_files() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(dir.path(), small()).unwrap();
        let mut follow = Follow::new(dir.path(), 1);
        assert_eq!(follow.advance().unwrap(), Followed::End);
        let mut seen = Vec::new();
        for _ in 0..5 {
            write(&journal, 20);
            seen.extend(numbers(&mut follow));
        }
        journal.close().unwrap();
        seen.extend(numbers(&mut follow));
        assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
        assert!(seen.len() > 200, "{}", seen.len());
    }

    #[test]
    fn files_that_retention_has_removed_are_told_and_passed() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(dir.path(), small()).unwrap();
        write(&journal, 100);
        journal.close().unwrap();
        let names = list(dir.path()).unwrap();
        let mut follow = Follow::new(dir.path(), 1);
        let Followed::Entry(entry) = follow.advance().unwrap() else { panic!() };
        assert_eq!((entry.number, entry.kind), (1, Kind::Intent));
        // The file that is being read and the two behind it go.
        names.iter().take(3).for_each(|name| std::fs::remove_file(&name.path).unwrap());
        let first = first_number(&names[3]).unwrap().unwrap();
        let mut seen = vec![1];
        loop {
            match follow.advance().unwrap() {
                Followed::Entry(entry) => seen.push(entry.number),
                Followed::Missing { first: from, last } => {
                    assert_eq!((from, last + 1), (seen.last().unwrap() + 1, first));
                    seen.extend(from..=last);
                }
                Followed::End => break,
            }
        }
        assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
        let mut late = Follow::new(dir.path(), 1);
        assert_eq!(late.advance().unwrap(), Followed::Missing { first: 1, last: first - 1 });
        assert_eq!(numbers(&mut late).first(), Some(&first));
    }
}
