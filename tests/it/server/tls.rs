//! TLS: versions, client certificates, certificates that change while connections live, HTTP/2.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bartizan::server::{ClientCertificate, Control, Listener, Server, Settings, Tls, TlsVersion};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Running, one, one_answer, plain, start, to_end};

/// A CA and a folder with what a listener needs.
pub(crate) struct Certificates {
    ca: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

impl Certificates {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let this = Self { ca, folder: tempfile::tempdir().unwrap() };
        std::fs::write(this.file("ca.pem"), this.ca.pem()).unwrap();
        this.renew(&["localhost"]);
        this
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn leaf(&self, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new(names).unwrap().signed_by(&key, &self.ca).unwrap(), key)
    }

    /// Puts another server certificate in place, as a person would: key and chain one by one.
    fn renew(&self, names: &[&str]) {
        let (leaf, key) = self.leaf(names);
        std::fs::write(self.file("server.key"), key.serialize_pem()).unwrap();
        std::fs::write(self.file("server.pem"), leaf.pem()).unwrap();
    }

    pub(crate) fn listener(&self) -> Listener {
        let tls = Tls {
            certificate: self.file("server.pem"),
            key: self.file("server.key"),
            mint: None,
            minimum: TlsVersion::V1_2,
            client_ca: Some(self.file("ca.pem")),
            client_certificate: ClientCertificate::Off,
        };
        Listener { tls: Some(tls), ..plain() }
    }

    fn config(&self, version: &'static rustls::SupportedProtocolVersion, shown: bool) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        if !shown {
            return builder.with_no_client_auth();
        }
        let (leaf, key) = self.leaf(&["client"]);
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        builder.with_client_auth_cert(vec![leaf.der().clone()], key).unwrap()
    }

    pub(crate) fn connect(&self, server: &Running, protocols: &[&[u8]]) -> Stream {
        let mut config = self.config(&rustls::version::TLS13, false);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        open(server, config, "localhost")
    }
}

fn open(server: &Running, config: ClientConfig, name: &'static str) -> Stream {
    let session = ClientConnection::new(Arc::new(config), name.try_into().unwrap()).unwrap();
    StreamOwned::new(session, server.connect())
}

const FACTS: &[u8] = b"GET /facts HTTP/1.1\r\nHost: a\r\n\r\n";

fn facts(stream: &mut Stream) -> std::io::Result<String> {
    stream.write_all(FACTS)?;
    let mut first = [0; 1];
    // An alert comes with the first read.
    stream.read_exact(&mut first)?;
    let answer = one_answer(stream);
    Ok(answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned())
}

#[test]
fn the_service_learns_what_the_handshake_agreed_on() {
    let certificates = Certificates::new();
    let server = start(one(certificates.listener()));
    let newest = facts(&mut certificates.connect(&server, &[])).unwrap();
    assert!(newest.starts_with("main 127.0.0.1 TLSv1.3 TLS_"), "{newest}");
    assert!(newest.ends_with("Some(\"localhost\") 0"), "{newest}");
    let config = certificates.config(&rustls::version::TLS12, false);
    let older = facts(&mut open(&server, config, "localhost")).unwrap();
    assert!(older.starts_with("main 127.0.0.1 TLSv1.2 ECDHE-ECDSA-AES"), "{older}");
}

#[test]
fn an_old_version_is_refused_where_the_minimum_is_newer() {
    let certificates = Certificates::new();
    let mut listener = certificates.listener();
    listener.tls.as_mut().unwrap().minimum = TlsVersion::V1_3;
    let server = start(one(listener));
    let config = certificates.config(&rustls::version::TLS12, false);
    assert!(facts(&mut open(&server, config, "localhost")).is_err());
    assert!(facts(&mut certificates.connect(&server, &[])).is_ok());
}

#[test]
fn client_certificates_are_asked_for_verified_and_shown_to_the_service() {
    let (certificates, strangers) = (Certificates::new(), Certificates::new());
    let mut listener = certificates.listener();
    listener.tls.as_mut().unwrap().client_certificate = ClientCertificate::Required;
    let required = start(one(listener.clone()));
    listener.tls.as_mut().unwrap().client_certificate = ClientCertificate::Optional;
    let optional = start(one(listener));
    let with = || certificates.config(&rustls::version::TLS13, true);
    let without = || certificates.config(&rustls::version::TLS13, false);
    let shown = facts(&mut open(&required, with(), "localhost")).unwrap();
    assert!(!shown.ends_with(" 0"), "{shown}");
    assert!(facts(&mut open(&required, without(), "localhost")).is_err());
    assert!(facts(&mut open(&optional, without(), "localhost")).unwrap().ends_with(" 0"));
    let (leaf, key) = strangers.leaf(&["client"]);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificates.ca.der().clone()).unwrap();
    let stranger = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![leaf.der().clone()], key)
        .unwrap();
    assert!(facts(&mut open(&optional, stranger, "localhost")).is_err());
}

