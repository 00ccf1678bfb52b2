//! What can be said of a configuration without binding anything.

use std::path::Path;

use super::certs::{self, CertFault};
use super::config::{ClientCertificates, Config, Sharing, Target};
use super::finding::{Finding, Findings, Source};
use super::{Environment, credentials, keyring, policies, tokens};
use crate::identity::{Directory, Key};
use crate::time::Seconds;

/// The policy of administrators, as shipped. What it allows is for its document to say.
const ADMINISTRATOR: &str = "administrator";
/// From how many days on a certificate's end is worth a warning.
const WARN_DAYS: i64 = 14;

/// Looks at everything that a configuration names: certificates, access keys, policies.
pub fn run(config: &Config, environment: &dyn Environment, now: Seconds) -> Findings {
    let mut findings = certificates(config, now);
    findings.extend(state(config));
    match credentials::load(config, environment) {
        Ok((directory, warnings)) => {
            findings.extend(warnings);
            findings.extend(policies::check(config, &directory));
        }
        Err(faults) => findings.extend(faults),
    }
    findings
}

/// Looks at what the `state` folder holds that a start needs.
pub fn state(config: &Config) -> Findings {
    let mut findings = tokens::check(config);
    findings.extend(keyring::check(config));
    let journal = config.journal();
    if journal.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
        let help = "move the file away, or name another `state` folder: the journal is a folder";
        findings.push(Finding::file(&journal, "the journal is no folder").help(help));
    }
    findings
}

/// The first user of the proxy's account that has the `administrator` policy and a lasting key.
pub fn administrator<'a>(config: &Config, directory: &'a Directory) -> Option<&'a Key> {
    directory.keys().find(|key| {
        let principal = &key.principal;
        key.expires.is_none()
            && principal.account == config.account
            && principal.policies.iter().any(|name| name == ADMINISTRATOR)
    })
}

/// A file of certificates that a configuration names.
pub struct Named<'c> {
    /// What it is for: `listener main`, `clients of listener main`.
    pub what: String,
    /// The file.
    pub file: &'c Path,
    /// The file of its key, where the proxy has that.
    pub key: Option<&'c Path>,
    /// Names that clients may ask for.
    pub hosts: &'c [String],
}

/// How the key of a certificate is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyState {
    /// Whether it belongs to the certificate; none where one of the two cannot be read.
    pub fits: Option<bool>,
    /// The permissions of its file, where it is there.
    pub mode: Option<u32>,
}

impl KeyState {
    /// Looks at a certificate and its key.
    pub fn of(certificate: &Path, key: &Path) -> Self {
        let fits = match certs::load(certificate, key) {
            Ok(_) => Some(true),
            Err(CertFault::Mismatch) => Some(false),
            Err(_) => None,
        };
        Self { fits, mode: mode(key) }
    }

    /// Whether nobody can read it who should not.
    pub fn is_safe(self) -> bool {
        self.mode.is_some_and(|mode| !is_open(mode))
    }
}

fn mode(key: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(key).ok().map(|metadata| metadata.permissions().mode() & 0o777)
}

/// Whether everybody may do something with a file.
fn is_open(mode: u32) -> bool {
    mode & 0o007 != 0
}

