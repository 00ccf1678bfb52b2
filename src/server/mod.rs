//! Listeners, TLS, connections, workers, drain: everything between a socket and a [`Service`].
//!
//! N workers, each a thread with a runtime of its own; one acceptor per listener hands every
//! connection to the worker with the fewest live ones, where it stays. A request crosses no thread,
//! takes no lock and sets no timer on its way to the service.
//!
//! Invariants:
//! - a connection over a limit is closed before it costs a handshake;
//! - a head that two readers could understand differently never reaches the service ([`screen()`]);
//! - every wait for a client ends;
//! - a client can read the whole answer to an upload that nobody read;
//! - a panic costs one request.

use std::future::Future;
use std::rc::Rc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body::Body;

use crate::id::RequestId;
use crate::s3::Fault;

mod accept;
mod admin;
mod answer;
mod connection;
mod detach;
mod door;
mod preface;
mod pulse;
mod request_body;
mod response_body;
mod run;
mod screen;
mod seats;
mod seen;
mod settings;
mod tls;
mod wire;
mod worker;

pub use admin::{Orders, Page, Pages};
pub use connection::{Connection, TlsFacts};
pub use detach::detach;
pub use request_body::{BodyError, TimedBody};
pub use run::{Control, Hooks, Server};
pub use screen::screen;
pub use seats::Counters;
pub use seen::Seen;
pub use settings::{Accept, Bound, ClientCertificate, Error, Limits, Listener, Mint, Settings, Tls, TlsVersion};
pub use tls::TlsFault;

/// What serves requests on one worker; made once per worker, on its thread, and never leaves it.
pub trait Service: 'static {
    /// The body of an answer.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin + 'static;

    /// Serves one request, whose head is large and so is handed on by pointer. Dropped when the client
    /// hangs up: put what must be finished into [`detach()`]. Whatever the service does with the body, an
    /// answer given before its end closes the connection.
    fn call(
        &self,
        head: Box<Parts>,
        body: TimedBody,
        connection: Rc<Connection>,
    ) -> impl Future<Output = Response<Self::Body>>;

    /// Told of a request that was refused before it could become one, for the record.
    fn refused(&self, _head: &Parts, _fault: &Fault, _id: RequestId, _connection: &Connection) {}

    /// Told of a head that could not be read and was answered with a document of so many octets, for the record:
    /// nobody knows what was asked.
    fn unread(&self, _fault: &Fault, _id: RequestId, _sent: u64, _connection: &Connection) {}
}

/// Binds, announces each address, serves until told to stop, drains.
///
/// # Errors
/// See [`Server::bind`] and [`Server::run`].
pub fn run<S, F>(
    settings: Settings,
    factory: F,
    hooks: Hooks<'_>,
    mut announce: impl FnMut(&Bound),
) -> Result<(), Error>
where
    S: Service,
    F: Fn(usize) -> S + Clone + Send + 'static,
{
    let server = Server::bind(settings)?;
    server.bound().iter().for_each(&mut announce);
    server.run(factory, hooks)
}
