//! What a load balancer says of a connection before its first octet (PROXY protocol, version 2).

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::access::proxy_protocol::{self, LONGEST, Preface, Reading};

/// Why a connection is closed without a word.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    /// Whoever may write the head may choose the client's address.
    #[error("{0} is not among the listener's trusted_proxies")]
    Stranger(IpAddr),
    /// It is no head, or none that is known.
    #[error("the head of the PROXY protocol is refused: {0}")]
    Refused(&'static str),
    /// The connection broke off.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Reads the head, and not an octet more: what follows is the client's.
///
/// # Errors
/// A head that is refused, or does not come.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Preface, Closed> {
    let mut octets = Vec::with_capacity(256);
    loop {
        match proxy_protocol::read(&octets).map_err(|refused| Closed::Refused(refused.reason()))? {
            Reading::Done(preface, _) => return Ok(preface),
            Reading::More(more) => {
                let begun = octets.len();
                if begun + more > LONGEST {
                    return Err(Closed::Refused("proxy-length"));
                }
                octets.resize(begun + more, 0);
                stream.read_exact(octets.get_mut(begun..).unwrap_or_default()).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\x01\x12\x34\x01\xbb";

    #[tokio::test]
    async fn not_an_octet_of_the_client_is_taken() {
        let sent = [HEAD, b"GET / HTTP/1.1"].concat();
        let mut stream = sent.as_slice();
        let preface = read(&mut stream).await.unwrap();
        assert_eq!(preface.source, Some("192.0.2.7".parse().unwrap()));
        assert_eq!(stream, b"GET / HTTP/1.1");
    }

    #[tokio::test]
    async fn a_client_without_a_balancer_is_closed() {
        assert!(matches!(read(&mut &b"GET / HTTP/1.1\r\n\r\n"[..]).await, Err(Closed::Refused("proxy-signature"))));
        assert!(matches!(read(&mut &HEAD[..20]).await, Err(Closed::Io(_))));
    }
}
