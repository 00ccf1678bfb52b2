//! Development mode: a proxy that works without any file written by hand.

use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::certs::{self, CertFault};
use super::config::Config;
use super::files::{self, FileFault};
use super::finding::Findings;
use super::keyring;
use crate::policy;
use crate::time::Seconds;

/// The folder of development mode, below the current one.
pub const FOLDER: &str = "bartizan-dev";

/// The account of development mode and of a fresh configuration.
pub(super) const ACCOUNT: &str = "111122223333";

/// What development mode would have in its file. Stock clients presign with Signature Version 2 in the
/// oldest regions, which is not spoken here; in this one they use version 4 without being told.
const CONFIGURATION: &str = r#"region = "us-east-2"
accepted_regions = ["us-east-1"]
account = "111122223333"

[[listen]]
address = "127.0.0.1:9443"
hosts = ["localhost", "s3.localhost"]
tls = { certificate = "certs/server.pem", key = "certs/server.key", mint = { ca = "certs/ca.pem", key = "certs/ca.key" } }

[upstream]
kind = "embedded"

[admin]
address = "127.0.0.1:9464"
"#;

/// Why development mode cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PrepareFault {
    /// A file or folder.
    #[error("`{path}` {fault}", path = .0.display(), fault = .1)]
    File(PathBuf, FileFault),
    /// A certificate.
    #[error(transparent)]
    Certificate(#[from] CertFault),
    /// No random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// The configuration of this mode itself.
    #[error("{0}")]
    Configuration(Findings),
}

impl PrepareFault {
    /// Whether a file that is there already is all that is wrong.
    pub fn is_in_the_way(&self) -> bool {
        matches!(self, Self::File(_, fault) if fault.exists_already())
    }
}

/// An access key id and its secret, fresh.
pub(super) struct FreshKey {
    pub(super) id: String,
    pub(super) secret: Zeroizing<String>,
}

impl FreshKey {
    /// Draws 80 bits of id and 240 bits of secret.
    pub(super) fn draw() -> Result<Self, PrepareFault> {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let random = SystemRandom::new();
        let mut name = [0; 16];
        let mut secret = Zeroizing::new([0; 30]);
        random.fill(&mut name).and_then(|()| random.fill(secret.as_mut())).map_err(|_| PrepareFault::Random)?;
        let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map_or('A', char::from);
        let id = std::iter::once("AKIA".to_owned()).chain(name.iter().map(|byte| letter(byte).to_string())).collect();
        let secret = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, secret.as_ref());
        Ok(Self { id, secret: Zeroizing::new(secret) })
    }
}

/// Makes whatever is missing below `folder`, renews what is about to end, and gives the configuration.
pub fn prepare(folder: &Path, now: Seconds) -> Result<Config, PrepareFault> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |fault| PrepareFault::File(path, fault)
    };
    files::private_folder(folder).map_err(at(folder))?;
    files::restrict(folder).map_err(at(folder))?;
    for name in ["certs", "policies/identities", "policies/buckets", "state"] {
        let path = folder.join(name);
        files::private_folder(&path).map_err(at(&path))?;
    }
    certs::ensure(&folder.join("certs"), now)?;
    missing(&folder.join(".gitignore"), 0o600, || Ok(Zeroizing::new("*\n".to_owned())))?;
    let administrator = || Ok(Zeroizing::new(policy::ADMINISTRATOR_DOCUMENT.to_owned()));
    missing(&folder.join("policies/identities/administrator.json"), 0o600, administrator)?;
    missing(&folder.join("policies/credentials.toml"), 0o600, || Ok(credentials_toml(&FreshKey::draw()?)))?;
    let config = configuration(folder)?;
    missing(&config.keyring, 0o600, || fresh_ring(&config.region, now))?;
    shared_credentials(folder, &config)?;
    Ok(config)
}

/// A keyring for the account of a fresh start.
pub(super) fn fresh_ring(region: &str, now: Seconds) -> Result<Zeroizing<String>, PrepareFault> {
    keyring::fresh(region, ACCOUNT, now).map_err(|_| PrepareFault::Random)
}

