//! A first configuration, written once.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::certs;
use super::development::{self, FreshKey, PrepareFault};
use super::files::{self, FileFault};
use crate::policy;
use crate::time::Seconds;

/// The bucket that the first policy speaks of.
pub const BUCKET: &str = "example-bucket";

/// The region in the configuration.
const REGION: &str = "us-east-1";

/// The commented configuration.
const CONFIGURATION: &str = include_str!("bartizan.toml");

const BUCKET_POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "TheAdministrator",
      "Effect": "Allow",
      "Principal": { "AWS": "arn:aws:iam::111122223333:user/administrator" },
      "Action": "s3:*",
      "Resource": ["arn:aws:s3:::example-bucket", "arn:aws:s3:::example-bucket/*"]
    }
  ]
}
"#;

/// What holds secrets, as `.gitignore` names it. A file that is being replaced lies beside its place until it is
/// whole, under a name like `.server.key.new`; after a crash it stays there.
const IGNORED: [&str; 5] =
    ["/certs/*.key", "/certs/*.key.*", "/policies/credentials.toml", "/policies/*credentials.toml.*", "/state/"];
/// How large a `.gitignore` may be that lines are added to.
const IGNORE_LIMIT: u64 = 1 << 20;

/// What was done.
#[derive(Debug)]
pub struct Written {
    /// Files that are new.
    pub files: Vec<PathBuf>,
    /// The `.gitignore` that was there, if lines were added to it.
    pub extended: Option<PathBuf>,
}

/// Writes a configuration, a CA, a server certificate, an administrator with a fresh key and a bucket policy
/// below `folder`. Nothing that is there is overwritten: the first file in the way stops it, before anything
/// is written. Only a `.gitignore` that is there gets lines, where it lacks some: a repository has one, and
/// no secret may get into that.
pub fn run(folder: &Path, now: Seconds) -> Result<Written, PrepareFault> {
    let key = FreshKey::draw()?;
    let plain = |text: &str| Zeroizing::new(text.to_owned());
    let bucket = format!("policies/buckets/{BUCKET}/policy.json");
    let texts = [
        ("bartizan.toml", 0o600, plain(CONFIGURATION)),
        ("policies/credentials.toml", 0o600, development::credentials_toml(&key)),
        ("policies/identities/administrator.json", 0o644, plain(policy::ADMINISTRATOR_DOCUMENT)),
        (bucket.as_str(), 0o644, plain(BUCKET_POLICY)),
        ("state/keyring.json", 0o600, development::fresh_ring(REGION, now)?),
    ];
    let certificates = ["certs/ca.pem", "certs/ca.key", "certs/server.pem", "certs/server.key"];
    let names = texts.iter().map(|(name, ..)| *name).chain(certificates);
    let mut paths: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
    if let Some(path) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(PrepareFault::File(path.clone(), exists.into()));
    }
    let ignore = folder.join(".gitignore");
    let of_ignore = |fault| PrepareFault::File(ignore.clone(), fault);
    let text = ignoring(&ignore).map_err(of_ignore)?;
    for name in ["certs", "policies/identities", "state"]
        .into_iter()
        .map(str::to_owned)
        .chain([format!("policies/buckets/{BUCKET}")])
    {
        let path = folder.join(name);
        files::private_folder(&path).map_err(|fault| PrepareFault::File(path, fault))?;
    }
    // Before the first secret.
    let is_new = ignore.symlink_metadata().is_err();
    let changed = text.is_some();
    if let Some(text) = text {
        let put = if is_new { files::put_new } else { files::put };
        put(&ignore, text.as_bytes()).map_err(of_ignore)?;
    }
    certs::ensure(&folder.join("certs"), now)?;
    for (name, mode, text) in &texts {
        let path = folder.join(name);
        files::write_new(&path, *mode, text.as_bytes()).map_err(|fault| PrepareFault::File(path, fault))?;
    }
    if is_new {
        paths.push(ignore.clone());
    }
    Ok(Written { files: paths, extended: (changed && !is_new).then_some(ignore) })
}

