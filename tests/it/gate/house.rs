//! A proxy on TLS that mints, with what a client needs to believe it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bartizan::control::certs;
use bartizan::time::{Clock as _, SystemClock};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Ask, Gate, Reply};

pub(super) struct House {
    pub(super) gate: Gate,
    pub(super) config: Arc<ClientConfig>,
    /// What comes before TLS on every connection.
    pub(super) preface: Vec<u8>,
    _certificates: tempfile::TempDir,
}

impl House {
    /// With an endpoint of a VPC in front, or anywhere.
    pub(super) fn new(listen: &str) -> Self {
        Self::launch(listen, "[upstream]\nkind = \"embedded\"", &[]).unwrap_or_else(|told| panic!("{told}"))
    }

    /// Before these stores, with more files; what it said if it does not start.
    pub(super) fn launch(listen: &str, upstreams: &str, more: &[(&str, &str)]) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        certs::ensure(folder.path(), SystemClock.now()).unwrap();
        let files = certs::Files::within(folder.path());
        let tls = format!(
            "tls = {{ certificate = {:?}, key = {:?}, mint = {{ ca = {:?}, key = {:?} }} }}\n{listen}",
            files.certificate, files.key, files.authority, files.authority_key
        );
        let gate = Gate::launch(&tls, upstreams, more)?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::clone(&certs::chain(&files.authority).unwrap()[0])).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { gate, config: Arc::new(config), preface: Vec::new(), _certificates: folder })
    }

    /// Sends a request to the host that it names, whose certificate must be good.
    pub(super) fn send(&self, ask: &Ask) -> Reply {
        self.send_raw(ask.host, &ask.wire())
    }

    /// Ends the process the polite way and returns the journal and what it said.
    pub(super) fn finish(self) -> (Vec<serde_json::Value>, String) {
        self.gate.finish()
    }

    pub(super) fn connect(&self, host: &str) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let client = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        let mut stream = TcpStream::connect(&self.gate.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(&self.preface).unwrap();
        StreamOwned::new(client, stream)
    }

    pub(super) fn send_raw(&self, host: &str, octets: &[u8]) -> Reply {
        let mut stream = self.connect(host);
        stream.write_all(octets).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Reply::parse(&answer)
    }
}
