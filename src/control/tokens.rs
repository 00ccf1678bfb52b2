//! The keys that seal session tokens: from the configuration, or one that is made once and kept.

use std::path::Path;

use ring::rand::SystemRandom;
use zeroize::Zeroizing;

use super::config::Config;
use super::files;
use super::finding::{Finding, Findings};
use crate::identity::{TokenKey, TokenKeys};

/// How large the file of a key may be.
const FILE_LIMIT: u64 = 4096;

/// The keys of this process; `None` if there are to be no temporary credentials. A key that is needed and
/// not there yet is made, for its owner alone.
///
/// # Errors
/// A key file that cannot be read, made or understood.
pub fn keys(config: &Config) -> Result<Option<TokenKeys>, Findings> {
    if !config.temporary.on {
        return Ok(None);
    }
    let path = config.token_key();
    let current = match &config.temporary.key {
        Some(text) => TokenKey::parse(text.expose()),
        None => Some(kept(&path)?),
    };
    let older = config.temporary.older.iter().map(|text| TokenKey::parse(text.expose())).collect::<Option<Vec<_>>>();
    match (current, older) {
        (Some(current), Some(older)) => Ok(Some(TokenKeys::new(current, older))),
        // The configuration has looked at them.
        _ => Err(Finding::file(&config.file, "a token key cannot be used").into()),
    }
}

/// Looks at the key without making one.
pub fn check(config: &Config) -> Findings {
    let path = config.token_key();
    // What may not be looked at may well be there.
    let is_there = config.temporary.on && config.temporary.key.is_none() && path.try_exists().unwrap_or(true);
    if is_there { read(&path).err().unwrap_or_default() } else { Findings::default() }
}

/// The key in the state folder, made if it is not there.
fn kept(path: &Path) -> Result<TokenKey, Findings> {
    if !path.exists() {
        let fault =
            |fault: &dyn std::fmt::Display| Findings::from(Finding::file(path, format!("the token key {fault}")));
        let Some(key) = TokenKey::generate(&SystemRandom::new()) else {
            return Err(fault(&"cannot be made: this machine has no random numbers"));
        };
        let text = Zeroizing::new(format!("{}\n", &*key));
        // Another process may be making it at this moment; then its key is the one.
        if let Err(error) = files::write_new(path, 0o600, text.as_bytes())
            && !path.exists()
        {
            return Err(fault(&error));
        }
    }
    read(path)
}

fn read(path: &Path) -> Result<TokenKey, Findings> {
    let text = files::read_private(path, FILE_LIMIT).map_err(|fault| {
        let help = fault.help().unwrap_or("put back the file as it was, or remove it: sessions that are open then end");
        Findings::from(Finding::file(path, format!("the token key {fault}")).help(help))
    })?;
    TokenKey::parse(Zeroizing::new(text).trim_ascii_end()).ok_or_else(|| {
        let help = "put back the file as it was, or remove it: sessions that are open then end";
        Finding::file(path, "the token key is not 32 octets in base64").help(help).into()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(folder: &Path, credentials: &str) -> Result<Config, String> {
        let text = format!(
            "account = \"111122223333\"\nupstream.kind = \"embedded\"\n{credentials}\n[[listen]]\naddress = \"127.0.0.1:0\"\n"
        );
        std::fs::create_dir_all(folder.join("state")).unwrap();
        let none: BTreeMap<String, String> = BTreeMap::new();
        Config::parse(&folder.join("bartizan.toml"), &text, &none)
            .map(|(config, _)| config)
            .map_err(|findings| findings.to_string())
    }

    #[test]
    fn a_key_is_made_once_and_kept_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "").unwrap();
        assert!(!check(&config).has_errors());
        assert!(!config.token_key().exists(), "a look makes nothing");
        assert!(keys(&config).unwrap_or_else(|f| panic!("{f}")).is_some());
        let made = std::fs::read(config.token_key()).unwrap();
        let mode = std::fs::metadata(config.token_key()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert!(keys(&config).is_ok());
        assert_eq!(std::fs::read(config.token_key()).unwrap(), made);
        std::fs::set_permissions(config.token_key(), PermissionsExt::from_mode(0o640)).unwrap();
        assert!(check(&config).to_string().contains("mode 0640"));
        let Err(findings) = keys(&config) else { panic!("a key that others read was taken") };
        assert!(findings.to_string().contains("chmod 600"), "{findings}");
    }

    #[test]
    fn a_broken_key_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "").unwrap();
        files::write_new(&config.token_key(), 0o600, b"AQEB\n").unwrap();
        assert!(keys(&config).is_err());
        assert!(check(&config).to_string().contains("not 32 octets"));
        assert_eq!(std::fs::read(config.token_key()).unwrap(), b"AQEB\n");
    }

    #[test]
    fn configured_keys_leave_the_state_folder_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("new"), format!("{}\n", "ab".repeat(32))).unwrap();
        let text =
            format!("credentials = {{ token_key = {{ file = \"new\" }}, old_token_keys = [\"{}\"] }}", "cd".repeat(32));
        let config = config(folder.path(), &text).unwrap();
        assert!(keys(&config).unwrap_or_else(|f| panic!("{f}")).is_some());
        assert!(!config.token_key().exists());
    }

    #[test]
    fn keys_that_are_none_are_refused_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["credentials.token_key = \"hunter2\"", "credentials.old_token_keys = [\"hunter2\"]"] {
            let Err(findings) = config(folder.path(), text) else { panic!("{text}") };
            assert!(findings.contains("not usable") && !findings.contains("hunter2"), "{findings}");
        }
        let Err(findings) = config(folder.path(), "credentials = { temporary = false, token_key = \"x\" }") else {
            panic!("accepted")
        };
        assert!(findings.contains("no meaning"), "{findings}");
        let off = config(folder.path(), "credentials.temporary = false").unwrap();
        assert!(keys(&off).unwrap_or_else(|f| panic!("{f}")).is_none());
    }
}
