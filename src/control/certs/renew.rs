//! A new certificate in the place of one of ours.

use std::path::{Path, PathBuf};

use rcgen::KeyPair;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{About, CertFault, Files, about, chain, issuer, leaf, load};
use crate::control::files::{self, FileFault};
use crate::time::Seconds;

/// Why there is no new certificate. The one before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RenewFault {
    /// It is another's.
    #[error("`{path}` cannot be made anew here: {why}", path = .0.display(), why = .1)]
    Foreign(PathBuf, String),
    /// The CA has ended, or its time has not begun.
    #[error("the CA `{path}` holds from {from} to {to} only", path = .0.display(), from = .1.rfc3339(), to = .2.rfc3339())]
    Ended(PathBuf, Seconds, Seconds),
    /// A file.
    #[error("`{path}` {fault}", path = .0.display(), fault = .1)]
    File(PathBuf, FileFault),
    /// A certificate.
    #[error(transparent)]
    Certificate(#[from] CertFault),
}

impl RenewFault {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Foreign(..) => {
                "have its issuer make a new one, and put it with its key in the place of both files: a running proxy takes \
                 it within seconds, or at once with `bartizan reload`"
            }
            Self::Ended(..) => {
                "move the folder of the CA away and make a new one with `bartizan init` or `certs/make.sh`; clients must be \
                 told to trust it"
            }
            Self::File(..) => "run this as the user that owns the files, in a folder that may be written to",
            Self::Certificate(_) => "put a certificate, or a CA and its key, in PEM there, readable by this user",
        }
    }
}

/// Makes a certificate with a new key, for the names of the one that is there and under the same CA, whose key
/// lies beside it or is named as `mint`, and puts both in place.
///
/// # Errors
/// What is missing. Nothing has changed then.
pub fn renew(certificate: &Path, key: &Path, mint: Option<(&Path, &Path)>, now: Seconds) -> Result<About, RenewFault> {
    let folder = certificate.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A certificate and the key of another one would be left by two who do this at once.
    let _alone = files::only_here(folder).map_err(|fault| RenewFault::File(folder.to_owned(), fault))?;
    let old = chain(certificate)?;
    let old = old.first().ok_or(CertFault::X509)?;
    let said = about(old)?;
    let beside = Files::within(folder);
    let known = [Some((beside.authority.as_path(), beside.authority_key.as_path())), mint];
    let (authority, authority_key) = authority(old, certificate, known.into_iter().flatten())?;
    if said.other_names > 0 || said.names.is_empty() {
        let why = "it has names that are neither host names nor addresses, or none at all".to_owned();
        return Err(RenewFault::Foreign(certificate.to_owned(), why));
    }
    let ca = about(chain(authority)?.first().ok_or(CertFault::X509)?)?;
    if now < ca.not_before || now >= ca.not_after {
        return Err(RenewFault::Ended(authority.to_owned(), ca.not_before, ca.not_after));
    }
    let names: Vec<&str> = said.names.iter().map(String::as_str).collect();
    let common = names.iter().copied().find(|name| name.len() <= 64).unwrap_or("bartizan");
    let fresh = KeyPair::generate().map_err(CertFault::from)?;
    let issuer = issuer(authority, authority_key)?;
    let made = leaf(now, common, &names)?.signed_by(&fresh, &issuer).map_err(CertFault::from)?;
    let secret = zeroize::Zeroizing::new(fresh.serialize_pem());
    let (certificate, key) = (resolved(certificate), resolved(key));
    let made_pem = made.pem();
    let pair = [(key.as_path(), Some(0o600), secret.as_bytes()), (certificate.as_path(), None, made_pem.as_bytes())];
    files::replace_together(&pair).map_err(|(path, fault)| RenewFault::File(path, fault))?;
    Ok(about(made.der())?)
}

/// The CA that issued a certificate, of those whose keys are here.
fn authority<'p>(
    old: &[u8],
    path: &Path,
    known: impl Iterator<Item = (&'p Path, &'p Path)>,
) -> Result<(&'p Path, &'p Path), RenewFault> {
    let (_, old) = X509Certificate::from_der(old).map_err(|_| CertFault::X509)?;
    let foreign = |why: String| RenewFault::Foreign(path.to_owned(), why);
    let mut why = None;
    for (authority, key) in known {
        if !key.exists() {
            why.get_or_insert_with(|| format!("the key of its CA is not here, there is no `{}`", key.display()));
            continue;
        }
        load(authority, key)?;
        let ca = chain(authority)?;
        let (_, ca) = X509Certificate::from_der(ca.first().ok_or(CertFault::X509)?).map_err(|_| CertFault::X509)?;
        if ca.subject().as_raw() == old.issuer().as_raw() {
            return Ok((authority, key));
        }
        let shown = authority.display();
        why = Some(format!("its issuer is `{}`, and the CA in `{shown}` is `{}`", old.issuer(), ca.subject()));
    }
    Err(foreign(why.unwrap_or_else(|| "there is no CA".to_owned())))
}

