//! A new certificate in the place of one of ours.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::CertificateDer;
use x509_parser::error::X509Error;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{About, CertFault, DAY, Files, RENEW_DAYS, about, chain, date, issuer, leaf, load};
use crate::control::files::{self, FileFault, Replacement, Unplaced};
use crate::control::finding::Source;
use crate::control::{Finding, Findings};
use crate::time::Seconds;

/// Why there is no new certificate. The one before is as it was, unless it is said that it is not.
#[derive(Debug, thiserror::Error)]
pub enum RenewFault {
    /// It is another's.
    #[error("`{path}` cannot be made anew here: {why}", path = .0.display(), why = .1)]
    Foreign(PathBuf, String),
    /// Its key would be taken from another certificate, or its certificate from another key.
    #[error("`{path}` cannot be made anew alone: {why}", path = .0.display(), why = .1)]
    Shared(PathBuf, String),
    /// The CA has ended, or its time has not begun.
    #[error("the CA `{path}` holds from {from} to {to} only", path = .0.display(), from = .1.rfc3339(), to = .2.rfc3339())]
    Ended(PathBuf, Seconds, Seconds),
    /// A file.
    #[error("`{path}` {fault}", path = .0.display(), fault = .1)]
    File(PathBuf, FileFault),
    /// A file; and older ones are no longer in their places, but where the text says.
    #[error("`{path}` {fault}, and what was there before could not be put back: {lost}", path = .0.display(), fault = .1, lost = .2)]
    Torn(PathBuf, FileFault, String),
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
                 it within seconds, or at once with `bartizan reload`. Where that issuer is a CA of your own, put it beside \
                 them as `ca.pem` and `ca.key`"
            }
            Self::Shared(..) => "give each certificate a file and a key file of its own",
            Self::Ended(..) => {
                "move the folder of the CA away and make a new one with `bartizan init` or `certs/make.sh`; clients must be \
                 told to trust it"
            }
            Self::File(..) => {
                "run this as the user that owns the files, or as root, in a folder that may be written to; a file that is \
                 mounted by itself is replaced where it comes from"
            }
            Self::Torn(..) => "move what is told back to where it was, before the proxy starts again",
            Self::Certificate(_) => "put a certificate, or a CA and its key, in PEM there, readable by this user",
        }
    }

    /// Whether both files are as they were.
    pub fn nothing_changed(&self) -> bool {
        !matches!(self, Self::Torn(..))
    }
}

impl From<Unplaced> for RenewFault {
    fn from(fault: Unplaced) -> Self {
        if fault.aside.is_empty() {
            return Self::File(fault.path, fault.fault);
        }
        let lost = fault.aside.iter().map(|(lost, aside)| format!("`{}` is now `{}`", lost.display(), aside.display()));
        Self::Torn(fault.path, fault.fault, lost.collect::<Vec<_>>().join(", "))
    }
}

/// A certificate that was made.
#[derive(Debug)]
pub struct Renewed {
    /// What it says of itself.
    pub about: About,
    /// Whether it ends with its CA, before its own time.
    pub capped: bool,
    /// What somebody should know.
    pub notes: Findings,
}

/// Makes a certificate with a new key, for the names of the one that is there and under the same CA, whose key
/// lies beside it or is named as `mint`, and puts both in place, with what stood behind the old one in its file.
///
/// # Errors
/// What is missing. Nothing has changed then, but where an older file could not be put back: that is said.
pub fn renew(
    certificate: &Path,
    key: &Path,
    mint: Option<(&Path, &Path)>,
    now: Seconds,
) -> Result<Renewed, RenewFault> {
    let folder = files::folder_of(certificate);
    // A certificate and the key of another one would be left by two who do this at once.
    let _alone = files::only_here(folder).map_err(|fault| RenewFault::File(folder.to_owned(), fault))?;
    let old = chain(certificate)?;
    let (old, above) = old.split_first().ok_or(CertFault::X509)?;
    let said = about(old)?;
    let beside = Files::within(folder);
    let known = [Some((beside.authority.as_path(), beside.authority_key.as_path())), mint];
    let (authority, authority_key) = authority(old, certificate, known.into_iter().flatten())?;
    may_be_replaced(&said, [certificate, key], [authority, authority_key])?;
    let ca = about(chain(authority)?.first().ok_or(CertFault::X509)?)?;
    if now < ca.not_before || now >= ca.not_after {
        return Err(RenewFault::Ended(authority.to_owned(), ca.not_before, ca.not_after));
    }
    let fresh = KeyPair::generate().map_err(CertFault::from)?;
    let issuer = issuer(authority, authority_key)?;
    let (params, capped) = params(&said, &ca, now)?;
    let made = params.signed_by(&fresh, &issuer).map_err(CertFault::from)?;
    let secret = zeroize::Zeroizing::new(fresh.serialize_pem());
    let notes = notes(key, capped.then_some((authority, &ca)), now);
    // Clients that know only the root need the rest of the chain.
    let chain = std::iter::once(made.der()).chain(above).map(pem).collect::<String>();
    let (certificate, key) = (resolved(certificate), resolved(key));
    files::replace_together(&[
        Replacement { path: &key, content: secret.as_bytes(), secret: true },
        Replacement { path: &certificate, content: chain.as_bytes(), secret: false },
    ])?;
    Ok(Renewed { about: about(made.der())?, capped, notes })
}