/// The configuration of a folder that an earlier start has made, touching nothing.
pub fn open(folder: &Path) -> Option<Result<Config, PrepareFault>> {
    let credentials = folder.join("policies/credentials.toml");
    match credentials.metadata() {
        Ok(found) => found.is_file().then(|| configuration(folder)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        // What may not be looked at may well be there.
        Err(error) => Some(Err(PrepareFault::File(credentials, error.into()))),
    }
}

/// `credentials.toml` with one administrator.
pub(super) fn credentials_toml(key: &FreshKey) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "# Accounts, users, roles and their access keys. Only you may read this file.\n\
         # Any secret may be written {{ env = \"NAME\" }} or {{ file = \"PATH\" }}.\n\n\
         [[account]]\nid = \"{ACCOUNT}\"\nname = \"main\"\n\n\
         [[user]]\narn = \"arn:aws:iam::{ACCOUNT}:user/administrator\"\npolicies = [\"administrator\"]\n\
         keys = [{{ id = \"{}\", secret = \"{}\" }}]\n",
        key.id, *key.secret
    ))
}

fn configuration(folder: &Path) -> Result<Config, PrepareFault> {
    let none = std::collections::BTreeMap::new();
    let parsed = Config::parse(&folder.join("bartizan.toml"), CONFIGURATION, &none);
    let (config, _) = parsed.map_err(PrepareFault::Configuration)?;
    Ok(Config { development: true, ..config })
}

/// The administrator's key once more, in the form that other tools read.
fn shared_credentials(folder: &Path, config: &Config) -> Result<(), PrepareFault> {
    let (directory, _) =
        super::credentials::load(config, &super::ProcessEnvironment).map_err(PrepareFault::Configuration)?;
    let Some(key) = super::check::administrator(config, &directory) else { return Ok(()) };
    let text = Zeroizing::new(format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        key.id,
        key.secret.expose()
    ));
    let path = folder.join("credentials");
    if files::read_private(&path, 64 << 10).is_ok_and(|old| *Zeroizing::new(old) == *text) {
        return Ok(());
    }
    files::replace(&path, 0o600, text.as_bytes()).map_err(|fault| PrepareFault::File(path, fault))
}

/// Writes a file unless it is there.
fn missing(
    path: &Path,
    mode: u32,
    content: impl FnOnce() -> Result<Zeroizing<String>, PrepareFault>,
) -> Result<(), PrepareFault> {
    if path.exists() {
        return Ok(());
    }
    files::write_new(path, mode, content()?.as_bytes()).map_err(|fault| PrepareFault::File(path.to_owned(), fault))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Seconds = Seconds(1_795_500_000);

    /// Every file below a folder, with mode and content.
    fn picture(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut all = BTreeMap::new();
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            if entry.path().is_dir() {
                all.insert(entry.path(), (mode, Vec::new()));
                all.extend(picture(&entry.path()));
            } else {
                all.insert(entry.path(), (mode, std::fs::read(entry.path()).unwrap()));
            }
        }
        all
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_second_start_finds_everything_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER);
        prepare(&folder, NOW).unwrap();
        let before = picture(&folder);
        prepare(&folder, NOW).unwrap();
        assert!(before == picture(&folder));
        assert!(before.len() > 10);
    }

    #[test]
    fn nobody_else_can_look_inside() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER);
        prepare(&folder, NOW).unwrap();
        assert_eq!(mode(&folder), 0o700);
        for file in
            ["credentials", "policies/credentials.toml", "certs/ca.key", "certs/server.key", "state/keyring.json"]
        {
            assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
        }
        assert_eq!(std::fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        prepare(&folder, NOW).unwrap();
        assert_eq!(mode(&folder), 0o700);
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, dir.path().join(FOLDER)).unwrap();
        assert!(prepare(&dir.path().join(FOLDER), NOW).is_err());
    }

    #[test]
    fn two_fresh_keys_differ_and_are_long() {
        let (one, two) = (FreshKey::draw().unwrap(), FreshKey::draw().unwrap());
        assert_ne!(one.id, two.id);
        assert_ne!(*one.secret, *two.secret);
        assert_eq!((one.id.len(), one.secret.len()), (20, 40));
    }

    #[test]
    fn the_mode_is_loopback_only_and_its_files_pass_the_check() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER);
        assert!(open(&folder).is_none());
        let config = prepare(&folder, NOW).unwrap();
        assert!(config.development);
        assert_eq!(config.listen[0].address.to_string(), "127.0.0.1:9443");
        assert_eq!(config.admin.unwrap().to_string(), "127.0.0.1:9464");
        assert_eq!(config.journal(), folder.join("state/journal"));
        let findings = super::super::check::run(&config, &BTreeMap::new(), NOW);
        assert!(findings.is_empty(), "{findings}");
        assert!(open(&folder).unwrap().is_ok());
    }
}
