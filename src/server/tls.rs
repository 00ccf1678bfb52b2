//! TLS material: loaded, checked, and loaded again when its files change.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoClientAuth, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::settings::{ClientCertificate, Mint, Tls, TlsVersion};

/// No certificate file is larger.
const MOST: u64 = 1024 * 1024;

/// TLS material that cannot be used: which file, why, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct TlsFault {
    /// The file at fault.
    pub file: PathBuf,
    /// What is wrong and what to do about it.
    pub problem: String,
}

/// The TLS configuration of one listener, replaced as a whole.
///
/// Invariants:
/// - what is live was complete and consistent when it was loaded;
/// - session tickets do not outlive the configuration they were made under, so a client CA that is
///   taken away is gone for resumed sessions too.
#[derive(Debug)]
pub(super) struct Live {
    current: ArcSwap<rustls::ServerConfig>,
    not_after: AtomicI64,
}

impl Live {
    /// Loads everything once; the caller keeps the [`Watch`] to load it again.
    pub(super) fn load(tls: Tls, http2: bool) -> Result<(Arc<Self>, Watch), TlsFault> {
        let stamps = stamps(&tls);
        let (config, not_after) = build(&tls, http2)?;
        let live = Arc::new(Self {
            current: ArcSwap::from_pointee(config),
            not_after: AtomicI64::new(not_after.unwrap_or(0)),
        });
        let watch = Watch { live: Arc::clone(&live), tls, http2, stamps };
        Ok((live, watch))
    }

    /// What the next handshake uses.
    pub(super) fn current(&self) -> Arc<rustls::ServerConfig> {
        self.current.load_full()
    }

    /// When the leaf certificate ends, in seconds since 1970.
    pub(super) fn not_after(&self) -> Option<i64> {
        Some(self.not_after.load(Ordering::Relaxed)).filter(|seconds| *seconds != 0)
    }
}

/// Looks whether the files behind a [`Live`] have changed.
#[derive(Debug)]
pub(super) struct Watch {
    live: Arc<Live>,
    tls: Tls,
    http2: bool,
    stamps: Vec<Option<Stamp>>,
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Watch {
    /// Loads again when a file changed, or in any case when `force` is set. Answers whether something
    /// new is live. What is broken changes nothing and is told once per change.
    pub(super) fn refresh(&mut self, force: bool) -> Result<bool, TlsFault> {
        let stamps = stamps(&self.tls);
        if stamps.is_empty() || (stamps == self.stamps && !force) {
            return Ok(false);
        }
        self.stamps = stamps;
        let (config, not_after) = build(&self.tls, self.http2)?;
        self.live.current.store(Arc::new(config));
        self.live.not_after.store(not_after.unwrap_or(0), Ordering::Relaxed);
        Ok(true)
    }
}

fn stamps(tls: &Tls) -> Vec<Option<Stamp>> {
    use std::os::unix::fs::MetadataExt;
    [&tls.certificate, &tls.key]
        .into_iter()
        .chain(tls.client_ca.as_ref())
        .map(|file| {
            let metadata = fs::metadata(file).ok()?;
            Some(Stamp { modified: metadata.modified().ok(), length: metadata.len(), inode: metadata.ino() })
        })
        .collect()
}

/// A configuration and the end of its leaf certificate.
fn build(tls: &Tls, http2: bool) -> Result<(rustls::ServerConfig, Option<i64>), TlsFault> {
    static BOTH: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
    static NEWEST: [&rustls::SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
    let versions: &[_] = match tls.minimum {
        TlsVersion::V1_2 => &BOTH,
        TlsVersion::V1_3 => &NEWEST,
    };
    let provider = Arc::new(default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| fault(Path::new("tls"), error))?
        .with_client_cert_verifier(verifier(tls, &provider)?);
    let chain = chain(&tls.certificate)?;
    let not_after = chain.first().and_then(|leaf| not_after(leaf));
    let private = PrivateKeyDer::from_pem_slice(&read(&tls.key)?)
        .map_err(|error| fault(&tls.key, format!("holds no usable private key ({error}); PEM is expected")))?;
    let own = CertifiedKey::from_der(chain, private, &provider).map_err(|error| {
        fault(&tls.certificate, format!("does not go with {}: {error}; put both in place again", tls.key.display()))
    })?;
    let shown = Shown { own: Arc::new(own), mint: tls.mint.clone() };
    let mut config = builder.with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = match http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    config.ticketer = Ticketer::new().map_err(|error| fault(Path::new("tls"), error))?;
    Ok((config, not_after))
}

/// The certificate of a handshake: that of the files, or one that is minted for the name asked for.
#[derive(Debug)]
struct Shown {
    own: Arc<CertifiedKey>,
    mint: Option<Arc<dyn Mint>>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let minted = || self.mint.as_ref()?.mint(hello.server_name()?);
        Some(minted().unwrap_or_else(|| Arc::clone(&self.own)))
    }
}

fn verifier(tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
    if tls.client_certificate == ClientCertificate::Off {
        return Ok(Arc::new(NoClientAuth));
    }
    let Some(file) = &tls.client_ca else {
        return Err(fault(
            Path::new("listen.tls.client_ca"),
            "missing; name the file of the CA that issues client certificates",
        ));
    };
    let mut roots = RootCertStore::empty();
    for certificate in chain(file)? {
        roots.add(certificate).map_err(|error| fault(file, error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match tls.client_certificate {
        ClientCertificate::Required => builder,
        ClientCertificate::Off | ClientCertificate::Optional => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| fault(file, error))
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let text = read(file)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| fault(file, format!("is not PEM ({error})")))?;
    match chain.is_empty() {
        true => Err(fault(file, "holds no certificate; PEM with BEGIN CERTIFICATE is expected")),
        false => Ok(chain),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsFault> {
    let mut text = Vec::new();
    let taken = fs::File::open(file).and_then(|open| open.take(MOST + 1).read_to_end(&mut text));
    match taken {
        Err(error) => Err(fault(file, format!("cannot be read: {error}"))),
        Ok(_) if text.len() as u64 > MOST => Err(fault(file, "is larger than 1 MiB; this is no certificate file")),
        Ok(_) => Ok(text),
    }
}

fn not_after(leaf: &CertificateDer<'_>) -> Option<i64> {
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf).ok()?;
    Some(leaf.validity().not_after.timestamp())
}

fn fault(file: &Path, problem: impl ToString) -> TlsFault {
    TlsFault { file: file.to_owned(), problem: problem.to_string() }
}

/// The name of a cipher suite as access logs spell it: OpenSSL's for TLS 1.2, IANA's for TLS 1.3.
pub(super) fn suite_name(suite: rustls::CipherSuite) -> &'static str {
    use rustls::CipherSuite as Suite;
    match suite {
        Suite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        Suite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        Suite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        _ => "-",
    }
}

/// The name of a group that keys are exchanged in, as audit records spell it.
pub(super) fn group_name(group: rustls::NamedGroup) -> Option<&'static str> {
    use rustls::NamedGroup as Group;
    match group {
        Group::X25519 => Some("x25519"),
        Group::X25519MLKEM768 => Some("X25519MLKEM768"),
        Group::secp256r1 => Some("secp256r1"),
        Group::secp384r1 => Some("secp384r1"),
        _ => None,
    }
}
