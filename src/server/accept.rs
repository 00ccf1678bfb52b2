//! Listening sockets and the loop that takes connections off them.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::seats::{Counters, Gate, Seat, count};
use super::settings::Error;

/// Connections that wait in the kernel.
const BACKLOG: i32 = 1024;

/// A socket that listens. `shared`: several sockets may listen on the same address.
pub(super) fn bind(address: SocketAddr, shared: bool) -> Result<TcpListener, Error> {
    let open = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if shared {
            socket.set_reuse_port(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    open().map_err(|source| Error::Bind { address, source })
}

/// Takes connections for ever and hands those that find a seat to `place`. A connection too many is
/// closed here, before it costs a handshake.
pub(super) async fn accept(
    gate: &Arc<Gate>,
    socket: TcpListener,
    counters: &Counters,
    mut place: impl FnMut(&Arc<Gate>, TcpStream, SocketAddr, Seat),
) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(listener = gate.listener.name, %error, "cannot accept"),
    };
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => match gate.seat(peer.ip()).zip(stream.into_std().ok()) {
                Some((seat, stream)) => {
                    count(&counters.accepted);
                    place(gate, stream, peer, seat);
                }
                None => count(&counters.turned_away),
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of descriptors or memory: others must end before anything can begin.
                tracing::error!(listener = gate.listener.name, %error, "cannot accept for the moment");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Errors of accept that speak of the connection and not of the socket.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted)
}
