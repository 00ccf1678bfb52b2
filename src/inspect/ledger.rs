//! The file of findings: one JSON object a line, only ever added to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::time::Seconds;

/// From so many octets on a new file is begun; the old one stays, under another name.
const FULL: u64 = 64 << 20;

/// The file that findings are added to. Only its owner can read it.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    file: File,
    length: u64,
    full: u64,
}

impl Ledger {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let (file, length) = open(&path)?;
        Ok(Self { path, file, length, full: FULL })
    }

    #[cfg(test)]
    pub(super) fn full_from(mut self, octets: u64) -> Self {
        self.full = octets;
        self
    }

    /// Adds a line. Afterwards it is on the disk.
    pub(super) fn add(&mut self, line: &str, now: Seconds) -> io::Result<()> {
        if self.length >= self.full {
            fs::rename(&self.path, set_aside(&self.path, now))?;
            (self.file, self.length) = open(&self.path)?;
        }
        let line = format!("{line}\n");
        self.file.write_all(line.as_bytes())?;
        self.length = self.length.saturating_add(line.len() as u64);
        self.file.sync_data()
    }
}

/// A line that was cut short by a crash is ended, so that the next one stands by itself.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let mut length = file.metadata()?.len();
    if let Some(last) = length.checked_sub(1) {
        let mut octet = [0];
        File::open(path)?.read_exact_at(&mut octet, last)?;
        if octet != *b"\n" {
            file.write_all(b"\n")?;
            length = length.saturating_add(1);
        }
    }
    Ok((file, length))
}

/// `findings.jsonl` becomes `findings-20261128T040000Z.jsonl`; the next of the same second gets a number.
fn set_aside(path: &Path, now: Seconds) -> PathBuf {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = (part(path.file_stem()), part(path.extension()));
    let dot = if extension.is_empty() { "" } else { "." };
    let names = (0_u32..).map(|number| match number {
        0 => format!("{stem}-{}{dot}{extension}", now.compact()),
        _ => format!("{stem}-{}-{number}{dot}{extension}", now.compact()),
    });
    let mut paths = names.map(|name| path.with_file_name(name));
    paths.find(|path| !path.exists()).unwrap_or_else(|| path.with_extension("old"))
}
