//! A minimal client of Redis and Valkey: RESP2, one command at a time, every answer bounded in time, octets,
//! count and depth. Knows nothing of what the commands are for.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

use crate::time::{Clock, Ticks};

/// The longest line, the longest string, the most elements, the deepest list.
const MOST_LINE: u64 = 1024;
const MOST_STRING: usize = 64 << 10;
const MOST_ELEMENTS: usize = 4096;
const MOST_DEPTH: u8 = 4;
/// How many times as long as an answer a TLS handshake may take: it is several of them, and arithmetic at both
/// ends.
const HANDSHAKE: u32 = 20;

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Reply {
    Text(Vec<u8>),
    Error(String),
    Integer(i64),
    Nothing,
    List(Vec<Self>),
}

/// One connection.
pub(super) struct Client {
    stream: BufReader<Way>,
    patience: Duration,
}

/// What the octets take.
enum Way {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

impl Client {
    /// Connects; the first address that takes it within the time counts. `tls`: whom to trust, where TLS is
    /// spoken.
    ///
    /// # Errors
    /// No address, or none that takes a connection; a handshake that fails.
    pub(super) fn connect(
        to: (&str, u16),
        tls: Option<&Arc<ClientConfig>>,
        patience: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
        for address in to.to_socket_addrs()?.take(4) {
            match TcpStream::connect_timeout(&address, patience) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    let timed = Timed { stream, clock, end: Ticks(0) };
                    let way = match tls {
                        Some(config) => Way::shaken(timed, to.0, config, patience)?,
                        None => Way::Plain(timed),
                    };
                    return Ok(Self { stream: BufReader::new(way), patience });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// One command and its answer. After an error the connection is of no use.
    ///
    /// # Errors
    /// No answer in time, or none that can be read. What the server calls an error is an answer.
    pub(super) fn command(&mut self, words: &[&[u8]]) -> Result<Reply, Error> {
        let way = self.stream.get_mut();
        way.timed().within(self.patience);
        way.write_all(&spelled(words))?;
        way.flush()?;
        reply(&mut self.stream, MOST_DEPTH)
    }
}

impl Way {
    fn shaken(mut timed: Timed, host: &str, config: &Arc<ClientConfig>, patience: Duration) -> Result<Self, Error> {
        timed.within(patience.saturating_mul(HANDSHAKE));
        let name = ServerName::try_from(host.to_owned()).map_err(Error::other)?;
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(Error::other)?;
        let mut stream = StreamOwned::new(connection, timed);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self::Tls(Box::new(stream)))
    }

    fn timed(&mut self) -> &mut Timed {
        match self {
            Self::Plain(timed) => timed,
            Self::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Read for Way {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        match self {
            Self::Plain(timed) => timed.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Way {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Error> {
        match self {
            Self::Plain(timed) => timed.write(octets),
            Self::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::Plain(timed) => timed.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A connection that is read and written until a time.
struct Timed {
    stream: TcpStream,
    clock: Arc<dyn Clock>,
    end: Ticks,
}

impl Timed {
    /// Begins a time.
    fn within(&mut self, limit: Duration) {
        let most = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.end = Ticks(self.clock.ticks().0.saturating_add(most));
    }

    /// What is left of it. Less than a microsecond would count as no limit.
    fn left(&self) -> Result<Option<Duration>, Error> {
        match self.end.0.saturating_sub(self.clock.ticks().0) {
            0 => Err(ErrorKind::TimedOut.into()),
            left => Ok(Some(Duration::from_nanos(left.max(1000)))),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Error> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(octets)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.stream.flush()
    }
}

fn spelled(words: &[&[u8]]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        text.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        text.extend_from_slice(word);
        text.extend_from_slice(b"\r\n");
    }
    text
}

fn reply(from: &mut impl BufRead, depth: u8) -> Result<Reply, Error> {
    let line = line(from)?;
    let (kind, rest) = line.split_first().ok_or_else(|| wrong("an empty line"))?;
    let text = || String::from_utf8_lossy(rest).into_owned();
    Ok(match kind {
        b'+' => Reply::Text(rest.to_vec()),
        b'-' => Reply::Error(text()),
        b':' => Reply::Integer(number(rest)?),
        b'$' => match size(rest, MOST_STRING)? {
            None => Reply::Nothing,
            Some(size) => {
                let mut octets = vec![0; size];
                from.read_exact(&mut octets)?;
                let mut end = [0; 2];
                from.read_exact(&mut end)?;
                if &end != b"\r\n" {
                    return Err(wrong("a string without an end"));
                }
                Reply::Text(octets)
            }
        },
        b'*' => match size(rest, MOST_ELEMENTS)? {
            None => Reply::Nothing,
            Some(_) if depth == 0 => return Err(wrong("lists in lists")),
            Some(size) => Reply::List((0..size).map(|_| reply(from, depth - 1)).collect::<Result<_, _>>()?),
        },
        _ => return Err(wrong("an unknown kind")),
    })
}

fn line(from: &mut impl BufRead) -> Result<Vec<u8>, Error> {
    let mut line = Vec::new();
    from.take(MOST_LINE).read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(line.to_vec()),
        None if line.len() as u64 == MOST_LINE => Err(wrong("a line that is too long")),
        None => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// A length; none for nothing.
fn size(text: &[u8], most: usize) -> Result<Option<usize>, Error> {
    match number(text)? {
        -1 => Ok(None),
        size => usize::try_from(size).ok().filter(|size| *size <= most).map(Some).ok_or_else(|| wrong("a size")),
    }
}

fn number(text: &[u8]) -> Result<i64, Error> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(|| wrong("a number"))
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("this is not an answer of Redis: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut text: &[u8]) -> Result<Reply, Error> {
        reply(&mut text, MOST_DEPTH)
    }

    #[test]
    fn answers_are_read() {
        let text = |text: &str| Reply::Text(text.as_bytes().to_vec());
        for (octets, expected) in [
            ("+OK\r\n", text("OK")),
            ("-NOSCRIPT No\r\n", Reply::Error("NOSCRIPT No".to_owned())),
            (":-7\r\n", Reply::Integer(-7)),
            ("$4\r\na\r\nb\r\n", text("a\r\nb")),
            ("$-1\r\n", Reply::Nothing),
            ("*-1\r\n", Reply::Nothing),
            ("*2\r\n:1\r\n*1\r\n+a\r\n", Reply::List(vec![Reply::Integer(1), Reply::List(vec![text("a")])])),
        ] {
            assert_eq!(read(octets.as_bytes()).unwrap(), expected, "{octets}");
        }
    }

    #[test]
    fn an_answer_without_bounds_is_none() {
        let long = format!("+{}\r\n", "a".repeat(2000));
        let deep = "*1\r\n".repeat(100);
        for octets in [
            "",
            "\r\n",
            "+OK",
            "+OK\n",
            "$5\r\nabc\r\n",
            "$1\r\nabc",
            "$-2\r\n",
            "$65537\r\n",
            "$99999999999999999999\r\n",
            "*4097\r\n",
            ":x\r\n",
            "!1\r\n",
            "HTTP/1.1 400 Bad Request\r\n",
            &long,
            &deep,
        ] {
            assert!(read(octets.as_bytes()).is_err(), "{octets:?}");
        }
    }

    #[test]
    fn a_word_cannot_end_its_command() {
        assert_eq!(spelled(&[b"GET", b"a\r\n*"]), b"*2\r\n$3\r\nGET\r\n$4\r\na\r\n*\r\n");
    }
}
