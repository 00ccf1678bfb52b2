//! How the files of a generation looked, so that a change is seen without reading them again.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::config::Config;
use super::super::finding::Findings;
use super::folder;

/// Every file with what tells one state of it from another.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Picture(BTreeMap<PathBuf, Look>);

/// Inode, size, and when contents and attributes were changed last, in nanoseconds. Nothing where the file
/// cannot be looked at.
type Look = Option<(u64, u64, [i64; 4])>;

impl Picture {
    /// Looks at the folder, at the file of access keys, and at the files that it names.
    pub(super) fn take(config: &Config, named: &[PathBuf]) -> Self {
        // What cannot be listed is not in the picture; reading will say why.
        let files = folder::walk(&config.policies, &mut Findings::default());
        let files = files.into_iter().chain([config.credentials.clone()]).chain(named.iter().cloned());
        Self(files.map(|path| (look(&path), path)).map(|(look, path)| (path, look)).collect())
    }

    /// Looks at one file again.
    pub(super) fn again(&mut self, path: &Path) {
        match look(path) {
            None => self.0.remove(path),
            look => self.0.insert(path.to_owned(), look),
        };
    }
}

fn look(path: &Path) -> Look {
    let metadata = std::fs::metadata(path).ok()?;
    let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
    Some((metadata.ino(), metadata.size(), times))
}