#[test]
fn a_new_certificate_is_taken_without_dropping_a_connection() {
    let certificates = Certificates::new();
    let server = start(Settings { reload_every: Duration::from_millis(20), ..one(certificates.listener()) });
    let mut old = certificates.connect(&server, &[]);
    facts(&mut old).unwrap();
    let serves = |name: &'static str| {
        let config = certificates.config(&rustls::version::TLS13, false);
        facts(&mut open(&server, config, name)).is_ok()
    };
    assert!(serves("localhost") && !serves("renewed.example"));
    certificates.renew(&["renewed.example"]);
    super::eventually(|| serves("renewed.example"));
    facts(&mut old).unwrap();

    // A broken file changes nothing, and putting it right is noticed.
    std::fs::write(certificates.file("server.pem"), "no certificate").unwrap();
    server.control.reload();
    super::eventually(|| server.shared.reloaded.load(std::sync::atomic::Ordering::SeqCst) == 1);
    assert!(serves("renewed.example"));
    facts(&mut old).unwrap();
    certificates.renew(&["again.example"]);
    super::eventually(|| serves("again.example"));
    facts(&mut old).unwrap();
}

#[test]
fn unusable_files_are_named_with_what_to_do() {
    let certificates = Certificates::new();
    let complaint = |listener: &Listener| Server::bind(one(listener.clone())).unwrap_err().to_string();
    let listener = certificates.listener();
    std::fs::write(certificates.file("server.pem"), "").unwrap();
    assert!(complaint(&listener).contains("server.pem: holds no certificate"));
    std::fs::remove_file(certificates.file("server.pem")).unwrap();
    assert!(complaint(&listener).contains("server.pem: cannot be read"));
    certificates.renew(&["localhost"]);
    std::fs::write(certificates.file("server.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(complaint(&listener).contains("server.key"));
    std::fs::write(certificates.file("server.key"), "").unwrap();
    assert!(complaint(&listener).contains("server.key: holds no usable private key"));
}

#[test]
fn a_client_that_never_shakes_hands_is_cut_off() {
    let certificates = Certificates::new();
    let mut listener = certificates.listener();
    listener.limits.handshake_timeout = Duration::from_millis(100);
    let server = start(one(listener));
    assert_eq!(to_end(&mut server.connect()), "");
    super::eventually(|| failed(&server.control) == 1);
    // Plain HTTP to a TLS port ends too.
    let _ = server.connect().write_all(b"GET / HTTP/1.1\r\n\r\n");
    super::eventually(|| failed(&server.control) == 2);
}

fn failed(control: &Control) -> u64 {
    control.counters().handshakes_failed.load(std::sync::atomic::Ordering::SeqCst)
}

#[test]
fn http2_is_spoken_where_both_ends_want_it() {
    let certificates = Certificates::new();
    let server = start(one(certificates.listener()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (status, name, text) = runtime.block_on(over_http2(&certificates, &server));
    assert_eq!((status, name.as_str(), text.as_str()), (200, "Bartizan", "hello /k"));
}

async fn over_http2(certificates: &Certificates, server: &Running) -> (u16, String, String) {
    use http_body_util::BodyExt;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let mut config = certificates.config(&rustls::version::TLS13, false);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let ask = |host: Option<&str>| {
        let request = http::Request::builder().uri("https://localhost/k");
        let request = host.into_iter().fold(request, |request, host| request.header("host", host));
        request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap()
    };
    let refused = sender.send_request(ask(Some("elsewhere"))).await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.headers().contains_key("x-amz-request-id"));
    let mut long = ask(None);
    long.headers_mut().insert("x-long", "a".repeat(17_000).parse().unwrap());
    let refused = sender.send_request(long).await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["server"]), (400, &"Bartizan".parse().unwrap()));
    let document = refused.into_body().collect().await.unwrap().to_bytes();
    assert!(document.windows(30).any(|part| part == b"<Code>RequestHeaderSectionTooL"), "{document:?}");
    let answer = sender.send_request(ask(None)).await.unwrap();
    let (status, name) = (answer.status().as_u16(), answer.headers()["server"].to_str().unwrap().to_owned());
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    (status, name, String::from_utf8(text.to_vec()).unwrap())
}
