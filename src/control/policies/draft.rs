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
    /// What it is while the files before it are changed.
    first: Option<String>,
    /// It must not be there.
    fresh: bool,
}

/// A file that cannot be written.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) detail: String,
    /// It was to be made, and is there already.
    pub(super) exists: bool,
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
            Ok(before) => Ok(Self { path, text, before, first: None, fresh: false }),
            Err(fault) => Err(told(&path, &fault)),
        }
    }

    /// The same, for a file that must not be there: whoever else makes it meanwhile keeps theirs. None where
    /// it is there already.
    pub(super) fn fresh(self) -> Option<Self> {
        self.before.is_none().then_some(Self { fresh: true, ..self })
    }

    /// The same, with another text while the files before it are changed.
    pub(super) fn first(self, text: String) -> Self {
        Self { first: Some(text), ..self }
    }

    fn begin(&self) -> Result<(), FileFault> {
        self.first.as_ref().map_or(Ok(()), |first| files::put(&self.path, first.as_bytes()))
    }

    fn set(&self) -> Result<(), FileFault> {
        match &self.text {
            Some(text) if self.fresh => files::put_new(&self.path, text.as_bytes()),
            text => set(&self.path, text.as_deref()),
        }
    }
}

/// Puts files in their places, on the disk, one after the other. If one cannot be, those before it are as
/// they were.
///
/// # Errors
/// The file that cannot be written.
pub(super) fn write(drafts: &[Draft]) -> Result<(), Unwritten> {
    let begun = drafts.iter().try_for_each(|draft| draft.begin().map_err(|fault| (0, draft, fault)));
    let mut numbered = drafts.iter().enumerate();
    let done =
        begun.and_then(|()| numbered.try_for_each(|(at, draft)| draft.set().map_err(|fault| (at, draft, fault))));
    if let Err((at, draft, fault)) = done {
        let touched = drafts.iter().enumerate().filter(|(place, touched)| *place < at || touched.first.is_some());
        for (_, touched) in touched {
            if let Err(fault) = set(&touched.path, touched.before.as_deref()) {
                tracing::error!(file = %touched.path.display(), %fault, "a file of the policies could not be put back");
            }
        }
        return Err(Unwritten { detail: told(&draft.path, &fault), exists: fault.exists_already() });
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
            Draft { path: at("wall/c"), text: text("new"), before: None, first: None, fresh: false },
        ];
        assert!(write(&drafts).unwrap_err().detail.contains("wall/c"));
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

    #[test]
    fn a_new_file_takes_nobodys_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("points/a");
        let draft = |text: &str| Draft::new(file.clone(), Some(text.to_owned())).unwrap().fresh();
        let (mine, theirs) = (draft("mine").unwrap(), draft("theirs").unwrap());
        write(&[theirs]).unwrap();
        let fault = write(&[mine]).unwrap_err();
        assert!(fault.exists, "{fault:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "theirs");
        assert!(draft("mine").is_none());
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn what_guards_is_shut_before_the_files_in_front_of_it_go() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("door"), "open").unwrap();
        std::fs::create_dir_all(at("wall")).unwrap();
        let door = || Draft::new(at("door"), None).unwrap().first("shut".to_owned());
        let wall = Draft { path: at("wall"), text: None, before: None, first: None, fresh: false };
        assert!(write(&[wall, door()]).is_err());
        assert_eq!(std::fs::read_to_string(at("door")).unwrap(), "open", "put back");
        write(&[door()]).unwrap();
        assert!(!at("door").exists());
    }
}
