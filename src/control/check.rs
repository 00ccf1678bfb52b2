//! What can be said of a configuration without binding anything.

use std::path::Path;

use super::certs::{self, CertFault};
use super::config::{ClientCertificates, Config, Sharing, Target, Tls};
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

/// Looks at the certificates of listeners and the CAs for clients and upstreams.
pub fn certificates(config: &Config, now: Seconds) -> Findings {
    let mut findings = Findings::default();
    for tls in config.listen.iter().filter_map(|listener| listener.tls.as_ref()) {
        server(tls, now, &mut findings);
        if let ClientCertificates::Optional(ca) | ClientCertificates::Required(ca) = &tls.clients {
            bundle(ca, now, &mut findings);
        }
    }
    for upstream in &config.upstreams {
        if let Target::S3(remote) = &upstream.target
            && let Some(ca) = &remote.ca_file
        {
            bundle(ca, now, &mut findings);
        }
    }
    if let Some(ca) = config.key_service.as_ref().and_then(|service| service.ca_file.as_ref()) {
        bundle(ca, now, &mut findings);
    }
    if let Sharing::Leased(leasing) = &config.rates.shared
        && let Some(ca) = &leasing.ca_file
    {
        bundle(ca, now, &mut findings);
    }
    findings
}

fn server(tls: &Tls, now: Seconds, findings: &mut Findings) {
    match certs::load(&tls.certificate, &tls.key) {
        Ok(loaded) => {
            if let Some(first) = loaded.chain.first() {
                validity(&tls.certificate, first, now, findings);
            }
            // The permissions of a key that somebody else may read are worth a word.
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&tls.key).map(|metadata| metadata.permissions().mode() & 0o777);
            if let Some(mode) = mode.ok().filter(|mode| mode & 0o007 != 0) {
                let message = format!("the private key has mode {mode:04o}: everybody may read it");
                let help = format!("run `chmod 600 {}`", tls.key.display());
                findings.push(Finding::warning(&Source::named(&tls.key), None, message).help(help));
            }
        }
        Err(CertFault::Mismatch) => {
            let message = "the key does not belong to this certificate";
            let help = format!("look which of the two is older: the key is `{}`", tls.key.display());
            findings.push(Finding::file(&tls.certificate, message).help(help));
        }
        Err(fault) => {
            let help = "`bartizan init` and `certs/make.sh` make a certificate and its key; this user must be able to read both";
            let at = match &fault {
                CertFault::File(path, _) | CertFault::Pem(path, _) => path,
                CertFault::Key(_) => &tls.key,
                _ => &tls.certificate,
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
