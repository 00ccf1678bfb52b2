//! How far a destination has come, in a file of its own that is replaced as a whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use super::trail::Trail;

/// The longest cursor that is read, in octets: one of a trail names the files of an hour.
const LONGEST: u64 = 64 << 20;

/// How far a destination has come in one journal.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// The journal's instance, in hexadecimal.
    pub(super) instance: String,
    /// The record to read from, so that requests under way are known.
    pub(super) resume_from: u64,
    /// Every request that ended with this record or before it has been dealt with.
    pub(super) delivered: u64,
    /// What was about to be delivered, or is being tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Pending>,
    /// How much of a file is delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<Written>,
    /// The digests of a trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trail: Option<Trail>,
}

/// A delivery that has been planned: with the same plan it is the same again, names included.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pending {
    /// The record that it ends with.
    pub(super) last: u64,
    /// When it was planned, in unix seconds.
    pub(super) at: i64,
    /// What nobody else knows of its names. Plans of older versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) salt: Option<u64>,
    /// Since when it fails, in unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failing_since: Option<i64>,
}

/// The file that is being written to.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// Which file it is.
    pub(super) inode: u64,
    /// So many octets of it are delivered.
    pub(super) octets: u64,
    /// When it was begun, in unix seconds.
    pub(super) begun: i64,
}

impl Pending {
    /// A plan whose names nobody can tell beforehand: an object that somebody has put under one of them would be
    /// taken for what was delivered there (spec/access-logs.md 11).
    ///
    /// # Errors
    /// No random number can be had.
    pub(super) fn new(last: u64, at: i64) -> io::Result<Self> {
        let mut salt = [0; 8];
        let filled = SystemRandom::new().fill(&mut salt);
        filled.map_err(|_| io::Error::other("no random number could be had"))?;
        Ok(Self { last, at, salt: Some(u64::from_be_bytes(salt)), failing_since: None })
    }
}

impl Cursor {
    /// Reads one; none where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn load(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let limited = io::Read::take(io::BufReader::new(file), LONGEST);
        serde_json::from_reader(limited).map(Some).map_err(io::Error::other)
    }

    /// Puts it in the place of the older one, on the disk.
    ///
    /// # Errors
    /// It cannot be written; the older one stands.
    pub(super) fn store(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        put(path, &text)
    }
}

/// Puts a file in the place of an older one, all or nothing, and waits for the disk. Nobody else may read it.
pub(super) fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = Path::new(&name);
    match std::fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(temporary, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_a_damaged_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deeper/a.json");
        assert_eq!(Cursor::load(&path).unwrap(), None);
        let pending = Pending { failing_since: Some(1_700_000_001), ..Pending::new(9, 1_700_000_000).unwrap() };
        let pending = Some(pending);
        let file = Some(Written { inode: 1, octets: 2, begun: 3 });
        let cursor = Cursor { instance: "ab".to_owned(), resume_from: 3, delivered: 5, pending, file, trail: None };
        cursor.store(&path).unwrap();
        assert_eq!(Cursor::load(&path).unwrap(), Some(cursor.clone()));
        Cursor { delivered: 6, ..cursor }.store(&path).unwrap();
        assert_eq!(Cursor::load(&path).unwrap().unwrap().delivered, 6);
        std::fs::write(&path, "{\"instance\":").unwrap();
        assert!(Cursor::load(&path).is_err());
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left over");
    }
}
