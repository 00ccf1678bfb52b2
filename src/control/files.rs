//! Reading and writing small files, carefully.

use std::fmt;
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

mod together;

pub use together::Unplaced;
pub(super) use together::{Replacement, replace_together};

/// How often, and how long apart, a folder is asked for that another process has: five seconds in all.
const LOCK_TRIES: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// What to do about what another user keeps to themselves.
pub const OTHER_USER: &str = "run this as the user that runs the proxy, or let this user read it";

/// Why a file is not usable.
#[derive(Debug)]
pub struct FileFault {
    message: String,
    kind: FaultKind,
}

#[derive(Debug, Eq, PartialEq)]
enum FaultKind {
    Denied,
    Exists,
    /// Others may read it; how to end that.
    Exposed(String),
    Other,
}

impl FileFault {
    fn new(message: String) -> Self {
        Self { message, kind: FaultKind::Other }
    }

    /// Whether it was to be made, and is there already.
    pub(super) fn exists_already(&self) -> bool {
        self.kind == FaultKind::Exists
    }

    /// What is wrong in two words, where that is known.
    pub(super) fn label(&self) -> Option<&'static str> {
        matches!(self.kind, FaultKind::Exposed(_)).then_some("others may read it")
    }

    /// What to do about it, where that follows from it alone.
    pub(super) fn help(&self) -> Option<&str> {
        match &self.kind {
            FaultKind::Denied => Some(OTHER_USER),
            FaultKind::Exposed(help) => Some(help),
            FaultKind::Exists | FaultKind::Other => None,
        }
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FileFault {}

impl From<io::Error> for FileFault {
    fn from(error: io::Error) -> Self {
        let (message, kind) = match error.kind() {
            io::ErrorKind::NotFound => ("does not exist".to_owned(), FaultKind::Other),
            io::ErrorKind::PermissionDenied => {
                ("may not be read or written by this user".to_owned(), FaultKind::Denied)
            }
            io::ErrorKind::AlreadyExists => ("exists already".to_owned(), FaultKind::Exists),
            _ => (format!("cannot be used: {error}"), FaultKind::Other),
        };
        Self { message, kind }
    }
}

/// Refuses a text that is empty: somebody is just writing the file, and what it said until now would be forgotten.
pub(super) fn written(text: String) -> Result<String, FileFault> {
    if text.trim_ascii().is_empty() { Err(FileFault::new("may not be empty".to_owned())) } else { Ok(text) }
}

/// Reads a text of at most `limit` bytes.
pub fn read_text(path: &Path, limit: u64) -> Result<String, FileFault> {
    read_from(File::open(path)?, limit)
}

/// Reads a text that others may not see, of at most `limit` bytes. The permissions are those of the
/// file that was opened, not of a name that may change.
pub fn read_private(path: &Path, limit: u64) -> Result<String, FileFault> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if exposed(&metadata) {
        let mode = metadata.permissions().mode() & 0o777;
        let help = format!("run `chmod 600 {}`", path.display());
        let message = format!("has mode {mode:04o} and holds secrets: {help}");
        return Err(FileFault { message, kind: FaultKind::Exposed(help) });
    }
    read_from(file, limit)
}

/// Whether somebody else may read or change a file: any bit beyond 0600, or, where root owns it and this
/// process is not root, beyond 0640. Only root can have let that group in, and it is how secrets are
/// mounted into a container that is not root.
pub(super) fn exposed(metadata: &Metadata) -> bool {
    let by_root = metadata.uid() == 0 && !rustix::process::geteuid().is_root();
    beyond(metadata.permissions().mode(), by_root)
}

fn beyond(mode: u32, by_root: bool) -> bool {
    mode & if by_root { 0o037 } else { 0o077 } != 0
}

/// Writes a file that must not exist yet.
pub fn write_new(path: &Path, mode: u32, content: &[u8]) -> Result<(), FileFault> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    Ok(file.sync_all()?)
}

/// Puts a file in the place of an older one, all or nothing.
pub fn replace(path: &Path, mode: u32, content: &[u8]) -> Result<(), FileFault> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = Path::new(&temporary);
    // A left-over of a crash, or a trap: a link is removed, never followed.
    remove_if_there(temporary)?;
    write_new(temporary, mode, content)?;
    Ok(std::fs::rename(temporary, path)?)
}

/// Where a file lies. A name alone lies here, and has an empty parent.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Puts a file in the place of an older one, all or nothing, and waits for the disk. It keeps the older
/// one's permissions; missing folders are made.
pub(super) fn put(path: &Path, content: &[u8]) -> Result<(), FileFault> {
    let folder = folder_of(path);
    private_folder(folder)?;
    let temporary = hidden(path);
    // A left-over of a crash, or a trap: a link is removed, never followed.
    remove_if_there(&temporary)?;
    let kept = std::fs::metadata(path).ok().map(|metadata| metadata.permissions());
    write_new(&temporary, 0o644, content)?;
    if let Some(kept) = kept {
        std::fs::set_permissions(&temporary, kept)?;
    }
    std::fs::rename(&temporary, path)?;
    Ok(File::open(folder)?.sync_all()?)
}

