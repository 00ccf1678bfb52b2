//! Files that belong together take the place of older ones: all of them, or none.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{FileFault, folder_of, hidden, remove_if_there, write_new};

/// A file that is to take the place of an older one.
pub(in crate::control) struct Replacement<'f> {
    pub path: &'f Path,
    pub content: &'f [u8],
    /// Whether nobody may read it beyond its owner and its group.
    pub secret: bool,
}

/// Why they are not in their places.
#[derive(Debug)]
pub struct Unplaced {
    /// The file that was in the way.
    pub path: PathBuf,
    /// What was wrong with it.
    pub fault: FileFault,
    /// Older files that could not be put back, with the names that they have now. Without any, all is as it was.
    pub aside: Vec<(PathBuf, PathBuf)>,
}

/// Puts files in the place of older ones, and waits for the disk. All are whole, and all the older ones are kept
/// under other names, before the first takes its place; when one cannot, the older ones are put back. Each keeps the
/// owner, the group and the permissions of the older one.
pub(in crate::control) fn replace_together(files: &[Replacement<'_>]) -> Result<(), Unplaced> {
    replace_by(files, &|from, to| std::fs::rename(from, to))
}

type Rename<'r> = &'r dyn Fn(&Path, &Path) -> io::Result<()>;

fn replace_by(files: &[Replacement<'_>], rename: Rename<'_>) -> Result<(), Unplaced> {
    let each = |step: &dyn Fn(&Replacement<'_>) -> Result<(), FileFault>| {
        files.iter().try_for_each(|file| step(file).map_err(|fault| (file.path.to_owned(), fault)))
    };
    let prepared = each(&prepare);
    // Before that, what has the name of an older file is not ours to put back.
    let ready = prepared.is_ok();
    let kept = prepared.and_then(|()| each(&|file| keep_aside(file.path, rename)));
    let placing = kept.is_ok();
    let done = kept.and_then(|()| each(&|file| place(file.path, rename)));
    let aside: Vec<_> = match done {
        Err(_) if ready => files.iter().filter_map(|file| put_back(file.path, placing, rename)).collect(),
        _ => Vec::new(),
    };
    for Replacement { path, .. } in files {
        // What is left of these does no harm, and the next time removes it.
        drop(remove_if_there(&hidden(path)));
        if ready && !aside.iter().any(|(lost, _)| lost == path) {
            drop(remove_if_there(&older(path)));
        }
    }
    done.map_err(|(path, fault)| Unplaced { path, fault, aside })
}

/// Writes a file under its hidden name.
fn prepare(file: &Replacement<'_>) -> Result<(), FileFault> {
    let (temporary, old) = (hidden(file.path), std::fs::metadata(file.path).ok());
    // Left-overs of a crash, or traps: a link is removed, never followed.
    remove_if_there(&temporary)?;
    remove_if_there(&older(file.path))?;
    write_new(&temporary, 0o600, file.content)?;
    let (most, usual) = if file.secret { (0o770, 0o600) } else { (0o777, 0o644) };
    let mode = old.as_ref().map_or(usual, |old| old.permissions().mode() & most);
    keep_owner(old.as_ref(), mode, &temporary)?;
    // Last: whoever is let in is known by now.
    Ok(std::fs::set_permissions(&temporary, Permissions::from_mode(mode))?)
}

/// Gives a file to the owner and the group of the older one: a proxy that is not root must read what root puts
/// there for it.
fn keep_owner(old: Option<&Metadata>, mode: u32, path: &Path) -> Result<(), FileFault> {
    let Some(old) = old else { return Ok(()) };
    let new = std::fs::metadata(path)?;
    if (old.uid(), old.gid()) == (new.uid(), new.gid()) {
        return Ok(());
    }
    // A group that may do no more than everybody does not decide who can read it.
    let group_counts = (mode >> 3) & 0o7 & !mode != 0;
    match std::os::unix::fs::chown(path, Some(old.uid()), Some(old.gid())) {
        Err(_) if old.uid() == new.uid() && !group_counts => Ok(()),
        Err(error) => {
            Err(FileFault::new(format!("has an owner or a group that this user cannot give it anew: {error}")))
        }
        Ok(()) => Ok(()),
    }
}

/// Keeps the older file under another name, so that it can be put back.
fn keep_aside(path: &Path, rename: Rename<'_>) -> Result<(), FileFault> {
    match std::fs::hard_link(path, older(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Not every file system has links, and not every user may make them. For a moment nothing is in its place.
        Err(_) => Ok(rename(path, &older(path))?),
        Ok(()) => Ok(()),
    }
}

fn place(path: &Path, rename: Rename<'_>) -> Result<(), FileFault> {
    rename(&hidden(path), path)?;
    let folder = folder_of(path);
    Ok(File::open(folder)?.sync_all()?)
}

/// Puts the older file back; where there was none, none is there afterwards. Gives its two names if it cannot.
fn put_back(path: &Path, placing: bool, rename: Rename<'_>) -> Option<(PathBuf, PathBuf)> {
    let older = older(path);
    let file = |path: &Path| std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()));
    match file(&older) {
        None if placing && file(&hidden(path)).is_none() => drop(remove_if_there(path)),
        Some(kept) if file(path) != Some(kept) => {
            return rename(&older, path).err().map(|_| (path.to_owned(), older));
        }
        _ => {}
    }
    None
}

/// The name under which an older file waits.
fn older(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".old");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two old files in a folder of their own.
    fn pair() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let (key, certificate) = (dir.path().join("server.key"), dir.path().join("server.pem"));
        write_new(&key, 0o600, b"old key").unwrap();
        write_new(&certificate, 0o644, b"old certificate").unwrap();
        (dir, key, certificate)
    }

    fn replacements<'f>(key: &'f Path, certificate: &'f Path) -> [Replacement<'f>; 2] {
        [
            Replacement { path: key, content: b"new key", secret: true },
            Replacement { path: certificate, content: b"new certificate", secret: false },
        ]
    }

    fn names(dir: &tempfile::TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_second_file_that_cannot_take_its_place_leaves_the_first_as_it_was() {
        let (dir, key, certificate) = pair();
        let before = std::fs::metadata(&key).unwrap().ino();
        let stuck = |from: &Path, to: &Path| match to.ends_with("server.pem") {
            true => Err(io::Error::from(io::ErrorKind::ResourceBusy)),
            false => std::fs::rename(from, to),
        };
        let fault = replace_by(&replacements(&key, &certificate), &stuck).unwrap_err();
        assert_eq!((&fault.path, fault.aside.len()), (&certificate, 0));
        assert_eq!(std::fs::metadata(&key).unwrap().ino(), before);
        assert_eq!(std::fs::read(&key).unwrap(), b"old key");
        assert_eq!(std::fs::read(&certificate).unwrap(), b"old certificate");
        assert_eq!(names(&dir), ["server.key", "server.pem"]);
        // Where there was no key, none is left without its certificate.
        std::fs::remove_file(&key).unwrap();
        assert!(replace_by(&replacements(&key, &certificate), &stuck).unwrap_err().aside.is_empty());
        assert_eq!(names(&dir), ["server.pem"]);
    }

    #[test]
    fn an_old_file_that_cannot_be_put_back_is_kept_and_named() {
        let (dir, key, certificate) = pair();
        let places = std::cell::Cell::new(0);
        let stuck = |from: &Path, to: &Path| {
            places.set(places.get() + 1);
            if places.get() > 1 {
                Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem))
            } else {
                std::fs::rename(from, to)
            }
        };
        let fault = replace_by(&replacements(&key, &certificate), &stuck).unwrap_err();
        assert!(fault.aside.contains(&(key.clone(), dir.path().join(".server.key.old"))));
        assert_eq!(std::fs::read(dir.path().join(".server.key.old")).unwrap(), b"old key");
    }

    #[test]
    fn a_secret_keeps_its_permissions_without_those_of_everybody() {
        for (before, after) in [(0o640, 0o640), (0o400, 0o400), (0o600, 0o600), (0o644, 0o640), (0o444, 0o440)] {
            let (dir, key, certificate) = pair();
            std::fs::set_permissions(&key, Permissions::from_mode(before)).unwrap();
            replace_together(&replacements(&key, &certificate)).unwrap();
            assert_eq!((mode(&key), mode(&certificate)), (after, 0o644), "{before:o}");
            assert_eq!(std::fs::read(&key).unwrap(), b"new key");
            assert_eq!(names(&dir), ["server.key", "server.pem"]);
        }
    }

    #[test]
    fn a_key_that_a_group_reads_stays_readable_to_that_group() {
        if !rustix::process::geteuid().is_root() {
            return; // Nobody else can give a file away.
        }
        let (_dir, key, certificate) = pair();
        std::os::unix::fs::chown(&key, Some(0), Some(12_345)).unwrap();
        std::fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
        replace_together(&replacements(&key, &certificate)).unwrap();
        let after = std::fs::metadata(&key).unwrap();
        assert_eq!((after.uid(), after.gid(), mode(&key)), (0, 12_345, 0o640));
    }
}