/// Where a link leads: the link stays, and what it names is replaced.
fn resolved(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::ensure;
    use super::*;

    const NOW: Seconds = Seconds(1_795_500_000);
    const LATER: Seconds = Seconds(NOW.0 + 200 * 86_400);

    fn made() -> (tempfile::TempDir, Files) {
        let dir = tempfile::tempdir().unwrap();
        ensure(dir.path(), NOW).unwrap();
        let files = Files::within(dir.path());
        (dir, files)
    }

    fn said(path: &Path) -> About {
        about(&chain(path).unwrap()[0]).unwrap()
    }

    #[test]
    fn a_new_certificate_has_the_names_of_the_old_another_key_and_the_same_ca() {
        let (dir, files) = made();
        let (before, key) = (said(&files.certificate), std::fs::read(&files.key).unwrap());
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
        let after = renew(&files.certificate, &files.key, None, LATER).unwrap();
        assert_eq!((&after.names, &after.issuer), (&before.names, &before.issuer));
        assert!(after.not_after > before.not_after && after.fingerprint != before.fingerprint);
        assert_eq!(after, said(&files.certificate));
        assert!(std::fs::read(&files.key).unwrap() != key);
        assert!(load(&files.certificate, &files.key).is_ok());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&files.key), mode(&files.certificate)), (0o600, 0o644));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4, "nothing else is left there");
    }

    #[test]
    fn without_the_key_of_the_ca_nothing_is_touched() {
        let (_dir, files) = made();
        std::fs::remove_file(&files.authority_key).unwrap();
        let before = std::fs::read(&files.certificate).unwrap();
        let fault = renew(&files.certificate, &files.key, None, LATER).unwrap_err();
        assert!(matches!(fault, RenewFault::Foreign(..)) && fault.to_string().contains("ca.key`"), "{fault}");
        assert_eq!(std::fs::read(&files.certificate).unwrap(), before);
    }

    #[test]
    fn a_certificate_of_another_issuer_is_left_alone_unless_its_ca_is_named() {
        let ((_ours, ours), (_others, others)) = (made(), made());
        for (from, to) in [(&others.certificate, &ours.certificate), (&others.key, &ours.key)] {
            std::fs::copy(from, to).unwrap();
        }
        let fault = renew(&ours.certificate, &ours.key, None, LATER).unwrap_err();
        assert!(fault.to_string().contains("its issuer is `CN=Bartizan local CA "), "{fault}");
        let mint = Some((others.authority.as_path(), others.authority_key.as_path()));
        assert_eq!(renew(&ours.certificate, &ours.key, mint, LATER).unwrap().issuer, said(&others.authority).subject);
    }

    #[test]
    fn a_ca_that_has_ended_makes_no_certificates() {
        let (_dir, files) = made();
        let fault = renew(&files.certificate, &files.key, None, Seconds(NOW.0 + 4000 * 86_400)).unwrap_err();
        assert!(matches!(fault, RenewFault::Ended(..)), "{fault}");
    }

    #[test]
    fn what_a_crash_left_between_the_two_files_is_put_right() {
        let (_dir, files) = made();
        std::fs::write(&files.key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(load(&files.certificate, &files.key).is_err());
        renew(&files.certificate, &files.key, None, LATER).unwrap();
        assert!(load(&files.certificate, &files.key).is_ok());
    }

    #[test]
    fn a_link_stays_and_what_it_names_is_replaced() {
        let (dir, files) = made();
        let real = dir.path().join("real.pem");
        std::fs::rename(&files.certificate, &real).unwrap();
        std::os::unix::fs::symlink("real.pem", &files.certificate).unwrap();
        let after = renew(&files.certificate, &files.key, None, LATER).unwrap();
        assert!(files.certificate.is_symlink());
        assert_eq!(said(&real), after);
    }
}
