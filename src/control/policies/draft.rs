//! Files as a request wants them: judged before they are written, put back where not all can be.

use std::path::{Path, PathBuf};

use super::super::files::{self, FileFault};

/// How large a file may be that is put back.
const LIMIT: u64 = 256 << 10;

/// A file as it is to be, and as it is.
pub(super) struct Draft {
    pub(super) path: PathBuf,
    /// None: it is to be gone.
    pub(super) text: Option<String>,
    before: Option<String>,
}

impl Draft {
    /// Plans a file.
    ///
    /// # Errors
    /// What is there cannot be read, so it could not be put back.
    pub(super) fn new(path: PathBuf, text: Option<String>) -> Result<Self, String> {
        let before = match path.try_exists() {
            Ok(false) => Ok(None),
            Ok(true) => files::read_text(&path, LIMIT).map(Some),
            Err(error) => Err(error.into()),
        };
        match before {
            Ok(before) => Ok(Self { path, text, before }),
            Err(fault) => Err(told(&path, &fault)),
        }
    }
}

/// Puts files in their places, on the disk, one after the other. If one cannot be, those before it are as
/// they were.
///
/// # Errors
/// The file that cannot be written.
pub(super) fn write(drafts: &[Draft]) -> Result<(), String> {
    for (at, draft) in drafts.iter().enumerate() {
        let Err(fault) = set(&draft.path, draft.text.as_deref()) else { continue };
        for done in drafts.iter().take(at) {
            if let Err(fault) = set(&done.path, done.before.as_deref()) {
                tracing::error!(file = %done.path.display(), %fault, "a file of the policies could not be put back");
            }
        }
        return Err(told(&draft.path, &fault));
    }
    for folder in drafts.iter().filter(|draft| draft.text.is_none()).filter_map(|draft| draft.path.parent()) {
        // A folder with other files in it stays, and an empty one says nothing.
        let _ = std::fs::remove_dir(folder);
    }
    Ok(())
}

fn set(path: &Path, text: Option<&str>) -> Result<(), FileFault> {
    match text {
        Some(text) => files::put(path, text.as_bytes()),
        None => files::remove(path),
    }
}

fn told(path: &Path, fault: &FileFault) -> String {
    format!("`{}` {fault}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_not_all_can_be_written_nothing_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("a"), "old").unwrap();
        std::fs::write(at("wall"), "").unwrap();
        let text = |text: &str| Some(text.to_owned());
        let drafts = [
            Draft::new(at("a"), text("new")).unwrap(),
            Draft::new(at("b"), text("new")).unwrap(),
            Draft { path: at("wall/c"), text: text("new"), before: None },
        ];
        assert!(write(&drafts).unwrap_err().contains("wall/c"));
        assert_eq!(std::fs::read_to_string(at("a")).unwrap(), "old");
        assert!(!at("b").exists());
        write(&drafts[..2]).unwrap();
        assert_eq!(std::fs::read_to_string(at("b")).unwrap(), "new");
    }

    #[test]
    fn an_empty_folder_goes_with_its_last_file_and_no_other_does() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bucket/policy.json");
        write(&[Draft::new(file.clone(), Some("{}".to_owned())).unwrap()]).unwrap();
        std::fs::write(dir.path().join("bucket/other"), "").unwrap();
        write(&[Draft::new(file.clone(), None).unwrap()]).unwrap();
        assert!(dir.path().join("bucket/other").exists() && !file.exists());
        std::fs::remove_file(dir.path().join("bucket/other")).unwrap();
        write(&[Draft::new(file, None).unwrap()]).unwrap();
        assert!(!dir.path().join("bucket").exists());
    }
}
