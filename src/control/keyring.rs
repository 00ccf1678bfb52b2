//! The file of the KMS keyring: read, looked at, made for a fresh start, changed. What is in it is for
//! [`kms`](crate::kms) to say.

use std::io::ErrorKind;
use std::path::Path;

use ring::rand::SystemRandom;
use zeroize::Zeroizing;

use super::config::Config;
use super::files::{self, FileFault};
use super::finding::{Finding, Findings};
use crate::kms::{DEFAULT_ALIAS, LONGEST_FILE, Ring, RingError};
use crate::time::Seconds;

/// The alias of the second key of a fresh start, to try KMS with.
const TO_TRY: &str = "alias/bartizan-dev";

/// The keyring of a configuration. One that is not there has no keys.
///
/// # Errors
/// A file that cannot be read, that others may read, or that is no keyring.
pub fn load(config: &Config) -> Result<Ring, Findings> {
    let path = &config.keyring;
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ring::default()),
        // What may not be looked at may well be there, with keys.
        Err(error) => Err(unusable(path, &error.into()).into()),
        Ok(_) => read(path).map_err(Findings::from),
    }
}

/// Looks at the keyring.
pub fn check(config: &Config) -> Findings {
    load(config).err().unwrap_or_default()
}

/// A ring for a fresh start: the account's key for `aws:kms` without a name, and one to try.
///
/// # Errors
/// There are no random numbers.
pub(super) fn fresh(region: &str, account: &str, now: Seconds) -> Result<Zeroizing<String>, RingError> {
    let random = SystemRandom::new();
    let ring = Ring::fresh(region, account, DEFAULT_ALIAS, now, &random)?;
    let json = ring.added(region, account, TO_TRY, now, &random)?.to_json();
    Ok(Zeroizing::new(String::from_utf8_lossy(&json).into_owned()))
}

/// Why a change cannot be made, and what to do instead.
#[derive(Debug)]
pub struct Refused {
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub help: String,
}

/// Changes the file, one process at a time. What it holds is on the disk when this returns.
///
/// # Errors
/// The file cannot be read or written, or the change cannot be made; then it is as it was.
pub fn change(config: &Config, make: impl FnOnce(&Ring) -> Result<Ring, Refused>) -> Result<(), Findings> {
    let path = &config.keyring;
    let failed = |fault: FileFault| unusable(path, &fault);
    let folder = files::folder_of(path);
    files::private_folder(folder).map_err(failed)?;
    let _alone = files::only_here(folder).map_err(failed)?;
    let next = make(&load(config)?).map_err(|Refused { message, help }| Finding::file(path, message).help(help))?;
    files::replace(path, 0o600, &next.to_json()).map_err(failed)?;
    on_disk(path).map_err(|error| failed(error.into()))?;
    Ok(())
}

/// Waits until the name of a file is on the disk: nothing may be encrypted with a key that a crash takes away.
fn on_disk(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(files::folder_of(path))?.sync_all()
}

fn unusable(path: &Path, fault: &FileFault) -> Finding {
    let help = fault.help().unwrap_or("name another file with `ring` in [keys]");
    Finding::file(path, format!("the keyring {fault}")).help(help)
}

fn read(path: &Path) -> Result<Ring, Finding> {
    let text = files::read_private(path, LONGEST_FILE as u64).map_err(|fault| unusable(path, &fault))?;
    on_disk(path).map_err(|error| unusable(path, &error.into()))?;
    Ring::parse(Zeroizing::new(text).as_bytes()).map_err(|error| {
        let help = "put back the file as it was: what its keys have encrypted cannot be read without it";
        Finding::file(path, format!("the keyring cannot be used: {error}")).help(help)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(folder: &Path, more: &str) -> Config {
        let text = format!(
            "account = \"111122223333\"\nupstream.kind = \"embedded\"\n{more}\n[[listen]]\naddress = \"127.0.0.1:0\"\n"
        );
        let none: BTreeMap<String, String> = BTreeMap::new();
        let parsed = Config::parse(&folder.join("bartizan.toml"), &text, &none);
        parsed.unwrap_or_else(|findings| panic!("{findings}")).0
    }

    #[test]
    fn a_ring_that_is_not_there_is_empty_and_stays_away() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "");
        assert_eq!(config.keyring, folder.path().join("state/keyring.json"));
        assert_eq!(load(&config).unwrap().keys().count(), 0);
        assert!(check(&config).is_empty() && !config.keyring.exists());
    }

    #[test]
    fn a_ring_is_private_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "keys.ring = \"secret/ring.json\"");
        let text = fresh("us-east-1", "111122223333", Seconds(0)).unwrap();
        change(&config, |none| {
            assert_eq!(none.keys().count(), 0);
            Ring::parse(text.as_bytes()).map_err(|error| Refused { message: error.to_string(), help: String::new() })
        })
        .unwrap();
        let path = folder.path().join("secret/ring.json");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = load(&config).unwrap();
        assert_eq!(read.keys().count(), 2);
        assert!(read.default_for("111122223333").is_some());
        assert!(read.find(TO_TRY, "us-east-1", "111122223333").is_ok());
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(check(&config).to_string().contains("chmod 600"));
    }

    #[test]
    fn a_broken_ring_is_told_with_its_place_and_without_its_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "");
        std::fs::create_dir(folder.path().join("state")).unwrap();
        let text = fresh("us-east-1", "111122223333", Seconds(0)).unwrap().replace("\"arn\"", "\"ann\"");
        files::write_new(&config.keyring, 0o600, text.as_bytes()).unwrap();
        let told = check(&config).to_string();
        assert!(told.contains("line 4 column") && told.contains("unknown field `ann`"), "{told}");
        assert!(!told.contains("kek_b64"), "{told}");
        // A link that leads nowhere is a mistake, not an empty ring.
        std::fs::remove_file(&config.keyring).unwrap();
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &config.keyring).unwrap();
        assert!(check(&config).has_errors());
    }
}
