//! What an operator can set about listeners, workers and limits, and how a setting fails.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::sign::CertifiedKey;

use crate::access::origin::Cidr;

/// Everything the server is told once, before it binds.
#[derive(Debug)]
pub struct Settings {
    /// Where requests come from; at least one.
    pub listeners: Vec<Listener>,
    /// Worker threads; 0 means one per core.
    pub workers: usize,
    /// How connections find a worker.
    pub accept: Accept,
    /// Requests in flight over all listeners; more are answered with 503 `SlowDown`.
    pub in_flight: usize,
    /// How long requests in flight may take after the first signal to stop.
    pub drain: Duration,
    /// How often certificate files are looked at.
    pub reload_every: Duration,
    /// Where `/health`, `/ready` and `/metrics` are served; loopback only.
    pub admin: Option<SocketAddr>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            workers: 0,
            accept: Accept::LeastLoaded,
            in_flight: 4096,
            drain: Duration::from_secs(30),
            reload_every: Duration::from_secs(5),
            admin: None,
        }
    }
}

/// How connections find a worker.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Accept {
    /// One acceptor; each connection goes to the worker with the fewest live ones.
    #[default]
    LeastLoaded,
    /// Every worker listens for itself and the kernel spreads connections blindly.
    ReusePort,
}

impl std::str::FromStr for Accept {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "least-loaded" => Ok(Self::LeastLoaded),
            "reuseport" => Ok(Self::ReusePort),
            "shared" => Err(Error::Setting {
                key: "runtime.accept",
                problem: "\"shared\" is not offered: a worker keeps its pools and buffers to itself, without locks, \
                          so a request cannot move to another worker; write \"least-loaded\""
                    .to_owned(),
            }),
            other => Err(Error::Setting {
                key: "runtime.accept",
                problem: format!("unknown value \"{other}\"; write \"least-loaded\" or \"reuseport\""),
            }),
        }
    }
}

/// One listening address.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its place in the configuration.
    pub number: usize,
    /// The name in records, logs and metrics.
    pub name: String,
    /// What to bind; port 0 takes a free one.
    pub address: SocketAddr,
    /// Base names for virtual-host addressing.
    pub hosts: Vec<String>,
    /// Where balancers are that put a head of the PROXY protocol in front of every connection; none where
    /// connections come without one.
    pub proxy_protocol: Option<Vec<Cidr>>,
    /// Whether HTTP/2 is offered; only over TLS.
    pub http2: bool,
    /// TLS; none means plain HTTP, on loopback only.
    pub tls: Option<Tls>,
    /// Lets plain HTTP listen beyond loopback.
    pub allow_plaintext: bool,
    /// What one listener may take.
    pub limits: Limits,
}

impl Listener {
    /// A plain listener with the default limits.
    pub fn new(name: impl Into<String>, address: SocketAddr) -> Self {
        Self {
            number: 0,
            name: name.into(),
            address,
            hosts: Vec::new(),
            proxy_protocol: None,
            http2: true,
            tls: None,
            allow_plaintext: false,
            limits: Limits::default(),
        }
    }
}

/// What one listener may take, in count, bytes and time.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Live connections.
    pub connections: usize,
    /// Live connections of one IPv4 address or one IPv6 /64.
    pub per_address: usize,
    /// Requests in flight.
    pub in_flight: usize,
    /// Octets of a request head, 8 KiB to 64 KiB.
    pub head: usize,
    /// From the first octet of a head (or the accept) to its last.
    pub head_timeout: Duration,
    /// From the accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// Between requests of a connection.
    pub idle: Duration,
    /// Between two pieces of a request body that the server waits for.
    pub body_idle: Duration,
    /// A client that takes no octet of an answer.
    pub write_idle: Duration,
    /// After an answer to an upload that was not read: how long the rest is thrown away, so that the
    /// client finds the answer and not a reset.
    pub linger: Duration,
    /// How many octets of such an upload are thrown away at most.
    pub linger_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            per_address: 1024,
            in_flight: 1024,
            head: 16 * 1024,
            head_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            body_idle: Duration::from_secs(30),
            write_idle: Duration::from_secs(60),
            linger: Duration::from_secs(5),
            linger_bytes: 16 * 1024 * 1024,
        }
    }
}

/// TLS of a listener.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate chain, leaf first (PEM), read again when it changes.
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
    /// For names that the certificate does not have.
    pub mint: Option<Arc<dyn Mint>>,
    /// The oldest version spoken.
    pub minimum: TlsVersion,
    /// Who may issue client certificates (PEM).
    pub client_ca: Option<PathBuf>,
    /// Whether a client must show one.
    pub client_certificate: ClientCertificate,
}

