//! Certificates: a CA and a server certificate of our own, and what can be said of those of others.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType, SerialNumber,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::files::{self, FileFault};
use crate::time::Seconds;

mod about;
mod renew;

pub use about::{About, about};
pub use renew::{RenewFault, Renewed, renew};

/// The names of the server certificate.
const NAMES: [&str; 5] = ["localhost", "s3.localhost", "*.s3.localhost", "127.0.0.1", "::1"];
const DAY: i64 = 86_400;
const AUTHORITY_DAYS: i64 = 3650;
const LEAF_DAYS: i64 = 397;
/// A certificate with less than this left is renewed.
const RENEW_DAYS: i64 = 30;
/// How large a file of certificates may be.
const FILE_LIMIT: u64 = 1 << 20;

/// Where the files of a folder stand.
#[derive(Clone, Debug)]
pub struct Files {
    /// The CA, for clients to trust.
    pub authority: PathBuf,
    /// The key of the CA.
    pub authority_key: PathBuf,
    /// The server certificate.
    pub certificate: PathBuf,
    /// The key of the server certificate.
    pub key: PathBuf,
}

/// A chain and its key, as TLS wants them. No `Debug`: it holds a private key.
pub struct Loaded {
    /// The certificate, then those above it.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key.
    pub key: PrivateKeyDer<'static>,
}

/// Why certificates are not usable.
#[derive(Debug, thiserror::Error)]
pub enum CertFault {
    /// A file.
    #[error("`{path}` {fault}", path = .0.display(), fault = .1)]
    File(PathBuf, FileFault),
    /// The text is not PEM, or lacks what was looked for.
    #[error("`{path}` holds no {what} in PEM", path = .0.display(), what = .1)]
    Pem(PathBuf, &'static str),
    /// The key belongs to another certificate.
    #[error("the key does not belong to the certificate")]
    Mismatch,
    /// The key is of a kind that TLS cannot use here.
    #[error("the key cannot be used: {0}")]
    Key(String),
    /// The certificate cannot be understood.
    #[error("the certificate is not X.509")]
    X509,
    /// Making one failed.
    #[error("no certificate could be made: {0}")]
    Make(#[from] rcgen::Error),
    /// The clock shows a year that no certificate can name.
    #[error("the clock of this machine is wrong")]
    Clock,
    /// No random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

impl Files {
    /// The usual names in a folder.
    pub fn within(folder: &Path) -> Self {
        Self {
            authority: folder.join("ca.pem"),
            authority_key: folder.join("ca.key"),
            certificate: folder.join("server.pem"),
            key: folder.join("server.key"),
        }
    }
}

/// Makes sure that a folder holds a CA and a server certificate for this machine's own names with at least
/// 30 days left. Says whether it had to make the server certificate.
pub fn ensure(folder: &Path, now: Seconds) -> Result<bool, CertFault> {
    let files = Files::within(folder);
    let fresh = |path: &Path| lasts(path, now);
    if fresh(&files.authority) && files.authority_key.exists() {
        let usable = fresh(&files.certificate) && load(&files.certificate, &files.key).is_ok();
        if usable {
            return Ok(false);
        }
    } else {
        make_authority(&files, now)?;
    }
    make_leaf(&files, now)?;
    Ok(true)
}

/// Reads a chain and its key, and makes sure that they belong together.
pub fn load(certificate: &Path, key: &Path) -> Result<Loaded, CertFault> {
    let chain = chain(certificate)?;
    let text = zeroize::Zeroizing::new(read(key)?);
    let key =
        PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| CertFault::Pem(key.to_owned(), "private key"))?;
    let provider = rustls::crypto::ring::default_provider();
    match CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider) {
        Ok(_) => Ok(Loaded { chain, key }),
        Err(rustls::Error::InconsistentKeys(_)) => Err(CertFault::Mismatch),
        Err(rustls::Error::InvalidCertificate(_)) => Err(CertFault::X509),
        Err(other) => Err(CertFault::Key(other.to_string())),
    }
}

/// Reads certificates without a key: a chain, or a bundle of CAs.
pub fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertFault> {
    let text = read(path)?;
    let chain = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    let missing = || CertFault::Pem(path.to_owned(), "certificate");
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(missing)
}

/// When the first certificate of a chain stops to hold.
pub fn expiry(chain: &[CertificateDer<'_>]) -> Option<Seconds> {
    chain.iter().filter_map(|certificate| about(certificate).ok()).map(|about| about.not_after).min()
}

fn read(path: &Path) -> Result<String, CertFault> {
    files::read_text(path, FILE_LIMIT).map_err(|fault| CertFault::File(path.to_owned(), fault))
}

/// Whether a file holds a certificate that will do for a while.
fn lasts(path: &Path, now: Seconds) -> bool {
    let first = chain(path).ok().and_then(|chain| about(chain.first()?).ok());
    first.is_some_and(|about| about.not_before <= now && about.days_left(now) >= RENEW_DAYS)
}

/// A CA that can only speak for this machine: whoever steals its key and finds somebody who trusts it gains
/// nothing beyond `localhost`.
fn make_authority(files: &Files, now: Seconds) -> Result<(), CertFault> {
    let key = KeyPair::generate()?;
    let mut params = params(now, AUTHORITY_DAYS, "Bartizan local CA")?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(std::net::Ipv6Addr::LOCALHOST.octets(), 128)),
        ],
        excluded_subtrees: Vec::new(),
    });
    let certificate = params.self_signed(&key)?;
    put(&files.authority_key, 0o600, &zeroize::Zeroizing::new(key.serialize_pem()))?;
    put(&files.authority, 0o644, &certificate.pem())
}

