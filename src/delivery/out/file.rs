//! Into a file that is put aside when it is large or old. What stands behind the cursor is what a crash has
//! left there; it is cut off and delivered again, so that nothing is in the file twice.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::delivery::cursor::Written;
use crate::delivery::settings::FileTo;
use crate::time::Seconds;

/// A file and where it stands.
pub(in crate::delivery) struct FileOut {
    to: FileTo,
    open: Option<File>,
}

impl FileOut {
    pub(in crate::delivery) fn new(to: FileTo) -> Self {
        Self { to, open: None }
    }

    /// Appends, and waits for the disk. `before`: where the file stood.
    ///
    /// # Errors
    /// Nothing is appended.
    pub(super) fn append<'b>(
        &mut self,
        bodies: impl Iterator<Item = &'b [u8]> + Clone,
        before: Option<Written>,
        now: Seconds,
    ) -> io::Result<Written> {
        let done = self.try_append(bodies, before, now);
        if done.is_err() {
            self.open = None; // opened and cut again the next time
        }
        done
    }

    fn try_append<'b>(
        &mut self,
        bodies: impl Iterator<Item = &'b [u8]> + Clone,
        before: Option<Written>,
        now: Seconds,
    ) -> io::Result<Written> {
        let length = bodies.clone().map(|body| body.len() as u64).sum();
        let (mut file, mut written) = match self.open.take().zip(before) {
            Some(open) => open,
            None => self.reopen(before, now)?,
        };
        if self.is_full(written, length, now) {
            drop(file);
            self.put_aside(now)?;
            (file, written) = self.reopen(None, now)?;
        }
        for body in bodies {
            file.write_all(body)?;
        }
        file.sync_data()?;
        self.open = Some(file);
        Ok(Written { octets: written.octets + length, ..written })
    }

    fn is_full(&self, written: Written, more: u64, now: Seconds) -> bool {
        let age = u64::try_from(now.0.saturating_sub(written.begun)).unwrap_or(0);
        let large = written.octets.saturating_add(more) > self.to.roll_size;
        written.octets > 0 && (large || age >= self.to.roll_every.as_secs())
    }

    /// Opens the file and cuts off what is not delivered. One that is another than it was, since it was put
    /// aside just before a crash, holds nothing that is.
    fn reopen(&self, before: Option<Written>, now: Seconds) -> io::Result<(File, Written)> {
        let path = &self.to.path;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let metadata = file.metadata()?;
        let written = match before {
            Some(before) if before.inode == metadata.ino() => {
                if metadata.len() < before.octets {
                    tracing::warn!(file = %path.display(), "somebody else has shortened a file of deliveries");
                }
                Written { octets: before.octets.min(metadata.len()), ..before }
            }
            // A file that was there before the first delivery is somebody's: it is kept.
            None => Written { inode: metadata.ino(), octets: metadata.len(), begun: now.0 },
            Some(_) => Written { inode: metadata.ino(), octets: 0, begun: now.0 },
        };
        if metadata.len() > written.octets {
            file.set_len(written.octets)?;
        }
        if let Some(folder) = folder {
            File::open(folder)?.sync_all()?;
        }
        Ok((file, written))
    }

    /// `PATH.20261127T055430Z`, and with a number behind it if that is there already.
    fn put_aside(&self, now: Seconds) -> io::Result<()> {
        let path = &self.to.path;
        let named = |ending: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{}{ending}", now.compact()));
            PathBuf::from(name)
        };
        let mut aside = named("");
        for number in 2.. {
            if !aside.try_exists()? {
                break;
            }
            aside = named(&format!("-{number:03}"));
        }
        std::fs::rename(path, &aside)?;
        self.remove_oldest()
    }

    fn remove_oldest(&self) -> io::Result<()> {
        let Some(keep) = self.to.keep else { return Ok(()) };
        let mut aside = put_aside_before(&self.to.path)?;
        let most = usize::try_from(keep).unwrap_or(usize::MAX);
        let gone = aside.len().saturating_sub(most);
        aside.drain(..gone).try_for_each(std::fs::remove_file)
    }
}

/// The files that were put aside, the oldest first.
fn put_aside_before(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let other = entry.file_name().to_string_lossy().into_owned();
        let ending = other.strip_prefix(&name).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
        let stamp = ending.split('-').next().unwrap_or_default();
        if Seconds::from_compact(stamp.as_bytes()).is_some() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn out(dir: &Path, roll_size: u64, keep: Option<u32>) -> FileOut {
        FileOut::new(FileTo { path: dir.join("a.log"), roll_size, roll_every: Duration::from_secs(3600), keep })
    }

    fn append(out: &mut FileOut, text: &str, before: Option<Written>, now: i64) -> Written {
        out.append(std::iter::once(text.as_bytes()), before, Seconds(now)).unwrap()
    }

    #[test]
    fn what_a_crash_has_left_behind_the_cursor_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let first = append(&mut out(dir.path(), 1000, None), "one\n", None, 0);
        append(&mut out(dir.path(), 1000, None), "two\n", Some(first), 0);
        // The cursor was not written: it is delivered again by the next process.
        append(&mut out(dir.path(), 1000, None), "two\nthree\n", Some(first), 0);
        assert_eq!(std::fs::read_to_string(dir.path().join("a.log")).unwrap(), "one\ntwo\nthree\n");
    }

    #[test]
    fn a_crash_behind_the_putting_aside_leaves_nothing_twice() {
        let dir = tempfile::tempdir().unwrap();
        let first = append(&mut out(dir.path(), 5, None), "one\n", None, 0);
        append(&mut out(dir.path(), 5, None), "two\n", Some(first), 1);
        append(&mut out(dir.path(), 5, None), "two\n", Some(first), 2);
        let kept = put_aside_before(&dir.path().join("a.log")).unwrap();
        let all = kept.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect::<String>();
        assert_eq!(
            (all.as_str(), std::fs::read_to_string(dir.path().join("a.log")).unwrap().as_str()),
            ("one\n", "two\n")
        );
    }

    #[test]
    fn files_are_put_aside_by_size_and_age_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let mut out = out(dir.path(), 8, Some(2));
        let mut at = None;
        for now in 0..4 {
            at = Some(append(&mut out, "12345\n", at, now));
        }
        let kept = put_aside_before(&dir.path().join("a.log")).unwrap();
        assert_eq!(kept.len(), 2, "{kept:?}");
        let at = append(&mut out, "1\n", at, 4);
        assert_eq!(at.octets, 8);
        let later = append(&mut out, "2\n", Some(at), 4000);
        assert_eq!(later.octets, 2, "it was old");
    }

    #[test]
    fn a_file_that_was_there_before_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.log"), "theirs\n").unwrap();
        append(&mut out(dir.path(), 1000, None), "ours\n", None, 0);
        assert_eq!(std::fs::read_to_string(dir.path().join("a.log")).unwrap(), "theirs\nours\n");
    }
}