/// Makes sure that a certificate has names that can be given again, and that nothing else is lost with it.
fn may_be_replaced(said: &About, pair: [&Path; 2], ca: [&Path; 2]) -> Result<(), RenewFault> {
    let [certificate, _] = pair;
    if said.other_names > 0 || said.names.is_empty() {
        let why = "it has names that are neither host names nor addresses, or none at all".to_owned();
        return Err(RenewFault::Foreign(certificate.to_owned(), why));
    }
    let [certificate_file, key_file] = pair.map(resolved);
    if certificate_file == key_file {
        let why = "its key is in the same file".to_owned();
        return Err(RenewFault::Shared(certificate.to_owned(), why));
    }
    if ca.map(resolved).iter().any(|file| *file == certificate_file || *file == key_file) {
        let why = "the CA has the same file, or the same key file, and would be lost".to_owned();
        return Err(RenewFault::Shared(certificate.to_owned(), why));
    }
    Ok(())
}

/// What the new certificate is to say, and whether it has to end with its CA: one that claims to outlive it
/// would stop to hold without a warning.
fn params(said: &About, ca: &About, now: Seconds) -> Result<(CertificateParams, bool), CertFault> {
    let names: Vec<&str> = said.names.iter().map(String::as_str).collect();
    let common = names.iter().copied().find(|name| name.len() <= 64).unwrap_or("bartizan");
    let mut params = leaf(now, common, &names)?;
    let capped = params.not_after.unix_timestamp() > ca.not_after.0;
    if capped {
        let (year, month, day) = date(ca.not_after.0)?;
        let rest = u64::try_from(ca.not_after.0.rem_euclid(DAY)).unwrap_or_default();
        params.not_after = rcgen::date_time_ymd(year, month, day) + Duration::from_secs(rest);
    }
    Ok((params, capped))
}

/// What somebody should know: of a key that everybody may read until now, and of a CA that ends soon.
fn notes(key: &Path, ca: Option<(&Path, &About)>, now: Seconds) -> Findings {
    let mut notes = Findings::default();
    let mode = std::fs::metadata(key).ok().map(|found| found.permissions().mode() & 0o777);
    if let Some(mode) = mode.filter(|mode| mode & 0o007 != 0) {
        let message = format!("the old key had mode {mode:04o}, the new one has {:04o}", mode & 0o770);
        let help = "everybody could read it; let the proxy read it as its owner or through its group";
        notes.push(Finding::warning(&Source::named(key), None, message).help(help));
    }
    if let Some((authority, ca)) = ca.filter(|(_, ca)| ca.days_left(now) < RENEW_DAYS) {
        let message = format!("the CA ends in {} days, and the new certificate with it", ca.days_left(now));
        let help = "make a new CA in another folder, and have clients trust it before this one ends";
        notes.push(Finding::warning(&Source::named(authority), None, message).help(help));
    }
    notes
}

/// The CA that issued a certificate, of those whose keys are here.
fn authority<'p>(
    old: &[u8],
    path: &Path,
    known: impl Iterator<Item = (&'p Path, &'p Path)>,
) -> Result<(&'p Path, &'p Path), RenewFault> {
    let (_, old) = X509Certificate::from_der(old).map_err(|_| CertFault::X509)?;
    let mut why = None;
    for (authority, key) in known {
        if !key.exists() {
            why.get_or_insert_with(|| format!("the key of its CA is not here, there is no `{}`", key.display()));
            continue;
        }
        load(authority, key)?;
        let ca = chain(authority)?;
        let (_, ca) = X509Certificate::from_der(ca.first().ok_or(CertFault::X509)?).map_err(|_| CertFault::X509)?;
        match not_by(&old, &ca) {
            None => return Ok((authority, key)),
            Some(not) => why = Some(format!("the CA in `{}` {not}", authority.display())),
        }
    }
    Err(RenewFault::Foreign(path.to_owned(), why.unwrap_or_else(|| "there is no CA".to_owned())))
}

/// Why a certificate was not issued by a CA; none where it was. A name alone proves nothing: two CAs may have
/// the same.
fn not_by(old: &X509Certificate<'_>, ca: &X509Certificate<'_>) -> Option<String> {
    if ca.subject().as_raw() != old.issuer().as_raw() {
        return Some(format!("is `{}`, and its issuer is `{}`", ca.subject(), old.issuer()));
    }
    let wanted = key_id(old, |extension| match extension {
        ParsedExtension::AuthorityKeyIdentifier(found) => found.key_identifier.as_ref().map(|id| id.0),
        _ => None,
    });
    let found = key_id(ca, |extension| match extension {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
        _ => None,
    });
    let other = || Some("has the name of its issuer, and another key: it did not issue it".to_owned());
    if wanted.zip(found).is_some_and(|(wanted, found)| wanted != found) {
        return other();
    }
    match old.verify_signature(Some(ca.public_key())) {
        Ok(()) => None,
        Err(X509Error::SignatureUnsupportedAlgorithm) => {
            let algorithm = &old.signature_algorithm.algorithm;
            Some(format!("may have issued it, but a signature of the kind {algorithm} cannot be checked here"))
        }
        Err(_) => other(),
    }
}

fn key_id<'c>(
    of: &'c X509Certificate<'_>,
    id: impl Fn(&'c ParsedExtension<'_>) -> Option<&'c [u8]>,
) -> Option<&'c [u8]> {
    of.extensions().iter().find_map(|extension| id(extension.parsed_extension()))
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    let mut lines = String::from("-----BEGIN CERTIFICATE-----\n");
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            lines.push('\n');
        }
        lines.push(letter);
    }
    lines.push_str("\n-----END CERTIFICATE-----\n");
    lines
}

/// Where a link leads: the link stays, and what it names is replaced.
fn resolved(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests;