fn make_leaf(files: &Files, now: Seconds) -> Result<(), CertFault> {
    let issuer = issuer(&files.authority, &files.authority_key)?;
    let key = KeyPair::generate()?;
    let certificate = leaf(now, "localhost", &NAMES)?.signed_by(&key, &issuer)?;
    put(&files.key, 0o600, &zeroize::Zeroizing::new(key.serialize_pem()))?;
    put(&files.certificate, 0o644, &certificate.pem())
}

/// Our CA, ready to sign.
fn issuer(authority: &Path, key: &Path) -> Result<Issuer<'static, KeyPair>, CertFault> {
    let text = zeroize::Zeroizing::new(read(key)?);
    let key = KeyPair::from_pem(&text)?;
    let chain = chain(authority)?;
    // Its whole name and the id of its key: that is how clients find it.
    Ok(Issuer::from_ca_cert_der(chain.first().ok_or(CertFault::X509)?, key)?)
}

/// A server certificate for these names and addresses.
fn leaf(now: Seconds, common: &str, names: &[&str]) -> Result<CertificateParams, CertFault> {
    let mut params = params(now, LEAF_DAYS, common)?;
    let all = names.iter().map(|name| match name.parse() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => Ok(SanType::DnsName((*name).try_into()?)),
    });
    params.subject_alt_names = all.collect::<Result<Vec<_>, rcgen::Error>>()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Makes certificates for one name each, under a CA of our own and with one key for all. No `Debug` of it:
/// it holds private keys.
pub struct Minter {
    issuer: Issuer<'static, KeyPair>,
    key: KeyPair,
}

impl Minter {
    /// Takes a CA in.
    ///
    /// # Errors
    /// Files that cannot be read, or are not a CA and its key.
    pub fn new(authority: &Path, key: &Path) -> Result<Self, CertFault> {
        load(authority, key)?;
        Ok(Self { issuer: issuer(authority, key)?, key: KeyPair::generate()? })
    }

    /// A certificate for a name.
    ///
    /// # Errors
    /// A name that no certificate can have.
    pub fn mint(&self, name: &str, now: Seconds) -> Result<CertifiedKey, CertFault> {
        // A common name has 64 characters at most, and nobody looks at it.
        let certificate = leaf(now, "bartizan", &[name])?.signed_by(&self.key, &self.issuer)?;
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).map_err(|text| CertFault::Key(text.to_owned()))?;
        let provider = rustls::crypto::ring::default_provider();
        let chain = vec![certificate.der().clone()];
        CertifiedKey::from_der(chain, key, &provider).map_err(|error| CertFault::Key(error.to_string()))
    }
}

/// What both kinds share: a random serial number, and a start of yesterday for clocks that are behind.
fn params(now: Seconds, days: i64, name: &str) -> Result<CertificateParams, CertFault> {
    let mut serial = [0; 16];
    SystemRandom::new().fill(&mut serial).map_err(|_| CertFault::Random)?;
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40; // positive, and always of the same length
    }
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let (year, month, day) = date(now.0.saturating_sub(DAY))?;
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(now.0.saturating_add((days - 1) * DAY))?;
    params.not_after = rcgen::date_time_ymd(year, month, day);
    params.distinguished_name = DistinguishedName::new();
    let common = if days == AUTHORITY_DAYS {
        let number: String = serial.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{name} {number}")
    } else {
        name.to_owned()
    };
    params.distinguished_name.push(DnType::CommonName, common);
    Ok(params)
}

/// The day an instant falls on.
fn date(instant: i64) -> Result<(i32, u8, u8), CertFault> {
    let (year, month, day, ..) = Seconds(instant).civil();
    let date = (i32::try_from(year).ok(), u8::try_from(month).ok(), u8::try_from(day).ok());
    match date {
        (Some(year @ 1970..=9999), Some(month), Some(day)) => Ok((year, month, day)),
        _ => Err(CertFault::Clock),
    }
}