/// The text that a `.gitignore` is to have; none where it says everything already. A later line wins over an
/// earlier one, so what stands before an exception does not count.
fn ignoring(path: &Path) -> Result<Option<String>, FileFault> {
    let old = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
        Ok(found) if found.is_file() => files::read_text(path, IGNORE_LIMIT)?,
        // Where a link leads is not for this command to change.
        Ok(_) => return Err(std::io::Error::from(ErrorKind::AlreadyExists).into()),
    };
    let lines: Vec<&str> = old.lines().map(str::trim_end).collect();
    let settled = lines.rsplit(|line| line.starts_with('!')).next().unwrap_or_default();
    let missing: Vec<&str> = IGNORED.into_iter().filter(|line| !settled.contains(line)).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let end = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
    Ok(Some(format!("{old}{end}{}\n", missing.join("\n"))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::super::{check, config::Config, keyring};
    use super::*;

    const NOW: Seconds = Seconds(1_795_500_000);

    #[test]
    fn what_is_written_passes_the_check() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        let Written { files: written, extended } = run(&folder, NOW).unwrap();
        assert!(written.iter().all(|path| path.is_file()) && extended.is_none());
        assert!(written.contains(&folder.join(".gitignore")));
        let none = BTreeMap::new();
        let loaded = Config::load(&folder.join("bartizan.toml"), &none);
        let (config, warnings) = loaded.unwrap_or_else(|findings| panic!("{findings}"));
        assert!(warnings.is_empty());
        let findings = check::run(&config, &none, NOW);
        assert!(findings.is_empty(), "{findings}");
        assert_eq!(config.region, REGION);
        assert!(keyring::load(&config).unwrap().default_for(&config.account).is_some());
        let mode = std::fs::metadata(folder.join("policies/credentials.toml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_half_written() {
        for name in ["bartizan.toml", "certs/server.key", "policies/credentials.toml"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "mine").unwrap();
            let fault = run(dir.path(), NOW).unwrap_err();
            assert!(fault.to_string().contains("exists already"), "{fault}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
            let others = std::fs::read_dir(dir.path()).unwrap().count();
            assert_eq!(others, 1);
        }
    }

    /// Whether a path is what a line of a `.gitignore` means, where `*` stands for anything but a slash.
    fn meant(line: &[u8], path: &[u8]) -> bool {
        match (line.split_first(), path.split_first()) {
            (Some((b'*', rest)), _) => {
                (0..=path.len()).take_while(|at| !path[..*at].contains(&b'/')).any(|at| meant(rest, &path[at..]))
            }
            (Some((one, rest)), Some((other, behind))) => one == other && meant(rest, behind),
            (None, None) => true,
            _ => false,
        }
    }

    #[test]
    fn git_ignores_secrets_and_what_lies_beside_them_while_they_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), NOW).unwrap();
        let text = std::fs::read_to_string(dir.path().join(".gitignore")).unwrap();
        let ignored = |path: &str| text.lines().any(|line| meant(line.as_bytes(), path.as_bytes()));
        for secret in ["certs/server.key", "certs/ca.key", "policies/credentials.toml"] {
            let (folder, name) = secret.split_once('/').unwrap();
            assert!(ignored(&format!("/{secret}")), "{secret}");
            for beside in [format!("{name}.new"), format!(".{name}.new"), format!(".{name}.old")] {
                assert!(ignored(&format!("/{folder}/{beside}")), "{beside}");
            }
        }
        for public in ["/bartizan.toml", "/certs/server.pem", "/policies/buckets/a/policy.json"] {
            assert!(!ignored(public), "{public}");
        }
    }

    #[test]
    fn the_commented_upstream_of_the_file_parses_too() {
        let text = CONFIGURATION.replace("kind = \"embedded\"", "kind = \"s3\"");
        let uncommented: String =
            text.lines().map(|line| line.strip_prefix("# | ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
        let environment: BTreeMap<String, String> = [("MINIO_SECRET".to_owned(), "minio-secret".to_owned())].into();
        let parsed = Config::parse(Path::new("bartizan.toml"), &uncommented, &environment);
        parsed.unwrap_or_else(|findings| panic!("{findings}"));
    }
}