/// Makes certificates for names that the one of a listener does not have.
pub trait Mint: fmt::Debug + Send + Sync {
    /// The certificate of a name that a client asks for; none where the listener's own is to be shown.
    fn mint(&self, name: &str) -> Option<Arc<CertifiedKey>>;
}

/// The oldest TLS version a listener speaks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TlsVersion {
    /// TLS 1.2 and 1.3.
    #[default]
    V1_2,
    /// TLS 1.3 only.
    V1_3,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ClientCertificate {
    /// Not asked for.
    #[default]
    Off,
    /// Asked for; one that is shown must verify.
    Optional,
    /// No handshake without one.
    Required,
}

/// Why the server cannot start or had to stop. The text names the thing and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; {advice}", advice = advice(source))]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// TLS material cannot be used.
    #[error(transparent)]
    Tls(#[from] super::tls::TlsFault),
    /// A setting cannot be used.
    #[error("{key}: {problem}")]
    Setting {
        /// The key in the configuration file.
        key: &'static str,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// A thread, runtime or signal handler could not be made.
    #[error("cannot start the server: {0}")]
    Runtime(#[from] io::Error),
    /// A worker ended on its own.
    #[error("worker {0} ended unexpectedly; the log says why")]
    Worker(usize),
    /// A worker did not end when it was told to.
    #[error("a worker did not end after the drain; leaving it behind")]
    Stuck,
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => "another process listens there: stop it or choose another address",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address: choose one of its own",
        io::ErrorKind::PermissionDenied => {
            "choose a port above 1023 or give the process the right to bind low ports (CAP_NET_BIND_SERVICE)"
        }
        _ => "check the address",
    }
}

/// An address that is listened on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bound {
    /// The listener's name, `admin` for the admin listener.
    pub name: String,
    /// With the port the system chose.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{} listens on {scheme}://{}", self.name, self.address)
    }
}

impl Settings {
    /// Refuses what cannot work, before anything is bound.
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |key, problem: &str| Err(Error::Setting { key, problem: problem.to_owned() });
        if self.listeners.is_empty() {
            return wrong("listen", "there is no listener; add one [[listen]] table");
        }
        if self.workers > 1024 {
            return wrong("runtime.workers", "out of range; write 0 (one per core) to 1024");
        }
        if let Some(admin) = self.admin.filter(|admin| !admin.ip().is_loopback()) {
            let problem = format!("{admin} is not a loopback address; write 127.0.0.1:{}", admin.port());
            return Err(Error::Setting { key: "admin.address", problem });
        }
        for listener in &self.listeners {
            if listener.tls.is_none() && !listener.allow_plaintext && !listener.address.ip().is_loopback() {
                let problem = format!(
                    "{} would speak plain HTTP beyond loopback; add tls = {{ certificate = \"…\", key = \"…\" }}",
                    listener.address
                );
                return Err(Error::Setting { key: "listen.tls", problem });
            }
            if !(8 * 1024..=64 * 1024).contains(&listener.limits.head) {
                return wrong("listen.limits.head", "out of range; write 8KiB to 64KiB");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &Settings, expected: &str) {
        let text = settings.check().map_err(|error| error.to_string()).err().unwrap_or_default();
        assert!(text.contains(expected) && text.is_empty() == expected.is_empty(), "{text:?} against {expected:?}");
    }

    #[test]
    fn plain_http_and_the_admin_surface_stay_on_loopback() {
        let listen = |address: &str| Listener::new("main", address.parse().unwrap());
        check(&Settings::default(), "no listener");
        check(&Settings { listeners: vec![listen("127.0.0.1:0")], ..Settings::default() }, "");
        check(&Settings { listeners: vec![listen("[::1]:0")], ..Settings::default() }, "");
        check(&Settings { listeners: vec![listen("0.0.0.0:0")], ..Settings::default() }, "beyond loopback");
        let mut open = listen("0.0.0.0:0");
        open.allow_plaintext = true;
        check(&Settings { listeners: vec![open], ..Settings::default() }, "");
        let admin = Some("10.1.2.3:9464".parse().unwrap());
        check(&Settings { listeners: vec![listen("127.0.0.1:0")], admin, ..Settings::default() }, "127.0.0.1:9464");
    }

    #[test]
    fn work_stealing_is_refused_with_the_reason() {
        assert_eq!("reuseport".parse::<Accept>().unwrap(), Accept::ReusePort);
        assert!("shared".parse::<Accept>().unwrap_err().to_string().contains("without locks"));
        assert!("share".parse::<Accept>().unwrap_err().to_string().contains("least-loaded"));
    }
}