fn put(path: &Path, mode: u32, pem: &str) -> Result<(), CertFault> {
    files::replace(path, mode, pem.as_bytes()).map_err(|fault| CertFault::File(path.to_owned(), fault))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::{ServerName, UnixTime};
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;

    const NOW: Seconds = Seconds(1_795_500_000);

    fn verify(files: &Files, authority: &Path, name: &str) -> Result<(), String> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(chain(authority).unwrap().remove(0)).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let leaf = chain(&files.certificate).unwrap().remove(0);
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW.0 as u64));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&leaf, &[], &name, &[], now).map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn a_client_that_trusts_the_ca_accepts_the_names_of_this_machine_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        assert!(ensure(dir.path(), NOW).unwrap());
        let files = Files::within(dir.path());
        for name in ["localhost", "127.0.0.1", "::1", "s3.localhost", "bucket.s3.localhost"] {
            verify(&files, &files.authority, name).unwrap();
        }
        for name in ["example.com", "10.0.0.1", "a.b.s3.localhost"] {
            verify(&files, &files.authority, name).unwrap_err();
        }
    }

    #[test]
    fn keys_are_for_their_owner_and_certificates_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        ensure(dir.path(), NOW).unwrap();
        let files = Files::within(dir.path());
        for key in [&files.authority_key, &files.key] {
            assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let before = std::fs::read(&files.certificate).unwrap();
        assert!(!ensure(dir.path(), Seconds(NOW.0 + 360 * DAY)).unwrap());
        assert_eq!(std::fs::read(&files.certificate).unwrap(), before);
    }

    #[test]
    fn a_certificate_near_its_end_is_renewed_under_the_same_ca() {
        let dir = tempfile::tempdir().unwrap();
        ensure(dir.path(), NOW).unwrap();
        let files = Files::within(dir.path());
        let authority = std::fs::read(&files.authority).unwrap();
        let later = Seconds(NOW.0 + 370 * DAY);
        assert!(ensure(dir.path(), later).unwrap());
        assert_eq!(std::fs::read(&files.authority).unwrap(), authority);
        let left = about(&chain(&files.certificate).unwrap()[0]).unwrap().days_left(later);
        assert!((394..=397).contains(&left), "{left}");
    }

    #[test]
    fn a_key_of_another_certificate_is_noticed() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        ensure(one.path(), NOW).unwrap();
        ensure(two.path(), NOW).unwrap();
        let (one, two) = (Files::within(one.path()), Files::within(two.path()));
        assert!(load(&one.certificate, &one.key).is_ok());
        assert!(matches!(load(&one.certificate, &two.key), Err(CertFault::Mismatch)));
        assert!(matches!(load(&one.key, &one.key), Err(CertFault::Pem(_, "certificate"))));
        assert!(matches!(load(&one.certificate, &one.certificate), Err(CertFault::Pem(_, "private key"))));
        verify(&one, &two.authority, "localhost").unwrap_err();
    }

    #[test]
    fn a_minted_certificate_names_its_ca_as_the_ca_names_itself() {
        // A CA as openssl makes it: a name of several parts, and an id of its key by another rule than ours.
        let dir = tempfile::tempdir().unwrap();
        let (ca, path) = (KeyPair::generate().unwrap(), dir.path().join("ca.pem"));
        let mut whole = params(NOW, AUTHORITY_DAYS, "Private CA").unwrap();
        whole.distinguished_name.push(DnType::OrganizationName, "Example");
        whole.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        whole.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(vec![7; 20]);
        whole.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        std::fs::write(&path, whole.self_signed(&ca).unwrap().pem()).unwrap();
        std::fs::write(dir.path().join("ca.key"), ca.serialize_pem()).unwrap();
        let minted = Minter::new(&path, &dir.path().join("ca.key")).unwrap().mint("reports.localhost", NOW).unwrap();
        let authority = chain(&path).unwrap().remove(0);
        let (_, authority) = X509Certificate::from_der(&authority).unwrap();
        let (_, leaf) = X509Certificate::from_der(&minted.cert[0]).unwrap();
        assert_eq!(leaf.issuer().as_raw(), authority.subject().as_raw());
        let id = leaf.iter_extensions().find_map(|extension| match extension.parsed_extension() {
            x509_parser::extensions::ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.clone(),
            _ => None,
        });
        assert_eq!(id.unwrap().0, [7; 20]);
    }

    #[test]
    fn a_certificate_tells_its_names_and_days() {
        let dir = tempfile::tempdir().unwrap();
        ensure(dir.path(), NOW).unwrap();
        let files = Files::within(dir.path());
        let about = about(&chain(&files.certificate).unwrap()[0]).unwrap();
        assert_eq!(about.names, ["localhost", "s3.localhost", "*.s3.localhost", "127.0.0.1", "::1"]);
        assert!(about.covers("127.0.0.1") && about.covers("X.s3.localhost") && !about.covers("x.localhost"));
        assert!(!about.self_issued);
        assert!(about.issuer.starts_with("CN=Bartizan local CA "), "{}", about.issuer);
        assert_eq!((about.algorithm.as_str(), about.fingerprint.len()), ("ECDSA P-256", 32 * 3 - 1));
        assert_eq!(expiry(&chain(&files.certificate).unwrap()), Some(about.not_after));
    }
}