/// The same for a file that must not be there: what somebody else has made meanwhile stays.
pub(super) fn put_new(path: &Path, content: &[u8]) -> Result<(), FileFault> {
    let folder = folder_of(path);
    private_folder(folder)?;
    let temporary = hidden(path);
    remove_if_there(&temporary)?;
    write_new(&temporary, 0o644, content)?;
    let placed = match std::fs::hard_link(&temporary, path) {
        // Not every file system has links.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.try_exists()? => {
            std::fs::rename(&temporary, path)
        }
        placed => placed,
    };
    remove_if_there(&temporary)?;
    placed?;
    Ok(File::open(folder)?.sync_all()?)
}

/// Keeps a folder to one process at a time, for as long as what is given lives. Where the file system knows no
/// such locks, there is none.
pub(super) fn only_here(folder: &Path) -> Result<File, FileFault> {
    let open = File::open(folder)?;
    for _ in 0..LOCK_TRIES {
        match open.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(open),
        }
    }
    Err(FileFault::new("is being changed by another process".to_owned()))
}

/// The name that a file has until it is whole. It is hidden, so that whoever reads the folder does not take it
/// for one of its files.
fn hidden(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

/// Removes a file, if it is there, and waits for the disk.
pub(super) fn remove(path: &Path) -> Result<(), FileFault> {
    remove_if_there(path)?;
    match path.parent().map(File::open) {
        Some(Ok(folder)) => Ok(folder.sync_all()?),
        // Where there is no folder, there was no file.
        _ => Ok(()),
    }
}

fn remove_if_there(path: &Path) -> Result<(), FileFault> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Makes a folder, with its parents, for the owner alone; one that is there is left as it is.
pub fn private_folder(path: &Path) -> Result<(), FileFault> {
    Ok(DirBuilder::new().recursive(true).mode(0o700).create(path)?)
}

/// Takes a folder from everybody but the owner.
pub(super) fn restrict(path: &Path) -> Result<(), FileFault> {
    let metadata = std::fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Err(FileFault::new("is not a folder".to_owned()));
    }
    Ok(std::fs::set_permissions(path, Permissions::from_mode(0o700))?)
}

fn read_from(file: File, limit: u64) -> Result<String, FileFault> {
    if file.metadata()?.is_dir() {
        return Err(FileFault::new("is a folder".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(FileFault::new(format!("is larger than {}", super::units::spell_size(limit))));
    }
    String::from_utf8(bytes).map_err(|_| FileFault::new("is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        write_new(&path, 0o600, b"x").unwrap();
        assert_eq!(read_private(&path, 10).unwrap(), "x");
        for mode in [0o640, 0o604, 0o644, 0o601] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(read_private(&path, 10).unwrap_err().to_string().contains("chmod 600"), "{mode:o}");
        }
    }

    #[test]
    fn a_file_of_another_user_is_told_with_what_to_do() {
        let fault = FileFault::from(io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!((fault.to_string().contains("by this user"), fault.help()), (true, Some(OTHER_USER)));
        assert_eq!(FileFault::from(io::Error::from(io::ErrorKind::NotFound)).help(), None);
    }

    #[test]
    fn a_group_is_let_in_by_root_alone_and_only_to_read() {
        for mode in [0o400, 0o440, 0o600, 0o640] {
            assert!(!beyond(mode, true), "{mode:o}");
        }
        for mode in [0o444, 0o460, 0o644, 0o660, 0o650, 0o604] {
            assert!(beyond(mode, true), "{mode:o}");
        }
        assert!(beyond(0o440, false) && beyond(0o640, false) && !beyond(0o400, false));
    }

    #[test]
    fn reading_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_new(&path, 0o600, b"12345").unwrap();
        assert!(read_text(&path, 5).is_ok());
        assert_eq!(read_text(&path, 4).unwrap_err().to_string(), "is larger than 4B");
        assert_eq!(read_text(dir.path(), 4).unwrap_err().to_string(), "is a folder");
        assert_eq!(write_new(&path, 0o600, b"").unwrap_err().to_string(), "exists already");
    }

    #[test]
    fn what_is_put_keeps_permissions_and_leaves_no_other_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/file");
        put(&path, b"one").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.path().join("new/.file.new")).unwrap();
        put(&path, b"two").unwrap();
        assert_eq!(read_text(&path, 10).unwrap(), "two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_dir(dir.path().join("new")).unwrap().count(), 1);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_is_changed_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = only_here(dir.path()).unwrap();
        let path = dir.path().to_owned();
        let second = std::thread::spawn(move || only_here(&path).map(drop));
        std::thread::sleep(LOCK_PAUSE * 5);
        assert!(!second.is_finished());
        drop(first);
        second.join().unwrap().unwrap();
    }

    #[test]
    fn replacing_does_not_follow_a_planted_link() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        write_new(&victim, 0o600, b"kept").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join("file.new")).unwrap();
        replace(&dir.path().join("file"), 0o600, b"new").unwrap();
        assert_eq!(read_text(&victim, 10).unwrap(), "kept");
        assert_eq!(read_text(&dir.path().join("file"), 10).unwrap(), "new");
    }

    #[test]
    fn a_name_alone_lies_here() {
        for (path, folder) in [("a", "."), ("./a", "."), ("/b/a", "/b"), ("b/a", "b")] {
            assert_eq!(folder_of(Path::new(path)), Path::new(folder), "{path}");
        }
    }
}