/// The files of certificates: of listeners, and of the CAs for clients, minting, upstreams, key services and shared
/// limits.
pub fn named(config: &Config) -> Vec<Named<'_>> {
    let mut all = Vec::new();
    let bundle = |what, file| Named { what, file, key: None, hosts: &[] };
    for listener in &config.listen {
        let Some(tls) = &listener.tls else { continue };
        let (what, key) = (format!("listener {}", listener.name), Some(tls.key.as_path()));
        all.push(Named { what, file: &tls.certificate, key, hosts: &listener.hosts });
        if let Some(mint) = &tls.mint {
            let what = format!("CA of what listener {} mints", listener.name);
            all.push(Named { what, file: &mint.ca, key: Some(&mint.key), hosts: &[] });
        }
        if let ClientCertificates::Optional(ca) | ClientCertificates::Required(ca) = &tls.clients {
            all.push(bundle(format!("clients of listener {}", listener.name), ca));
        }
    }
    for upstream in &config.upstreams {
        if let Target::S3(remote) = &upstream.target
            && let Some(ca) = &remote.ca_file
        {
            all.push(bundle(format!("upstream {}", upstream.region), ca));
        }
    }
    let service = config.key_service.as_ref().and_then(|service| service.ca_file.as_ref());
    all.extend(service.map(|ca| bundle("key service".to_owned(), ca)));
    if let Sharing::Leased(leasing) = &config.rates.shared
        && let Some(ca) = &leasing.ca_file
    {
        all.push(bundle("shared limits".to_owned(), ca));
    }
    all
}

/// Looks at every file of certificates that a configuration names.
pub fn certificates(config: &Config, now: Seconds) -> Findings {
    let mut findings = Findings::default();
    named(config).iter().for_each(|named| findings.extend(certificate(named, now)));
    findings
}

/// Looks at one file of certificates, and at its key.
pub fn certificate(named: &Named<'_>, now: Seconds) -> Findings {
    let mut findings = Findings::default();
    match named.key {
        Some(key) => server(named.file, key, now, &mut findings),
        None => bundle(named.file, now, &mut findings),
    }
    findings
}

fn server(certificate: &Path, key: &Path, now: Seconds, findings: &mut Findings) {
    match certs::load(certificate, key) {
        Ok(loaded) => {
            if let Some(first) = loaded.chain.first() {
                validity(certificate, first, now, findings);
            }
            // The permissions of a key that somebody else may read are worth a word.
            if let Some(mode) = mode(key).filter(|mode| is_open(*mode)) {
                let message = format!("the private key has mode {mode:04o}: everybody may read it");
                let help = format!("run `chmod 600 {}`", key.display());
                findings.push(Finding::warning(&Source::named(key), None, message).help(help));
            }
        }
        Err(CertFault::Mismatch) => {
            let message = "the key does not belong to this certificate";
            let help = format!("look which of the two is older: the key is `{}`", key.display());
            findings.push(Finding::file(certificate, message).help(help));
        }
        Err(fault) => {
            let help = "`bartizan init` and `certs/make.sh` make a certificate and its key; this user must be able to read both";
            let at = match &fault {
                CertFault::File(path, _) | CertFault::Pem(path, _) => path,
                CertFault::Key(_) => key,
                _ => certificate,
            };
            findings.push(Finding::file(at, fault.to_string()).help(help));
        }
    }
}

fn bundle(path: &Path, now: Seconds, findings: &mut Findings) {
    match certs::chain(path) {
        Ok(chain) => chain.iter().for_each(|certificate| validity(path, certificate, now, findings)),
        Err(fault) => {
            let help = "put CA certificates in PEM there, readable by this user";
            findings.push(Finding::file(path, fault.to_string()).help(help));
        }
    }
}

fn validity(path: &Path, certificate: &rustls_pki_types::CertificateDer<'_>, now: Seconds, findings: &mut Findings) {
    let about = match certs::about(certificate) {
        Ok(about) => about,
        Err(fault) => return findings.push(Finding::file(path, fault.to_string())),
    };
    if now < about.not_before {
        let message = format!("the certificate holds only from {}", about.not_before.rfc3339());
        findings.push(Finding::file(path, message).help("look at the clock of this machine"));
    } else if now >= about.not_after {
        let message = format!("the certificate has ended on {}", about.not_after.rfc3339());
        findings.push(Finding::file(path, message).help("put a new one in its place"));
    } else if about.days_left(now) < WARN_DAYS {
        let message = format!("the certificate ends in {} days", about.days_left(now));
        findings.push(Finding::warning(&Source::named(path), None, message).help("put a new one in its place"));
    }
}
