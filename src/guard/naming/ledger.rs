//! The ledger of retired names (spec/naming.md 4, N-23).
//!
//! A bucket that is deleted frees its name for everybody on a store that others use too, and old references
//! would send data to a stranger. So a name that was deleted here is refused to all but its last owner, and
//! requests for it are answered here.
//!
//! A file to which lines are only ever added: when, `retired` or `used`, the SHA-256 of the name, and that of
//! the principal. Whoever reads it learns no name that he does not know. Each state folder has its own.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ring::digest::{SHA256, digest};

use crate::time::Seconds;

/// The most names that are kept: some 40 MB of memory.
const MOST: usize = 1 << 18;
/// The longest file that is read, in octets.
const LONGEST: u64 = 256 << 20;

type Hash = [u8; 32];

/// Retired names.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: Mutex<File>,
    /// By the hash of the name: that of the last owner.
    retired: RwLock<HashMap<Hash, Hash>>,
}

/// What a name is to somebody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Not retired.
    Free,
    /// Retired by the same one.
    Own,
    /// Retired by somebody else.
    Other,
}

/// Why the ledger cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A line that is not understood: whoever forgets it could give a name away.
    #[error("{}: line {line} is not one of the ledger", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
    },
    /// More names than fit.
    #[error("{}: more names than the ledger holds", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Ledger {
    /// Opens the ledger at a path, or begins it. What a crash has left of a last line is cut off.
    ///
    /// # Errors
    /// It cannot be read or written, or holds what is no line of it.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let io = |error| LedgerError::Io { path: path.to_owned(), error };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(io)?;
        let mut text = String::new();
        let length = (&mut file).take(LONGEST + 1).read_to_string(&mut text).map_err(io)?;
        if length as u64 > LONGEST {
            return Err(LedgerError::Full { path: path.to_owned() });
        }
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(io)?;
        let mut retired = HashMap::new();
        for (at, line) in text.get(..whole).unwrap_or_default().lines().enumerate() {
            match read(line) {
                Some((true, name, by)) => _ = retired.insert(name, by),
                Some((false, name, _)) => _ = retired.remove(&name),
                None => return Err(LedgerError::Damaged { path: path.to_owned(), line: at + 1 }),
            }
        }
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), retired: RwLock::new(retired) })
    }

    /// What a name is to a principal.
    pub fn standing(&self, name: &str, who: &str) -> Standing {
        let retired = self.names();
        if retired.is_empty() {
            return Standing::Free;
        }
        match retired.get(&hash(name)) {
            None => Standing::Free,
            Some(by) if *by == hash(who) => Standing::Own,
            Some(_) => Standing::Other,
        }
    }

    /// Whether a name is retired.
    pub fn holds(&self, name: &str) -> bool {
        let retired = self.names();
        !retired.is_empty() && retired.contains_key(&hash(name))
    }

    /// Whether no further name fits.
    pub fn is_full(&self) -> bool {
        self.names().len() >= MOST
    }

    /// A bucket is gone. Waits for the disk.
    ///
    /// # Errors
    /// The file cannot be written; in this process the name is retired all the same.
    pub fn retire(&self, name: &str, by: &str, at: Seconds) -> Result<(), LedgerError> {
        let (name, by) = (hash(name), hash(by));
        let mut file = self.file();
        self.names_mut().insert(name, by);
        self.write(&mut file, "retired", name, by, at)
    }

    /// Its last owner has made the bucket again. Waits for the disk.
    ///
    /// # Errors
    /// The file cannot be written; the name is retired again after the next start.
    pub fn reuse(&self, name: &str, by: &str, at: Seconds) -> Result<(), LedgerError> {
        let (name, by) = (hash(name), hash(by));
        let mut file = self.file();
        self.names_mut().remove(&name);
        self.write(&mut file, "used", name, by, at)
    }

    fn write(&self, file: &mut File, word: &str, name: Hash, by: Hash, at: Seconds) -> Result<(), LedgerError> {
        let line = format!("{} {word} {} {}\n", at.rfc3339(), hex(&name), hex(&by));
        let end = file.stream_position();
        let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_data());
        written.map_err(|error| {
            // Half a line would make the next one unreadable.
            if let Ok(end) = end {
                let _still_broken = file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end)));
            }
            LedgerError::Io { path: self.path.clone(), error }
        })
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> RwLockReadGuard<'_, HashMap<Hash, Hash>> {
        self.retired.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn names_mut(&self) -> RwLockWriteGuard<'_, HashMap<Hash, Hash>> {
        self.retired.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line: whether the name is retired by it, the name, and by whom.
fn read(line: &str) -> Option<(bool, Hash, Hash)> {
    let mut words = line.split(' ');
    let (_when, word, name, by) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let is_retired = match word {
        "retired" => true,
        "used" => false,
        _ => return None,
    };
    words.next().is_none().then_some((is_retired, unhex(name)?, unhex(by)?))
}

fn hash(text: &str) -> Hash {
    let mut hash = [0; 32];
    hash.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()).for_each(|(place, octet)| *place = *octet);
    hash
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (place, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *place = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Seconds = Seconds(1_795_651_200);
    const RED: &str = "arn:aws:iam::111122223333:user/red";
    const BLUE: &str = "arn:aws:iam::111122223333:user/blue";

    #[test]
    fn a_retired_name_is_its_last_owners_alone_after_a_restart_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("retired-names");
        let check = |ledger: &Ledger| {
            assert_eq!(ledger.standing("logs", RED), Standing::Own);
            assert_eq!(ledger.standing("logs", BLUE), Standing::Other);
            assert_eq!(ledger.standing("other", BLUE), Standing::Free);
        };
        let ledger = Ledger::open(&path).unwrap();
        assert!(!ledger.holds("logs"));
        ledger.retire("logs", BLUE, AT).unwrap();
        ledger.reuse("logs", BLUE, AT).unwrap();
        assert!(!ledger.holds("logs"));
        ledger.retire("logs", RED, AT).unwrap();
        check(&ledger);
        drop(ledger);
        check(&Ledger::open(&path).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3, "nothing is ever taken out");
        assert!(text.starts_with("2026-11-26T00:00:00Z retired ") && !text.contains("logs"), "{text}");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn half_a_line_of_a_crash_is_cut_and_another_text_refuses_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("retired-names");
        Ledger::open(&path).unwrap().retire("logs", RED, AT).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}2026-11-26T00:00:00Z retired 0011")).unwrap();
        let ledger = Ledger::open(&path).unwrap();
        ledger.retire("data", RED, AT).unwrap();
        drop(ledger);
        let ledger = Ledger::open(&path).unwrap();
        assert!(ledger.holds("logs") && ledger.holds("data"));
        std::fs::write(&path, format!("{whole}something else\n{whole}")).unwrap();
        let told = Ledger::open(&path).unwrap_err().to_string();
        assert!(told.ends_with("line 2 is not one of the ledger"), "{told}");
    }
}
