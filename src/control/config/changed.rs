//! Whether the configuration file still says what the process has read.

use std::path::Path;

use ring::digest::{SHA256, digest};

use super::{Config, FILE_LIMIT};
use crate::control::files;
use crate::control::finding::{Finding, Source};

/// What tells one text from another.
pub(in crate::control) type Hash = [u8; 32];

pub(super) fn hash(text: &str) -> Option<Hash> {
    digest(&SHA256, text.as_bytes()).as_ref().try_into().ok()
}

impl Config {
    /// A warning where the file holds another text than the one that was read: that is used from the next start
    /// on. None where there was no file, as in development mode.
    pub fn changed(&self) -> Option<Finding> {
        let read = self.read.as_ref()?;
        let name = self.file.file_name().map_or_else(|| self.file.as_path(), Path::new).display();
        let warning = |message: String| Finding::warning(&Source::named(&self.file), None, message);
        match files::read_text(&self.file, FILE_LIMIT) {
            Ok(text) if hash(&text).as_ref() == Some(read) => None,
            Ok(_) => Some(
                warning(format!("{name} has changed: restart to use it"))
                    .help("look with `bartizan check` whether it will do"),
            ),
            Err(fault) => Some(
                warning(format!("{name} {fault}: the next start would fail"))
                    .help("put it back, readable by this user"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_file_that_says_something_else_is_told_and_one_that_was_only_touched_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bartizan.toml");
        let text =
            "account = \"111122223333\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n[upstream]\nkind = \"embedded\"\n";
        std::fs::write(&path, text).unwrap();
        let (config, _) = Config::load(&path, &BTreeMap::new()).unwrap_or_else(|findings| panic!("{findings}"));
        assert!(config.changed().is_none());
        std::fs::write(&path, text).unwrap();
        assert!(config.changed().is_none(), "the same text");
        std::fs::write(&path, format!("{text}# more\n")).unwrap();
        assert_eq!(config.changed().unwrap().message(), "bartizan.toml has changed: restart to use it");
        std::fs::remove_file(&path).unwrap();
        assert!(config.changed().unwrap().message().contains("bartizan.toml does not exist"));
        let (parsed, _) = Config::parse(&path, text, &BTreeMap::new()).unwrap_or_else(|findings| panic!("{findings}"));
        assert!(parsed.changed().is_none(), "there was no file");
    }
}
