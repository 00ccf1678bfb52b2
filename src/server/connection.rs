//! What a service may know about the connection a request came by.

use std::any::Any;
use std::cell::OnceCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use rustls::ProtocolVersion;

use super::settings::Listener;
use super::tls::{group_name, suite_name};

/// One connection: the same for every request on it.
pub struct Connection {
    /// The listener it came to.
    pub listener: Arc<Listener>,
    /// The other end, or the client that a balancer in front has named; an IPv4 address is never shown in
    /// its IPv6 form.
    pub peer: SocketAddr,
    /// The VPC endpoint that the balancer has named.
    pub vpc_endpoint: Option<String>,
    /// Our end.
    pub local: SocketAddr,
    /// TLS, or none for plain HTTP.
    pub tls: Option<TlsFacts>,
    /// The worker that serves it.
    pub worker: usize,
    slot: OnceCell<Rc<dyn Any>>,
}

/// What the handshake agreed on.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// As access logs spell it: `TLSv1.2`, `TLSv1.3`.
    pub version: &'static str,
    /// As access logs spell it.
    pub cipher_suite: &'static str,
    /// As audit records spell it: `X25519MLKEM768`, `x25519`, `secp256r1`; none where a session was resumed
    /// without an exchange of keys.
    pub key_exchange: Option<&'static str>,
    /// The name the client asked for. Plays no part in addressing.
    pub server_name: Option<String>,
    /// The verified client certificate, DER.
    pub client_certificate: Option<Arc<[u8]>>,
}

impl Connection {
    pub(super) fn new(
        listener: Arc<Listener>,
        (peer, local): (SocketAddr, SocketAddr),
        vpc_endpoint: Option<String>,
        tls: Option<TlsFacts>,
        worker: usize,
    ) -> Self {
        Self { listener, peer, local, vpc_endpoint, tls, worker, slot: OnceCell::new() }
    }

    /// What a service wants to keep for the life of the connection: made at the first call. One type
    /// per connection; asking for another makes one that is not kept.
    pub fn keep<T: 'static>(&self, make: impl Fn(&Self) -> T) -> Rc<T> {
        let kept = self.slot.get_or_init(|| Rc::new(make(self)));
        Rc::clone(kept).downcast().unwrap_or_else(|_| Rc::new(make(self)))
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("listener", &self.listener.name)
            .field("peer", &self.peer)
            .field("local", &self.local)
            .field("tls", &self.tls.as_ref().map(|tls| tls.version))
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

impl TlsFacts {
    pub(super) fn of(session: &rustls::ServerConnection) -> Self {
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        Self {
            version: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                _ => "-",
            },
            cipher_suite: session.negotiated_cipher_suite().map_or("-", |suite| suite_name(suite.suite())),
            key_exchange: session.negotiated_key_exchange_group().and_then(|group| group_name(group.name())),
            server_name: session.server_name().map(str::to_owned),
            client_certificate: certificate.map(|certificate| Arc::from(certificate.as_ref())),
        }
    }
}
